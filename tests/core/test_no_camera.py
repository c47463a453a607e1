"""A cabinet that has no camera, and was never meant to have one, misses none."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from firmware.config import Scanner, SerialScanner
from firmware.events import ScannerChanged
from firmware.model import Action, EntryKind, Outcome, Purpose, ScreenName
from firmware.optics import CameraState
from tests.core.harness import Mind, cabinet

HAND = Scanner(serial=(SerialScanner("hand", "/dev/ttyACM0"),))


@pytest.mark.parametrize(
    ("section", "at_start", "said"),
    [(Scanner(), CameraState.NONE, None), (HAND, CameraState.SILENT, CameraState.NONE)],
)
def test_it_offers_none_on_any_screen_and_calls_none_broken(
    tmp_path: Path, section: Scanner, at_start: CameraState, said: CameraState | None
) -> None:
    """Where nothing scans at all nothing is awaited; a process that hears barcodes alone is."""
    mind = Mind(tmp_path / "state.db", replace(cabinet(), scanner=section)).start()
    assert mind.state.locker.scanner is at_start
    if said is not None:
        mind.play(ScannerChanged(said))
    mind.order("KZ1", 1)
    for name in (ScreenName.IDLE, ScreenName.KEYPAD):
        assert (mind.shows(), mind.screen.camera, mind.screen.blind) == (name, False, None)
        assert Action.SCAN not in mind.screen.actions
        assert mind.press(Action.SCAN) is Outcome.NOT_NOW
        if name is ScreenName.IDLE:
            mind.press(Action.START)
    assert mind.state.locker.scanner is CameraState.NONE
    assert mind.code(Purpose.DEPOSIT, "KZ1") is Outcome.DONE
    told = [entry.why for entry in mind.entries if entry.kind is EntryKind.SCANNER]
    assert told == ([said] if said is not None else [])
