"""The wall clock is the machine's, and it claims to be synchronised only where the kernel says so."""

import ctypes
import time
from typing import Any

import pytest

from hal.clock import SystemClock
from hal.ports import WallClock


def test_the_time_is_the_machines() -> None:
    clock: WallClock = SystemClock()
    before_ms = time.time_ns() // 1_000_000
    assert before_ms <= clock.utc_ms() <= time.time_ns() // 1_000_000


def test_it_says_whether_the_kernel_is_synchronised() -> None:
    assert SystemClock().synchronised() in {True, False}


@pytest.mark.parametrize(
    ("result", "status", "synchronised"),
    [(0, 0x2001, True), (0, 0x0040, False), (5, 0, False), (-1, 0, False)],
)
def test_what_the_kernel_may_answer(
    monkeypatch: pytest.MonkeyPatch, result: int, status: int, synchronised: bool
) -> None:
    class Kernel:
        def __init__(self, _: None) -> None: ...

        def adjtimex(self, state: Any) -> int:
            assert state._obj.modes == 0
            state._obj.status = status
            return result

    monkeypatch.setattr(ctypes, "CDLL", Kernel)
    assert SystemClock().synchronised() is synchronised


def test_where_there_is_no_such_call_it_is_not_synchronised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not SystemClock().synchronised()
