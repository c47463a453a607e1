"""What a person does at the screen, and what the screen does when nobody does anything.

An action counts only where the screen lists it (`screen_of`), so that what may be pressed stands in one place.
"""

from collections.abc import Callable

from firmware import access, attempts, batch, claims, custody, opening, remote, session
from firmware.events import Answer, CodeTyped, Pressed, WaybillScanned
from firmware.model import Action, EntryKind, Outcome, Problem, ScreenName, SessionState
from firmware.notices import Notice
from firmware.rows import Grant, Session
from firmware.screen import screen_of
from firmware.turn import Turn


def press(turn: Turn, event: Pressed) -> None:
    """Perform an action that the screen lists; anything else is answered `not_now` and changes nothing."""
    listed = event.action in screen_of(turn.state, turn.cabinet).actions
    complete = event.action is not Action.REPORT or event.problem is not None
    if not (listed and complete):
        turn.do(Answer(Outcome.NOT_NOW if complete else Outcome.MALFORMED))
        return
    turn.do(Answer(Outcome.DONE))
    at = turn.state.session
    if at is None:
        _start(turn, event.action)
    elif event.action is Action.REPORT and event.problem is not None:
        _report(turn, at, event.problem)
    else:
        _PRESSED[event.action](turn, at)


def type_code(turn: Turn, event: CodeTyped) -> None:
    """Judge a typed code. A wrong one costs a wait; a known one opens its cell or says why not."""
    at, shown = turn.state.session, screen_of(turn.state, turn.cabinet)
    asked_for = shown.name is ScreenName.KEYPAD and shown.with_phone is event.with_phone
    if at is None or not asked_for:
        turn.do(Answer(Outcome.NOT_NOW))
        return
    if event.digest is None:
        turn.do(Answer(Outcome.MALFORMED))
        return
    turn.do(Answer(Outcome.DONE))
    at.notice = None
    grant = access.find_grant(turn.state, event.digest, event.with_phone)
    if grant is None:
        attempts.count_wrong(turn)
        session.fire(turn, at, session.T.WRONG_CODE)
    else:
        prove(turn, at, grant)


def prove(turn: Turn, at: Session, grant: Grant) -> Notice | None:
    """Whoever stands at the keypad has proved this right: it opens its cell now, or this is said of it."""
    verdict = access.judge(turn.state, grant, turn.now, turn.times.reopen_max)
    at.grant, at.purpose, at.notice = grant.id, grant.purpose, None
    if isinstance(verdict, access.Admit):
        at.parcel, at.cell = verdict.parcel.waybill, verdict.parcel.cell
        if access.somebody_elses_door(turn.state, verdict.parcel.cell):
            session.fire(turn, at, session.T.FIND_BUSY)
        else:
            opening.begin(turn, at)
        return None
    at.parcel, at.cell = grant.parcels[0], turn.parcel(grant.parcels[0]).cell
    turn.note(EntryKind.NOTICE, parcel=at.parcel, grant=grant.id, why=verdict)
    notify(turn, at, verdict)
    return verdict


def notify(turn: Turn, at: Session, notice: Notice) -> None:
    """Say why a known code, or a token, opens nothing now."""
    at.notice = notice
    session.fire(turn, at, session.T.KNOWN_CODE)


def scan(turn: Turn, event: WaybillScanned) -> None:
    """A parcel's barcode. Between two parcels of a courier it says which is next; before the code it asks for that."""
    at, shown = turn.state.session, screen_of(turn.state, turn.cabinet)
    if at is not None and shown.name is ScreenName.NEXT_PARCEL:
        turn.do(Answer(_scan_next(turn, at, event.waybill)))
    elif shown.name in (ScreenName.IDLE, ScreenName.KEYPAD, ScreenName.SCAN):
        turn.do(Answer(Outcome.DONE))
        if at is None:
            at = turn.open_session()
            session.linger(turn, at)
        elif at.state is SessionState.SCANNING:
            _return(turn, at)
        at.notice = Notice.CODE_FIRST
    else:
        turn.do(Answer(Outcome.NOT_NOW))


def joined(turn: Turn) -> None:
    """A kiosk has connected, with a fresh page: whoever had proved nothing starts again."""
    at = turn.state.session
    if at is not None and at.state in session.UNPROVED | session.OVER:
        end(turn, at)


def due(turn: Turn, at: Session) -> None:
    """The session's deadline: the next screen, or the end."""
    if at.state in (SessionState.WRONG, SessionState.SCANNING):
        _return(turn, at)
    elif at.state is SessionState.OPEN:
        session.fire(turn, at, session.T.REMIND)
    else:
        end(turn, at)


def blinded(turn: Turn) -> None:
    """The camera sees no more: whoever would hold a code before it is shown the keypad, which says so."""
    at = turn.state.session
    if at is not None and at.state is SessionState.SCANNING:
        _return(turn, at)


def end(turn: Turn, at: Session) -> None:
    """The person has gone, or is done. An open door is left overdue; a pickup that nobody vouched for falls back."""
    turn.state.drop(at)
    if at.state is SessionState.AWAITS_TOUCH:
        remote.untouched(turn, at)
    for cell in (at.cell, at.other):
        if cell is not None and at.state in session.AT_THE_DOOR | {SessionState.WRONG_CELL}:
            opening.leave(turn, turn.door(cell))
    custody.let_fall(turn, at)
    claims.go_on(turn, at)


def _start(turn: Turn, action: Action) -> None:
    """The first touch: of the keypad, or of the camera."""
    at = turn.open_session()
    if action is Action.SCAN:
        session.fire(turn, at, session.T.SCAN)
    else:
        session.linger(turn, at)


def _open(turn: Turn, at: Session) -> None:
    """Somebody stands here: open what the app has asked for. Where that may not be any more, the phone says why."""
    if not remote.touched(turn, at):
        end(turn, at)


def _again(turn: Turn, at: Session) -> None:
    """Back to the keypad, or one more try for the cell that stayed shut, under the same right, judged anew."""
    if at.state is not SessionState.UNOPENED:
        _return(turn, at)
        return
    grant, parcel = turn.state.find(Grant, at.grant), turn.parcel(at.parcel or "")
    verdict = grant and access.judge_parcel(turn.state, grant, parcel, turn.now, turn.times.reopen_max)
    if isinstance(verdict, access.Admit):
        opening.begin(turn, at)
    else:
        end(turn, at)


def _back(turn: Turn, at: Session) -> None:
    if at.state is SessionState.CLAIMED:
        claims.end(turn, at, "screen")
    if at.state is SessionState.SCANNING:
        _return(turn, at)
    elif at.state is SessionState.UNOPENED and batch.goes_on(turn, at):
        batch.turn_away(turn, at)
    elif at.state is SessionState.PROBLEM:
        session.fire(turn, at, session.T.RETURN)
        custody.begin_window(turn, turn.parcel(at.parcel or ""))
    else:
        end(turn, at)


def _scan_next(turn: Turn, at: Session, waybill: str) -> Outcome:
    """Open its cell, or say on the same screen why not; that gives no more time, or a scanner gone mad would keep it."""
    verdict = batch.verdict(turn, at, waybill)
    if not isinstance(verdict, access.Admit):
        at.notice = verdict
        return Outcome.DONE
    if access.somebody_elses_door(turn.state, verdict.parcel.cell):
        return Outcome.BUSY
    at.parcel, at.cell, at.notice, at.extended = waybill, verdict.parcel.cell, None, 0
    opening.begin(turn, at)
    return Outcome.DONE


def _return(turn: Turn, at: Session) -> None:
    at.grant = at.purpose = at.parcel = at.cell = at.notice = None
    session.fire(turn, at, session.T.RETURN)


def _confirm(turn: Turn, at: Session) -> None:
    custody.collect(turn, turn.parcel(at.parcel or ""), "confirmed")
    session.fire(turn, at, session.T.FINISH)


def _complain(turn: Turn, at: Session) -> None:
    """Something is wrong: from here on silence confirms nothing, and leaves the parcel where it was."""
    turn.parcel(at.parcel or "").arm(None)
    session.fire(turn, at, session.T.COMPLAIN)


def _report(turn: Turn, at: Session, problem: Problem) -> None:
    custody.complain(turn, turn.parcel(at.parcel or ""), problem)
    session.fire(turn, at, session.T.REPORT)


def _more_time(turn: Turn, at: Session) -> None:
    at.extended += 1
    session.linger(turn, at)


_PRESSED: dict[Action, Callable[[Turn, Session], None]] = {
    Action.OPEN: _open,
    Action.SCAN: lambda turn, at: session.fire(turn, at, session.T.SCAN),
    Action.BACK: _back,
    Action.AGAIN: _again,
    Action.CONFIRM: _confirm,
    Action.REOPEN: opening.begin,
    Action.PROBLEM: _complain,
    Action.MORE_TIME: _more_time,
}
