"""The gate's part of a reading: a text that was held before the scanner is looked at, or not, and becomes an event.

Rules:
- It counts where the screen that it was read for asks for its format, and not too often.
- What was refused is said once, and not again as long as it stays there. Else a foreign code that somebody has stuck to the wall, or a
  token left on the shelf, would take the keypad from everybody. Only its digest is kept for that, in memory.
"""

import hashlib
from collections.abc import Callable
from functools import partial

from firmware import readings
from firmware.control import Reading
from firmware.inbox import Inbox, Post
from firmware.keys import BackendKeys
from firmware.model import Outcome
from firmware.runtime import Runtime
from firmware.sight import Sight

AWAY_MS = 30_000  # so long out of sight, a text is shown anew: longer than the screen that says why
REFUSED_MAX = 16
# What the next moment changes: another screen, another person's door, the parcel itself.
PASSING = frozenset(
    {Outcome.DONE, Outcome.STALE, Outcome.NOT_NOW, Outcome.BUSY, Outcome.STORAGE_FAILED, Outcome.QUARANTINED}
)
Tell = Callable[[Outcome], None]


class Reader:
    """One start's. Times are monotonic milliseconds."""

    def __init__(self, runtime: Runtime, inbox: Inbox, keys: BackendKeys, sight: Sight) -> None:
        self._runtime = runtime
        self._inbox = inbox
        self._keys = keys
        self._sight = sight
        self._refused: dict[bytes, tuple[Outcome, int]] = {}  # digest → why, and when it was last seen

    def read(self, read: Reading, tell: Tell | None) -> None:
        """A text was held before the scanner. `tell` is None where too many of its answers wait: then it is not looked at."""
        if tell is None:
            return
        now_ms, digest = self._runtime.now().mono_ms, hashlib.sha256(read.text.encode()).digest()
        if read.seq != self._runtime.seq:
            tell(Outcome.STALE)
        elif not readings.counts(self._runtime.screen, read.format):
            tell(Outcome.NOT_NOW)
        elif (refused := self._still_there(digest, now_ms)) is not None:
            tell(refused)
        elif not self._sight.may_read(now_ms):
            tell(Outcome.BUSY)
        else:
            self._open(read, partial(self._told, digest, now_ms, tell))

    def _open(self, read: Reading, tell: Tell) -> None:
        open_with, keyring = partial(readings.opened, read.text, read.format), self._keys.now()
        opened = open_with(keyring)
        event = readings.refused(opened, read.format) if isinstance(opened, Outcome) else opened
        if isinstance(event, Outcome):
            tell(event)
        else:
            self._inbox.put(Post(event, read.seq, tell, partial(self._keys.refuse, open_with, keyring)))

    def _still_there(self, digest: bytes, now_ms: int) -> Outcome | None:
        """Why this text was refused, where it has been before the camera since."""
        why, seen_ms = self._refused.pop(digest, (None, 0))
        if why is None or now_ms >= seen_ms + AWAY_MS:
            return None
        self._refused[digest] = why, now_ms
        return why

    def _told(self, digest: bytes, now_ms: int, tell: Tell, outcome: Outcome) -> None:
        if outcome not in PASSING:
            if len(self._refused) >= REFUSED_MAX:
                del self._refused[next(iter(self._refused))]  # the one that was seen the longest ago
            self._refused[digest] = outcome, now_ms
        tell(outcome)
