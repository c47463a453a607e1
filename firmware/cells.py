"""What the backend wants of a cell: to keep one for a parcel, to offer it for no deposit, or to offer it again.

Rules:
- A cell is free where its door reads closed, nothing blocks it, no parcel lies there or is to come there, and it has no quiet hour.
- The smallest size that a parcel fits into is used first, and of one size the lowest number.
- A cell is kept for what is to come for `KEPT_MS` after its reservation, and for as long as the signed list or one of its rights names
  the parcel. Given up, it is free by a cancel or a list without the parcel at once, or when that time is over, whether a list
  comes then or not. The row stays and explains the parcel's code.
"""

from collections.abc import Iterator

from firmware import custody, door
from firmware.config import Cell
from firmware.deeds import Block, Reserve, Unblock
from firmware.model import DoorState, EntryKind, Fill, Outcome, ParcelState
from firmware.parcel import rests
from firmware.rows import Door, Grant, Parcel
from firmware.turn import Turn

SIZES = ("S", "M", "L", "XL")
KEPT_MS = 24 * 3_600_000  # until a list names it


def reserve(turn: Turn, deed: Reserve, command: str) -> Outcome:
    """Choose a cell, and expect the parcel there."""
    locker = turn.state.locker
    if locker.storage_low or locker.journal_fill is Fill.NO_DEPOSITS:
        return Outcome.STORAGE_FAILED
    if turn.state.find(Parcel, deed.parcel) is not None:
        return Outcome.NOT_ALLOWED
    cell = next(_fitting(turn, deed), None)
    if cell is None:
        return Outcome.NO_CELL
    row = Parcel(deed.parcel, cell.number, direction=deed.direction, account=deed.account)
    row.reserved_ms = turn.now.utc_ms + KEPT_MS
    turn.state.add(row)
    turn.note(EntryKind.RESERVED, cell=cell.number, parcel=deed.parcel, command=command)
    return Outcome.DONE


def block(turn: Turn, deed: Block) -> Outcome:
    """Offer the cell for no deposit. What lies in it can be had; the first reason stands."""
    if turn.state.find(Door, deed.cell) is None:
        return Outcome.NOT_ALLOWED
    custody.block(turn, deed.cell, "command")
    return Outcome.DONE


def unblock(turn: Turn, deed: Unblock) -> Outcome:
    """Offer the cell again, whatever it was blocked for; not while its door stands open."""
    row = turn.state.find(Door, deed.cell)
    if row is None:
        return Outcome.NOT_ALLOWED
    if row.state in door.STANDS_OPEN:
        return Outcome.ALREADY_OPEN
    if row.blocked is not None:
        turn.note(EntryKind.UNBLOCKED, cell=row.cell, why=row.blocked)
        row.blocked = None
    return Outcome.DONE


def _fitting(turn: Turn, deed: Reserve) -> Iterator[Cell]:
    """The free cells that will do, the best one first."""
    cells = sorted(turn.cabinet.cells.values(), key=lambda cell: (SIZES.index(cell.size), cell.number))
    for cell in cells:
        fits = deed.size is not None and SIZES.index(cell.size) >= SIZES.index(deed.size)
        if (cell.number == deed.cell or fits) and _is_free(turn, cell.number):
            yield cell


def _is_free(turn: Turn, cell: int) -> bool:
    row = turn.door(cell)
    if row.state is not DoorState.CLOSED or row.blocked is not None:
        return False
    there = (each for each in turn.state.all(Parcel) if each.cell == cell)
    return not any(_fills(turn, each) for each in there)


def _fills(turn: Turn, row: Parcel) -> bool:
    """Whether its cell is none for another parcel: it lies there, may lie there, is to come, or may be come back for."""
    if row.state is ParcelState.EXPECTED and not row.inside:
        return _is_awaited(turn, row)
    return row.inside or row.state is ParcelState.UNCONFIRMED or rests(row)


def _is_awaited(turn: Turn, row: Parcel) -> bool:
    """Also where nobody knows what the list names: after a change of release, until the next one."""
    locker = turn.state.locker
    if locker.list_version != locker.grants_version:
        return True
    if row.listed is not None or (row.reserved_ms or 0) > turn.now.utc_ms:
        return True
    rights = turn.state.all(Grant)
    return any(each.unlisted_ms is None and row.waybill in each.parcels for each in rights)
