"""A cell within its quiet hour: the backend knows it by the journal, and neither the office nor the panel chooses it."""

import random
from pathlib import Path

import msgspec
import pytest

from firmware.model import Direction, Purpose
from sim import loop as virtual
from sim.backend import Backend, Stage
from sim.deeds import Deeds
from sim.locker import SimLocker
from sim.office import Office
from sim.panel.messages import Why
from sim.panel.scene import Scene
from sim.scenario import cabinet
from tests.sim.test_backend import NOON_MS, SIGNER, SITE, Book, listed

HOUR_MS = 3_600_000


class Day:
    """A backend whose clock a test moves."""

    def __init__(self) -> None:
        self.utc_ms = NOON_MS
        self.backend = Backend(SITE, SIGNER, lambda: self.utc_ms, random.Random(1))
        self.book = Book()

    def tell(self, kind: str, waybill: str = "KZ1") -> None:
        self.book.write(kind, cell=7, parcel=waybill)
        self.backend.journal(self.book.rows)


@pytest.fixture
def day() -> Day:
    return Day()


def test_an_order_holds_its_cell_and_a_pickup_keeps_it_quiet_for_the_hour(day: Day) -> None:
    day.backend.order("KZ1", 7, "alia")
    day.tell("stored")
    assert (day.backend.taken_cells(), day.backend.quiet.cells()) == ({7}, set())
    day.tell("collected")
    assert (day.backend.taken_cells(), day.backend.quiet.cells()) == (set(), {7})
    day.utc_ms += HOUR_MS - 1
    assert day.backend.quiet.cells() == {7}
    day.utc_ms += 1
    assert day.backend.quiet.cells() == set()


def told(day: Day) -> list[tuple[str, str]]:
    return [(parcel.waybill, parcel.state) for parcel in listed(day.backend).parcels]


def test_a_new_epoch_is_told_of_the_last_parcel_of_each_quiet_cell_and_no_other_one(day: Day) -> None:
    for waybill in ("KZ1", "KZ2"):
        day.backend.order(waybill, 7, "alia")
        day.tell("stored", waybill)
        day.tell("collected", waybill)
    assert told(day) == []
    day.backend.begin_epoch(2)
    assert told(day) == [("KZ2", "collected")]
    day.utc_ms += HOUR_MS
    assert told(day) == []


def test_an_hour_begun_by_a_clock_that_was_far_ahead_lasts_no_longer(day: Day) -> None:
    day.utc_ms += 72 * HOUR_MS
    day.backend.quiet.begin(7)
    day.utc_ms = NOON_MS
    assert day.backend.quiet.cells() == set()


def test_a_withdrawal_keeps_nothing_quiet(day: Day) -> None:
    day.backend.order("KZ1", 7, "alia", direction=Direction.OUTBOUND)
    day.tell("stored")
    day.tell("withdrawn")
    assert day.backend.orders["KZ1"].stage is Stage.WITHDRAWN
    assert day.backend.quiet.cells() == set()


async def two_free(folder: Path) -> SimLocker:
    """All of the four cells but 3 and 4 are taken, and cell 3 is quiet."""
    locker = SimLocker(cabinet("gpio"), folder)
    locker.backend.order("KZ1", 1, "alia")
    locker.backend.order("KZ2", 2, "alia")
    locker.backend.quiet.begin(3)
    return locker


def test_the_office_chooses_no_quiet_cell_for_an_order(tmp_path: Path) -> None:
    async def play() -> None:
        office = Office(await two_free(tmp_path), random.Random(1))
        order = office.order("KZ3")
        assert order is not None
        assert order.cell == 4
        assert office.order("KZ4") is None

    virtual.run(play())


def test_nor_when_it_chooses_again(tmp_path: Path) -> None:
    async def play() -> None:
        office = Office(await two_free(tmp_path), random.Random(1))
        order = office.order("KZ3")
        assert order is not None
        office.choose_again("KZ3")
        assert order.cell == 4  # nothing is left
        del office.backend.orders["KZ1"]
        office.choose_again("KZ3", quiet=True)
        assert order.cell == 1
        assert office.backend.quiet.cells() == {3, 4}
        assert Purpose.DEPOSIT in order.grants

    virtual.run(play())


def test_the_panel_offers_no_quiet_cell_and_refuses_it_by_name(tmp_path: Path) -> None:
    async def play() -> None:
        locker = await two_free(tmp_path)
        scene = Scene(locker, Deeds(locker))
        assert scene.free() == (4,)
        refused = scene.order(3, "alia")
        assert refused is not None
        assert (refused.why, refused.cell) == (Why.QUIET, 3)

    virtual.run(play())


def test_the_simulators_backend_has_the_lockers_own_hour(tmp_path: Path) -> None:
    config = cabinet("gpio")
    times = msgspec.structs.replace(config.times, quiet_after_pickup_s=77)

    async def play() -> int:
        locker = SimLocker(msgspec.structs.replace(config, times=times), tmp_path)
        return locker.backend.site.quiet_after_pickup_s

    assert virtual.run(play()) == 77
