"""The 8A/80 family: every verified frame of the facts in both directions, damage, and the bank's own decisions."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.coils import CoilGuard
from hal.locks import xor8a80
from hal.locks.xor8a80 import ByteOrder, Xor8A80Bank
from hal.ports import CoilLimit, EchoHeard, GarbledReply, NoReply, PulseLimits, PulseResult, Senses
from hal.rs485 import Bus
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


@pytest.mark.parametrize(("address", "channels"), [(0, 24), (33, 24), (1, 0), (1, 51)])
def test_settings_that_the_family_does_not_have(address: int, channels: int) -> None:
    async def main() -> None:
        site = Site()
        with pytest.raises(ValueError, match="must be 1 to"):
            Xor8A80Bank(
                "b", site.bus, site.bank._guard, address=address, channels=channels, senses=Senses.HOOK
            )

    run(main())
