"""What the backend tells of a list: the difference from what its locker has, in as many objects as it takes."""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.events import ChangesCame, Event, GrantsCame
from firmware.forms import PARCELS_MAX
from firmware.link.objects import OBJECT_MAX_BYTES
from firmware.link.topics import name_of
from firmware.model import Outcome, Purpose
from firmware.rows import Draft, Grant, Parcel
from firmware.signed import open_signed
from sim.backend import Backend, Database, Signer, lists
from sim.backend.listing import Listing
from tests.core.harness import Mind
from tests.sim.test_backend import KEYRING, NOON_MS, SIGNER, SITE, make

MANY = 300


class Both:
    """A backend, and the locker that it tells of its list."""

    def __init__(self, backend: Backend, mind: Mind) -> None:
        self.backend, self.mind = backend, mind
        self.listing = Listing(backend)
        self.said: list[Event] = []

    def step(self) -> Outcome | None:
        """Send the next object and bring its answer; None where there is nothing to say."""
        signed = self.listing.next()
        if signed is None:
            return None
        assert len(signed) <= OBJECT_MAX_BYTES
        event = open_signed(signed, KEYRING)
        assert isinstance(event, GrantsCame | ChangesCame)
        self.said.append(event)
        outcome = self.mind.ask(event)
        assert outcome is not None
        self.listing.answer(name_of(signed), outcome)
        return outcome

    def tell(self) -> list[Event]:
        """Until there is nothing more to say; what was said."""
        self.said.clear()
        while self.step() is not None:
            assert len(self.said) < 20
        assert self.listing.is_offered
        return self.said

    def order(self, *numbers: int) -> None:
        for number in numbers:
            self.backend.order(f"KZ{number}", number % 4 + 1, "Айгерим")

    def listed(self) -> tuple[set[str], set[str]]:
        """The names in the locker's list."""
        rows = self.mind.state
        parcels = {row.waybill for row in rows.all(Parcel) if row.listed is not None}
        return parcels, {row.id for row in rows.all(Grant) if row.unlisted_ms is None}

    def is_even(self) -> bool:
        """Whether the locker has the list that a full one would be now."""
        full = lists.contents(self.backend.site, self.backend.orders.values(), (), afresh=False)
        return self.listed() == tuple({each[key] for each in full[kind]} for kind, key in lists.NAMES.items())


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    mind = Mind(tmp_path / "state.db").start()
    yield Both(make(), mind)
    mind.store.close()


def kinds(said: list[Event]) -> list[tuple[str, bool]]:
    return [(type(each).__name__, each.more) for each in said if isinstance(each, GrantsCame | ChangesCame)]


def test_the_first_list_is_full_and_what_follows_is_the_difference(both: Both) -> None:
    both.order(1, 2)
    assert kinds(both.tell()) == [("GrantsCame", False)]
    both.order(3)
    (said,) = both.tell()
    assert isinstance(said, ChangesCame)
    assert (said.base, said.version, [each.waybill for each in said.parcels]) == (1, 2, ["KZ3"])
    assert [right.id for right in said.grants] == ["deposit-KZ3", "pickup-KZ3"]
    both.backend.withdraw("KZ1")
    (said,) = both.tell()
    assert isinstance(said, ChangesCame)
    assert (said.parcels, [right.id for right in said.grants]) == ((), ["withdrawal-KZ1"])
    assert both.is_even()


def test_nothing_is_said_where_nothing_is_different(both: Both) -> None:
    assert kinds(both.tell()) == [("GrantsCame", False)]  # an empty list is one, too
    both.listing.again()
    assert both.tell() == []
    assert both.mind.state.locker.grants_version == both.backend.version == 1


def test_a_long_list_goes_in_parts_and_a_long_difference_as_well(both: Both) -> None:
    both.order(*range(MANY))
    first, *rest = kinds(both.tell())
    assert first == ("GrantsCame", True)
    assert rest == [*[("ChangesCame", True)] * (len(rest) - 1), ("ChangesCame", False)]
    assert len(rest) > 1
    assert both.is_even()
    both.order(*range(MANY, MANY + 150))
    assert kinds(both.tell()) == [("ChangesCame", True), ("ChangesCame", False)]
    assert both.is_even()


def test_a_link_that_breaks_between_two_parts_goes_on_where_it_was(both: Both) -> None:
    both.order(*range(MANY))
    both.step()
    both.order(MANY)  # meanwhile
    again = Listing(both.backend)
    again.compare(both.mind.state.locker.grants_version)
    both.listing = again
    both.mind.start()
    assert both.listed() == (set(), set())
    assert {kind for kind, _ in kinds(both.tell())} == {"ChangesCame"}
    assert both.is_even()


def test_a_part_has_a_limit_of_items() -> None:
    small = {"parcels": [{"waybill": str(n), "cell": 1} for n in range(1_200)], "grants": []}
    part = lists.part(small, {})
    assert (len(part.told["parcels"]), part.is_last) == (lists.PART_MAX_ITEMS, False)
    assert lists.PART_MAX_ITEMS <= PARCELS_MAX
    rest = lists.part(small, part.after)
    assert (len(rest.told["parcels"]), rest.is_last) == (200, True)
    gone = lists.part({"parcels": [], "grants": []}, rest.after)
    assert (len(gone.told["gone_parcels"]), gone.is_last) == (lists.PART_MAX_ITEMS, False)


# When it is not known what the locker has


def test_another_list_than_we_think_is_cured_by_a_full_one(both: Both) -> None:
    both.order(1)
    both.tell()
    both.mind.state.locker.grants_version = 9
    both.order(2)
    outcomes = [both.step() for _ in range(12)]
    assert Outcome.OLDER in outcomes
    assert outcomes[-1] is None
    assert both.is_even()


def test_a_gap_is_cured_by_a_full_list(both: Both) -> None:
    both.order(1)
    both.tell()
    both.mind.state.locker.list_version = 0  # another release was here
    both.order(2)
    assert kinds(both.tell()) == [("ChangesCame", False), ("GrantsCame", False)]
    assert both.is_even()


def test_a_hello_that_names_another_version_asks_for_a_full_list(both: Both) -> None:
    both.order(1)
    both.tell()
    both.listing.compare(1)
    assert both.backend.books.listed_version == 1
    both.listing.compare(0)
    both.order(2)
    assert kinds(both.tell()) == [("GrantsCame", False)]


def test_a_new_epoch_and_a_copy_ask_for_a_full_list(both: Both, tmp_path: Path) -> None:
    both.order(1)
    both.tell()
    both.backend.backup(tmp_path / "copy.db")
    both.backend.restore(tmp_path / "copy.db")
    assert (both.backend.books.listed_version, both.backend.books.listed) == (0, {})
    assert kinds(both.tell()) == [("GrantsCame", False)]
    both.backend.begin_epoch(2)
    assert (both.backend.books.listed_version, both.backend.books.listed) == (0, {})


def test_what_the_locker_has_is_known_after_a_start(tmp_path: Path) -> None:
    def begun() -> Backend:
        return Backend(SITE, SIGNER, lambda: NOON_MS, random.Random(1), Database(tmp_path / "backend.db"))

    mind = Mind(tmp_path / "state.db").start()
    both = Both(begun(), mind)
    both.order(1)
    both.tell()
    both.backend.close()
    both = Both(begun(), mind)
    both.backend.order("KZ2", 2, "Ерлан")
    assert kinds(both.tell()) == [("ChangesCame", False)]
    both.backend.close()
    mind.store.close()


def test_a_refused_list_is_an_alarm_and_the_next_goes_on_from_what_the_locker_has(both: Both) -> None:
    both.order(1)
    both.tell()
    both.backend.order("KZ2", 7, "Айгерим")  # there is no such cell
    assert both.step() is Outcome.MALFORMED
    assert both.step() is None
    assert both.backend.alarms == ["a list was refused: malformed (version 2)"]
    assert both.listed() == ({"KZ1"}, {"deposit-KZ1", "pickup-KZ1"})
    both.listing.answer("of nothing on its way", Outcome.GAP)
    assert both.backend.books.listed_version == 1


def test_a_list_under_a_key_that_left_meanwhile_is_told_again_and_calls_nobody(both: Both) -> None:
    both.order(1)
    refused = both.listing.next()
    assert refused is not None
    both.backend.keys.signer = Signer(b"n" * 32, "next")
    assert not both.listing.answer(name_of(refused), Outcome.UNKNOWN_KEY)
    again = both.listing.next()
    assert again is not None
    assert both.backend.alarms == []
    both.listing.answer(
        name_of(again), Outcome.UNKNOWN_KEY
    )  # and where it knows none of ours, a person looks
    assert both.backend.alarms == ["a list was refused: unknown_key (version 2)"]
    assert both.listing.next() is None


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=4), max_size=6), st.data())
def test_a_backend_and_its_locker_have_the_same_list_in_the_end(
    story: list[list[tuple[int, bool]]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        mind = Mind(Path(folder, "state.db")).start()
        both = Both(make(), mind)
        for changes in story:
            for number, new in changes:
                waybill = f"KZ{number}"
                if new and waybill not in both.backend.orders:
                    both.order(number)
                elif (
                    waybill in both.backend.orders
                    and Purpose.WITHDRAWAL not in both.backend.orders[waybill].grants
                ):
                    both.backend.withdraw(waybill)
            match data.draw(st.sampled_from(["nothing", "lost", "another hello", "no wording"])):
                case "lost":  # its answer; what the locker has is older in our books
                    signed = both.listing.next()
                    if signed is not None:
                        mind.ask(open_signed(signed, KEYRING))  # type: ignore[arg-type]
                        both.listing.again()
                case "another hello":
                    both.listing.compare(mind.state.locker.grants_version)
                case "no wording":
                    mind.state.locker.list_version = 0
            both.tell()
            assert both.is_even()
            assert list(mind.state.all(Draft)) == []
        mind.store.close()
