"""The language of the panel's WebSocket, the simulator's side; the page's is `sim.panel.acts`.

A page is sent the whole world (`sim.panel.seen`) when it comes and from then on what has changed. It says what people do
and what happens to the machine (`sim.panel.acts`); what cannot be done is refused by name, and the page has the words.
Moments are milliseconds of the simulated wall clock, UTC, which a page lets run on from `World.clock`.
"""

from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from sim.panel.acts import Message


class Box(Struct, frozen=True):
    """Where a cell stands in the drawing: millimetres from its upper left corner."""

    number: int
    size: str
    x: int
    y: int
    width: int
    height: int


class FaultKind(Struct, frozen=True):
    """One of `sim.faults.CATALOGUE`; a lasting one stays until it is healed."""

    name: str
    part: str
    does: str
    healed: str
    per_cell: bool
    lasting: bool


class MoveKind(Struct, frozen=True):
    """One arrow of a table; `dest` is null where it stays."""

    trigger: str
    source: str
    dest: str | None


class TableKind(Struct, frozen=True):
    """A state machine of the firmware, as its own table says."""

    name: str
    states: tuple[str, ...]
    moves: tuple[MoveKind, ...]


class Device(Struct, frozen=True):
    """The bus's device file, and a line for a shell that lets another program listen or speak there."""

    bus: str
    path: str
    how: str


class Setup(Message, frozen=True):
    """What stays the same: first of all."""

    locker: str
    address: str
    timezone: str
    kiosk: str  # the address of the kiosk's own page, behind the glass
    boxes: tuple[Box, ...]
    faults: tuple[FaultKind, ...] = ()
    tables: tuple[TableKind, ...] = ()
    manners: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    console: str = ""  # the command that asks this locker as a technician would
    apps: dict[str, str] = msgspec.field(default_factory=dict)  # person → what their phone has logged in with


class Entries(Message, frozen=True):
    """More of the locker's journal, oldest first: seq, utc_ms, kind, and the columns that are set."""

    rows: tuple[dict[str, Any], ...]


class Part(Struct, frozen=True, omit_defaults=True):
    """One link of a causal line, as it was observed. `key` is a text of the page's."""

    part: str  # touch, hand, app, event, verdict, commit, tx, rx, coil, bolt, door, seen, journal, screen, told, sms …
    key: str
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    bytes: str | None = None  # in hex, as they stood on the wire
    cell: int | None = None
    entry: int | None = None  # the journal's seq


class Line(Message, frozen=True):
    """The X-ray: what one touch, hand, deadline or fault has caused so far. It is sent again whenever it has grown."""

    id: int
    at_ms: int
    who: str  # a person's id, or screen, clock, backend, fault, machine
    text_key: str
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    parts: tuple[Part, ...] = ()


class StoryState(StrEnum):
    """How far a step is: the simulator acts, a person is to act, it is over."""

    DOING = "doing"
    WAITING = "waiting"
    DONE = "done"


class Story(Message, frozen=True):
    """How far a card is: step `step` of `of`. The last step explains what happened, and why."""

    name: str
    step: int
    of: int
    state: StoryState
    key: str
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)


class Saved(Message, frozen=True):
    """The scenario file that was asked for."""

    name: str
    text: str


class Why(StrEnum):
    """Why something could not be done."""

    SHUT = "shut"  # the door
    EMPTY = "empty"  # the cell
    FULL = "full"  # the cell
    NO_LATCH = "no_latch"  # the door was pushed, and the hook does not catch
    NOT_IN_HAND = "not_in_hand"  # the parcel
    NO_QR = "no_qr"  # the phone has no code to show
    NO_STATIC = "no_static"  # the operator allows no codes without dates
    RESERVED = "reserved"  # the cell, for another order
    QUIET = "quiet"  # the cell, for an hour after its last pickup
    NOT_NOW = "not_now"  # for an order that is as far as this one
    NO_LINK = "no_link"  # the locker cannot be reached
    NO_COURIER = "no_courier"  # for a parcel in this state, or a courier is on his way already
    UNKNOWN = "unknown"  # no such cell, parcel, person, fault or card
    IN_FLIGHT = "in_flight"  # something moves: time may not be moved now
    NO_DEADLINE = "no_deadline"  # there is none to go to
    NO_POWER = "no_power"  # the locker is off
    SCREEN = "screen"  # shows something else
    GOES_ON = "goes_on"  # it was begun before, and has not ended
    NO_CELL = "no_cell"  # none is free
    NOT_AT_DOOR = "not_at_door"  # somebody else was let in there


class Refused(Message, frozen=True):
    """The last act was not possible."""

    why: Why
    cell: int | None = None
    parcel: str | None = None


def encode(message: Message) -> bytes:
    """The text of a message."""
    return msgspec.json.encode(message)
