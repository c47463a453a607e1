"""Whose the locker is, by its own journal: what the rules about claims compare with what the phones know."""

from collections.abc import Iterable

from firmware.model import Entry, EntryKind


class Claims:
    """Followed from entry to entry."""

    def __init__(self) -> None:
        self.by: str | None = None  # the command of the claim that stands
        self.used: dict[str, str | None] = {}  # the screen's code → the claim that it was used for

    def take(self, entries: Iterable[Entry]) -> None:
        """What one event has journalled."""
        for entry in entries:
            if entry.kind is EntryKind.CLAIMED:
                self.by = entry.command
            elif entry.kind in (EntryKind.UNCLAIMED, EntryKind.STARTED):
                self.by = None
