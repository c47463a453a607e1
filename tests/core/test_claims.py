"""The locker claimed from the app: by what the screen has shown, one at a time, its own buyer's cells only, and freed by anybody."""

from pathlib import Path
from typing import Any

import pytest

from firmware.config import Times
from firmware.deeds import Claim, Leave
from firmware.events import GrantedParcel, KioskJoined, StorageChanged
from firmware.model import (
    Action,
    EntryKind,
    Fill,
    Outcome,
    ParcelState,
    Problem,
    Purpose,
    Screen,
    ScreenName,
    UseState,
)
from tests.core.harness import Mind, cabinet, digest, lost, right

# Alia's are KZ1 and KZ2, under two grants; KZ3 is Bolat's.
ALL = ("KZ1", "KZ2", "KZ3")
PARCELS = [GrantedParcel(waybill, cell) for cell, waybill in enumerate(ALL, 1)]
ALIAS = tuple(digest(Purpose.PICKUP, waybill) for waybill in ("KZ1", "KZ2"))
BOLATS = (digest(Purpose.PICKUP, "KZ3"),)


def filled(mind: Mind) -> Mind:
    rights = [right(purpose, each) for each in ALL for purpose in (Purpose.DEPOSIT, Purpose.PICKUP)]
    assert mind.grants(PARCELS, rights) is Outcome.DONE
    for parcel in PARCELS:
        mind.deposit(parcel.waybill, parcel.cell)
    return mind


@pytest.fixture
def full(mind: Mind) -> Mind:
    """Three parcels lie there, and nobody is at the screen."""
    return filled(mind)


@pytest.fixture
def by_screen(tmp_path: Path) -> Mind:
    """The same under the policy that opens nothing without the screen's code."""
    return filled(Mind(tmp_path / "by-screen.db", cabinet(remote_open="screen_qr")).start())


def claim(
    mind: Mind, grants: tuple[str, ...] = ALIAS, *, fresh: bool = True, **others: Any
) -> Outcome | None:
    return mind.told(Claim(grants, fresh), id=others.pop("id", "claim"), **others)


def leave(mind: Mind, of: str = "claim") -> Outcome | None:
    return mind.told(Leave(of))


def story(mind: Mind) -> list[str | None]:
    """How each claim began and ended, as the journal has it."""
    told = (EntryKind.CLAIMED, EntryKind.UNCLAIMED)
    return [f"{entry.command} {entry.why or entry.kind}" for entry in mind.entries if entry.kind in told]


def fetch(mind: Mind, cell: int, *, confirm: bool = True) -> None:
    """The door opens, one takes the parcel, and shuts it."""
    mind.unlock(cell)
    mind.closes(cell)
    if confirm:
        mind.press(Action.CONFIRM)


# One claims


def test_the_screen_asks_to_go_on_in_the_app_for_two_minutes(full: Mind) -> None:
    mind = full
    assert claim(mind) is Outcome.ACCEPTED
    assert mind.later == {"claim": Outcome.DONE}
    until_ms = mind.mono_ms + 120_000
    assert mind.screen == Screen(
        ScreenName.CLAIMED, purpose=Purpose.PICKUP, due_ms=until_ms, actions=(Action.BACK,)
    )
    assert story(mind) == ["claim claimed"]
    assert mind.last(EntryKind.COMMAND).why == Outcome.DONE
    assert claim(mind) is Outcome.DONE  # a duplicate gets the same answer
    mind.advance(119.999)
    assert mind.shows() is ScreenName.CLAIMED
    mind.advance(0.001)
    assert mind.shows() is ScreenName.IDLE
    assert story(mind) == ["claim claimed", "claim timeout"]
    assert mind.pulses == []


def test_the_time_is_the_configurations(tmp_path: Path) -> None:
    mind = filled(Mind(tmp_path / "state.db", cabinet(Times(claim_s=10))).start())
    claim(mind)
    mind.advance(10)
    assert mind.shows() is ScreenName.IDLE


@pytest.mark.parametrize(
    ("refusal", "others"),
    [
        (Outcome.STALE, {"fresh": False}),
        (Outcome.WRONG_LOCKER, {"locker": "0124"}),
        (Outcome.WRONG_EPOCH, {"epoch": 2}),
        (Outcome.TOO_EARLY, {"not_before_ms": 2**50}),
        (Outcome.TOO_LATE, {"not_after_ms": 5}),
        (Outcome.NO_SUCH_PARCEL, {"grants": ("nobody's",)}),
        (Outcome.NO_SUCH_PARCEL, {"grants": (digest(Purpose.DEPOSIT, "KZ1"),)}),
    ],
)
def test_a_claim_is_refused_for_good(full: Mind, refusal: Outcome, others: dict[str, Any]) -> None:
    assert claim(full, **others) is refusal
    assert full.shows() is ScreenName.IDLE
    assert claim(full) is refusal  # its id is used up
    assert (story(full), full.pulses) == ([], [])


def test_a_claim_by_an_unsure_clock_is_refused(full: Mind) -> None:
    full.sure = False
    assert claim(full) is Outcome.CLOCK_UNSURE


def test_with_a_full_disk_nothing_is_claimed(full: Mind) -> None:
    full.play(StorageChanged(True, Fill.OK, 1))
    assert claim(full) is Outcome.STORAGE_FAILED


def test_of_what_a_claim_names_one_that_opens_something_is_enough(full: Mind) -> None:
    full.play(lost("board"))  # cells 1 and 2
    assert claim(full, ALIAS) is Outcome.NO_SUCH_PARCEL
    assert claim(full, (*ALIAS, *BOLATS), id="both") is Outcome.ACCEPTED
    assert full.shows() is ScreenName.CLAIMED


# Under it cells open, one by one, its own buyer's only


def test_all_of_ones_parcels_open_one_by_one(by_screen: Mind) -> None:
    mind = by_screen
    claim(mind)
    assert mind.command("KZ1") is Outcome.ACCEPTED
    assert (mind.shows(), mind.screen.cell) == (ScreenName.OPENING, 1)
    assert mind.command("KZ2", id="too soon") is Outcome.ACCEPTED  # it waits for the first door
    assert len(mind.pulses) == 1
    mind.unlock(1)
    mind.advance(20)
    assert mind.later["too soon"] is Outcome.BUSY
    mind.closes(1, after_s=0)
    mind.press(Action.CONFIRM)
    assert mind.shows() is ScreenName.THANKS
    assert mind.command("KZ2") is Outcome.ACCEPTED
    fetch(mind, 2)
    assert [mind.parcel(waybill).state for waybill in ("KZ1", "KZ2")] == [ParcelState.COLLECTED] * 2
    mind.press(Action.BACK)
    assert mind.shows() is ScreenName.IDLE
    assert story(mind) == ["claim claimed", "claim done"]
    assert mind.command("KZ3") is Outcome.NEEDS_SCREEN_QR


def test_after_one_parcel_the_locker_waits_anew_for_the_next(full: Mind) -> None:
    mind = full
    claim(mind)
    mind.advance(100)
    mind.command("KZ1")
    fetch(mind, 1)
    mind.advance(5)  # the thanks
    assert mind.shows() is ScreenName.CLAIMED
    assert mind.screen.due_ms == mind.mono_ms + 120_000
    mind.advance(120)
    assert mind.shows() is ScreenName.IDLE
    assert story(mind) == ["claim claimed", "claim timeout"]


def test_the_next_parcel_takes_the_closing_screen_and_the_one_before_keeps_its_window(full: Mind) -> None:
    mind = full
    claim(mind)
    mind.command("KZ1")
    fetch(mind, 1, confirm=False)
    assert mind.shows() is ScreenName.CLOSING
    mind.command("KZ2")
    assert (mind.shows(), mind.screen.cell) == (ScreenName.OPENING, 2)
    assert mind.parcel("KZ1").state is ParcelState.OPENED
    fetch(mind, 2)
    mind.advance(600)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED


def test_what_was_looked_at_for_a_moment_only_falls_back_when_the_next_one_is_opened(full: Mind) -> None:
    mind = full
    claim(mind)
    mind.command("KZ1")
    mind.unlock(1)
    mind.closes(1, after_s=1)
    assert mind.shows() is ScreenName.ASK_TAKEN
    mind.command("KZ2")
    assert mind.parcel("KZ1").state is ParcelState.STORED
    assert mind.use(Purpose.PICKUP, "KZ1") is UseState.RELEASED
    fetch(mind, 2)
    mind.advance(5)
    assert mind.shows() is ScreenName.CLAIMED  # the first one can be had still
    mind.command("KZ1")
    fetch(mind, 1)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED


def test_the_closing_screen_of_the_same_parcel_is_a_reopening(full: Mind) -> None:
    mind = full
    claim(mind)
    mind.command("KZ1")
    fetch(mind, 1, confirm=False)
    mind.command("KZ1")
    assert mind.parcel("KZ1").reopened == 1
    fetch(mind, 1)
    mind.advance(5)
    assert mind.shows() is ScreenName.CLAIMED


def test_a_cell_that_stays_shut_is_tried_again_from_the_app_or_left_for_the_next(full: Mind) -> None:
    mind = full
    claim(mind)
    for waybill in ("KZ1", "KZ1", "KZ2"):
        assert mind.command(waybill) is Outcome.ACCEPTED
        mind.advance(60)
        mind.jam()
        assert mind.shows() is ScreenName.NOT_OPENED
    mind.press(Action.BACK)
    assert mind.shows() is ScreenName.CLAIMED
    assert story(mind) == ["claim claimed"]


def test_nobody_elses_cell_opens_meanwhile(full: Mind) -> None:
    mind = full
    claim(mind)
    assert mind.command("KZ3", id="bolat") is Outcome.ACCEPTED  # as behind any other: it waits
    mind.command("KZ1")
    mind.unlock(1)
    mind.advance(20)
    assert mind.later["bolat"] is Outcome.BUSY
    mind.closes(1, after_s=0)
    mind.press(Action.CONFIRM)
    mind.command("KZ3", id="again")
    mind.advance(5)
    assert mind.shows() is ScreenName.CLAIMED
    mind.press(Action.BACK)
    assert (mind.shows(), mind.screen.cell) == (ScreenName.OPENING, 3)  # free, and it is not 20 s yet
    assert story(mind) == ["claim claimed", "claim screen"]


def test_under_the_policy_another_buyer_needs_a_claim_of_his_own(by_screen: Mind) -> None:
    claim(by_screen)
    assert by_screen.command("KZ3") is Outcome.NEEDS_SCREEN_QR
    assert by_screen.command("KZ1") is Outcome.ACCEPTED


def test_a_right_that_the_claim_names_and_the_list_no_more_opens_nothing(full: Mind) -> None:
    claim(full)
    full.grants(PARCELS, [right(Purpose.PICKUP, waybill) for waybill in ("KZ2", "KZ3")])
    assert full.command("KZ1") is Outcome.NOT_ALLOWED
    assert full.command("KZ2") is Outcome.ACCEPTED


def test_the_cap_on_remote_opens_does_not_count_under_a_claim(full: Mind) -> None:
    """Who has scanned the screen stands here: seven times, with no touch, and none is taken from who is elsewhere."""
    mind = full
    for _ in range(4):
        for waybill, cell in (("KZ1", 1), ("KZ2", 2)):
            claim(mind, id=f"claim {mind.mono_ms}")
            assert mind.command(waybill) is Outcome.ACCEPTED
            assert mind.shows() is ScreenName.OPENING
            mind.unlock(cell)
            mind.closes(cell, after_s=1)
            mind.advance(20)
            assert mind.shows() is ScreenName.CLAIMED
            mind.press(Action.BACK)
    assert mind.state.locker.remote_opens == ()


# «Отмена», here and there


def test_cancel_at_the_screen_frees_the_locker(by_screen: Mind) -> None:
    mind = by_screen
    claim(mind)
    mind.press(Action.BACK)
    assert mind.shows() is ScreenName.IDLE
    assert story(mind) == ["claim claimed", "claim screen"]
    assert mind.command("KZ1") is Outcome.NEEDS_SCREEN_QR
    assert leave(mind) is Outcome.NOT_NOW


def test_cancel_in_the_app_frees_the_locker(by_screen: Mind) -> None:
    mind = by_screen
    claim(mind)
    assert leave(mind, "another's") is Outcome.NOT_NOW
    assert leave(mind) is Outcome.DONE
    assert mind.shows() is ScreenName.IDLE
    assert story(mind) == ["claim claimed", "claim app"]
    assert mind.command("KZ1") is Outcome.NEEDS_SCREEN_QR


def test_cancel_in_the_app_with_a_door_open_leaves_the_person_to_shut_it(full: Mind) -> None:
    mind = full
    claim(mind)
    mind.command("KZ1")
    mind.unlock(1)
    assert leave(mind) is Outcome.DONE
    assert mind.shows() is ScreenName.TAKE_PARCEL
    mind.closes(1)
    mind.press(Action.CONFIRM)
    mind.advance(5)
    assert mind.shows() is ScreenName.IDLE
    assert story(mind) == ["claim claimed", "claim app"]


def test_cancel_in_the_app_of_a_claim_that_still_waits_lets_it_wait_no_more(full: Mind) -> None:
    mind = full
    mind.code(Purpose.PICKUP, "KZ3")
    mind.unlock(3)
    claim(mind)
    assert leave(mind) is Outcome.DONE
    assert mind.later == {"claim": Outcome.BUSY}
    mind.closes(3)
    mind.press(Action.CONFIRM)
    mind.advance(5)
    assert mind.shows() is ScreenName.IDLE
    assert story(mind) == []


# Who comes first


def test_two_people_scan_and_the_second_waits_or_hears_that_the_locker_is_busy(full: Mind) -> None:
    mind = full
    claim(mind)
    assert claim(mind, BOLATS, id="second") is Outcome.ACCEPTED
    mind.advance(20)
    assert mind.later["second"] is Outcome.BUSY
    assert claim(mind, BOLATS, id="third") is Outcome.ACCEPTED
    mind.press(Action.BACK)
    assert mind.shows() is ScreenName.CLAIMED
    assert story(mind) == ["claim claimed", "claim screen", "third claimed"]
    assert mind.command("KZ3") is Outcome.ACCEPTED


def test_a_claim_takes_the_screen_of_whoever_has_proved_nothing(full: Mind) -> None:
    mind = full
    mind.press(Action.START)
    claim(mind)
    assert mind.shows() is ScreenName.CLAIMED
    assert mind.code(Purpose.PICKUP, "KZ3") is Outcome.NOT_NOW  # a code is typed after «Отмена»


def test_a_claim_waits_for_whoever_has_proved_a_right_and_disturbs_nobody(full: Mind) -> None:
    mind = full
    mind.code(Purpose.PICKUP, "KZ3")
    mind.unlock(3)
    before = mind.screen
    assert claim(mind) is Outcome.ACCEPTED
    assert mind.screen == before
    mind.closes(3)
    assert mind.shows() is ScreenName.CLOSING
    assert mind.later == {}
    mind.press(Action.CONFIRM)
    assert mind.shows() is ScreenName.CLAIMED
    assert mind.later == {"claim": Outcome.DONE}
    assert mind.parcel("KZ3").state is ParcelState.COLLECTED


def test_a_claim_that_has_waited_too_long_is_busy_and_never_carried_out(full: Mind) -> None:
    mind = full
    mind.code(Purpose.PICKUP, "KZ3")
    mind.unlock(3)
    claim(mind)
    mind.advance(20)
    assert mind.later == {"claim": Outcome.BUSY}
    mind.closes(3)
    mind.press(Action.CONFIRM)
    mind.advance(5)
    assert mind.shows() is ScreenName.IDLE
    assert story(mind) == []


def test_while_it_waits_what_it_could_open_may_go(full: Mind) -> None:
    mind = full
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    claim(mind)
    mind.grants(PARCELS, [right(Purpose.PICKUP, waybill) for waybill in ("KZ1", "KZ3")])
    mind.closes(1)
    mind.press(Action.CONFIRM)
    assert mind.later == {"claim": Outcome.NO_SUCH_PARCEL}


def test_a_disk_that_fills_up_meanwhile_leaves_nothing_to_be_claimed(full: Mind) -> None:
    mind = full
    mind.code(Purpose.PICKUP, "KZ3")
    mind.unlock(3)
    claim(mind)
    mind.play(StorageChanged(True, Fill.OK, 1))
    mind.closes(3)
    mind.press(Action.CONFIRM)
    assert mind.later == {"claim": Outcome.STORAGE_FAILED}
    assert story(mind) == []


def test_between_two_parcels_of_a_courier_the_screen_is_free(full: Mind) -> None:
    mind = full
    more = [*PARCELS, GrantedParcel("KZ4", 4)]
    rights = [right(Purpose.PICKUP, waybill) for waybill in ALL]
    mind.grants(more, [*rights, right(Purpose.DEPOSIT, "KZ4")])
    mind.code(Purpose.DEPOSIT, "KZ4")
    assert claim(mind, id="early") is Outcome.ACCEPTED
    mind.unlock(4)
    mind.advance(20)
    assert mind.later["early"] is Outcome.BUSY  # the courier stands at an open cell
    mind.closes(4, after_s=0)
    assert mind.shows() is ScreenName.THANKS
    assert claim(mind, id="claim") is Outcome.ACCEPTED
    assert mind.shows() is ScreenName.CLAIMED
    assert mind.parcel("KZ4").state is ParcelState.STORED


# How it may end otherwise


def test_whoever_walks_away_from_an_open_door_has_left_the_locker(full: Mind) -> None:
    mind = full
    claim(mind)
    mind.command("KZ1")
    mind.unlock(1)
    mind.advance(60)
    assert mind.shows() is ScreenName.IDLE
    assert story(mind) == ["claim claimed", "claim left"]


def test_silence_after_the_last_parcel_frees_the_locker(full: Mind) -> None:
    mind = full
    claim(mind, BOLATS)
    mind.command("KZ3")
    fetch(mind, 3, confirm=False)
    mind.advance(20)
    assert mind.shows() is ScreenName.IDLE
    assert mind.parcel("KZ3").state is ParcelState.OPENED
    assert story(mind) == ["claim claimed", "claim done"]


def test_a_parcel_put_into_dispute_leaves_the_others(full: Mind) -> None:
    mind = full
    claim(mind)
    mind.command("KZ1")
    fetch(mind, 1, confirm=False)
    mind.press(Action.PROBLEM)
    mind.press(Action.REPORT, Problem.NOT_MINE)
    mind.advance(15)
    assert mind.shows() is ScreenName.CLAIMED
    mind.command("KZ2")
    fetch(mind, 2)
    mind.advance(5)
    assert story(mind)[-1] == "claim done"


def test_a_start_ends_it_and_its_opens(by_screen: Mind) -> None:
    mind = by_screen
    claim(mind)
    mind.start()
    assert mind.shows() is ScreenName.IDLE
    assert story(mind) == ["claim claimed", "claim restart"]
    assert mind.command("KZ1") is Outcome.NEEDS_SCREEN_QR
    assert claim(mind) is Outcome.DONE  # a duplicate: it was carried out, and is over
    assert mind.shows() is ScreenName.IDLE


def test_a_claim_that_waited_at_a_start_is_never_carried_out(full: Mind) -> None:
    mind = full
    mind.code(Purpose.PICKUP, "KZ3")
    mind.unlock(3)
    claim(mind)
    mind.start()
    assert claim(mind) is Outcome.BUSY
    assert story(mind) == []


def test_a_fresh_page_leaves_it_as_it_is(full: Mind) -> None:
    claim(full)
    full.play(KioskJoined())
    assert full.shows() is ScreenName.CLAIMED


@pytest.mark.parametrize("with_parcel_in_hand", [False, True])
def test_a_disk_that_fills_up_ends_it_with_what_is_in_hand(full: Mind, with_parcel_in_hand: bool) -> None:
    mind = full
    claim(mind)
    if with_parcel_in_hand:
        mind.command("KZ1")
        mind.unlock(1)
    mind.play(StorageChanged(True, Fill.OK, 1))
    if with_parcel_in_hand:
        mind.closes(1)
        mind.press(Action.CONFIRM)
        mind.advance(5)
    assert mind.shows() is ScreenName.OUT_OF_SERVICE
    assert story(mind) == ["claim claimed", "claim storage"]


def test_a_claim_whose_command_was_let_go_of_covers_nothing(full: Mind) -> None:
    """Wall time may jump by days; what was carried out is remembered until its date, and a day."""
    mind = full
    claim(mind)
    mind.utc_ms += 2 * 24 * 3_600_000
    mind.state.locker.told_ms = mind.utc_ms  # so a welcome has said
    assert mind.command("KZ1", id="c") is Outcome.ACCEPTED  # which lets go of old commands, and waits
    mind.advance(20)
    assert (mind.later, mind.pulses) == ({"c": Outcome.BUSY}, [])
    mind.advance(100)
    assert mind.shows() is ScreenName.IDLE
