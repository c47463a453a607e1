"""The scanner of a locker in virtual time: joined to the gate in memory, with the shipped driver of its barcode scanners.

What the process does with a camera and a socket (`firmware.scanner`) runs live only. Here people hold texts before it, and
its barcode scanners send bytes over lines that can be pulled out, be noisy, or flood.
"""

from functools import partial

from firmware.assembly import Assembly
from firmware.control import SCANNER_PUSHES, Message, Reading, Scan, Told, decode, encode
from firmware.drivers import barcodes
from firmware.model import Outcome
from firmware.optics import Format
from firmware.peer import Peer, Role
from sim.locker import SimLocker


class MemoryScanner:
    """It joins each new controller by itself."""

    def __init__(self, locker: SimLocker) -> None:
        self.scan: Scan | None = None  # what the screen asks for now
        self.told: list[Outcome] = []
        self._peer: Peer | None = None
        locker.observe(self._attach)
        for each in barcodes(locker.config.scanner, port=locker.cabinet.scanner_port):
            each.open(partial(self.read, written=Format.LINEAR))

    def read(self, text: str, written: Format) -> None:
        """A text was held before it."""
        if self.scan is not None:
            self.send(Reading(self.scan.seq, text, written))

    def send(self, message: Message) -> None:
        """Hand the line to the gate, as the socket would."""
        if self._peer is not None:
            self._peer.feed(encode(message))

    def _attach(self, parts: Assembly) -> None:
        self.scan = None
        self._peer = parts.gate.join(Role.SCANNER, self._pushed, lambda: None)

    def _pushed(self, line: bytes) -> None:
        message = decode(SCANNER_PUSHES, line)
        if isinstance(message, Scan):
            self.scan = message
        elif isinstance(message, Told):
            self.told.append(message.outcome)
