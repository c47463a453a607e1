"""What the mind does when the store says that its room has changed.

With the disk full, what is left is kept for closings: nobody new is served, and whoever is being served gets to the end.
"""

from firmware import desk, session
from firmware.events import StorageChanged
from firmware.model import EntryKind
from firmware.turn import Turn


def changed(turn: Turn, event: StorageChanged) -> None:
    """Take in whether the disk is full. Whoever has proved nothing yet is shown so at once."""
    locker, at = turn.state.locker, turn.state.session
    if event.low is locker.storage_low:
        return
    locker.storage_low = event.low
    turn.note(EntryKind.STORAGE, why="low" if event.low else "restored")
    if event.low and at is not None and at.state in session.UNPROVED:
        desk.end(turn, at)
