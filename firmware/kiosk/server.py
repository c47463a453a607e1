"""The kiosk's server: serves the page, and carries messages between the page and the controller.

One page has the screen, and it has a connection of its own to the controller: when a page comes the controller hears
of a kiosk that joined, when it goes the connection goes. So this process keeps no state that could disagree, and may
be killed at any time. What a page sends is decoded against the role's own messages before it goes on; what it said is
never logged, since a code may be in it.
"""

import asyncio
import logging
import socket
from contextlib import suppress
from pathlib import Path

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.typedefs import Handler, Middleware

from firmware import notify
from firmware.client import Client
from firmware.config import Config
from firmware.control import (
    KIOSK_PUSHES,
    KIOSK_REQUESTS,
    Heartbeat,
    Message,
    Show,
    Superseded,
    Told,
    decode,
    encode,
)
from firmware.errors import PostomatError, ProtocolError, Unreachable
from firmware.kiosk import site
from firmware.kiosk.drawing import drawn
from firmware.kiosk.watch import PageWatch

PAGE_MESSAGE_MAX_BYTES = 1_024  # the longest request, a report with its seq, has about 150
RETRY_S = (0.25, 0.5, 1.0, 2.0, 4.0)  # between attempts to reach the controller; the last one repeats
CLOSE_S = 1.0  # how long a page may take to say goodbye

Pushes = Client[Show | Superseded | Told]
log = logging.getLogger(__name__)


class Away(Message, frozen=True):
    """To the page: the controller does not answer; the kiosk keeps trying."""


async def serve(config: Config, listener: socket.socket | None = None) -> None:
    """Serve the screen until cancelled; the controller may come and go.

    `listener` is a socket that is bound already, in place of `kiosk.host` and `kiosk.port`. Raises ConfigError on a
    wrong value of section `kiosk`, PostomatError, naming the address, where it cannot be listened on.
    """
    host, headers = config.kiosk.host, site.headers(config)
    listener = listener or _listen(host, config.kiosk.port)
    watch = PageWatch()
    screen = Screen(config.paths.run / "kiosk.sock", watch)
    app = web.Application(
        middlewares=[_own_page_only(site.authorities(config, listener.getsockname()[1]))], client_max_size=0
    )
    app.router.add_get("/ws", screen.join)
    app.router.add_get("/{path:.*}", _serve_files(site.files(config)))

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers)

    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(screen.shut)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        notify.ready()
        await watch.run()
    finally:
        await runner.cleanup()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise PostomatError(
            f"kiosk.host, kiosk.port: cannot listen on {host}:{port}: {error.strerror}"
        ) from None


def _own_page_only(authorities: frozenset[str]) -> Middleware:
    """Refuse requests under a foreign name and requests that a foreign page makes."""
    origins = {f"http://{authority}" for authority in authorities}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Host") not in authorities:
            raise web.HTTPMisdirectedRequest(text="This server does not go by that name.\n")
        origin = request.headers.get("Origin")
        if origin not in origins and (origin is not None or request.path == "/ws"):
            raise web.HTTPForbidden(text="Only the locker's own page may ask.\n")
        return await handler(request)

    return check


def _serve_files(files: dict[str, site.File]) -> Handler:
    async def get(request: web.Request) -> web.Response:
        file = files.get(request.path)
        if file is None:
            raise web.HTTPNotFound
        return web.Response(body=file.body, content_type=file.content_type, charset="utf-8")

    return get


class Screen:
    """Who has the screen: the page that came last."""

    def __init__(self, controller: Path, watch: PageWatch) -> None:
        self._controller = controller
        self._watch = watch
        self._relay: Relay | None = None

    async def join(self, request: web.Request) -> web.WebSocketResponse:
        """A page's WebSocket, from its first message to its last."""
        page = web.WebSocketResponse(
            timeout=CLOSE_S, heartbeat=site.HEARTBEAT_MS * 2 / 1_000, max_msg_size=PAGE_MESSAGE_MAX_BYTES
        )
        await page.prepare(request)
        older, self._relay = self._relay, Relay(page, self._controller, self._watch)
        relay = self._relay
        if older:
            await older.end(Superseded())
        try:
            await relay.run()
        finally:
            if self._relay is relay:
                self._relay = None
        return page

    async def shut(self, app: web.Application) -> None:
        """The server goes: end the page's connection, or aiohttp would wait for it."""
        if self._relay:
            await self._relay.end(Away())


class Relay:
    """One page and its own connection to the controller."""

    def __init__(self, page: web.WebSocketResponse, controller: Path, watch: PageWatch) -> None:
        self._page = page
        self._path = controller
        self._watch = watch
        self._client: Pushes | None = None

    async def run(self) -> None:
        """Carry messages both ways until the page has gone."""
        self._watch.seen()
        async with asyncio.TaskGroup() as group:
            pushes = group.create_task(self._carry_pushes())
            async for message in self._page:
                if message.type is not WSMsgType.TEXT or not await self._carry_request(message.data):
                    await self._page.close(code=WSCloseCode.POLICY_VIOLATION)
            pushes.cancel()

    async def end(self, last: Message) -> None:
        """Tell the page why, and close."""
        await self._tell(last)
        await self._page.close(code=WSCloseCode.GOING_AWAY)

    async def _carry_request(self, text: str) -> bool:
        """Whether it was a request of this role; a page that sends anything else is not ours."""
        try:
            request = decode(KIOSK_REQUESTS, text.encode())
        except ProtocolError:
            log.warning("the page sent what is no request of the screen; its connection is closed")
            return False
        if isinstance(request, Heartbeat):
            self._watch.seen()
        if self._client:
            with suppress(Unreachable):  # the pushes end too, and the page is told there
                await self._client.send(request)
        return True

    async def _carry_pushes(self) -> None:
        """Follow the controller, and find it again with growing pauses when it has gone."""
        failures = 0
        while True:
            try:
                self._client = await Client.connect(self._path, KIOSK_PUSHES)
                while True:
                    push = await self._client.receive()
                    if failures:
                        log.info("the controller answers again")
                    failures = 0
                    if isinstance(push, Superseded):
                        log.warning("another kiosk has taken the screen")
                        await self.end(push)
                        return
                    await self._tell(drawn(push) if isinstance(push, Show) else push)
            except (Unreachable, ProtocolError) as error:
                if not failures:
                    log.warning("%s", error)
                    await self._tell(Away())
            finally:
                if self._client:
                    await self._client.close()
                    self._client = None
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1

    async def _tell(self, message: Message) -> None:
        with suppress(ConnectionError):  # the page has just gone; reading it says so
            await self._page.send_str(encode(message).decode())
