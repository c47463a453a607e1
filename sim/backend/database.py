"""The backend's database: SQLite, one transaction for each message. The backend's only use of apsw.

A table is a dataclass (or msgspec struct) whose fields are its columns, in their order; the SQL says what the types cannot.
Secrets of the backend (its signing keys) never stand here: a backup may lie anywhere.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from firmware.errors import PostomatError

T = TypeVar("T")
VERSION = 1
PRAGMAS = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
SCHEMA = f"""
CREATE TABLE orders (
  waybill TEXT PRIMARY KEY, cell INTEGER NOT NULL, person TEXT NOT NULL, account TEXT NOT NULL,
  direction TEXT NOT NULL, stage TEXT NOT NULL, tenge INTEGER NOT NULL, seq INTEGER NOT NULL,
  epoch INTEGER NOT NULL, expires_ms INTEGER NOT NULL, laid INTEGER NOT NULL, told INTEGER NOT NULL, resent INTEGER NOT NULL,
  reminded_ms INTEGER NOT NULL, extended INTEGER NOT NULL, waits INTEGER NOT NULL, opened INTEGER NOT NULL, held TEXT NOT NULL,
  kept INTEGER NOT NULL, returned_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE grants (
  id TEXT PRIMARY KEY, waybill TEXT NOT NULL REFERENCES orders, purpose TEXT NOT NULL, holder TEXT NOT NULL,
  code TEXT NOT NULL UNIQUE, phone TEXT NOT NULL, not_before_ms INTEGER NOT NULL, UNIQUE (waybill, purpose)
) STRICT;
CREATE TABLE rounds (
  id TEXT PRIMARY KEY, purpose TEXT NOT NULL, holder TEXT NOT NULL, code TEXT NOT NULL UNIQUE, phone TEXT NOT NULL,
  waybills TEXT NOT NULL
) STRICT;
CREATE TABLE sms (
  id INTEGER PRIMARY KEY, person TEXT NOT NULL, text TEXT NOT NULL, utc_ms INTEGER NOT NULL, code TEXT
) STRICT;
CREATE TABLE refunds (
  waybill TEXT PRIMARY KEY REFERENCES orders, account TEXT NOT NULL, seq INTEGER NOT NULL, tenge INTEGER NOT NULL,
  epoch INTEGER NOT NULL
) STRICT;
CREATE TABLE people (person TEXT PRIMARY KEY, number TEXT NOT NULL, token TEXT UNIQUE) STRICT;
CREATE TABLE commands (
  id TEXT PRIMARY KEY, waybill TEXT NOT NULL, verb TEXT NOT NULL, person TEXT NOT NULL,
  epoch INTEGER NOT NULL, not_after_ms INTEGER NOT NULL, object BLOB NOT NULL, outcome TEXT
) STRICT;
CREATE TABLE alarms (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE journal (
  epoch INTEGER NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (epoch, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE epochs (epoch INTEGER PRIMARY KEY) STRICT;
CREATE TABLE listed (item TEXT PRIMARY KEY, digest TEXT NOT NULL) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
PRAGMA user_version = {VERSION};
"""


class DatabaseError(PostomatError):
    """The backend's database cannot be used; the message names it, and says why."""


class Database:
    """One connection. Rows go in and come out as objects; what is not a row is asked in SQL."""

    def __init__(self, path: Path | None = None) -> None:
        """Open or make it; without a path it lies in memory. Raises DatabaseError, naming the path."""
        self._path = path
        try:
            self._db = apsw.Connection(str(path) if path else ":memory:")
            self._db.execute(PRAGMAS)
            if path:
                self._db.pragma("journal_mode", "WAL")
            version = self._db.pragma("user_version")
            if version == 0:
                with self.transaction():
                    self._db.execute(SCHEMA)
        except apsw.Error as error:
            raise DatabaseError(f"{path}: {error}") from None
        if version > VERSION:
            raise DatabaseError(f"{path}: has version {version}; this release knows versions up to {VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; one within another is part of that."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def ask(self, sql: str, *values: Any) -> list[Any]:
        """The rows that a query finds, or that a statement returns."""
        return self._db.execute(sql, values).fetchall()

    def put(self, table: str, row: object) -> None:
        """Write a row, in place of the one with its key, which is its first column."""
        names = names_of(type(row))
        self.put_values(table, names, [getattr(row, name) for name in names])

    def put_values(self, table: str, names: tuple[str, ...], values: list[Any]) -> None:
        """Write a row of which not every column is a field of one object."""
        columns, marks = ", ".join(names), ", ".join("?" * len(names))
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        key = f"ON CONFLICT ({names[0]}) DO UPDATE SET {changes}"
        self._db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks}) {key}", values)  # noqa: S608 - names of ours

    def all(self, table: str, kind: type[T]) -> list[T]:
        """Every row of a table, as it was put in."""
        names = names_of(kind)
        found = self._db.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY rowid")  # noqa: S608 - names of ours
        return [msgspec.convert(dict(zip(names, row, strict=True)), kind, strict=False) for row in found]

    def backup(self, path: Path) -> None:
        """Copy it whole into a file."""
        with closing(apsw.Connection(str(path))) as copy, copy.backup("main", self._db, "main") as under_way:
            under_way.step()

    def restore(self, path: Path) -> None:
        """Be what was copied there, and forget all that came after."""
        with closing(apsw.Connection(str(path))) as copy, self._db.backup("main", copy, "main") as under_way:
            under_way.step()

    def close(self) -> None:
        """Idempotent."""
        self._db.close()


_NAMES: dict[type, tuple[str, ...]] = {}


def names_of(kind: type) -> tuple[str, ...]:
    """The columns of a row: its fields, but for those that hold other rows."""
    if kind not in _NAMES:
        fields = msgspec.inspect.type_info(kind).fields  # type: ignore[attr-defined]
        held = (msgspec.inspect.DictType, msgspec.inspect.ListType)
        _NAMES[kind] = tuple(each.name for each in fields if not isinstance(each.type, held))
    return _NAMES[kind]
