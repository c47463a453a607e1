"""What people do at the screen: codes and their waits, notices, closing, reopening, problems, and what silence means."""

from collections.abc import Callable
from pathlib import Path

import pytest

from firmware import access, opening
from firmware.attempts import WAITS_S
from firmware.config import Times
from firmware.events import CodeTyped, DoorRead, GrantedParcel, GrantedRight, KioskJoined, StorageChanged
from firmware.model import (
    Action,
    Direction,
    DoorState,
    EntryKind,
    Fill,
    Outcome,
    ParcelState,
    Problem,
    Purpose,
    ScreenName,
    UseState,
)
from firmware.notices import Notice
from firmware.rows import Grant, Use
from firmware.shown import NOTICES as TOKEN_NOTICES
from firmware.turn import Turn
from tests.core.harness import HOUR_MS, Mind, cabinet, digest, lost, right

K = EntryKind


def stored(mind: Mind, *more: Purpose) -> Mind:
    """KZ1 lies in cell 1 for its buyer."""
    mind.order("KZ1", 1, *more)
    mind.deposit("KZ1", 1)
    return mind


def opened(mind: Mind) -> Mind:
    """Its buyer has typed the code, and the door stands open."""
    assert mind.code(Purpose.PICKUP, "KZ1") is Outcome.DONE
    mind.unlock(1)
    return mind


def closing(mind: Mind) -> Mind:
    opened(stored(mind)).closes(1)
    assert mind.shows() is ScreenName.CLOSING
    return mind


# Deposit, pickup, withdrawal


def test_a_parcel_goes_in_and_is_collected(mind: Mind) -> None:
    mind.order("KZ1", 1)
    assert mind.press(Action.START) is Outcome.DONE
    assert mind.shows() is ScreenName.KEYPAD
    assert mind.code(Purpose.DEPOSIT, "KZ1") is Outcome.DONE
    assert (mind.screen.name, mind.screen.cell) == (ScreenName.OPENING, 1)
    mind.unlock(1)
    assert (mind.screen.name, mind.screen.purpose) == (ScreenName.PUT_PARCEL, Purpose.DEPOSIT)
    mind.closes(1)
    assert mind.shows() is ScreenName.THANKS
    assert mind.parcel("KZ1").expires_ms == mind.utc_ms + 72 * HOUR_MS
    assert mind.use(Purpose.DEPOSIT, "KZ1") is UseState.SPENT
    mind.advance(5)
    assert mind.shows() is ScreenName.IDLE
    opened(mind)
    assert (mind.screen.name, mind.screen.purpose) == (ScreenName.TAKE_PARCEL, Purpose.PICKUP)
    mind.closes(1)
    assert mind.screen.actions == (Action.CONFIRM, Action.REOPEN, Action.PROBLEM, Action.MORE_TIME)
    mind.press(Action.CONFIRM)
    assert mind.shows() is ScreenName.THANKS
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED
    assert mind.kinds() == [
        *(K.INTENT, K.OPENED, K.CLOSED, K.STORED),
        *(K.INTENT, K.OPENED, K.CLOSED, K.COLLECTED),
    ]
    assert mind.last(K.COLLECTED).why == "confirmed"


def test_an_expired_parcel_is_withdrawn(mind: Mind) -> None:
    stored(mind, Purpose.WITHDRAWAL)
    mind.advance(72 * 3_600)
    assert mind.parcel("KZ1").state is ParcelState.EXPIRED
    mind.code(Purpose.WITHDRAWAL, "KZ1")
    mind.unlock(1)
    assert (mind.screen.name, mind.screen.purpose) == (ScreenName.TAKE_PARCEL, Purpose.WITHDRAWAL)
    assert mind.parcel("KZ1").state is ParcelState.WITHDRAWING
    mind.closes(1, after_s=1)
    assert mind.shows() is ScreenName.THANKS
    assert mind.parcel("KZ1").state is ParcelState.WITHDRAWN
    assert mind.kinds()[-4:] == [K.INTENT, K.OPENED, K.CLOSED, K.WITHDRAWN]


def test_an_outbound_parcel_has_no_term_and_is_withdrawn(mind: Mind) -> None:
    mind.order("KZ1", 1, Purpose.WITHDRAWAL, direction=Direction.OUTBOUND)
    mind.deposit("KZ1", 1)
    mind.advance(400 * 3_600)
    assert mind.parcel("KZ1").state is ParcelState.STORED
    mind.code(Purpose.WITHDRAWAL, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    assert mind.parcel("KZ1").state is ParcelState.WITHDRAWN


def test_one_code_opens_the_cells_of_all_its_parcels_in_turn(mind: Mind) -> None:
    parcels = [GrantedParcel("KZ1", 1), GrantedParcel("KZ2", 2)]
    deposits = [right(Purpose.DEPOSIT, waybill) for waybill in ("KZ1", "KZ2")]
    mind.grants(parcels, [*deposits, right(Purpose.PICKUP, "KZ1", "KZ2")])
    mind.deposit("KZ1", 1)
    mind.deposit("KZ2", 2)
    for waybill, cell in (("KZ1", 1), ("KZ2", 2)):
        mind.code(Purpose.PICKUP, "KZ1")
        assert mind.screen.cell == cell
        mind.unlock(cell)
        mind.closes(cell)
        mind.press(Action.CONFIRM)
        mind.press(Action.BACK)
        assert mind.parcel(waybill).state is ParcelState.COLLECTED
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.screen.notice is Notice.COLLECTED


def test_a_term_begins_once_the_clock_is_sure(mind: Mind) -> None:
    mind.sure = False
    stored(mind)
    mind.advance(100 * 3_600)
    assert (mind.parcel("KZ1").expires_ms, mind.last(EntryKind.STORED).until_ms) == (None, None)
    mind.sure = True
    mind.advance(1)
    expires_ms = mind.parcel("KZ1").expires_ms
    begun = mind.last(EntryKind.EXTENDED)  # else the backend would never hear of it
    assert (begun.parcel, begun.until_ms, begun.why) == ("KZ1", expires_ms, "clock")
    assert expires_ms is not None
    assert abs(expires_ms - mind.utc_ms - 72 * HOUR_MS) <= 1_000
    mind.sure = False
    mind.advance(100 * 3_600)
    assert mind.parcel("KZ1").state is ParcelState.STORED  # by an unsure clock nothing runs out
    mind.sure = True
    mind.advance(1)
    assert mind.parcel("KZ1").state is ParcelState.EXPIRED


# Codes


def test_wrong_codes_wait_longer_each_time_and_step_down_with_quiet(mind: Mind) -> None:
    for count, wait_s in enumerate((*WAITS_S, 60, 60), 1):
        wrong = min(count, len(WAITS_S))
        assert mind.type("wrong") is Outcome.DONE
        assert (mind.screen.name, mind.screen.wrong) == (ScreenName.WRONG_CODE, wrong)
        mind.press(Action.AGAIN)
        if wait_s:
            assert (mind.screen.name, mind.screen.actions) == (ScreenName.WAIT, (Action.BACK,))
            assert mind.screen.due_ms == mind.mono_ms + 1_000 * wait_s
            assert mind.ask(CodeTyped(digest(Purpose.PICKUP, "KZ1"))) is Outcome.NOT_NOW
            mind.advance(wait_s - 0.001)
            assert mind.screen.name in (
                ScreenName.WAIT,
                ScreenName.IDLE,
            )  # the person may have gone meanwhile
            mind.advance(0.001)
        if mind.shows() is ScreenName.IDLE:
            mind.press(Action.START)
        assert mind.shows() is ScreenName.KEYPAD
    assert WAITS_S == (0, 0, 0, 5, 15, 30, 60)
    mind.advance(120)
    mind.type("wrong")
    assert mind.screen.wrong == len(WAITS_S)  # 6 after the quiet, and one more
    mind.advance(120 * len(WAITS_S))
    assert mind.state.locker.wrong_codes == 0
    assert mind.state.locker.due_ms == mind.state.locker.refill_ms  # nothing else is to come


def test_the_waits_are_kept_over_a_restart_and_begin_anew_after_a_power_cut(mind: Mind) -> None:
    for _ in range(5):
        mind.type("wrong")
        mind.press(Action.AGAIN)
        mind.advance(10 if mind.shows() is ScreenName.WAIT and mind.state.locker.wrong_codes == 4 else 0)
    assert mind.screen.due_ms == mind.mono_ms + 15_000
    mind.advance(10)
    mind.start(read=False)
    assert mind.state.locker.wait_ms == mind.mono_ms + 5_000
    mind.mono_ms = 50
    mind.start("boot-2", read=False)
    assert mind.state.locker.wait_ms == mind.mono_ms + 15_000


def test_a_code_of_wrong_length_or_alphabet_is_no_wrong_code(mind: Mind) -> None:
    mind.press(Action.START)
    assert mind.ask(CodeTyped(None)) is Outcome.MALFORMED
    assert mind.shows() is ScreenName.KEYPAD
    assert mind.kinds() == []


def test_a_code_counts_only_on_the_keypad(mind: Mind) -> None:
    closing(mind)
    assert mind.ask(CodeTyped("wrong")) is Outcome.NOT_NOW
    mind.start()
    assert mind.ask(CodeTyped("wrong")) is Outcome.NOT_NOW
    assert K.WRONG_CODE not in mind.kinds()


def test_no_second_door_opens_while_one_is_in_hand(mind: Mind) -> None:
    """By the book this cannot happen at one screen; a second screen or a bug must not make it happen either."""
    stored(mind)
    mind.press(Action.START)
    mind.door(2).state = DoorState.UNLOCKING
    mind.controller.handle(CodeTyped(digest(Purpose.PICKUP, "KZ1")), mind.now)
    assert mind.shows() is ScreenName.BUSY
    assert mind.screen.actions == (Action.BACK,)


# Notices: each is said where it is true, is never a wrong code, and opens nothing


def not_delivered(mind: Mind) -> Purpose:
    mind.order("KZ1", 1)
    return Purpose.PICKUP


def nothing_to_withdraw_yet(mind: Mind) -> Purpose:
    mind.order("KZ1", 1, Purpose.WITHDRAWAL)
    return Purpose.WITHDRAWAL


def not_yet_valid(mind: Mind) -> Purpose:
    soon = right(Purpose.PICKUP, "KZ1", not_before_ms=mind.utc_ms + 1)
    mind.grants([GrantedParcel("KZ1", 1)], [soon])
    return Purpose.PICKUP


def collected(mind: Mind) -> Purpose:
    closing(mind).press(Action.CONFIRM)
    mind.advance(10)
    return Purpose.PICKUP


def collected_before_withdrawal(mind: Mind) -> Purpose:
    closing_with(mind, Purpose.WITHDRAWAL).press(Action.CONFIRM)
    mind.advance(10)
    return Purpose.WITHDRAWAL


def closing_with(mind: Mind, *more: Purpose) -> Mind:
    opened(stored(mind, *more)).closes(1)
    return mind


def opened_under_another_right(mind: Mind) -> Purpose:
    stored(mind)
    twin = right(Purpose.PICKUP, "KZ1")
    other = GrantedRight("other", Purpose.PICKUP, ("KZ1",), ("other",))
    mind.grants([GrantedParcel("KZ1", 1)], [twin, other])
    mind.type("other")
    mind.unlock(1)
    mind.closes(1)
    mind.advance(30)
    return Purpose.PICKUP


def expired(mind: Mind) -> Purpose:
    stored(mind).advance(72 * 3_600)
    return Purpose.PICKUP


def right_ran_out(mind: Mind) -> Purpose:
    stored(mind)
    mind.grants([GrantedParcel("KZ1", 1)], [right(Purpose.PICKUP, "KZ1", not_after_ms=mind.utc_ms)])
    return Purpose.PICKUP


def withdrawn_after_its_term(mind: Mind) -> Purpose:
    test_an_expired_parcel_is_withdrawn(mind)
    mind.advance(10)
    return Purpose.PICKUP


def refused(mind: Mind, problem: Problem = Problem.REFUSED) -> Purpose:
    closing_with(mind, Purpose.WITHDRAWAL).press(Action.PROBLEM)
    assert mind.press(Action.REPORT, problem) is Outcome.DONE
    mind.advance(20)
    return Purpose.PICKUP


def withdrawn_after_its_refusal(mind: Mind) -> Purpose:
    refused(mind)
    mind.code(Purpose.WITHDRAWAL, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    mind.advance(10)
    return Purpose.PICKUP


def disputed(mind: Mind) -> Purpose:
    return refused(mind, Problem.NOT_THERE)


def unlisted(mind: Mind) -> Purpose:
    stored(mind)
    mind.grants([], [])
    return Purpose.PICKUP


def cancelled(mind: Mind) -> Purpose:
    """No message of the backend cancels a parcel yet."""
    mind.order("KZ1", 1)
    mind.parcel("KZ1").state = ParcelState.CANCELLED
    return Purpose.PICKUP


def reopened_out(mind: Mind) -> Purpose:
    closing(mind)
    for _ in range(3):
        assert mind.press(Action.REOPEN) is Outcome.DONE
        mind.advance(3)
        mind.unlock(1)
        mind.closes(1)
    assert Action.REOPEN not in mind.screen.actions
    mind.advance(30)
    return Purpose.PICKUP


def offline(mind: Mind) -> Purpose:
    stored(mind).play(lost("board"))
    return Purpose.PICKUP


def stands_open(mind: Mind) -> Purpose:
    stored(mind).opens(1)
    return Purpose.PICKUP


def claimed_and_offline(mind: Mind) -> Purpose:
    """The power was cut after the pulse, and the board has not come back."""
    stored(mind)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.start("boot-2", read=False)
    mind.play(lost("board"))
    mind.closes(3)
    return Purpose.PICKUP


def deposited(mind: Mind) -> Purpose:
    stored(mind)
    return Purpose.DEPOSIT


def withdrawn(mind: Mind) -> Purpose:
    withdrawn_after_its_term(mind)
    return Purpose.WITHDRAWAL


def not_due(mind: Mind) -> Purpose:
    stored(mind, Purpose.WITHDRAWAL)
    return Purpose.WITHDRAWAL


def in_its_buyers_hand(mind: Mind) -> Purpose:
    closing_with(mind, Purpose.WITHDRAWAL)
    mind.advance(30)
    return Purpose.WITHDRAWAL


def cell_is_taken(mind: Mind) -> Purpose:
    mind.order("KZ2", 1)
    mind.deposit("KZ2", 1)
    mind.order("KZ1", 1)
    return Purpose.DEPOSIT


def cell_may_hold_an_unconfirmed_one(mind: Mind) -> Purpose:
    mind.order("KZ2", 1)
    mind.code(Purpose.DEPOSIT, "KZ2")
    mind.start("boot-2")
    assert mind.parcel("KZ2").state is ParcelState.UNCONFIRMED
    mind.order("KZ1", 1)
    return Purpose.DEPOSIT


def cell_was_just_emptied(mind: Mind) -> Purpose:
    mind.order("KZ2", 1)
    mind.deposit("KZ2", 1)
    mind.code(Purpose.PICKUP, "KZ2")
    mind.unlock(1)
    mind.closes(1)
    mind.press(Action.CONFIRM)
    mind.press(Action.BACK)
    mind.order("KZ1", 1)
    return Purpose.DEPOSIT


def cell_is_blocked(mind: Mind) -> Purpose:
    mind.order("KZ1", 1)
    mind.code(Purpose.DEPOSIT, "KZ1")
    mind.jam()
    mind.press(Action.BACK)
    return Purpose.DEPOSIT


def unconfirmed(mind: Mind) -> Purpose:
    mind.order("KZ1", 1)
    mind.code(Purpose.DEPOSIT, "KZ1")
    mind.start("boot-2")
    return Purpose.PICKUP


def service_at_the_keypad(mind: Mind) -> Purpose:
    stored(mind, Purpose.SERVICE)
    return Purpose.SERVICE


def journal_nearly_full(mind: Mind) -> Purpose:
    mind.order("KZ1", 1)
    mind.play(StorageChanged(False, Fill.NO_DEPOSITS, 90))
    return Purpose.DEPOSIT


NOTICES: list[tuple[Callable[[Mind], Purpose], Notice]] = [
    (not_delivered, Notice.NOT_DELIVERED),
    (nothing_to_withdraw_yet, Notice.NOT_DELIVERED),
    (not_yet_valid, Notice.NOT_YET_VALID),
    (collected, Notice.COLLECTED),
    (collected_before_withdrawal, Notice.COLLECTED),
    (opened_under_another_right, Notice.COLLECTED),
    (expired, Notice.EXPIRED),
    (right_ran_out, Notice.CODE_ENDED),
    (withdrawn_after_its_term, Notice.EXPIRED),
    (refused, Notice.REFUSED),
    (withdrawn_after_its_refusal, Notice.REFUSED),
    (unlisted, Notice.CODE_ENDED),
    (cancelled, Notice.CANCELLED),
    (disputed, Notice.AWAITS_TECHNICIAN),
    (unconfirmed, Notice.AWAITS_TECHNICIAN),
    (cell_is_taken, Notice.AWAITS_TECHNICIAN),
    (cell_may_hold_an_unconfirmed_one, Notice.AWAITS_TECHNICIAN),
    (cell_is_blocked, Notice.AWAITS_TECHNICIAN),
    (cell_was_just_emptied, Notice.CELL_QUIET),
    (service_at_the_keypad, Notice.AWAITS_TECHNICIAN),
    (reopened_out, Notice.REOPENED_OUT),
    (offline, Notice.CELL_OFFLINE),
    (claimed_and_offline, Notice.CELL_OFFLINE),
    (stands_open, Notice.CELL_OPEN),
    (deposited, Notice.ALREADY_DONE),
    (withdrawn, Notice.ALREADY_DONE),
    (journal_nearly_full, Notice.NO_DEPOSITS),
    (not_due, Notice.NOT_DUE),
    (in_its_buyers_hand, Notice.NOT_DUE),
]


@pytest.mark.parametrize(("case", "notice"), NOTICES, ids=lambda value: getattr(value, "__name__", None))
def test_a_known_code_that_opens_nothing_says_why(
    mind: Mind, case: Callable[[Mind], Purpose], notice: Notice
) -> None:
    purpose = case(mind)
    pulsed, wrong = mind.state.locker.next_intent, mind.state.locker.wrong_codes
    assert mind.code(purpose, "KZ1") is Outcome.DONE
    assert (mind.screen.name, mind.screen.notice) == (ScreenName.NOTICE, notice)
    assert (mind.screen.cell is not None) == (notice is Notice.CELL_OPEN)
    assert mind.state.locker.next_intent == pulsed
    assert mind.state.locker.wrong_codes == wrong
    assert mind.last(K.NOTICE).why == notice
    mind.press(Action.AGAIN)
    assert mind.shows() is ScreenName.KEYPAD


def test_every_notice_is_reached() -> None:
    """Those of tokens alone are in tests/core/test_shown.py, and those of a scanned parcel in tests/core/test_batch.py."""
    elsewhere = {*TOKEN_NOTICES.values(), Notice.NOT_OURS, Notice.CODE_FIRST, Notice.NOT_IN_BATCH}
    assert {notice for _, notice in NOTICES} == set(Notice) - elsewhere


def test_an_expired_parcel_says_since_when_and_where_the_money_goes(mind: Mind) -> None:
    expired(mind)
    mind.code(Purpose.PICKUP, "KZ1")
    assert (mind.screen.account, mind.screen.date_ms) == ("Kaspi Gold", mind.parcel("KZ1").ended_ms)


# Closing, reopening, silence


def test_silence_after_closing_collects_when_the_window_ends(mind: Mind) -> None:
    closing(mind)
    window_ends = mind.parcel("KZ1").due_ms
    assert window_ends == mind.mono_ms + 600_000
    mind.advance(20)
    assert mind.shows() is ScreenName.IDLE
    mind.advance(579.999)
    assert mind.parcel("KZ1").state is ParcelState.OPENED
    mind.advance(0.001)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED
    assert mind.last(K.COLLECTED).why == "window"
    assert mind.use(Purpose.PICKUP, "KZ1") is UseState.SPENT


def test_the_same_code_reopens_while_the_window_runs(mind: Mind) -> None:
    closing(mind)
    mind.advance(300)
    opened(mind)
    assert mind.parcel("KZ1").reopened == 1
    mind.closes(1)
    assert mind.parcel("KZ1").due_ms == mind.mono_ms + 600_000


def test_a_door_shut_too_soon_is_opened_again_from_its_question_and_no_window_runs(mind: Mind) -> None:
    """Nobody has confirmed anything yet: only a door that stood open long enough begins the window."""
    opened(stored(mind)).closes(1, after_s=1)
    assert (mind.shows(), mind.parcel("KZ1").due_ms) == (ScreenName.ASK_TAKEN, None)
    mind.advance(3)  # its coil rests
    assert mind.press(Action.REOPEN) is Outcome.DONE
    assert (mind.parcel("KZ1").reopened, mind.parcel("KZ1").due_ms) == (1, None)


def test_a_window_does_not_end_under_the_hands_of_its_person(tmp_path: Path) -> None:
    mind = Mind(tmp_path / "state.db", cabinet(Times(confirmation_window_s=8))).start()
    closing(mind)
    mind.press(Action.PROBLEM)
    mind.advance(30)
    assert mind.parcel("KZ1").state is ParcelState.OPENED
    assert mind.press(Action.REPORT, Problem.NOT_THERE) is Outcome.DONE
    assert mind.parcel("KZ1").state is ParcelState.DISPUTED
    mind.store.close()


def test_a_window_does_not_end_while_the_outcome_of_a_reopening_is_unknown(tmp_path: Path) -> None:
    mind = Mind(tmp_path / "state.db", cabinet(Times(confirmation_window_s=30))).start()
    closing(mind)
    mind.press(Action.REOPEN)
    mind.advance(3)
    mind.start(read=False)
    mind.play(lost("board"))
    mind.advance(100)
    assert mind.parcel("KZ1").state is ParcelState.OPENED
    mind.opens(1)
    assert (mind.door(1).state, mind.door(1).why) == (DoorState.OVERDUE, "late")
    mind.closes(1)
    mind.advance(100)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED
    mind.store.close()


@pytest.mark.parametrize("problem", Problem)
def test_a_problem_is_disputed_or_refused_and_never_collected_by_silence(
    mind: Mind, problem: Problem
) -> None:
    closing(mind).press(Action.PROBLEM)
    assert mind.screen.actions == (Action.REPORT, Action.BACK, Action.MORE_TIME)
    assert mind.press(Action.REPORT, problem) is Outcome.DONE
    assert mind.shows() is ScreenName.PROBLEM_NOTED
    mind.advance(5_000)
    is_refusal = problem is Problem.REFUSED
    assert mind.parcel("KZ1").state is (ParcelState.REFUSED if is_refusal else ParcelState.DISPUTED)
    assert mind.last(K.REFUSED if is_refusal else K.DISPUTED).why == problem
    assert mind.door(1).blocked == f"problem: {problem}"
    assert mind.use(Purpose.PICKUP, "KZ1") is UseState.SPENT


def test_a_problem_without_its_kind_is_malformed(mind: Mind) -> None:
    closing(mind).press(Action.PROBLEM)
    assert mind.press(Action.REPORT) is Outcome.MALFORMED
    assert mind.press(Action.BACK) is Outcome.DONE
    assert mind.shows() is ScreenName.CLOSING


def test_a_door_open_so_shortly_that_one_must_ask_leaves_the_parcel_stored(mind: Mind) -> None:
    opened(stored(mind))
    mind.closes(1, after_s=2.9)
    assert (mind.screen.name, mind.parcel("KZ1").due_ms) == (ScreenName.ASK_TAKEN, None)
    mind.advance(20)
    assert mind.shows() is ScreenName.IDLE
    assert (mind.parcel("KZ1").state, mind.use(Purpose.PICKUP, "KZ1")) == (
        ParcelState.STORED,
        UseState.RELEASED,
    )
    opened(mind)
    mind.closes(1, after_s=3)
    assert mind.shows() is ScreenName.CLOSING


@pytest.mark.parametrize(
    ("action", "state"), [(Action.CONFIRM, ParcelState.COLLECTED), (Action.REOPEN, ParcelState.OPENED)]
)
def test_one_who_is_asked_may_answer(mind: Mind, action: Action, state: ParcelState) -> None:
    opened(stored(mind))
    mind.closes(1, after_s=1)
    assert mind.press(action) is Outcome.DONE
    assert mind.parcel("KZ1").state is state


def test_a_short_opening_that_nobody_waited_for_leaves_the_parcel_stored(mind: Mind) -> None:
    stored(mind)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.jam()
    mind.press(Action.BACK)
    mind.opens(1)
    assert mind.door(1).why == "late"
    mind.closes(1, after_s=1)
    assert mind.parcel("KZ1").state is ParcelState.STORED


def test_a_door_found_open_after_a_start_has_been_open_long_enough(mind: Mind) -> None:
    """Nobody saw since when; while the process was away somebody may well have taken the parcel out."""
    stored(mind)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.start(read=False)
    mind.opens(1)
    mind.closes(1, after_s=1)
    assert mind.parcel("KZ1").state is ParcelState.OPENED
    mind.advance(600)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED


def test_asked_and_then_forced_is_not_stranded(mind: Mind) -> None:
    opened(stored(mind))
    mind.closes(1, after_s=1)
    mind.opens(1)
    assert mind.door(1).why == "forced"
    mind.advance(20)
    assert mind.parcel("KZ1").state is ParcelState.STORED


# More time, nothing pressed by accident, a new page


def test_more_time_is_limited(mind: Mind) -> None:
    closing(mind)
    for _ in range(3):
        mind.advance(15)
        assert mind.press(Action.MORE_TIME) is Outcome.DONE
    assert Action.MORE_TIME not in mind.screen.actions
    assert mind.press(Action.MORE_TIME) is Outcome.NOT_NOW
    mind.advance(20)
    assert mind.shows() is ScreenName.IDLE


@pytest.mark.parametrize("action", Action)
def test_what_the_screen_does_not_list_changes_nothing(mind: Mind, action: Action) -> None:
    closing(mind)
    if action in mind.screen.actions:
        return
    before = repr(mind.state.rows())
    assert mind.press(action, Problem.NOT_MINE) is Outcome.NOT_NOW
    assert repr(mind.state.rows()) == before


def test_a_new_page_resets_only_what_is_unproved(mind: Mind) -> None:
    mind.press(Action.START)
    mind.play(KioskJoined())
    assert mind.shows() is ScreenName.IDLE
    mind.play(KioskJoined())
    for stage in (lambda: opened(stored(mind)), lambda: mind.closes(1)):
        stage()
        before = mind.screen
        mind.play(KioskJoined())
        assert mind.screen == before
    mind.press(Action.CONFIRM)
    mind.play(KioskJoined())
    assert mind.shows() is ScreenName.IDLE


def test_a_code_right_after_the_start_waits_for_the_coils_instead_of_losing_a_pulse(mind: Mind) -> None:
    """Found on the live page: the lock bank's guard refused the first pulse, and one of three was gone."""
    mind.order("KZ1", 1)
    mind.start(read=False)
    mind.play(DoorRead(1, True))
    mind.code(Purpose.DEPOSIT, "KZ1")
    assert mind.shows() is ScreenName.OPENING
    assert mind.pulses == []
    mind.advance(mind.config.locks.rest_s)
    assert (len(mind.pulses), mind.door(1).tries) == (1, 1)


# What no event leads to yet, or any more: the judge stands on its own


@pytest.mark.parametrize(
    ("purpose", "state", "inside", "notice"),
    [
        (Purpose.PICKUP, ParcelState.CANCELLED, True, Notice.CANCELLED),
        (Purpose.DEPOSIT, ParcelState.CANCELLED, False, Notice.CANCELLED),
        (Purpose.WITHDRAWAL, ParcelState.CANCELLED, False, Notice.CANCELLED),
        (Purpose.PICKUP, ParcelState.MISSING, False, Notice.AWAITS_TECHNICIAN),
        (Purpose.WITHDRAWAL, ParcelState.MISSING, False, Notice.ALREADY_DONE),
        (Purpose.WITHDRAWAL, ParcelState.CANCELLED, True, None),
    ],
)
def test_states_that_only_the_backend_will_bring_are_judged(
    mind: Mind, purpose: Purpose, state: ParcelState, inside: bool, notice: Notice | None
) -> None:
    mind.order("KZ1", 1, Purpose.WITHDRAWAL)
    parcel, grant = mind.parcel("KZ1"), mind.state.get(Grant, digest(purpose, "KZ1"))
    parcel.state, parcel.inside = state, inside
    assert access.judge(mind.state, grant, mind.now, 3) == (notice or access.Admit(grant, parcel))


def test_a_right_is_spent_once(mind: Mind) -> None:
    stored(mind)
    mind.state.add(Use(digest(Purpose.PICKUP, "KZ1"), "KZ1", UseState.SPENT))
    grant = mind.state.get(Grant, digest(Purpose.PICKUP, "KZ1"))
    assert access.judge(mind.state, grant, mind.now, 3) is Notice.ALREADY_DONE


def test_an_opening_without_a_proved_right_is_a_bug(mind: Mind) -> None:
    mind.press(Action.START)
    session = mind.state.session
    assert session is not None
    with pytest.raises(ValueError, match="without a proved right"):
        opening.begin(Turn(mind.state, mind.controller.cabinet, mind.now), session)


def test_silence_after_a_problem_confirms_nothing(mind: Mind) -> None:
    """Found in a random walk: the window ran on behind the problem screen, and collected what was complained of."""
    closing(mind).press(Action.PROBLEM)
    mind.advance(3_600)
    assert mind.shows() is ScreenName.IDLE
    assert mind.parcel("KZ1").state is ParcelState.STORED
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.shows() is ScreenName.OPENING


def test_going_back_from_the_problems_begins_the_window_anew(mind: Mind) -> None:
    closing(mind).press(Action.PROBLEM)
    mind.advance(9)
    mind.press(Action.BACK)
    assert mind.shows() is ScreenName.CLOSING
    assert mind.parcel("KZ1").due_ms == mind.mono_ms + 600_000
