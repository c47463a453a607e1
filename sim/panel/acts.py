"""What a page says on the panel's WebSocket: what people do, and what happens to the machine."""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from firmware.model import Action
from sim.optics import Source, Way

Number = Annotated[int, Meta(ge=1, le=999)]
Name = Annotated[str, Meta(min_length=1, max_length=40)]
Digits = Annotated[str, Meta(pattern="^[0-9]{1,16}$")]
Speed = Annotated[float, Meta(ge=1, le=10)]
Names = Annotated[tuple[Name, ...], Meta(max_length=32)]


class Message(
    Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True, forbid_unknown_fields=True
):
    """Anything on the WebSocket; `type` is the class's name in small letters."""


class Close(Message, frozen=True):
    """Push an open door shut."""

    cell: Number


class Take(Message, frozen=True):
    """Take the parcel out of an open cell; whoever was let in has it then. `person`: who is meant to; nobody else then."""

    cell: Number
    person: Name | None = None


class Put(Message, frozen=True):
    """Lay a parcel that is in somebody's hands into an open cell."""

    cell: Number
    parcel: Name


class Order(Message, frozen=True):
    """Order a parcel into a cell, paid from this account; the courier gets it, and a code."""

    cell: Number
    buyer: Name
    account: Literal["Kaspi Gold", "Kaspi Red"] = "Kaspi Gold"


class Send(Message, frozen=True):
    """Send a courier for a parcel that nobody will collect any more."""

    parcel: Name


class Cancel(Message, frozen=True):
    """Have the locker cancel an order."""

    parcel: Name


class Decide(Message, frozen=True):
    """Decide of an order that was held for a person: the money goes back, or does not."""

    parcel: Name
    refund: bool


class Returned(Message, frozen=True):
    """Its shop has the goods back."""

    parcel: Name


class Policy(Message, frozen=True):
    """Other rules: what a command to open a cell takes, which QR codes count, when a buyer gets the code; what is not told stays."""

    remote_open: Literal["anywhere", "touch", "screen_qr"] | None = None
    static_tokens: Literal["allowed", "refused"] | None = None
    code_at: Literal["order", "deposit"] | None = None


class Bring(Message, frozen=True):
    """The guided first click: a parcel is ordered into a free cell that fits; the courier has it, and an SMS."""

    buyer: str = ""


class Type(Message, frozen=True):
    """Type for somebody on the real screen: press Start where it is idle, wait for the keypad, type."""

    person: Name
    code: Digits


class Hold(Message, frozen=True):
    """Hold somebody's phone to the locker's camera, with the QR code of a parcel of theirs; or take it away."""

    person: Name
    parcel: Name | None = None  # unless told, the first that it has a code for
    way: Way = Way.WELL
    source: Source = Source.APP  # paper is held in the phone's place
    on: bool = True


class Scan(Message, frozen=True):
    """Hold the barcode of a parcel that is in somebody's hands to the barcode scanner."""

    parcel: Name


class Touch(Message, frozen=True):
    """Press a button of the real screen."""

    action: Action


class Press(Message, frozen=True):
    """Lean against a door, or let go."""

    cell: Number
    pressed: bool = True


class Pull(Message, frozen=True):
    """Pull at a door."""

    cell: Number


class Force(Message, frozen=True):
    """A crowbar."""

    cell: Number


class Fault(Message, frozen=True):
    """Strike a fault of the catalogue, at this cell where it is one of a cell; `on=false` heals a lasting one."""

    name: Name
    cell: Number | None = None
    on: bool = True


class Power(Message, frozen=True):
    """The plug of computer and boards."""

    on: bool


class Link(Message, frozen=True):
    """The network between locker and backend."""

    on: bool


class TimeOp(StrEnum):
    """What may be done to time. `next`, `hour` and `day` move it, which has to wait while something is in flight."""

    PAUSE = "pause"
    RESUME = "resume"
    SPEED = "speed"
    NEXT = "next"
    HOUR = "hour"
    DAY = "day"


class Time(Message, frozen=True):
    """Time; `x` is the speed for `speed`."""

    op: TimeOp
    x: Speed = 1.0


class People(Message, frozen=True):
    """People who live by themselves come, or come no more; `manners` (of `Setup.manners`): all unless told."""

    on: bool
    manners: Names = ()


class Card(Message, frozen=True):
    """Begin one of `Setup.cards`, a guided story; the simulator does the machine's part, people are the page's."""

    name: Name


class Trace(Message, frozen=True):
    """Whether this page wants the X-ray, and which parts of a line (all, unless told)."""

    on: bool
    parts: Names = ()


class Save(Message, frozen=True):
    """Ask for all that happened so far as a scenario file: answered by `saved`."""


class Language(Message, frozen=True):
    """The page's language. Nothing of the locker depends on it."""

    code: Literal["ru", "kk", "en"]


Act = (
    Close | Take | Put | Order | Send | Cancel | Decide | Returned | Policy | Bring | Type | Hold | Scan | Touch | Press
    | Pull | Force | Fault | Power | Link | Time | People | Card | Trace | Save | Language
)  # fmt: skip
ACTS = msgspec.json.Decoder(Act)
