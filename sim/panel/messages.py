"""The language of the panel's WebSocket: what a page is told, and what a person does on it.

A page is sent the whole world when it comes and from then on what has changed. It says what a person's hands do; what
cannot be done is refused by name, and the page has the words.
"""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from sim.backend import Stage

Number = Annotated[int, Meta(ge=1, le=999)]
Name = Annotated[str, Meta(min_length=1, max_length=40)]


class Message(
    Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True, forbid_unknown_fields=True
):
    """Anything on the WebSocket; `type` is the class's name in small letters."""


# page → simulator: what a person does
class Close(Message, frozen=True):
    """Push an open door shut."""

    cell: Number


class Take(Message, frozen=True):
    """Take the parcel out of an open cell; whoever was let in has it then."""

    cell: Number


class Put(Message, frozen=True):
    """Lay a parcel that is in somebody's hands into an open cell."""

    cell: Number
    parcel: Name


class Order(Message, frozen=True):
    """Order a parcel into a cell; the courier gets it, and a code."""

    cell: Number
    buyer: Name


class Send(Message, frozen=True):
    """Send a courier for a parcel that nobody will collect any more."""

    parcel: Name


Act = Close | Take | Put | Order | Send
ACTS = msgspec.json.Decoder(Act)


# simulator → page
class Box(Struct, frozen=True):
    """Where a cell stands in the drawing: millimetres from its upper left corner."""

    number: int
    size: str
    x: int
    y: int
    width: int
    height: int


class Setup(Message, frozen=True):
    """What stays the same: first of all."""

    locker: str
    address: str
    timezone: str
    kiosk: str  # the address of the kiosk's own page
    boxes: tuple[Box, ...]


class CellSeen(Struct, frozen=True, omit_defaults=True):
    """A cell as it is, whatever the locker believes."""

    number: int
    open: bool = False
    parcel: str | None = None


class SmsSeen(Struct, frozen=True):
    """A message, and the code in it."""

    text: str
    utc_ms: int
    code: str | None


class PersonSeen(Struct, frozen=True):
    """Somebody's phone and hands."""

    id: str
    phone: tuple[SmsSeen, ...]  # the newest last
    hands: tuple[str, ...]  # waybills


class OrderSeen(Struct, frozen=True):
    """An order as the backend believes it to be."""

    waybill: str
    cell: int
    person: str
    stage: Stage
    for_courier: bool  # a courier may be sent for it


class World(Message, frozen=True):
    """What has changed since the last one; the first one has it all."""

    cells: tuple[CellSeen, ...] | None = None
    people: tuple[PersonSeen, ...] | None = None
    orders: tuple[OrderSeen, ...] | None = None
    free: tuple[int, ...] | None = None  # cells that may be ordered into

    def since(self, before: "World") -> "World | None":
        """What differs from `before`, if anything does."""
        news = {
            name: part
            for name in self.__struct_fields__
            if (part := getattr(self, name)) != getattr(before, name)
        }
        return World(**news) if news else None


class Entries(Message, frozen=True):
    """More of the locker's journal, oldest first: seq, utc_ms, kind, and the columns that are set."""

    rows: tuple[dict[str, Any], ...]


class Why(StrEnum):
    """Why something could not be done."""

    SHUT = "shut"  # the door
    EMPTY = "empty"  # the cell
    FULL = "full"  # the cell
    NO_LATCH = "no_latch"  # the door was pushed, and the hook does not catch
    NOT_IN_HAND = "not_in_hand"  # the parcel
    RESERVED = "reserved"  # the cell, for another order
    NO_COURIER = "no_courier"  # for a parcel in this state, or a courier is on his way already
    UNKNOWN = "unknown"  # no such cell, parcel or person


class Refused(Message, frozen=True):
    """The last act was not possible."""

    why: Why
    cell: int | None = None
    parcel: str | None = None


def encode(message: Message) -> bytes:
    """The text of a message."""
    return msgspec.json.encode(message)
