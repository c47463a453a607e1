"""The app's HTTP API. The backend's only use of aiohttp.

Everything is JSON, under a bearer token, but for the page behind the link in an SMS, which is for whoever has that link. An error
is `{"error": {"code", "message"}}`: one word for the program, one sentence for the person. `wait` (seconds) makes a request for a
command or for news a long poll.

    GET    /api/parcels                      «Мои отправления», and the locker
    GET    /api/parcels/{waybill}/token      its QR code for the locker's camera, drawn anew every half minute
    GET    /api/parcels/{waybill}/token?static=1   one to print or to send on: as good as the right, where the policy has such
    POST   /api/parcels/{waybill}/open       also once more, while it is not confirmed
    POST   /api/parcels/{waybill}/confirm
    POST   /api/parcels/{waybill}/problem    {"problem": "not_there" | "not_mine" | "damaged" | "refused"}
    POST   /api/parcels/{waybill}/extend
    POST   /api/parcels/{waybill}/resend     the SMS with its code once more, whether the locker can be reached or not
    POST   /api/claims                       {"qr": what the camera has read off the locker's screen}
    DELETE /api/claims/{id}
    GET    /api/commands/{id}                what became of it
    GET    /api/accounts                     balances, and what came back
    GET    /api/work                         what this person, a courier, has to bring and to take away
    GET    /api/news?after=N                 {"news": M}; M is above N where anything has changed
    GET    /api/q/{waybill}/{name}           a page with the parcel's static QR code, or why there is none
"""

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from firmware.model import Problem
from sim.backend import sms_link
from sim.backend.app import App, Refused
from sim.backend.shown import CommandShown
from sim.web import running

PREFIX = "/api"
BODY_MAX_BYTES = 1_024
WAIT_MAX_S = 30.0
WAITING_MAX = 64  # long polls at once
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_encode = msgspec.json.Encoder().encode


class ProblemAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `problem`."""

    problem: Problem


class ClaimAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a claim."""

    qr: str


@asynccontextmanager
async def serving(listener: socket.socket, app: App) -> AsyncIterator[None]:
    """Serve the API on a listening socket while the context lasts."""
    root = web.Application(middlewares=[_told], client_max_size=BODY_MAX_BYTES)
    root.add_subapp(PREFIX, Api(app).application())
    async with running(root, listener):
        yield


class Api:
    """From requests to `App`, and back."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._waiting = 0

    def application(self) -> web.Application:
        """All routes, without `PREFIX`: to be a part of a server that takes no body above `BODY_MAX_BYTES`."""
        application = web.Application(middlewares=[_told])
        application.router.add_get("/parcels", self._parcels)
        for verb in ("open", "confirm", "problem", "extend"):
            application.router.add_post(f"/parcels/{{waybill}}/{verb}", getattr(self, f"_{verb}"))
        application.router.add_post("/parcels/{waybill}/resend", self._resend)
        application.router.add_get("/parcels/{waybill}/token", self._token)
        application.router.add_post("/claims", self._claim)
        application.router.add_delete("/claims/{id}", self._leave)
        application.router.add_get("/commands/{id}", self._command)
        application.router.add_get("/accounts", self._accounts)
        application.router.add_get("/work", self._work)
        application.router.add_get("/news", self._news)
        application.router.add_get("/q/{waybill}/{name}", self._linked)
        application.on_shutdown.append(self._end)
        return application

    async def _end(self, application: web.Application) -> None:
        """Nobody waits any longer for a server that goes."""
        self._app.backend.bell.ring()

    async def _parcels(self, request: web.Request) -> web.Response:
        person = self._person(request)
        return _json({"locker": self._app.locker(), "parcels": self._app.parcels(person)})

    async def _token(self, request: web.Request) -> web.Response:
        static = _number(request, "static", 1) > 0
        return _json(self._app.token(self._person(request), request.match_info["waybill"], static=static))

    async def _open(self, request: web.Request) -> web.Response:
        return self._asked(request, self._app.open)

    async def _confirm(self, request: web.Request) -> web.Response:
        return self._asked(request, self._app.confirm)

    async def _extend(self, request: web.Request) -> web.Response:
        return self._asked(request, self._app.extend)

    async def _resend(self, request: web.Request) -> web.Response:
        return _json(self._app.resend(self._person(request), request.match_info["waybill"]), 202)

    async def _problem(self, request: web.Request) -> web.Response:
        person = self._person(request)
        asked = await _body(request, ProblemAsked)
        return _json(self._app.problem(person, request.match_info["waybill"], asked.problem), 202)

    async def _claim(self, request: web.Request) -> web.Response:
        person = self._person(request)
        return _json(self._app.claim(person, (await _body(request, ClaimAsked)).qr), 202)

    async def _leave(self, request: web.Request) -> web.Response:
        return _json(self._app.leave(self._person(request), request.match_info["id"]), 202)

    async def _command(self, request: web.Request) -> web.Response:
        """At once where it has its outcome; else when it has, or when the time is over."""
        person, name, bell = self._person(request), request.match_info["id"], self._app.backend.bell
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _wait_s(request)
        while True:
            heard, shown = bell.count, self._app.command(person, name)
            left_s = until_s - loop.time()
            if shown.state != "waiting" or left_s <= 0:
                return _json(shown)
            await self._poll(heard, left_s)

    async def _accounts(self, request: web.Request) -> web.Response:
        return _json({"accounts": self._app.accounts(self._person(request))})

    async def _work(self, request: web.Request) -> web.Response:
        errands = self._app.backend.work(self._person(request))
        return _json({"work": [errand._asdict() for errand in errands]})

    async def _news(self, request: web.Request) -> web.Response:
        self._person(request)
        after = int(_number(request, "after", 2**53))
        return _json({"news": await self._poll(after, _wait_s(request))})

    async def _linked(self, request: web.Request) -> web.Response:
        """A look changes nothing: messengers open links by themselves, for a preview."""
        try:
            body, status = sms_link.page(self._app.linked(**request.match_info)), 200
        except Refused as refused:
            body, status = sms_link.refusal(str(refused)), refused.status
        headers = {
            **HEADERS,
            "Content-Security-Policy": sms_link.POLICY,
            "Referrer-Policy": "no-referrer",  # the link is the right
        }
        return web.Response(
            body=body, status=status, content_type="text/html", charset="utf-8", headers=headers
        )

    def _asked(self, request: web.Request, do: Callable[[str, str], CommandShown]) -> web.Response:
        return _json(do(self._person(request), request.match_info["waybill"]), 202)

    def _person(self, request: web.Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self._app.person(token if scheme == "Bearer" else "")

    async def _poll(self, after: int, within_s: float) -> int:
        if self._waiting >= WAITING_MAX:
            raise Refused(503, "too_many", "Слишком много запросов. Попробуйте через минуту.")
        self._waiting += 1
        try:
            return await self._app.backend.bell.rings(after, within_s)
        finally:
            self._waiting -= 1


@web.middleware
async def _told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal has the same form."""
    try:
        return await handler(request)
    except Refused as refused:
        return _error(refused.status, refused.code, str(refused))
    except web.HTTPException as error:
        return _error(error.status, error.reason.lower().replace(" ", "_"), "Такого запроса здесь нет.")


async def _body(request: web.Request, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError:
        raise Refused(400, "malformed", "Запрос непонятен.") from None


def _wait_s(request: web.Request) -> float:
    return _number(request, "wait", WAIT_MAX_S)


def _number(request: web.Request, name: str, most: float) -> float:
    """A number from 0 on, at most so much; 0 where it is not told. Raises Refused."""
    try:
        found = float(request.query.get(name, "0"))
    except ValueError:
        found = math.nan
    if not found >= 0:
        raise Refused(400, "malformed", "Запрос непонятен.")
    return min(found, most)


def _error(status: int, code: str, message: str) -> web.Response:
    return _json({"error": {"code": code, "message": message}}, status)


def _json(what: object, status: int = 200) -> web.Response:
    return web.Response(body=_encode(what), status=status, content_type="application/json", headers=HEADERS)
