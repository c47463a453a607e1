"""`python -m tests.bench.panel`: the live simulator's panel of 96 cells, in each of which something happens ten times a second.

Locker, kiosk, panel server and page are those of `postomat-sim run`; a process of its own, so that what it costs is not
the browser's. Says `ready ADDRESS` once the page can be had, and goes on until stdin ends.

Every cell's door swings each time, every other one over a parcel, and the locker believes it each time. Nobody could move
so many doors: the cells are changed themselves, their contacts being stuck, so that the controller stays as quiet as ever.
"""

import asyncio
import contextlib
import random
import sys
import tempfile
from pathlib import Path

from msgspec.structs import replace

from firmware.config import Cell, Config, Xor8a80
from firmware.model import DoorState
from firmware.rows import Door
from sim import pace, plan, web
from sim.glass import Glass
from sim.live import KioskProcess
from sim.locker import SimLocker
from sim.panel import server
from sim.panel.director import Director
from sim.panel.setup import setup
from sim.panel.stage import Stage
from sim.ports import free_port
from sim.run import scaled
from sim.scenario import cabinet
from sim.world import Sensor

BOARDS, CHANNELS = 4, 24
COLUMNS, CELL_MM = 8, 150
CHANGES_HZ = 10


def configuration() -> Config:
    """The standard cabinet with 96 cells, as many as the firmware takes on four boards of one line."""
    config = scaled(cabinet(plan.WORKLOAD))
    rows = BOARDS * CHANNELS // COLUMNS
    cells = tuple(
        Cell(
            number + 1,
            f"board{number // CHANNELS}",
            number % CHANNELS + 1,
            "S",
            number // rows,
            (rows - 1 - number % rows) * CELL_MM,
            CELL_MM,
        )
        for number in range(BOARDS * CHANNELS)
    )
    (bus,) = config.buses
    banks = tuple(Xor8a80(f"board{number}", bus.name, number + 1, CHANNELS) for number in range(BOARDS))
    return replace(config, cells=cells, banks=banks)


def change(locker: SimLocker, turn: int) -> None:
    """Something else is so in every cell, and the locker believes it."""
    rows = {row.cell: row for row in locker.controller.runtime.controller.state.all(Door)}
    for cell in locker.world.cells.values():
        is_open = (cell.number + turn) % 2 == 0
        cell.shut = cell.latched = not is_open
        cell.parcel = f"KZ{cell.number:06}" if is_open and cell.number % 4 < 2 else None
        rows[cell.number].state = DoorState.OPEN if is_open else DoorState.CLOSED
    locker.moved.set()


async def _changing(locker: SimLocker) -> None:
    loop, turn = pace.the_loop(), 0
    next_s = loop.time()
    while True:
        next_s = max(next_s + 1 / CHANGES_HZ, loop.time())
        await asyncio.sleep(next_s - loop.time())
        turn += 1
        change(locker, turn)


async def serve(folder: Path) -> None:
    """Serve the panel until stdin ends."""
    async with contextlib.AsyncExitStack() as stack:
        locker = SimLocker(configuration(), folder, random.Random(1).getrandbits(32), live=True)
        for cell in locker.world.cells.values():
            cell.sensor = Sensor.STUCK_CLOSED
        listener, window = stack.enter_context(web.listen(0)), stack.enter_context(web.listen(0))
        address, *_ = ours = web.origins(listener.getsockname()[1])
        port = free_port()
        glass = Glass(locker, lambda: f"http://{web.HOST}:{port}")
        director = Director(Stage(locker, glass, cabinet=plan.WORKLOAD, seed=1))
        stack.push_async_callback(director.close)
        await director.stage.switch_on()
        kiosk = await KioskProcess.start(locker, ours, port)
        stack.push_async_callback(kiosk.stop)
        await stack.enter_async_context(glass.serving(window))
        shown, *_ = web.origins(window.getsockname()[1])
        told = setup(locker, shown, director.stage.taps)
        await stack.enter_async_context(server.serving(listener, director, told))
        changing = asyncio.create_task(_changing(locker))
        stack.callback(changing.cancel)
        sys.stdout.write(f"ready {address}\n")
        sys.stdout.flush()
        gone = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await asyncio.wait([changing, gone], return_when=asyncio.FIRST_COMPLETED)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        pace.run(serve(Path(name)))
