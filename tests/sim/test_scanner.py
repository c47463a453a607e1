"""What is wrong with a camera, as the controller hears of it: from the scanner of virtual time, and from the shipped one before pixels."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware.model import EntryKind
from firmware.optics import CameraState
from sim import pace
from sim.live_scanner import scanning
from sim.locker import SimLocker
from sim.loop import run
from sim.optics import Ill
from sim.scanner import BEAT_S, NOTICE_S, REPEAT_S, RESTART_S, MemoryScanner
from sim.scenario import cabinet

PATIENCE_S = 60.0
STATES = {
    Ill.FROZEN: CameraState.FROZEN,
    Ill.BLACK: CameraState.COVERED,
    Ill.GARBAGE: CameraState.GONE,
    Ill.GONE: CameraState.GONE,
    Ill.HANGS: CameraState.HUNG,
}


def camera_of(locker: SimLocker) -> CameraState:
    return locker.controller.runtime.controller.state.locker.scanner


async def becomes(locker: SimLocker, state: CameraState, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while camera_of(locker) is not state:
            locker.moved.clear()
            await locker.moved.wait()


@asynccontextmanager
async def a_locker(folder: Path) -> AsyncIterator[tuple[SimLocker, MemoryScanner]]:
    locker = SimLocker(cabinet("rs485"), folder, 1)
    scanner = MemoryScanner(locker)
    await locker.switch_on()
    try:
        await becomes(locker, CameraState.OK, 5)
        yield locker, scanner
    finally:
        await locker.close()


@pytest.mark.parametrize("ill", [*STATES])
def test_what_is_wrong_is_told_within_three_seconds_and_so_is_its_end(ill: Ill, tmp_path: Path) -> None:
    async def main() -> None:
        async with a_locker(tmp_path) as (locker, _):
            locker.optics.afflict(ill)
            await becomes(locker, STATES[ill], 3)
            locker.optics.afflict(Ill.FINE)
            await becomes(locker, CameraState.OK, RESTART_S + 3)

    run(main())


def test_what_is_fine_again_before_it_is_noticed_is_never_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with a_locker(tmp_path) as (locker, _):
            locker.optics.afflict(Ill.FROZEN)
            await asyncio.sleep(NOTICE_S - 0.1)
            locker.optics.afflict(Ill.FINE)
            await asyncio.sleep(10)
            rows = locker.controller.store.journal(0, 1_000)
            told = [row.body for row in rows if f'"{EntryKind.SCANNER.value}"' in row.body]
            assert len(told) == 1  # that it is well

    run(main())


def test_its_signs_of_life_are_enough_for_the_gate(tmp_path: Path) -> None:
    async def main() -> None:
        async with a_locker(tmp_path) as (locker, _):
            before = locker.controller.store.last_seq
            await asyncio.sleep(100 * BEAT_S)
            assert camera_of(locker) is CameraState.OK
            rows = locker.controller.store.journal(before, 1_000)
            assert not [row for row in rows if '"scanner"' in row.body]

    run(main())


def test_a_code_is_read_once_before_a_screen_and_again_while_it_is_held_there(tmp_path: Path) -> None:
    async def main() -> None:
        async with a_locker(tmp_path) as (locker, scanner):
            locker.optics.hold("NONE OF OURS")
            await asyncio.sleep(0.5)
            assert scanner.held == "NONE OF OURS"
            assert len(scanner.told) == 1
            await asyncio.sleep(REPEAT_S)
            assert len(scanner.told) <= 2
            locker.optics.take_away()
            await asyncio.sleep(0.5)
            told = len(scanner.told)
            await asyncio.sleep(60)
            assert len(scanner.told) == told

    run(main())


def test_a_process_that_crashes_is_told_from_a_camera_that_is_unplugged(tmp_path: Path) -> None:
    async def main() -> None:
        async with a_locker(tmp_path) as (locker, scanner):
            scanner.leave()
            await becomes(locker, CameraState.SILENT, 3)
            await becomes(locker, CameraState.OK, RESTART_S + 3)
            locker.optics.afflict(Ill.GONE)
            await becomes(locker, CameraState.GONE, 3)

    run(main())


def test_it_joins_a_controller_that_starts_anew(tmp_path: Path) -> None:
    async def main() -> None:
        async with a_locker(tmp_path) as (locker, _):
            await locker.switch_off()
            await asyncio.sleep(20)
            await locker.switch_on()
            await becomes(locker, CameraState.OK, 5)

    run(main())


@pytest.mark.timeout(300)
def test_the_shipped_scanner_tells_all_of_it_and_is_started_anew_when_it_leaves(tmp_path: Path) -> None:
    """Covered and unplugged it sees for itself; before a frozen camera only its end helps; and it may crash."""

    async def main() -> None:
        locker = SimLocker(cabinet("rs485"), tmp_path, 1, live=True)
        try:
            await locker.switch_on()
            async with scanning(locker) as scanner:
                await becomes(locker, CameraState.OK, PATIENCE_S)
                # One of the network that never answers is given up before the call counts as hanging: it is gone.
                for ill in (Ill.BLACK, Ill.GARBAGE, Ill.GONE, Ill.HANGS):
                    before = scanner.process.pid
                    locker.optics.afflict(ill)
                    await becomes(locker, STATES[Ill.GONE if ill is Ill.HANGS else ill], PATIENCE_S)
                    locker.optics.afflict(Ill.FINE)
                    await becomes(locker, CameraState.OK, PATIENCE_S)
                    assert scanner.process.pid == before
                before = scanner.process.pid
                locker.optics.afflict(Ill.FROZEN)
                await becomes(locker, CameraState.FROZEN, PATIENCE_S)
                while scanner.process.pid == before:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.05)
                locker.optics.afflict(Ill.FINE)
                await becomes(locker, CameraState.OK, PATIENCE_S)
                before = scanner.process.pid
                scanner.process.crash()
                await becomes(locker, CameraState.SILENT, PATIENCE_S)
                await becomes(locker, CameraState.OK, PATIENCE_S)
                assert scanner.process.pid != before
        finally:
            await locker.close()

    pace.run(main())
