"""The store's room as the mind sees it: a full disk, a journal near its cap, and what the backend has acknowledged of it."""

from typing import Any

import pytest

from firmware.config import Journal
from firmware.events import EpochDemanded, GrantedParcel, JournalAcked, KioskJoined, Pulse, StorageChanged
from firmware.model import (
    Action,
    DoorState,
    Entry,
    EntryKind,
    Fill,
    Outage,
    Outcome,
    ParcelState,
    Problem,
    Purpose,
    Screen,
    ScreenName,
    UseState,
)
from firmware.notices import Notice
from firmware.rows import Command
from firmware.storage import ACK_STEP, fill_of, used_percent
from tests.core.harness import LOCKER, Mind, right

LOW, RESTORED = StorageChanged(True, Fill.OK, 0), StorageChanged(False, Fill.OK, 0)
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


# The journal's cap

LIMITS = Journal(entries_max=1_000, bytes_max=1_000_000)


@pytest.mark.parametrize(
    ("before", "percent", "after"),
    [
        (Fill.OK, 79.9, Fill.OK),
        (Fill.OK, 80, Fill.ALARM),
        (Fill.OK, 90, Fill.NO_DEPOSITS),
        (Fill.OK, 250, Fill.NO_DEPOSITS),
        (Fill.ALARM, 79.5, Fill.ALARM),  # one entry more or less is no news
        (Fill.ALARM, 78.9, Fill.OK),
        (Fill.ALARM, 89.9, Fill.ALARM),
        (Fill.NO_DEPOSITS, 89, Fill.NO_DEPOSITS),
        (Fill.NO_DEPOSITS, 88.9, Fill.ALARM),
        (Fill.NO_DEPOSITS, 79.5, Fill.ALARM),
        (Fill.NO_DEPOSITS, 0, Fill.OK),
    ],
)
def test_where_the_bounds_are(before: Fill, percent: float, after: Fill) -> None:
    assert fill_of(percent, before, LIMITS) is after


def test_the_nearer_cap_counts() -> None:
    assert used_percent(500, 0, LIMITS) == 50
    assert used_percent(500, 900_000, LIMITS) == 90
    assert used_percent(2_000, 0, LIMITS) == 200


def test_each_bound_is_journalled_once(mind: Mind) -> None:
    for fill in (Fill.OK, Fill.ALARM, Fill.ALARM, Fill.NO_DEPOSITS, Fill.NO_DEPOSITS, Fill.OK):
        mind.play(StorageChanged(False, fill, 81))
    told = [(entry.why, entry.count) for entry in mind.entries if entry.kind is EntryKind.JOURNAL]
    assert told == [("alarm", 81), ("no_deposits", 81), ("ok", 81)]


def test_near_the_cap_nothing_is_put_in_and_everything_can_be_had(stored: Mind) -> None:
    parcels = [GrantedParcel("KZ1", 1), GrantedParcel("KZ2", 2)]
    rights = [right(Purpose.PICKUP, "KZ1"), right(Purpose.DEPOSIT, "KZ2"), right(Purpose.PICKUP, "KZ2")]
    assert stored.grants(parcels, rights) is Outcome.DONE
    stored.play(StorageChanged(False, Fill.NO_DEPOSITS, 100))
    assert stored.code(Purpose.DEPOSIT, "KZ2") is Outcome.DONE
    assert (stored.screen.notice, stored.pulses) == (Notice.NO_DEPOSITS, [])
    stored.press(Action.BACK)
    stored.code(Purpose.PICKUP, "KZ1")
    stored.unlock(1)
    stored.closes(1)
    stored.press(Action.CONFIRM)
    assert stored.parcel("KZ1").state is ParcelState.COLLECTED
    stored.press(Action.BACK)
    stored.play(StorageChanged(False, Fill.ALARM, 88))
    stored.deposit("KZ2", 2)


def test_a_deposit_that_has_begun_comes_to_its_end_at_the_cap(mind: Mind) -> None:
    mind.order("KZ1", 1)
    mind.code(Purpose.DEPOSIT, "KZ1")
    mind.play(StorageChanged(False, Fill.NO_DEPOSITS, 90))
    mind.unlock(1)
    mind.closes(1)
    assert mind.parcel("KZ1").state is ParcelState.STORED


# Acknowledgements


def acked(
    mind: Mind, seq: int, told: str | None = None, locker: str = LOCKER, epoch: int = 1
) -> Outcome | None:
    own = mind.store.hash_at(seq)
    return mind.ask(JournalAcked(locker, epoch, seq, own if told is None else told, own))


def grown(mind: Mind, entries: int) -> int:
    """The seq of the newest of so many entries."""
    mind.store.commit([], [Entry(EntryKind.STARTED)] * (entries - mind.store.last_seq), mind.now)
    return mind.store.last_seq


def test_an_acknowledgement_is_kept_every_hundredth_entry_and_never_journalled(mind: Mind) -> None:
    seq = grown(mind, 2 * ACK_STEP)
    for told, kept in ((5, 0), (ACK_STEP - 1, 0), (ACK_STEP, ACK_STEP), (ACK_STEP + 9, ACK_STEP), (seq, seq)):
        assert acked(mind, told) is Outcome.DONE
        assert mind.state.locker.acked_seq == kept
    assert acked(mind, seq) is Outcome.DONE  # said again
    assert mind.store.last_seq == seq


@pytest.mark.parametrize(
    ("outcome", "others"),
    [
        (Outcome.OLDER, {"seq": ACK_STEP - 1}),
        (Outcome.MISMATCH, {"told": "00" * 32}),
        (Outcome.MISMATCH, {"seq": 999, "told": "00" * 32}),  # what was not written yet
        (Outcome.WRONG_LOCKER, {"locker": "0124"}),
        (Outcome.WRONG_EPOCH, {"epoch": 2}),
    ],
)
def test_an_acknowledgement_that_goes_back_or_is_of_another_journal_changes_nothing(
    mind: Mind, outcome: Outcome, others: dict[str, Any]
) -> None:
    grown(mind, 3 * ACK_STEP)
    assert acked(mind, ACK_STEP) is Outcome.DONE
    rows, seq = repr(mind.state.rows()), mind.store.last_seq
    assert acked(mind, others.pop("seq", 3 * ACK_STEP), **others) is outcome
    assert (repr(mind.state.rows()), mind.store.last_seq) == (rows, seq)


def test_what_was_never_written_cannot_be_acknowledged_with_nothing(mind: Mind) -> None:
    assert acked(mind, 999, told="ab" * 32) is Outcome.MISMATCH
    event = JournalAcked(LOCKER, 1, 999, "", "")
    assert mind.ask(event) is Outcome.MISMATCH
