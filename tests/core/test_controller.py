"""Doors, locks, banks, restarts and deadlines, as the mind takes them; and that every screen has a way out."""

import itertools
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from transitions import MachineError

from firmware.config import Locks, Times
from firmware.deeds import Claim
from firmware.errors import ConfigError
from firmware.events import Checked, DoorConfirmed, DoorRead, Due, GrantedParcel, PulseEnded, ScannerChanged
from firmware.model import (
    Action,
    Direction,
    DoorState,
    EntryKind,
    Outcome,
    ParcelState,
    Problem,
    Purpose,
    Screen,
    ScreenName,
    UseState,
    Why,
)
from firmware.notices import Notice
from firmware.optics import CameraState
from firmware.rows import Door
from hal.ports import PulseResult
from tests.core.harness import HOUR_MS, Mind, cabinet, digest, lost, right

K = EntryKind
PURPOSES = (Purpose.DEPOSIT, Purpose.PICKUP, Purpose.WITHDRAWAL)
BEFORE = {  # where a parcel is before its opening, and in whose hand it is meanwhile
    Purpose.DEPOSIT: (ParcelState.EXPECTED, ParcelState.EXPECTED),
    Purpose.PICKUP: (ParcelState.STORED, ParcelState.OPENED),
    Purpose.WITHDRAWAL: (ParcelState.STORED, ParcelState.WITHDRAWING),
}
AFTER = {
    Purpose.DEPOSIT: ParcelState.STORED,
    Purpose.PICKUP: ParcelState.OPENED,
    Purpose.WITHDRAWAL: ParcelState.WITHDRAWN,
}


def ready(mind: Mind, purpose: Purpose) -> Mind:
    """KZ1 waits for this to happen to it, in cell 1."""
    outbound = purpose is Purpose.WITHDRAWAL
    direction = Direction.OUTBOUND if outbound else Direction.INBOUND
    mind.order("KZ1", 1, Purpose.WITHDRAWAL, direction=direction)
    if purpose is not Purpose.DEPOSIT:
        mind.deposit("KZ1", 1)
    return mind


def begun(mind: Mind, purpose: Purpose) -> Mind:
    """Its code was typed, and the pulse is in flight."""
    ready(mind, purpose)
    assert mind.code(purpose, "KZ1") is Outcome.DONE
    while not mind.pulses:
        mind.ring_next()
    return mind


def opened(mind: Mind, purpose: Purpose) -> Mind:
    begun(mind, purpose).unlock(1)
    return mind


# Locks


def test_a_jam_gets_three_pulses_with_rest_between_and_keeps_the_code_alive(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP)
    ends = []
    while mind.pulses:
        mind.pulse_ends()
        ends.append(mind.mono_ms)
        assert mind.reads == []
        mind.advance(2.999)
        assert mind.reads == []
        mind.advance(0.001)
        mind.reads_as(True)
    assert len(ends) == 3
    assert (mind.shows(), mind.screen.can_retry) == (ScreenName.NOT_OPENED, True)
    assert (mind.door(1).state, mind.door(1).blocked) == (DoorState.JAMMED, "jammed")
    assert (mind.parcel("KZ1").state, mind.use(Purpose.PICKUP, "KZ1")) == (
        ParcelState.STORED,
        UseState.RELEASED,
    )
    assert mind.kinds()[-6:] == [K.INTENT] * 3 + [K.NOT_OPENED, K.BLOCKED, K.RELEASED]
    assert mind.last(K.NOT_OPENED).count == 3
    mind.press(Action.BACK)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    assert mind.shows() is ScreenName.TAKE_PARCEL
    assert mind.door(1).why is Why.INTENT


def test_one_more_try_at_the_screen_after_a_jam(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP).jam()
    assert mind.press(Action.AGAIN) is Outcome.DONE
    mind.unlock(1)
    assert mind.shows() is ScreenName.TAKE_PARCEL


def test_one_more_try_is_judged_anew(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP).jam()
    mind.grants([], [])
    assert mind.press(Action.AGAIN) is Outcome.DONE
    assert mind.shows() is ScreenName.IDLE
    assert mind.pulses == []


def test_one_more_try_after_its_grant_was_forgotten_ends(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP).jam()
    mind.grants([], [])
    mind.utc_ms += 31 * 24 * HOUR_MS
    mind.grants([], [])
    assert mind.press(Action.AGAIN) is Outcome.DONE
    assert mind.shows() is ScreenName.IDLE


def test_a_coil_works_no_more_than_its_duty(mind: Mind) -> None:
    """5 % of 60 s are 10 pulses of 300 ms; nobody is kept waiting for the eleventh."""
    begun(mind, Purpose.PICKUP)
    mind.jam()
    while mind.last(K.NOT_OPENED).why != "duty":
        mind.press(Action.AGAIN)
        mind.jam()
    assert len(mind.door(1).pulses) == 10
    assert mind.shows() is ScreenName.NOT_OPENED
    assert mind.use(Purpose.PICKUP, "KZ1") is UseState.RELEASED
    over_ms = mind.door(1).pulses[0] + 60_000
    mind.advance(20)
    mind.pass_ms(over_ms - 2_000 - mind.mono_ms)
    mind.code(Purpose.PICKUP, "KZ1")  # so near its time, it is waited for
    assert (mind.shows(), mind.pulses) == (ScreenName.OPENING, [])
    mind.unlock(1)
    assert mind.mono_ms >= over_ms


def test_a_door_that_opens_while_its_coil_rests_is_its_persons(mind: Mind) -> None:
    opened(mind, Purpose.PICKUP).closes(1, after_s=1)
    mind.press(Action.REOPEN)
    assert (mind.shows(), mind.pulses) == (ScreenName.OPENING, [])
    mind.opens(1)
    assert (mind.shows(), mind.door(1).why) == (ScreenName.TAKE_PARCEL, Why.INTENT)


def test_a_term_that_runs_out_while_the_coil_rests_does_not_end_the_opening(mind: Mind) -> None:
    opened(mind, Purpose.PICKUP).closes(1, after_s=1)
    mind.utc_ms = (mind.parcel("KZ1").expires_ms or 0) - 1_000
    mind.advance(0)
    mind.start(read=False)
    for cell in (1, 2, 3, 4):
        mind.play(DoorRead(cell, True))
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.pulses == []
    mind.advance(2.5)
    assert mind.parcel("KZ1").state is ParcelState.CLAIMED
    mind.jam()
    assert mind.parcel("KZ1").state is ParcelState.EXPIRED  # remembered, and applied now
    mind.press(Action.BACK)
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.screen.notice is Notice.EXPIRED


def test_a_reply_that_is_lost_is_asked_of_the_door(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP).pulse_ends(PulseResult.SENT)
    mind.advance(3)
    mind.reads_as(False)
    assert mind.shows() is ScreenName.TAKE_PARCEL


def test_a_pulse_that_was_never_sent_says_nothing_of_the_lock(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP)
    pulses = mind.door(1).pulses
    mind.pulse_ends(PulseResult.NOT_SENT)
    assert mind.shows() is ScreenName.NOT_OPENED
    assert (mind.last(K.NOT_OPENED).why, mind.door(1).blocked) == ("unsent", None)
    assert mind.door(1).pulses == pulses
    mind.press(Action.AGAIN)
    mind.unlock(1)
    assert mind.shows() is ScreenName.TAKE_PARCEL


def test_a_reading_that_fails_ends_the_try_and_proves_no_jam(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP).pulse_ends()
    mind.advance(3)
    mind.reads_as(None)
    assert (mind.shows(), mind.door(1).blocked) == (ScreenName.NOT_OPENED, None)
    assert mind.last(K.NOT_OPENED).why == "unread"
    assert mind.parcel("KZ1").state is ParcelState.STORED


def test_a_door_quicker_than_its_reply_and_closed_again_before_it(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP)
    mind.opens(1)
    mind.play(DoorRead(1, True))
    (pulse,) = mind.pulses
    mind.play(PulseEnded(pulse.intent, 1, PulseResult.ACKNOWLEDGED))
    assert mind.shows() is ScreenName.ASK_TAKEN
    mind.play(DoorConfirmed(1, pulse.intent, True))
    assert mind.shows() is ScreenName.ASK_TAKEN


# Doors that open when nobody thinks of it


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("after_s", [0, 15, 51])
def test_a_jammed_door_that_opens_late_is_its_intents(mind: Mind, purpose: Purpose, after_s: int) -> None:
    begun(mind, purpose).jam()
    mind.advance(after_s)
    mind.opens(1)
    assert mind.door(1).why is Why.LATE
    assert mind.parcel("KZ1").state is BEFORE[purpose][1]
    there = after_s <= 20
    assert mind.door(1).state is (DoorState.OPEN if there else DoorState.OVERDUE)
    mind.closes(1)
    assert mind.parcel("KZ1").state is AFTER[purpose]


def test_a_jammed_door_that_opens_too_late_is_forced_and_its_parcel_suspect(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP).jam()
    mind.advance(61)
    mind.opens(1)
    assert (mind.door(1).state, mind.door(1).why) == (DoorState.OVERDUE, Why.FORCED)
    assert mind.parcel("KZ1").state is ParcelState.SUSPECT
    assert mind.kinds()[-3:] == [K.OPENED, K.SUSPECT, K.OVERDUE]
    mind.closes(1)
    assert mind.door(1).state is DoorState.CLOSED
    mind.code(Purpose.PICKUP, "KZ1")  # its right goes on
    mind.unlock(1)
    mind.closes(1)
    mind.press(Action.CONFIRM)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED


def test_a_late_opening_after_the_parcel_was_collected_is_forced(tmp_path: Path) -> None:
    mind = Mind(tmp_path / "state.db", cabinet(Times(confirmation_window_s=7))).start()
    opened(mind, Purpose.PICKUP).closes(1)
    mind.press(Action.REOPEN)
    mind.jam()
    mind.press(Action.BACK)
    mind.advance(10)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED
    mind.opens(1)
    assert (mind.door(1).state, mind.door(1).why) == (DoorState.OVERDUE, Why.FORCED)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED
    mind.store.close()


def test_an_overdue_door_closes_while_its_own_buyer_reads_that_it_is_open(mind: Mind) -> None:
    opened(mind, Purpose.PICKUP).advance(60)
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.screen.notice is Notice.CELL_OPEN
    mind.closes(1, after_s=1)
    assert mind.shows() is ScreenName.NOTICE
    assert mind.parcel("KZ1").due_ms == mind.mono_ms + 600_000


def test_a_suspect_parcel_falls_back_to_suspect(mind: Mind) -> None:
    ready(mind, Purpose.PICKUP).opens(1)
    mind.closes(1)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.jam()
    assert mind.parcel("KZ1").state is ParcelState.SUSPECT


def test_the_persons_own_door_is_never_the_wrong_cell(mind: Mind) -> None:
    """Whoever stands there, with more time than the late opening has, and pulls: it is theirs."""
    begun(mind, Purpose.PICKUP).jam()
    for _ in range(3):
        mind.advance(19)
        mind.press(Action.MORE_TIME)
    mind.advance(19)
    mind.opens(1)
    assert (mind.shows(), mind.door(1).why) == (ScreenName.TAKE_PARCEL, Why.LATE)


def test_another_cell_that_opens_instead(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP)
    mind.opens(3)
    assert mind.screen == Screen(ScreenName.WRONG_CELL, cell=1, open_cells=(3,))
    assert mind.door(3).blocked == "wrong cell"
    assert mind.last(K.WRONG_CELL).why == "instead of 1"
    assert mind.use(Purpose.PICKUP, "KZ1") is UseState.RELEASED
    mind.opens(4)  # one more: nobody is sent to it
    assert mind.door(4).state is DoorState.OVERDUE
    mind.closes(3, after_s=5)
    assert mind.shows() is ScreenName.NOT_OPENED
    mind.press(Action.AGAIN)
    mind.pulses = mind.pulses[-1:]
    mind.unlock(1)
    assert mind.shows() is ScreenName.TAKE_PARCEL


def test_the_right_cell_opens_after_the_wrong_one(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP)
    mind.opens(3)
    mind.opens(1)
    assert (mind.shows(), mind.screen.cell) == (ScreenName.TAKE_PARCEL, 1)
    assert mind.door(3).state is DoorState.OVERDUE


def test_a_wrong_cell_that_is_not_closed_is_left(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP)
    mind.opens(3)
    mind.advance(60)
    assert (mind.shows(), mind.screen.open_cells) == (ScreenName.IDLE, (3,))
    assert mind.door(3).state is DoorState.OVERDUE


def test_another_door_that_opens_after_a_jam_is_the_wrong_cell_too(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP).jam()
    mind.opens(3)
    assert mind.shows() is ScreenName.WRONG_CELL


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_door_left_open_is_reminded_of_and_then_left(mind: Mind, purpose: Purpose) -> None:
    opened(mind, purpose)
    mind.advance(20)
    assert mind.screen == Screen(ScreenName.CLOSE_DOOR, cell=1, purpose=purpose)
    mind.advance(40)
    assert (mind.shows(), mind.screen.open_cells) == (ScreenName.IDLE, (1,))
    assert (mind.door(1).state, mind.door(1).blocked) == (DoorState.OVERDUE, "overdue")
    mind.closes(1)
    assert mind.parcel("KZ1").state is AFTER[purpose]
    assert (mind.door(1).state, mind.door(1).blocked) == (DoorState.CLOSED, None)
    assert mind.screen.open_cells == ()


def test_the_next_person_is_served_while_a_door_is_overdue(mind: Mind) -> None:
    mind.grants(
        [GrantedParcel("KZ1", 1), GrantedParcel("KZ2", 2)],
        [right(Purpose.DEPOSIT, waybill) for waybill in ("KZ1", "KZ2")],
    )
    mind.code(Purpose.DEPOSIT, "KZ1")
    mind.unlock(1)
    mind.advance(60)
    mind.deposit("KZ2", 2)
    assert mind.parcel("KZ2").state is ParcelState.STORED


# Banks


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_bank_lost_while_a_coil_is_on(mind: Mind, purpose: Purpose) -> None:
    begun(mind, purpose)
    mind.play(lost("board"))
    assert (mind.shows(), mind.screen.can_retry) == (ScreenName.NOT_OPENED, False)
    assert mind.last(K.NOT_OPENED).why == "bank_lost"
    assert mind.parcel("KZ1").state is BEFORE[purpose][0]
    mind.pulse_ends(PulseResult.SENT)
    mind.opens(1)  # back, and open: the pulse had worked
    assert mind.door(1).why is Why.LATE
    mind.closes(1)
    assert mind.parcel("KZ1").state is AFTER[purpose]


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("away_s", [5, 30, 100])
def test_a_bank_lost_while_a_door_is_open(mind: Mind, purpose: Purpose, closed: bool, away_s: int) -> None:
    opened(mind, purpose).play(lost("board"))
    assert mind.door(1).state is DoorState.OFFLINE
    mind.advance(away_s)
    mind.play(DoorRead(1, closed))
    if not closed:
        assert mind.door(1).state is (DoorState.OPEN if away_s < 60 else DoorState.OVERDUE)
        mind.closes(1)
    assert mind.parcel("KZ1").state is AFTER[purpose]


def test_a_bank_lost_while_its_coil_rests_strands_nobody(mind: Mind) -> None:
    opened(mind, Purpose.PICKUP).closes(1, after_s=1)
    mind.press(Action.REOPEN)
    assert mind.pulses == []
    mind.play(lost("board"))
    assert mind.shows() is ScreenName.NOT_OPENED
    assert mind.parcel("KZ1").state is ParcelState.STORED


def test_an_open_door_of_a_bank_that_comes_back_is_in_nobodys_hand(mind: Mind) -> None:
    opened(mind, Purpose.PICKUP)
    mind.play(lost("board"))
    mind.advance(60)
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.screen.notice is Notice.CELL_OFFLINE
    mind.opens(1)
    assert mind.door(1).state is DoorState.OVERDUE


def test_the_wrong_cell_of_a_bank_that_was_away_is_still_to_be_closed(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP)
    mind.opens(3)
    mind.play(lost("pins"))
    mind.opens(3)
    mind.closes(3)
    assert mind.shows() is ScreenName.NOT_OPENED


def test_with_no_bank_the_locker_is_out_of_service_and_comes_back(mind: Mind) -> None:
    mind.play(lost("board"))
    assert mind.shows() is ScreenName.IDLE
    mind.play(lost("pins"))
    assert mind.screen == Screen(ScreenName.OUT_OF_SERVICE)
    assert mind.press(Action.START) is Outcome.NOT_NOW
    mind.closes(3)
    assert mind.shows() is ScreenName.IDLE


def test_a_level_that_is_not_told_is_a_door_offline(mind: Mind) -> None:
    mind.play(DoorRead(1, None))
    assert mind.door(1).state is DoorState.OFFLINE
    mind.closes(1)
    assert mind.door(1).state is DoorState.CLOSED


def test_banks_are_read_often_while_a_door_moves(mind: Mind) -> None:
    begun(mind, Purpose.DEPOSIT)
    assert mind.controller.active_banks() == {"board"}
    mind.start(read=False)
    assert mind.controller.active_banks() == {"board", "pins"}


# Restarts


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
def test_a_restart_with_the_door_open(mind: Mind, purpose: Purpose, boot: str) -> None:
    opened(mind, purpose)
    mind.start(boot, read=False)
    assert mind.shows() is ScreenName.OUT_OF_SERVICE
    mind.opens(1)
    assert (mind.door(1).state, mind.door(1).why) == (DoorState.OVERDUE, Why.LATE)
    assert (mind.shows(), mind.screen.open_cells) == (ScreenName.IDLE, (1,))
    mind.closes(1)
    assert mind.parcel("KZ1").state is AFTER[purpose]


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("bank_is_late", [False, True])
@pytest.mark.parametrize("stage", [begun, opened])
def test_a_restart_with_the_door_closed(
    mind: Mind, purpose: Purpose, bank_is_late: bool, stage: Callable[[Mind, Purpose], Mind]
) -> None:
    stage(mind, purpose)
    mind.start("boot-2", read=False)
    if bank_is_late:
        mind.play(lost("board"))
        mind.advance(1_000)
    mind.closes(1)
    unconfirmed = purpose is Purpose.DEPOSIT
    assert mind.parcel("KZ1").state is (ParcelState.UNCONFIRMED if unconfirmed else ParcelState.STORED)
    assert mind.use(purpose, "KZ1") is UseState.RELEASED
    assert K.OUTCOME_UNKNOWN in mind.kinds()
    mind.advance(5_000)
    assert mind.pulses == []
    assert K.COLLECTED not in mind.kinds()
    mind.code(purpose, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    assert mind.parcel("KZ1").state is AFTER[purpose]


def test_a_restart_in_the_window_keeps_it_and_a_power_cut_begins_it_anew(mind: Mind) -> None:
    opened(mind, Purpose.PICKUP).closes(1)
    due_ms = mind.parcel("KZ1").due_ms
    mind.advance(100)
    mind.start()
    assert mind.parcel("KZ1").due_ms == due_ms
    mind.mono_ms = 9
    mind.start("boot-2", read=False)
    assert mind.parcel("KZ1").due_ms == 9 + 600_000
    mind.advance(600)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED


def test_a_restart_at_a_screen_that_asks_leaves_the_parcel_stored(mind: Mind) -> None:
    opened(mind, Purpose.PICKUP).closes(1, after_s=1)
    assert mind.shows() is ScreenName.ASK_TAKEN
    mind.start()
    assert mind.parcel("KZ1").state is ParcelState.STORED


def test_a_restart_does_not_make_an_old_pulse_young(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP).jam()
    mind.advance(3_600)
    mind.start()
    mind.opens(1)
    assert mind.door(1).why is Why.FORCED


def test_a_door_found_open_is_not_forced(mind: Mind) -> None:
    ready(mind, Purpose.PICKUP)
    mind.start("boot-2", read=False)
    mind.opens(1)
    assert mind.door(1).why is Why.FOUND
    assert mind.parcel("KZ1").state is ParcelState.SUSPECT


def test_no_pulse_follows_one_that_nobody_saw_end_before_its_rest(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP)
    mind.start(read=False)
    for cell in (1, 2, 3, 4):
        mind.play(DoorRead(cell, True))
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.pulses == []
    mind.advance(2.999)
    assert mind.pulses == []
    mind.advance(0.001)
    assert len(mind.pulses) == 1


def test_the_journal_tells_a_restart_from_a_power_cut(mind: Mind) -> None:
    mind.start()
    mind.start("boot-2")
    assert [entry.why for entry in mind.entries if entry.kind is K.STARTED] == ["boot", "restart", "boot"]


# The cabinet changes


def without_cell_1(mind: Mind) -> Mind:
    """The same store under another configuration, from the next start on."""
    cells = tuple(cell for cell in mind.config.cells if cell.number != 1)
    mind.config = msgspec.structs.replace(mind.config, cells=cells)
    return mind


def test_a_cell_that_holds_a_parcel_cannot_be_left_out(mind: Mind) -> None:
    ready(mind, Purpose.PICKUP)
    before = mind.store.load().rows()
    with pytest.raises(ConfigError, match="cell 1 holds a parcel"):
        without_cell_1(mind).start()
    assert mind.store.load().rows() == before


def test_a_parcel_that_is_expected_in_a_cell_that_is_gone_gets_another(mind: Mind) -> None:
    begun(mind, Purpose.DEPOSIT)
    without_cell_1(mind).start()
    assert mind.state.find(Door, 1) is None
    for purpose in (Purpose.DEPOSIT, Purpose.PICKUP):
        mind.code(purpose, "KZ1")
        assert mind.shows() is ScreenName.NOTICE
        mind.press(Action.BACK)
    assert mind.command("KZ1") is Outcome.OFFLINE
    mind.order("KZ1", 2)
    mind.deposit("KZ1", 2)


# Deadlines


def test_a_deadline_that_was_overtaken_does_nothing(mind: Mind) -> None:
    mind.press(Action.START)
    found = mind.controller.next_due(mind.now)
    assert found is not None
    mind.press(Action.MORE_TIME)
    before = repr(mind.state.rows())
    for due in (found[1], Due("session", "99", 1), Due("parcel", "KZ9", 0), Due("nothing", "1", 1)):
        mind.play(due)
    assert repr(mind.state.rows()) == before


def test_the_earliest_deadline_comes_first(mind: Mind) -> None:
    mind.type("wrong")
    found = mind.controller.next_due(mind.now)
    assert found is not None
    assert (found[0], found[1].table) == (mind.mono_ms + 6_000, "session")


def test_a_term_that_is_not_over_yet_goes_on(mind: Mind) -> None:
    ready(mind, Purpose.PICKUP)
    mind.play(Due("parcel", "KZ1", mind.parcel("KZ1").generation))
    assert mind.parcel("KZ1").state is ParcelState.STORED


def test_a_round_trip_changes_nothing(mind: Mind) -> None:
    before, seq = repr(mind.state.rows()), mind.store.last_seq
    assert mind.ask(Checked()) is Outcome.DONE
    assert (repr(mind.state.rows()), mind.store.last_seq) == (before, seq)


def test_a_bug_raises(mind: Mind) -> None:
    """What nobody listed is an exception, and memory is what it was: the runtime throws this controller away."""
    begun(mind, Purpose.PICKUP)
    mind.parcel("KZ1").state = ParcelState.COLLECTED
    with pytest.raises(MachineError):
        mind.controller.handle(DoorRead(1, False), mind.now)
    mind.controller.state.drain()
    mind.start()
    assert mind.parcel("KZ1").state is ParcelState.STORED


def test_nothing_waits_for_a_cell_that_nobody_opens(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP)
    session = mind.state.session
    assert session is not None
    mind.state.drop(session)
    with pytest.raises(ValueError, match="nobody waits for cell 1"):
        mind.controller.handle(lost("board"), mind.now)


# Every screen has a way out


def at_keypad(mind: Mind) -> None:
    mind.press(Action.START)


def at_wrong(mind: Mind) -> None:
    mind.type("wrong")


def at_wait(mind: Mind) -> None:
    for _ in range(4):
        mind.type("wrong")
        mind.press(Action.AGAIN)


def at_notice(mind: Mind) -> None:
    ready(mind, Purpose.DEPOSIT)
    mind.code(Purpose.PICKUP, "KZ1")


def at_opening(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP)


def at_open(mind: Mind) -> None:
    opened(mind, Purpose.PICKUP)


def at_put(mind: Mind) -> None:
    opened(mind, Purpose.DEPOSIT)


def at_close_door(mind: Mind) -> None:
    opened(mind, Purpose.WITHDRAWAL).advance(20)


def at_closing(mind: Mind) -> None:
    opened(mind, Purpose.PICKUP).closes(1)


def at_asked(mind: Mind) -> None:
    opened(mind, Purpose.PICKUP).closes(1, after_s=1)


def at_problem(mind: Mind) -> None:
    at_closing(mind)
    mind.press(Action.PROBLEM)


def at_noted(mind: Mind) -> None:
    at_problem(mind)
    mind.press(Action.REPORT, Problem.DAMAGED)


def at_unopened(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP).jam()


def at_wrong_cell(mind: Mind) -> None:
    begun(mind, Purpose.PICKUP).opens(3)


def at_thanks(mind: Mind) -> None:
    at_closing(mind)
    mind.press(Action.CONFIRM)


def at_claimed(mind: Mind) -> None:
    ready(mind, Purpose.PICKUP)
    assert mind.told(Claim((digest(Purpose.PICKUP, "KZ1"),), fresh=True)) is Outcome.ACCEPTED


def at_await_touch(mind: Mind) -> None:
    ready(mind, Purpose.PICKUP)
    for _ in range(6):
        mind.command("KZ1")
        mind.jam()
        mind.press(Action.BACK)
    mind.command("KZ1")


def at_idle(mind: Mind) -> None:
    pass


def at_scan(mind: Mind) -> None:
    mind.play(ScannerChanged(CameraState.OK))
    mind.press(Action.SCAN)


def at_next_parcel(mind: Mind) -> None:
    two = [GrantedParcel("KZ1", 1), GrantedParcel("KZ2", 2)]
    mind.grants(two, [right(Purpose.DEPOSIT, "KZ1", "KZ2")])
    mind.code(Purpose.DEPOSIT, "KZ1")
    mind.unlock(1)
    mind.closes(1)


def out_of_service(mind: Mind) -> None:
    mind.play(lost("board"))
    mind.play(lost("pins"))


WAYS: dict[ScreenName, Callable[[Mind], None]] = {
    ScreenName.IDLE: at_idle,
    ScreenName.KEYPAD: at_keypad,
    ScreenName.WRONG_CODE: at_wrong,
    ScreenName.WAIT: at_wait,
    ScreenName.NOTICE: at_notice,
    ScreenName.OPENING: at_opening,
    ScreenName.TAKE_PARCEL: at_open,
    ScreenName.PUT_PARCEL: at_put,
    ScreenName.CLOSE_DOOR: at_close_door,
    ScreenName.CLOSING: at_closing,
    ScreenName.ASK_TAKEN: at_asked,
    ScreenName.PROBLEM: at_problem,
    ScreenName.PROBLEM_NOTED: at_noted,
    ScreenName.NOT_OPENED: at_unopened,
    ScreenName.WRONG_CELL: at_wrong_cell,
    ScreenName.THANKS: at_thanks,
    ScreenName.AWAIT_TOUCH: at_await_touch,
    ScreenName.CLAIMED: at_claimed,
    ScreenName.SCAN: at_scan,
    ScreenName.NEXT_PARCEL: at_next_parcel,
    ScreenName.OUT_OF_SERVICE: out_of_service,
}


def test_every_screen_is_walked() -> None:
    """But `busy`: at one screen no other person's door can be in hand (tests/core/test_desk.py shows it made up)."""
    assert set(ScreenName) - set(WAYS) == {ScreenName.BUSY}


@pytest.mark.parametrize(("name", "way"), WAYS.items())
def test_every_screen_leads_back_to_idle_by_itself(
    mind: Mind, name: ScreenName, way: Callable[[Mind], None]
) -> None:
    """Nobody presses anything: deadlines, the lock and the door end it. An open door is left overdue."""
    way(mind)
    assert mind.shows() is name
    if name is ScreenName.OUT_OF_SERVICE:
        mind.closes(1)
    for _ in range(20):
        if mind.shows() is ScreenName.IDLE:
            return
        if mind.pulses:
            mind.pulse_ends()
        elif mind.reads:
            mind.reads_as(True)
        else:
            assert mind.ring_next()
    assert mind.shows() is ScreenName.IDLE


@pytest.mark.parametrize(("name", "way"), WAYS.items())
def test_every_action_that_a_screen_lists_does_something(
    tmp_path: Path, name: ScreenName, way: Callable[[Mind], None]
) -> None:
    for number in itertools.count():
        mind = Mind(tmp_path / f"{number}.db").start()
        way(mind)
        assert mind.shows() is name
        actions = mind.screen.actions
        if number < len(actions):
            before = repr(mind.state.rows())
            problem = Problem.NOT_MINE if actions[number] is Action.REPORT else None
            assert mind.press(actions[number], problem) is Outcome.DONE
            assert repr(mind.state.rows()) != before
        mind.store.close()
        if number >= len(actions):
            return


def test_times_and_locks_are_the_configurations(tmp_path: Path) -> None:
    config = cabinet(Times(short_open_s=9, confirmation_window_s=40), Locks(rest_s=1, pulses_max=2))
    mind = Mind(tmp_path / "state.db", config).start()
    begun(mind, Purpose.PICKUP).jam()
    assert mind.last(K.NOT_OPENED).count == 2
    mind.press(Action.AGAIN)
    mind.unlock(1)
    mind.closes(1, after_s=8)
    assert mind.shows() is ScreenName.ASK_TAKEN
    mind.store.close()
