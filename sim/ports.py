"""Ports of the loopback, and a network between two of them that can fail."""

import asyncio
import socket
from contextlib import suppress
from typing import cast

CHUNK_BYTES = 65_536


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Forwarder:
    """Carries TCP connections from its own port to another; while it is down, every connection breaks and none is taken."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self._to = port
        self._server: asyncio.Server | None = None
        self._going: set[asyncio.Task[None]] = set()

    @property
    def is_up(self) -> bool:
        return self._server is not None

    async def up(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def down(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in (going := list(self._going)):
            task.cancel()
        if going:
            await asyncio.wait(going)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._going.add(task)
        ends = [writer]
        try:
            their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._to)
            ends.append(their_writer)
            for end in ends:
                end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ways = [
                asyncio.ensure_future(_pour(reader, their_writer)),
                asyncio.ensure_future(_pour(their_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.wait(ways)
        except (OSError, asyncio.CancelledError):
            pass  # it breaks: that is what it is for
        finally:
            self._going.discard(task)
            for end in ends:
                end.transport.abort()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
