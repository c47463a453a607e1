"""A camera's stream of JPEGs over HTTP on loopback, as the tests want it: well, stuck, dark, silent, broken off."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from enum import StrEnum

import cv2
import numpy as np
import segno
from aiohttp import web

from sim.lens import Symbol

WIDTH, HEIGHT, FPS = 1_280, 720, 30
CYCLE = 8  # frames of a scene, all different


class Sends(StrEnum):
    """What the camera does."""

    FRAMES = "frames"
    ONE_FRAME = "one frame again and again"
    NOTHING = "nothing, and the connection stays"
    AN_END = "an end"


def qr(text: str) -> Symbol:
    return np.array(segno.make(text, error="m", micro=False).matrix, np.uint8)


def scene(text: str | None = None, *, light: float = 1.0, drawn: Callable[[str], Symbol] = qr) -> list[bytes]:
    """JPEGs of a room with a lens's noise, and a phone or label with a code; `light` 0 is a finger on the lens."""
    chance = np.random.default_rng(1)
    across = np.linspace(60, 170, WIDTH, dtype=np.float32)
    picture = np.tile(across, (HEIGHT, 1))
    if text is not None:
        code = np.pad(1 - drawn(text), 4, constant_values=1).repeat(6, 0).repeat(6, 1) * 235.0
        top, left = (HEIGHT - len(code)) // 2, (WIDTH - len(code)) // 2
        picture[top : top + len(code), left : left + len(code)] = code
    frames = []
    for _ in range(CYCLE):
        noisy = picture * light + 6 + chance.normal(0, 2.5, picture.shape)
        frames.append(cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8))[1].tobytes())
    return frames


class Stream:
    """One camera. Its `url` is there while `serving`."""

    def __init__(self) -> None:
        self.url = ""
        self.sends = Sends.FRAMES
        self.frames = scene()
        self.viewers = 0
        self.refused = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Stream"]:
        app = web.Application()
        app.router.add_get("/stream", self._stream)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/stream"  # type: ignore[attr-defined]
        try:
            yield self
        finally:
            self.sends = Sends.AN_END
            await runner.cleanup()

    def has_ended(self) -> bool:
        return self.sends is Sends.AN_END

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.has_ended():
            self.refused += 1
            raise web.HTTPServiceUnavailable
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        await response.prepare(request)
        self.viewers += 1
        try:
            for number in range(1_000_000):
                sends = self.sends
                if self.has_ended():
                    break
                if sends is not Sends.NOTHING:
                    jpeg = self.frames[0 if sends is Sends.ONE_FRAME else number % CYCLE]
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    await response.write(head.encode() + jpeg + b"\r\n")
                await asyncio.sleep(1 / FPS)
        except ConnectionError:
            pass  # the other end has gone
        finally:
            self.viewers -= 1
        return response
