"""What the shell does for the store between events: it holds the reserve, and prunes the journal.

Neither is done while a door moves: both make the loop wait for the disk.
"""

import asyncio
import logging
from collections.abc import Callable

from firmware.errors import StoreError
from firmware.reserve import Reserve

log = logging.getLogger(__name__)

LOOK_S = 5.0  # after a start, while a door moves, and between two looks whether a full disk has space again
PRUNE_S = 3_600.0  # between two looks whether the journal has something to prune
STEP_S = 1.0  # between two steps of pruning


class Housekeeping:
    """Begun with `start`. One timer: for the reserve where it is missing, else for the journal."""

    def __init__(
        self,
        reserve: Reserve,
        prune: Callable[[], int],
        is_busy: Callable[[], bool],
        restored: Callable[[], None],
    ) -> None:
        """`prune`: one step; how many entries went. `is_busy`: a door moves. `restored`: the reserve is held again."""
        self._reserve = reserve
        self._prune = prune
        self._is_busy = is_busy
        self._restored = restored
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_low(self) -> bool:
        """Whether what is left of the disk is for closings alone."""
        return not self._reserve.held

    def start(self) -> None:
        """Hold the reserve, and look after both from now on."""
        if not self._reserve.make():
            log.critical("the disk has no space for a reserve: nobody is served")
        self._look_in(LOOK_S)

    def release(self) -> bool:
        """The disk is full: give the reserve back. Whether there was one."""
        released = self._reserve.release()
        if released:
            self._look_in(LOOK_S)
        return released

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        if self._is_busy():
            self._look_in(LOOK_S)
        elif self._reserve.held:
            self._look_in(STEP_S if self._pruned() else PRUNE_S)
        else:
            if self._reserve.make():
                self._restored()
            self._look_in(LOOK_S)

    def _pruned(self) -> int:
        try:
            return self._prune()
        except StoreError as error:
            log.error("the journal was not pruned: %s", error)
            return 0

    def _look_in(self, seconds: float) -> None:
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)
