"""The worker before the lock boards: one thing at a time, nothing late, and what it learns goes back as events."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from firmware.body import LATE_MAX_MS, Body
from firmware.events import BankLost, DoorConfirmed, DoorRead, Event, Pulse, PulseEnded, ReadDoor
from firmware.inbox import Inbox
from firmware.turn import Cabinet
from hal.ports import CoilLimit, NoReply, PulseResult
from sim import loop as virtual
from tests.core.harness import cabinet


class Wire:
    """A line that takes its time and counts what goes on at once."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.takes_s = 0.3
        self.at_once = self.most_at_once = 0
        self.answer: PulseResult | Exception = PulseResult.ACKNOWLEDGED
        self.closed: bool | None = True
        self.offs = self.closes = 0

    async def _take(self, what: Any) -> None:
        self.told.append(what)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.at_once -= 1

    async def pulse(self, bank: str, channel: int, pulse_ms: int) -> PulseResult:
        await self._take((bank, channel, pulse_ms))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def confirm(self, bank: str, channel: int) -> bool | None:
        await self._take((bank, channel))
        return self.closed

    def set_active(self, bank: str, active: bool) -> None:
        self.told.append((bank, active))

    def off(self) -> None:
        self.offs += 1

    async def close(self) -> None:
        self.closes += 1


class Rig:
    """A body with one wire for each of its banks."""

    def __init__(self) -> None:
        self.inbox = Inbox(64)
        self.body = Body(Cabinet(cabinet()), self.inbox)
        self.board, self.pins = Wire(), Wire()
        self.body.attach({"board": self.board, "pins": self.pins})

    async def next(self) -> Event:
        return (await self.inbox.get()).event


def play(act: Callable[[Rig], Awaitable[None]]) -> None:
    async def whole() -> None:
        rig = Rig()
        try:
            await act(rig)
        finally:
            await rig.body.close()

    virtual.run(whole())


def test_pulses_and_readings_go_one_after_the_other() -> None:
    async def act(rig: Rig) -> None:
        rig.body.perform(Pulse(1, 2))
        rig.body.perform(Pulse(2, 4))
        rig.body.perform(ReadDoor(1, 2))
        assert [await rig.next() for _ in range(3)] == [
            PulseEnded(1, 2, PulseResult.ACKNOWLEDGED),
            PulseEnded(2, 4, PulseResult.ACKNOWLEDGED),
            DoorConfirmed(2, 1, True),
        ]
        assert rig.board.told == [("board", 2, 300), ("board", 2)]
        assert rig.pins.told == [("pins", 2, 400)]
        assert rig.board.most_at_once + rig.pins.most_at_once == 2
        rig.body.perform(ReadDoor(1, 4))  # the worker has ended, and begins anew
        rig.pins.closed = None
        assert await rig.next() == DoorConfirmed(4, 1, None)

    play(act)


def test_what_is_asked_for_in_the_very_step_in_which_the_worker_ends_is_done() -> None:
    async def act(rig: Rig) -> None:
        rig.body.perform(Pulse(1, 1))
        await rig.next()
        assert rig.body._worker is not None
        rig.body.perform(Pulse(2, 1))
        assert await rig.next() == PulseEnded(2, 1, PulseResult.ACKNOWLEDGED)

    play(act)


def test_a_pulse_that_waited_too_long_is_not_sent() -> None:
    async def act(rig: Rig) -> None:
        rig.board.takes_s = LATE_MAX_MS / 1_000 + 0.001
        rig.body.perform(ReadDoor(1, 1))
        rig.body.perform(Pulse(2, 2))
        await rig.next()
        assert await rig.next() == PulseEnded(2, 2, PulseResult.NOT_SENT)
        assert rig.board.told == [("board", 1)]

    play(act)


def test_a_pulse_beyond_a_bound_was_not_sent() -> None:
    async def act(rig: Rig) -> None:
        rig.board.answer = CoilLimit("too soon")
        rig.body.perform(Pulse(1, 1))
        assert await rig.next() == PulseEnded(1, 1, PulseResult.NOT_SENT)

    play(act)


def test_a_bug_in_a_driver_ends_the_reader_of_the_inbox() -> None:
    async def act(rig: Rig) -> None:
        rig.board.answer = ZeroDivisionError("a bug")
        rig.body.perform(Pulse(1, 1))
        with pytest.raises(ZeroDivisionError):
            await rig.next()

    play(act)


def test_levels_and_losses_become_events_and_a_technicians_view() -> None:
    async def act(rig: Rig) -> None:
        assert rig.body.banks == {"board": "unread", "pins": "unread"}
        rig.body.on_level("board", 2, False)
        rig.body.on_level("board", 7, False)  # no cell hangs on it
        rig.body.on_lost("pins", NoReply("silent"))
        assert [await rig.next(), await rig.next()] == [DoorRead(2, False), BankLost("pins")]
        assert len(rig.inbox) == 0
        assert rig.body.banks == {"board": "online", "pins": "offline"}
        rig.body.on_level("pins", 1, True)
        assert rig.body.banks["pins"] == "online"

    play(act)


def test_only_a_change_of_pace_is_told() -> None:
    async def act(rig: Rig) -> None:
        rig.body.set_active(frozenset({"board"}))
        rig.body.set_active(frozenset({"board"}))
        rig.body.set_active(frozenset({"pins"}))
        assert rig.board.told == [("board", True), ("board", False)]
        assert rig.pins.told == [("pins", True)]

    play(act)


def test_closing_switches_off_first_and_stops_the_worker() -> None:
    async def act(rig: Rig) -> None:
        rig.body.perform(Pulse(1, 1))
        rig.body.perform(Pulse(2, 2))
        await asyncio.sleep(0.1)
        await rig.body.close()
        assert (rig.board.offs, rig.board.closes, rig.board.at_once) == (1, 1, 0)
        assert (rig.pins.offs, rig.pins.closes) == (1, 1)
        assert rig.board.told == [("board", 1, 300)]
        assert len(rig.inbox) == 0

    play(act)


def test_one_wire_of_two_banks_is_switched_off_once() -> None:
    async def act(rig: Rig) -> None:
        rig.body.attach({"board": rig.board, "pins": rig.board})
        rig.body.off()
        assert rig.board.offs == 1

    play(act)
