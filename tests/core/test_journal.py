"""The journal's hash chain, checked by a verifier that shares nothing with the store but SHA-256."""

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from firmware import store
from firmware.chain import Place, Sealed
from firmware.control import JournalRow
from firmware.errors import StoreCorrupt
from firmware.journal import PRUNE_STEP
from firmware.model import Entry, EntryKind, Moment
from firmware.sealed import JournalKey
from firmware.store import Store

NOW = Moment(5_000, 1_700_000_000_000, True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Store]:
    opened = Store.open(path, "0123")
    yield opened
    opened.close()


def verify(rows: list[JournalRow], after: int = 0, digest: bytes = b"\0" * 32) -> list[dict[str, Any]]:
    """What a backend does with a whole journal: the bodies, once each is found to follow from the one before."""
    bodies = []
    for count, row in enumerate(rows, after):
        digest = hashlib.sha256(digest + bytes(row.body, "utf-8")).digest()
        body = json.loads(row.body)
        assert row.hash == digest.hex()
        assert row.seq == body["seq"] == count + 1
        assert row.body == json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        bodies.append(body)
    return bodies


def test_a_body_tells_locker_epoch_seq_and_time_before_the_entry(opened: Store) -> None:
    state = opened.load()
    state.note(EntryKind.OPENED, cell=7, parcel="KZ1")
    state.note(EntryKind.WRONG_CODE)
    opened.commit(*state.drain(), NOW)
    assert [row.body for row in opened.journal(0, 10)] == [
        '{"locker":"0123","epoch":1,"seq":1,"utc_ms":1700000000000,"sure":true,"kind":"opened","cell":7,"parcel":"KZ1"}',
        '{"locker":"0123","epoch":1,"seq":2,"utc_ms":1700000000000,"sure":true,"kind":"wrong_code"}',
    ]
    assert verify(opened.journal(0, 10))


def test_before_the_first_entry(opened: Store) -> None:
    assert (opened.last_seq, opened.head) == (0, "00" * 32)
    assert opened.journal(0, 10) == []
    opened.verify_chain()


texts = st.none() | st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\x7f"), max_size=8
)
numbers = st.none() | st.integers(-(2**63), 2**63 - 1)
entries = st.builds(
    Entry,
    st.sampled_from(EntryKind),
    cell=numbers,
    parcel=texts,
    grant=texts,
    intent=numbers,
    why=texts,
    count=numbers,
)


@given(st.lists(st.tuples(st.lists(entries, max_size=4), st.integers(0, 2**53), st.booleans()), max_size=6))
def test_any_journal_satisfies_an_independent_verifier(commits: list[tuple[list[Entry], int, bool]]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(Store.open(Path(folder) / "state.db", "0123")) as opened,
    ):
        wanted = []
        for batch, utc_ms, sure in commits:
            opened.commit([], batch, Moment(0, utc_ms, sure))
            wanted += [(utc_ms, sure, entry.kind, entry.why) for entry in batch]
        rows = opened.journal(0, len(wanted) + 1)
        bodies = verify(rows)
        assert [(b["utc_ms"], b["sure"], b["kind"], b.get("why")) for b in bodies] == wanted
        assert opened.last_seq == len(wanted)
        assert opened.head == (rows[-1].hash if rows else "00" * 32)


def test_the_chain_goes_on_after_a_restart(opened: Store, path: Path) -> None:
    for _ in range(2):
        opened.commit([], [Entry(EntryKind.STARTED)], NOW)
        last, head = opened.last_seq, opened.head
        opened.close()
        opened = Store.open(path, "0123")
        assert (opened.last_seq, opened.head) == (last, head)
    assert [body["seq"] for body in verify(opened.journal(0, 9))] == [1, 2]
    opened.close()


def test_it_is_read_in_pages(opened: Store) -> None:
    opened.commit([], [Entry(EntryKind.OPENED, cell=number) for number in range(10)], NOW)
    assert [row.seq for row in opened.journal(0, 4)] == [1, 2, 3, 4]
    assert [row.seq for row in opened.journal(4, 4)] == [5, 6, 7, 8]
    assert [row.seq for row in opened.journal(8, 4)] == [9, 10]
    assert opened.journal(10, 4) == opened.journal(99, 4) == opened.journal(0, 0) == []
    assert opened.journal(-5, 1) == opened.journal(0, 1)


# Damage that SQLite cannot see

ROWS = 400
RECENT = ROWS - 10
OLD = ROWS - store.CHECKED_AT_OPEN - 10  # no start looks that far back
TAMPERING = {
    "another word in a body": (
        """UPDATE journal SET body = replace(body, 'opened', 'closed') WHERE seq = {seq}""",
        "seq {seq} does not match its hash",
    ),
    "a body that is no text": (
        "UPDATE journal SET body = CAST(x'ff' AS TEXT) WHERE seq = {seq}",
        "seq {seq} does not match its hash",
    ),
    "another hash": (
        "UPDATE journal SET hash = zeroblob(32) WHERE seq = {seq}",
        "seq {seq} does not match its hash",
    ),
    "a row that is missing": ("DELETE FROM journal WHERE seq = {seq}", "seq {seq} is missing"),
    "two rows that changed places": (
        "UPDATE journal SET seq = -seq WHERE seq IN ({seq}, {seq} + 1); UPDATE journal SET seq = 2 * {seq} + 1 + seq WHERE seq < 0",
        "seq {seq} does not match its hash",
    ),
    "another time": (
        "UPDATE journal SET utc_ms = utc_ms + 1 WHERE seq = {seq}",
        "seq {seq} says something else than its columns",
    ),
    "a time that was sure": (
        "UPDATE journal SET sure = 0 WHERE seq = {seq}",
        "seq {seq} says something else than its columns",
    ),
    "another epoch": (
        "UPDATE journal SET epoch = 2 WHERE seq = {seq}",
        "seq {seq} says something else than its columns",
    ),
}


@pytest.fixture(scope="module")
def journalled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("journal") / "state.db"
    with contextlib.closing(Store.open(path, "0123")) as opened:
        opened.commit([], [Entry(EntryKind.OPENED, cell=number) for number in range(ROWS)], NOW)
    return path.read_bytes()


def tamper(path: Path, sql: str) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute(sql)


@pytest.mark.parametrize("what", TAMPERING)
def test_a_change_among_the_newest_is_found_at_the_start(journalled: bytes, path: Path, what: str) -> None:
    sql, message = TAMPERING[what]
    path.write_bytes(journalled)
    tamper(path, sql.format(seq=RECENT))
    with pytest.raises(StoreCorrupt) as caught:
        Store.open(path, "0123")
    assert str(caught.value) == f"{path}: journal: {message.format(seq=RECENT)}"


@pytest.mark.parametrize("what", TAMPERING)
def test_a_change_long_ago_is_found_by_reading_and_by_the_whole_check(
    journalled: bytes, path: Path, what: str
) -> None:
    sql, message = TAMPERING[what]
    path.write_bytes(journalled)
    tamper(path, sql.format(seq=OLD))
    with contextlib.closing(Store.open(path, "0123")) as opened:
        for look in (opened.verify_chain, lambda: opened.journal(OLD - 5, 10)):
            with pytest.raises(StoreCorrupt) as caught:
                look()
            assert str(caught.value) == f"{path}: journal: {message.format(seq=OLD)}"


def test_an_end_that_is_gone_is_found(journalled: bytes, path: Path) -> None:
    path.write_bytes(journalled)
    tamper(path, "DELETE FROM journal WHERE seq > 397")
    with pytest.raises(StoreCorrupt) as caught:
        Store.open(path, "0123")
    assert str(caught.value) == f"{path}: journal: ends at seq 397, but 400 entries were written"


def test_a_start_that_is_gone_is_found(journalled: bytes, path: Path) -> None:
    path.write_bytes(journalled)
    tamper(path, "DELETE FROM journal WHERE seq = 1")
    with contextlib.closing(Store.open(path, "0123")) as opened:
        with pytest.raises(StoreCorrupt, match="seq 1 is missing"):
            opened.verify_chain()
        with pytest.raises(StoreCorrupt, match="seq 1 is missing"):
            opened.journal(1, 10)


@pytest.mark.parametrize(
    "body", ['{"locker":"0124","epoch":1,"seq":400,"utc_ms":1700000000000,"sure":true}', "no JSON", "\xff"]
)
def test_a_forged_newest_entry_with_a_fitting_hash_is_found(journalled: bytes, path: Path, body: str) -> None:
    path.write_bytes(journalled)
    with contextlib.closing(apsw.Connection(str(path))) as db:
        previous = db.execute("SELECT hash FROM journal WHERE seq = ?", (ROWS - 1,)).get
        text = body.encode("latin-1")
        forged = hashlib.sha256(previous + text).digest()
        db.execute("UPDATE journal SET body = CAST(? AS TEXT), hash = ? WHERE seq = ?", (text, forged, ROWS))
    with pytest.raises(StoreCorrupt, match=f"seq {ROWS} says something else than its columns"):
        Store.open(path, "0123")


def test_a_commit_onto_another_end_is_refused(opened: Store) -> None:
    opened.commit([], [Entry(EntryKind.STARTED)] * 3, NOW)
    opened._db.execute("DELETE FROM journal WHERE seq = 3")
    with pytest.raises(StoreCorrupt, match="ends at seq 2, not at 3 as it was left"):
        opened.commit([], [Entry(EntryKind.STARTED)], NOW)
    assert opened.last_seq == 3


# Pruning

DAY_MS = 24 * 3_600_000
KEY = JournalKey(bytes(range(32)))


def sign(place: Place) -> bytes:
    return KEY.sign(Sealed.ANCHOR, place)


def days(opened: Store, *dates: float | tuple[float, bool]) -> None:
    """An entry for each of these days since NOW; with False the clock was not sure of it."""
    for date in dates:
        day, sure = date if isinstance(date, tuple) else (date, True)
        opened.commit(
            [], [Entry(EntryKind.STARTED)], NOW._replace(utc_ms=NOW.utc_ms + round(day * DAY_MS), sure=sure)
        )


def pruned(opened: Store, acked: int, day: float) -> list[int]:
    """Prune to the end what is acknowledged up to `acked` and older than this day; which entries are left."""
    while opened.prune(acked, NOW.utc_ms + round(day * DAY_MS), sign):
        pass
    opened.verify_chain()
    return [row.seq for row in opened.journal(0, 9_999)]


def test_what_is_acknowledged_and_old_goes_and_an_anchor_stays(opened: Store, path: Path) -> None:
    assert opened.anchor is None
    days(opened, 0, 1, 2, 3, 4)
    before = opened.journal(0, 9)
    assert pruned(opened, 4, 2) == [3, 4, 5]
    assert opened.anchor is not None
    place, signature = opened.anchor
    assert place == Place("0123", 1, 2, before[1].hash)
    public = Ed25519PublicKey.from_public_bytes(KEY.public)
    public.verify(signature, f'postomat/v1/anchor\n["0123",1,2,"{before[1].hash}"]'.encode())
    opened.close()
    with contextlib.closing(Store.open(path, "0123")) as again:
        again.verify_chain()
        assert again.anchor == (place, signature)
        assert (again.entries, again.last_seq) == (3, 5)
        assert again.journal(0, 9) == again.journal(2, 9) == before[2:]
        assert again.journal(3, 1) == before[3:4]
        assert (again.hash_at(2), again.hash_at(1), again.hash_at(3)) == (before[1].hash, "", before[2].hash)
        assert verify(again.journal(0, 9), 2, bytes.fromhex(before[1].hash))
        days(again, 5)
        assert pruned(again, 5, 99) == [6]
        assert again.anchor is not None
        assert again.anchor[0].seq == 5


@pytest.mark.parametrize(
    ("dates", "acked", "day", "left"),
    [
        ((0, 1, 2), 0, 99, [1, 2, 3]),  # never what was not acknowledged
        ((0, 1, 2), 2, 99, [3]),
        ((0, 1, 2), 3, 99, [3]),  # the newest stays, to be followed
        ((0, 1, 2), 9, 99, [3]),
        ((0, 1, 2), 3, 0, [1, 2, 3]),
        ((0, 1, 2), 3, 1, [2, 3]),
        ((0, 9, 1, 2), 4, 1.5, [4]),  # what stands before an old one is old, whatever it says
        (((0, False), 1, 2), 3, 1.5, [3]),
        (((0, False), (1, False), 2), 3, 1.5, [1, 2, 3]),  # nobody knows how old they are
        (((-99, False), 5, 6), 3, 1, [1, 2, 3]),
        (((99, False), 0, 6), 3, 1, [3]),
    ],
)
def test_what_may_go(opened: Store, dates: tuple[Any, ...], acked: int, day: float, left: list[int]) -> None:
    days(opened, *dates)
    assert pruned(opened, acked, day) == left


def test_it_goes_in_bounded_steps(opened: Store) -> None:
    opened.commit([], [Entry(EntryKind.STARTED)] * (2 * PRUNE_STEP + 10), NOW)
    later = NOW.utc_ms + DAY_MS
    assert opened.prune(9_999, later, sign) == PRUNE_STEP
    assert opened.entries == PRUNE_STEP + 10
    assert [opened.prune(9_999, later, sign) for _ in range(3)] == [PRUNE_STEP, 9, 0]


def test_nothing_goes_behind_an_entry_that_is_missing(opened: Store) -> None:
    days(opened, 0, 1, 2)
    opened._db.execute("DELETE FROM journal WHERE seq = 2")
    with pytest.raises(StoreCorrupt, match="seq 2 is missing"):
        opened.prune(2, NOW.utc_ms + 9 * DAY_MS, sign)
    assert (opened.anchor, [row.seq for row in opened.journal(0, 1)]) == (None, [1])


def test_entries_of_an_unsure_clock_do_not_hold_it_up_for_ever(opened: Store) -> None:
    unsure = NOW._replace(sure=False)
    opened.commit([], [Entry(EntryKind.STARTED)] * (3 * PRUNE_STEP), unsure)
    days(opened, 0, 1)
    assert pruned(opened, 9_999, 0.5) == [3 * PRUNE_STEP + 2]


def test_the_space_of_what_went_is_used_again(opened: Store) -> None:
    def fill() -> None:
        opened.commit([], [Entry(EntryKind.STARTED, why="x" * 400)] * 500, NOW)

    fill()
    fill()
    used, pages = opened.used_bytes, opened._db.pragma("page_count")
    assert pruned(opened, 999, 1) == [1_000]
    assert opened.used_bytes < used / 4
    fill()
    assert opened._db.pragma("page_count") == pages
    assert used / 4 < opened.used_bytes < 0.75 * used


def test_what_it_measures_lags_by_a_few_entries_only(opened: Store) -> None:
    def really() -> int:
        pragma = opened._db.pragma
        used: int = store.PAGE_BYTES * (pragma("page_count") - pragma("freelist_count"))
        return used

    for _ in range(1_000):
        opened.commit([], [Entry(EntryKind.STARTED, why="x" * 300)], NOW)
        assert really() - opened.used_bytes <= store.MEASURED_EVERY * 2 * store.PAGE_BYTES


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DELETE FROM anchor", "seq 3 is missing|seq 1 is missing"),
        ("UPDATE anchor SET hash = zeroblob(32)", "seq 3 does not match its hash"),
        ("UPDATE anchor SET seq = 1", "seq 2 is missing"),
        ("UPDATE anchor SET seq = 3", "seq 4 does not match its hash"),
        ("DELETE FROM journal WHERE seq = 3", "seq 3 is missing"),
    ],
)
def test_an_anchor_that_was_tampered_with_is_found(opened: Store, path: Path, sql: str, message: str) -> None:
    days(opened, 0, 1, 2, 3, 4)
    pruned(opened, 4, 2)
    opened.close()
    tamper(path, sql)
    with pytest.raises(StoreCorrupt, match=message):
        Store.open(path, "0123")


def test_an_anchor_of_another_key_is_not_this_lockers(opened: Store, path: Path) -> None:
    days(opened, 0, 1, 2)
    pruned(opened, 2, 9)
    assert opened.anchor is not None
    place, signature = opened.anchor
    assert KEY.verifies(Sealed.ANCHOR, place, signature)
    assert not KEY.verifies(Sealed.HEAD, place, signature)
    assert not KEY.verifies(Sealed.ANCHOR, place._replace(seq=1), signature)
    assert not JournalKey(b"k" * 32).verifies(Sealed.ANCHOR, place, signature)
