"""Each rule about money and custody sees what it is there for."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.model import Entry, EntryKind
from sim import money_rules
from sim.backend import Stage
from tests.sim.test_backend import TERM_MS
from tests.sim.test_backend_rules import World

Facts = Any  # what of them the rules look at


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.store()
    yield made
    made.backend.close()


def facts(world: World, *entries: Entry, ended: dict[str, EntryKind] | None = None) -> Facts:
    office = SimpleNamespace(backend=world.backend)
    return SimpleNamespace(
        site=SimpleNamespace(office=office, waiting={}), entries=entries, ended=ended or {}
    )


def said(rule: Callable[[Facts], Iterator[str]], about: Facts) -> list[str]:
    return list(rule(about))


def test_collected_after_a_refund_is_seen_before_anybody_is_told(world: World) -> None:
    collected = Entry(EntryKind.COLLECTED, parcel="KZ1")
    assert said(money_rules.collected_or_refunded, facts(world, collected)) == []
    world.told("expired", parcel="KZ1")
    assert len(said(money_rules.collected_or_refunded, facts(world, collected))) == 1
    other = Entry(EntryKind.CLOSED, parcel="KZ1"), Entry(EntryKind.COLLECTED, parcel="KZ2")
    assert said(money_rules.collected_or_refunded, facts(world, *other)) == []


def test_a_wait_that_ends_without_an_entry_is_seen(world: World) -> None:
    about, order = facts(world), world.backend.orders["KZ1"]
    world.later(TERM_MS + 3_600_000)
    assert order.waits
    assert said(money_rules.waiting_ends_by_an_entry, about) == []
    order.waits = False
    assert len(said(money_rules.waiting_ends_by_an_entry, about)) == 1
    order.waits = True
    assert said(money_rules.waiting_ends_by_an_entry, about) == []
    world.told("expired", parcel="KZ1")
    assert said(money_rules.waiting_ends_by_an_entry, about) == []


def test_money_that_did_not_go_back_or_not_so_is_seen(world: World) -> None:
    rule, backend = money_rules.every_refund_is_the_banks_once, world.backend
    world.told("expired", parcel="KZ1")
    assert said(rule, facts(world)) == []
    assert "it was collected" in said(rule, facts(world, ended={"KZ1": EntryKind.COLLECTED}))[0]
    backend.orders["KZ1"].account = "Kaspi Red"  # it was paid with another
    assert "the bank moved" in said(rule, facts(world))[0]
    backend.orders["KZ1"].account = "Kaspi Gold"
    del backend.bank.payments["refund KZ1"]
    assert "the bank moved None" in said(rule, facts(world))[0]
    backend.books.refunds.clear()
    assert "was not paid back" in said(rule, facts(world))[0]
    backend.orders["KZ1"].stage = Stage.STORED
    assert said(rule, facts(world)) == []


def test_two_ledgers_that_differ_are_seen(world: World) -> None:
    rule, book = money_rules.the_ledgers_are_equal, world.book
    about = facts(world)
    store = SimpleNamespace(last_seq=1, entries=1, journal=lambda seq, limit: book.rows[seq : seq + limit])
    about.site.locker = SimpleNamespace(link=SimpleNamespace(is_attached=True, is_settled=True))
    about.state = SimpleNamespace(locker=SimpleNamespace(epoch=1))
    about.parts = SimpleNamespace(store=store)
    assert said(rule, about) == []
    world.write("wrong_code")
    store.last_seq = store.entries = 2
    assert said(rule, about) == ["the locker is at entry 2, and the backend at 1"]
    about.site.locker.link.is_settled = False  # it is behind, and knows it
    assert said(rule, about) == []
    book.rows[0] = book.rows[1]
    assert said(rule, about) == ["they are not the same"]


def test_collected_and_refunded_in_the_backends_own_journal_is_seen(world: World) -> None:
    world.told("expired", parcel="KZ1")
    world.told("collected", parcel="KZ1")
    about, rows = facts(world), world.book.rows
    about.site.locker = SimpleNamespace(link=SimpleNamespace(is_attached=False, is_settled=False))
    about.state = SimpleNamespace(locker=SimpleNamespace(epoch=1))
    store = SimpleNamespace(last_seq=3, entries=3, journal=lambda seq, limit: rows[seq : seq + limit])
    about.parts = SimpleNamespace(store=store)
    assert said(money_rules.the_ledgers_are_equal, about) == ["collected and refunded: ['KZ1']"]
    assert said(money_rules.money_moves_once, about) == ["entry 3: KZ1 was collected after its refund"]
