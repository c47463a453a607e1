"""Bolts, doors, springs and people behave like matter, and the heat of a coil is remembered."""

import asyncio

import pytest

from sim.loop import run
from sim.world import Cell, Condition, Contact, Impossible, Sensor, World


async def pulse(world: World, number: int, ms: float = 300) -> None:
    world.energise(number)
    await asyncio.sleep(ms / 1_000)
    world.release(number)
    await asyncio.sleep(0.2)


def test_a_pulse_draws_the_bolt_and_the_spring_pops_the_door() -> None:
    async def main() -> None:
        world = World(2)
        cell = world.cells[1]
        world.energise(1)
        await asyncio.sleep((cell.pull_ms - 1) / 1_000)
        assert cell.latched
        await asyncio.sleep(0.002)
        assert not cell.latched
        assert cell.shut
        await asyncio.sleep(cell.pop_ms / 1_000)
        assert not cell.shut
        world.release(1)
        assert world.cells[2].latched
        assert world.cells[2].shut

    run(main())


def test_too_short_a_pulse_opens_nothing() -> None:
    async def main() -> None:
        world = World(1)
        await pulse(world, 1, world.cells[1].pull_ms - 1)
        assert world.cells[1].latched
        await pulse(world, 1, world.cells[1].pull_ms + 1)
        assert not world.cells[1].latched

    run(main())


@pytest.mark.parametrize(
    ("condition", "latched", "shut"),
    [
        (Condition.FINE, False, False),
        (Condition.JAMMED, True, True),
        (Condition.NEEDS_PUSH, True, True),
        (Condition.NEEDS_PULL, False, True),
        (Condition.NO_LATCH, False, False),
    ],
)
def test_what_a_pulse_does_under_each_condition(condition: Condition, latched: bool, shut: bool) -> None:
    async def main() -> None:
        world = World(1)
        world.afflict(1, condition)
        await pulse(world, 1)
        assert (world.cells[1].latched, world.cells[1].shut) == (latched, shut)

    run(main())


def test_pressing_and_pulling_help_where_they_should() -> None:
    async def main() -> None:
        world = World(2)
        world.afflict(1, Condition.NEEDS_PUSH)
        world.press(1)
        await pulse(world, 1)
        assert not world.cells[1].shut
        world.afflict(2, Condition.NEEDS_PULL)
        assert not world.pull(2)
        await pulse(world, 2)
        assert world.pull(2)

    run(main())


def test_closing_latches_unless_the_latch_is_worn() -> None:
    async def main() -> None:
        world = World(1)
        world.force(1)
        assert world.close(1)
        assert not world.pull(1)
        world.afflict(1, Condition.NO_LATCH)
        await pulse(world, 1)
        assert not world.close(1)
        assert world.pull(1)

    run(main())


def test_a_door_pushed_shut_while_it_pops_stays_shut() -> None:
    async def main() -> None:
        world = World(1)
        world.energise(1)
        await asyncio.sleep((world.cells[1].pull_ms + 10) / 1_000)
        world.close(1)
        await asyncio.sleep(1)
        assert world.cells[1].shut
        assert world.cells[1].latched
        world.release(1)

    run(main())


def test_leaning_on_a_shut_door_does_not_stop_the_bolt() -> None:
    async def main() -> None:
        world = World(1)
        world.energise(1)
        await asyncio.sleep(0.05)
        world.close(1)
        await asyncio.sleep(0.3)
        world.release(1)
        assert not world.cells[1].shut

    run(main())


def test_parcels_go_in_and_out_of_open_cells_only() -> None:
    async def main() -> None:
        world = World(1)
        with pytest.raises(Impossible, match="cell 1: the door is shut"):
            world.put(1, "KZ1")
        world.force(1)
        with pytest.raises(Impossible, match="cell 1: it is empty"):
            world.take(1)
        world.put(1, "KZ1")
        with pytest.raises(Impossible, match="cell 1: KZ1 lies in it"):
            world.put(1, "KZ2")
        world.close(1)
        with pytest.raises(Impossible):
            world.take(1)
        world.force(1)
        assert world.take(1) == "KZ1"

    run(main())


@pytest.mark.parametrize(
    ("latched", "shut", "closed"),
    [
        (True, True, {Contact.HOOK: True, Contact.DOOR: True, Contact.BOTH: True}),
        (False, True, {Contact.HOOK: False, Contact.DOOR: True, Contact.BOTH: False}),
        (True, False, {Contact.HOOK: True, Contact.DOOR: False, Contact.BOTH: False}),
        (False, False, {Contact.HOOK: False, Contact.DOOR: False, Contact.BOTH: False}),
    ],
)
def test_what_each_contact_feels(latched: bool, shut: bool, closed: dict[Contact, bool]) -> None:
    cell = Cell(1, latched=latched, shut=shut)
    assert {contact: cell.contact_closed(contact) for contact in Contact} == closed
    for sensor, stuck in ((Sensor.STUCK_OPEN, False), (Sensor.STUCK_CLOSED, True)):
        cell.sensor = sensor
        assert {cell.contact_closed(contact) for contact in Contact} == {stuck}


def test_the_heat_of_a_coil_is_seen_also_by_who_looks_later() -> None:
    async def main() -> None:
        world = World(2)
        coil = world.cells[1].coil
        loop = asyncio.get_running_loop()
        for _ in range(8):
            await pulse(world, 1, 400)
            await asyncio.sleep(1)
        assert coil.pulses == 8
        assert coil.longest_s == pytest.approx(0.4)
        assert coil.energised_s(loop.time()) == pytest.approx(3.2)
        assert coil.hottest_s == pytest.approx(3.2)  # over the 3.0 s that 5 % of a minute allow
        await asyncio.sleep(120)
        assert coil.energised_s(loop.time()) == 0
        assert coil.hottest_s == pytest.approx(3.2)
        world.energise(1)
        await asyncio.sleep(70)
        assert coil.energised_s(loop.time()) == pytest.approx(60)
        world.energise(2)
        assert world.coils_on_max == 2
        world.release(1)
        world.release(2)
        assert coil.longest_s == pytest.approx(70)

    run(main())


def test_observers_hear_of_each_change_in_order() -> None:
    async def main() -> None:
        world = World(2)
        seen: list[tuple[str, int, bool]] = []
        world.observe(lambda cell: seen.append(("first", cell.number, cell.shut)))
        world.observe(lambda cell: seen.append(("second", cell.number, cell.shut)))
        world.force(2)
        world.close(2)
        assert seen == [
            ("first", 2, False),
            ("second", 2, False),
            ("first", 2, True),
            ("second", 2, True),
        ]

    run(main())
