"""«Открыть ячейку»: from the app's HTTP request to the wire, by way of backend, broker, `postomat link` and controller.

This process is the buyer's phone, the backend and the kiosk's page; link, kiosk, controller, boards and the NATS server are processes
of their own. The clock runs from before the request is written, to a server of the backend's that has a connection already, until
the unlock frame's last byte is read at the boards' end; a poll on the line is taken away as `bench_touch` does. Beside it
stands one way over the same broker: from before a message is published until another client has it.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from time import monotonic_ns

from firmware.link.mqtt import Connection, Message, Session, connected
from firmware.model import Purpose, ScreenName
from sim import web
from sim.backend import Link, api
from sim.backend.app import App
from sim.live_link import LiveFarEnd
from sim.nats import NatsServer
from tests.bench.bench_touch import PATIENCE_S, Page, Touches
from tests.bench.device import Device, device
from tests.bench.harness import Against, BenchError, Measure, Peer, figure, p99

SAMPLES = 200
BUYER = "buyer"  # of all that `Touches` orders
COMMAND_BYTES = 300  # about as long as the signed command
TOPIC = "bench/trip"


class BrokerEnd:
    """The backend's end of the link, at the broker."""

    def __init__(self, link: Link, address: str) -> None:
        self.link = link
        self._moved = asyncio.Event()
        self.far = LiveFarEnd(link, address, self._moved.set)

    async def until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._moved.clear()
            await self._moved.wait()


class Opens(Touches):
    """Couriers fill all cells by code, buyers empty them by app, and again."""

    def __init__(self, page: Page, end: BrokerEnd, ours: Device, port: int) -> None:
        super().__init__(page, end, ours.boards, len(ours.config.cells))
        self._port = port
        self._token = end.link.backend.token(BUYER)

    async def open(self) -> float:
        """The milliseconds from one request to the wire; whatever couriers there are before it, come first."""
        waybill, cell, purpose = next(self._next)
        while purpose is Purpose.DEPOSIT:
            await self._type(waybill, cell, purpose)
            waybill, cell, purpose = next(self._next)
        await self._settle()
        await self._page.see(ScreenName.IDLE)
        reader, writer = await asyncio.open_connection(web.HOST, self._port)
        request = (
            f"POST /api/parcels/{waybill}/open HTTP/1.1\r\nHost: {web.HOST}:{self._port}\r\n"
            f"Authorization: Bearer {self._token}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )

        async def ask() -> None:
            writer.write(request.encode())

        await self._let_rest()
        try:
            return self._sampled(*await self._to_wire(ask, cell))
        except BenchError as error:
            said = (await reader.read()).rpartition(b"\r\n")[2].decode()
            outcomes = self._link.link.outcomes
            raise BenchError(f"the backend said {said}, the locker {outcomes}; {error}") from None
        finally:
            writer.close()


class Trips:
    """Two clients of the broker's, of which one hears the other."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None
        self._arrived: asyncio.Queue[int] = asyncio.Queue()

    def __call__(self) -> float:
        """Milliseconds from one to the other."""
        if self._runner is None:
            raise BenchError("the broker is not running")
        return self._runner.run(self._trip())

    @contextmanager
    def running(self, runner: asyncio.Runner, address: str) -> Iterator[None]:
        stack = AsyncExitStack()
        self._runner = runner
        runner.run(self._join(stack, address))
        try:
            yield
        finally:
            self._runner = None
            runner.run(stack.aclose())

    async def _join(self, stack: AsyncExitStack, address: str) -> None:
        self._arrived = asyncio.Queue()
        self._says = await self._client(stack, address, "bench-says", ())
        await self._client(stack, address, "bench-hears", (TOPIC,))

    async def _client(
        self, stack: AsyncExitStack, address: str, name: str, topics: tuple[str, ...]
    ) -> Connection:
        client = await stack.enter_async_context(connected(address, Session(name, topics)))
        task = asyncio.ensure_future(
            client.carry(lambda topic, payload: self._arrived.put_nowait(monotonic_ns()))
        )
        stack.push_async_callback(ended, task)
        return client

    async def _trip(self) -> float:
        sent_ns = monotonic_ns()
        self._says.publish(Message(TOPIC, bytes(COMMAND_BYTES)))
        async with asyncio.timeout(PATIENCE_S):
            return (await self._arrived.get() - sent_ns) / 1e6


trip = Trips()


async def ended(task: "asyncio.Future[None]") -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait([task])


async def come(stack: AsyncExitStack, ours: Device, address: str) -> Opens:
    """Join page, phone and backend to what runs."""
    end = BrokerEnd(Link(ours.backend()), address)
    stack.push_async_callback(ended, asyncio.ensure_future(end.far.run()))
    listener = stack.enter_context(web.listen(0))
    await stack.enter_async_context(api.serving(listener, App(end.link.backend, end.link)))
    page = Page(await stack.enter_async_context(web.socket_of(ours.url, "/ws")))
    stack.push_async_callback(ended, asyncio.ensure_future(page.listen()))
    await page.see(ScreenName.IDLE)
    return Opens(page, end, ours, listener.getsockname()[1])


class Measuring:
    """`Opens` for the harness, which knows no event loop."""

    def __init__(self, runner: asyncio.Runner, opens: Opens) -> None:
        self._runner, self._opens = runner, opens

    def __call__(self) -> float:
        return self._runner.run(self._opens.open())

    def note(self) -> str:
        return self._opens.note()


@figure(
    "«Открыть ячейку», HTTP request to the wire, p99",
    "ms",
    at_most=15,
    peer=Peer("p99 of one way over the same broker", trip, Against.MINUS),
    rounds=SAMPLES,
    summary=p99,
)
@contextmanager
def app_to_wire() -> Iterator[Measure]:
    """One sample each round, with one message over the broker before or after it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        runner = stack.enter_context(asyncio.Runner())
        broker = NatsServer(folder / "broker")
        runner.run(broker.start())
        stack.callback(lambda: runner.run(broker.stop()))
        ours = stack.enter_context(device(broker.address))
        stack.enter_context(trip.running(runner, broker.address))
        faces = AsyncExitStack()
        try:
            yield Measuring(runner, runner.run(come(faces, ours, broker.address)))
        finally:
            runner.run(faces.aclose())
