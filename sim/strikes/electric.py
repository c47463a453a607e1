"""Strikes at boards and wires."""

import asyncio
import random
from collections.abc import Callable

from sim.site import Site
from sim.strikes.common import Blow, Strike, cells_on, in_hand, the_line
from sim.wire import Line

BITS_PER_BYTE = 10


def board(what: str) -> Strike:
    """One board gets deaf (`dead`) or dumb (`silent`)."""

    async def strike(site: Site, blow: Blow) -> None:
        chance = blow.chance
        name = chance.choice(sorted(site.locker.cabinet.boards))
        with site.witness.blinded(site.cells_of_board(name)):
            setattr(site.locker.cabinet.boards[name], what, True)
            blow.fired()
            await blow.lasts(chance.uniform(1, 180))
            setattr(site.locker.cabinet.boards[name], what, False)
            await asyncio.sleep(3)

    return strike


async def board_reset(site: Site, blow: Blow) -> None:
    """The supply of one board blinks, if it can be while somebody opens a cell."""
    chance = blow.chance
    if not blow.aimed:
        await in_hand(site, 900)
        await asyncio.sleep(chance.uniform(0, 0.4))
    site.locker.cabinet.boards[chance.choice(sorted(site.locker.cabinet.boards))].reset()
    blow.fired()


async def scanner_floods(site: Site, blow: Blow) -> None:
    """A barcode scanner gone mad: parcels' numbers, garbage, and now and then no end of a line, as fast as its line takes them."""
    chance, gun = blow.chance, next(iter(site.locker.cabinet.guns.values()))
    known = sorted(site.office.backend.orders)
    blow.fired()
    for _ in range(chance.randint(200, 1_000)):
        text = chance.choice([*known, f"KZ{chance.getrandbits(32)}"]).encode()
        data = chance.choice([text, text, text, chance.randbytes(12)]) + chance.choice(
            [b"\r", b"\n", b"\r\n", b""]
        )
        gun.send(data)
        await asyncio.sleep(BITS_PER_BYTE * len(data) / gun.line.baud)


def _wire(change: Callable[[Line, random.Random], Callable[[], None]]) -> Strike:
    """A fault of the line: `change` makes it and gives back how to heal it."""

    async def strike(site: Site, blow: Blow) -> None:
        chance = blow.chance
        bus, line = the_line(site, chance)
        if chance.random() < 0.5 and not blow.aimed:
            await in_hand(site, 900)
        await _at_any_byte(line, chance)
        with site.witness.blinded(cells_on(site, bus)):
            heal = change(line, chance)
            blow.fired()
            await blow.lasts(chance.choice([chance.uniform(0.05, 3), chance.uniform(3, 180)]))
            await _at_any_byte(line, chance)
            heal()
            await asyncio.sleep(3)

    return strike


async def _at_any_byte(line: Line, chance: random.Random) -> None:
    """A moment within a transmission, where there is one."""
    for _ in range(200):
        if line.is_busy:
            break
        await asyncio.sleep(0.0071)
    await asyncio.sleep(chance.uniform(0, 0.012))


def noise(where: str) -> Strike:
    """Up to eight random bytes before or behind each reply."""

    def change(line: Line, chance: random.Random) -> Callable[[], None]:
        setattr(line, where, chance.randbytes(chance.randrange(1, 9)))
        return lambda: setattr(line, where, b"")

    return _wire(change)


def _set(attribute: str, value: Callable[[random.Random], object], healed: object) -> Strike:
    def change(line: Line, chance: random.Random) -> Callable[[], None]:
        setattr(line, attribute, value(chance))
        return lambda: setattr(line, attribute, healed)

    return _wire(change)


echo = _set("echo", lambda chance: True, False)
delay = _set("delay_ms", lambda chance: chance.uniform(5, 400), 0.0)
cable_cut = _set("cut", lambda chance: True, False)


async def port_unplugged(site: Site, blow: Blow) -> None:
    """The device goes away within a transmission, and comes back."""
    chance = blow.chance
    bus, line = the_line(site, chance)
    port = site.locker.cabinet.ports[bus]
    await _at_any_byte(line, chance)
    with site.witness.blinded(cells_on(site, bus)):
        port.unplug()
        blow.fired()
        await blow.lasts(chance.choice([chance.uniform(0.05, 3), chance.uniform(3, 180)]))
        port.plug()
        await asyncio.sleep(8)
