"""The real port on real ptys: what arrives, what cannot leave, who may open, and a cable that is pulled."""

import asyncio
import os
import pty
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hal.locks.xor8a80 import Xor8A80Bank
from hal.ports import HalError, PortBusy, PortLost, PortMissing, Senses, SerialPort
from hal.rs485 import Bus
from hal.serialport import QUEUE_MAX_BYTES, TtyPort
from sim.board8a80 import Board8A80
from sim.wire import Line, PtyAdapter
from sim.world import World
from tests.hal.rigs import guard

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")


class Peer:
    """The other end of the cable."""

    def __init__(self) -> None:
        self.fd, self.theirs = pty.openpty()
        tty.setraw(self.theirs)
        os.set_blocking(self.fd, False)
        self.path = os.ttyname(self.theirs)

    def pull(self) -> None:
        for fd in (self.fd, self.theirs):
            os.close(fd)
        self.fd = self.theirs = -1


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    if peer.fd >= 0:
        peer.pull()


class Ear:
    """Keeps what a port says, and lets a test wait for it."""

    def __init__(self) -> None:
        self.data = b""
        self.lost: list[PortLost] = []
        self._news = asyncio.Event()

    def hear(self, data: bytes) -> None:
        self.data += data
        self._news.set()

    def lose(self, error: PortLost) -> None:
        self.lost.append(error)
        self._news.set()

    async def until(self, size: int = 0, losses: int = 0) -> None:
        while len(self.data) < size or len(self.lost) < losses:
            self._news.clear()
            await self._news.wait()


def test_it_is_a_serial_port_and_carries_bytes_both_ways(peer: Peer) -> None:
    async def main() -> None:
        port, ear = TtyPort(peer.path, 9_600), Ear()
        assert isinstance(port.name, str)
        as_port: SerialPort = port
        as_port.open(ear.hear, ear.lose)
        every_byte = bytes(range(256))
        os.write(peer.fd, every_byte)
        await ear.until(256)
        port.write(every_byte)
        heard = b""
        while len(heard) < 256:
            await readable(peer.fd)
            heard += os.read(peer.fd, 4_096)
        port.close()
        assert (ear.data, heard) == (every_byte, every_byte)

    asyncio.run(main())


def test_a_pulled_cable_is_told_once_and_the_port_is_closed(peer: Peer) -> None:
    async def main() -> None:
        port, ear = TtyPort(peer.path, 9_600), Ear()
        port.open(ear.hear, ear.lose)
        name = peer.path
        peer.pull()
        await ear.until(losses=1)
        await asyncio.sleep(0)
        assert [str(error).startswith(f"{name}: went away") for error in ear.lost] == [True]
        with pytest.raises(PortLost, match=f"{name}: not open"):
            port.write(b"x")
        port.close()
        assert len(ear.lost) == 1

    asyncio.run(main())


def test_a_device_that_takes_no_bytes_never_blocks_and_is_given_up(peer: Peer) -> None:
    async def main() -> None:
        port, ear = TtyPort(peer.path, 9_600), Ear()
        port.open(ear.hear, ear.lose)
        while len(port._queue) <= QUEUE_MAX_BYTES - 64:
            port.write(bytes(64))
        with pytest.raises(PortLost, match=f"takes no bytes \\({QUEUE_MAX_BYTES} wait\\)"):
            port.write(bytes(65))
        assert not ear.lost
        with pytest.raises(PortLost, match="not open"):
            port.write(b"x")

    asyncio.run(main())


def test_what_could_not_leave_at_once_leaves_later_in_order(peer: Peer) -> None:
    async def main() -> None:
        port, ear = TtyPort(peer.path, 9_600), Ear()
        port.open(ear.hear, ear.lose)
        sent = b""
        while not port._queue:
            sent += (frame := len(sent).to_bytes(4, "big") * 16)
            port.write(frame)
        port.write(b"the end")
        heard = b""
        while not heard.endswith(b"the end"):
            await readable(peer.fd)
            heard += os.read(peer.fd, 65_536)
        assert heard == sent + b"the end"
        port.close()

    asyncio.run(main())


def test_drain_forgets_what_has_not_left(peer: Peer) -> None:
    async def main() -> None:
        port, ear = TtyPort(peer.path, 9_600), Ear()
        port.open(ear.hear, ear.lose)
        while not port._queue:
            port.write(b"unlock it! " * 8)
        port.drain()
        assert not port._queue
        # What the kernel had not passed on is gone too, and what follows is a frame of its own.
        while not os.get_blocking(peer.fd):
            try:
                os.read(peer.fd, 65_536)
            except BlockingIOError:
                break
        port.write(b"next")
        await readable(peer.fd)
        assert os.read(peer.fd, 65_536).endswith(b"next")
        port.close()

    asyncio.run(main())


def test_a_second_opener_is_refused_and_the_first_works_on(peer: Peer) -> None:
    async def main() -> None:
        port, ear = TtyPort(peer.path, 9_600), Ear()
        port.open(ear.hear, ear.lose)
        with pytest.raises(PortBusy, match=f"{peer.path}: another process holds the device"):
            TtyPort(peer.path, 9_600).open(ear.hear, ear.lose)
        with pytest.raises(PortBusy, match="already open here"):
            port.open(ear.hear, ear.lose)
        os.write(peer.fd, b"still here")
        await ear.until(10)
        port.close()
        TtyPort(peer.path, 9_600).open(ear.hear, ear.lose)

    asyncio.run(main())


def test_what_cannot_be_opened_is_named(tmp_path: Path, peer: Peer) -> None:
    (tmp_path / "file").write_text("not a tty")
    cases = [
        (tmp_path / "none", 9_600, "no such device"),
        (tmp_path / "file", 9_600, "cannot be opened as a serial device"),
        (tmp_path, 9_600, "cannot be opened as a serial device"),
        (Path(peer.path), -1, "cannot be opened as a serial device at -1 baud"),
        (Path(peer.path), 10**12, "cannot be opened as a serial device"),
    ]

    async def main() -> None:
        for path, baud, why in cases:
            with pytest.raises(PortMissing, match=f"{path}: {why}"):
                TtyPort(str(path), baud).open(lambda _: None, lambda _: None)

    asyncio.run(main())


def test_close_is_idempotent_also_when_the_loop_is_gone(peer: Peer) -> None:
    port = TtyPort(peer.path, 9_600)
    port.close()

    async def main() -> None:
        port.open(lambda _: None, lambda _: None)

    asyncio.run(main())
    port.close()
    port.close()


def test_a_bank_survives_its_adapter_being_pulled_and_plugged(tmp_path: Path) -> None:
    async def main() -> None:
        world, line = World(8), Line()
        Board8A80(line, world, {cell: cell for cell in world.cells}, channels=8)
        adapter = PtyAdapter(line, tmp_path / "tty")
        adapter.plug()
        bus = Bus(TtyPort(str(adapter.link), 9_600))
        bank = Xor8A80Bank("a", bus, guard(), address=1, channels=8, senses=Senses.HOOK, reply_ms=5_000)
        await bank.start()
        assert await bank.read() == (True,) * 8
        adapter.unplug()
        with pytest.raises(HalError):
            await bank.read()
        world.force(2)
        adapter.plug()
        levels: tuple[bool | None, ...] = ()
        while not levels:
            try:
                levels = await bank.read()
            except (PortLost, PortMissing):
                await asyncio.sleep(0.05)
        assert levels == (True, False, *(True,) * 6)
        bank.close()
        adapter.unplug()

    asyncio.run(main())


async def readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(fd, ready.cancel)
    await asyncio.wait([ready])
    loop.remove_reader(fd)
