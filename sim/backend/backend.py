"""The backend's mind: what it sells, what it signs, and what it believes of the locker's journal."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firmware.control import Hello, Journal, JournalRow
from firmware.model import Purpose
from sim.backend import commands, lists, sms_link, tokens
from sim.backend.commands import PATIENCE_S, Command
from sim.backend.desk import Desk
from sim.backend.journal import JournalBroken
from sim.backend.orders import Hold, Round
from sim.backend.signing import (
    ACK,
    CHANGES,
    COMMAND,
    EPOCH,
    GRANTS,
    HEAD,
    WELCOME,
    Signer,
    is_signed_by,
    said_in,
)

ROUNDS = (Purpose.DEPOSIT, Purpose.WITHDRAWAL)
OWN_VERBS = frozenset({"extend", "cancel", "rotate"})


class Backend(Desk):
    """Serves one locker: what it is told, and what it tells."""

    def rotate(self, following: Signer, since_ms: int) -> Command:
        """Sign with another key from a moment (UTC) on. Raises ValueError while another change goes on."""
        with self._change():
            command = self.command(self.keys.both(following), valid_s=PATIENCE_S)
            self.keys.plan(following, since_ms, command.id)
        return command

    @contextmanager
    def _change(self) -> Iterator[None]:
        """A change of the books that the keys go along with."""
        before = vars(self.keys).copy()
        try:
            with self.books.change():
                yield
        except BaseException:
            vars(self.keys).update(before)
            raise

    def round(self, purpose: Purpose, waybills: list[str], courier: str = "courier") -> Round:
        """Give a courier one code for several parcels, to bring or to take away: the first is had with it, the others by a scan.

        Their own codes go on to work. Raises ValueError for one parcel, and where one is another courier's.
        """
        grants = [self.orders[waybill].grants.get(purpose) for waybill in waybills]
        if len(set(waybills)) < 2 or purpose not in ROUNDS:
            raise ValueError("a round is of several parcels, to bring or to take away")
        if not all(grant is not None and grant.holder == courier for grant in grants):
            raise ValueError(f"not all of these are for {courier}: {waybills}")
        with self.books.change():
            made = self._rights.give_round(purpose, waybills, courier)
        self.revision += 1
        return made

    def pass_time(self) -> bool:
        """To be called now and then: what is due by now is done. Whether anything was."""
        with self._change():
            was_due = self._custody.pass_time()
            signer = self.signer
            if (deed := self.keys.turn(self._utc_ms())) is not None:
                self.keys.asks(self.command(deed, valid_s=PATIENCE_S).id)
                was_due = True
            if signer is not self.signer:
                self._sign_anew()
        return was_due

    def _sign_anew(self) -> None:
        """What has no answer yet would be refused under the key that leaves. It stays the same command, carried out once."""
        for each in self.books.open_commands.values():
            each.object = self.signer.sign(COMMAND, said_in(each.object))
            self.books.put_command(each)

    def due_commands(self) -> list[Command]:
        """What the backend itself asks for and has no answer to: sent until there is one, or it is too late."""
        now_ms, waiting = self._utc_ms(), self.books.open_commands.values()
        mine = (each for each in waiting if each.verb in OWN_VERBS and now_ms <= each.not_after_ms)
        return [Command(each.id, each.object) for each in mine]

    # What the locker is told

    def grants(self) -> bytes:
        """The next full list, signed, in one object: every parcel that may still be in the locker's hands, with what is open of its rights."""
        return self._sign_list(GRANTS, self._contents())

    def next_part(self) -> lists.Part:
        """What is to be told next of the list, beside what the locker has.

        What has ended meanwhile leaves with the next change: the locker knows it, and a list costs it a transaction.
        """
        return lists.part(self._contents(), self.books.listed)

    def sign_part(self, part: lists.Part) -> bytes:
        """The part as an object of the next version: changes where it is known what the locker has, else a full list."""
        if base := self.books.listed_version:
            fields = {name: told for name, told in part.told.items() if told}
            return self._sign_list(CHANGES, {"base": base, **fields})
        fields = {name: told for name, told in part.told.items() if not name.startswith("gone")}
        return self._sign_list(GRANTS, fields)

    def take_listed(self, version: int, listed: dict[str, str]) -> None:
        """The locker has taken the list of this version; 0: what it has is not known, and the next list is a full one."""
        if version or self.books.listed_version:
            with self.books.change():
                self.books.put_listed(version, listed)

    def _contents(self) -> dict[str, list[dict[str, Any]]]:
        return lists.contents(
            self.site,
            self.orders.values(),
            self.quiet.cells(),
            self.books.rounds.values(),
            afresh=bool(self.closed),
        )

    def _sign_list(self, kind: str, told: dict[str, Any]) -> bytes:
        self.version += 1
        whose = {"locker": self.site.locker, "epoch": self.ledger.epoch, "version": self.version}
        return self.signer.sign(kind, whose | told)

    def begin_epoch(self, epoch: int) -> None:
        """The locker knows nothing of what was before: the journal so far is closed, and the next list tells it all."""
        with self.books.change():
            if self._is_restored:
                self.lose_entries()
            self._custody.hold_all(Hold.UNTOLD)
            self.alarm(f"epoch {epoch}: what the locker had not told is lost")
            self.books.count("lost", 0)
            self._is_restored = False
            self._custody.know_all()  # what was sent meanwhile is of another epoch
            self.books.begin_epoch(epoch)
            self.books.put_listed(0, {})
            self.version = 0
        self.revision += 1

    def epoch_demand(self, epoch: int, nonce: str) -> bytes:
        """The signed demand that the locker end this epoch: its memory is not what it told us."""
        following = max(epoch, self.ledger.epoch) + 1
        payload = {
            "locker": self.site.locker,
            "epoch": epoch,
            "next": following,
            "nonce": bytes.fromhex(nonce),
        }
        held = {"seq": self.ledger.last, "hash": bytes.fromhex(self.ledger.head) or bytes(32)}
        return self.signer.sign(EPOCH, payload | held)

    def lose_entries(self) -> None:
        """Entries that this backend has not got are gone for good: a person decides of whatever they may have been about."""
        if not self.books.counters.get("lost"):
            with self.books.change():
                self.books.count("lost", 1)
                self._custody.hold_all(Hold.LOST)
                self.alarm("entries of the journal are lost")

    def link_of(self, person: str, waybill: str) -> str:
        """The name in the link of the newest SMS to this person that has one to this parcel; "" where none has."""
        texts = (sms.text for sms in reversed(self.books.phones.get(person, ())))
        return sms_link.found(texts, waybill) or ""

    @property
    def static_tokens(self) -> bool:
        """Whether the locker takes tokens without dates, as far as is known."""
        return self._rights.static_tokens

    def mint(self, waybill: str, purpose: Purpose = Purpose.PICKUP, *, static: bool = False) -> str:
        """What a phone shows to the locker's camera for a minute; or a paper, for as long as the right lasts."""
        grant = self.orders[waybill].grants[purpose].id
        said = tokens.claims(self.site.locker, self.ledger.epoch, grant, purpose, self._rights.name())
        return tokens.mint(self.signer, said if static else tokens.dated(said, self._utc_ms()))

    def open_command(self, waybill: str, valid_s: int = 60, not_before_ms: int | None = None) -> Command:
        """The buyer's «Открыть ячейку»."""
        grant = self.orders[waybill].grants[Purpose.PICKUP].id
        return self.command(commands.open_cell(grant, waybill), valid_s, not_before_ms)

    def welcome(self, hello: Hello, *, accepted: bool) -> bytes:
        """The signed answer to a hello: the time, and whether the locker is the one whose journal this backend holds."""
        payload = {
            "locker": self.site.locker,
            "epoch": hello.epoch,
            "nonce": bytes.fromhex(hello.nonce),
            "time_ms": self._utc_ms(),
            "acked_seq": self.ledger.last,
            "accepted": accepted,
        }
        return self.signer.sign(WELCOME, payload)

    def ack(self, nonce: str) -> bytes:
        """The signed word that this backend holds the journal as far as it does; `nonce`: the last hello's, in hex."""
        payload = {
            "seq": self.ledger.last,
            "hash": bytes.fromhex(self.ledger.head),
            "nonce": bytes.fromhex(nonce),
        }
        return self.signer.sign(ACK, {"locker": self.site.locker, "epoch": self.ledger.epoch, **payload})

    def batch(self, batch: Journal) -> None:
        """Believe a batch that the locker signed. Raises JournalBroken, believing nothing of it."""
        self._verify(batch)
        self.journal(batch.rows)

    def _verify(self, batch: Journal) -> None:
        if batch.rows:
            last, head = batch.rows[-1], batch.head
            if head is None or (head.seq, head.hash) != (last.seq, last.hash):
                raise JournalBroken(f"the batch up to entry {last.seq} has no head, or another's")
            signed = self.site.locker, self.ledger.epoch, head.seq, head.hash
            if not is_signed_by(self.site.journal_key, HEAD, signed, head.signature):
                raise JournalBroken(f"the batch up to entry {last.seq} is not signed by this locker")

    def may_lack(self, batch: Journal) -> bool:
        """Whether what comes before this batch may be gone at the locker as well: only a backend from a copy can lack it."""
        try:
            self._verify(batch)
        except JournalBroken:
            return False
        return self._is_restored and batch.rows[0].seq > self.ledger.last + 1

    def journal(self, rows: Iterable[JournalRow]) -> None:
        """Believe what the locker tells, in its order. Raises JournalBroken, believing none of these rows."""
        fresh = self.ledger.check(rows)
        if not fresh:
            return
        with self.books.change():
            for row, _ in fresh:
                self.ledger.take(row)
            self._custody.follow([body for _, body in fresh])
            self._is_restored = False
        self._pay()

    def backup(self, path: Path) -> None:
        """Copy all that is known into a file."""
        self.books.backup(path)

    def restore(self, path: Path) -> None:
        """The machine was lost: know what the copy knew, and ask the locker for the rest."""
        self.books.restore(path)
        with self.books.change():
            self.take_listed(0, {})
            self._is_restored = True
            self._custody.restored()
        self.revision += 1

    @property
    def _is_restored(self) -> bool:
        """Whether this is a copy that has not heard anything from the locker yet."""
        return bool(self.books.counters.get("restored"))

    @_is_restored.setter
    def _is_restored(self, restored: bool) -> None:
        if restored is not self._is_restored:
            self.books.count("restored", int(restored))

    def close(self) -> None:
        """Close the database. Idempotent."""
        self.books.close()
