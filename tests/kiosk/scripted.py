"""A controller that shows what a test tells it to, over the real protocol on a real Unix socket."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from firmware.config import Access, BackendKey, Bus, Cell, Config, Kiosk, LockerSection, Paths, Xor8a80
from firmware.control import (
    KIOSK_REQUESTS,
    Code,
    Heartbeat,
    Message,
    Press,
    Qr,
    Seq,
    Show,
    Superseded,
    decode,
    encode,
)
from firmware.model import Action, Screen, ScreenName
from firmware.optics import Hint

CONNECT_S = 10.0  # a bound on waiting, never a measure
IDLE = Screen(ScreenName.IDLE, actions=(Action.START,))


class Size(NamedTuple):
    name: Literal["S", "M", "L", "XL"]
    height_mm: int


class ScriptedController:
    """The kiosk role of the controller: every face that comes is shown the screen of the moment."""

    def __init__(self, run: Path) -> None:
        self.path = run / "kiosk.sock"
        self.screen = Show(Seq("t", 0), IDLE)
        self.asked: asyncio.Queue[Press | Code] = asyncio.Queue()
        self.beats: asyncio.Queue[Heartbeat] = asyncio.Queue()
        self.joined: asyncio.Queue[None] = asyncio.Queue()
        self.left: asyncio.Queue[None] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self._faces: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def stop(self) -> None:
        """Gone, as a killed controller is: every connection ends."""
        assert self._server
        self._server.close()
        faces, self._faces = self._faces, []
        for face in faces:
            face.close()
        for _ in faces:
            await self.left.get()
        self.path.unlink(missing_ok=True)

    async def show(
        self, screen: Screen, left_ms: int | None = None, qr: str | None = None, **beside: Any
    ) -> Seq:
        """Push a screen to whoever is there, and to whoever comes; `beside` it may be a hint and a ring."""
        seq = Seq("t", self.screen.seq.count + 1)
        self.screen = Show(seq, screen, left_ms, Qr(qr) if qr else None, **beside)
        await self.push(self.screen)
        return seq

    async def renew(self, qr: str | None) -> None:
        """Push the same screen with another QR code, or none."""
        self.screen = msgspec.structs.replace(self.screen, qr=Qr(qr) if qr else None)
        await self.push(self.screen)

    async def hint(self, hint: Hint) -> None:
        """Push the same screen with another hint."""
        self.screen = msgspec.structs.replace(self.screen, hint=hint)
        await self.push(self.screen)

    async def ring(self, *, on: bool) -> None:
        """Push the same screen, with word that the scanner keeps its last frames, or without."""
        self.screen = msgspec.structs.replace(self.screen, ring=on)
        await self.push(self.screen)

    async def push(self, message: Message) -> None:
        for face in self._faces:
            face.write(encode(message))
            await face.drain()

    async def next_request(self) -> Press | Code:
        return await asyncio.wait_for(self.asked.get(), CONNECT_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for older in self._faces:
            older.write(encode(Superseded()))
        self._faces = [*self._faces, writer]
        writer.write(encode(self.screen))
        self.joined.put_nowait(None)
        with suppress(ConnectionError):
            while line := await reader.readline():
                request = decode(KIOSK_REQUESTS, line)
                if isinstance(request, Heartbeat):
                    self.beats.put_nowait(request)
                else:
                    self.asked.put_nowait(request)
        self._faces = [face for face in self._faces if face is not writer]
        writer.close()
        self.left.put_nowait(None)


S, M, L, XL = Size("S", 120), Size("M", 220), Size("L", 420), Size("XL", 640)
COLUMNS = (
    (XL, L, S, S, S, S, S, S),
    (L, M, M),  # above them is the screen
    (L, M, M, M, M, S, S, S, S),
    (L, L, M, S, S, S, S, S, S),
)


def cabinet() -> tuple[Cell, ...]:
    """Four columns with cells of all sizes, numbered from the bottom up."""
    cells: list[Cell] = []
    for column, sizes in enumerate(COLUMNS):
        bottom_mm = 0
        for size in sizes:
            number = len(cells) + 1
            cells.append(Cell(number, "a", number, size.name, column, bottom_mm, size.height_mm))
            bottom_mm += size.height_mm
    return tuple(cells)


def config(run: Path, port: int = 8_081, **kiosk: Any) -> Config:
    """A locker as it stands in a street of Almaty."""
    return Config(
        locker=LockerSection("0123", "Алматы, проспект Абая, 52", "+7 727 258 59 65"),
        access=Access((BackendKey("k1", "0" * 64),)),
        cells=cabinet(),
        banks=(Xor8a80("a", "b1", 1, 32),),
        buses=(Bus("b1", "/dev/ttyS9"),),
        paths=Paths(run=run),
        kiosk=msgspec.convert({"port": port, **kiosk}, Kiosk),
    )


def listener() -> socket.socket:
    """A socket on a free port of this machine, bound already so that nobody else takes it."""
    return socket.create_server(("127.0.0.1", 0))
