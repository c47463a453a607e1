"""The backend's mind: what it sells, what it signs, and what it believes of the locker's journal."""

import hmac
import random
from collections.abc import Callable, Iterable
from datetime import timedelta, timezone, tzinfo
from typing import Any

from msgspec import Struct

from firmware.control import Hello, Journal, JournalRow
from firmware.model import PHONE_DIGITS, Direction, EntryKind, Purpose
from sim.backend import commands
from sim.backend.commands import Command
from sim.backend.journal import JournalBroken, Ledger
from sim.backend.orders import (
    DEPOSITABLE,
    ENDED,
    HELD,
    REFUNDED_AT,
    STAGES,
    Grant,
    Order,
    Refund,
    Sms,
    Stage,
    kept_until,
    sms_of_grant,
)
from sim.backend.quiet import QuietHours
from sim.backend.signing import ACK, COMMAND, EPOCH, GRANTS, HEAD, WELCOME, Signer, is_signed_by

ALMATY = timezone(timedelta(hours=5))  # since 1 March 2024; a fixed one, for not every host knows it yet


class Site(Struct, frozen=True):
    """The locker that this backend serves. `code_key` is the key of its code digests.

    `journal_key` is the public key, 32 bytes, under which the locker signs its journal; told when it was provisioned.
    """

    locker: str
    address: str
    code_key: bytes
    journal_key: bytes
    epoch: int = 1
    code_digits: int = 8
    storage_term_h: int = 72
    quiet_after_pickup_s: int = 3_600
    zone: tzinfo = ALMATY


class Backend:
    """Serves one locker. Chance and time are given: the same seed and clock make the same backend, byte for byte."""

    def __init__(self, site: Site, signer: Signer, utc_ms: Callable[[], int], chance: random.Random) -> None:
        self.site = site
        self.signer = signer
        self.orders: dict[str, Order] = {}
        self.phones: dict[str, list[Sms]] = {}
        self.refunds: list[Refund] = []
        self.alarms: list[str] = []  # what a person at the operator's has to look at
        self.ledger = Ledger(site.locker, site.epoch)
        self.closed: list[Ledger] = []  # of earlier epochs
        self.revision = 0  # counts the changes of what the next list says
        self.version = 0  # of the last list
        self._utc_ms = utc_ms
        self._chance = chance
        self._codes: set[str] = set()
        self._numbers: dict[str, str] = {}  # person → last digits of the phone
        self._commands = 0
        self.quiet = QuietHours(utc_ms, site.quiet_after_pickup_s)

    def order(
        self,
        waybill: str,
        cell: int,
        buyer: str,
        account: str = "Kaspi Gold",
        direction: Direction = Direction.INBOUND,
        courier: str = "courier",
        not_before_ms: int = 0,
        sms_at_order: bool = False,
    ) -> Order:
        """Take an order. The courier (of an outbound parcel, its sender) gets a code now.

        The buyer's code, which works from `not_before_ms` on, comes by SMS once the locker says that the parcel is
        stored, or now with `sms_at_order`. Raises ValueError for a waybill that is known.
        """
        if waybill in self.orders:
            raise ValueError(f"{waybill}: is ordered already")
        order = self.orders[waybill] = Order(waybill, cell, buyer, account, direction)
        inbound = direction is Direction.INBOUND
        self._send_code(order, self._grant(order, Purpose.DEPOSIT, courier if inbound else buyer))
        if inbound:
            pickup = self._grant(order, Purpose.PICKUP, buyer, not_before_ms)
            if sms_at_order:
                order.told = True
                self._send_code(order, pickup)
        return order

    def move(self, waybill: str, cell: int) -> None:
        """The courier could not use the cell of an order: another one."""
        self.orders[waybill].cell = cell
        self.revision += 1

    def taken_cells(self) -> set[int]:
        """Those that an order has."""
        return {order.cell for order in self.orders.values() if order.stage not in ENDED}

    def withdraw(self, waybill: str, courier: str = "courier") -> Grant:
        """Send a courier for the parcel: a withdrawal grant, its code by SMS. Raises ValueError the second time."""
        order = self.orders[waybill]
        if Purpose.WITHDRAWAL in order.grants:
            raise ValueError(f"{waybill}: a courier was sent already")
        grant = self._grant(order, Purpose.WITHDRAWAL, courier)
        self._send_code(order, grant)
        return grant

    def code(self, waybill: str, purpose: Purpose) -> str:
        """The code that proves this right, whether or not its holder has been told."""
        return self.orders[waybill].grants[purpose].code

    def number(self, person: str) -> str:
        """The last digits of somebody's phone number."""
        if person not in self._numbers:
            self._numbers[person] = f"{self._chance.randrange(10**PHONE_DIGITS):0{PHONE_DIGITS}}"
        return self._numbers[person]

    def last_code(self, person: str) -> str:
        """The newest code on somebody's phone. Raises LookupError where there is none."""
        for sms in reversed(self.phones.get(person, [])):
            if sms.code is not None:
                return sms.code
        raise LookupError(f"{person} has no code on the phone")

    def grants(self) -> bytes:
        """The next full list, signed: every parcel that may still be in the locker's hands, with what is open of its rights.

        What has ended meanwhile leaves with the next change: the locker knows it, and a list costs it a transaction.
        """
        self.version += 1
        open_orders = [order for order in self.orders.values() if order.stage not in ENDED]
        payload = {
            "locker": self.site.locker,
            "epoch": self.ledger.epoch,
            "version": self.version,
            "parcels": [self._parcel(order) for order in (*open_orders, *self._just_collected())],
            "grants": [
                self._right(order, grant)
                for order in open_orders
                for grant in order.grants.values()
                if grant.purpose is not Purpose.DEPOSIT or order.stage in DEPOSITABLE
            ],
        }
        return self.signer.sign(GRANTS, payload)

    def begin_epoch(self, epoch: int) -> None:
        """The locker knows nothing of what was before: the journal so far is closed, and the next list tells it all."""
        self.closed.append(self.ledger)
        self.ledger = Ledger(self.site.locker, epoch)
        self.version = 0
        self.revision += 1

    def epoch_demand(self, epoch: int, nonce: str) -> bytes:
        """The signed demand that the locker end this epoch: its memory is not what it told us."""
        following = max(epoch, self.ledger.epoch) + 1
        return self.signer.sign(
            EPOCH,
            {"locker": self.site.locker, "epoch": epoch, "next": following, "nonce": bytes.fromhex(nonce)},
        )

    def command(self, do: commands.Deed, valid_s: int = 60, not_before_ms: int | None = None) -> Command:
        """Sign a command to do this, valid for `valid_s` from now (or from `not_before_ms`)."""
        self._commands += 1
        since_ms = self._utc_ms() if not_before_ms is None else not_before_ms
        name = f"{do['type']}-{self._commands}"
        payload = {
            "id": name,
            "locker": self.site.locker,
            "epoch": self.ledger.epoch,
            "not_before_ms": since_ms,
            "not_after_ms": since_ms + 1_000 * valid_s,
            "do": do,
        }
        return Command(name, self.signer.sign(COMMAND, payload))

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
        newest = self.ledger.rows[-1]
        payload = {"seq": newest.seq, "hash": bytes.fromhex(newest.hash), "nonce": bytes.fromhex(nonce)}
        return self.signer.sign(ACK, {"locker": self.site.locker, "epoch": self.ledger.epoch, **payload})

    def batch(self, batch: Journal) -> None:
        """Believe a batch that the locker signed. Raises JournalBroken, believing nothing of it."""
        if batch.rows:
            last, head = batch.rows[-1], batch.head
            if head is None or (head.seq, head.hash) != (last.seq, last.hash):
                raise JournalBroken(f"the batch up to entry {last.seq} has no head, or another's")
            signed = self.site.locker, self.ledger.epoch, head.seq, head.hash
            if not is_signed_by(self.site.journal_key, HEAD, signed, head.signature):
                raise JournalBroken(f"the batch up to entry {last.seq} is not signed by this locker")
        self.journal(batch.rows)

    def journal(self, rows: Iterable[JournalRow]) -> None:
        """Believe what the locker tells, in its order. Raises JournalBroken, believing none of these rows."""
        for body in self.ledger.take(rows):
            if body["kind"] == EntryKind.GRANTS:
                self.version = max(self.version, body["count"])  # a list below it would be refused
            if body["kind"] in STAGES:
                self._move(body)

    def _move(self, body: dict[str, Any]) -> None:
        seq, stage = body["seq"], STAGES[body["kind"]]
        order = self.orders.get(str(body.get("parcel")))
        if order is None:
            self.alarms.append(f"entry {seq}: {body.get('parcel')} is {stage}, and nobody ordered it")
            return
        if order.stage in ENDED:
            self.alarms.append(f"entry {seq}: {order.waybill} is {stage} after it was {order.stage}")
            return
        order.stage = stage
        if stage is Stage.COLLECTED:
            self.quiet.begin(order.cell)
        if order.direction is Direction.INBOUND:
            self._tell(order, body)
            if stage in REFUNDED_AT:
                self._refund(order, seq)
            elif stage is Stage.COLLECTED and any(refund.waybill == order.waybill for refund in self.refunds):
                self.alarms.append(f"entry {seq}: {order.waybill} was collected after its refund")

    def _tell(self, order: Order, body: dict[str, Any]) -> None:
        if order.stage is Stage.STORED and not order.told:
            order.told = True
            deadline_ms = body["utc_ms"] + 3_600_000 * self.site.storage_term_h
            order.expires_ms = deadline_ms if body["sure"] else 0
            until = kept_until(deadline_ms, self.site.zone) if body["sure"] else ""
            self._send_code(order, order.grants[Purpose.PICKUP], until)
        elif order.stage is Stage.EXPIRED:
            self._send(
                order.person, f"Срок хранения {order.waybill} истёк. Деньги вернутся на {order.account}."
            )

    def _refund(self, order: Order, seq: int) -> None:
        if all(refund.waybill != order.waybill for refund in self.refunds):
            self.refunds.append(Refund(order.waybill, order.account, seq))

    def _grant(self, order: Order, purpose: Purpose, holder: str, not_before_ms: int = 0) -> Grant:
        name, number = f"{purpose}-{order.waybill}", self.number(holder)
        grant = Grant(name, purpose, holder, self._draw(), number, not_before_ms)
        order.grants[purpose] = grant
        self.revision += 1
        return grant

    def _draw(self) -> str:
        """A code that this backend has never given to anybody."""
        digits = self.site.code_digits
        while (code := f"{self._chance.randrange(10**digits):0{digits}}") in self._codes:
            pass
        self._codes.add(code)
        return code

    def _just_collected(self) -> list[Order]:
        """What a new epoch is told beside: the last of each quiet cell, so that its quiet hour goes on."""
        quiet = self.quiet.cells() if self.closed else ()
        collected = (order for order in self.orders.values() if order.stage is Stage.COLLECTED)
        return list({order.cell: order for order in collected if order.cell in quiet}.values())

    def _parcel(self, order: Order) -> dict[str, Any]:
        told: dict[str, Any] = {"waybill": order.waybill, "cell": order.cell, "account": order.account}
        if (
            self.closed and order.stage in HELD
        ):  # an epoch that began with nothing must be told what lies there
            told |= {"state": HELD[order.stage], "expires_ms": order.expires_ms}
        return told if order.direction is Direction.INBOUND else {**told, "direction": order.direction.value}

    def _right(self, order: Order, grant: Grant) -> dict[str, Any]:
        told = {
            "id": grant.id,
            "purpose": grant.purpose.value,
            "parcels": [order.waybill],
            "codes": [self._digest(grant.code)],
            "phone_codes": [self._digest(grant.code + grant.phone)],
        }
        return {**told, "not_before_ms": grant.not_before_ms} if grant.not_before_ms else told

    def _digest(self, typed: str) -> bytes:
        return hmac.digest(self.site.code_key, typed.encode(), "sha256")

    def _send_code(self, order: Order, grant: Grant, until: str = "") -> None:
        text = sms_of_grant(self.site.locker, self.site.address, order, grant, until)
        self._send(grant.holder, text, grant.code)

    def _send(self, person: str, text: str, code: str | None = None) -> None:
        self.phones.setdefault(person, []).append(Sms(text, self._utc_ms(), code))
