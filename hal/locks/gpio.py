"""Bare pins as a LockBank, through gpiozero: here we time the pulse, and nobody replies.

A pulse timed by a program ends late when the program is busy and never when it is killed while the pin is high: the
wiring guide asks for a one-shot or a microcontroller between pin and MOSFET, and for a pull-down at its gate. Outputs
are active-high only: gpiozero makes a pin an output before it sets its level, and for an active-low driver that is a
pulse at each start.

The pin factory is passed in, because gpiozero's own choice falls back silently from library to library. gpiozero and
lgpio are imported when a factory or a bank is made, never by importing this module.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hal.coils import Admitted, CoilGuard
from hal.ports import CoilLimit, HalError, PortBusy, PortLost, PortMissing, PulseResult, PulseTimer, Senses


class Pull(StrEnum):
    """The resistor at an input."""

    UP = "up"
    DOWN = "down"
    NONE = "none"  # there is one on the board


@dataclass(frozen=True, slots=True)
class Pins:
    """GPIO numbers (BCM) of one channel."""

    output: int
    input: int


def lgpio_factory(chip: int) -> Any:
    """Make gpiozero's factory over /dev/gpiochip`chip`. Raises PortMissing.

    Importing lgpio starts a thread and creates a file `.lgd-nfy*` in the current directory, which must be writable:
    the unit sets WorkingDirectory to its runtime directory. The chip's number is never guessed: on a Pi 5 it changed
    from 4 to 0 with a kernel.
    """
    try:
        from gpiozero.pins.lgpio import LGPIOFactory

        return LGPIOFactory(chip=chip)
    except ImportError as error:
        raise PortMissing(f"gpiochip{chip}: {error}; install the extra `gpio`") from error
    except Exception as error:  # lgpio.error and gpiozero's own share no other base
        raise PortMissing(f"gpiochip{chip}: {error}") from error


class GpioBank:
    """Pins of one factory, two per channel."""

    pulse_timer = PulseTimer.HOST

    def __init__(
        self,
        name: str,
        factory: Any,
        guard: CoilGuard,
        *,
        pins: Mapping[int, Pins],
        senses: Senses,
        pull: Pull = Pull.UP,
    ) -> None:
        """`pins`: by channel, 1 to their number without a hole. Raises ValueError for others and for a pin used twice."""
        used = [number for channel in sorted(pins) for number in (pins[channel].output, pins[channel].input)]
        if sorted(pins) != list(range(1, len(pins) + 1)):
            raise ValueError(f"{name}: channels are {sorted(pins)}, must be 1 to {len(pins)} without a hole")
        if twice := sorted({number for number in used if used.count(number) > 1}):
            raise ValueError(f"{name}: used twice: GPIO {', '.join(map(str, twice))}")
        self.name = name
        self.channels = len(pins)
        self.senses = senses
        self._factory = factory
        self._guard = guard
        self._pins = pins
        self._pull = pull
        self._wanted = False  # between start and close, also where the pins could not be had
        self._outputs: dict[int, Any] = {}
        self._inputs: dict[int, Any] = {}
        self._pulses: dict[int, _Pulse] = {}

    async def start(self) -> None:
        self._wanted = True
        if self._outputs:
            self.off()
        else:
            self._claim()

    async def read(self) -> tuple[bool | None, ...]:
        if not self._wanted:
            raise PortLost(f"{self.name}: not started")
        if not self._inputs:
            self._claim()
        try:
            return tuple(bool(self._inputs[channel].pin.state) for channel in sorted(self._inputs))
        except Exception as error:
            raise PortLost(f"{self.name}: {error}") from error

    async def pulse(self, channel: int, pulse_ms: int) -> PulseResult:
        if channel not in self._pins:
            raise CoilLimit(f"{self.name}: channel {channel}, must be 1 to {self.channels}")
        if not self._outputs:
            return PulseResult.NOT_SENT
        pulse = _Pulse(
            self._outputs[channel], self._guard.admit(self.name, channel, pulse_ms, until_ended=True)
        )
        self._pulses[channel] = pulse
        try:
            pulse.begin(pulse_ms)
            await pulse.over
        except HalError:
            pass
        finally:
            pulse.end()
            self._pulses.pop(channel, None)
        return PulseResult.SENT

    def off(self) -> None:
        for pulse in list(self._pulses.values()):
            pulse.end()
        for output in self._outputs.values():
            with contextlib.suppress(Exception):
                output.off()

    def close(self) -> None:
        self._wanted = False
        self._let_go()

    def _claim(self) -> None:
        """Make the pins ours. Raises PortMissing, PortBusy, and then none is."""
        from gpiozero import InputDevice, OutputDevice

        pull_up = {Pull.UP: True, Pull.DOWN: False, Pull.NONE: None}[self._pull]
        # All outputs first: a coil that an earlier process left on goes off before anything can fail.
        try:
            for channel, pins in self._pins.items():
                if self._factory.pin(pins.output).info.pull == "up":
                    raise PortMissing(
                        f"{self.name}: GPIO {pins.output} has a fixed pull-up: no output for a coil"
                    )
                self._outputs[channel] = OutputDevice(
                    pins.output, active_high=True, initial_value=False, pin_factory=self._factory
                )
            for channel, pins in self._pins.items():
                self._inputs[channel] = InputDevice(
                    pins.input,
                    pull_up=pull_up,
                    active_state=True if pull_up is None else None,
                    pin_factory=self._factory,
                )
        except Exception as error:
            self._let_go()
            raise self._refusal(error) from error

    def _let_go(self) -> None:
        self.off()
        for device in (*self._outputs.values(), *self._inputs.values()):
            with contextlib.suppress(Exception):
                device.close()
        self._outputs.clear()
        self._inputs.clear()

    def _refusal(self, error: Exception) -> HalError:
        from gpiozero import GPIOPinInUse

        if isinstance(error, HalError):
            return error
        busy = isinstance(error, GPIOPinInUse) or "busy" in str(error).lower()
        return (PortBusy if busy else PortMissing)(f"{self.name}: {error}")


class _Pulse:
    """A coil that is on until its timer or anybody ends it; the timer does not need the task that waits."""

    def __init__(self, output: Any, admitted: Admitted) -> None:
        self._output = output
        self._admitted = admitted
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.over: asyncio.Future[None] = self._loop.create_future()

    def begin(self, pulse_ms: int) -> None:
        # The end is arranged before the beginning.
        self._timer = self._loop.call_later(pulse_ms / 1_000, self.end)
        try:
            self._output.on()
        except Exception as error:
            raise PortLost(f"the pin would not rise: {error}", sent=True) from error

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()
        # A pin that would not fall leaves the guard shut: no other coil is energised beside one that may be on.
        with contextlib.suppress(Exception):
            self._output.off()
            self._admitted.ended()
        if not self.over.done():
            self.over.set_result(None)
