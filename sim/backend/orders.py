"""What the backend knows of one parcel: who ordered it, what became of it, and what it owes to whom."""

from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct

from firmware.model import Direction, EntryKind, Purpose


class Stage(StrEnum):
    """How far an order is. Only the locker's journal moves it on."""

    ORDERED = "ordered"
    STORED = "stored"
    COLLECTED = "collected"
    EXPIRED = "expired"
    REFUSED = "refused"
    DISPUTED = "disputed"
    UNCONFIRMED = "unconfirmed"
    SUSPECT = "suspect"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"  # an inbound parcel goes back to its shop, an outbound one on its way


# The entries that move an order; all others tell of the locker, not of the parcel's custody.
STAGES = {
    EntryKind.STORED: Stage.STORED,
    EntryKind.COLLECTED: Stage.COLLECTED,
    EntryKind.EXPIRED: Stage.EXPIRED,
    EntryKind.REFUSED: Stage.REFUSED,
    EntryKind.DISPUTED: Stage.DISPUTED,
    EntryKind.UNCONFIRMED: Stage.UNCONFIRMED,
    EntryKind.SUSPECT: Stage.SUSPECT,
    EntryKind.WITHDRAWN: Stage.WITHDRAWN,
    EntryKind.CANCELLED: Stage.CANCELLED,
}
DEPOSITABLE = frozenset({Stage.ORDERED, Stage.UNCONFIRMED})
WAITING = frozenset({Stage.STORED, Stage.SUSPECT})  # for its buyer: a term runs
# What a new epoch is told of the parcels that lie in the locker, or were taken out of it within the quiet hour.
HELD = {
    Stage.STORED: "stored",
    Stage.COLLECTED: "collected",
    Stage.EXPIRED: "expired",
    Stage.REFUSED: "refused",
    Stage.DISPUTED: "disputed",
    Stage.SUSPECT: "suspect",
    Stage.UNCONFIRMED: "unconfirmed",
    Stage.CANCELLED: "cancelled",
}
# By a courier. In this order: whoever draws from it must not depend on a set's.
FETCHED = (
    Stage.EXPIRED,
    Stage.REFUSED,
    Stage.DISPUTED,
    Stage.SUSPECT,
    Stage.UNCONFIRMED,
    Stage.CANCELLED,
)
ENDED = frozenset({Stage.COLLECTED, Stage.WITHDRAWN})
# The buyer cannot have it any more, nor has had it in hand: what was refused or disputed lay in an open cell, and is paid
# back once a courier has it.
REFUNDED_AT = frozenset({Stage.EXPIRED, Stage.CANCELLED, Stage.WITHDRAWN})
# Nothing opens it for its buyer any more: a person may decide that the money goes back.
OVER_FOR_BUYER = REFUNDED_AT | {Stage.REFUSED, Stage.DISPUTED}

PRICE_TENGE = 12_900  # of what the simulator's people order, unless told


class Hold(StrEnum):
    """Why a person decides before money moves."""

    NO = ""
    DISPUTE = "dispute"  # the buyer says that it is not there, not the right one, or damaged
    LOST = "lost"  # entries of the journal are gone: nobody can say what became of it
    UNTOLD = "untold"  # the locker has lost its memory, and with it what it may not have told yet


UNSEEN = frozenset({Hold.LOST, Hold.UNTOLD})


class Sms(Struct, frozen=True):
    """A message on somebody's phone; `code` is what one would read from it and type."""

    text: str
    utc_ms: int
    code: str | None = None


class Refund(Struct, frozen=True):
    """Money on its way back, by the locker's entry `seq` of an epoch."""

    waybill: str
    account: str
    seq: int
    tenge: int = PRICE_TENGE
    epoch: int = 1


@dataclass
class Grant:
    """A right that the backend gave, with the code that proves it."""

    id: str
    purpose: Purpose
    holder: str
    code: str
    phone: str  # the last digits of the number that the code was sent to
    not_before_ms: int = 0


@dataclass
class Round:
    """A courier's right to several parcels at once, with one code. Each parcel has its own right beside it."""

    id: str
    purpose: Purpose
    holder: str
    code: str
    phone: str
    waybills: str  # with a space between two

    @property
    def parcels(self) -> list[str]:
        return self.waybills.split()


@dataclass
class Order:
    """One parcel. `person` is its buyer, or its sender where it is outbound. Times are UTC, 0: none."""

    waybill: str
    cell: int
    person: str
    account: str  # that it was paid with
    direction: Direction
    stage: Stage = Stage.ORDERED
    tenge: int = PRICE_TENGE
    seq: int = 0  # the entry that brought it to this stage, and its epoch
    epoch: int = 0
    expires_ms: int = 0  # by the locker's entry; before its deposit what the shop asks for
    laid: bool = False  # whether it ever lay in its cell, or may have
    told: bool = False  # whether the buyer has the code
    resent: int = 0  # how often the code was sent again
    reminded_ms: int = 0  # the deadline that the buyer was reminded of
    extended: int = 0  # how often its buyer has put the end off
    waits: bool = False  # for the locker, which has said nothing since the deadline
    opened: bool = False  # its cell stood open for its buyer, and what came of it is still to come
    held: Hold = Hold.NO
    kept: bool = False  # a person has decided that the money does not go back
    returned_ms: int = 0  # when the shop said that it has the goods back
    grants: dict[Purpose, Grant] = field(default_factory=dict)

    @property
    def is_inbound(self) -> bool:
        return self.direction is Direction.INBOUND

    @property
    def has_ended(self) -> bool:
        """Whether the locker has nothing to do with it any more: a cancellation before the deposit leaves nothing there."""
        return self.stage in ENDED or (self.stage is Stage.CANCELLED and not self.laid)
