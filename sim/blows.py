"""Faults by hand: strikes of the catalogue that somebody aims, by name, and heals again."""

import asyncio
import random
from dataclasses import dataclass, field

from sim.deeds import FAULT, WHO
from sim.faults import CATALOGUE, Fault
from sim.site import Site
from sim.strikes.common import Blow


@dataclass(eq=False)
class Strike:
    """One strike that goes on."""

    fault: Fault
    cell: int | None
    healed: asyncio.Event | None
    task: "asyncio.Task[None]"
    struck: bool = False  # it has taken effect; until then it waits for its moment


@dataclass(eq=False)
class Blows:
    """All strikes by hand at one site."""

    site: Site
    going_on: list[Strike] = field(default_factory=list)
    _tasks: "list[asyncio.Task[None]]" = field(
        default_factory=list
    )  # also of what is healed and not over yet

    def strike(self, name: str, cell: int | None = None, seed: int = 0) -> bool:
        """Strike; False where this very fault goes on already. Raises KeyError for an unknown name, or a cell."""
        fault = CATALOGUE[name]
        cell = self.site.world.cells[cell].number if fault.per_cell and cell is not None else None
        if self.find(name, cell) is not None:
            return False
        healed = asyncio.Event() if fault.lasting else None

        def fired() -> None:
            strike.struck = True
            self.site.locker.moved.set()

        blow = Blow(random.Random(seed), fired, aimed=True, cell=cell, healed=healed)
        task = asyncio.get_running_loop().create_task(self._through(fault, blow))
        strike = Strike(fault, cell, healed, task)
        self._tasks = [*(other for other in self._tasks if not _ended_well(other)), task]
        self.going_on.append(strike)
        return True

    def heal(self, name: str, cell: int | None = None) -> bool:
        """End a lasting one; False where there is none."""
        strike = self.find(name, cell)
        if strike is None or strike.healed is None:
            return False
        strike.healed.set()
        self.going_on.remove(strike)
        self.site.locker.moved.set()
        return True

    def find(self, name: str, cell: int | None = None) -> Strike | None:
        """The strike of this name that goes on, at this cell."""
        return next((each for each in self.going_on if (each.fault.name, each.cell) == (name, cell)), None)

    async def close(self) -> None:
        """End all of them where they are. Raises what one of them raised."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for task in self._tasks:
            if not task.cancelled():
                task.result()

    async def _through(self, fault: Fault, blow: Blow) -> None:
        WHO.set(f"{FAULT}:{fault.name}")
        try:
            await fault.strike(self.site, blow)
        finally:
            mine = asyncio.current_task()
            self.going_on[:] = [each for each in self.going_on if each.task is not mine]
            self.site.locker.moved.set()


def _ended_well(task: "asyncio.Task[None]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
