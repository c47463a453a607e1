"""The live simulator's event loop: its time is real time × speed + offset, and it can stand still.

Controller, drivers and world take their intervals from `loop.time()`, and the simulated wall clock runs with it, so all of
them go faster, stand or are moved together. The kiosk is a process of its own and holds no deadline.

What a busy machine takes beyond `STEP_MAX_S` for one round of callbacks does not pass here, and no wait is longer than
`WAIT_MAX_S`, after which it is asked again: a hiccup of 20 ms at ten times the speed would be 200 ms in which no board has
answered, though its bytes lay in the kernel all the while. So on a busy machine time goes slower, and nothing else changes.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SPEED_MAX = 10.0
STEP_MAX_S = 0.01  # of this loop's time, for one round of callbacks beyond what it waited for
WAIT_MAX_S = 0.02  # of this loop's time: an exchange of five rounds then stays within its deadline


class LiveLoop(asyncio.SelectorEventLoop):
    """`time()` begins near 0 and never goes back."""

    def __init__(self) -> None:
        self.speed = 1.0
        self.paused = False
        self.moved_s = 0.0  # by how much `move` has moved it in all
        self._real_s = super().time()
        self._base_s = 0.0  # what `time()` was at `_real_s`
        self._limit_s = STEP_MAX_S  # what it may be at most until the next round
        super().__init__(_Selector(self))

    def time(self) -> float:
        passed_s = 0.0 if self.paused else (super().time() - self._real_s) * self.speed
        return min(self._base_s + passed_s, self._limit_s)

    def run_at(self, speed: float) -> None:
        """So many times real time. Raises ValueError beyond 1 to SPEED_MAX."""
        if not 1 <= speed <= SPEED_MAX:
            raise ValueError(f"speed {speed}: from 1 to {SPEED_MAX:g}")
        self.begin_round(0.0)
        self.speed = speed

    def pause(self, paused: bool) -> None:
        """Let time stand: no timer is due, while files and sockets are served on. Or let it run again."""
        self.begin_round(0.0)
        self.paused = paused

    def move(self, seconds: float) -> None:
        """Every timer up to then is due at once. Raises ValueError for a step back."""
        if seconds < 0:
            raise ValueError(f"time does not go back by {-seconds} s")
        self.begin_round(0.0)
        self.moved_s += seconds
        self._base_s += seconds
        self._limit_s += seconds

    def begin_round(self, waits_s: float | None) -> None:
        """From here on time goes at most STEP_MAX_S beyond this wait (None: for however long it takes)."""
        self._base_s, self._real_s = self.time(), super().time()
        self._limit_s = float("inf") if waits_s is None else self._base_s + waits_s + STEP_MAX_S


class _Selector(selectors.DefaultSelector):
    """The real selector, asked for real seconds."""

    def __init__(self, loop: LiveLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None:
            timeout = min(timeout, WAIT_MAX_S)
        self._loop.begin_round(timeout)
        real_s = timeout
        if timeout is not None and timeout > 0:
            real_s = None if self._loop.paused else timeout / self._loop.speed
        ready = super().select(real_s)
        self._loop.begin_round(0.0)
        return ready


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on a LiveLoop."""
    with asyncio.Runner(loop_factory=LiveLoop) as runner:
        return runner.run(main)


def the_loop() -> LiveLoop:
    """The running one. Raises RuntimeError on another kind of loop."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, LiveLoop):
        raise RuntimeError("time is moved in the live simulator only")
    return loop
