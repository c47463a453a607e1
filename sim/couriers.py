"""Couriers with a round: one code for several parcels, and a barcode scanner for each further one."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import ClassVar

from firmware.model import Action, Purpose, Screen, ScreenName
from firmware.notices import Notice
from sim import faces
from sim.backend.orders import DEPOSITABLE, FETCHED, Round
from sim.people import Visitor
from sim.site import Site

SCANS_EACH = 3  # tries at each parcel, and then the round is over
FOREIGN = "4006381333931"  # what else is printed on a parcel


class Courier(Visitor):
    """Has several parcels to bring, or to take away, under one right."""

    def __init__(self, site: Site, chance: random.Random, each: Round, manner: str) -> None:
        super().__init__(site, chance, each.parcels[0], each.purpose, manner)
        self._round = each
        self._left_over = each.parcels  # what is still to be done
        self._scans = 0

    def _is_anothers(self, screen: Screen) -> bool:
        """The screen names a cell, and the app whose that is."""
        for waybill in self._left_over:
            if self._site.office.backend.orders[waybill].cell == screen.cell:
                self.waybill = waybill
        return super()._is_anothers(screen)

    async def _start(self, screen: Screen) -> None:
        if not (self.done or self._typed) and self._chance.random() < 0.2:
            self._beep(self.waybill)  # before the code
        else:
            await super()._start(screen)

    async def _type(self, screen: Screen) -> None:
        if self._typed > 1:
            await self._go(screen)
            return
        if screen.notice is None and self._chance.random() < 0.1:
            self._beep(self.waybill)
        self._typed += 1
        await asyncio.sleep(self._chance.uniform(2, 9))
        if self._site.kiosk.show is not None:
            self._site.typist = self._round.holder
            faces.type_code(self._site.kiosk, self._round.code, self._round.phone)

    async def _put(self, cell: int) -> None:
        await super()._put(cell)
        self._tick_off()

    async def _take(self, cell: int) -> None:
        await super()._take(cell)
        self._tick_off()

    def _tick_off(self) -> None:
        self._left_over = [waybill for waybill in self._left_over if waybill != self.waybill]
        self.done = not self._left_over

    async def _next(self, screen: Screen) -> None:
        """Scan the next parcel; now and then one of another round, one that is done, or what else is printed on it."""
        if not self._typed:
            self._press(Action.BACK)  # somebody else's round, who has gone
            return
        self._scans += 1
        if not self._left_over or self._scans > SCANS_EACH * len(self._round.parcels):
            await self._go(screen)
            return
        if self.purpose is Purpose.DEPOSIT and screen.notice in (Notice.AWAITS_TECHNICIAN, Notice.CELL_QUIET):
            self._site.office.choose_again(self.waybill, quiet=screen.notice is Notice.CELL_QUIET)
        draw = self._chance.random()
        if draw < 0.2:
            self._beep(self._chance.choice([*self._site.office.backend.orders, FOREIGN]))
        elif draw < 0.4:
            self._beep(self._chance.choice(self._of_others() or [FOREIGN]))
        elif draw < 0.45 and Action.MORE_TIME in screen.actions:
            self._press(Action.MORE_TIME)
        else:
            self.waybill = self._chance.choice(self._left_over)
            self._beep(self.waybill)

    def _of_others(self) -> list[str]:
        """What is to be brought, or taken away, and not in this round."""
        orders = self._site.office.backend.orders.values()
        stages = DEPOSITABLE if self.purpose is Purpose.DEPOSIT else FETCHED
        return [
            each.waybill
            for each in orders
            if each.stage in stages and each.waybill not in self._round.parcels
        ]

    async def _try_again(self, screen: Screen) -> None:
        """A cell that stays shut is left for another one."""
        if self._chance.random() < 0.5:
            self._press(Action.BACK)
        else:
            await super()._try_again(screen)

    def _beep(self, text: str) -> None:
        next(iter(self._site.locker.cabinet.guns.values())).beep(text)

    AT_SCREEN: ClassVar[dict[ScreenName, Callable[[Visitor, Screen], Awaitable[None]]]] = {
        **Visitor.AT_SCREEN,
        ScreenName.IDLE: _start,  # type: ignore[dict-item]
        ScreenName.KEYPAD: _type,  # type: ignore[dict-item]
        ScreenName.NEXT_PARCEL: _next,  # type: ignore[dict-item]
        ScreenName.NOT_OPENED: _try_again,  # type: ignore[dict-item]
    }
