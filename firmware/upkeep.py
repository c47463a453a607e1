"""What the backend sets of the locker itself: its settings, and whose word counts.

Rules:
- Each command says all of it: the settings that go before those of the file (none: the file's again), or the whole set of keys.
- The newest word counts, by the time from which its command was valid: an older one that a messenger has kept back is refused.
- Both are in the store, so they stand after a restart, and in the epochs that the backend demands.
"""

from firmware import settings
from firmware.deeds import Configure, Rotate
from firmware.model import EntryKind, Outcome
from firmware.signed import Keyring
from firmware.turn import Turn


def configure(turn: Turn, deed: Configure, since_ms: int) -> Outcome:
    """Take all of these settings, or, where one is out of its bounds, none."""
    locker = turn.state.locker
    if since_ms <= locker.settings_ms:
        return Outcome.OLDER
    if not all(settings.is_allowed(name, value) for name, value in deed.settings.items()):
        return Outcome.NOT_ALLOWED
    locker.settings, locker.settings_ms = settings.kept(deed.settings), since_ms
    turn.note(EntryKind.CONFIGURED, why=" ".join(f"{name}={value}" for name, value in locker.settings))
    return Outcome.DONE


def rotate(turn: Turn, deed: Rotate, since_ms: int) -> Outcome:
    """Believe these keys from now on, and no others."""
    locker, keys = turn.state.locker, {key.id: key.public for key in deed.keys}
    if since_ms <= locker.keys_ms:
        return Outcome.OLDER
    try:
        Keyring({name: bytes.fromhex(public) for name, public in keys.items()})
    except ValueError:
        return Outcome.NOT_ALLOWED
    if len(keys) < len(deed.keys):  # an id that stands twice
        return Outcome.NOT_ALLOWED
    locker.keys, locker.keys_ms = tuple(keys.items()), since_ms
    turn.note(EntryKind.KEYS, count=len(keys), why=" ".join(keys))
    return Outcome.DONE
