"""A backend at the real socket of a controller's process: the shipped protocol and a broker in memory, without a process between."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import cast

from firmware.errors import Unreachable
from firmware.peer import Role
from sim.backend.link import Link
from sim.broker import Broker
from sim.uplink import MemoryFarEnd, MemoryUplink


class SocketLink(asyncio.Protocol):
    """One connection. Make it with `connect`."""

    def __init__(self, link: Link) -> None:
        self.link = link
        broker = Broker(random.Random(0))
        self._uplink = MemoryUplink(link.topics.locker, broker, random.Random(0))
        self._transport: asyncio.Transport | None = None
        self._moved = asyncio.Event()
        self._error: Exception = Unreachable("the controller closed the connection")
        self._heard: Callable[[bytes], None] = lambda line: None
        self._broker = broker

    @classmethod
    async def connect(cls, path: Path, link: Link) -> "SocketLink":
        """Raises Unreachable, naming the socket, where nobody listens or the caller may not come in."""
        loop = asyncio.get_running_loop()
        try:
            _, protocol = await loop.create_unix_connection(lambda: cls(link), str(path))
        except OSError as error:
            raise Unreachable(
                f"{path}: the controller cannot be reached ({error.strerror or error})"
            ) from None
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        MemoryFarEnd(self.link, self._broker, self.moved)
        self._uplink.attach(self)

    def join(self, role: Role, send: Callable[[bytes], None], drop: Callable[[], None]) -> "SocketLink":
        """As a gate's: what the uplink is joined to is this connection."""
        self._heard = send
        return self

    def feed(self, data: bytes) -> None:
        """To the controller."""
        cast(asyncio.Transport, self._transport).write(data)

    def data_received(self, data: bytes) -> None:
        self._heard(data)

    def moved(self) -> None:
        """The backend has heard something."""
        self._moved.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._uplink.detach()
        self.link.detach()
        self._moved.set()

    async def until(self, done: Callable[[], bool]) -> None:
        """Return once `done` holds. Raises Unreachable when the connection ends before, ProtocolError."""
        while not done():
            if self._transport is None or self._transport.is_closing():
                raise self._error
            self._moved.clear()
            await self._moved.wait()

    def drop(self) -> None:
        """End the connection; idempotent."""
        cast(asyncio.Transport, self._transport).close()

    close = drop
