"""One opening, from its authorisation to its outcome: the coupling of door, parcel and session around an intent.

Each pulse is its own committed, numbered intent, performed at most once. A repeat needs two equal readings "closed"
after the rest time; a reply that was lost says nothing, the door does. What the door does after a pulse decides what
became of the parcel.
"""

from firmware import custody, door, session
from firmware.events import AnswerLater, Pulse, ReadDoor
from firmware.model import DoorState, EntryKind, Outcome, ParcelState, Purpose, SessionState, Why
from firmware.rows import Command, Door, Intent, Session
from firmware.turn import Turn
from hal.ports import PulseResult

OPENED_WHYS = (Why.INTENT, Why.LATE)


def begin(turn: Turn, at: Session) -> None:
    """Open the cell of this session's parcel; its right was judged in this very event."""
    parcel = turn.parcel(_text(at.parcel))
    if parcel.state is ParcelState.OPENED:
        parcel.reopened += 1
        if parcel.due_ms is not None:
            parcel.arm(turn.after_s(turn.times.confirmation_window_s))
    if at.state is not SessionState.OPENING:
        session.fire(turn, at, session.T.GO)
    row = turn.door(parcel.cell)
    row.tries = 0
    _pulse_or_wait(turn, row, at)


def pulse_ended(turn: Turn, intent_id: int, cell: int, result: PulseResult) -> None:
    """The body says what it knows; whatever that is, the door is read after the rest time."""
    row = turn.door(cell)
    if result is not PulseResult.NOT_SENT:
        door.remember_pulse(row, turn.now.mono_ms, 1_000 * turn.locks.duty_window_s)
    intent = turn.state.find(Intent, intent_id)
    if intent is None:
        return  # the door was quicker than the reply, and has closed again
    intent.last_ms = turn.now.mono_ms
    if row.state is DoorState.UNLOCKING and row.intent == intent.id:
        row.arm(turn.after_s(turn.locks.rest_s))


def rested(turn: Turn, row: Door) -> None:
    """The deadline of an unlocking door: ask for two readings, or pulse where that was only waited for."""
    intent = turn.state.find(Intent, row.intent) if row.intent is not None else None
    at = turn.session_at(row.cell)
    row.arm(None)
    if intent is not None and not intent.settled:
        turn.do(ReadDoor(intent.id, row.cell))
    elif at is not None:
        _pulse_or_wait(turn, row, at)
    else:
        door.TABLE.fire(row, door.T.GIVE_UP)


def confirmed(turn: Turn, cell: int, intent_id: int, closed: bool | None) -> None:
    """Two equal readings after the rest time. Closed: the next pulse, or the end of the try."""
    row = turn.door(cell)
    intent = turn.state.find(Intent, intent_id)
    if row.state is not DoorState.UNLOCKING or row.intent != intent_id or intent is None:
        return  # it opened, or its bank was lost, while it was being read
    at = turn.session_at(cell)
    if closed is False:
        opened(turn, row)
    elif closed and at is not None and row.tries < turn.locks.pulses_max:
        intent.settled = True
        _pulse_or_wait(turn, row, at)
    else:
        door.TABLE.fire(row, door.T.GIVE_UP)
        turn.note(EntryKind.NOT_OPENED, intent, count=row.tries)
        custody.block(turn, cell, "jammed")
        _stayed_shut(turn, intent)


def opened(turn: Turn, row: Door) -> None:
    """The door reads open: the intent's within the time of `late_open_s`, else found or forced."""
    before, intent = row.state, _attributed(turn, row)
    door.TABLE.fire(row, door.T.READ_OPEN)
    row.arm(None)
    if row.opened_ms is not None:  # it stood open before its bank was away
        if turn.session_at(row.cell) is None:
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
    custody.claim(turn, intent)
    if intent.purpose is Purpose.PICKUP:
        custody.opened(turn, intent)
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
    intent = turn.state.find(Intent, row.intent) if row.intent is not None else None
    if was_open_ms is not None:
        row.opened_ms = row.why = None
        row.arm(None)
        if row.blocked == "overdue":
            row.blocked = None
        turn.note(EntryKind.CLOSED, intent if why in OPENED_WHYS else None, cell=row.cell, why=why)
        if intent is not None and why in OPENED_WHYS:
            _ended(turn, row, intent, turn.now.mono_ms - was_open_ms)
        _righted(turn, row)
    elif before is DoorState.UNKNOWN and intent is not None and not intent.settled:
        intent.settled = True
        row.arm(None)
        custody.leave_unknown(turn, intent)


def lost(turn: Turn, row: Door) -> None:
    """Its bank does not answer. A try that was under way is over: what its pulse did is unknown until the bank is back."""
    unlocking = row.state is DoorState.UNLOCKING
    door.TABLE.fire(row, door.T.LOSE)
    row.arm(None)
    intent = turn.state.find(Intent, row.intent) if row.intent is not None else None
    if unlocking and intent is not None:
        turn.note(EntryKind.NOT_OPENED, intent, why="bank_lost", count=row.tries)
        _stayed_shut(turn, intent)


def leave(turn: Turn, row: Door) -> None:
    """Nobody waits at this open door: it is overdue, blocked and reported, and the next person is served."""
    if row.state is DoorState.OPEN:
        door.TABLE.fire(row, door.T.LEAVE)
        row.arm(None)
        turn.note(EntryKind.OVERDUE, cell=row.cell, why=row.why)
        custody.block(turn, row.cell, "overdue")


def _pulse_or_wait(turn: Turn, row: Door, at: Session) -> None:
    """Commit the next intent and its pulse, or arm the door for the moment when its coil has rested."""
    locks = turn.locks
    door.TABLE.fire(row, door.T.PULSE)
    earliest = door.earliest_pulse_ms(
        row,
        turn.cabinet.pulse_ms(row.cell),
        1_000 * locks.rest_s,
        locks.duty_max,
        1_000 * locks.duty_window_s,
    )
    if earliest > turn.now.mono_ms:
        row.arm(earliest)
        return
    locker = turn.state.locker
    _drop_intent(turn, row)
    row.tries += 1
    intent = turn.state.add(
        Intent(
            locker.next_intent,
            row.cell,
            _text(at.grant),
            _text(at.parcel),
            turn.grant(_text(at.grant)).purpose,
            number=row.tries,
            command=at.command,
            last_ms=turn.now.mono_ms,
        )
    )
    locker.next_intent += 1
    row.intent = intent.id
    row.arm(None)
    custody.claim(turn, intent)
    turn.note(EntryKind.INTENT, intent, count=row.tries)
    turn.do(Pulse(intent.id, row.cell))


def _attributed(turn: Turn, row: Door) -> Intent | None:
    """The intent that this opening belongs to, if any: also one that was given up, for `late_open_s` after its pulse."""
    intent = turn.state.find(Intent, row.intent) if row.intent is not None else None
    if intent is None:
        return None
    if not intent.settled:
        return intent
    in_time = turn.now.mono_ms <= intent.last_ms + 1_000 * turn.times.late_open_s
    return intent if in_time and custody.claimable(turn, intent) else None


def _opened_by_nobody(turn: Turn, row: Door, why: Why) -> None:
    row.why = why
    turn.note(EntryKind.OPENED, cell=row.cell, why=why)
    custody.doubt(turn, row.cell)
    at = turn.state.session
    if why is Why.FORCED and at is not None and session.TABLE.may(at, session.T.MISDIRECT):
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
        if row.intent is not None:
            _stayed_shut(turn, turn.state.get(Intent, row.intent))


def _ended(turn: Turn, row: Door, intent: Intent, open_ms: int) -> None:
    """The door of this intent has closed: stored, withdrawn, or the pickup's closing screen."""
    _drop_intent(turn, row)
    at = turn.session_at(row.cell)
    if at is not None and at.state not in session.AT_THE_DOOR:
        at = None
    if intent.purpose is Purpose.PICKUP:
        short = open_ms < 1_000 * turn.times.short_open_s
        if not short:
            turn.parcel(intent.parcel).arm(turn.after_s(turn.times.confirmation_window_s))
        elif at is None:
            custody.release(turn, turn.use(intent.grant, intent.parcel))
        if at is not None:
            session.fire(turn, at, session.T.CLOSED_SHORTLY if short else session.T.DOOR_CLOSED)
        return
    (custody.store if intent.purpose is Purpose.DEPOSIT else custody.withdraw)(turn, intent)
    if at is not None:
        session.fire(turn, at, session.T.FINISH)


def _stayed_shut(turn: Turn, intent: Intent) -> None:
    intent.settled = True
    custody.release(turn, turn.use(intent.grant, intent.parcel))
    _answer(turn, intent, Outcome.NOT_OPENED)
    at = turn.session_at(intent.cell)
    if at is not None and session.TABLE.may(at, session.T.STAYED_SHUT):
        session.fire(turn, at, session.T.STAYED_SHUT)


def _righted(turn: Turn, row: Door) -> None:
    """The cell that opened by mistake is closed again: the session may try its own once more."""
    at = turn.state.session
    if at is not None and at.state is SessionState.WRONG_CELL and at.other == row.cell:
        at.other = None
        session.fire(turn, at, session.T.STAYED_SHUT)


def _answer(turn: Turn, intent: Intent, outcome: Outcome) -> None:
    command = turn.state.find(Command, intent.command) if intent.command else None
    if command is not None and command.outcome is None:
        command.outcome = outcome
        turn.note(EntryKind.COMMAND, intent, command=command.id, why=outcome)
        turn.do(AnswerLater(command.id, outcome))


def _drop_intent(turn: Turn, row: Door) -> None:
    """Forget the door's last intent: the journal has it, and nothing can be its outcome any more."""
    if row.intent is not None and (intent := turn.state.find(Intent, row.intent)) is not None:
        turn.state.drop(intent)
    row.intent = None


def _text(value: str | None) -> str:
    """A column that an authorised session always has."""
    if value is None:
        raise ValueError("an opening began for a session without a proved right")
    return value
