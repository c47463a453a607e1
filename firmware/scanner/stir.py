"""Whether something stirs before an idle camera: then it is worth while to look for codes, and else it is not. No I/O, no clock.

Decoding an empty room costs most of what an idle scanner does. What differs from frame to frame in a room where nothing moves is
noise, and how much that is the camera's own affair and the evening's: so its level is learnt.
"""

STIRRED_MS = 3_000  # a code is looked for so long after the last movement
ANYWAY_EVERY = 8  # frames: one of them is decoded whatever it shows
FACTOR, STEP = 1.3, 0.3  # a movement is above so many times the noise, and so many grey levels
QUIETER, LOUDER = 0.1, 0.01  # how quickly the level follows: down at once, up within half a minute


class Stir:
    """One camera's. Differences are in grey levels, the mean of a frame; times are monotonic milliseconds."""

    def __init__(self) -> None:
        self._calm: float | None = None
        self._moved_ms: int | None = None
        self._shows = False
        self._frames = 0

    def saw(self, difference: float, now_ms: int, *, shows: bool | None = None) -> None:
        """A frame, how much it differs from the one before, and whether it shows what may be a code (None: nobody has looked).

        Far away a code that comes moves little. One that hangs there moves nothing, however often it is seen; and a frame
        that does not differ was sent twice, and tells nothing more.
        """
        self._frames += 1
        if shows is not None:
            if shows and not self._shows:
                self._moved_ms = now_ms
            self._shows = shows
        if difference == 0:
            return
        if self._calm is None:
            self._calm = difference
        if difference > FACTOR * self._calm + STEP:
            self._moved_ms = now_ms
        follows = QUIETER if difference < self._calm else LOUDER
        self._calm += follows * (difference - self._calm)

    def is_worth_while(self, now_ms: int) -> bool:
        """Whether to look for codes in the next frame."""
        moved = self._moved_ms is not None and now_ms - self._moved_ms < STIRRED_MS
        return moved or self._frames % ANYWAY_EVERY == 0
