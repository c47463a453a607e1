"""Where a courier is not asked for another parcel: nothing more may be had, or nothing here can scan."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from firmware.config import Scanner
from firmware.events import GrantedParcel, ScannerChanged, StorageChanged
from firmware.model import Action, Fill, Outcome, Purpose, ScreenName
from firmware.optics import CameraState
from tests.core.harness import Mind, cabinet, right
from tests.core.test_batch import BATCH, D, listed


def test_a_full_disk_takes_no_further_parcel(mind: Mind) -> None:
    listed(mind).code(D, "KZ1")
    mind.unlock(1)
    mind.play(StorageChanged(low=True, fill=Fill.OK, used_percent=0))
    mind.closes(1)
    assert mind.shows() is ScreenName.THANKS


def test_a_right_to_one_parcel_asks_for_no_other(mind: Mind) -> None:
    mind.order("KZ1", 1)
    mind.code(D, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    assert mind.shows() is ScreenName.THANKS


def test_a_buyers_right_to_several_parcels_asks_for_no_barcode(mind: Mind) -> None:
    for waybill, cell in BATCH.items():
        mind.order(waybill, cell)
        mind.deposit(waybill, cell)
    mind.grants([GrantedParcel(*each) for each in BATCH.items()], [right(Purpose.PICKUP, *BATCH)])
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    assert mind.press(Action.CONFIRM) is Outcome.DONE
    assert mind.shows() is ScreenName.THANKS
    assert mind.scan("KZ2") is Outcome.NOT_NOW


@pytest.fixture
def blind(tmp_path: Path) -> Iterator[Mind]:
    """A locker at which nothing can be scanned."""
    mind = Mind(tmp_path / "blind.db", msgspec.structs.replace(cabinet(), scanner=Scanner())).start()
    yield mind
    mind.store.close()


@pytest.mark.parametrize("camera", [CameraState.NONE, CameraState.GONE, CameraState.OK])
def test_where_nothing_can_scan_the_screen_never_asks_for_it(blind: Mind, camera: CameraState) -> None:
    listed(blind).code(D, "KZ1")
    blind.play(ScannerChanged(camera))
    blind.unlock(1)
    blind.closes(1)
    sees = camera is CameraState.OK  # a barcode may be held before it, too
    assert blind.shows() is (ScreenName.NEXT_PARCEL if sees else ScreenName.THANKS)
