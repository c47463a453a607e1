"""The bus keeps its silences, gives the line to one at a time, survives what a line does, and counts it."""

import asyncio
import itertools
from collections.abc import Callable

import pytest

from hal.ports import GarbledReply, NoReply, PortBusy, PortLost, PortMissing
from hal.rs485 import BABBLE_MAX_MS, POISON_QUIET_MS, REOPEN_FIRST_MS, REOPEN_MAX_MS, Bus, _Turns, silence_ms
from sim.loop import run
from sim.wire import Line, MemoryPort

BYTE_MS = 10 * 1_000 / 9_600


class Parrot:
    """A board of no family: `? x` is answered `! x`, after a while, or never."""

    def __init__(self, line: Line, name: bytes) -> None:
        self.line, self.name = line, name
        self.answer_in_ms = 1.0
        self.mute = False
        self.silences_ms: list[float] = []
        line.boards.append(self)

    def hear(self, data: bytes, silence_ms: float) -> None:
        if data[:1] == b"?" and data[1:2] == self.name:
            self.silences_ms.append(silence_ms)
            if not self.mute:
                loop = asyncio.get_running_loop()
                loop.call_later(self.answer_in_ms / 1_000, self.line.from_board, self, b"!" + data[1:])


class Site:
    def __init__(self, *, echo: bool = False, boards: bytes = b"ab") -> None:
        self.line = Line(echo=echo)
        self.boards = [Parrot(self.line, bytes([name])) for name in boards]
        self.port = MemoryPort(self.line, "tty7")
        self.bus = Bus(self.port, echo=echo)
        self.bus.join()

    async def ask(self, what: bytes = b"a1", *, urgent: bool = False, deadline_ms: int = 50) -> bytes:
        return await self.bus.exchange(
            b"?" + what, lambda heard: answer_to(what, heard), deadline_ms=deadline_ms, urgent=urgent
        )


def answer_to(what: bytes, heard: bytes) -> bytes | None:
    return what if b"!" + what in heard else None


@pytest.mark.parametrize(
    ("baud", "expected_ms"), [(1_200, 31), (9_600, 5), (19_200, 3), (38_400, 3), (115_200, 3)]
)
def test_the_silence_between_frames(baud: int, expected_ms: int) -> None:
    assert silence_ms(baud) == expected_ms  # 9,600: section 9 of the facts; 1.75 + 1 rounds up to 3


def test_the_silence_is_kept_after_a_reply_a_stray_byte_and_an_error() -> None:
    async def main() -> None:
        site = Site()
        await site.ask(b"a1")
        await site.ask(b"b1")
        site.boards[0].mute = True
        with pytest.raises(NoReply):
            await site.ask(b"a2")
        await site.ask(b"b2")
        site.line.from_board(site.boards[0], b"zz")
        await asyncio.sleep(2.5 * BYTE_MS / 1_000)
        await site.ask(b"b3")
        first, *later = [ms for board in site.boards for ms in board.silences_ms]
        assert first > 5
        assert all(ms >= 5 - 1e-6 for ms in later)
        assert site.line.spoilt == 0
        assert site.bus.health.stray_bytes == 2

    run(main())


def test_one_request_at_a_time() -> None:
    async def main() -> None:
        site = Site()
        asked = [b"a1", b"b1", b"a2", b"b2", b"a3"]
        assert await asyncio.gather(*(site.ask(what) for what in asked)) == asked
        assert site.line.spoilt == 0
        assert site.bus.health.exchanges == 5

    run(main())


def test_urgent_goes_before_all_that_waits_but_not_into_an_exchange() -> None:
    async def main() -> None:
        site = Site()
        order: list[bytes] = []

        async def ask(what: bytes, *, urgent: bool = False) -> None:
            await site.ask(what, urgent=urgent)
            order.append(what)

        tasks = [asyncio.create_task(ask(what)) for what in (b"a1", b"b1", b"a2")]
        await asyncio.sleep(0.001)
        tasks += [asyncio.create_task(ask(what, urgent=True)) for what in (b"b8", b"b9")]
        await asyncio.gather(*tasks)
        assert order == [b"a1", b"b8", b"b9", b"b1", b"a2"]

    run(main())


def test_a_late_reply_is_not_taken_for_the_next() -> None:
    async def main() -> None:
        site = Site()
        site.boards[0].answer_in_ms = 70
        with pytest.raises(NoReply):
            await site.ask(b"a1", deadline_ms=50)
        late = asyncio.get_running_loop().time()
        # Whatever is heard would do: had the late answer been let in, it would be the reply.
        site.boards[0].answer_in_ms = 1
        heard = await site.bus.exchange(
            b"?a2", lambda heard: heard if len(heard) == 3 else None, deadline_ms=50
        )
        assert heard == b"!a2"
        assert asyncio.get_running_loop().time() - late >= POISON_QUIET_MS / 1_000
        assert site.bus.health.stray_bytes == 3

    run(main())


def test_a_cancelled_exchange_poisons_the_line_and_passes_the_turn() -> None:
    async def main() -> None:
        site = Site()
        site.boards[0].answer_in_ms = 20
        first = asyncio.create_task(site.ask(b"a1"))
        second = asyncio.create_task(site.ask(b"b1"))
        third = asyncio.create_task(site.ask(b"b2"))
        await asyncio.sleep(0.010)
        second.cancel()
        first.cancel()
        assert await third == b"b2"
        # Cancelled at 10 ms, answered for 3 bytes after 31 ms, asked again not before 60 ms.
        assert site.bus.health.stray_bytes == 3
        assert site.boards[1].silences_ms == [pytest.approx(60 - 31.25, abs=0.1)]
        results = await asyncio.gather(first, second, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        assert await site.ask(b"a2") == b"a2"

    run(main())


def test_a_turn_given_to_a_waiter_that_is_being_cancelled_is_passed_on() -> None:
    async def main() -> None:
        turns = _Turns()
        await turns.take(urgent=False)
        second = asyncio.create_task(turns.take(urgent=False))
        third = asyncio.create_task(turns.take(urgent=False))
        await asyncio.sleep(0)
        turns.give()
        second.cancel()  # it holds the turn, and has not run since
        await third
        assert second.cancelled()

    run(main())


def test_after_a_failure_the_port_is_drained_before_the_next_write() -> None:
    async def main() -> None:
        site = Site()
        done: list[str] = []
        write = site.port.write
        site.port.drain = lambda: done.append("drain")  # type: ignore[method-assign]

        def written(data: bytes) -> None:
            done.append("write")
            write(data)

        site.port.write = written  # type: ignore[method-assign]
        site.boards[0].mute = True
        await site.ask(b"b1")
        with pytest.raises(NoReply):
            await site.ask(b"a1")
        await site.ask(b"b2")
        await site.ask(b"b3")
        assert done == ["write", "write", "drain", "write", "write"]

    run(main())


def test_garbage_is_told_from_silence() -> None:
    async def main() -> None:
        site = Site()
        with pytest.raises(NoReply, match="tty7: asked 3f 7a, no reply in 50 ms") as silent:
            await site.ask(b"z")
        site.boards[0].mute = True
        asking = asyncio.create_task(site.ask(b"a1"))
        await asyncio.sleep((POISON_QUIET_MS + 5 + 4 * BYTE_MS) / 1_000)
        site.line.from_board(site.boards[0], b"\x00\xff")
        with pytest.raises(
            GarbledReply, match="tty7: asked 3f 61 31, heard 00 ff, which is no reply"
        ) as garbled:
            await asking
        assert silent.value.sent
        assert garbled.value.sent
        assert (site.bus.health.misses, site.bus.health.garbled) == (1, 1)

    run(main())


def test_a_flood_is_bounded() -> None:
    async def main() -> None:
        site = Site()
        lengths: list[int] = []

        def decode(heard: bytes) -> bytes | None:
            lengths.append(len(heard))
            return None

        asking = asyncio.create_task(site.bus.exchange(b"?z", decode, deadline_ms=500))
        await asyncio.sleep(0.010)
        for _ in range(40):
            site.bus._received(bytes(100))
            await asyncio.sleep(0.001)
        with pytest.raises(GarbledReply):
            await asking
        assert max(lengths) == 1_024

    run(main())


def test_a_line_that_is_never_quiet_is_an_error_and_not_a_hang() -> None:
    async def main() -> None:
        site = Site()

        async def babble() -> None:
            while True:
                site.line.from_board(site.boards[0], b"x")
                await asyncio.sleep(0.003)

        babbler = asyncio.create_task(babble())
        await asyncio.sleep(0.010)
        begun_s = asyncio.get_running_loop().time()
        with pytest.raises(GarbledReply, match="talks without being asked") as error:
            await site.ask()
        assert not error.value.sent
        assert asyncio.get_running_loop().time() - begun_s == pytest.approx(BABBLE_MAX_MS / 1_000, abs=0.02)
        babbler.cancel()
        await asyncio.gather(babbler, return_exceptions=True)
        assert await site.ask() == b"a1"

    run(main())


def test_an_echo_is_stripped_where_it_is_expected() -> None:
    async def main() -> None:
        site = Site(echo=True)
        heard = await site.bus.exchange(
            b"?a1", lambda heard: heard if len(heard) == 3 else None, deadline_ms=50
        )
        assert heard == b"!a1"
        site.boards[0].mute = True
        with pytest.raises(NoReply):
            await site.ask()
        site.boards[0].mute, site.line.echo = False, False
        with pytest.raises(GarbledReply, match="heard 21 61 31 where its echo should be"):
            await site.ask()

    run(main())


def test_a_reply_that_needs_no_silence_ends_at_once_and_any_other_when_the_line_is_quiet() -> None:
    async def main() -> None:
        site = Site()
        loop = asyncio.get_running_loop()
        looks: list[tuple[str, bytes]] = []

        def look(name: str, found: Callable[[bytes], bool]) -> Callable[[bytes], str | None]:
            def find(heard: bytes) -> str | None:
                looks.append((name, heard))
                return name if found(heard) else None

            return find

        async def ask(at_once: Callable[[bytes], bool], quiet: Callable[[bytes], bool]) -> tuple[str, float]:
            await asyncio.sleep(1)
            looks.clear()
            begun_s = loop.time()
            found = await site.bus.exchange(
                b"?a1",
                look("quiet", quiet),
                deadline_ms=100,
                until_quiet_ms=20,
                at_once=look("at once", at_once),
            )
            return found, round(1_000 * (loop.time() - begun_s) - 6 * BYTE_MS, 3)

        whole = b"!a1"
        assert await ask(whole.__eq__, lambda heard: True) == ("at once", 1)
        assert looks == [("at once", whole)]
        assert await ask(lambda heard: False, lambda heard: True) == ("quiet", 21)
        assert {name for name, _ in looks[:-1]} == {"at once"}
        assert looks[-1] == ("quiet", whole)
        with pytest.raises(GarbledReply):
            await ask(lambda heard: False, lambda heard: False)
        # What comes behind a reply that was taken at once is seen before the next request.
        assert await ask(whole.__eq__, lambda heard: False) == ("at once", 1)
        site.line.from_board(site.boards[0], b"zz")
        await asyncio.sleep(1)
        assert site.bus.health.stray_bytes == 2

    run(main())


def test_two_boards_and_one_dead() -> None:
    async def main() -> None:
        site = Site()
        site.boards[0].mute = True
        for _ in range(5):
            with pytest.raises(NoReply):
                await site.ask(b"a1")
            assert await site.ask(b"b1") == b"b1"

    run(main())


def test_unplugged_in_the_middle_and_plugged_again() -> None:
    async def main() -> None:
        site = Site()
        asking = asyncio.create_task(site.ask())
        await asyncio.sleep(0.006)
        site.port.unplug()
        with pytest.raises(PortLost, match="tty7: the device went away") as lost:
            await asking
        assert lost.value.sent
        with pytest.raises(PortLost) as again:
            await site.ask()
        assert not again.value.sent
        await asyncio.sleep(1)
        with pytest.raises(PortMissing, match="tty7: no such device"):
            await site.ask()
        site.port.plug()
        await asyncio.sleep(REOPEN_MAX_MS / 1_000)
        assert await site.ask() == b"a1"
        assert site.bus.health.openings == 2
        # A reply begins the waits anew.
        site.port.unplug()
        site.port.plug()
        await asyncio.sleep(REOPEN_FIRST_MS / 1_000)
        assert await site.ask() == b"a1"

    run(main())


def test_a_missing_device_is_tried_again_ever_more_rarely() -> None:
    async def main() -> None:
        line = Line()
        Parrot(line, b"a")
        port = MemoryPort(line, "tty7")
        port.unplug()
        bus = Bus(port)
        tries_s: list[float] = []
        opening = port.open

        def counted(received: Callable[[bytes], None], lost: Callable[[PortLost], None]) -> None:
            tries_s.append(asyncio.get_running_loop().time())
            opening(received, lost)

        port.open = counted  # type: ignore[method-assign]
        with pytest.raises(PortMissing):
            bus.join()
        for _ in range(3_000):
            with pytest.raises(PortMissing):
                await bus.exchange(b"?a1", lambda heard: heard, deadline_ms=50)
            await asyncio.sleep(0.01)
        waits_s = [round(b - a, 2) for a, b in itertools.pairwise(tries_s)]
        assert waits_s[:5] == pytest.approx([0.25, 0.5, 1, 2, 4], abs=0.03)
        assert waits_s[5:] == pytest.approx([REOPEN_MAX_MS / 1_000] * len(waits_s[5:]), abs=0.03)
        port.plug()
        await asyncio.sleep(REOPEN_MAX_MS / 1_000)
        assert await bus.exchange(b"?a1", lambda heard: answer_to(b"a1", heard), deadline_ms=50) == b"a1"

    run(main())


def test_a_busy_device_is_named_so() -> None:
    async def main() -> None:
        port = MemoryPort(Line(), "tty7")
        port.held = True
        with pytest.raises(PortBusy, match="tty7"):
            Bus(port).join()

    run(main())


def test_what_before_raises_stops_the_exchange_before_a_byte() -> None:
    async def main() -> None:
        site = Site()

        def refuse() -> None:
            raise KeyError("no")

        with pytest.raises(KeyError):
            await site.bus.exchange(b"?a1", lambda heard: heard, deadline_ms=50, before=refuse)
        assert site.line.transmissions == 0
        assert await site.ask() == b"a1"

    run(main())


def test_the_last_bank_closes_the_port_and_whoever_waits_is_told() -> None:
    async def main() -> None:
        site = Site()
        site.bus.join()
        site.bus.leave()
        site.boards[0].mute = True
        asking = asyncio.create_task(site.ask())
        waiting = asyncio.create_task(site.ask())
        await asyncio.sleep(0.01)
        site.bus.leave()
        for task, sent in ((asking, True), (waiting, False)):
            with pytest.raises(PortLost, match="tty7: closed") as closed:
                await task
            assert closed.value.sent is sent
        site.bus.join()
        assert await site.ask(b"b1") == b"b1"
        site.port.unplug()
        site.port.plug()
        site.bus.leave()
        site.bus.join()  # by hand: at once
        assert await site.ask(b"b1") == b"b1"

    run(main())
