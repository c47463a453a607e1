"""Between the mind and the lock boards: cells become banks and channels, effects become pulses and readings.

One worker performs pulses and readings one after the other, so that never two coils are on. What it learns goes back
through the inbox. A pulse that waited longer than `LATE_MAX_MS` is not sent: no lock opens later, by surprise.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Protocol

from firmware.events import BankLost, DoorConfirmed, DoorRead, Pulse, PulseEnded, ReadDoor
from firmware.inbox import Inbox
from firmware.turn import Cabinet
from hal.ports import CoilLimit, PulseResult

log = logging.getLogger(__name__)

LATE_MAX_MS = 2_000


class Line(Protocol):
    """All banks on one bus, or one set of pins (`hal.watch`)."""

    async def pulse(self, bank: str, channel: int, pulse_ms: int) -> PulseResult:
        """Once, ahead of polling. Raises CoilLimit where a bound forbids it."""

    async def confirm(self, bank: str, channel: int) -> bool | None:
        """Two equal readings taken now: closed, open, or None where that failed."""

    def set_active(self, bank: str, active: bool) -> None: ...

    def off(self) -> None: ...

    async def close(self) -> None: ...


class Body:
    """The lines of a configuration, and the worker in front of them."""

    def __init__(self, cabinet: Cabinet, inbox: Inbox) -> None:
        self._cabinet = cabinet
        self._inbox = inbox
        self._cells = {(cell.bank, cell.channel): cell.number for cell in cabinet.config.cells}
        self._lines: Mapping[str, Line] = {}
        self._work: deque[tuple[Pulse | ReadDoor, int]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._active: frozenset[str] = frozenset()
        self.banks = dict.fromkeys(cabinet.banks, "unread")  # unread, online, offline: for a technician
        self.known = asyncio.Event()  # every bank was read once or declared offline

    def attach(self, lines: Mapping[str, Line]) -> None:
        """Take the lines, by the names of their banks."""
        self._lines = lines

    def on_level(self, bank: str, channel: int, closed: bool | None) -> None:
        """A line's callback: a level changed, twice read."""
        self._know(bank, "online")
        cell = self._cells.get((bank, channel))
        if cell is not None:
            self._inbox.post(DoorRead(cell, closed))

    def on_lost(self, bank: str, error: Exception) -> None:
        """A line's callback: the bank has not answered for long enough."""
        log.warning("bank %s is offline: %s", bank, error)
        self._know(bank, "offline")
        self._inbox.post(BankLost(bank))

    def _know(self, bank: str, state: str) -> None:
        self.banks[bank] = state
        if "unread" not in self.banks.values():
            self.known.set()

    def perform(self, effect: Pulse | ReadDoor) -> None:
        """Queue an effect whose event is committed."""
        self._work.append((effect, self._now_ms()))
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._run())
            self._worker.add_done_callback(self._ended)

    def set_active(self, banks: frozenset[str]) -> None:
        """Read these banks at the active rate, the others at the idle one."""
        for bank in sorted(banks ^ self._active):
            self._lines[bank].set_active(bank, bank in banks)
        self._active = banks

    def off(self) -> None:
        """All coils off, now, on every line; for the exit and for errors."""
        for line in dict.fromkeys(self._lines.values()):
            line.off()

    async def close(self) -> None:
        """Stop working; all coils off; let go of every device."""
        self.off()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        for line in dict.fromkeys(self._lines.values()):
            await line.close()

    async def _run(self) -> None:
        while self._work:
            effect, asked_ms = self._work.popleft()
            if isinstance(effect, Pulse):
                result = await self._pulse(effect, asked_ms)
                self._inbox.post(PulseEnded(effect.intent, effect.cell, result))
            else:
                line, bank, channel = self._place(effect.cell)
                closed = await line.confirm(bank, channel)
                self._inbox.post(DoorConfirmed(effect.cell, effect.intent, closed))

    async def _pulse(self, effect: Pulse, asked_ms: int) -> PulseResult:
        line, bank, channel = self._place(effect.cell)
        if self._now_ms() - asked_ms > LATE_MAX_MS:
            log.warning("intent %d for cell %d waited too long and was not sent", effect.intent, effect.cell)
            return PulseResult.NOT_SENT
        try:
            return await line.pulse(bank, channel, self._cabinet.pulse_ms(effect.cell))
        except CoilLimit as error:
            log.error("intent %d for cell %d was refused: %s", effect.intent, effect.cell, error)
            return PulseResult.NOT_SENT

    def _place(self, cell: int) -> tuple[Line, str, int]:
        place = self._cabinet.cells[cell]
        return self._lines[place.bank], place.bank, place.channel

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._worker = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._inbox.fail(error)
        elif self._work and not task.cancelled():
            self.perform(self._work.pop()[0])

    @staticmethod
    def _now_ms() -> int:
        return round(1_000 * asyncio.get_running_loop().time())
