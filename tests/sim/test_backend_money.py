"""When money may move, and when it may not yet: batches that come late, terms of the locker's, copies, and epochs that are lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.backend import Signer, Stage
from sim.backend.bank import OPENING_TENGE
from sim.backend.commands import PATIENCE_S
from sim.backend.custody import CLOCKS_MS
from sim.backend.orders import Hold
from tests.sim.test_backend import NOON_MS, TERM_MS, Book, listed, texts
from tests.sim.test_backend_rules import HOUR_MS, World, asked

PATIENCE_MS = 1_000 * PATIENCE_S


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.backend.close()


def begin_epoch(world: World) -> None:
    """The locker has lost its database."""
    world.backend.begin_epoch(2)
    world.book = Book(epoch=2)


# --- the term is the locker's


def test_a_deadline_is_what_the_locker_says_and_not_what_anybody_reckons(world: World) -> None:
    """It may be set to another term than this backend was told of."""
    world.backend.order("KZ1", 7, "Айгерим")
    world.told("stored", parcel="KZ1", until_ms=NOON_MS + 30 * HOUR_MS)
    assert world.backend.orders["KZ1"].expires_ms == NOON_MS + 30 * HOUR_MS
    assert "Хранится до 26.11.2025 18:00" in texts(world.backend, "Айгерим")[0]
    world.later(6 * HOUR_MS - 1)
    assert len(texts(world.backend, "Айгерим")) == 1
    world.later(1)
    assert "Напоминаем: KZ1 хранится до 26.11.2025 18:00" in texts(world.backend, "Айгерим")[-1]


def test_a_shop_may_ask_for_an_end_of_its_own(world: World) -> None:
    world.backend.order("KZ1", 7, "Айгерим", until_ms=NOON_MS + 30 * HOUR_MS)
    assert [each.expires_ms for each in listed(world.backend).parcels] == [NOON_MS + 30 * HOUR_MS]
    world.told("stored", parcel="KZ1", until_ms=NOON_MS + 30 * HOUR_MS)
    assert [each.expires_ms for each in listed(world.backend).parcels] == [0]  # from now on its entries say
    assert world.backend.orders["KZ1"].expires_ms == NOON_MS + 30 * HOUR_MS


def test_a_deposit_by_an_unsure_clock_promises_nothing_until_the_term_has_begun(world: World) -> None:
    world.backend.order("KZ1", 7, "Айгерим")
    world.write("stored", sure=False, parcel="KZ1")
    world.sync()
    assert (world.backend.orders["KZ1"].expires_ms, "Хранится до" in texts(world.backend, "Айгерим")[0]) == (
        0,
        False,
    )
    world.told("extended", parcel="KZ1", until_ms=NOON_MS + TERM_MS, why="clock")
    assert world.backend.orders["KZ1"].expires_ms == NOON_MS + TERM_MS
    world.later(TERM_MS - HOUR_MS)
    assert "Напоминаем: KZ1 хранится до 28.11.2025 12:00" in texts(world.backend, "Айгерим")[-1]


# --- what comes late, and together


def test_nobody_is_reminded_of_an_end_that_the_very_sms_has_put_off(world: World) -> None:
    """Two days late: a day of the term is left by the locker's entry, and the whole of it was promised."""
    world.backend.order("KZ1", 7, "Айгерим")
    world.now_ms += 49 * HOUR_MS
    world.told("stored", at_ms=NOON_MS, parcel="KZ1")
    world.later(HOUR_MS)
    (sms,) = texts(world.backend, "Айгерим")
    assert "Хранится до 30.11.2025 13:00" in sms
    until_ms = NOON_MS + 49 * HOUR_MS + TERM_MS
    world.told("extended", parcel="KZ1", until_ms=until_ms)
    world.now_ms = until_ms - HOUR_MS
    world.later(0)
    assert "Напоминаем: KZ1 хранится до 30.11.2025 13:00" in texts(world.backend, "Айгерим")[-1]


@pytest.mark.parametrize("ending", ["collected", "withdrawn", "refused", "disputed"])
def test_nobody_is_told_that_a_parcel_waits_which_the_same_batch_says_is_gone(
    world: World, ending: str
) -> None:
    world.backend.order("KZ1", 7, "Айгерим", sms_at_order=True)
    world.now_ms += 5 * HOUR_MS
    world.write("stored", at_ms=NOON_MS, parcel="KZ1")
    world.write(ending, at_ms=NOON_MS + HOUR_MS, parcel="KZ1")
    world.sync()
    assert not any("ждёт вас" in text for text in texts(world.backend, "Айгерим"))
    assert (asked(world.backend, "Extend"), world.backend.alarms) == ([], [])


def test_a_buyer_who_refused_is_paid_when_a_courier_has_the_parcel(world: World) -> None:
    """It lay in an open cell: whether it was put back, nobody has seen."""
    world.store()
    world.told("refused", parcel="KZ1", why="refused")
    assert world.backend.refunds == []
    world.told("withdrawn", parcel="KZ1")
    assert [refund.seq for refund in world.backend.refunds] == [3]


# --- a backend from a copy


def test_a_backend_from_a_copy_reads_on_and_pays_nothing_twice(world: World, tmp_path: Path) -> None:
    world.store()
    world.backend.backup(tmp_path / "copy.db")
    ids = {world.backend.open_command("KZ1").id}
    world.now_ms += HOUR_MS
    world.told("expired", parcel="KZ1")
    world.backend.restore(tmp_path / "copy.db")
    assert (world.backend.ledger.last, world.backend.refunds) == (1, [])
    assert world.backend.open_command("KZ1").id not in ids
    world.sync()
    world.told("wrong_code", at_ms=world.now_ms + PATIENCE_MS + CLOCKS_MS + 1)
    assert (world.backend.ledger.last, len(world.backend.refunds), world.backend.alarms) == (3, 1, [])
    assert world.backend.bank.balance("Айгерим", "Kaspi Gold") == OPENING_TENGE


def test_a_backend_from_a_copy_does_not_pay_for_what_a_forgotten_extension_may_bring_back(
    world: World, tmp_path: Path
) -> None:
    """The command was sent after the copy, to a locker that was offline."""
    world.store()
    world.backend.backup(tmp_path / "copy.db")
    world.backend.extend("KZ1")
    world.now_ms += TERM_MS
    world.backend.restore(tmp_path / "copy.db")
    world.told("expired", parcel="KZ1")
    assert world.backend.refunds == []
    world.told("extended", parcel="KZ1", until_ms=world.now_ms + HOUR_MS)
    world.told("collected", parcel="KZ1")
    assert (world.backend.refunds, world.backend.alarms) == ([], [])


@pytest.mark.parametrize("sure", [False, True])
def test_it_pays_once_nothing_that_it_forgot_can_be_carried_out_any_more(
    world: World, tmp_path: Path, sure: bool
) -> None:
    world.store()
    world.backend.backup(tmp_path / "copy.db")
    world.now_ms += TERM_MS
    world.backend.restore(tmp_path / "copy.db")
    world.told("expired", parcel="KZ1")
    certain_ms = world.now_ms + PATIENCE_MS + CLOCKS_MS
    world.told("wrong_code", at_ms=certain_ms)
    assert world.backend.refunds == []
    world.write("wrong_code", at_ms=certain_ms + 1, sure=sure)
    world.sync()
    assert len(world.backend.refunds) == sure


# --- a locker that has lost its memory


def test_what_was_collected_and_not_told_before_an_epoch_was_lost_is_not_paid_back(world: World) -> None:
    """The locker is told that the parcel lies there, as the backend last heard, and its term ends."""
    world.store()
    begin_epoch(world)
    assert world.backend.alarms == ["epoch 2: what the locker had not told is lost"]
    world.told("expired", parcel="KZ1")
    assert (world.backend.refunds, world.backend.orders["KZ1"].held) == ([], Hold.UNTOLD)
    world.told("withdrawn", parcel="KZ1")  # of a cell that may have been empty
    assert world.backend.refunds == []
    world.backend.confirm_return("KZ1")
    assert ([refund.seq for refund in world.backend.refunds], world.backend.held()) == ([2], [])


def test_a_dispute_after_a_lost_epoch_is_still_for_a_person(world: World) -> None:
    world.store()
    begin_epoch(world)
    world.told("disputed", parcel="KZ1", why="not_there")
    world.told("withdrawn", parcel="KZ1")
    assert (world.backend.refunds, world.backend.orders["KZ1"].held) == ([], Hold.UNTOLD)


def test_what_is_seen_after_a_lost_epoch_needs_no_person(world: World) -> None:
    """A parcel is put in for the first time once, and collected once."""
    world.store("KZ1")
    world.backend.order("KZ2", 8, "Айгерим")
    begin_epoch(world)
    assert [order.waybill for order in world.backend.held()] == ["KZ1", "KZ2"]
    world.told("collected", parcel="KZ1")
    world.told("stored", parcel="KZ2")
    assert world.backend.held() == []
    world.told("expired", parcel="KZ2")
    assert [refund.waybill for refund in world.backend.refunds] == ["KZ2"]


def test_what_was_paid_before_a_lost_epoch_is_held_for_nobody(world: World) -> None:
    world.store()
    world.told("expired", parcel="KZ1")
    begin_epoch(world)
    assert (len(world.backend.refunds), world.backend.held()) == (1, [])


def test_no_money_goes_back_for_what_its_buyer_may_still_take_out(world: World) -> None:
    world.store()
    begin_epoch(world)
    with pytest.raises(ValueError, match="KZ1: its buyer may still take it out"):
        world.backend.decide("KZ1", refund=True)
    assert world.backend.orders["KZ1"].held is Hold.UNTOLD
    world.backend.cancel("KZ1")
    world.told("cancelled", parcel="KZ1")
    world.backend.decide("KZ1", refund=True)
    assert [refund.waybill for refund in world.backend.refunds] == ["KZ1"]


def test_a_copy_and_a_lost_epoch_together_leave_it_to_a_person(world: World, tmp_path: Path) -> None:
    world.store()
    world.backend.backup(tmp_path / "copy.db")
    extension = world.backend.extend("KZ1")
    world.backend.restore(tmp_path / "copy.db")
    world.told("expired", parcel="KZ1")
    begin_epoch(world)
    world.told("started")
    assert (world.backend.refunds, [order.waybill for order in world.backend.held()]) == ([], ["KZ1"])
    assert extension.id not in world.backend.books.commands
    world.backend.decide("KZ1", refund=False)
    assert world.backend.orders["KZ1"].stage is Stage.EXPIRED


def test_what_a_person_has_decided_no_later_entry_pays(world: World) -> None:
    """Its buyer has it, and the courier who was sent finds an empty cell; only the shop's goods say otherwise."""
    world.store()
    begin_epoch(world)
    world.told("expired", parcel="KZ1")
    world.backend.decide("KZ1", refund=False)
    with pytest.raises(ValueError, match="nothing to decide"):
        world.backend.decide("KZ1", refund=True)
    world.told("withdrawn", parcel="KZ1")
    assert (world.backend.refunds, world.backend.held()) == ([], [])
    world.backend.confirm_return("KZ1")
    assert [refund.waybill for refund in world.backend.refunds] == ["KZ1"]


def test_no_person_pays_for_what_an_extension_may_still_give_back(world: World) -> None:
    world.store()
    begin_epoch(world)
    extension = world.backend.extend("KZ1")
    world.told("expired", parcel="KZ1")
    with pytest.raises(ValueError, match="KZ1: its buyer may still take it out"):
        world.backend.decide("KZ1", refund=True)
    world.told("extended", parcel="KZ1", command=extension.id, until_ms=NOON_MS + 2 * TERM_MS)
    assert (world.backend.refunds, world.backend.alarms[1:]) == ([], [])


@pytest.mark.parametrize("told", ["both", "alone"])
def test_a_rotation_is_told_again_to_an_epoch_that_knows_only_its_configuration(
    world: World, told: str
) -> None:
    following = Signer(bytes(32), "backend-2")
    command = world.backend.rotate(following, NOON_MS + (0 if told == "alone" else 30 * 3_600_000))
    world.told("command", command=command.id, why="done")
    if told == "alone":
        world.later(1)
        (retired,) = world.backend.due_commands()
        world.told("command", command=retired.id, why="done")
    signer = world.backend.signer
    begin_epoch(world)
    world.later(1)
    (again,) = world.backend.due_commands()
    assert (world.backend.signer, world.backend.books.commands[again.id].epoch) == (signer, 2)
    assert world.backend.keys.is_under_way


def test_a_new_epoch_is_told_what_was_cancelled_and_still_lies_there(world: World) -> None:
    world.store()
    world.backend.order("KZ2", 8, "Айгерим")
    for waybill in ("KZ1", "KZ2"):
        world.backend.cancel(waybill)
        world.told("cancelled", parcel=waybill)
    begin_epoch(world)
    assert [(each.waybill, each.state) for each in listed(world.backend).parcels] == [("KZ1", "cancelled")]
