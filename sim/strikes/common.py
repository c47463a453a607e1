"""What strikes share: who is struck, and when."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from firmware.model import DoorState, ScreenName
from firmware.rows import Door
from sim.backend.orders import FETCHED, Order, Stage
from sim.site import Site
from sim.wire import Line

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Blow:
    """One strike of a fault: all its chance, and whom to tell that it takes effect.

    Left to chance it strikes whom it may, in its own time. Aimed by a person's hand it strikes at once, where it can, at
    the cell that is named, and lasts until it is healed.
    """

    chance: random.Random
    fired: Callable[[], None]
    aimed: bool = False
    cell: int | None = None
    healed: asyncio.Event | None = None

    async def lasts(self, seconds: float) -> None:
        """For so long, or until it is healed."""
        if self.healed is None:
            await asyncio.sleep(seconds)
        else:
            await self.healed.wait()


Strike = Callable[[Site, Blow], Awaitable[None]]


def likely_cell(site: Site, blow: Blow) -> int:
    """A cell that somebody will use soon, where there is one; every other time one that a courier has to empty."""
    if blow.cell is not None:
        return blow.cell
    chance = blow.chance
    orders = site.office.backend.orders.values()
    usual = sorted({order.cell for order in orders if order.stage in (Stage.ORDERED, Stage.STORED)})
    rare = sorted({order.cell for order in orders if order.stage in FETCHED})
    return chance.choice((rare if chance.random() < 0.5 else usual) or usual or site.cells)


def the_line(site: Site, chance: random.Random) -> tuple[str, Line]:
    """Any line of the locker, with its bus's name."""
    return chance.choice(sorted(site.locker.cabinet.lines.items()))


def cells_on(site: Site, bus: str) -> list[int]:
    """The cells whose boards hang on this bus."""
    boards = site.locker.config.banks
    return [
        cell
        for bank in boards
        if getattr(bank, "bus", None) == bus
        for cell in site.cells_of_board(bank.name)
    ]


async def in_hand(site: Site, patience_s: float = 3_600.0) -> bool:
    """Wait until somebody's door is being opened or stands open; False where nobody came."""
    at_work = (DoorState.UNLOCKING, DoorState.OPEN)
    return (
        await _until(site, lambda: _a_door(site, lambda row: row.state in at_work), 0.7, patience_s)
        is not None
    )


async def typing(site: Site, patience_s: float = 3_600.0) -> bool:
    """Wait until somebody stands at the keypad: the next commits are those of an opening. False where nobody came."""

    def at_keypad() -> bool | None:
        show = site.kiosk.show
        return True if show is not None and show.screen.name is ScreenName.KEYPAD else None

    return await _until(site, at_keypad, 0.7, patience_s) is not None


async def served(site: Site, chance: random.Random) -> bool:
    """Wait for a moment of somebody's visit: at the keypad, or at the door."""
    return await (typing if chance.random() < 0.5 else in_hand)(site)


async def resting(site: Site, patience_s: float = 3_600.0) -> int | None:
    """Wait until a pulse was asked for and waits for its coil to rest; its cell, or None where none did."""

    def rests(row: Door) -> bool:
        return row.state is DoorState.UNLOCKING and row.intent is None

    row = await _until(site, lambda: _a_door(site, rests), 0.13, patience_s)
    return row.cell if row is not None else None


async def to_fetch(site: Site, patience_s: float = 3_600.0) -> list[Order]:
    """Wait until something lies here for a courier; all of it, or nothing where it never came to it."""
    return await _until(site, lambda: site.office.to_be_fetched() or None, 0.7, patience_s) or []


def _a_door(site: Site, holds: Callable[[Door], bool]) -> Door | None:
    parts = site.locker.assembly
    return next(filter(holds, parts.runtime.controller.state.all(Door)), None) if parts else None


async def _until(site: Site, find: Callable[[], T | None], every_s: float, patience_s: float) -> T | None:
    """What `find` finds, looking every so often, for so long; nobody looks while nothing happens."""
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            while (found := find()) is None:
                site.locker.moved.clear()
                await site.locker.moved.wait()
                await asyncio.sleep(every_s - (loop.time() - begun_s) % every_s)
            return found
    return None
