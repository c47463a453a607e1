"""The reference backend's rules: SMS and deadlines, money, people who decide, keys, and what outlives a crash or a loss."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from firmware.control import Hello, Journal, encode
from firmware.events import Commanded, EpochDemanded
from firmware.model import Direction, Outcome, Purpose
from firmware.signed import Answering, Keyring, open_signed
from sim.backend import Backend, Database, Link, Signer, Stage, commands
from sim.backend.bank import OPENING_TENGE, Bank, Payment
from sim.backend.books import Books
from sim.backend.custody import CLOCKS_MS, LATE_MS, SILENT_MS
from sim.backend.database import VERSION, DatabaseError
from sim.backend.desk import EXTENDED_H, EXTENSIONS_MAX, Errand
from sim.backend.link import GAPS_MAX
from sim.backend.orders import PRICE_TENGE, Hold
from sim.backend.rights import RESENDS_MAX
from tests.sim.test_backend import JOURNAL_KEY, KEYRING, NOON_MS, SIGNER, SITE, TERM_MS, Book, head_of, texts

HOUR_MS = 3_600_000


class World:
    """A backend, the time, and its locker's journal."""

    def __init__(
        self,
        database: Database | None = None,
        bank: Bank | None = None,
        given: tuple[Signer, ...] = (SIGNER,),
    ) -> None:
        self.now_ms = NOON_MS
        self.book = Book()
        signer, following = (*given, None)[:2]
        assert signer is not None
        chance = random.Random(1)
        self.backend = Backend(SITE, signer, lambda: self.now_ms, chance, database, bank, following)

    def told(self, kind: str, *, at_ms: int | None = None, **columns: Any) -> None:
        """The locker tells of something that happened at a moment, or now."""
        self.write(kind, at_ms=at_ms, **columns)
        self.sync()

    def write(self, kind: str, *, at_ms: int | None = None, **columns: Any) -> None:
        self.book.utc_ms = self.now_ms if at_ms is None else at_ms
        self.book.write(kind, **columns)

    def sync(self) -> None:
        self.backend.journal(self.book.rows[self.backend.ledger.last :])

    def later(self, ms: int) -> None:
        self.now_ms += ms
        self.backend.pass_time()

    def store(self, waybill: str = "KZ1", account: str = "Kaspi Gold") -> None:
        self.backend.order(waybill, 7, "Айгерим", account)
        self.told("stored", cell=7, parcel=waybill)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.backend.close()


def asked(backend: Backend, verb: str) -> list[Commanded]:
    """The commands of this kind that wait for an answer."""
    said = [open_signed(command.object, KEYRING) for command in backend.due_commands()]
    return [each for each in said if isinstance(each, Commanded) and each.do.__class__.__name__ == verb]


# --- SMS and deadlines


def test_the_same_code_is_sent_again_so_often_and_no_more(world: World) -> None:
    world.backend.order("KZ1", 7, "Айгерим")
    with pytest.raises(ValueError, match="KZ1: no code is out"):
        world.backend.resend("KZ1")
    world.told("stored", parcel="KZ1")
    code = world.backend.code("KZ1", Purpose.PICKUP)
    for _ in range(RESENDS_MAX):
        world.backend.resend("KZ1")
    assert [sms.code for sms in world.backend.phones["Айгерим"]] == [code] * (1 + RESENDS_MAX)
    with pytest.raises(ValueError, match=f"sent again {RESENDS_MAX} times"):
        world.backend.resend("KZ1")
    world.told("collected", parcel="KZ1")
    with pytest.raises(ValueError, match="no code is out"):
        world.backend.resend("KZ1")


def test_a_reminder_comes_once_a_day_before_the_end(world: World) -> None:
    world.store()
    world.later(TERM_MS - 24 * HOUR_MS - 1)
    assert len(texts(world.backend, "Айгерим")) == 1
    world.later(1)
    world.later(HOUR_MS)
    _, reminder = texts(world.backend, "Айгерим")
    assert "Напоминаем: KZ1 хранится до 28.11.2025 12:00" in reminder
    assert world.backend.code("KZ1", Purpose.PICKUP) in reminder


def test_an_extended_term_has_a_reminder_of_its_own(world: World) -> None:
    world.store()
    world.later(TERM_MS - 24 * HOUR_MS)
    world.told("extended", parcel="KZ1", until_ms=NOON_MS + TERM_MS + 24 * HOUR_MS)
    world.later(HOUR_MS)
    assert sum("Напоминаем" in text for text in texts(world.backend, "Айгерим")) == 1
    world.later(23 * HOUR_MS)
    assert "29.11.2025 12:00" in texts(world.backend, "Айгерим")[-1]


def test_a_term_of_a_day_or_less_has_no_reminder(world: World) -> None:
    world.backend.order("KZ1", 7, "Айгерим")
    world.told("stored", parcel="KZ1", until_ms=NOON_MS + 24 * HOUR_MS)
    world.later(1)
    assert len(texts(world.backend, "Айгерим")) == 1


def test_nobody_is_reminded_of_what_was_collected(world: World) -> None:
    world.store()
    world.told("collected", parcel="KZ1")
    world.later(TERM_MS - HOUR_MS)
    assert len(texts(world.backend, "Айгерим")) == 1


@pytest.mark.parametrize("late_ms", [LATE_MS, LATE_MS + 1])
def test_an_sms_that_goes_out_late_costs_its_buyer_nothing_of_the_term(world: World, late_ms: int) -> None:
    world.backend.order("KZ1", 7, "Айгерим")
    world.told("stored", at_ms=NOON_MS - late_ms, parcel="KZ1")
    extensions = asked(world.backend, "Extend")
    if late_ms == LATE_MS:
        assert extensions == []
    else:
        assert [each.do.expires_ms for each in extensions] == [NOON_MS + TERM_MS]  # type: ignore[union-attr]
        assert "Хранится до 28.11.2025 12:00" in texts(world.backend, "Айгерим")[0]
    assert (
        world.backend.orders["KZ1"].expires_ms == NOON_MS - late_ms + TERM_MS
    )  # until the locker says otherwise


def test_a_locker_offline_for_longer_than_the_term_gives_the_whole_term_from_the_sms_on(world: World) -> None:
    world.backend.order("KZ1", 7, "Айгерим")
    world.now_ms += TERM_MS + HOUR_MS
    world.write("stored", at_ms=NOON_MS, parcel="KZ1")
    world.write("expired", at_ms=NOON_MS + TERM_MS, parcel="KZ1")
    world.sync()
    (extension,) = asked(world.backend, "Extend")
    assert (world.backend.refunds, len(texts(world.backend, "Айгерим"))) == ([], 1)  # nothing is certain yet
    world.write("extended", parcel="KZ1", until_ms=world.now_ms + TERM_MS)
    world.write("command", command=extension.id, parcel="KZ1", why="done")
    world.sync()
    assert (world.backend.orders["KZ1"].stage, world.backend.refunds) == (Stage.STORED, [])
    assert world.backend.due_commands() == []
    world.told("collected", parcel="KZ1")
    assert (world.backend.refunds, world.backend.alarms) == ([], [])


# --- waiting for the locker


def test_a_silent_locker_makes_the_order_wait_and_only_its_entry_ends_that(world: World) -> None:
    world.store()
    order = world.backend.orders["KZ1"]
    world.later(TERM_MS + SILENT_MS)
    assert not order.waits
    world.later(1)
    assert (order.waits, order.stage, world.backend.refunds) == (True, Stage.STORED, [])
    world.later(30 * 24 * HOUR_MS)
    world.told("wrong_code")
    assert order.waits
    world.told("collected", at_ms=NOON_MS + HOUR_MS, parcel="KZ1")
    assert (order.waits, order.stage, world.backend.refunds, world.backend.alarms) == (
        False,
        Stage.COLLECTED,
        [],
        [],
    )


def test_an_extension_ends_the_waiting_too(world: World) -> None:
    world.store()
    world.later(TERM_MS + SILENT_MS + 1)
    world.told("extended", parcel="KZ1", until_ms=world.now_ms + HOUR_MS)
    assert not world.backend.orders["KZ1"].waits


# --- extension and cancellation


def test_a_buyer_puts_the_end_off_so_often_and_only_the_entry_makes_it_so(world: World) -> None:
    world.backend.order("KZ1", 7, "Айгерим")
    with pytest.raises(ValueError, match="KZ1: no term runs"):
        world.backend.extend("KZ1")
    world.told("stored", parcel="KZ1")
    for times in range(EXTENSIONS_MAX):
        extension = world.backend.extend("KZ1")
        with pytest.raises(ValueError, match="or is now"):  # one at a time
            world.backend.extend("KZ1")
        until_ms = NOON_MS + TERM_MS + (times + 1) * EXTENDED_H * HOUR_MS
        assert [each.do.expires_ms for each in asked(world.backend, "Extend")] == [until_ms]  # type: ignore[union-attr]
        assert world.backend.orders["KZ1"].expires_ms == until_ms - EXTENDED_H * HOUR_MS
        world.told("extended", parcel="KZ1", command=extension.id, until_ms=until_ms)
        world.told("command", parcel="KZ1", command=extension.id, why="done")
        assert world.backend.orders["KZ1"].expires_ms == until_ms
    with pytest.raises(ValueError, match=f"KZ1: .* put off {EXTENSIONS_MAX} times"):
        world.backend.extend("KZ1")


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.DONE])
def test_an_extension_that_is_refused_is_none_and_its_buyer_may_ask_again(world: World, outcome: str) -> None:
    world.store()
    for _ in range(EXTENSIONS_MAX + 2):
        extension = world.backend.extend("KZ1")
        assert not world.backend.may_extend(world.backend.orders["KZ1"])
        world.told("command", parcel="KZ1", command=extension.id, why=outcome)
        assert world.backend.orders["KZ1"].extended == 0
    assert world.backend.may_extend(world.backend.orders["KZ1"])


def test_an_extension_that_the_locker_never_heard_of_is_none_either(world: World) -> None:
    world.store()
    extension = world.backend.extend("KZ1", hours=48)
    over_ms = world.backend.books.commands[extension.id].not_after_ms + CLOCKS_MS
    world.told("wrong_code", at_ms=over_ms)
    assert not world.backend.may_extend(world.backend.orders["KZ1"])
    world.told("wrong_code", at_ms=over_ms + 1)
    assert world.backend.may_extend(world.backend.orders["KZ1"])


def test_a_term_that_the_backend_itself_puts_off_costs_its_buyer_nothing(world: World) -> None:
    world.backend.order("KZ1", 7, "Айгерим")
    world.now_ms += HOUR_MS
    world.told("stored", at_ms=NOON_MS, parcel="KZ1")  # so late an SMS
    (extension,) = asked(world.backend, "Extend")
    order = world.backend.orders["KZ1"]
    assert world.backend.may_extend(order)  # at the same time, too
    world.told("extended", parcel="KZ1", command=extension.id, until_ms=world.now_ms + TERM_MS)
    assert (order.extended, world.backend.may_extend(order)) == (0, True)


@pytest.mark.parametrize("outcome", ["too_late", "not_allowed", "no_such_parcel"])
def test_an_extension_that_is_refused_lets_the_money_go(world: World, outcome: str) -> None:
    world.store()
    extension = world.backend.extend("KZ1")
    world.told("expired", parcel="KZ1")
    assert world.backend.refunds == []
    world.told("command", command=extension.id, parcel="KZ1", why=outcome)
    assert [refund.seq for refund in world.backend.refunds] == [2]
    assert len(texts(world.backend, "Айгерим")) == 3  # code, expiry, refund


def test_an_extension_that_never_came_lets_the_money_go_once_it_can_come_no_more(world: World) -> None:
    world.store()
    world.backend.extend("KZ1")
    until_ms = world.backend.books.commands[world.backend.due_commands()[0].id].not_after_ms
    world.told("expired", at_ms=until_ms, parcel="KZ1")
    world.told("wrong_code", at_ms=until_ms + CLOCKS_MS)
    assert world.backend.refunds == []
    world.told("wrong_code", at_ms=until_ms + CLOCKS_MS + 1)
    assert len(world.backend.refunds) == 1
    world.now_ms = until_ms + 1
    assert world.backend.due_commands() == []


def test_what_was_withdrawn_cannot_be_extended_any_more(world: World) -> None:
    world.store()
    world.backend.extend("KZ1")
    for kind in ("expired", "withdrawn"):
        world.told(kind, parcel="KZ1")
    assert (len(world.backend.refunds), world.backend.orders["KZ1"].stage) == (1, Stage.WITHDRAWN)


def test_extended_after_its_refund_is_an_alarm(world: World) -> None:
    world.store()
    world.told("expired", parcel="KZ1")
    world.told("extended", parcel="KZ1", until_ms=NOON_MS)
    assert world.backend.alarms == ["entry 3: KZ1 was extended after its refund"]


@pytest.mark.parametrize("stored", [False, True])
def test_a_cancellation_is_the_lockers_entry_and_leaves_something_to_fetch_or_nothing(
    world: World, stored: bool
) -> None:
    world.backend.order("KZ1", 7, "Айгерим")
    if stored:
        world.told("stored", parcel="KZ1")
    command = world.backend.cancel("KZ1")
    assert (len(asked(world.backend, "Cancel")), world.backend.refunds) == (1, [])
    world.told("cancelled", parcel="KZ1")
    world.told("command", command=command.id, parcel="KZ1", why="done")
    assert len(world.backend.refunds) == 1
    assert texts(world.backend, "Айгерим")[-2] == "Заказ KZ1 отменён. Деньги вернутся на Kaspi Gold."
    order = world.backend.orders["KZ1"]
    assert (order.stage, order.has_ended) == (Stage.CANCELLED, not stored)
    if stored:
        world.told("withdrawn", parcel="KZ1")
    assert len(world.backend.refunds) == 1
    with pytest.raises(ValueError, match="KZ1: is"):
        world.backend.cancel("KZ1")


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("before", ["stored", "suspect"])
def test_what_was_cancelled_with_its_parcel_inside_is_still_fetched(
    world: World, direction: Direction, before: str
) -> None:
    """Also where no buyer was ever told of it: a sender's parcel, or one that may lie there."""
    order = world.backend.order("KZ1", 7, "Айгерим", direction=direction)
    world.told(before, parcel="KZ1")
    world.told("cancelled", parcel="KZ1", command=world.backend.cancel("KZ1").id)
    assert (order.stage, order.has_ended, world.backend.taken_cells()) == (Stage.CANCELLED, False, {7})
    if Purpose.WITHDRAWAL not in order.grants:
        world.backend.withdraw("KZ1")
    world.told("withdrawn", parcel="KZ1")
    assert (order.has_ended, world.backend.taken_cells()) == (True, set())


def test_what_nobody_ordered_is_no_order_to_cancel(world: World) -> None:
    """A cell that is kept for a parcel makes no order of it."""
    world.backend.command(commands.reserve("KZ1", "Kaspi Gold", size="M"))
    with pytest.raises(ValueError, match="KZ1: is not ordered"):
        world.backend.cancel("KZ1")
    assert asked(world.backend, "Cancel") == []


# --- money, and people who decide


def test_the_money_comes_from_one_account_and_goes_back_to_it_once(world: World) -> None:
    bank = world.backend.bank
    world.store("KZ1", "Kaspi Red")
    assert bank.balance("Айгерим", "Kaspi Red") == OPENING_TENGE - PRICE_TENGE
    for kind in ("expired", "withdrawn"):
        world.told(kind, parcel="KZ1")
    assert bank.balance("Айгерим", "Kaspi Red") == OPENING_TENGE
    assert bank.balance("Айгерим", "Kaspi Gold") == OPENING_TENGE


def test_a_bank_does_nothing_twice_under_one_key() -> None:
    bank = Bank()
    bank.move("refund KZ1", Payment("Айгерим", "Kaspi Gold", 5))
    bank.move("refund KZ1", Payment("Айгерим", "Kaspi Gold", 5))
    assert bank.balance("Айгерим", "Kaspi Gold") == OPENING_TENGE + 5
    with pytest.raises(ValueError, match="refund KZ1: is"):
        bank.move("refund KZ1", Payment("Айгерим", "Kaspi Red", 5))


@pytest.mark.parametrize("refund", [False, True])
def test_a_person_decides_a_dispute(world: World, refund: bool) -> None:
    world.store()
    with pytest.raises(ValueError, match="KZ1: there is nothing to decide"):
        world.backend.decide("KZ1", refund=True)
    world.told("disputed", parcel="KZ1", why="not_there")
    assert [order.waybill for order in world.backend.held()] == ["KZ1"]
    assert world.backend.refunds == []
    world.backend.decide("KZ1", refund=refund)
    assert (len(world.backend.refunds), world.backend.held()) == (int(refund), [])
    with pytest.raises(ValueError, match="nothing to decide"):
        world.backend.decide("KZ1", refund=True)
    world.told("withdrawn", parcel="KZ1")
    assert len(world.backend.refunds) == 1  # the goods are back


# --- what couriers and shops do


def test_work_lists_and_the_way_back_to_the_shop(world: World) -> None:
    backend = world.backend
    backend.order("KZ1", 7, "Айгерим", courier="Ерлан")
    backend.order("KZ2", 8, "Айгерим", direction=Direction.OUTBOUND)
    assert backend.work("Ерлан") == [Errand(Purpose.DEPOSIT, "KZ1", 7)]
    assert backend.work("Айгерим") == []  # a sender is no courier
    world.told("stored", parcel="KZ1")
    assert backend.work("Ерлан") == []
    world.told("expired", parcel="KZ1")
    backend.withdraw("KZ1", "Ерлан")
    assert backend.work("Ерлан") == [Errand(Purpose.WITHDRAWAL, "KZ1", 7)]
    with pytest.raises(ValueError, match="KZ1: is not on its way back"):
        backend.confirm_return("KZ1")
    world.told("withdrawn", parcel="KZ1")
    assert (backend.work("Ерлан"), [order.waybill for order in backend.returns()]) == ([], ["KZ1"])
    backend.confirm_return("KZ1")
    assert (backend.returns(), backend.orders["KZ1"].returned_ms) == ([], NOON_MS)
    with pytest.raises(ValueError, match="is not on its way back"):
        backend.confirm_return("KZ1")


# --- keys


def test_another_key_signs_from_its_moment_on_and_not_before_the_locker_knows_it(world: World) -> None:
    backend, following = world.backend, Signer(bytes(32), "backend-2")
    command = backend.rotate(following, NOON_MS + HOUR_MS)
    (both,) = asked(backend, "Rotate")
    assert [key.id for key in both.do.keys] == ["backend-1", "backend-2"]  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="backend-3: backend-1 is being replaced"):
        backend.rotate(Signer(bytes(32), "backend-3"), 0)
    world.later(2 * HOUR_MS)
    assert backend.signer is SIGNER  # the locker has not said that it knows the other
    world.told("command", command=command.id, why="done")
    world.later(1)
    assert backend.signer is following
    keyring = Keyring({"backend-2": following.public})
    (retired,) = [open_signed(each.object, keyring) for each in backend.due_commands()]
    assert isinstance(retired, Commanded)
    assert [key.id for key in retired.do.keys] == ["backend-2"]  # type: ignore[union-attr]


def test_a_known_key_waits_for_its_moment(world: World) -> None:
    command = world.backend.rotate(Signer(bytes(32), "backend-2"), NOON_MS + HOUR_MS)
    world.told("command", command=command.id, why="done")
    world.later(HOUR_MS - 1)
    assert world.backend.signer is SIGNER
    world.later(1)
    assert world.backend.signer.key_id == "backend-2"


def keys_in(told: Commanded) -> list[str]:
    return [key.id for key in told.do.keys]  # type: ignore[union-attr]


def test_a_rotation_that_the_locker_refused_is_asked_for_again_and_nobody_else_rotates_meanwhile(
    world: World,
) -> None:
    backend, following = world.backend, Signer(bytes(32), "backend-2")
    both = Keyring({"backend-1": SIGNER.public, "backend-2": following.public})
    first = backend.rotate(following, NOON_MS)
    world.told("command", command=first.id, why=Outcome.CLOCK_UNSURE.value)
    assert backend.due_commands() == []
    world.later(1)
    (again,) = asked(backend, "Rotate")
    assert (again.id == first.id, keys_in(again)) == (False, ["backend-1", "backend-2"])
    world.told("command", command=again.id, why="done")
    world.later(1)
    assert backend.signer is following
    for refused in (Outcome.STORAGE_FAILED, None):  # the old key is still believed, until it is done
        (retired,) = [open_signed(each.object, both) for each in backend.due_commands()]
        assert isinstance(retired, Commanded)
        assert keys_in(retired) == ["backend-2"]
        with pytest.raises(ValueError, match="backend-3: backend-2 is being replaced"):
            backend.rotate(Signer(bytes(32), "backend-3"), 0)
        world.told("command", command=retired.id, why=refused.value if refused else "done")
        world.later(1)
    assert backend.due_commands() == []
    assert not backend.keys.is_under_way


def test_what_has_no_answer_yet_is_signed_anew_as_the_same_command(world: World) -> None:
    """Under the key that has left it would be refused, and the order never cancelled."""
    backend, following = world.backend, Signer(bytes(32), "backend-2")
    world.store()
    cancel, rotate = backend.cancel("KZ1"), backend.rotate(following, NOON_MS)
    before = open_signed(cancel.object, KEYRING)
    world.told("command", command=rotate.id, why="done")
    world.later(1)
    due = {each.id: each.object for each in backend.due_commands()}
    assert open_signed(due[cancel.id], Keyring({"backend-2": following.public})) == before
    assert open_signed(due[cancel.id], KEYRING) is Outcome.UNKNOWN_KEY


NEXT = Signer(bytes(32), "backend-2")
PHASES = ["asked", "refused", "both known", "retiring", "over"]


def rotating(world: World, phase: str) -> None:
    """Bring a rotation, which begins an hour after noon, into one of its phases."""
    command = world.backend.rotate(NEXT, NOON_MS + HOUR_MS)
    if phase == "refused":
        world.told("command", command=command.id, why="clock_unsure")
    if phase in PHASES[2:]:
        world.told("command", command=command.id, why="done")
    if phase in PHASES[3:]:
        world.later(HOUR_MS)
        (retired,) = world.backend.due_commands()
        if phase == "over":
            world.told("command", command=retired.id, why="done")
            world.later(1)


def started_again(world: World, path: Path, *given: Signer) -> World:
    """The process ends and another one opens the same database, with these keys."""
    world.backend.close()
    again = World(given=given, database=Database(path))
    again.now_ms, again.book = world.now_ms, world.book
    return again


def rotated(world: World) -> tuple[str, list[list[str]]]:
    """Who signs at the end, and what the locker, which does as it is told, was told of keys on the way."""
    told: list[list[str]] = []
    for _ in range(3):
        world.later(HOUR_MS)
        keyring = Keyring({"backend-1": SIGNER.public, "backend-2": NEXT.public})
        for each in world.backend.due_commands():
            said = open_signed(each.object, keyring)
            assert isinstance(said, Commanded)
            told.append(keys_in(said))
            world.told("command", command=each.id, why="done")
    return world.backend.signer.key_id, told


@pytest.mark.parametrize(
    ("phase", "signs", "told"),
    [
        ("asked", "backend-1", [["backend-1", "backend-2"], ["backend-2"]]),
        ("refused", "backend-1", [["backend-1", "backend-2"], ["backend-2"]]),
        ("both known", "backend-1", [["backend-2"]]),
        ("retiring", "backend-2", [["backend-2"]]),
        ("over", "backend-2", []),
    ],
)
@pytest.mark.parametrize("given", [(SIGNER, NEXT), (NEXT, SIGNER)])
def test_a_rotation_goes_on_in_a_backend_that_starts_again(
    tmp_path: Path, phase: str, signs: str, told: list[list[str]], given: tuple[Signer, Signer]
) -> None:
    path = tmp_path / "backend.db"
    world = World(Database(path))
    rotating(world, phase)
    assert world.backend.signer.key_id == signs
    again = started_again(world, path, *given)
    assert (again.backend.signer.key_id, again.backend.alarms) == (signs, [])
    assert again.backend.keys.is_under_way is (phase != "over")
    assert rotated(again) == ("backend-2", told)
    assert not again.backend.keys.is_under_way
    again.backend.close()


def test_a_known_key_waits_for_its_moment_also_in_a_backend_that_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "backend.db"
    world = World(Database(path))
    rotating(world, "both known")
    again = started_again(world, path, SIGNER, NEXT)
    again.later(HOUR_MS - 1)
    assert again.backend.signer is SIGNER
    again.later(1)
    assert again.backend.signer is NEXT
    again.backend.close()


@pytest.mark.parametrize(
    ("phase", "given", "lacks"),
    [
        ("asked", SIGNER, "backend-2"),
        ("both known", SIGNER, "backend-2"),
        ("both known", NEXT, "backend-1"),
        ("both known", Signer(b"x" * 32, "backend-1"), "backend-1"),  # another's, of that name
        ("retiring", SIGNER, "backend-2"),
        ("over", SIGNER, "backend-2"),
    ],
)
def test_a_backend_that_lacks_a_key_asks_for_it_by_its_name_once_and_goes_on_when_it_has_it(
    tmp_path: Path, phase: str, given: Signer, lacks: str
) -> None:
    path = tmp_path / "backend.db"
    world = World(Database(path))
    rotating(world, phase)
    before = [each.id for each in world.backend.due_commands()]
    for _ in range(2):
        world = started_again(world, path, given)
        world.later(HOUR_MS)
        asked_for = [each for each in world.backend.alarms if lacks in each]
        assert asked_for == [f"the key {lacks} is needed, and was not given"]
        assert [each.id for each in world.backend.due_commands()] == before  # and goes no further
        with pytest.raises(ValueError, match="is being replaced" if phase != "over" else "goes by that name"):
            world.backend.rotate(Signer(b"3" * 32, given.key_id), 0)
    world = started_again(world, path, SIGNER, NEXT)
    assert rotated(world)[0] == "backend-2"
    world.backend.close()


def test_a_change_of_keys_that_fails_has_not_happened(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rotating(world, "both known")
    monkeypatch.setattr(Books, "put_command", lambda *_: 1 / 0)
    world.now_ms += HOUR_MS
    with pytest.raises(ZeroDivisionError):
        world.backend.pass_time()
    assert world.backend.signer is SIGNER
    monkeypatch.undo()
    assert rotated(world) == ("backend-2", [["backend-2"]])


def test_a_cell_that_was_kept_and_is_not_wanted_any_more_calls_nobody(world: World) -> None:
    keep = world.backend.command(commands.reserve("KZ9", "", cell=3))
    world.told("reserved", cell=3, parcel="KZ9", command=keep.id)
    drop = world.backend.command(commands.cancel("KZ9"))
    world.told("cancelled", cell=3, parcel="KZ9", command=drop.id)
    assert world.backend.alarms == []
    world.told("cancelled", cell=4, parcel="KZ8", command="nobody-asked")
    assert world.backend.alarms == ["entry 3: KZ8 is cancelled, and nobody ordered it"]


def test_a_backend_from_a_copy_calls_nobody_for_a_command_that_it_may_have_forgotten(
    world: World, tmp_path: Path
) -> None:
    world.backend.backup(tmp_path / "copy")
    keep = world.backend.command(commands.reserve("KZ9", "", cell=3))
    drop = world.backend.command(commands.cancel("KZ9"))
    world.write("reserved", cell=3, parcel="KZ9", command=keep.id)
    world.write("cancelled", cell=3, parcel="KZ9", command=drop.id)
    world.backend.restore(tmp_path / "copy")
    world.sync()
    assert world.backend.alarms == []
    world.told("cancelled", cell=4, parcel="KZ8")  # by no command at all
    assert world.backend.alarms == ["entry 3: KZ8 is cancelled, and nobody ordered it"]


# --- what outlives a crash, and what a loss


def everything(backend: Backend) -> tuple[object, ...]:
    books = backend.books
    return (
        *(books.orders, books.phones, books.refunds, books.people, books.commands, books.alarms),
        *(books.counters, books.codes, backend.ledger.rows, [each.epoch for each in backend.closed]),
    )


def test_a_backend_that_starts_again_knows_what_it_knew(tmp_path: Path) -> None:
    bank = Bank()
    world = World(Database(tmp_path / "backend.db"), bank)
    world.store()
    world.backend.extend("KZ1")
    world.told("disputed", parcel="KZ1")
    world.backend.decide("KZ1", refund=True)
    world.backend.alarm("somebody, look")
    world.backend.grants()
    world.backend.begin_epoch(2)
    before = everything(world.backend)
    world.backend.close()
    again = World(Database(tmp_path / "backend.db"), bank)
    assert everything(again.backend) == before
    assert bank.balance("Айгерим", "Kaspi Gold") == OPENING_TENGE
    for alarm in list(again.backend.alarms):
        again.backend.answer_alarm(alarm)
    again.backend.close()
    last = World(Database(tmp_path / "backend.db"))
    assert last.backend.alarms == []
    last.backend.close()


def test_a_batch_whose_last_entry_fails_leaves_nothing_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.backend.order("KZ1", 7, "Айгерим")
    before = copy.deepcopy(everything(world.backend))
    world.write("stored", parcel="KZ1")
    world.write("expired", parcel="KZ1")
    monkeypatch.setattr("sim.backend.custody.words.refund", lambda order: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.sync()
    assert everything(world.backend) == before
    monkeypatch.undo()
    world.sync()
    assert len(world.backend.refunds) == 1


def test_a_second_refund_is_refused_by_the_database_itself(world: World) -> None:
    world.store()
    world.told("expired", parcel="KZ1")
    with pytest.raises(apsw.ConstraintError), world.backend.books.change():
        world.backend.books.add_refund(world.backend.refunds[0])
    assert len(world.backend.refunds) == 1


def test_another_programs_or_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "backend.db"
    path.write_bytes(b"no database, but long enough to be looked at" * 50)
    with pytest.raises(DatabaseError, match=r"backend\.db: "):
        Database(path)
    path.unlink()
    Database(path).close()
    with apsw.Connection(str(path)) as newer:
        newer.pragma("user_version", VERSION + 1)
    newer.close()
    with pytest.raises(DatabaseError, match=f"has version {VERSION + 1}"):
        Database(path)


def test_where_entries_are_lost_a_person_decides_of_every_open_order(world: World) -> None:
    for waybill in ("KZ1", "KZ2", "KZ3"):
        world.store(waybill)
    world.told("collected", parcel="KZ3")
    world.backend.lose_entries()
    world.backend.begin_epoch(2)
    world.book = Book(epoch=2)
    world.told("expired", parcel="KZ1")
    world.told("collected", parcel="KZ2")
    assert (world.backend.refunds, world.backend.alarms) == (
        [],
        ["entries of the journal are lost", "epoch 2: what the locker had not told is lost"],
    )
    assert [order.waybill for order in world.backend.held()] == ["KZ1"]
    assert world.backend.orders["KZ1"].held is Hold.LOST
    world.backend.decide("KZ1", refund=True)
    assert [(refund.waybill, refund.epoch, refund.seq) for refund in world.backend.refunds] == [("KZ1", 2, 1)]


def test_commands_of_an_epoch_that_is_over_are_waited_for_no_more(world: World) -> None:
    world.store()
    world.backend.extend("KZ1")
    world.backend.begin_epoch(2)
    world.book = Book(epoch=2)
    world.told("started")
    assert {command.outcome for command in world.backend.books.commands.values()} == {Outcome.TOO_LATE}


@pytest.mark.parametrize("restored", [False, True])
def test_only_a_backend_from_a_copy_takes_missing_entries_for_lost(
    world: World, tmp_path: Path, restored: bool
) -> None:
    """A broker that withholds messages must not be able to end an epoch, nor a single lost one."""
    world.store()
    world.backend.backup(tmp_path / "copy.db")
    for _ in range(3):
        world.told("wrong_code")
    if restored:
        world.backend.restore(tmp_path / "copy.db")
    else:
        for _ in range(3):
            world.write("wrong_code")
    rows = world.book.rows[-1:]
    link, published = Link(world.backend, lambda: 0.0), list[bytes]()
    link.attach(lambda topic, payload: published.append(payload))
    demanded = []
    for number in range(1, GAPS_MAX + 1):
        last = rows[-1]
        place = ["0123", 1, last.seq, last.hash, f"{number:032x}"]
        covered = b"postomat/v1/hello\n" + json.dumps(place, separators=(",", ":")).encode()
        signature = JOURNAL_KEY.sign(covered).hex()
        hello = Hello("0123", 1, last.seq, last.hash, f"{number:032x}", signature, 0, {"M": 4}, "1.0")
        link.receive(link.topics.hello, encode(hello))
        for _ in range(GAPS_MAX):  # behind one hello once is as good as often
            link.receive(
                link.topics.journal, encode(Journal(tuple(rows), last.seq, head_of(rows, world.book)))
            )
        said = [open_signed(each, KEYRING) for each in published]
        events = [each.event for each in said if isinstance(each, Answering)]
        demanded.append(any(isinstance(each, EpochDemanded) for each in events))
    assert demanded == [False] * (GAPS_MAX - 1) + [restored]
    assert bool(world.backend.held()) is restored
    forged = Journal(tuple(rows), rows[-1].seq, head_of(rows, Book("0124")))
    assert not world.backend.may_lack(forged)
