"""The locker claimed from the app: whoever has scanned the screen's code has the locker for a while, and opens from the phone.

Rules:
- A claim names the grants of one buyer. While it lasts, commands to open under these are carried out, one parcel after the
  other, and nobody else's. Who has read the code stands here: no touch is asked for, and the cap on remote opens does not count.
- It lasts for `claim_s`, anew after each parcel while there is another one to open; with none it is over with the screen.
- «Отмена» at the screen or in the app frees the locker. A door that was left open ends it too, and so does a start.
- Begin and end are journalled, with the claim's command and why: so the app knows, however it ended.
"""

from firmware import access, answers, session
from firmware.deeds import Leave
from firmware.model import EntryKind, Outcome, ParcelState, Purpose, SessionState
from firmware.rows import Command, Grant, Session
from firmware.turn import Turn

LEFT_OPEN = session.AT_THE_DOOR | {SessionState.WRONG_CELL}


def begin(turn: Turn, command: Command) -> None:
    """The locker is this claim's: its buyer is asked to go on in the app."""
    turn.note(EntryKind.CLAIMED, grant=command.grant, command=command.id)
    _await(turn, command.id)


def end(turn: Turn, at: Session, why: str) -> None:
    """The claim is over; an opening that is under way goes on to its end."""
    turn.note(EntryKind.UNCLAIMED, command=at.claim, why=why)
    at.claim = None


def go_on(turn: Turn, at: Session) -> None:
    """A session is over. Under a claim its buyer may open another parcel, where there is one and they still stand here."""
    if at.claim is None:
        return
    if (why := _over(turn, at)) is not None:
        end(turn, at, why)
    else:
        _await(turn, at.claim)


def leave(turn: Turn, deed: Leave) -> Outcome:
    """«Отмена» in the app: at once where nothing is open, else with the parcel in hand."""
    at, waiting = turn.state.session, turn.state.find(Command, deed.claim)
    if waiting is not None and waiting.covers and waiting.due_ms is not None:
        answers.later(turn, waiting, Outcome.BUSY)
        return Outcome.DONE
    if at is None or at.claim != deed.claim:
        return Outcome.NOT_NOW
    end(turn, at, "app")
    if at.state is SessionState.CLAIMED:
        turn.state.drop(at)
    return Outcome.DONE


def covers(turn: Turn, at: Session | None, grant: str) -> bool:
    """Whether this session is under a claim that names this grant."""
    return at is not None and at.claim is not None and grant in _covered(turn, at.claim)


def opens_something(turn: Turn, grants: tuple[str, ...], *, anew: bool = False) -> bool:
    """Whether one of these is a right to fetch a parcel that may be had now; `anew`: one that was not opened yet."""
    for grant in filter(None, (turn.state.find(Grant, name) for name in grants)):
        for parcel in (turn.parcel(waybill) for waybill in grant.parcels):
            verdict = access.judge_parcel(turn.state, grant, parcel, turn.now, turn.times.reopen_max)
            opened = anew and parcel.state is ParcelState.OPENED
            if grant.purpose is Purpose.PICKUP and isinstance(verdict, access.Admit) and not opened:
                return True
    return False


def _await(turn: Turn, claim: str) -> None:
    at = turn.open_session(Purpose.PICKUP)
    at.claim = claim
    session.fire(turn, at, session.T.CLAIM)


def _over(turn: Turn, at: Session) -> str | None:
    if turn.state.locker.storage_low:
        return "storage"
    if at.state is SessionState.CLAIMED:
        return "timeout"
    if at.state in LEFT_OPEN:
        return "left"
    return None if opens_something(turn, _covered(turn, at.claim), anew=True) else "done"


def _covered(turn: Turn, claim: str | None) -> tuple[str, ...]:
    command = turn.state.find(Command, claim)
    return command.covers if command is not None else ()
