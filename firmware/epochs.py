"""One database per epoch, side by side: `postomat.db`, then `postomat-2.db`, `postomat-3.db` … The newest is the one in use.

An epoch is the time during which the locker's memory is whole. It ends when its database is damaged, or when the backend, whose
copy of the journal goes further, demands it (a card that was rolled back). The old file is kept for whoever wants to know
what was in it; the new one knows nothing, so nothing opens until a signed list bound to the new epoch has come.
"""

import logging
import re
from pathlib import Path

from firmware.errors import StoreCorrupt, StoreError
from firmware.store import Store

log = logging.getLogger(__name__)

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


def begin(folder: Path, locker: str, epoch: int) -> None:
    """Make the database of a new epoch; the next start opens it. Raises StoreError, also where the epoch is not new."""
    if epoch <= newest(folder):
        raise StoreError(f"{path_of(folder, epoch)}: epoch {epoch} is not a new one")
    Store.open(path_of(folder, epoch), locker, epoch=epoch).close()
