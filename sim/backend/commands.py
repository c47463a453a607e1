"""What a signed command can ask a locker for, as the backend writes it: one function for each deed.

Not made with the firmware's structs: so a mistake in one is found by the other.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Deed = dict[str, Any]

# A locker's clock may be behind, by the way of its last welcome for one: what is asked for now is dated back, or it would be too early.
BEHIND_MS = 60_000
PATIENCE_S = 24 * 3_600  # how long the locker may take to hear of what is not for this very minute


class Command(NamedTuple):
    """A signed command and the id under which its outcome comes back."""

    id: str
    object: bytes


def open_cell(grant: str, waybill: str) -> Deed:
    """«Открыть ячейку», and once more «Открыть ячейку повторно»."""
    return {"type": "open", "grant": grant, "parcel": waybill}


def claim(grants: Iterable[str], nonce: bytes) -> Deed:
    """The buyer of these has scanned the screen's code."""
    return {"type": "claim", "grants": list(grants), "nonce": nonce}


def leave(claimed_by: str) -> Deed:
    """«Отмена» in the app, for the command that claimed the locker."""
    return {"type": "leave", "claim": claimed_by}


def confirm(grant: str, waybill: str) -> Deed:
    """«Подтвердить получение»."""
    return {"type": "confirm", "grant": grant, "parcel": waybill}


def report(grant: str, waybill: str, problem: str) -> Deed:
    """«Проблема с посылкой»: not_there, not_mine, damaged, refused."""
    return {"type": "report", "grant": grant, "parcel": waybill, "problem": problem}


def reserve(waybill: str, account: str, *, size: str | None = None, cell: int | None = None) -> Deed:
    """A cell for a parcel that is to come: of a size, or this one."""
    where = {"cell": cell} if size is None else {"size": size}
    return {"type": "reserve", "parcel": waybill, "account": account, **where}


def cancel(waybill: str) -> Deed:
    """The order is cancelled."""
    return {"type": "cancel", "parcel": waybill}


def extend(waybill: str, expires_ms: int) -> Deed:
    """Another end of the storage term, in UTC milliseconds."""
    return {"type": "extend", "parcel": waybill, "expires_ms": expires_ms}


def block(cell: int, *, blocked: bool = True) -> Deed:
    """Offer a cell for no deposit, or again."""
    return {"type": "block" if blocked else "unblock", "cell": cell}


def configure(settings: Mapping[str, int | str]) -> Deed:
    """Settings that go before those of the locker's file."""
    return {"type": "configure", "settings": dict(settings)}


def rotate(keys: Mapping[str, bytes]) -> Deed:
    """The keys under which the backend signs from now on, by their ids."""
    return {"type": "rotate", "keys": [{"id": name, "public": public} for name, public in keys.items()]}
