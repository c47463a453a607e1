"""A log that nobody can fill from outside: some lines a minute, and then how many more there were."""

import asyncio
import logging

WINDOW_S = 60
LINES_MAX = 5


class LimitedLog:
    """Warnings about what a peer sent, LINES_MAX within WINDOW_S."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._since_s = float("-inf")
        self._lines = 0

    def warning(self, text: str, *arguments: object) -> None:
        """Say it, or count it."""
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._since_s + WINDOW_S:
            if self._lines > LINES_MAX:
                self._log.warning("%d more like these before", self._lines - LINES_MAX)
            self._since_s, self._lines = now_s, 0
        self._lines += 1
        if self._lines <= LINES_MAX:
            self._log.warning(text, *arguments)
