"""The shipped controller, killed and failed at its syncs in the midst of a deposit and a pickup, loses nothing it has told.

Whatever happens to the process, the person at the locker gets the parcel in and out with the same codes, and no lock is
pulsed without an intent in the database.
"""

import asyncio

import pytest

from sim.backend import Stage
from tests.core.kills import Died, Street, may_trace

pytestmark = pytest.mark.skipif(not may_trace(), reason="strace is missing, or ptrace is not permitted here")

SYNCS_MIN = 20  # of a deposit and a pickup, with the start
AT_ONCE = 4
KILL, EIO, ENOSPC = "signal=SIGKILL:when={}", "error=EIO:when={}", "error=ENOSPC:when={}"
FULL_FOR_GOOD = "error=ENOSPC:when={}+"


async def survive(fault: str, number: int, *, waits: bool) -> None:
    """One locker's deposit and pickup with this fault at this sync, and what is left of them after a new start."""
    async with Street(number, waits=waits) as street:
        try:
            await street.start(fault.format(number))
            await street.live(hopeful=fault is not FULL_FOR_GOOD)
        except Died:
            pass
        hit = street.exits == [-9] if fault is KILL else street.failures() > 0
        assert hit or number > SYNCS_MIN, "the fault was never met"
        await street.stop()
        assert street.exits[0] in ((-9, 0) if fault is KILL else (0, 1))
        street.check()
        await street.start()
        await street.live()
        await street.stop()
        assert street.exits[1] == 0
        street.check()
        assert street.cell.parcel is None
        assert {order.stage for order in street.backend.orders.values()} == {Stage.COLLECTED}


def survive_all(faults: list[tuple[str, int]]) -> None:
    """Some lockers at a time, for each waits most of the time."""

    async def some() -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(fault: str, number: int, waits: bool) -> None:
            async with room:
                try:
                    await survive(fault, number, waits=waits)
                except Exception as error:
                    error.add_note(f"{fault.format(number)}, waits={waits}")
                    raise

        both = [(fault, number, bool(count % 2)) for count, (fault, number) in enumerate(faults)]
        async with asyncio.TaskGroup() as group:
            for each in both:
                group.create_task(one(*each))

    asyncio.run(some())


def test_without_a_fault() -> None:
    async def visit() -> None:
        async with Street(1) as street:
            await street.start("")
            await street.live()
            assert street.syncs() >= SYNCS_MIN
            await street.stop()
            street.check()
            assert street.exits == [0]

    asyncio.run(visit())


def test_a_kill_at_any_sync_loses_nothing() -> None:
    survive_all([(KILL, number) for number in (2, 9, 11, 13, 14, 16, 18, 20)])


def test_a_sync_that_fails_once_loses_nothing() -> None:
    survive_all([(EIO, 3), (ENOSPC, 8), (EIO, 12), (ENOSPC, 15), (EIO, 17), (ENOSPC, 19)])


def test_a_disk_that_is_full_for_good_opens_nothing() -> None:
    survive_all([(FULL_FOR_GOOD, number) for number in (1, 10, 13, 18)])


@pytest.mark.long
@pytest.mark.parametrize("fault", [KILL, EIO, ENOSPC, FULL_FOR_GOOD])
@pytest.mark.parametrize("odd", [0, 1])
def test_each_sync(fault: str, odd: int) -> None:
    survive_all([(fault, number + odd) for number in range(1, 2 * SYNCS_MIN, 2)])
