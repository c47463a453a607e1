"""Space that is kept for closings: a file beside the database, given back to the disk when that is full.

A disk fills up while doors stand open. That they were closed, and what follows from it (stored, collected), must be
written down all the same, and is: into the space that the file gives back. Until it is held again, nobody new is served.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from firmware.errors import StoreFull

log = logging.getLogger(__name__)

# The store's log grows to LOG_PAGES_MAX pages, 1.1 MB, and is then written anew from its start; beyond that grows the
# database alone, by half a kilobyte for each entry of the journal. So this is the log at its longest, and 6,000 entries:
# every door of the largest cabinet may be closed, found and reported three times over.
RESERVE_BYTES = 4 * 2**20
# It is made anew only where as much again is free: else the next commit would take it back at once.
NEEDED_BYTES = 2 * RESERVE_BYTES

NAME = "postomat.reserve"
T = TypeVar("T")


class Files(Protocol):
    """The disk that a reserve lies on. Every call raises OSError."""

    def free_bytes(self, path: Path) -> int:
        """What can still be written beside `path`."""

    def size_bytes(self, path: Path) -> int:
        """The space that this file takes on the disk; 0 where there is none."""

    def fill(self, path: Path, size_bytes: int) -> None:
        """Make the file, of so many real bytes, and have it on the disk on return."""

    def remove(self, path: Path) -> None:
        """Give its space back; nothing where it is not there."""


class Folder:
    """The machine's own files."""

    def free_bytes(self, path: Path) -> int:
        found = os.statvfs(path.parent)
        return found.f_bavail * found.f_frsize

    def size_bytes(self, path: Path) -> int:
        try:
            return path.stat().st_blocks * 512  # not its length: a hole holds nothing
        except FileNotFoundError:
            return 0

    def fill(self, path: Path, size_bytes: int) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            left = memoryview(hashlib.shake_128(NAME.encode()).digest(size_bytes))  # no disk can compress it
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        finally:
            os.close(handle)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


class Reserve:
    """The reserve of one database. `held`: whether its space is there to be given back."""

    def __init__(self, path: Path, files: Files | None = None) -> None:
        self._path = path
        self._files: Files = files or Folder()
        self.held = self._is_whole()

    def make(self) -> bool:
        """Hold the reserve, where there is space for it; whether it is held. Takes a card up to a second."""
        if self.held or self._is_whole():
            self.held = True
            return True
        try:
            if self._files.free_bytes(self._path) >= NEEDED_BYTES:
                self._files.fill(self._path, RESERVE_BYTES)
                self.held = True
        except OSError as error:
            log.error("%s: the reserve cannot be made: %s", self._path, error.strerror)
            self._remove()  # what of it was written
        return self.held

    def release(self) -> bool:
        """Give its space to whatever must be written now; whether there was any to give."""
        if not self.held:
            return False
        self.held = False
        log.critical("%s: the disk is full; the reserve is released", self._path)
        return self._remove()

    def opened(self, open_store: Callable[[], T]) -> T:
        """What `open_store` gives, with the reserve's help where it finds no space. Raises what it raises."""
        try:
            return open_store()
        except StoreFull:
            if not self.release():
                raise
            return open_store()

    def _is_whole(self) -> bool:
        try:
            return self._files.size_bytes(self._path) >= RESERVE_BYTES
        except OSError:
            return False

    def _remove(self) -> bool:
        try:
            self._files.remove(self._path)
        except OSError as error:
            log.error("%s: cannot be removed: %s", self._path, error.strerror)
            return False
        return True
