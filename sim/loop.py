"""An asyncio event loop whose time is virtual: it stands still while anybody can run and jumps to the next timer.

A locker's day then takes the time of its callbacks alone, and the same program with the same seed does the same,
byte for byte. Time is kept in whole nanoseconds: a float of seconds stops advancing by small steps after half a year
(`now + 1e-9 == now`), and asyncio would spin for ever on a timer that is never due.

Files that are ready are served before time moves, so a socket of this very process may be used. Threads may not: the
loop cannot see them working, and would jump past their answer.

A step of asyncio's own loop asks the selector and compares timers in Python, which costs more than most callbacks of a
locker do. Here nothing is asked while no file is watched, and timers of one moment ring in the order in which they were set.
"""

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_NS_PER_S = 1_000_000_000
# What is due within this time is due now. Far above the spacing of floats within a century of virtual time.
_CLOCK_RESOLUTION_S = 1e-6
_new = object.__new__
_SWEEP_AT_LEAST = 128  # timers, before those that were cancelled are looked for


class Deadlock(RuntimeError):
    """Every task waits, and neither a timer nor a ready file can ever wake one."""


class _Selector(selectors.DefaultSelector):
    """The real one, which also counts the files that it watches."""

    watched = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key: selectors.SelectorKey = super().register(fileobj, events, data)
        self.watched += 1
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key: selectors.SelectorKey = super().unregister(fileobj)
        self.watched -= 1
        return key


class _Step(asyncio.TimerHandle):
    """A handle without what only asyncio's debug mode and its own heap of timers want: a third of its cost."""

    __slots__ = ()
    _repr: Any = None  # of debug mode, like the next
    _source_traceback: Any = None

    def set(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: "VirtualLoop",
        context: Context | None,
    ) -> "_Step":
        """In place of `__init__`: a call from Python to Python costs half as much."""
        self._when, self._loop = when, loop
        self._callback: Any = callback
        self._args: Any = args
        self._context = copy_context() if context is None else context
        self._cancelled = False
        return self

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = self._args = None


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` begins at 0 and counts virtual seconds. Raises Deadlock out of `run_until_complete`."""

    # Of asyncio's own, what makes and runs steps is replaced: `call_soon`, `call_at` and `_run_once`.
    _ready: Any
    _selector: _Selector
    _stopping: bool
    _process_events: Callable[[Any], None]

    def __init__(self) -> None:
        self._virtual_ns = 0
        self._virtual_s = 0.0
        self._timers: list[tuple[float, int, _Step]] = []  # a heap
        self._timers_set = 0
        self._sweep_at = _SWEEP_AT_LEAST
        super().__init__(_Selector())
        self._own_files = self._selector.watched  # by which a thread would wake it

    def time(self) -> float:
        return self._virtual_s

    @property
    def time_ns(self) -> int:
        """Virtual nanoseconds since the loop was made, exact where `time()` is rounded."""
        return self._virtual_ns

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        step = _new(_Step).set(self._virtual_s, callback, args, self, context)
        self._ready.append(step)
        return step

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _new(_Step).set(when, callback, args, self, context)
        self._timers_set += 1
        heappush(self._timers, (when, self._timers_set, timer))
        if len(self._timers) > self._sweep_at:
            self._sweep()
        return timer

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._virtual_s + delay, callback, *args, context=context)

    def _sweep(self) -> None:
        """Let go of timers that were cancelled before they came to the front."""
        self._timers = [entry for entry in self._timers if not entry[2].cancelled()]
        heapify(self._timers)
        self._sweep_at = max(_SWEEP_AT_LEAST, 2 * len(self._timers))

    def _run_once(self) -> None:
        """One step: what is ready, or else what the next timer makes ready."""
        ready = self._ready
        if self._selector.watched > self._own_files:
            self._process_events(self._selector.select(0))
        if not ready and not self._stopping:
            self._jump()
        due_s, timers = self._virtual_s + _CLOCK_RESOLUTION_S, self._timers
        while timers and timers[0][0] < due_s:
            ready.append(heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001 - as asyncio's own step does
                handle._run()  # noqa: SLF001

    def _jump(self) -> None:
        """To the next timer that still waits."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:  # noqa: SLF001
            heappop(timers)
        if not timers:
            waiting = sorted(f"{task.get_name()}: {task.get_coro()}" for task in asyncio.all_tasks(self))
            raise Deadlock("nothing is left to happen, and these still wait:\n  " + "\n  ".join(waiting))
        when_s = timers[0][0]
        if when_s > self._virtual_s:
            # By a nanosecond at least, and not short of it: whoever waits for a moment must not find it still to come.
            self._virtual_ns = max(self._virtual_ns + 1, math.ceil(when_s * _NS_PER_S))
            self._virtual_s = max(when_s, self._virtual_ns / _NS_PER_S)


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time. Raises Deadlock where the real one would wait for ever."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
