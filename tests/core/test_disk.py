"""The store on a bad disk: a commit is whole or absent, the next one may succeed, and little is written."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from firmware import store
from firmware.errors import StoreError
from firmware.model import DoorState, Entry, EntryKind, Moment, ParcelState, Purpose, SessionState, UseState
from firmware.rows import Door, Grant, Intent, Parcel, Row, Session, State, Use
from firmware.store import Store
from tests.core.disk import SECTOR_BYTES, Disk

NOW = Moment(5_000, 1_700_000_000_000, True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk("bad-disk")
    yield disk
    disk.unregister()


@pytest.fixture
def opened(path: Path, disk: Disk) -> Iterator[Store]:
    opened = Store.open(path, "0123", vfs="bad-disk")
    yield opened
    disk.writes_left = None
    opened.close()


def believed(opened: Store) -> tuple[list[Row], int, str]:
    """All that a store knows, as a test compares it."""
    opened.verify_chain()
    return opened.load().rows(), opened.last_seq, opened.head


def one_more(opened: Store) -> None:
    """A commit that touches several tables and the journal."""
    state = opened.load()
    number = opened.last_seq + 1
    state.add(Door(number))
    state.add(Parcel(f"KZ{number}", number))
    state.locker.next_intent += 1
    state.note(EntryKind.STORED, cell=number, parcel=f"KZ{number}")
    opened.commit(*state.drain(), NOW)


def test_a_full_disk_refuses_and_later_takes_the_commit(opened: Store, path: Path) -> None:
    one_more(opened)
    before = believed(opened)
    pages = opened._db.pragma("page_count")
    opened._db.pragma("max_page_count", pages)
    with pytest.raises(StoreError) as caught:
        opened.commit([], [Entry(EntryKind.STARTED, why="x" * 500)] * 20, NOW)
    assert str(caught.value) == f"{path}: database or disk is full"
    assert isinstance(caught.value.__cause__, apsw.FullError)
    assert believed(opened) == before
    opened._db.pragma("max_page_count", pages + 1_000)
    one_more(opened)
    assert opened.last_seq == 2
    opened.verify_chain()


def test_a_closed_store_says_so(opened: Store, path: Path) -> None:
    opened.close()
    for attempt in (lambda: one_more(opened), opened.load, lambda: opened.journal(0, 1), opened.verify_chain):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert str(caught.value) == f"{path}: The connection has been closed"


def test_an_exception_before_the_commit_leaves_nothing(opened: Store) -> None:
    one_more(opened)
    before = believed(opened)

    def interrupt() -> bool:
        raise KeyboardInterrupt

    opened._db.set_commit_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        one_more(opened)
    opened._db.set_commit_hook(None)
    assert not opened._db.in_transaction
    assert believed(opened) == before
    one_more(opened)
    assert opened.last_seq == 2


def test_a_row_that_its_table_refuses_takes_the_whole_commit_along(opened: Store) -> None:
    state = opened.load()
    state.add(Door(1))
    state.add(Parcel("KZ1", cell="one"))  # type: ignore[arg-type]
    state.note(EntryKind.STORED)
    before = believed(opened)
    with pytest.raises(StoreError, match="TEXT value in INTEGER column"):
        opened.commit(*state.drain(), NOW)
    assert believed(opened) == before
    one_more(opened)


def test_a_power_cut_at_any_write_leaves_the_commit_whole_or_absent(
    opened: Store, disk: Disk, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LOG_PAGES_MAX", 20)  # so that some of the cuts fall into folding the log
    outcomes = set()
    for cut in range(60):
        before = believed(opened)
        disk.writes_left = cut
        try:
            one_more(opened)
        except StoreError:
            outcome = "refused"
            wanted = before
        else:
            outcome = "committed" if disk.writes_left else "committed, and cut while folding the log"
            wanted = (opened.load().rows(), before[1] + 1, opened.head)
        disk.writes_left = None
        assert believed(opened) == wanted
        assert wanted[1] == opened.last_seq
        survived = tmp_path / "survived.db"
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{survived}{suffix}")
        with contextlib.closing(Store.open(survived, "0123")) as again:
            found = believed(again)
        if outcome == "refused" and found != before:
            outcome = "refused, yet complete on the disk"  # all was written, and the last sync failed
            assert found[1] == before[1] + 1
        else:
            assert found == wanted
        outcomes.add(outcome)
    assert outcomes == {
        "refused",
        "refused, yet complete on the disk",
        "committed",
        "committed, and cut while folding the log",
    }


def test_no_commit_writes_over_a_sector_that_holds_an_earlier_one(opened: Store, disk: Disk) -> None:
    for _ in range(300):
        one_more(opened)
    assert disk.spoilt == []
    assert disk.sectors_synced > 300


def test_without_the_care_for_sectors_it_would(path: Path, disk: Disk) -> None:
    """So the test above can fail: SQLite as it comes packs one commit behind the other."""
    db = apsw.Connection(str(path), vfs="bad-disk")
    db.pragma("journal_mode", "WAL")
    db.execute("CREATE TABLE t (x)")
    for _ in range(3):
        db.execute("INSERT INTO t VALUES (1)")
    db.close()
    assert disk.spoilt


# What a day writes

COMMITS_PER_PARCEL_MAX, PARCELS_PER_DAY, DAY_BYTES_MAX = 16, 300, 100_000_000
CELLS = 64


def inhabit(state: State) -> None:
    for cell in range(1, CELLS + 1):
        state.add(Door(cell, DoorState.CLOSED, pulses=(1_000, 4_000, 7_000)))
        state.add(Parcel(f"KZ{cell:010}", cell, account="Kaspi Gold"))
        state.add(Use(f"G{cell:010}", f"KZ{cell:010}"))
        state.add(Grant(f"G{cell:010}", Purpose.PICKUP, (f"KZ{cell:010}",), ("ab" * 32,) * 2))


def visits(state: State, number: int) -> Iterator[None]:
    """A deposit or a pickup, as the tables see it: eight commits."""
    cell = number * 37 % CELLS + 1
    waybill, grant, at_ms = f"KZ{cell:010}", f"G{cell:010}", number * 60_000
    door, parcel, use = state.get(Door, cell), state.get(Parcel, waybill), state.get(Use, grant, waybill)
    what = {"cell": cell, "parcel": waybill, "grant": grant}
    state.locker.next_session += 1
    session = state.add(Session(state.locker.next_session))
    session.arm(at_ms)
    yield
    state.locker.next_intent += 1
    intent = state.add(Intent(state.locker.next_intent, cell, grant, waybill, Purpose.PICKUP))
    session.state, session.grant, session.parcel, session.cell = SessionState.OPENING, grant, waybill, cell
    door.state, door.intent, use.state = DoorState.UNLOCKING, intent.id, UseState.CLAIMED
    parcel.state = ParcelState.CLAIMED
    door.arm(at_ms)
    state.note(EntryKind.INTENT, cell=cell)
    state.note(EntryKind.INTENT, intent=intent.id, **what)
    yield
    intent.last_ms = at_ms
    door.pulses = (*door.pulses[1:], at_ms)
    yield
    intent.settled, door.state, door.opened_ms, parcel.state = True, DoorState.OPEN, at_ms, ParcelState.OPENED
    session.state = SessionState.OPEN
    session.arm(at_ms)
    state.note(EntryKind.OPENED, intent=intent.id, **what)
    yield
    session.state = SessionState.REMINDED
    session.arm(at_ms)
    yield
    door.state, session.state = DoorState.CLOSED, SessionState.CLOSING
    door.arm(None)
    parcel.arm(at_ms)
    state.note(EntryKind.CLOSED, intent=intent.id, **what)
    yield
    parcel.state, parcel.ended_ms, use.state = ParcelState.COLLECTED, at_ms, UseState.SPENT
    session.state = SessionState.THANKS
    state.note(EntryKind.COLLECTED, **what)
    yield
    state.drop(session)
    state.drop(intent)
    yield


def test_a_day_writes_at_most_100_mb(opened: Store, disk: Disk) -> None:
    state = opened.load()
    inhabit(state)
    opened.commit(*state.drain(), NOW)
    before, commits = disk.sectors_synced, 0
    for number in range(50):
        for _ in visits(state, number):
            opened.commit(*state.drain(), NOW)
            commits += 1
    per_commit = (disk.sectors_synced - before) * SECTOR_BYTES / commits
    assert per_commit * COMMITS_PER_PARCEL_MAX * PARCELS_PER_DAY <= DAY_BYTES_MAX, (
        f"{per_commit} bytes a commit"
    )
