"""Both ends of the link with a broker in memory between them, and a controller as far as its socket documents it."""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware.control import (
    LINK_REQUESTS,
    AskHello,
    Grown,
    Hello,
    Journal,
    JournalAfter,
    JournalRow,
    Lines,
    LinkState,
    Message,
    Signed,
    SignedHead,
    Told,
    decode,
    encode,
)
from firmware.errors import ProtocolError
from firmware.events import ChangesCame, EpochDemanded, GrantsCame, JournalAcked, Welcomed
from firmware.model import Outcome
from firmware.peer import Role
from firmware.signed import Answering, Keyring, open_signed
from sim.backend import Backend, Link, Signer, Site
from sim.broker import Broker
from sim.uplink import MemoryFarEnd, MemoryUplink

NOON_MS = 1_764_054_000_000
LOCKER = "0123"
JOURNAL_KEY = Ed25519PrivateKey.from_private_bytes(b"j" * 32)
TERM_MS = 72 * 3_600_000
SITE = Site(LOCKER, "ул. Абая, 10", b"k" * 32, JOURNAL_KEY.public_key().public_bytes_raw())
SIGNER = Signer(bytes(range(32)), "backend-1")
KEYRING = Keyring({"backend-1": SIGNER.public})


def make_backend(signer: Signer = SIGNER) -> Backend:
    return Backend(SITE, signer, lambda: NOON_MS, random.Random(1))


class Book:
    """A locker's journal, written from its documented form."""

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch
        self.rows: list[JournalRow] = []

    @property
    def head(self) -> str:
        return self.rows[-1].hash if self.rows else ""

    def write(self, kind: str, **columns: object) -> None:
        seq = len(self.rows) + 1
        if kind == "stored":
            columns = {"until_ms": NOON_MS + TERM_MS, **columns}
        first = {"locker": LOCKER, "epoch": self.epoch, "seq": seq, "utc_ms": NOON_MS, "sure": True}
        body = json.dumps({**first, "kind": kind, **columns}, separators=(",", ":"))
        before = bytes.fromhex(self.head) if self.rows else bytes(32)
        self.rows.append(JournalRow(seq, body, hashlib.sha256(before + body.encode()).hexdigest()))

    def batch(self, rows: Sequence[JournalRow]) -> Journal:
        if not rows:
            return Journal((), len(self.rows), None)
        last = rows[-1]
        place = f'["{LOCKER}",{self.epoch},{last.seq},"{last.hash}"]'
        signature = JOURNAL_KEY.sign(b"postomat/v1/head\n" + place.encode()).hex()
        return Journal(tuple(rows), len(self.rows), SignedHead(last.seq, last.hash, signature))


class Controller:
    """What a gate says to a link, and what it believes."""

    def __init__(self, batch: int = 2) -> None:
        self.book = Book()
        self.batch = batch
        self.version = 0
        self.believed: list[Any] = []  # events of good objects, but for acknowledgements and welcomes
        self.refused: list[Outcome] = []
        self.acks: list[JournalAcked] = []
        self.welcomes: list[Welcomed] = []
        self.nonces: list[str] = []  # of the hellos that were said
        self.asked: list[int] = []  # after which seq entries were asked for
        self.states: list[bool] = []
        self.ack_outcome = Outcome.DONE
        self.list_outcome: Outcome | None = None  # instead of its own
        self.can_read = True
        self.silent = False
        self._lines = Lines()
        self._send: Callable[[bytes], None] = lambda line: None
        self._drop: Callable[[], None] = lambda: None

    def join(self, role: Role, send: Callable[[bytes], None], drop: Callable[[], None]) -> "Controller":
        assert role is Role.LINK
        self._send, self._drop, self._lines = send, drop, Lines()
        return self

    def feed(self, data: bytes) -> None:
        try:
            for line in self._lines.feed(data):
                if not self.silent:
                    self._hear(decode(LINK_REQUESTS, line))
        except ProtocolError:
            self.drop()

    def drop(self) -> None:
        drop, self._drop = self._drop, lambda: None
        drop()

    def say(self, message: Message) -> None:
        self._send(encode(message))

    def write(self, kind: str, **columns: object) -> None:
        """An entry, and the word of it."""
        self.book.write(kind, **columns)
        self.say(Grown(len(self.book.rows)))

    def hello(self, key: Ed25519PrivateKey = JOURNAL_KEY, **changed: object) -> Hello:
        told = [LOCKER, self.book.epoch, len(self.book.rows), self.book.head, self.nonces[-1]]
        place = b"postomat/v1/hello\n" + json.dumps(told, separators=(",", ":")).encode()
        hello = Hello(*told, key.sign(place).hex(), self.version, {"M": 4}, "1.0")  # type: ignore[arg-type, call-arg]
        return msgspec.structs.replace(hello, **changed)

    def _hear(self, message: Message) -> None:
        match message:
            case AskHello():
                self.nonces.append(f"{len(self.nonces):032}")
                self.say(self.hello())
            case JournalAfter(seq=seq):
                self.asked.append(seq)
                rows = self.book.rows[seq : seq + self.batch]
                self.say(self.book.batch(rows) if self.can_read else Told(Outcome.STORAGE_FAILED))
            case LinkState(confirmed):
                self.states.append(confirmed)
            case Signed(ask=ask, object=raw):
                self.say(self._told(ask, open_signed(raw, KEYRING)))

    def _told(self, ask: int, said: object) -> Told:
        if isinstance(said, Answering):
            fresh = said.nonce.hex() == self.nonces[-1]
            said = said.event if fresh else Outcome.STALE
        match said:
            case Outcome():
                self.refused.append(said)
                return Told(said, ask)
            case Welcomed():
                self.welcomes.append(said)
                return Told(Outcome.DONE, ask, acked=said.acked_seq if said.accepted else None)
            case JournalAcked():
                self.acks.append(said)
                done = self.ack_outcome is Outcome.DONE
                return Told(self.ack_outcome, ask, acked=said.seq if done else None)
            case GrantsCame() | ChangesCame() if self.list_outcome is not None:
                self.believed.append(said)
                return Told(self.list_outcome, ask)
            case GrantsCame(version=version):
                outcome = Outcome.DONE if version > self.version else Outcome.OLDER
                self.version = max(version, self.version)
                self.believed.append(said)
                return Told(outcome, ask)
            case ChangesCame(base=base, version=version):
                older = Outcome.OLDER if version <= self.version else Outcome.GAP
                outcome = Outcome.DONE if base == self.version < version else older
                if outcome is Outcome.DONE:
                    self.version = version
                self.believed.append(said)
                return Told(outcome, ask)
            case EpochDemanded(seq=seq):
                if 0 < seq <= len(self.book.rows) and self.book.rows[seq - 1].hash == said.hash:
                    return Told(Outcome.MISMATCH, ask)
                self.believed.append(said)
                return Told(Outcome.DONE, ask)
        self.believed.append(said)  # a command
        return Told(Outcome.BUSY, ask)


class Line:
    """A controller, its link, a broker and a backend. Make it on a virtual loop."""

    def __init__(self, backend: Backend | None = None, seed: int = 0, batch: int = 2) -> None:
        self.backend = backend or make_backend()
        self.controller = Controller(batch)
        self.broker = Broker(random.Random(seed))
        self.link = Link(self.backend)
        self.uplink = MemoryUplink(LOCKER, self.broker, random.Random(seed))
        self.far = MemoryFarEnd(self.link, self.broker, lambda: None)
        self.uplink.attach(self.controller)

    def is_even(self) -> bool:
        """Both ledgers are equal."""
        return self.backend.ledger.rows == self.controller.book.rows
