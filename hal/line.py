"""One line as a whole: its banks and the watch over them, from all coils off at the start to all coils off at the end."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from hal.ports import HalError, LockBank, PulseResult
from hal.watch import Watch


class Line:
    """The banks that share a bus, or one set of pins."""

    def __init__(
        self, watch: Watch, banks: Sequence[LockBank], failed: Callable[[BaseException], None]
    ) -> None:
        """`failed` is told what ended the watch, if it was not `close`."""
        self._watch = watch
        self._banks = tuple(banks)
        self._failed = failed
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> list[HalError]:
        """All coils off, then watch. What could not be opened is returned, and is tried again with each reading."""
        refusals = []
        for bank in self._banks:
            try:
                await bank.start()
            except HalError as error:
                refusals.append(error)
        self._task = asyncio.get_running_loop().create_task(self._watch.run())
        self._task.add_done_callback(self._ended)
        return refusals

    async def pulse(self, bank: str, channel: int, pulse_ms: int) -> PulseResult:
        """As Watch.pulse."""
        return await self._watch.pulse(bank, channel, pulse_ms)

    async def confirm(self, bank: str, channel: int) -> bool | None:
        """As Watch.confirm."""
        return await self._watch.confirm(bank, channel)

    def set_active(self, bank: str, active: bool) -> None:
        """As Watch.set_active."""
        self._watch.set_active(bank, active)

    def off(self) -> None:
        """All coils of all banks off, now; never raises."""
        for bank in self._banks:
            bank.off()

    async def close(self) -> None:
        """All coils off, stop watching, let go of the devices; idempotent."""
        self.off()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([self._task])
            self._task = None
        for bank in self._banks:
            bank.close()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
