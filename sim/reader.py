"""The scanner of a simulated world without pixels: what is held before it, it reads at once. Joined to the gate in memory."""

from firmware.assembly import Assembly
from firmware.control import SCANNER_PUSHES, Reading, Scan, Told, decode, encode
from firmware.model import Outcome
from firmware.optics import Format
from firmware.peer import Peer, Role
from sim.locker import SimLocker


class MemoryReader:
    """It joins each new controller by itself."""

    def __init__(self, locker: SimLocker) -> None:
        self.scan: Scan | None = None  # what the screen asks for
        self.told: list[Outcome] = []  # the answers so far
        self.held = ""  # what was held before it last
        self._locker = locker
        self._peer: Peer | None = None
        locker.observe(self._attach)
        if locker.assembly is not None:
            self._attach(locker.assembly)

    def wants(self, written: Format = Format.QR) -> bool:
        """Whether the screen asks for this now."""
        return self.scan is not None and written in self.scan.wants

    def read(self, text: str, written: Format = Format.QR) -> None:
        """Something is held before it, whether the screen asks for it or not."""
        self.held = text
        if self._peer is not None and self.scan is not None:
            self._peer.feed(encode(Reading(self.scan.seq, text, written)))

    def _attach(self, parts: Assembly) -> None:
        self._peer = parts.gate.join(Role.SCANNER, self._pushed, lambda: None)

    def _pushed(self, line: bytes) -> None:
        message = decode(SCANNER_PUSHES, line)
        if isinstance(message, Scan):
            self.scan = message
        elif isinstance(message, Told):
            self.told.append(message.outcome)
        self._locker.moved.set()
