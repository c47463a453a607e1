"""Virtual time jumps, serves ready files first, never spins, and says when nothing can happen any more."""

import asyncio
import socket

import pytest

from sim.loop import Deadlock, VirtualLoop, run

YEAR_S = 365 * 86_400


def test_time_jumps_to_the_next_timer_and_keeps_order() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        seen: list[tuple[str, float]] = []

        async def sleeper(name: str, delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            seen.append((name, loop.time()))

        await asyncio.gather(sleeper("day", 86_400), sleeper("ms", 0.001), sleeper("second", 1))
        return seen

    assert run(main()) == [("ms", 0.001), ("second", 1.0), ("day", 86_400.0)]


def test_small_timers_still_fire_after_two_years() -> None:
    async def main() -> tuple[float, int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        await asyncio.sleep(2 * YEAR_S)
        begun_ns = loop.time_ns
        for _ in range(1_000):
            await asyncio.sleep(0.001)
        return loop.time(), loop.time_ns - begun_ns

    end_s, spent_ns = run(main())
    assert end_s == pytest.approx(2 * YEAR_S + 1, abs=0.01)
    assert spent_ns == pytest.approx(1_000_000_000, abs=10_000_000)


def test_a_timer_below_the_resolution_does_not_spin() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(YEAR_S)
        for _ in range(100):
            await asyncio.sleep(1e-9)
        return loop.time()

    assert run(main()) == pytest.approx(YEAR_S, abs=0.001)


@pytest.mark.leaves_tasks("a deadlock is exactly that")
def test_a_deadlock_names_who_waits() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock, match="test_a_deadlock_names_who_waits"):
        run(main())


def test_ready_files_are_served_before_time_moves() -> None:
    async def main() -> tuple[bytes, float]:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            reader = asyncio.create_task(loop.sock_recv(ours, 10))
            timer = asyncio.create_task(asyncio.sleep(5))
            await asyncio.sleep(0)
            theirs.send(b"now")
            data = await reader
            heard_at = loop.time()
            await timer
            return data, heard_at

    assert run(main()) == (b"now", 0.0)


def test_timeouts_and_cancellation_are_virtual_too() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3_600):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(3_600)


def test_the_same_program_runs_alike() -> None:
    async def main() -> list[tuple[int, int]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        trace: list[tuple[int, int]] = []

        async def poll(number: int) -> None:
            for _ in range(50):
                await asyncio.sleep(0.1 + number / 1_000)
                trace.append((number, loop.time_ns))

        await asyncio.gather(*(poll(number) for number in range(20)))
        return trace

    assert run(main()) == run(main())
