"""Those who come to a fleet's locker: couriers fill all cells, buyers empty them, one after another, without mistakes.

Which is no likeness of people (`sim.people` is), but entries of every usual kind, at a pace that can be chosen.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress

from firmware.control import Show
from firmware.model import Action, Purpose, ScreenName
from firmware.rows import Parcel
from sim.faces import MemoryKiosk, press, type_code
from sim.locker import SimLocker
from sim.world import Impossible

VISIT_MAX_S = 60.0
LOOK_S = 0.2
HAND_S = 0.3  # at an open door, and before each press
AT_DOOR = (ScreenName.PUT_PARCEL, ScreenName.TAKE_PARCEL, ScreenName.CLOSE_DOOR)
SHUT = (ScreenName.CLOSING, ScreenName.ASK_TAKEN)


class Regulars:
    """Everybody at one locker. They know their codes before any SMS: so the offline locker has visitors, too."""

    def __init__(self, locker: SimLocker, chance: random.Random, pause_s: float) -> None:
        """`pause_s`: between two visits, on average."""
        self.visits = 0
        self.turned_away = 0  # of these, those who did not do what they had come for
        self._locker = locker
        self._kiosk = MemoryKiosk(locker)
        self._chance = chance
        self._pause_s = pause_s
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Whoever stands there goes on; nobody comes after."""
        self._stop.set()

    async def run(self) -> None:
        """Until `stop`."""
        orders = self._orders()
        while not await self._stops_within(self._chance.expovariate(1 / self._pause_s)):
            waybill, cell, purpose = next(orders)
            while not self._is_known(waybill):
                if await self._stops_within(LOOK_S):
                    return
            self.visits += 1
            try:
                async with asyncio.timeout(VISIT_MAX_S):
                    await self._visit(waybill, cell, purpose)
            except TimeoutError:
                pass
            inside = self._locker.world.cells[cell].parcel == waybill
            self.turned_away += inside is not (purpose is Purpose.DEPOSIT)

    def _is_known(self, waybill: str) -> bool:
        """Whether the locker has heard of the order: no courier is sent before."""
        parts = self._locker.assembly
        return parts is not None and parts.runtime.controller.state.find(Parcel, waybill) is not None

    async def _stops_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        return self._stop.is_set()

    def _orders(self) -> Iterator[tuple[str, int, Purpose]]:
        """For each empty cell an order; they are brought, and then collected."""
        number = 0
        while True:
            orders = list[tuple[str, int]]()
            for cell in self._locker.world.cells.values():
                if cell.parcel is None:
                    number += 1
                    orders.append((f"KZ{number:06}", cell.number))
                    self._locker.backend.order(*orders[-1], "buyer")
            self._locker.link.sync()
            yield from ((waybill, cell, Purpose.DEPOSIT) for waybill, cell in orders)
            yield from ((waybill, cell, Purpose.PICKUP) for waybill, cell in orders)

    async def _visit(self, waybill: str, cell: int, purpose: Purpose) -> None:
        typed = False
        while True:
            show = self._kiosk.show
            if show is not None:
                if show.screen.name is ScreenName.IDLE and typed:
                    return
                await asyncio.sleep(HAND_S)
                if show is not self._kiosk.show:
                    continue
                if show.screen.name is ScreenName.KEYPAD and not typed:
                    typed = True
                    type_code(self._kiosk, self._locker.backend.code(waybill, purpose))
                else:
                    self._act(show, waybill, cell, purpose)
            await self._changes(show)

    def _act(self, show: Show, waybill: str, cell: int, purpose: Purpose) -> None:
        world, name = self._locker.world, show.screen.name
        if name in AT_DOOR:
            with suppress(Impossible):
                if purpose is Purpose.PICKUP:
                    world.take(cell)
                elif world.cells[cell].parcel is None:
                    world.put(cell, waybill)
            world.close(cell)
            return
        wanted = {ScreenName.IDLE: Action.START} | dict.fromkeys(SHUT, Action.CONFIRM)
        action = wanted.get(name, Action.BACK)
        if action in show.screen.actions:
            press(self._kiosk, action)

    async def _changes(self, show: Show | None) -> None:
        while self._kiosk.show is show:
            self._locker.moved.clear()
            await self._locker.moved.wait()
