"""`python -m tests.bench.boards CONFIG FOLDER`: simulated boards for a configuration, as device files, until stdin ends.

A process of its own, so that what it costs is not the controller's. Says `ready` once the device files are there; then,
for each unlock frame, `unlock READ ASKED`: when its last byte was read from the pty, and when that of the last query
before it (nanoseconds of CLOCK_MONOTONIC). A line `shut N` on stdin pushes the door of cell N shut.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns

from firmware.config_file import load
from sim.cabinet import SimCabinet

FRAME_BYTES = 5  # of both requests that a driver sends (docs/lock-boards.md section 4)
UNLOCK, QUERY = 0x8A, 0x80
QUICK_MS = 20  # of bolt and spring: as quick as they come, for nothing is measured meanwhile


class Ear:
    """Stands between a pty and its line, and tells of unlock frames."""

    def __init__(self, line: Callable[[bytes], None]) -> None:
        self._line = line
        self._tail = b""
        self._asked_ns = 0

    def hear(self, data: bytes) -> None:
        """Bytes as they were read; the boards hear them after the time that the line takes."""
        now_ns = monotonic_ns()
        self._tail = (self._tail + data)[-FRAME_BYTES:]
        if len(self._tail) == FRAME_BYTES and self._tail[0] == UNLOCK:
            say(f"unlock {now_ns} {self._asked_ns}")
        elif len(self._tail) == FRAME_BYTES and self._tail[0] == QUERY:
            self._asked_ns = now_ns
        self._line(data)


def say(line: str) -> None:
    """A line for whoever started this process, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def serve(config: Path, folder: Path) -> None:
    """Serve each bus of the configuration at FOLDER/tty-NAME."""
    cabinet = SimCabinet(load(config))
    for cell in cabinet.world.cells.values():
        cell.pull_ms = cell.pop_ms = QUICK_MS
    for line in cabinet.lines.values():
        line.from_host = Ear(line.from_host).hear  # type: ignore[method-assign]
    cabinet.plug_ptys(folder)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    say("ready")
    while order := await orders.readline():
        cabinet.world.close(int(order.removeprefix(b"shut ")))
    cabinet.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
