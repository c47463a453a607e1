"""«Подтвердить получение» and «Проблема с посылкой» in the app: what the closing screen's buttons do, from elsewhere.

Rules:
- They count where those buttons would: the door has closed behind an opening under the same right, and the confirmation window
  runs or its question is on the screen. While the door is open or about to open, or its person is in the midst of a screen
  about it, they are answered `not_now`.
- The screen that is about this parcel goes on as if its own button had been pressed.
"""

from firmware import custody, session
from firmware.deeds import Confirm, Report
from firmware.model import Outcome, ParcelState, Purpose, SessionState, UseState
from firmware.rows import Grant, Parcel, Session, Use
from firmware.turn import Turn

ASKING = (SessionState.CLOSING, SessionState.ASKED)


def confirm(turn: Turn, deed: Confirm) -> Outcome:
    """The buyer has it."""
    refusal = _refuse(turn, deed, ASKING)
    if refusal is not None:
        return refusal
    custody.collect(turn, turn.parcel(deed.parcel), "confirmed")
    at = _session(turn, deed.parcel)
    if at is not None:
        session.fire(turn, at, session.T.FINISH)
    return Outcome.DONE


def report(turn: Turn, deed: Report) -> Outcome:
    """The buyer says what is wrong."""
    refusal = _refuse(turn, deed, (*ASKING, SessionState.PROBLEM))
    if refusal is not None:
        return refusal
    custody.complain(turn, turn.parcel(deed.parcel), deed.problem)
    at = _session(turn, deed.parcel)
    if at is not None and at.state in ASKING:
        session.fire(turn, at, session.T.COMPLAIN)
    if at is not None:
        session.fire(turn, at, session.T.REPORT)
    return Outcome.DONE


def _refuse(turn: Turn, deed: Confirm | Report, screens: tuple[SessionState, ...]) -> Outcome | None:
    grant = turn.state.find(Grant, deed.grant)
    if grant is None or grant.purpose is not Purpose.PICKUP or deed.parcel not in grant.parcels:
        return Outcome.NO_SUCH_PARCEL
    row, use = turn.parcel(deed.parcel), turn.state.find(Use, deed.grant, deed.parcel)
    if row.state is ParcelState.CLAIMED:
        return Outcome.NOT_NOW
    if row.state is not ParcelState.OPENED or use is None or use.state is not UseState.CLAIMED:
        return Outcome.NOT_ALLOWED
    at = _session(turn, deed.parcel)
    if at is not None:
        return None if at.state in screens else Outcome.NOT_NOW
    return None if _is_over(turn, row) else Outcome.NOT_NOW


def _is_over(turn: Turn, row: Parcel) -> bool:
    """Whether the opening has ended: the window runs, and no door of its is about to open."""
    intent = turn.intent_of(turn.door(row.cell))
    return row.due_ms is not None and (intent is None or intent.settled)


def _session(turn: Turn, waybill: str) -> Session | None:
    """The session at the screen that is about this parcel, its right proved."""
    at = turn.state.session
    mine = at is not None and at.parcel == waybill and at.state not in session.UNPROVED | session.OVER
    return at if mine else None
