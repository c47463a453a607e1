"""The backend's own check of a locker's journal: nothing missing, nothing changed, nothing of another locker.

Each row's hash is SHA-256 of the hash before it and the row's body in UTF-8; before the first stand 32 zero bytes. The
body is a JSON object that begins with locker, epoch, seq, utc_ms and sure, and goes on with kind and its columns.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from firmware.control import JournalRow


class JournalBroken(Exception):
    """The rows do not go on from what the backend holds; the message names the entry. Nothing of them was taken."""


class Ledger:
    """A locker's journal of one epoch, as far as the backend has it."""

    def __init__(self, locker: str, epoch: int) -> None:
        self.locker = locker
        self.epoch = epoch
        self.rows: list[JournalRow] = []

    @property
    def last(self) -> int:
        return len(self.rows)

    def knows(self, seq: int, head: str) -> bool:
        """Whether a locker that stands there goes on from what is held, or is ahead of it."""
        if seq < self.last:
            return False
        return seq > self.last or seq == 0 or self.rows[seq - 1].hash == head

    def take(self, rows: Iterable[JournalRow]) -> list[dict[str, Any]]:
        """The bodies of the rows that are new, oldest first. Raises JournalBroken."""
        held, fresh, bodies = self.last, list[JournalRow](), list[dict[str, Any]]()
        digest = bytes.fromhex(self.rows[-1].hash) if self.rows else bytes(32)
        for row in rows:
            if 1 <= row.seq <= held:
                if row != self.rows[row.seq - 1]:
                    raise JournalBroken(f"entry {row.seq} was told differently before")
                continue
            due = held + len(fresh) + 1
            if row.seq != due:
                raise JournalBroken(f"entry {row.seq} came where {due} was due")
            digest = hashlib.sha256(digest + row.body.encode()).digest()
            if row.hash != digest.hex():
                raise JournalBroken(f"entry {row.seq} does not follow from the one before")
            bodies.append(self._body(row))
            fresh.append(row)
        self.rows += fresh
        return bodies

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
