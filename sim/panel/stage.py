"""One live locker with all that surrounds it on the panel: built before it is switched on, and taken down after it."""

import asyncio
import random

from firmware.errors import StoreError
from sim.blows import Blows
from sim.commits import Commits
from sim.deeds import Deeds
from sim.glass import Glass
from sim.locker import SimLocker
from sim.overheard import Overheard
from sim.panel.crowd import Crowd
from sim.panel.held import Held
from sim.panel.hours import Hours
from sim.panel.operators import Operator
from sim.panel.record import Recorder
from sim.panel.scene import Scene
from sim.panel.xray import XRay
from sim.site import PowerCut, Site
from sim.tap import Taps

RESTART_S = 2.0  # until a controller that has ended by itself is started anew, as by systemd
LOOK_S = 0.5
POWER = "power_cut"  # of the catalogue
NETWORK = "link_down"


class Stage:
    """All of it, in the order in which it depends on each other."""

    def __init__(self, locker: SimLocker, glass: Glass, *, cabinet: str, seed: int) -> None:
        chance = random.Random(f"panel {seed}")
        self.locker = locker
        self.glass = glass
        self.seed = seed
        self.powered = True
        self.chance = random.Random(f"blows {seed}")
        self.deeds = Deeds(locker)
        self.overheard = Overheard(locker.cabinet)
        self.site = Site(locker, random.Random(f"office {seed}"), glass)
        self.commits = Commits(locker)
        self.scene = Scene(locker, self.deeds)
        self.operator = Operator(locker)
        self.held = Held(locker, self.deeds, self.scene.holder)
        self.xray = XRay(self.site, self.commits, self.deeds, glass, self.overheard)
        self.hours = Hours(locker, glass, self.overheard)
        self.blows = Blows(self.site)
        self.crowd = Crowd(self.site, chance, self.scene.next_waybill)
        self.recorder = Recorder(locker, self.commits, self.deeds, glass, cabinet=cabinet, seed=seed)
        self.taps = Taps(locker.cabinet, locker.folder)
        self.site.supplied.append(self._supplied)

    async def switch_on(self) -> None:
        """Plug it in for the first time: what happens from now on can be saved."""
        await self.locker.switch_on()
        self.recorder.begin()

    async def guard(self) -> None:
        """The machine's own init: what ends the controller by the world's doing, it is started anew. Raises what a bug raises."""
        while True:
            disk = self.locker.disk
            cuts = disk.cuts if disk is not None else 0
            try:
                await self.locker.ended()
            except PowerCut:
                pass  # the fault that cut it sees to the outage
            except StoreError:
                if disk is None or disk.cuts == cuts:
                    self.xray.cause = self.xray.book.begin("machine", "machine.restart")
                    await self.site.outage(RESTART_S, power=False)
                    self.recorder.restarted()
            await asyncio.sleep(LOOK_S)

    async def close(self) -> None:
        """Send everybody home, end every fault, and switch the locker off."""
        self.held.lower()
        try:
            await self.crowd.stay_away()
            await self.blows.close()
        finally:
            self.taps.close()
            await self.locker.close()

    # What is done to the machine

    def strike(self, name: str, cell: int | None) -> bool:
        """Strike a fault of the catalogue; False where it goes on. Raises KeyError for an unknown name or cell."""
        seed = self.chance.getrandbits(32)
        if not self.blows.strike(name, cell, seed):
            return False
        strike = self.blows.going_on[-1]
        self.recorder.strike(name, strike.cell, seed, lasting=strike.fault.lasting)
        self.xray.book.begin("fault", "fault.strike", name=name, cell=strike.cell)
        return True

    def heal(self, name: str, cell: int | None = None) -> bool:
        """Heal one that lasts; False where there is none."""
        if not self.blows.heal(name, cell):
            return False
        self.recorder.heal(name, cell)
        self.xray.book.begin("fault", "fault.heal", name=name, cell=cell)
        return True

    async def _supplied(self, on: bool) -> None:
        self.powered = on
        line = self.xray.book.begin("machine", "machine.power_on" if on else "machine.power_off")
        self.xray.cause = line if on else None
        self.locker.moved.set()
