"""Scenarios: one readable file format for people, the command line and pytest.

A file is TOML: `title`, `cabinet` (a name below sim/cabinets), and `steps`, one line each: a verb, its objects, then
`key=value` pairs. Every verb is a method of `sim.steps.Steps` and documented there. Comments and blank lines are TOML's.
"""

import asyncio
import hashlib
import random
import tempfile
import tomllib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from firmware.assembly import Assembly
from firmware.config import Clock, Config, Journal
from firmware.config_file import load
from firmware.errors import PostomatError
from firmware.model import Entry
from sim import loop as virtual
from sim import pace
from sim.commits import Commits
from sim.disk import Disk
from sim.faces import MemoryKiosk, Touch
from sim.live import open_page
from sim.locker import SimLocker
from sim.script import Failed, TimedOut, parse
from sim.steps import Steps
from sim.world import Cell, World

HERE = Path(__file__).parent
LIBRARY = HERE / "scenarios"
CABINETS = HERE / "cabinets"


class ScenarioError(PostomatError):
    """There is no such scenario, or its file is wrong: usage."""

    exit_code = 2


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """A scenario file."""

    title: str
    steps: tuple[str, ...]
    cabinet: str = "rs485"
    seed: int = 1
    journal: Journal = Journal()  # in place of the cabinet's
    clock: Clock = Clock()  # likewise
    disk: bool = False  # its database lies on a simulated disk, which `disk` can fill and break


class Result(Struct, frozen=True):
    """How a scenario went. `seconds` are of its own time, `trace_hash` is over events, effects and journal."""

    name: str
    ok: bool
    timed_out: bool
    error: str | None
    steps: int
    events: int
    seconds: float
    trace_hash: str


def names() -> list[str]:
    """The scenarios that come with the simulator."""
    return sorted(path.stem for path in LIBRARY.glob("*.toml"))


def read(name: str) -> Scenario:
    """A scenario by its name or its file. Raises ScenarioError, naming the file and what is wrong."""
    path = LIBRARY / f"{name}.toml" if "/" not in name and not name.endswith(".toml") else Path(name)
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Scenario)
    except FileNotFoundError:
        raise ScenarioError(
            f"{name}: there is no such scenario; `postomat-sim scenario list` names them"
        ) from None
    except (OSError, msgspec.DecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from None


def cabinet(name: str) -> Config:
    """The configuration of a cabinet by its name. Raises ScenarioError."""
    path = CABINETS / f"{name}.toml"
    if not path.exists():
        raise ScenarioError(
            f"cabinet {name!r}: there is none; known: {', '.join(sorted(p.stem for p in CABINETS.glob('*')))}"
        )
    return load(path)


def run(
    name: str, scenario: Scenario, *, live: bool = False, told: Callable[[Entry], None] = lambda entry: None
) -> Result:
    """Play a scenario, in virtual time or live. Expected failures are in the result; a bug raises.

    `told` hears what the locker journals.
    """
    with tempfile.TemporaryDirectory(prefix="postomat-") as folder:
        play = _play(name, scenario, Path(folder), live, told)
        return pace.run(play) if live else virtual.run(play)


class Trace:
    """A running hash of what happened, in order: the same seed gives the same one."""

    def __init__(self) -> None:
        self.events = 0
        self._hash = hashlib.sha256()

    def follow(self, parts: Assembly) -> None:
        """Take in every event of this controller, with its moment and its effects."""

        def observe(post: object, effects: object) -> None:
            self.events += 1
            event = getattr(post, "event", None)
            self._hash.update(f"{parts.runtime.now()} {event!r} {effects!r} {parts.store.head}\n".encode())

        parts.runtime.observers.append(observe)

    def watch(self, world: World) -> None:
        """Take in every change of matter: what no event tells apart may still be two different days."""

        def observe(cell: Cell) -> None:
            now_s = asyncio.get_running_loop().time()
            self.add(f"{now_s} {cell.number} {cell.latched} {cell.shut} {cell.parcel}")

        world.observe(observe)

    def add(self, told: str) -> None:
        """Take in something else that happened."""
        self._hash.update(f"{told}\n".encode())

    def digest(self) -> str:
        """The hash so far, in hex."""
        return self._hash.hexdigest()


async def _play(
    name: str, scenario: Scenario, folder: Path, live: bool, told: Callable[[Entry], None]
) -> Result:
    steps = [(line, parse(line, Steps)) for line in scenario.steps]
    disk = Disk(f"scenario {name}", random.Random(f"disk {scenario.seed}")) if scenario.disk else None
    config = msgspec.structs.replace(
        cabinet(scenario.cabinet), journal=scenario.journal, clock=scenario.clock
    )
    locker = SimLocker(config, folder, scenario.seed, live=live, disk=disk)
    trace = Trace()
    locker.observe(trace.follow)
    trace.watch(locker.world)
    Commits(locker).handled.append(lambda parts, post, effects, commit: _tell_all(commit.entries, told))
    begun_s = asyncio.get_running_loop().time()
    error: Failed | None = None
    done = 0
    try:
        async with (open_page if live else _memory)(locker) as face:
            await asyncio.sleep(locker.config.locks.rest_s)  # coils count as just pulsed at the start
            play = Steps(locker, face)
            try:
                for line, step in steps:
                    try:
                        await step(play)
                    except Failed as failed:
                        raise failed.at(f"step {done + 1}, {line!r}") from None
                    done += 1
                await play.settle()
            finally:
                await play.end()
    except Failed as failed:
        error = failed
    finally:
        await locker.close()
        if disk is not None:
            disk.unregister()
    return Result(
        name,
        error is None,
        isinstance(error, TimedOut),
        str(error) if error else None,
        done,
        trace.events,
        round(asyncio.get_running_loop().time() - begun_s, 3),
        trace.digest(),
    )


def _tell_all(entries: Iterable[Entry], told: Callable[[Entry], None]) -> None:
    for entry in entries:
        told(entry)


@asynccontextmanager
async def _memory(locker: SimLocker) -> AsyncIterator[Touch]:
    """A switched-on locker with a kiosk that needs no socket."""
    face = MemoryKiosk(locker)
    await locker.switch_on()
    yield face
