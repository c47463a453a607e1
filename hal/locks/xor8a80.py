"""Boards of the "8A/80 + BCC XOR" family: codec and LockBank (docs/lock-boards.md section 4).

The codec is free of I/O: functions from values to frames and from heard bytes to values. It can write three requests:
unlock one, query one, query all. The family also has frames that open all locks (lock 00), open several (90) or hold a
coil on (9A); none of them can be written here, and a test walks every input to show it.

What differs between boards that look alike is a setting, verified at commissioning: the order of the status bytes, the
length of the pulse (the board times it itself), and, applied above, which level means closed. The length of a status
reply is never derived from the number of channels: an 8-channel board was seen to answer with three bytes. So a reply
ends when the line falls quiet, and a channel it does not cover is unknown. A length that was seen is learnt, and while
nothing odd happens a reply of just that length ends at once (docs/decisions/0007-learn-the-length-of-a-status.md).
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, reduce
from operator import xor

from hal.coils import CoilGuard
from hal.ports import CoilLimit, EchoHeard, HalError, PortLost, PulseResult, PulseTimer, Senses
from hal.rs485 import Bus, Health

ADDRESS_MAX = 32
CHANNELS_MAX = 50
STATUS_BYTES_MIN, STATUS_BYTES_MAX = 3, 7  # the shortest status seen, and what 50 channels need

_UNLOCK, _QUERY = 0x8A, 0x80
_UNLOCK_TAIL, _QUERY_TAIL = 0x11, 0x33
_ALL = 0x00
_AROUND_STATUS = 4  # header, address, tail and checksum
_STATES = {0x00: False, 0x11: True}


class ByteOrder(StrEnum):
    """Which status byte tells of channels 1 to 8; bit 0 is the lowest channel of its byte in both."""

    FIRST = "first"
    LAST = "last"


def _sealed(*body: int) -> bytes:
    return bytes((*body, reduce(xor, body)))


def _is_status(frame: bytes, address: int) -> bool:
    """Whether all of these bytes together are a valid reply to `query_all`; how many they may be is for others to say."""
    return frame[0] == _QUERY and frame[1] == address and frame[-2] == _QUERY_TAIL and reduce(xor, frame) == 0


def _bounded(what: str, value: int, most: int) -> int:
    if not 1 <= value <= most:
        raise ValueError(f"{what} is {value!r}, must be 1 to {most}")
    return value


def unlock_one(address: int, channel: int) -> bytes:
    """Raises ValueError outside 1 to ADDRESS_MAX and 1 to CHANNELS_MAX: lock 00 would be all of them."""
    _bounded("board address", address, ADDRESS_MAX)
    return _sealed(_UNLOCK, address, _bounded("channel", channel, CHANNELS_MAX), _UNLOCK_TAIL)


def query_one(address: int, channel: int) -> bytes:
    """Raises ValueError outside 1 to ADDRESS_MAX and 1 to CHANNELS_MAX."""
    _bounded("board address", address, ADDRESS_MAX)
    return _sealed(_QUERY, address, _bounded("channel", channel, CHANNELS_MAX), _QUERY_TAIL)


def query_all(address: int) -> bytes:
    """Raises ValueError outside 1 to ADDRESS_MAX. Here lock 00 is harmless: it asks, and moves nothing."""
    return _sealed(_QUERY, _bounded("board address", address, ADDRESS_MAX), _ALL, _QUERY_TAIL)


def unlock_reply(heard: bytes, address: int, channel: int) -> bool | None:
    """The state bit of a valid reply to `unlock_one` anywhere in what was heard, or None."""
    return _one_reply(heard, _UNLOCK, address, channel)


def query_one_reply(heard: bytes, address: int, channel: int) -> bool | None:
    """The state bit of a valid reply to `query_one` anywhere in what was heard, or None."""
    return _one_reply(heard, _QUERY, address, channel)


def query_all_reply(heard: bytes, address: int) -> bytes | None:
    """The status bytes of a valid reply in what was heard until the line fell quiet, or None.

    Some boards put garbage before it, some adapters a byte behind it; the earliest header and the longest frame win.
    """
    for start in range(len(heard) - STATUS_BYTES_MIN - 3):
        if heard[start] != _QUERY or heard[start + 1] != address:
            continue
        for length in range(STATUS_BYTES_MAX, STATUS_BYTES_MIN - 1, -1):
            frame = heard[start : start + length + _AROUND_STATUS]
            if len(frame) == length + _AROUND_STATUS and _is_status(frame, address):
                return frame[2:-2]
    return None


def is_echo(heard: bytes, address: int) -> bool:
    """Whether an adapter gave our own query back, alone or before the board's reply.

    Asked before the reply is decoded: a query and the reply behind it have, taken together, a valid checksum.
    """
    request = query_all(address)
    rest = heard[len(request) :]
    return heard.startswith(request) and (not rest or query_all_reply(rest, address) is not None)


@dataclass(slots=True)
class Learnt:
    """The length of a board's status reply, learnt from one that silence ended, and forgotten after anything odd.

    Odd is whatever lets doubt that the same board still answers, alone and on a clean line: a reading of it that failed;
    on the whole line a reply with anything before or behind it, garbage, a byte that nobody had asked for, a port opened
    anew.
    """

    _reply_bytes: int = 0  # 0: unknown
    _line: tuple[int, ...] = ()

    def learn(self, reply_bytes: int, line: Health) -> None:
        """Silence ended a reply of so many bytes that was a valid frame and nothing else."""
        self._reply_bytes, self._line = reply_bytes, _oddities(line)

    def forget(self) -> None:
        self._reply_bytes = 0

    def is_whole(self, heard: bytes, line: Health) -> bool:
        """Whether nothing more is to be expected."""
        return len(heard) == self._reply_bytes and self._line == _oddities(line)


def _oddities(line: Health) -> tuple[int, ...]:
    return line.openings, line.stray_bytes, line.garbled


@lru_cache(maxsize=256)  # a board says the same again and again
def levels(status: bytes, channels: int, order: ByteOrder) -> tuple[bool | None, ...]:
    """Raw contact levels, channel 1 first; None where the status has no bit for a channel."""
    low_first = status if order is ByteOrder.FIRST else status[::-1]
    bits = [bool(byte >> bit & 1) for byte in low_first for bit in range(8)]
    return tuple(bits[:channels]) + (None,) * (channels - len(bits))


def _one_reply(heard: bytes, header: int, address: int, channel: int) -> bool | None:
    for start in range(len(heard) - 4):
        frame = heard[start : start + 5]
        if frame[:3] == bytes((header, address, channel)) and reduce(xor, frame) == 0 and frame[3] in _STATES:
            return _STATES[frame[3]]
    return None


class Xor8A80Bank:
    """One such board on a bus that it may share with others (a LockBank)."""

    pulse_timer = PulseTimer.BOARD

    def __init__(
        self,
        name: str,
        bus: Bus,
        guard: CoilGuard,
        *,
        address: int,
        channels: int,
        senses: Senses,
        byte_order: ByteOrder = ByteOrder.FIRST,
        board_pulse_ms: int = 300,
        reply_ms: int = 150,
        quiet_ms: int = 20,
    ) -> None:
        """`board_pulse_ms`: the board's own time, as measured at commissioning. `reply_ms`: how long it may think.

        `quiet_ms` without a byte end a status reply of unknown length; it must exceed the adapter's latency (16 ms in
        common ones).
        Raises ValueError for an address or a number of channels that the family does not have.
        """
        self.name = name
        self.channels = _bounded("channels", channels, CHANNELS_MAX)
        self.senses = senses
        self.board_pulse_ms = board_pulse_ms
        self._query = query_all(address)
        self._bus = bus
        self._guard = guard
        self._address = address
        self._order = byte_order
        self._reply_ms = reply_ms
        self._quiet_ms = quiet_ms
        self._joined = False
        self._offs = 0
        self._learnt = Learnt()
        self._echo_free_opening = 0  # the opening of the port for which a reply proved that nothing is echoed

    async def start(self) -> None:
        if not self._joined:
            self._joined = True
            self._bus.join()

    async def read(self) -> tuple[bool | None, ...]:
        self._check_joined()
        try:
            status = await self._bus.exchange(
                self._query,
                self._decode_all,
                deadline_ms=self._reply_ms,
                until_quiet_ms=self._quiet_ms,
                at_once=self._decode_whole,
            )
        except BaseException:
            self._learnt.forget()
            raise
        self._echo_free_opening = self._bus.health.openings
        return levels(status, self.channels, self._order)

    async def pulse(self, channel: int, pulse_ms: int) -> PulseResult:
        if not 1 <= channel <= self.channels:
            raise CoilLimit(f"{self.name}: channel {channel}, must be 1 to {self.channels}")
        if pulse_ms < self.board_pulse_ms:
            raise CoilLimit(
                f"{self.name}: a pulse of {pulse_ms} ms was asked for, and the board's own lasts {self.board_pulse_ms}"
            )
        if pulse_ms > self._guard.limits.pulse_max_ms:
            raise CoilLimit(
                f"{self.name}: a pulse of {pulse_ms} ms, over pulse_max_ms {self._guard.limits.pulse_max_ms}"
            )
        offs = self._offs

        def admit() -> None:
            if self._offs != offs:
                raise _Dropped(f"{self.name}: all coils were put off before the pulse's turn")
            self._guard.admit(self.name, channel, self.board_pulse_ms)

        try:
            self._check_joined()
            await self._bus.exchange(
                unlock_one(self._address, channel),
                lambda heard: unlock_reply(heard, self._address, channel),
                deadline_ms=self.board_pulse_ms + self._reply_ms,
                urgent=True,
                before=admit,
            )
        except CoilLimit:
            raise
        except HalError as error:
            return PulseResult.SENT if error.sent else PulseResult.NOT_SENT
        # An echo of the request is a valid reply to it: it counts only on a line known to give nothing back.
        echo_free = self._echo_free_opening == self._bus.health.openings
        return PulseResult.ACKNOWLEDGED if echo_free else PulseResult.SENT

    def off(self) -> None:
        self._offs += 1

    def close(self) -> None:
        self.off()
        if self._joined:
            self._joined = False
            self._bus.leave()

    def _decode_all(self, heard: bytes) -> bytes | None:
        """What was heard until the line fell quiet."""
        if is_echo(heard, self._address):
            raise EchoHeard(f"{self.name}: the adapter gives our own bytes back; configure echo", sent=True)
        status = query_all_reply(heard, self._address)
        if status is not None:
            around_bytes = len(heard) - len(status) - _AROUND_STATUS
            self._bus.health.stray_bytes += around_bytes
            if not around_bytes:
                self._learnt.learn(len(heard), self._bus.health)
        return status

    def _decode_whole(self, heard: bytes) -> bytes | None:
        """What was heard so far, where it is a whole reply. One that begins as our query does may be an echo of it."""
        if not self._learnt.is_whole(heard, self._bus.health) or heard.startswith(self._query):
            return None
        return heard[2:-2] if _is_status(heard, self._address) else None

    def _check_joined(self) -> None:
        if not self._joined:
            raise PortLost(f"{self.name}: not started")


class _Dropped(HalError):
    """Put off while it waited for its turn."""
