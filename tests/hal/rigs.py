"""Three lock banks with a world behind each, for the suites that every bank must pass.

Two run in virtual time. The third is the shipped path to the bytes, pyserial on a pty, in real time: there the tests
wait for what the world shows, and measure no time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hal.coils import CoilGuard
from hal.locks.gpio import GpioBank, Pins
from hal.locks.xor8a80 import Xor8A80Bank
from hal.ports import LockBank, PulseLimits, PulseResult, Senses, SerialPort
from hal.rs485 import Bus
from hal.serialport import TtyPort
from sim.board8a80 import Board8A80
from sim.loop import run
from sim.pins import pin_factory
from sim.wire import Line, MemoryPort, PtyAdapter
from sim.world import World

CHANNELS = 4
LIMITS = PulseLimits(pulse_max_ms=600, rest_ms=100, gap_ms=10)
PINS = {channel: Pins(output=3 + channel, input=13 + channel) for channel in range(1, CHANNELS + 1)}


@dataclass
class Rig:
    """A bank that has not been started; channel N is cell N of its world."""

    world: World
    bank: LockBank
    closed_level: bool
    virtual: bool
    opened: PulseResult  # what a pulse that opened a door returns
    take_away: Callable[[], None]  # the device vanishes
    occupy: Callable[[], Awaitable[None]]  # another process takes the device
    vacate: Callable[[], None]  # and leaves it

    async def start(self) -> None:
        await self.bank.start()
        await asyncio.sleep(LIMITS.rest_ms / 1_000)

    async def until(self, true_of: Callable[[World], bool]) -> None:
        """Until the world is so; the test's timeout is the only other end."""
        seen = asyncio.Event()
        self.world.observe(lambda _: seen.set() if true_of(self.world) else None)
        if not true_of(self.world):
            await seen.wait()


Maker = Callable[[Path], AbstractAsyncContextManager[Rig]]


def guard() -> CoilGuard:
    loop = asyncio.get_running_loop()
    return CoilGuard(LIMITS, lambda: round(loop.time() * 1_000))


def board_bank(port: SerialPort, reply_ms: int = 150) -> Xor8A80Bank:
    return Xor8A80Bank(
        "board", Bus(port), guard(), address=1, channels=CHANNELS, senses=Senses.HOOK, reply_ms=reply_ms
    )


@asynccontextmanager
async def in_memory(folder: Path) -> AsyncIterator[Rig]:
    world, line = World(CHANNELS), Line()
    Board8A80(line, world, {cell: cell for cell in world.cells})
    port = MemoryPort(line, str(folder))

    async def occupy() -> None:
        port.held = True

    def vacate() -> None:
        port.held = False

    bank = board_bank(port)
    yield Rig(world, bank, True, True, PulseResult.ACKNOWLEDGED, port.unplug, occupy, vacate)
    bank.close()
    await asyncio.sleep(1)


@asynccontextmanager
async def on_a_pty(folder: Path) -> AsyncIterator[Rig]:
    world, line = World(CHANNELS), Line()
    Board8A80(line, world, {cell: cell for cell in world.cells})
    adapter = PtyAdapter(line, folder / "tty")
    adapter.plug()
    other = TtyPort(str(adapter.link), 9_600)

    async def occupy() -> None:
        other.open(lambda _: None, lambda _: None)

    # Real time: a busy machine must not look like a silent board.
    bank = board_bank(TtyPort(str(adapter.link), 9_600), reply_ms=5_000)
    yield Rig(world, bank, True, False, PulseResult.ACKNOWLEDGED, adapter.unplug, occupy, other.close)
    bank.close()
    other.close()
    adapter.unplug()


@asynccontextmanager
async def on_pins(folder: Path) -> AsyncIterator[Rig]:
    world = World(CHANNELS)
    factory = pin_factory(world, {cell: (pins.output, pins.input) for cell, pins in PINS.items()})
    bank = GpioBank("pins", factory, guard(), pins=PINS, senses=Senses.HOOK)
    other = GpioBank("other", factory, guard(), pins=PINS, senses=Senses.HOOK)

    def take_away() -> None:
        bank._pins = {1: Pins(output=99, input=98)}

    yield Rig(world, bank, False, True, PulseResult.SENT, take_away, other.start, other.close)
    bank.close()
    other.close()


MAKERS: dict[str, tuple[Maker, Callable[[Coroutine[Any, Any, None]], None]]] = {
    "8a80-in-memory": (in_memory, run),
    "8a80-on-a-pty": (on_a_pty, asyncio.run),
    "pins": (on_pins, run),
}
