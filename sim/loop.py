"""An asyncio event loop whose time is virtual: it stands still while anybody can run and jumps to the next timer.

A locker's day then takes the time of its callbacks alone, and the same program with the same seed does the same,
byte for byte. Time is kept in whole nanoseconds: a float of seconds stops advancing by small steps after half a year
(`now + 1e-9 == now`), and asyncio would spin for ever on a timer that is never due.

Files that are ready are served before time moves, so a socket of this very process may be used. Threads may not: the
loop cannot see them working, and would jump past their answer.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_NS_PER_S = 1_000_000_000
# What is due within this time is due now. Far above the spacing of floats within a century of virtual time.
_CLOCK_RESOLUTION_S = 1e-6


class Deadlock(RuntimeError):
    """Every task waits, and neither a timer nor a ready file can ever wake one."""


class _JumpingSelector(selectors.BaseSelector):
    """The real selector asked without waiting; where it has nothing, time is moved instead."""

    def __init__(self, jump: Callable[[float | None], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if not ready and (timeout is None or timeout > 0):
            self._jump(timeout)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` begins at 0 and counts virtual seconds. Raises Deadlock out of `run_until_complete`."""

    def __init__(self) -> None:
        self._virtual_ns = 0
        super().__init__(_JumpingSelector(self._jump))
        self._clock_resolution = _CLOCK_RESOLUTION_S

    def time(self) -> float:
        return self._virtual_ns / _NS_PER_S

    @property
    def time_ns(self) -> int:
        """Virtual nanoseconds since the loop was made, exact where `time()` is rounded."""
        return self._virtual_ns

    def _jump(self, timeout_s: float | None) -> None:
        if timeout_s is None:
            waiting = sorted(f"{task.get_name()}: {task.get_coro()}" for task in asyncio.all_tasks(self))
            raise Deadlock("nothing is left to happen, and these still wait:\n  " + "\n  ".join(waiting))
        self._virtual_ns += max(1, round(timeout_s * _NS_PER_S))


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time. Raises Deadlock where the real one would wait for ever."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
