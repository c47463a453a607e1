"""Whether the page lives. A renderer can die inside a browser that runs on, and only its silence tells.

The page sends a sign of life after a paint, every `site.HEARTBEAT_MS`. After three misses the kiosk says so and leaves
its own watchdog unfed, so that systemd starts the unit, and with it the page, anew.
"""

import asyncio
import logging

from firmware import notify
from firmware.kiosk.site import HEARTBEAT_MS

MISSES_MAX = 3

log = logging.getLogger(__name__)


class PageWatch:
    """Feeds the watchdog while a page paints; before the first page of a start there is nothing to miss."""

    def __init__(self) -> None:
        self._seen: float | None = None  # loop.time() of the last sign of life

    def seen(self) -> None:
        """A page has connected or painted."""
        self._seen = asyncio.get_running_loop().time()

    def silent(self) -> bool:
        """Whether MISSES_MAX signs of life are overdue."""
        if self._seen is None:
            return False
        return asyncio.get_running_loop().time() - self._seen > MISSES_MAX * HEARTBEAT_MS / 1_000

    async def run(self) -> None:
        """Until cancelled: feed, or say why not."""
        period_s = notify.watchdog_period_s()
        pause_s = min(HEARTBEAT_MS / 1_000, period_s / 3 if period_s else HEARTBEAT_MS / 1_000)
        was_silent = False
        while True:
            silent = self.silent()
            if silent is not was_silent:
                was_silent = silent
                self._say("the page is silent" if silent else "the page is back")
            if not silent:
                notify.feed()
            await asyncio.sleep(pause_s)

    @staticmethod
    def _say(text: str) -> None:
        log.warning(text)
        notify.status(text)
