"""One database per epoch, side by side: `postomat.db`, then `postomat-2.db`, `postomat-3.db` … The newest is the one in use.

An epoch is the time during which the locker's memory is whole. It ends when its database is damaged, or when the backend, whose
copy of the journal goes further, demands it (a card that was rolled back). The old file is kept for whoever wants to know
what was in it; the new one knows nothing, so nothing opens until a signed list bound to the new epoch has come. A demanded one keeps the
backend's keys and what it has set; behind a damaged file, the configuration's count again.
"""

import logging
import os
import re
from pathlib import Path

from firmware.errors import StoreCorrupt, StoreError
from firmware.model import Moment
from firmware.rows import Locker
from firmware.store import Store

log = logging.getLogger(__name__)

MAKING = "postomat-next.db"
KEPT = ("keys", "keys_ms", "settings", "settings_ms")
_NAME = re.compile(r"postomat(?:-([1-9][0-9]*))?\.db")


def path_of(folder: Path, epoch: int) -> Path:
    """Where the database of this epoch lies."""
    return folder / ("postomat.db" if epoch == 1 else f"postomat-{epoch}.db")


def newest(folder: Path) -> int:
    """The newest epoch that has a database here; 1 where there is none."""
    found = (match for path in folder.iterdir() if (match := _NAME.fullmatch(path.name)))
    return max((int(match[1] or 1) for match in found), default=1)


def open_newest(folder: Path, locker: str) -> Store:
    """The newest epoch's database, or a fresh one of the next epoch where that is damaged.

    Raises StoreError where it cannot be opened for another reason: then nothing is known to be lost.
    """
    epoch = newest(folder)
    try:
        return Store.open(path_of(folder, epoch), locker, epoch=epoch)
    except StoreCorrupt as error:
        log.critical("%s; it is kept, and epoch %d begins", error, epoch + 1)
        return Store.open(path_of(folder, epoch + 1), locker, epoch=epoch + 1)


def begin(folder: Path, locker: str, epoch: int, before: Locker | None = None) -> None:
    """Make the database of a new epoch, whole or not at all; the next start opens it. Raises StoreError, also where it is not new.

    `before`: the locker of the epoch that ends. Whose word counts, and what was set from afar, does not end with it.
    """
    if epoch <= newest(folder):
        raise StoreError(f"{path_of(folder, epoch)}: epoch {epoch} is not a new one")
    making = folder / MAKING
    making.unlink(missing_ok=True)  # of an attempt that a power cut ended
    store = Store.open(making, locker, epoch=epoch)
    try:
        state = store.load()
        for name in KEPT if before is not None else ():
            setattr(state.locker, name, getattr(before, name))
        changes, entries = state.drain()
        store.commit(changes, entries, Moment(0, 0, False))
    finally:
        store.close()
    making.rename(path_of(folder, epoch))
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
