"""The simulated machine's wall clock, and the true time beside it, which nobody in the locker can see.

The loop's time is the machine's monotonic clock. The system's clock runs with it, plus whatever it was set wrong by; the world's
time does too, but for the drift of the machine's oscillator.
"""

import asyncio
from datetime import UTC, datetime

WRITTEN_AFTER_MS = (
    15_000  # a step of the system's clock gets into the battery clock; Linux takes up to 11 minutes
)
START_UTC_MS = round(1_000 * datetime(2026, 3, 2, 4, 0, tzinfo=UTC).timestamp())  # a Monday, 09:00 in Almaty


def _mono_ms() -> float:
    return 1_000 * asyncio.get_running_loop().time()


class SimClock:
    """A WallClock (hal.ports) that runs with the event loop."""

    def __init__(self, start_utc_ms: int = START_UTC_MS) -> None:
        self.battery = True  # whether it runs on while the machine has no power
        self.drift_ppm = 0.0  # by how much the machine's oscillator is fast
        self._since_ms = _mono_ms()
        self._true_ms: float = start_utc_ms  # at `_since_ms`
        self._system_ms: float = start_utc_ms  # likewise
        self._unwritten: tuple[float, int] | None = (
            None  # when the system's clock was last stepped, and by how much
        )

    def utc_ms(self) -> int:
        """What the system's clock says."""
        return round(self._system_ms + _mono_ms() - self._since_ms)

    def true_ms(self) -> int:
        """What time it is."""
        return self.true_of(_mono_ms())

    def true_of(self, mono_ms: float) -> int:
        """The true time of a moment of the loop's, should the drift stay as it is."""
        return round(self._true_ms + (mono_ms - self._since_ms) / (1 + 1e-6 * self.drift_ppm))

    @property
    def off_ms(self) -> int:
        """By how much the system's clock is wrong."""
        return self.utc_ms() - self.true_ms()

    def synchronised(self) -> bool:
        return self.off_ms == 0

    def drift(self, ppm: float) -> None:
        """From now on the oscillator is fast by so much."""
        self._rest()
        self.drift_ppm = ppm

    def step(self, ms: int) -> None:
        """NTP, or a hand, sets the system's clock forward or back."""
        self._rest()
        self._system_ms += ms
        self._unwritten = self._since_ms, ms

    def set_right(self) -> None:
        """NTP has found the time."""
        self.step(-self.off_ms)

    def pass_by(self, ms: int) -> None:
        """So much true time passes of which the monotonic clock knows nothing, as while the machine is in a box."""
        self._rest()
        self._true_ms += ms
        self._system_ms += ms

    def power_goes(self) -> None:
        """What a battery clock holds is what was last written there."""
        self._rest()
        if self._unwritten is not None and self._since_ms - self._unwritten[0] < WRITTEN_AFTER_MS:
            self._system_ms -= self._unwritten[1]
        self._unwritten = None

    def power_returns(self) -> None:
        """The machine boots: without a battery its clock begins in 1970."""
        self._rest()
        if not self.battery:
            self._system_ms = 0

    def go_on(self, true_ms: int) -> None:
        """It is so late now, on the loop that runs now; the system's clock is as wrong as it was."""
        off_ms = self._system_ms - self._true_ms
        self._since_ms, self._true_ms, self._system_ms = _mono_ms(), true_ms, true_ms + off_ms

    def _rest(self) -> None:
        """Count from now."""
        self._true_ms, self._system_ms, self._since_ms = self.true_ms(), self.utc_ms(), _mono_ms()
