"""What the controller knows of its scanner: how its camera is, what would help it to read, and how much it may say.

How the camera is, is state, and so a change of it is an event. One for the worse counts at once, and so does a scanner that
comes back; whatever else is said while the camera is not well counts once it has held for `HOLD_MS`, at most `CHANGES_MAX`
times within `CHANGES_WINDOW_MS`: a loose plug fills no journal. A scanner that is not heard of for `SILENT_MS` is silent. One
that said last that its camera hangs or is frozen has ended for that, and is awaited for `REPLACE_MS`: its word stands until then.
Hint and ring go to the screen as they come, with no event and no commit; pictures are kept only while people can read that they are.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from firmware.optics import REPLACED, CameraState, Hint

SILENT_MS = 3_000
HOLD_MS = 2_000
REPLACE_MS = (
    20_000  # until a process is started anew, and knows of a camera that may take 10 s to answer or not
)
CHANGES_MAX, CHANGES_WINDOW_MS = 10, 600_000
HINT_GAP_MS = 250  # a hint is for eyes
READINGS_MAX, READINGS_WINDOW_MS = 10, 1_000


class Rate:
    """At most `count` times within `window_ms`."""

    def __init__(self, count: int, window_ms: int) -> None:
        self._window_ms = window_ms
        self._times: deque[int] = deque(maxlen=count)

    def free_ms(self) -> int:
        """The moment from which on there is room."""
        return self._times[0] + self._window_ms if len(self._times) == self._times.maxlen else 0

    def use(self, now_ms: int) -> None:
        self._times.append(now_ms)


class Sight:
    """One start's scanner, which may come and go. Times are monotonic milliseconds, as `loop.time()` has them."""

    def __init__(self, changed: Callable[[CameraState], None]) -> None:
        """`changed` is told each state that counts; at the start the scanner is silent, as it is for the controller."""
        self._changed = changed
        self.on_show: Callable[[], None] = lambda: None  # the gate's: hint or ring have changed
        self.on_announced: Callable[[], None] = lambda: None  # the gate's: so is `announced`
        self.hint, self.ring = Hint.NONE, False  # as they stand on the screen
        self.announced = False  # people can read on the page that pictures are kept
        self._said, self._since_ms = CameraState.SILENT, 0  # what the scanner says, and since when
        self._counts = CameraState.SILENT
        self._next = Hint.NONE, False  # as they will stand there
        self._shown_ms = -HINT_GAP_MS
        self._heard_ms: int | None = None  # None: there is no scanner
        self._changes = Rate(CHANGES_MAX, CHANGES_WINDOW_MS)
        self._readings = Rate(READINGS_MAX, READINGS_WINDOW_MS)
        self._timer: asyncio.TimerHandle | None = None

    def watched(self, state: CameraState, hint: Hint, *, ring: bool, now_ms: int) -> None:
        """The scanner's word, which is its sign of life too."""
        self._heard_ms = now_ms
        self._say(state, hint, ring=ring, now_ms=now_ms)
        self._look(now_ms)

    def left(self, now_ms: int) -> None:
        """No scanner is connected any more."""
        self._heard_ms = None
        self._say(CameraState.SILENT, Hint.NONE, ring=False, now_ms=now_ms)
        self._look(now_ms)

    def painted(self, *, ring: bool) -> None:
        """What the page says of the ring. One painted before the page heard that a ring has ended announces no other."""
        announced = ring and self.ring
        if announced is not self.announced:
            self.announced = announced
            self.on_announced()

    def may_read(self, now_ms: int) -> bool:
        """Whether one more reading is looked at; it counts as one then."""
        if now_ms < self._readings.free_ms():
            return False
        self._readings.use(now_ms)
        return True

    def stop(self) -> None:
        """Call nobody any more; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _say(self, state: CameraState, hint: Hint, *, ring: bool, now_ms: int) -> None:
        if state is not self._said:
            self._said, self._since_ms = state, now_ms
        self._next = hint, ring

    def _look(self, now_ms: int) -> None:
        """Do what is due by now, and come again when the next is."""
        self.stop()
        due_ms = []
        if self._heard_ms is not None:
            if now_ms >= self._heard_ms + SILENT_MS:
                self._heard_ms = None  # until it is heard of again
                self._say(CameraState.SILENT, Hint.NONE, ring=False, now_ms=now_ms)
            else:
                due_ms.append(self._heard_ms + SILENT_MS)
        if self._said is not self._counts:
            counts_ms = self._counts_ms()
            if now_ms >= counts_ms:
                self._count(now_ms)
            else:
                due_ms.append(counts_ms)
        if self._next != (self.hint, self.ring):
            if now_ms >= self._shown_ms + HINT_GAP_MS:
                self.hint, self.ring = self._next
                self._shown_ms = now_ms
                self.painted(ring=self.announced)
                self.on_show()
            else:
                due_ms.append(self._shown_ms + HINT_GAP_MS)
        if due_ms:
            self._timer = asyncio.get_running_loop().call_at(min(due_ms) / 1_000, self._ring)

    def _counts_ms(self) -> int:
        """When what the scanner says counts, if it goes on saying so."""
        if self._counts is CameraState.OK:
            return 0
        if self._counts in (CameraState.GONE, CameraState.SILENT, CameraState.NONE):
            hold_ms = 0
        else:
            awaited = self._said is CameraState.SILENT and self._counts in REPLACED
            hold_ms = REPLACE_MS if awaited else HOLD_MS
        return max(self._since_ms + hold_ms, self._changes.free_ms())

    def _count(self, now_ms: int) -> None:
        if self._counts is not CameraState.OK:
            self._changes.use(now_ms)
        self._counts = self._said
        self._changed(self._counts)

    def _ring(self) -> None:
        self._timer = None
        self._look(round(1_000 * asyncio.get_running_loop().time()))
