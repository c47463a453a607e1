"""The three cards of the panel: short stories in which the machine's part is played, and a person plays his own.

Each step is told to the pages as it begins; the last one says what happened and why. A story that cannot go on says so.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from firmware.model import Purpose, ScreenName
from firmware.rows import Parcel
from sim.backend import Order
from sim.backend import Stage as Of
from sim.deeds import done_by
from sim.panel.messages import Story, StoryState
from sim.panel.scene import BUYERS
from sim.panel.stage import NETWORK, POWER, Stage

OPENS_S = 60.0  # within which a door opens, or the locker is back
TURN_S = 60.0  # a story waits for so long until whoever was served before has done with the screen
PERSON_S = 900.0  # how long a story waits for a person
DARK_S = 4.0  # without power
DAYS = 3
FREE = (ScreenName.IDLE, ScreenName.KEYPAD)
STEPS = {
    "plug": ("open", "off", "on", "close", "why"),
    "offline": ("off", "open", "take", "on", "why"),
    "three_days": ("pass", "expired", "type", "why"),
}


class Stuck(Exception):
    """The story cannot go on."""


class Teller:
    """Tells one story after another."""

    def __init__(self, stage: Stage) -> None:
        self.story: Story | None = None  # as far as it is
        self.version = 0
        self.stage = stage
        self._task: asyncio.Task[None] | None = None

    @property
    def is_telling(self) -> bool:
        return self._task is not None and not self._task.done()

    def begin(self, name: str) -> None:
        """Begin a card. Raises KeyError for an unknown one."""
        play = CARDS[name]
        self._task = asyncio.get_running_loop().create_task(self._through(name, play))

    async def close(self) -> None:
        """End it where it is. Raises what went wrong in it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    def tell(self, name: str, word: str, state: StoryState = StoryState.DOING, **parameters: Any) -> None:
        """A step begins, or the story ends."""
        steps = STEPS[name]
        step = steps.index(word) + 1 if word in steps else len(steps)
        self.story = Story(name, step, len(steps), state, f"story.{name}.{word}", parameters)
        self.version += 1
        self.stage.locker.moved.set()

    async def _through(self, name: str, play: Callable[["Teller"], Awaitable[None]]) -> None:
        try:
            await play(self)
        except Stuck:
            self.tell(name, "failed", StoryState.DONE)

    # What stories are made of

    def waiting(self) -> Order:
        """A parcel of one of the two buyers that waits. Raises Stuck where there is none."""
        for order in self.stage.locker.backend.orders.values():
            lies = self.stage.locker.world.cells[order.cell].parcel == order.waybill
            if order.stage is Of.STORED and order.person in BUYERS and lies:
                return order
        raise Stuck

    async def open(self, order: Order) -> None:
        """Its buyer types the code, and the door opens. Raises Stuck."""
        await self.type(order)
        cell = self.stage.locker.world.cells[order.cell]
        await self.until(lambda: not cell.shut, OPENS_S)

    async def type(self, order: Order) -> None:
        """Its buyer types the code, in his turn. Raises Stuck where the screen stays another's."""
        backend = self.stage.locker.backend
        await self.stage.glass.until(lambda show: show.screen.name in FREE, TURN_S)
        with done_by(order.person):
            code = backend.code(order.waybill, Purpose.PICKUP)
            if not await self.stage.glass.type_code(code, backend.number(order.person)):
                raise Stuck

    async def until(self, holds: Callable[[], bool], within_s: float = OPENS_S) -> None:
        """Wait until it holds. Raises Stuck where it does not come."""
        moved = self.stage.locker.moved
        try:
            async with asyncio.timeout(within_s):
                while not holds():
                    moved.clear()
                    await moved.wait()
        except TimeoutError:
            raise Stuck from None

    def state_of(self, waybill: str) -> str:
        """What the locker believes of a parcel; "" while it is off."""
        parts = self.stage.locker.assembly
        row = parts.runtime.controller.state.find(Parcel, waybill) if parts is not None else None
        return row.state if row is not None else ""

    def behind(self) -> int:
        """How many entries of the journal the backend has not read."""
        parts = self.stage.locker.assembly
        return parts.store.last_seq - self.stage.locker.backend.ledger.last if parts is not None else 0


async def _plug(teller: Teller) -> None:
    """The plug is pulled while a door is open: afterwards the opening still belongs to its buyer."""
    stage, order = teller.stage, teller.waiting()
    about: dict[str, Any] = {"parcel": order.waybill, "cell": order.cell, "person": order.person}
    teller.tell("plug", "open", **about)
    await teller.open(order)
    teller.tell("plug", "off", **about)
    if not stage.strike(POWER, None):
        raise Stuck
    await asyncio.sleep(DARK_S)
    teller.tell("plug", "on", **about)
    stage.heal(POWER)
    await teller.until(lambda: teller.state_of(order.waybill) != "" and stage.glass.show is not None)
    teller.tell("plug", "close", StoryState.WAITING, **about)
    cell = stage.locker.world.cells[order.cell]
    await teller.until(lambda: cell.shut, PERSON_S)
    await teller.until(lambda: teller.state_of(order.waybill) not in ("", "claimed"))
    teller.tell("plug", "why", StoryState.DONE, **about, taken=cell.parcel is None)


async def _offline(teller: Teller) -> None:
    """The network is cut, and a parcel is collected all the same: the locker judges, and tells it later."""
    stage, order = teller.stage, teller.waiting()
    about: dict[str, Any] = {"parcel": order.waybill, "cell": order.cell, "person": order.person}
    teller.tell("offline", "off", **about)
    if not stage.strike(NETWORK, None):
        raise Stuck
    try:
        teller.tell("offline", "open", **about)
        await teller.open(order)
        teller.tell("offline", "take", StoryState.WAITING, **about)
        cell = stage.locker.world.cells[order.cell]
        await teller.until(lambda: cell.shut, PERSON_S)
        await teller.until(lambda: teller.state_of(order.waybill) != "claimed")
        entries = teller.behind()
        teller.tell("offline", "on", **about, entries=entries)
    finally:
        stage.heal(NETWORK)
    await teller.until(lambda: teller.behind() == 0)
    teller.tell("offline", "why", StoryState.DONE, **about, entries=entries)


async def _three_days(teller: Teller) -> None:
    """Storage ends after three days: the code opens nothing any more, and the money goes back."""
    stage, order = teller.stage, teller.waiting()
    about: dict[str, Any] = {
        "parcel": order.waybill,
        "cell": order.cell,
        "person": order.person,
        "account": order.account,
    }
    teller.tell("three_days", "pass", **about)
    if await stage.hours.move(DAYS * 86_400.0) is not None:
        raise Stuck
    teller.tell("three_days", "expired", **about)
    backend = stage.locker.backend
    await teller.until(lambda: any(refund.waybill == order.waybill for refund in backend.refunds))
    teller.tell("three_days", "type", **about)
    await teller.type(order)
    await teller.until(lambda: (show := stage.glass.show) is not None and show.screen.notice == "expired")
    teller.tell("three_days", "why", StoryState.DONE, **about)


CARDS: dict[str, Callable[[Teller], Awaitable[None]]] = {
    "plug": _plug,
    "offline": _offline,
    "three_days": _three_days,
}
