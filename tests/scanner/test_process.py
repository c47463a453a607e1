"""The scanner's process on a loop and a thread of its own, before a real controller: all but the pixels is real."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware import readings
from firmware.control import Code, Heartbeat, Message, Press, Reading, Scan, Seq, Show, Watched
from firmware.errors import HardwareError
from firmware.events import Event, Pressed
from firmware.model import Action, Outcome, ScreenName
from firmware.optics import TEXT_MAX, CameraState, Format, Hint
from firmware.peer import Role
from firmware.scanner import process
from firmware.scanner.process import ENDS, Scanner
from firmware.scanner.ring import Ring
from firmware.signed import Keyring
from hal.ports import Target
from tests.core.shell import Face, Shell
from tests.scanner.stage import FINGER, LOOPS, ROOM, SAME, Pixels, entries, on_stage, until

OK, COVERED, FROZEN, HUNG, GONE, SILENT, NONE = CameraState
IDLE_FPS = 50
TEXT = "6BF+70O6:D+R6"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the gate looked at. A text opens the keypad, or is refused by its own name."""
    looked: list[str] = []

    def read(text: str, keyring: Keyring) -> Event | Outcome:
        looked.append(text)
        return Outcome.UNSIGNED if text != TEXT else Pressed(Action.START)

    monkeypatch.setattr(readings, "_READ", dict.fromkeys(Format, read))
    monkeypatch.setattr(readings, "_ASKED", {ScreenName.IDLE: (Format.QR, Format.LINEAR)})
    return looked


@asynccontextmanager
async def scanning(
    shell: Shell,
    pixels: Pixels | None,
    *,
    ring: Ring | None = None,
    barcodes: tuple[process.Barcodes, ...] = (),
) -> AsyncIterator[Scanner]:
    scanner = Scanner(shell.config.paths.run / "scanner.sock", pixels, barcodes, IDLE_FPS, ring)
    task = asyncio.get_running_loop().create_task(scanner.run())
    try:
        yield scanner
    finally:
        if pixels is not None:
            pixels.passes.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def more_looks(pixels: Pixels) -> None:
    seen = len(pixels.looks)
    await until(lambda: len(pixels.looks) > seen + 10)


def test_what_is_held_before_the_camera_reaches_the_gate(folder: Path, opened: list[str]) -> None:
    async def act(shell: Shell) -> None:
        pixels = Pixels()
        async with scanning(shell, pixels):
            await until(lambda: shell.runtime.screen.camera)
            pixels.show(TEXT)
            await until(lambda: shell.shows() is ScreenName.KEYPAD)
        assert opened == [TEXT]
        assert (pixels.opened, pixels.closed) == (1, 1)
        assert entries(shell)[0] == OK

    on_stage(folder, act)


def test_a_code_that_stays_there_is_told_once_before_each_screen(folder: Path, opened: list[str]) -> None:
    async def act(shell: Shell) -> None:
        pixels = Pixels()
        pixels.show(TEXT)
        async with scanning(shell, pixels):
            for times in (1, 2, 3):
                await until(lambda: shell.shows() is ScreenName.KEYPAD)
                await more_looks(pixels)
                assert len(opened) == times
                await shell.ask(Pressed(Action.BACK))

    on_stage(folder, act)


def test_a_refused_code_is_told_again_after_a_while_and_not_with_each_frame(
    folder: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "REPEAT_MS", 300)

    async def act(shell: Shell) -> None:
        pixels = Pixels()
        async with scanning(shell, pixels) as scanner:
            await until(lambda: shell.runtime.screen.camera)
            sent, send = [], scanner._send

            def watched(message: Message) -> None:
                send(message)
                if isinstance(message, Reading):
                    sent.append(scanner._now_ms())

            monkeypatch.setattr(scanner, "_send", watched)
            pixels.show("HELLO")
            await until(lambda: len(sent) == 4)
            assert all(later - sooner >= 300 for sooner, later in itertools.pairwise(sent))
        assert opened == ["HELLO"]  # the gate, too, looks at it once

    on_stage(folder, act)


def test_what_was_seen_before_the_screen_asked_does_not_count(folder: Path, opened: list[str]) -> None:
    async def act(shell: Shell) -> None:
        pixels = Pixels()
        pixels.age_ms = 3_600_000
        pixels.show(TEXT)
        async with scanning(shell, pixels):
            await until(lambda: len(pixels.looks) > 20)
            assert opened == []
            pixels.age_ms = 0
            await until(lambda: opened)

    on_stage(folder, act)


@pytest.mark.parametrize(
    "text", ["", "КОД", "A\nB", "A\0", "A\x7f", "a" * (TEXT_MAX + 1), "é漢", "\U0001f4e6" * 5_000]
)
def test_what_can_be_none_of_ours_is_told_as_nothing_and_never_in_the_log(
    folder: Path, opened: list[str], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(shell: Shell) -> None:
        pixels = Pixels()
        pixels.show(text)
        async with scanning(shell, pixels):
            await until(lambda: opened)
        assert opened[0] == ""
        assert not text or text not in caplog.text

    with caplog.at_level(logging.DEBUG):
        on_stage(folder, act)


def test_a_covered_lens_is_told_and_the_keypad_goes_on(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        kiosk, pixels = Face(shell, Role.KIOSK), Pixels()
        async with scanning(shell, pixels):
            await until(lambda: shell.state.locker.scanner is OK)
            pixels.measures = FINGER
            await until(lambda: shell.state.locker.scanner is COVERED)
            await types_a_code(shell, kiosk)
            pixels.measures = ROOM
            await until(lambda: shell.state.locker.scanner is OK)
        assert entries(shell)[:3] == [OK, COVERED, OK]

    on_stage(folder, act)


def test_a_frozen_picture_is_told_and_ends_the_process_while_the_keypad_goes_on(folder: Path) -> None:
    """The next process, before a camera that stays frozen, never says that it is well."""

    async def act(shell: Shell) -> None:
        kiosk, pixels = Face(shell, Role.KIOSK), Pixels()
        scanner = Scanner(shell.config.paths.run / "scanner.sock", pixels, (), IDLE_FPS, None)
        task = asyncio.get_running_loop().create_task(scanner.run())
        await until(lambda: shell.state.locker.scanner is OK)
        pixels.measures = SAME
        await until(lambda: shell.state.locker.scanner is FROZEN)
        await types_a_code(shell, kiosk)
        for _ in range(2):
            with pytest.raises(HardwareError, match=ENDS[FROZEN]):
                await task
            await until(lambda: not shell.gate._peers[Role.SCANNER])
            assert shell.state.locker.scanner is FROZEN
            scanner = Scanner(shell.config.paths.run / "scanner.sock", pixels, (), IDLE_FPS, None)
            task = asyncio.get_running_loop().create_task(scanner.run())
        pixels.measures = ROOM
        await until(lambda: shell.state.locker.scanner is OK)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert entries(shell)[:3] == [OK, FROZEN, OK]

    on_stage(folder, act)


async def types_a_code(shell: Shell, kiosk: Face) -> None:
    """A person at the keypad is served."""
    await shell.quiet()
    for ask in (lambda seq: Press(seq, Action.START), lambda seq: Code(seq, "00000000")):
        seq = next(push.seq for push in reversed(kiosk.got) if isinstance(push, Show))
        kiosk.send(ask(seq))
        await shell.quiet()
    assert shell.shows() is ScreenName.WRONG_CODE


def test_a_camera_that_hangs_is_told_and_ends_the_process_while_the_keypad_goes_on(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        kiosk, pixels = Face(shell, Role.KIOSK), Pixels()
        scanner = Scanner(shell.config.paths.run / "scanner.sock", pixels, (), IDLE_FPS, None)
        task = asyncio.get_running_loop().create_task(scanner.run())
        await until(lambda: shell.state.locker.scanner is OK)
        pixels.passes.clear()
        await until(lambda: shell.state.locker.scanner is HUNG)
        await types_a_code(shell, kiosk)
        with pytest.raises(HardwareError, match=ENDS[HUNG]):
            await task
        pixels.passes.set()
        async with scanning(shell, Pixels()):  # as systemd does
            await until(lambda: shell.state.locker.scanner is OK)
        assert entries(shell)[:3] == [OK, HUNG, OK]

    on_stage(folder, act)


def test_a_camera_that_hangs_at_its_opening(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.scanner.watch.OPEN_MS", 500)

    async def act(shell: Shell) -> None:
        pixels = Pixels()
        pixels.passes.clear()
        with pytest.raises(HardwareError, match=ENDS[HUNG]):
            await Scanner(shell.config.paths.run / "scanner.sock", pixels, (), IDLE_FPS, None).run()
        pixels.passes.set()
        await until(lambda: pixels.closed)

    on_stage(folder, act)


def test_a_camera_that_goes_is_opened_again_when_it_is_back(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware.scanner.gaze.RETRY_S", 0.05)
    caplog.set_level(logging.INFO)

    async def act(shell: Shell) -> None:
        pixels = Pixels()
        async with scanning(shell, pixels):
            await until(lambda: shell.state.locker.scanner is OK)
            pixels.is_there = False
            await until(lambda: shell.state.locker.scanner is GONE)
            await until(lambda: pixels.closed > 3)
            pixels.is_there = True
            await until(lambda: shell.state.locker.scanner is OK)
            assert pixels.opened == 2

    on_stage(folder, act)
    told = [record for record in caplog.records if "camera" in record.getMessage()]
    assert [(record.levelname, record.getMessage()) for record in told] == [
        ("INFO", "the camera: ok"),
        ("WARNING", "the camera: gone (/dev/video0: it is gone)"),
        ("INFO", "the camera: ok"),
    ]


def test_a_bug_in_the_thread_ends_the_process(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        pixels = Pixels()
        pixels.bug = ZeroDivisionError("a bug")
        with pytest.raises(ZeroDivisionError):
            await Scanner(shell.config.paths.run / "scanner.sock", pixels, (), IDLE_FPS, None).run()

    on_stage(folder, act)


def test_the_controller_may_come_late_and_go_and_come_again(folder: Path, opened: list[str]) -> None:
    pixels = Pixels()
    pixels.show(TEXT)

    async def act(shell: Shell) -> None:
        async with scanning(shell, pixels) as scanner:
            for _ in range(3):
                await until(lambda: shell.shows() is ScreenName.KEYPAD)
                (peer,) = shell.gate._peers[Role.SCANNER]
                peer.drop()
                await until(lambda: scanner._client is None)
                await shell.ask(Pressed(Action.BACK))

    async def late() -> None:
        LOOPS[:] = [asyncio.get_running_loop()]
        scanner = Scanner(folder / "scanner.sock", pixels, (), IDLE_FPS, None)
        task = asyncio.get_running_loop().create_task(scanner.run())
        await until(lambda: len(pixels.looks) > 20)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(late())
    assert opened == []
    on_stage(folder, act)
    assert len(opened) >= 3


def test_an_idle_camera_is_looked_through_at_the_idle_rate_and_a_touch_wakes_it(
    folder: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "_ASKED", {ScreenName.IDLE: (Format.QR,), ScreenName.KEYPAD: (Format.QR,)})

    async def act(shell: Shell) -> None:
        pixels = Pixels()
        scanner = Scanner(shell.config.paths.run / "scanner.sock", pixels, (), 5, None)
        task = asyncio.get_running_loop().create_task(scanner.run())
        await until(lambda: len(pixels.looks) > 5)
        asleep = list(pixels.looks)
        await shell.ask(Pressed(Action.START))
        await until(lambda: len(pixels.looks) > len(asleep) + 50)
        awake = [at_ms for at_ms, _ in pixels.looks[len(asleep) :]]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert all(later - sooner >= 199 for (sooner, _), (later, _) in itertools.pairwise(asleep))
        assert min(later - sooner for sooner, later in itertools.pairwise(awake)) < 100

    on_stage(folder, act)


def test_a_hint_reaches_the_screen(folder: Path, opened: list[str]) -> None:
    async def act(shell: Shell) -> None:
        kiosk, pixels = Face(shell, Role.KIOSK), Pixels()
        pixels.target = Target(span=0.1, sharpness=1)

        def hints() -> list[Hint]:
            return [push.hint for push in kiosk.got if isinstance(push, Show)]

        async with scanning(shell, pixels):
            await until(lambda: hints()[-1] is Hint.CLOSER)
            pixels.target = None
            await until(lambda: hints()[-1] is Hint.NONE)

    on_stage(folder, act)


def ringing(kiosk: Face) -> bool:
    """Whether its screen says that pictures are kept."""
    return next(push.ring for push in reversed(kiosk.got) if isinstance(push, Show))


def announced(scanner: Face) -> bool:
    """Whether it may keep them."""
    return next(push.ring for push in reversed(scanner.got) if isinstance(push, Scan))


def inside(folder: Path) -> dict[str, bytes]:
    """Every file by its name."""
    return {path.name: path.read_bytes() if path.is_file() else b"" for path in folder.iterdir()}


def test_the_ring_is_announced_and_written_when_asked_for_and_nothing_is_written_else(
    folder: Path, tmp_path: Path
) -> None:
    async def act(shell: Shell) -> None:
        kiosk, pixels = Face(shell, Role.KIOSK), Pixels()
        before = inside(folder)
        async with scanning(shell, pixels, ring=Ring(60, tmp_path)) as scanner:
            await until(lambda: ringing(kiosk))
            kiosk.send(Heartbeat(ring=True))
            await until(lambda: pixels.pictures > 2)
            assert inside(tmp_path) == {}
            scanner.keep()
            assert set(inside(tmp_path).values()) == {b"jpeg"}
        await until(lambda: not ringing(kiosk))
        assert inside(folder).keys() == before.keys()

    on_stage(folder, act)


def test_nothing_is_kept_before_the_screen_has_painted_that_it_is_nor_after_it_no_longer_says_so(
    folder: Path, tmp_path: Path
) -> None:
    async def act(shell: Shell) -> None:
        kiosk, pixels = Face(shell, Role.KIOSK), Pixels()

        async def frames(count: int) -> int:
            """Once so many more have come and gone: how many pictures were taken so far."""
            seen = len(pixels.looks)
            await until(lambda: len(pixels.looks) > seen + count)
            return pixels.pictures

        pixels.measures = SAME  # nothing is known of the camera, and so nothing was told of it
        scanner = Scanner(shell.config.paths.run / "scanner.sock", pixels, (), IDLE_FPS, Ring(60, tmp_path))
        task = asyncio.get_running_loop().create_task(scanner.run())
        await until(lambda: scanner._client is not None)
        assert await frames(20) == 0
        pixels.measures = ROOM
        await until(lambda: ringing(kiosk))
        kiosk.send(Heartbeat())  # the page lives, and what it has painted last was before the word came
        assert await frames(20) == 0
        assert scanner._ring is not None
        assert not scanner._ring._pictures
        for goes in (
            lambda face: face.send(Heartbeat()),
            lambda face: face.peer.gone(),
            lambda face: Face(shell, Role.KIOSK),
        ):
            kiosk = Face(shell, Role.KIOSK)
            kiosk.send(Heartbeat(ring=True))
            taken = pixels.pictures
            while pixels.pictures == taken:
                await frames(1)
            goes(kiosk)
            await until(lambda: not scanner._scan.ring)
            taken = await frames(1)  # one may have been on its way
            assert await frames(60) == taken
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    on_stage(folder, act)


def test_a_scanner_is_not_announced_by_the_paint_of_the_one_before_it(folder: Path) -> None:
    """Its ring is told again, and only what is painted then counts."""

    async def act(shell: Shell) -> None:
        kiosk, first = Face(shell, Role.KIOSK), Face(shell, Role.SCANNER)
        first.send(Watched(CameraState.OK, Hint.NONE, ring=True))
        await until(lambda: ringing(kiosk))
        kiosk.send(Heartbeat(ring=True))
        await until(lambda: announced(first))
        first.peer.gone()
        await until(lambda: not ringing(kiosk))
        second = Face(shell, Role.SCANNER)
        assert not announced(second)
        kiosk.send(Heartbeat(ring=True))  # sent before the page had heard of it
        second.send(Watched(CameraState.OK, Hint.NONE, ring=True))
        await until(lambda: ringing(kiosk))
        assert not announced(second)
        kiosk.send(Heartbeat(ring=True))
        await until(lambda: announced(second))

    on_stage(folder, act)


def test_the_word_that_the_ring_is_announced_is_no_new_screen(
    folder: Path, tmp_path: Path, opened: list[str]
) -> None:
    async def act(shell: Shell) -> None:
        kiosk, pixels = Face(shell, Role.KIOSK), Pixels()
        async with scanning(shell, pixels, ring=Ring(60, tmp_path)) as scanner:
            await until(lambda: scanner._scan.wants and ringing(kiosk))
            asked_ms = scanner._asked_ms
            scanner._told["KZ1", Format.QR] = asked_ms
            kiosk.send(Heartbeat(ring=True))
            await until(lambda: scanner._scan.ring)
            assert (scanner._asked_ms, list(scanner._told)) == (asked_ms, [("KZ1", Format.QR)])

    on_stage(folder, act)


def test_no_picture_is_taken_without_a_ring(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        pixels = Pixels()
        async with scanning(shell, pixels) as scanner:
            Face(shell, Role.KIOSK).send(Heartbeat(ring=True))
            await until(lambda: len(pixels.looks) > 20)
            scanner.keep()
        assert pixels.pictures == 0

    on_stage(folder, act)


def test_a_ring_that_cannot_be_written_is_said_and_no_more(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(shell: Shell) -> None:
        kiosk, pixels = Face(shell, Role.KIOSK), Pixels()
        async with scanning(shell, pixels, ring=Ring(60, tmp_path / "none")) as scanner:
            await until(lambda: ringing(kiosk))
            kiosk.send(Heartbeat(ring=True))
            await until(lambda: pixels.pictures > 2)
            scanner.keep()
            seen = len(pixels.looks)
            await until(lambda: len(pixels.looks) > seen)

    on_stage(folder, act)
    assert "the pictures were not written" in caplog.text


class Plugged:
    """A barcode scanner."""

    def __init__(self) -> None:
        self.heard: Callable[[str], None] | None = None

    def open(self, heard: Callable[[str], None]) -> None:
        self.heard = heard

    def close(self) -> None:
        self.heard = None


def test_a_barcode_scanner_alone_is_heard_and_no_camera_is_spoken_of(
    folder: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    formats, look = [], readings.opened

    def watched(text: str, written: Format, keyring: Keyring) -> Event | Outcome:
        formats.append(written)
        return look(text, written, keyring)

    monkeypatch.setattr(readings, "opened", watched)

    async def act(shell: Shell) -> None:
        plugged = Plugged()
        async with scanning(shell, None, barcodes=(plugged,)) as scanner:
            await until(lambda: scanner._scan.wants)
            assert plugged.heard is not None
            plugged.heard("KZ1")
            await until(lambda: opened)
            await until(lambda: entries(shell) == [NONE])
            assert not shell.runtime.screen.camera
            plugged.heard(TEXT * 10)
            await until(lambda: len(opened) == 2)
        assert plugged.heard is None
        assert opened == ["KZ1", TEXT * 10]
        assert formats == [Format.LINEAR, Format.QR]

    on_stage(folder, act)


def test_what_is_too_long_for_a_barcode_was_a_qr_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanner = Scanner(folder / "scanner.sock", None, (), IDLE_FPS, None)
    heard: list[Format] = []
    monkeypatch.setattr(scanner, "heard", lambda text, written, asked: heard.append(written))
    scanner.heard_on_line("1" * process.LINEAR_MAX)
    scanner.heard_on_line("1" * (process.LINEAR_MAX + 1))
    assert heard == [Format.LINEAR, Format.QR]


def test_a_flood_of_texts_is_remembered_in_bounds(folder: Path, opened: list[str]) -> None:
    async def act(shell: Shell) -> None:
        plugged = Plugged()
        async with scanning(shell, None, barcodes=(plugged,)) as scanner:
            await until(lambda: scanner._scan.wants)
            assert plugged.heard is not None
            for number in range(5_000):
                plugged.heard(f"KZ{number}")
                assert len(scanner._told) <= process.TOLD_MAX
            await until(lambda: opened)

    on_stage(folder, act)


def test_nothing_is_asked_for_where_nobody_is_connected(folder: Path, opened: list[str]) -> None:
    async def act(shell: Shell) -> None:
        pixels = Pixels()
        async with scanning(shell, pixels) as scanner:
            await until(lambda: scanner._scan.wants)
            for peer in list(shell.gate._peers[Role.SCANNER]):
                peer.drop()
            await until(lambda: scanner._client is None)
            assert scanner._scan == Scan(Seq("", 0))

    on_stage(folder, act)
