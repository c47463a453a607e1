"""Virtual time jumps, serves ready files first, never spins, and says when nothing can happen any more."""

import asyncio
import random
import socket
from contextvars import Context, ContextVar
from typing import Any

import pytest

from sim import loop as loop_module
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


def test_no_moment_is_waited_for_twice() -> None:
    """Rounding to nanoseconds must not wake anybody before the time that was asked for: so loops that wait would spin."""

    async def main() -> int:
        loop, chance = asyncio.get_running_loop(), random.Random(1)
        waits = 0
        for _ in range(2_000):
            moment_s = loop.time() + chance.choice([chance.uniform(0, 2), chance.uniform(0, 50_000)])
            while loop.time() < moment_s:
                waits += 1
                woken = loop.create_future()
                loop.call_at(moment_s, woken.set_result, None)
                await woken
        return waits

    assert run(main()) == 2_000


def test_timers_of_one_moment_ring_in_the_order_in_which_they_were_set() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        rung: list[int] = []
        for number in range(100):
            loop.call_at(5, rung.append, number)
        await asyncio.sleep(6)
        return rung

    assert run(main()) == list(range(100))


def test_cancelled_timers_do_not_ring_and_do_not_pile_up() -> None:
    async def main() -> tuple[list[int], int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        rung: list[int] = []
        most = 0
        for number in range(10_000):
            timer = loop.call_later(YEAR_S, rung.append, number)
            if number % 1_000:
                timer.cancel()
            most = max(most, len(loop._timers))
        await asyncio.sleep(2 * YEAR_S)
        return rung, most

    rung, most = run(main())
    assert rung == list(range(0, 10_000, 1_000))
    assert most <= 2 * loop_module._SWEEP_AT_LEAST


def test_a_context_lasts_from_step_to_step_also_when_it_was_empty() -> None:
    var: ContextVar[str] = ContextVar("var", default="unset")

    async def main() -> str:
        var.set("another's")

        async def stays() -> str:
            var.set("mine")
            await asyncio.sleep(1)
            return var.get()

        loop, seen = asyncio.get_running_loop(), list[str]()
        empty = Context()
        loop.call_soon(lambda: seen.append(var.get()), context=empty)
        value = await loop.create_task(stays(), context=Context())
        assert seen == ["unset"]
        assert var.get() == "another's"
        return value

    assert run(main()) == "mine"


def test_what_a_callback_raises_is_told_to_the_handler_and_time_goes_on() -> None:
    def broken() -> None:
        raise KeyError("a bug")

    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()
        told: list[Any] = []
        loop.set_exception_handler(lambda _, context: told.append(context))
        loop.call_soon(broken)
        loop.call_later(1, broken)
        await asyncio.sleep(2)
        return told

    told = run(main())
    assert [repr(context["exception"]) for context in told] == ["KeyError('a bug')"] * 2
    assert all("broken" in context["message"] for context in told)


def test_a_call_as_ctrl_c_makes_it_is_served() -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        called: list[str] = []
        loop.call_soon_threadsafe(called.append, "hello")
        await asyncio.sleep(1)
        return called

    assert run(main()) == ["hello"]


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
