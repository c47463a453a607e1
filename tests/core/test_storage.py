"""A disk without space, as the mind sees it: what has begun is ended, nothing else begins, and it all comes back."""

import pytest

from firmware.events import EpochDemanded, GrantedParcel, KioskJoined, Pulse, StorageChanged
from firmware.model import (
    Action,
    DoorState,
    EntryKind,
    Outage,
    Outcome,
    ParcelState,
    Problem,
    Purpose,
    Screen,
    ScreenName,
    UseState,
)
from firmware.rows import Command
from tests.core.harness import LOCKER, Mind, right

LOW, RESTORED = StorageChanged(low=True), StorageChanged(low=False)
OUT = Screen(ScreenName.OUT_OF_SERVICE, reason=Outage.STORAGE)


@pytest.fixture
def stored(mind: Mind) -> Mind:
    mind.order("KZ1", 1)
    mind.deposit("KZ1", 1)
    return mind


def test_it_is_journalled_once_and_kept_over_a_start(mind: Mind) -> None:
    for event in (RESTORED, LOW, LOW):
        mind.play(event)
    assert [(entry.kind, entry.why) for entry in mind.entries[-1:]] == [(EntryKind.STORAGE, "low")]
    assert mind.kinds().count(EntryKind.STORAGE) == 1
    mind.start()
    assert mind.screen == OUT
    mind.play(RESTORED)
    assert mind.last(EntryKind.STORAGE).why == "restored"
    assert mind.shows() is ScreenName.IDLE


def test_nobody_new_is_served(stored: Mind) -> None:
    stored.play(LOW)
    assert stored.screen == OUT
    for action in Action:
        assert stored.press(action, Problem.REFUSED) is Outcome.NOT_NOW
    assert stored.code(Purpose.PICKUP, "KZ1") is Outcome.NOT_NOW
    stored.play(KioskJoined())
    assert (stored.screen, stored.pulses) == (OUT, [])
    stored.play(RESTORED)
    assert stored.code(Purpose.PICKUP, "KZ1") is Outcome.DONE
    assert [pulse.cell for pulse in stored.pulses] == [1]


@pytest.mark.parametrize("typed", [None, "nobody's", "known"])
def test_whoever_has_proved_nothing_is_shown_so_at_once(stored: Mind, typed: str | None) -> None:
    if typed == "known":
        stored.code(Purpose.DEPOSIT, "KZ1")
        assert stored.shows() is ScreenName.NOTICE
    elif typed:
        stored.type(typed)
        assert stored.shows() is ScreenName.WRONG_CODE
    else:
        stored.press(Action.START)
    stored.play(LOW)
    assert stored.screen == OUT
    assert stored.state.session is None


def test_the_doors_that_stand_open_are_still_named(stored: Mind) -> None:
    stored.opens(1)
    stored.play(LOW)
    assert stored.screen.open_cells == (1,)
    stored.closes(1)
    assert stored.screen == OUT


def test_a_command_is_refused_and_used_up(stored: Mind) -> None:
    stored.play(LOW)
    assert stored.command("KZ1", id="c9") is Outcome.STORAGE_FAILED
    assert stored.state.get(Command, "c9").outcome is Outcome.STORAGE_FAILED
    stored.play(RESTORED)
    assert stored.command("KZ1", id="c9") is Outcome.STORAGE_FAILED
    assert stored.pulses == []
    assert stored.command("KZ1") is Outcome.ACCEPTED


def test_what_would_take_much_space_waits(stored: Mind) -> None:
    stored.play(LOW)
    before = repr(stored.state.rows())
    parcels, rights = [GrantedParcel("KZ2", 2)], [right(Purpose.PICKUP, "KZ2")]
    assert stored.grants(parcels, rights) is Outcome.STORAGE_FAILED
    assert stored.ask(EpochDemanded(LOCKER, 1, 2)) is Outcome.STORAGE_FAILED
    assert repr(stored.state.rows()) == before
    stored.play(RESTORED)
    assert stored.grants(parcels, rights) is Outcome.DONE


@pytest.mark.parametrize("purpose", [Purpose.DEPOSIT, Purpose.PICKUP, Purpose.WITHDRAWAL])
@pytest.mark.parametrize("opened", [False, True])
def test_a_visit_that_has_begun_comes_to_its_end(mind: Mind, purpose: Purpose, opened: bool) -> None:
    mind.order("KZ1", 1, Purpose.WITHDRAWAL)
    if purpose is not Purpose.DEPOSIT:
        mind.deposit("KZ1", 1)
    if purpose is Purpose.WITHDRAWAL:
        mind.advance(73 * 3_600)
    mind.code(purpose, "KZ1")
    if opened:
        mind.unlock(1)
        mind.play(LOW)
    else:
        mind.play(LOW)
        mind.unlock(1)
    mind.closes(1)
    if purpose is Purpose.PICKUP:
        assert mind.press(Action.CONFIRM) is Outcome.DONE
    ended = {
        Purpose.DEPOSIT: ParcelState.STORED,
        Purpose.PICKUP: ParcelState.COLLECTED,
        Purpose.WITHDRAWAL: ParcelState.WITHDRAWN,
    }
    assert mind.parcel("KZ1").state is ended[purpose]
    assert mind.use(purpose, "KZ1") is UseState.SPENT
    mind.press(Action.BACK)
    assert mind.screen == OUT


def test_who_shut_the_door_by_mistake_may_open_it_again_on_the_screen_that_follows(stored: Mind) -> None:
    stored.code(Purpose.PICKUP, "KZ1")
    stored.unlock(1)
    stored.play(LOW)
    stored.closes(1)
    assert stored.press(Action.REOPEN) is Outcome.DONE
    stored.unlock(1)
    assert stored.door(1).state is DoorState.OPEN


def test_silence_confirms_nothing_while_nobody_can_come_back(stored: Mind) -> None:
    stored.code(Purpose.PICKUP, "KZ1")
    stored.unlock(1)
    stored.play(LOW)
    stored.closes(1)
    stored.advance(3_600)
    assert stored.screen == OUT
    assert stored.parcel("KZ1").state is ParcelState.OPENED
    stored.play(RESTORED)
    effects = [stored.code(Purpose.PICKUP, "KZ1"), *stored.pulses]
    assert effects == [Outcome.DONE, Pulse(3, 1)]
    stored.unlock(1)
    stored.closes(1)
    stored.advance(700)
    assert stored.parcel("KZ1").state is ParcelState.COLLECTED
