"""The RS-485 line between a host's adapter and the boards, with the time that bytes take, in memory or on a pty.

Two adapters end in the same line: `MemoryPort` is a hal.ports.SerialPort for virtual time, `PtyAdapter` is a device file
that real pyserial opens. Behind both stand the same boards.

Half duplex: what one side sends, all others hear, after the time its bytes take at the line's speed; two that talk at
once spoil each other's bytes. The faults of a line are its public attributes.
"""

import asyncio
import contextlib
import os
import pty
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hal.ports import PortBusy, PortLost, PortMissing

_BITS_PER_BYTE = 10
_READ_MAX_BYTES = 4_096


class Board(Protocol):
    """Whatever sits on the line and is not the host."""

    def hear(self, data: bytes, silence_ms: float) -> None:
        """One transmission, heard whole at its end; `silence_ms`: how long the line was silent before it."""


@dataclass(eq=False)
class Line:
    """The pair of wires, the boards on it, and what is wrong with it."""

    baud: int = 9_600
    echo: bool = False  # the adapter hears what it sends
    cut: bool = False  # nothing passes
    noise_before: bytes = b""  # garbage before each reply
    noise_behind: bytes = b""
    delay_ms: float = 0.0  # the adapter's latency, towards the host
    boards: list[Board] = field(default_factory=list)
    to_host: Callable[[bytes], None] | None = None
    transmissions: int = 0
    spoilt: int = 0
    _busy_until_s: float = float("-inf")

    @property
    def is_busy(self) -> bool:
        """Whether bytes are on the wires now."""
        return asyncio.get_running_loop().time() < self._busy_until_s

    def from_host(self, data: bytes) -> None:
        """The host's adapter puts bytes on the wires."""
        self._transmit(data, None)

    def from_board(self, board: Board, data: bytes) -> None:
        """A board answers."""
        self._transmit(data, board)

    def _transmit(self, data: bytes, sender: Board | None) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        silence_ms = (now_s - self._busy_until_s) * 1_000
        if silence_ms < 0:
            self.spoilt += 1
            data = bytes(byte ^ 0x55 for byte in data)
        self.transmissions += 1
        end_s = now_s + len(data) * _BITS_PER_BYTE / self.baud
        self._busy_until_s = max(self._busy_until_s, end_s)
        loop.call_at(end_s, self._arrive, data, silence_ms, sender)

    def _arrive(self, data: bytes, silence_ms: float, sender: Board | None) -> None:
        if self.cut:
            return
        for board in self.boards:
            if board is not sender:
                board.hear(data, silence_ms)
        if sender is not None:
            data = self.noise_before + data + self.noise_behind
        if sender is not None or self.echo:
            if self.delay_ms:
                asyncio.get_running_loop().call_later(self.delay_ms / 1_000, self._deliver, data)
            else:
                self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        if self.to_host:
            self.to_host(data)


class MemoryPort:
    """The host's end of a line as a SerialPort that needs no file."""

    def __init__(self, line: Line, name: str = "memory") -> None:
        self.name = name
        self.baud = line.baud
        self.plugged = True
        self.held = False  # another process has it
        self._line = line
        self._received: Callable[[bytes], None] | None = None
        self._lost: Callable[[PortLost], None] | None = None

    def open(self, received: Callable[[bytes], None], lost: Callable[[PortLost], None]) -> None:
        if not self.plugged:
            raise PortMissing(f"{self.name}: no such device")
        if self.held or self._received:
            raise PortBusy(f"{self.name}: another process holds the device")
        self._received, self._lost = received, lost
        self._line.to_host = received

    def write(self, data: bytes) -> None:
        if not self._received:
            raise PortLost(f"{self.name}: not open")
        self._line.from_host(data)

    def drain(self) -> None:
        """Nothing waits in an adapter that has no buffer."""

    def close(self) -> None:
        self._received = self._lost = self._line.to_host = None

    def unplug(self) -> None:
        self.plugged = False
        lost = self._lost
        self.close()
        if lost:
            lost(PortLost(f"{self.name}: the device went away"))

    def plug(self) -> None:
        self.plugged = True


class PtyAdapter:
    """The host's end of a line as a device file: `link` leads to it, as below /dev/serial/by-id.

    The kernel passes bytes between the two ends of a pty in its own time, so this is for the real loop only.
    """

    def __init__(self, line: Line, link: Path) -> None:
        self.link = link
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._fds: tuple[int, int] | None = None

    def plug(self) -> None:
        """Make the device file; nothing where it exists."""
        if self._fds is None:
            ours, theirs = self._fds = pty.openpty()
            tty.setraw(theirs)
            os.set_blocking(ours, False)
            self._loop.add_reader(ours, self._readable, ours)
            self._line.to_host = self._write
            self.link.unlink(missing_ok=True)
            self.link.symlink_to(os.ttyname(theirs))

    def unplug(self) -> None:
        """Pull the cable: the file goes away under whoever has it open. Idempotent."""
        if self._fds is not None:
            ours, theirs = self._fds
            self._fds = self._line.to_host = None
            self._loop.remove_reader(ours)
            self.link.unlink(missing_ok=True)
            os.close(ours)
            os.close(theirs)

    def _readable(self, fd: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._line.from_host(os.read(fd, _READ_MAX_BYTES))

    def _write(self, data: bytes) -> None:
        # Nobody may be reading: what does not fit into the kernel's buffer is lost, as on a real wire.
        if self._fds is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._fds[0], data)
