"""What must always hold between the locker's books and the backend's: custody and money; asked with the other rules."""

import json
from collections.abc import Iterator

from firmware.model import EntryKind, ParcelState
from firmware.rows import Parcel
from sim.backend.custody import RESTORED
from sim.backend.orders import REFUNDED_AT, WAITING, Stage
from sim.facts import Facts

TERM_RUNS = (ParcelState.STORED, ParcelState.SUSPECT, ParcelState.CLAIMED)


def money_moves_once(facts: Facts) -> Iterator[str]:
    """The backend's own alarms: collected after a refund, an outcome after an outcome."""
    yield from facts.site.office.backend.alarms


def collected_or_refunded(facts: Facts) -> Iterator[str]:
    """Nobody has both the goods and the money: asked of what the locker has done, whether or not it was told."""
    collected = [entry for entry in facts.entries if entry.kind is EntryKind.COLLECTED]
    if collected:
        refunded = facts.site.office.backend.books.refunds
        yield from (f"{entry}, and it was paid back" for entry in collected if entry.parcel in refunded)


def waiting_ends_by_an_entry(facts: Facts) -> Iterator[str]:
    """What waits for the locker waits for its word: no clock, person or answer may end it."""
    waiting = facts.site.waiting
    for order in facts.site.office.backend.orders.values():
        place = order.epoch, order.seq
        if order.waits:
            waiting.setdefault(order.waybill, place)
        elif waiting.pop(order.waybill, None) == place:
            yield f"{order} waits no more, and no entry says why"


def every_refund_is_the_banks_once(facts: Facts) -> Iterator[str]:
    """The money is back on the account that the order was paid from, once, and of no order that the locker says was collected.

    A backend from a copy waits with its expiries, for it may have sent an extension that it has forgotten.
    """
    backend = facts.site.office.backend
    forgetful = backend.books.counters.get(RESTORED, 0) > 0
    for waybill, refund in backend.books.refunds.items():
        order, paid = backend.orders[waybill], backend.bank.payments.get(f"refund {waybill}")
        if paid is None or (paid.person, paid.account, paid.tenge) != (
            order.person,
            order.account,
            order.tenge,
        ):
            yield f"{refund} of {order}: the bank moved {paid}"
        if facts.ended.get(waybill) is EntryKind.COLLECTED:
            yield f"{refund}: it was collected"
    for order in backend.orders.values():
        owed = order.is_inbound and order.stage in REFUNDED_AT and not order.held
        extends = (each.waybill for each in backend.books.open_commands.values() if each.verb == "extend")
        may_be_extended = order.waybill in extends or (order.stage is Stage.EXPIRED and forgetful)
        if owed and order.waybill not in backend.books.refunds and not may_be_extended:
            yield f"{order} was not paid back"


def both_know_one_deadline(facts: Facts) -> Iterator[str]:
    """A buyer is told the end by the backend and is refused at the locker: where all is told, both have the same one."""
    backend, store = facts.site.office.backend, facts.parts.store
    if facts.state.locker.epoch != backend.ledger.epoch or backend.ledger.last != store.last_seq:
        return
    for row in facts.state.all(Parcel):
        order = backend.orders.get(row.waybill)
        waits = order is not None and order.stage in WAITING and row.state in TERM_RUNS
        if order is not None and waits and order.expires_ms != (row.expires_ms or 0):
            yield f"{row}: {order}"


def the_ledgers_are_equal(facts: Facts) -> Iterator[str]:
    """In the end the backend holds what the locker has journalled, entry by entry, and believes what it says of each parcel.

    Where the locker cannot be reached, it is behind, and equal as far as it goes.
    """
    backend, link = facts.site.office.backend, facts.site.locker.link
    ledger, store = backend.ledger, facts.parts.store
    if facts.state.locker.epoch != ledger.epoch:
        return
    if link.is_attached and link.is_settled and ledger.last != store.last_seq:
        yield f"the locker is at entry {store.last_seq}, and the backend at {ledger.last}"
    first = store.last_seq - store.entries
    own = store.journal(first, max(0, ledger.last - first))
    if own != ledger.after(first):
        yield "they are not the same"
    collected = {
        body["parcel"]
        for row in ledger.after(0)
        if (body := json.loads(row.body))["kind"] == EntryKind.COLLECTED
    }
    if both := collected & backend.books.refunds.keys():
        yield f"collected and refunded: {sorted(both)}"
