"""What becomes of a parcel and of its authorisation when an opening ends; nothing else puts a parcel in or takes it out.

Each function changes parcel and authorisation together and journals it, so that no right outlives its parcel.
"""

from firmware import access, parcel, session, terms
from firmware.model import EntryKind, ParcelState, Problem, Purpose, UseState
from firmware.rows import Intent, Parcel, Session, Use
from firmware.turn import Turn

CLAIMS = {Purpose.PICKUP: parcel.T.CLAIM, Purpose.WITHDRAWAL: parcel.T.BEGIN_WITHDRAWAL}
ENDINGS = {
    Problem.NOT_THERE: (parcel.T.DISPUTE, EntryKind.DISPUTED),
    Problem.NOT_MINE: (parcel.T.DISPUTE, EntryKind.DISPUTED),
    Problem.DAMAGED: (parcel.T.DISPUTE, EntryKind.DISPUTED),
    Problem.REFUSED: (parcel.T.REFUSE, EntryKind.REFUSED),
}


def claimable(turn: Turn, intent: Intent) -> bool:
    """Whether an opening under this intent may still become what it was meant for."""
    row, use = turn.parcel(intent.parcel), turn.use(intent.grant, intent.parcel)
    if use.state is UseState.SPENT:
        return False
    if intent.purpose in CLAIMS:
        mine = row.state in parcel.IN_HAND and use.state is UseState.CLAIMED
        return mine or parcel.TABLE.may(row, CLAIMS[intent.purpose])
    return parcel.TABLE.may(row, parcel.T.STORE)


def claim(turn: Turn, use: Use, purpose: Purpose) -> None:
    """An opening begins: its authorisation refuses everyone else from here on. Claiming twice is claiming once."""
    row = turn.parcel(use.parcel)
    if purpose in CLAIMS and row.state not in parcel.IN_HAND:
        row.fallback = row.state
        parcel.TABLE.fire(row, CLAIMS[purpose])
    access.TABLE.fire(use, access.T.CLAIM)


def opened(turn: Turn, intent: Intent) -> None:
    """The door stands open under a pickup: the confirmation window, if one ran, begins anew when it closes."""
    row = turn.parcel(intent.parcel)
    parcel.TABLE.fire(row, parcel.T.OPEN)
    row.arm(None)


def release(turn: Turn, use: Use) -> None:
    """The opening did not happen, or nobody knows: the right works again, and the parcel is where it was.

    A parcel whose confirmation window runs stays as it is: a reopening that failed takes nothing back.
    """
    row = turn.parcel(use.parcel)
    if row.due_ms is not None or use.state is not UseState.CLAIMED:
        return
    access.TABLE.fire(use, access.T.RELEASE)
    if row.state in parcel.IN_HAND:
        fall_back(turn, row)
    turn.note(EntryKind.RELEASED, cell=row.cell, parcel=row.waybill, grant=use.grant)
    terms.settle(turn, row)


def let_fall(turn: Turn, at: Session) -> None:
    """Its person has gone from the screen: a pickup that nobody vouched for falls back, unless its outcome is still open."""
    row = turn.state.find(Parcel, at.parcel)
    if row is None or at.grant is None or at.state in session.UNPROVED:
        return
    intent = turn.intent_of(turn.door(row.cell))
    if row.state is ParcelState.OPENED and (intent is None or intent.parcel != row.waybill):
        release(turn, turn.use(at.grant, row.waybill))


def fall_back(turn: Turn, row: Parcel) -> None:
    """Back to where it was before it was taken in hand; what has come for it meanwhile is applied now, and then its term."""
    parcel.TABLE.fire(row, parcel.T.FALL_BACK)
    row.long_open = False
    row.arm(None)
    terms.settle(turn, row)
    if is_expired(turn, row):
        expire(turn, row)


def begin_window(turn: Turn, row: Parcel) -> None:
    """The confirmation window, whole, where the door stood open long enough to take the parcel out."""
    row.arm(turn.after_s(turn.times.confirmation_window_s) if row.long_open else None)


def is_expired(turn: Turn, row: Parcel) -> bool:
    """Whether its term has run out, by a clock that is sure, while it waits for its buyer."""
    waits = parcel.TABLE.may(row, parcel.T.EXPIRE)
    return waits and turn.now.sure and row.expires_ms is not None and turn.now.utc_ms >= row.expires_ms


def begin_term(turn: Turn, row: Parcel) -> None:
    """The storage term, from now: at the deposit, or once the clock has become sure after it."""
    row.expires_ms = turn.now.utc_ms + 3_600_000 * turn.times.storage_term_h


def begin_late_term(turn: Turn, row: Parcel) -> None:
    """The clock was not sure at the deposit, and is now: its entry had no deadline, so this one tells of it."""
    begin_term(turn, row)
    turn.note(EntryKind.EXTENDED, cell=row.cell, parcel=row.waybill, until_ms=row.expires_ms, why="clock")


def expire(turn: Turn, row: Parcel) -> None:
    """The storage term is over: its codes open nothing, a courier may withdraw it."""
    parcel.TABLE.fire(row, parcel.T.EXPIRE)
    row.ended_ms = turn.now.utc_ms
    turn.note(EntryKind.EXPIRED, cell=row.cell, parcel=row.waybill)


def store(turn: Turn, intent: Intent) -> None:
    """The door closed behind a deposit: the storage term starts here, once the clock is sure."""
    row = turn.parcel(intent.parcel)
    parcel.TABLE.fire(row, parcel.T.STORE)
    row.inside = True
    if row.is_inbound and turn.now.sure and row.expires_ms is None:  # the backend's own deadline stands
        begin_term(turn, row)
    access.TABLE.fire(turn.use(intent.grant, intent.parcel), access.T.SPEND)
    turn.note(EntryKind.STORED, intent, until_ms=row.expires_ms)
    terms.settle(turn, row)


def withdraw(turn: Turn, intent: Intent) -> None:
    """The door closed behind a withdrawal: the courier has the parcel."""
    row = turn.parcel(intent.parcel)
    parcel.TABLE.fire(row, parcel.T.WITHDRAW)
    _leave(turn, row)
    access.TABLE.fire(turn.use(intent.grant, intent.parcel), access.T.SPEND)
    turn.note(EntryKind.WITHDRAWN, intent)


def collect(turn: Turn, row: Parcel, why: str) -> None:
    """The buyer has it: confirmed at the screen, or the window ran out without a reopening (`why`).

    No sensor says yet that the cell is empty (hook and door tell nothing of it), so its quiet hour begins.
    """
    parcel.TABLE.fire(row, parcel.T.COLLECT)
    _leave(turn, row)
    begin_quiet(turn, row)
    grant = _spend(turn, row)
    turn.note(EntryKind.COLLECTED, cell=row.cell, parcel=row.waybill, grant=grant, why=why)
    terms.settle(turn, row)


def begin_quiet(turn: Turn, row: Parcel) -> None:
    """From now on its cell takes no deposit for `quiet_after_pickup_s`: its buyer may come back for what was left in it."""
    quiet_s = turn.times.quiet_after_pickup_s
    row.arm(turn.after_s(quiet_s) if quiet_s else None)


def complain(turn: Turn, row: Parcel, problem: Problem) -> None:
    """Disputed or refused: the right has ended, the cell is blocked until a technician or courier has looked."""
    trigger, kind = ENDINGS[problem]
    parcel.TABLE.fire(row, trigger)
    row.arm(None)
    row.ended_ms = turn.now.utc_ms
    grant = _spend(turn, row)
    turn.note(kind, cell=row.cell, parcel=row.waybill, grant=grant, why=problem)
    terms.settle(turn, row)
    block(turn, row.cell, f"problem: {problem}")


def leave_unknown(turn: Turn, intent: Intent) -> None:
    """After a restart the door reads closed and nobody saw what happened: never pulsed again, never taken as collected."""
    row = turn.parcel(intent.parcel)
    turn.note(EntryKind.OUTCOME_UNKNOWN, intent)
    if intent.purpose is Purpose.DEPOSIT and row.state is ParcelState.EXPECTED:
        parcel.TABLE.fire(row, parcel.T.LEAVE_UNCONFIRMED)
        turn.note(EntryKind.UNCONFIRMED, intent)
    release(turn, turn.use(intent.grant, intent.parcel))


def doubt(turn: Turn, cell: int) -> None:
    """A door opened that nobody asked for: what lies there is suspect, its right goes on, the backend is told.

    What was collected may lie there again: a quiet hour that runs begins anew.
    """
    for row in turn.state.all(Parcel):
        if row.cell == cell and parcel.rests(row):
            begin_quiet(turn, row)
        if row.cell == cell and row.inside and row.state is ParcelState.STORED:
            parcel.TABLE.fire(row, parcel.T.DOUBT)
            turn.note(EntryKind.SUSPECT, cell=cell, parcel=row.waybill)


def block(turn: Turn, cell: int, why: str) -> None:
    """Offer the cell for no deposit until a technician has seen to it. The first reason stands."""
    door = turn.door(cell)
    if door.blocked is None:
        door.blocked = why
        turn.note(EntryKind.BLOCKED, cell=cell, why=why)


def _leave(turn: Turn, row: Parcel) -> None:
    row.inside = False
    row.arm(None)
    row.ended_ms = turn.now.utc_ms


def _spend(turn: Turn, row: Parcel) -> str:
    """Spend the authorisation that is claimed on this parcel, and say whose it was. There always is one."""
    claims = (use for use in turn.state.all(Use) if use.parcel == row.waybill)
    use = next(use for use in claims if use.state is UseState.CLAIMED)
    access.TABLE.fire(use, access.T.SPEND)
    return use.grant
