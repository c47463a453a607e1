"""What people come for: the visits of a plan."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from firmware.model import Purpose
from sim.claimers import Claimer
from sim.people import Visitor
from sim.showers import Shower
from sim.site import Site
from sim.wishes import WISHES, see_to_doubtful

BUYERS: dict[str, type[Visitor]] = {"scans": Claimer, "shows": Shower}


async def deliver(site: Site, chance: random.Random, waybill: str, manner: str) -> None:
    """A courier brings a parcel for which there is an order."""
    if site.office.order(waybill) is not None:
        await asyncio.sleep(chance.uniform(1, 20))
        await Visitor(site, chance, waybill, Purpose.DEPOSIT, manner).come()


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


async def wish(site: Site, chance: random.Random, waybill: str, manner: str) -> None:
    """Somebody wants something from afar: the buyer or the shop of a parcel, the operator of its cell."""
    if waybill in site.office.backend.orders:
        await WISHES[manner](site.office, chance, waybill)


LIFE: dict[str, Callable[[Site, random.Random, str, str], Awaitable[None]]] = {
    "deliver": deliver,
    "send": send,
    "collect": collect,
    "round": go_round,
    "wish": wish,
}
