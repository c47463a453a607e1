"""The nouns as rows: everything the locker believes, as the store keeps it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from firmware.model import (
    ClockSource,
    Direction,
    DoorState,
    Entry,
    EntryKind,
    Fill,
    Outcome,
    ParcelState,
    Purpose,
    SessionState,
    UseState,
    Why,
)
from firmware.notices import Notice
from firmware.optics import CameraState
from firmware.row import Row, Timed


@dataclass(eq=True)
class Locker(Timed):
    """The one row about the machine itself. Its deadline is the next step of the keypad's waits and attempts."""

    TABLE = "locker"
    KEY = ("id",)
    id: str
    epoch: int = 1
    listed: bool = True  # False from a new epoch's beginning until its first list: what lies here is unknown
    boot: str = ""
    started_ms: int = 0  # monotonic: when this run of the controller began; its coils rest from here
    grants_version: int = 0
    list_version: int = 0  # whose wording the rows hold: a release that keeps none moves the other only
    next_intent: int = 1
    next_session: int = 1
    wrong_codes: int = 0  # in a row; steps down with quiet time
    wait_ms: int | None = None  # monotonic: until then the keypad takes no code
    quiet_ms: int | None = None  # monotonic: when `wrong_codes` next steps down
    attempts_used: int = 0  # of the budget of wrong codes, and not refilled yet
    refill_ms: int | None = None  # monotonic: when `attempts_used` next goes down; None: none is used
    clock: ClockSource = ClockSource.NONE
    clock_utc_ms: int = 0  # the anchor of trusted time (`firmware.clock`): wall time …
    clock_mono_ms: int = 0  # … at this monotonic moment …
    clock_boot: str = ""  # … of this boot
    told_ms: int | None = None  # wall time of the last welcome
    system_off_ms: int | None = None  # the system's clock, less trusted time, as last looked at
    acked_seq: int = 0  # the backend holds the journal up to here
    journal_fill: Fill = Fill.OK
    scanner: CameraState = CameraState.SILENT
    storage_low: bool = False  # the disk is full: visits that have begun are ended, and no other begins
    remote_opens: tuple[int, ...] = ()  # monotonic times of the last ones that nobody touched the screen for
    remote_asks: tuple[int, ...] = ()  # monotonic times of the last touches that were asked for in vain
    settings: tuple[tuple[str, int | str], ...] = ()  # what the backend has set, before what the file says
    settings_ms: int = 0  # wall time from which the command that set them was valid: an older one is refused
    keys: tuple[tuple[str, str], ...] = ()  # the backend's, by id, in hex; none: those of the file
    keys_ms: int = 0  # as `settings_ms`
    refused: int = 0  # commands that were journalled as not for here and now, within an hour
    refused_ms: int | None = None  # monotonic: when that hour began
    due_ms: int | None = None
    generation: int = 0


@dataclass(eq=True)
class Door(Timed):
    """One cell's lock and door."""

    TABLE = "door"
    KEY = ("cell",)
    cell: int
    state: DoorState = DoorState.UNKNOWN
    why: Why | None = None
    intent: int | None = None  # the latest intent for this cell
    blocked: str | None = None  # reason why it is offered for no deposit
    tries: int = 0  # pulses committed in the try that goes on
    pulses: tuple[int, ...] = ()  # monotonic ends of the last pulses, within the duty window
    opened_ms: int | None = None  # monotonic
    due_ms: int | None = None
    generation: int = 0


@dataclass(eq=True)
class Parcel(Timed):
    """One parcel's life at this locker; known by its waybill number."""

    TABLE = "parcel"
    KEY = ("waybill",)
    waybill: str
    cell: int
    state: ParcelState = ParcelState.EXPECTED
    direction: Direction = Direction.INBOUND
    account: str = ""  # where the money goes back to, for the screen
    inside: bool = False  # whether it is believed to lie in the cell
    fallback: ParcelState | None = None  # what a withdrawal falls back to when its door stays shut
    reopened: int = 0
    long_open: bool = False  # in this pickup its door stood open long enough to take it out
    ended_ms: int | None = None  # wall time of collected, expired …
    listed: tuple[int, Direction, str, int] | None = None  # cell … `expires_ms`, as the newest list says
    reserved_ms: int | None = None  # wall time until which it is expected though no list names it
    expires_ms: int | None = None  # wall time
    due_ms: int | None = None  # monotonic end of the confirmation window, then of the quiet hour
    generation: int = 0

    @property
    def is_inbound(self) -> bool:
        """To a recipient, with a storage term; an outbound parcel waits for its courier."""
        return self.direction is Direction.INBOUND


@dataclass(eq=True)
class Grant(Row):
    """A right given by the backend, as the last signed list told it."""

    TABLE = "grant"
    KEY = ("id",)
    id: str
    purpose: Purpose
    parcels: tuple[str, ...]
    codes: tuple[str, ...] = ()  # HMAC-SHA256 of each code that proves it, in hex
    phone_codes: tuple[str, ...] = ()  # the same of code and phone, for when a code alone counts no more
    not_before_ms: int = 0
    not_after_ms: int = 0
    tokens_since: int = 0  # tokens of this epoch and later ones count; 0: of the present one only
    unlisted_ms: int | None = None  # wall time since when no list names it: it explains, and opens nothing


@dataclass(eq=True)
class Draft(Row):
    """A list whose last part has not come, as far as it has: `events.GrantsCame` in JSON. It means nothing yet."""

    TABLE = "draft"
    KEY = ("epoch",)
    epoch: int
    body: str


@dataclass(eq=True)
class Use(Row):
    """The authorisation of one parcel under one grant."""

    TABLE = "use"
    KEY = ("grant", "parcel")
    grant: str
    parcel: str
    state: UseState = UseState.FREE


@dataclass(eq=True)
class Intent(Row):
    """The committed decision to pulse one lock for one authorisation. Never performed again after a restart."""

    TABLE = "intent"
    KEY = ("id",)
    id: int
    cell: int
    grant: str
    parcel: str
    purpose: Purpose
    command: str | None = None  # the signed command it answers
    settled: bool = False  # its outcome is known, or known to be unknowable
    last_ms: int = 0  # monotonic: when it was committed, then the end of its pulse


@dataclass(eq=True)
class Session(Timed):
    """One person at the screen, from the first touch to the last screen."""

    TABLE = "session"
    KEY = ("id",)
    id: int
    state: SessionState = SessionState.KEYPAD
    purpose: Purpose | None = None
    cell: int | None = None
    grant: str | None = None
    parcel: str | None = None
    notice: Notice | None = None
    other: int | None = None  # the cell that opened instead
    command: str | None = None  # opened by this signed command, not at the keypad
    extended: int = 0  # how often "more time" was asked for
    claim: str | None = None  # under the claim that this signed command made
    due_ms: int | None = None
    generation: int = 0


@dataclass(eq=True)
class Command(Timed):
    """A signed command that came: used up whatever happened, and a duplicate gets the same answer."""

    TABLE = "command"
    KEY = ("id",)
    id: str
    grant: str
    parcel: str
    not_after_ms: int  # wall time: from then on a repetition is refused by its date, and the row may go
    covers: tuple[str, ...] = ()  # of a claim: its grants
    outcome: Outcome | None = None  # None while it waits or is being carried out
    deed: str = "open"
    place: int = 0  # among those that wait until their parcel is in nobody's hand; 0: it does not
    expires_ms: int | None = None  # the end of the term that it waits to set
    due_ms: int | None = None  # monotonic: until then it waits for the screen
    generation: int = 0


@dataclass(eq=True)
class Raised(Row):
    """An event that the controller could not handle; at the second time it is set aside, until another release comes."""

    TABLE = "raised"
    KEY = ("digest",)
    digest: str
    firmware: str
    count: int = 0
    due: str | None = None  # of a deadline: whose, as table:key


ROWS: tuple[type[Row], ...] = (Locker, Door, Parcel, Grant, Draft, Use, Intent, Session, Command, Raised)

R = TypeVar("R", bound=Row)
T = TypeVar("T", bound=Timed)
Change = tuple[type[Row], tuple[Any, ...], Row | None]  # None: the row was dropped


class State:
    """All rows, what changed since the last commit, and the entries to be journalled with it."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._tables: dict[type[Row], dict[tuple[Any, ...], Row]] = {kind: {} for kind in ROWS}
        self._changed: dict[tuple[type[Row], tuple[Any, ...]], Row | None] = {}
        self._armed: dict[tuple[type[Row], tuple[Any, ...]], Timed] = {}
        self._entries: list[Entry] = []
        for row in rows:
            self.add(row)
        self._changed.clear()

    @property
    def locker(self) -> Locker:
        return next(iter(self.all(Locker)))

    @property
    def session(self) -> Session | None:
        return next(iter(self.all(Session)), None)

    def table(self, kind: type[R]) -> Mapping[tuple[Any, ...], R]:
        """Every row of a table by its key, in the order in which they were added."""
        return self._tables[kind]  # type: ignore[return-value]

    def all(self, kind: type[R]) -> Iterable[R]:
        """Every row of a table, in the order in which they were added."""
        return self._tables[kind].values()  # type: ignore[return-value]

    def find(self, kind: type[R], *key: Any) -> R | None:
        return self._tables[kind].get(key)  # type: ignore[return-value]

    def get(self, kind: type[R], *key: Any) -> R:
        """The row of this key. Raises KeyError: asking for a row that is not there is a bug."""
        return self._tables[kind][key]  # type: ignore[return-value]

    def add(self, row: R) -> R:
        """Take the row in; a row of the same key is replaced."""
        self._tables[type(row)][row.key] = row
        object.__setattr__(row, "_book", self)
        self.mark(row)
        return row

    def drop(self, row: Row) -> None:
        del self._tables[type(row)][row.key]
        object.__setattr__(row, "_book", None)
        self._changed[type(row), row.key] = None
        self._armed.pop((type(row), row.key), None)

    def mark(self, row: Row) -> None:
        name = type(row), row.key
        self._changed[name] = row
        if isinstance(row, Timed) and row.due_ms is not None:
            self._armed[name] = row
        else:
            self._armed.pop(name, None)

    def armed(self, kind: type[T]) -> list[T]:
        """The rows of a table that have a deadline, in no order that means anything: few, where the table may be long."""
        return [row for row in self._armed.values() if isinstance(row, kind)]

    def note(self, kind: EntryKind, **columns: Any) -> None:
        """Journal an entry with the transaction of the event being handled."""
        self._entries.append(Entry(kind, **columns))

    def drain(self) -> tuple[list[Change], list[Entry]]:
        """What the next transaction has to write; afterwards nothing counts as changed."""
        changes = [(kind, key, row) for (kind, key), row in self._changed.items()]
        entries, self._entries = self._entries, []
        self._changed.clear()
        return changes, entries

    def rows(self) -> list[Row]:
        """All rows, in a fixed order: two states are equal when these lists are."""
        return [row for table in self._tables.values() for _, row in sorted(table.items())]
