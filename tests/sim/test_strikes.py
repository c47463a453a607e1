"""Strikes that overlap do not undo each other, and what waits for something to happen finds it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from firmware.model import Action, Purpose
from sim import errands, faces
from sim.backend.orders import Stage
from sim.disk import Disk
from sim.life import counted_transitions
from sim.locker import SimLocker
from sim.loop import run
from sim.scenario import cabinet
from sim.site import Site
from sim.strikes import common, machine, matter, network
from sim.strikes.common import Blow


@asynccontextmanager
async def a_site() -> AsyncIterator[Site]:
    """The standard cabinet, switched on, with nobody near."""
    disk = Disk("strikes", random.Random(1))
    locker = SimLocker(cabinet("standard-64"), Path("/locker"), 1, disk=disk)
    site = Site(locker, random.Random(1))
    await locker.switch_on()
    try:
        yield site
    finally:
        await locker.kill()
        disk.unregister()


async def typed(site: Site) -> None:
    """A courier types the code of a parcel that is to be put in."""
    waybill = "KZ00001"
    site.locker.backend.order(waybill, 7, "buyer")
    site.locker.link.sync()
    await asyncio.sleep(5)
    faces.press(site.kiosk, Action.START)
    await asyncio.sleep(2)
    faces.type_code(site.kiosk, site.locker.backend.code(waybill, Purpose.DEPOSIT))


def test_two_pairs_of_crossed_locks_are_known_for_as_long_as_each_is_crossed() -> None:
    async def main() -> None:
        async with a_site() as site:
            boards = site.locker.cabinet.boards.values()

            def crossed() -> dict[int, int]:
                return {opens: board.wiring[at] for board in boards for at, opens in board.crossed.items()}

            strikes = []
            for seed in range(6):
                strike = matter.wrong_door(site, Blow(random.Random(seed), lambda: None))
                strikes.append(asyncio.create_task(strike))
                await asyncio.sleep(200)
                assert site.witness.crossed == crossed()
                assert len(crossed()) == 16 * min(seed + 1, len(boards))
            for _ in range(30):
                await asyncio.sleep(100)
                assert site.witness.crossed == crossed()
            assert not crossed()
            await asyncio.gather(*strikes)

    run(main())


def test_the_power_is_gone_in_the_very_write() -> None:
    """A controller that lives on after it would be told that its disk is broken, which no rule expects."""

    async def main() -> None:
        async with a_site() as site:
            fired_s: list[float] = []
            loop = asyncio.get_running_loop()
            strike = asyncio.create_task(
                machine.power_cut_in_write(site, Blow(random.Random(2), lambda: fired_s.append(loop.time())))
            )
            await asyncio.sleep(1)
            await typed(site)
            cut_s: list[float] = []
            assert site.locker.disk is not None
            site.locker.disk.on_cut.append(lambda: cut_s.append(loop.time()))
            await strike
            assert fired_s == cut_s[:1]
            assert site.outages == 1

    run(main())


def test_whoever_waits_for_a_moment_finds_it_or_has_no_more_patience() -> None:
    async def main() -> None:
        async with a_site() as site:
            loop = asyncio.get_running_loop()
            begun_s = loop.time()
            assert not await common.in_hand(site, 100)
            assert loop.time() - begun_s == 100
            waiting = [asyncio.create_task(wait(site, 3_600)) for wait in (common.typing, common.in_hand)]
            await asyncio.sleep(500)
            assert not any(each.done() for each in waiting)
            await typed(site)
            await asyncio.sleep(2)
            assert [each.done() and each.result() for each in waiting] == [True, True]

    run(main())


def test_a_courier_sent_for_a_doubtful_parcel_finds_its_cell_jammed_and_it_is_doubtful_still() -> None:
    """By the rules of chance alone a suspect parcel's withdrawal fell back in one of twenty lives."""

    async def main() -> int:
        async with a_site() as site:
            await asyncio.sleep(5)
            strike = asyncio.create_task(matter.jammed_for_a_courier(site, Blow(at_once, fired.set)))
            await errands.deliver(site, random.Random(1), "KZ1", "usual")
            order = site.office.backend.orders["KZ1"]
            await asyncio.sleep(10)
            assert (order.stage, fired.is_set()) == (Stage.STORED, False), "nothing lies there for a courier"
            site.world.force(order.cell)
            await asyncio.sleep(5)
            site.world.close(order.cell)
            await strike
            assert fired.is_set()
            site.office.sync()
            stages = [order.stage]
            await errands.collect(site, random.Random(1), "KZ1", "usual")
            assert [*stages, order.stage] == [Stage.SUSPECT, Stage.COLLECTED], "its code works as before"
            return site.world.cells[order.cell].coil.pulses

    fired, at_once = asyncio.Event(), random.Random(1)  # every other seed's courier comes at once
    with counted_transitions() as taken:
        pulses = run(main())
    assert taken["parcel: withdrawing fall_back → suspect"] >= 1
    assert pulses >= 1 + 3 + 1


def test_a_backend_that_comes_from_a_copy_forgets_what_it_was_told_since_and_is_told_it_again() -> None:
    async def main() -> None:
        async with a_site() as site:
            backend, healed = site.office.backend, asyncio.Event()

            def stage() -> Stage:
                return backend.orders["KZ00001"].stage

            await typed(site)
            before = backend.ledger.last
            strike = asyncio.create_task(
                network.restored(site, Blow(random.Random(1), lambda: None, healed=healed))
            )
            await asyncio.sleep(5)
            site.put(7, "KZ00001")
            site.world.close(7)
            await asyncio.sleep(20)
            told = backend.ledger.last
            assert stage() is Stage.STORED
            sms = len(backend.phones["buyer"])
            healed.set()
            await asyncio.sleep(1)
            assert before <= backend.ledger.last < told
            assert stage() is Stage.ORDERED
            await strike
            await asyncio.sleep(20)
            assert backend.ledger.last >= told
            assert stage() is Stage.STORED
            assert len(backend.phones["buyer"]) == sms

    run(main())
