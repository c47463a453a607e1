"""Buyers who read the screen's code and open from the phone: most as the screen asks them to, some too late, some not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from firmware.model import Action, Outcome, Screen, ScreenName
from sim.people import Visitor

LOOKS_MAX = 40  # for a code on the screen
ANSWER_S = 30.0  # how long a person waits for the app


class Claimer(Visitor):
    """One of them."""

    _claim: str | None = None

    async def _before_screen(self) -> None:
        """Scan, claim, and go on where the app says that the locker is ours."""
        code = await self._scan()
        if code is None:
            return
        if self._chance.random() < 0.15:
            await asyncio.sleep(self._chance.uniform(20, 90))  # the app is slow, or its owner
        if self._chance.random() < 0.1:
            self._send_for(self._another(), code)  # a friend has photographed the same code
        self._claim = self._send_for(self.name, code)
        if await self._is_ours():
            self._typed = 1  # the screen speaks of our own cell
            await super()._before_screen()
        if self._chance.random() < 0.3:
            self._send_for(self.name, code)  # once more with the old picture: it is of no use

    async def _scan(self) -> str | None:
        for _ in range(LOOKS_MAX):
            code = self._site.phones.look()
            if code is not None:
                return code
            await self._pause()
        return None

    def _send_for(self, person: str, code: str) -> str | None:
        return self._site.phones.claim(person, code) if self._site.locker.link.is_attached else None

    def _another(self) -> str:
        orders = self._site.office.backend.orders
        return orders[self._chance.choice(sorted(orders))].person

    async def _is_ours(self) -> bool:
        """What the app says of the claim; with no answer in time it is given up there, as the app's owner would."""
        outcomes = self._site.locker.link.outcomes
        until_s = asyncio.get_running_loop().time() + ANSWER_S
        while self._claim is not None and asyncio.get_running_loop().time() < until_s:
            outcome = outcomes.get(self._claim, Outcome.ACCEPTED)
            if outcome is not Outcome.ACCEPTED:
                return outcome is Outcome.DONE
            await self._pause()
        self._leave_app()
        return False

    def _leave_app(self) -> None:
        if self._claim is not None and self._site.locker.link.is_attached:
            self._site.phones.leave(self._claim)

    async def _open_from_phone(self, screen: Screen) -> None:
        """«Получить товар»; or «Отмена», here or there; or one walks away."""
        fate = self._chance.random()
        if fate < 0.06:
            self._press(Action.BACK)
        elif fate < 0.12:
            self._leave_app()
        elif fate < 0.18:
            self._left = True
        elif self._site.locker.link.is_attached:
            self._site.locker.link.send_open(self.waybill)
        await self._pause()

    AT_SCREEN: ClassVar[dict[ScreenName, Callable[[Visitor, Screen], Awaitable[None]]]] = {
        **Visitor.AT_SCREEN,
        ScreenName.CLAIMED: _open_from_phone,  # type: ignore[dict-item]
    }
