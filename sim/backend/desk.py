"""What people ask of the backend: shops, buyers, couriers, and whoever has to look into something.

Nothing here moves an order on or money back: that is the locker's entries' (`sim.backend.custody`).
"""

import random
from collections.abc import Callable
from typing import NamedTuple

from firmware.model import Direction, Purpose
from sim.backend import commands
from sim.backend.bank import Bank
from sim.backend.bell import Bell
from sim.backend.books import Books, SentCommand, payment_for
from sim.backend.commands import PATIENCE_S, Command
from sim.backend.custody import Custody
from sim.backend.database import Database
from sim.backend.journal import Ledger
from sim.backend.keys import Keys
from sim.backend.orders import DEPOSITABLE, PRICE_TENGE, WAITING, Grant, Order, Refund, Sms, Stage
from sim.backend.quiet import QuietHours
from sim.backend.rights import RESENDS_MAX, Rights
from sim.backend.signing import COMMAND, Signer
from sim.backend.site import CodeAt, Site

EXTENDED_H = 24  # by how much a buyer may put off the end of the term
EXTENSIONS_MAX = 1  # and how often, by the locker's entries: one that it refused does not count


class Errand(NamedTuple):
    """What a courier has to do at the locker: bring a parcel into a cell, or take it away."""

    purpose: Purpose
    waybill: str
    cell: int


class Desk:
    """The orders of one locker. Chance and time are given: the same seed and clock make the same backend, byte for byte."""

    def __init__(
        self,
        site: Site,
        signer: Signer,
        utc_ms: Callable[[], int],
        chance: random.Random,
        database: Database | None = None,
        bank: Bank | None = None,
        following: Signer | None = None,
    ) -> None:
        """Without a database, one in memory; without a bank, one of its own. `following`: the other key of a rotation."""
        self.site = site
        self.books = Books(database or Database(), site.locker, site.epoch)
        self.keys = Keys(self.books, signer, following)
        self.revision = 0  # counts the changes of what the next list says
        self._utc_ms = utc_ms
        self._rights = Rights(self.books, site, utc_ms, chance)
        self.quiet = QuietHours(utc_ms, site.quiet_after_pickup_s)
        self._custody = Custody(self.books, site, self._rights, utc_ms, self._extend, self.quiet)
        self.bank = bank or Bank()
        for name in self.keys.lacks:
            self.alarm(f"the key {name} is needed, and was not given")
        self._pay()

    @property
    def signer(self) -> Signer:
        """Who signs now."""
        return self.keys.signer

    @property
    def bell(self) -> Bell:
        """Rings whenever something has changed."""
        return self.books.bell

    def now_ms(self) -> int:
        """The backend's own time, UTC."""
        return self._utc_ms()

    def token(self, person: str) -> str:
        """What somebody's app proves itself with: the login of the simulator's people."""
        return self._rights.token(person)

    @property
    def orders(self) -> dict[str, Order]:
        return self.books.orders

    @property
    def phones(self) -> dict[str, list[Sms]]:
        return self.books.phones

    @property
    def refunds(self) -> list[Refund]:
        return list(self.books.refunds.values())

    @property
    def alarms(self) -> list[str]:
        """What a person at the operator's has to look at."""
        return self.books.alarms

    @property
    def ledger(self) -> Ledger:
        return self.books.ledger

    @property
    def closed(self) -> list[Ledger]:  # of earlier epochs
        return self.books.closed

    @property
    def version(self) -> int:
        """Of the last list."""
        return self.books.counters.get("version", 0)

    @version.setter
    def version(self, version: int) -> None:
        self.books.count("version", version)

    # What people do

    def order(
        self,
        waybill: str,
        cell: int,
        buyer: str,
        account: str = "Kaspi Gold",
        direction: Direction = Direction.INBOUND,
        courier: str = "courier",
        not_before_ms: int = 0,
        sms_at_order: bool | None = None,
        tenge: int = PRICE_TENGE,
        until_ms: int = 0,
    ) -> Order:
        """Take an order. The courier (of an outbound parcel, its sender) gets a code now.

        The buyer's code, which works from `not_before_ms` on, comes by SMS once the locker says that the parcel is
        stored, and now as well with `sms_at_order` (None: as the site's `code_at` says). `until_ms`: the end of its
        storage, in place of the locker's own term. Raises ValueError for a waybill that is known.
        """
        if waybill in self.orders:
            raise ValueError(f"{waybill}: is ordered already")
        order = Order(waybill, cell, buyer, account, direction, tenge=tenge, expires_ms=until_ms)
        early = self.site.code_at is CodeAt.ORDER if sms_at_order is None else sms_at_order
        with self.books.change():
            self.books.put_order(order)
            holder = courier if order.is_inbound else buyer
            self._rights.send_code(order, self._rights.give(order, Purpose.DEPOSIT, holder))
            if order.is_inbound:
                pickup = self._rights.give(order, Purpose.PICKUP, buyer, not_before_ms)
                if early:
                    self._rights.send_early(order, pickup)
                self.books.unpaid.append(payment_for(order))
        self.revision += 1
        self._pay()
        return order

    def move(self, waybill: str, cell: int) -> None:
        """The courier could not use the cell of an order: another one."""
        order = self.orders[waybill]
        order.cell = cell
        self.books.put_order(order)
        self.revision += 1

    def taken_cells(self) -> set[int]:
        """Those that an order has."""
        return {order.cell for order in self.orders.values() if not order.has_ended}

    def withdraw(self, waybill: str, courier: str = "courier") -> Grant:
        """Send a courier for the parcel: a withdrawal grant, its code by SMS. Raises ValueError the second time."""
        order = self.orders[waybill]
        if Purpose.WITHDRAWAL in order.grants:
            raise ValueError(f"{waybill}: a courier was sent already")
        with self.books.change():
            grant = self._rights.give(order, Purpose.WITHDRAWAL, courier)
            self._rights.send_code(order, grant)
        self.revision += 1
        return grant

    def resend(self, waybill: str) -> None:
        """The buyer has lost the SMS: the same code again. Raises ValueError where none is out, or too often."""
        order = self.orders[waybill]
        if order.stage not in WAITING or not order.told:
            raise ValueError(f"{waybill}: no code is out that would open anything")
        if order.resent >= RESENDS_MAX:
            raise ValueError(f"{waybill}: the code was sent again {RESENDS_MAX} times already")
        with self.books.change():
            order.resent += 1
            self.books.put_order(order)
            self._rights.send_code(order, order.grants[Purpose.PICKUP])

    def decide(self, waybill: str, *, refund: bool) -> None:
        """What a person has found out about an order that was held. Raises ValueError where nothing was to decide."""
        with self.books.change():
            self._custody.decide(self.orders[waybill], refund=refund)
        self._pay()

    def cancel(self, waybill: str) -> Command:
        """Ask the locker to cancel an order: only its entry does. Raises ValueError where there is none, or it has ended."""
        order = self.orders.get(waybill)
        if order is None or order.has_ended:
            raise ValueError(f"{waybill}: is {order.stage if order is not None else 'not ordered'}")
        return self.command(commands.cancel(waybill), valid_s=PATIENCE_S)

    def extend(self, waybill: str, hours: int = EXTENDED_H, person: str = "") -> Command:
        """Ask the locker for a later deadline: only its entry makes it one. Raises ValueError where it cannot be."""
        order = self.orders[waybill]
        if not self.may_extend(order):
            raise ValueError(f"{waybill}: no term runs, it was put off {order.extended} times, or is now")
        return self._extend(order, order.expires_ms + 3_600_000 * hours, person or order.person)

    def may_extend(self, order: Order) -> bool:
        """Whether its buyer may put the end off: once more, and not while the locker has still to say of the last time."""
        runs = order.stage in WAITING and order.expires_ms > 0 and order.extended < EXTENSIONS_MAX
        return runs and not any(each.person for each in self.books.extensions_of(order))

    def _extend(self, order: Order, until_ms: int, person: str = "") -> Command:
        return self.command(commands.extend(order.waybill, until_ms), PATIENCE_S, person=person)

    def alarm(self, what: str, why: str = "") -> None:
        """Call a person at the operator's; for what begins like this not again before somebody has seen to it."""
        if not any(alarm.startswith(what) for alarm in self.alarms):
            self.books.add_alarm(what + why)

    def answer_alarm(self, text: str) -> None:
        """Somebody has seen to it."""
        self.books.answer_alarm(text)

    def code(self, waybill: str, purpose: Purpose) -> str:
        """The code that proves this right, whether or not its holder has been told."""
        return self.orders[waybill].grants[purpose].code

    def number(self, person: str) -> str:
        """The last digits of somebody's phone number."""
        return self._rights.person(person).number

    def last_code(self, person: str) -> str:
        """The newest code on somebody's phone. Raises LookupError where there is none."""
        for sms in reversed(self.phones.get(person, [])):
            if sms.code is not None:
                return sms.code
        raise LookupError(f"{person} has no code on the phone")

    # What people are to do

    def work(self, courier: str) -> list[Errand]:
        """What somebody has to bring, and to take away, in the order in which it was ordered."""
        found = []
        for order in self.orders.values():
            for grant in order.grants.values():
                bring = grant.purpose is Purpose.DEPOSIT and order.stage in DEPOSITABLE and order.is_inbound
                take = grant.purpose is Purpose.WITHDRAWAL and not order.has_ended
                if grant.holder == courier and (bring or take):
                    found.append(Errand(grant.purpose, order.waybill, order.cell))
        return found

    def returns(self) -> list[Order]:
        """What couriers have taken out for its shop, and the shop has not confirmed yet."""
        taken = (each for each in self.orders.values() if each.stage is Stage.WITHDRAWN and each.is_inbound)
        return [each for each in taken if not each.returned_ms]

    def confirm_return(self, waybill: str) -> None:
        """The shop has its goods back. Raises ValueError where they are not on their way to it."""
        order = self.orders[waybill]
        if order not in self.returns():
            raise ValueError(f"{waybill}: is not on its way back")
        with self.books.change():
            self._custody.returned(order)
        self._pay()

    def held(self) -> list[Order]:
        """What a person has to decide (`decide`)."""
        return [order for order in self.orders.values() if order.held]

    def command(
        self, do: commands.Deed, valid_s: int = 60, not_before_ms: int | None = None, person: str = ""
    ) -> Command:
        """Sign a command to do this, valid for `valid_s` from now (or from `not_before_ms`), that a person's app asks for.

        Its id is never given again, also by a backend that was restored from a copy: the clock has gone on meanwhile.
        """
        now_ms = self._utc_ms()
        since_ms = now_ms - commands.BEHIND_MS if not_before_ms is None else not_before_ms
        until_ms = (now_ms if not_before_ms is None else not_before_ms) + 1_000 * valid_s
        name = f"{do['type']}-{now_ms}-{len(self.books.commands) + 1}"
        payload = {
            "id": name,
            "locker": self.site.locker,
            "epoch": self.ledger.epoch,
            "not_before_ms": since_ms,
            "not_after_ms": until_ms,
            "do": do,
        }
        signed = Command(name, self.signer.sign(COMMAND, payload))
        waybill = do.get("parcel", "")
        sent = SentCommand(name, waybill, do["type"], person, self.ledger.epoch, until_ms, signed.object)
        self.books.put_command(sent)
        return signed

    def _pay(self) -> None:
        """Let the bank do what was committed."""
        while self.books.unpaid:
            self.bank.move(*self.books.unpaid.pop(0))
