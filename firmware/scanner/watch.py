"""How the camera is, judged from frames and times alone. No I/O, no clock: times are monotonic milliseconds, as they are told.

What can be wrong with a camera shows in four ways, and each wants something else: a call that does not come back ends the
process, for nothing else ends the call; a device that is not there, or a far one that has fallen silent, is opened again and
again; frames that are all one frame, to the last bit, come from no lens, for a lens has noise, and another process takes the
device anew; and a lens that something lies on is dark, with noise or without.

Dark is decided before frozen. A cheap sensor that clips its noise away sends one black frame after the other under a finger, and
a process that were replaced for that, every few seconds all night, would help nobody. The price: a camera that froze in the
dark is called covered. Either way somebody has to look at it, and the keypad does without it.

A camera is well, or here at all, once two of its frames have differed: one frame may be the picture that it froze at.
"""

from collections.abc import Callable

from firmware.optics import CameraState
from hal.ports import Measures

NOTICE_MS = 2_500  # whoever asks the controller knows within 3 s
OPEN_MS = 10_000  # for opening and the first frame: some cameras take seconds to wake up
# What a camera of the network gets before it is given up, to open and for a frame: less than the above, or one whose cable was
# pulled out would be told as a call that hangs.
CONNECT_MS, READ_MS = 6_000, 2_000
SAME_MIN = 5  # frames: fewer prove nothing, however old they are
# Grey levels of 255. A finger on the lens lets some light through, and evens it out.
DARK_MAX = 24.0
EVEN_MAX = 12.0


class Watch:
    """One camera, from the process's start or from the moment it was missed last; nothing is known of it yet."""

    def __init__(self, *, missing: bool = False) -> None:
        """`missing`: it was said that there is none; that holds until frames show another thing."""
        self._missing = missing
        self._lives = False  # two frames have differed
        self._hangs_ms: int | None = None  # when what is waited for is overdue
        self._same_ms: int | None = None  # since when it is the same frame
        self._same = 0  # how many were the one before
        self._dark_ms: int | None = None  # since when it is dark

    def asked(self, now_ms: int, *, opening: bool) -> None:
        """The camera was asked for a frame, or to open and for the first one."""
        self._hangs_ms = now_ms + (OPEN_MS if opening else NOTICE_MS)

    def saw(self, frame: Measures, now_ms: int) -> None:
        """A frame has come. How much the first one differs tells nothing."""
        self._hangs_ms = None
        if frame.difference > 0 or self._same_ms is None:
            self._lives = self._lives or self._same_ms is not None
            self._same_ms, self._same = now_ms, 0
        else:
            self._same += 1
        if frame.brightness > DARK_MAX or frame.contrast > EVEN_MAX:
            self._dark_ms = None
        elif self._dark_ms is None:
            self._dark_ms = now_ms

    def state(self, now_ms: int) -> CameraState:
        """What holds now: the first of the table. SILENT: nothing is known yet, and nothing is to be told."""
        return next(state for state, holds in _TABLE if holds(self, now_ms))

    def hangs(self, now_ms: int) -> bool:
        return self._hangs_ms is not None and now_ms >= self._hangs_ms

    def is_frozen(self, now_ms: int) -> bool:
        return self._same >= SAME_MIN and _is_long(self._same_ms, now_ms)

    def is_missing(self, now_ms: int) -> bool:
        return self._missing and not self._lives

    def is_new(self, now_ms: int) -> bool:
        return not self._lives

    def is_dark(self, now_ms: int) -> bool:
        return _is_long(self._dark_ms, now_ms)


def _is_long(since_ms: int | None, now_ms: int) -> bool:
    return since_ms is not None and now_ms - since_ms >= NOTICE_MS


_TABLE: tuple[tuple[CameraState, Callable[[Watch, int], bool]], ...] = (
    (CameraState.HUNG, Watch.hangs),  # also one that hangs before its first frame
    (CameraState.COVERED, Watch.is_dark),  # noise or none
    (CameraState.FROZEN, Watch.is_frozen),
    (CameraState.GONE, Watch.is_missing),
    (CameraState.SILENT, Watch.is_new),
    (CameraState.OK, lambda watch, now_ms: True),
)
