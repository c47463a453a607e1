"""What the kiosk shows: a function of state, so that after any restart or reload the screen is right by itself."""

from collections.abc import Callable

from firmware import attempts, door, session
from firmware.model import Action, DoorState, Outage, ParcelState, Purpose, Screen, ScreenName, SessionState
from firmware.notices import Notice
from firmware.optics import CameraState
from firmware.rows import Door, Parcel, Session, State
from firmware.turn import Cabinet

A = Action
ALIVE = frozenset(DoorState) - {DoorState.UNKNOWN, DoorState.OFFLINE}


def screen_of(state: State, cabinet: Cabinet) -> Screen:
    """The screen now."""
    at = state.session
    if at is not None:
        return _SCREENS[at.state](state, cabinet, at)
    doors = list(state.all(Door))
    if not any(row.state in ALIVE for row in doors):
        return Screen(ScreenName.OUT_OF_SERVICE)
    standing = tuple(sorted(row.cell for row in doors if row.state in door.STANDS_OPEN))
    if state.locker.storage_low:
        return Screen(ScreenName.OUT_OF_SERVICE, reason=Outage.STORAGE, open_cells=standing)
    return Screen(
        ScreenName.IDLE, open_cells=standing, camera=sees(state), actions=(A.START, *_may_scan(state))
    )


def sees(state: State) -> bool:
    """Whether a code can be held before the camera."""
    return state.locker.scanner is CameraState.OK


def _may_scan(state: State) -> tuple[Action, ...]:
    return (A.SCAN,) if sees(state) else ()


def _blind(state: State, cabinet: Cabinet) -> CameraState | None:
    """How a camera is that does not see; None where it does, and where none was ever meant to be."""
    return state.locker.scanner if cabinet.config.scanner.device and not sees(state) else None


def _simple(name: ScreenName, *actions: Action) -> Callable[[State, Cabinet, Session], Screen]:
    def build(state: State, cabinet: Cabinet, at: Session) -> Screen:
        return Screen(
            name,
            cell=at.cell,
            purpose=at.purpose,
            due_ms=at.due_ms,
            actions=(*actions, *_more_time(cabinet, at)),
        )

    return build


def _more_time(cabinet: Cabinet, at: Session) -> tuple[Action, ...]:
    more = at.state in session.PATIENT and at.extended < cabinet.config.times.more_time_max
    return (A.MORE_TIME,) if more else ()


def _keypad(state: State, cabinet: Cabinet, at: Session) -> Screen:
    locker = state.locker
    if locker.wait_ms is not None:
        return Screen(
            ScreenName.WAIT,
            wrong=locker.wrong_codes,
            camera=sees(state),
            due_ms=locker.wait_ms,
            actions=(A.BACK, *_may_scan(state)),
        )
    return Screen(
        ScreenName.KEYPAD,
        notice=at.notice,
        wrong=locker.wrong_codes,
        camera=sees(state),
        blind=_blind(state, cabinet),
        with_phone=attempts.is_empty(locker, cabinet.config.times),
        due_ms=at.due_ms,
        actions=(A.BACK, *_may_scan(state), *_more_time(cabinet, at)),
    )


def _scan(state: State, cabinet: Cabinet, at: Session) -> Screen:
    return Screen(ScreenName.SCAN, camera=sees(state), due_ms=at.due_ms, actions=(A.BACK,))


def _wrong(state: State, cabinet: Cabinet, at: Session) -> Screen:
    return Screen(
        ScreenName.WRONG_CODE, wrong=state.locker.wrong_codes, due_ms=at.due_ms, actions=(A.AGAIN, A.BACK)
    )


def _notice(state: State, cabinet: Cabinet, at: Session) -> Screen:
    """What is said of a known code. Only what its own bearer may know: never a cell of somebody else's parcel."""
    parcel = state.find(Parcel, at.parcel)
    return Screen(
        ScreenName.NOTICE,
        notice=at.notice,
        cell=at.cell if at.notice is Notice.CELL_OPEN else None,
        account=parcel.account or None if parcel and at.notice is Notice.EXPIRED else None,
        date_ms=parcel.ended_ms if parcel else None,
        due_ms=at.due_ms,
        actions=(A.AGAIN, A.BACK, *_more_time(cabinet, at)),
    )


def _door(state: State, cabinet: Cabinet, at: Session) -> Screen:
    name = ScreenName.PUT_PARCEL if at.purpose is Purpose.DEPOSIT else ScreenName.TAKE_PARCEL
    return Screen(name, cell=at.cell, purpose=at.purpose)


def _closing(name: ScreenName) -> Callable[[State, Cabinet, Session], Screen]:
    def build(state: State, cabinet: Cabinet, at: Session) -> Screen:
        again = may_reopen(state, cabinet, at)
        reopen = (A.REOPEN,) if again else ()
        return Screen(
            name,
            cell=at.cell,
            purpose=at.purpose,
            can_reopen=again,
            due_ms=at.due_ms,
            actions=(A.CONFIRM, *reopen, A.PROBLEM, *_more_time(cabinet, at)),
        )

    return build


def _unopened(state: State, cabinet: Cabinet, at: Session) -> Screen:
    row = state.get(Door, at.cell)
    retry = row.state in door.PULSABLE and not (at.purpose is Purpose.DEPOSIT and row.blocked)
    return Screen(
        ScreenName.NOT_OPENED,
        cell=at.cell,
        purpose=at.purpose,
        can_retry=retry,
        due_ms=at.due_ms,
        actions=(*((A.AGAIN,) if retry else ()), A.BACK, *_more_time(cabinet, at)),
    )


def _wrong_cell(state: State, cabinet: Cabinet, at: Session) -> Screen:
    return Screen(ScreenName.WRONG_CELL, cell=at.cell, open_cells=(at.other,) if at.other is not None else ())


def _next(state: State, cabinet: Cabinet, at: Session) -> Screen:
    return Screen(
        ScreenName.NEXT_PARCEL,
        purpose=at.purpose,
        notice=at.notice,
        due_ms=at.due_ms,
        actions=(A.BACK, *_more_time(cabinet, at)),
    )


def may_reopen(state: State, cabinet: Cabinet, at: Session) -> bool:
    """Whether this person may open this very door once more, without a code."""
    parcel = state.find(Parcel, at.parcel)
    return (
        parcel is not None
        and parcel.state is ParcelState.OPENED
        and parcel.reopened < cabinet.config.times.reopen_max
        and state.get(Door, parcel.cell).state in door.PULSABLE
    )


_SCREENS: dict[SessionState, Callable[[State, Cabinet, Session], Screen]] = {
    SessionState.KEYPAD: _keypad,
    SessionState.SCANNING: _scan,
    SessionState.WRONG: _wrong,
    SessionState.NOTICE: _notice,
    SessionState.BUSY: _simple(ScreenName.BUSY, A.BACK),
    SessionState.OPENING: _simple(ScreenName.OPENING),
    SessionState.OPEN: _door,
    SessionState.REMINDED: lambda state, cabinet, at: Screen(
        ScreenName.CLOSE_DOOR, cell=at.cell, purpose=at.purpose
    ),
    SessionState.CLOSING: _closing(ScreenName.CLOSING),
    SessionState.ASKED: _closing(ScreenName.ASK_TAKEN),
    SessionState.PROBLEM: _simple(ScreenName.PROBLEM, A.REPORT, A.BACK),
    SessionState.NOTED: _simple(ScreenName.PROBLEM_NOTED, A.BACK),
    SessionState.UNOPENED: _unopened,
    SessionState.WRONG_CELL: _wrong_cell,
    SessionState.THANKS: _simple(ScreenName.THANKS, A.BACK),
    SessionState.NEXT: _next,
    SessionState.AWAITS_TOUCH: _simple(ScreenName.AWAIT_TOUCH, A.OPEN, A.BACK),
    SessionState.CLAIMED: _simple(ScreenName.CLAIMED, A.BACK),
}
