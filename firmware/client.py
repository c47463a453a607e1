"""A face's end of a control socket (`firmware.control`)."""

import asyncio
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from firmware.control import FRAME_MAX_BYTES, Message, decode, encode
from firmware.errors import ProtocolError, Unreachable

WAITING_MAX_BYTES = 262_144  # posted, and not taken by the controller
CLOSE_S = 1.0  # for what was posted to be taken, when a face leaves
M = TypeVar("M", bound=Message)


class Client(Generic[M]):
    """A face's end of a control socket."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pushes: msgspec.json.Decoder[M]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._pushes = pushes

    @classmethod
    async def connect(cls, path: Path, pushes: "msgspec.json.Decoder[M]") -> "Client[M]":
        """Raises Unreachable, naming the socket, where nobody listens or the caller may not come in."""
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=FRAME_MAX_BYTES)
        except OSError as error:
            raise Unreachable(
                f"{path}: the controller cannot be reached ({error.strerror or error})"
            ) from None
        return cls(reader, writer, pushes)

    async def send(self, message: Message) -> None:
        """Raises Unreachable when the controller has gone."""
        try:
            self._writer.write(encode(message))
            await self._writer.drain()
        except ConnectionError:
            raise Unreachable("the controller closed the connection") from None

    def post(self, message: Message) -> None:
        """As `send`, and wait for nothing; where the controller has gone, `receive` says so.

        So it does of one that reads nothing: the connection ends once more than WAITING_MAX_BYTES wait for it.
        """
        if self._writer.is_closing():
            return
        self._writer.write(encode(message))
        if self._writer.transport.get_write_buffer_size() > WAITING_MAX_BYTES:
            self._writer.transport.abort()

    async def receive(self) -> M:
        """The next push. Raises Unreachable when the controller has gone, ProtocolError on nonsense."""
        try:
            line = await self._reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Unreachable("the controller closed the connection") from None
        except asyncio.LimitOverrunError:
            raise ProtocolError(f"a line is above {FRAME_MAX_BYTES} bytes") from None
        message: M = decode(self._pushes, line)
        return message

    async def close(self) -> None:
        """What was posted still goes, where the controller takes it within CLOSE_S."""
        self._writer.close()
        closing = asyncio.get_running_loop().create_task(self._writer.wait_closed())
        await asyncio.wait(
            [closing], timeout=CLOSE_S
        )  # a time limit of its own would leave what it waits for cancelled
        if not closing.done():
            self._writer.transport.abort()
        try:
            await closing
        except ConnectionError:
            pass  # it went first
