"""The keypad against guessing: what the budget admits, when it is refilled, and what a month of a robot's typing is worth."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from firmware.attempts import WAITS_S, is_empty
from firmware.config import Cell, LockerSection, Times
from firmware.controller import Controller
from firmware.events import (
    Answer,
    CodeTyped,
    DoorRead,
    GrantedParcel,
    GrantsCame,
    KioskJoined,
    Pressed,
    Started,
)
from firmware.model import PHONE_DIGITS, Action, EntryKind, Moment, Outcome, Purpose, ScreenName
from firmware.rows import Locker, State
from tests.core.harness import LOCKER, UTC_MS, Mind, cabinet, digest, right

TIMES = Times()
FEW = Times(attempts_max=3, attempt_refill_s=600)
DAY_S = 24 * 3_600


def few(path: Path, times: Times = FEW) -> Mind:
    mind = Mind(path / "state.db", cabinet(times)).start()
    mind.order("KZ1", 1)
    return mind


@pytest.fixture
def mind(tmp_path: Path) -> Mind:
    """Three attempts, one refilled every ten minutes, and KZ1 in cell 1."""
    return few(tmp_path)


def to_keypad(mind: Mind) -> None:
    """From a wrong code, a wait or the idle screen; what falls due meanwhile comes."""
    while mind.shows() is not ScreenName.KEYPAD:
        offered = mind.screen.actions
        if Action.START in offered or Action.AGAIN in offered:
            mind.press(Action.START if Action.START in offered else Action.AGAIN)
        else:
            assert mind.ring_next()


def guess(mind: Mind, count: int = 1) -> None:
    for _ in range(count):
        to_keypad(mind)
        assert mind.type("wrong") is Outcome.DONE
        assert mind.shows() is ScreenName.WRONG_CODE


def left(mind: Mind) -> int:
    return mind.config.times.attempts_max - mind.state.locker.attempts_used


def test_the_design_has_forty_and_one_more_every_36_minutes() -> None:
    assert (TIMES.attempts_max, TIMES.attempt_refill_s) == (40, 36 * 60)


def test_once_it_is_empty_the_keypad_asks_code_and_phone_together_and_says_so_once(mind: Mind) -> None:
    guess(mind, 2)
    to_keypad(mind)
    assert not mind.screen.with_phone
    guess(mind)
    assert mind.kinds()[-2:] == [EntryKind.WRONG_CODE, EntryKind.ATTEMPTS_EMPTY]
    to_keypad(mind)
    assert mind.screen.with_phone
    guess(mind, 2)
    assert mind.kinds().count(EntryKind.ATTEMPTS_EMPTY) == 1
    assert left(mind) == 0


def test_while_empty_the_code_alone_is_as_wrong_as_any_and_with_the_phone_it_opens(mind: Mind) -> None:
    guess(mind, 3)
    to_keypad(mind)
    code = digest(Purpose.DEPOSIT, "KZ1")
    assert mind.ask(CodeTyped(code, with_phone=True)) is Outcome.DONE
    assert mind.shows() is ScreenName.WRONG_CODE
    to_keypad(mind)
    assert mind.ask(CodeTyped(f"{code}+phone", with_phone=True)) is Outcome.DONE
    assert mind.shows() is ScreenName.OPENING


def test_while_there_is_some_the_code_with_the_phone_is_no_code(mind: Mind) -> None:
    mind.press(Action.START)
    assert mind.ask(CodeTyped(f"{digest(Purpose.DEPOSIT, 'KZ1')}+phone")) is Outcome.DONE
    assert mind.shows() is ScreenName.WRONG_CODE


@pytest.mark.parametrize("wrong", [0, 3])
def test_what_the_screen_does_not_ask_for_is_not_judged(mind: Mind, wrong: int) -> None:
    """A kiosk that keeps to the protocol's words, but not to the question, gets no guess for nothing."""
    guess(mind, wrong)
    to_keypad(mind)
    before = mind.state.locker.wrong_codes
    other = not mind.screen.with_phone
    for typed in (digest(Purpose.DEPOSIT, "KZ1"), f"{digest(Purpose.DEPOSIT, 'KZ1')}+phone", "wrong"):
        assert mind.ask(CodeTyped(typed, other)) is Outcome.NOT_NOW
    assert mind.shows() is ScreenName.KEYPAD
    assert (mind.state.locker.wrong_codes, left(mind)) == (before, 3 - wrong)


def test_a_wrong_guess_of_both_waits_as_any_other_and_uses_nothing(mind: Mind) -> None:
    guess(mind, 5)
    assert mind.state.locker.wait_ms == mind.mono_ms + 1_000 * WAITS_S[4]
    due_ms = mind.state.locker.refill_ms
    guess(mind)
    assert mind.state.locker.refill_ms == due_ms


def test_one_is_refilled_at_a_time_and_never_more_than_were_used(mind: Mind) -> None:
    mind.press(Action.START)
    mind.type("wrong")
    mind.advance(599)
    mind.type("wrong")
    assert left(mind) == 1
    mind.advance(0.999)
    assert left(mind) == 1
    mind.advance(0.001)
    assert left(mind) == 2  # the first one's ten minutes; the second one's begin now
    mind.advance(600)
    assert (left(mind), mind.state.locker.refill_ms) == (3, None)
    mind.advance(DAY_S)
    assert (left(mind), mind.state.locker.due_ms) == (3, None)


def test_a_refill_gives_the_plain_keypad_back_for_one_wrong_code(mind: Mind) -> None:
    guess(mind, 3)
    mind.advance(600)
    to_keypad(mind)
    assert not mind.screen.with_phone
    guess(mind)
    assert left(mind) == 0
    assert mind.kinds().count(EntryKind.ATTEMPTS_EMPTY) == 2


def test_a_success_gives_nothing_back(mind: Mind) -> None:
    guess(mind, 2)
    mind.press(Action.BACK)
    mind.deposit("KZ1", 1)
    assert left(mind) == 1
    guess(mind)
    mind.code(Purpose.PICKUP, "KZ1")  # a known code is none, even where it opens nothing
    assert left(mind) == 0


def test_a_known_code_that_opens_nothing_uses_nothing(mind: Mind) -> None:
    for _ in range(5):
        to_keypad(mind)
        mind.code(Purpose.PICKUP, "KZ1")
        assert mind.shows() is ScreenName.NOTICE
        mind.press(Action.BACK)
    assert left(mind) == 3


def test_the_app_opens_while_the_budget_is_empty(mind: Mind) -> None:
    mind.deposit("KZ1", 1)
    guess(mind, 7)
    mind.press(Action.AGAIN)
    assert mind.shows() is ScreenName.WAIT
    assert mind.command("KZ1") is Outcome.ACCEPTED
    mind.unlock(1)
    assert mind.shows() is ScreenName.TAKE_PARCEL


def test_it_is_on_the_disk_before_the_answer_and_kept_over_a_restart(mind: Mind) -> None:
    guess(mind, 3)
    assert mind.store.load().locker.attempts_used == 3
    mind.start()
    assert left(mind) == 0
    mind.advance(600 - mind.config.locks.rest_s)
    assert left(mind) == 1


def test_what_was_due_while_the_controller_was_down_is_refilled_at_once(mind: Mind) -> None:
    guess(mind, 3)
    mind.pass_ms(1_250_000)  # the machine stayed on
    mind.start()
    assert left(mind) == 2
    mind.advance(600)
    assert left(mind) == 3


def test_after_another_boot_the_interval_begins_anew_whole(mind: Mind) -> None:
    guess(mind, 3)
    mind.advance(599)
    mind.mono_ms = 50
    mind.start("boot-2", read=False)
    mind.advance(599.999)
    assert left(mind) == 0
    mind.advance(0.001)
    assert left(mind) == 1


def test_power_cuts_refill_nothing(mind: Mind) -> None:
    guess(mind, 3)
    for boot in range(20):
        mind.advance(590)
        mind.mono_ms = 0
        mind.start(f"boot-{boot + 2}", read=False)
        assert left(mind) == 0


@pytest.mark.parametrize(("times", "remaining"), [(Times(attempts_max=1), 0), (Times(attempts_max=9), 7)])
def test_another_configuration_finds_what_was_used(mind: Mind, times: Times, remaining: int) -> None:
    guess(mind, 2)
    mind.config = cabinet(times)
    mind.start()
    assert left(mind) == remaining
    assert (mind.state.locker.attempts_used == 0) == (mind.state.locker.refill_ms is None)


def test_a_new_epoch_starts_empty(tmp_path: Path) -> None:
    state = State([Locker(LOCKER, epoch=2, listed=False)])
    controller = Controller(cabinet(FEW), state)
    controller.handle(Started("boot-1"), Moment(0, UTC_MS, True))
    assert is_empty(state.locker, FEW)
    assert state.locker.refill_ms == 600_000
    controller.handle(GrantsCame(LOCKER, 2, 1, (), ()), Moment(1_000, UTC_MS, True))
    for cell in controller.cabinet.cells:
        controller.handle(DoorRead(cell, True), Moment(2_000, UTC_MS, True))
    controller.handle(Pressed(Action.START), Moment(3_000, UTC_MS, True))
    assert controller.screen().with_phone
    controller.handle(Started("boot-1"), Moment(4_000, UTC_MS, True))  # now it has a list, and remembers
    assert state.locker.refill_ms == 600_000


# Whatever happens

STEPS = st.lists(
    st.one_of(
        st.sampled_from(["guess", "know", "join", "restart", "boot"]),
        st.integers(1, 2_000),  # seconds that pass
    ),
    max_size=60,
)


class Hand:
    """A controller without a disk, and whoever types as fast as the screen allows."""

    def __init__(self, times: Times) -> None:
        self.times = times
        self.state = State([Locker(LOCKER)])
        one_cell = replace(cabinet(times), cells=(Cell(1, "board", 1),))
        self.controller = Controller(one_cell, self.state)
        self.mono_ms = 0
        self.boots = 0
        self.admitted: Counter[bool] = (
            Counter()
        )  # guesses that were judged, by whether the phone was asked for
        self.start()
        parcel = GrantedParcel("KZ1", 1)
        self.play(GrantsCame(LOCKER, 1, 1, (parcel,), (right(Purpose.PICKUP, "KZ1"),)))

    @property
    def now(self) -> Moment:
        return Moment(self.mono_ms, UTC_MS + self.mono_ms, True)

    def play(self, event: object) -> Outcome | None:
        effects = self.controller.handle(event, self.now)  # type: ignore[arg-type]
        self.state.drain()
        assert 0 <= self.state.locker.attempts_used <= self.times.attempts_max
        assert (self.state.locker.refill_ms is None) == (self.state.locker.attempts_used == 0)
        return next((effect.outcome for effect in effects if isinstance(effect, Answer)), None)

    def start(self, *, boot: bool = True) -> None:
        self.boots += boot
        self.play(Started(f"boot-{self.boots}"))
        for cell in self.controller.cabinet.cells:
            self.play(DoorRead(cell, True))

    def until(self, mono_ms: int) -> None:
        """Let time pass, with each deadline in its turn."""
        while (due := self.controller.next_due(self.now)) is not None and due[0] <= mono_ms:
            self.mono_ms = max(self.mono_ms, due[0])
            self.play(due[1])
        self.mono_ms = mono_ms

    def keypad(self, until_ms: int) -> bool:
        """To the keypad, as soon as the screen comes to it; False where that is not before `until_ms`."""
        while (screen := self.controller.screen()).name is not ScreenName.KEYPAD:
            offered = [action for action in (Action.START, Action.AGAIN) if action in screen.actions]
            if offered:
                self.play(Pressed(offered[0]))
                continue
            due = self.controller.next_due(self.now)
            assert due is not None
            if due[0] >= until_ms:
                return False
            self.until(due[0])
        return True

    def guess(self, until_ms: int) -> bool:
        """The next guess, as soon as the screen takes one; False where that is not before `until_ms`."""
        if not self.keypad(until_ms):
            return False
        with_phone = self.controller.screen().with_phone
        assert self.play(CodeTyped("wrong", with_phone)) is Outcome.DONE
        assert self.controller.screen().name is ScreenName.WRONG_CODE
        self.admitted[with_phone] += 1
        return True

    def know(self) -> None:
        """Type a known code, which opens nothing now."""
        assert self.keypad(self.mono_ms + 1_000_000)
        with_phone, used = self.controller.screen().with_phone, self.state.locker.attempts_used
        code = digest(Purpose.PICKUP, "KZ1") + ("+phone" if with_phone else "")
        self.play(CodeTyped(code, with_phone))
        assert self.controller.screen().name is ScreenName.NOTICE
        assert self.state.locker.attempts_used == used


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_no_sequence_admits_more_than_the_budget_and_what_uptime_gave_back(steps: list[str | int]) -> None:
    hand, uptime_s = Hand(FEW), 0.0
    for step in steps:
        before_ms = hand.mono_ms
        match step:
            case int():
                hand.until(hand.mono_ms + 1_000 * step)
            case "guess":
                assert hand.guess(hand.mono_ms + 1_000_000)
            case "know":
                hand.know()
            case "join":
                hand.play(KioskJoined())
            case "restart":
                hand.start(boot=False)
            case "boot":
                uptime_s += (hand.mono_ms - before_ms) / 1_000
                before_ms = hand.mono_ms = 0
                hand.start()
        uptime_s += (hand.mono_ms - before_ms) / 1_000
        assert hand.admitted[False] <= FEW.attempts_max + uptime_s // FEW.attempt_refill_s


# A month

MONTH_S = 30 * DAY_S
CODES = 64
PROBABILITY_MAX = 0.001


def chance_of_any(admitted: Counter[bool], digits: int) -> float:
    """At most so likely is any guess right, in whatever order they are typed: the sum of what each is worth."""
    alone, with_phone = 10**digits, 10 ** (digits + PHONE_DIGITS)
    return float(CODES * (admitted[False] / alone + admitted[True] / with_phone))


@pytest.mark.no_cover  # 43,000 guesses, which all go the same few ways
def test_a_month_of_a_robots_typing_finds_a_code_in_one_locker_of_a_thousand_at_most() -> None:
    """At the fastest legal rate: the next guess at the very millisecond at which the screen takes one."""
    hand, end_ms = Hand(TIMES), 1_000 * MONTH_S
    while hand.guess(end_ms):
        pass
    refilled = MONTH_S // TIMES.attempt_refill_s
    assert hand.admitted[False] in (TIMES.attempts_max + refilled, TIMES.attempts_max + refilled - 1)
    least_s = sum(WAITS_S[:-1])
    assert hand.admitted[True] + hand.admitted[False] == (MONTH_S - least_s) // WAITS_S[-1] + len(WAITS_S)
    chance = chance_of_any(hand.admitted, LockerSection(LOCKER, "-", "112").code_digits)
    print(f"{hand.admitted[False]} codes, {hand.admitted[True]} codes with phone: {100 * chance:.4f} %")
    assert chance <= PROBABILITY_MAX
