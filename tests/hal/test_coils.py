"""Every bound of the arbiter is exceeded by one millisecond, and met exactly."""

import itertools
import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.coils import CoilGuard
from hal.ports import CoilLimit, PulseLimits

REST_MS = PulseLimits().rest_ms


class Clock:
    """Milliseconds that the test moves."""

    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        return self.ms


@dataclass
class Bench:
    """A guard, its clock, and the start's rest already over."""

    limits: PulseLimits = field(default_factory=PulseLimits)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.guard = CoilGuard(self.limits, self.clock)
        self.clock.ms += max(self.limits.rest_ms, self.limits.gap_ms)


def test_the_longest_pulse() -> None:
    bench = Bench(PulseLimits(pulse_max_ms=700))
    for pulse_ms in (701, 60_000, 0, -1):
        with pytest.raises(
            CoilLimit, match=f"a channel 1: a pulse of {pulse_ms} ms, must be 1 to pulse_max_ms 700"
        ):
            bench.guard.admit("a", 1, pulse_ms)
    assert bench.guard.admit("a", 1, 700).end_ms == bench.clock.ms + 700


def test_the_rest_counts_from_the_end_of_the_coils_own_pulse() -> None:
    bench = Bench()
    bench.guard.admit("a", 1, 400)
    bench.clock.ms += 400 + REST_MS - 1
    with pytest.raises(CoilLimit, match="a channel 1: rested 2999 ms of rest_ms 3000"):
        bench.guard.admit("a", 1, 400)
    bench.clock.ms += 1
    bench.guard.admit("a", 1, 400)


@pytest.mark.parametrize("other", [("a", 2), ("b", 1)])
def test_one_coil_at_a_time_over_all_banks(other: tuple[str, int]) -> None:
    bench = Bench(PulseLimits(gap_ms=0))
    bench.guard.admit("a", 1, 400)
    bench.clock.ms += 399
    with pytest.raises(CoilLimit, match="one coil at a time, and a channel 1 is on"):
        bench.guard.admit(*other, 400)
    bench.clock.ms += 1
    bench.guard.admit(*other, 400)


@pytest.mark.parametrize("other", [("a", 2), ("b", 1)])
def test_the_gap_counts_from_the_end_of_any_other_coils_pulse(other: tuple[str, int]) -> None:
    bench = Bench()
    bench.guard.admit("a", 1, 400)
    bench.clock.ms += 400 + 199
    with pytest.raises(CoilLimit, match="199 ms since another coil's pulse, gap_ms is 200"):
        bench.guard.admit(*other, 400)
    bench.clock.ms += 1
    bench.guard.admit(*other, 400)


def test_a_coil_has_its_share_of_the_window_and_no_more() -> None:
    bench = Bench()  # 5 % of 60 s: 3,000 ms
    for pulse_ms in (1_000, 1_000, 600):
        bench.guard.admit("a", 1, pulse_ms)
        bench.clock.ms += pulse_ms + REST_MS
    with pytest.raises(CoilLimit, match=r"on for 3001 ms of 60000, over duty_max 0\.05"):
        bench.guard.admit("a", 1, 401)
    bench.guard.admit("a", 1, 400)
    bench.clock.ms += 400 + REST_MS
    with pytest.raises(CoilLimit, match="duty_max"):
        bench.guard.admit("a", 1, 1)
    bench.guard.admit("a", 2, 1_000)


def test_the_window_slides() -> None:
    bench = Bench()
    start_ms = bench.clock.ms
    for _ in range(3):
        bench.guard.admit("a", 1, 1_000)
        bench.clock.ms += 1_000 + REST_MS
    bench.clock.ms = start_ms + 60_000 - 1  # a pulse of 1,000 would reach one millisecond back into the first
    with pytest.raises(CoilLimit, match="on for 3001 ms"):
        bench.guard.admit("a", 1, 1_000)
    bench.clock.ms += 1
    bench.guard.admit("a", 1, 1_000)


def test_at_the_start_every_coil_has_just_been_pulsed() -> None:
    clock = Clock()
    guard = CoilGuard(PulseLimits(), clock)
    clock.ms = REST_MS - 1
    with pytest.raises(CoilLimit, match="rested 2999 ms of rest_ms 3000"):
        guard.admit("a", 1, 400)
    clock.ms = REST_MS
    guard.admit("a", 1, 400)


def test_at_the_start_the_gap_counts_too() -> None:
    clock = Clock()
    guard = CoilGuard(PulseLimits(rest_ms=0), clock)
    clock.ms = 199
    with pytest.raises(CoilLimit, match="gap_ms is 200"):
        guard.admit("a", 1, 400)
    clock.ms = 200
    guard.admit("a", 1, 400)


def test_a_pulse_that_nobody_ended_runs_for_ever() -> None:
    bench = Bench()
    pulse = bench.guard.admit("a", 1, 400, until_ended=True)
    bench.clock.ms += 3_600_000
    for coil in (("a", 1), ("b", 2)):
        with pytest.raises(CoilLimit, match="a channel 1 is on"):
            bench.guard.admit(*coil, 400)
    pulse.ended()
    bench.clock.ms += REST_MS
    with pytest.raises(CoilLimit, match="duty_max"):
        bench.guard.admit("a", 1, 1)
    bench.guard.admit("b", 2, 400)


def test_an_early_end_gives_nothing_back() -> None:
    bench = Bench()
    pulse = bench.guard.admit("a", 1, 1_000, until_ended=True)
    pulse.ended()
    pulse.ended()
    bench.clock.ms += 999
    with pytest.raises(CoilLimit, match="a channel 1 is on"):
        bench.guard.admit("b", 1, 400)


def test_a_clock_that_steps_back_admits_nothing() -> None:
    bench = Bench()
    bench.guard.admit("a", 1, 400)
    bench.clock.ms -= 1_000_000
    with pytest.raises(CoilLimit, match="a channel 1 is on"):
        bench.guard.admit("b", 1, 400)


def test_a_refused_pulse_leaves_no_trace() -> None:
    bench = Bench()
    with pytest.raises(CoilLimit):
        bench.guard.admit("a", 1, 1_001)
    bench.guard.admit("a", 2, 400)


@pytest.mark.parametrize(
    "bounds",
    [
        {"pulse_max_ms": 1_001},
        {"pulse_max_ms": 0},
        {"rest_ms": -1},
        {"gap_ms": -1},
        {"duty_max": 0.0},
        {"duty_max": 1.01},
        {"duty_max": math.nan},
        {"duty_window_ms": 999},
    ],
)
def test_limits_that_bound_nothing_are_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bounds))):
        PulseLimits(**bounds)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 1_000), st.integers(0, 9_000)), max_size=80))
def test_no_sequence_of_requests_exceeds_a_bound(requests: list[tuple[int, int, int]]) -> None:
    bench = Bench()
    on: list[tuple[int, int, int]] = []
    for channel, pulse_ms, wait_ms in requests:
        bench.clock.ms += wait_ms
        try:
            pulse = bench.guard.admit("a", channel, pulse_ms)
        except CoilLimit:
            continue
        on.append((channel, pulse.start_ms, pulse.end_ms))
    for (one, _, end_ms), (other, start_ms, _) in itertools.pairwise(on):
        assert start_ms - end_ms >= (REST_MS if one == other else 200)
    for channel in (1, 2, 3):
        mine = [(start_ms, end_ms) for number, start_ms, end_ms in on if number == channel]
        for _, until_ms in mine:
            window = [(max(start, until_ms - 60_000), min(end, until_ms)) for start, end in mine]
            assert sum(max(0, end - start) for start, end in window) <= 3_000
        for (_, end_ms), (start_ms, _) in itertools.pairwise(mine):
            assert start_ms - end_ms >= REST_MS
