"""A whole simulated locker: the shipped controller over a simulated cabinet, its backend, and the link between them.

The same in virtual time, where faces are joined to the gate in memory, and live, where they come through real sockets.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from firmware import epochs
from firmware.assembly import Assembly, assemble
from firmware.config import BackendKey, Config, Paths
from firmware.drivers import connect, serial_port
from firmware.errors import EpochEnded, StoreError
from firmware.gate import Gate
from firmware.peer import Peer
from firmware.reserve import NAME, Reserve
from firmware.sealed import JournalKey
from firmware.sockets import listen
from firmware.store import Store
from sim.backend import Backend, Database, Link, Signer, Site
from sim.broker import Broker
from sim.cabinet import SimCabinet
from sim.clock import SimClock
from sim.disk import Disk
from sim.optics import Optics
from sim.uplink import MemoryFarEnd, MemoryUplink, Uplink
from sim.weather import Letter, Weather

OVERHEARD = 64

BACKEND = "backend.db"  # in a live locker's folder
LOOK_S = 60.0  # how often the backend looks at its clock


class SimLocker:
    """One locker and everything around it but its people. Make it on the loop it is to live on."""

    def __init__(
        self, config: Config, folder: Path, seed: int = 0, *, live: bool = False, disk: Disk | None = None
    ) -> None:
        """`folder` takes database, sockets and device files, `disk` the database instead; all chance comes from `seed`."""
        self.chance = random.Random(seed)
        self.live = live
        self.code_key = self.chance.randbytes(32)
        signer = Signer(self.chance.randbytes(32), "sim-1")
        key = BackendKey(signer.key_id, signer.public.hex())
        config = msgspec.structs.replace(
            config,
            access=msgspec.structs.replace(config.access, backend_keys=(key,)),
            paths=Paths(state=folder, run=folder, credentials=folder),
        )
        self.folder = folder
        self.disk = disk
        self.open_store = Store.open
        self.cabinet = SimCabinet(config)
        self.config = self.cabinet.plug_ptys(folder) if live else config
        self.world = self.cabinet.world
        self.optics = Optics()
        self.crash_scanner: Callable[[], None] | None = None  # kills its process, live where one runs
        self.clock = SimClock()
        self.clock.battery = config.clock.battery
        # Of a chance of its own: the seed's draws stay what they were.
        self.journal_key = JournalKey(random.Random(f"journal key {seed}").randbytes(32))
        self._nonces = random.Random(f"nonces {seed}")
        database = Database(folder / BACKEND) if live else None
        self.backend = Backend(self._site(), signer, self.clock.true_ms, self.chance, database)
        self.link = Link(self.backend)
        self._lay_network(seed)
        self.moved = asyncio.Event()  # something has changed: whoever waits looks again
        self.boots = 1  # runs of the machine's monotonic clock
        self.assembly: Assembly | None = None
        self._observers: list[Callable[[Assembly], None]] = []
        self._running: asyncio.Task[None] | None = None
        self._servers: list[asyncio.Server] = []
        self._peers: list[Peer] = []  # of the running controller
        self._clockwork = asyncio.get_running_loop().call_later(LOOK_S, self._pass_time)
        self.world.observe(lambda cell: self.moved.set())

    def _lay_network(self, seed: int) -> None:
        """A broker in memory, and the locker's link to it; a live one takes their place where it is given."""
        self.weather = Weather()
        self.overheard: deque[Letter] = deque(maxlen=OVERHEARD)  # what went over the broker lately
        self.broker = Broker(random.Random(f"broker {seed}"), self.weather)
        self.broker.overheard = lambda topic, payload: self.overheard.append(Letter(topic, payload))
        link_chance = random.Random(f"link {seed}")
        self.uplink: Uplink = MemoryUplink(self.config.locker.id, self.broker, link_chance)
        self.far: object = None  # the backend's end

    def _site(self) -> Site:
        """What the backend was told of this locker when it was provisioned."""
        locker, times = self.config.locker, self.config.times
        return Site(
            locker.id,
            locker.address,
            self.code_key,
            self.journal_key.public,
            code_digits=locker.code_digits,
            quiet_after_pickup_s=times.quiet_after_pickup_s,
            static_tokens=self.config.access.static_tokens,
        )

    @property
    def controller(self) -> Assembly:
        """The running controller. Raises RuntimeError while the locker is off."""
        if self.assembly is None:
            raise RuntimeError("the locker is switched off")
        return self.assembly

    @property
    def boot(self) -> str:
        """The name of this run of the machine's monotonic clock."""
        return f"boot-{self.boots}"

    def observe(self, observer: Callable[[Assembly], None]) -> None:
        """Call `observer` with each new assembly, before it runs."""
        self._observers.append(observer)

    async def switch_on(self) -> None:
        """Start the controller, and wait until it knows its doors."""
        await self.start()
        await self.controller.body.known.wait()

    async def start(self) -> None:
        """Start the controller, and its link. Raises StoreError where its database cannot be opened."""
        locker = self.config.locker.id
        reserve = Reserve(self.folder / NAME, self.disk.space if self.disk else None)
        store = reserve.opened(partial(self._open_store, locker))
        start = self.chance.randbytes(8).hex()
        parts = self.assembly = assemble(
            self.config,
            store,
            reserve,
            self.clock,
            code_key=self.code_key,
            journal_key=self.journal_key,
            start=start,
            boot=self.boot,
            draw=self._nonces.randbytes,
        )
        parts.runtime.begin_epoch = partial(epochs.begin, self.folder, locker)
        parts.runtime.observers.append(lambda post, effects: self.moved.set())
        self._follow_peers(parts.gate)
        for observer in self._observers:
            observer(parts)
        lines = connect(parts, port=self._port, pins=self.cabinet.pins)
        for line in dict.fromkeys(lines.values()):
            await line.start()
        self._running = asyncio.get_running_loop().create_task(parts.runtime.run())
        if self.live:
            self._servers = await listen(parts.gate, self.config)
        self._join_backend()
        self.uplink.attach(parts.gate)

    def _open_store(self, locker: str) -> Store:
        if self.disk is None:
            return epochs.open_newest(self.folder, locker)
        return self.open_store(self.folder / "postomat.db", locker, vfs=self.disk.name)

    def power_returns(self) -> None:
        """The machine boots: another run of its monotonic clock. The controller is still to be started."""
        self.boots += 1
        self.clock.power_returns()

    async def switch_off(self) -> None:
        """End the controller in an orderly way."""
        parts, self.assembly = self.assembly, None
        if parts is None:
            return
        self._hang_up()
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        await parts.body.close()
        parts.store.close()

    async def cut(self) -> None:
        """The controller is gone from one moment to the next; of its disk there is what a power cut leaves."""
        if self.disk is not None and self.assembly is not None:
            self.disk.power_cut()
        await self.kill()

    async def kill(self) -> None:
        """The controller's process is gone from one moment to the next: nothing is ended in order, no file is closed."""
        parts, self.assembly = self.assembly, None
        if parts is None or self._running is None:
            return
        self._hang_up()
        self._running.cancel()
        await asyncio.wait([self._running])
        await parts.body.close()
        with contextlib.suppress(StoreError):  # its disk may be gone
            parts.store.close()

    async def close(self) -> None:
        """Switch off, and remove the device files."""
        await self.switch_off()
        self._clockwork.cancel()
        self.backend.close()
        self.cabinet.close()

    def _follow_peers(self, gate: Gate) -> None:
        join = gate.join

        def joined(*arguments: Any) -> Peer:
            peer = join(*arguments)
            self._peers = [*(other for other in self._peers if other.open), peer]
            return peer

        gate.join = joined  # type: ignore[assignment, method-assign]

    def _hang_up(self) -> None:
        """The controller's process is gone, and with it its sockets and all connections to them."""
        self.uplink.detach()
        for server in self._servers:
            server.close()
        for peer in self._peers if self.live else ():
            peer.drop()
        self._servers, self._peers = [], []

    def check(self) -> None:
        """Raise what has ended the controller, if anything has."""
        if self._running is not None and self._running.done() and not self._running.cancelled():
            self._running.result()

    async def gone(self) -> None:
        """Wait until the controller has ended by itself, in the way that a new epoch asks for. Raises any other end."""
        with contextlib.suppress(EpochEnded):
            await self.ended()

    async def ended(self) -> None:
        """Wait for the end of the controller that was switched on. Raises what has ended it."""
        if self._running is not None:
            await asyncio.wait([self._running])
            self.check()

    def _pass_time(self) -> None:
        """The backend's, which goes on while the locker is off."""
        self._clockwork = asyncio.get_running_loop().call_later(LOOK_S, self._pass_time)
        if self.backend.pass_time():
            self.link.sync()
            self.moved.set()

    def _port(self, bus: Any) -> Any:
        return serial_port(bus) if self.live else self.cabinet.port(bus)

    def _join_backend(self) -> None:
        """The backend's end of the broker in memory; where that one breaks, it comes back as any client does."""
        self.link.newest = self._newest
        if self.far is None and not self.link.is_connected:
            self.far = MemoryFarEnd(self.link, self.broker, self.moved.set)

    def _newest(self) -> int:
        return self.assembly.store.last_seq if self.assembly is not None else 0
