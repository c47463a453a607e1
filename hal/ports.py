"""What the locker's body can do, as Protocols, values and errors; no third-party import.

Everything above `hal` is written against this module, and every driver, real or simulated, is
measured against it (tests/hal/test_contract.py). Channels are counted from 1, as on the boards' labels.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Senses(StrEnum):
    """What a bank's feedback contact follows: the lock's hook, the door itself, or both in series."""

    HOOK = "hook"
    DOOR = "door"
    BOTH = "both"


class PulseTimer(StrEnum):
    """Who ends a pulse. Only a board-timed pulse ends by itself when this program is killed."""

    BOARD = "board"
    HOST = "host"


class PulseResult(StrEnum):
    """What is known after a pulse was asked for. `SENT` is neither success nor failure: read the door."""

    ACKNOWLEDGED = "acknowledged"  # the board answered that it pulsed
    SENT = "sent"  # the bytes left, or the pin rose; nobody answered
    NOT_SENT = "not_sent"  # certain that no coil was energised


PULSE_CEILING_MS = 1_000
"""No configuration may ask for more: makers of such locks allow less than a second (docs/lock-boards.md section 10)."""


@dataclass(frozen=True, slots=True)
class PulseLimits:
    """The bounds of every coil (docs: rule 7); one instance serves every bank on one supply.

    Raises ValueError for bounds that bound nothing.
    """

    pulse_max_ms: int = PULSE_CEILING_MS
    rest_ms: int = 3_000  # from the end of a coil's pulse to its next
    gap_ms: int = 200  # from the end of any pulse to the next on another coil
    duty_max: float = 0.05
    duty_window_ms: int = 60_000

    def __post_init__(self) -> None:
        if not 1 <= self.pulse_max_ms <= PULSE_CEILING_MS:
            raise ValueError(f"pulse_max_ms is {self.pulse_max_ms}, must be 1 to {PULSE_CEILING_MS}")
        if self.rest_ms < 0 or self.gap_ms < 0:
            raise ValueError(f"rest_ms and gap_ms are {self.rest_ms} and {self.gap_ms}, must not be negative")
        if not 0 < self.duty_max <= 1:
            raise ValueError(f"duty_max is {self.duty_max}, must be above 0 and at most 1")
        if self.duty_window_ms < self.pulse_max_ms:
            raise ValueError(f"duty_window_ms is {self.duty_window_ms}, must be at least pulse_max_ms")


class HalError(Exception):
    """Anything the body could not do. Instantiate a subclass: it says whose fault it was.

    `sent` is False only where it is certain that no byte of the request left.
    """

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class PortMissing(HalError):
    """The device named in the configuration does not exist or may not be opened."""


class PortBusy(HalError):
    """Another process holds the device."""


class PortLost(HalError):
    """The device went away while it was open (cable pulled, adapter reset)."""


class NoReply(HalError):
    """The board stayed silent until the deadline."""


class GarbledReply(HalError):
    """Bytes came, but no valid reply among them."""


class EchoHeard(HalError):
    """The adapter returns our own bytes although the bus is configured without echo."""


class DecoderMissing(HalError):
    """A decoder of pictures, or a library that it needs, is not on this system."""


class CoilLimit(HalError):
    """A pulse was refused before anything was sent: channel, pulse, rest, gap, duty or one coil at a time."""


@runtime_checkable
class LockBank(Protocol):
    """A lock board, or a set of pins: N lock outputs and N feedback inputs."""

    @property
    def name(self) -> str: ...

    @property
    def channels(self) -> int: ...

    @property
    def senses(self) -> Senses: ...

    @property
    def pulse_timer(self) -> PulseTimer: ...

    async def start(self) -> None:
        """All coils off, then take the device; asks the board nothing, so that a silent one delays nobody.

        Raises PortMissing, PortBusy, and then each later reading tries again. Safe to call again, also after close.
        """

    async def read(self) -> tuple[bool | None, ...]:
        """Raw contact levels, channel 1 first; None where the board said nothing of a channel.

        Polarity is applied above. Raises NoReply, GarbledReply, EchoHeard, PortMissing, PortBusy, PortLost
        (also before start and after close).
        """

    async def pulse(self, channel: int, pulse_ms: int) -> PulseResult:
        """Energise one coil once, for at most `pulse_ms`. Never retried here.

        A board that times its pulses keeps its own time and refuses a `pulse_ms` below it. Raises CoilLimit before
        anything is sent, and only that: whatever else goes wrong is a result. Cancelled, the coil is off as soon as
        can be: at once where we time the pulse, by itself where the board does.
        """

    def off(self) -> None:
        """All coils off, now, and no pulse that waits for its turn goes out; never raises, in any state.

        A pulse that the board times ends by itself: there is no frame that ends it and none that could be trusted to.
        """

    def close(self) -> None:
        """As `off`, then let go of the device; idempotent."""


class SerialPort(Protocol):
    """A byte stream that never blocks. One receiver; bytes arrive through its callbacks on the event loop."""

    @property
    def name(self) -> str: ...

    @property
    def baud(self) -> int: ...

    def open(self, received: Callable[[bytes], None], lost: Callable[[PortLost], None]) -> None:
        """Raises PortMissing or PortBusy. `lost` is called at most once per open; the port is closed then."""

    def write(self, data: bytes) -> None:
        """Queue one frame (at most a few hundred bytes).

        Raises PortLost when the port is closed, gone or takes no more bytes: then it is closed, `lost` is not called,
        and no byte of this frame left.
        """

    def drain(self) -> None:
        """Throw away what arrived and was not delivered, and what was written and has not left.

        The second half is for safety: an unlock that waits in a stuck adapter must not go out minutes later.
        """

    def close(self) -> None:
        """Idempotent; `lost` is not called."""


class WallClock(Protocol):
    """The system's wall time; never for intervals. The locker's own, and whether it is sure, is `firmware.clock`."""

    def utc_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00Z."""

    def synchronised(self) -> bool:
        """Whether the system holds it to be right; told to a technician, and believed by nobody."""


def public(address: str) -> str:
    """What may be shown of where a device is: a path as it is, an address without what lets somebody in.

    That is the user and the password before the host, and a query, where many cameras want them. Of an address of which it
    cannot be told where they end, only its scheme is shown.
    """
    if address.startswith("/") or not ("://" in address or "@" in address):
        return address
    scheme, mark, rest = address.partition("://") if "://" in address else ("", "", address)
    shown = re.split(r"[?#]", rest, maxsplit=1)
    return f"{scheme}{mark}{'…' if '@' in ''.join(shown[1:]) else shown[0].rpartition('@')[2]}"


class CodeFormat(StrEnum):
    """In which form a text was written."""

    QR = "qr"
    DATA_MATRIX = "data_matrix"
    LINEAR = "linear"  # a barcode: Code 128, EAN, Code 39


@dataclass(frozen=True, slots=True)
class Code:
    """What was read before a camera.

    `corners`, in pixels of the frame, go round from the code's own top left; a decoder that does not know them gives none.
    """

    text: str
    format: CodeFormat
    corners: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Measures:
    """What a frame is like, in grey levels of 255."""

    brightness: float  # the mean
    contrast: float  # the standard deviation
    difference: float  # to the frame before: the mean over all pixels; 0 only where both are one and the same


@dataclass(frozen=True, slots=True)
class Target:
    """What looks like a code in a frame in which none was read."""

    span: float  # its longer side, as a share of the frame's height
    sharpness: float  # of its edges along the axis where they are softer: 1 from one pixel to the next, 0.1 where it takes ten
    slant: float = 1.0  # its longer side by the shorter one: 1 where it is held straight
    light: float = 200.0  # grey level of its light parts
    cut: bool = False  # it is so near that it goes on beyond the frame's edge
    marked: bool = True  # the marks in its corners show: it is a QR code for sure


@dataclass(frozen=True, slots=True)
class Look:
    """One frame, measured and decoded."""

    grabbed_ms: int  # monotonic
    measures: Measures
    codes: tuple[Code, ...] = ()
    target: Target | None = None  # of this frame, or of one just before it; none where a code was read


@runtime_checkable
class Scanner(Protocol):
    """A camera with its decoders. All of it is called by one thread, any of it may block, and some of it for ever."""

    def open(self) -> None:
        """Take the camera. Raises PortMissing, PortBusy."""

    def look(self, wants: tuple[CodeFormat, ...]) -> Look:
        """The newest frame, and the codes of these formats in it; nothing is decoded where none is wanted.

        Waits for a frame that is newer than the last one. Raises PortLost: then it is closed.
        """

    def picture(self) -> bytes:
        """The frame of the last look as a JPEG, for whoever looks for a fault; empty before the first."""

    def close(self) -> None:
        """Idempotent."""
