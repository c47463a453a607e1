"""The gate's part of a reading: a text that was held before the scanner is looked at, or not, and becomes an event.

Rules:
- It counts where the screen that it was read for asks for its format, and not too often.
- What was refused is said once, and not again as long as it stays there. Else a foreign code that somebody has stuck to the wall, or a
  token left on the shelf, would take the keypad from everybody. Only its digest is kept for that, in memory.
- What may become good while the phone is still held up (`CHANGING`) is looked at again each time, in silence: the screen hears of it
  once it is refused for that reason no more. So nobody has to lower the phone and raise it again.
"""

import hashlib
from collections.abc import Callable
from functools import partial

from firmware import readings, shown
from firmware.control import Reading
from firmware.events import Event, TokenShown
from firmware.inbox import Inbox, Post
from firmware.keys import BackendKeys
from firmware.model import Outcome
from firmware.optics import Format
from firmware.runtime import Runtime
from firmware.sight import Sight

AWAY_MS = 30_000  # so long out of sight, a text is shown anew: longer than the screen that says why
REFUSED_MAX = 16
# What the next moment changes: another screen, another person's door, the parcel itself.
PASSING = frozenset(
    {Outcome.DONE, Outcome.STALE, Outcome.NOT_NOW, Outcome.BUSY, Outcome.STORAGE_FAILED, Outcome.QUARANTINED}
)
# What comes by and by, beside whoever stands there: the right by a list, its key by a rotation, a sure clock, the hour itself.
CHANGING = frozenset(
    {
        Outcome.NO_SUCH_PARCEL,
        Outcome.WRONG_EPOCH,
        Outcome.UNKNOWN_KEY,
        Outcome.CLOCK_UNSURE,
        Outcome.TOO_EARLY,
    }
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
        elif (refused := self._still_there(digest, now_ms)) is not None and not _changes(read, refused):
            tell(refused)
        elif not self._sight.may_read(now_ms):
            tell(Outcome.BUSY)
        else:
            self._open(read, refused, partial(self._told, digest, now_ms, tell))

    def _open(self, read: Reading, before: Outcome | None, tell: Tell) -> None:
        """`before`: why this text was refused, where it has been held up since; the same is not said again."""
        open_with, keyring = partial(readings.opened, read.text, read.format), self._keys.now()
        opened = open_with(keyring)
        if before is not None and self._why_not(opened) is before:
            tell(before)
            return
        event = readings.refused(opened, read.format) if isinstance(opened, Outcome) else opened
        if isinstance(event, Outcome):
            tell(event)
        else:
            self._inbox.put(Post(event, read.seq, tell, partial(self._keys.refuse, open_with, keyring)))

    def _why_not(self, opened: Event | Outcome) -> Outcome | None:
        """What the controller would refuse a token for, beside what it says of codes as well."""
        if not isinstance(opened, TokenShown):
            return opened if isinstance(opened, Outcome) else None
        controller = self._runtime.controller
        return shown.why_not(controller.state, controller.cabinet, self._runtime.now(), opened)

    def _still_there(self, digest: bytes, now_ms: int) -> Outcome | None:
        """Why this text was refused, where it has been before the camera since."""
        why, seen_ms = self._refused.pop(digest, (None, 0))
        if why is None or now_ms >= seen_ms + AWAY_MS:
            return None
        self._refused[digest] = why, now_ms
        return why

    def _told(self, digest: bytes, now_ms: int, tell: Tell, outcome: Outcome) -> None:
        self._refused.pop(digest, None)
        if outcome not in PASSING:
            if len(self._refused) >= REFUSED_MAX:
                del self._refused[next(iter(self._refused))]  # the one that was seen the longest ago
            self._refused[digest] = outcome, now_ms
        tell(outcome)


def _changes(read: Reading, refused: Outcome) -> bool:
    """Whether the next look at it may find another answer. A barcode is read again by whoever wants to know."""
    return read.format is Format.QR and refused in CHANGING
