"""Trusted time: what sets it, what does not, and that it is never far from the true one while it is sure."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import clock
from firmware.clock import AGREES_MS, NEWS_MS, SETTLED_MS, STEP_MAX_MS, SURE_MS, WELCOME_MAX_MS
from firmware.events import Answer, SystemClockMoved, Welcomed
from firmware.model import ClockSource, Entry, EntryKind, Moment, Outcome
from firmware.rows import Locker, State
from firmware.turn import Cabinet, Turn
from tests.core.harness import LOCKER, UTC_MS, cabinet

CABINET = Cabinet(cabinet())
DAY_MS = 24 * 3_600_000
LOOK_MS = 10_000
DRIFT_PPM = 100.0


class Machine:
    """A locker's clocks and the true time, without anything else of a locker. All times in milliseconds."""

    def __init__(self, *, battery: bool = False, system_ms: float = 0) -> None:
        self.battery = battery
        self.true_ms: float = UTC_MS
        self.system_ms: float = system_ms
        self.mono_ms: float = 5_000
        self.drift_ppm = 0.0
        self.boots = 1
        self.unseen = 0  # steps of the system's clock since it was last looked at
        self.written_off_ms: list[float] = [0]  # what the battery clock may be off the system's by
        self.bound_ms = 0.0  # by how much trusted time may be wrong
        self.entries: list[Entry] = []
        self.astray_ms: float = self.mono_ms
        self.state = State([Locker(LOCKER)])
        self.start()

    @property
    def boot(self) -> str:
        return f"boot-{self.boots}"

    @property
    def now(self) -> Moment:
        return clock.moment(
            self.state.locker, self.boot, round(self.mono_ms), round(self.system_ms), battery=self.battery
        )

    @property
    def off_ms(self) -> float:
        return self.now.utc_ms - self.true_ms

    def _turn(self) -> Turn:
        return Turn(self.state, CABINET, self.now)

    def _settle(self, turn: Turn) -> Any:
        self.entries += self.state.drain()[1]
        self.state = State(self.state.rows())  # memory is what a reload gives
        return next((effect.outcome for effect in turn.effects if isinstance(effect, Answer)), None)

    # What happens to it

    def start(self) -> None:
        """The process starts; `clock.start` runs before anything knows of the new boot."""
        turn = self._turn()
        clock.start(turn, self.boot)
        turn.state.locker.boot = self.boot
        self.astray_ms = self.mono_ms
        self._settle(turn)

    def passes(self, ms: float) -> None:
        """So much true time, with a look at the system's clock at its end, as every ten seconds."""
        self._run(ms)
        self.look()
        if ms >= 11 * 60_000:
            self.written_off_ms = [0]

    def _run(self, ms: float) -> None:
        """True time passes, and the machine's oscillator makes its own of it."""
        ticks_ms = ms * (1 + 1e-6 * self.drift_ppm)
        self.true_ms += ms
        self.mono_ms += ticks_ms
        self.system_ms += ticks_ms
        self.bound_ms += abs(ticks_ms - ms)

    def look(self) -> None:
        self.unseen = 0
        turn = self._turn()
        off_ms = round(self.system_ms) - turn.now.utc_ms
        if not clock.agrees(off_ms):
            self.astray_ms = self.mono_ms
        news = clock.system_news(self.state.locker, off_ms, round(self.mono_ms - self.astray_ms))
        if news is not None:
            clock.system_moved(turn, news)
            self._settle(turn)

    def steps(self, ms: float) -> None:
        self.system_ms += ms
        self.unseen += 1
        self.written_off_ms = [off - ms for off in self.written_off_ms] + [0]

    def reboots(self, off_ms: float = 60_000, *, empty: bool = False, written: int = 0) -> None:
        """The power goes and comes back. `written`: which of what the battery clock may hold it holds."""
        may_hold = self.written_off_ms[: len(self.written_off_ms) - self.unseen]
        self.system_ms += may_hold[written % len(may_hold)]
        self.unseen, self.written_off_ms = 0, [0]
        self.true_ms += off_ms
        self.mono_ms = 5_000
        self.system_ms = 0 if empty else self.system_ms + off_ms
        self.boots += 1
        self.bound_ms += AGREES_MS
        self.start()

    def welcomed(
        self, before_ms: float = 0, after_ms: float = 0, *, said: int | None = None, **others: Any
    ) -> Outcome:
        """A hello, signed for after `before_ms` and taken after `after_ms` more. `said`: what the backend says instead."""
        asked_ms = round(self.mono_ms)
        self._run(before_ms)
        told_ms = round(self.true_ms) if said is None else said
        self._run(after_ms)
        turn = self._turn()
        fields = {
            "locker": LOCKER,
            "epoch": 1,
            "time_ms": told_ms,
            "acked_seq": 0,
            "accepted": True,
            **others,
        }
        clock.welcome(turn, Welcomed(asked_ms=asked_ms, **fields))
        outcome: Outcome = self._settle(turn)
        if outcome is Outcome.DONE:
            self.bound_ms = before_ms + after_ms + 1
        return outcome

    def clock_entries(self) -> list[tuple[str | None, int | None]]:
        return [(entry.why, entry.count) for entry in self.entries if entry.kind is EntryKind.CLOCK]


@pytest.fixture
def machine() -> Machine:
    """One whose clock a welcome has set; its system's clock agrees."""
    machine = Machine(battery=True, system_ms=UTC_MS)
    assert machine.welcomed() is Outcome.DONE
    machine.passes(SETTLED_MS)
    machine.passes(LOOK_MS)
    machine.entries.clear()
    return machine


# What sets it


@pytest.mark.parametrize("system_ms", [0, UTC_MS, UTC_MS + 400 * DAY_MS])
@pytest.mark.parametrize("battery", [True, False])
def test_a_new_locker_is_unsure_whatever_its_system_says(system_ms: int, battery: bool) -> None:
    machine = Machine(battery=battery, system_ms=system_ms)
    machine.passes(DAY_MS)
    assert machine.now == Moment(round(machine.mono_ms), system_ms + DAY_MS, False)
    assert clock.why(machine.state.locker, machine.now) == "no signed time yet"
    assert machine.clock_entries() == []
    machine.reboots()
    assert not machine.now.sure


def test_a_welcome_makes_it_sure_and_is_journalled() -> None:
    machine = Machine()
    assert machine.welcomed(400, 600) is Outcome.DONE
    assert (machine.now.sure, machine.off_ms) == (True, -600)
    assert clock.why(machine.state.locker, machine.now) == "a signed time"
    assert machine.clock_entries() == [("sure", round((UTC_MS + 400 - 1_000) / 1_000))]


def test_while_unsure_the_time_follows_the_systems_and_does_not_fall_behind_what_was_known(
    machine: Machine,
) -> None:
    known_ms = machine.state.locker.clock_utc_ms
    machine.reboots(empty=True)
    assert machine.now == Moment(5_000, known_ms, False)
    machine.steps(UTC_MS + 2 * DAY_MS)
    assert machine.now.utc_ms == UTC_MS + 2 * DAY_MS
    machine.steps(-9 * DAY_MS)
    assert machine.now.utc_ms == known_ms


def test_a_slow_welcome_moves_a_good_clock_not_at_all(machine: Machine) -> None:
    assert machine.welcomed(20_000, 9_000) is Outcome.DONE
    assert machine.off_ms == 0


@pytest.mark.parametrize(("said", "off"), [(-3_000, -2_000), (3_000, 2_000), (500, 0)])
def test_what_lies_outside_of_hello_and_now_is_corrected(machine: Machine, said: int, off: int) -> None:
    """Signed one second into a wait of two: the backend's clock is off, and that much of it must be so."""
    assert machine.welcomed(1_000, 1_000, said=round(machine.true_ms) + 1_000 + said) is Outcome.DONE
    assert machine.off_ms == off


@pytest.mark.parametrize(("over_ms", "outcome"), [(0, Outcome.DONE), (1, Outcome.STALE)])
def test_a_welcome_that_was_held_back_is_stale(machine: Machine, over_ms: int, outcome: Outcome) -> None:
    before = machine.state.locker.told_ms
    assert machine.welcomed(0, WELCOME_MAX_MS + over_ms) is outcome
    assert (machine.state.locker.told_ms == before) is (outcome is Outcome.STALE)


@pytest.mark.parametrize(
    ("others", "outcome"), [({"locker": "0124"}, Outcome.WRONG_LOCKER), ({"epoch": 2}, Outcome.WRONG_EPOCH)]
)
def test_a_welcome_for_another_moves_nothing(
    machine: Machine, others: dict[str, Any], outcome: Outcome
) -> None:
    before = machine.state.rows()
    assert machine.welcomed(said=UTC_MS * 2, **others) is outcome
    assert (machine.state.rows(), machine.entries) == (before, [])


@pytest.mark.parametrize("ahead_ms", [STEP_MAX_MS, STEP_MAX_MS + 1, 400 * DAY_MS])
def test_a_signed_time_is_followed_forwards_and_a_long_step_is_journalled(
    machine: Machine, ahead_ms: int
) -> None:
    assert machine.welcomed(said=round(machine.true_ms) + ahead_ms) is Outcome.DONE
    assert machine.off_ms == ahead_ms
    assert machine.clock_entries() == (
        [("stepped", round(ahead_ms / 1_000))] if ahead_ms > STEP_MAX_MS else []
    )


def test_backwards_it_is_followed_to_the_last_signed_time_and_what_is_before_that_is_a_contradiction(
    machine: Machine,
) -> None:
    """The battery clock ran wild: three days ahead. The backend takes them back, and cannot take back what it signed."""
    machine.system_ms += 3 * DAY_MS
    machine.reboots()
    assert machine.now.sure  # nobody can know
    assert machine.welcomed() is Outcome.DONE
    assert machine.off_ms == 0
    assert machine.clock_entries() == [("stepped", -3 * 86_400)]
    told_ms = machine.state.locker.told_ms or 0
    assert machine.welcomed(said=told_ms - STEP_MAX_MS) is Outcome.DONE
    told_ms -= STEP_MAX_MS
    machine.entries.clear()
    machine.welcomed()
    assert machine.welcomed(said=told_ms - 2) is Outcome.OLDER
    assert not machine.now.sure
    assert [why for why, _ in machine.clock_entries()] == ["contradicted"]
    assert machine.welcomed(said=told_ms - 2) is Outcome.DONE  # the second time it is believed
    assert machine.now.sure


# For how long


@pytest.mark.parametrize("battery", [True, False])
def test_without_a_battery_it_is_sure_for_seven_days_and_with_one_for_good(battery: bool) -> None:
    machine = Machine(battery=battery)
    machine.welcomed()
    machine.passes(SURE_MS)
    assert machine.now.sure
    machine.passes(1)
    assert (machine.now.sure, machine.off_ms) == (battery, 0)
    if not battery:
        assert clock.why(machine.state.locker, machine.now) == "the last signed time is too old"
    machine.passes(90 * DAY_MS)
    assert (machine.now.sure, machine.off_ms) == (battery, 0)


def test_the_process_may_start_anew_in_the_same_boot(machine: Machine) -> None:
    machine.battery = False
    machine.passes(DAY_MS)
    machine.start()
    assert (machine.now.sure, machine.off_ms) == (True, 0)


def test_another_boot_without_a_battery_is_unsure(machine: Machine) -> None:
    machine.battery = False
    machine.reboots()
    assert not machine.now.sure
    assert clock.why(machine.state.locker, machine.now) == "none since the boot"


def test_a_battery_clock_that_was_set_carries_it_over_a_boot_for_as_long_as_that_takes(
    machine: Machine,
) -> None:
    machine.reboots(40 * DAY_MS)
    assert (machine.now.sure, machine.off_ms) == (True, 0)
    assert clock.why(machine.state.locker, machine.now) == "the battery clock"
    machine.reboots(40 * DAY_MS)
    assert (machine.now.sure, machine.off_ms) == (True, 0)


def test_a_battery_clock_that_has_fallen_behind_the_anchor_is_not_believed(machine: Machine) -> None:
    machine.system_ms = machine.state.locker.clock_utc_ms - 60_001
    machine.reboots(60_000)
    assert not machine.now.sure
    machine.welcomed()
    machine.passes(LOOK_MS)
    machine.reboots(empty=True)
    assert not machine.now.sure


def test_a_battery_that_is_no_more_configured_vouches_for_nothing(machine: Machine) -> None:
    machine.reboots()
    assert machine.now.sure
    machine.battery = False
    assert not machine.now.sure


def test_a_row_of_the_last_boot_that_another_release_has_touched_is_of_the_last_boot(
    machine: Machine,
) -> None:
    """It knows nothing of these columns, and names its own boot in the one that it knows."""
    machine.battery = False
    machine.boots += 1
    machine.state.locker.boot = machine.boot
    machine.start()
    assert not machine.now.sure


# The system's clock


@pytest.mark.parametrize(
    "ms", [59_000, -59_000, STEP_MAX_MS + NEWS_MS, -3_600_000, 30 * DAY_MS, -60 * 365 * DAY_MS]
)
def test_the_systems_clock_moves_trusted_time_never_and_a_long_step_is_reported(
    machine: Machine, ms: int
) -> None:
    machine.steps(ms)
    machine.passes(LOOK_MS)
    assert (machine.now.sure, machine.off_ms) == (True, 0)
    assert machine.state.locker.system_off_ms == ms
    assert machine.clock_entries() == ([("system", round(ms / 1_000))] if abs(ms) > STEP_MAX_MS else [])
    machine.passes(DAY_MS)
    assert len(machine.clock_entries()) <= 1  # said once
    machine.steps(-ms)
    for _ in range(2):
        machine.passes(SETTLED_MS)
    assert machine.clock_entries()[1:] == ([("system", 0)] if abs(ms) > STEP_MAX_MS else [])


@pytest.mark.parametrize(
    ("ms", "believed"), [(AGREES_MS, True), (AGREES_MS + 1, False), (-AGREES_MS - 1, False)]
)
@pytest.mark.parametrize("written", [0, 1])
def test_a_system_clock_that_had_gone_astray_is_not_believed_at_a_boot(
    machine: Machine, ms: int, believed: bool, written: int
) -> None:
    machine.steps(ms)
    machine.passes(LOOK_MS)
    machine.reboots(written=written)
    assert machine.now.sure is believed
    if believed:
        assert abs(machine.off_ms) <= AGREES_MS


def test_what_was_astray_for_a_moment_may_stand_in_the_battery_clock_for_a_while(machine: Machine) -> None:
    """Written every eleven minutes: a time that was wrong for one look may come back with the power."""
    machine.steps(3 * DAY_MS)
    machine.passes(LOOK_MS)
    machine.steps(-3 * DAY_MS)
    machine.passes(LOOK_MS)
    machine.reboots(written=1)
    assert machine.system_ms > machine.true_ms + 2 * DAY_MS
    assert not machine.now.sure


def test_nobody_vouches_for_a_system_clock_that_has_not_agreed_for_long_enough() -> None:
    machine = Machine(battery=True, system_ms=UTC_MS)
    machine.welcomed()
    machine.passes(SETTLED_MS - 1)
    machine.reboots()
    assert not machine.now.sure


def test_a_correction_of_trusted_time_is_no_step_of_the_systems(machine: Machine) -> None:
    machine.welcomed(said=round(machine.true_ms) + 20_000)
    assert machine.state.locker.system_off_ms == -20_000
    assert clock.system_news(machine.state.locker, -20_000, 0) is None


def test_before_a_welcome_nothing_of_the_systems_clock_is_news() -> None:
    machine = Machine()
    assert clock.system_news(machine.state.locker, 10**9, 0) is None
    machine.welcomed()
    assert clock.system_news(machine.state.locker, 0, SETTLED_MS - 1) is None
    assert clock.system_news(machine.state.locker, 0, SETTLED_MS) == SystemClockMoved(0)
    assert clock.system_news(machine.state.locker, AGREES_MS + 1, 0) == SystemClockMoved(AGREES_MS + 1)


# Anything, in any order

TIMES_MS = st.one_of(st.integers(0, 60_000), st.integers(0, 3 * 3_600_000), st.integers(0, 9 * DAY_MS))
STEPS_MS = st.one_of(st.integers(-70_000, 70_000), st.integers(-40 * DAY_MS, 40 * DAY_MS))
HAPPENINGS = st.one_of(
    st.tuples(st.just("passes"), TIMES_MS),
    st.tuples(st.just("steps"), STEPS_MS),
    st.tuples(st.just("look")),
    st.tuples(st.just("drifts"), st.floats(-DRIFT_PPM, DRIFT_PPM)),
    st.tuples(st.just("start")),
    st.tuples(st.just("reboots"), TIMES_MS, st.booleans(), st.integers(0, 9)),
    st.tuples(st.just("welcomed"), st.integers(0, 20_000), st.integers(0, 20_000)),
)


def happen(machine: Machine, happening: tuple[Any, ...]) -> None:
    match happening:
        case ("passes", ms):
            machine.passes(ms)
        case ("drifts", ppm):
            machine.drift_ppm = ppm
        case ("reboots", ms, empty, written):
            machine.reboots(ms, empty=empty, written=written)
        case (name, *arguments):
            getattr(machine, name)(*arguments)


def holds(machine: Machine) -> None:
    """What must hold after anything at all."""
    now = machine.now
    if now.sure:
        assert abs(machine.off_ms) <= machine.bound_ms + 1, machine.state.locker
        assert machine.battery or now.utc_ms - (machine.state.locker.told_ms or 0) <= SURE_MS
    assert machine.battery or machine.state.locker.clock is not ClockSource.BATTERY


@given(st.booleans(), st.lists(HAPPENINGS, max_size=30))
def test_whatever_happens_a_sure_clock_is_right(battery: bool, happenings: list[tuple[Any, ...]]) -> None:
    machine = Machine(battery=battery, system_ms=UTC_MS)
    machine.welcomed()
    for happening in happenings:
        happen(machine, happening)
        holds(machine)


def test_whatever_happens_at_length(request: pytest.FixtureRequest) -> None:
    """The same, drawn by a plain generator, which is faster; and it must have come to everything."""
    chance, sure = random.Random(7), {True: 0, False: 0}
    for _ in range(200_000 if request.config.getoption("--long") else 1_500):
        machine = Machine(battery=chance.random() < 0.7, system_ms=UTC_MS)
        machine.welcomed()
        for _ in range(chance.randrange(25)):
            span_ms = chance.choice([60_000, 3 * 3_600_000, 9 * DAY_MS])
            happening = chance.choice(
                (
                    ("passes", chance.randrange(span_ms)),
                    ("steps", chance.randrange(-span_ms, span_ms)),
                    ("look",),
                    ("drifts", chance.uniform(-DRIFT_PPM, DRIFT_PPM)),
                    ("start",),
                    ("reboots", chance.randrange(span_ms), chance.random() < 0.1, chance.randrange(9)),
                    ("welcomed", chance.randrange(20_000), chance.randrange(20_000)),
                )
            )
            happen(machine, happening)
            holds(machine)
            sure[machine.now.sure] += 1
    assert min(sure.values()) > 1_000, sure
