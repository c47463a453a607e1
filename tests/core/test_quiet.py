"""The quiet hour: a cell that a buyer has emptied takes no deposit until nobody can be expected back for what was left in it."""

from pathlib import Path

import pytest

from firmware.config import Times
from firmware.events import Due, GrantedParcel
from firmware.model import Action, Outcome, ParcelState, Problem, Purpose, ScreenName
from firmware.notices import Notice
from firmware.rows import Parcel
from tests.core.harness import HOUR_MS, Mind, cabinet, right

ONE, TWO = GrantedParcel("KZ1", 1), GrantedParcel("KZ2", 1)


def offer(mind: Mind) -> None:
    """The next parcel is ordered into the same cell; nothing names the first one any more."""
    rights = [right(purpose, "KZ2") for purpose in (Purpose.DEPOSIT, Purpose.PICKUP)]
    assert mind.grants([TWO], rights) is Outcome.DONE


def is_offered(mind: Mind) -> bool:
    """Whether a courier with a parcel for cell 1 may put it in now; goes back to the idle screen."""
    mind.code(Purpose.DEPOSIT, "KZ2")
    if mind.shows() is ScreenName.OPENING:
        return True
    assert mind.screen.notice is Notice.CELL_QUIET
    assert (mind.screen.cell, mind.screen.date_ms, mind.pulses) == (None, None, [])
    mind.press(Action.BACK)
    return False


def pick_up(mind: Mind) -> Mind:
    mind.order("KZ1", 1)
    mind.deposit("KZ1", 1)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    return mind


@pytest.fixture
def emptied(mind: Mind) -> Mind:
    """Its buyer has confirmed, this very moment."""
    pick_up(mind).press(Action.CONFIRM)
    mind.press(Action.BACK)
    offer(mind)
    return mind


def test_the_cell_takes_no_deposit_for_an_hour(emptied: Mind) -> None:
    mind = emptied
    assert not is_offered(mind)
    mind.advance(3_599)
    assert not is_offered(mind)
    mind.advance(1)
    assert mind.parcel("KZ1").due_ms is None
    assert is_offered(mind)


def test_the_hour_begins_with_the_collection_and_not_with_the_door(mind: Mind) -> None:
    pick_up(mind).advance(600)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED
    offer(mind)
    mind.advance(3_599)
    assert not is_offered(mind)
    mind.advance(1)
    assert is_offered(mind)


def test_a_restart_does_not_shorten_it_and_another_boot_begins_it_whole(emptied: Mind) -> None:
    mind = emptied
    mind.advance(3_000)
    mind.start()
    mind.advance(560)
    assert not is_offered(mind)
    mind.mono_ms = 7
    mind.start("boot-2")
    mind.advance(3_596)
    assert not is_offered(mind)
    mind.advance(4)
    mind.start("boot-3")
    assert is_offered(mind)  # what is over does not begin anew


def test_a_door_that_opens_meanwhile_begins_it_anew(emptied: Mind) -> None:
    mind = emptied
    mind.advance(3_000)
    mind.opens(1)
    mind.closes(1)
    mind.advance(3_589)
    assert not is_offered(mind)
    mind.advance(1)
    assert is_offered(mind)


def test_the_door_of_another_cell_does_not(emptied: Mind) -> None:
    mind = emptied
    mind.advance(3_000)
    mind.opens(2)
    mind.closes(2)
    mind.advance(590)
    assert is_offered(mind)


def test_the_row_that_counts_the_hour_outlives_the_lists_that_named_it(emptied: Mind) -> None:
    mind = emptied
    mind.utc_ms += 31 * 24 * HOUR_MS
    offer(mind)
    assert mind.state.find(Parcel, "KZ1") is not None
    assert not is_offered(mind)
    mind.advance(3_600)
    offer(mind)
    assert mind.state.find(Parcel, "KZ1") is None


def test_the_first_list_of_an_epoch_begins_it_for_what_was_just_collected(mind: Mind) -> None:
    mind.state.locker.listed = False
    rights = [right(Purpose.DEPOSIT, "KZ2")]
    mind.grants([GrantedParcel("KZ1", 1, state=ParcelState.COLLECTED), TWO], rights)
    assert (mind.parcel("KZ1").state, mind.parcel("KZ1").inside) == (ParcelState.COLLECTED, False)
    mind.advance(3_599)
    assert not is_offered(mind)
    mind.advance(1)
    assert is_offered(mind)


def test_a_later_list_begins_it_for_nothing(mind: Mind) -> None:
    mind.grants([GrantedParcel("KZ1", 1, state=ParcelState.COLLECTED), TWO], [right(Purpose.DEPOSIT, "KZ2")])
    assert is_offered(mind)


def test_a_stale_end_ends_nothing(emptied: Mind) -> None:
    mind = emptied
    mind.play(Due("parcel", "KZ1", mind.parcel("KZ1").generation - 1))
    assert not is_offered(mind)


def test_a_courier_who_empties_it_leaves_no_hour(mind: Mind) -> None:
    mind.order("KZ1", 1, Purpose.WITHDRAWAL)
    mind.deposit("KZ1", 1)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    mind.press(Action.PROBLEM)
    mind.press(Action.REPORT, Problem.REFUSED)
    mind.press(Action.BACK)
    mind.code(Purpose.WITHDRAWAL, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    mind.press(Action.BACK)
    mind.door(1).blocked = None  # a technician has been there
    offer(mind)
    assert is_offered(mind)


def test_a_technician_is_awaited_before_the_hour_is_spoken_of(emptied: Mind) -> None:
    emptied.door(1).blocked = "jammed"
    emptied.code(Purpose.DEPOSIT, "KZ2")
    assert emptied.screen.notice is Notice.AWAITS_TECHNICIAN


@pytest.mark.parametrize(("quiet_s", "waits_s"), [(0, 0), (30, 30)])
def test_the_hour_is_the_configurations(tmp_path: Path, quiet_s: int, waits_s: int) -> None:
    mind = Mind(tmp_path / "state.db", cabinet(Times(quiet_after_pickup_s=quiet_s))).start()
    pick_up(mind).press(Action.CONFIRM)
    mind.press(Action.BACK)
    offer(mind)
    if waits_s:
        mind.advance(waits_s - 1)
        assert not is_offered(mind)
        mind.advance(1)
    assert is_offered(mind)
