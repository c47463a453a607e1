"""`postomat scanner` as it ships, in a process of its own, before a real stream of pictures and a real controller."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from firmware import readings
from firmware.config import Config, Locks, Scanner
from firmware.config_file import text as as_toml
from firmware.control import Heartbeat, Show
from firmware.events import (
    CodeTyped,
    DoorRead,
    Event,
    GrantedParcel,
    GrantsCame,
    Pressed,
    Pulse,
    PulseEnded,
    WaybillScanned,
)
from firmware.model import Action, Outcome, Purpose, ScreenName
from firmware.optics import CameraState, Format
from firmware.peer import Role
from firmware.signed import Keyring
from hal.ports import PulseResult
from tests.bench.frames import data_matrix
from tests.core.harness import LOCKER, cabinet, digest, right
from tests.core.shell import Face, Shell
from tests.scanner.stage import entries, on_stage, until
from tests.scanner.stream import Sends, Stream, scene
from tests.scanner.test_process import inside, types_a_code

OK, COVERED, FROZEN, HUNG, GONE, SILENT, NONE = CameraState
TEXT = "6BFOXN*TS0BI$ZD-PHQ7I9AD66V5B22CH9M9ESI9XBHXK-%69LQOGI.*V76GCV4*XUA2P-FHT-HNTI4L6N$Q%UG/YL WO*Z7ON13:LHNG2H8C6OF/NLA20ORT56HBT"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    looked: list[str] = []

    def read(text: str, keyring: Keyring) -> Event | Outcome:
        looked.append(text)
        return Pressed(Action.START)

    monkeypatch.setattr(readings, "_READ", {Format.QR: read})
    return looked


SHIPPED = ("-m", "firmware")
# In a process of its own from its first line: no call into a camera ends by itself, as it is with a device whose driver hangs.
HANGS = """
import firmware.__main__, firmware.scanner.watch
firmware.scanner.watch.CONNECT_MS = firmware.scanner.watch.READ_MS = 600_000
firmware.__main__.main()
"""
HANGING = ("-c", HANGS)


class Process:
    """The shipped process; `start` anew is what systemd does."""

    def __init__(
        self, folder: Path, config: Config, *options: str | Path, runs: tuple[str, str] = SHIPPED
    ) -> None:
        self._runs = runs
        self._path = folder / "postomat.toml"
        self._path.write_text(as_toml(config), encoding="utf-8")
        self._options = [str(option) for option in options]
        self.running: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.running = await asyncio.create_subprocess_exec(
            *(sys.executable, *self._runs, "scanner", "--config", str(self._path), *self._options),
            stderr=asyncio.subprocess.PIPE,
        )

    async def ended(self) -> tuple[int, str]:
        """Its exit code, and what it said."""
        assert self.running is not None
        _, said = await self.running.communicate()
        return self.running.returncode or 0, said.decode()

    async def stop(self) -> None:
        if self.running is not None and self.running.returncode is None:
            self.running.kill()
            await self.running.communicate()


@contextlib.asynccontextmanager
async def looking(
    shell: Shell, stream: Stream, *options: str | Path, runs: tuple[str, str] = SHIPPED
) -> AsyncIterator[Process]:
    """The process before the stream, as soon as the controller knows of a camera."""
    async with stream.serving():
        config = msgspec.structs.replace(shell.config, scanner=Scanner(device=stream.url))
        process = Process(shell.config.paths.run, config, *options, runs=runs)
        await process.start()
        try:
            assert process.running is not None
            running = process.running
            await until(lambda: shell.state.locker.scanner is OK or running.returncode is not None)
            assert running.returncode is None, await process.ended()
            yield process
        finally:
            await process.stop()


def live(folder: Path, act: Callable[[Shell], Awaitable[None]]) -> None:
    on_stage(folder, act, cabinet())


def test_real_pixels_open_the_keypad_and_the_process_ends_in_order(folder: Path, opened: list[str]) -> None:
    async def act(shell: Shell) -> None:
        stream = Stream()
        async with looking(shell, stream) as process:
            stream.frames = scene(TEXT)
            await until(lambda: shell.shows() is ScreenName.KEYPAD)
            assert process.running is not None
            process.running.send_signal(signal.SIGTERM)
            code, said = await process.ended()
            assert (code, "stopped" in said) == (0, True)
            assert TEXT not in said
            await until(lambda: shell.state.locker.scanner is SILENT)
        assert set(opened) == {TEXT}

    live(folder, act)


def test_a_covered_lens_is_told_and_ends_by_itself(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        kiosk, stream = Face(shell, Role.KIOSK), Stream()
        async with looking(shell, stream) as process:
            stream.frames = scene(light=0.02)
            await until(lambda: shell.state.locker.scanner is not OK)
            assert shell.state.locker.scanner is COVERED
            await types_a_code(shell, kiosk)
            stream.frames = scene()
            await until(lambda: shell.state.locker.scanner is OK)
            assert process.running is not None
            assert process.running.returncode is None
        await until(lambda: entries(shell) == [OK, COVERED, OK, SILENT])

    live(folder, act)


async def between_two_parcels(shell: Shell) -> None:
    """A courier's code was typed, and the first of two parcels is in."""
    parcels = (GrantedParcel("KZ00001", 1), GrantedParcel("KZ00002", 2))
    rights = (right(Purpose.DEPOSIT, "KZ00001", "KZ00002"),)
    assert await shell.ask(GrantsCame(LOCKER, 1, 2, parcels, rights)) is Outcome.DONE
    await shell.ask(Pressed(Action.START))
    await shell.ask(CodeTyped(digest(Purpose.DEPOSIT, "KZ00001")))
    await until(lambda: shell.hands.done)
    (pulse,) = [effect for effect in shell.hands.done if isinstance(effect, Pulse)]
    shell.inbox.post(PulseEnded(pulse.intent, pulse.cell, PulseResult.ACKNOWLEDGED))
    for closed in (False, True):
        shell.inbox.post(DoorRead(pulse.cell, closed))
    await until(lambda: shell.shows() is ScreenName.NEXT_PARCEL)


def test_a_label_that_is_a_data_matrix_opens_the_cell_of_the_next_parcel(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        stream = Stream()
        async with looking(shell, stream):
            stream.frames = scene("KZ00002", drawn=data_matrix)
            await between_two_parcels(shell)
            await until(lambda: shell.shows() is ScreenName.OPENING)
            assert shell.runtime.screen.cell == 2
            assert [event.waybill for event in shell.seen if isinstance(event, WaybillScanned)] == ["KZ00002"]

    on_stage(folder, act, cabinet(locks=Locks(rest_s=1)))


@pytest.mark.parametrize(
    ("sends", "runs", "state", "why"),
    [
        (Sends.NOTHING, HANGING, HUNG, "the camera does not answer"),
        (Sends.ONE_FRAME, SHIPPED, FROZEN, "the camera sends one picture again and again"),
    ],
)
def test_a_camera_that_hangs_or_is_frozen_ends_the_process_which_is_started_anew(
    folder: Path, sends: Sends, runs: tuple[str, str], state: CameraState, why: str
) -> None:
    async def act(shell: Shell) -> None:
        kiosk, stream = Face(shell, Role.KIOSK), Stream()
        async with looking(shell, stream, runs=runs) as process:
            stream.sends = sends
            await until(lambda: shell.state.locker.scanner is state)
            await types_a_code(shell, kiosk)
            code, said = await process.ended()
            assert (code, said.splitlines()[-1]) == (6, f"postomat: {why}")
            stream.sends = Sends.FRAMES
            await process.start()
            await until(lambda: shell.state.locker.scanner is OK)
        assert entries(shell)[:3] == [OK, state, OK]

    live(folder, act)


def test_a_stream_that_ends_is_gone_until_it_is_back_and_each_change_is_one_line(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        stream = Stream()
        async with looking(shell, stream) as process:
            stream.sends = Sends.AN_END
            await until(lambda: shell.state.locker.scanner is GONE)
            await until(lambda: stream.refused > 3)  # tried again and again, and nothing is said of it
            stream.sends = Sends.FRAMES
            await until(lambda: shell.state.locker.scanner is OK)
            assert process.running is not None
            assert process.running.returncode is None
            process.running.send_signal(signal.SIGTERM)
            _, said = await process.ended()
            assert said.splitlines() == [
                "INFO the camera: ok",
                f"WARNING the camera: gone ({stream.url}: went away (no more pictures))",
                "INFO the camera: ok",
                "INFO stopped",
            ]

    live(folder, act)


def test_a_far_camera_that_falls_silent_is_gone_and_its_process_stays(folder: Path) -> None:
    """As where its cable is pulled out: nobody ends the connection. It is opened again and again, by the same process."""

    async def act(shell: Shell) -> None:
        kiosk, stream = Face(shell, Role.KIOSK), Stream()
        async with looking(shell, stream) as process:
            stream.sends = Sends.NOTHING
            await until(lambda: shell.state.locker.scanner is not OK)
            assert shell.state.locker.scanner is GONE
            await types_a_code(shell, kiosk)
            stream.sends = Sends.FRAMES
            await until(lambda: shell.state.locker.scanner is OK)
            assert process.running is not None
            assert process.running.returncode is None
        assert entries(shell)[:3] == [OK, GONE, OK]

    live(folder, act)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_is_killed_or_crashes_is_silent_at_once_and_the_keypad_goes_on(
    folder: Path, number: signal.Signals
) -> None:
    async def act(shell: Shell) -> None:
        kiosk, stream = Face(shell, Role.KIOSK), Stream()
        async with looking(shell, stream) as process:
            assert process.running is not None
            process.running.send_signal(number)
            await until(lambda: shell.state.locker.scanner is SILENT)
            await types_a_code(shell, kiosk)
            assert (await process.ended())[0] == -number
            await process.start()
            await until(lambda: shell.state.locker.scanner is OK)
        assert entries(shell)[:3] == [OK, SILENT, OK]

    live(folder, act)


def test_a_process_that_is_stopped_is_silent_after_a_while_and_back_when_it_goes_on(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        stream = Stream()
        async with looking(shell, stream) as process:
            assert process.running is not None
            process.running.send_signal(signal.SIGSTOP)
            await until(lambda: shell.state.locker.scanner is SILENT)
            process.running.send_signal(signal.SIGCONT)
            await until(lambda: shell.state.locker.scanner is OK)

    live(folder, act)


def test_the_ring_is_written_where_the_operator_says_when_told_to(folder: Path, tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        kiosk, stream = Face(shell, Role.KIOSK), Stream()
        async with looking(shell, stream, "--ring-s", "5", "--ring-folder", tmp_path) as process:
            await until(lambda: isinstance(kiosk.got[-1], Show) and kiosk.got[-1].ring)
            kiosk.send(Heartbeat(ring=True))  # it is painted
            running = process.running
            assert running is not None

            def wrote() -> bool:
                running.send_signal(signal.SIGUSR1)  # again: there may have been no frame yet
                return any(
                    jpeg.startswith(b"\xff\xd8") and jpeg.endswith(b"\xff\xd9")
                    for jpeg in inside(tmp_path).values()
                )

            await until(wrote)

    live(folder, act)


def test_sigusr1_without_a_ring_writes_nothing_and_ends_nothing(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        stream = Stream()
        async with looking(shell, stream) as process:
            assert process.running is not None
            before = inside(shell.config.paths.run).keys()
            process.running.send_signal(signal.SIGUSR1)
            stream.frames = scene(light=0.02)  # it goes on
            await until(lambda: shell.state.locker.scanner is COVERED)
            assert inside(shell.config.paths.run).keys() == before

    live(folder, act)
