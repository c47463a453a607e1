"""The verbs of a scenario that are about matter and the machine: locks, sensors, wires, power, disk and clock."""

import asyncio
import contextlib
import shutil
from collections.abc import Callable

from sim.locker import SimLocker
from sim.script import Failed, TimedOut, seconds
from sim.site import PowerCut
from sim.world import Condition, Sensor

PATIENCE = "30s"


class MachineSteps:
    """What happens to the locker without anybody at the screen."""

    def __init__(self, locker: SimLocker) -> None:
        self._locker = locker

    async def do_afflict(self, cell: str, condition: str) -> None:
        """Give a lock or door one of `sim.world.Condition`."""
        self._locker.world.afflict(int(cell), Condition(condition))

    async def do_sensor(self, cell: str, sensor: str) -> None:
        """Give a contact one of `sim.world.Sensor`."""
        self._locker.world.break_sensor(int(cell), Sensor(sensor))

    async def do_restart(self) -> None:
        """Stop the controller and start it again; the machine stays on."""
        await self._locker.switch_off()
        await self._locker.switch_on()

    async def do_clock(self, what: str, much: str = "") -> None:
        """The machine's clock: `clock step 3d`, `clock step -90s`, `clock drift 100` (ppm), `clock empty` (its battery)."""
        clock = self._locker.clock
        match what:
            case "step":
                clock.step(round(1_000 * seconds(much.removeprefix("-"))) * (-1 if much[0] == "-" else 1))
            case "drift":
                clock.drift(float(much))
            case "empty":
                clock.battery = False
            case _:
                raise ValueError(f"no clock {what!r}")

    async def do_date(self, later: str) -> None:
        """`date 31d`: it is found to be so much later, as after a long time in a box."""
        self._locker.clock.pass_by(round(1_000 * seconds(later)))

    async def do_time(self, what: str, within: str = "1s") -> None:
        """`time sure within=30s` or `time unsure`: expect the locker to know what time it is, to within so much, or not to."""

        def off() -> tuple[bool, float]:
            now = self._locker.controller.runtime.now()
            return now.sure, (now.utc_ms - self._locker.clock.true_ms()) / 1_000

        def holds() -> bool:
            sure, off_s = off()
            return sure is {"sure": True, "unsure": False}[what] and (
                not sure or abs(off_s) <= seconds(within)
            )

        await self._until(holds, lambda: f"sure {off()[0]}, off by {off()[1]} s")

    async def do_power(self, state: str) -> None:
        """`power off`: from one moment to the next; `power on`: another boot."""
        cabinet = self._locker.cabinet
        for line in cabinet.lines.values():
            line.cut = state == "off"  # bytes under way are lost with the power
        if state == "off":
            self._locker.clock.power_goes()
            await self._locker.kill()
            for board in cabinet.boards.values():
                board.reset()
        elif state == "on":
            self._locker.power_returns()
            await self._locker.switch_on()
        else:
            raise ValueError(f"power is on or off, not {state}")

    async def do_service(self, word: str) -> None:
        """`service restarts`: the controller has ended by itself, and systemd starts it anew."""
        if word != "restarts":
            raise ValueError(f"no service {word!r}")
        await self._locker.gone()
        await self._locker.kill()
        await self._locker.switch_on()

    async def do_database(self, fate: str) -> None:
        """With the power off: `saved` and later `rolled-back` to what was saved, or `damaged`."""
        database, kept = self._locker.folder / "postomat.db", self._locker.folder / "saved"
        if fate == "saved":
            shutil.copy(database, kept)
        elif fate == "rolled-back":
            shutil.copy(kept, database)
        elif fate == "damaged":
            database.write_bytes(b"\0" * database.stat().st_size)
        else:
            raise ValueError(f"a database is saved, rolled-back or damaged, not {fate}")

    async def do_disk(self, state: str) -> None:
        """`disk full`, `free`, `broken` (nothing can be written, as after a card has turned read-only) or `whole`."""
        disk = self._locker.disk
        if disk is None:
            raise ValueError("a scenario whose disk is to fail says `disk = true`")
        if state in ("full", "free"):
            disk.space.capacity_bytes = disk.space.used_bytes if state == "full" else None
        elif state == "broken":
            disk.fail(times=None)
        elif state == "whole":
            disk.mend()
        else:
            raise ValueError(f"a disk is full, free, broken or whole, not {state}")

    async def do_bus(self, name: str, state: str) -> None:
        """`bus NAME unplugged`, `plugged`, `cut` or `whole`: the adapter, or the wires behind it."""
        port, line = self._locker.cabinet.ports[name], self._locker.cabinet.lines[name]
        acts = {"unplugged": port.unplug, "plugged": port.plug}
        if state in acts:
            acts[state]()
        else:
            line.cut = {"cut": True, "whole": False}[state]

    async def do_link(self, state: str) -> None:
        """`link down`, `link up`: the locker's network; what is down stays down over a start."""
        self._locker.uplink.network(up={"down": False, "up": True}[state])

    async def do_holds(self, cell: str, waybill: str) -> None:
        """Expect what really lies in a cell: a waybill, or `nothing`."""
        found = self._locker.world.cells[int(cell)].parcel or "nothing"
        if found != waybill:
            raise Failed(f"cell {cell} holds {found}")

    async def do_pulses(self, cell: str, count: str) -> None:
        """Expect how often a coil was really energised since the world began."""
        found = self._locker.world.cells[int(cell)].coil.pulses
        if found != int(count):
            raise Failed(f"{found} pulses")

    async def _until(
        self, holds: Callable[[], bool], what: Callable[[], str], within: str = PATIENCE
    ) -> None:
        """Return once it holds. Raises TimedOut with what is the case instead, or what ended the controller."""
        try:
            async with asyncio.timeout(seconds(within)):
                while not holds():
                    with contextlib.suppress(PowerCut):  # a strike of the scenario's own
                        self._locker.check()
                    self._locker.moved.clear()
                    await self._locker.moved.wait()
        except TimeoutError:
            raise TimedOut(what()) from None
