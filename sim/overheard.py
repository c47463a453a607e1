"""What passes on the wires, overheard: for whoever explains it, and for whoever must wait until nothing does.

Of the frames it knows two (docs/lock-boards.md section 4): the one that unlocks a channel, because it is what a decision
comes down to, and the answer to a poll, because from it the locker learns of a door. It shares no codec with a driver.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from sim.board8a80 import Board8A80
from sim.cabinet import SimCabinet
from sim.wire import Board, Line

_UNLOCK, _STATUS = 0x8A, 0x80
ANSWER_S = 0.01  # what a reply needs at most through the kernel to whoever has asked


class Heard(NamedTuple):
    """One transmission. `cell`: whose unlocking it asks for, or answers."""

    bus: str
    data: bytes
    from_host: bool
    cell: int | None


class Overheard:
    """All lines of a cabinet."""

    def __init__(self, cabinet: SimCabinet) -> None:
        self.observers: list[Callable[[Heard], None]] = []
        self.status: dict[int, bytes] = {}  # by cell: what its board last said of its doors
        self._cabinet = cabinet
        self._asked: dict[
            str, tuple[float, int | None] | None
        ] = {}  # by bus: when and for which cell, unanswered
        self._last_s: dict[str, float] = {}
        self._reply_s = (
            max((bus.reply_timeout_ms for bus in cabinet.config.buses), default=0) / 1_000
            + max((board.pulse_ms for board in cabinet.boards.values()), default=0) / 1_000
        )
        for bus, line in cabinet.lines.items():
            self._listen(bus, line)

    def is_quiet(self) -> bool:
        """Whether no bytes are on the wires, and nobody waits for an answer."""
        now_s = asyncio.get_running_loop().time()
        for bus, line in self._cabinet.lines.items():
            asked = self._asked.get(bus)
            waits = asked is not None and now_s < asked[0] + self._reply_s + ANSWER_S
            if line.is_busy or waits or now_s < self._last_s.get(bus, 0.0) + ANSWER_S:
                return False
        return True

    def _listen(self, bus: str, line: Line) -> None:
        from_host, from_board = line.from_host, line.from_board

        def host(data: bytes) -> None:
            cell = self._unlocked(line, data)
            self._asked[bus] = asyncio.get_running_loop().time(), cell
            self._tell(Heard(bus, data, True, cell))
            from_host(data)

        def board(sender: Board, data: bytes) -> None:
            asked, self._asked[bus] = self._asked.get(bus), None
            self._last_s[bus] = asyncio.get_running_loop().time() + len(data) * 10 / line.baud
            if data[:1] == bytes([_STATUS]) and isinstance(sender, Board8A80):
                self.status.update(dict.fromkeys(sender.wiring.values(), data))
            self._tell(Heard(bus, data, False, asked[1] if asked is not None else None))
            from_board(sender, data)

        line.from_host, line.from_board = host, board  # type: ignore[assignment, method-assign]

    def _tell(self, heard: Heard) -> None:
        for observe in self.observers:
            observe(heard)

    def _unlocked(self, line: Line, data: bytes) -> int | None:
        """The cell whose lock this frame asks for."""
        if len(data) != 5 or data[0] != _UNLOCK:
            return None
        for board in self._cabinet.boards.values():
            if board.line is line and board.address == data[1]:
                return board.wiring.get(data[2])
        return None
