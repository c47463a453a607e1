"""The link over a real broker: how fast a long journal drains, and how long a signed object takes to its answer.

Controller (store, gate and runtime, on real Unix sockets) and backend share one process here, so that each costs the other time;
`postomat link` and the NATS server are processes of their own, as on a device.
"""

import asyncio
import random
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from msgspec.structs import replace

from firmware.config import Link as LinkSection
from firmware.config import Paths
from firmware.config_file import text
from firmware.control import Journal, encode
from firmware.link.mqtt import INFLIGHT_MAX, Connection, Message, Session, connected
from firmware.model import Entry, EntryKind, Moment
from firmware.sockets import listen
from firmware.store import Store
from sim.backend import Backend, Link, Site
from sim.live_link import LiveFarEnd
from sim.nats import NatsServer
from sim.process import Process
from sim.scenario import cabinet
from tests.bench.harness import Against, BenchError, Measure, Peer, figure, p99
from tests.core.harness import LOCKER
from tests.core.shell import CODE_KEY, JOURNAL_KEY, SIGNER, Shell, running

ENTRIES = 100_000
BATCH = 256
PATIENCE_S = 120.0
TRIPS = 300
DISTURBED = Moment(1, 1_764_054_000_000, True)


class Bed:
    """A broker and a loop of our own, for measures that take turns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runner = asyncio.Runner()
        self.broker = NatsServer(folder / "nats")
        self.runner.run(self.broker.start())

    def run(self, work: Coroutine[Any, Any, float]) -> float:
        return self.runner.run(work)

    def close(self) -> None:
        self.runner.run(self.broker.stop())
        self.runner.close()


@contextmanager
def bed() -> Iterator[Bed]:
    """In a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        there = Bed(Path(name))
        try:
            yield there
        finally:
            there.close()


async def until(holds: Callable[[], bool]) -> None:
    """Raises BenchError where it does not hold soon."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 - whoever changes it lives in other processes
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise BenchError("the link does not come to its end") from None


async def linked(stack: AsyncExitStack, there: Bed, folder: Path) -> tuple[Shell, Link, Callable[[], float]]:
    """A controller on the state in this folder, the shipped link, and a backend that knows nothing yet."""
    shell = await stack.enter_async_context(running(folder, rest_s=0))
    config = replace(shell.config, paths=Paths(folder, folder, folder))
    for server in await listen(shell.gate, config):
        stack.callback(server.close)
    backend = Backend(
        Site(LOCKER, "-", CODE_KEY, JOURNAL_KEY.public), SIGNER, shell.clock.utc_ms, random.Random(1)
    )
    link = Link(backend)
    far = LiveFarEnd(link, there.broker.address, lambda: None)
    task = asyncio.get_running_loop().create_task(far.run())
    stack.push_async_callback(_end, task)
    file = folder / "link.toml"
    whole = replace(cabinet("rs485"), link=LinkSection((there.broker.address,)), paths=config.paths)
    file.write_text(text(replace(whole, locker=replace(whole.locker, id=LOCKER))))
    process = await Process.launch("link", file)
    stack.push_async_callback(process.stop)
    return shell, link, perf_counter


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def filled(folder: Path) -> Path:
    """A database with a long journal."""
    store = Store.open(folder / "filled.db", LOCKER)
    many = [Entry(EntryKind.WRONG_CODE, count=number) for number in range(1_000)]
    store.load()
    for _ in range(ENTRIES // len(many)):
        store.commit([], many, DISTURBED)
    store.close()
    return folder / "filled.db"


async def drain(there: Bed, database: Path) -> float:
    """Entries a second, from the first that the backend holds to the acknowledgement of the last one."""
    folder = there.folder / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(database, folder / "state.db")
    async with AsyncExitStack() as stack:
        shell, link, now_s = await linked(stack, there, folder)
        await until(lambda: link.backend.ledger.last > 0)
        begun_s, first = now_s(), link.backend.ledger.last
        await until(lambda: shell.state.locker.acked_seq >= ENTRIES)
        return (ENTRIES - first) / (now_s() - begun_s)


async def publish(there: Bed, database: Path) -> float:
    """Entries a second, of a client that publishes the same batches at QoS 1 and waits for the broker's word alone."""
    store = Store.open(database, LOCKER)
    rows = store.journal(0, BATCH)
    batch = encode(Journal(tuple(rows), ENTRIES, None))
    store.close()
    confirmed = 0

    def taken() -> None:
        nonlocal confirmed
        confirmed += 1

    session = Session("bench-publisher", ())
    async with connected(there.broker.address, session, taken) as client:
        carrying = asyncio.get_running_loop().create_task(client.carry(lambda topic, payload: None))
        begun_s = perf_counter()
        for number in range(ENTRIES // BATCH):
            client.publish(Message("bench/journal", batch))
            await until(lambda number=number: confirmed > number - INFLIGHT_MAX)  # type: ignore[misc]
        await until(lambda: confirmed >= ENTRIES // BATCH)
        took_s = perf_counter() - begun_s
        await _end(carrying)
    return ENTRIES // BATCH * BATCH / took_s


@contextmanager
def drained() -> Iterator[tuple[Bed, Path]]:
    with bed() as there:
        yield there, filled(there.folder)


_beds: list[tuple[Bed, Path]] = []


def _plain_publisher() -> float:
    there, database = _beds[-1]
    return there.run(publish(there, database))


@figure(
    f"journal drain of {ENTRIES:,} entries, each acknowledged",
    "entries/s",
    at_least=3_000,
    peer=Peer("a plain QoS 1 publisher of the same batches", _plain_publisher),
    rounds=3,
)
@contextmanager
def journal_drain() -> Iterator[Measure]:
    """Store → gate → `postomat link` → NATS → backend, and its signed acknowledgements all the way back."""
    with drained() as (there, database):
        _beds.append((there, database))
        try:
            yield lambda: there.run(drain(there, database))
        finally:
            _beds.pop()


class Trips:
    """Both ends, up for as long as trips are measured."""

    def __init__(self, there: Bed) -> None:
        self._there = there
        self._stack = AsyncExitStack()
        self._echoes: asyncio.Queue[bytes] = asyncio.Queue()
        self._link: Link | None = None
        self._client: Connection | None = None

    def open(self) -> None:
        self._there.runner.run(self._open())

    def close(self) -> None:
        self._there.runner.run(self._stack.aclose())

    def answer(self) -> float:
        """Milliseconds from a signed object's publication to its answer."""
        return 1_000 * self._there.run(self._answer())

    def trip(self) -> float:
        """Milliseconds of a message to another client of the broker, and of its reply."""
        return 1_000 * self._there.run(self._trip())

    async def _open(self) -> None:
        folder = self._there.folder / "trips"
        folder.mkdir()
        _, self._link, _ = await linked(self._stack, self._there, folder)
        await until(self._is_settled)
        self._client = await self._echoing("bench-asks", "bench/reply", self._echoes.put_nowait)
        other = await self._echoing(
            "bench-replies", "bench/ask", lambda payload: other.publish(Message("bench/reply", payload))
        )

    def _is_settled(self) -> bool:
        assert self._link is not None
        self._link.sync()
        return self._link.is_settled

    async def _echoing(self, name: str, topic: str, heard: Callable[[bytes], None]) -> Connection:
        session = Session(name, (topic,))
        client = await self._stack.enter_async_context(connected(self._there.broker.address, session))
        task = asyncio.get_running_loop().create_task(client.carry(lambda topic, payload: heard(payload)))
        self._stack.push_async_callback(_end, task)
        return client

    async def _answer(self) -> float:
        assert self._link is not None
        link = self._link
        heard, receive = asyncio.Event(), link.receive

        def hear(topic: str, payload: bytes) -> None:
            receive(topic, payload)
            if topic == link.topics.told:
                heard.set()

        link.receive = hear  # type: ignore[method-assign]
        begun_s = perf_counter()
        link.send(
            SIGNER.sign("grants", {"locker": LOCKER, "epoch": 1, "version": 1, "parcels": [], "grants": []})
        )
        async with asyncio.timeout(PATIENCE_S):
            await heard.wait()
        took_s = perf_counter() - begun_s
        link.receive = receive  # type: ignore[method-assign]
        return took_s

    async def _trip(self) -> float:
        assert self._client is not None
        begun_s = perf_counter()
        self._client.publish(Message("bench/ask", b"x" * 300))
        async with asyncio.timeout(PATIENCE_S):
            await self._echoes.get()
        return perf_counter() - begun_s


_trips: list[Trips] = []


def _round_trip() -> float:
    return _trips[-1].trip()


@figure(
    "signed object to its answer, p99, above a broker round trip",
    "ms",
    at_most=15,
    peer=Peer("one broker round trip, p99", _round_trip, Against.MINUS),
    rounds=TRIPS,
    summary=p99,
)
@contextmanager
def object_answer() -> Iterator[Measure]:
    """Backend → NATS → `postomat link` → gate, verified, decided, and the answer back; of an object that changes nothing."""
    with bed() as there:
        _trips.append(Trips(there))
        try:
            _trips[-1].open()
            yield _trips[-1].answer
        finally:
            _trips.pop().close()
