"""The backend's end of the link role (firmware.control): signed objects go down, outcomes and the journal come up.

`Link` is free of I/O: bytes are fed to it and it hands bytes to whatever it is attached to, so that the same code serves a
real Unix socket (`SocketLink`) and a wire in memory.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from firmware.control import (
    LINK_PUSHES,
    AskHello,
    Grown,
    Hello,
    Journal,
    JournalAfter,
    Lines,
    Message,
    Signed,
    Told,
    decode,
    encode,
)
from firmware.errors import ProtocolError, Unreachable
from firmware.model import Outcome
from sim.backend.backend import Backend
from sim.backend.journal import JournalBroken


class Wire(Protocol):
    """What a `Link` writes to; what comes back is fed to it."""

    def send(self, data: bytes) -> None: ...


REPEATED = frozenset({Outcome.OLDER, Outcome.BUSY, Outcome.STORAGE_FAILED})  # a list refused so is sent again


class Link:
    """Speaks the link role for a backend. What was sent has a number, and its answer is found under it."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.answers: dict[int, Outcome] = {}  # by number, but for acknowledgements
        self.outcomes: dict[str, Outcome] = {}  # by command id; the last word stands
        self._wire: Wire | None = None
        self._lines = Lines()
        self._sent = 0
        self._waiting: dict[int, str | None] = {}  # numbers without an answer → command id
        self._list: int | None = None  # number of the list on its way
        self._offered: int | None = None  # revision of the last list that was sent
        self._acks: set[int] = set()  # numbers of acknowledgements and welcomes on their way
        self._nonce = ""  # of the last hello
        self._reading = False
        self._compared = False  # whether the locker at the other end is the one that we know

    @property
    def is_attached(self) -> bool:
        return self._wire is not None

    @property
    def is_settled(self) -> bool:
        """Everything has its answer; the locker was offered the newest list, and we have its newest entry."""
        return not self._reading and not self._waiting and self._offered == self.backend.revision

    def attach(self, wire: Wire) -> None:
        """A fresh connection. What was on its way over the one before has no answer; `sync` asks anew."""
        self._wire, self._lines = wire, Lines()
        self._waiting.clear()
        self._acks.clear()
        self._list = self._offered = None
        self._reading = self._compared = False
        self.ask_hello()

    def detach(self) -> None:
        self._wire = None

    def feed(self, data: bytes) -> None:
        """Bytes from the controller. Raises ProtocolError where they are not the link role's, and JournalBroken."""
        for line in self._lines.feed(data):
            match decode(LINK_PUSHES, line):
                case Hello() as hello:
                    self._compare(hello)
                case Told() as told:
                    self._told(told)
                case Journal() as journal:
                    self._read(journal)
                case Grown() if not self._reading:
                    self.read_journal()

    def send(self, signed: bytes) -> int:
        """Send any object, also a bad one; the answer will stand under the number that is returned."""
        return self._send(signed, None)

    def send_grants(self) -> int:
        self._offered = self.backend.revision
        self._list = self._send(self.backend.grants(), None)
        return self._list

    def send_open(self, waybill: str, valid_s: int = 60) -> str:
        """Send the command to open this parcel's cell; returns the id under which its outcome will stand."""
        command = self.backend.open_command(waybill, valid_s)
        self._send(command.object, command.id)
        return command.id

    def ask_hello(self) -> None:
        """Have the locker say hello, and tell it the time: to be called every HELLO_PERIOD_S."""
        self._write(AskHello())

    def read_journal(self) -> None:
        """Ask for the entries that the backend has not got; goes on by itself until it has the last."""
        self._reading = True
        self._write(JournalAfter(self.backend.ledger.last))

    def sync(self) -> None:
        """Send the list where it has changed, read the journal: to be called now and then."""
        if not self._compared:
            return  # the hello's answer brings it about
        if self._list is None and self._offered != self.backend.revision:
            self.send_grants()
        if not self._reading:
            self.read_journal()

    def _send(self, signed: bytes, command: str | None) -> int:
        self._sent += 1
        self._waiting[self._sent] = command
        self._write(Signed(self._sent, signed))
        return self._sent

    def _write(self, message: Message) -> None:
        if self._wire is None:
            raise Unreachable("the link is down")
        self._wire.send(encode(message))

    def _told(self, told: Told) -> None:
        command = told.command
        if told.ask in self._acks:
            self._acks.remove(told.ask)
            self._waiting.pop(told.ask, None)
            # Overtaken by another hello, it is said again with the next batch, or in answer to that hello.
            if told.outcome not in (Outcome.DONE, Outcome.STALE, *REPEATED):
                self.backend.alarms.append(f"an acknowledgement or welcome was refused: {told.outcome}")
            return
        if told.ask is not None:
            self.answers[told.ask] = told.outcome
            command = self._waiting.pop(told.ask, None) or command
        if command is not None:
            self.outcomes[command] = told.outcome
        if self._list is not None and told.ask == self._list:
            self._list = None
            if told.outcome in REPEATED:
                self._offered = None
            elif told.outcome is not Outcome.DONE:
                self.backend.alarms.append(f"list {self.backend.version} was refused: {told.outcome}")

    def _compare(self, hello: Hello) -> None:
        """Before anything else: is this the locker whose journal we hold? Where it forgot, it must begin a new epoch."""
        self._nonce = hello.nonce
        if hello.epoch > self.backend.ledger.epoch:
            self.backend.begin_epoch(hello.epoch)
        ledger = self.backend.ledger
        accepted = hello.epoch == ledger.epoch and ledger.knows(hello.last_seq, hello.head)
        self._acks.add(self.send(self.backend.welcome(hello, accepted=accepted)))
        if not accepted:
            self.backend.alarms.append(f"the locker forgot: epoch {hello.epoch}, entry {hello.last_seq}")
            self.send(self.backend.epoch_demand(hello.epoch))
            return
        self._compared = True
        self.sync()

    def _read(self, journal: Journal) -> None:
        self.backend.batch(journal)
        if journal.rows:
            self._acks.add(self.send(self.backend.ack(self._nonce)))
        self._reading = bool(journal.rows) and self.backend.ledger.last < journal.last
        if self._reading:
            self.read_journal()
        elif self._list is None and self._offered != self.backend.revision:
            self.send_grants()


class SocketLink(asyncio.Protocol):
    """A `Link` on the controller's real socket."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._transport: asyncio.Transport | None = None
        self._error: Exception = Unreachable("the controller closed the connection")
        self._moved = asyncio.Event()

    @classmethod
    async def connect(cls, path: Path, link: Link) -> "SocketLink":
        """Raises Unreachable, naming the socket, where nobody listens or the caller may not come in."""
        loop = asyncio.get_running_loop()
        try:
            _, protocol = await loop.create_unix_connection(lambda: cls(link), str(path))
        except OSError as error:
            raise Unreachable(
                f"{path}: the controller cannot be reached ({error.strerror or error})"
            ) from None
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.link.attach(self)

    def send(self, data: bytes) -> None:
        cast(asyncio.Transport, self._transport).write(data)

    def data_received(self, data: bytes) -> None:
        try:
            self.link.feed(data)
        except (ProtocolError, JournalBroken) as error:
            self._error = error
            self.link.backend.alarms.append(f"the link was cut: {error}")
            self.link.detach()
            self.close()
        self._moved.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.link.detach()
        self._moved.set()

    async def until(self, done: Callable[[], bool]) -> None:
        """Return once `done` holds. Raises Unreachable when the connection ends before, or what it was cut for."""
        while not done():
            if not self.link.is_attached:
                raise self._error
            self._moved.clear()
            await self._moved.wait()

    def close(self) -> None:
        """Idempotent."""
        cast(asyncio.Transport, self._transport).close()
