"""A disk in memory, as a VFS for SQLite, that forgets in a power cut what a real one may forget.

Like a page cache over a card it shows every write at once, and holds for certain only what was synced; what else survives a
power cut is left to chance (sim.unsynced). A file that was made or removed may turn out not to have been. With
`keep_only_synced` nothing but the synced survives, and nothing is left to chance.

A sync that fails is treated as Linux treats it: what it could not write is forgotten, and the next sync will not write it.

Its room may be limited (sim.space).
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

import apsw

from sim.diskfaults import CHANGES, Failure, Operation
from sim.space import Space
from sim.unsynced import BLOCK_BYTES, SECTOR_BYTES, Content

# Of the unsynced writes, the share that gets to the disk whole: one for each power cut, else none would lose all, or nothing.
_SHARES_KEPT = (0.0, 0.1, 0.5, 0.9, 1.0)
_LOGS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL
# By SQLite's lock levels: the level of anybody else that stands in the way.
_BARRED_BY = {
    apsw.SQLITE_LOCK_SHARED: apsw.SQLITE_LOCK_PENDING,
    apsw.SQLITE_LOCK_RESERVED: apsw.SQLITE_LOCK_RESERVED,
    apsw.SQLITE_LOCK_PENDING: apsw.SQLITE_LOCK_PENDING,
    apsw.SQLITE_LOCK_EXCLUSIVE: apsw.SQLITE_LOCK_SHARED,
}


Error = apsw.Error  # what a file operation may fail with
BROKEN = apsw.IOError
Observer = Callable[[Operation, str, int, bytes], None]


class _Power:
    """On until the cut. Every open file belongs to one."""

    is_on = True


class Disk(apsw.VFS):
    """Give its `name` to `Store.open` as `vfs`. It is there until `unregister`, for many connections in turn."""

    def __init__(
        self,
        name: str,
        chance: random.Random,
        *,
        keep_only_synced: bool = False,
        spoils: bool = True,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        """`spoils`: a torn write may spoil what is around it. `files`: what is there already. Raises ValueError: name taken."""
        if name in apsw.vfs_names():
            raise ValueError(f"{name}: there is such a disk already")
        super().__init__(name, "")
        self.name = name
        self.keep_only_synced = keep_only_synced
        self.spoils = spoils
        self.operations = 0  # of those that change something, also those that failed
        self.syncs = 0
        self.written_bytes = 0
        self.cuts = 0
        self.before: Observer | None = None  # called with each change that is about to happen
        self.space = Space(lambda: (len(content.seen) for content in self._seen.values()))
        self.on_cut: list[Callable[[], None]] = []  # called when the power has gone
        self._chance = chance
        self._seen = {path: Content(data) for path, data in (files or {}).items()}
        self._sure = dict(self._seen)  # the folder as it is on the disk
        self._failures: list[Failure] = []
        self._cut_at: int | None = None  # the number of the operation before which the power goes
        self._power = _Power()

    # What a test or an explorer does

    def fail(
        self,
        *operations: Operation,
        after: int = 0,
        times: int | None = 1,
        error: Callable[[str], apsw.Error] = apsw.IOError,
    ) -> None:
        """Let `after` of these operations (none named: of all changes) go well, then `times` fail (None: all).

        `error`: apsw.IOError, or apsw.FullError for a disk that is full. Lasts until `mend` or the power is cut.
        """
        self._failures.append(Failure(operations or CHANGES, after, times, error))

    def mend(self) -> None:
        """Take back every failure and power cut that was asked for."""
        self._failures.clear()
        self._cut_at = None

    def cut_after(self, changes: int) -> None:
        """Cut the power once so many more changes have happened: the next one fails, and is not on the disk."""
        self._cut_at = self.operations + changes

    def power_cut(self) -> None:
        """Only what survives is left. Every file that was open gives I/O errors from now on; open the disk anew."""
        survivors = self.survivors()
        self.cuts += 1
        self.mend()
        self._power.is_on = False
        self._power = _Power()
        self._seen = {path: Content(data) for path, data in survivors.items()}
        self._sure = dict(self._seen)
        for told in tuple(self.on_cut):
            told()

    def files(self) -> dict[str, bytes]:
        """What its users see now, by path: also what a kill of their process leaves."""
        return {path: bytes(content.seen) for path, content in self._seen.items()}

    def survivors(self, chance: random.Random | None = None) -> dict[str, bytes]:
        """What a power cut now may leave, by path; nothing is changed. `chance`: another than the disk's own."""
        chance = chance or self._chance
        kept = self._share_kept(chance)
        files = {}
        for path in sorted({*self._seen, *self._sure}):
            seen, sure = self._seen.get(path), self._sure.get(path)
            content = seen if seen is sure or chance.random() < kept else sure
            if content is not None:
                files[path] = bytes(content.survived(chance, kept, self.spoils))
        return files

    # What SQLite asks

    def xGetLastError(self) -> tuple[int, str]:  # noqa: N802
        return 0, ""

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        return pathname in self._seen

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        if filename not in self._seen:
            raise apsw.exception_for(apsw.SQLITE_IOERR_DELETE_NOENT)
        self.meet(Operation.DELETE, filename)
        del self._seen[filename]
        if syncdir:
            self._sure = dict(self._seen)

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> Any:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        content = self._seen.get(path) if path else Content()  # without a name: for this connection alone
        if content is None:
            if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                raise apsw.CantOpenError(f"{path}: no such file")
            self.meet(Operation.CREATE, path)
            content = self._seen[path] = Content()
        flags[1] = flags[0]
        opened = _File(self, self._power, path, content)
        opened.syncs_folder = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _LOGS)
        if isinstance(name, apsw.URIFilename) and name.uri_boolean("psow", True):
            opened.characteristics = apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE
        return opened

    # What an open file asks

    def meet(self, operation: Operation, path: str, offset: int = 0, data: bytes = b"") -> None:
        """An operation is about to happen. Raises what it was asked to fail with."""
        if operation is not Operation.READ:
            if self.operations == self._cut_at:
                self.power_cut()
                raise apsw.IOError(f"{path}: the power was cut")
            if self.before is not None:
                self.before(operation, path, offset, data)
            self.operations += 1
        for failure in self._failures:
            failure.meet(operation, path)

    def synced(self, path: str, content: Content, *, folder: bool) -> None:
        """A sync makes a file's own name sure as well, and with `folder` that all others are there or gone."""
        self.syncs += 1
        content.sync()
        if folder:
            self._sure = dict(self._seen)
        elif self._seen.get(path) is content:
            self._sure[path] = content

    def not_synced(self, content: Content) -> None:
        """A sync has failed: what of it is not on the disk now never will be."""
        content.forget(self._chance, self._share_kept(self._chance), self.spoils)

    def _share_kept(self, chance: random.Random) -> float:
        return 0.0 if self.keep_only_synced else chance.choice(_SHARES_KEPT)

    def begun(self, data: bytes) -> bytes:
        """What had been written of it when a write failed."""
        return data[: SECTOR_BYTES * self._chance.randrange(1 + len(data) // SECTOR_BYTES)]


class _File:
    """An open file: an apsw.VFSFile in all but descent, there being no other file below it."""

    def __init__(self, disk: Disk, power: _Power, path: str, content: Content) -> None:
        self._disk = disk
        self._power = power
        self._path = path
        self._content = content
        self.syncs_folder = False  # as SQLite does on Linux with the first sync of a new log
        self.characteristics = 0

    def _powered(self) -> Content:
        if not self._power.is_on:
            raise apsw.IOError(f"{self._path}: the power was cut")
        return self._content

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        content = self._powered()
        self._disk.meet(Operation.READ, self._path)
        return bytes(content.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        content, written = self._powered(), bytes(data)
        try:
            self._disk.meet(Operation.WRITE, self._path, offset, written)
        except apsw.Error:
            content.write(offset, self._disk.begun(written))
            raise
        if (fits := self._disk.space.room_for(len(content.seen), offset + len(written)) - offset) < len(
            written
        ):
            content.write(offset, written[: max(0, fits)])
            raise apsw.FullError(f"{self._path}: the disk is full")
        self._disk.written_bytes += len(written)
        content.write(offset, written)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        content = self._powered()
        self._disk.meet(Operation.TRUNCATE, self._path, newsize)
        content.write(newsize, None)

    def xSync(self, flags: int) -> None:  # noqa: N802
        content = self._powered()
        try:
            self._disk.meet(Operation.SYNC, self._path)
        except apsw.Error:
            self._disk.not_synced(content)
            raise
        self._disk.synced(self._path, content, folder=self.syncs_folder)
        self.syncs_folder = False

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._powered().seen)

    def xClose(self) -> None:  # noqa: N802
        self._content.locks.pop(self, None)

    def xLock(self, level: int) -> None:  # noqa: N802
        locks = self._powered().locks
        if any(held >= _BARRED_BY[level] for file, held in locks.items() if file is not self):
            raise apsw.BusyError(f"{self._path}: is locked")
        locks[self] = level

    def xUnlock(self, level: int) -> None:  # noqa: N802
        self._content.locks[self] = level

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return any(held >= apsw.SQLITE_LOCK_RESERVED for held in self._powered().locks.values())

    def xSectorSize(self) -> int:  # noqa: N802
        return BLOCK_BYTES

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return self.characteristics

    def xFileControl(self, op: int, ptr: int) -> bool:  # noqa: N802
        return False
