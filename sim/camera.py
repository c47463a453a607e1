"""`python -m sim.camera PORT`: the pixels before a live locker's scanner, as a camera with an address sends them: a stream of JPEGs.

A process of its own: it renders on its own core's time, and its clock is the real one however fast the simulator's runs. What is before
it comes on its standard input, one JSON object a line (`Before`), and it ends with that input. It tells on its standard output
when it serves (`Serving`), and when the first frame of what it was told last went out (`Began`).

`/` is the stream, at FPS whoever looks; `/picture` the newest frame alone. With nobody there it does nothing.
"""

import asyncio
import random
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import accumulate

import msgspec
import numpy as np

from sim import ways
from sim.lens import Picture, Scene, Symbol, jpeg, qr, render
from sim.optics import Before, Began, Ill, Serving, Way

FPS = 30
POSES = 4  # of a hand that holds something
STIR = 6  # frames of an empty room
# How many frames further the next one is, in no rhythm: one who looks at every sixth would else see one picture again and again, and
# take it for frozen. No step leads back to the same frame.
_STEPS = (1, 2, 3, 5)
_ORDER = (0, *accumulate(random.Random(1).choices(_STEPS, k=1_009)))
ROOM = 1  # seed of what is behind whoever stands there
NOISE = 2.0  # grey levels, from frame to frame
DARK_MODE = 0.25  # of the phones: light modules on dark
DARK_AROUND = 0.2  # of the phones: a light card on a dark screen
GLARE_MAX, MOIRE_MAX = 0.5, 0.3  # of `Scene`: what a phone held in good faith still shows its code through
DARK = 7.0  # grey levels: some light comes through a finger
BUFFER_BYTES = 65_536  # of the kernel: what a slow viewer has not taken is old
BOUNDARY = "frame"
JPEG = "image/jpeg"
HEAD_MAX_BYTES = 8_192  # of a viewer's request
ORDER_MAX_BYTES = 65_536


def poses(seed: int, *, plain: bool = False, way: Way = Way.WELL, paper: bool = False) -> list[Scene]:
    """A hand that is not quite still: the same phone, hand, light and room, from frame to frame a little elsewhere.

    `plain`: a bare code in fair light, for whoever measures what undamaged ones take. `paper`: a sheet and no phone: it does not shine,
    nor reflect.
    """
    chance = random.Random(seed)
    first = Scene(
        seed=ROOM,
        side=chance.uniform(300, 380),
        x=chance.uniform(0.42, 0.58),
        y=chance.uniform(0.46, 0.54),
        turn=chance.uniform(-8, 8),
        tilt=chance.uniform(-8, 8),
        swing=chance.uniform(-8, 8),
        blur=0.5,
        motion=1,
        noise=NOISE,
    )
    moved = [
        (chance.gauss(0, 0.002), chance.gauss(0, 0.002), chance.gauss(0, 0.4))  # x, y, turn
        for _ in range(POSES)
    ]
    if not plain:
        first = ways.held(_as_people_do(first, seed, chance), way, chance)
    if paper:
        first = replace(first, hand=False, dark_mode=False, dark_around=False, glare=0, moire=0)
    return [
        replace(first, x=first.x + x, y=first.y + y, turn=first.turn + turn, moment=0 if plain else moment)
        for moment, (x, y, turn) in enumerate(moved, 1)
    ]


def _as_people_do(scene: Scene, seed: int, chance: random.Random) -> Scene:
    """A phone in a hand, in whatever mode it is, under whatever lamp hangs there."""
    mode = chance.random()
    return replace(
        scene,
        seed=seed,
        room=ROOM,
        hand=True,
        dark_mode=mode < DARK_MODE,
        dark_around=DARK_MODE <= mode < DARK_MODE + DARK_AROUND,
        light=chance.uniform(175, 240),
        motion=chance.uniform(0, 2.5),
        motion_angle=chance.uniform(0, 180),
        glare=chance.uniform(0.1, GLARE_MAX) if chance.random() < 0.6 else 0,
        moire=chance.uniform(0.05, MOIRE_MAX) if chance.random() < 0.6 else 0,
    )


def stirred(picture: Picture, seed: int) -> bytes:
    """The same picture with the noise of another moment."""
    noise = np.random.default_rng(seed).normal(0, NOISE, picture.shape[:2])[:, :, None]
    return jpeg(np.clip(picture + noise, 0, 255).astype(np.uint8))


def _nth(frames: list[bytes], count: int) -> bytes:
    return frames[_ORDER[count % len(_ORDER)] % len(frames)]


def _drawn(scene: Scene, symbol: Symbol) -> bytes:
    return jpeg(render(scene, symbol))


class Camera:
    """What is sent now. Frames are drawn beside the loop, and sent by every viewer's own task."""

    def __init__(self, began: Callable[[int, float], None]) -> None:
        self._began = began
        self._before = Before(0)
        self._untold: int | None = None
        room = render(Scene(seed=ROOM, noise=NOISE))
        self._room = [stirred(room, each) for each in range(STIR)]
        dark = np.full_like(room, DARK)
        self._dark = [stirred(dark, each) for each in range(STIR)]
        self._held: list[bytes] = []
        self._artist = ThreadPoolExecutor(1)
        self._changed = asyncio.Event()
        self._last = self._room[0]

    async def draw(self, before: Before) -> None:
        """Show this once all its frames are drawn: a hand takes its time to come, and no camera takes a core to draw."""
        held: list[bytes] = []
        if before.text is not None and before.held == self._before.held:
            held = self._held
        elif before.text is not None:
            symbol, loop = qr(before.text), asyncio.get_running_loop()
            held = [
                await loop.run_in_executor(self._artist, partial(_drawn, pose, symbol))
                for pose in poses(before.seed, plain=before.plain, way=before.way, paper=before.paper)
            ]
        self._before, self._held, self._untold = before, held, before.number
        self._changed.set()
        self._changed = asyncio.Event()

    def frame(self, count: int) -> bytes | None:
        """The picture of this moment, `count` since the viewer came; None: nothing comes."""
        match self._before.ill:
            case Ill.HANGS | Ill.GONE:
                return None
            case Ill.GARBAGE:
                return random.Random(count).randbytes(20_000)
            case Ill.BLACK:
                self._last = _nth(self._dark, count)
            case Ill.FINE:
                self._last = _nth(self._held or self._room, count)
            case Ill.FROZEN:
                pass
        return self._last

    @property
    def _plugged(self) -> bool:
        return self._before.ill is not Ill.GONE

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One viewer, as long as it looks and the camera is plugged in."""
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]
            if path == b"/":
                await self._stream(writer)
            else:
                await self._picture(writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            pass  # it has gone, or does not speak HTTP
        except asyncio.CancelledError:
            pass  # the camera ends
        finally:
            writer.transport.abort()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        if not self._plugged:
            return
        line: socket.socket = writer.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        writer.transport.set_write_buffer_limits(high=0)
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode())
        loop, count = asyncio.get_running_loop(), 0
        due_s = loop.time()
        while self._plugged:
            frame = self.frame(count)
            if frame is None:
                await self._changed.wait()
                continue
            self._tell(loop.time())
            head = f"--{BOUNDARY}\r\nContent-Type: {JPEG}\r\nContent-Length: {len(frame)}\r\n\r\n"
            writer.write(head.encode() + frame + b"\r\n")
            await writer.drain()
            count += 1
            due_s = max(due_s + 1 / FPS, loop.time())
            await asyncio.sleep(due_s - loop.time())

    async def _picture(self, writer: asyncio.StreamWriter) -> None:
        frame = self.frame(0) if self._before.ill is not Ill.GARBAGE else None
        if frame is None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {JPEG}\r\nContent-Length: {len(frame)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + frame)
        writer.write_eof()
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def _tell(self, now_s: float) -> None:
        if self._untold is not None:
            self._began(self._untold, now_s)
            self._untold = None


def _tell(message: Serving | Began) -> None:
    sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
    sys.stdout.flush()


async def _serve(port: int) -> None:
    camera = Camera(lambda number, at_s: _tell(Began(number, at_s)))
    async with await asyncio.start_server(camera.serve, "127.0.0.1", port, limit=HEAD_MAX_BYTES):
        _tell(Serving())
        orders = asyncio.StreamReader(limit=ORDER_MAX_BYTES)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        drawing: asyncio.Task[None] | None = None
        while line := await orders.readline():
            if drawing is not None:
                drawing.cancel()
            drawing = loop.create_task(camera.draw(msgspec.json.decode(line, type=Before)))


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
