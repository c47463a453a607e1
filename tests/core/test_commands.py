"""Signed commands: what becomes of each deed, and what all of them have in common. Races with a hand in the cell are test_terms'."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware import commands, deeds
from firmware.cells import KEPT_MS
from firmware.config import Cell, Config
from firmware.events import GrantedParcel, GrantedRight, StorageChanged
from firmware.model import (
    Action,
    Direction,
    EntryKind,
    Fill,
    Outcome,
    ParcelState,
    Problem,
    Purpose,
    ScreenName,
    SessionState,
    UseState,
)
from firmware.rows import Command, Locker, Parcel
from tests.core.harness import HOUR_MS, PUBLIC, Mind, cabinet, digest, lost, right

GRANT = digest(Purpose.PICKUP, "KZ1")
CONFIRM, REPORT = deeds.Confirm(GRANT, "KZ1"), deeds.Report(GRANT, "KZ1", Problem.DAMAGED)
EACH: list[deeds.AnyDeed] = [
    deeds.Open(GRANT, "KZ1"),
    deeds.Claim((GRANT,), fresh=True),
    deeds.Leave("c"),
    CONFIRM,
    REPORT,
    deeds.Reserve("KZ9", cell=4),
    deeds.Cancel("KZ1"),
    deeds.Extend("KZ1", 1),
    deeds.Block(1),
    deeds.Unblock(1),
    deeds.Configure({"reopen_max": 1}),
    deeds.Rotate((deeds.Key("k2", PUBLIC),)),
]
NAMES = [type(deed).__name__ for deed in EACH]
each_deed = pytest.mark.parametrize("deed", EACH, ids=NAMES)


@pytest.fixture
def stored(mind: Mind) -> Mind:
    mind.order("KZ1", 1)
    mind.deposit("KZ1", 1)
    return mind


@pytest.fixture
def opened(stored: Mind) -> Mind:
    """Its door stood open for a while and has closed: the closing screen is there, and the window runs."""
    stored.code(Purpose.PICKUP, "KZ1")
    stored.unlock(1)
    stored.closes(1)
    assert stored.shows() is ScreenName.CLOSING
    return stored


def noted(mind: Mind, command: str = "c") -> list[object]:
    """What the journal says of this command, in order."""
    return [
        entry.why for entry in mind.entries if entry.kind is EntryKind.COMMAND and entry.command == command
    ]


def believed(mind: Mind) -> str:
    """All rows but those of commands, and of the locker's what a deed may set."""
    locker = mind.state.locker
    rows = [row for row in mind.state.rows() if not isinstance(row, Command | Locker)]
    return repr((rows, locker.settings, locker.keys, locker.remote_opens, locker.next_session))


# What all have in common


@each_deed
@pytest.mark.parametrize(
    ("others", "outcome"),
    [
        (lambda mind: {"locker": "0124"}, Outcome.WRONG_LOCKER),
        (lambda mind: {"epoch": 2}, Outcome.WRONG_EPOCH),
        (lambda mind: {"not_before_ms": mind.utc_ms + 1}, Outcome.TOO_EARLY),
        (lambda mind: {"not_after_ms": mind.utc_ms}, Outcome.TOO_LATE),
        (lambda mind: {"not_after_ms": mind.utc_ms - 48 * HOUR_MS}, Outcome.TOO_LATE),
        (lambda mind: {}, Outcome.CLOCK_UNSURE),
    ],
    ids=["another locker", "another epoch", "early", "late", "late for long", "clock unsure"],
)
def test_none_is_done_elsewhere_or_at_another_time(
    stored: Mind, deed: deeds.AnyDeed, others: Callable[[Mind], dict[str, Any]], outcome: Outcome
) -> None:
    mind = stored
    mind.sure = outcome is not Outcome.CLOCK_UNSURE
    before, entries = believed(mind), len(mind.entries)
    assert mind.told(deed, id="c", **others(mind)) is outcome
    assert noted(mind) == [outcome]
    assert mind.kinds(entries) == [EntryKind.COMMAND]
    mind.sure = True
    again = mind.told(deed, id="c")  # its date is another now: the same id is the same command
    assert (again, noted(mind)) == (outcome, [outcome])
    assert (believed(mind), mind.pulses) == (before, [])


@each_deed
def test_each_is_done_once_and_a_duplicate_gets_the_same_answer_over_a_start(
    stored: Mind, deed: deeds.AnyDeed
) -> None:
    mind = stored
    first = mind.told(deed, id="c", not_before_ms=mind.utc_ms - 5)
    before, entries, pulses = believed(mind), len(mind.entries), len(mind.pulses)
    assert mind.told(deed, id="c") is (mind.state.get(Command, "c").outcome or first)
    assert (believed(mind), len(mind.entries), len(mind.pulses)) == (before, entries, pulses)
    if first is Outcome.ACCEPTED:
        mind.jam()
    mind.start()
    before, told = believed(mind), noted(mind)
    assert mind.told(deed, id="c") is mind.state.get(Command, "c").outcome
    assert (believed(mind), noted(mind), len(told), mind.pulses) == (before, told, 1, [])


@each_deed
def test_a_full_disk_has_room_for_the_end_of_a_visit_only(opened: Mind, deed: deeds.AnyDeed) -> None:
    mind = opened
    mind.play(StorageChanged(True, Fill.OK, 0))
    ends = {deeds.Confirm: Outcome.DONE, deeds.Report: Outcome.DONE, deeds.Leave: Outcome.NOT_NOW}
    assert mind.told(deed) is ends.get(type(deed), Outcome.STORAGE_FAILED)


def test_what_is_not_for_here_fills_no_journal(stored: Mind) -> None:
    """A messenger can replay another locker's commands for ever."""
    stored.tell_time()
    mind, before = stored, len(stored.entries)
    for number in range(3 * commands.FOREIGN_MAX):
        others = ({"locker": "0124"}, {"epoch": 7}, {"not_after_ms": mind.utc_ms - 48 * HOUR_MS})[number % 3]
        outcome = (Outcome.WRONG_LOCKER, Outcome.WRONG_EPOCH, Outcome.TOO_LATE)[number % 3]
        assert mind.told(deeds.Cancel("KZ1"), id=f"f{number}", **others) is outcome
    assert len(mind.entries) == before + commands.FOREIGN_MAX
    assert mind.told(deeds.Block(2)) is Outcome.DONE  # the locker's own are not counted
    mind.advance(3_599)
    mind.start("boot-2")  # and the hour begins anew with what was counted
    kept = len(mind.entries)
    assert mind.told(deeds.Cancel("KZ1"), locker="0124") is Outcome.WRONG_LOCKER
    assert len(mind.entries) == kept
    mind.advance(3_600)
    assert mind.told(deeds.Cancel("KZ1"), locker="0124") is Outcome.WRONG_LOCKER
    assert mind.last(EntryKind.COMMAND).why == Outcome.WRONG_LOCKER
    assert len(mind.entries) == kept + 1


def test_another_boot_begins_no_hour_that_was_never_begun(mind: Mind) -> None:
    mind.start("boot-2")
    assert mind.state.locker.refused_ms is None


def test_so_many_commands_are_kept_and_one_more_is_busy(mind: Mind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "COMMANDS_MAX", 3)
    for number in range(3):
        assert mind.told(deeds.Block(1), id=f"b{number}") is Outcome.DONE
    assert mind.told(deeds.Unblock(1), id="one more") is Outcome.BUSY
    assert mind.door(1).blocked == "command"
    assert mind.told(deeds.Block(1), id="b0") is Outcome.DONE  # what is kept is answered
    mind.utc_ms += 25 * HOUR_MS
    assert (
        mind.told(deeds.Unblock(1), id="another") is Outcome.BUSY
    )  # by no time but a signed one are they over
    mind.tell_time()
    assert mind.told(deeds.Unblock(1)) is Outcome.DONE


# Confirm and report


def test_receipt_confirmed_in_the_app_ends_the_closing_screen(opened: Mind) -> None:
    mind = opened
    assert mind.told(CONFIRM, id="c") is Outcome.DONE
    assert (mind.parcel("KZ1").state, mind.shows()) == (ParcelState.COLLECTED, ScreenName.THANKS)
    assert mind.last(EntryKind.COLLECTED).why == "confirmed"
    assert (noted(mind), mind.use(Purpose.PICKUP, "KZ1")) == ([Outcome.DONE], UseState.SPENT)
    assert mind.told(CONFIRM) is Outcome.NOT_ALLOWED


def test_receipt_is_confirmed_while_the_window_runs_and_not_after_it(opened: Mind) -> None:
    mind = opened
    mind.advance(300)
    assert mind.shows() is ScreenName.IDLE
    assert mind.told(CONFIRM) is Outcome.DONE
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED
    assert mind.shows() is ScreenName.IDLE


def test_after_the_window_nothing_is_left_to_confirm_or_to_report(opened: Mind) -> None:
    mind = opened
    mind.advance(600)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED
    assert mind.told(CONFIRM) is Outcome.NOT_ALLOWED
    assert mind.told(REPORT) is Outcome.NOT_ALLOWED


def test_the_question_after_a_short_opening_is_answered_in_the_app(stored: Mind) -> None:
    mind = stored
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1, after_s=1)
    assert mind.shows() is ScreenName.ASK_TAKEN
    assert mind.told(CONFIRM) is Outcome.DONE
    assert (mind.parcel("KZ1").state, mind.shows()) == (ParcelState.COLLECTED, ScreenName.THANKS)


def test_once_nobody_has_answered_the_question_there_is_nothing_to_confirm(stored: Mind) -> None:
    mind = stored
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1, after_s=1)
    mind.advance(20)
    assert mind.parcel("KZ1").state is ParcelState.STORED
    assert mind.told(CONFIRM) is Outcome.NOT_ALLOWED


@pytest.mark.parametrize("deed", [CONFIRM, REPORT])
def test_an_opening_that_is_under_way_is_not_ended_from_the_app(stored: Mind, deed: deeds.AnyDeed) -> None:
    mind = stored
    assert mind.told(deed) is Outcome.NOT_ALLOWED  # nothing was opened
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.told(deed) is Outcome.NOT_NOW  # a pulse is on its way
    mind.unlock(1)
    assert mind.told(deed) is Outcome.NOT_NOW  # the door stands open
    mind.advance(60)
    assert mind.told(deed) is Outcome.NOT_NOW  # nobody waits at it any more
    mind.closes(1)
    assert mind.told(deed) is Outcome.DONE


@pytest.mark.parametrize("deed", [CONFIRM, REPORT])
def test_a_reopening_that_is_under_way_is_not_ended_from_the_app(opened: Mind, deed: deeds.AnyDeed) -> None:
    mind = opened
    mind.press(Action.REOPEN)
    assert mind.told(deed) is Outcome.NOT_NOW
    mind.jam()
    assert mind.shows() is ScreenName.NOT_OPENED
    assert mind.told(deed) is Outcome.NOT_NOW
    mind.press(Action.BACK)
    assert mind.told(deed) is Outcome.DONE


def test_a_pulse_whose_end_nobody_saw_keeps_the_app_waiting(opened: Mind) -> None:
    mind = opened
    mind.press(Action.REOPEN)
    mind.start(read=False)  # the window runs, and the door may stand open
    assert mind.parcel("KZ1").due_ms is not None
    assert mind.told(CONFIRM) is Outcome.NOT_NOW
    mind.closes(1)
    assert mind.told(CONFIRM) is Outcome.DONE


def test_whoever_has_pressed_problem_is_not_confirmed_from_elsewhere(opened: Mind) -> None:
    mind = opened
    mind.press(Action.PROBLEM)
    assert mind.told(CONFIRM) is Outcome.NOT_NOW
    assert mind.told(REPORT) is Outcome.DONE
    assert (mind.shows(), mind.parcel("KZ1").state) == (ScreenName.PROBLEM_NOTED, ParcelState.DISPUTED)


@pytest.mark.parametrize(("problem", "state"), [(Problem.REFUSED, ParcelState.REFUSED), (Problem.NOT_MINE, ParcelState.DISPUTED)])  # fmt: skip
@pytest.mark.parametrize("wait_s", [0, 30])
def test_a_problem_told_in_the_app_ends_the_right_and_blocks_the_cell(
    opened: Mind, problem: Problem, state: ParcelState, wait_s: int
) -> None:
    mind = opened
    mind.advance(wait_s)
    assert mind.told(deeds.Report(GRANT, "KZ1", problem), id="c") is Outcome.DONE
    assert (mind.parcel("KZ1").state, mind.door(1).blocked) == (state, f"problem: {problem}")
    assert mind.use(Purpose.PICKUP, "KZ1") is UseState.SPENT
    assert mind.shows() is (ScreenName.IDLE if wait_s else ScreenName.PROBLEM_NOTED)
    mind.advance(1_000)
    assert mind.parcel("KZ1").state is state  # silence confirms nothing any more
    assert noted(mind) == [Outcome.DONE]


def test_nobody_confirms_under_anothers_right(opened: Mind) -> None:
    mind = opened
    for grant, parcel in (("nobody's", "KZ1"), (digest(Purpose.DEPOSIT, "KZ1"), "KZ1"), (GRANT, "KZ2")):
        assert mind.told(deeds.Confirm(grant, parcel)) is Outcome.NO_SUCH_PARCEL
    rights = [right(Purpose.PICKUP, "KZ1"), GrantedRight("second", Purpose.PICKUP, ("KZ1",))]
    mind.grants([GrantedParcel("KZ1", 1)], rights)
    assert mind.told(deeds.Confirm("second", "KZ1")) is Outcome.NOT_ALLOWED
    assert mind.told(CONFIRM) is Outcome.DONE


def test_another_persons_screen_is_left_alone(mind: Mind) -> None:
    purposes = (Purpose.DEPOSIT, Purpose.PICKUP)
    mind.grants(
        [GrantedParcel("KZ1", 1), GrantedParcel("KZ2", 2)],
        [right(purpose, waybill) for purpose in purposes for waybill in ("KZ1", "KZ2")],
    )
    mind.deposit("KZ1", 1)
    mind.deposit("KZ2", 2)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    mind.advance(20)
    mind.code(Purpose.PICKUP, "KZ2")
    mind.unlock(2)
    assert mind.told(CONFIRM) is Outcome.DONE
    assert (mind.shows(), mind.screen.cell) == (ScreenName.TAKE_PARCEL, 2)
    mind.closes(2)
    mind.press(Action.CONFIRM)
    assert mind.shows() is ScreenName.THANKS
    assert mind.told(deeds.Confirm(digest(Purpose.PICKUP, "KZ2"), "KZ2")) is Outcome.NOT_ALLOWED


# Reopening, from wherever it is asked for


def test_three_reopenings_in_all_whether_by_code_screen_or_app(opened: Mind) -> None:
    mind = opened

    def again() -> None:
        mind.unlock(1)
        mind.closes(1)
        mind.advance(1)

    mind.press(Action.REOPEN)
    again()
    mind.advance(30)
    mind.code(Purpose.PICKUP, "KZ1")
    again()
    assert mind.command("KZ1", id="c") is Outcome.ACCEPTED
    again()
    assert mind.later == {"c": Outcome.DONE}
    assert mind.parcel("KZ1").reopened == 3
    assert not mind.screen.can_reopen
    assert mind.command("KZ1") is Outcome.NOT_ALLOWED
    assert mind.told(CONFIRM) is Outcome.DONE


# Block and unblock


def test_a_cell_is_blocked_for_deposits_and_offered_again(mind: Mind) -> None:
    mind.order("KZ1", 1)
    assert mind.told(deeds.Block(1), id="c") is Outcome.DONE
    assert (mind.door(1).blocked, mind.last(EntryKind.BLOCKED).why) == ("command", "command")
    mind.code(Purpose.DEPOSIT, "KZ1")
    assert mind.shows() is ScreenName.NOTICE
    assert mind.told(deeds.Block(1)) is Outcome.DONE  # it is
    assert mind.told(deeds.Unblock(1)) is Outcome.DONE
    assert (mind.door(1).blocked, mind.last(EntryKind.UNBLOCKED).why) == (None, "command")
    entries = len(mind.entries)
    assert mind.told(deeds.Unblock(1)) is Outcome.DONE  # it is not blocked
    assert mind.kinds(entries) == [EntryKind.COMMAND]
    mind.press(Action.BACK)
    mind.deposit("KZ1", 1)


def test_a_cell_that_is_none_is_neither_blocked_nor_offered(mind: Mind) -> None:
    assert mind.told(deeds.Block(5)) is Outcome.NOT_ALLOWED
    assert mind.told(deeds.Unblock(5)) is Outcome.NOT_ALLOWED


def test_the_first_reason_stands_and_an_open_door_is_not_offered(opened: Mind) -> None:
    mind = opened
    mind.press(Action.REOPEN)
    mind.unlock(1)
    mind.advance(60)
    assert mind.door(1).blocked == "overdue"
    assert mind.told(deeds.Block(1)) is Outcome.DONE
    assert mind.door(1).blocked == "overdue"
    assert mind.told(deeds.Unblock(1)) is Outcome.ALREADY_OPEN
    mind.closes(1)
    assert mind.told(deeds.Unblock(1)) is Outcome.DONE


def test_what_lies_in_a_blocked_cell_can_be_had(stored: Mind) -> None:
    stored.told(deeds.Block(1))
    stored.code(Purpose.PICKUP, "KZ1")
    stored.unlock(1)
    assert stored.shows() is ScreenName.TAKE_PARCEL


# Reserve


def sized() -> Config:
    """S, M, L and XL, in another order than their numbers."""
    plain = cabinet()
    sizes = {1: "L", 2: "S", 3: "XL", 4: "M"}
    cells = tuple(Cell(cell.number, cell.bank, cell.channel, sizes[cell.number]) for cell in plain.cells)  # type: ignore[arg-type]
    return msgspec.structs.replace(plain, cells=cells)


def test_the_smallest_cell_that_fits_is_kept_and_then_the_next(tmp_path: Path) -> None:
    mind = Mind(tmp_path / "sized.db", sized()).start()
    for waybill, size, cell in (("A", "M", 4), ("B", "M", 1), ("C", "M", 3), ("D", "S", 2)):
        assert mind.told(deeds.Reserve(waybill, size=size, account="Kaspi Red"), id=waybill) is Outcome.DONE  # type: ignore[arg-type]
        assert mind.parcel(waybill).cell == cell
        entry = mind.last(EntryKind.RESERVED)
        assert (entry.cell, entry.parcel, entry.command) == (cell, waybill, waybill)
        assert mind.parcel(waybill).account == "Kaspi Red"
    assert mind.told(deeds.Reserve("E", size="S")) is Outcome.NO_CELL
    assert mind.told(deeds.Reserve("F", size="XL")) is Outcome.NO_CELL
    assert mind.state.find(Parcel, "E") is None


def test_the_named_cell_or_none(mind: Mind) -> None:
    assert mind.told(deeds.Reserve("KZ1", cell=3, direction=Direction.OUTBOUND)) is Outcome.DONE
    assert (mind.parcel("KZ1").cell, mind.parcel("KZ1").direction) == (3, Direction.OUTBOUND)
    assert mind.told(deeds.Reserve("KZ2", cell=3)) is Outcome.NO_CELL
    assert mind.told(deeds.Reserve("KZ2", cell=5)) is Outcome.NO_CELL
    assert mind.told(deeds.Reserve("KZ1", cell=4)) is Outcome.NOT_ALLOWED  # it has one


def blocked(mind: Mind) -> None:
    mind.told(deeds.Block(1))


def open_(mind: Mind) -> None:
    mind.opens(1)


def offline(mind: Mind) -> None:
    mind.play(lost("board"))


def unread(mind: Mind) -> None:
    mind.start(read=False)


def taken(mind: Mind) -> None:
    mind.order("KZ1", 1)
    mind.deposit("KZ1", 1)


def expecting(mind: Mind) -> None:
    mind.order("KZ1", 1)


def unconfirmed(mind: Mind) -> None:
    mind.order("KZ1", 1)
    mind.code(Purpose.DEPOSIT, "KZ1")
    mind.start()
    assert mind.parcel("KZ1").state is ParcelState.UNCONFIRMED


def quiet(mind: Mind) -> None:
    """Its buyer may come back for what was left in it."""
    mind.order("KZ1", 1)
    mind.deposit("KZ1", 1)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    mind.press(Action.CONFIRM)


@pytest.mark.parametrize("because", [quiet, blocked, open_, offline, unread, taken, expecting, unconfirmed])
def test_a_cell_that_is_not_free_is_not_kept(mind: Mind, because: Callable[[Mind], None]) -> None:
    because(mind)
    assert mind.told(deeds.Reserve("KZ5", cell=1)) is Outcome.NO_CELL


def test_no_cell_is_kept_while_nothing_may_be_put_in(mind: Mind) -> None:
    mind.play(StorageChanged(False, Fill.NO_DEPOSITS, 90))
    assert mind.told(deeds.Reserve("KZ1", cell=1)) is Outcome.STORAGE_FAILED


def test_a_reservation_outlives_lists_that_do_not_name_it_for_a_day(mind: Mind) -> None:
    mind.told(deeds.Reserve("KZ1", cell=1))
    mind.told(deeds.Reserve("KZ2", cell=2))
    mind.grants([GrantedParcel("KZ3", 3)], [right(Purpose.DEPOSIT, "KZ3")])
    assert mind.parcel("KZ1").cell == 1
    mind.grants([GrantedParcel("KZ1", 1)], [right(Purpose.DEPOSIT, "KZ1")])
    mind.deposit("KZ1", 1)
    mind.utc_ms += KEPT_MS
    mind.grants([GrantedParcel("KZ1", 1)], [])
    assert mind.state.find(Parcel, "KZ2") is None
    assert mind.parcel("KZ1").state is ParcelState.STORED


def test_what_a_list_has_named_is_the_lists(mind: Mind) -> None:
    mind.told(deeds.Reserve("KZ1", cell=1))
    mind.order("KZ1", 1)
    mind.grants([], [])
    mind.utc_ms += 31 * 24 * HOUR_MS
    mind.grants([], [])
    assert mind.state.find(Parcel, "KZ1") is None


def test_a_reservation_that_is_cancelled_frees_its_cell(mind: Mind) -> None:
    mind.told(deeds.Reserve("KZ1", cell=1))
    assert mind.told(deeds.Cancel("KZ1")) is Outcome.DONE
    assert mind.told(deeds.Reserve("KZ2", cell=1)) is Outcome.DONE


def test_a_reservation_that_nobody_used_frees_its_cell_in_time_though_no_list_comes(mind: Mind) -> None:
    mind.told(deeds.Reserve("KZ1", cell=1))
    mind.utc_ms += KEPT_MS - 1
    assert mind.told(deeds.Reserve("KZ2", cell=1)) is Outcome.NO_CELL
    mind.utc_ms += 1
    mind.start()
    assert mind.told(deeds.Reserve("KZ2", cell=1)) is Outcome.DONE
    mind.order("KZ2", 1)
    mind.deposit("KZ2", 1)
    assert (mind.parcel("KZ2").state, mind.parcel("KZ2").cell) == (ParcelState.STORED, 1)


def test_an_order_that_the_list_leaves_out_again_frees_its_cell(mind: Mind) -> None:
    """Its code is explained for a month, and holds no cell."""
    mind.told(deeds.Reserve("KZ1", cell=1))
    mind.order("KZ1", 1)
    assert mind.told(deeds.Reserve("KZ2", cell=1)) is Outcome.NO_CELL
    mind.grants([], [])
    assert mind.told(deeds.Reserve("KZ2", cell=1)) is Outcome.DONE
    mind.code(Purpose.DEPOSIT, "KZ1")
    assert mind.shows() is ScreenName.NOTICE
    mind.press(Action.BACK)
    mind.grants([GrantedParcel("KZ2", 1)], [right(Purpose.DEPOSIT, "KZ2")])
    mind.deposit("KZ2", 1)
    assert mind.parcel("KZ2").state is ParcelState.STORED


def test_a_right_alone_keeps_its_cell(mind: Mind) -> None:
    """Of a parcel that only a reservation has named."""
    mind.told(deeds.Reserve("KZ1", cell=1))
    mind.grants([], [right(Purpose.DEPOSIT, "KZ1")])
    mind.utc_ms += KEPT_MS
    assert mind.told(deeds.Reserve("KZ2", cell=1)) is Outcome.NO_CELL
    mind.grants([], [])
    assert mind.told(deeds.Reserve("KZ2", cell=1)) is Outcome.DONE


def test_what_a_list_named_before_the_release_changed_keeps_its_cell(mind: Mind) -> None:
    """The release before keeps no wording of the list: until the next one nobody knows whom it names."""
    mind.grants([GrantedParcel("KZ1", 1)], [])
    mind.parcel("KZ1").listed = None
    mind.state.locker.list_version = 0
    assert mind.told(deeds.Reserve("KZ2", cell=1)) is Outcome.NO_CELL
    mind.grants([], [])
    assert mind.told(deeds.Reserve("KZ2", cell=1)) is Outcome.DONE


# Settings


def test_settings_go_before_the_files_also_after_a_start(mind: Mind) -> None:
    settings: dict[str, int | str] = {"storage_term_h": 24, "remote_open": "touch"}
    assert mind.told(deeds.Configure(settings), id="c") is Outcome.DONE
    assert mind.last(EntryKind.CONFIGURED).why == "remote_open=touch storage_term_h=24"
    for _ in range(2):
        mind.order("KZ1", 1)
        config = mind.controller.cabinet.config
        assert (config.times.storage_term_h, config.access.remote_open) == (24, "touch")
        assert config.times.reopen_max == mind.config.times.reopen_max
        mind.start("boot-2")
    mind.deposit("KZ1", 1)
    assert mind.parcel("KZ1").expires_ms == mind.utc_ms + 24 * HOUR_MS
    assert mind.command("KZ1") is Outcome.ACCEPTED
    assert mind.shows() is ScreenName.AWAIT_TOUCH


def test_no_setting_is_the_file_again(mind: Mind) -> None:
    mind.told(deeds.Configure({"reopen_max": 0}))
    mind.pass_ms(1)
    assert mind.told(deeds.Configure({})) is Outcome.DONE
    assert mind.controller.cabinet.config == mind.config


@pytest.mark.parametrize(
    "settings",
    [
        {"pulse_ms": 1_000},
        {"reopen_max": 11},
        {"reopen_max": "3"},
        {"storage_term_h": 11},
        {"storage_term_h": 721},
        {"confirmation_window_s": 59},
        {"confirmation_window_s": 3_601},
        {"closing_screen_s": 9},
        {"closing_screen_s": 121},
        {"remote_open_max": 0},
        {"remote_open_max": 61},
        {"remote_open_window_s": 59},
        {"remote_open_window_s": 3_601},
        {"remote_open": "everybody"},
        {"remote_open": 1},
        {"static_tokens": 2},
        {"static_tokens": "no"},
        {"reopen_max": 2, "code_digits": 6},
    ],
    ids=str,
)
def test_what_may_not_be_set_or_not_so_far_leaves_all_as_it_was(
    mind: Mind, settings: dict[str, int | str]
) -> None:
    assert mind.told(deeds.Configure(settings)) is Outcome.NOT_ALLOWED
    assert (mind.state.locker.settings, mind.controller.cabinet.config) == ((), mind.config)


def test_settings_of_another_release_count_for_nothing(mind: Mind) -> None:
    mind.state.locker.settings = (("horn_s", 5), ("reopen_max", 99), ("storage_term_h", 48))
    mind.told(deeds.Block(1))
    mind.start()
    times = mind.controller.cabinet.config.times
    assert (times.reopen_max, times.storage_term_h) == (3, 48)


def test_settings_that_were_kept_back_are_older(mind: Mind) -> None:
    old_ms = mind.utc_ms
    mind.pass_ms(10)
    assert mind.told(deeds.Configure({"reopen_max": 1})) is Outcome.DONE
    assert mind.told(deeds.Configure({"reopen_max": 9}), not_before_ms=old_ms) is Outcome.OLDER
    assert mind.controller.cabinet.config.times.reopen_max == 1


# Keys


def keys(*names: str) -> deeds.Rotate:
    return deeds.Rotate(tuple(deeds.Key(name, PUBLIC) for name in names))


def test_keys_are_replaced_as_a_set(mind: Mind) -> None:
    assert mind.told(keys("k2", "k3")) is Outcome.DONE
    assert mind.state.locker.keys == (("k2", PUBLIC), ("k3", PUBLIC))
    entry = mind.last(EntryKind.KEYS)
    assert (entry.count, entry.why) == (2, "k2 k3")


def test_keys_that_were_kept_back_are_older(mind: Mind) -> None:
    """Else whoever holds a key that has leaked could bring it back."""
    old_ms = mind.utc_ms
    mind.pass_ms(10)
    assert mind.told(keys("k2")) is Outcome.DONE
    assert mind.told(keys("leaked", "k2"), not_before_ms=old_ms) is Outcome.OLDER
    assert mind.state.locker.keys == (("k2", PUBLIC),)


@pytest.mark.parametrize(
    "rotate",
    [
        keys("k2", "k2"),
        deeds.Rotate((deeds.Key("k2", "00" * 32),)),
        deeds.Rotate((deeds.Key("k2", PUBLIC), deeds.Key("k3", "01" + "00" * 31))),
    ],
    ids=["an id twice", "a key of zeros", "a key of small order"],
)
def test_what_is_no_set_of_keys_leaves_the_present_ones(mind: Mind, rotate: deeds.Rotate) -> None:
    assert mind.told(rotate) is Outcome.NOT_ALLOWED
    assert mind.state.locker.keys == ()


def test_the_states_that_a_problem_told_in_the_app_ends(opened: Mind) -> None:
    """The session goes through the screens of its own button."""
    opened.told(REPORT)
    assert opened.state.session is not None
    assert opened.state.session.state is SessionState.NOTED
