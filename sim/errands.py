"""What people come for: the visits of a plan."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from firmware.model import Purpose
from sim.backend.orders import Stage
from sim.claimers import Claimer
from sim.couriers import Courier
from sim.people import Visitor
from sim.showers import Shower
from sim.site import Site
from sim.upkeep import UPKEEP
from sim.wishes import WISHES, see_to_doubtful

BUYERS: dict[str, type[Visitor]] = {"scans": Claimer, "shows": Shower}


async def deliver(site: Site, chance: random.Random, waybill: str, manner: str) -> None:
    """A courier brings a parcel for which there is an order, and looks again where the locker has not seen it put in."""
    if site.office.order(waybill) is not None:
        await asyncio.sleep(chance.uniform(1, 20))
        await Visitor(site, chance, waybill, Purpose.DEPOSIT, manner).come()
        await asyncio.sleep(chance.uniform(60, 600))
        if site.office.backend.orders[waybill].stage is Stage.UNCONFIRMED:
            await Visitor(site, chance, waybill, Purpose.DEPOSIT, manner).come(tries=1)


async def send(site: Site, chance: random.Random, waybill: str, manner: str) -> None:
    """A person sends a parcel."""
    if site.office.order(waybill, outbound=True) is not None:
        await asyncio.sleep(chance.uniform(1, 20))
        await Visitor(site, chance, waybill, Purpose.DEPOSIT, manner).come()


async def collect(site: Site, chance: random.Random, waybill: str, manner: str) -> None:
    """The buyer comes."""
    if waybill in site.office.backend.orders:
        await BUYERS.get(manner, Visitor)(site, chance, waybill, Purpose.PICKUP, manner).come()


async def go_round(site: Site, chance: random.Random, of: str, manner: str) -> None:
    """A courier takes away what has expired, was refused, or is to be sent."""
    for waybill in site.office.to_fetch():
        await Visitor(site, chance, waybill, Purpose.WITHDRAWAL, manner).come(tries=1)
    see_to_doubtful(site.office, chance)


async def bring_round(site: Site, chance: random.Random, of: str, manner: str) -> None:
    """A courier brings several parcels with one code, and one that is not of the round; their buyers come one after the other."""
    names = [f"{of}-{number}" for number in range(chance.randint(3, 5))]
    brought = [name for name in names if site.office.order(name) is not None]
    if len(brought) < 3:
        return
    each = site.office.backend.round(Purpose.DEPOSIT, brought[1:])
    site.office.sync()
    await asyncio.sleep(chance.uniform(1, 20))
    await Courier(site, chance, each, manner).come()
    await Visitor(site, chance, brought[0], Purpose.DEPOSIT, manner).come()
    for waybill in brought:
        await asyncio.sleep(chance.uniform(30, 900))
        await collect(site, chance, waybill, "usual")


async def fetch_round(site: Site, chance: random.Random, of: str, manner: str) -> None:
    """A courier takes away all that is left, with one code where it is more than one parcel."""
    waybills = site.office.to_fetch()
    if len(waybills) < 2:
        return
    each = site.office.backend.round(Purpose.WITHDRAWAL, waybills)
    site.office.sync()
    await asyncio.sleep(chance.uniform(1, 20))
    await Courier(site, chance, each, manner).come(tries=1)


async def wish(site: Site, chance: random.Random, waybill: str, manner: str) -> None:
    """Somebody wants something from afar: the buyer or the shop of a parcel, the operator of its cell."""
    if waybill in site.office.backend.orders:
        await WISHES[manner](site.office, chance, waybill)


LIFE: dict[str, Callable[[Site, random.Random, str, str], Awaitable[None]]] = {
    "deliver": deliver,
    "send": send,
    "collect": collect,
    "round": go_round,
    "bring_round": bring_round,
    "fetch_round": fetch_round,
    "wish": wish,
    **UPKEEP,
}
