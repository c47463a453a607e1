"""Who may open what: authorisations, and the judgement of a code or command.

Rules:
- An authorisation is one parcel under one grant. Claimed and spent refuse everyone else; released works again.
- A code that is known but opens nothing now never counts as wrong: it gets a notice that says why.
- With the clock unsure, codes work and grants do not run out.
- Nothing here asks who stands at the screen: a right is proved by its code, its token or its signed command.
"""

from enum import StrEnum
from typing import NamedTuple

from firmware import door as doors
from firmware import parcel as parcels
from firmware.model import DoorState, Fill, Moment, ParcelState, Purpose, UseState
from firmware.notices import Notice
from firmware.rows import Door, Grant, Parcel, State, Use
from firmware.table import Move, Table


class T(StrEnum):
    """What can happen to an authorisation."""

    CLAIM = "claim"  # an intent under it was committed
    SPEND = "spend"  # stored, collected, withdrawn, or put into dispute
    RELEASE = "release"  # the door read closed after its pulses, or nobody knows after a restart


TABLE: Table[UseState, T] = Table(
    "authorisation",
    UseState,
    T,
    moves=(
        Move(T.CLAIM, (UseState.FREE, UseState.RELEASED), UseState.CLAIMED),
        Move(T.CLAIM, (UseState.CLAIMED,), None),  # a reopening
        Move(T.SPEND, (UseState.CLAIMED,), UseState.SPENT),
        Move(T.RELEASE, (UseState.CLAIMED,), UseState.RELEASED),
    ),
    refused={
        T.CLAIM: (UseState.SPENT,),
        T.SPEND: (UseState.FREE, UseState.SPENT, UseState.RELEASED),
        T.RELEASE: (UseState.FREE, UseState.SPENT, UseState.RELEASED),
    },
)


class Admit(NamedTuple):
    """A parcel's cell may be opened under a grant, now."""

    grant: Grant
    parcel: Parcel


_PICKUP_NOTICES = {
    ParcelState.EXPECTED: Notice.NOT_DELIVERED,
    ParcelState.UNCONFIRMED: Notice.AWAITS_TECHNICIAN,
    ParcelState.CLAIMED: Notice.CELL_OPEN,
    ParcelState.COLLECTED: Notice.COLLECTED,
    ParcelState.EXPIRED: Notice.EXPIRED,
    ParcelState.REFUSED: Notice.REFUSED,
    ParcelState.DISPUTED: Notice.AWAITS_TECHNICIAN,
    ParcelState.CANCELLED: Notice.CANCELLED,
    ParcelState.MISSING: Notice.AWAITS_TECHNICIAN,
}
_WITHDRAWAL_NOTICES = {
    ParcelState.EXPECTED: Notice.NOT_DELIVERED,
    ParcelState.CLAIMED: Notice.NOT_DUE,
    ParcelState.OPENED: Notice.NOT_DUE,
    ParcelState.WITHDRAWING: Notice.CELL_OPEN,
}


def find_grant(state: State, digest: str, with_phone: bool) -> Grant | None:
    """The grant that the digest of a code proves, or of code and phone together, and never the one for the other.

    Looks at every grant whatever it finds, so that no answer is quicker.
    """
    found = [
        grant for grant in state.all(Grant) if digest in (grant.phone_codes if with_phone else grant.codes)
    ]
    return min(found, key=lambda grant: (grant.unlisted_ms is not None, grant.id), default=None)


def judge(state: State, grant: Grant, now: Moment, reopen_max: int) -> Admit | Notice:
    """What a proved right opens now: its first parcel that may be had, else what is to be said of the first one."""
    verdicts = [
        judge_parcel(state, grant, state.get(Parcel, waybill), now, reopen_max) for waybill in grant.parcels
    ]
    return next((verdict for verdict in verdicts if isinstance(verdict, Admit)), verdicts[0])


def judge_parcel(state: State, grant: Grant, parcel: Parcel, now: Moment, reopen_max: int) -> Admit | Notice:
    """What a proved right opens now, of one of its parcels."""
    if parcel.waybill not in grant.parcels:
        return Notice.CODE_ENDED  # the list has changed since the right was proved
    if now.sure and now.utc_ms < grant.not_before_ms:
        return Notice.NOT_YET_VALID
    door = state.find(Door, parcel.cell)
    if grant.purpose is Purpose.PICKUP:
        notice = _pickup_notice(parcel, reopen_max)
    elif grant.purpose is Purpose.DEPOSIT:
        notice = _deposit_notice(state, parcel, door)
    elif grant.purpose is Purpose.WITHDRAWAL:
        notice = _withdrawal_notice(parcel)
    else:
        notice = Notice.AWAITS_TECHNICIAN  # service is done at the console, not at the keypad
    if notice is not None:
        return (_door_notice(door) or notice) if notice is Notice.CELL_OPEN else notice
    if grant.unlisted_ms is not None or (now.sure and 0 < grant.not_after_ms <= now.utc_ms):
        return Notice.CODE_ENDED
    use = state.find(Use, grant.id, parcel.waybill)
    if use is not None and use.state is UseState.SPENT:
        return Notice.ALREADY_DONE
    if parcel.state is ParcelState.OPENED and (use is None or use.state is not UseState.CLAIMED):
        return Notice.COLLECTED  # opened under another right
    full = grant.purpose is Purpose.DEPOSIT and state.locker.journal_fill is Fill.NO_DEPOSITS
    return _door_notice(door) or (Notice.NO_DEPOSITS if full else Admit(grant, parcel))


def somebody_elses_door(state: State, cell: int) -> bool:
    """Whether another door is in somebody's hand: then none is opened. An overdue one has been left, and does not count."""
    return any(row.state in doors.IN_HAND and row.cell != cell for row in state.all(Door))


def _pickup_notice(parcel: Parcel, reopen_max: int) -> Notice | None:
    if (
        parcel.state is ParcelState.OPENED
    ):  # the door has closed and the window runs: the same right reopens it
        return Notice.REOPENED_OUT if parcel.reopened >= reopen_max else None
    if parcel.state in (ParcelState.WITHDRAWING, ParcelState.WITHDRAWN) and parcel.fallback is not None:
        return _PICKUP_NOTICES.get(parcel.fallback, Notice.AWAITS_TECHNICIAN)  # why the courier came
    return _PICKUP_NOTICES.get(parcel.state)


def _deposit_notice(state: State, parcel: Parcel, door: Door | None) -> Notice | None:
    if parcel.state is ParcelState.CANCELLED:
        return Notice.CANCELLED
    if parcel.state not in (ParcelState.EXPECTED, ParcelState.UNCONFIRMED):
        return Notice.ALREADY_DONE
    others = [other for other in state.all(Parcel) if other.cell == parcel.cell and other is not parcel]
    taken = any(other.inside or other.state is ParcelState.UNCONFIRMED for other in others)
    if taken or (door is not None and door.blocked):
        return Notice.AWAITS_TECHNICIAN
    return Notice.CELL_QUIET if any(parcels.rests(other) for other in others) else None


def _withdrawal_notice(parcel: Parcel) -> Notice | None:
    if parcel.state in parcels.FINISHED:
        return Notice.COLLECTED if parcel.state is ParcelState.COLLECTED else Notice.ALREADY_DONE
    if parcel.state is ParcelState.STORED and parcel.is_inbound:
        return Notice.NOT_DUE
    if parcel.state is ParcelState.CANCELLED and not parcel.inside:
        return Notice.CANCELLED
    return _WITHDRAWAL_NOTICES.get(parcel.state)


def _door_notice(door: Door | None) -> Notice | None:
    if door is None or door.state in (DoorState.OFFLINE, DoorState.UNKNOWN):
        return Notice.CELL_OFFLINE
    return None if door.state in doors.PULSABLE else Notice.CELL_OPEN
