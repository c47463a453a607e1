"""What happened at a locker before a person comes to look: played in virtual time, so it costs a second of real time.

The live simulator begins with a locker that has been at work for four days: nine parcels of sixteen cells, one of them
expired, one due today, and a cell that jams. Nothing of it is written into a database by hand: it is a scenario, in which
people typed codes, doors opened and shut, and the power was off for the nights.
"""

import random
from pathlib import Path
from typing import NamedTuple

from firmware.config import Config
from sim import loop as virtual
from sim.disk import Disk
from sim.faces import MemoryKiosk
from sim.locker import BACKEND, SimLocker
from sim.script import parse
from sim.steps import Steps

LIVED_IN = "rs485"  # the cabinet that this happened to
UNPACKED = ("power off",)  # of any other: it was switched on once, and nothing has happened yet
# From Monday, 09:00, on. The storage term is three days; days of polling would cost more than nights without power.
LINES = (
    "order KZ101 cell=9 buyer=marat account='Kaspi Red'",
    "deposit KZ101 9",
    "order KZ102 cell=2 buyer=alia",
    "deposit KZ102 2",
    "press start",
    "type pickup KZ102",
    "see take_parcel cell=2",
    "take KZ102 2",
    "close 2",
    "press confirm",
    "journal collected parcel=KZ102",
    "power off",
    "wait 30h",
    "power on",  # Tuesday
    "order KZ103 cell=3 buyer=alia",
    "deposit KZ103 3",
    "power off",
    "wait 51h",
    "power on",  # Thursday
    "journal expired parcel=KZ101",
    "sms marat KZ101 истёк",
    "order KZ104 cell=5 buyer=alia account='Kaspi Red'",
    "deposit KZ104 5",
    "order KZ105 cell=7 buyer=marat",
    "deposit KZ105 7",
    "order KZ106 cell=10 buyer=dana",
    "deposit KZ106 10",
    "order KZ107 cell=1 buyer=timur",
    "deposit KZ107 1",
    "order KZ108 cell=14 buyer=dana",
    "deposit KZ108 14",
    "order KZ109 cell=4 buyer=timur account='Kaspi Red'",
    "deposit KZ109 4",
    "order KZ110 cell=12 buyer=dana",
    "afflict 12 jammed",
    "press start",
    "type deposit KZ110",
    "journal not_opened cell=12",
    "see not_opened cell=12",
    "press back",
    "move KZ110 13",
    "deposit KZ110 13",
    "wait 61m",  # the quiet hour of cell 2, which began anew with the power, is over
    "power off",
    "wait 14h",  # Friday
)


class Past(NamedTuple):
    """The locker that it happened to, its power off, and the wall time at its end."""

    locker: SimLocker
    utc_ms: int


def lines(cabinet: str) -> tuple[str, ...]:
    """What has happened at the cabinet of this name, as lines of a scenario; its power is off at their end."""
    return LINES if cabinet == LIVED_IN else UNPACKED


def play(cabinet: str, config: Config, folder: Path, seed: int) -> Past:
    """Let it happen, on a disk in memory that forgets in a power cut what a real one may forget."""
    return virtual.run(_play(lines(cabinet), config, folder, seed))


async def go_on(config: Config, folder: Path, seed: int, past: Past) -> SimLocker:
    """A live locker on the same disk, which goes on where the past ended. It is still to be switched on."""
    before = past.locker
    before.backend.backup(folder / BACKEND)
    locker = SimLocker(config, folder, seed, live=True, disk=before.disk)  # the same seed: the same keys
    locker.boots = before.boots + 1  # this loop's time has nothing to do with that of the virtual one
    locker.chance = before.chance
    locker.clock.go_on(past.utc_ms)
    for number, cell in before.world.cells.items():
        locker.world.cells[number].parcel = cell.parcel
        locker.world.cells[number].condition = cell.condition
    return locker


async def _play(happened: tuple[str, ...], config: Config, folder: Path, seed: int) -> Past:
    locker = SimLocker(config, folder, seed, disk=Disk(f"live {seed}", random.Random(f"disk {seed}")))
    steps = Steps(locker, MemoryKiosk(locker))
    await locker.switch_on()
    for line in happened:
        await parse(line, Steps)(steps)
    return Past(locker, locker.clock.true_ms())
