"""A disk between SQLite and the file system: it counts what is written and fails when told to."""

import apsw

SECTOR_BYTES = 4_096


class Disk(apsw.VFS):
    """A VFS over the real one. `writes_left` counts down to the power cut: from 0 on every write and sync fails."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "unix")
        self.writes_left: int | None = None
        self.written_bytes = 0
        self.sectors_synced = 0
        self.spoilt: list[str] = []  # writes into a sector of the log that holds a synced commit
        self._dirty: set[tuple[bool, int]] = set()
        self._log_safe = 0  # the first sector of the log that holds nothing synced

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self, name, flags)

    def write(self, log: bool, data: bytes, offset: int) -> None:
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise apsw.IOError("the power is gone")
            self.writes_left -= 1
        self.written_bytes += len(data)
        if log and offset == 0:
            self._log_safe = 0  # a new header: all that the log held is in the database
            return
        first, last = offset // SECTOR_BYTES, (offset + len(data) - 1) // SECTOR_BYTES
        self._dirty |= {(log, sector) for sector in range(first, last + 1)}
        if log and first < self._log_safe:
            self.spoilt.append(f"{len(data)} bytes at {offset}, synced below {self._log_safe * SECTOR_BYTES}")

    def sync(self, log: bool) -> None:
        if self.writes_left == 0:
            raise apsw.IOError("the power is gone")
        done = {sector for sector in self._dirty if sector[0] is log}
        self._dirty -= done
        self.sectors_synced += len(done)
        if log and done:
            self._log_safe = max(sector for _, sector in done) + 1


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk
        self._log = bool(flags[0] & apsw.SQLITE_OPEN_WAL)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.write(self._log, data, offset)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.sync(self._log)
        super().xSync(flags)
