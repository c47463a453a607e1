"""The controller's side of the control sockets: who may ask what, and what becomes of it.

Secrets stop here: a typed code becomes its digest, a signed object and a token that was held before the camera their verified
claims, before an event exists. A peer that sends nonsense, or does not read what it is sent, is dropped; the others go on.
"""

import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec

from firmware import __version__, chain, orders, readings, reports
from firmware.body import Body
from firmware.control import (
    AskCells,
    AskHello,
    AskStatus,
    Code,
    Grown,
    Heartbeat,
    Hello,
    Journal,
    JournalAfter,
    JournalRow,
    LinkState,
    Message,
    Press,
    Reading,
    Scan,
    Show,
    Signed,
    SignedHead,
    Superseded,
    Told,
    Watched,
)
from firmware.errors import StoreError
from firmware.events import (
    CodeTyped,
    EpochDemanded,
    Event,
    JournalAcked,
    KioskJoined,
    Pressed,
    ScannerChanged,
)
from firmware.hello import Hellos, held
from firmware.inbox import Inbox, Post
from firmware.keys import BackendKeys
from firmware.limited import LimitedLog
from firmware.model import PHONE_DIGITS, Outcome, ScreenName
from firmware.offer import Offer
from firmware.optics import Hint
from firmware.peer import PEERS_MAX, Peer, Role
from firmware.reader import Reader
from firmware.runtime import Runtime
from firmware.sealed import JournalKey
from firmware.sight import Sight
from firmware.signed import Answering, Keyring, code_digest, open_signed

log = logging.getLogger(__name__)

BATCH_MAX = 256


class Journals(Protocol):
    """What the gate needs of `firmware.store.Store`."""

    @property
    def last_seq(self) -> int: ...

    @property
    def head(self) -> str: ...

    def hash_at(self, seq: int) -> str:
        """The hash of an entry in hex; "" where there is none. Raises StoreError."""

    def journal(self, after: int, limit: int) -> list[JournalRow]:
        """Entries above `after`, oldest first. Raises StoreError."""


class Gate:
    """All peers of one controller."""

    def __init__(
        self,
        runtime: Runtime,
        inbox: Inbox,
        store: Journals,
        body: Body,
        keyring: Keyring,
        code_key: bytes,
        journal_key: JournalKey,
        hellos: Hellos,
        offer: Offer,
    ) -> None:
        self._runtime = runtime
        self._inbox = inbox
        self._store = store
        self._body = body
        self._keys = BackendKeys(keyring, lambda: runtime.controller.state.locker.keys)
        self._refusals = LimitedLog(log)
        self._code_key = code_key
        self._journal_key = journal_key
        self._hellos = hellos
        self._offer = offer
        self._sight = Sight(lambda state: inbox.post(ScannerChanged(state)))
        self.reader = Reader(runtime, inbox, self._keys, self._sight)
        self._peers: dict[Role, list[Peer]] = {role: [] for role in Role}
        self._told_seq = store.last_seq
        runtime.on_screen = self._push_both
        runtime.on_answer = self._push_answer
        runtime.on_end = self._stop
        offer.on_change = self._sight.on_show = self._push_screen
        self._sight.on_announced = self._push_scan
        runtime.observers.append(lambda post, effects: self._push_grown())

    def join(self, role: Role, send: Callable[[bytes], None], drop: Callable[[], None]) -> Peer:
        """A new connection. Where its role is full, the oldest one goes: the newer wins."""
        peer = Peer(self, role, send, drop)
        peers = self._peers[role]
        peers.append(peer)
        if len(peers) > PEERS_MAX[role]:
            if role is Role.KIOSK:
                peers[0].send(Superseded())
            peers[0].drop()
        if role is Role.KIOSK:
            self._sight.painted(ring=False)  # by another page, of which nothing is known
            self._inbox.post(KioskJoined())
            peer.send(self._show())
        elif role is Role.SCANNER:
            peer.send(self._scan())
        return peer

    def leave(self, peer: Peer) -> None:
        """Forget a connection that has ended."""
        if peer in self._peers[peer.role]:
            self._peers[peer.role].remove(peer)
            if peer.role is Role.SCANNER and not self._peers[Role.SCANNER]:
                self._sight.left(self._runtime.now().mono_ms)
            elif peer.role is Role.KIOSK and not self._peers[Role.KIOSK]:
                self._sight.painted(ring=False)

    def request(self, peer: Peer, message: Message) -> None:
        """Perform what a peer asks for. Its role's decoder has let nothing else through."""
        match message:
            case Press() | Code():
                if tell := peer.asked():
                    self._inbox.put(Post(self._touched(message), message.seq, tell))
            case Reading():
                self.reader.read(message, peer.asked())
            case Watched(state, hint, ring):
                self._sight.watched(state, hint, ring=ring, now_ms=self._runtime.now().mono_ms)
            case Signed(ask, raw):
                self._open_signed(peer, ask, raw)
            case JournalAfter(seq, limit):
                peer.send(
                    self._journal(min(max(seq, 0), self._store.last_seq), min(max(limit, 0), BATCH_MAX))
                )
            case AskHello():
                peer.send(self._hello())
            case LinkState(confirmed):
                self._offer.link(self._runtime.now().mono_ms, confirmed=confirmed)
            case AskStatus():
                peer.send(
                    reports.status(self._runtime, self._body.banks, len(self._inbox), self._store.last_seq)
                )
            case AskCells(after):
                peer.send(reports.cells(self._runtime.controller, after))
            case Heartbeat(ring):
                self._sight.painted(ring=ring)

    def _touched(self, message: Press | Code) -> Event:
        """What a press means, or the digest of what the screen asks for now: a code, or code and phone together."""
        if isinstance(message, Press):
            return Pressed(message.action, message.problem)
        with_phone = self._runtime.screen.with_phone
        digits = self._runtime.config.locker.code_digits + (PHONE_DIGITS if with_phone else 0)
        return CodeTyped(code_digest(self._code_key, message.code, digits), with_phone)

    def _open_signed(self, peer: Peer, ask: int, raw: bytes) -> None:
        tell = peer.asked(ask)
        if tell is None:
            return
        keyring, now_ms = self._keys.now(), self._runtime.now().mono_ms
        locker = self._runtime.controller.state.locker
        said = open_signed(
            raw,
            keyring,
            lambda nonce, claim: self._offer.use(nonce, claim, now_ms),
            partial(orders.refuse_list, locker),
        )
        opened = self._fresh(said) if isinstance(said, Answering) else said
        if isinstance(opened, Outcome):
            self._refusals.warning("a signed object was refused: %s", opened)
            tell(opened)
        else:
            told = partial(tell, acked=held(opened))
            refuse = partial(self._keys.refuse, partial(open_signed, raw), keyring)
            self._inbox.put(Post(opened, None, told, refuse))

    def _fresh(self, said: Answering) -> Event | Outcome:
        """The event, with what this process knows of its own; STALE where it answers another hello than the last."""
        if not self._hellos.is_last(said.nonce):
            return Outcome.STALE
        if isinstance(said.event, JournalAcked | EpochDemanded):
            return self._beside_own(said.event)
        asked_ms = self._hellos.welcomed()
        if asked_ms is None:
            return Outcome.STALE
        return msgspec.structs.replace(said.event, asked_ms=asked_ms)

    def _beside_own(self, said: JournalAcked | EpochDemanded) -> Event | Outcome:
        """What the backend says of an entry, with what the journal itself says of it, which never changes."""
        try:
            own = self._store.hash_at(said.seq)
        except StoreError as error:
            log.error("the journal cannot be read: %s", error)
            return Outcome.STORAGE_FAILED
        if isinstance(said, JournalAcked) and said.hash != own:
            self._refusals.warning(
                "an acknowledgement of entry %d has a hash that is not of this journal", said.seq
            )
        return msgspec.structs.replace(said, own=own)

    def _journal(self, after: int, limit: int) -> Message:
        """As many entries as fit into one frame."""
        try:
            rows = self._store.journal(after, limit)
        except StoreError as error:
            log.error("the journal cannot be read: %s", error)
            return Told(Outcome.STORAGE_FAILED)
        kept = reports.fitting(rows)
        return Journal(kept, self._store.last_seq, self._signed_head(kept[-1]) if kept else None)

    def _signed_head(self, row: JournalRow) -> SignedHead:
        locker = self._runtime.controller.state.locker
        place = chain.Place(locker.id, locker.epoch, row.seq, row.hash)
        return SignedHead(row.seq, row.hash, self._journal_key.sign(chain.Sealed.HEAD, place).hex())

    def _show(self) -> Show:
        screen, now = self._runtime.screen, self._runtime.now()
        left_ms = max(0, screen.due_ms - now.mono_ms) if screen.due_ms is not None else None
        qr = self._offer.qr(screen.name, now.mono_ms)
        hint = self._sight.hint if screen.camera else Hint.NONE
        shown = msgspec.structs.replace(screen, due_ms=None)
        return Show(self._runtime.seq, shown, left_ms, qr, hint, self._sight.ring)

    def _scan(self) -> Scan:
        screen = self._runtime.screen
        wants = readings.wanted(screen)
        awake = bool(wants) and screen.name is not ScreenName.IDLE
        return Scan(self._runtime.seq, wants, awake, self._sight.announced)

    def _push_both(self) -> None:
        self._push_screen()
        self._push_scan()

    def _push_scan(self) -> None:
        for peer in self._peers[Role.SCANNER]:
            peer.send(self._scan())

    def _stop(self) -> None:
        self._offer.stop()
        self._sight.stop()

    def _push_screen(self) -> None:
        for peer in self._peers[Role.KIOSK]:
            peer.send(self._show())

    def _push_answer(self, command: str, outcome: Outcome) -> None:
        for peer in self._peers[Role.LINK]:
            peer.send(Told(outcome, command=command))

    def _push_grown(self) -> None:
        if self._store.last_seq != self._told_seq:
            self._told_seq = self._store.last_seq
            for peer in self._peers[Role.LINK]:
                peer.send(Grown(self._told_seq))

    def _hello(self) -> Hello:
        locker = self._runtime.controller.state.locker
        nonce = self._hellos.say(self._runtime.now().mono_ms).hex()
        said = chain.Greeting(locker.id, locker.epoch, self._store.last_seq, self._store.head, nonce)
        return Hello(
            *said,
            signature=self._journal_key.sign(chain.Sealed.HELLO, said).hex(),
            grants_version=locker.grants_version,
            cells=dict(Counter(cell.size for cell in self._runtime.config.cells)),
            firmware=__version__,
        )
