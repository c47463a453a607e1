"""Buyers who hold a code before the camera: most as the app draws it, some from paper, some from a picture that is out of date."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from firmware.model import Action, Screen, ScreenName
from sim.minted import mint
from sim.people import Visitor

SHOWN_MAX = 3  # then one goes home, and comes again


class Shower(Visitor):
    """One of them."""

    _text = ""  # what is on the phone, or on the paper

    async def _show(self, screen: Screen) -> None:
        """Hold it up, before the idle screen or the keypad."""
        if self.done or self._typed >= SHOWN_MAX:
            await self._go(screen)
            return
        if Action.SCAN in screen.actions and self._chance.random() < 0.3:
            self._press(Action.SCAN)  # how is it held?
            return
        if not self._text or self._chance.random() < 0.7:
            self._text = mint(self._site, self.waybill, self.purpose, static=self._chance.random() < 0.25)
        if self._chance.random() < 0.15:
            await asyncio.sleep(
                self._chance.uniform(20, 120)
            )  # the phone goes dark, and comes back with the old picture
        self._typed += 1
        await asyncio.sleep(self._chance.uniform(0.3, 5))
        self._site.scanner.read(self._text)

    AT_SCREEN: ClassVar[dict[ScreenName, Callable[[Visitor, Screen], Awaitable[None]]]] = {
        **Visitor.AT_SCREEN,
        ScreenName.IDLE: _show,  # type: ignore[dict-item]
        ScreenName.KEYPAD: _show,  # type: ignore[dict-item]
        ScreenName.SCAN: _show,  # type: ignore[dict-item]
    }
