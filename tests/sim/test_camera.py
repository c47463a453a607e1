"""The camera's own process: what it shows, what is wrong with it, and what it costs while nobody looks."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware.config import Scanner
from firmware.scanner.watch import NOTICE_MS, SAME_MIN
from hal.camera import Camera, Frame
from hal.ports import HalError, PortLost, PortMissing
from hal.qr import read_qr
from sim.camera import FPS
from sim.camera import Camera as Lens
from sim.live_scanner import LiveCamera
from sim.locker import SimLocker
from sim.optics import Before, Ill
from sim.scenario import cabinet

TEXT = "6BF+70-M32E/ABC 123" * 12
PATIENCE_S = 40.0  # a busy machine draws slowly


@asynccontextmanager
async def looked_at(folder: Path) -> AsyncIterator[tuple[LiveCamera, SimLocker, Camera]]:
    """A camera's process, and an open camera of the shipped driver before it."""
    locker = SimLocker(cabinet("rs485"), folder, 1)
    eye = None
    try:
        async with LiveCamera.running(locker) as camera:
            eye = Camera(camera.address, lambda: 1_000 * time.monotonic())
            await asyncio.get_running_loop().run_in_executor(None, eye.open)
            yield camera, locker, eye
            eye.close()
    finally:
        await locker.close()


async def look(eye: Camera) -> Frame:
    return await asyncio.get_running_loop().run_in_executor(None, eye.read)


async def look_on(eye: Camera) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await look(eye)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():
            pass


def test_what_is_held_there_is_read_until_it_is_taken_away(tmp_path: Path) -> None:
    async def main() -> None:
        async with looked_at(tmp_path) as (camera, locker, eye):

            async def reads(wanted: set[str]) -> bool:
                return {code.text for code in read_qr((await look(eye)).gray, 0)} == wanted

            assert await reads(set())
            locker.optics.hold(TEXT)
            held = camera.number
            await until(lambda: reads({TEXT}))
            assert await camera.picture()
            assert held in camera.began
            locker.optics.take_away()
            await until(lambda: reads(set()))

    asyncio.run(main())


def test_a_frozen_picture_is_one_to_the_last_bit_and_a_covered_lens_still_has_noise(tmp_path: Path) -> None:
    async def main() -> None:
        async with looked_at(tmp_path) as (_, locker, eye):

            async def stands_still() -> bool:
                return bool(((await look(eye)).gray == (await look(eye)).gray).all())

            async def is_dark() -> bool:
                return float((await look(eye)).gray.mean()) < 20

            async def moves() -> bool:
                return not await stands_still()

            await until(moves)
            locker.optics.afflict(Ill.FROZEN)
            await until(stands_still)
            locker.optics.afflict(Ill.BLACK)
            await until(is_dark)
            await until(moves)

    asyncio.run(main())


@pytest.mark.parametrize(
    "before", [Before(1), Before(1, TEXT), Before(1, ill=Ill.BLACK)], ids=["room", "hand", "dark"]
)
def test_whoever_takes_every_nth_frame_does_not_take_the_camera_for_frozen(before: Before) -> None:
    """An idle scanner takes every sixth: of six frames that came round and round it saw one, and its process was replaced."""
    lens = Lens(lambda number, at_s: None)
    asyncio.run(lens.draw(before))
    for stride in range(1, 2 * FPS // Scanner().idle_fps):
        seen = [lens.frame(count) for count in range(0, 100 * FPS, stride)]
        enough = (
            max(SAME_MIN, math.ceil(NOTICE_MS / 1_000 * FPS / stride)) + 1
        )  # frames, of which one differs
        assert all(len({*seen[at : at + enough]}) > 1 for at in range(len(seen) - enough)), stride


@pytest.mark.parametrize("ill", [Ill.GARBAGE, Ill.GONE])
def test_a_camera_that_sends_no_pictures_is_lost_and_found_again(ill: Ill, tmp_path: Path) -> None:
    async def main() -> None:
        async with looked_at(tmp_path) as (camera, locker, eye):
            locker.optics.afflict(ill)
            with pytest.raises(PortLost):
                await look_on(eye)
            assert await camera.picture() is None
            if ill is Ill.GONE:
                with pytest.raises(PortMissing):
                    eye.open()
            locker.optics.afflict(Ill.FINE)

            async def is_back() -> bool:
                try:
                    eye.open()
                    return (await look(eye)).gray.size > 0
                except HalError:
                    return False

            await until(is_back)

    asyncio.run(main())
