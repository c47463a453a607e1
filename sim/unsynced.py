"""One file between page cache and card: what was written and not synced, and what a power cut leaves of it.

Of the unsynced writes each is whole, lost, or torn at 512-byte sectors; on a disk that spoils it may also leave garbage in
all of the 4 KiB blocks that it touches, which is why the store has `psow=0`. Overlapping writes land in any order.
"""

import random

SECTOR_BYTES = 512  # a card writes at least this much in one piece
BLOCK_BYTES = 4_096  # and may spoil this much around it


class Content:
    """`seen` is what a read gives, `sure` what is on the disk, `unsynced` what lies between."""

    def __init__(self, data: bytes = b"") -> None:
        self.seen = bytearray(data)
        self.sure = bytearray(data)
        self.unsynced: list[tuple[int, bytes | None]] = []  # at which offset what; None: the file ends there
        self.locks: dict[object, int] = {}  # by open file
        self._given_up: set[int] = set()  # blocks with writes that a failed sync has forgotten

    def write(self, offset: int, data: bytes | None) -> None:
        """Seen at once, sure with the next sync. Without data: the file ends here."""
        _land(self.seen, offset, data)
        self.unsynced.append((offset, data))
        if self._given_up and data:
            for block in sorted(self._given_up & _blocks(offset, data)):  # the cache writes whole blocks
                self._given_up.remove(block)
                at = block * BLOCK_BYTES
                self.unsynced.append((at, bytes(self.seen[at : at + BLOCK_BYTES])))

    def sync(self) -> None:
        for write in self.unsynced:
            _land(self.sure, *write)
        self.unsynced.clear()

    def forget(self, chance: random.Random, kept: float, spoils: bool) -> None:
        """Sure is what has survived until now; no sync will add the rest, unless its block is written to again."""
        self.sure = self.survived(chance, kept, spoils)
        for offset, data in self.unsynced:
            self._given_up |= _blocks(offset, data or b"")
        self.unsynced.clear()

    def survived(self, chance: random.Random, kept: float, spoils: bool) -> bytearray:
        """What is on the disk after a cut, where the share `kept` of the unsynced writes got there whole."""
        file = bytearray(self.sure)
        if kept == 0:
            return file
        waiting: list[tuple[int, bytes]] = []

        def land() -> None:
            chance.shuffle(waiting)
            for offset, data in waiting:
                if chance.random() < kept:
                    _land(file, offset, data)
                else:
                    _half_land(file, offset, data, chance, spoils)
            waiting.clear()

        for offset, data in self.unsynced:
            if data is not None:
                waiting.append((offset, data))
            elif chance.random() < kept:  # a length is the file system's own: it is never out of order
                land()
                _land(file, offset, None)
        land()
        return file


def _blocks(offset: int, data: bytes) -> set[int]:
    return set(range(offset // BLOCK_BYTES, (offset + len(data) - 1) // BLOCK_BYTES + 1))


def _land(file: bytearray, offset: int, data: bytes | None) -> None:
    """Do one write (or, without data, one truncation) to what a file holds."""
    if len(file) < offset:
        file += bytes(offset - len(file))
    if data is None:
        del file[offset:]
    else:
        file[offset : offset + len(data)] = data


def _half_land(file: bytearray, offset: int, data: bytes, chance: random.Random, spoils: bool) -> None:
    """A write that did not get to the disk whole: lost, torn, or torn among garbage."""
    fate = chance.choice(("lost", "torn", "spoilt") if spoils else ("lost", "torn"))
    if fate == "lost":
        return
    at, end = offset, offset + len(data)
    if fate == "spoilt":
        first = min(len(file), offset // BLOCK_BYTES * BLOCK_BYTES)
        until = min(len(file), -(-end // BLOCK_BYTES) * BLOCK_BYTES)
        file[first:until] = chance.randbytes(until - first)
    while at < end:  # in pieces that end where a sector ends
        piece_end = min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if chance.random() < 0.5:
            _land(file, at, data[at - offset : piece_end - offset])
        at = piece_end
