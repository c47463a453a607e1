"""The simulator's finger, before a kiosk whose screen changes just as it touches."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firmware.control import KIOSK_REQUESTS, Code, Message, Press, Seq, Show, Told, decode, encode
from firmware.model import Action, Outcome, Screen, ScreenName
from sim import glass, pace, web
from sim.glass import Glass
from sim.locker import SimLocker
from sim.scenario import cabinet

KEYPAD = Screen(ScreenName.KEYPAD, actions=(Action.BACK, Action.SCAN))
BLIND = Screen(ScreenName.KEYPAD, actions=(Action.BACK,))


class Kiosk:
    """What the kiosk's server says on its page's connection: to each touch the next of these answers."""

    def __init__(self, *answers: tuple[Message, ...]) -> None:
        self.touches: list[Message] = []
        self._answers = list(answers)

    async def join(self, page: web.Page) -> None:
        await page.send(encode(Show(Seq("a", 1), KEYPAD)))
        async for text in page:
            message = decode(KIOSK_REQUESTS, text.encode())
            if isinstance(message, Press | Code):
                self.touches.append(message)
                for each in self._answers.pop(0):
                    await page.send(encode(each))


def touch(folder: Path, kiosk: Kiosk, do: Callable[[Glass], Awaitable[bool]]) -> bool:
    """What the finger says of it."""

    async def main() -> bool:
        locker = SimLocker(cabinet("rs485"), folder, 1)
        await locker.switch_on()
        with web.listen(0) as behind, web.listen(0) as before:
            address = f"http://{web.HOST}:{behind.getsockname()[1]}"
            async with web.serving(behind, {}, "", "/ws", kiosk.join):
                finger = Glass(locker, lambda: address)
                try:
                    async with finger.serving(before):
                        return await do(finger)
                finally:
                    await locker.close()

    return pace.run(main())


async def press(finger: Glass) -> bool:
    return await finger.press(Action.BACK)


async def scan(finger: Glass) -> bool:
    return await finger.press(Action.SCAN)


async def type_code(finger: Glass) -> bool:
    return await finger.type_code("31415926")


@pytest.mark.parametrize(
    ("do", "made"),
    [(press, lambda seq: Press(seq, Action.BACK)), (type_code, lambda seq: Code(seq, "31415926"))],
)
def test_a_touch_is_made_anew_where_the_camera_went_as_it_came(
    do: Callable[[Glass], Awaitable[bool]], made: Callable[[Seq], Message], tmp_path: Path
) -> None:
    kiosk = Kiosk((Show(Seq("a", 2), BLIND), Told(Outcome.STALE)), (Told(Outcome.DONE),))
    assert touch(tmp_path, kiosk, do)
    assert kiosk.touches == [made(Seq("a", 1)), made(Seq("a", 2))]


def test_a_button_that_went_is_not_pressed_and_not_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glass, "REACH_S", 0.5)
    kiosk = Kiosk((Show(Seq("a", 2), BLIND), Told(Outcome.STALE)))
    assert not touch(tmp_path, kiosk, scan)
    assert kiosk.touches == [Press(Seq("a", 1), Action.SCAN)]


def test_what_is_always_stale_is_given_up(tmp_path: Path) -> None:
    kiosk = Kiosk(*[(Told(Outcome.STALE),)] * glass.TRIES)
    assert not touch(tmp_path, kiosk, type_code)
    assert len(kiosk.touches) == glass.TRIES


@pytest.mark.parametrize("do", [press, type_code])
def test_a_silent_screen_took_no_touch(
    do: Callable[[Glass], Awaitable[bool]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glass, "REACH_S", 0.5)
    kiosk = Kiosk(())
    assert not touch(tmp_path, kiosk, do)
    assert len(kiosk.touches) == 1
