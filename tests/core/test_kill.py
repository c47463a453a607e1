"""The shipped controller, killed and failed at its syncs in the midst of a deposit and a pickup, loses nothing it has told.

Whatever happens to the process, the person at the locker gets the parcel in and out with the same codes, and no lock is
pulsed without an intent in the database.
"""

import asyncio
from functools import cache

import pytest

from firmware.model import EntryKind as K
from sim.backend import Stage
from tests.core.kills import Street
from tests.core.traced import Died, may_trace

pytestmark = pytest.mark.skipif(not may_trace(), reason="strace is missing, or ptrace is not permitted here")

AT_ONCE = 6
MISSED_MAX = 2  # of the faults at the end of a visit
KILL, EIO, ENOSPC = "signal=SIGKILL:when={}", "error=EIO:when={}", "error=ENOSPC:when={}"
FULL_FOR_GOOD = "error=ENOSPC:when={}+"


async def survive(fault: str, number: int, *, waits: bool) -> bool:
    """One locker's deposit and pickup with this fault at this sync, and what is left of them after a new start.

    Whether the fault was met: one visit has a sync less than another, where two readings of a door are told at once.
    """
    async with Street(number, waits=waits) as street:
        try:
            await street.start(fault.format(number))
            await street.live(hopeful=fault is not FULL_FOR_GOOD)
        except Died:
            pass
        await street.stop()  # before one looks: a last word of the backend may be committed behind the visit
        assert street.process.exits[0] in ((-9, 0) if fault is KILL else (0, 1))
        hit = street.process.exits == [-9] if fault is KILL else street.process.failures() > 0
        assert hit or street.process.syncs() < number
        street.check()
        await street.start()
        await street.live()
        await street.stop()
        assert street.process.exits[1] == 0
        street.check()
        assert street.cell.parcel is None
        assert {order.stage for order in street.backend.orders.values()} == {Stage.COLLECTED}
    return hit


def survive_all(faults: list[tuple[str, int]], waits: bool | None = None) -> None:
    """Some lockers at a time, for each waits most of the time. Every other person leaves the door open, unless told."""

    async def some() -> list[bool]:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(fault: str, number: int, waits: bool) -> bool:
            async with room:
                try:
                    return await survive(fault, number, waits=waits)
                except Exception as error:
                    error.add_note(f"{fault.format(number)}, waits={waits}")
                    raise

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(one(fault, number, bool(count % 2) if waits is None else waits))
                for count, (fault, number) in enumerate(faults)
            ]
        return [task.result() for task in tasks]

    met = asyncio.run(some())
    assert sum(met) >= len(met) - MISSED_MAX


@cache
def syncs_that_tell() -> list[int]:
    """After which syncs of an undisturbed visit somebody is told something: intent, opened, stored, collected …"""

    async def visit() -> list[int]:
        async with Street(1) as street:
            await street.start("")
            await street.live()
            await street.stop()
            street.check()
            assert street.process.exits == [0]
            kinds = [kind for kind, _ in street.synced_by]
            assert [kinds.count(kind) for kind in (K.INTENT, K.OPENED, K.STORED, K.COLLECTED)] == [2, 2, 1, 1]
            return sorted({number for kind, number in street.synced_by})

    return asyncio.run(visit())


def test_a_kill_at_any_sync_loses_nothing() -> None:
    survive_all([(KILL, number) for number in syncs_that_tell()])


def test_a_sync_that_fails_once_loses_nothing() -> None:
    survive_all([((EIO, ENOSPC)[number % 2], number) for number in syncs_that_tell()])


def test_a_disk_that_is_full_for_good_opens_nothing() -> None:
    survive_all([(FULL_FOR_GOOD, number) for number in [1, *syncs_that_tell()[1::2]]])


@pytest.mark.long
@pytest.mark.parametrize("fault", [KILL, EIO, ENOSPC, FULL_FOR_GOOD])
@pytest.mark.parametrize("waits", [False, True])
def test_each_sync(fault: str, waits: bool) -> None:
    survive_all([(fault, number) for number in range(1, syncs_that_tell()[-1] + 1)], waits)
