"""One locker of a fleet: the shipped controller on a disk, the shipped link, its backend, and who comes to it.

Real are the runtime, the store, the gate and its sockets, the link and its connection to the broker. In memory are the boards on
their lines, the touchscreen and the backend's database.
"""

import asyncio
import random
from collections import Counter, deque
from pathlib import Path

from msgspec.structs import replace

from firmware import config as configuration
from firmware.assembly import Assembly
from firmware.config import Config
from firmware.events import Answer, Effect
from firmware.hello import held
from firmware.inbox import Post
from firmware.link.mqtt import first
from firmware.link.process import Link as LinkProcess
from firmware.model import Outcome
from firmware.sockets import listen
from sim.fleet.messages import Phase
from sim.fleet.regular import Regulars
from sim.locker import SimLocker

ROWS = 256


class Waits:
    """How long entries wait, from their commit until the controller believes that the backend holds them."""

    def __init__(self) -> None:
        self.phase = Phase.START
        self.acknowledged = 0  # seq
        self.told: dict[Phase, Counter[int]] = {phase: Counter() for phase in Phase}  # by tenths of a ms
        self._written = 0  # seq
        self._open: deque[tuple[int, int, float, Phase]] = deque()  # how many, last seq, when, in which phase

    def look(self, written: int, acknowledged: int, now_s: float) -> None:
        """After each commit."""
        if written > self._written:
            self._open.append((written - self._written, written, now_s, self.phase))
            self._written = written
        self.acknowledged = acknowledged
        while self._open and self._open[0][1] <= acknowledged:
            count, _, since_s, phase = self._open.popleft()
            self.told[phase][round(10_000 * (now_s - since_s))] += count


class Member:
    """Make it on the loop it is to live on."""

    def __init__(
        self, number: int, config: Config, folder: Path, brokers: tuple[str, ...], pause_s: float
    ) -> None:
        name = f"fleet-{number}"
        link = configuration.Link(brokers=brokers)
        times = replace(config.times, quiet_after_pickup_s=0)  # nobody waits for an hour here
        config = replace(config, locker=replace(config.locker, id=name), link=link, times=times)
        self.name = name
        self.waits = Waits()
        self.is_connected = False  # has been answered since its backend was last at the broker
        self._before = 0  # the last seq that was acknowledged before that
        self.locker = SimLocker(config, folder, number)
        self.locker.uplink = _Elsewhere()
        self.locker.far = self  # the backend's end is elsewhere, too
        self.locker.observe(self._follow)
        self.regulars = Regulars(self.locker, random.Random(number), pause_s)
        self._chance = random.Random(f"link {number}")
        self._servers: list[asyncio.Server] = []
        self._link: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Switch the controller on, and its link."""
        await self.locker.switch_on()
        parts = self.locker.controller
        self._servers = await listen(parts.gate, parts.config)
        link = LinkProcess(parts.config, None, self._chance)
        self._link = asyncio.get_running_loop().create_task(link.run())

    async def ended(self) -> None:
        """Wait for an end that nobody asked for. Raises what has ended the controller or the link."""
        await first(self.locker.ended(), self._link_ended())

    async def close(self) -> None:
        """End all of it. Idempotent."""
        if self._link is not None:
            self._link.cancel()
            await asyncio.wait([self._link])
        for server in self._servers:
            server.close()
        await self.locker.close()

    async def _link_ended(self) -> None:
        if self._link is not None:
            await asyncio.wait([self._link])
            self._link.result()

    @property
    def is_even(self) -> bool:
        """Whether both sides say that the other has all."""
        parts = self.locker.assembly
        written = parts.store.last_seq if parts is not None else None
        return self.locker.link.is_settled and self.waits.acknowledged == written

    def look(self) -> None:
        """Whether it is connected, now: a busy one is never even, but acknowledged again and again."""
        if not self.locker.link.is_connected:
            self.is_connected, self._before = False, self.waits.acknowledged
        elif self.is_even or self.waits.acknowledged > self._before:
            self.is_connected = True

    def differs(self) -> str | None:
        """How this locker's journal differs from the backend's ledger, row by row; None where it does not."""
        store, ledger = self.locker.controller.store, self.locker.backend.ledger
        told = self.waits.acknowledged
        if (store.last_seq, told) != (ledger.last, ledger.last):
            return (
                f"{self.name}: {store.last_seq} entries, {told} acknowledged, the backend holds {ledger.last}"
            )
        for after in range(0, store.last_seq, ROWS):
            for own, theirs in zip(store.journal(after, ROWS), ledger.after(after, ROWS), strict=True):
                if own != theirs:
                    return f"{self.name}: entry {own.seq} is another one at the backend"
        return None

    def _follow(self, parts: Assembly) -> None:
        def look(post: Post, effects: list[Effect]) -> None:
            held_seq = held(post.event) if Answer(Outcome.DONE) in effects else None
            acknowledged = max(self.waits.acknowledged, held_seq or 0)
            self.waits.look(parts.store.last_seq, acknowledged, asyncio.get_running_loop().time())

        parts.runtime.observers.append(look)


class _Elsewhere:
    """The link finds the controller's socket by itself."""

    is_up = True

    def attach(self, gate: object) -> None: ...

    def detach(self) -> None: ...

    def network(self, *, up: bool) -> None: ...

    def wipe(self) -> None: ...

    def publish(self, topic: str, payload: bytes) -> None: ...
