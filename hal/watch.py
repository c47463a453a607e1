"""The eyes on one line: it polls its banks one after another and tells only of changes.

Above this module a level is a fact: polarity is applied, a change was read twice, and a bank that stays silent is lost
once and found once. A bank with a door that matters now is polled at the active rate, the others at the idle rate; a
difference is looked at again at the active rate whatever the bank is. One task per line, and no thread: callbacks run
on the loop between two readings.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hal.ports import HalError, LockBank, PulseResult

OnLevel = Callable[[str, int, bool | None], None]
OnLost = Callable[[str, HalError], None]

CONFIRM_READINGS_MAX = 4
BOUNCE_MS = 20  # two readings closer together are one: a switch bounces for less


@dataclass(frozen=True, slots=True)
class _Doubt:
    closed: bool | None
    read_at_s: float


@dataclass(eq=False, slots=True)
class _Watched:
    bank: LockBank
    closed_level: bool
    active: bool = False
    misses: int = 0
    lost: bool = False
    due_s: float = -math.inf
    settled: tuple[bool | None, ...] | None = None  # a reading that is no news in any channel
    told: dict[int, bool | None] = field(default_factory=dict)
    doubted: dict[int, _Doubt] = field(default_factory=dict)  # read once, and unlike what was told

    def closed(self, level: bool | None) -> bool | None:
        """What a raw level means."""
        return None if level is None else level == self.closed_level


class Watch:
    """The banks of one line, a bus or a set of pins."""

    def __init__(
        self,
        banks: Sequence[tuple[LockBank, bool]],
        on_level: OnLevel,
        on_lost: OnLost,
        *,
        poll_idle_hz: float = 1,
        poll_active_hz: float = 10,
        offline_after_misses: int = 3,
    ) -> None:
        """Make it on the loop it is to run on. `banks`: each with its `closed_level`, the raw level that means closed.

        `on_level(bank, channel, closed)`: a change, None where the bank says nothing of the channel; each channel's
        first reading after the start or a loss is one. `on_lost(bank, error)`: that many readings in a row failed.
        What a callback raises ends the watch. Raises ValueError for two banks of one name.
        """
        self._banks = {bank.name: _Watched(bank, closed_level) for bank, closed_level in banks}
        if len(self._banks) != len(banks):
            raise ValueError(f"two banks have one name: {', '.join(bank.name for bank, _ in banks)}")
        self._loop = asyncio.get_running_loop()
        self._on_level = on_level
        self._on_lost = on_lost
        self._idle_s = 1 / poll_idle_hz
        self._active_s = 1 / poll_active_hz
        self._offline_after_misses = offline_after_misses
        self._news: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Poll until cancelled. No HalError ends it."""
        while True:
            watched = min(self._banks.values(), key=lambda each: each.due_s)
            if self._loop.time() < watched.due_s:
                await self._wait(watched.due_s)
                continue
            asked_s = self._loop.time()
            # Due again before the reading, so that whoever hurries the bank meanwhile is not overruled.
            watched.due_s = asked_s + self._idle_s
            await self._read(watched)
            watched.due_s = min(watched.due_s, asked_s + self._period_s(watched))

    def set_active(self, bank: str, active: bool) -> None:
        """A door of this bank matters now, or no longer. Raises KeyError for an unknown bank."""
        watched = self._banks[bank]
        if active and not watched.active:
            self._hurry(watched)
        watched.active = active

    async def confirm(self, bank: str, channel: int) -> bool | None:
        """Whether the channel is closed by two equal readings taken now; None where it could not be had.

        Takes at most CONFIRM_READINGS_MAX readings at the active rate. Raises KeyError for an unknown bank.
        """
        watched = self._banks[bank]
        before: bool | None = None
        for attempt in range(CONFIRM_READINGS_MAX):
            if attempt:
                await asyncio.sleep(self._active_s)
            levels = await self._read(watched)
            if levels is None:
                return None
            closed = watched.closed(levels[channel - 1]) if channel <= len(levels) else None
            if closed is not None and closed == before:
                return closed
            before = closed
        return None

    async def pulse(self, bank: str, channel: int, pulse_ms: int) -> PulseResult:
        """As LockBank.pulse, before any poll that has not begun; the bank is read next. Raises CoilLimit, KeyError."""
        watched = self._banks[bank]
        try:
            return await watched.bank.pulse(channel, pulse_ms)
        finally:
            self._hurry(watched)

    def _period_s(self, watched: _Watched) -> float:
        in_doubt = watched.doubted or (watched.misses and not watched.lost)
        return self._active_s if watched.active or in_doubt else self._idle_s

    async def _read(self, watched: _Watched) -> tuple[bool | None, ...] | None:
        """One reading, told where it is news: raw levels, or None where there was no reading."""
        try:
            levels = await watched.bank.read()
        except HalError as error:
            watched.misses += 1
            if watched.misses >= self._offline_after_misses and not watched.lost:
                watched.lost, watched.settled = True, None
                watched.told.clear()
                watched.doubted.clear()
                self._on_lost(watched.bank.name, error)
            return None
        watched.misses, watched.lost = 0, False
        if levels != watched.settled:
            for channel, level in enumerate(levels, 1):
                self._compare(watched, channel, watched.closed(level))
            watched.settled = None if watched.doubted else levels
        return levels

    def _compare(self, watched: _Watched, channel: int, closed: bool | None) -> None:
        """A first reading is news, and so is a difference that was read twice, BOUNCE_MS apart or more."""
        if channel in watched.told:
            doubt = watched.doubted.get(channel)
            if watched.told[channel] == closed:
                watched.doubted.pop(channel, None)
                return
            if doubt is None or doubt.closed != closed:
                watched.doubted[channel] = _Doubt(closed, self._loop.time())
                return
            if self._loop.time() < doubt.read_at_s + BOUNCE_MS / 1_000:
                return
        watched.doubted.pop(channel, None)
        watched.told[channel] = closed
        self._on_level(watched.bank.name, channel, closed)

    def _hurry(self, watched: _Watched) -> None:
        watched.due_s = -math.inf
        if self._news and not self._news.done():
            self._news.set_result(None)

    async def _wait(self, until_s: float) -> None:
        self._news = self._loop.create_future()
        timer = self._loop.call_at(until_s, _set, self._news)
        try:
            await self._news
        finally:
            timer.cancel()
            self._news = None


def _set(news: asyncio.Future[None]) -> None:
    if not news.done():
        news.set_result(None)
