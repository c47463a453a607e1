"""What happened at a locker before a person comes to look: played in virtual time, so it costs a second of real time.

The live simulator begins with a locker that has been at work: one parcel whose storage term has run out, one that waits
for its buyer, one on its way. Nothing of it is written into a database by hand: people typed codes, doors opened and shut.
"""

import asyncio
from pathlib import Path
from typing import NamedTuple

from firmware.config import Config
from sim import loop as virtual
from sim.faces import MemoryKiosk
from sim.locker import SimLocker
from sim.script import parse
from sim.steps import Steps

AWAY_MS = 73 * 3_600_000  # an hour more than the storage term
DEPOSIT = (
    "order {waybill} cell={cell} buyer={buyer} account='{account}'",
    "sms courier {waybill}",
    "see idle",
    "press start",
    "type courier",
    "see put_parcel cell={cell}",
    "put {waybill} {cell}",
    "close {cell}",
    "journal stored parcel={waybill}",
    "see idle",
)


class Past(NamedTuple):
    """The locker that it happened to, switched off, and the wall time at its end."""

    locker: SimLocker
    utc_ms: int


def play(config: Config, folder: Path, seed: int) -> Past:
    """Let it happen. The database lies in `folder` afterwards."""
    return virtual.run(_play(config, folder, seed))


async def go_on(config: Config, folder: Path, seed: int, past: Past) -> SimLocker:
    """A live locker in the same folder, which goes on where the past ended. It is still to be switched on."""
    before = past.locker
    locker = SimLocker(config, folder, seed, live=True)  # the same seed: the same keys
    locker.boots = before.boots + 1  # this loop's time has nothing to do with that of the virtual one
    locker.chance, locker.backend, locker.link = before.chance, before.backend, before.link
    locker.clock = before.clock
    locker.clock.offset_ms += past.utc_ms - locker.clock.utc_ms()
    for number, cell in before.world.cells.items():
        locker.world.cells[number].parcel = cell.parcel
    return locker


async def _play(config: Config, folder: Path, seed: int) -> Past:
    locker = SimLocker(config, folder, seed)
    steps = Steps(locker, MemoryKiosk(locker))
    await _switch_on(locker)
    await _deposit(steps, waybill="KZ101", cell=9, buyer="marat", account="Kaspi Red")
    await locker.switch_off()
    locker.clock.offset_ms += AWAY_MS  # the term runs out while the power is off; the next start finds it so
    await _switch_on(locker)
    await _do(steps, "journal expired parcel=KZ101", "sms marat KZ101 истёк", "see idle")
    await _deposit(steps, waybill="KZ102", cell=3, buyer="alia", account="Kaspi Gold")
    await _do(steps, "sms alia KZ102")
    await steps.settle()
    locker.backend.order("KZ103", 5, "marat")
    ended = Past(locker, locker.clock.utc_ms())
    await locker.close()
    return ended


async def _switch_on(locker: SimLocker) -> None:
    await locker.switch_on()
    await asyncio.sleep(locker.config.locks.rest_s)  # coils count as just pulsed at the start


async def _deposit(steps: Steps, **values: str | int) -> None:
    """A courier comes with a parcel."""
    await _do(steps, *(line.format(**values) for line in DEPOSIT))


async def _do(steps: Steps, *lines: str) -> None:
    for line in lines:
        await parse(line, Steps)(steps)
