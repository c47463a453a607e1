"""The disk in memory: it holds for certain what was synced, loses the rest in every way there is, and fails when told to."""

import random
from collections.abc import Iterator
from contextlib import closing

import apsw
import pytest

from firmware.errors import StoreError
from firmware.model import Entry, EntryKind, Moment
from firmware.store import Store
from sim.disk import Disk
from sim.diskfaults import Operation
from sim.unsynced import BLOCK_BYTES, SECTOR_BYTES, Content

NOW = Moment(5_000, 1_700_000_000_000, True)
OLD, NEW = b"o" * 3 * BLOCK_BYTES, b"n" * 2_000


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk("disk", random.Random(1))
    yield disk
    disk.unregister()


def note(store: Store) -> None:
    store.commit([], [Entry(EntryKind.STARTED)], NOW)


def close_dead(store: Store) -> None:
    """Let go of a store whose disk has gone; left to the garbage collector, its complaint has no reader."""
    with pytest.raises(StoreError, match="power was cut"):
        store.close()
    store.close()


def content() -> Content:
    """A file of three synced blocks, with a write in the middle one that is not."""
    made = Content(OLD)
    made.write(BLOCK_BYTES + 100, NEW)
    return made


# What survives of one file


def test_a_write_is_seen_at_once_and_sure_with_the_sync() -> None:
    made = content()
    assert made.seen[BLOCK_BYTES + 100 :].startswith(NEW)
    assert made.survived(random.Random(1), 0, True) == OLD
    made.sync()
    assert made.survived(random.Random(1), 0, True) == made.seen


def test_an_unsynced_write_is_whole_lost_or_torn_at_sectors() -> None:
    torn = set()
    for seed in range(2_000):
        survived = content().survived(random.Random(seed), 0.3, False)
        untouched = survived[: BLOCK_BYTES + 100] + survived[BLOCK_BYTES + 2_100 :]
        assert untouched == OLD[: len(untouched)]
        changes = [at for at in range(1, len(survived)) if survived[at] != survived[at - 1]]
        assert all(at % SECTOR_BYTES == 0 or at - BLOCK_BYTES in (100, 2_100) for at in changes)
        torn.add(tuple(changes))
    assert () in torn
    assert (BLOCK_BYTES + 100, BLOCK_BYTES + 2_100) in torn
    assert len(torn) == 2**5  # of the five sectors that it touches, every choice


def test_on_a_disk_that_spoils_a_torn_write_spoils_its_blocks() -> None:
    spoilt = 0
    for seed in range(100):
        survived = content().survived(random.Random(seed), 0.3, True)
        assert survived[:BLOCK_BYTES] + survived[2 * BLOCK_BYTES :] == OLD[: 2 * BLOCK_BYTES]
        spoilt += bool(set(survived) - set(OLD + NEW))
    assert 10 < spoilt < 50


def test_overlapping_writes_land_in_any_order_but_never_across_a_truncation() -> None:
    found = set()
    for seed in range(50):
        made = Content()
        for data in (b"a" * 8, b"b" * 8, None, b"c" * 4, b"d" * 4):
            made.write(0, data)
        assert made.seen == b"dddd"
        found.add(bytes(made.survived(random.Random(seed), 0.999, True)))
    assert found == {b"cccc", b"dddd"}


def test_a_failed_sync_is_forgotten_and_the_next_one_does_not_make_up_for_it() -> None:
    made = content()
    made.forget(random.Random(1), 0, True)
    made.write(0, b"later")
    made.sync()
    assert made.seen[BLOCK_BYTES + 100 :].startswith(NEW)
    assert made.survived(random.Random(1), 1, True) == b"later" + OLD[5:]
    made.write(BLOCK_BYTES, b"x")  # the cache writes whole blocks, so what was forgotten goes along
    made.sync()
    assert made.survived(random.Random(1), 1, True) == made.seen


# The whole disk under SQLite


def test_after_a_power_cut_the_old_connection_is_dead_and_a_new_one_finds_what_was_committed(
    disk: Disk,
) -> None:
    old = Store.open("/p.db", "0123", vfs=disk.name)
    note(old)
    disk.power_cut()
    with pytest.raises(StoreError, match="power was cut"):
        note(old)
    with closing(Store.open("/p.db", "0123", vfs=disk.name)) as new:
        assert new.last_seq == 1
        with pytest.raises(StoreError, match="power was cut"):
            note(old)
        note(new)
        assert new.last_seq == 2
        close_dead(old)
        note(new)
    assert disk.cuts == 1


def test_the_power_can_go_before_any_change() -> None:
    reached = set()

    def live() -> None:
        store = Store.open("/p.db", "0123", vfs="cut")
        try:
            while True:
                note(store)
        finally:
            close_dead(store)

    for changes in range(120):
        disk = Disk("cut", random.Random(changes))
        disk.cut_after(changes)
        with pytest.raises(StoreError, match="power was cut"):
            live()
        assert (disk.cuts, disk.operations) == (1, changes)
        with closing(Store.open("/p.db", "0123", vfs="cut")) as again:
            again.verify_chain()
            reached.add(again.last_seq)
        disk.unregister()
    assert {0, 1, 2} <= reached


def test_what_fails_can_be_told_to_the_operation(disk: Disk) -> None:
    with closing(Store.open("/p.db", "0123", vfs=disk.name)) as store:
        disk.fail(Operation.SYNC, after=2, times=2, error=apsw.FullError)
        told = []
        for _ in range(6):
            try:
                note(store)
            except StoreError as error:
                told.append(str(error))
            else:
                told.append("")
        assert told == ["", "", *["/p.db: /p.db-wal: sync failed"] * 2, "", ""]
        disk.fail(Operation.READ, times=None)
        store._db.cache_flush()
        store._db.pragma("shrink_memory")
        with pytest.raises(StoreError, match="read failed"):
            store.load()
        disk.mend()
        assert store.load().locker.id == "0123"


def test_a_second_connection_is_kept_out(disk: Disk) -> None:
    with closing(Store.open("/p.db", "0123", vfs=disk.name)), pytest.raises(StoreError, match="in use"):
        Store.open("/p.db", "0123", vfs=disk.name)
    Store.open("/p.db", "0123", vfs=disk.name).close()


def test_a_file_that_was_made_or_removed_and_not_synced_may_not_have_been(disk: Disk) -> None:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_MAIN_DB
    for path in ("/kept", "/removed"):
        disk.xOpen(path, [flags, 0]).xSync(0)
    gone = disk.xOpen("/gone", [flags, 0])
    disk.xDelete("/gone", False)
    gone.xSync(0)  # a file without a name
    disk.xOpen("/made", [flags, 0])
    disk.xDelete("/removed", False)
    assert disk.xAccess("/made", 0)
    assert not disk.xAccess("/removed", 0)
    found = {tuple(disk.survivors(random.Random(seed))) for seed in range(100)}
    assert found == {
        ("/kept", "/made"),
        ("/kept", "/made", "/removed"),
        ("/kept", "/removed"),
        ("/kept",),
    }
    disk.keep_only_synced = True
    disk.power_cut()
    assert list(disk.files()) == ["/kept", "/removed"]
    disk.xDelete("/removed", True)
    disk.power_cut()
    assert list(disk.files()) == ["/kept"]
    with pytest.raises(apsw.IOError):
        disk.xDelete("/removed", True)
    with pytest.raises(apsw.CantOpenError, match="no such file"):
        disk.xOpen("/removed", [apsw.SQLITE_OPEN_READWRITE, 0])


def test_the_same_seed_leaves_the_same_and_another_something_else(disk: Disk) -> None:
    with closing(Store.open("/p.db", "0123", vfs=disk.name)) as store:
        disk.fail(Operation.SYNC, times=None)
        with pytest.raises(StoreError):
            note(store)
        disk.mend()
        store._db.pragma("synchronous", "OFF")
        note(store)
        left = [disk.survivors(random.Random(seed)) for seed in range(20)]
        assert left == [disk.survivors(random.Random(seed)) for seed in range(20)]
        assert len({files["/p.db-wal"] for files in left}) > 5


def test_it_counts(disk: Disk) -> None:
    seen: list[Operation] = []
    disk.before = lambda operation, path, offset, data: seen.append(operation)
    Store.open("/p.db", "0123", vfs=disk.name).close()
    assert disk.operations == len(seen)
    assert disk.syncs == seen.count(Operation.SYNC) > 0
    assert disk.written_bytes > 1_024
    with pytest.raises(ValueError, match="such a disk already"):
        Disk("disk", random.Random(1))
