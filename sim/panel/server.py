"""The panel's server: its files, and for each page that comes the world, and then whatever changes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from sim import web
from sim.locker import SimLocker
from sim.panel.acts import ACTS
from sim.panel.messages import Entries, Setup, encode
from sim.panel.scene import Scene, boxes
from sim.panel.seen import World

WORLD = "/world"
JOURNAL_MAX = 200  # entries that a page is sent when it comes
BATCH = 100

_PAGE = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@asynccontextmanager
async def serving(listener: socket.socket, locker: SimLocker, kiosk: str) -> AsyncIterator[None]:
    """Serve the panel of a live locker that is switched on; `kiosk` is the address of its kiosk's page."""
    panel = Panel(locker, kiosk)
    watch = asyncio.get_running_loop().create_task(panel.watch())
    try:
        async with web.serving(listener, _files(), _policy(kiosk), WORLD, panel.join):
            yield
    finally:
        watch.cancel()
        await asyncio.wait([watch])


class Panel:
    """The pages that are open. Each is told what is new to it, in its own time."""

    def __init__(self, locker: SimLocker, kiosk: str) -> None:
        config = locker.config
        self._locker = locker
        self._scene = Scene(locker)
        self._setup = Setup(
            config.locker.id, config.locker.address, config.locker.timezone, kiosk, boxes(config.cells)
        )
        self._woken: list[asyncio.Event] = []

    async def watch(self) -> None:
        """Wake the pages at every change, until cancelled."""
        while True:
            await self._locker.moved.wait()
            self._locker.moved.clear()
            for page in self._woken:
                page.set()

    async def join(self, page: web.Page) -> None:
        """A page's connection, from its first message to its last."""
        woken = asyncio.Event()
        self._woken.append(woken)
        try:
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(self._tell(page, woken))
                async for text in page:
                    await self._act(page, text)
                telling.cancel()
        finally:
            self._woken.remove(woken)

    async def _act(self, page: web.Page, text: str) -> None:
        try:
            act = ACTS.decode(text)
        except msgspec.DecodeError:  # a wrong type, bound or tag among them: such a page is not ours
            await page.refuse()
            return
        if refused := self._scene.act(act):
            await page.send(encode(refused))

    async def _tell(self, page: web.Page, woken: asyncio.Event) -> None:
        store = self._locker.controller.store
        seen, seq = World(), max(0, store.last_seq - JOURNAL_MAX)
        await page.send(encode(self._setup))
        while True:
            woken.clear()
            now = self._scene.look()
            if news := now.since(seen):
                await page.send(encode(news))
            seen = now
            while rows := store.journal(seq, BATCH):
                seq = rows[-1].seq
                await page.send(encode(Entries(tuple(msgspec.json.decode(row.body) for row in rows))))
            await woken.wait()


def _files() -> dict[str, web.File]:
    """Path to resource, all read once: what is not in the table does not exist."""
    files = {
        f"/{path.name}": web.File(path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(_PAGE.iterdir())
        if path.suffix in _TYPES
    }
    return {**files, "/": files["/index.html"]}


def _policy(kiosk: str) -> str:
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"frame-src {kiosk}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
