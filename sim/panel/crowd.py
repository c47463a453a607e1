"""People who live by themselves while somebody looks on: they bring and fetch parcels of their own, each in a manner.

They are those of `sim.people`, act through the glass and with their hands as everybody does, and leave alone what belongs to
the buyers whose phones are in the looker's hands.
"""

import asyncio
import random
from collections.abc import Callable

from sim.backend import Order, Stage
from sim.deeds import WHO
from sim.errands import LIFE
from sim.plan import COURIERS, RECIPIENTS
from sim.site import Site

BUYERS = ("dana", "timur", "ainur", "sanjar")
EVERY_S = 25.0  # somebody comes, on average
VISITS_MAX = 6  # at once, most of them in line
MANNERS = tuple(dict.fromkeys((*RECIPIENTS, *COURIERS)))


class Crowd:
    """At one site."""

    def __init__(self, site: Site, chance: random.Random, waybill: Callable[[], str]) -> None:
        """`waybill` gives the number of the next order."""
        self.manners: tuple[str, ...] = MANNERS
        self._site = site
        self._chance = chance
        self._waybill = waybill
        self._coming: asyncio.Task[None] | None = None
        self._visits: list[asyncio.Task[None]] = []
        self._busy: set[str] = set()  # parcels that somebody comes for
        site.office.buyers = BUYERS

    @property
    def is_on(self) -> bool:
        return self._coming is not None

    def come(self, manners: tuple[str, ...] = ()) -> None:
        """People come from now on, in these manners (none named: in all). Raises KeyError for an unknown one."""
        unknown = [manner for manner in manners if manner not in MANNERS]
        if unknown:
            raise KeyError(unknown[0])
        self.manners = manners or MANNERS
        if self._coming is None:
            self._coming = asyncio.get_running_loop().create_task(self._come())

    async def stay_away(self) -> None:
        """Nobody comes any more, and whoever is there goes home. Raises what went wrong with one of them."""
        tasks = [*self._visits, *([self._coming] if self._coming is not None else [])]
        self._coming, self._visits = None, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._busy.clear()
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def _come(self) -> None:
        while True:
            self._visits = [visit for visit in self._visits if not visit.done()]
            if len(self._visits) < VISITS_MAX:
                self._begin()
            await asyncio.sleep(self._chance.expovariate(1 / EVERY_S))

    def _begin(self) -> None:
        """Somebody sets out: for a parcel that waits, else with a new one; now and then a courier goes his round."""
        chance = random.Random(self._chance.getrandbits(48))
        waiting = [each for each in self._orders() if each.stage is Stage.STORED]
        draw = self._chance.random()
        if draw < 0.1:
            self._visit("round", "", "courier", COURIERS, chance)
        elif waiting and draw < 0.6:
            order = self._chance.choice(waiting)
            self._visit("collect", order.waybill, order.person, RECIPIENTS, chance)
        else:
            self._visit("deliver", self._waybill(), "courier", COURIERS, chance)

    def _visit(
        self, errand: str, waybill: str, who: str, manners: dict[str, int], chance: random.Random
    ) -> None:
        chosen = {manner: share for manner, share in manners.items() if manner in self.manners}
        (manner,) = self._chance.choices(list(chosen), list(chosen.values())) if chosen else ("usual",)
        self._busy.add(waybill)
        task = asyncio.get_running_loop().create_task(self._go(errand, waybill, who, manner, chance))
        self._visits.append(task)

    async def _go(self, errand: str, waybill: str, who: str, manner: str, chance: random.Random) -> None:
        WHO.set(who)
        try:
            await LIFE[errand](self._site, chance, waybill, manner)
        finally:
            self._busy.discard(waybill)

    def _orders(self) -> list[Order]:
        orders = self._site.office.backend.orders.values()
        return [each for each in orders if each.person in BUYERS and each.waybill not in self._busy]
