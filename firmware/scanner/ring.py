"""The debugging ring: the last seconds of pictures, in memory, for a technician who stands there and wants to see what the camera sees.

Off unless asked for on the command line, with a folder that the operator names; the screen says so while it runs. Nothing is
written until SIGUSR1 comes, and nothing anywhere else. It ends by itself, for it would be forgotten.
"""

from collections import deque
from pathlib import Path

RING_MAX_S = 60
RING_RUN_S = 900
GAP_MS = 200  # between two pictures that are kept


class Ring:
    """At most `keep_s` seconds of pictures. Times are monotonic milliseconds."""

    def __init__(self, keep_s: int, folder: Path) -> None:
        """Raises ValueError unless `keep_s` is 1 to RING_MAX_S."""
        if not 1 <= keep_s <= RING_MAX_S:
            raise ValueError(f"a ring keeps 1 to {RING_MAX_S} s, not {keep_s}")
        self._keep_ms = 1_000 * keep_s
        self._folder = folder
        self._until_ms: int | None = None  # begun when it is first asked for
        self._pictures: deque[tuple[int, bytes]] = deque()

    def runs(self, now_ms: int) -> bool:
        """Whether it still does; at its end it forgets everything."""
        if self._until_ms is None:
            self._until_ms = now_ms + 1_000 * RING_RUN_S
        if now_ms < self._until_ms:
            return True
        self._pictures.clear()
        return False

    def wants(self, now_ms: int) -> bool:
        """Whether a picture of now would be kept."""
        return self.runs(now_ms) and (not self._pictures or now_ms - self._pictures[-1][0] >= GAP_MS)

    def add(self, picture: bytes, now_ms: int) -> None:
        """Keep a JPEG, and forget what is too old."""
        self._pictures.append((now_ms, picture))
        while self._pictures[0][0] < now_ms - self._keep_ms:
            self._pictures.popleft()

    def write(self, now_ms: int) -> int:
        """Write what is kept into the folder, named by its age in milliseconds; how many there are. Raises OSError."""
        kept = list(self._pictures) if self.runs(now_ms) else []
        for at_ms, picture in kept:
            path = self._folder / f"ring-{now_ms}-{now_ms - at_ms:06}-ms-before.jpg"
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(picture)
        return len(kept)
