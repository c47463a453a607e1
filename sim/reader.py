"""The scanner of a simulated world without pixels: what is held before it, it reads at once. Joined to the gate in memory."""

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from firmware.assembly import Assembly
from firmware.control import SCANNER_PUSHES, Reading, Scan, Told, decode, encode
from firmware.events import TokenShown
from firmware.model import Outcome, Purpose
from firmware.optics import Format
from firmware.peer import Peer, Role
from firmware.tokens import from_base45
from sim.backend import tokens
from sim.locker import SimLocker

if TYPE_CHECKING:
    from sim.site import Site

CLOCK_OFF_MS = 90_000  # how far a sure clock may be off (`sim.clock_rules`)


class Minted(NamedTuple):
    """A token that the backend has made for somebody; `until_ms` (UTC) is None for a static one."""

    grant: str
    holder: str
    until_ms: int | None


class MemoryReader:
    """It joins each new controller by itself."""

    def __init__(self, locker: SimLocker) -> None:
        self.scan: Scan | None = None  # what the screen asks for
        self.told: list[Outcome] = []  # the answers so far
        self.held = ""  # what was held before it last
        self.minted: dict[str, Minted] = {}  # digest → what it is; nothing else opens anything
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

    def holder(self, shown: TokenShown) -> str | None:
        """For whom the backend has made this token; None where it is none of its making for this grant, or its minute is over."""
        minted, true_ms = self.minted.get(shown.digest), self._locker.clock.true_ms()
        if minted is None or minted.grant != shown.grant:
            return None
        return minted.holder if minted.until_ms is None or true_ms < minted.until_ms + CLOCK_OFF_MS else None

    def _attach(self, parts: Assembly) -> None:
        self._peer = parts.gate.join(Role.SCANNER, self._pushed, lambda: None)

    def _pushed(self, line: bytes) -> None:
        message = decode(SCANNER_PUSHES, line)
        if isinstance(message, Scan):
            self.scan = message
        elif isinstance(message, Told):
            self.told.append(message.outcome)
        self._locker.moved.set()


def mint(site: "Site", waybill: str, purpose: Purpose, *, static: bool) -> str:
    """A token for the holder of this right, from the app or on paper."""
    backend = site.locker.backend
    text = backend.mint(waybill, purpose, static=static)
    grant = backend.orders[waybill].grants[purpose]
    until_ms = None if static else site.locker.clock.true_ms() + 1_000 * tokens.VALID_S
    digest = hashlib.sha256(from_base45(text)).hexdigest()
    site.reader.minted[digest] = Minted(grant.id, grant.holder, until_ms)
    return text
