"""The backend's own check of a locker's journal: nothing missing, nothing changed, nothing of another locker.

Each row's hash is SHA-256 of the hash before it and the row's body in UTF-8; before the first stand 32 zero bytes. The
body is a JSON object that begins with locker, epoch, seq, utc_ms and sure, and goes on with kind and its columns.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from firmware.control import JournalRow
from sim.backend.database import Database


class JournalBroken(Exception):
    """The rows do not go on from what the backend holds; the message names the entry. Nothing of them was taken."""


class Ledger:
    """A locker's journal of one epoch, as far as the backend has it. Its rows lie in the database."""

    def __init__(self, database: Database, locker: str, epoch: int) -> None:
        self.locker = locker
        self.epoch = epoch
        self._db = database
        newest = database.ask(
            "SELECT seq, hash FROM journal WHERE epoch = ? ORDER BY seq DESC LIMIT 1", epoch
        )
        self.last: int = newest[0][0] if newest else 0  # the newest entry's seq; 0: none
        self.head: str = newest[0][1] if newest else ""  # its hash, in hex

    @property
    def rows(self) -> list[JournalRow]:
        """All of them, oldest first."""
        return self.after(0)

    def after(self, seq: int, limit: int = -1) -> list[JournalRow]:
        """The rows above `seq`, oldest first; so many at most."""
        sql = "SELECT seq, body, hash FROM journal WHERE epoch = ? AND seq > ? ORDER BY seq LIMIT ?"
        return [JournalRow(*row) for row in self._db.ask(sql, self.epoch, seq, limit)]

    def knows(self, seq: int, head: str) -> bool:
        """Whether a locker that stands there goes on from what is held, or is ahead of it."""
        if seq < self.last:
            return False
        return seq > self.last or seq == 0 or self.head == head

    def check(self, rows: Iterable[JournalRow]) -> list[tuple[JournalRow, dict[str, Any]]]:
        """Those of the rows that are new, oldest first, each with its body. Raises JournalBroken."""
        fresh = list[tuple[JournalRow, dict[str, Any]]]()
        digest = bytes.fromhex(self.head) or bytes(32)
        for row in rows:
            if 1 <= row.seq <= self.last:
                if [row] != self.after(row.seq - 1, 1):
                    raise JournalBroken(f"entry {row.seq} was told differently before")
                continue
            due = self.last + len(fresh) + 1
            if row.seq != due:
                raise JournalBroken(f"entry {row.seq} came where {due} was due")
            digest = hashlib.sha256(digest + row.body.encode()).digest()
            if row.hash != digest.hex():
                raise JournalBroken(f"entry {row.seq} does not follow from the one before")
            fresh.append((row, self._body(row)))
        return fresh

    def take(self, row: JournalRow) -> None:
        """Keep a row that was checked, within the caller's transaction."""
        self._db.ask("INSERT INTO journal VALUES (?, ?, ?, ?)", self.epoch, row.seq, row.body, row.hash)
        self.last, self.head = row.seq, row.hash

    def _body(self, row: JournalRow) -> dict[str, Any]:
        try:
            body = json.loads(row.body)
            told = body["locker"], body["epoch"], body["seq"]
            if not isinstance(body["kind"], str) or {int} != {
                type(body["utc_ms"]),
                type(body.get("count", 0)),
            }:
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise JournalBroken(f"entry {row.seq} is not an entry") from None
        if told != (self.locker, self.epoch, row.seq):
            raise JournalBroken(f"entry {row.seq} says it is entry {told[2]} of {told[0]}, epoch {told[1]}")
        return dict(body)
