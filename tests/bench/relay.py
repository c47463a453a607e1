"""`python -m tests.bench.relay first|second|last FOLDER`: a process that only passes bytes on, until stdin ends.

Three of them stand for kiosk, controller and boards where these do nothing at all: a TCP socket, a Unix socket, a pty.
Each says `ready`, the first one with its port; the last one then says when each message was read (nanoseconds of
CLOCK_MONOTONIC).
"""

import asyncio
import os
import pty
import sys
import tty
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns
from typing import cast

SOCKET, DEVICE = "relay.sock", "tty-relay"
Write = Callable[[bytes], object]


class Passing(asyncio.Protocol):
    """Whatever comes goes on."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def data_received(self, data: bytes) -> None:
        self._write(data)


async def first(folder: Path) -> str:
    """From a TCP socket to the second."""
    loop = asyncio.get_running_loop()
    onwards, _ = await loop.create_unix_connection(asyncio.Protocol, str(folder / SOCKET))
    server = await loop.create_server(
        lambda: Passing(cast(asyncio.WriteTransport, onwards).write), "127.0.0.1", 0
    )
    return f"ready {server.sockets[0].getsockname()[1]}"


async def second(folder: Path) -> str:
    """From a Unix socket to the pty."""
    device = os.open(folder / DEVICE, os.O_RDWR | os.O_NOCTTY)
    await asyncio.get_running_loop().create_unix_server(
        lambda: Passing(lambda data: os.write(device, data)), str(folder / SOCKET)
    )
    return "ready"


async def last(folder: Path) -> str:
    """The end: when was it read?"""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    (folder / DEVICE).symlink_to(os.ttyname(theirs))

    def readable() -> None:
        os.read(ours, 4_096)
        say(str(monotonic_ns()))

    asyncio.get_running_loop().add_reader(ours, readable)
    return "ready"


def say(line: str) -> None:
    """A line for whoever started this process, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def serve(part: str, folder: Path) -> None:
    """Be this part until stdin ends."""
    say(await {"first": first, "second": second, "last": last}[part](folder))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
