"""A controller with real sockets, for a scanner that is real but for its pixels."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from firmware.config import Config
from firmware.model import EntryKind
from firmware.optics import Format
from firmware.sockets import listen
from hal.ports import Code, Look, Measures, PortLost, PortMissing, Target
from tests.core.shell import Shell, running

ROOM = Measures(brightness=110, contrast=60, difference=1.5)
SAME = Measures(brightness=110, contrast=60, difference=0)
FINGER = Measures(brightness=9, contrast=3, difference=0.6)


class Pixels:
    """What a camera would see. Its `look` comes back when the test lets it."""

    def __init__(self) -> None:
        self.measures = ROOM
        self.codes: tuple[Code, ...] = ()
        self.target: Target | None = None
        self.age_ms = 0  # of the frame, when it is looked at
        self.is_there = True
        self.bug: Exception | None = None
        self.passes = threading.Event()  # cleared: a call into the camera does not come back
        self.passes.set()
        self.opened = self.closed = 0
        self.looks: list[tuple[int, tuple[Format, ...]]] = []  # when, and for what
        self.pictures = 0

    def show(self, text: str, written: Format = Format.QR) -> None:
        self.codes = (Code(text, written),)

    def open(self) -> None:
        self.passes.wait()
        if not self.is_there:
            raise PortMissing("/dev/video0: there is no such device")
        self.opened += 1

    def look(self, wants: tuple[Format, ...]) -> Look:
        self.passes.wait()
        threading.Event().wait(0.005)
        if self.bug is not None:
            raise self.bug
        if not self.is_there:
            raise PortLost("/dev/video0: it is gone")
        now_ms = round(1_000 * LOOPS[0].time())
        self.looks.append((now_ms, wants))
        codes = tuple(each for each in self.codes if each.format in wants)
        return Look(now_ms - self.age_ms, self.measures, codes, self.target)

    def picture(self) -> bytes:
        self.pictures += 1
        return b"jpeg"

    def close(self) -> None:
        self.closed += 1


LOOPS: list[asyncio.AbstractEventLoop] = []  # the running one, whose clock a thread may read


async def until(holds: Callable[[], object]) -> None:
    """Wait as long as it takes: the test's own time limit is the only one."""
    while not holds():  # noqa: ASYNC110 - the other end is a thread, or a process
        await asyncio.sleep(0.01)


def on_stage(folder: Path, act: Callable[[Shell], Awaitable[None]], config: Config | None = None) -> None:
    """A controller behind its real sockets, on a loop whose time is real."""

    async def whole() -> None:
        LOOPS[:] = [asyncio.get_running_loop()]
        async with running(folder, config, rest_s=0) as shell:
            servers = await listen(shell.gate, shell.config)
            try:
                await act(shell)
            finally:
                for server in servers:
                    server.close()
                for peer in [peer for peers in shell.gate._peers.values() for peer in peers]:
                    peer.drop()
                await asyncio.sleep(0)

    asyncio.run(whole())


def entries(shell: Shell) -> list[str]:
    """What the journal tells of the scanner."""
    bodies = [msgspec.json.decode(row.body) for row in shell.store.journal(0, 256)]
    return [body["why"] for body in bodies if body["kind"] == EntryKind.SCANNER]
