"""What of the world a page is told: all that is to be seen around one locker, and then what has changed."""

from enum import StrEnum

import msgspec
from msgspec import UNSET, Struct, UnsetType

from sim.backend import CodeAt, Stage
from sim.backend.orders import Hold
from sim.optics import Source, Way
from sim.panel.acts import Message


class CellSeen(Struct, frozen=True, omit_defaults=True):
    """A cell as it is, whatever the locker believes: the door, the lock, what lies inside, what is wrong with it."""

    number: int
    open: bool = False
    parcel: str | None = None
    coil: bool = False
    latched: bool = True
    pressed: bool = False
    condition: str = "fine"
    sensor: str = "fine"


class DoorSeen(Struct, frozen=True, omit_defaults=True):
    """A door as the locker believes it to be. `due_ms`: when it does something by itself."""

    cell: int
    state: str
    why: str | None = None
    blocked: str | None = None
    due_ms: int | None = None


class ParcelSeen(Struct, frozen=True, omit_defaults=True):
    """A parcel as the locker believes it to be. `due_ms`: when its window or its term ends."""

    waybill: str
    cell: int
    state: str
    inside: bool = False
    due_ms: int | None = None


class SessionSeen(Struct, frozen=True, omit_defaults=True):
    """Who is at the screen, as the locker believes."""

    state: str
    purpose: str | None = None
    cell: int | None = None
    due_ms: int | None = None


class UseSeen(Struct, frozen=True):
    """An authorisation: free, claimed, spent, released."""

    grant: str
    parcel: str
    state: str


class BankSeen(Struct, frozen=True):
    """A lock board as the locker believes it to be: unread, online, offline."""

    name: str
    state: str


class FaultSeen(Struct, frozen=True, omit_defaults=True):
    """A fault that goes on. `struck` is false while it waits for its moment."""

    name: str
    cell: int | None = None
    struck: bool = True


class ClockSeen(Struct, frozen=True):
    """The simulated wall clock at the moment of sending: it runs on `speed` times real time, or stands while paused."""

    utc_ms: int
    sure: bool
    speed: float
    paused: bool
    offset_s: float  # by how much time was moved, in all
    wrong_ms: int  # by how much the system's clock is off, in whole seconds

    def runs_on(self, before: "ClockSeen") -> bool:
        """Whether it is what a page makes of `before` by itself."""
        return msgspec.structs.replace(self, utc_ms=0) == msgspec.structs.replace(before, utc_ms=0)


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


class Can(StrEnum):
    """What the operator's people may do to an order."""

    CANCEL = "cancel"
    REFUND = "refund"  # decide that the money goes back
    END = "end"  # decide that it does not
    SEND = "send"  # a courier for it
    RETURNED = "returned"  # say that its shop has it back


class OrderSeen(Struct, frozen=True, omit_defaults=True):
    """An order as the backend believes it to be."""

    waybill: str
    cell: int
    person: str
    stage: Stage
    can: tuple[Can, ...] = ()
    held: Hold = Hold.NO  # why a person has to decide
    cancel: str = ""  # what became of the last command to cancel it: waiting, or its outcome


class PolicySeen(Struct, frozen=True):
    """The rules: what the locker's command to open takes, whether QR codes without dates count, and when a buyer gets the code."""

    remote_open: str
    static_tokens: str
    code_at: CodeAt


class CameraSeen(Struct, frozen=True, omit_defaults=True):
    """The locker's camera: whose phone is before it, with the code of which parcel, and held how."""

    held: str | None = None
    parcel: str | None = None
    way: Way = Way.WELL
    source: Source = Source.APP


class World(Message, frozen=True):
    """What has changed since the last one; the first one has it all."""

    cells: tuple[CellSeen, ...] | UnsetType = UNSET
    people: tuple[PersonSeen, ...] | UnsetType = UNSET
    orders: tuple[OrderSeen, ...] | UnsetType = UNSET
    policy: PolicySeen | UnsetType = UNSET
    free: tuple[int, ...] | UnsetType = UNSET  # cells that may be ordered into
    doors: tuple[DoorSeen, ...] | UnsetType = UNSET
    parcels: tuple[ParcelSeen, ...] | UnsetType = UNSET
    uses: tuple[UseSeen, ...] | UnsetType = UNSET
    session: SessionSeen | UnsetType | None = UNSET
    screen: str | UnsetType | None = UNSET  # what the glass shows; null: nothing
    qr: str | UnsetType | None = UNSET  # what a camera reads off it
    camera: CameraSeen | UnsetType | None = UNSET  # null: the locker has none
    barcodes: bool | UnsetType = UNSET  # whether it has a barcode scanner
    banks: tuple[BankSeen, ...] | UnsetType = UNSET
    power: bool | UnsetType = UNSET
    link: bool | UnsetType = UNSET
    disk: bool | UnsetType = UNSET  # whether the disk takes what is written
    clock: ClockSeen | UnsetType = UNSET
    next_due_ms: int | UnsetType | None = UNSET  # the controller's next deadline
    in_flight: bool | UnsetType = UNSET  # time may not be moved now
    people_on: bool | UnsetType = UNSET
    faults: tuple[FaultSeen, ...] | UnsetType = UNSET

    def since(self, before: "World") -> "World | None":
        """What differs from `before`, if anything does; a clock that only runs on does not."""
        news = {
            name: part
            for name in self.__struct_fields__
            if (part := getattr(self, name)) != (was := getattr(before, name))
            and not (isinstance(part, ClockSeen) and isinstance(was, ClockSeen) and part.runs_on(was))
        }
        return World(**news) if news else None
