"""The store on a bad disk: a commit is whole or absent, the next one may succeed, and little is written."""

import contextlib
import random
from collections.abc import Iterator

import apsw
import pytest

from firmware import store
from firmware.chain import Sealed
from firmware.errors import StoreError
from firmware.journal import PRUNE_STEP
from firmware.model import DoorState, Entry, EntryKind, Moment, ParcelState, Purpose, SessionState, UseState
from firmware.row import Row
from firmware.rows import Door, Grant, Intent, Parcel, Session, State, Use
from firmware.sealed import JournalKey
from firmware.store import Store
from sim.disk import Disk
from sim.diskfaults import Operation
from sim.unsynced import BLOCK_BYTES

NOW = Moment(5_000, 1_700_000_000_000, True)
PATH = "/state.db"


class Meter:
    """Counts what is written, in the blocks of a card, and sees where a synced commit would be written over."""

    def __init__(self, disk: Disk) -> None:
        self.blocks_synced = 0
        self.spoilt: list[str] = []  # writes into a block of the log that holds a synced commit
        self._dirty: set[tuple[str, int]] = set()
        self._safe = 0  # the first block of the log that holds nothing synced
        disk.before = self._before

    def _before(self, operation: Operation, path: str, offset: int, data: bytes) -> None:
        is_log = path.endswith("-wal")
        if operation is Operation.SYNC:
            done = {block for block in self._dirty if block[0] == path}
            self._dirty -= done
            self.blocks_synced += len(done)
            if is_log and done:
                self._safe = max(block for _, block in done) + 1
        elif operation is Operation.WRITE and is_log and offset == 0:
            self._safe = 0  # a new header: all that the log held is in the database
        elif operation is Operation.WRITE:
            first, last = offset // BLOCK_BYTES, (offset + len(data) - 1) // BLOCK_BYTES
            self._dirty |= {(path, block) for block in range(first, last + 1)}
            if is_log and first < self._safe:
                self.spoilt.append(f"{len(data)} bytes at {offset}, synced below {self._safe * BLOCK_BYTES}")


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk("bad-disk", random.Random(1))
    yield disk
    disk.unregister()


@pytest.fixture
def opened(disk: Disk) -> Iterator[Store]:
    opened = Store.open(PATH, "0123", vfs=disk.name)
    yield opened
    disk.mend()
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


def test_a_full_disk_refuses_and_later_takes_the_commit(opened: Store) -> None:
    one_more(opened)
    before = believed(opened)
    pages = opened._db.pragma("page_count")
    opened._db.pragma("max_page_count", pages)
    with pytest.raises(StoreError) as caught:
        opened.commit([], [Entry(EntryKind.STARTED, why="x" * 500)] * 20, NOW)
    assert str(caught.value) == f"{PATH}: database or disk is full"
    assert isinstance(caught.value.__cause__, apsw.FullError)
    assert believed(opened) == before
    opened._db.pragma("max_page_count", pages + 1_000)
    one_more(opened)
    assert opened.last_seq == 2
    opened.verify_chain()


def test_a_place_without_logs_is_refused() -> None:
    with pytest.raises(StoreError, match="cannot use a write-ahead log here"):
        Store.open("/p.db", "0123", vfs="memdb")


def test_a_closed_store_says_so(opened: Store) -> None:
    opened.close()
    for attempt in (lambda: one_more(opened), opened.load, lambda: opened.journal(0, 1), opened.verify_chain):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert str(caught.value) == f"{PATH}: The connection has been closed"


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


def test_a_commit_that_fails_at_any_write_is_whole_or_absent(
    opened: Store, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LOG_PAGES_MAX", 20)  # so that some of the failures fall into folding the log
    outcomes = set()
    for well in range(90):
        before = believed(opened)
        disk.fail(after=well, times=None, error=(apsw.IOError, apsw.FullError)[well % 2])
        failed_from = disk.operations + well
        try:
            one_more(opened)
        except StoreError:
            outcome = "refused"
            wanted = before
        else:
            failed = disk.operations > failed_from
            outcome = "committed, and failed while folding the log" if failed else "committed"
            wanted = (opened.load().rows(), before[1] + 1, opened.head)
        disk.mend()
        assert believed(opened) == wanted
        assert wanted[1] == opened.last_seq
        found = after_a_kill(disk)
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
        "committed, and failed while folding the log",
    }


def test_a_pruning_that_fails_at_any_write_is_whole_or_absent(opened: Store, disk: Disk) -> None:
    key, outcomes = JournalKey(b"j" * 32), set()
    opened.commit([], [Entry(EntryKind.STARTED)] * 50 * PRUNE_STEP, NOW)
    for well in range(0, 800, 20):
        before = opened.journal(0, 99_999)
        disk.fail(after=well, times=None, error=(apsw.IOError, apsw.FullError)[well % 2])
        try:
            count = opened.prune(99_999, NOW.utc_ms + 1, lambda place: key.sign(Sealed.ANCHOR, place))
        except StoreError:
            count = 0
        disk.mend()
        assert opened.journal(0, 99_999) == before[count:]
        opened.verify_chain()
        survived = Disk("survived", random.Random(1), files=disk.survivors())
        with contextlib.closing(Store.open(PATH, "0123", vfs=survived.name)) as again:
            again.verify_chain()
            assert again.journal(0, 99_999) in (before, before[PRUNE_STEP:])
        survived.unregister()
        outcomes.add(count)
    assert outcomes == {0, PRUNE_STEP}


def after_a_kill(disk: Disk) -> tuple[list[Row], int, str]:
    """What another process finds that starts on the same files."""
    survived = Disk("survived", random.Random(1), files=disk.files())
    try:
        with contextlib.closing(Store.open(PATH, "0123", vfs=survived.name)) as again:
            return believed(again)
    finally:
        survived.unregister()


def test_no_commit_writes_over_a_block_that_holds_an_earlier_one(opened: Store, disk: Disk) -> None:
    meter = Meter(disk)
    for _ in range(300):
        one_more(opened)
    assert meter.spoilt == []
    assert meter.blocks_synced > 300


def test_without_the_care_for_blocks_it_would(disk: Disk) -> None:
    """So the test above can fail: SQLite as it comes packs one commit behind the other."""
    meter = Meter(disk)
    db = apsw.Connection(
        f"file://{PATH}",
        apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI,
        disk.name,
    )
    db.pragma("locking_mode", "EXCLUSIVE")
    db.pragma("journal_mode", "WAL")
    db.execute("CREATE TABLE t (x)")
    for _ in range(3):
        db.execute("INSERT INTO t VALUES (1)")
    db.close()
    assert meter.spoilt


# What a day writes


def test_what_changes_in_every_commit_shares_a_block(opened: Store) -> None:
    roots = dict(opened._db.execute("SELECT name, rootpage FROM sqlite_schema WHERE type = 'table'"))
    blocks = {name: (page - 1) * store.PAGE_BYTES // BLOCK_BYTES for name, page in roots.items()}
    assert len({blocks[name] for name in ("locker", "session", "intent", "sqlite_sequence")}) == 1
    assert blocks["journal"] == 0  # with the header, which says how long the file is


def test_rows_that_share_a_block_cost_one_and_its_padding(opened: Store, disk: Disk) -> None:
    state = opened.load()
    session, intent = state.add(Session(1)), state.add(Intent(1, 7, "G1", "KZ1", Purpose.PICKUP))
    opened.commit(*state.drain(), NOW)
    meter = Meter(disk)
    for number in range(20):
        session.extended = intent.last_ms = state.locker.next_intent = number + 2
        opened.commit(*state.drain(), NOW)
    assert meter.blocks_synced == 20 * 2


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
    meter, commits = Meter(disk), 0
    for number in range(50):
        for _ in visits(state, number):
            opened.commit(*state.drain(), NOW)
            commits += 1
    per_commit = meter.blocks_synced * BLOCK_BYTES / commits
    assert per_commit * COMMITS_PER_PARCEL_MAX * PARCELS_PER_DAY <= DAY_BYTES_MAX, (
        f"{per_commit} bytes a commit"
    )
