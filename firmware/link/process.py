"""`postomat link`: carries messages between the controller's socket and a broker, and finds both again, for ever.

It is at the broker only while the controller is behind it: so whoever sees it there knows that the locker is there, and what
comes meanwhile waits in the broker's persistent session. It may be killed at any time: it keeps nothing.
"""

import asyncio
import logging
import os
import random
import secrets
import ssl
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import msgspec

from firmware import notify
from firmware.config import Config
from firmware.control import FRAME_MAX_BYTES, encode
from firmware.control import Message as Push
from firmware.errors import ConfigError, ProtocolError, Unreachable
from firmware.link.mqtt import BrokerLost, Connection, Message, Session, connected, first
from firmware.link.protocol import LinkProtocol
from firmware.link.topics import State, Topics

RETRY_S = (0.25, 0.5, 1.0, 2.0, 4.0)  # between attempts to reach the controller; the last one repeats
BROKER_RETRY_MAX_S = 60.0  # the longest pause between attempts to reach a broker, twice as long each time
STEADY_S = 30.0  # a connection that lasted for so long was a good one
log = logging.getLogger(__name__)


async def serve(config: Config) -> None:
    """Run until cancelled. Raises ConfigError where section `link` or a file that it names is wrong."""
    if not config.link.brokers:
        raise ConfigError("link.brokers: names no broker")
    link = Link(config, tls_context(config), secrets.SystemRandom())
    notify.ready()
    await first(link.run(), _feed_watchdog())


async def _feed_watchdog() -> None:
    period_s = notify.watchdog_period_s()
    while period_s is not None:
        notify.feed()
        await asyncio.sleep(period_s / 3)
    await asyncio.Event().wait()


def tls_context(config: Config) -> ssl.SSLContext | None:
    """What the locker believes of a broker, and shows to it. None without TLS. Raises ConfigError, never the key."""
    link = config.link
    if not any(address.startswith("mqtts:") for address in link.brokers):
        return None
    try:
        context = ssl.create_default_context(cafile=link.ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"link.ca: {link.ca}: no certificates can be read there ({error})") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if link.certificate is not None:
        folder = config.paths.credentials or os.environ.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            raise ConfigError("paths.credentials: not set, and systemd gave no $CREDENTIALS_DIRECTORY")
        try:
            context.load_cert_chain(link.certificate, Path(folder) / "link_key", password=lambda: b"")
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"link.certificate: {link.certificate}, and link_key in {folder}: {error}"
            ) from None
    return context


class Link:
    """The link of one locker, over and over."""

    def __init__(self, config: Config, tls: ssl.SSLContext | None, chance: random.Random) -> None:
        self._config = config
        self._chance = chance
        topics = Topics(config.locker.id)
        self._session = Session(
            client_id=f"postomat-{config.locker.id}",
            topics=(topics.signed,),
            will=Message(topics.state, msgspec.json.encode(State(online=False)), retain=True),
            keepalive_s=config.link.keepalive_s,
            tls=tls,
        )
        self._protocol = LinkProtocol(
            config.locker.id, self._tell, self._publish, chance, config.link.state_period_s
        )
        self._writer: asyncio.StreamWriter | None = None
        self._broker: Connection | None = None
        self._changed = asyncio.Event()  # the protocol may want to be called earlier than it said

    async def run(self) -> None:
        """Find the controller, serve it until it goes, and again."""
        path, failures = self._config.paths.run / "link.sock", 0
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(path, limit=FRAME_MAX_BYTES)
                failures = 0
                await self._serve(reader)
            except (OSError, Unreachable, ProtocolError) as error:
                if not failures:
                    log.warning("%s: the controller cannot be reached (%s)", path, error)
            finally:
                if self._writer is not None:
                    self._writer.close()
                    self._writer = None
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        self._protocol.attach(self._now_s())
        try:
            await first(self._hear(reader), self._keep_at_broker(), self._keep_time())
        finally:
            self._protocol.detach(self._now_s())

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(FRAME_MAX_BYTES):
            self._protocol.feed(data, self._now_s())
            self._changed.set()
        raise Unreachable("it closed the connection")

    async def _keep_at_broker(self) -> None:
        """At one broker or another, again and again; no failure is the last one."""
        failures, loop = 0, asyncio.get_running_loop()
        for address in cycle(self._config.link.brokers):
            begun_s = loop.time()
            try:
                async with connected(address, self._session, self._taken) as self._broker:
                    await self._carry(self._broker, address)
            except BrokerLost as error:
                log.log(logging.INFO if failures else logging.WARNING, "%s", error)
            finally:
                self._broker = None
            failures = 0 if loop.time() - begun_s >= STEADY_S else failures + 1
            pause_s = min(BROKER_RETRY_MAX_S, 2.0 ** min(failures, 10))
            await asyncio.sleep(pause_s * self._chance.uniform(0.5, 1))

    async def _carry(self, broker: Connection, address: str) -> None:
        log.info("at %s", address)
        self._protocol.join(self._now_s())
        try:
            await broker.carry(self._receive)
        except asyncio.CancelledError:
            if self._session.will is not None:  # an orderly end has no last will
                await broker.say_last(self._session.will)
            raise
        finally:
            self._protocol.leave(self._now_s())

    async def _keep_time(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            due_s = self._protocol.due_s
            if due_s is not None and due_s <= loop.time():
                self._protocol.tick(loop.time())
                await asyncio.sleep(0)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due_s):
                    await self._changed.wait()

    def _receive(self, topic: str, payload: bytes) -> None:
        self._protocol.receive(topic, payload, self._now_s())
        self._changed.set()

    def _taken(self) -> None:
        self._protocol.taken(self._now_s())
        self._changed.set()

    def _tell(self, message: Push) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(message))

    def _publish(self, topic: str, payload: bytes, retain: bool) -> None:
        if self._broker is not None:
            self._broker.publish(Message(topic, payload, retain))

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
