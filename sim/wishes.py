"""What is wanted from afar, through the backend alone: to cancel an order, to put off its deadline, to take a cell out of use."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

from firmware.model import Problem
from sim.backend import commands
from sim.backend.orders import ENDED, Stage
from sim.office import Office

EXTENDED_H = 1  # of a term of two
ON_THE_EVE_S = (0.0, 8.0)  # before its end
OUT_OF_USE_S = (60.0, 1_200.0)


async def cancel(office: Office, chance: random.Random, waybill: str) -> None:
    """At any time, wherever the parcel is."""
    if office.backend.orders[waybill].stage not in ENDED:
        office.backend.cancel(waybill)
        office.sync()


async def cancel_now(office: Office, chance: random.Random, waybill: str) -> None:
    """While somebody stands there and has its door open, or is about to."""
    for _ in range(1_200):
        if office.is_in_hand(waybill):
            await cancel(office, chance, waybill)
            return
        await asyncio.sleep(1)


async def extend(office: Office, chance: random.Random, waybill: str) -> None:
    """While it lies there."""
    with contextlib.suppress(ValueError):  # the app offers it only where it can be
        office.backend.extend(waybill, EXTENDED_H)
        office.sync()


async def extend_late(office: Office, chance: random.Random, waybill: str) -> None:
    """With the last minute; where the locker cannot be reached then, it hears of it when the term has run out there."""
    order = office.backend.orders[waybill]
    for _ in range(60):
        if order.stage is not Stage.ORDERED:
            break
        await asyncio.sleep(30)
    left_s = (order.expires_ms - office.utc_ms()) / 1_000 - chance.uniform(*ON_THE_EVE_S)
    if order.expires_ms and left_s > 0:
        await asyncio.sleep(left_s)
        with contextlib.suppress(ValueError):
            office.backend.extend(waybill, EXTENDED_H)  # sent when the backend next looks: now, or too late


async def block(office: Office, chance: random.Random, waybill: str) -> None:
    """The operator takes its cell out of use for a while."""
    cell = office.backend.orders[waybill].cell
    office.command(commands.block(cell))
    await asyncio.sleep(chance.uniform(*OUT_OF_USE_S))
    office.command(commands.block(cell, blocked=False))


def see_to_doubtful(office: Office, chance: random.Random) -> None:
    """A door was forced: the shop cancels the order, or gives its buyer time to look."""
    for order in list(office.backend.orders.values()):
        if order.stage is Stage.SUSPECT and chance.random() < 0.25:
            with contextlib.suppress(ValueError):
                ask = office.backend.cancel if chance.random() < 0.4 else office.backend.extend
                ask(order.waybill)
    office.sync()


def after_closing(office: Office, chance: random.Random, waybill: str, reopened: bool) -> bool:
    """The door is shut behind a pickup from the app: confirm, open it once more, complain, or put the phone away.

    Whether it was opened once more by now.
    """
    draw = chance.random()
    if draw < 0.35:
        office.in_app(commands.confirm, waybill)
    elif draw < 0.5 and not reopened:
        return office.in_app(commands.open_cell, waybill) is not None
    elif draw < 0.6:
        office.in_app(commands.report, waybill, chance.choice(list(Problem)))
    return reopened


WISHES: dict[str, Callable[[Office, random.Random, str], Awaitable[None]]] = {
    "cancel": cancel,
    "cancel_now": cancel_now,
    "extend": extend,
    "extend_late": extend_late,
    "block": block,
}
