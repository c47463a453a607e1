"""What the backend may order: lists of grants that are refused whole or taken whole, and the open command, at most once."""

from typing import Any

import pytest

from firmware.events import Answer, BeginEpoch, EpochDemanded, GrantedParcel, GrantedRight
from firmware.model import Action, Direction, DoorState, EntryKind, Outcome, ParcelState, Purpose, ScreenName
from firmware.notices import Notice
from firmware.rows import Grant, Parcel, Use
from tests.core.harness import HOUR_MS, Mind, digest, right

MONTH_H = 30 * 24
ONE = GrantedParcel("KZ1", 1)


@pytest.fixture
def stored(mind: Mind) -> Mind:
    mind.order("KZ1", 1)
    mind.deposit("KZ1", 1)
    return mind


# The list


@pytest.mark.parametrize(
    ("refusal", "others"),
    [
        (Outcome.OLDER, {"version": 1}),
        (Outcome.OLDER, {"version": 0}),
        (Outcome.WRONG_LOCKER, {"locker": "0124"}),
        (Outcome.WRONG_EPOCH, {"epoch": 2}),
    ],
)
def test_a_list_that_is_not_ours_or_not_new_changes_nothing(
    mind: Mind, refusal: Outcome, others: dict[str, Any]
) -> None:
    mind.order("KZ1", 1)
    before, head = repr(mind.state.rows()), mind.store.head
    assert mind.grants([GrantedParcel("KZ2", 2)], [right(Purpose.PICKUP, "KZ2")], **others) is refusal
    assert (repr(mind.state.rows()), mind.store.head) == (before, head)


@pytest.mark.parametrize(
    ("parcels", "rights"),
    [
        ([GrantedParcel("KZ1", 5)], []),
        ([ONE], [right(Purpose.PICKUP, "KZ2")]),
        ([ONE], [right(Purpose.PICKUP, "KZ1", "KZ2")]),
        ([ONE], [GrantedRight("empty", Purpose.PICKUP, ())]),
    ],
    ids=["unknown cell", "unknown parcel", "one unknown parcel", "no parcel"],
)
def test_a_list_that_does_not_hold_together_changes_nothing(
    mind: Mind, parcels: list[GrantedParcel], rights: list[GrantedRight]
) -> None:
    before, head = repr(mind.state.rows()), mind.store.head
    assert mind.grants(parcels, rights) is Outcome.MALFORMED
    assert (repr(mind.state.rows()), mind.store.head) == (before, head)


def test_a_right_that_is_no_longer_listed_opens_nothing_and_is_explained_for_30_days(stored: Mind) -> None:
    mind = stored
    mind.grants([], [])
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.screen.notice is Notice.CODE_ENDED
    mind.press(Action.BACK)
    mind.utc_ms += MONTH_H * HOUR_MS
    mind.grants([], [])
    assert mind.state.find(Grant, digest(Purpose.PICKUP, "KZ1")) is not None
    mind.pass_ms(1)
    mind.sure = False
    mind.grants([], [])
    assert (
        mind.state.find(Grant, digest(Purpose.PICKUP, "KZ1")) is not None
    )  # an unsure clock forgets nothing
    mind.sure = True
    mind.grants([], [])
    assert list(mind.state.all(Grant)) == []
    assert mind.parcel("KZ1").inside  # a parcel that lies there is never forgotten
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.shows() is ScreenName.WRONG_CODE


def test_a_right_that_is_listed_again_works_again(stored: Mind) -> None:
    stored.grants([], [])
    stored.grants([], [right(Purpose.PICKUP, "KZ1")])
    stored.code(Purpose.PICKUP, "KZ1")
    assert stored.shows() is ScreenName.OPENING


def test_a_finished_parcel_goes_with_the_last_right_that_names_it(stored: Mind) -> None:
    mind = stored
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    mind.press(Action.CONFIRM)
    mind.advance(10)
    mind.grants([ONE], [right(Purpose.PICKUP, "KZ1")])
    mind.grants([], [])
    assert mind.state.find(Parcel, "KZ1") is not None
    mind.advance(3_600)  # its cell's quiet hour
    mind.utc_ms += MONTH_H * HOUR_MS + 1
    mind.grants([], [])
    assert (list(mind.state.all(Parcel)), list(mind.state.all(Use))) == ([], [])


def test_a_finished_parcel_stays_while_its_last_screen_does(stored: Mind) -> None:
    mind = stored
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    mind.press(Action.CONFIRM)
    same = GrantedRight(digest(Purpose.PICKUP, "KZ1"), Purpose.PICKUP, ("KZ2",), ("new",))
    deposit = GrantedRight(digest(Purpose.DEPOSIT, "KZ1"), Purpose.DEPOSIT, ("KZ2",), ("newer",))
    mind.grants([GrantedParcel("KZ2", 1)], [same, deposit])
    assert mind.state.find(Parcel, "KZ1") is not None
    mind.press(Action.BACK)
    mind.advance(3_600)
    mind.grants([], [same, deposit])
    assert mind.state.find(Parcel, "KZ1") is None


def test_an_expected_parcel_may_get_another_cell_and_a_stored_one_not(mind: Mind) -> None:
    mind.order("KZ1", 1)
    mind.order("KZ1", 2)
    assert mind.parcel("KZ1").cell == 2
    mind.deposit("KZ1", 2)
    mind.order("KZ1", 3)
    assert mind.parcel("KZ1").cell == 2


def test_a_deposit_whose_cell_jammed_goes_on_in_the_cell_of_the_next_list(mind: Mind) -> None:
    mind.order("KZ1", 1)
    mind.code(Purpose.DEPOSIT, "KZ1")
    mind.jam()
    assert (mind.screen.name, mind.screen.can_retry) == (ScreenName.NOT_OPENED, False)
    mind.order("KZ1", 2)
    assert mind.screen.can_retry
    mind.opens(1)  # too late for a deposit: nobody puts the parcel in there
    assert mind.door(1).state is DoorState.OPEN
    assert mind.shows() is ScreenName.WRONG_CELL
    mind.closes(1)
    mind.press(Action.AGAIN)
    assert mind.screen.cell == 2
    mind.unlock(2)
    mind.closes(2)
    assert (mind.parcel("KZ1").state, mind.parcel("KZ1").cell) == (ParcelState.STORED, 2)


def test_a_parcel_keeps_its_cell_while_it_is_being_put_in(mind: Mind) -> None:
    mind.order("KZ1", 1)
    mind.code(Purpose.DEPOSIT, "KZ1")
    mind.order("KZ1", 2)
    mind.unlock(1)
    mind.advance(60)
    assert mind.door(1).state is DoorState.OVERDUE
    mind.order("KZ1", 2)
    mind.closes(1)
    assert (mind.parcel("KZ1").state, mind.parcel("KZ1").cell) == (ParcelState.STORED, 1)


def test_one_more_try_under_a_grant_that_names_other_parcels_now_ends(stored: Mind) -> None:
    mind = stored
    mind.code(Purpose.PICKUP, "KZ1")
    mind.jam()
    changed = GrantedRight(digest(Purpose.PICKUP, "KZ1"), Purpose.PICKUP, ("KZ2",), ("new",))
    mind.grants([ONE, GrantedParcel("KZ2", 2)], [changed])
    assert mind.press(Action.AGAIN) is Outcome.DONE
    assert (mind.shows(), mind.pulses) == (ScreenName.IDLE, [])


def test_the_backends_own_deadline_stands(mind: Mind) -> None:
    soon_ms = mind.utc_ms + 2 * HOUR_MS
    rights = [right(Purpose.DEPOSIT, "KZ1"), right(Purpose.PICKUP, "KZ1")]
    mind.grants([GrantedParcel("KZ1", 1, expires_ms=soon_ms)], rights)
    mind.deposit("KZ1", 1)
    assert mind.parcel("KZ1").expires_ms == soon_ms
    later_ms = soon_ms + HOUR_MS
    mind.grants([GrantedParcel("KZ1", 1, expires_ms=later_ms)], rights)
    assert mind.parcel("KZ1").expires_ms == later_ms
    mind.advance(3 * 3_600)
    assert mind.parcel("KZ1").state is ParcelState.EXPIRED


@pytest.mark.parametrize("opened", [False, True])
def test_a_later_deadline_of_a_parcel_in_hand_counts_where_it_falls_back(mind: Mind, opened: bool) -> None:
    rights = [right(Purpose.DEPOSIT, "KZ1"), right(Purpose.PICKUP, "KZ1")]
    mind.grants([ONE], rights)
    mind.deposit("KZ1", 1)
    later_ms = (mind.parcel("KZ1").expires_ms or 0) + HOUR_MS
    mind.code(Purpose.PICKUP, "KZ1")
    if opened:
        mind.opens(1)
    mind.grants([GrantedParcel("KZ1", 1, expires_ms=later_ms)], rights)
    if opened:
        mind.closes(1, after_s=1)  # and nobody says anything
        mind.advance(20)
    else:
        mind.jam()
    assert (mind.parcel("KZ1").state, mind.parcel("KZ1").expires_ms) == (ParcelState.STORED, later_ms)


def test_a_new_epoch_is_demanded_by_its_locker_and_its_number(mind: Mind) -> None:
    before = repr(mind.state.rows())
    assert mind.ask(EpochDemanded("0124", 1, 2)) is Outcome.WRONG_LOCKER
    assert mind.ask(EpochDemanded("0123", 2, 3)) is Outcome.WRONG_EPOCH
    assert mind.ask(EpochDemanded("0123", 1, 1)) is Outcome.WRONG_EPOCH
    assert mind.ask(EpochDemanded("0123", 1, 2, 9, "aa", own="aa")) is Outcome.MISMATCH  # we have it
    assert repr(mind.state.rows()) == before
    effects = mind.play(EpochDemanded("0123", 1, 2, 9, "aa", own="bb"))
    assert effects == [Answer(Outcome.DONE), BeginEpoch(2)]
    assert mind.last(EntryKind.EPOCH).count == 2


def test_the_first_list_of_an_epoch_says_what_lies_where(mind: Mind) -> None:
    """A locker whose memory was lost opens nothing until then; from there on it goes on as before."""
    mind.state.locker.listed = False
    rights = [right(Purpose.PICKUP, "KZ1"), right(Purpose.DEPOSIT, "KZ2")]
    parcels = [GrantedParcel("KZ1", 1, state=ParcelState.STORED), GrantedParcel("KZ2", 2)]
    mind.grants(parcels, rights)
    assert mind.state.locker.listed
    assert (mind.parcel("KZ1").state, mind.parcel("KZ1").inside) == (ParcelState.STORED, True)
    assert (mind.parcel("KZ2").state, mind.parcel("KZ2").inside) == (ParcelState.EXPECTED, False)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    mind.press(Action.CONFIRM)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED


def test_direction_and_account_follow_the_list(mind: Mind) -> None:
    mind.order("KZ1", 1)
    mind.grants([GrantedParcel("KZ1", 1, Direction.OUTBOUND, "Kaspi Red")], [])
    assert (mind.parcel("KZ1").direction, mind.parcel("KZ1").account) == (Direction.OUTBOUND, "Kaspi Red")
