"""The panel's server: its files, for each page that comes the world and then whatever changes, and the app's API for the phones."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from firmware.errors import StoreError
from sim import web
from sim.backend import api
from sim.backend.app import App
from sim.panel import messages
from sim.panel.acts import ACTS, Save, Trace
from sim.panel.director import Director
from sim.panel.held import Picture
from sim.panel.look import look
from sim.panel.messages import Entries, Refused, Setup, Why, encode
from sim.panel.seen import World

WORLD = "/world"
PICTURE = "/camera.jpg"  # what the locker's camera sees, from the simulator's own lens
JOURNAL_MAX = 200  # entries that a page is sent when it comes
BATCH = 100
ACTS_MAX = 8  # acts of one page that go on at once
TITLE = "Saved from the panel"

_PAGE = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


@asynccontextmanager
async def serving(listener: socket.socket, director: Director, setup: Setup) -> AsyncIterator[None]:
    """Serve the panel of a live locker that is switched on."""
    panel = Panel(director, setup)
    watch = asyncio.get_running_loop().create_task(panel.watch())
    try:
        locker = director.stage.locker
        parts = {api.PREFIX: api.Api(App(locker.backend, locker.link)).application()}
        files: dict[str, web.File | web.Made] = {
            **_files(),
            PICTURE: lambda: _picture(director.stage.held.picture),
        }
        async with web.serving(listener, files, _policy(setup.kiosk), WORLD, panel.join, parts):
            yield
    finally:
        watch.cancel()
        await asyncio.wait([watch])


class Panel:
    """The pages that are open. Each is told what is new to it, in its own time."""

    def __init__(self, director: Director, setup: Setup) -> None:
        self._director = director
        self._setup = setup
        self._woken: list[asyncio.Event] = []

    async def watch(self) -> None:
        """Wake the pages at every change, until cancelled."""
        moved = self._director.stage.locker.moved
        while True:
            await moved.wait()
            moved.clear()
            for page in self._woken:
                page.set()

    async def join(self, page: web.Page) -> None:
        """A page's connection, from its first message to its last."""
        woken = asyncio.Event()
        visit = _Visit(self._director, page, woken)
        self._woken.append(woken)
        try:
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(visit.tell(self._setup))
                async for text in page:
                    await visit.act(text, group)
                telling.cancel()
                visit.leave()
        finally:
            self._woken.remove(woken)


class _Visit:
    """One page: what it has seen, and what it does."""

    def __init__(self, director: Director, page: web.Page, woken: asyncio.Event) -> None:
        self._director = director
        self._stage = director.stage
        self._page = page
        self._woken = woken
        self._trace = Trace(on=True)
        self._acting: set[asyncio.Task[None]] = set()
        self._lines = self._story = 0

    async def act(self, text: str, group: asyncio.TaskGroup) -> None:
        """Do what the page says. An act may take its time, and the next one does not wait for it."""
        try:
            act = ACTS.decode(text)
        except msgspec.DecodeError:  # a wrong type, bound or tag among them: such a page is not ours
            await self._page.refuse()
            return
        match act:
            case Trace():
                self._trace = act
                self._lines = 0
                self._woken.set()
            case Save():
                name, text = self._director.saved(TITLE)
                await self._page.send(encode(messages.Saved(name, text)))
            case _ if len(self._acting) >= ACTS_MAX:
                await self._page.send(encode(Refused(Why.GOES_ON)))
            case _:
                task = group.create_task(self._through(act))
                self._acting.add(task)
                task.add_done_callback(self._acting.discard)

    def leave(self) -> None:
        """The page has gone: nobody is to be told what became of its acts."""
        for task in self._acting:
            task.cancel()

    async def tell(self, setup: Setup) -> None:
        """Tell the page all that there is, and then whatever is new, until cancelled."""
        seen, seq = World(), 0
        await self._page.send(encode(setup))
        while True:
            self._woken.clear()
            now = look(self._stage)
            if news := now.since(seen):
                await self._page.send(encode(news))
            seen = now
            seq = await self._tell_journal(seq)
            await self._tell_lines()
            await self._woken.wait()

    async def _through(self, act: object) -> None:
        refused = await self._director.act(act)
        self._stage.locker.moved.set()
        if refused is not None:
            await self._page.send(encode(refused))

    async def _tell_journal(self, seq: int) -> int:
        """What is new in it, as long as there is a controller whose disk can be read."""
        while (parts := self._stage.locker.assembly) is not None:
            try:
                rows = parts.store.journal(seq or max(0, parts.store.last_seq - JOURNAL_MAX), BATCH)
            except StoreError:
                break
            if not rows:
                break
            seq = rows[-1].seq
            await self._page.send(encode(Entries(tuple(msgspec.json.decode(row.body) for row in rows))))
        return seq

    async def _tell_lines(self) -> None:
        book, teller = self._stage.xray.book, self._director.teller
        if self._trace.on and self._lines != book.version:
            since, self._lines = self._lines, book.version
            for line in tuple(book.since(since, frozenset(self._trace.parts))):
                await self._page.send(encode(line))
        if self._story != teller.version and teller.story is not None:
            self._story = teller.version
            await self._page.send(encode(teller.story))


def _files() -> dict[str, web.File]:
    """Path to resource, all read once: what is not in the table does not exist. Catalogues go without their white space."""
    files = {
        f"/{path.name}": web.File(_body(path), _TYPES[path.suffix])
        for path in sorted(_PAGE.iterdir())
        if path.suffix in _TYPES
    }
    return {**files, "/": files["/index.html"]}


async def _picture(picture: Picture | None) -> web.File | None:
    """What the camera sees now: from the simulator's lens, for the scanner lets none out."""
    body = await picture() if picture is not None else None
    return web.File(body, "image/jpeg") if body is not None else None


def _body(path: Path) -> bytes:
    body = path.read_bytes()
    return msgspec.json.format(body, indent=-1) if path.suffix == ".json" else body


def _policy(kiosk: str) -> str:
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"frame-src {kiosk}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
