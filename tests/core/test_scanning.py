"""The screen that shows how to hold a code before the camera: how one comes to it, and how it gives way to the keypad."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from firmware.config import Scanner
from firmware.events import KioskJoined, ScannerChanged, StorageChanged
from firmware.model import Action, Fill, Outcome, Purpose, Screen, ScreenName, SessionState
from firmware.optics import CameraState
from firmware.readings import wanted
from tests.core.harness import Mind, cabinet

N, A = ScreenName, Action
LOST = [state for state in CameraState if state is not CameraState.OK]


@pytest.fixture
def mind(tmp_path: Path) -> Mind:
    """A locker whose camera sees, and an order that is expected in cell 1."""
    config = replace(cabinet(), scanner=Scanner(device="/dev/v4l/by-id/camera"))
    mind = Mind(tmp_path / "state.db", config).start()
    mind.order("KZ1", 1)
    mind.play(ScannerChanged(CameraState.OK))
    return mind


def scanning(mind: Mind) -> Mind:
    assert mind.press(A.SCAN) is Outcome.DONE
    assert mind.shows() is N.SCAN
    return mind


def test_a_touch_of_the_idle_screen_shows_how_to_hold_it_and_the_keypad_comes_by_itself(mind: Mind) -> None:
    assert (mind.screen.camera, mind.screen.actions) == (True, (A.START, A.SCAN))
    scanning(mind)
    times = mind.config.times
    assert times.scan_offer_keypad_s == 20
    assert mind.screen == Screen(N.SCAN, camera=True, due_ms=mind.mono_ms + 20_000, actions=(A.BACK,))
    mind.advance(19.999)
    assert mind.shows() is N.SCAN
    mind.advance(0.001)
    assert mind.shows() is N.KEYPAD
    assert mind.screen.due_ms == mind.mono_ms + 1_000 * times.keypad_timeout_s
    assert mind.code(Purpose.DEPOSIT, "KZ1") is Outcome.DONE
    assert mind.shows() is N.OPENING


def test_it_comes_from_the_keypad_and_goes_back_to_it(mind: Mind) -> None:
    mind.press(A.START)
    assert mind.screen.actions == (A.BACK, A.SCAN, A.MORE_TIME)
    scanning(mind)
    assert mind.press(A.BACK) is Outcome.DONE
    assert mind.shows() is N.KEYPAD
    mind.press(A.BACK)
    assert mind.shows() is N.IDLE


def test_it_is_offered_while_the_keypad_has_to_wait_and_shortens_no_wait(mind: Mind) -> None:
    while mind.shows() is not N.WAIT:
        mind.type("wrong")
        assert mind.shows() is N.WRONG_CODE
        mind.press(A.AGAIN)
    due_ms = mind.screen.due_ms
    assert mind.screen.actions == (A.BACK, A.SCAN)
    scanning(mind)
    mind.press(A.BACK)
    assert (mind.shows(), mind.screen.due_ms) == (N.WAIT, due_ms)


def test_nothing_can_be_typed_on_it(mind: Mind) -> None:
    scanning(mind)
    assert mind.code(Purpose.DEPOSIT, "KZ1") is Outcome.NOT_NOW
    assert mind.press(A.SCAN) is Outcome.NOT_NOW
    assert mind.shows() is N.SCAN


def test_a_code_may_be_held_before_it_as_before_idle_and_keypad(mind: Mind) -> None:
    asked = wanted(mind.screen)
    assert wanted(scanning(mind).screen) == asked
    mind.press(A.BACK)
    assert wanted(mind.screen) == asked


@pytest.mark.parametrize("state", LOST)
def test_a_camera_that_sees_no_more_gives_way_to_the_keypad_which_says_so(
    mind: Mind, state: CameraState
) -> None:
    scanning(mind)
    mind.play(ScannerChanged(state))
    assert (mind.shows(), mind.screen.camera, mind.screen.blind) == (N.KEYPAD, False, state)
    assert mind.screen.actions == (A.BACK, A.MORE_TIME)
    assert mind.press(A.SCAN) is Outcome.NOT_NOW
    mind.play(ScannerChanged(CameraState.OK))
    assert (mind.screen.camera, mind.screen.blind) == (True, None)
    scanning(mind)


@pytest.mark.parametrize("state", LOST)
def test_idle_speaks_of_no_camera_that_does_not_see(mind: Mind, state: CameraState) -> None:
    mind.play(ScannerChanged(state))
    assert mind.screen == Screen(N.IDLE, actions=(A.START,))
    assert mind.press(A.SCAN) is Outcome.NOT_NOW
    assert mind.shows() is N.IDLE


def test_a_locker_that_was_never_to_have_one_speaks_of_none(tmp_path: Path) -> None:
    mind = Mind(tmp_path / "state.db").start()
    assert not mind.config.scanner.device
    mind.press(A.START)
    assert (mind.screen.camera, mind.screen.blind) == (False, None)


def test_whoever_scans_has_proved_nothing(mind: Mind) -> None:
    """A kiosk that joins, a full disk and a restart all begin anew."""
    for happens in (
        lambda: mind.play(KioskJoined()),
        lambda: mind.play(StorageChanged(True, Fill.OK, 10)),
        mind.start,
    ):
        mind.play(StorageChanged(False, Fill.OK, 10))
        mind.play(ScannerChanged(CameraState.OK))
        scanning(mind)
        happens()
        assert mind.state.session is None


def test_an_opening_from_the_app_takes_the_screen_from_whoever_scans(mind: Mind) -> None:
    mind.deposit("KZ1", 1)
    scanning(mind)
    assert mind.command("KZ1") is Outcome.ACCEPTED
    assert (mind.shows(), mind.screen.cell) == (N.OPENING, 1)
    assert mind.state.session is not None
    assert mind.state.session.state is SessionState.OPENING
