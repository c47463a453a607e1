"""The live loop's time: real seconds × speed + offset, standing while paused, never back, and no hiccup passes through."""

import asyncio
import selectors
import socket
import time
from collections.abc import Callable

import pytest

from sim import pace
from sim.pace import SPEED_MAX, STEP_MAX_S, WAIT_MAX_S, LiveLoop


def stall(real_s: float) -> None:
    """A callback that computes for long."""
    time.sleep(real_s)


def test_an_hour_is_moved_and_its_timers_are_due_in_their_order() -> None:
    async def play() -> list[str]:
        loop, rung = pace.the_loop(), list[str]()
        done = asyncio.Event()
        loop.call_later(3_600, lambda: (rung.append("hour"), done.set()))  # type: ignore[func-returns-value]
        loop.call_later(60, rung.append, "minute")
        loop.call_later(7_200, rung.append, "two hours")
        began_s = loop.time()
        loop.move(3_600)
        await done.wait()
        assert 3_600 <= loop.time() - began_s < 7_200
        assert loop.moved_s == 3_600
        return rung

    assert pace.run(play()) == ["minute", "hour"]


def test_paused_time_stands_while_sockets_are_served() -> None:
    async def play() -> None:
        loop = pace.the_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            rung: list[str] = []
            loop.call_later(0.01, rung.append, "timer")
            loop.pause(True)
            stands_s = loop.time()
            for turn in range(5):
                stall(0.02)
                theirs.send(b"x")
                assert await loop.sock_recv(ours, 1) == b"x", turn
            assert (loop.time(), rung) == (stands_s, [])
            loop.pause(False)
            await asyncio.sleep(0.02)
            assert rung == ["timer"]

    pace.run(play())


def test_it_runs_faster_and_a_wait_is_as_much_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    real_s, asked = [100.0], list[float | None]()
    monkeypatch.setattr(asyncio.BaseEventLoop, "time", lambda self: real_s[0])
    monkeypatch.setattr(selectors.DefaultSelector, "select", lambda self, timeout=None: asked.append(timeout))
    loop = LiveLoop()
    selector = loop._selector  # type: ignore[attr-defined]
    loop.run_at(SPEED_MAX)
    real_s[0] += 0.0004
    assert loop.time() == pytest.approx(0.004)
    for timeout in (2.0, 0, None):
        selector.select(timeout)
    loop.pause(True)
    selector.select(2.0)
    selector.select(0)
    assert asked == [WAIT_MAX_S / SPEED_MAX, 0, None, None, 0]
    loop.close()


def test_a_hiccup_of_the_machine_does_not_pass_as_time() -> None:
    async def play() -> float:
        loop = pace.the_loop()
        loop.run_at(SPEED_MAX)
        await asyncio.sleep(0)
        began_s = loop.time()
        stall(0.2)
        held_s = loop.time() - began_s
        await asyncio.sleep(0)
        assert loop.time() - began_s < 3 * STEP_MAX_S
        return held_s

    assert 0 <= pace.run(play()) <= STEP_MAX_S


def test_time_never_goes_back_whatever_is_done_to_it() -> None:
    async def play() -> None:
        loop = pace.the_loop()
        acts: list[Callable[[], object]] = [
            lambda: loop.run_at(10), lambda: loop.pause(True), lambda: loop.run_at(1), lambda: loop.pause(False),
            lambda: loop.move(5), lambda: stall(0.06), lambda: loop.run_at(3),
        ]  # fmt: skip
        seen_s = loop.time()
        for act in acts * 3:
            act()
            for _ in range(3):
                now_s = loop.time()
                assert now_s >= seen_s
                seen_s = now_s
                await asyncio.sleep(0)

    pace.run(play())


@pytest.mark.parametrize("speed", [0.0, 0.99, SPEED_MAX + 0.01, float("nan")])
def test_speeds_have_bounds(speed: float) -> None:
    loop = LiveLoop()
    with pytest.raises(ValueError, match="from 1 to 10"):
        loop.run_at(speed)
    with pytest.raises(ValueError, match="does not go back"):
        loop.move(-1)
    loop.close()
