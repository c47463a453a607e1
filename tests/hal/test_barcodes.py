"""Serial barcode scanners: which bytes are a code, at any cut and in any noise; and a real device on a real pty."""

import asyncio
import logging
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.barcodes import (
    FLOOD_BYTES_MAX,
    FLOOD_CODES_MAX,
    FLOOD_PAUSE_S,
    GAP_MS,
    RETRY_S,
    STEADY_S,
    BarcodeScanner,
    Flood,
    Framing,
)
from hal.serialport import TtyPort
from sim.loop import run
from sim.wire import Line, MemoryPort, PtyAdapter

ENDS = (b"\r", b"\n", b"\r\n")
CODES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40)


def texts(framing: Framing, *pieces: bytes, gap_ms: int = 0) -> list[str]:
    return [
        text
        for number, piece in enumerate(pieces)
        for text in framing.take(piece, 1_000 + number * gap_ms).texts
    ]


@pytest.mark.parametrize("end", ENDS)
def test_a_code_ends_with_cr_lf_or_both(end: bytes) -> None:
    assert texts(Framing(), b"KZ00001" + end + b"4006381333931" + end) == ["KZ00001", "4006381333931"]


@given(
    st.lists(CODES, max_size=5),
    st.sampled_from(ENDS),
    st.sampled_from([("", ""), ("]C1", ""), ("<", "/>")]),
    st.data(),
)
def test_wherever_the_bytes_are_cut_the_codes_are_the_same(
    codes: list[str], end: bytes, frame: tuple[str, str], data: st.DataObject
) -> None:
    prefix, suffix = frame
    stream = b"".join(f"{prefix}{code}{suffix}".encode() + end for code in codes)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert texts(Framing(prefix, suffix), *pieces) == codes


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(0, 2 * GAP_MS))
def test_whatever_comes_is_a_printable_code_within_its_bounds_or_nothing(
    pieces: list[bytes], gap_ms: int
) -> None:
    framing = Framing("A", "Z", length_max=8)
    for text in texts(framing, *pieces, gap_ms=gap_ms):
        assert 1 <= len(text) <= 8
        assert text.isascii()
        assert text.isprintable()


@pytest.mark.parametrize(
    "noise",
    [
        b"\0KZ00001",
        b"KZ0\x000001",
        b"KZ00001\0",
        b"KZ\xff00001",
        b"\x1b[2JKZ00001",
        "КЗ00001".encode(),
        b"KZ0\t0001",
        b"\x7f",
    ],
)
def test_a_line_with_a_byte_that_no_code_has_is_thrown_away_and_the_next_one_is_not(noise: bytes) -> None:
    assert texts(Framing(), noise + b"\rKZ00002\r") == ["KZ00002"]


def test_a_code_has_at_most_its_length() -> None:
    framing = Framing(length_max=7)
    assert texts(framing, b"1234567\r12345678\r1234567\r") == ["1234567", "1234567"]
    assert texts(framing, b"9" * 100_000, b"\r7654321\r") == ["7654321"]


def test_of_a_line_without_an_end_no_more_is_held_than_a_code_may_have() -> None:
    framing = Framing("<<", ">", length_max=7)
    for number in range(1_000):
        framing.take(b"9" * 1_000, number)
        assert len(framing._line) <= len("<<>") + 7
    assert texts(framing, b"\r<<7654321>\r") == ["7654321"]


def test_what_lacks_its_prefix_or_suffix_is_no_code() -> None:
    framing = Framing("<", ">", length_max=3)
    assert texts(framing, b"<123>\r123>\r<123\r<>\r<\r>\r<1234>\r<<>>\r") == ["123", "<>"]
    assert texts(Framing("AB", "B"), b"AB\rABB\rABBB\r") == ["B"]  # one letter is not both


def test_a_frame_may_be_of_control_characters_and_of_the_end_that_always_ends_a_code() -> None:
    framing = Framing("\x02", "\x03\r\n")
    assert texts(framing, b"\x02KZ1\x03\r\n\x02K\x03Z\x03\r\nKZ2\r\n\x02\0\x03\r") == ["KZ1"]


def test_two_bursts_are_never_one_code() -> None:
    framing = Framing()
    assert texts(framing, b"KZ000", b"01\rKZ00002\r", gap_ms=GAP_MS) == ["KZ00001", "KZ00002"]
    assert texts(framing, b"KZ000", b"01\rKZ00002\r", gap_ms=GAP_MS + 1) == ["KZ00002"]


def test_an_end_counts_once_whatever_it_is_made_of() -> None:
    assert Framing().take(b"1\r\n2\n\n3\r\r\n\0\r\n", 0).ends == 4


@pytest.mark.parametrize("frame", [("A\rB", "", 8), ("", "A\nB", 8), ("я", "", 8), ("", "", 0)])
def test_a_frame_under_which_nothing_is_a_code_is_refused(frame: tuple[str, str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Framing(*frame)


def test_a_flood_is_more_than_hands_can_make() -> None:
    assert not Flood().rises(FLOOD_BYTES_MAX, FLOOD_CODES_MAX, 0)
    assert Flood().rises(FLOOD_BYTES_MAX + 1, 0, 0)
    assert Flood().rises(0, FLOOD_CODES_MAX + 1, 0)
    flood = Flood()
    for second in range(60):  # somebody who scans as fast as can be
        assert not flood.rises(16, 3, 1_000 * second)


# The device, in virtual time


class Desk:
    """A scanner on a port in memory, and what was heard of it."""

    def __init__(self) -> None:
        self.line = Line()
        self.port = MemoryPort(self.line)
        self.scanner = BarcodeScanner(self.port, Framing())
        self.heard: list[str] = []

    def send(self, data: bytes) -> None:
        if self.line.to_host is not None:
            self.line.to_host(data)


def test_a_device_that_vanishes_is_opened_again_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        desk = Desk()
        desk.scanner.open(desk.heard.append)
        desk.send(b"KZ00001\rKZ0")
        await asyncio.sleep(STEADY_S)
        desk.port.unplug()
        assert not desk.scanner.is_open
        await asyncio.sleep(3_600)
        desk.port.plug()
        await asyncio.sleep(RETRY_S[-1])
        assert desk.scanner.is_open
        desk.send(b"0001\rKZ00002\r")  # what was half sent before is not a beginning
        desk.scanner.close()
        assert desk.heard == ["KZ00001", "0001", "KZ00002"]

    caplog.set_level(logging.WARNING)
    run(main())
    assert len(caplog.records) == 1  # of an hour


def test_the_pauses_grow_and_begin_anew_after_it_has_stayed() -> None:
    async def main() -> None:
        desk, loop = Desk(), asyncio.get_running_loop()
        desk.port.unplug()
        tried: list[float] = []
        open_port = desk.port.open

        def counted(*arguments: object) -> None:
            tried.append(loop.time())
            open_port(*arguments)  # type: ignore[arg-type]

        desk.port.open = counted  # type: ignore[method-assign, assignment]
        desk.scanner.open(desk.heard.append)
        await asyncio.sleep(30)
        gaps = [round(b - a, 3) for a, b in pairwise(tried)]
        assert gaps == [*RETRY_S, RETRY_S[-1]]
        desk.port.plug()
        await asyncio.sleep(RETRY_S[-1] + STEADY_S)
        tried.clear()
        gone_s = loop.time()
        desk.port.unplug()
        await asyncio.sleep(RETRY_S[0])
        assert tried == [gone_s + RETRY_S[0]]
        desk.scanner.close()

    run(main())


def test_a_device_that_floods_is_let_go_of_and_heard_again_later() -> None:
    async def main() -> None:
        desk = Desk()
        desk.scanner.open(desk.heard.append)
        for number in range(10_000):
            desk.send(b"%05d\r" % number)
        assert len(desk.heard) == FLOOD_CODES_MAX
        assert (desk.scanner.floods, desk.scanner.is_open) == (1, False)
        await asyncio.sleep(FLOOD_PAUSE_S)
        desk.send(b"KZ00001\r")
        assert desk.heard[-1] == "KZ00001"
        desk.scanner.close()

    run(main())


def test_whoever_is_told_may_close() -> None:
    async def main() -> None:
        desk = Desk()

        def heard(text: str) -> None:
            desk.heard.append(text)
            desk.scanner.close()

        desk.scanner.open(heard)
        desk.send(b"1\r2\r")
        assert desk.heard == ["1"]
        await asyncio.sleep(60)
        assert not desk.scanner.is_open

    run(main())


def test_a_device_of_another_process_is_waited_for() -> None:
    async def main() -> None:
        desk = Desk()
        desk.port.held = True
        desk.scanner.open(desk.heard.append)
        assert not desk.scanner.is_open
        desk.port.held = False
        await asyncio.sleep(RETRY_S[0])
        assert desk.scanner.is_open
        desk.scanner.close()

    run(main())


# A real device: pyserial on a pty


class Seen(BarcodeScanner):
    """Rings whenever its device has come or gone."""

    def __init__(self, port: TtyPort, news: asyncio.Event) -> None:
        self.news = news
        super().__init__(port, Framing())

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "is_open":
            self.news.set()


class Plug:
    """A pty in place of the scanner's cable."""

    def __init__(self, folder: Path) -> None:
        self.line = Line()
        self.adapter = PtyAdapter(self.line, folder / "scanner")
        self.heard: list[str] = []
        self.news = asyncio.Event()
        self.scanner = Seen(TtyPort(str(folder / "scanner"), 9_600), self.news)

    def hear(self, text: str) -> None:
        self.heard.append(text)
        self.news.set()

    def send(self, data: bytes) -> None:
        assert self.line.to_host is not None
        self.line.to_host(data)

    async def until(self, count: int) -> None:
        await self._until(lambda: len(self.heard) >= count)

    async def until_open(self, *, is_open: bool = True) -> None:
        await self._until(lambda: self.scanner.is_open is is_open)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self.news.clear()
            await self.news.wait()


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hal.barcodes.RETRY_S", (0.05,))
    monkeypatch.setattr("hal.barcodes.FLOOD_PAUSE_S", 0.05)


@pytest.mark.usefixtures("short_pauses")
def test_a_real_tty_is_read_vanishes_and_comes_back(tmp_path: Path) -> None:
    async def main() -> None:
        plug = Plug(tmp_path)
        plug.scanner.open(plug.hear)  # before there is a device
        plug.adapter.plug()
        await plug.until_open()
        plug.send(b"KZ0")
        plug.send(b"0001\r\n\0\xff\r4006381333931\n")
        await plug.until(2)
        plug.adapter.unplug()
        await plug.until_open(is_open=False)
        plug.adapter.plug()
        await plug.until_open()
        plug.send(b"KZ00002\r")
        await plug.until(3)
        plug.scanner.close()
        plug.adapter.unplug()
        assert plug.heard == ["KZ00001", "4006381333931", "KZ00002"]

    asyncio.run(main())


@pytest.mark.usefixtures("short_pauses")
def test_a_real_tty_that_floods_is_let_go_of_again_and_again(tmp_path: Path) -> None:
    async def main() -> None:
        plug = Plug(tmp_path)
        plug.adapter.plug()
        plug.scanner.open(plug.hear)
        while plug.scanner.floods < 3:
            plug.send(b"x" * 1_000)  # what the kernel has no room for is lost
            await asyncio.sleep(0)
        await plug.until_open()
        assert plug.heard == []
        plug.send(b"\rKZ00001\r")
        await plug.until(1)
        plug.scanner.close()
        plug.adapter.unplug()
        assert plug.heard[-1] == "KZ00001"

    asyncio.run(main())


def test_two_at_one_device_do_not_share_its_bytes(tmp_path: Path) -> None:
    async def main() -> None:
        plug = Plug(tmp_path)
        plug.adapter.plug()
        plug.scanner.open(plug.hear)
        other = BarcodeScanner(TtyPort(str(tmp_path / "scanner"), 9_600), Framing())
        other.open(plug.hear)
        assert (plug.scanner.is_open, other.is_open) == (True, False)
        for each in (plug.scanner, other):
            each.close()
        plug.adapter.unplug()

    asyncio.run(main())
