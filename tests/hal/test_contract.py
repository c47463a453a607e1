"""What hal.ports promises of every LockBank, measured on the world's side of it."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from hal.ports import CoilLimit, HalError, LockBank, PortBusy, PortLost, PortMissing, PulseResult
from tests.hal.rigs import CHANNELS, LIMITS, MAKERS, Rig

Body = Callable[[Rig], Coroutine[Any, Any, None]]
Check = Callable[[Body], None]


@pytest.fixture(params=MAKERS)
def check(request: pytest.FixtureRequest, tmp_path: Path) -> Check:
    make, run = MAKERS[request.param]

    def run_body(body: Body) -> None:
        async def main() -> None:
            async with make(tmp_path) as rig:
                await body(rig)

        run(main())

    return run_body


def pulses(rig: Rig) -> list[int]:
    return [cell.coil.pulses for cell in rig.world.cells.values()]


def test_it_is_a_lock_bank(check: Check) -> None:
    async def body(rig: Rig) -> None:
        assert isinstance(rig.bank, LockBank)
        assert rig.bank.channels == CHANNELS

    check(body)


def test_a_start_moves_nothing_and_may_be_repeated(check: Check) -> None:
    async def body(rig: Rig) -> None:
        await rig.bank.start()
        await rig.bank.start()
        await rig.bank.read()
        assert pulses(rig) == [0] * CHANNELS

    check(body)


def test_levels_are_raw_and_by_channel(check: Check) -> None:
    async def body(rig: Rig) -> None:
        await rig.start()
        assert await rig.bank.read() == (rig.closed_level,) * CHANNELS
        rig.world.force(3)
        expected = [rig.closed_level] * CHANNELS
        expected[2] = not rig.closed_level
        assert await rig.bank.read() == tuple(expected)
        rig.world.close(3)
        assert await rig.bank.read() == (rig.closed_level,) * CHANNELS

    check(body)


@pytest.mark.parametrize("channel", range(1, CHANNELS + 1))
def test_a_pulse_opens_its_own_door_and_ends(check: Check, channel: int) -> None:
    async def body(rig: Rig) -> None:
        await rig.start()
        await rig.bank.read()
        assert await rig.bank.pulse(channel, 400) is rig.opened
        await rig.until(lambda world: not world.cells[channel].shut and not world.coils_on())
        assert pulses(rig) == [int(number == channel) for number in range(1, CHANNELS + 1)]
        if rig.virtual:
            assert rig.world.cells[channel].coil.longest_s <= 0.4 + 1e-6

    check(body)


@pytest.mark.parametrize(
    ("channel", "pulse_ms"),
    [
        (0, 400),
        (-1, 400),
        (CHANNELS + 1, 400),
        (256, 400),
        (1, LIMITS.pulse_max_ms + 1),
        (1, 0),
        (1, -400),
    ],
)
def test_what_must_not_be_pulsed_is_refused_before_anything_moves(
    check: Check, channel: int, pulse_ms: int
) -> None:
    async def body(rig: Rig) -> None:
        await rig.start()
        with pytest.raises(CoilLimit, match=r"channel|pulse"):
            await rig.bank.pulse(channel, pulse_ms)
        await rig.bank.read()
        assert pulses(rig) == [0] * CHANNELS

    check(body)


def test_no_second_pulse_before_the_rest_nor_beside_another(check: Check) -> None:
    async def body(rig: Rig) -> None:
        await rig.start()
        first = asyncio.create_task(rig.bank.pulse(1, 400))
        await rig.until(lambda world: world.coils_on() == [1])
        if rig.bank.pulse_timer == "host":
            with pytest.raises(CoilLimit, match="one coil at a time"):
                await rig.bank.pulse(2, 400)
        await first
        with pytest.raises(CoilLimit, match=r"rest_ms|one coil"):
            await rig.bank.pulse(1, 400)
        await rig.until(lambda world: not world.coils_on())
        assert pulses(rig) == [1, 0, 0, 0]
        assert rig.world.coils_on_max == 1

    check(body)


@pytest.mark.parametrize("how", ["close", "off", "cancel"])
def test_the_coil_goes_off_whoever_leaves_during_the_pulse(check: Check, how: str) -> None:
    async def body(rig: Rig) -> None:
        await rig.start()
        pulse = asyncio.create_task(rig.bank.pulse(1, 400))
        await rig.until(lambda world: world.coils_on() == [1])
        if how == "cancel":
            pulse.cancel()
        else:
            {"close": rig.bank.close, "off": rig.bank.off}[how]()
        results = await asyncio.gather(pulse, return_exceptions=True)
        await rig.until(lambda world: not world.coils_on())
        coil = rig.world.cells[1].coil
        assert coil.pulses == 1
        if how == "cancel":
            assert isinstance(results[0], asyncio.CancelledError)
        else:
            assert results[0] in {PulseResult.SENT, PulseResult.ACKNOWLEDGED}
        if rig.virtual:
            assert coil.longest_s <= (0.4 if rig.bank.pulse_timer == "board" else 0.05) + 1e-6

    check(body)


def test_off_and_close_may_come_at_any_time(check: Check) -> None:
    async def body(rig: Rig) -> None:
        rig.bank.off()
        rig.bank.close()
        await rig.start()
        rig.bank.off()
        rig.bank.close()
        rig.bank.close()
        rig.bank.off()
        with pytest.raises(PortLost):
            await rig.bank.read()
        assert await rig.bank.pulse(1, 400) is PulseResult.NOT_SENT
        await rig.start()
        assert len(await rig.bank.read()) == CHANNELS
        assert pulses(rig) == [0] * CHANNELS

    check(body)


def test_before_the_start_nothing_is_read_and_nothing_pulsed(check: Check) -> None:
    async def body(rig: Rig) -> None:
        with pytest.raises(PortLost, match="not started"):
            await rig.bank.read()
        assert await rig.bank.pulse(1, 400) is PulseResult.NOT_SENT

    check(body)


def test_a_device_that_does_not_exist(check: Check) -> None:
    async def body(rig: Rig) -> None:
        rig.take_away()
        with pytest.raises(PortMissing):
            await rig.bank.start()
        with pytest.raises(HalError):
            await rig.bank.read()
        assert await rig.bank.pulse(1, 400) is PulseResult.NOT_SENT

    check(body)


def test_a_device_that_another_holds(check: Check) -> None:
    async def body(rig: Rig) -> None:
        await rig.occupy()
        with pytest.raises(PortBusy):
            await rig.bank.start()
        with pytest.raises(PortBusy):
            await rig.bank.read()
        rig.vacate()
        levels: tuple[bool | None, ...] = ()
        while not levels:  # taken by a reading, without a second start
            try:
                levels = await rig.bank.read()
            except PortBusy:
                await asyncio.sleep(0.1)
        assert levels == (rig.closed_level,) * CHANNELS

    check(body)
