"""Strikes at power, disk and clock."""

import asyncio
import contextlib
import random

from sim.disk import BROKEN, Error
from sim.diskfaults import Operation
from sim.site import PowerCut, Site
from sim.space import Space
from sim.strikes.common import Blow, Strike, in_hand, served
from sim.unsynced import BLOCK_BYTES


def _off_s(chance: random.Random) -> float:
    return chance.choice([chance.uniform(5, 20), chance.uniform(20, 300)])


async def power_cut(site: Site, blow: Blow) -> None:
    """At any moment at all."""
    chance = blow.chance
    blow.fired()
    await site.outage(_off_s(chance), until=blow.healed)


async def power_cut_in_hand(site: Site, blow: Blow) -> None:
    """Within five seconds of a door being opened, or open."""
    chance = blow.chance
    if await in_hand(site):
        await asyncio.sleep(chance.uniform(0, 5))
        blow.fired()
        await site.outage(_off_s(chance))


async def controller_killed(site: Site, blow: Blow) -> None:
    """The process alone: pulses that boards have begun go on, and doors open meanwhile."""
    chance = blow.chance
    if chance.random() < 0.7 and not blow.aimed:
        await in_hand(site)
        await asyncio.sleep(chance.uniform(0, 2))
    blow.fired()
    await site.outage(chance.uniform(2, 20), power=False)


def power_cut_at_commit(*, before: bool) -> Strike:
    """At one of the next commits while somebody is served: nothing of it is on the disk, or all of it and no effect."""

    async def strike(site: Site, blow: Blow) -> None:
        chance = blow.chance
        await served(site, chance)
        left = chance.randrange(1, 12)
        hook = "before_commit" if before else "after_commit"
        struck = asyncio.Event()

        def count() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                setattr(site, hook, lambda: None)
                struck.set()
                blow.fired()
                raise PowerCut

        setattr(site, hook, count)
        try:
            async with asyncio.timeout(3_600):
                await struck.wait()
        except TimeoutError:
            setattr(site, hook, lambda: None)
            return
        await site.outage(_off_s(chance))

    return strike


async def power_cut_in_write(site: Site, blow: Blow) -> None:
    """At any of the next writes, syncs and truncations of the database."""
    chance = blow.chance
    disk = site.locker.disk
    if disk is None:
        return
    await served(site, chance)
    struck = asyncio.Event()
    disk.on_cut.append(struck.set)
    disk.cut_after(chance.randrange(60))
    try:
        async with asyncio.timeout(3_600):
            await struck.wait()
    except TimeoutError:
        return
    finally:
        disk.on_cut.remove(struck.set)
    blow.fired()
    await site.outage(_off_s(chance))


async def disk_full(site: Site, blow: Blow) -> None:
    """Somebody else fills the disk; every third time also with what the reserve gives back, and nothing can be written then."""
    disk, chance = site.locker.disk, blow.chance
    if disk is None or disk.space.capacity_bytes is not None:
        return
    if blow.aimed:
        await _fill(site, disk.space, blow)
        return
    await served(site, chance)
    space, greedy, struck = disk.space, chance.random() < 0.3, asyncio.Event()

    def full() -> None:
        if not struck.is_set():
            struck.set()
            blow.fired()
            if greedy:
                space.capacity_bytes = (space.capacity_bytes or 0) - space.held_bytes

    space.on_full = full
    space.capacity_bytes = space.used_bytes + BLOCK_BYTES * chance.randrange(20)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(
            1_800
        ):  # a log that is written anew from its start needs no space for long
            await struck.wait()
    with site.witness.blinded(site.cells if greedy else ()):
        site.disk_fails = greedy
        await blow.lasts(chance.uniform(1, 60) if greedy else chance.uniform(30, 900))
        space.capacity_bytes, space.on_full = None, lambda: None
        site.disk_fails = False
        await asyncio.sleep(3)


async def _fill(site: Site, space: Space, blow: Blow) -> None:
    """Full from this moment on, until it is healed."""
    space.capacity_bytes = space.used_bytes
    site.disk_fails = True
    blow.fired()
    await blow.lasts(blow.chance.uniform(30, 900))
    space.capacity_bytes = None
    site.disk_fails = False


async def disk_io_error(site: Site, blow: Blow) -> None:
    """Some writes or syncs fail."""
    disk, chance = site.locker.disk, blow.chance
    if disk is None:
        return
    if not blow.aimed:
        await served(site, chance)
    struck: list[str] = []

    def failed(path: str) -> Error:
        if not struck:
            struck.append(path)
            blow.fired()
        return BROKEN(path)

    with site.witness.blinded(site.cells):
        site.disk_fails = True
        operations, times = (Operation.WRITE, Operation.SYNC), None if blow.healed else chance.randrange(1, 4)
        disk.fail(*operations, after=0 if blow.aimed else chance.randrange(20), times=times, error=failed)
        await blow.lasts(chance.uniform(1, 10))
        disk.mend()
        site.disk_fails = False
        await asyncio.sleep(3)


async def clock_unsure(site: Site, blow: Blow) -> None:
    """The machine starts in 1970, and whoever carries the backend's messages lets no signed time through."""
    link = site.locker.link
    link.tells_time = False
    await clock_empty(site, blow)
    await blow.lasts(blow.chance.uniform(120, 1_800))
    link.tells_time = True


async def clock_empty(site: Site, blow: Blow) -> None:
    """The power goes, and with it the clock: its battery is empty."""
    clock = site.locker.clock
    battery, clock.battery = clock.battery, False
    blow.fired()
    await site.outage(_off_s(blow.chance))
    clock.battery = battery


async def clock_stepped(site: Site, blow: Blow) -> None:
    """NTP lies, or a hand slips: the system's clock is off by seconds, hours or weeks, until NTP finds the time again."""
    chance = blow.chance
    limit_ms = chance.choice([60_000, 3 * 3_600_000, 30 * 86_400_000])
    site.locker.clock.step(chance.randrange(-limit_ms, limit_ms))
    blow.fired()
    await blow.lasts(chance.uniform(5, 3_600))
    site.locker.clock.set_right()


async def clock_drifts(site: Site, blow: Blow) -> None:
    """The machine's oscillator is up to 100 ppm fast or slow, as in heat or cold."""
    site.locker.clock.drift(blow.chance.uniform(-100, 100))
    blow.fired()
    await blow.lasts(blow.chance.uniform(600, 7_200))
    site.locker.clock.drift(0)
