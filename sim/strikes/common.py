"""What strikes share: who is struck, and when."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable

from firmware.model import DoorState, ScreenName
from firmware.rows import Door
from sim.backend.orders import Stage
from sim.office import FETCHED_AT
from sim.site import Site
from sim.wire import Line

Fired = Callable[[], None]
Strike = Callable[[Site, random.Random, Fired], Awaitable[None]]


def likely_cell(site: Site, chance: random.Random) -> int:
    """A cell that somebody will use soon, where there is one; every other time one that a courier has to empty."""
    orders = site.office.backend.orders.values()
    usual = sorted({order.cell for order in orders if order.stage in (Stage.ORDERED, Stage.STORED)})
    rare = sorted({order.cell for order in orders if order.stage in FETCHED_AT})
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
    return await _until(site, lambda row: row.state in at_work, 0.7, patience_s) is not None


async def typing(site: Site, patience_s: float = 3_600.0) -> bool:
    """Wait until somebody stands at the keypad: the next commits are those of an opening. False where nobody came."""
    until_s = asyncio.get_running_loop().time() + patience_s
    while asyncio.get_running_loop().time() < until_s:
        show = site.kiosk.show
        if show is not None and show.screen.name is ScreenName.KEYPAD:
            return True
        await asyncio.sleep(0.7)
    return False


async def served(site: Site, chance: random.Random) -> bool:
    """Wait for a moment of somebody's visit: at the keypad, or at the door."""
    return await (typing if chance.random() < 0.5 else in_hand)(site)


async def resting(site: Site, patience_s: float = 3_600.0) -> int | None:
    """Wait until a pulse was asked for and waits for its coil to rest; its cell, or None where none did."""
    row = await _until(
        site, lambda row: row.state is DoorState.UNLOCKING and row.intent is None, 0.13, patience_s
    )
    return row.cell if row is not None else None


async def _until(site: Site, holds: Callable[[Door], bool], every_s: float, patience_s: float) -> Door | None:
    until_s = asyncio.get_running_loop().time() + patience_s
    while asyncio.get_running_loop().time() < until_s:
        parts = site.locker.assembly
        rows: Iterable[Door] = parts.runtime.controller.state.all(Door) if parts else ()
        for row in rows:
            if holds(row):
                return row
        await asyncio.sleep(every_s)
    return None
