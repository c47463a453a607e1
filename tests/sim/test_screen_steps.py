"""A scenario's finger, where the screen changes just as it touches."""

import asyncio
from pathlib import Path

import pytest

from firmware.control import Code, Message, Press, Show
from firmware.model import Outcome
from sim.faces import MemoryKiosk
from sim.locker import SimLocker
from sim.loop import run
from sim.optics import Ill
from sim.scenario import cabinet
from sim.script import parse
from sim.steps import Steps


class Late(MemoryKiosk):
    """A screen whose camera goes as the finger comes down: that touch meets the screen after."""

    kind: type[Message] | None = None  # of the touch that comes late

    def __init__(self, locker: SimLocker) -> None:
        super().__init__(locker)
        self._tasks: list[asyncio.Task[None]] = []

    def send(self, message: Message) -> None:
        if self.kind is None or not isinstance(message, self.kind):
            return super().send(message)
        self.kind = None
        self._locker.optics.afflict(Ill.GONE)
        return self._tasks.append(asyncio.get_running_loop().create_task(self._send_late(message, self.show)))

    async def _send_late(self, message: Message, before: Show | None) -> None:
        while self.show == before:
            self._locker.moved.clear()
            await self._locker.moved.wait()
        super().send(message)


def play(folder: Path, kind: type[Message], *lines: str) -> list[Outcome]:
    """What the screen answered from the first late touch of this kind on."""

    async def main() -> list[Outcome]:
        locker = SimLocker(cabinet("rs485"), folder, 1)
        face = Late(locker)
        steps = Steps(locker, face)
        try:
            await locker.switch_on()
            for line in lines:
                if "late" in line:
                    face.kind = kind
                    face.told.clear()
                await parse(line.removesuffix(" late"), Steps)(steps)
            return face.told
        finally:
            await steps.end()
            await locker.close()

    return run(main())


BEFORE = ("order KZ1 cell=3 buyer=alia", "deposit KZ1 3", "camera ok", "press start", "see keypad")


def test_a_code_is_typed_anew_where_the_camera_went_as_it_was_typed(tmp_path: Path) -> None:
    told = play(tmp_path, Code, *BEFORE, "type pickup KZ1 late", "see take_parcel cell=3")
    assert told == [Outcome.STALE, Outcome.DONE]


def test_a_button_is_pressed_anew_where_the_screen_still_has_it(tmp_path: Path) -> None:
    told = play(tmp_path, Press, *BEFORE, "press back late", "see idle")
    assert told == [Outcome.STALE, Outcome.DONE]


@pytest.mark.parametrize("touch", ["type pickup KZ1", "press back"])
def test_a_blind_touch_is_made_once(touch: str, tmp_path: Path) -> None:
    kind = Code if touch.startswith("type") else Press
    assert play(tmp_path, kind, *BEFORE, f"{touch} blind=yes late", "see keypad") == [Outcome.STALE]
