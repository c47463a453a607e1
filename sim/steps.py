"""The verbs of a scenario: what people, the backend and matter do, and what is expected to be seen.

A line is a verb, its objects, and `key=value` pairs, as a shell would split them. What is expected is waited for, until
`within` (30s unless told) of the scenario's time has passed; entries of the journal are expected in their order.
"""

import asyncio
import random
from typing import cast

import msgspec

from firmware.control import JournalRow
from firmware.model import DoorState
from firmware.rows import Door, Parcel
from sim import faces, pace
from sim.blows import Blows
from sim.faces import Touch
from sim.faults import CATALOGUE, Part
from sim.locker import SimLocker
from sim.machine_steps import PATIENCE
from sim.overheard import Overheard
from sim.panel.hours import Hours
from sim.scanner_steps import ScannerSteps
from sim.script import Failed, matches, seconds
from sim.site import Site

LONG_S = 60.0  # more than that nobody sits through, live
REACH_S = 4.0  # what a person takes to put something in or take it out


class _Nobody:
    """Every touch of a scenario is waited for."""

    is_waiting = False


class Steps(ScannerSteps):
    """One play of a scenario."""

    def __init__(self, locker: SimLocker, face: Touch) -> None:
        super().__init__(locker, face)
        self._epoch, self._read = 1, 0  # the newest journal entry that was expected
        self._marked_s = asyncio.get_running_loop().time()
        self._blows: Blows | None = None
        live = isinstance(asyncio.get_running_loop(), pace.LiveLoop)
        self._hours = Hours(locker, _Nobody(), Overheard(locker.cabinet)) if live else None

    # People

    async def do_deposit(self, waybill: str, cell: str) -> None:
        """The courier's whole visit: code, open cell, parcel in, door shut, back to idle."""
        await self.do_see("idle")
        await self.do_press("start")
        await self.do_type("deposit", waybill)
        await self.do_see("put_parcel", cell=cell)
        await self.do_put(waybill, cell)
        await self.do_close(cell)
        await self.do_journal("stored", parcel=waybill)
        await self.do_see("idle")
        await self._sync()

    async def do_put(self, waybill: str, cell: str, after: str = f"{REACH_S}s") -> None:
        """Lay a parcel into an open cell."""
        await asyncio.sleep(seconds(after))
        self._locker.world.put(int(cell), waybill)

    async def do_take(self, waybill: str, cell: str, after: str = f"{REACH_S}s") -> None:
        """Take a parcel out of an open cell."""
        await asyncio.sleep(seconds(after))
        found = self._locker.world.take(int(cell))
        if found != waybill:
            raise Failed(f"{found} lay in cell {cell}")

    async def do_close(self, cell: str, latches: str = "yes") -> None:
        """Push a door shut; latches=no: the hook is expected not to catch."""
        if self._locker.world.close(int(cell)) is not (latches == "yes"):
            raise Failed("it did not latch" if latches == "yes" else "it latched")

    async def do_pull(self, cell: str) -> None:
        """Pull at a door."""
        self._locker.world.pull(int(cell))

    async def do_push(self, cell: str) -> None:
        """Lean against a door, for a later pulse."""
        self._locker.world.press(int(cell))

    async def do_let_go(self, cell: str) -> None:
        """Lean no more."""
        self._locker.world.press(int(cell), pressed=False)

    async def do_force(self, cell: str) -> None:
        """A crowbar."""
        self._locker.world.force(int(cell))

    async def do_wait(self, time: str) -> None:
        """Let time pass: 5s, 3m, 2h, 3d. Live, more than a minute is moved over, from deadline to deadline."""
        if self._hours is None or seconds(time) <= LONG_S:
            await asyncio.sleep(seconds(time))
        elif (why := await self._hours.move(seconds(time))) is not None:
            raise Failed(f"time cannot be moved: {why}")

    async def do_mark(self) -> None:
        """The moment from which `at` counts; unless there is one, the beginning."""
        self._marked_s = asyncio.get_running_loop().time()

    async def do_at(self, time: str) -> None:
        """Wait for a moment, so long after the mark; one that has passed is no mistake."""
        await asyncio.sleep(max(0.0, self._marked_s + seconds(time) - asyncio.get_running_loop().time()))

    async def do_page(self, fate: str) -> None:
        """`page loaded`: a fresh page takes the kiosk's place; `page closed`: the browser is gone."""
        screen = self._screen_of_ours()
        {"loaded": screen.join, "closed": screen.leave}[fate]()

    # Faults of the catalogue

    async def do_strike(self, fault: str, cell: str | None = None, seed: str = "0") -> None:
        """Strike a fault of sim/faults.py by hand, at once where it can, at a cell where it is one of a cell."""
        if CATALOGUE[fault].part is not Part.CAMERA:
            self._screen_of_ours()
        if self._blows is None:
            self._blows = Blows(self._site())
        if not self._blows.strike(fault, int(cell) if cell else None, int(seed)):
            raise Failed(f"{fault} goes on already")

    async def do_heal(self, fault: str, cell: str | None = None) -> None:
        """End a fault that lasts until it is healed."""
        if self._blows is None or not self._blows.heal(fault, int(cell) if cell else None):
            raise Failed(f"no {fault} goes on")

    async def end(self) -> None:
        """End what still goes on; what went wrong in it is raised."""
        if self._blows is not None:
            await self._blows.close()

    def _screen_of_ours(self) -> faces.Screen:
        """Raises ValueError where the screen is a real page's."""
        if not isinstance(self._face, faces.MemoryKiosk):
            raise ValueError("in virtual time only")
        return self._face

    def _site(self) -> Site:
        """Where faults strike. Those of the camera touch no screen, and strike before a real page as well."""
        site = Site(self._locker, random.Random(0), cast(faces.Screen, self._face))
        site.crash_scanner = self._crash_scanner
        return site

    # What is expected

    async def do_journal(self, kind: str, within: str = PATIENCE, **fields: str) -> None:
        """Expect an entry after those that were expected before."""
        wanted = {"kind": kind, **fields}

        def found() -> bool:
            for row in self._rows():
                if matches(msgspec.json.decode(row.body), wanted):
                    self._read = row.seq
                    return True
            return False

        await self._until(
            found, lambda: "the journal goes on with " + ", ".join(row.body for row in self._rows()), within
        )

    async def do_quiet(self, kind: str) -> None:
        """Expect that no such entry has come since the last one that was expected."""
        if any(msgspec.json.decode(row.body)["kind"] == kind for row in self._rows()):
            raise Failed(f"there is an entry {kind!r}")

    async def do_parcel(self, waybill: str, state: str) -> None:
        """Expect what the locker believes of a parcel."""
        rows = self._locker.controller.runtime.controller
        await self._until(
            lambda: (row := rows.state.find(Parcel, waybill)) is not None and row.state == state,
            lambda: f"it is {rows.state.find(Parcel, waybill)}",
        )

    async def do_door(self, cell: str, state: str) -> None:
        """Expect what the locker believes of a door."""
        wanted = DoorState(state)
        rows = self._locker.controller.runtime.controller
        await self._until(
            lambda: rows.state.get(Door, int(cell)).state is wanted,
            lambda: f"it is {rows.state.get(Door, int(cell)).state}",
        )

    async def settle(self) -> None:
        """What must hold at the end of every scenario. Raises Failed."""
        self._locker.check()
        await self._until(lambda: self._locker.link.is_settled, lambda: "the backend is behind")
        world, parts = self._locker.world, self._locker.controller
        if world.coils_on_max > 1:
            raise Failed(f"{world.coils_on_max} coils were on at once")
        hot = [
            cell.number for cell in world.cells.values() if cell.coil.longest_s > 1 or cell.coil.hottest_s > 3
        ]
        if hot:
            raise Failed(f"coils beyond their bounds: {hot}")
        if self._locker.backend.alarms:
            raise Failed(f"the backend's alarms: {self._locker.backend.alarms}")
        kept = parts.store.last_seq - parts.store.entries
        await self._until(
            lambda: parts.store.journal(kept, parts.store.entries) == self._locker.backend.ledger.after(kept),
            lambda: "the backend's copy of the journal is not the locker's own",
        )
        if parts.store.load().rows() != parts.runtime.controller.state.rows():
            raise Failed("memory is not what the store would give back")

    def _rows(self) -> list[JournalRow]:
        parts = self._locker.controller
        if (epoch := parts.runtime.controller.state.locker.epoch) != self._epoch:
            self._epoch, self._read = epoch, 0  # a new journal
        return parts.store.journal(self._read, 1_000)
