"""The 8A/80 family: every verified frame of the facts in both directions, damage, and the bank's own decisions."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.coils import CoilGuard
from hal.locks import xor8a80
from hal.locks.xor8a80 import ByteOrder, Xor8A80Bank
from hal.ports import CoilLimit, EchoHeard, GarbledReply, NoReply, PulseLimits, PulseResult, Senses
from hal.rs485 import BITS_PER_BYTE, Bus
from sim.board8a80 import Board8A80
from sim.loop import run
from sim.wire import Line, MemoryPort
from sim.world import World

ADDRESSES = st.integers(1, xor8a80.ADDRESS_MAX)
CHANNELS = st.integers(1, xor8a80.CHANNELS_MAX)
STATUSES = st.binary(min_size=xor8a80.STATUS_BYTES_MIN, max_size=xor8a80.STATUS_BYTES_MAX)


def frame(text: str) -> bytes:
    return bytes.fromhex(text)


def sealed(body: bytes) -> bytes:
    total = 0
    for byte in body:
        total ^= byte
    return body + bytes([total])


# docs/lock-boards.md section 4: requests
REQUESTS = [
    (xor8a80.unlock_one(1, 1), "8A 01 01 11 9B"),
    (xor8a80.unlock_one(2, 10), "8A 02 0A 11 93"),  # a fixture in the field has 91 here, which is wrong
    (xor8a80.query_one(1, 1), "80 01 01 33 B3"),
    (xor8a80.query_all(1), "80 01 00 33 B2"),
]
# ... and replies
UNLOCK_REPLIES = [("8A 01 01 00 8A", False), ("8A 01 01 11 9B", True)]
ONE_REPLIES = [("80 01 01 00 80", False), ("80 01 01 11 91", True)]
ALL_REPLIES = [("80 01 00 00 00 33 B2", "00 00 00"), ("80 01 00 00 02 33 B0", "00 00 02")]


@pytest.mark.parametrize(("written", "fact"), REQUESTS)
def test_requests(written: bytes, fact: str) -> None:
    assert written == frame(fact)


@pytest.mark.parametrize(("heard", "state"), UNLOCK_REPLIES)
def test_unlock_replies(heard: str, state: bool) -> None:
    assert xor8a80.unlock_reply(frame(heard), 1, 1) is state


@pytest.mark.parametrize(("heard", "state"), ONE_REPLIES)
def test_query_one_replies(heard: str, state: bool) -> None:
    assert xor8a80.query_one_reply(frame(heard), 1, 1) is state


@pytest.mark.parametrize(("heard", "status"), ALL_REPLIES)
def test_query_all_replies(heard: str, status: str) -> None:
    assert xor8a80.query_all_reply(frame(heard), 1) == frame(status)


def test_the_two_byte_orders_of_one_captured_frame() -> None:
    status = xor8a80.query_all_reply(frame("80 01 00 00 02 33 B0"), 1)
    assert status is not None
    last = xor8a80.levels(status, 24, ByteOrder.LAST)
    first = xor8a80.levels(status, 24, ByteOrder.FIRST)
    assert [channel for channel, level in enumerate(last, 1) if level] == [2]
    assert [channel for channel, level in enumerate(first, 1) if level] == [18]


def test_a_short_status_inside_a_long_one_is_not_taken_for_it() -> None:
    reply = sealed(frame("80 01 00 00 00 33 B2 44 33"))
    assert xor8a80.query_all_reply(reply, 1) == frame("00 00 00 33 B2 44")


def test_a_channel_without_a_bit_is_unknown() -> None:
    assert xor8a80.levels(b"\xff\x00\x01", 26, ByteOrder.FIRST) == (
        *(True,) * 8, *(False,) * 8, True, *(False,) * 7, None, None
    )  # fmt: skip


@pytest.mark.parametrize(
    "heard",
    [
        "",
        "80",
        "80 01 01 11 90",  # checksum
        "80 01 02 11 92",  # another channel
        "80 02 01 11 92",  # another address
        "80 01 01 22 A2",  # no state
        "8A 01 01 11 9B",  # another header
        "01 01 11 91",
    ],
)
def test_what_is_no_reply_to_query_one(heard: str) -> None:
    assert xor8a80.query_one_reply(frame(heard), 1, 1) is None


@pytest.mark.parametrize(
    "heard",
    [
        "",
        "80 01 33 B2",
        "80 01 00 33 B2",  # our own request
        "80 01 00 00 33 B2",  # a byte lost
        "80 01 00 00 00 33 B3",  # checksum
        "80 01 00 00 00 34 B5",  # tail
        "80 02 00 00 00 33 B1",  # another address
        "82 01 00 00 00 33 B0",  # an unsolicited change
    ],
)
def test_what_is_no_reply_to_query_all(heard: str) -> None:
    assert xor8a80.query_all_reply(frame(heard), 1) is None


@given(
    ADDRESSES, STATUSES, st.binary(max_size=20).filter(lambda noise: 0x80 not in noise), st.binary(max_size=1)
)
def test_a_status_is_found_behind_garbage(address: int, status: bytes, noise: bytes, tail: bytes) -> None:
    reply = sealed(bytes([0x80, address]) + status + b"\x33")
    assert xor8a80.query_all_reply(noise + reply, address) == status
    if tail != b"\x33":
        assert xor8a80.query_all_reply(reply + tail, address) is not None


@given(ADDRESSES, STATUSES, st.data())
def test_no_single_damaged_bit_passes(address: int, status: bytes, data: st.DataObject) -> None:
    reply = bytearray(sealed(bytes([0x80, address]) + status + b"\x33"))
    bit = data.draw(st.integers(0, 8 * len(reply) - 1))
    reply[bit // 8] ^= 1 << bit % 8
    assert xor8a80.query_all_reply(bytes(reply), address) is None


@given(ADDRESSES, CHANNELS, st.sampled_from([0x00, 0x11]), st.binary(max_size=20))
def test_one_reply_round_trips_behind_garbage(address: int, channel: int, state: int, noise: bytes) -> None:
    for header, decode in ((0x8A, xor8a80.unlock_reply), (0x80, xor8a80.query_one_reply)):
        reply = sealed(bytes([header, address, channel, state]))
        if decode(noise, address, channel) is None:
            assert decode(noise + reply, address, channel) is (state == 0x11)


@given(ADDRESSES, STATUSES)
def test_an_echo_is_told_from_a_reply(address: int, status: bytes) -> None:
    request = xor8a80.query_all(address)
    reply = sealed(bytes([0x80, address]) + status + b"\x33")
    assert xor8a80.is_echo(request, address)
    assert xor8a80.is_echo(request + reply, address)
    assert not xor8a80.is_echo(reply, address)


def test_a_status_that_begins_like_the_request_is_no_echo() -> None:
    reply = sealed(frame("80 01 00 33 B2 33"))
    assert not xor8a80.is_echo(reply, 1)
    assert xor8a80.query_all_reply(reply, 1) == frame("00 33 B2")


@given(st.binary(max_size=1_100), ADDRESSES, CHANNELS)
def test_no_bytes_break_the_decoders(heard: bytes, address: int, channel: int) -> None:
    xor8a80.unlock_reply(heard, address, channel)
    xor8a80.query_one_reply(heard, address, channel)
    xor8a80.query_all_reply(heard, address)
    xor8a80.is_echo(heard, address)


@dataclass
class Site:
    """A bank and its board in memory; everything may be set before `start`."""

    channels: int = 24
    board_pulse_ms: int = 300
    byte_order: ByteOrder = ByteOrder.FIRST
    limits: PulseLimits = field(default_factory=PulseLimits)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.world, self.line = World(self.channels), Line()
        self.board = Board8A80(
            self.line, self.world, {n: n for n in self.world.cells}, channels=self.channels
        )
        self.port = MemoryPort(self.line)
        self.bus = Bus(self.port)
        self.bank = Xor8A80Bank(
            "a",
            self.bus,
            CoilGuard(self.limits, lambda: round(loop.time() * 1_000)),
            address=1,
            channels=self.channels,
            senses=Senses.HOOK,
            byte_order=self.byte_order,
            board_pulse_ms=self.board_pulse_ms,
        )

    async def start(self) -> None:
        await self.bank.start()
        await asyncio.sleep(self.limits.rest_ms / 1_000)


@pytest.mark.parametrize("channels", [2, 8, 12, 18, 24, 36, 50])
@pytest.mark.parametrize("byte_order", ByteOrder)
def test_each_size_of_board_in_each_byte_order(channels: int, byte_order: ByteOrder) -> None:
    async def main() -> None:
        site = Site(channels=channels, byte_order=byte_order)
        site.board.low_byte_first = byte_order is ByteOrder.FIRST
        await site.start()
        for number in {1, 2, channels // 2 + 1, channels}:
            site.world.force(number)
            levels = await site.bank.read()
            assert [channel for channel, closed in enumerate(levels, 1) if not closed] == [number]
            site.world.close(number)
        site.bank.close()

    run(main())


def test_a_board_that_says_less_than_its_channels_leaves_them_unknown() -> None:
    async def main() -> None:
        site = Site(channels=36)
        site.board.status_bytes = 3
        await site.start()
        assert (await site.bank.read())[22:26] == (True, True, None, None)
        site.bank.close()

    run(main())


def test_garbage_before_and_behind_the_reply_does_no_harm() -> None:
    async def main() -> None:
        site = Site()
        site.line.noise_before, site.line.noise_behind = frame("FF 80 00"), b"\x00"
        await site.start()
        assert await site.bank.read() == (True,) * 24
        assert await site.bank.pulse(5, 400) is PulseResult.ACKNOWLEDGED
        site.bank.close()

    run(main())


def test_an_echo_is_an_error_of_reading_and_no_acknowledgement() -> None:
    async def main() -> None:
        site = Site()
        site.board.closed_is_11 = False  # the reply to an unlock that worked equals the request
        site.line.echo = True
        await site.start()
        assert await site.bank.pulse(1, 400) is PulseResult.SENT
        with pytest.raises(EchoHeard, match=r"a: .* configure echo"):
            await site.bank.read()
        site.board.dead = True
        await asyncio.sleep(3)
        assert await site.bank.pulse(2, 400) is PulseResult.SENT
        assert site.world.cells[2].shut
        site.bank.close()

    run(main())


def test_an_acknowledgement_counts_only_after_a_reply_without_echo() -> None:
    async def main() -> None:
        site = Site()
        await site.start()
        assert await site.bank.pulse(1, 400) is PulseResult.SENT
        await site.bank.read()
        await asyncio.sleep(1)
        assert await site.bank.pulse(2, 400) is PulseResult.ACKNOWLEDGED
        site.port.unplug()
        site.port.plug()
        await asyncio.sleep(1)
        assert await site.bank.pulse(3, 400) is PulseResult.SENT
        site.bank.close()

    run(main())


@pytest.mark.parametrize("fault", ["silent", "garbled", "unplugged"])
def test_a_pulse_without_a_valid_answer_is_sent(fault: str) -> None:
    async def main() -> None:
        site = Site()
        await site.start()
        site.board.silent = fault == "silent"
        pulse = asyncio.create_task(site.bank.pulse(1, 400))
        await asyncio.sleep(0.1)
        site.line.cut = fault == "garbled"
        if fault == "garbled":
            site.bus._received(b"\x8a\x01\x01\x11\x00")
        if fault == "unplugged":
            site.port.unplug()
        assert await pulse is PulseResult.SENT
        await asyncio.sleep(1)
        assert not site.world.cells[1].shut
        site.bank.close()

    run(main())


def test_a_pulse_that_could_not_leave_is_not_sent() -> None:
    async def main() -> None:
        site = Site()
        await site.start()
        site.port.unplug()
        assert await site.bank.pulse(1, 400) is PulseResult.NOT_SENT
        site.port.plug()
        await asyncio.sleep(10)
        assert await site.bank.pulse(1, 400) is PulseResult.SENT
        assert site.world.cells[1].coil.pulses == 1
        site.bank.close()

    run(main())


def test_off_drops_a_pulse_that_waits_for_its_turn() -> None:
    async def main() -> None:
        site = Site()
        await site.start()
        site.board.dead = True
        reading = asyncio.create_task(site.bank.read())
        await asyncio.sleep(0.01)
        pulse = asyncio.create_task(site.bank.pulse(1, 400))
        await asyncio.sleep(0.01)
        site.bank.off()
        site.board.dead = False
        assert await pulse is PulseResult.NOT_SENT
        with pytest.raises(NoReply):
            await reading
        await asyncio.sleep(1)
        assert site.world.cells[1].coil.pulses == 0
        site.bank.close()

    run(main())


def test_the_boards_own_pulse_is_what_is_bounded() -> None:
    async def main() -> None:
        site = Site(board_pulse_ms=500)
        await site.start()
        with pytest.raises(CoilLimit, match="a pulse of 499 ms was asked for, and the board's own lasts 500"):
            await site.bank.pulse(1, 499)
        assert await site.bank.pulse(1, 500) is PulseResult.SENT
        site.bank.close()
        long = Site(board_pulse_ms=700, limits=PulseLimits(pulse_max_ms=600))
        await long.start()
        for pulse_ms in (600, 700):
            with pytest.raises(CoilLimit):
                await long.bank.pulse(1, pulse_ms)
        assert long.world.cells[1].coil.pulses == 0
        long.bank.close()

    run(main())


def test_errors_of_reading() -> None:
    async def main() -> None:
        site = Site()
        await site.start()
        site.board.silent = True
        with pytest.raises(NoReply, match="asked 80 01 00 33 b2, no reply in 150 ms") as silent:
            await site.bank.read()
        assert silent.value.sent
        site.board.silent, site.line.noise_behind = False, b"\x01\x02\x03"
        site.board.status_bytes = 1
        with pytest.raises(GarbledReply, match="which is no reply to it"):
            await site.bank.read()
        site.bank.close()

    run(main())


# Learning how long a board's status reply is

BYTE_MS = 1_000 * BITS_PER_BYTE / 9_600
THINK_MS, QUIET_MS = 2, 20  # the simulated board's and the driver's


async def silence_in_ms(site: Site) -> float:
    """Read on a line that was idle: the milliseconds above those of the two frames and the board's thinking."""
    await asyncio.sleep(1)
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    await site.bank.read()
    frames_bytes = 5 + site.board._status_length() + 4
    return round(1_000 * (loop.time() - begun_s) - THINK_MS - frames_bytes * BYTE_MS, 3)


def drip(site: Site, apart_ms: float) -> None:
    """From now on the adapter hands on byte by byte."""
    deliver = site.line.to_host
    assert deliver is not None

    def one_by_one(data: bytes) -> None:
        for number, byte in enumerate(data):
            asyncio.get_running_loop().call_later(number * apart_ms / 1_000, deliver, bytes([byte]))

    site.line.to_host = one_by_one


def says(site: Site, status: str) -> None:
    """From now on the board has this status."""
    site.board._status = lambda: frame(status)  # type: ignore[method-assign]


@pytest.mark.parametrize("channels", [2, 24, 36, 50])
def test_a_reply_of_the_length_that_was_seen_ends_without_silence(channels: int) -> None:
    async def main() -> None:
        site = Site(channels=channels)
        await site.start()
        assert [await silence_in_ms(site) for _ in range(4)] == [QUIET_MS, 0, 0, 0]
        site.world.force(2)
        assert (await site.bank.read())[1] is False
        site.bank.close()

    run(main())


async def the_port_is_reopened(site: Site) -> None:
    site.port.unplug()
    site.port.plug()
    await asyncio.sleep(1)
    assert await site.bank.pulse(1, 400) is PulseResult.SENT  # which opens it


async def the_board_misses_a_reading(site: Site) -> None:
    site.board.dead = True
    with pytest.raises(NoReply):
        await site.bank.read()
    site.board.dead = False


async def a_reply_comes_too_late(site: Site) -> None:
    site.line.delay_ms = 180
    with pytest.raises(NoReply):
        await site.bank.read()
    await asyncio.sleep(0.01)
    site.line.delay_ms = 0


async def a_reply_is_garbled(site: Site) -> None:
    site.board.status_bytes = 1
    with pytest.raises(GarbledReply):
        await site.bank.read()
    site.board.status_bytes = None


async def garbage_stands_before_a_reply(site: Site) -> None:
    site.line.noise_before = b"\xff"
    assert await silence_in_ms(site) == QUIET_MS
    site.line.noise_before = b""


async def garbage_stands_behind_a_reply(site: Site) -> None:
    site.line.noise_behind = b"\x00"
    assert await silence_in_ms(site) == QUIET_MS
    site.line.noise_behind = b""


async def a_byte_comes_that_nobody_asked_for(site: Site) -> None:
    site.line.from_board(site.board, b"\x82")
    await asyncio.sleep(0.1)


async def the_adapter_echoes(site: Site) -> None:
    site.line.echo = True
    with pytest.raises(EchoHeard):
        await site.bank.read()
    site.line.echo = False


async def another_board_answers_with_more(site: Site) -> None:
    site.board.status_bytes = 4
    assert await silence_in_ms(site) == QUIET_MS
    assert await silence_in_ms(site) == 0
    site.board.status_bytes = None


@pytest.mark.parametrize(
    "odd",
    [
        the_port_is_reopened,
        the_board_misses_a_reading,
        a_reply_comes_too_late,
        a_reply_is_garbled,
        garbage_stands_before_a_reply,
        garbage_stands_behind_a_reply,
        a_byte_comes_that_nobody_asked_for,
        the_adapter_echoes,
        another_board_answers_with_more,
    ],
)
def test_after_anything_odd_the_length_is_learnt_anew(odd: Callable[[Site], Awaitable[None]]) -> None:
    async def main() -> None:
        site = Site()
        await site.start()
        assert [await silence_in_ms(site) for _ in range(2)] == [QUIET_MS, 0]
        await odd(site)
        assert [await silence_in_ms(site) for _ in range(3)] == [QUIET_MS, 0, 0]
        site.bank.close()

    run(main())


def test_a_neighbour_that_is_silent_costs_no_silence() -> None:
    async def main() -> None:
        site = Site()
        other = Xor8A80Bank("b", site.bus, site.bank._guard, address=2, channels=8, senses=Senses.HOOK)
        await other.start()
        await site.start()
        await site.bank.read()
        with pytest.raises(NoReply):
            await other.read()
        assert await silence_in_ms(site) == 0
        other.close()
        site.bank.close()

    run(main())


@pytest.mark.parametrize("apart_ms", [1, 16])
def test_a_reply_in_pieces_ends_with_its_last_byte(apart_ms: float) -> None:
    """An adapter hands bytes on up to 16 ms late: they may be far apart, but for the silence that is waited for first."""

    async def main() -> None:
        site = Site()
        await site.start()
        drip(site, apart_ms)
        assert [await silence_in_ms(site) for _ in range(3)] == [
            6 * apart_ms + QUIET_MS,
            6 * apart_ms,
            6 * apart_ms,
        ]
        site.bank.close()

    run(main())


def test_a_longer_reply_that_begins_like_a_whole_one_is_believed_once_at_most() -> None:
    async def main() -> None:
        site = Site(channels=40)
        await site.start()
        says(site, "01 02 03")
        await site.bank.read()
        drip(site, 1)
        long = frame("01 02 03 33 B2")
        assert (
            xor8a80.query_all_reply(frame("80 01") + long, 1) == long[:3]
        )  # its first seven bytes are a reply
        says(site, "01 02 03 33 B2")
        short = await site.bank.read()
        assert short == xor8a80.levels(long[:3], 40, ByteOrder.FIRST)
        for _ in range(3):
            assert await site.bank.read() == xor8a80.levels(long, 40, ByteOrder.FIRST)
        assert site.bus.health.stray_bytes == 2
        site.bank.close()

    run(main())


def test_the_rest_of_a_longer_reply_is_noticed_also_where_it_comes_with_the_next_boards() -> None:
    """An adapter may hold bytes back for longer than the gap between two frames."""

    async def main() -> None:
        site = Site(channels=40)
        Board8A80(site.line, World(8), {}, address=2, channels=8)
        other = Xor8A80Bank("b", site.bus, site.bank._guard, address=2, channels=8, senses=Senses.HOOK)
        await other.start()
        await site.start()
        says(site, "01 02 03")
        await site.bank.read()
        await other.read()
        deliver = site.line.to_host
        assert deliver is not None

        def in_pieces(data: bytes) -> None:
            deliver(data[:7])
            if data[7:]:
                asyncio.get_running_loop().call_later(0.010, deliver, data[7:])

        site.line.to_host = in_pieces
        says(site, "01 02 03 33 B2")
        for known in (False, True, True):
            levels = await site.bank.read()
            assert (levels[-1] is not None) is known
            assert None not in await other.read()
        site.bank.close()
        other.close()

    run(main())


def test_an_echo_that_looks_like_a_whole_reply_is_none() -> None:
    async def main() -> None:
        site = Site(channels=40)
        await site.start()
        says(site, "33 B2 00 00 00")
        await site.bank.read()
        drip(site, 1)
        site.line.echo = True
        # Our query and the first four bytes of the reply are, taken together, a valid reply of the learnt length.
        assert xor8a80.query_all_reply(xor8a80.query_all(1) + frame("80 01 33 B2"), 1) is not None
        for _ in range(3):
            with pytest.raises(EchoHeard):
                await site.bank.read()
        site.bank.close()

    run(main())


def test_a_status_that_begins_like_the_query_waits_for_silence() -> None:
    async def main() -> None:
        site = Site()
        await site.start()
        says(site, "00 33 B2")
        assert [await silence_in_ms(site) for _ in range(3)] == [QUIET_MS] * 3
        assert await site.bank.read() == xor8a80.levels(frame("00 33 B2"), 24, ByteOrder.FIRST)
        says(site, "00 33 B3")
        assert await silence_in_ms(site) == 0
        site.bank.close()

    run(main())


@pytest.mark.parametrize(("address", "channels"), [(0, 24), (33, 24), (1, 0), (1, 51)])
def test_settings_that_the_family_does_not_have(address: int, channels: int) -> None:
    async def main() -> None:
        site = Site()
        with pytest.raises(ValueError, match="must be 1 to"):
            Xor8A80Bank(
                "b", site.bus, site.bank._guard, address=address, channels=channels, senses=Senses.HOOK
            )

    run(main())
