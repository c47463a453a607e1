"""A face's end of a socket, before a controller that accepts and then reads nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firmware.client import WAITING_MAX_BYTES, Client
from firmware.control import SCANNER_PUSHES, Reading, Scan, Seq, Told, encode
from firmware.errors import Unreachable
from firmware.optics import Format

READING = Reading(Seq("s", 1), "1" * 1_000, Format.QR)


def before_a_deaf_controller(folder: Path, act: Callable[[Client[Scan | Told]], Awaitable[None]]) -> None:
    async def whole() -> None:
        accepted, ended, left = (asyncio.Event() for _ in range(3))

        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            accepted.set()
            await ended.wait()
            writer.transport.abort()
            left.set()

        server = await asyncio.start_unix_server(deaf, folder / "s")
        client = await Client.connect(folder / "s", SCANNER_PUSHES)
        await accepted.wait()
        try:
            await act(client)
        finally:
            ended.set()
            await client.close()
            await left.wait()
            await asyncio.sleep(0)  # what was aborted is closed in the next turn
            server.close()

    asyncio.run(whole())


def waiting_bytes(client: Client[Scan | Told]) -> int:
    size: int = client._writer.transport.get_write_buffer_size()
    return size


def test_a_controller_that_reads_nothing_is_let_go_of_before_memory_is_full(tmp_path: Path) -> None:
    async def act(client: Client[Scan | Told]) -> None:
        most = 0
        for _ in range(10_000):  # 10 MB
            client.post(READING)
            most = max(most, waiting_bytes(client))
        assert WAITING_MAX_BYTES - len(encode(READING)) < most <= WAITING_MAX_BYTES
        with pytest.raises(Unreachable):
            await client.receive()
        assert waiting_bytes(client) == 0

    before_a_deaf_controller(tmp_path, act)


def test_it_is_waited_for_by_nobody_who_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.client.CLOSE_S", 0.05)

    async def act(client: Client[Scan | Told]) -> None:
        while not waiting_bytes(client):  # beyond what the socket itself takes
            client.post(READING)
        await client.close()
        with pytest.raises(Unreachable):
            await client.receive()

    before_a_deaf_controller(tmp_path, act)
