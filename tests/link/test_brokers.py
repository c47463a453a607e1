"""The shipped link process's own code, over real brokers: NATS, and Mosquitto with TLS, client certificates and an access list."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from firmware.config import Config
from firmware.link.mqtt import PACKET_MAX_BYTES, BrokerLost, Message, Session, connected
from firmware.link.process import Link as LinkProcess
from firmware.link.process import tls_context
from firmware.model import Outcome
from firmware.peer import Role
from sim.backend import Link
from sim.live_link import LiveFarEnd
from tests.link.brokers import ACL, CONFIG, Broker, Mosquitto, running
from tests.link.harness import LOCKER, Controller, make_backend

PATIENCE_S = 40.0
KINDS = ["nats", "mosquitto"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: a socket's name has a limit."""
    with tempfile.TemporaryDirectory(prefix="link-") as name:
        yield Path(name)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - it looks at processes
            await asyncio.sleep(0.02)


@asynccontextmanager
async def task(work: Awaitable[None]) -> AsyncIterator[None]:
    running_task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        running_task.cancel()
        await asyncio.wait([running_task])
    if not running_task.cancelled():
        running_task.result()


class Ends:
    """A controller behind a real socket, the link's process, and a backend at the same broker."""

    def __init__(self, broker: Broker, batch: int) -> None:
        self.broker = broker
        self.controller = Controller(batch)
        self.backend = make_backend()
        self.link = Link(self.backend)
        session = Session("backend", (self.link.topics.up,), tls=broker.context("backend"))
        self.far = LiveFarEnd(self.link, broker.address, lambda: None, session)

    def is_even(self) -> bool:
        return self.backend.ledger.rows == self.controller.book.rows

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.controller.join(Role.LINK, writer.write, writer.close)
        while data := await reader.read(65_536):
            self.controller.feed(data)
        writer.close()


@asynccontextmanager
async def ends(broker: Broker, folder: Path, batch: int = 64) -> AsyncIterator[Ends]:
    both = Ends(broker, batch)
    server = await asyncio.start_unix_server(both.serve, folder / "link.sock")
    config = broker.locker(folder, LOCKER)
    async with task(both.far.run()), task(process(config).run()):
        yield both
    server.close()


def process(config: Config) -> LinkProcess:
    return LinkProcess(config, tls_context(config), random.Random(1))


def play(kind: str, folder: Path, story: Callable[[Ends], Awaitable[None]]) -> None:
    async def main() -> None:
        async with running(kind, folder) as broker, ends(broker, folder) as both:
            await until(lambda: both.link.is_settled)
            await story(both)

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_journal_lists_and_commands_over_a_real_broker(kind: str, folder: Path) -> None:
    async def story(both: Ends) -> None:
        both.backend.order("KZ1", 7, "Айгерим")
        both.link.sync()
        for _ in range(2_000):
            both.controller.book.write("wrong_code")
        both.controller.write("stored", parcel="KZ1")
        await until(lambda: both.is_even() and both.link.is_settled)
        command = both.link.send_open("KZ1")
        await until(lambda: command in both.link.outcomes)
        assert both.link.outcomes == {command: Outcome.BUSY}
        assert (both.backend.alarms, both.controller.states[-1:]) == ([], [True])

    play(kind, folder, story)


@pytest.mark.parametrize("kind", KINDS)
def test_a_broker_that_is_killed_loses_nothing(kind: str, folder: Path) -> None:
    """Mosquitto as it is here keeps nothing at all over its restart."""

    async def story(both: Ends) -> None:
        for _ in range(3):
            for _ in range(500):
                both.controller.book.write("wrong_code")
            both.controller.write("wrong_code")
            await asyncio.sleep(0.03)
            await both.broker.kill()
            both.controller.write("wrong_code")
            await until(lambda: not both.link.is_attached)
            await both.broker.start()
            await until(both.is_even)
        assert both.backend.alarms == []
        assert False in both.controller.states

    play(kind, folder, story)


@pytest.mark.parametrize("kind", KINDS)
def test_the_backend_hears_that_a_locker_is_gone(kind: str, folder: Path) -> None:
    async def main() -> None:
        async with running(kind, folder) as broker, ends(broker, folder) as both:
            await until(lambda: both.link.is_attached)
            both.controller.drop()  # a controller that has ended: an orderly word
            await until(lambda: not both.link.is_attached)
            await until(lambda: both.link.is_attached)

    asyncio.run(main())


def test_a_packet_that_is_too_large_ends_the_connection_and_no_more(folder: Path) -> None:
    async def story(both: Ends) -> None:
        joined = both.controller.nonces.copy()
        session = Session("stranger", ())
        async with connected(both.broker.address, session) as other:
            other.publish(Message(both.link.topics.signed, bytes(PACKET_MAX_BYTES + 1)))
            async with task(other.carry(lambda topic, payload: None)):
                await until(lambda: len(both.controller.nonces) > len(joined))
        both.controller.write("wrong_code")
        await until(both.is_even)

    play("nats", folder, story)


def test_a_locker_may_use_its_own_topics_only(folder: Path) -> None:
    async def story(both: Ends) -> None:
        assert isinstance(both.broker, Mosquitto)
        heard: list[str] = []
        topics = ("postomat/v1/+/down/signed", "postomat/v1/0123/down/signed", "postomat/v1/0124/down/signed")
        session = Session("0124", topics, tls=both.broker.context("0124"))
        before = both.link.nonsense, len(both.controller.refused)
        async with connected(both.broker.address, session) as other:
            for topic in ("0123/up/state", "0123/down/signed", "0123/up/hello", "0124/down/signed"):
                other.publish(Message(f"postomat/v1/{topic}", b'{"online":false}'))
            async with task(other.carry(lambda topic, payload: heard.append(topic))):
                both.backend.order("KZ1", 7, "Айгерим")
                both.link.sync()
                await until(lambda: both.link.is_settled)
                both.far.publish("postomat/v1/0124/down/signed", b"x")
                await until(lambda: heard != [])
        assert heard == ["postomat/v1/0124/down/signed"]  # what is its own it gets, once, from the backend
        assert (both.link.nonsense, len(both.controller.refused)) == before
        assert both.link.is_attached

    play("mosquitto", folder, story)


@pytest.mark.parametrize("client_id", ["0123", "postomat-0123", "backend"])
def test_a_locker_that_names_itself_as_another_does_not_throw_it_off(client_id: str, folder: Path) -> None:
    """It has a good certificate of its own. Its client id is what that says, whatever it says itself."""

    async def story(both: Ends) -> None:
        heard: list[str] = []
        session = Session(client_id, ("postomat/v1/0124/down/signed",), tls=both.broker.context("0124"))
        joined, left = len(both.controller.nonces), len(both.controller.states)

        def hears(topic: str, payload: bytes) -> None:
            heard.append(topic)

        async with connected(both.broker.address, session) as other, task(other.carry(hears)):
            both.controller.write("wrong_code")
            await until(both.is_even)
            both.backend.order("KZ1", 7, "Айгерим")
            both.link.sync()
            await until(lambda: both.link.is_settled)
            both.far.publish("postomat/v1/0124/down/signed", b"x")
            await until(lambda: heard != [])
        assert heard == ["postomat/v1/0124/down/signed"]
        assert both.link.is_attached
        assert (len(both.controller.nonces), len(both.controller.states)) == (joined, left)

    play("mosquitto", folder, story)


def test_a_client_id_that_is_stolen_costs_time_and_no_entry(folder: Path) -> None:
    """NATS gives a client id to whoever comes last with it."""

    async def story(both: Ends) -> None:
        async def steal() -> None:
            async with connected(both.broker.address, Session("postomat-0123", ())) as thief:
                both.controller.write("wrong_code")
                await thief.carry(lambda topic, payload: None)

        joined = len(both.controller.nonces)
        with pytest.raises(BrokerLost):  # the locker is back, and throws it off in its turn
            await steal()
        await until(lambda: len(both.controller.nonces) > joined)
        both.backend.order("KZ1", 7, "Айгерим")
        both.link.sync()
        await until(lambda: both.is_even() and both.link.is_settled)
        assert both.backend.alarms == []

    play("nats", folder, story)


@pytest.mark.parametrize("client_id", ["0123", "postomat-0123"])
def test_what_waits_for_a_locker_is_not_had_under_its_name(client_id: str, folder: Path) -> None:
    own, others = "postomat/v1/0123/down/signed", "postomat/v1/0124/down/signed"

    async def main() -> None:
        async with running("mosquitto", folder) as broker:
            heard: list[tuple[str, str, bytes]] = []

            def hears(name: str, topic: str, payload: bytes) -> None:
                heard.append((name, topic, payload))

            @asynccontextmanager
            async def at_the_broker(name: str, client_id: str, topic: str) -> AsyncIterator[None]:
                session = Session(client_id, (topic,), tls=broker.context(name))
                hear = partial(hears, name)
                async with connected(broker.address, session) as one, task(one.carry(hear)):
                    yield

            async with at_the_broker("0123", "postomat-0123", own):
                pass
            async with connected(
                broker.address, Session("backend", (), tls=broker.context("backend"))
            ) as backend:
                await backend.say_last(Message(own, b"for 0123"))
                async with at_the_broker("0124", client_id, others):
                    await backend.say_last(Message(others, b"for 0124"))
                    await until(lambda: heard != [])
            assert heard == [("0124", others, b"for 0124")]
            async with at_the_broker("0123", "postomat-0123", own):
                await until(lambda: len(heard) > 1)
            assert heard[1:] == [("0123", own, b"for 0123")]

    asyncio.run(main())


def test_what_the_documentation_recommends_is_what_is_tested() -> None:
    """But for the access list's place, which is the site's."""
    blocks = (Path(__file__).parents[2] / "docs/link.md").read_text().split("```")[1::2]
    (settings,) = [block for block in blocks if "use_identity_as_username" in block]
    (access,) = [block for block in blocks if "pattern write" in block]
    assert access.strip() == ACL.strip()
    told = [line for line in settings.strip().splitlines() if not line.startswith("acl_file")]
    assert [line for line in CONFIG.splitlines() if line in told] == told


# The library lets go of a socket whose handshake failed only when it is collected.
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning"
)
def test_who_shows_no_certificate_or_a_strangers_does_not_come_in(folder: Path) -> None:
    async def main() -> None:
        async with running("mosquitto", folder) as broker:
            assert isinstance(broker, Mosquitto)
            other = Mosquitto(folder / "other")
            strangers = other.context("0123")
            strangers.load_verify_locations(folder / "ca/ca.crt")
            bare = other.context("x").__class__(broker.context("backend").protocol)
            bare.load_verify_locations(folder / "ca/ca.crt")
            for context in (strangers, bare):
                with pytest.raises(BrokerLost):
                    async with connected(
                        broker.address, Session("0123", ("postomat/v1/0123/down/signed",), tls=context)
                    ):
                        pass
            ours = other.context("0123")  # and a broker that is not ours is not believed
            with pytest.raises(BrokerLost, match="certificate verify failed"):
                async with connected(broker.address, Session("0123", (), tls=ours)):
                    pass

    asyncio.run(main())
