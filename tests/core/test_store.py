"""The store keeps what it was given, all of it or nothing, and refuses what is not its own."""

import contextlib
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import schema, store
from firmware.errors import StoreCorrupt, StoreError
from firmware.model import Direction, DoorState, EntryKind, Moment
from firmware.row import Row
from firmware.rows import ROWS, Door, Grant, Locker, Parcel, State
from firmware.schema import MIGRATIONS, Migration
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


def plain(path: Path) -> contextlib.closing[apsw.Connection]:
    """The file as any other program would open it."""
    return contextlib.closing(apsw.Connection(str(path)))


# The tables


def kind_of(hint: Any) -> tuple[Any, bool]:
    """The type of a column without its None, and whether it may be None."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return next(kind for kind in kinds if kind is not NoneType), NoneType in kinds


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.TABLE)
def test_each_class_of_rows_has_its_table(row: type[Row], opened: Store, path: Path) -> None:
    wanted: list[Any] = []
    for field in fields(row):
        kind, nullable = kind_of(get_type_hints(row)[field.name])
        affinity = "INTEGER" if kind is int or kind is bool else "TEXT"
        key = (*row.KEY, field.name).index(field.name) + 1
        wanted.append((field.name, affinity, not nullable, key if key <= len(row.KEY) else 0))
    opened.close()
    with plain(path) as db:
        found = [
            (name, affinity, bool(not_null), key)
            for _, name, affinity, not_null, _, key in db.execute(f'PRAGMA table_info("{row.TABLE}")')
        ]
        (strict,) = db.execute("SELECT strict FROM pragma_table_list WHERE name = ?", (row.TABLE,)).fetchall()
    assert sorted(found) == sorted(wanted)  # a migration adds its columns at the end
    assert strict == (1,)


def test_a_boolean_is_0_or_1(opened: Store, path: Path) -> None:
    opened.close()
    flags = [(row.TABLE, name) for row in ROWS for name, hint in get_type_hints(row).items() if hint is bool]
    assert flags
    with plain(path) as db:
        for table, name in flags:
            (sql,) = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchall()
            assert f"{name} INTEGER NOT NULL CHECK ({name} IN (0, 1))" in str(sql[0])


# Memory equals reload


def column(hint: Any) -> st.SearchStrategy[Any]:
    if hint == int | str:
        return column(int) | column(str)
    kind, nullable = kind_of(hint)
    values: st.SearchStrategy[Any]
    if get_origin(kind) is tuple and get_args(kind)[-1] is ...:
        values = st.lists(column(get_args(kind)[0]), max_size=4).map(tuple)
    elif get_origin(kind) is tuple:
        values = st.tuples(*map(column, get_args(kind)))
    elif isinstance(kind, type) and issubclass(kind, Enum):
        values = st.sampled_from(kind)
    else:
        values = {
            int: st.integers(-(2**63), 2**63 - 1),
            bool: st.booleans(),
            str: st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        }[kind]
    return st.none() | values if nullable else values


def rows_of(kind: Any) -> st.SearchStrategy[Row]:
    hints = get_type_hints(kind)
    drawn = {field.name: column(hints[field.name]) for field in fields(kind)}
    if kind is Locker:
        drawn["id"], drawn["epoch"] = st.just("0123"), st.just(1)
    else:
        few: dict[Any, st.SearchStrategy[Any]] = {
            int: st.integers(0, 3) | st.just(2**63 - 1),
            str: st.sampled_from(["", "A", "a", "ё\0", "'\""]),
        }
        drawn |= {name: few[hints[name]] for name in kind.KEY}
    return st.builds(kind, **drawn)


any_row = st.one_of([rows_of(kind) for kind in ROWS])
batches = st.lists(
    st.lists(st.tuples(st.sampled_from(["add", "assign", "drop"]), any_row), max_size=6), max_size=4
)


def apply(state: State, how: str, row: Row) -> None:
    old = state.find(type(row), *row.key)
    if old is None or how == "add":
        state.add(row)
    elif how == "assign":
        for field in fields(row):
            setattr(old, field.name, getattr(row, field.name))
    elif not isinstance(row, Locker):
        state.drop(old)


@given(batches)
def test_memory_equals_reload(steps: list[list[tuple[str, Row]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        opened = Store.open(path, "0123")
        state = opened.load()
        for step in steps:
            for how, row in step:
                apply(state, how, row)
            opened.commit(*state.drain(), NOW)
            assert opened.load().rows() == state.rows()
        opened.close()
        opened = Store.open(path, "0123")
        assert opened.load().rows() == state.rows()
        opened.close()


def test_a_loaded_state_has_nothing_to_write(opened: Store) -> None:
    assert opened.load().drain() == ([], [])


def test_a_row_that_is_given_what_it_has_is_not_written(opened: Store) -> None:
    state = opened.load()
    row = state.add(Parcel("KZ1", 1, listed=(1, Direction.INBOUND, "", 0)))
    opened.commit(*state.drain(), NOW)
    row.cell, row.listed = 1, (1, Direction.INBOUND, "", 0)
    assert state.drain() == ([], [])
    row.cell = 2
    assert state.drain() == ([(Parcel, ("KZ1",), row)], [])


def test_without_changes_nothing_is_written(opened: Store) -> None:
    before = opened._db.total_changes()
    opened.commit([], [], NOW)
    assert opened._db.total_changes() == before
    assert not opened._db.in_transaction


# A new database, and one's own


def test_a_new_database_knows_its_locker(opened: Store, path: Path) -> None:
    assert opened.load().rows() == [Locker("0123", epoch=1)]
    opened.close()
    again = Store.open(path, "0123")
    assert again.load().rows() == [Locker("0123", epoch=1)]
    again.close()


def test_only_its_owner_may_read_the_files(path: Path) -> None:
    path.touch(0o644)
    opened = Store.open(path, "0123")
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["state.db", "state.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    opened.close()


def test_every_commit_is_synced(opened: Store) -> None:
    pragma = opened._db.pragma
    assert (pragma("journal_mode"), pragma("synchronous"), pragma("locking_mode")) == ("wal", 2, "exclusive")


def test_a_second_controller_is_refused_and_the_first_goes_on(opened: Store, path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Store.open(path, "0123")
    assert str(caught.value) == f"{path}: is in use by another process"
    state = opened.load()
    state.add(Door(1))
    opened.commit(*state.drain(), NOW)


def test_a_path_with_every_awkward_character(tmp_path: Path) -> None:
    path = tmp_path / "a b?psow=1#%41.db"
    Store.open(path, "0123").close()
    assert path.stat().st_size > 0


def test_another_lockers_database_is_refused(opened: Store, path: Path) -> None:
    opened.close()
    with pytest.raises(StoreError) as caught:
        Store.open(path, "0124")
    assert str(caught.value) == f"{path}: belongs to locker 0123, not to 0124"
    assert type(caught.value) is StoreError


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "is another program's database"),
        ("PRAGMA user_version = 1001", "is another program's database"),
        (
            "PRAGMA application_id = 0x504F5354; PRAGMA user_version = 2000",
            "has version 2000; this release knows versions up to 1999",
        ),
    ],
)
def test_a_foreign_or_newer_database_is_left_alone(path: Path, sql: str, message: str) -> None:
    with plain(path) as db:
        db.execute("CREATE TABLE theirs (x); " + sql)
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        Store.open(path, "0123")
    assert str(caught.value) == f"{path}: {message}"
    assert type(caught.value) is StoreError
    assert path.read_bytes() == before


def test_where_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Store.open(tmp_path, "0123")
    assert str(caught.value) == f"{tmp_path}: cannot be opened (Is a directory)"
    missing = tmp_path / "missing" / "state.db"
    with pytest.raises(StoreError) as caught:
        Store.open(missing, "0123")
    assert str(caught.value) == f"{missing}: cannot be opened (No such file or directory)"


def test_a_value_of_a_newer_release_is_no_damage(opened: Store, path: Path) -> None:
    opened._db.execute("UPDATE locker SET remote_opens = '[1, \"soon\"]'")
    with pytest.raises(StoreError, match="holds what this release does not know") as caught:
        opened.load()
    assert str(caught.value).startswith(f"{path}: ")
    assert type(caught.value) is StoreError


# Migrations

NEXT = Migration(
    1_998,
    "ALTER TABLE door ADD COLUMN heat INTEGER NOT NULL DEFAULT 0; CREATE TABLE lamp (id TEXT PRIMARY KEY) STRICT;",
)


def test_the_previous_release_reads_and_writes_what_the_next_has_migrated(
    opened: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = opened.load()
    state.add(Door(1))
    state.note(EntryKind.STARTED)
    opened.commit(*state.drain(), NOW)
    opened.close()
    with monkeypatch.context() as patch:
        patch.setattr(store, "MIGRATIONS", (*MIGRATIONS, NEXT))
        newer = Store.open(path, "0123")
        assert newer._db.pragma("user_version") == 1_998
        newer._db.execute("UPDATE door SET heat = 40")
        newer.close()
    older = Store.open(path, "0123")
    assert older.load().rows() == state.rows()
    state.get(Door, 1).state = DoorState.OPEN
    older.commit(*state.drain(), NOW)
    assert older._db.execute("SELECT state, heat FROM door").fetchall() == [("open", 40)]
    assert older._db.pragma("user_version") == 1_998
    older.close()


def test_a_migration_is_all_or_nothing(opened: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.close()
    before = path.read_bytes()
    broken = Migration(1_999, "ALTER TABLE nowhere ADD COLUMN x;")
    monkeypatch.setattr(store, "MIGRATIONS", (*MIGRATIONS, NEXT, broken))
    with pytest.raises(StoreError, match="nowhere"):
        Store.open(path, "0123")
    monkeypatch.undo()
    assert path.read_bytes() == before
    Store.open(path, "0123").close()


def test_versions_rise_within_the_major_one() -> None:
    versions = [migration.version for migration in schema.MIGRATIONS]
    assert versions == sorted(set(versions))
    assert {schema.major(version) for version in versions} == {1}


# Damage


def filled(path: Path) -> None:
    opened = Store.open(path, "0123")
    state = opened.load()
    for number in range(60):
        state.add(Parcel(f"KZ{number:08}", number))
        state.add(Grant(f"G{number}", "pickup", (f"KZ{number:08}",), ("ab" * 32,)))  # type: ignore[arg-type]
        state.note(EntryKind.STORED, parcel=f"KZ{number:08}")
    opened.commit(*state.drain(), NOW)
    opened.close()


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreCorrupt) as caught:
        Store.open(path, "0123")
    assert str(caught.value).startswith(f"{path}: is damaged")


def test_a_spoilt_page_is_found(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    size = len(whole) // store.PAGE_BYTES
    found = 0
    for page in range(size):
        start = page * store.PAGE_BYTES
        path.write_bytes(whole[:start] + b"\xa5" * store.PAGE_BYTES + whole[start + store.PAGE_BYTES :])
        with pytest.raises(StoreCorrupt) as caught:
            Store.open(path, "0123")
        found += str(caught.value).startswith(f"{path}: is damaged")
    assert found == size > 20


def test_a_file_cut_short_is_found(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreCorrupt):
        Store.open(path, "0123")


def test_a_locker_row_that_is_gone(path: Path) -> None:
    filled(path)
    with plain(path) as db:
        db.execute("DELETE FROM locker")
    with pytest.raises(StoreCorrupt) as caught:
        Store.open(path, "0123")
    assert str(caught.value) == f"{path}: has a journal but no locker"
