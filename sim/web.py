"""The simulator's one use of aiohttp: a small server for pages of our own, a relay before the kiosk's, and its page's client.

The servers answer under their own names only and let only their own page open the WebSocket, as the kiosk does: a page
elsewhere in the same browser may know the port, and still drives nothing.
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import NamedTuple

import aiohttp
import yarl
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.typedefs import Handler, Middleware

from firmware.errors import PostomatError

HOST = "127.0.0.1"
MESSAGE_MAX_BYTES = 1_024  # of what a page sends
PAGES_MAX = 8
Unanswered = aiohttp.ClientError  # whoever was asked is not there, or goes
_NONE: Mapping[str, web.Application] = {}
# A connection nobody uses stays: this loop's time may be moved by days, and one that ends while a page asks is an error to the page.
KEEP_S = 1e9
NO_LIMIT = aiohttp.ClientTimeout(total=None)  # for the same reason
CLOSE_S = 1.0  # how long a page may take to say goodbye
PASSED = ("Content-Type", "Content-Security-Policy", "Cache-Control", "Cross-Origin-Resource-Policy", "Referrer-Policy", "X-Content-Type-Options")  # fmt: skip


class File(NamedTuple):
    """One resource, whole."""

    body: bytes
    content_type: str


# A resource that is another one each time; None: there is none now.
Made = Callable[[], Awaitable[File | None]]


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


class Far:
    """The WebSocket of the server behind a relay, from its page's side: iterate over the texts it sends."""

    def __init__(self, end: aiohttp.ClientWebSocketResponse) -> None:
        self._end = end

    async def send(self, text: str) -> None:
        """Send a text; it is lost where the server has gone."""
        with suppress(ConnectionError):
            await self._end.send_str(text)

    async def end(self) -> None:
        """Close the connection, as a page that goes."""
        await self._end.close()

    async def __aiter__(self) -> AsyncIterator[str]:
        async for message in self._end:
            if message.type is WSMsgType.TEXT:
                yield message.data


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
    listener: socket.socket,
    files: Mapping[str, File | Made],
    policy: str,
    path: str,
    join: Join,
    parts: Mapping[str, web.Application] = _NONE,
) -> AsyncIterator[None]:
    """Serve `files` (by their paths) under a Content-Security-Policy, and a WebSocket at `path`, while the context lasts.

    `parts`: what other servers serve, by the beginning of its paths.
    """

    async def get(request: web.Request) -> web.Response:
        found = files.get(request.path)
        file = found if found is None or isinstance(found, File) else await found()
        if file is None:
            raise web.HTTPNotFound
        charset = None if file.content_type.startswith("image/jpeg") else "utf-8"
        return web.Response(body=file.body, content_type=file.content_type, charset=charset)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_headers(policy))

    async def enter(request: web.Request, page: Page) -> None:
        await join(page)

    app = _application(listener, path, get, enter, parts)
    app.on_response_prepare.append(add_headers)
    async with running(app, listener):
        yield


@asynccontextmanager
async def passing(
    listener: socket.socket, far: Callable[[], str], path: str, join: Callable[[Page, "Far"], Awaitable[None]]
) -> AsyncIterator[None]:
    """Pass on what the server at `far()` serves, unchanged, and its WebSocket at `path` to `join`, while the context lasts.

    `far()` is asked each time; where nobody answers there, the answer is 502.
    """
    async with aiohttp.ClientSession(auto_decompress=False, timeout=NO_LIMIT) as http:

        async def get(request: web.Request) -> web.Response:
            with _gateway():
                async with http.get(yarl.URL(far() + request.raw_path, encoded=True)) as answer:
                    headers = {name: answer.headers[name] for name in PASSED if name in answer.headers}
                    return web.Response(status=answer.status, body=await answer.read(), headers=headers)

        async def enter(request: web.Request, page: Page) -> None:
            async with socket_of(far(), path) as end:
                await join(page, Far(end))

        async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
            for name, value in _headers("default-src 'none'").items():  # of what is our own
                response.headers.setdefault(name, value)

        app = _application(listener, path, get, enter)
        app.on_response_prepare.append(add_headers)
        async with running(app, listener):
            yield


@contextmanager
def _gateway() -> Iterator[None]:
    try:
        yield
    except aiohttp.ClientError as error:
        raise web.HTTPBadGateway(text=f"The kiosk does not answer: {error}\n") from None


def _application(
    listener: socket.socket,
    path: str,
    get: Handler,
    enter: Callable[[web.Request, Page], Awaitable[None]],
    parts: Mapping[str, web.Application] = _NONE,
) -> web.Application:
    """Files by `get`, and pages' WebSockets at `path`, so many at most, which `enter` serves."""
    pages: list[Page] = []

    async def open_socket(request: web.Request) -> web.StreamResponse:
        if len(pages) >= PAGES_MAX:
            raise web.HTTPServiceUnavailable(text=f"{PAGES_MAX} pages are open already.\n")
        end = web.WebSocketResponse(timeout=CLOSE_S, max_msg_size=MESSAGE_MAX_BYTES)
        page = Page(end)
        pages.append(page)
        try:
            await end.prepare(request)
            await enter(request, page)
        except aiohttp.ClientError:
            await page.end()  # who stands behind us has gone: the page comes again
        finally:
            pages.remove(page)
        return end

    async def shut(app: web.Application) -> None:
        for page in pages.copy():
            await page.end()

    check = _own_page_only(listener.getsockname()[1], path)
    app = web.Application(middlewares=[check], client_max_size=MESSAGE_MAX_BYTES)
    for prefix, part in parts.items():
        app.add_subapp(prefix, part)
    app.router.add_get(path, open_socket)
    app.router.add_get("/{path:.*}", get)
    app.on_shutdown.append(shut)
    return app


@asynccontextmanager
async def running(app: web.Application, listener: socket.socket) -> AsyncIterator[None]:
    """Serve an application on a listening socket while the context lasts: as every server has to beside this loop's time."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_S, keepalive_timeout=KEEP_S)
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
    async with aiohttp.ClientSession(timeout=NO_LIMIT) as session:
        try:
            async with session.get(url):
                return True
        except aiohttp.ClientConnectionError:
            return False


async def body(url: str) -> bytes | None:
    """What a server of our own has there; None where it has nothing, or does not answer."""
    async with aiohttp.ClientSession(timeout=NO_LIMIT) as session:
        try:
            async with session.get(url) as response:
                return await response.read() if response.ok else None
        except aiohttp.ClientError:
            return None


@asynccontextmanager
async def socket_of(url: str, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """The WebSocket that the page at `url` opens at `path`."""
    async with (
        aiohttp.ClientSession(timeout=NO_LIMIT) as session,
        session.ws_connect(url + path, origin=url) as end,
    ):
        yield end
