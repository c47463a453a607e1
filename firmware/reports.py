"""What a technician is told of a running controller, and how much of it one frame holds."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from firmware import __version__, clock, control
from firmware.control import CellRow, Cells, JournalRow, Status
from firmware.controller import Controller
from firmware.model import Fill
from firmware.rows import Door, Locker, Parcel
from firmware.runtime import Runtime

FRAME_HEAD_BYTES = 640  # of a frame, for all but its rows: a signed head has 300
Fits = TypeVar("Fits", JournalRow, CellRow)


def status(runtime: Runtime, banks: Mapping[str, str], inbox: int, journal_last: int) -> Status:
    """The locker in a few lines. `banks`: name → state, `inbox`: how many events wait."""
    state, now = runtime.controller.state, runtime.now()
    told_ms = state.locker.told_ms
    return Status(
        locker=state.locker.id,
        epoch=state.locker.epoch,
        firmware=__version__,
        grants_version=state.locker.grants_version,
        journal_last=journal_last,
        journal_acked=state.locker.acked_seq,
        journal_used_percent=round(runtime.used_percent(), 2),
        journal_key=runtime.journal_key.public.hex(),
        serves=_serves(state.locker),
        clock_utc_ms=now.utc_ms,
        clock_sure=now.sure,
        clock_why=clock.why(state.locker, now),
        clock_told_s=None if told_ms is None else (now.utc_ms - told_ms) // 1_000,
        system_off_ms=runtime.system_clock.utc_ms() - now.utc_ms,
        system_synchronised=runtime.system_clock.synchronised(),
        screen=runtime.screen.name,
        scanner=state.locker.scanner,
        parcels_inside=sum(parcel.inside for parcel in state.all(Parcel)),
        settings=dict(state.locker.settings),
        backend_keys=tuple(name for name, _ in state.locker.keys)
        or tuple(key.id for key in runtime.config.access.backend_keys),
        banks=dict(banks),
        inbox=inbox,
        uptime_s=runtime.uptime_ms() // 1_000,
    )


def _serves(locker: Locker) -> str:
    if locker.storage_low:
        return "nobody new: the disk is full"
    if locker.journal_fill is Fill.NO_DEPOSITS:
        return "no deposits: the journal is nearly full"
    return "everybody"


def cells(controller: Controller, after: int) -> Cells:
    """As many cells above `after` as fit into one frame."""
    state, configured = controller.state, controller.cabinet.cells
    inside = {parcel.cell: parcel for parcel in state.all(Parcel) if parcel.inside}
    rows = []
    for number, cell in sorted(configured.items()):
        if number <= after:
            continue
        door, parcel = state.find(Door, number), inside.get(number)
        rows.append(
            CellRow(
                cell=number,
                size=cell.size,
                bank=cell.bank,
                channel=cell.channel,
                door=door.state if door else "unknown",
                why=door.why if door else None,
                blocked=door.blocked if door else None,
                parcel=parcel.waybill if parcel else None,
                parcel_state=parcel.state if parcel else None,
            )
        )
    return Cells(fitting(rows), max(configured))


def fitting(rows: Sequence[Fits]) -> tuple[Fits, ...]:
    """The first of them, as many as one frame holds."""
    size = FRAME_HEAD_BYTES
    for count, row in enumerate(rows):
        size += len(msgspec.json.encode(row)) + 1
        if size > control.FRAME_MAX_BYTES:
            return tuple(rows[:count])
    return tuple(rows)
