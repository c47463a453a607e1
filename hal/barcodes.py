"""Serial barcode scanners: a stream of bytes into the texts that were scanned, and a device that may come and go.

A scanner in its CDC-ACM (or RS-232) mode sends each code in one burst: a prefix and a suffix where it was told to, and CR, LF or
both behind it. It has no checksum, so whatever is not such a burst from end to end is thrown away: better one more
beep than another parcel's number.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from hal.ports import HalError, PortLost, SerialPort

GAP_MS = 500  # within a code; what comes later is no longer of the same burst
FLOOD_MS = 2_000
FLOOD_BYTES_MAX = 8_192  # within FLOOD_MS: no hand is so quick
FLOOD_CODES_MAX = 20  # likewise
FLOOD_PAUSE_S = 10.0  # for so long a device that floods is let go of
RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)  # between attempts to open a device; the last one repeats
STEADY_S = 10.0  # a device that stayed for so long is tried again at once when it goes
_ENDS = b"\r\n"
_PRINTABLE = range(0x20, 0x7F)
log = logging.getLogger(__name__)


class Taken(NamedTuple):
    """What one read of a port has come to."""

    texts: tuple[str, ...]
    ends: int  # how many lines ended, also such as were thrown away


class Framing:
    """Bytes in, texts out; no I/O and no clock. It never holds more than one code.

    What is between two ends is a code where it has prefix and suffix, 1 to `length_max` characters of printable ASCII
    between them, and came without a pause. Raises ValueError for a bound or a frame under which nothing would be one.
    """

    def __init__(self, prefix: str = "", suffix: str = "", length_max: int = 768) -> None:
        if length_max < 1:
            raise ValueError(f"length_max is {length_max}, must be at least 1")
        self._prefix, self._suffix = _mark("prefix", prefix), _mark("suffix", suffix)
        self._longest = len(self._prefix) + length_max + len(self._suffix)
        self._line = bytearray()
        self._spoilt = False  # what comes before the next end is no code
        self._heard_ms = 0

    def take(self, data: bytes, now_ms: int) -> Taken:
        """The texts that these bytes end. `now_ms` is monotonic."""
        if self._line and now_ms - self._heard_ms > GAP_MS:
            self._spoil()
        self._heard_ms = now_ms
        texts, ends = [], 0
        for byte in data:
            if byte in _ENDS:
                ends += bool(self._line or self._spoilt)  # between CR and LF is nothing
                text = self._text()
                self.forget()
                if text is not None:
                    texts.append(text)
            elif len(self._line) >= self._longest:
                self._spoil()
            elif not self._spoilt:
                self._line.append(byte)
        return Taken(tuple(texts), ends)

    def forget(self) -> None:
        """Begin anew: what has come so far belongs to nothing."""
        self._line.clear()
        self._spoilt = False

    def _spoil(self) -> None:
        self._line.clear()
        self._spoilt = True

    def _text(self) -> str | None:
        line = bytes(self._line)
        framed = line.startswith(self._prefix) and line.endswith(self._suffix)
        code = line[len(self._prefix) : len(line) - len(self._suffix)]
        if self._spoilt or not framed or not code or not all(byte in _PRINTABLE for byte in code):
            return None
        return code.decode("ascii")


def _mark(name: str, mark: str) -> bytes:
    """Prefix or suffix as bytes; often it is STX or ETX. The end of the line is no part of it, though some would write it so."""
    mark = mark.strip("\r\n")
    if not mark.isascii() or "\r" in mark or "\n" in mark:
        raise ValueError(f"{name}: must be ASCII, with no end of a line in it")
    return mark.encode("ascii")


class Flood:
    """How much comes from a device. Times are monotonic milliseconds."""

    def __init__(self) -> None:
        self._since_ms = 0
        self._bytes = self._codes = 0

    def rises(self, size_bytes: int, codes: int, now_ms: int) -> bool:
        """Whether with these it is more than hands could make it send."""
        if now_ms - self._since_ms > FLOOD_MS:
            self._since_ms, self._bytes, self._codes = now_ms, 0, 0
        self._bytes += size_bytes
        self._codes += codes
        return self._bytes > FLOOD_BYTES_MAX or self._codes > FLOOD_CODES_MAX


class BarcodeScanner:
    """One device, from `open` to `close`; in between it may vanish, be held by another, come back, or flood."""

    def __init__(self, port: SerialPort, framing: Framing) -> None:
        self.is_open = False  # whether the device is there
        self.floods = 0  # how often it was let go of for that
        self._port = port
        self._framing = framing
        self._flood = Flood()
        self._heard: Callable[[str], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._opened_s = 0.0

    def open(self, heard: Callable[[str], None]) -> None:
        """Tell every text from now on, on the running event loop. A device that is not there is waited for; raises nothing."""
        self.close()
        self._heard, self._failures = heard, 0
        self._try()

    def close(self) -> None:
        """Let go of the device, and tell nothing more; idempotent."""
        self._heard = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._let_go()

    def _try(self) -> None:
        self._timer = None
        self._framing.forget()
        self._flood = Flood()
        try:
            self._port.open(self._received, self._lost)
        except HalError as error:
            self._fail(error)
            return
        self.is_open, self._opened_s = True, asyncio.get_running_loop().time()
        log.info("%s: listening", self._port.name)

    def _received(self, data: bytes) -> None:
        now_ms = round(1_000 * asyncio.get_running_loop().time())
        taken = self._framing.take(data, now_ms)
        if self._flood.rises(len(data), taken.ends, now_ms):
            self.floods += 1
            self._let_go()
            log.warning("%s: floods; it is let go of for %.0f s", self._port.name, FLOOD_PAUSE_S)
            self._come_again(FLOOD_PAUSE_S)
            return
        self._tell(taken.texts)

    def _tell(self, texts: Sequence[str]) -> None:
        for text in texts:
            if self._heard is not None:  # whoever is told may close
                self._heard(text)

    def _lost(self, error: PortLost) -> None:
        self.is_open = False
        if asyncio.get_running_loop().time() - self._opened_s >= STEADY_S:
            self._failures = 0
        self._fail(error)

    def _fail(self, error: HalError) -> None:
        if not self._failures:  # once: a scanner that is unplugged for a week fills no log
            log.warning("%s", error)
        self._come_again(RETRY_S[min(self._failures, len(RETRY_S) - 1)])
        self._failures += 1

    def _come_again(self, pause_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(pause_s, self._try)

    def _let_go(self) -> None:
        self.is_open = False
        self._port.close()
