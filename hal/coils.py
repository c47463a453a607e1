"""The one arbiter of all coils on one supply: it admits a pulse, or says which bound forbids it.

A bank asks it in the moment before the pulse leaves, and nothing else in the program energises a coil. It fails
closed: a coil it does not know is one that has just been pulsed, a clock that steps back admits nothing, and a pulse
that nobody reported as ended is still running. At the start every coil counts as just pulsed, so that a boot loop
cannot cook one faster than one pulse per rest.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from hal.ports import CoilLimit, PulseLimits

Coil = tuple[str, int]


@dataclass(slots=True, eq=False)
class Admitted:
    """One admitted pulse. A host that times the pulse itself calls `ended` when its coil is off."""

    coil: Coil
    start_ms: int
    end_ms: int  # planned; a pulse that runs over is counted to its true end
    running: bool
    _clock: Callable[[], int] = field(repr=False)

    def ended(self) -> None:
        """The coil is off. Shortens nothing: what was admitted stays counted. Idempotent."""
        if self.running:
            self.running = False
            self.end_ms = max(self.end_ms, self._clock())

    def energised_ms(self, since_ms: int, now_ms: int) -> int:
        """Milliseconds on after `since_ms`; one that runs over counts up to now."""
        end_ms = max(self.end_ms, now_ms) if self.running else self.end_ms
        return max(0, end_ms - max(self.start_ms, since_ms))


class CoilGuard:
    """Bounds every pulse by PulseLimits; one instance serves every bank on one supply."""

    def __init__(self, limits: PulseLimits, now_ms: Callable[[], int]) -> None:
        """`now_ms`: monotonic milliseconds, the loop's time."""
        self.limits = limits
        self._now_ms = now_ms
        self._started_ms = now_ms()
        self._last: Admitted | None = None
        self._history: dict[Coil, deque[Admitted]] = {}

    def admit(self, bank: str, channel: int, pulse_ms: int, *, until_ended: bool = False) -> Admitted:
        """Book one pulse that begins now. Raises CoilLimit, and then nothing is booked.

        `until_ended`: the host times this pulse, and it counts as running until it reports the end.
        """
        now_ms = self._now_ms()
        coil = (bank, channel)
        history = self._history.get(coil, deque())
        name = f"{bank} channel {channel}"
        self._check_length(name, pulse_ms)
        self._check_others(name, coil, now_ms)
        self._check_rest(name, history, now_ms)
        self._check_duty(name, history, now_ms, pulse_ms)
        pulse = Admitted(coil, now_ms, now_ms + pulse_ms, until_ended, self._now_ms)
        self._history[coil] = history
        history.append(pulse)
        self._last = pulse
        return pulse

    def _check_length(self, name: str, pulse_ms: int) -> None:
        if not 1 <= pulse_ms <= self.limits.pulse_max_ms:
            raise CoilLimit(
                f"{name}: a pulse of {pulse_ms} ms, must be 1 to pulse_max_ms {self.limits.pulse_max_ms}"
            )

    def _check_others(self, name: str, coil: Coil, now_ms: int) -> None:
        last = self._last
        if last and (last.running or now_ms < last.end_ms):
            raise CoilLimit(f"{name}: one coil at a time, and {last.coil[0]} channel {last.coil[1]} is on")
        if last is None or last.coil != coil:
            since_ms = now_ms - (last.end_ms if last else self._started_ms)
            if since_ms < self.limits.gap_ms:
                raise CoilLimit(
                    f"{name}: {since_ms} ms since another coil's pulse, gap_ms is {self.limits.gap_ms}"
                )

    def _check_rest(self, name: str, history: deque[Admitted], now_ms: int) -> None:
        rested_ms = now_ms - (history[-1].end_ms if history else self._started_ms)
        if rested_ms < self.limits.rest_ms:
            raise CoilLimit(f"{name}: rested {rested_ms} ms of rest_ms {self.limits.rest_ms}")

    def _check_duty(self, name: str, history: deque[Admitted], now_ms: int, pulse_ms: int) -> None:
        # The window that ends with this pulse is the fullest: a later one holds less of the past, an earlier one gives
        # up as much of this pulse as it can gain of the past.
        since_ms = now_ms + pulse_ms - self.limits.duty_window_ms
        while history and history[0].end_ms <= since_ms:
            history.popleft()
        energised_ms = pulse_ms + sum(pulse.energised_ms(since_ms, now_ms) for pulse in history)
        duty = energised_ms / self.limits.duty_window_ms
        if duty > self.limits.duty_max:
            raise CoilLimit(
                f"{name}: on for {energised_ms} ms of {self.limits.duty_window_ms}, over duty_max {self.limits.duty_max}"
            )
