"""The simulator's one use of aiohttp: a small server for pages of our own, and the client's end of the kiosk's page.

The server answers under its own names only and lets only its own page open the WebSocket, as the kiosk does: a page
elsewhere in the same browser may know the port, and still drives nothing.
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.typedefs import Handler, Middleware

from firmware.errors import PostomatError

HOST = "127.0.0.1"
MESSAGE_MAX_BYTES = 1_024  # of what a page sends
PAGES_MAX = 8
CLOSE_S = 1.0  # how long a page may take to say goodbye
HEARTBEAT_S = 10.0


class File(NamedTuple):
    """One resource, whole."""

    body: bytes
    content_type: str


class Page:
    """An open page's WebSocket, from the server's side: iterate over the texts it sends."""

    def __init__(self, end: web.WebSocketResponse) -> None:
        self._end = end

    async def send(self, text: bytes) -> None:
        """Send a text, waiting while the page is slow. To a page that has gone it is lost; reading it says so."""
        with suppress(ConnectionError):
            await self._end.send_str(text.decode())

    async def refuse(self) -> None:
        """Close the connection of a page that does not keep to the protocol."""
        await self._end.close(code=WSCloseCode.POLICY_VIOLATION)

    async def end(self) -> None:
        """Close the connection because the server goes."""
        await self._end.close(code=WSCloseCode.GOING_AWAY)

    async def __aiter__(self) -> AsyncIterator[str]:
        async for message in self._end:
            if message.type is WSMsgType.TEXT:
                yield message.data
            else:
                await self.refuse()


Join = Callable[[Page], Awaitable[None]]


def listen(port: int) -> socket.socket:
    """A socket on this port of this machine alone. Raises PostomatError, naming the port, where it is taken."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise PostomatError(
            f"port {port}: cannot listen on {HOST}:{port}: {error.strerror}; another one: --port N"
        ) from None


def origins(port: int) -> tuple[str, ...]:
    """What the pages of a server on this port may be called; the first is its address."""
    return f"http://{HOST}:{port}", f"http://localhost:{port}"


@asynccontextmanager
async def serving(
    listener: socket.socket, files: Mapping[str, File], policy: str, path: str, join: Join
) -> AsyncIterator[None]:
    """Serve `files` (by their paths) under a Content-Security-Policy, and a WebSocket at `path`, while the context lasts."""
    pages: list[Page] = []

    async def open_socket(request: web.Request) -> web.StreamResponse:
        if len(pages) >= PAGES_MAX:
            raise web.HTTPServiceUnavailable(text=f"{PAGES_MAX} pages are open already.\n")
        end = web.WebSocketResponse(timeout=CLOSE_S, heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_MAX_BYTES)
        page = Page(end)
        pages.append(page)
        try:
            await end.prepare(request)
            await join(page)
        finally:
            pages.remove(page)
        return end

    async def get(request: web.Request) -> web.Response:
        file = files.get(request.path)
        if file is None:
            raise web.HTTPNotFound
        return web.Response(body=file.body, content_type=file.content_type, charset="utf-8")

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_headers(policy))

    async def shut(app: web.Application) -> None:
        for page in pages.copy():
            await page.end()

    port = listener.getsockname()[1]
    app = web.Application(middlewares=[_own_page_only(port, path)], client_max_size=0)
    app.router.add_get(path, open_socket)
    app.router.add_get("/{path:.*}", get)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(shut)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def _own_page_only(port: int, path: str) -> Middleware:
    """Refuse requests under a foreign name and requests that a foreign page makes."""
    ours = frozenset(origins(port))

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if f"http://{request.headers.get('Host')}" not in ours:
            raise web.HTTPMisdirectedRequest(text="This server does not go by that name.\n")
        origin = request.headers.get("Origin")
        if origin not in ours and (origin is not None or request.path == path):
            raise web.HTTPForbidden(text="Only the simulator's own page may ask.\n")
        return await handler(request)

    return check


async def answers(url: str) -> bool:
    """Whether a server answers there."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(url):
                return True
        except aiohttp.ClientConnectionError:
            return False


@asynccontextmanager
async def socket_of(url: str, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """The WebSocket that the page at `url` opens at `path`."""
    async with aiohttp.ClientSession() as session, session.ws_connect(url + path, origin=url) as end:
        yield end
