"""One opening, from its authorisation to its outcome: the coupling of door, parcel and session around an intent.

Each pulse is its own committed, numbered intent, performed at most once. A repeat needs two equal readings "closed"
after the rest time; a reply that was lost says nothing, the door does. What the door does after a pulse decides what
became of the parcel.
"""

from firmware import answers, batch, coil, custody, door, session
from firmware.events import Pulse, ReadDoor
from firmware.model import DoorState, EntryKind, Outcome, ParcelState, Purpose, SessionState, Why
from firmware.rows import Command, Door, Intent, Session, Use
from firmware.turn import Turn
from hal.ports import PulseResult

OPENED_WHYS = (Why.INTENT, Why.LATE)
STILL_AT_IT = (SessionState.UNOPENED, SessionState.WRONG_CELL)  # the door may yet open for this person


def begin(turn: Turn, at: Session) -> None:
    """Open the cell of this session's parcel; its right was judged in this very event.

    The right is claimed here, not with the pulse: no term may run out while a coil rests.
    """
    parcel = turn.parcel(_text(at.parcel))
    if parcel.state is ParcelState.OPENED:
        parcel.reopened += 1
        if parcel.due_ms is not None:
            parcel.arm(turn.after_s(turn.times.confirmation_window_s))
    custody.claim(turn, _use(turn, at), _purpose(at))
    session.fire(turn, at, session.T.GO)
    row = turn.door(parcel.cell)
    turn.forget_intent(row)
    row.tries = 0
    _pulse_or_wait(turn, row, at)


def pulse_ended(turn: Turn, intent_id: int, cell: int, result: PulseResult) -> None:
    """The body says what it knows; whatever that is, the door is read after the rest time."""
    row = turn.door(cell)
    if result is not PulseResult.NOT_SENT:
        coil.remember_pulse(turn, row)
    intent = turn.state.find(Intent, intent_id)
    if intent is None:
        return  # the door was quicker than the reply, and has closed again
    intent.last_ms = turn.now.mono_ms
    if row.state is not DoorState.UNLOCKING or row.intent != intent.id:
        return
    if result is PulseResult.NOT_SENT:  # no coil moved, so this says nothing of the lock
        _give_up(turn, row, "unsent")
    else:
        row.arm(turn.after_s(turn.locks.rest_s))


def rested(turn: Turn, row: Door) -> None:
    """The deadline of an unlocking door: ask for two readings, or pulse where that was only waited for."""
    intent = turn.intent_of(row)
    row.arm(None)
    if intent is not None and not intent.settled:
        turn.do(ReadDoor(intent.id, row.cell))
    else:
        _pulse_or_wait(turn, row, _who_waits(turn, row))


def confirmed(turn: Turn, cell: int, intent_id: int, closed: bool | None) -> None:
    """Two equal readings after the rest time. Closed: the next pulse, or the end. None: the end too, but it proves no jam."""
    row = turn.door(cell)
    intent = turn.intent_of(row)
    if row.state is not DoorState.UNLOCKING or intent is None or intent.id != intent_id:
        return  # it opened, or its bank was lost, while it was being read
    if closed is False:
        opened(turn, row)
    elif closed and row.tries < turn.locks.pulses_max:
        intent.settled = True
        _pulse_or_wait(turn, row, _who_waits(turn, row))
    else:
        _give_up(turn, row, "jammed" if closed else "unread")


def opened(turn: Turn, row: Door) -> None:
    """The door reads open: the intent's within the time of `late_open_s`, else found or forced."""
    before = row.state
    intent = _attributed(turn, row) if row.opened_ms is None else None
    door.TABLE.fire(row, door.T.READ_OPEN)
    row.arm(None)
    if row.opened_ms is not None:  # it stood open before its bank was away
        at = turn.session_at(row.cell)
        if at is None or at.state not in session.AT_THE_DOOR:
            leave(turn, row)
        return
    row.opened_ms = turn.now.mono_ms
    if intent is None:
        found = before in (DoorState.UNKNOWN, DoorState.OFFLINE)
        _opened_by_nobody(turn, row, Why.FOUND if found else Why.FORCED)
        return
    row.why = Why.INTENT if before is DoorState.UNLOCKING else Why.LATE
    intent.settled = True
    turn.note(EntryKind.OPENED, intent, why=row.why)
    custody.claim(turn, _use(turn, intent), intent.purpose)
    if intent.purpose is Purpose.PICKUP:
        custody.opened(turn, intent)
        # After a start nobody knows since when it stands open: longer than the start took, so long enough.
        turn.parcel(intent.parcel).long_open |= before is DoorState.UNKNOWN
    _answer(turn, intent, Outcome.DONE)
    at = turn.session_at(row.cell)
    if at is not None and at.parcel == intent.parcel and session.TABLE.may(at, session.T.DOOR_OPENED):
        if at.other is not None:
            leave(turn, turn.door(at.other))
            at.other = None
        session.fire(turn, at, session.T.DOOR_OPENED)
    else:
        leave(turn, row)


def closed(turn: Turn, row: Door) -> None:
    """The door reads closed. An opening under an intent ends here, and with it a deposit, a withdrawal or a pickup."""
    before, was_open_ms, why = row.state, row.opened_ms, row.why
    door.TABLE.fire(row, door.T.READ_CLOSED)
    intent = turn.intent_of(row)
    if was_open_ms is not None:
        row.opened_ms = row.why = None
        row.arm(None)
        if row.blocked == "overdue":
            row.blocked = None
        turn.note(EntryKind.CLOSED, intent if why in OPENED_WHYS else None, cell=row.cell, why=why)
        if intent is not None and why in OPENED_WHYS:
            _ended(turn, row, intent, turn.now.mono_ms - was_open_ms)
        _righted(turn, row)
    elif before in (DoorState.UNKNOWN, DoorState.OFFLINE) and intent is not None and not intent.settled:
        intent.settled = True
        custody.leave_unknown(turn, intent)


def lost(turn: Turn, row: Door) -> None:
    """Its bank does not answer. A try that was under way is over: what its pulse did is unknown until the bank is back."""
    unlocking = row.state is DoorState.UNLOCKING
    door.TABLE.fire(row, door.T.LOSE)
    row.arm(None)
    if unlocking:
        of = turn.intent_of(row) or _who_waits(turn, row)
        turn.note(EntryKind.NOT_OPENED, of, why="bank_lost", count=row.tries)
        _stayed_shut(turn, row)


def leave(turn: Turn, row: Door) -> None:
    """Nobody waits at this open door: it is overdue, blocked and reported, and the next person is served."""
    if row.state is DoorState.OPEN:
        door.TABLE.fire(row, door.T.LEAVE)
        row.arm(None)
        turn.note(EntryKind.OVERDUE, cell=row.cell, why=row.why)
        custody.block(turn, row.cell, "overdue")


def _pulse_or_wait(turn: Turn, row: Door, at: Session) -> None:
    """Commit the next intent and its pulse, or arm the door for the moment when its coil has rested."""
    door.TABLE.fire(row, door.T.PULSE)
    wait_ms = coil.earliest_ms(turn, row) - turn.now.mono_ms
    if wait_ms > 1_000 * turn.locks.rest_s:
        _give_up(turn, row, "duty")  # too long to stand there for: no lock opens later, by surprise
        return
    if wait_ms > 0:
        row.arm(turn.now.mono_ms + wait_ms)
        return
    row.tries += 1
    row.arm(None)
    intent = _intend(turn, row, at)
    turn.note(EntryKind.INTENT, intent, count=row.tries)
    turn.do(Pulse(intent.id, row.cell))


def _intend(turn: Turn, row: Door, at: Session) -> Intent:
    """The door's next intent, under this session's right."""
    locker = turn.state.locker
    turn.forget_intent(row)
    row.intent = locker.next_intent
    locker.next_intent += 1
    right = _text(at.grant), _text(at.parcel), _purpose(at), at.command
    return turn.state.add(Intent(row.intent, row.cell, *right, last_ms=turn.now.mono_ms))


def _attributed(turn: Turn, row: Door) -> Intent | None:
    """The intent that this opening belongs to, if any.

    A door about to be pulsed is its session's, also where the coil still rests and a hand was quicker. Of any other, one
    that nobody has settled, or that was given up: for `late_open_s` after its pulse, or while its person stands there.
    """
    intent, at = turn.intent_of(row), turn.session_at(row.cell)
    if row.state is DoorState.UNLOCKING:
        return intent or _intend(turn, row, _who_waits(turn, row))
    if intent is None or not custody.claimable(turn, intent):
        return None
    in_time = turn.now.mono_ms <= intent.last_ms + 1_000 * turn.times.late_open_s
    waited_for = at is not None and at.state in STILL_AT_IT and at.parcel == intent.parcel
    return intent if in_time or waited_for or not intent.settled else None


def _opened_by_nobody(turn: Turn, row: Door, why: Why) -> None:
    row.why = why
    turn.note(EntryKind.OPENED, cell=row.cell, why=why)
    custody.doubt(turn, row.cell)
    at = turn.state.session
    misdirected = at is not None and at.cell != row.cell and session.TABLE.may(at, session.T.MISDIRECT)
    if why is Why.FORCED and at is not None and misdirected:
        _stop_try(turn, at)
        at.other = row.cell
        session.fire(turn, at, session.T.MISDIRECT)
        turn.note(EntryKind.WRONG_CELL, cell=row.cell, why=f"instead of {at.cell}")
        custody.block(turn, row.cell, "wrong cell")
    else:
        leave(turn, row)


def _stop_try(turn: Turn, at: Session) -> None:
    """No further pulse for this session's own door while another one stands open."""
    row = turn.door(at.cell) if at.cell is not None else None
    if row is not None and row.state is DoorState.UNLOCKING:
        door.TABLE.fire(row, door.T.GIVE_UP)
        row.arm(None)
        _stayed_shut(turn, row)


def _ended(turn: Turn, row: Door, intent: Intent, open_ms: int) -> None:
    """The door of this intent has closed: stored, withdrawn, or the pickup's closing screen."""
    turn.forget_intent(row)
    at = turn.session_at(row.cell)
    if at is not None and at.state not in session.AT_THE_DOOR:
        at = None
    if intent.purpose is Purpose.PICKUP:
        parcel = turn.parcel(intent.parcel)
        parcel.long_open = parcel.long_open or open_ms >= 1_000 * turn.times.short_open_s
        short = not parcel.long_open  # a short look after a long opening takes nothing back
        custody.begin_window(turn, parcel)
        if short and at is None:
            custody.release(turn, turn.use(intent.grant, intent.parcel))
        if at is not None:
            session.fire(turn, at, session.T.CLOSED_SHORTLY if short else session.T.DOOR_CLOSED)
        return
    (custody.store if intent.purpose is Purpose.DEPOSIT else custody.withdraw)(turn, intent)
    if at is not None:
        batch.done(turn, at)


def _give_up(turn: Turn, row: Door, why: str) -> None:
    """The try ends with the door shut: its right works again, and the person may try anew."""
    door.TABLE.fire(row, door.T.GIVE_UP)
    row.arm(None)
    turn.note(EntryKind.NOT_OPENED, turn.intent_of(row), cell=row.cell, count=row.tries, why=why)
    if why == "jammed":
        custody.block(turn, row.cell, why)
    _stayed_shut(turn, row)


def _stayed_shut(turn: Turn, row: Door) -> None:
    """The try is over, and the door was not seen open: the right works again, and whoever waits is told."""
    at, intent = _who_waits(turn, row), turn.intent_of(row)
    if intent is not None:
        intent.settled = True
    custody.release(turn, _use(turn, at))
    _answer(turn, at, Outcome.NOT_OPENED)
    session.fire(turn, at, session.T.STAYED_SHUT)


def _righted(turn: Turn, row: Door) -> None:
    """The cell that opened by mistake is closed again: the session may try its own once more."""
    at = turn.state.session
    if at is not None and at.state is SessionState.WRONG_CELL and at.other == row.cell:
        at.other = None
        session.fire(turn, at, session.T.STAYED_SHUT)


def _answer(turn: Turn, of: Intent | Session, outcome: Outcome) -> None:
    command = turn.state.find(Command, of.command) if of.command else None
    if command is not None and command.outcome is None:
        answers.later(turn, command, outcome, of)


def _who_waits(turn: Turn, row: Door) -> Session:
    """The session whose try is under way at this door. There always is one: an opening session is never replaced."""
    if (at := turn.session_at(row.cell)) is None:
        raise ValueError(f"nobody waits for cell {row.cell}")
    return at


def _use(turn: Turn, of: Intent | Session) -> Use:
    return turn.use(_text(of.grant), _text(of.parcel))


def _purpose(at: Session) -> Purpose:
    return Purpose(_text(at.purpose))


def _text(value: str | None) -> str:
    """A column that an authorised session always has."""
    if value is None:
        raise ValueError("an opening began for a session without a proved right")
    return value
