"""The half-duplex bus: one request at a time, with the silences that boards need, a deadline, and its own health.

Boards share two wires and answer only when asked. What goes wrong on such a line is a matter of time: a request too
close behind a reply is not heard (docs/lock-boards.md section 9: 56 of 56), and a reply that comes after its deadline
would be taken for the answer to the next request. So each exchange begins with a measured silence, and one that failed
or was cancelled poisons the line: nothing is asked for a while, and what arrives in it is thrown away.

The bus knows no protocol: a bank hands it a frame and a function that finds the reply in the bytes heard so far.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hal.ports import GarbledReply, HalError, NoReply, PortLost, SerialPort

T = TypeVar("T")

BITS_PER_BYTE = 10  # start, eight data, stop
HEARD_MAX_BYTES = 1_024
POISON_QUIET_MS = 50  # after an exchange that failed, in which a late reply is thrown away
BABBLE_MAX_MS = 1_000
REOPEN_FIRST_MS, REOPEN_MAX_MS = 250, 5_000


def silence_ms(baud: int) -> int:
    """Milliseconds of silence between frames: 3.5 characters, or 1.75 ms above 19,200 baud, and 1 ms, rounded up."""
    return math.ceil((3.5 * BITS_PER_BYTE * 1_000 / baud if baud <= 19_200 else 1.75) + 1)


@dataclass(slots=True)
class Health:
    """Counters since the bus was made."""

    exchanges: int = 0
    misses: int = 0
    garbled: int = 0
    openings: int = 0
    stray_bytes: int = 0  # heard while nobody was asked, or around a reply


class _Turns:
    """A lock whose urgent waiters go first; each kind in the order of arrival."""

    def __init__(self) -> None:
        self._taken = False
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._usual: deque[asyncio.Future[None]] = deque()

    async def take(self, *, urgent: bool) -> None:
        if not self._taken:
            self._taken = True
            return
        turn = asyncio.get_running_loop().create_future()
        queue = self._urgent if urgent else self._usual
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give()
            raise

    def give(self) -> None:
        """To the next who still waits."""
        for queue in (self._urgent, self._usual):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._taken = False


class Bus:
    """One RS-485 line behind one SerialPort, shared by the banks on it."""

    def __init__(self, port: SerialPort, *, gap_ms: int | None = None, echo: bool = False) -> None:
        """Make it on the loop it is to live on.

        `gap_ms`: silence before a frame, `silence_ms(baud)` unless told. `echo`: the adapter hears our own bytes.
        """
        self.health = Health()
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._gap_s = (silence_ms(port.baud) if gap_ms is None else gap_ms) / 1_000
        self._echo = echo
        self._turns = _Turns()
        self._users = 0
        self._open = False
        self._why_closed: HalError = PortLost(f"{port.name}: not open")
        self._reopen_at_s = -math.inf
        self._reopen_ms = REOPEN_FIRST_MS
        self._asking = False
        self._heard = bytearray()
        self._heard_at_s = -math.inf  # the last byte in either direction
        self._failed_at_s = -math.inf  # the last exchange that left an answer outstanding
        self._news: asyncio.Future[None] | None = None

    @property
    def name(self) -> str:
        return self._port.name

    def join(self) -> None:
        """One more bank uses the line. Raises PortMissing or PortBusy; each later exchange tries again to open it."""
        self._users += 1
        if not self._open:
            self._reopen()

    def leave(self) -> None:
        """One bank less; the last one closes the port."""
        self._users -= 1
        if self._users == 0:
            self._port.close()
            self._shut(PortLost(f"{self.name}: closed"))
            self._reopen_at_s, self._reopen_ms = -math.inf, REOPEN_FIRST_MS

    async def exchange(
        self,
        frame: bytes,
        decode: Callable[[bytes], T | None],
        *,
        deadline_ms: int,
        until_quiet_ms: int = 0,
        at_once: Callable[[bytes], T | None] | None = None,
        urgent: bool = False,
        before: Callable[[], object] | None = None,
    ) -> T:
        """Send one frame and return what `decode` finds in all bytes heard since (None: not yet).

        `deadline_ms` counts from the frame's last bit. With `until_quiet_ms` the bytes are decoded only when none has
        come for so long; until then `at_once` may find a reply that needs no silence behind it. `urgent` goes before
        all that is not. `before` is called when the line is ours and silent and the next step is to write; what it
        raises stops the exchange. Raises NoReply, GarbledReply, PortMissing, PortBusy, PortLost, each with `sent`, and
        whatever `before`, `decode` and `at_once` raise.
        """
        await self._turns.take(urgent=urgent)
        try:
            if not self._users:
                raise self._closed_error()
            if not self._open:
                self._reopen()
            await self._silence()
            if before:
                before()
            self._send(frame)
            try:
                reply = await self._listen(frame, decode, at_once, deadline_ms, until_quiet_ms)
            except BaseException:
                self._failed_at_s = self._loop.time()
                raise
            self._reopen_ms = REOPEN_FIRST_MS
            return reply
        finally:
            self._asking = False
            self._turns.give()

    async def _silence(self) -> None:
        """Until the line has been quiet for the gap, or for longer where a late reply may come."""
        begun_s = now_s = self._loop.time()
        if math.isfinite(self._failed_at_s):
            self._port.drain()
        while True:
            quiet_at_s = max(self._heard_at_s + self._gap_s, self._failed_at_s + POISON_QUIET_MS / 1_000)
            if now_s >= quiet_at_s:
                break
            if now_s >= begun_s + BABBLE_MAX_MS / 1_000:
                raise GarbledReply(f"{self.name}: somebody talks without being asked, for {BABBLE_MAX_MS} ms")
            await self._wait(quiet_at_s)
            if not self._open:
                raise self._closed_error()
            now_s = self._loop.time()
        self._failed_at_s = -math.inf

    def _send(self, frame: bytes) -> None:
        self.health.exchanges += 1
        self._heard.clear()
        self._asking = True
        try:
            self._port.write(frame)
        except PortLost as error:
            self._closed(error)
            raise
        self._heard_at_s = self._loop.time() + len(frame) * BITS_PER_BYTE / self._port.baud

    async def _listen(
        self,
        frame: bytes,
        decode: Callable[[bytes], T | None],
        at_once: Callable[[bytes], T | None] | None,
        deadline_ms: int,
        until_quiet_ms: int,
    ) -> T:
        deadline_s = self._heard_at_s + deadline_ms / 1_000
        tried_bytes = 0
        while True:
            now_s, wake_at_s = self._loop.time(), deadline_s
            heard = self._behind_echo(frame)
            if len(heard) > tried_bytes:
                quiet_at_s = self._heard_at_s + until_quiet_ms / 1_000
                is_quiet = not until_quiet_ms or now_s >= quiet_at_s
                reply = decode(heard) if is_quiet else at_once(heard) if at_once else None
                if reply is not None:
                    return reply
                if is_quiet:
                    tried_bytes = len(heard)
                else:
                    wake_at_s = min(deadline_s, quiet_at_s)
            if now_s >= deadline_s:
                raise self._miss(frame, heard, deadline_ms)
            await self._wait(wake_at_s)
            if not self._open:
                raise self._closed_error(sent=True)

    def _behind_echo(self, frame: bytes) -> bytes:
        heard = bytes(self._heard)
        if not self._echo:
            return heard
        return heard[len(frame) :] if heard.startswith(frame) else b""

    def _miss(self, frame: bytes, heard: bytes, deadline_ms: int) -> HalError:
        asked = f"{self.name}: asked {frame.hex(' ')}"
        if heard:
            self.health.garbled += 1
            return GarbledReply(f"{asked}, heard {heard[:32].hex(' ')}, which is no reply to it", sent=True)
        if self._echo and self._heard and self._heard != frame:
            self.health.garbled += 1
            return GarbledReply(
                f"{asked}, heard {self._heard[:32].hex(' ')} where its echo should be", sent=True
            )
        self.health.misses += 1
        return NoReply(f"{asked}, no reply in {deadline_ms} ms", sent=True)

    def _reopen(self) -> None:
        """Raises why the port is closed, without touching it before its time."""
        if self._loop.time() < self._reopen_at_s:
            raise self._closed_error()
        try:
            self._port.open(self._received, self._closed)
        except HalError as error:
            self._closed(error)
            raise
        self.health.openings += 1
        self._open = True
        self._heard_at_s = self._loop.time()

    def _closed_error(self, *, sent: bool = False) -> HalError:
        return type(self._why_closed)(str(self._why_closed), sent=sent)

    def _closed(self, error: HalError) -> None:
        self._reopen_at_s = self._loop.time() + self._reopen_ms / 1_000
        self._reopen_ms = min(2 * self._reopen_ms, REOPEN_MAX_MS)
        self._shut(error)

    def _shut(self, error: HalError) -> None:
        self._open = False
        self._why_closed = error
        self._wake()

    def _received(self, data: bytes) -> None:
        self._heard_at_s = max(self._heard_at_s, self._loop.time())
        if self._asking:
            self._heard += data[: HEARD_MAX_BYTES - len(self._heard)]
        else:
            self.health.stray_bytes += len(data)
        self._wake()

    async def _wait(self, until_s: float) -> None:
        """Until then, or until something happens on the line."""
        self._news = self._loop.create_future()
        timer = self._loop.call_at(until_s, self._wake)
        try:
            await self._news
        finally:
            timer.cancel()
            self._news = None

    def _wake(self) -> None:
        if self._news and not self._news.done():
            self._news.set_result(None)
