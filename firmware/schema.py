"""The database's tables: ordered migrations that make them, and the statements that fill and read them.

A version is MAJOR * 1,000 + minor. Within a major version a script only adds (tables, or columns that are nullable or have
a default), so that the previous release still reads and writes a database that the next one has already migrated: a
locker that rolls back keeps its parcels. What a release must refuse is a newer major version.

Each class of `firmware.rows` has a table of its name with a column per field, and its statements are derived from those
fields: enumerations and texts as TEXT, tuples as TEXT holding JSON, booleans as INTEGER 0 or 1. There are no foreign
keys: a signed list may drop a grant whose intent is still open, and a row rightly outlives what it names. Tables keyed
by text are WITHOUT ROWID: one tree to write, not two.
"""

from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from types import NoneType, UnionType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from firmware.row import Row
from firmware.rows import ROWS

APPLICATION_ID = 0x504F5354  # "POST": another program's database is refused before anything is written to it


class Migration(NamedTuple):
    """`version` is what the database becomes (its `user_version`) once the script has run."""

    version: int
    script: str


# The order decides which pages share a 4 KiB block, and so what a commit writes (docs/decisions/0003-storage-settings.md): what
# nearly every commit changes (sqlite_sequence, which comes with the journal, and intent, session, locker) fills one block; the
# journal's root, which moves when the file grows, stands beside the header that then moves too, on the page that `hold` kept
# for it. Where the pages of a database lie otherwise, it works as well and writes more.
FIRST = """
CREATE TABLE hold (x);

CREATE TABLE "grant" (
  id TEXT NOT NULL PRIMARY KEY,
  purpose TEXT NOT NULL,
  parcels TEXT NOT NULL,
  codes TEXT NOT NULL,
  phone_codes TEXT NOT NULL,
  not_before_ms INTEGER NOT NULL,
  not_after_ms INTEGER NOT NULL,
  unlisted_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE parcel (
  waybill TEXT NOT NULL PRIMARY KEY,
  cell INTEGER NOT NULL,
  state TEXT NOT NULL,
  direction TEXT NOT NULL,
  account TEXT NOT NULL,
  inside INTEGER NOT NULL CHECK (inside IN (0, 1)),
  fallback TEXT,
  reopened INTEGER NOT NULL,
  long_open INTEGER NOT NULL CHECK (long_open IN (0, 1)),
  ended_ms INTEGER,
  expires_ms INTEGER,
  due_ms INTEGER,
  generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE command (
  id TEXT NOT NULL PRIMARY KEY,
  "grant" TEXT NOT NULL,
  parcel TEXT NOT NULL,
  not_after_ms INTEGER NOT NULL,
  outcome TEXT,
  due_ms INTEGER,
  generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE raised (
  digest TEXT NOT NULL PRIMARY KEY,
  firmware TEXT NOT NULL,
  count INTEGER NOT NULL,
  due TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE door (
  cell INTEGER NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  why TEXT,
  intent INTEGER,
  blocked TEXT,
  pulses TEXT NOT NULL,
  tries INTEGER NOT NULL,
  opened_ms INTEGER,
  due_ms INTEGER,
  generation INTEGER NOT NULL
) STRICT;

-- The last entry that was pruned, signed with the journal key; no row where none was.
CREATE TABLE anchor (
  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  signature BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;

CREATE TABLE use (
  "grant" TEXT NOT NULL,
  parcel TEXT NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY ("grant", parcel)
) STRICT, WITHOUT ROWID;

DROP TABLE hold;

-- AUTOINCREMENT remembers the last seq apart from the rows: a journal that lost its end is found, and no seq is given twice.
CREATE TABLE journal (
  seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  epoch INTEGER NOT NULL,
  utc_ms INTEGER NOT NULL,
  sure INTEGER NOT NULL CHECK (sure IN (0, 1)),
  body TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE intent (
  id INTEGER NOT NULL PRIMARY KEY,
  cell INTEGER NOT NULL,
  "grant" TEXT NOT NULL,
  parcel TEXT NOT NULL,
  purpose TEXT NOT NULL,
  command TEXT,
  settled INTEGER NOT NULL CHECK (settled IN (0, 1)),
  last_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE session (
  id INTEGER NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  purpose TEXT,
  cell INTEGER,
  "grant" TEXT,
  parcel TEXT,
  notice TEXT,
  other INTEGER,
  command TEXT,
  extended INTEGER NOT NULL,
  due_ms INTEGER,
  generation INTEGER NOT NULL
) STRICT;

CREATE TABLE locker (
  id TEXT NOT NULL PRIMARY KEY,
  epoch INTEGER NOT NULL,
  listed INTEGER NOT NULL CHECK (listed IN (0, 1)),
  boot TEXT NOT NULL,
  started_ms INTEGER NOT NULL,
  grants_version INTEGER NOT NULL,
  next_intent INTEGER NOT NULL,
  next_session INTEGER NOT NULL,
  wrong_codes INTEGER NOT NULL,
  wait_ms INTEGER,
  quiet_ms INTEGER,
  attempts_used INTEGER NOT NULL,
  refill_ms INTEGER,
  acked_seq INTEGER NOT NULL,
  journal_fill TEXT NOT NULL,
  storage_low INTEGER NOT NULL CHECK (storage_low IN (0, 1)),
  remote_opens TEXT NOT NULL,
  remote_asks TEXT NOT NULL,
  due_ms INTEGER,
  generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

COMMANDS = """
ALTER TABLE locker ADD COLUMN settings TEXT NOT NULL DEFAULT '[]';
ALTER TABLE locker ADD COLUMN settings_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE locker ADD COLUMN keys TEXT NOT NULL DEFAULT '[]';
ALTER TABLE locker ADD COLUMN keys_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE locker ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE locker ADD COLUMN refused_ms INTEGER;
ALTER TABLE parcel ADD COLUMN reserved_ms INTEGER;
ALTER TABLE command ADD COLUMN deed TEXT NOT NULL DEFAULT 'open';
ALTER TABLE command ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE command ADD COLUMN expires_ms INTEGER;
"""

CLAIMS = """
ALTER TABLE session ADD COLUMN claim TEXT;
ALTER TABLE command ADD COLUMN covers TEXT NOT NULL DEFAULT '[]';
"""

CLOCK = """
ALTER TABLE locker ADD COLUMN clock TEXT NOT NULL DEFAULT 'none';
ALTER TABLE locker ADD COLUMN clock_utc_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE locker ADD COLUMN clock_mono_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE locker ADD COLUMN clock_boot TEXT NOT NULL DEFAULT '';
ALTER TABLE locker ADD COLUMN told_ms INTEGER;
ALTER TABLE locker ADD COLUMN system_off_ms INTEGER;
"""

CHANGES = """
ALTER TABLE locker ADD COLUMN list_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE parcel ADD COLUMN listed TEXT;
CREATE TABLE draft (epoch INTEGER NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT;
"""

SCANNER = """
ALTER TABLE locker ADD COLUMN scanner TEXT NOT NULL DEFAULT 'gone';
"""

TOKENS = """
ALTER TABLE "grant" ADD COLUMN tokens_since INTEGER NOT NULL DEFAULT 0;
"""

MIGRATIONS: tuple[Migration, ...] = (
    Migration(1_001, FIRST),
    Migration(1_002, COMMANDS),
    Migration(1_003, CLAIMS),
    Migration(1_004, CLOCK),
    Migration(1_005, CHANGES),
    Migration(1_006, SCANNER),
    Migration(1_007, TOKENS),
)


def major(version: int) -> int:
    """The part of a version that a release must know to touch a database at all."""
    return version // 1_000


class Table:
    """The statements of one class of rows, and how its columns are read."""

    def __init__(self, kind: type[Row]) -> None:
        hints = get_type_hints(kind)
        self.kind: Any = kind
        self.names = [field.name for field in fields(kind)]
        decoders = enumerate(_decoder(hints[name]) for name in self.names)
        self._decoders = [(place, decoder) for place, decoder in decoders if decoder is not None]
        names = [f'"{name}"' for name in self.names]
        keys = [f'"{name}"' for name in kind.KEY]
        kept = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
        # An update in place, not REPLACE: the columns that a newer release has added keep what they hold.
        self.put = (
            f'INSERT INTO "{kind.TABLE}" ({", ".join(names)}) VALUES ({", ".join("?" * len(names))}) '  # noqa: S608
            f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {kept}"
        )
        self.drop = f'DELETE FROM "{kind.TABLE}" WHERE {" AND ".join(f"{key} = ?" for key in keys)}'  # noqa: S608
        self.all = f'SELECT {", ".join(names)} FROM "{kind.TABLE}" ORDER BY {", ".join(keys)}'  # noqa: S608

    def encode(self, row: Row) -> list[Any]:
        return [_sql(getattr(row, name)) for name in self.names]

    def decode(self, columns: tuple[Any, ...]) -> Row:
        values = list(columns)
        for place, decoder in self._decoders:
            if values[place] is not None:
                values[place] = decoder(values[place])
        row: Row = self.kind(*values)
        return row


def _sql(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return msgspec.json.encode(value).decode() if isinstance(value, tuple) else value


def _decoder(hint: Any) -> Callable[[Any], Any] | None:
    """How a column of this type is read back; None where SQLite's value is the value."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    plain = next(kind for kind in kinds if kind is not NoneType)
    if get_origin(plain) is tuple:
        return msgspec.json.Decoder(plain).decode
    return plain if issubclass(plain, Enum) or plain is bool else None


TABLES = {kind: Table(kind) for kind in ROWS}
