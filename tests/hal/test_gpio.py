"""What only bare pins can do wrong: blips, leftovers of an earlier process, crashes, a pin that will not fall."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hal.coils import CoilGuard
from hal.locks.gpio import GpioBank, Pins, Pull, lgpio_factory
from hal.ports import CoilLimit, PortMissing, PulseLimits, PulseResult, Senses
from sim.loop import run
from sim.pins import pin_factory
from sim.world import World

PINS = {1: Pins(4, 14), 2: Pins(5, 15), 3: Pins(6, 16)}


class Site:
    def __init__(self, *, pull: Pull = Pull.UP) -> None:
        loop = asyncio.get_running_loop()
        self.world = World(len(PINS))
        self.factory = pin_factory(
            self.world, {cell: (pins.output, pins.input) for cell, pins in PINS.items()}
        )
        self.guard = CoilGuard(PulseLimits(rest_ms=0, gap_ms=0), lambda: round(loop.time() * 1_000))
        self.bank = GpioBank("p", self.factory, self.guard, pins=PINS, senses=Senses.HOOK, pull=pull)

    def pulses(self) -> list[int]:
        return [cell.coil.pulses for cell in self.world.cells.values()]

    def states(self, channel: int) -> list[bool]:
        return [bool(entry.state) for entry in self.factory.pin(PINS[channel].output).states]


def test_no_output_blips_at_start_and_close() -> None:
    async def main() -> None:
        site = Site()
        for _ in range(2):
            await site.bank.start()
            site.bank.close()
        assert site.pulses() == [0, 0, 0]
        assert not any(any(site.states(channel)) for channel in PINS)

    run(main())


def test_a_coil_that_an_earlier_process_left_on_goes_off_at_start() -> None:
    async def main() -> None:
        site = Site()
        pin = site.factory.pin(PINS[2].output)
        pin.function = "output"
        pin.state = True
        assert site.world.coils_on() == [2]
        await site.bank.start()
        assert site.world.coils_on() == []
        site.bank.close()

    run(main())


def test_all_go_off_also_where_a_later_pin_fails() -> None:
    async def main() -> None:
        site = Site()
        pin = site.factory.pin(PINS[1].output)
        pin.function = "output"
        pin.state = True
        bank = GpioBank("q", site.factory, site.guard, pins={1: PINS[1], 2: Pins(5, 99)}, senses=Senses.HOOK)
        with pytest.raises(PortMissing, match="q: "):
            await bank.start()
        assert site.world.coils_on() == []
        with pytest.raises(PortMissing, match="q: "):
            await bank.read()
        await site.bank.start()  # the pins that could be had were given back
        site.bank.close()

    run(main())


@pytest.mark.leaves_tasks("the program dies in the middle of a pulse")
def test_the_coil_falls_when_the_program_dies_of_an_exception() -> None:
    sites: list[Site] = []

    async def main() -> None:
        site = Site()
        sites.append(site)
        await site.bank.start()
        task = asyncio.create_task(site.bank.pulse(1, 1_000))
        await asyncio.sleep(0.1)
        assert site.world.coils_on() == [1]
        raise KeyError(task.get_name())

    with pytest.raises(KeyError):
        run(main())
    assert sites[0].world.coils_on() == []
    assert not sites[0].factory.pin(PINS[1].output).state


def test_the_pulse_ends_without_the_task_that_asked_for_it() -> None:
    async def main() -> None:
        site = Site()
        await site.bank.start()
        pulse = site.bank.pulse(1, 400)
        waiting = pulse.send(None)  # begun, and never resumed
        assert site.world.coils_on() == [1]
        await asyncio.sleep(0.4)
        assert site.world.coils_on() == []
        assert waiting is not None
        pulse.close()

    run(main())


def test_a_pin_that_will_not_fall_keeps_all_other_coils_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        site = Site()
        await site.bank.start()
        output = site.bank._outputs[1]

        def stuck() -> None:
            raise OSError("no such line")

        with monkeypatch.context() as patch:
            patch.setattr(output, "off", stuck)
            assert await site.bank.pulse(1, 400) is PulseResult.SENT
            assert site.world.coils_on() == [1]
            await asyncio.sleep(60)
            with pytest.raises(CoilLimit, match="p channel 1 is on"):
                await site.bank.pulse(2, 400)
        site.bank.off()
        assert site.world.coils_on() == []
        site.bank.close()

    run(main())


def test_a_pin_that_will_not_rise_is_not_called_unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        site = Site()
        await site.bank.start()

        def broken() -> None:
            raise OSError("I/O error")

        monkeypatch.setattr(site.bank._outputs[1], "on", broken)
        assert await site.bank.pulse(1, 400) is PulseResult.SENT
        assert site.world.coils_on() == []
        site.bank.close()

    run(main())


@pytest.mark.parametrize(("pull", "closed", "opened"), [(Pull.UP, False, True), (Pull.DOWN, False, False)])
def test_levels_are_the_pins_own(pull: Pull, closed: bool, opened: bool) -> None:
    """A contact to ground under a pull-down always reads low: the level is told as it is, and judged above."""

    async def main() -> None:
        site = Site(pull=pull)
        await site.bank.start()
        site.world.force(2)
        assert await site.bank.read() == (closed, opened, closed)
        site.bank.close()

    run(main())


def test_a_pin_with_a_fixed_pull_up_drives_no_coil() -> None:
    async def main() -> None:
        site = Site()
        bank = GpioBank("q", site.factory, site.guard, pins={1: Pins(2, 20)}, senses=Senses.HOOK)
        with pytest.raises(PortMissing, match="q: GPIO 2 has a fixed pull-up: no output for a coil"):
            await bank.start()

    run(main())


@pytest.mark.parametrize(
    ("pins", "why"),
    [
        ({1: Pins(4, 14), 3: Pins(5, 15)}, r"channels are \[1, 3\], must be 1 to 2 without a hole"),
        ({0: Pins(4, 14)}, r"channels are \[0\], must be 1 to 1"),
        ({1: Pins(4, 14), 2: Pins(4, 15)}, "used twice: GPIO 4"),
        ({1: Pins(4, 4)}, "used twice: GPIO 4"),
    ],
)
def test_a_wiring_that_cannot_be(pins: dict[int, Pins], why: str) -> None:
    async def main() -> None:
        site = Site()
        with pytest.raises(ValueError, match=why):
            GpioBank("q", site.factory, site.guard, pins=pins, senses=Senses.HOOK)

    run(main())


def test_a_chip_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # lgpio leaves a file behind
    with pytest.raises(PortMissing, match="gpiochip250: "):
        lgpio_factory(250)


def test_importing_the_bank_imports_no_gpio_library() -> None:
    code = (
        "import sys, hal.locks.gpio; print([m for m in ('gpiozero', 'lgpio', 'serial') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"
