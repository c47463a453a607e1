"""What a parcel costs the disk, counted where the bytes arrive: 300 parcels, each ordered, deposited, collected, confirmed.

Forty parcels lie in the locker at any time, so the lists that the backend sends are as long as on a busy day. Nothing here
is a matter of speed: two runs count the same.
"""

import asyncio
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from sim import loop as virtual
from sim import plan
from sim.disk import Disk
from sim.diskfaults import Operation
from sim.faces import MemoryKiosk
from sim.locker import SimLocker
from sim.scenario import cabinet
from sim.steps import Steps
from tests.bench.disk import disk
from tests.bench.harness import Measure, Peer, figure

PARCELS = 300
INSIDE = 40
CELLS = 64  # so that each stands empty for longer than its quiet hour
APART_S = 86_400 / PARCELS


class Day(NamedTuple):
    """What 300 parcels came to. A transaction on the disk is a sync of the log."""

    commits: int  # that the store was asked for, with something in them
    log_syncs: int
    written_bytes: int


@functools.cache
def day() -> Day:
    """One day at a locker, in virtual time; lived once, for all figures."""
    with disk() as on:
        return virtual.run(_day(on))


async def _day(on: Disk) -> Day:
    busy = cabinet(plan.WORKLOAD)
    times = msgspec.structs.replace(busy.times, storage_term_h=72)  # the explorer's own are in a hurry
    locker = SimLocker(msgspec.structs.replace(busy, times=times), Path("/locker"), disk=on)
    steps = Steps(locker, MemoryKiosk(locker))
    await locker.switch_on()
    store, commits, log_syncs = locker.controller.store, 0, 0
    commit = store.commit

    def counted(changes: list[object], entries: list[object], now: object) -> None:
        nonlocal commits
        commits += bool(changes or entries)
        commit(changes, entries, now)  # type: ignore[arg-type]

    def changed(operation: Operation, path: str, offset: int, data: bytes) -> None:
        nonlocal log_syncs
        log_syncs += operation is Operation.SYNC and path.endswith("-wal")

    store.commit = counted  # type: ignore[method-assign, assignment]
    on.before, before_bytes = changed, on.written_bytes
    for number in range(PARCELS + INSIDE):
        await asyncio.sleep(APART_S)
        if number >= INSIDE:
            await _collect(steps, number - INSIDE)
        if number < PARCELS:
            await steps.do_order(_waybill(number), _cell(number))
            await steps.do_deposit(_waybill(number), _cell(number))
    await steps.settle()
    await locker.switch_off()
    return Day(commits, log_syncs, on.written_bytes - before_bytes)


async def _collect(steps: Steps, number: int) -> None:
    """The buyer's whole visit: code, open cell, parcel out, door shut, confirmed."""
    waybill, cell = _waybill(number), _cell(number)
    await steps.do_see("idle")
    await steps.do_press("start")
    await steps.do_type("pickup", waybill)
    await steps.do_see("take_parcel", cell=cell)
    await steps.do_take(waybill, cell)
    await steps.do_close(cell)
    await steps.do_see("closing")
    await steps.do_press("confirm")
    await steps.do_journal("collected", parcel=waybill)


def _waybill(number: int) -> str:
    return f"KZ{number + 1:05}"


def _cell(number: int) -> str:
    return str(number % CELLS + 1)


@figure(
    f"commits for each parcel, ordered to confirmed, mean of {PARCELS}",
    "",
    at_most=16,
    peer=Peer("syncs of the log on the disk", lambda: day().log_syncs / PARCELS),
    rounds=1,
)
@contextmanager
def parcel_commits() -> Iterator[Measure]:
    """Transactions that change something, from the list with the order to the buyer's confirmation."""
    yield lambda: day().commits / PARCELS


@figure(f"written for {PARCELS} parcels", "MB", at_most=100, rounds=1)
@contextmanager
def parcel_bytes() -> Iterator[Measure]:
    """Log and database together, as SQLite hands them to the disk (10^6 bytes)."""
    yield lambda: day().written_bytes / 1e6
