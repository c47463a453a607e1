"""The watch tells changes and only changes, loses a silent bank once, and lets a pulse pass before its polls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hal.coils import CoilGuard
from hal.locks.xor8a80 import Xor8A80Bank
from hal.ports import HalError, NoReply, PulseLimits, PulseResult, PulseTimer, Senses
from hal.rs485 import Bus
from hal.watch import BOUNCE_MS, Watch
from sim.board8a80 import Board8A80
from sim.loop import run
from sim.wire import Line, MemoryPort
from sim.world import World

Level = tuple[str, int, bool | None]


class Script:
    """A bank whose next readings are written down; an error among them is raised, the last repeats."""

    senses = Senses.HOOK
    pulse_timer = PulseTimer.HOST

    def __init__(self, name: str, channels: int = 1) -> None:
        self.name, self.channels = name, channels
        self.readings: list[tuple[bool | None, ...] | HalError] = [(True,) * channels]
        self.read_at_ms: list[int] = []
        self.read_takes_ms = 0

    async def start(self) -> None: ...

    async def read(self) -> tuple[bool | None, ...]:
        self.read_at_ms.append(round(asyncio.get_running_loop().time() * 1_000))
        await asyncio.sleep(self.read_takes_ms / 1_000)
        reading = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        if isinstance(reading, HalError):
            raise reading
        return reading

    async def pulse(self, channel: int, pulse_ms: int) -> PulseResult:
        return PulseResult.SENT

    def off(self) -> None: ...

    def close(self) -> None: ...


class Site:
    def __init__(self, *banks: Script, closed_level: bool = True) -> None:
        self.banks = banks or (Script("a"),)
        self.levels: list[Level] = []
        self.losses: list[tuple[str, str]] = []
        self.watch = Watch(
            [(bank, closed_level) for bank in self.banks],
            lambda *level: self.levels.append(level),
            lambda bank, error: self.losses.append((bank, str(error))),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Script]:
        task = asyncio.create_task(self.watch.run())
        yield self.banks[0]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_the_first_reading_is_news_and_the_same_again_is_none() -> None:
    async def main() -> None:
        site = Site(Script("a", 3))
        async with site.running() as bank:
            bank.readings = [(True, False, None)]
            await asyncio.sleep(60)
            assert site.levels == [("a", 1, True), ("a", 2, False), ("a", 3, None)]
            assert len(bank.read_at_ms) == 60

    run(main())


def test_polarity_is_applied() -> None:
    async def main() -> None:
        site = Site(Script("a", 3), closed_level=False)
        async with site.running() as bank:
            bank.readings = [(True, False, None)]
            await asyncio.sleep(1)
            assert site.levels == [("a", 1, False), ("a", 2, True), ("a", 3, None)]

    run(main())


def test_a_change_is_told_when_it_was_read_twice() -> None:
    async def main() -> None:
        site = Site()
        async with site.running() as bank:
            await asyncio.sleep(0.5)
            bank.readings = [(False,)]
            await asyncio.sleep(0.55)  # the idle poll at 1.0 s
            assert site.levels == [("a", 1, True)]
            await asyncio.sleep(0.1)  # looked at again at the active rate, 1.1 s
            assert site.levels == [("a", 1, True), ("a", 1, False)]
            assert bank.read_at_ms == [0, 1_000, 1_100]

    run(main())


def test_a_single_odd_reading_is_no_change() -> None:
    async def main() -> None:
        site = Site()
        async with site.running() as bank:
            await asyncio.sleep(0.5)
            bank.readings = [(False,), (True,), (False,), (None,), (True,)]
            await asyncio.sleep(10)
            assert site.levels == [("a", 1, True)]

    run(main())


def test_two_readings_within_the_bounce_are_one() -> None:
    async def main() -> None:
        site = Site()
        async with site.running() as bank:
            await asyncio.sleep(0.5)
            bank.readings = [(False,)]
            first = asyncio.create_task(site.watch.confirm("a", 1))
            await asyncio.sleep(BOUNCE_MS / 2_000)
            second = asyncio.create_task(site.watch.confirm("a", 1))
            await asyncio.sleep(0.05)
            assert site.levels == [("a", 1, True)]
            assert [await first, await second] == [False, False]
            assert site.levels == [("a", 1, True), ("a", 1, False)]

    run(main())


def test_the_rates() -> None:
    async def main() -> None:
        site = Site(Script("a"), Script("b"))
        async with site.running():
            await asyncio.sleep(2.5)
            site.watch.set_active("b", True)
            await asyncio.sleep(0.35)
            site.watch.set_active("b", False)
            await asyncio.sleep(2)
        assert site.banks[0].read_at_ms == [0, 1_000, 2_000, 3_000, 4_000]
        assert site.banks[1].read_at_ms[:3] == [0, 1_000, 2_000]
        assert site.banks[1].read_at_ms[3:7] == [2_500, 2_600, 2_700, 2_800]
        assert site.banks[1].read_at_ms[7:] == [2_900, 3_900]

    run(main())


def test_banks_are_read_in_turn_also_where_the_line_is_too_slow() -> None:
    async def main() -> None:
        site = Site(Script("a"), Script("b"), Script("c"))
        async with site.running():
            for bank in site.banks:
                bank.read_takes_ms = 500
                site.watch.set_active(bank.name, True)
            await asyncio.sleep(30)
        assert [len(bank.read_at_ms) for bank in site.banks] == [20, 20, 20]

    run(main())


def test_a_silent_bank_is_lost_once_and_found_again() -> None:
    async def main() -> None:
        site = Site(Script("a"), Script("b"))
        async with site.running() as bank:
            await asyncio.sleep(0.5)
            bank.readings = [NoReply("nobody", sent=True)]
            await asyncio.sleep(1)
            assert bank.read_at_ms == [0, 1_000, 1_100, 1_200]
            assert site.losses == [("a", "nobody")]
            await asyncio.sleep(60)
            assert site.losses == [("a", "nobody")]
            bank.readings = [(True,)]
            await asyncio.sleep(1)
            assert site.levels == [("a", 1, True), ("b", 1, True), ("a", 1, True)]
            bank.readings = [NoReply("again", sent=True)]
            await asyncio.sleep(3)
            assert site.losses == [("a", "nobody"), ("a", "again")]

    run(main())


def test_two_misses_are_forgiven() -> None:
    async def main() -> None:
        site = Site()
        async with site.running() as bank:
            miss = NoReply("nobody", sent=True)
            bank.readings = [(True,), miss, miss, (True,), miss, miss, (False,), (False,)]
            await asyncio.sleep(10)
            assert site.losses == []
            assert site.levels == [("a", 1, True), ("a", 1, False)]

    run(main())


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([(True,)], True),
        ([(False,)], False),
        ([(True,), (False,), (False,)], False),
        ([(True,), (False,), (True,), (False,), (False,)], None),
        ([(None,)], None),
        ([(True,), NoReply("nobody", sent=True)], None),
    ],
)
def test_confirm(readings: list[tuple[bool | None, ...] | HalError], expected: bool | None) -> None:
    async def main() -> None:
        bank = Script("a")
        bank.readings = readings
        assert await Site(bank).watch.confirm("a", 1) is expected

    run(main())


def test_an_unknown_bank_and_two_of_one_name_are_errors() -> None:
    async def main() -> None:
        site = Site()
        with pytest.raises(KeyError):
            site.watch.set_active("x", True)
        with pytest.raises(KeyError):
            await site.watch.confirm("x", 1)
        with pytest.raises(KeyError):
            await site.watch.pulse("x", 1, 400)
        with pytest.raises(ValueError, match="two banks have one name"):
            Site(Script("a"), Script("a"))

    run(main())


def test_a_bug_in_a_callback_ends_the_watch() -> None:
    async def main() -> None:
        def broken(*_: object) -> None:
            raise KeyError("a bug")

        watch = Watch([(Script("a"), True)], broken, broken)
        with pytest.raises(KeyError, match="a bug"):
            await watch.run()

    run(main())


def test_on_a_real_bus_a_pulse_waits_for_one_exchange_at_most() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        world, line = World(48), Line()
        for address in (1, 2, 3, 4):
            cells = range(12 * address - 11, 12 * address + 1)
            wiring = dict(enumerate(cells, 1))
            Board8A80(line, world, wiring, address=address, channels=12)
        line.boards[1].dead = True  # type: ignore[attr-defined]
        bus = Bus(MemoryPort(line))
        guard = CoilGuard(PulseLimits(), lambda: round(loop.time() * 1_000))
        banks = [
            Xor8A80Bank(f"b{address}", bus, guard, address=address, channels=12, senses=Senses.HOOK)
            for address in (1, 2, 3, 4)
        ]
        levels: list[Level] = []
        losses: list[str] = []
        watch = Watch(
            [(bank, True) for bank in banks],
            lambda *level: levels.append(level),
            lambda bank, error: losses.append(bank),
        )
        for bank in banks:
            await bank.start()
            watch.set_active(bank.name, True)
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(10)
        assert losses == ["b2"]
        assert {(bank, channel) for bank, channel, closed in levels if closed} == {
            (f"b{address}", channel) for address in (1, 3, 4) for channel in range(1, 13)
        }
        on_at_s: list[float] = []
        world.observe(lambda cell: on_at_s.append(loop.time()) if cell.coil.on_at_s == loop.time() else None)
        waits_s: list[float] = []
        for attempt in range(8):
            levels.clear()
            await asyncio.sleep(4 + attempt * 0.013)
            asked_s = loop.time()
            assert await watch.pulse("b3", 1 + attempt, 400) is PulseResult.ACKNOWLEDGED
            waits_s.append(on_at_s[-1] - asked_s)
            await asyncio.sleep(1)
            assert levels == [("b3", 1 + attempt, False)]
        # A miss of the dead board: its deadline, the quiet after it, the frame.
        assert len(on_at_s) == len(waits_s) == 8
        assert 0 < max(waits_s) <= (150 + 5 + 50 + 5 + 5 + 2) / 1_000
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for bank in banks:
            bank.close()
        assert line.spoilt == 0

    run(main())
