"""An event that raises twice is set aside, so that one bug does not keep a whole locker from serving.

The first time the process ends and is started anew, as after any bug: what was in memory may have been to blame. The second time
it is the event itself, or what the store holds of it. It is journalled and skipped from then on; a deadline that is
set aside is not armed again. Another release tries it once more.
"""

import hashlib

import msgspec

from firmware import __version__
from firmware.events import Due, Event, Started
from firmware.model import EntryKind
from firmware.rows import Raised, State

RAISES_MAX = 2


def blame(state: State, event: Event) -> bool:
    """Count that this event has raised; True where it is set aside from now on. The start itself never is."""
    digest = _digest(event)
    due = f"{event.table}:{event.key}" if isinstance(event, Due) else None
    row = state.find(Raised, digest) or state.add(Raised(digest, __version__, due=due))
    row.count += 1
    aside = row.count >= RAISES_MAX and not isinstance(event, Started)
    if row.count == RAISES_MAX and aside:
        state.note(EntryKind.QUARANTINED, why=due or type(event).__name__)
    return aside


def is_aside(state: State, table: str, key: str) -> bool:
    """Whether the deadline of this row was set aside."""
    name = f"{table}:{key}"
    return any(row.due == name and row.count >= RAISES_MAX for row in state.all(Raised))


def pardon(state: State) -> None:
    """Another release may have mended it."""
    for row in [row for row in state.all(Raised) if row.firmware != __version__]:
        state.drop(row)


def _digest(event: Event) -> str:
    """The same for the same event at another time: a deadline counts whatever its generation."""
    same = msgspec.structs.replace(event, generation=0) if isinstance(event, Due) else event
    return hashlib.sha256(repr(same).encode()).hexdigest()[:32]
