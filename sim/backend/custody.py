"""What the locker's entries do to orders, and what time does: SMS, refunds, waiting. Each call is part of a change of the books.

Rules:
- Only an entry of the locker's journal moves an order on. No answer of the link, no clock and no person does.
- Money moves once: when the order has come to a stage at which its buyer will not have the parcel (`REFUNDED_AT`), by the very
  entry that brought it there, back to the account that it was paid with.
- A person decides first where the buyer complains (until the parcel is back in a courier's hands), and where entries are lost
  (until it is seen where the parcel is: with its buyer, in its cell for the first time, or back at its shop).
- An extension that was sent may have made an expired parcel a stored one again: until its outcome is known no money moves for
  the expiry. It is known by the entry of its outcome, or by any entry of a moment at which it could not be carried out any more.
  A backend from a copy does not know what it has sent since: it waits for such a moment with every expiry.
- When the term ends, the locker's entries say. No deadline is the backend's own.
- A locker that is silent past a deadline ends nothing: the order waits for it, and only an entry ends that.
"""

from collections.abc import Callable
from typing import Any

from firmware.model import EntryKind, Outcome, Purpose
from sim.backend import words
from sim.backend.books import OVER, Books
from sim.backend.commands import PATIENCE_S
from sim.backend.orders import (
    ENDED,
    OVER_FOR_BUYER,
    REFUNDED_AT,
    STAGES,
    UNSEEN,
    WAITING,
    Hold,
    Order,
    Refund,
    Stage,
)
from sim.backend.quiet import QuietHours
from sim.backend.rights import Rights
from sim.backend.site import Site

REMINDED_BEFORE_MS = 24 * 3_600_000
LATE_MS = 15 * 60_000  # an SMS that goes out so long after the deposit has cost its buyer as much of the term
CLOCKS_MS = 2 * 60_000  # by how much an entry's moment may be wrong, the locker being sure of it
SILENT_MS = 10 * 60_000  # past a deadline, before the order waits for the locker: an entry may be on its way

IN_HAND = {EntryKind.OPENED: True, EntryKind.RELEASED: False, EntryKind.OUTCOME_UNKNOWN: False}
SMS_AT = {Stage.EXPIRED: words.expiry, Stage.CANCELLED: words.cancellation}
RESTORED = "restored_ms"  # the counter: when this backend came from a copy, while expiries wait for it
# After these its buyer needs no code: told in one batch with the deposit, no SMS says that it is there.
NO_CODE_AFTER = {EntryKind.COLLECTED, EntryKind.WITHDRAWN, EntryKind.REFUSED, EntryKind.DISPUTED}


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

    def follow(self, bodies: list[dict[str, Any]]) -> None:
        """Entries of the journal, in their order, that came together."""
        gone = {str(body.get("parcel")) for body in bodies if body["kind"] in NO_CODE_AFTER}
        for body in bodies:
            self._follow(body, gone)

    def _follow(self, body: dict[str, Any], gone: set[str]) -> None:
        kind = body["kind"]
        if kind == EntryKind.GRANTS:  # a list below it would be refused
            self._books.count("version", max(self._books.counters.get("version", 0), body["count"]))
        elif kind == EntryKind.COMMAND:
            self._answered(str(body.get("command")), str(body.get("why")))
        elif kind == EntryKind.UNCLAIMED:
            self._answered(str(body.get("command")), OVER)
        elif kind in STAGES:
            self._move(body, STAGES[kind], gone)
        elif kind == EntryKind.EXTENDED:
            self._prolong(body)
        elif kind == EntryKind.CONFIGURED:
            self._rights.follow_settings(str(body.get("why", "")))
        elif kind in IN_HAND:
            self._note_opening(body, IN_HAND[kind])
        if body["sure"]:
            self._overtake(body["epoch"], body["utc_ms"])

    def _move(self, body: dict[str, Any], stage: Stage, gone: set[str]) -> None:
        order = self._order_of(body, stage)
        if order is None:
            return
        seq = body["seq"]
        order.held = _held_at(order, stage)
        order.stage, order.seq, order.epoch = stage, seq, body["epoch"]
        order.waits = order.opened = False
        order.laid = order.laid or stage is not Stage.CANCELLED
        if stage is Stage.STORED:
            order.expires_ms = body.get("until_ms", 0)
        self._books.put_order(order)
        if stage is Stage.COLLECTED:
            self._quiet.begin(order.cell)
        if order.is_inbound:
            if stage is Stage.STORED and not order.told and order.waybill not in gone:
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
        wish = self._books.commands.get(str(body.get("command")))
        if wish is not None and wish.person:
            order.extended += 1
        order.stage = Stage.STORED if order.stage is Stage.EXPIRED else order.stage
        order.expires_ms = int(body.get("until_ms", order.expires_ms))
        self._books.put_order(order)

    def _order_of(self, body: dict[str, Any], what: str) -> Order | None:
        """The order that an entry is about; a person is called where there is none, or nothing can become of it any more."""
        seq, order = body["seq"], self._books.orders.get(str(body.get("parcel")))
        if order is None and "command" in body and self._has_asked(str(body["command"])):
            return None  # a cell was kept for a parcel, and is not wanted any more
        if order is None:
            self._books.add_alarm(f"entry {seq}: {body.get('parcel')} is {what}, and nobody ordered it")
        elif order.stage in ENDED:
            self._books.add_alarm(f"entry {seq}: {order.waybill} is {what} after it was {order.stage}")
        else:
            return order
        return None

    def _has_asked(self, command: str) -> bool:
        """Whether it is a command of this backend's; one from a copy may have forgotten it."""
        return command in self._books.commands or bool(self._books.counters.get(RESTORED))

    def _tell(self, order: Order, stored_ms: int | None) -> None:
        """The parcel is there: its buyer gets the code, and the whole term, from this SMS on.

        `stored_ms`: None where the locker was not sure of the time. Without a deadline nothing is promised: it comes by
        an entry of its own.
        """
        order.told = True
        deadline_ms, now_ms = order.expires_ms, self._utc_ms()
        if deadline_ms and stored_ms is not None and now_ms - stored_ms > LATE_MS:
            deadline_ms += now_ms - stored_ms
            self._extend(order, deadline_ms)
        if order.expires_ms <= now_ms + REMINDED_BEFORE_MS:
            order.reminded_ms = order.expires_ms  # by this SMS, or it is to be later
        self._books.put_order(order)
        until = words.kept_until(deadline_ms, self._site.zone) if deadline_ms else ""
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
        restored_ms = self._books.counters.get(RESTORED, 0)
        if restored_ms and utc_ms > restored_ms + 1_000 * PATIENCE_S + CLOCKS_MS:
            self.know_all()
        for command in list(self._books.open_commands.values()):
            if command.epoch < epoch or utc_ms > command.not_after_ms + CLOCKS_MS:
                self._answered(command.id, Outcome.TOO_LATE)

    # Money

    def refund_of(self, order: Order) -> Refund | None:
        """The money that went back for it, if any did."""
        return self._books.refunds.get(order.waybill)

    def decide(self, order: Order, *, refund: bool) -> None:
        """What a person has found out about an order that was held. Raises ValueError where nothing was to decide.

        Nor does money go back for what its buyer may still take out: such an order is cancelled first. One that an extension
        may still give back to its buyer is decided when that is over. Where entries were lost a "no" lasts,
        unless its shop gets the goods after all: the courier who is sent may find an empty cell.
        """
        if order.held is Hold.NO:
            raise ValueError(f"{order.waybill}: there is nothing to decide")
        if refund and (order.stage not in OVER_FOR_BUYER or self._may_come_back(order)):
            raise ValueError(f"{order.waybill}: its buyer may still take it out; cancel it first")
        order.kept = not refund and order.held in UNSEEN and order.stage in OVER_FOR_BUYER
        order.held = Hold.NO
        self._books.put_order(order)
        if refund:
            self._refund(order)

    def hold_all(self, why: Hold) -> None:
        """Entries are lost, or may be: of no parcel that was still to come or to be fetched does anybody know what became of it."""
        for order in self._books.orders.values():
            open_still = not order.has_ended and order.is_inbound and self.refund_of(order) is None
            if open_still and not order.kept and order.held is not Hold.LOST:
                order.held = why
                self._books.put_order(order)

    def returned(self, order: Order) -> None:
        """Its shop has the goods: whatever was lost of the journal, nobody else has them."""
        order.returned_ms = self._utc_ms()
        order.held, order.kept = Hold.NO, False
        self._books.put_order(order)
        self._settle(order)

    def restored(self) -> None:
        """From a copy: what was sent after it is not known."""
        self._books.count(RESTORED, self._utc_ms())

    def know_all(self) -> None:
        """Nothing that this backend does not know of can be carried out any more."""
        if self._books.counters.get(RESTORED):
            self._books.count(RESTORED, 0)
            for order in self._books.orders.values():
                self._settle(order)

    def _settle(self, order: Order) -> None:
        """Pay back what is to be paid back, once it is certain."""
        if order.stage not in REFUNDED_AT or not order.is_inbound or self.refund_of(order) is not None:
            return
        if order.held is not Hold.NO or order.kept or self._may_come_back(order):
            return
        if order.stage in SMS_AT:
            self._rights.send(order.person, SMS_AT[order.stage](order))
        self._refund(order)

    def _may_come_back(self, order: Order) -> bool:
        """Whether its term has ended, and an extension may be under way, sent or forgotten."""
        is_under_way = self._books.counters.get(RESTORED) or self._books.extensions_of(order)
        return order.stage is Stage.EXPIRED and bool(is_under_way)

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
        text = words.reminder(order, self._site.locker, self._site.address, self._site.zone)
        self._rights.send(order.person, text, order.grants[Purpose.PICKUP].code)
        return True


def _held_at(order: Order, following: Stage) -> Hold:
    """Whether a person has to decide after the entry that brings an order to another stage."""
    if order.held in UNSEEN:
        # It cannot be put in again by whoever has it; and a courier may find an empty cell.
        first = order.stage is Stage.ORDERED and following is Stage.STORED
        return Hold.NO if first or following is Stage.COLLECTED else order.held
    return Hold.DISPUTE if following is Stage.DISPUTED else Hold.NO
