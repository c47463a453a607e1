"""Wakes whoever waits for news of the backend."""

import asyncio


class Bell:
    """`count` is how often it has rung: whoever knows an older count has missed something."""

    def __init__(self) -> None:
        self.count = 0
        self._rung: asyncio.Event | None = None

    def ring(self) -> None:
        """Something has changed."""
        self.count += 1
        if self._rung is not None:
            self._rung.set()
            self._rung = None

    async def rings(self, after: int, within_s: float) -> int:
        """The count, once it is above `after` or the time is over."""
        if self.count <= after:
            self._rung = self._rung or asyncio.Event()
            try:
                async with asyncio.timeout(within_s):
                    await self._rung.wait()
            except TimeoutError:
                pass
        return self.count
