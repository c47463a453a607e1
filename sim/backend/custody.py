"""What the locker's entries do to orders, and what time does: SMS, refunds, waiting. Each call is part of a change of the books.

Rules:
- Only an entry of the locker's journal moves an order on. No answer of the link, no clock and no person does.
- Money moves once: when the order has come to a stage at which its buyer will not have the parcel (`REFUNDED_AT`), by the very
  entry that brought it there, back to the account that it was paid with.
- A person decides first where the buyer complains (until the parcel is back in a courier's hands), and where entries are lost.
- An extension that was sent may have made an expired parcel a stored one again: until its outcome is known no money moves for
  the expiry. It is known by the entry of its outcome, or by any entry of a moment at which it could not be carried out any more.
- A locker that is silent past a deadline ends nothing: the order waits for it, and only an entry ends that.
"""

from collections.abc import Callable
from typing import Any

from firmware.model import EntryKind, Outcome, Purpose
from sim.backend import words
from sim.backend.books import OVER, Books
from sim.backend.orders import ENDED, REFUNDED_AT, STAGES, WAITING, Hold, Order, Refund, Stage
from sim.backend.quiet import QuietHours
from sim.backend.rights import Rights
from sim.backend.site import Site

REMINDED_BEFORE_MS = 24 * 3_600_000
LATE_MS = 15 * 60_000  # an SMS that goes out so long after the deposit has cost its buyer as much of the term
CLOCKS_MS = 2 * 60_000  # by how much an entry's moment may be wrong, the locker being sure of it
SILENT_MS = 10 * 60_000  # past a deadline, before the order waits for the locker: an entry may be on its way

IN_HAND = {EntryKind.OPENED: True, EntryKind.RELEASED: False, EntryKind.OUTCOME_UNKNOWN: False}
SMS_AT = {Stage.EXPIRED: words.expiry, Stage.CANCELLED: words.cancellation}


class Custody:
    """Follows one locker's journal."""

    def __init__(
        self,
        books: Books,
        site: Site,
        rights: Rights,
        utc_ms: Callable[[], int],
        extend: Callable[[Order, int], object],
        quiet: QuietHours,
    ) -> None:
        """`extend` asks the locker for another deadline, in UTC milliseconds."""
        self._books = books
        self._site = site
        self._rights = rights
        self._utc_ms = utc_ms
        self._extend = extend
        self._quiet = quiet

    def follow(self, body: dict[str, Any]) -> None:
        """An entry of the journal, in its turn."""
        kind = body["kind"]
        if kind == EntryKind.GRANTS:  # a list below it would be refused
            self._books.count("version", max(self._books.counters.get("version", 0), body["count"]))
        elif kind == EntryKind.COMMAND:
            self._answered(str(body.get("command")), str(body.get("why")))
        elif kind == EntryKind.UNCLAIMED:
            self._answered(str(body.get("command")), OVER)
        elif kind in STAGES:
            self._move(body, STAGES[kind])
        elif kind == EntryKind.EXTENDED:
            self._prolong(body)
        elif kind in IN_HAND:
            self._note_opening(body, IN_HAND[kind])
        if self._books.open_commands and body["sure"]:
            self._overtake(body["epoch"], body["utc_ms"])

    def _move(self, body: dict[str, Any], stage: Stage) -> None:
        order = self._order_of(body, stage)
        if order is None:
            return
        seq = body["seq"]
        order.stage, order.seq, order.epoch = stage, seq, body["epoch"]
        order.waits = order.opened = False
        if stage is Stage.DISPUTED:
            order.held = Hold.DISPUTE
        elif order.held is Hold.DISPUTE or stage is Stage.COLLECTED:
            order.held = Hold.NO
        self._books.put_order(order)
        if stage is Stage.COLLECTED:
            self._quiet.begin(order.cell)
        if order.is_inbound:
            if stage is Stage.STORED and not order.told:
                self._tell(order, body["utc_ms"] if body["sure"] else None)
            self._settle(order)
            if stage is Stage.COLLECTED and self.refund_of(order) is not None:
                self._books.add_alarm(f"entry {seq}: {order.waybill} was collected after its refund")

    def _prolong(self, body: dict[str, Any]) -> None:
        """The term ends later, and where it had ended already, the parcel waits for its buyer again."""
        order = self._order_of(body, EntryKind.EXTENDED)
        if order is None:
            return
        if self.refund_of(order) is not None:
            self._books.add_alarm(f"entry {body['seq']}: {order.waybill} was extended after its refund")
        order.seq, order.epoch, order.waits = body["seq"], body["epoch"], False
        order.stage = Stage.STORED if order.stage is Stage.EXPIRED else order.stage
        order.expires_ms = int(body.get("until_ms", order.expires_ms))
        self._books.put_order(order)

    def _order_of(self, body: dict[str, Any], what: str) -> Order | None:
        """The order that an entry is about; a person is called where there is none, or nothing can become of it any more."""
        seq, order = body["seq"], self._books.orders.get(str(body.get("parcel")))
        if order is None and str(body.get("command")) in self._books.commands:
            return None  # a cell was kept for a parcel, and is not wanted any more: as we have asked
        if order is None:
            self._books.add_alarm(f"entry {seq}: {body.get('parcel')} is {what}, and nobody ordered it")
        elif order.stage in ENDED:
            self._books.add_alarm(f"entry {seq}: {order.waybill} is {what} after it was {order.stage}")
        else:
            return order
        return None

    def _tell(self, order: Order, stored_ms: int | None) -> None:
        """The parcel is there: its buyer gets the code, and as many hours as everybody, from this SMS on.

        `stored_ms`: None where the locker was not sure of the time; then nothing is promised.
        """
        order.told = True
        until = ""
        if stored_ms is not None:
            late_ms = self._utc_ms() - stored_ms
            order.expires_ms = deadline_ms = stored_ms + self._site.term_ms
            if late_ms > LATE_MS:
                deadline_ms += late_ms
                self._extend(order, deadline_ms)
            until = words.kept_until(deadline_ms, self._site.zone)
        self._books.put_order(order)
        self._rights.send_code(order, order.grants[Purpose.PICKUP], until)

    def _note_opening(self, body: dict[str, Any], opened: bool) -> None:
        order = self._books.orders.get(str(body.get("parcel")))
        pickup = order.grants.get(Purpose.PICKUP) if order is not None else None
        if (
            order is not None
            and pickup is not None
            and body.get("grant") == pickup.id
            and order.stage in WAITING
        ):
            order.opened = opened
            self._books.put_order(order)

    # Commands

    def _answered(self, name: str, outcome: str) -> None:
        command = self._books.commands.get(name)
        if command is None:
            return
        command.outcome = outcome
        self._books.put_command(command)
        if (order := self._books.orders.get(command.waybill)) is not None:
            self._settle(order)

    def _overtake(self, epoch: int, utc_ms: int) -> None:
        """A command that has no outcome by an entry of such a moment was never carried out, and never will be."""
        for command in list(self._books.open_commands.values()):
            if command.epoch < epoch or utc_ms > command.not_after_ms + CLOCKS_MS:
                self._answered(command.id, Outcome.TOO_LATE)

    # Money

    def refund_of(self, order: Order) -> Refund | None:
        """The money that went back for it, if any did."""
        return self._books.refunds.get(order.waybill)

    def decide(self, order: Order, *, refund: bool) -> None:
        """What a person has found out about an order that was held. Raises ValueError where nothing was to decide."""
        if order.held is Hold.NO:
            raise ValueError(f"{order.waybill}: there is nothing to decide")
        order.held = Hold.NO
        self._books.put_order(order)
        if refund:
            self._refund(order)

    def hold_all(self) -> None:
        """Entries are lost: of no parcel that was still to come or to be fetched does anybody know what became of it."""
        for order in self._books.orders.values():
            if not order.has_ended and order.is_inbound:
                order.held = Hold.LOST
                self._books.put_order(order)

    def _settle(self, order: Order) -> None:
        """Pay back what is to be paid back, once it is certain."""
        if order.stage not in REFUNDED_AT or not order.is_inbound or self.refund_of(order) is not None:
            return
        if order.held is not Hold.NO or (order.stage is Stage.EXPIRED and self._may_be_extended(order)):
            return
        if order.stage in SMS_AT:
            self._rights.send(order.person, SMS_AT[order.stage](order))
        self._refund(order)

    def _may_be_extended(self, order: Order) -> bool:
        waiting = self._books.open_commands.values()
        return any(command.verb == "extend" and command.waybill == order.waybill for command in waiting)

    def _refund(self, order: Order) -> None:
        if self.refund_of(order) is None:
            self._books.add_refund(Refund(order.waybill, order.account, order.seq, order.tenge, order.epoch))
            self._rights.send(order.person, words.refund(order))

    # Time

    def pass_time(self) -> bool:
        """What is due by now: reminders, and orders that wait for a silent locker. Whether anything was."""
        now_ms, was_due = self._utc_ms(), False
        for order in self._books.orders.values():
            if order.stage in WAITING and order.expires_ms and order.is_inbound and not order.waits:
                if now_ms > order.expires_ms + SILENT_MS:
                    order.waits = was_due = True
                    self._books.put_order(order)
                elif order.reminded_ms != order.expires_ms:
                    was_due |= self._remind(order, now_ms)
        return was_due

    def _remind(self, order: Order, now_ms: int) -> bool:
        """A day before the end, once; a term as short as that was told with the code."""
        if not order.expires_ms - REMINDED_BEFORE_MS <= now_ms < order.expires_ms:
            return False
        order.reminded_ms = order.expires_ms
        self._books.put_order(order)
        if self._site.term_ms > REMINDED_BEFORE_MS:
            text = words.reminder(order, self._site.locker, self._site.address, self._site.zone)
            self._rights.send(order.person, text, order.grants[Purpose.PICKUP].code)
        return True
