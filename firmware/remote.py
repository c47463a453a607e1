"""The signed command to open a cell from the app: its turn at the screen, its touch, its cap.

Rules:
- It takes the screen of nobody, and of whoever has proved nothing or is done. Behind anybody else it waits, one at a time and for
  `remote_wait_s`: it is carried out in the very event that sets the screen free, judged anew, or it is answered `busy`.
- What waited is never carried out later, by surprise: not after its deadline, and not after a start.
- Whoever sends it may be anywhere. Under the policy `touch` the screen asks for a touch first: only somebody who stands here
  opens the cell. So it is, whatever the policy, while `remote_open_max` were opened within `remote_open_window_s` without one.
- As many touches may be asked for in vain within that time; then it is `cap_reached`, or one phone could hold the screen for ever.
- Under the policy `screen_qr` a command opens nothing but under a claim (`firmware.claims`), which waits for the screen as they do.

What is common to all commands is `firmware.commands`'.
"""

from firmware import access, answers, claims, custody, door, opening, session, terms
from firmware.deeds import Claim
from firmware.model import DoorState, Outcome, Purpose, SessionState
from firmware.rows import Command, Door, Grant, Parcel, Session
from firmware.turn import Turn

AFTER_DOOR = (SessionState.CLOSING, SessionState.ASKED)  # its person may open this very door once more
# From these a claim's buyer may go on to another parcel.
UNDER_CLAIM = session.OVER | {*AFTER_DOOR, SessionState.CLAIMED, SessionState.UNOPENED}


def ask(turn: Turn, command: Command) -> Outcome:
    """Whether the cell is opened: then it waits for the screen, which may be free in this very event."""
    refusal = _refuse_policy(turn, command) or _refuse(turn, command)
    if refusal is None and _is_taken(turn, command) and not _may_wait(turn, command):
        refusal = Outcome.BUSY
    if refusal is None:
        command.arm(turn.after_s(turn.times.remote_wait_s))
    return refusal or Outcome.ACCEPTED


def claim(turn: Turn, deed: Claim, command: Command) -> Outcome:
    """Whether the locker is claimed: one of its nonces must have been read from the screen just now."""
    command.covers = deed.grants
    command.grant = deed.grants[0]
    return ask(turn, command) if deed.fresh else Outcome.STALE


def serve(turn: Turn) -> None:
    """After each event: where it has set the screen free, whoever waited for it is served, in the same event."""
    for command in turn.state.armed(Command):
        if turn.now.mono_ms >= (command.due_ms or 0) or _is_taken(turn, command):
            continue
        command.arm(None)
        refusal = _refuse_policy(turn, command) or _refuse(turn, command)
        if refusal is not None:
            answers.later(turn, command, refusal)
        elif command.covers:
            answers.later(turn, command, Outcome.DONE)
            claims.begin(turn, command)
        else:
            _carry_out(turn, command)


def waited(turn: Turn, command: Command) -> None:
    """The deadline of a command that waits: the screen was not free in time."""
    answers.later(turn, command, Outcome.BUSY)


def touched(turn: Turn, at: Session) -> bool:
    """Somebody stands here and has touched the screen: its command is judged anew. False where it opens nothing any more."""
    locker, command = turn.state.locker, turn.state.get(Command, at.command)
    locker.remote_asks = locker.remote_asks[:-1]  # this one was not in vain
    refusal = _refuse(turn, command)
    if refusal is None:
        opening.begin(turn, at)
    else:
        answers.later(turn, command, refusal)
    return refusal is None


def untouched(turn: Turn, at: Session) -> None:
    """The session that asked for a touch is over."""
    command = turn.state.get(Command, at.command)
    if command.outcome is None:
        answers.later(turn, command, Outcome.NOT_TOUCHED)


def start(turn: Turn) -> None:
    """At a start, the last session being still there: what waited was not carried out and never will be.

    Of what was under way, nobody knows.
    """
    at = turn.state.session
    if at is not None and at.claim is not None:
        claims.end(turn, at, "restart")
    asked = at.command if at is not None and at.state is SessionState.AWAITS_TOUCH else None
    for command in turn.state.all(Command):
        if command.outcome is not None or terms.is_remembered(command):
            continue
        if command.id == asked:
            answers.end(turn, command, Outcome.NOT_TOUCHED)
        else:
            answers.end(turn, command, Outcome.UNKNOWN if command.due_ms is None else Outcome.BUSY)


def begin_windows(turn: Turn) -> None:
    """After another boot, monotonic times of the last one mean nothing: what counts for the caps counts from now."""
    locker, now_ms = turn.state.locker, turn.now.mono_ms
    locker.remote_opens = tuple(now_ms for _ in locker.remote_opens)
    locker.remote_asks = tuple(now_ms for _ in locker.remote_asks)


def _carry_out(turn: Turn, command: Command) -> None:
    """Take the screen, and open the cell or ask for a touch."""
    at, locker = _take_screen(turn, command), turn.state.locker
    at.command, at.grant, at.parcel = command.id, command.grant, command.parcel
    at.cell = turn.parcel(command.parcel).cell
    if at.claim is not None:
        opening.begin(turn, at)
    elif _needs_touch(turn):
        locker.remote_asks = (*_recent(turn, locker.remote_asks), turn.now.mono_ms)
        session.fire(turn, at, session.T.ASK_TOUCH)
    else:
        locker.remote_opens = (*_recent(turn, locker.remote_opens), turn.now.mono_ms)
        opening.begin(turn, at)


def _take_screen(turn: Turn, command: Command) -> Session:
    """The session in which it is carried out. Under a claim that covers it, the claim goes on."""
    before = turn.state.session
    if before is None or not claims.covers(turn, before, command.grant):
        return turn.open_session(Purpose.PICKUP)
    if before.state is SessionState.CLAIMED:
        return before
    if before.parcel != command.parcel:
        custody.let_fall(turn, before)  # of the parcel before, nobody has said what became of it
    at = turn.open_session(Purpose.PICKUP)
    at.claim = before.claim
    return at


def _waiting(turn: Turn) -> Command | None:
    return next(iter(turn.state.armed(Command)), None)


def _may_wait(turn: Turn, command: Command) -> bool:
    """Whether it may wait: nothing else does, and it is not its own parcel that is in somebody's hand just now."""
    at = turn.state.session
    return _waiting(turn) is None and (at is None or at.parcel != command.parcel)


def _is_taken(turn: Turn, command: Command) -> bool:
    """Whether the screen is somebody's who has proved a right and is not done, or another's door is in hand."""
    at, parcel = turn.state.session, turn.state.find(Parcel, command.parcel)
    if access.somebody_elses_door(turn.state, parcel.cell if parcel is not None else 0):
        return True
    if at is not None and at.claim is not None:
        return not (claims.covers(turn, at, command.grant) and at.state in UNDER_CLAIM and not command.covers)
    own = at is not None and at.parcel == command.parcel and at.state in AFTER_DOOR
    return at is not None and not own and at.state not in session.UNPROVED | session.OVER


def _refuse_policy(turn: Turn, command: Command) -> Outcome | None:
    """Whether the operator's policy takes no plain command, or too many touches were asked for in vain."""
    if command.covers or claims.covers(turn, turn.state.session, command.grant):
        return None
    if turn.cabinet.config.access.remote_open == "screen_qr":
        return Outcome.NEEDS_SCREEN_QR
    asks = len(_recent(turn, turn.state.locker.remote_asks))
    return Outcome.CAP_REACHED if _needs_touch(turn) and asks >= turn.times.remote_open_max else None


def _needs_touch(turn: Turn) -> bool:
    opens = len(_recent(turn, turn.state.locker.remote_opens))
    return turn.cabinet.config.access.remote_open == "touch" or opens >= turn.times.remote_open_max


def _refuse(turn: Turn, command: Command) -> Outcome | None:
    """Whether its time is over, its right or its cell does not allow it, or the disk has no room for it."""
    if turn.state.locker.storage_low:
        return Outcome.STORAGE_FAILED
    if not turn.now.sure:
        return Outcome.CLOCK_UNSURE
    if turn.now.utc_ms >= command.not_after_ms:
        return Outcome.TOO_LATE
    if command.covers:
        return None if claims.opens_something(turn, command.covers) else Outcome.NO_SUCH_PARCEL
    grant = turn.state.find(Grant, command.grant)
    if grant is None or grant.purpose is not Purpose.PICKUP or command.parcel not in grant.parcels:
        return Outcome.NO_SUCH_PARCEL
    parcel = turn.parcel(command.parcel)
    row = turn.state.find(Door, parcel.cell)
    if row is None or row.state in (DoorState.OFFLINE, DoorState.UNKNOWN):
        return Outcome.OFFLINE
    if row.state in door.STANDS_OPEN:
        return Outcome.ALREADY_OPEN
    if row.state is DoorState.UNLOCKING:
        return Outcome.BUSY
    verdict = access.judge_parcel(turn.state, grant, parcel, turn.now, turn.times.reopen_max)
    return None if isinstance(verdict, access.Admit) else Outcome.NOT_ALLOWED


def _recent(turn: Turn, times: tuple[int, ...]) -> tuple[int, ...]:
    """Those of these monotonic times that still count."""
    since_ms = turn.now.mono_ms - 1_000 * turn.times.remote_open_window_s
    return tuple(at for at in times if at > since_ms)
