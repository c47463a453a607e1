"""What would help: from what a frame shows of a code that was not read, to one word for whoever holds it. No I/O, no clock.

A hint that changes with each frame helps nobody: one is given once it has held for `SETTLE_MS`, and stands for `STAND_MS`.
"""

from collections.abc import Callable

from firmware.optics import Hint
from hal.ports import Measures, Target

SETTLE_MS = 400
STAND_MS = 1_000
READ_MS = 1_500  # after a code was read nobody needs help


DIM_MAX = 40.0  # grey levels: a phone's screen in the frame makes it brighter than this
SPAN_MIN, SPAN_MAX = 0.25, 0.9
SHARP_MIN = 0.35
MOVING_MIN = 4.0  # grey levels from frame to frame

_Holds = Callable[[Measures, Target | None], bool]
_TABLE: tuple[tuple[Hint, _Holds], ...] = (
    (Hint.DARK, lambda frame, target: target is None and frame.brightness < DIM_MAX),
    (Hint.NONE, lambda frame, target: target is None),
    (Hint.CLOSER, lambda frame, target: target is not None and target.span < SPAN_MIN),
    (Hint.FARTHER, lambda frame, target: target is not None and target.span > SPAN_MAX),
    (
        Hint.STILL,
        lambda frame, target: (
            target is not None and target.sharpness < SHARP_MIN and frame.difference > MOVING_MIN
        ),
    ),
    (Hint.TILT, lambda frame, target: True),
)


class Hints:
    """For one person after the other."""

    def __init__(self) -> None:
        self.hint = Hint.NONE
        self._next, self._since_ms = Hint.NONE, 0
        self._given_ms = 0
        self._read_ms: int | None = None

    def saw(self, frame: Measures, target: Target | None, now_ms: int, *, read: bool) -> None:
        """A frame, and whether a code was read in it."""
        if read:
            self._read_ms = now_ms
        fresh = self._read_ms is not None and now_ms - self._read_ms < READ_MS
        wise = Hint.NONE if fresh else next(hint for hint, holds in _TABLE if holds(frame, target))
        if wise is not self._next:
            self._next, self._since_ms = wise, now_ms
        if self._next is not self.hint and (
            read or (now_ms - self._since_ms >= SETTLE_MS and now_ms - self._given_ms >= STAND_MS)
        ):
            self.hint, self._given_ms = self._next, now_ms

    def forget(self) -> None:
        """Nothing is asked for any more."""
        self.__init__()  # type: ignore[misc]
