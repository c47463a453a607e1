"""One locker's life by a plan, in virtual time and one thread, with every rule asked after every event.

The same plan gives the same life, byte for byte: `trace_hash` is over events, effects, journal and matter.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

import msgspec
from msgspec import Struct

from firmware.assembly import Assembly
from firmware.config import Clock, Config
from firmware.errors import PostomatError, StoreError
from firmware.events import Effect
from firmware.inbox import Post
from firmware.table import Table
from sim import loop as virtual
from sim.disk import Disk
from sim.errands import LIFE
from sim.facts import Facts
from sim.faults import CATALOGUE
from sim.invariants import AFTER_EVENT, AFTER_MATTER, AT_THE_END, AT_TIMES, Rule
from sim.locker import SimLocker
from sim.plan import Happening, Plan
from sim.scenario import Trace, cabinet
from sim.site import PowerCut, Site
from sim.strikes.common import Blow
from sim.world import Cell

SYNC_S = 10.0  # how often the backend looks whether the locker has its newest list
LOOK_S = 60.0  # how often the rules of AT_TIMES are asked


class Broken(PostomatError):
    """An invariant does not hold."""

    def __init__(self, rule: str, at_s: float, what: str, last: Iterable[str]) -> None:
        self.rule = rule
        self.at_s = at_s
        self.what = what
        self.last = tuple(last)
        super().__init__(f"{rule} at {at_s:.3f} s: {what}")


class Breach(Struct, frozen=True):
    """An invariant that broke: which, when, and the last events before."""

    rule: str
    at_s: float
    what: str
    last: tuple[str, ...]


class Life(Struct, frozen=True):
    """How it went. `real_s`: seconds of one core."""

    seed: int
    hours: float
    breach: Breach | None
    trace_hash: str
    real_s: float
    events: int
    exchanges: int
    outages: int
    endings: dict[str, int]
    faults: dict[str, int]
    commands: dict[str, int]  # `kind: outcome`
    transitions: dict[str, int]


def live(plan: Plan) -> Life:
    """Live through the plan, or up to the first broken invariant."""
    begun_s = process_time()
    with counted_transitions() as transitions:
        life = virtual.run(_Life(plan).live())
    return Life(
        **life, transitions=dict(sorted(transitions.items())), real_s=round(process_time() - begun_s, 3)
    )


@contextmanager
def counted_transitions() -> Iterator[Counter[str]]:
    """Count each move of each table, as `table: state trigger`, while this lasts."""
    counted: Counter[str] = Counter()
    fire = Table.fire

    def counting(table: Table[Any, Any], row: Any, trigger: Any) -> None:
        before, guarded = row.state, ""
        fire(table, row, trigger)
        if any(move.guard for move in table.moves if move.trigger is trigger and before in move.sources):
            guarded = f" → {row.state}"
        counted[f"{table.name}: {before} {trigger}{guarded}"] += 1

    Table.fire = counting  # type: ignore[assignment, method-assign]
    try:
        yield counted
    finally:
        Table.fire = fire  # type: ignore[method-assign]


class _Life:
    """One life under way."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.fired: Counter[str] = Counter()
        self.trace = Trace()

    async def live(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._strayed)
        disk = Disk(f"seed {self.plan.seed}", random.Random(f"disk {self.plan.seed}"))
        try:
            locker = SimLocker(self._config(), Path("/locker"), self.plan.seed, disk=disk)
            self.ended: asyncio.Future[Broken | None] = loop.create_future()
            self.site = Site(locker, random.Random(f"office {self.plan.seed}"))
            self.facts = Facts(self.site)
            locker.observe(self._follow)
            self.trace.watch(locker.world)
            locker.world.observe(self._matter)
            breach = await self._through()
        finally:
            disk.unregister()
        return {
            "seed": self.plan.seed,
            "hours": self.plan.hours,
            "breach": breach and Breach(breach.rule, round(breach.at_s, 6), breach.what, breach.last),
            "trace_hash": self.trace.digest(),
            "events": self.facts.events,
            "exchanges": sum(line.transmissions for line in locker.cabinet.lines.values()) // 2,
            "outages": self.site.outages,
            "endings": dict(sorted(Counter(kind.value for kind in self.facts.ended.values()).items())),
            "faults": dict(sorted(self.fired.items())),
            "commands": dict(sorted(self.site.afar.answered.items())),
        }

    def _config(self) -> Config:
        """Every other machine has a battery clock."""
        return msgspec.structs.replace(
            cabinet(self.plan.workload), clock=Clock(battery=self.plan.seed % 2 == 1)
        )

    async def _through(self) -> Broken | None:
        """Start everything; wait for the end of the plan or the first breach; stop everything."""
        loop = asyncio.get_running_loop()
        await self.site.switch_on()
        tasks = [
            loop.create_task(each) for each in (self._guard(), self._sync(), self._look(), self._begin_all())
        ]
        timer = loop.call_later(self.plan.seconds, self._finish)
        try:
            return await self.ended
        finally:
            timer.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self.site.locker.kill()

    async def _begin_all(self) -> None:
        """Each happening in its time, as a task of its own."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        async with asyncio.TaskGroup() as group:
            for happening in self.plan.happenings:
                await asyncio.sleep(max(0.0, begun_s + happening.at_s - loop.time()))
                group.create_task(self._begin(happening))

    async def _begin(self, happening: Happening) -> None:
        chance = random.Random(happening.seed)
        try:
            if happening.kind == "fault":
                blow = Blow(chance, lambda: self._fired(happening.of))
                await CATALOGUE[happening.of].strike(self.site, blow)
            else:
                await LIFE[happening.kind](self.site, chance, happening.of, happening.manner)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this life
            self._break("nobody_in_the_world_raises", f"{happening}: {type(error).__name__}: {error}")

    async def _guard(self) -> None:
        """The machine's own init: whatever ends the controller, it is started anew; what is a bug ends this life."""
        while True:
            cuts = self.site.locker.disk.cuts if self.site.locker.disk else 0
            try:
                await self.site.locker.ended()
            except PowerCut:
                pass  # the fault that cut it sees to the outage
            except StoreError as error:
                if self.site.locker.disk and self.site.locker.disk.cuts == cuts:
                    self.trace.add(f"the controller ends: {error}")
                    await self.site.outage(2, power=False)
            except Exception as error:  # noqa: BLE001 - whatever a bug raises
                self._break("the_controller_does_not_raise", f"{type(error).__name__}: {error}")
            await asyncio.sleep(0.5)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_S)
            self.site.office.sync()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self.site.locker.assembly is not None:
                self._ask(AT_TIMES)

    def _finish(self) -> None:
        if self.site.locker.assembly is not None:
            self._ask((*AT_TIMES, *AT_THE_END))
        if not self.ended.done():
            self.ended.set_result(None)

    # What is seen

    def _follow(self, parts: Assembly) -> None:
        self.facts.follow(parts)
        self.trace.follow(parts)
        parts.runtime.observers.append(self._event)

    def _event(self, post: Post, effects: list[Effect]) -> None:
        self.site.afar.take_event(post.event, effects)
        self.facts.take_event(post, effects)
        self._ask(AFTER_EVENT)
        self.facts.done()

    def _matter(self, cell: Cell) -> None:
        self.facts.take_matter(cell)
        self._ask(AFTER_MATTER)

    def _ask(self, rules: tuple[Rule, ...]) -> None:
        for rule in rules:
            try:
                wrong = next(iter(rule(self.facts)), None)
            except StoreError as error:
                wrong = None if self.site.disk_fails else str(error)
            if wrong is not None:
                self._break(rule.__name__, wrong)

    def _fired(self, name: str) -> None:
        self.fired[name] += 1
        self.trace.add(f"{self.facts.now_s} fault {name}")
        self.facts.last.append(f"{self.facts.now_s:.3f} fault {name}")

    def _strayed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, PowerCut | None):
            self._break("nothing_raises_unseen", f"{context['message']}: {type(error).__name__}: {error}")

    def _break(self, rule: str, what: str) -> None:
        if not self.ended.done():
            self.ended.set_result(Broken(rule, self.facts.now_s, what, self.facts.last))
