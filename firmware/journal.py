"""The journal's table: entries are appended and verified, and what the backend has held for long is pruned from its start.

Rows are a hash chain (`firmware.chain`). The one that was pruned last leaves its seq and hash in an anchor, signed with the
locker's own key: the chain is verified from there. Every method is called within the store's error handling, and those that
write within its transaction.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from firmware import chain
from firmware.control import JournalRow
from firmware.errors import StoreCorrupt
from firmware.model import Entry, Moment

PRUNE_STEP = 256  # entries that one transaction takes away at most


class Database(Protocol):
    """What is asked of a connection."""

    def execute(self, statements: str, bindings: Any = ..., /) -> Any:
        """A cursor over the rows."""


class Anchor(NamedTuple):
    """The last entry that was pruned; all before it went as well."""

    seq: int = 0
    hash: bytes = chain.GENESIS
    signature: bytes = b""


class JournalTable:
    """The journal of one database."""

    def __init__(self, db: Database, path: Path | str, locker: str, epoch: int) -> None:
        self._db = db
        self._path = path
        self._locker = locker
        self._epoch = epoch
        self.anchor = Anchor()
        self.last_seq = 0  # of the newest entry; 0: none
        self.head = chain.GENESIS  # its hash

    def read_ends(self) -> None:
        """Where the table begins and ends now."""
        found = self._db.execute("SELECT seq, hash, signature FROM anchor").fetchone()
        self.anchor = Anchor(*found) if found else Anchor()
        self.last_seq, self.head = self.newest()

    def newest(self) -> tuple[int, bytes]:
        """Seq and hash of the last row."""
        row = self._db.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        return row or (0, chain.GENESIS)

    def append(self, entries: list[Entry], now: Moment) -> tuple[int, bytes]:
        """Chain the entries to the journal; the new last seq and its hash, to be kept once they are committed.

        Raises StoreCorrupt where it does not end as it was left.
        """
        seq, head = self.newest()
        if (seq, head) != (self.last_seq, self.head):
            raise StoreCorrupt(
                f"{self._path}: journal: ends at seq {seq}, not at {self.last_seq} as it was left"
            )
        for entry in entries:
            seq += 1
            first = chain.Head(self._locker, self._epoch, seq, now.utc_ms, now.sure)
            body = chain.body_of(first, entry)
            head = chain.follow(head, body)
            self._db.execute(
                "INSERT INTO journal (seq, epoch, utc_ms, sure, body, hash) VALUES (?, ?, ?, ?, ?, ?)",
                (seq, self._epoch, now.utc_ms, now.sure, body.decode(), head),
            )
        return seq, head

    def verify(self, last: int | None) -> None:
        """Verify the newest `last` rows (None: all of them). Raises StoreCorrupt, naming the first bad seq."""
        kept = self.last_seq - self.anchor.seq
        count = kept if last is None else min(last, kept)
        seq = self.last_seq - count
        for row in self.verified(seq, count):
            seq = row.seq
        given = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'journal'").get or 0
        if seq != given:
            raise StoreCorrupt(f"{self._path}: journal: ends at seq {seq}, but {given} entries were written")

    def verified(self, after: int, limit: int) -> Iterator[JournalRow]:
        """At most `limit` rows above `after`, or above the anchor. Raises StoreCorrupt where the chain is broken."""
        after = max(after, self.anchor.seq)
        previous = self.hash_at(after)
        if previous is None and after < self.last_seq:
            raise StoreCorrupt(f"{self._path}: journal: seq {after} is missing")
        rows = self._db.execute(
            "SELECT seq, epoch, utc_ms, sure, CAST(body AS BLOB), hash FROM journal WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )
        for expected, (seq, epoch, utc_ms, sure, body, digest) in enumerate(rows, after + 1):
            if seq != expected:
                raise StoreCorrupt(f"{self._path}: journal: seq {expected} is missing")
            if previous is None or chain.follow(previous, body) != digest:
                raise StoreCorrupt(f"{self._path}: journal: seq {seq} does not match its hash")
            if not chain.says(body, chain.Head(self._locker, epoch, seq, utc_ms, bool(sure))):
                raise StoreCorrupt(f"{self._path}: journal: seq {seq} says something else than its columns")
            previous = digest
            yield JournalRow(seq, body.decode(), digest.hex())

    def hash_at(self, seq: int) -> bytes | None:
        """The hash of this entry; None where it is not kept any more, or not written yet."""
        if seq == self.anchor.seq:
            return self.anchor.hash
        digest: bytes | None = self._db.execute("SELECT hash FROM journal WHERE seq = ?", (seq,)).get
        return digest

    def prunable(self, acked: int, before_ms: int) -> int:
        """Up to which seq the next step may go: acknowledged, and written before this wall time. The newest entry stays.

        An entry is at least as old as the next one that a sure clock has dated: wrong times before it hold nothing up.
        """
        step = min(self.anchor.seq + PRUNE_STEP, acked, self.last_seq - 1)
        if step <= self.anchor.seq:
            return self.anchor.seq
        dated = self._db.execute(
            "SELECT utc_ms FROM journal WHERE seq >= ? AND sure ORDER BY seq LIMIT 1", (step,)
        ).get
        if dated is not None and dated < before_ms:
            return step
        aged = "SELECT max(seq) FROM journal WHERE seq <= ? AND sure AND utc_ms < ?"
        return self._db.execute(aged, (step, before_ms)).get or self.anchor.seq

    def prune(self, upto: int, sign: Callable[[chain.Place], bytes]) -> Anchor:
        """Take away all entries up to this one, and leave the anchor; to be kept once it is committed."""
        digest = self.hash_at(upto)
        if digest is None:
            raise StoreCorrupt(f"{self._path}: journal: seq {upto} is missing")
        anchor = Anchor(upto, digest, sign(self.place(upto, digest)))
        self._db.execute("DELETE FROM journal WHERE seq <= ?", (upto,))
        self._db.execute(
            "INSERT INTO anchor (one, seq, hash, signature) VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET "
            "seq = excluded.seq, hash = excluded.hash, signature = excluded.signature",
            anchor,
        )
        return anchor

    def place(self, seq: int, digest: bytes) -> chain.Place:
        """What a signature names this entry by."""
        return chain.Place(self._locker, self._epoch, seq, digest.hex())
