"""Time by hand: faster, standing, to the next deadline, by an hour, by a day.

Time is moved only while nothing is in flight, and from one deadline of the controller's to the next: so each comes in its own
moment, and what it does is done before the next one is due. What lies between, the locker would have spent polling.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from firmware.assembly import Assembly
from firmware.events import DoorConfirmed, Effect, Pulse, PulseEnded, ReadDoor
from firmware.inbox import Post
from firmware.model import DoorState
from firmware.rows import Door
from sim import pace
from sim.locker import SimLocker
from sim.overheard import Overheard
from sim.panel.acts import Time, TimeOp
from sim.panel.messages import Why
from sim.world import Cell

QUIET_S = 5.0  # how long a move waits for what is in flight
LOOK_S = 0.005
STEPS_S = {TimeOp.HOUR: 3_600.0, TimeOp.DAY: 86_400.0}
HOPS_MAX = 1_000  # deadlines within one move


class Waits(Protocol):
    """Whoever may have touched a screen."""

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still to come."""
        ...


class Hours:
    """The time of one live locker."""

    def __init__(self, locker: SimLocker, glass: Waits, overheard: Overheard) -> None:
        self._locker = locker
        self._glass = glass
        self._overheard = overheard
        self._asked: set[int] = set()  # intents that the body works at
        self._moving = asyncio.Lock()
        self._seen_s = 2 / locker.config.locks.poll_idle_hz  # within which the locker has seen what hands did
        self._matter_s = float("-inf")  # the last time that a door moved
        self.speed = 1.0  # as they were chosen; during a move time goes as it must
        self.paused = False
        locker.observe(self._follow)
        locker.world.observe(self._moved)

    @property
    def in_flight(self) -> bool:
        """Whether anything moves that time must not overtake: a touch, a pulse, a bolt, a door under its spring."""
        world, parts = self._locker.world, self._locker.assembly
        if self._glass.is_waiting or any(_moves(cell) for cell in world.cells.values()):
            return True
        return parts is not None and (
            len(parts.inbox) > 0
            or bool(self._asked)
            or any(row.state is DoorState.UNLOCKING for row in parts.runtime.controller.state.all(Door))
        )

    async def act(self, time: Time) -> Why | None:
        """Do it; why not, where it cannot be done."""
        loop = pace.the_loop()
        match time.op:
            case TimeOp.PAUSE | TimeOp.RESUME:
                self.paused = time.op is TimeOp.PAUSE
                self._go(loop)
            case TimeOp.SPEED:
                self.speed = time.x
                self._go(loop)
            case TimeOp.NEXT:
                due_s = self.next_due_s()
                if self._locker.assembly is None or due_s is None:
                    return Why.NO_POWER if self._locker.assembly is None else Why.NO_DEADLINE
                return await self.move(max(0.0, due_s - loop.time()))
            case op:
                return await self.move(STEPS_S[op])
        self._locker.moved.set()
        return None

    async def move(self, seconds: float) -> Why | None:
        """Move time on by so much, one move after the other.

        Why.IN_FLIGHT where something stays in flight: then it has moved as far as it could.
        """
        loop = pace.the_loop()
        async with self._moving:
            with self._at_walking_pace(loop):
                until_s, done_s = loop.time() + seconds, float("-inf")
                for _ in range(HOPS_MAX):
                    if not await self._quiet():
                        return Why.IN_FLIGHT
                    due_s = self.next_due_s()
                    hop_s = until_s if due_s is None or not done_s < due_s < until_s else due_s
                    loop.move(max(0.0, hop_s - loop.time()))
                    done_s = hop_s
                    await asyncio.sleep(LOOK_S)  # what was due takes its turn
                    if hop_s == until_s:
                        break
                await self._quiet()
        self._locker.moved.set()
        return None

    def next_due_s(self) -> float | None:
        """The controller's next deadline, in the loop's time."""
        parts = self._locker.assembly
        due = parts.runtime.controller.next_due(parts.runtime.now()) if parts is not None else None
        return due[0] / 1_000 if due is not None else None

    def _go(self, loop: pace.LiveLoop) -> None:
        """As it was chosen, but not in the midst of a move, which does so at its end."""
        if not self._moving.locked():
            loop.run_at(self.speed)
            loop.pause(self.paused)

    @contextmanager
    def _at_walking_pace(self, loop: pace.LiveLoop) -> Iterator[None]:
        """Time runs, as slowly as it may, so that what is in flight comes to its end and nothing else is overtaken."""
        loop.run_at(1.0)
        loop.pause(False)
        try:
            yield
        finally:
            loop.run_at(self.speed)
            loop.pause(self.paused)

    async def _quiet(self) -> bool:
        """Wait until nothing is in flight and nobody waits for an answer; False where that does not come."""
        if self._locker.link.is_attached:
            self._locker.link.sync()
        for _ in range(round(QUIET_S / LOOK_S)):
            if self._is_quiet():
                return True
            await asyncio.sleep(LOOK_S)
        return False

    def _is_quiet(self) -> bool:
        link = self._locker.link
        seen = asyncio.get_running_loop().time() >= self._matter_s + self._seen_s
        told = not link.is_attached or link.is_settled
        return seen and told and not self.in_flight and self._overheard.is_quiet()

    def _moved(self, cell: Cell) -> None:
        self._matter_s = asyncio.get_running_loop().time()

    def _follow(self, parts: Assembly) -> None:
        self._asked.clear()
        parts.runtime.observers.append(self._handled)

    def _handled(self, post: Post, effects: list[Effect]) -> None:
        if isinstance(post.event, PulseEnded | DoorConfirmed):
            self._asked.discard(post.event.intent)
        self._asked.update(each.intent for each in effects if isinstance(each, Pulse | ReadDoor))


def _moves(cell: Cell) -> bool:
    """A coil under current, a bolt or a door on its way."""
    return cell.drawing is not None or cell.popping is not None or cell.coil.on_at_s is not None
