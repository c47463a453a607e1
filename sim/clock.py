"""The simulated wall clock: a start, plus the loop's time, plus whatever the clock was set wrong by."""

import asyncio
from datetime import UTC, datetime

START_UTC_MS = round(1_000 * datetime(2026, 3, 2, 4, 0, tzinfo=UTC).timestamp())  # a Monday, 09:00 in Almaty


class SimClock:
    """A WallClock (hal.ports) that runs with the event loop."""

    def __init__(self, start_utc_ms: int = START_UTC_MS) -> None:
        self._start_ms = start_utc_ms - round(1_000 * asyncio.get_running_loop().time())
        self.is_sure = True
        self.offset_ms = 0  # by how much it was set wrong

    def utc_ms(self) -> int:
        return self.utc_of(round(1_000 * asyncio.get_running_loop().time()))

    def utc_of(self, mono_ms: int) -> int:
        """The wall time of a moment of the loop's, as far as this clock knows."""
        return self._start_ms + self.offset_ms + mono_ms

    def set(self, utc_ms: int) -> None:
        """Let it be so late now, on the loop that runs now."""
        self._start_ms += utc_ms - self.utc_ms()

    def sure(self) -> bool:
        return self.is_sure
