"""What the shell does for the store between events: it holds the reserve, and makes it anew when there is space again."""

import asyncio
import logging
from collections.abc import Callable

from firmware.reserve import Reserve

log = logging.getLogger(__name__)

LOOK_S = 5.0  # between two looks whether a full disk has space again


class Housekeeping:
    """Begun with `start`; its timer runs only while there is something to look after."""

    def __init__(self, reserve: Reserve, is_busy: Callable[[], bool], restored: Callable[[], None]) -> None:
        """`is_busy`: a door moves, and the loop must not wait for the disk. `restored`: the reserve is held again."""
        self._reserve = reserve
        self._is_busy = is_busy
        self._restored = restored
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_low(self) -> bool:
        """Whether what is left of the disk is for closings alone."""
        return not self._reserve.held

    def start(self) -> None:
        """Hold the reserve, or look for space from now on."""
        if not self._reserve.make():
            log.critical("the disk has no space for a reserve: nobody is served")
            self._look_later()

    def release(self) -> bool:
        """The disk is full: give the reserve back. Whether there was one."""
        released = self._reserve.release()
        if released:
            self._look_later()
        return released

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        if not self._is_busy() and self._reserve.make():
            self._restored()
        else:
            self._look_later()

    def _look_later(self) -> None:
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
