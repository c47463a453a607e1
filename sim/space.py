"""The room on the simulator's disk, in whole blocks, as files take it.

Whatever grows takes blocks until there are none; what is written over in place goes on, as on a card. A file whose size alone
matters, such as a reserve (`firmware.reserve.Files`), counts like any other and has no bytes here.
"""

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from sim.unsynced import BLOCK_BYTES


class Space:
    """How much of a disk is taken, and by what."""

    def __init__(self, sizes: Callable[[], Iterable[int]]) -> None:
        """`sizes`: the bytes of each file that has any."""
        self.capacity_bytes: int | None = None  # None: there is always room
        self.on_full: Callable[[], None] = lambda: None  # called where something finds no room
        self._sizes = sizes
        self._held: dict[Path, int] = {}

    @property
    def used_bytes(self) -> int:
        return sum(map(_blocks_bytes, [*self._sizes(), *self._held.values()]))

    @property
    def held_bytes(self) -> int:
        """Taken by files of which only the size matters."""
        return sum(self._held.values())

    def room_for(self, size_bytes: int, end: int) -> int:
        """How far, at most to `end`, a file of this size may grow now."""
        if self.capacity_bytes is None or end <= size_bytes:
            return end
        room = min(end, max(_blocks_bytes(size_bytes) + self.capacity_bytes - self.used_bytes, size_bytes))
        if room < end:
            self.on_full()
        return room

    def free_bytes(self, path: Path) -> int:
        return 2**40 if self.capacity_bytes is None else max(0, self.capacity_bytes - self.used_bytes)

    def size_bytes(self, path: Path) -> int:
        return self._held.get(path, 0)

    def fill(self, path: Path, size_bytes: int) -> None:
        if self.free_bytes(path) < size_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._held[path] = size_bytes

    def remove(self, path: Path) -> None:
        self._held.pop(path, None)


def _blocks_bytes(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES
