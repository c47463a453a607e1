"""The signed command to open a cell from the app: at most once, in its turn or not at all, and answered once."""

from pathlib import Path
from typing import Any

import pytest

from firmware.config import Times
from firmware.events import Due, GrantedParcel, GrantedRight, KioskJoined
from firmware.model import (
    Action,
    EntryKind,
    Outcome,
    ParcelState,
    Purpose,
    Screen,
    ScreenName,
    UseState,
)
from firmware.rows import Command
from tests.core.harness import HOUR_MS, Mind, cabinet, digest, lost, right

ONE, TWO = GrantedParcel("KZ1", 1), GrantedParcel("KZ2", 2)
DEPOSIT_AND_PICKUP = (Purpose.DEPOSIT, Purpose.PICKUP)


@pytest.fixture
def stored(mind: Mind) -> Mind:
    mind.order("KZ1", 1)
    mind.deposit("KZ1", 1)
    return mind


def store_both(mind: Mind) -> None:
    rights = [right(purpose, waybill) for waybill in ("KZ1", "KZ2") for purpose in DEPOSIT_AND_PICKUP]
    assert mind.grants([ONE, TWO], rights) is Outcome.DONE
    for parcel in (ONE, TWO):
        mind.deposit(parcel.waybill, parcel.cell)


@pytest.fixture
def busy(mind: Mind) -> Mind:
    """Two parcels lie there, and the buyer of the first one stands at the open door; the second one's asks from the app."""
    store_both(mind)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    return mind


def outcomes(mind: Mind, command: str = "c") -> list[Any]:
    """What the journal says of this command, in order."""
    return [
        entry.why for entry in mind.entries if entry.kind is EntryKind.COMMAND and entry.command == command
    ]


def test_the_command_opens_once_and_a_duplicate_gets_the_same_answer(stored: Mind) -> None:
    mind = stored
    assert mind.command("KZ1", id="c") is Outcome.ACCEPTED
    assert len(mind.pulses) == 1
    assert mind.command("KZ1", id="c") is Outcome.ACCEPTED
    mind.unlock(1)
    assert mind.later == {"c": Outcome.DONE}
    assert mind.command("KZ1", id="c") is Outcome.DONE
    mind.closes(1)
    mind.press(Action.CONFIRM)
    assert mind.command("KZ1", id="c") is Outcome.DONE
    mind.start("boot-2")
    assert mind.command("KZ1", id="c") is Outcome.DONE
    assert mind.pulses == []
    assert mind.last(EntryKind.COMMAND).command == "c"


REFUSALS: list[tuple[Outcome, dict[str, Any]]] = [
    (Outcome.WRONG_LOCKER, {"locker": "0124"}),
    (Outcome.WRONG_EPOCH, {"epoch": 2}),
    (Outcome.TOO_EARLY, {"not_before_ms": 2**50}),
    (Outcome.TOO_LATE, {"not_after_ms": 5}),
    (Outcome.NO_SUCH_PARCEL, {"grant": "nobody's"}),
    (Outcome.NO_SUCH_PARCEL, {"grant": digest(Purpose.DEPOSIT, "KZ1")}),
]


@pytest.mark.parametrize(("refusal", "others"), REFUSALS)
def test_a_command_is_refused_for_good(stored: Mind, refusal: Outcome, others: dict[str, Any]) -> None:
    assert stored.command("KZ1", id="c", **others) is refusal
    assert stored.shows() is ScreenName.IDLE
    assert stored.last(EntryKind.COMMAND).why == refusal
    assert stored.command("KZ1", id="c") is refusal  # used up: better claims under the same id change nothing
    assert stored.pulses == []


def test_a_command_for_a_parcel_that_its_grant_does_not_name_is_refused(stored: Mind) -> None:
    stored.grants([ONE, TWO], [right(Purpose.PICKUP, w) for w in ("KZ1", "KZ2")])
    grant = digest(Purpose.PICKUP, "KZ2")
    assert stored.command("KZ1", grant=grant) is Outcome.NO_SUCH_PARCEL
    assert stored.command("KZ2", grant=grant) is Outcome.NOT_ALLOWED  # named, and not delivered


def test_a_command_by_an_unsure_clock_is_refused(stored: Mind) -> None:
    stored.sure = False
    assert stored.command("KZ1") is Outcome.CLOCK_UNSURE


def test_a_command_for_an_open_door_sends_no_pulse(stored: Mind) -> None:
    stored.opens(1)
    assert stored.command("KZ1") is Outcome.ALREADY_OPEN


def test_a_command_for_a_cell_that_nobody_sees_is_offline(stored: Mind) -> None:
    stored.play(lost("board"))
    assert stored.command("KZ1") is Outcome.OFFLINE
    stored.start(read=False)
    assert stored.command("KZ1") is Outcome.OFFLINE


def test_a_command_takes_the_screen_of_whoever_has_proved_nothing_or_is_done(stored: Mind) -> None:
    mind = stored
    mind.grants([ONE, TWO], [right(p, w) for w in ("KZ1", "KZ2") for p in DEPOSIT_AND_PICKUP])
    mind.press(Action.START)
    assert mind.command("KZ1") is Outcome.ACCEPTED  # at the keypad nobody has proved anything
    mind.jam()
    mind.press(Action.BACK)
    mind.code(Purpose.DEPOSIT, "KZ2")
    mind.unlock(2)
    mind.closes(2)
    assert mind.shows() is ScreenName.THANKS  # a courier between two parcels
    assert mind.command("KZ1") is Outcome.ACCEPTED
    mind.unlock(1)
    mind.closes(1)
    assert (
        mind.command("KZ1") is Outcome.ACCEPTED
    )  # whoever asks stands before the closing screen: it reopens
    assert mind.parcel("KZ1").reopened == 1


# In its turn, or not at all


def test_a_command_waits_for_the_screen_and_disturbs_nobody(busy: Mind) -> None:
    mind = busy
    before = mind.screen
    assert mind.command("KZ2", id="c") is Outcome.ACCEPTED
    assert mind.screen == before
    mind.closes(1)
    assert mind.shows() is ScreenName.CLOSING
    assert mind.command("KZ2", id="c") is Outcome.ACCEPTED  # a duplicate gets the same answer
    assert (mind.pulses, mind.later, outcomes(mind)) == ([], {}, [])
    mind.press(Action.CONFIRM)
    assert (mind.shows(), mind.screen.cell) == (ScreenName.OPENING, 2)  # in that very event
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED
    mind.unlock(2)
    assert (mind.later, outcomes(mind)) == ({"c": Outcome.DONE}, [Outcome.DONE])
    assert mind.command("KZ2", id="c") is Outcome.DONE
    assert mind.pulses == []


def test_what_waited_too_long_is_busy_and_never_done(busy: Mind) -> None:
    mind = busy
    mind.command("KZ2", id="c")
    mind.advance(19.999)
    assert mind.later == {}
    mind.advance(0.001)
    assert (mind.later, outcomes(mind)) == ({"c": Outcome.BUSY}, [Outcome.BUSY])
    mind.closes(1)
    mind.press(Action.CONFIRM)
    mind.advance(60)
    assert mind.command("KZ2", id="c") is Outcome.BUSY
    assert (mind.shows(), mind.use(Purpose.PICKUP, "KZ2")) == (ScreenName.IDLE, UseState.FREE)


def test_a_screen_that_is_free_before_the_deadline_has_rung_opens_nothing_any_more(busy: Mind) -> None:
    """The process hung for a while: what is handled first then must not be carried out by surprise."""
    mind = busy
    mind.closes(1)
    mind.command("KZ2", id="c")
    mind.pass_ms(20_000)
    mind.press(Action.CONFIRM)
    assert mind.shows() is ScreenName.THANKS
    mind.advance(0)
    assert (mind.later, mind.pulses) == ({"c": Outcome.BUSY}, [])


def test_the_wait_is_the_configurations(tmp_path: Path) -> None:
    mind = Mind(tmp_path / "state.db", cabinet(Times(remote_wait_s=2))).start()
    store_both(mind)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.command("KZ2", id="c")
    mind.advance(2)
    assert mind.later == {"c": Outcome.BUSY}


def test_one_waits_and_the_next_is_busy_at_once(busy: Mind) -> None:
    mind = busy
    assert mind.command("KZ2", id="c") is Outcome.ACCEPTED
    assert mind.command("KZ2", id="d") is Outcome.BUSY
    mind.advance(20)
    assert mind.command("KZ2", id="e") is Outcome.ACCEPTED
    assert mind.later == {"c": Outcome.BUSY}


def test_nobody_waits_for_a_cell_that_is_in_hand_already(stored: Mind) -> None:
    """It would open once more behind its own buyer's back."""
    mind = stored
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.command("KZ1") is Outcome.BUSY
    mind.unlock(1)
    assert mind.command("KZ1") is Outcome.ALREADY_OPEN
    mind.closes(1)
    mind.press(Action.PROBLEM)
    assert mind.command("KZ1") is Outcome.BUSY
    mind.press(Action.BACK)
    mind.press(Action.CONFIRM)
    assert mind.shows() is ScreenName.THANKS


def test_what_may_not_be_opened_waits_for_nothing(busy: Mind) -> None:
    mind = busy
    mind.grants(
        [ONE, TWO, GrantedParcel("KZ3", 3)], [right(Purpose.PICKUP, w) for w in ("KZ1", "KZ2", "KZ3")]
    )
    assert mind.command("KZ3") is Outcome.NOT_ALLOWED
    assert mind.command("KZ2", not_after_ms=mind.utc_ms) is Outcome.TOO_LATE
    assert mind.command("KZ2", locker="0124") is Outcome.WRONG_LOCKER


def expires(mind: Mind) -> None:
    mind.advance(15)


def loses_its_clock(mind: Mind) -> None:
    mind.sure = False


def loses_its_right(mind: Mind) -> None:
    mind.grants([ONE, TWO], [right(Purpose.PICKUP, "KZ1")])


def loses_its_parcel(mind: Mind) -> None:
    other = GrantedRight(digest(Purpose.PICKUP, "KZ2"), Purpose.PICKUP, ("KZ1",), ("new",))
    mind.grants([ONE, TWO], [right(Purpose.PICKUP, "KZ1"), other])


def loses_its_bank(mind: Mind) -> None:
    mind.play(lost("pins"))


def is_forced(mind: Mind) -> None:
    mind.opens(3)


@pytest.mark.parametrize(
    ("meanwhile", "outcome"),
    [
        (expires, Outcome.TOO_LATE),
        (loses_its_clock, Outcome.CLOCK_UNSURE),
        (loses_its_right, Outcome.NOT_ALLOWED),
        (loses_its_parcel, Outcome.NO_SUCH_PARCEL),
        (loses_its_bank, Outcome.OFFLINE),
        (is_forced, Outcome.ALREADY_OPEN),
    ],
)
def test_what_has_waited_is_judged_anew(mind: Mind, meanwhile: Any, outcome: Outcome) -> None:
    rights = [right(purpose, waybill) for waybill in ("KZ1", "KZ2") for purpose in DEPOSIT_AND_PICKUP]
    mind.grants([ONE, GrantedParcel("KZ2", 3)], rights)
    mind.deposit("KZ1", 1)
    mind.deposit("KZ2", 3)
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    mind.command("KZ2", id="c", not_after_ms=mind.utc_ms + 15_000)
    meanwhile(mind)
    assert mind.later == {}  # the one at the screen still has it
    mind.press(Action.CONFIRM)
    assert mind.shows() is ScreenName.THANKS
    assert (mind.later, outcomes(mind)) == ({"c": outcome}, [outcome])
    assert (mind.pulses, mind.use(Purpose.PICKUP, "KZ2")) == ([], UseState.FREE)


def test_the_cap_is_judged_when_its_turn_comes(tmp_path: Path) -> None:
    mind = Mind(tmp_path / "state.db", cabinet(Times(remote_open_max=1, remote_open_window_s=30))).start()
    store_both(mind)
    mind.command("KZ1")
    mind.unlock(1)
    mind.command("KZ2", id="c")
    mind.closes(1, after_s=1)
    mind.press(Action.CONFIRM)
    assert (mind.shows(), mind.screen.cell) == (ScreenName.AWAIT_TOUCH, 2)
    mind.press(Action.BACK)
    mind.advance(30)
    mind.command("KZ2", id="d")
    assert mind.shows() is ScreenName.OPENING
    assert mind.later["c"] is Outcome.NOT_TOUCHED


def test_a_fresh_page_and_a_screen_that_is_done_set_it_free(busy: Mind) -> None:
    mind = busy
    mind.command("KZ2", id="c")
    mind.play(KioskJoined())
    assert mind.shows() is ScreenName.TAKE_PARCEL  # a door is in hand
    mind.closes(1, after_s=5)
    mind.press(Action.PROBLEM)
    assert mind.pulses == []
    mind.press(Action.BACK)
    mind.advance(14)
    assert mind.later == {}
    mind.press(Action.CONFIRM)
    assert mind.screen.cell == 2


def test_a_door_that_was_left_open_sets_the_screen_free(busy: Mind) -> None:
    mind = busy
    mind.advance(50)
    mind.command("KZ2")
    mind.advance(10)
    assert mind.screen.cell == 2
    mind.unlock(2)


@pytest.mark.parametrize("boot", [None, "boot-2"])
def test_what_waited_at_a_restart_is_busy_and_never_done(busy: Mind, boot: str | None) -> None:
    mind = busy
    mind.command("KZ2", id="c")
    due = Due("command", "c", mind.state.get(Command, "c").generation)
    mind.mono_ms = 7 if boot else mind.mono_ms
    mind.start(boot)
    assert outcomes(mind) == [Outcome.BUSY]
    mind.play(due)
    mind.advance(60)
    assert mind.command("KZ2", id="c") is Outcome.BUSY
    assert (mind.shows(), mind.pulses, outcomes(mind)) == (ScreenName.IDLE, [], [Outcome.BUSY])


# A touch that shows that somebody stands here


def reach_cap(mind: Mind) -> None:
    for _ in range(6):
        assert mind.command("KZ1") is Outcome.ACCEPTED
        mind.jam()
        mind.press(Action.BACK)


def test_beyond_the_cap_a_touch_is_asked_for_also_after_a_power_cut(stored: Mind) -> None:
    mind = stored
    reach_cap(mind)
    assert mind.command("KZ1", id="c") is Outcome.ACCEPTED
    assert (mind.shows(), mind.pulses) == (ScreenName.AWAIT_TOUCH, [])
    mind.mono_ms = 7
    mind.start("boot-2")
    assert outcomes(mind) == [Outcome.NOT_TOUCHED]
    assert mind.command("KZ1") is Outcome.ACCEPTED
    assert mind.shows() is ScreenName.AWAIT_TOUCH
    mind.press(Action.BACK)
    mind.advance(600)
    assert mind.command("KZ1") is Outcome.ACCEPTED
    assert mind.shows() is ScreenName.OPENING


@pytest.fixture
def asking(tmp_path: Path) -> Mind:
    """The policy is `touch`, and a command asks for one."""
    mind = Mind(tmp_path / "touch.db", cabinet(remote_open="touch")).start()
    store_both(mind)
    assert mind.command("KZ1", id="c") is Outcome.ACCEPTED
    assert mind.command("KZ1", id="c") is Outcome.ACCEPTED
    return mind


def test_the_touch_opens_the_cell_as_the_command_would_have(asking: Mind) -> None:
    mind = asking
    assert mind.screen == Screen(
        ScreenName.AWAIT_TOUCH,
        cell=1,
        purpose=Purpose.PICKUP,
        due_ms=mind.mono_ms + 20_000,
        actions=(Action.OPEN, Action.BACK),
    )
    assert (mind.pulses, mind.use(Purpose.PICKUP, "KZ1")) == ([], UseState.FREE)
    mind.advance(19)
    assert mind.press(Action.OPEN) is Outcome.DONE
    mind.unlock(1)
    assert (mind.later, outcomes(mind)) == ({"c": Outcome.DONE}, [Outcome.DONE])
    mind.closes(1)
    mind.press(Action.CONFIRM)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED
    assert mind.press(Action.OPEN) is Outcome.NOT_NOW


@pytest.mark.parametrize("wait_s", [0, 20])
def test_untouched_it_is_answered_so_and_never_done(asking: Mind, wait_s: int) -> None:
    mind = asking
    mind.advance(wait_s)
    if not wait_s:
        mind.press(Action.BACK)
    assert mind.shows() is ScreenName.IDLE
    assert (mind.later, outcomes(mind)) == ({"c": Outcome.NOT_TOUCHED}, [Outcome.NOT_TOUCHED])
    assert mind.press(Action.OPEN) is Outcome.NOT_NOW
    assert mind.command("KZ1", id="c") is Outcome.NOT_TOUCHED
    assert (mind.pulses, mind.use(Purpose.PICKUP, "KZ1")) == ([], UseState.FREE)


def test_who_is_asked_keeps_the_screen_and_the_next_waits(asking: Mind) -> None:
    mind = asking
    assert mind.command("KZ1", id="d") is Outcome.BUSY  # the same cell is asked about already
    mind.advance(1)
    assert mind.command("KZ2", id="e") is Outcome.ACCEPTED
    mind.play(KioskJoined())
    assert mind.screen.cell == 1
    mind.advance(19)
    assert (mind.shows(), mind.screen.cell) == (ScreenName.AWAIT_TOUCH, 2)
    assert mind.later == {"c": Outcome.NOT_TOUCHED}
    mind.press(Action.OPEN)
    mind.unlock(2)
    assert mind.later["e"] is Outcome.DONE


def expires_at_the_screen(mind: Mind) -> None:
    mind.utc_ms += 60_000


def term_runs_out(mind: Mind) -> None:
    mind.parcel("KZ1").expires_ms = mind.utc_ms + 5_000
    mind.advance(5)


@pytest.mark.parametrize(
    ("meanwhile", "outcome"),
    [
        (expires_at_the_screen, Outcome.TOO_LATE),
        (loses_its_clock, Outcome.CLOCK_UNSURE),
        (lambda mind: mind.grants([ONE], []), Outcome.NOT_ALLOWED),
        (lambda mind: mind.play(lost("board")), Outcome.OFFLINE),
        (lambda mind: mind.opens(1), Outcome.ALREADY_OPEN),
        (term_runs_out, Outcome.NOT_ALLOWED),
    ],
)
def test_a_touch_opens_only_what_may_still_be_opened(asking: Mind, meanwhile: Any, outcome: Outcome) -> None:
    mind = asking
    meanwhile(mind)
    assert mind.shows() is ScreenName.AWAIT_TOUCH
    assert mind.press(Action.OPEN) is Outcome.DONE
    assert mind.shows() is ScreenName.IDLE
    assert (mind.later, outcomes(mind), mind.pulses) == ({"c": outcome}, [outcome], [])


def test_a_reopening_that_nobody_touches_for_takes_nothing_back(asking: Mind) -> None:
    mind = asking
    mind.press(Action.OPEN)
    mind.unlock(1)
    mind.closes(1)
    assert mind.command("KZ1", id="d") is Outcome.ACCEPTED
    assert mind.shows() is ScreenName.AWAIT_TOUCH
    mind.advance(20)
    assert mind.later["d"] is Outcome.NOT_TOUCHED
    assert mind.parcel("KZ1").state is ParcelState.OPENED
    mind.advance(600)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED


def test_after_a_short_opening_a_touch_that_does_not_come_leaves_the_parcel_stored(asking: Mind) -> None:
    mind = asking
    mind.press(Action.OPEN)
    mind.unlock(1)
    mind.closes(1, after_s=1)
    assert mind.shows() is ScreenName.ASK_TAKEN
    mind.command("KZ1", id="d")
    mind.advance(20)
    assert mind.parcel("KZ1").state is ParcelState.STORED
    assert mind.use(Purpose.PICKUP, "KZ1") is UseState.RELEASED


def test_touches_in_vain_have_a_cap_and_those_that_came_have_none(asking: Mind) -> None:
    """One phone must not hold the screen for ever; whoever stands there is served as often as it takes."""
    mind = asking
    for _ in range(8):
        mind.press(Action.OPEN)
        mind.jam()
        mind.press(Action.BACK)
        assert mind.command("KZ1") is Outcome.ACCEPTED
    mind.press(Action.BACK)
    for _ in range(5):
        assert mind.command("KZ1") is Outcome.ACCEPTED
        mind.press(Action.BACK)
    assert mind.command("KZ1") is Outcome.CAP_REACHED
    mind.mono_ms = 7
    mind.start("boot-2")
    assert mind.command("KZ1") is Outcome.CAP_REACHED
    mind.advance(600)
    assert mind.command("KZ1") is Outcome.ACCEPTED
    assert mind.shows() is ScreenName.AWAIT_TOUCH


def test_under_the_policy_of_the_screens_code_a_plain_command_opens_nothing(tmp_path: Path) -> None:
    mind = Mind(tmp_path / "qr.db", cabinet(remote_open="screen_qr")).start()
    store_both(mind)
    assert mind.command("KZ1", id="c") is Outcome.NEEDS_SCREEN_QR
    assert mind.command("KZ1", id="c") is Outcome.NEEDS_SCREEN_QR
    assert (mind.shows(), mind.pulses, outcomes(mind)) == (ScreenName.IDLE, [], [Outcome.NEEDS_SCREEN_QR])


# What becomes of it


def test_a_command_whose_door_stays_shut_says_so(stored: Mind) -> None:
    stored.command("KZ1", id="c")
    stored.jam()
    assert stored.later == {"c": Outcome.NOT_OPENED}
    stored.press(Action.AGAIN)
    stored.advance(3)
    stored.unlock(1)
    assert stored.command("KZ1", id="c") is Outcome.NOT_OPENED


def test_a_command_that_waits_for_its_coil_is_answered_when_the_bank_is_lost(stored: Mind) -> None:
    mind = stored
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1, after_s=1)
    assert mind.command("KZ1", id="c") is Outcome.ACCEPTED
    assert mind.pulses == []
    mind.play(lost("board"))
    assert mind.later == {"c": Outcome.NOT_OPENED}
    assert mind.shows() is ScreenName.NOT_OPENED


def test_a_command_that_a_restart_cut_short_is_unknown(stored: Mind) -> None:
    stored.command("KZ1", id="c")
    stored.start()
    assert stored.command("KZ1", id="c") is Outcome.UNKNOWN
    assert stored.pulses == []


def test_a_command_that_waits_is_not_forgotten_whatever_the_clock_does(busy: Mind) -> None:
    mind = busy
    mind.command("KZ2", id="c")
    mind.utc_ms += 25 * HOUR_MS
    mind.command("KZ1", id="d")
    mind.advance(20)
    assert mind.later == {"c": Outcome.BUSY}


def test_commands_are_let_go_of_a_day_after_their_date(stored: Mind) -> None:
    stored.command("KZ1", locker="0124")
    stored.utc_ms += 25 * HOUR_MS
    stored.command("KZ1", locker="0124")
    assert [row.id for row in stored.state.all(Command)] == ["c1", "c2"]
    stored.tell_time()
    stored.command("KZ1", locker="0124")
    assert [row.id for row in stored.state.all(Command)] == ["c2", "c3"]


def test_a_command_is_carried_out_once_whatever_a_battery_clock_says_meanwhile(stored: Mind) -> None:
    """It ran wild: a command that looked long over was forgotten, and would have been carried out once more."""
    until_ms = stored.utc_ms + 20 * 24 * HOUR_MS
    stored.tell_time()
    stored.command("KZ1", id="c", not_after_ms=until_ms)
    stored.jam()
    stored.press(Action.BACK)
    stored.utc_ms += 30 * 24 * HOUR_MS
    stored.command("KZ1", locker="0124")
    stored.utc_ms -= 30 * 24 * HOUR_MS
    assert stored.command("KZ1", id="c", not_after_ms=until_ms) is Outcome.NOT_OPENED
    assert stored.pulses == []
