"""One parcel's life at this locker. The locker is the only judge of custody.

Rules:
- A parcel is put in by one thing (a deposit's door closed) and taken out by two (a pickup, a withdrawal).
- Expiry, cancellation and extension act on a parcel that lies there and is in nobody's hand; while it is claimed or opened
  they are remembered by the caller and applied when it falls back. A suspect one is one that lies there.
- Every outcome is reached once: collected, withdrawn and a cancellation before the deposit have no way out.
- A pickup or withdrawal that did not happen falls back to where it began (`Parcel.fallback`).
"""

from collections.abc import Callable
from enum import StrEnum

from firmware.model import ParcelState as S
from firmware.rows import Parcel
from firmware.table import Move, Table


class T(StrEnum):
    """What can happen to a parcel."""

    STORE = "store"  # the door closed behind it under a deposit
    CLAIM = "claim"  # a pickup's intent was committed
    OPEN = "open"  # the door opened under the pickup
    FALL_BACK = "fall_back"  # the pickup or withdrawal did not happen; the parcel is where it was
    COLLECT = "collect"
    EXPIRE = "expire"
    REFUSE = "refuse"
    DISPUTE = "dispute"
    CANCEL = "cancel"
    EXTEND = "extend"
    BEGIN_WITHDRAWAL = "begin_withdrawal"
    WITHDRAW = "withdraw"  # the door closed after it was taken out
    MISS = "miss"  # it was not there at its withdrawal
    DOUBT = "doubt"  # its door was forced, or another parcel was found in its cell
    LEAVE_UNCONFIRMED = "leave_unconfirmed"  # a deposit whose ending nobody saw


def _came_from(state: S) -> Callable[[Parcel], bool]:
    def guard(parcel: Parcel) -> bool:
        return parcel.fallback is state

    guard.__name__ = f"came_from_{state.value}"
    return guard


def lies_inside(parcel: Parcel) -> bool:
    """Guard: a cancellation before the deposit leaves nothing to fetch."""
    return parcel.inside


def rests(parcel: Parcel) -> bool:
    """Whether it was collected so lately that its cell takes no other one."""
    return parcel.state is S.COLLECTED and parcel.due_ms is not None


FETCHABLE = (
    S.STORED,
    S.EXPIRED,
    S.REFUSED,
    S.DISPUTED,
    S.CANCELLED,
    S.SUSPECT,
    S.UNCONFIRMED,
)  # a courier may withdraw
IN_HAND = (S.CLAIMED, S.OPENED, S.WITHDRAWING)
FINISHED = (S.COLLECTED, S.WITHDRAWN, S.MISSING)

_MOVES: tuple[Move[S, T], ...] = (
    Move(T.STORE, (S.EXPECTED, S.UNCONFIRMED), S.STORED),
    Move(T.CLAIM, (S.STORED, S.SUSPECT), S.CLAIMED),
    Move(T.CLAIM, (S.OPENED,), None),  # a reopening
    Move(T.OPEN, (S.CLAIMED,), S.OPENED),
    Move(T.OPEN, (S.OPENED,), None),
    Move(T.COLLECT, (S.OPENED,), S.COLLECTED),
    Move(T.EXPIRE, (S.STORED, S.SUSPECT), S.EXPIRED),
    Move(T.REFUSE, (S.OPENED,), S.REFUSED),
    Move(T.DISPUTE, (S.OPENED,), S.DISPUTED),
    Move(T.CANCEL, (S.EXPECTED, S.STORED, S.SUSPECT), S.CANCELLED),
    Move(T.EXTEND, (S.EXPIRED,), S.STORED),
    Move(T.EXTEND, (S.STORED, S.SUSPECT), None),
    Move(T.BEGIN_WITHDRAWAL, tuple(state for state in FETCHABLE if state is not S.CANCELLED), S.WITHDRAWING),
    Move(T.BEGIN_WITHDRAWAL, (S.CANCELLED,), S.WITHDRAWING, lies_inside),
    Move(T.WITHDRAW, (S.WITHDRAWING,), S.WITHDRAWN),
    Move(T.MISS, (S.WITHDRAWING,), S.MISSING),
    Move(T.DOUBT, (S.STORED, S.EXPECTED), S.SUSPECT),
    Move(T.LEAVE_UNCONFIRMED, (S.EXPECTED,), S.UNCONFIRMED),
    Move(T.FALL_BACK, (S.CLAIMED, S.OPENED), S.STORED, _came_from(S.STORED)),
    Move(T.FALL_BACK, (S.CLAIMED, S.OPENED), S.SUSPECT, _came_from(S.SUSPECT)),
    *(Move(T.FALL_BACK, (S.WITHDRAWING,), state, _came_from(state)) for state in FETCHABLE),
)


# fmt: off
_REFUSED: dict[T, tuple[S, ...]] = {
    T.STORE: (
        S.STORED, S.CLAIMED, S.OPENED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED, S.CANCELLED,
        S.WITHDRAWING, S.WITHDRAWN, S.SUSPECT, S.MISSING
    ),
    T.CLAIM: (
        S.EXPECTED, S.CLAIMED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED, S.CANCELLED, S.WITHDRAWING,
        S.WITHDRAWN, S.UNCONFIRMED, S.MISSING
    ),
    T.OPEN: (
        S.EXPECTED, S.STORED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED, S.CANCELLED, S.WITHDRAWING,
        S.WITHDRAWN, S.UNCONFIRMED, S.SUSPECT, S.MISSING
    ),
    T.FALL_BACK: (
        S.EXPECTED, S.STORED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED, S.CANCELLED, S.WITHDRAWN,
        S.UNCONFIRMED, S.SUSPECT, S.MISSING
    ),
    T.COLLECT: (
        S.EXPECTED, S.STORED, S.CLAIMED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED, S.CANCELLED,
        S.WITHDRAWING, S.WITHDRAWN, S.UNCONFIRMED, S.SUSPECT, S.MISSING
    ),
    T.EXPIRE: (
        S.EXPECTED, S.CLAIMED, S.OPENED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED, S.CANCELLED,
        S.WITHDRAWING, S.WITHDRAWN, S.UNCONFIRMED, S.MISSING
    ),
    T.REFUSE: (
        S.EXPECTED, S.STORED, S.CLAIMED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED, S.CANCELLED,
        S.WITHDRAWING, S.WITHDRAWN, S.UNCONFIRMED, S.SUSPECT, S.MISSING
    ),
    T.DISPUTE: (
        S.EXPECTED, S.STORED, S.CLAIMED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED, S.CANCELLED,
        S.WITHDRAWING, S.WITHDRAWN, S.UNCONFIRMED, S.SUSPECT, S.MISSING
    ),
    T.CANCEL: (
        S.CLAIMED, S.OPENED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED, S.CANCELLED, S.WITHDRAWING,
        S.WITHDRAWN, S.UNCONFIRMED, S.MISSING
    ),
    T.EXTEND: (
        S.EXPECTED, S.CLAIMED, S.OPENED, S.COLLECTED, S.REFUSED, S.DISPUTED, S.CANCELLED, S.WITHDRAWING,
        S.WITHDRAWN, S.UNCONFIRMED, S.MISSING
    ),
    T.BEGIN_WITHDRAWAL: (S.EXPECTED, S.CLAIMED, S.OPENED, S.COLLECTED, S.WITHDRAWING, S.WITHDRAWN, S.MISSING),
    T.WITHDRAW: (
        S.EXPECTED, S.STORED, S.CLAIMED, S.OPENED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED,
        S.CANCELLED, S.WITHDRAWN, S.UNCONFIRMED, S.SUSPECT, S.MISSING
    ),
    T.MISS: (
        S.EXPECTED, S.STORED, S.CLAIMED, S.OPENED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED,
        S.CANCELLED, S.WITHDRAWN, S.UNCONFIRMED, S.SUSPECT, S.MISSING
    ),
    T.DOUBT: (
        S.CLAIMED, S.OPENED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED, S.CANCELLED, S.WITHDRAWING,
        S.WITHDRAWN, S.UNCONFIRMED, S.SUSPECT, S.MISSING
    ),
    T.LEAVE_UNCONFIRMED: (
        S.STORED, S.CLAIMED, S.OPENED, S.COLLECTED, S.EXPIRED, S.REFUSED, S.DISPUTED, S.CANCELLED,
        S.WITHDRAWING, S.WITHDRAWN, S.UNCONFIRMED, S.SUSPECT, S.MISSING
    ),
}
# fmt: on

TABLE: Table[S, T] = Table(
    "parcel",
    S,
    T,
    moves=_MOVES,
    refused=_REFUSED,
)
