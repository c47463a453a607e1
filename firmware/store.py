"""The store: SQLite with the locker's rows and its journal, one transaction per handled event.

One connection, in WAL with `synchronous=FULL`: what `commit` returned from is on the disk. `locking_mode=EXCLUSIVE` keeps
every other reader out (a second controller on the same file fails at its start) and needs no shared-memory file.

`psow=0` tells SQLite that a write torn by a power cut may spoil the whole 4 KiB sector. So what shares a sector with a
changed page is logged with it, and a commit is padded to the end of its last sector, never to be written over before it
is in the database. That doubles what a commit writes, to 18 KB; pages of 1 KiB, for a commit touches a few short rows in
as many tables, bring it below what pages of 4 KiB write without that care (tests/core/test_disk.py holds the bound). The
care begins with an empty log, so one that is found at the start is folded before anything is written behind it.

The tables and their statements stand in `firmware.schema`, the journal in `firmware.journal`.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import apsw
import msgspec

from firmware import chain
from firmware.control import JournalRow
from firmware.errors import StoreCorrupt, StoreError, StoreFull
from firmware.journal import JournalTable
from firmware.model import Entry, Moment
from firmware.row import Row
from firmware.rows import Change, Locker, State
from firmware.schema import APPLICATION_ID, MIGRATIONS, TABLES, major

PAGE_BYTES = 1_024
LOG_PAGES_MAX = 1_000  # then the log is folded into the file
MEASURED_EVERY = 64  # entries, some 30 KB
CHECKED_AT_OPEN = 256  # journal rows whose hashes are verified at each start; the whole chain on demand

_FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
_DAMAGE = (apsw.CorruptError, apsw.NotADBError)
# Also what a sync may fail with, where space is found for a write only then.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class Store:
    """The database of one locker. Make it with `open`."""

    def __init__(self, connection: apsw.Connection, path: Path | str, locker: str, epoch: int) -> None:
        self._db = connection
        self._path = path
        self._locker = locker
        self._epoch = epoch
        self._journal = JournalTable(connection, path, locker, epoch)
        self._log_pages = 0
        self._measured_at = 0  # the seq at which `used_bytes` was last asked for
        self.used_bytes = (
            0  # by the database without its log and its free pages; behind by MEASURED_EVERY entries at most
        )

    @property
    def last_seq(self) -> int:
        """Of the newest journal entry; 0: none."""
        return self._journal.last_seq

    @property
    def head(self) -> str:
        """The hash of the newest journal entry, in hex."""
        return self._journal.head.hex()

    @property
    def entries(self) -> int:
        """How many entries the journal holds."""
        return self._journal.last_seq - self._journal.anchor.seq

    @property
    def anchor(self) -> tuple[chain.Place, bytes] | None:
        """The last entry that was pruned, and the signature over it; None where none was."""
        seq, digest, signature = self._journal.anchor
        return (self._journal.place(seq, digest), signature) if seq else None

    @classmethod
    def open(cls, path: Path | str, locker: str, *, epoch: int = 1, vfs: str | None = None) -> Self:
        """Open the database, make or migrate it where needed, and check it.

        The file is readable by its owner only. With `vfs`, the name of a registered apsw VFS, `path` is that VFS's own.

        `epoch` is what a new one begins, and what any other must be of.

        Raises StoreCorrupt when the file or its journal is damaged; StoreFull when the disk is; StoreError when it cannot be
        opened, is in use, is another locker's, or comes from a release too new. All name the path.
        """
        if vfs is None:
            _make_private(path)
        with _told(path):
            connection = apsw.Connection(f"{Path(path).absolute().as_uri()}?psow=0", _FLAGS, vfs)
            store = cls(connection, path, locker, epoch)
            try:
                with _told(path, connection):
                    store._prepare()
            except BaseException:
                connection.close(True)
                raise
        return store

    def _prepare(self) -> None:
        pragma = self._db.pragma
        pragma("locking_mode", "EXCLUSIVE")
        version = pragma("user_version")
        application, tables = (
            pragma("application_id"),
            self._db.execute("SELECT count(*) FROM sqlite_schema").get,
        )
        # Nothing at all: also where the making was cut short after the first page had its mode.
        if (version or tables or application) and application != APPLICATION_ID:
            raise StoreError(f"{self._path}: is another program's database")
        newest = MIGRATIONS[-1].version
        if major(version) > major(newest):
            raise StoreError(
                f"{self._path}: has version {version}; this release knows versions up to {major(newest)}999"
            )
        pragma("page_size", PAGE_BYTES)
        if pragma("journal_mode", "WAL") != "wal":
            raise StoreError(f"{self._path}: cannot use a write-ahead log here")
        pragma("synchronous", "FULL")
        pragma("trusted_schema", False)
        self._db.set_wal_hook(self._logged)
        if (found := pragma("quick_check", 1)) != "ok":
            raise StoreCorrupt(f"{self._path}: is damaged: {found}")
        # What a power cut left of the log may end in the midst of a sector, and a torn write behind it would spoil it.
        self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        with self._transaction():
            self._migrate(version)
            self._own()
        self._journal.read_ends()
        self._journal.verify(CHECKED_AT_OPEN)
        self._measure()

    def _migrate(self, version: int) -> None:
        for migration in MIGRATIONS:
            if migration.version > version:
                self._db.execute(migration.script)
                self._db.pragma("user_version", migration.version)
        if version == 0:
            self._db.pragma("application_id", APPLICATION_ID)

    def _own(self) -> None:
        """A new database becomes this locker's, of this epoch; any other must be."""
        owners = [row[0] for row in self._db.execute("SELECT id FROM locker")]
        if not owners and self._journal.newest()[0] == 0:
            fresh = Locker(self._locker, epoch=self._epoch, listed=self._epoch == 1)
            self._write(Locker, (self._locker,), fresh)
        elif not owners:
            raise StoreCorrupt(f"{self._path}: has a journal but no locker")
        elif owners != [self._locker]:
            raise StoreError(f"{self._path}: belongs to locker {owners[0]}, not to {self._locker}")
        elif (found := self._db.execute("SELECT epoch FROM locker").get) != self._epoch:
            raise StoreCorrupt(f"{self._path}: is of epoch {found}, not of {self._epoch}")

    def load(self) -> State:
        """Everything that was committed, each table in the order of its keys. Raises StoreError."""
        with _told(self._path, self._db):
            try:
                return State(
                    table.decode(columns)
                    for table in TABLES.values()
                    for columns in self._db.execute(table.all)
                )
            except (ValueError, msgspec.DecodeError) as error:
                raise StoreError(
                    f"{self._path}: a row holds what this release does not know ({error})"
                ) from error

    def commit(self, changes: list[Change], entries: list[Entry], now: Moment) -> None:
        """Write changes and entries in one transaction, which is on the disk on return.

        Raises StoreError when that failed, StoreFull where for want of space; database, `last_seq` and `head` are then
        what they were, and the next commit may succeed.
        """
        if not changes and not entries:
            return
        with _told(self._path, self._db):
            with self._transaction():
                for kind, key, row in changes:
                    self._write(kind, key, row)
                ends = self._journal.append(entries, now)
            self._journal.last_seq, self._journal.head = ends
            if self.last_seq >= self._measured_at + MEASURED_EVERY:
                self._measure()
        self._fold()

    def _measure(self) -> None:
        """Apart from what was committed, like the fold: where it fails, the last measure stands for a while longer."""
        pragma = self._db.pragma
        with contextlib.suppress(apsw.Error):
            self.used_bytes = PAGE_BYTES * (pragma("page_count") - pragma("freelist_count"))
        self._measured_at = self.last_seq

    def _fold(self) -> None:
        """Fold a long log into the file. Apart from the commit, whose success this must not put in doubt."""
        if self._log_pages >= LOG_PAGES_MAX:
            with contextlib.suppress(apsw.Error):  # the log holds all; the next commit tries again
                self._db.wal_checkpoint()

    def _logged(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _write(self, kind: type[Row], key: tuple[Any, ...], row: Row | None) -> None:
        table = TABLES[kind]
        if row is None:
            self._db.execute(table.drop, key)
        else:
            self._db.execute(table.put, table.encode(row))

    def journal(self, after: int, limit: int) -> list[JournalRow]:
        """At most `limit` entries above seq `after`, oldest first; what was pruned is passed over.

        Raises StoreCorrupt where the chain is broken.
        """
        with _told(self._path, self._db):
            return list(self._journal.verified(after, limit))

    def verify_chain(self, last: int | None = None) -> None:
        """Verify the newest `last` journal rows (None: all of them). Raises StoreCorrupt, naming the first bad seq."""
        with _told(self._path, self._db):
            self._journal.verify(last)

    def hash_at(self, seq: int) -> str:
        """The hash of a journal entry in hex; "" where it is not kept any more, or not written yet. Raises StoreError."""
        with _told(self._path, self._db):
            return (self._journal.hash_at(seq) or b"").hex() if seq else ""

    def prune(self, acked: int, before_ms: int, sign: Callable[[chain.Place], bytes]) -> int:
        """Take away what was acknowledged (up to `acked`) and written before this wall time; one step, in one transaction.

        How many entries went: with none of them there is nothing more to do for now. Raises StoreError, and nothing went.
        """
        with _told(self._path, self._db):
            upto = self._journal.prunable(acked, before_ms)
            if (count := upto - self._journal.anchor.seq) == 0:
                return 0
            with self._transaction():
                anchor = self._journal.prune(upto, sign)
            self._journal.anchor = anchor
            self._measure()
        self._fold()
        return count

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Fold the log into the file, where the disk has space for it, and let go of it; idempotent."""
        with _told(self._path, self._db), contextlib.suppress(apsw.FullError):  # the log holds all
            self._db.close()


def _make_private(path: Path | str) -> None:
    """Make the file where it is missing, readable by its owner only; SQLite gives its log the same mode."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(handle, 0o600)
        finally:
            os.close(handle)
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened ({error.strerror})") from error


@contextlib.contextmanager
def _told(path: Path | str, connection: apsw.Connection | None = None) -> Iterator[None]:
    """Turn SQLite's errors into ours, and name the path in each."""
    try:
        yield
    except apsw.BusyError as error:
        raise StoreError(f"{path}: is in use by another process") from error
    except _DAMAGE as error:
        raise StoreCorrupt(f"{path}: is damaged ({error})") from error
    except apsw.FullError as error:
        raise StoreFull(f"{path}: {error}") from error
    except apsw.Error as error:
        full = isinstance(error, apsw.IOError) and _errno(connection) in _NO_SPACE
        raise (StoreFull if full else StoreError)(f"{path}: {error}") from error


def _errno(connection: apsw.Connection | None) -> int:
    """What the system said of the last I/O error; 0 where nobody can be asked any more."""
    try:
        return connection.system_errno if connection is not None else 0
    except apsw.ConnectionClosedError:
        return 0
