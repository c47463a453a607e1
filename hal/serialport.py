"""A tty as a SerialPort: pyserial finds and sets up the device, the event loop moves its bytes.

pyserial's own `write` spins without end on a full non-blocking device (it retries on EAGAIN and looks at no timeout
when the timeout is 0), and its `read` goes through select(2), which ends at file 1,023. So bytes pass by the
descriptor: what cannot leave at once waits in a short queue under `loop.add_writer`.
"""

import asyncio
import contextlib
import errno
import os
import termios
from collections.abc import Callable

import serial

from hal.ports import HalError, PortBusy, PortLost, PortMissing

QUEUE_MAX_BYTES = 1_024
_READ_MAX_BYTES = 4_096


class TtyPort:
    """One device file, 8N1, without flow control; also a pty."""

    def __init__(self, name: str, baud: int) -> None:
        self.name = name
        self.baud = baud
        self._tty: serial.Serial | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue = bytearray()
        self._received: Callable[[bytes], None] | None = None
        self._lost: Callable[[PortLost], None] | None = None

    def open(self, received: Callable[[bytes], None], lost: Callable[[PortLost], None]) -> None:
        if self._tty is not None:
            raise PortBusy(f"{self.name}: already open here")
        loop = asyncio.get_running_loop()
        try:
            # `exclusive`: two readers would each get half of the bytes, and both would look unplugged.
            self._tty = serial.Serial(self.name, self.baud, timeout=0, write_timeout=0, exclusive=True)
        except (OSError, termios.error, ValueError, OverflowError) as error:
            raise self._refusal(error) from error
        self._loop = loop
        self._received, self._lost = received, lost
        loop.add_reader(self._tty.fileno(), self._readable)

    def write(self, data: bytes) -> None:
        if self._tty is None:
            raise PortLost(f"{self.name}: not open")
        if len(self._queue) + len(data) > QUEUE_MAX_BYTES:
            self.close()
            raise PortLost(f"{self.name}: takes no bytes ({QUEUE_MAX_BYTES} wait)")
        sent = 0
        if not self._queue:
            try:
                sent = os.write(self._tty.fileno(), data)
            except BlockingIOError:
                pass
            except OSError as error:
                self.close()
                raise PortLost(f"{self.name}: went away ({error})") from error
        if sent < len(data):
            self._queue += data[sent:]
            self._running_loop().add_writer(self._tty.fileno(), self._writable)

    def drain(self) -> None:
        self._forget_queue()
        if self._tty is not None:
            with contextlib.suppress(termios.error, OSError):
                termios.tcflush(self._tty.fileno(), termios.TCIOFLUSH)

    def close(self) -> None:
        tty = self._tty
        if tty is not None:
            # Closing a tty waits for its output to leave, for up to 30 s on a stuck adapter: so it is dropped first.
            self.drain()
            with contextlib.suppress(RuntimeError):  # the loop is closed already, and its selector with it
                self._running_loop().remove_reader(tty.fileno())
            self._tty = self._loop = self._received = self._lost = None
            with contextlib.suppress(OSError):
                tty.close()

    def _refusal(self, error: Exception) -> HalError:
        code = error.errno if isinstance(error, OSError) else None
        if code in {errno.EBUSY, errno.EAGAIN}:
            return PortBusy(f"{self.name}: another process holds the device")
        if code in {errno.ENOENT, errno.ENODEV, errno.ENXIO}:
            return PortMissing(f"{self.name}: no such device")
        if code == errno.EACCES:
            return PortMissing(f"{self.name}: no permission to open it; its group is usually dialout")
        return PortMissing(f"{self.name}: cannot be opened as a serial device at {self.baud} baud ({error})")

    def _readable(self) -> None:
        if self._tty is None:
            return
        try:
            data = os.read(self._tty.fileno(), _READ_MAX_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(str(error))
            return
        if not data:
            # A vanished device is always ready to be read and gives nothing: as a reader it would spin the loop.
            self._lose("ready to be read, and nothing to read")
        elif self._received:
            self._received(data)

    def _writable(self) -> None:
        if self._tty is None:
            return
        try:
            del self._queue[: os.write(self._tty.fileno(), self._queue)]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(str(error))
            return
        if not self._queue:
            self._forget_queue()

    def _forget_queue(self) -> None:
        self._queue.clear()
        if self._tty is not None:
            with contextlib.suppress(RuntimeError):
                self._running_loop().remove_writer(self._tty.fileno())

    def _lose(self, why: str) -> None:
        lost = self._lost
        self.close()
        if lost:
            lost(PortLost(f"{self.name}: went away ({why})"))

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("not open")
        return self._loop
