"""The one module that knows the MQTT library: a connection to a broker as the link and its far end want it.

MQTT 3.1.1, QoS 1, a persistent session under a stable client id, a last will, TCP_NODELAY. Each connection is a fresh client:
the library's own memory of what was on its way would be a second truth beside the store's.
"""

import asyncio
import logging
import math
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, cast
from urllib.parse import urlsplit

import aiomqtt
from msgspec import Struct

from firmware.errors import PostomatError

PACKET_MAX_BYTES = 262_144  # of what a broker sends: four times the largest signed object
INFLIGHT_MAX = 16  # messages that the broker has not confirmed
OUTBOX_MAX = 1_024  # messages that wait for their turn
INCOMING_MAX = 512
CONNECT_S = 10.0
GOODBYE_S = 2.0
PORTS = {"mqtt": 1_883, "mqtts": 8_883}

logging.getLogger("mqtt").setLevel(logging.CRITICAL)  # it would write a line for each message of a flood


class BrokerLost(PostomatError):
    """A broker cannot be reached, or has gone; the message names it and says why."""


class Message(Struct, frozen=True):
    """What a broker delivers, or is to deliver."""

    topic: str
    payload: bytes
    retain: bool = False


class Session(Struct, frozen=True):
    """Who we are at a broker, and what we want of it. `will` is published, retained, when we are gone."""

    client_id: str
    topics: tuple[str, ...]
    will: Message | None = None
    keepalive_s: int = 30
    tls: ssl.SSLContext | None = None


class Connection:
    """At a broker, and subscribed."""

    def __init__(self, client: aiomqtt.Client, address: str, taken: Callable[[], None]) -> None:
        self._client = client
        self._address = address
        self._taken = taken
        self._outbox: asyncio.Queue[Message] = asyncio.Queue(OUTBOX_MAX)
        self._overflowed = asyncio.Event()

    def publish(self, message: Message) -> None:
        """Send in its turn. Where the broker takes nothing any more, the connection ends."""
        try:
            self._outbox.put_nowait(message)
        except asyncio.QueueFull:
            self._overflowed.set()

    async def carry(self, receive: Callable[[str, bytes], None]) -> None:
        """Carry messages both ways. Raises BrokerLost at the end of the connection."""
        try:
            await first(self._send_all(), self._receive_all(receive), self._overflows())
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            raise BrokerLost(f"{self._address}: {error}") from None

    async def say_last(self, message: Message) -> None:
        """Publish before an orderly end, if that can be done soon."""
        with suppress(aiomqtt.MqttError, OSError, ValueError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._publish(message)

    async def _receive_all(self, receive: Callable[[str, bytes], None]) -> None:
        async for message in self._client.messages:
            receive(message.topic.value, message.payload)

    async def _send_all(self) -> None:
        """In order, and several at a time: a broker may be far away."""
        loop = asyncio.get_running_loop()
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                message = await self._outbox.get()
                while len(under_way) >= INFLIGHT_MAX:
                    _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                under_way.add(loop.create_task(self._publish(message)))
                for task in [each for each in under_way if each.done()]:
                    under_way.remove(task)
                    task.result()
        finally:
            for task in under_way:
                task.cancel()

    async def _publish(self, message: Message) -> None:
        # How long it may take is decided by the keepalive: a slow wire is not a broken one.
        await self._client.publish(message.topic, message.payload, 1, message.retain, timeout=math.inf)
        self._taken()

    async def _overflows(self) -> None:
        await self._overflowed.wait()
        raise aiomqtt.MqttError("it takes nothing any more")


@asynccontextmanager
async def connected(
    address: str, session: Session, taken: Callable[[], None] = lambda: None
) -> AsyncIterator[Connection]:
    """A connection to the broker at `mqtt://host:port` or `mqtts://…`. Raises BrokerLost; `taken` hears each confirmation."""
    url = urlsplit(address)
    will = session.will
    client = aiomqtt.Client(
        url.hostname or "",
        url.port or PORTS[url.scheme],
        identifier=session.client_id,
        clean_session=False,
        keepalive=session.keepalive_s,
        timeout=CONNECT_S,
        will=aiomqtt.Will(will.topic, will.payload, 1, retain=True) if will else None,
        tls_context=session.tls if url.scheme == "mqtts" else None,
        max_queued_incoming_messages=INCOMING_MAX,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    client.pending_calls_threshold = INFLIGHT_MAX + 1
    _bound(client)
    try:
        await client.__aenter__()
        try:
            if session.topics:
                await client.subscribe([(topic, 1) for topic in session.topics])
            yield Connection(client, address, taken)
        finally:
            await client.__aexit__(None, None, None)
    except (aiomqtt.MqttError, OSError, ValueError) as error:
        raise BrokerLost(f"{address}: {str(error) or type(error).__name__}") from None
    finally:
        # Where reading has raised, or no answer came, the library leaves its socket open, and a task that looks after it.
        cast(Any, client._client)._sock_close()  # noqa: SLF001


def _bound(client: aiomqtt.Client) -> None:
    """End the connection at the head of a packet that is too large, instead of taking all of it into memory."""
    paho: Any = client._client  # noqa: SLF001 - neither library has a setting for it
    receive = paho._sock_recv  # noqa: SLF001

    def bounded(size: int) -> bytes:
        length = paho._in_packet["remaining_length"]  # noqa: SLF001
        if length > PACKET_MAX_BYTES:
            raise ValueError(f"a packet of {length} bytes is above {PACKET_MAX_BYTES}")
        data: bytes = receive(size)
        return data

    paho._sock_recv = bounded  # noqa: SLF001


async def first(*works: Coroutine[Any, Any, object]) -> None:
    """Until one of them ends; the others are cancelled then, and waited for. Raises what it raised."""
    tasks = [asyncio.get_running_loop().create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()
