"""The live link: a real broker, the shipped `postomat link` as a process, a network between them, and the backend's end."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from firmware import config as configuration
from firmware.config_file import text
from firmware.link.mqtt import BrokerLost, Connection, Message, Session, connected, first
from sim.backend.link import Link
from sim.locker import SimLocker
from sim.nats import NatsServer
from sim.ports import Forwarder
from sim.process import Process
from sim.uplink import Joins
from sim.weather import Letter, Way, Weather

RETRY_S = 0.5
STATE_PERIOD_S = 1  # the simulator's time may run ten times as fast as this process's
CONFIG_FILE = "link.toml"


class LiveFarEnd:
    """The backend at a real broker, again and again."""

    def __init__(
        self,
        link: Link,
        address: str,
        moved: Callable[[], None],
        session: Session | None = None,
        weather: Weather | None = None,
    ) -> None:
        self._link = link
        self._address = address
        self._moved = moved
        # Without a keepalive: the simulator's time may stand still.
        self._session = session or Session("postomat-backend", (link.topics.up,), keepalive_s=0)
        self._connection: Connection | None = None
        self.overheard: Callable[[Letter], None] = lambda letter: None
        weather, chance = weather or Weather(), random.Random(address)
        self._down = Way(weather, chance, self._sent)
        self._up = Way(weather, chance, self._received)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with connected(self._address, self._session) as self._connection:
                    self._link.attach(self._publish)
                    await self._connection.carry(self._receive)
            except BrokerLost:
                pass  # it comes back, or is stopped
            finally:
                self._connection = None
                self._link.detach()
                self._moved()
            await asyncio.sleep(RETRY_S)

    def publish(self, topic: str, payload: bytes) -> None:
        """At the broker, as it is."""
        if self._connection is not None:
            self._connection.publish(Message(topic, payload))

    def _publish(self, topic: str, payload: bytes) -> None:
        self._down.send(Letter(topic, payload))

    def _sent(self, letter: Letter) -> None:
        self.overheard(letter)
        self.publish(*letter)

    def _receive(self, topic: str, payload: bytes) -> None:
        self._up.send(Letter(topic, payload))

    def _received(self, letter: Letter) -> None:
        self.overheard(letter)
        if self._link.is_connected:
            self._link.receive(*letter)
            self._moved()


class LiveUplink:
    """The network between a process of the locker's and the broker. What joins the controller is the process itself."""

    def __init__(self, wire: Forwarder, broker: NatsServer, far: LiveFarEnd) -> None:
        self.is_up = True
        self._wire = wire
        self._broker = broker
        self._far = far
        self._wiping: asyncio.Task[None] | None = None
        self._changing: asyncio.Task[None] | None = None

    def attach(self, gate: Joins) -> None:
        """The process finds its socket."""

    def detach(self) -> None:
        """It has gone with the controller."""

    def network(self, *, up: bool) -> None:
        self.is_up = up
        if self._changing is None or self._changing.done():
            self._changing = asyncio.get_running_loop().create_task(self._change())

    def wipe(self) -> None:
        """The broker starts anew with an empty disk."""
        if self._wiping is None or self._wiping.done():
            self._wiping = asyncio.get_running_loop().create_task(self._broker.wipe())

    def publish(self, topic: str, payload: bytes) -> None:
        """What whoever holds the broker says, to either side."""
        self._far.publish(topic, payload)

    async def close(self) -> None:
        """Down for good."""
        self.is_up = False
        for task in (self._changing, self._wiping):
            if task is not None:
                await asyncio.wait([task])
        await self._wire.down()

    async def _change(self) -> None:
        while self._wire.is_up != self.is_up:
            await (self._wire.up() if self.is_up else self._wire.down())


class LiveLink:
    """What runs between a live locker and its backend. Make it with `linked`."""

    def __init__(self, process: Process, broker: NatsServer) -> None:
        self.process = process
        self.broker = broker

    async def ended(self) -> None:
        """Wait for an end of either that nobody asked for. Raises PostomatError then."""
        await first(self.process.ended(), self.broker.ended())


@asynccontextmanager
async def linked(locker: SimLocker) -> AsyncIterator[LiveLink]:
    """Before the locker is switched on: from now on its backend is reached through a real broker.

    Raises PostomatError where there is no broker to be started.
    """
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(NatsServer.running(locker.folder / "broker"))
        wire = Forwarder(broker.port)
        await wire.up()
        far = LiveFarEnd(locker.link, broker.address, locker.moved.set, weather=locker.weather)
        far.overheard = locker.overheard.append
        uplink = LiveUplink(wire, broker, far)
        locker.far, locker.uplink = far, uplink
        stack.push_async_callback(uplink.close)
        task = asyncio.get_running_loop().create_task(far.run())
        stack.push_async_callback(_end, task)
        process = await Process.launch("link", _config(locker, wire.port))
        stack.push_async_callback(process.stop)
        yield LiveLink(process, broker)


def _config(locker: SimLocker, port: int) -> Path:
    """What the process reads: the locker's own configuration, with this broker."""
    section = configuration.Link(brokers=(f"mqtt://127.0.0.1:{port}",), state_period_s=STATE_PERIOD_S)
    path = locker.folder / CONFIG_FILE
    path.write_text(text(msgspec.structs.replace(locker.config, link=section)))
    return path


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
