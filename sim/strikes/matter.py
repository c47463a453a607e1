"""Strikes at doors, locks and contacts."""

import asyncio
import contextlib
from contextlib import nullcontext

from firmware.model import Purpose
from sim.backend.orders import Stage
from sim.people import Visitor
from sim.site import Site
from sim.strikes.common import Blow, Strike, in_hand, likely_cell, resting, to_fetch
from sim.world import Cell, Condition, Impossible, Sensor

SOUGHT = (Stage.STORED, Stage.SUSPECT)  # by their buyers


def condition(what: Condition) -> Strike:
    """A lock or door of a cell in use gets this condition, for 5 to 20 minutes."""

    async def strike(site: Site, blow: Blow) -> None:
        chance = blow.chance
        cell = likely_cell(site, blow)
        site.world.afflict(cell, what)
        blow.fired()
        blind = site.witness.blinded([cell]) if what is Condition.NO_LATCH else nullcontext()
        with blind:
            await blow.lasts(chance.uniform(300, 1_200))
        site.world.afflict(cell, Condition.FINE)

    return strike


async def jammed_for_a_courier(site: Site, blow: Blow) -> None:
    """Of a parcel that a courier is to take away the cell jams, until somebody has tried it in vain.

    Of what lies there the rare stages are struck as often as the usual one; every other time the courier comes at once.
    """
    chance = blow.chance
    lying = site.office.to_be_fetched() if blow.aimed else await to_fetch(site)
    if not lying:
        return
    stage = chance.choice(sorted({order.stage for order in lying}))
    order = chance.choice([each for each in lying if each.stage is stage])
    cell = site.world.cells[order.cell]
    pulses, tried = cell.coil.pulses, asyncio.Event()
    forget = site.world.observe(lambda each: tried.set() if cell.coil.pulses >= pulses + 3 else None)
    site.world.afflict(cell.number, Condition.JAMMED)
    blow.fired()
    if chance.random() < 0.5 and not blow.aimed:
        site.office.fetch(order.waybill)
        await Visitor(site, chance, order.waybill, Purpose.WITHDRAWAL, "usual").come(tries=1)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(3_600):
            await tried.wait()
    forget()
    await asyncio.sleep(chance.uniform(2, 60))
    site.world.afflict(cell.number, Condition.FINE)


async def opens_late(site: Site, blow: Blow) -> None:
    """The spring of a cell in use takes up to 50 s: within the time in which an opening is still the intent's."""
    chance = blow.chance
    cell = site.world.cells[likely_cell(site, blow)]
    pop_ms, cell.pop_ms = cell.pop_ms, chance.randrange(1_000, 50_000)
    blow.fired()
    await blow.lasts(chance.uniform(300, 1_200))
    cell.pop_ms = pop_ms


def sensor(what: Sensor) -> Strike:
    """A contact of a cell in use says the same whatever the door does."""

    async def strike(site: Site, blow: Blow) -> None:
        chance = blow.chance
        cell = likely_cell(site, blow)
        with site.witness.blinded([cell]):
            site.world.break_sensor(cell, what)
            blow.fired()
            await blow.lasts(chance.uniform(120, 600))
            site.world.break_sensor(cell, Sensor.FINE)
            await asyncio.sleep(3)

    return strike


async def door_forced(site: Site, blow: Blow) -> None:
    """A crowbar, often beside somebody who is served."""
    chance = blow.chance
    cell = likely_cell(site, blow)
    if chance.random() < 0.5 and not blow.aimed:
        await in_hand(site, 900)
        await asyncio.sleep(chance.uniform(0, 15))
    await _force(site, blow, cell)


async def door_forced_before_pulse(site: Site, blow: Blow) -> None:
    """The door beside one whose pulse was promised, and waits for its coil to rest."""
    chance = blow.chance
    if (rests := await resting(site, 7_200)) is not None:
        boards = (site.cells_of_board(name) for name in sorted(site.locker.cabinet.boards))
        beside = [each for cells in boards if rests in cells for each in cells if each != rests]
        await _force(site, blow, chance.choice(beside))


async def _force(site: Site, blow: Blow, cell: int) -> None:
    """In three of ten cases the parcel goes; somebody shuts the door later, and the buyer may come at once, in haste."""
    chance = blow.chance
    site.world.force(cell)
    blow.fired()
    if blow.aimed:
        return  # whoever swung it sees to the rest
    await asyncio.sleep(chance.uniform(0.1, 30))
    if chance.random() < 0.3:
        try:
            site.witness.excuse(site.take(cell), "stolen")
        except Impossible:
            pass  # nothing lay there, or somebody has shut the door
    await asyncio.sleep(chance.uniform(0.1, 300))
    site.world.close(cell)
    orders = site.office.backend.orders.values()
    waybill = next((each.waybill for each in orders if each.cell == cell and each.stage in SOUGHT), None)
    if waybill is not None and chance.random() < 0.5:
        await Visitor(site, chance, waybill, Purpose.PICKUP, "hasty").come(tries=1)


async def wrong_door(site: Site, blow: Blow) -> None:
    """The next pulse of one board goes to another lock, once."""
    chance = blow.chance
    told = site.witness.crossed  # by all such strikes that are under way
    boards = [
        each
        for _, each in sorted(site.locker.cabinet.boards.items())
        if told.keys().isdisjoint(each.wiring.values())
    ]
    if not boards:
        return
    board = chance.choice(boards)
    wiring, order = dict(board.wiring), sorted(board.wiring)
    shift = chance.randrange(1, len(order))
    board.crossed = {channel: wiring[order[(at + shift) % len(order)]] for at, channel in enumerate(order)}
    crossed = {board.crossed[channel]: wiring[channel] for channel in order}
    told.update(crossed)
    pulses = {cell: site.world.cells[cell].coil.pulses for cell in wiring.values()}
    struck: list[int] = []
    ended = asyncio.Event()

    def pulsed(cell: Cell) -> None:
        if not struck and cell.number in pulses and cell.coil.pulses > pulses[cell.number]:
            struck.append(cell.number)
            blow.fired()
        if struck and cell.number == struck[0] and cell.coil.on_at_s is None:
            board.crossed = {}
            ended.set()

    forget = site.world.observe(pulsed)
    try:
        async with asyncio.timeout(1_800):
            await ended.wait()
    except TimeoutError:
        pass
    finally:
        forget()
        board.crossed = {}
        for cell in crossed:
            del told[cell]
    if struck:
        await asyncio.sleep(chance.uniform(0.3, 5))
        asked = crossed[struck[0]]
        if chance.random() < 0.5 and site.world.cells[asked].shut:
            site.world.force(asked)  # the right one goes as well
        await asyncio.sleep(chance.uniform(30, 200))
        site.world.close(struck[0])
        site.world.close(asked)
