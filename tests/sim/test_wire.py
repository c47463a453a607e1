"""The line takes its time, spoils what collides, and both of its adapters look like devices to a host."""

import asyncio
from pathlib import Path

import pytest
import serial

from hal.ports import PortBusy, PortLost, PortMissing
from sim.loop import run
from sim.wire import Line, MemoryPort, PtyAdapter

BYTE_S = 10 / 9_600


class Ear:
    def __init__(self, line: Line) -> None:
        self.heard: list[tuple[bytes, float]] = []
        self._news = asyncio.Event()
        line.boards.append(self)

    def hear(self, data: bytes, silence_ms: float) -> None:
        self.heard.append((data, asyncio.get_running_loop().time()))
        self._news.set()

    async def until(self, size: int) -> None:
        while sum(len(data) for data, _ in self.heard) < size:
            self._news.clear()
            await self._news.wait()


def test_bytes_take_their_time_in_both_directions() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        line = Line()
        one, two = Ear(line), Ear(line)
        port = MemoryPort(line)
        heard: list[tuple[bytes, float]] = []
        port.open(lambda data: heard.append((data, loop.time())), lambda _: None)
        port.write(b"12345")
        await asyncio.sleep(1)
        assert one.heard == two.heard
        assert [data for data, _ in one.heard] == [b"12345"]
        assert one.heard[0][1] == pytest.approx(5 * BYTE_S)
        line.from_board(one, b"1234567")
        await asyncio.sleep(1)
        assert [data for data, _ in heard] == [b"1234567"]
        assert heard[0][1] == pytest.approx(1 + 7 * BYTE_S)
        assert len(one.heard) == 1
        assert len(two.heard) == 2

    run(main())


def test_two_that_talk_at_once_spoil_it() -> None:
    async def main() -> None:
        line = Line()
        ear = Ear(line)
        line.from_host(b"12345")
        await asyncio.sleep(2 * BYTE_S)
        line.from_host(b"abc")
        await asyncio.sleep(1)
        assert line.spoilt == 1
        assert all(data != b"abc" for data, _ in ear.heard)

    run(main())


def test_the_faults_of_a_line() -> None:
    async def main() -> None:
        line = Line()
        ear = Ear(line)
        heard: list[bytes] = []
        line.to_host = heard.append
        line.noise_before, line.noise_behind, line.delay_ms = b"<", b">", 100
        line.from_board(ear, b"x")
        await asyncio.sleep(0.09)
        assert heard == []
        await asyncio.sleep(0.1)
        assert heard == [b"<x>"]
        line.echo = True
        line.from_host(b"y")
        await asyncio.sleep(1)
        assert heard == [b"<x>", b"y"]
        line.cut = True
        line.from_host(b"z")
        line.from_board(ear, b"z")
        await asyncio.sleep(1)
        assert len(heard) == 2
        assert len(ear.heard) == 1

    run(main())


def test_the_port_in_memory_is_plugged_held_and_lost() -> None:
    async def main() -> None:
        port = MemoryPort(Line(), "tty7")
        losses: list[PortLost] = []
        with pytest.raises(PortLost, match="tty7: not open"):
            port.write(b"x")
        port.open(lambda _: None, losses.append)
        with pytest.raises(PortBusy, match="tty7"):
            port.open(lambda _: None, losses.append)
        port.unplug()
        port.unplug()
        assert len(losses) == 1
        with pytest.raises(PortMissing, match="tty7"):
            port.open(lambda _: None, losses.append)
        port.plug()
        port.open(lambda _: None, losses.append)
        port.close()
        port.close()
        assert len(losses) == 1

    run(main())


def test_the_pty_is_a_device_that_pyserial_opens(tmp_path: Path) -> None:
    async def main() -> None:
        line = Line(baud=115_200)
        ear = Ear(line)
        adapter = PtyAdapter(line, tmp_path / "tty")
        assert not adapter.link.exists()
        adapter.plug()
        adapter.plug()
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        with serial.Serial(str(adapter.link), 115_200, timeout=0, exclusive=True) as tty:
            loop.add_reader(tty.fileno(), arrived.set)
            tty.write(bytes(range(256)))
            async with asyncio.timeout(30):
                await ear.until(256)
            line.from_board(ear, b"\x00\x03\x0a\x0d\x11\x13\xff")
            await arrived.wait()
            loop.remove_reader(tty.fileno())
            assert tty.read(100) == b"\x00\x03\x0a\x0d\x11\x13\xff"
        adapter.unplug()
        adapter.unplug()
        assert not adapter.link.is_symlink()

    asyncio.run(main())
