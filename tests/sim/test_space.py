"""The simulator's disk has as much room as it is given, in whole blocks, and a full one fails as a real one does."""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from firmware.errors import StoreFull
from firmware.model import Entry, EntryKind, Moment
from firmware.reserve import RESERVE_BYTES, Reserve
from firmware.store import Store
from sim.disk import Disk
from sim.unsynced import BLOCK_BYTES

NOW = Moment(5_000, 1_700_000_000_000, True)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk("room", random.Random(1))
    yield disk
    disk.unregister()


def more(store: Store, count: int = 1) -> None:
    for _ in range(count):
        store.commit([], [Entry(EntryKind.CLOSED, why="x" * 500)], NOW)


def until_full(store: Store) -> None:
    with pytest.raises(StoreFull):
        more(store, 5_000)


def test_what_grows_finds_its_end_and_what_is_written_over_does_not(disk: Disk) -> None:
    full: list[int] = []
    disk.space.on_full = lambda: full.append(disk.space.used_bytes)
    with closing(Store.open("/p.db", "0123", vfs=disk.name)) as store:
        disk.space.capacity_bytes = disk.space.used_bytes + 10 * BLOCK_BYTES
        until_full(store)
        assert full
        assert max(full) <= disk.space.capacity_bytes
        assert disk.space.used_bytes <= disk.space.capacity_bytes
        seq = store.last_seq
        assert seq > 0
        disk.space.capacity_bytes = None
        store._db.wal_checkpoint()
        disk.space.capacity_bytes = disk.space.used_bytes
        more(store)  # the log begins anew: no block is taken for it
        assert store.last_seq == seq + 1
        until_full(store)
    # Closed in order, though nothing could be folded.
    disk.space.capacity_bytes = None
    with closing(Store.open("/p.db", "0123", vfs=disk.name)) as store:
        more(store)
        store.verify_chain()


def test_a_reserve_takes_and_gives_real_room(disk: Disk) -> None:
    path = Path("/p.reserve")
    with closing(Store.open("/p.db", "0123", vfs=disk.name)) as store:
        used = disk.space.used_bytes
        reserve = Reserve(path, disk.space)
        disk.space.capacity_bytes = used + RESERVE_BYTES
        assert not reserve.make()  # and nothing left to work with
        disk.space.capacity_bytes = used + 2 * RESERVE_BYTES
        assert reserve.make()
        assert disk.space.used_bytes == used + RESERVE_BYTES
        disk.space.capacity_bytes = disk.space.used_bytes
        until_full(store)
        assert reserve.release()
        more(store)
        assert not reserve.make()
        with pytest.raises(OSError, match="No space left"):
            disk.space.fill(path, RESERVE_BYTES)
        assert not Reserve(path, disk.space).held
