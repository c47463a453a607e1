"""What a fleet's parent and its workers say to each other: a JSON object a line, over the worker's stdin and stdout."""

from enum import StrEnum

from msgspec import Struct


class Phase(StrEnum):
    """Of a run. An entry belongs to the one in which it was written."""

    START = "start"  # before anybody comes
    STEADY = "steady"
    OUTAGE = "outage"  # from the broker's end until every locker is connected again


class Work(Struct, frozen=True, forbid_unknown_fields=True):
    """A worker's share: `count` lockers from number `first` on. `pause_s`: between two visits at a locker, on average."""

    first: int
    count: int
    folder: str
    brokers: tuple[str, ...]
    pause_s: float


class Begin(Struct, frozen=True, tag="begin"):
    """People come from now on."""


class Mark(Struct, frozen=True, tag="mark"):
    """What is written from now on belongs to this phase."""

    phase: Phase


class Finish(Struct, frozen=True, tag="finish"):
    """Nobody comes any more: let the link settle, for so long at most; compare, and tell all."""

    within_s: float


class State(Struct, frozen=True, tag="state"):
    """Now and then. `connected`: lockers that have been answered since their backend was last at the broker."""

    connected: int
    acknowledged: int


class Told(Struct, frozen=True, tag="told"):
    """A worker's last word. `waits`: by phase, how many entries waited for so many tenths of a millisecond."""

    entries: int
    acknowledged: int
    visits: int
    turned_away: int
    waits: dict[Phase, dict[int, int]]
    memory_mb: float | None
    unequal: tuple[str, ...]
    alarms: tuple[str, ...]


Order = Begin | Mark | Finish
Said = State | Told
