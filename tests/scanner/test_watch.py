"""How the camera is, told apart from frames and times alone; and the hints, and the ring, likewise."""

import itertools
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.optics import CameraState, Hint
from firmware.scanner import watch as watch_limits
from firmware.scanner.hints import (
    DIM_MAX,
    GLARE_MIN,
    LIGHT_MIN,
    READ_MS,
    SETTLE_MS,
    SHARP_MIN,
    SLANT_MAX,
    SPAN_MAX,
    SPAN_MIN,
    STAND_MS,
    Hints,
)
from firmware.scanner.ring import GAP_MS, RING_MAX_S, RING_RUN_S, Ring
from firmware.scanner.stir import ANYWAY_EVERY, FACTOR, STEP, STIRRED_MS, Stir
from firmware.scanner.watch import DARK_MAX, EVEN_MAX, NOTICE_MS, OPEN_MS, SAME_MIN, Watch
from hal.ports import Measures, Target

OK, COVERED, FROZEN, HUNG, GONE, SILENT, NONE = CameraState
ROOM = Measures(brightness=110, contrast=60, difference=1.5)
SAME = Measures(brightness=110, contrast=60, difference=0)
FINGER = Measures(brightness=9, contrast=3, difference=0.6)
BLACK = Measures(brightness=0, contrast=0, difference=0)
NIGHT = Measures(brightness=12, contrast=30, difference=0.8)  # a phone's screen far away

FAST_MS, IDLE_MS = 33, 200


def shown(frames: Iterable[tuple[Measures, int]], watch: Watch | None = None) -> tuple[Watch, int]:
    """The watch after frames, each so long after the one before; and when that is."""
    watch, now_ms = watch or Watch(), 0
    for frame, after_ms in frames:
        watch.asked(now_ms, opening=False)
        now_ms += after_ms
        watch.saw(frame, now_ms)
    return watch, now_ms


def many(frame: Measures, during_ms: int, each_ms: int = FAST_MS) -> list[tuple[Measures, int]]:
    return [(frame, each_ms)] * -(-during_ms // each_ms)


def test_of_a_camera_that_was_never_asked_nothing_is_known() -> None:
    watch = Watch()
    assert watch.state(0) is watch.state(10**9) is SILENT
    watch = Watch(missing=True)
    assert watch.state(0) is watch.state(10**9) is GONE


@pytest.mark.parametrize("each_ms", [FAST_MS, IDLE_MS])
@pytest.mark.parametrize(
    ("frame", "state"), [(ROOM, OK), (SAME, FROZEN), (FINGER, COVERED), (BLACK, COVERED), (NIGHT, OK)]
)
def test_each_is_told_from_the_others_within_three_seconds(
    frame: Measures, state: CameraState, each_ms: int
) -> None:
    watch, now_ms = shown([*[(ROOM, each_ms)] * 2, *many(frame, NOTICE_MS + each_ms, each_ms)])
    assert watch.state(now_ms) is state
    assert now_ms <= 3_000 + 2 * each_ms


@pytest.mark.parametrize("frame", [SAME, FINGER])
def test_none_is_told_too_soon(frame: Measures) -> None:
    watch, now_ms = shown([*[(ROOM, FAST_MS)] * 2, *many(frame, NOTICE_MS - 2 * FAST_MS)])
    assert watch.state(now_ms) is OK


@pytest.mark.parametrize("frame", [SAME, FINGER])
def test_one_good_frame_ends_it(frame: Measures) -> None:
    watch, now_ms = shown([*many(frame, 10_000), (ROOM, FAST_MS)])
    assert watch.state(now_ms) is OK


def test_few_frames_prove_nothing() -> None:
    watch, now_ms = shown([*[(ROOM, FAST_MS)] * 2, *[(SAME, 2_000)] * (SAME_MIN - 1)])
    assert watch.state(now_ms) is OK
    watch.saw(SAME, now_ms + FAST_MS)
    assert watch.state(now_ms + FAST_MS) is FROZEN


@pytest.mark.parametrize("since_ms", [0, NOTICE_MS - 1, NOTICE_MS, 10 * NOTICE_MS])
@pytest.mark.parametrize("frames", [[], [(ROOM, FAST_MS)], many(SAME, 9_000), many(FINGER, 9_000)])
def test_a_call_that_does_not_come_back_is_told_before_anything_else(
    frames: list[tuple[Measures, int]], since_ms: int
) -> None:
    watch, now_ms = shown(frames)
    before = watch.state(now_ms)
    watch.asked(now_ms, opening=False)
    assert watch.state(now_ms + since_ms) is (HUNG if since_ms >= NOTICE_MS else before)


def test_a_camera_may_take_its_time_to_wake_up_and_no_more() -> None:
    watch = Watch()
    watch.asked(0, opening=True)
    assert watch.state(OPEN_MS - 1) is SILENT
    assert watch.state(OPEN_MS) is HUNG
    watch.saw(ROOM, OPEN_MS)
    watch.saw(ROOM, OPEN_MS)
    assert watch.state(OPEN_MS) is OK


def test_a_far_camera_is_given_up_before_its_call_would_count_as_one_that_hangs() -> None:
    assert watch_limits.READ_MS < NOTICE_MS
    assert watch_limits.CONNECT_MS + watch_limits.READ_MS < OPEN_MS  # to open, and for the first frame


def test_between_two_frames_of_an_idle_camera_nothing_hangs() -> None:
    watch, now_ms = shown([(ROOM, FAST_MS)] * 2)
    assert watch.state(now_ms + 3_600_000) is OK


@pytest.mark.parametrize("told", [SILENT, GONE])
def test_one_frame_proves_no_camera_and_a_frozen_one_is_never_well(told: CameraState) -> None:
    """The first frame differs from nothing: it may be the one at which the camera stays."""
    watch = Watch(missing=told is GONE)
    watch.saw(ROOM, 0)
    seen = [watch.state(0)]
    for now_ms in range(FAST_MS, NOTICE_MS + 2 * FAST_MS, FAST_MS):
        watch.saw(SAME, now_ms)
        seen.append(watch.state(now_ms))
    assert [state for state, _ in itertools.groupby(seen)] == [told, FROZEN]


def test_a_device_that_has_gone_and_come_back() -> None:
    watch, now_ms = Watch(missing=True), 0
    assert watch.state(now_ms) is watch.state(now_ms + 9_000) is GONE
    watch.saw(ROOM, now_ms + 9_000)  # the first one differs from none
    assert watch.state(now_ms + 9_000) is GONE
    watch.saw(ROOM, now_ms + 9_033)
    assert watch.state(now_ms + 9_033) is OK


@pytest.mark.parametrize("lived", [True, False])
def test_a_lens_that_is_covered_is_no_frozen_camera_though_its_sensor_has_no_noise(lived: bool) -> None:
    """Seen from here it may also have frozen in the dark: it is told as covered, and no process is replaced all night for it."""
    watch, now_ms = shown([*[(ROOM, FAST_MS)] * (2 * lived), *many(BLACK, 3_600_000, IDLE_MS)])
    assert watch.state(now_ms) is COVERED
    watch.saw(ROOM, now_ms + FAST_MS)
    assert watch.state(now_ms + FAST_MS) is OK
    frozen, now_ms = shown([*[(ROOM, FAST_MS)] * 2, *many(SAME, NOTICE_MS + FAST_MS)])
    assert frozen.state(now_ms) is FROZEN


def test_light_alone_or_contrast_alone_is_not_covered() -> None:
    for frame in (
        Measures(DARK_MAX, EVEN_MAX + 0.1, 1),
        Measures(DARK_MAX + 0.1, EVEN_MAX, 1),
    ):
        watch, now_ms = shown(many(frame, 9_000))
        assert watch.state(now_ms) is OK
    watch, now_ms = shown(many(Measures(DARK_MAX, EVEN_MAX, 1), 9_000))
    assert watch.state(now_ms) is COVERED


def test_whatever_happens_some_state_holds() -> None:
    chance, watch, now_ms = random.Random(3), Watch(), 0
    seen = set()
    for _ in range(20_000):
        now_ms += chance.choice((1, 33, 200, 3_000))
        happens = chance.randrange(4)
        if happens == 0:
            watch.asked(now_ms, opening=False)
        elif happens == 1 and chance.random() < 0.1:
            watch = Watch(missing=True)
        elif happens > 1:
            watch.saw(chance.choice((ROOM, SAME, SAME, SAME, FINGER)), now_ms)
        seen.add(watch.state(now_ms))
    assert seen == set(CameraState) - {NONE}  # which is said where there is nothing to watch


# Hints


def advised(
    frames: Iterable[tuple[Measures, Target | None]], each_ms: int = FAST_MS, *, read: bool = False
) -> list[Hint]:
    """Each hint that was given, once."""
    hints, now_ms, given = Hints(), 10_000, [Hint.NONE]
    for frame, target in frames:
        now_ms += each_ms
        hints.saw(frame, target, now_ms, read=read)
        given.append(hints.hint)
    return [hint for hint, _ in itertools.groupby(given)]


DIM = Measures(brightness=DIM_MAX - 1, contrast=20, difference=1)
WELL = Target(span=0.5, sharpness=1)
CASES: dict[str, tuple[Measures, Target | None, Hint]] = {
    "nobody": (ROOM, None, Hint.NONE),
    "too dark": (DIM, None, Hint.DARK),
    "a bright code at night": (DIM, WELL, Hint.TILT),
    "a dim code by day": (ROOM, replace(WELL, light=LIGHT_MIN - 1), Hint.DARK),
    "far away": (ROOM, replace(WELL, span=SPAN_MIN - 0.01), Hint.CLOSER),
    "far away and shaken": (ROOM, Target(SPAN_MIN - 0.01, 0), Hint.CLOSER),
    "just near enough": (ROOM, replace(WELL, span=SPAN_MIN), Hint.TILT),
    "too near": (ROOM, replace(WELL, span=SPAN_MAX + 0.01), Hint.FARTHER),
    "just far enough": (ROOM, replace(WELL, span=SPAN_MAX), Hint.TILT),
    "so near that it is cut off, and blurred": (ROOM, Target(0.5, 0, cut=True), Hint.FARTHER),
    "turned away": (ROOM, replace(WELL, slant=SLANT_MAX + 0.1, marked=False), Hint.TILT),
    "hardly turned away, and no code": (ROOM, replace(WELL, slant=SLANT_MAX, marked=False), Hint.NONE),
    "shaken": (ROOM, replace(WELL, sharpness=SHARP_MIN - 0.01), Hint.STILL),
    "sharp": (ROOM, replace(WELL, sharpness=SHARP_MIN), Hint.TILT),
    "a lamp in it": (ROOM, replace(WELL, light=GLARE_MIN + 1, marked=False), Hint.TILT),
    "well held, and it shines": (ROOM, WELL, Hint.TILT),
    "well held, and no code": (ROOM, replace(WELL, marked=False), Hint.NONE),
}


@pytest.mark.parametrize("name", CASES)
def test_what_helps(name: str) -> None:
    frame, target, hint = CASES[name]
    assert advised([(frame, target)] * 90) == [each for each, _ in itertools.groupby([Hint.NONE, hint])]


def test_no_hint_for_what_lasts_no_time() -> None:
    once = [(ROOM, Target(0.1, 1))] * (SETTLE_MS // FAST_MS - 1) + [(ROOM, None)]
    assert advised(once * 30) == [Hint.NONE]


def test_a_hint_stands_long_enough_to_be_read() -> None:
    hints, changes = Hints(), []
    for now_ms in range(10_000, 30_000, FAST_MS):
        before = hints.hint
        far = now_ms // 500 % 2 == 0
        hints.saw(ROOM, Target(0.1 if far else 0.95, 1), now_ms, read=False)
        if hints.hint is not before:
            changes.append(now_ms)
    assert len(changes) > 5
    assert all(later - sooner >= STAND_MS for sooner, later in itertools.pairwise(changes))


def test_who_was_read_needs_no_help_and_is_told_so_at_once() -> None:
    hints = Hints()
    for now_ms in range(0, 5_000, FAST_MS):
        hints.saw(ROOM, Target(0.1, 1), now_ms, read=False)
    given = [hints.hint]
    hints.saw(ROOM, Target(0.1, 1), 5_000, read=True)
    given.append(hints.hint)
    assert given == [Hint.CLOSER, Hint.NONE]
    for now_ms in range(5_000, 5_000 + READ_MS, FAST_MS):
        hints.saw(ROOM, Target(0.1, 1), now_ms, read=False)
        assert hints.hint is Hint.NONE


def test_forgotten_hints_start_anew() -> None:
    hints = Hints()
    for now_ms in range(0, 5_000, FAST_MS):
        hints.saw(ROOM, Target(0.1, 1), now_ms, read=False)
    hints.forget()
    assert hints.hint is Hint.NONE


# What stirs before an idle camera


def decoded(differences: Iterable[float]) -> list[bool]:
    """For each frame of an idle camera, whether a code was looked for in it."""
    stir, found = Stir(), []
    for number, difference in enumerate(differences):
        found.append(stir.is_worth_while(number * IDLE_MS))
        stir.saw(difference, number * IDLE_MS)
    return found


@pytest.mark.parametrize("noise", [0.05, 1, 8])
def test_in_a_room_where_nothing_moves_few_frames_are_decoded(noise: float) -> None:
    chance = random.Random(2)
    calm = [255.0] + [noise * chance.uniform(0.9, 1.1) for _ in range(400)]
    assert decoded(calm)[100:].count(True) == 300 // ANYWAY_EVERY + 1
    assert decoded([*calm, noise * FACTOR + 2 * STEP, *calm[1:]])[402 : 402 + STIRRED_MS // IDLE_MS] == [
        True
    ] * (STIRRED_MS // IDLE_MS)


def test_what_may_be_a_code_is_looked_at_when_it_comes_though_it_hardly_moves_and_not_while_it_hangs_there() -> (
    None
):
    """A phone far away: else it would be looked at in every eighth frame, and no hint would settle."""
    stir, worth = Stir(), []
    for number in range(400):
        now_ms = number * IDLE_MS
        worth.append(stir.is_worth_while(now_ms))
        stir.saw(1.0, now_ms, shows=number >= 200 if worth[-1] else None)
    came = 200 + worth[200:].index(True)
    assert worth[came : came + STIRRED_MS // IDLE_MS] == [True] * (STIRRED_MS // IDLE_MS)
    assert worth[300:].count(True) <= 100 // ANYWAY_EVERY + 1


def test_a_camera_that_grows_noisy_in_the_evening_is_not_decoded_all_night() -> None:
    assert all(decoded([1.0] * 100 + [3.0] * 20)[103:])
    assert decoded([1.0] * 100 + [3.0] * 1_000)[900:].count(True) < 30


def test_a_frame_that_was_sent_twice_is_no_calm() -> None:
    assert decoded([2.0, 0.0] * 400)[100:].count(True) == 700 // ANYWAY_EVERY


# The ring


def filled(ring: Ring, from_ms: int, until_ms: int) -> None:
    for now_ms in range(from_ms, until_ms, 50):
        if ring.wants(now_ms):
            ring.add(f"{now_ms}".encode(), now_ms)


def test_the_ring_keeps_the_last_seconds_and_writes_into_one_folder_when_asked(tmp_path: Path) -> None:
    ring = Ring(2, tmp_path)
    filled(ring, 0, 60_001)
    assert list(tmp_path.iterdir()) == []
    assert ring.write(60_000) == 2_000 // GAP_MS + 1
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written["ring-60000-002000-ms-before.jpg"] == b"58000"
    assert written["ring-60000-000000-ms-before.jpg"] == b"60000"
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


@pytest.mark.parametrize("keep_s", [0, -1, RING_MAX_S + 1, 10**9])
def test_a_ring_of_no_time_or_of_too_much_is_none(tmp_path: Path, keep_s: int) -> None:
    with pytest.raises(ValueError, match=f"1 to {RING_MAX_S} s"):
        Ring(keep_s, tmp_path)


def test_the_longest_ring_holds_so_many_pictures_and_no_more(tmp_path: Path) -> None:
    ring = Ring(RING_MAX_S, tmp_path)
    filled(ring, 0, 300_001)
    assert ring.write(300_000) == 1_000 * RING_MAX_S // GAP_MS + 1


def test_a_ring_ends_by_itself_and_forgets_everything(tmp_path: Path) -> None:
    ring, end_ms = Ring(RING_MAX_S, tmp_path), 7_000 + 1_000 * RING_RUN_S
    assert ring.runs(7_000)
    filled(ring, 7_000, end_ms)
    assert ring.runs(end_ms - 1)
    assert not ring.runs(end_ms)
    assert not ring.wants(end_ms)
    assert ring.write(end_ms) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    ring = Ring(1, tmp_path / "none")
    filled(ring, 0, 1_000)
    with pytest.raises(FileNotFoundError):
        ring.write(1_000)
