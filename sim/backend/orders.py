"""What the backend knows of one parcel: who ordered it, what became of it, and what it tells people by SMS."""

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
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
}
DEPOSITABLE = frozenset({Stage.ORDERED, Stage.UNCONFIRMED})
# What a new epoch is told of the parcels that lie in the locker, or were taken out of it within the quiet hour.
HELD = {
    Stage.STORED: "stored",
    Stage.COLLECTED: "collected",
    Stage.EXPIRED: "expired",
    Stage.REFUSED: "refused",
    Stage.DISPUTED: "disputed",
    Stage.SUSPECT: "suspect",
    Stage.UNCONFIRMED: "unconfirmed",
}
ENDED = frozenset({Stage.COLLECTED, Stage.WITHDRAWN})
# The buyer will not have it any more. A dispute is settled by people first.
REFUNDED_AT = frozenset({Stage.EXPIRED, Stage.REFUSED, Stage.WITHDRAWN})


class Sms(Struct, frozen=True):
    """A message on somebody's phone; `code` is what one would read from it and type."""

    text: str
    utc_ms: int
    code: str | None = None


class Refund(Struct, frozen=True):
    """Money on its way back, by the locker's entry `seq`."""

    waybill: str
    account: str
    seq: int


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
class Order:
    """One parcel. `person` is its buyer, or its sender where it is outbound."""

    waybill: str
    cell: int
    person: str
    account: str
    direction: Direction
    stage: Stage = Stage.ORDERED
    expires_ms: int = 0  # UTC; 0: unknown
    told: bool = False  # whether the buyer has the code
    grants: dict[Purpose, Grant] = field(default_factory=dict)


def sms_of_grant(locker: str, address: str, order: Order, grant: Grant, until: str = "") -> str:
    """The words that carry a code: which locker, where, what for, and until when."""
    at = f"Постамат № {locker}, {address}."
    match grant.purpose:
        case Purpose.PICKUP:
            return f"Посылка {order.waybill} ждёт вас. {at} Код: {grant.code}.{until}"
        case Purpose.DEPOSIT if order.direction is Direction.OUTBOUND:
            return f"Отправление {order.waybill}: положите его в ячейку. {at} Код: {grant.code}."
        case Purpose.DEPOSIT:
            return f"Доставка {order.waybill}, ячейка {order.cell}. {at} Код: {grant.code}."
        case _:
            return f"Забрать {order.waybill}, ячейка {order.cell}. {at} Код: {grant.code}."


def kept_until(deadline_ms: int, zone: tzinfo) -> str:
    """The end of the storage term, in the locker's own zone."""
    moment = datetime.fromtimestamp(deadline_ms / 1_000, zone)
    return f" Хранится до {moment:%d.%m.%Y %H:%M}, потом заказ отменят и вернут деньги."
