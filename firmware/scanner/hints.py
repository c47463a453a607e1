"""What would help: from what a frame shows of a code that was not read, to one word for whoever holds it. No I/O, no clock.

A hint that changes with each frame helps nobody: one is given once it has held for `SETTLE_MS`, and stands for `STAND_MS`.
"""

from collections.abc import Callable

from firmware.optics import Hint
from hal.ports import Measures, Target

SETTLE_MS = 400
STAND_MS = 1_000
READ_MS = 1_500  # after a code was read nobody needs help

DIM_MAX = 40.0  # grey levels: a phone's screen in the frame makes it brighter than this …
LIGHT_MIN = 45.0  # … and what is light in a code that can be read is lighter than this
GLARE_MIN = 238.0  # no screen is as light; a lamp in it is
SPAN_MIN, SPAN_MAX = 0.22, 0.85  # a token's code has 49 to 61 modules, and each wants some two pixels of 720
SLANT_MAX = 1.9  # a square that is turned away by 60°
SHARP_MIN = 0.2

_Holds = Callable[[Target], bool]
_TABLE: tuple[tuple[Hint, _Holds], ...] = (
    (Hint.FARTHER, lambda target: target.cut),
    (Hint.DARK, lambda target: target.light < LIGHT_MIN),
    (Hint.TILT, lambda target: target.light > GLARE_MIN),
    (Hint.CLOSER, lambda target: target.span < SPAN_MIN),
    (Hint.FARTHER, lambda target: target.span > SPAN_MAX),
    (Hint.TILT, lambda target: target.slant > SLANT_MAX),
    (Hint.STILL, lambda target: target.sharpness < SHARP_MIN),
    (Hint.TILT, lambda target: target.marked),  # nothing else is wrong with it
    (Hint.NONE, lambda target: True),  # and no code either
)


def advice(frame: Measures, target: Target | None) -> Hint:
    """What would help, by one frame in which nothing was read."""
    if target is None:
        return Hint.DARK if frame.brightness < DIM_MAX else Hint.NONE
    return next(hint for hint, holds in _TABLE if holds(target))


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
        wise = Hint.NONE if fresh else advice(frame, target)
        if wise is not self._next:
            self._next, self._since_ms = wise, now_ms
        if self._next is not self.hint and (
            read or (now_ms - self._since_ms >= SETTLE_MS and now_ms - self._given_ms >= STAND_MS)
        ):
            self.hint, self._given_ms = self._next, now_ms

    def forget(self) -> None:
        """Nothing is asked for any more."""
        self.__init__()  # type: ignore[misc]
