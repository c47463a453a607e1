"""One connection to a control socket, in one role: lines in, requests decoded, answers out.

A peer is fed bytes and is given bytes to send, so the same code serves the Unix sockets and a simulated world without any.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Protocol

import msgspec

from firmware import control
from firmware.control import Message, Told
from firmware.errors import ProtocolError
from firmware.model import Outcome

log = logging.getLogger(__name__)

PENDING_MAX = 64  # requests of one peer that wait for their answer
SERVICE_PEERS_MAX = 8


class Role(StrEnum):
    """What a connection may ask for: one socket each."""

    KIOSK = "kiosk"
    LINK = "link"
    SCANNER = "scanner"
    SERVICE = "service"


REQUESTS: dict[Role, msgspec.json.Decoder[Message]] = {
    Role.KIOSK: control.KIOSK_REQUESTS,
    Role.LINK: control.LINK_REQUESTS,
    Role.SCANNER: control.SCANNER_REQUESTS,
    Role.SERVICE: control.SERVICE_REQUESTS,
}
PEERS_MAX = {
    Role.KIOSK: 1,
    Role.LINK: 1,
    Role.SCANNER: 1,
    Role.SERVICE: SERVICE_PEERS_MAX,
}  # beyond it, the oldest goes


class Answerer(Protocol):
    """What a peer needs of `firmware.gate.Gate`."""

    def request(self, peer: "Peer", message: Message) -> None:
        """Perform what a peer asks for."""

    def leave(self, peer: "Peer") -> None:
        """Forget a connection that has ended."""


class Peer:
    """One connection. `send` writes a line, `drop` ends the connection."""

    def __init__(
        self, gate: Answerer, role: Role, send: Callable[[bytes], None], drop: Callable[[], None]
    ) -> None:
        self.role = role
        self._gate = gate
        self._send = send
        self._drop = drop
        self._lines = control.Lines()
        self._pending = 0
        self.open = True

    def feed(self, data: bytes) -> None:
        """Bytes from the peer. Nonsense ends the connection; behind its end nothing is heard."""
        try:
            for line in self._lines.feed(data) if self.open else ():
                if self.open:
                    self._gate.request(self, control.decode(REQUESTS[self.role], line))
        except ProtocolError as error:
            log.warning("%s peer dropped: %s", self.role, error)
            self.drop()

    def send(self, message: Message) -> None:
        if self.open:
            self._send(control.encode(message))

    def asked(self, ask: int | None = None) -> Callable[..., None] | None:
        """Room for one more answer, and how to give it; None where too many wait already."""
        if self._pending >= PENDING_MAX:
            self.send(Told(Outcome.BUSY, ask=ask))
            return None
        self._pending += 1
        return partial(self._tell, ask)

    def _tell(self, ask: int | None, outcome: Outcome, acked: int | None = None) -> None:
        self._pending -= 1
        self.send(Told(outcome, ask=ask, acked=acked if outcome is Outcome.DONE else None))

    def drop(self) -> None:
        """End the connection; idempotent."""
        if self.open:
            self.gone()
            self._drop()

    def gone(self) -> None:
        """The connection has ended."""
        self.open = False
        self._gate.leave(self)
