"""The 8A/80 board's own side: it parses what it hears, times its pulse, and answers (docs/lock-boards.md section 4).

Written from the facts alone; it shares no codec with the driver. It also obeys the frames that the driver must never
send (all locks, several, hold on), so that a test would see the coils if one ever did.

Where boards differ or the facts are silent, it is an attribute: polarity, byte order, length of the status, the length
of the pulse, and whether the answer to an unlock comes at once or after the pulse.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.wire import Line
from sim.world import Contact, World

_GAP_MIN_MS = (
    3.5 * 10 * 1_000 / 9_600
)  # a request closer behind another transmission is not heard (section 9)
HEARD_MAX = 256


@dataclass(eq=False)
class Board8A80:
    """One board: `wiring` tells which cell of the world hangs on which channel."""

    line: Line
    world: World
    wiring: dict[int, int]
    address: int = 1
    channels: int = 24
    contact: Contact = Contact.HOOK
    closed_is_11: bool = True  # "closing feedback"; the other kind says 11 for open
    low_byte_first: bool = True
    status_bytes: int | None = None  # 3 at least, as was seen of an 8-channel board
    pulse_ms: int = 300
    think_ms: float = 2.0
    answer_after_pulse: bool = True
    silent: bool = False  # obeys, and says nothing
    dead: bool = False  # neither
    crossed: dict[int, int] = field(
        default_factory=dict
    )  # by channel, the cell whose lock hangs on it by mistake
    heard: deque[bytes] = field(default_factory=lambda: deque(maxlen=HEARD_MAX))  # the last frames it obeyed
    _seen_at: int = -1  # the world's changes when the contacts were looked at
    _seen: int = 0
    _timers: dict[int, asyncio.TimerHandle] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.line.boards.append(self)

    def hear(self, data: bytes, silence_ms: float) -> None:
        """All bytes of one transmission; a frame may stand anywhere in it."""
        if self.dead or silence_ms < _GAP_MIN_MS - 0.01:
            return
        at = data.find(self.address, 1) - 1  # only where the second byte is our address can a frame begin
        while at >= 0:
            length = 2 + self._status_length() + 1 if data[at] == 0x90 else 5
            frame = data[at : at + length]
            done = len(frame) == length and self._obey(frame)
            at = data.find(self.address, at + (length if done else 1) + 1) - 1

    def reset(self) -> None:
        """The supply fails and comes back: all coils fall."""
        for channel in list(self._timers):
            self._timers.pop(channel).cancel()
        for cell in self.wiring.values():
            self.world.release(cell)

    def _obey(self, frame: bytes) -> bool:
        """Do what a frame with a valid checksum says; whether it was one."""
        if _bcc(frame[:-1]) != frame[-1]:
            return False
        match frame[0], frame[2], frame[3]:
            case 0x8A, channel, 0x11:
                self._unlock(channel)
            case 0x80, 0, 0x33:
                self._say(b"\x80", bytes([self.address]), self._status(), b"\x33")
            case 0x80, channel, 0x33:
                self._say(bytes([0x80, self.address, channel, self._state(channel)]))
            case 0x9A, channel, 0x11:
                self._coil(channel, on=True)
            case 0x9B, channel, 0x11:
                self._coil(channel, on=False)
            case 0x90, _, _:
                bits = frame[2:-1] if self.low_byte_first else frame[-2:1:-1]
                for channel in range(1, self.channels + 1):
                    if bits[(channel - 1) // 8] >> (channel - 1) % 8 & 1:
                        self._pulse(channel)
            case _:
                return False
        self.heard.append(frame)
        return True

    def _unlock(self, channel: int) -> None:
        for each in range(1, self.channels + 1) if channel == 0 else (channel,):
            self._pulse(each)

        def answer() -> None:
            self._say(bytes([0x8A, self.address, channel, self._state(channel)]))

        if self.answer_after_pulse:
            asyncio.get_running_loop().call_later(self.pulse_ms / 1_000, answer)
        else:
            answer()

    def _pulse(self, channel: int) -> None:
        if channel in self._timers:
            self._timers.pop(channel).cancel()
        self._coil(channel, on=True)
        self._timers[channel] = asyncio.get_running_loop().call_later(
            self.pulse_ms / 1_000, self._pulse_ends, channel
        )

    def _pulse_ends(self, channel: int) -> None:
        del self._timers[channel]
        self._coil(channel, on=False)

    def _coil(self, channel: int, *, on: bool) -> None:
        if channel in self.wiring:
            act: Callable[[int], None] = self.world.energise if on else self.world.release
            act(self.crossed.get(channel, self.wiring[channel]))

    def _bit(self, channel: int) -> bool:
        cell = self.wiring.get(channel)
        closed = cell is not None and self.world.cells[cell].contact_closed(self.contact)
        return closed == self.closed_is_11

    def _state(self, channel: int) -> int:
        return 0x11 if self._bit(channel) else 0x00

    def _status_length(self) -> int:
        return max(3, (self.channels + 7) // 8) if self.status_bytes is None else self.status_bytes

    def _status(self) -> bytes:
        length = self._status_length()
        every_bit = (1 << min(self.channels, 8 * length)) - 1
        bits = self._closed() if self.closed_is_11 else ~self._closed()
        return (bits & every_bit).to_bytes(length, "little" if self.low_byte_first else "big")

    def _closed(self) -> int:
        """A bit for each channel, the lowest first: whether its contact is closed."""
        if self._seen_at != self.world.changes:
            self._seen_at, self._seen = self.world.changes, 0
            for channel, cell in self.wiring.items():
                self._seen |= self.world.cells[cell].contact_closed(self.contact) << (channel - 1)
        return self._seen

    def _say(self, *parts: bytes) -> None:
        body = b"".join(parts)
        frame = body + bytes([_bcc(body)])
        if not self.silent:
            asyncio.get_running_loop().call_later(self.think_ms / 1_000, self._transmit, frame)

    def _transmit(self, frame: bytes) -> None:
        if not self.dead:
            self.line.from_board(self, frame)


def _bcc(body: bytes) -> int:
    total = 0
    for byte in body:
        total ^= byte
    return total
