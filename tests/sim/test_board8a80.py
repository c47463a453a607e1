"""The simulated board against the facts: frames in, frames and coils out. No driver takes part."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sim.board8a80 import Board8A80
from sim.loop import run
from sim.wire import Line
from sim.world import Contact, World


class Site:
    def __init__(self, channels: int = 8) -> None:
        self.world, self.line = World(channels), Line()
        self.board = Board8A80(self.line, self.world, {n: n for n in self.world.cells}, channels=channels)
        self.heard: list[str] = []
        self.line.to_host = lambda data: self.heard.append(data.hex(" ").upper())

    async def ask(self, text: str) -> list[str]:
        self.heard.clear()
        await asyncio.sleep(0.02)
        self.line.from_host(bytes.fromhex(text))
        await asyncio.sleep(1)
        return self.heard


def with_site(body: Callable[[Site], Awaitable[None]]) -> None:
    async def main() -> None:
        await body(Site())

    run(main())


def open_all_doors(site: Site) -> None:
    for number in site.world.cells:
        site.world.force(number)


@pytest.mark.parametrize(
    ("doors", "request_", "reply"),
    [
        ("open", "8A 01 01 11 9B", "8A 01 01 00 8A"),  # captured: no bolt fitted
        ("open", "80 01 01 33 B3", "80 01 01 00 80"),
        ("closed", "80 01 01 33 B3", "80 01 01 11 91"),
        ("open", "80 01 00 33 B2", "80 01 00 00 00 33 B2"),  # captured: three bytes of an 8-channel board
    ],
)
def test_replies_of_the_facts(doors: str, request_: str, reply: str) -> None:
    async def body(site: Site) -> None:
        if doors == "open":
            open_all_doors(site)
        assert await site.ask(request_) == [reply]

    with_site(body)


def test_opening_feedback_and_the_last_byte_first() -> None:
    async def body(site: Site) -> None:
        site.board.closed_is_11 = site.board.low_byte_first = False
        site.world.force(2)
        assert await site.ask("80 01 00 33 B2") == ["80 01 00 00 02 33 B0"]
        assert await site.ask("8A 01 01 11 9B") == ["8A 01 01 11 9B"]  # the reply equals the request

    with_site(body)


def test_the_board_times_its_pulse_and_answers_after_it_or_at_once() -> None:
    async def body(site: Site) -> None:
        loop = asyncio.get_running_loop()
        for after, expected_ms in ((True, 300 + 2), (False, 2)):
            site.board.answer_after_pulse = after
            answered_at_s: list[float] = []
            site.line.to_host = lambda _, seen=answered_at_s: seen.append(loop.time())
            site.world.close(3)
            begun_s = loop.time()
            await site.ask("8A 01 03 11 99")
            byte_ms = 10 * 1_000 / 9_600
            assert (answered_at_s[0] - begun_s) * 1_000 == pytest.approx(20 + 10 * byte_ms + expected_ms)
            assert site.world.cells[3].coil.longest_s == pytest.approx(0.3)
            assert not site.world.coils_on()
            assert not site.world.cells[3].shut

    with_site(body)


@pytest.mark.parametrize(
    "text",
    [
        "8A 01 01 11 9A",  # checksum
        "8A 02 01 11 98",  # another board
        "8A 01 01 12 98",  # no such command
        "8A 01 01 11",
        "82 01 00 22 A1",
        "FF 00 FF",
    ],
)
def test_what_it_does_not_obey(text: str) -> None:
    async def body(site: Site) -> None:
        assert await site.ask(text) == []
        assert site.world.coils_on_max == 0

    with_site(body)


def test_a_frame_is_found_among_garbage() -> None:
    async def body(site: Site) -> None:
        assert await site.ask("00 8A FF 80 01 01 33 B3 8A") == ["80 01 01 11 91"]

    with_site(body)


def test_a_request_too_close_behind_a_transmission_is_not_heard() -> None:
    async def body(site: Site) -> None:
        query = bytes.fromhex("80 01 01 33 B3")
        site.board.silent = True
        for gap_ms, heard in ((0, 1), (3.5, 1), (4.7, 2)):
            site.board.heard.clear()
            await asyncio.sleep(1)
            site.line.from_host(query)
            await asyncio.sleep((len(query) * 10 * 1_000 / 9_600 + gap_ms) / 1_000)
            site.line.from_host(query)
            await asyncio.sleep(1)
            assert len(site.board.heard) == heard

    with_site(body)


@pytest.mark.parametrize(
    ("text", "pulsed"), [("8A 01 00 11 9A", [1, 2, 3, 4, 5, 6, 7, 8]), ("90 01 02 00 00 93", [2])]
)
def test_it_obeys_what_must_never_be_sent(text: str, pulsed: list[int]) -> None:
    async def body(site: Site) -> None:
        await site.ask(text)
        assert [cell.number for cell in site.world.cells.values() if cell.coil.pulses] == pulsed
        assert site.world.coils_on_max == len(pulsed)
        assert not site.world.coils_on()

    with_site(body)


def test_it_holds_on_until_told_off_or_reset() -> None:
    async def body(site: Site) -> None:
        await site.ask("9A 01 01 11 8B")
        assert site.world.coils_on() == [1]
        await site.ask("9B 01 01 11 8A")
        assert site.world.coils_on() == []
        await site.ask("9A 01 01 11 8B")
        site.board.reset()
        assert site.world.coils_on() == []

    with_site(body)


def test_silent_and_dead() -> None:
    async def body(site: Site) -> None:
        site.board.silent = True
        assert await site.ask("8A 01 01 11 9B") == []
        assert not site.world.cells[1].shut
        site.board.dead = True
        assert await site.ask("8A 01 02 11 98") == []
        assert site.world.cells[2].shut

    with_site(body)


def test_two_boards_share_a_line() -> None:
    async def main() -> None:
        site = Site()
        Board8A80(site.line, site.world, {1: 5}, address=2, channels=8, contact=Contact.DOOR)
        assert await site.ask("80 02 01 33 B0") == ["80 02 01 11 92"]
        assert await site.ask("8A 02 01 11 98") == ["8A 02 01 00 89"]
        assert [cell.number for cell in site.world.cells.values() if cell.coil.pulses] == [5]
        assert await site.ask("80 01 00 33 B2") == ["80 01 EF 00 00 33 5D"]

    run(main())
