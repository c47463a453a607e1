"""The kiosk's server between a page and a scripted controller, over real sockets."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType

from firmware import notify
from firmware.control import Code, Press, Seq, Superseded, Told
from firmware.errors import PostomatError
from firmware.kiosk.server import PAGE_MESSAGE_MAX_BYTES, serve
from firmware.model import Action, Outcome, Problem, Screen, ScreenName
from tests.kiosk.scripted import CONNECT_S, IDLE, ScriptedController, config, listener

SECRET = "31415926"


class Rig:
    """A served kiosk, a scripted controller, and a browser's side of HTTP."""

    def __init__(self, run: Path, port: int, http: aiohttp.ClientSession) -> None:
        self.controller = ScriptedController(run)
        self.authority = f"127.0.0.1:{port}"
        self.origin = f"http://{self.authority}"
        self.http = http
        self._pages: list[ClientWebSocketResponse] = []

    async def page(self) -> ClientWebSocketResponse:
        page = await self.http.ws_connect(f"{self.origin}/ws", origin=self.origin)
        self._pages.append(page)
        return page

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        async with self.http.get(f"{self.origin}{path}", headers=headers) as answer:
            await answer.read()
            return answer

    async def close(self) -> None:
        for page in self._pages:
            await page.close()


@asynccontextmanager
async def rig(run: Path, with_controller: bool = True, **kiosk: Any) -> AsyncIterator[Rig]:
    sock = listener()
    port = sock.getsockname()[1]
    task = asyncio.create_task(serve(config(run, port, **kiosk), sock))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(CONNECT_S)) as http:
        the = Rig(run, port, http)
        if with_controller:
            await the.controller.start()
        try:
            yield the
        finally:
            await the.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            if with_controller:
                await the.controller.stop()


async def hear(page: ClientWebSocketResponse) -> dict[str, Any]:
    message: dict[str, Any] = await page.receive_json(timeout=CONNECT_S)
    return message


async def goodbye(page: ClientWebSocketResponse) -> int | None:
    """The close code, once the server has closed."""
    message = await page.receive(timeout=CONNECT_S)
    assert message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED}, message.type
    return page.close_code


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scene()

    asyncio.run(main())


def test_serves_the_page_and_lets_no_other_site_in(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rig(tmp_path) as the:
            page = await the.get("/")
            assert (page.status, page.content_type) == (200, "text/html")
            assert page.headers["Cache-Control"] == "no-store"
            assert page.headers["X-Content-Type-Options"] == "nosniff"
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            script = await the.get("/main.js")
            assert (script.status, script.content_type) == (200, "text/javascript")
            for path in ("/server.py", "/..%2fserver.py", "/page/index.html", "/texts/", "/nothing"):
                answer = await the.get(path)
                assert answer.status == 404, path
                assert "Content-Security-Policy" in answer.headers

    play(scene)


def test_layout_tells_what_the_page_draws_and_nothing_of_the_locks(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rig(tmp_path, language="kk", pixels_per_mm=5.5) as the:
            layout = await (await the.http.get(f"{the.origin}/layout.json")).json()
            assert layout["locker"] == "0123"
            assert layout["address"] == "Алматы, проспект Абая, 52"
            assert layout["phone"] == "+7 727 258 59 65"
            assert (layout["code_digits"], layout["timezone"]) == (8, "Asia/Almaty")
            assert (layout["language"], layout["pixels_per_mm"]) == ("kk", 5.5)
            assert len(layout["cells"]) == 29
            assert layout["cells"][0].keys() == {
                "number",
                "size",
                "column",
                "bottom_mm",
                "height_mm",
                "width_mm",
            }

    play(scene)


def test_frame_ancestors_come_from_the_configuration(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rig(tmp_path, frame_ancestors=["http://127.0.0.1:8080"]) as the:
            policy = (await the.get("/")).headers["Content-Security-Policy"]
            assert policy.endswith("frame-ancestors http://127.0.0.1:8080")

    play(scene)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "locker.example"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Origin": "http://locker.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_foreign_host_and_origin_are_refused(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async def scene() -> None:
        async with rig(tmp_path) as the:
            for path in ("/", "/layout.json", "/ws"):
                assert (await the.get(path, **headers)).status == status
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await the.http.ws_connect(f"{the.origin}/ws", headers={"Origin": the.origin} | headers)
            assert refusal.value.status == status
            assert the.controller.joined.empty()

    play(scene)


def test_websocket_without_an_origin_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rig(tmp_path) as the:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await the.http.ws_connect(f"{the.origin}/ws")
            assert refusal.value.status == 403

    play(scene)


def test_carries_screens_one_way_and_presses_the_other(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rig(tmp_path) as the:
            page = await the.page()
            assert await hear(page) == {
                "type": "show",
                "seq": {"start": "t", "count": 0},
                "screen": {"name": "idle", "actions": ["start"]},
            }
            await the.controller.show(Screen(ScreenName.TAKE_PARCEL, cell=7), left_ms=900)
            shown = await hear(page)
            assert (shown["screen"], shown["left_ms"]) == ({"name": "take_parcel", "cell": 7}, 900)
            seq = {"start": "t", "count": 1}
            await page.send_json({"type": "press", "seq": seq, "action": "report", "problem": "damaged"})
            await page.send_json({"type": "code", "seq": seq, "code": SECRET})
            await page.send_json({"type": "heartbeat"})
            assert await the.controller.next_request() == Press(Seq("t", 1), Action.REPORT, Problem.DAMAGED)
            assert await the.controller.next_request() == Code(Seq("t", 1), SECRET)
            await asyncio.wait_for(the.controller.beats.get(), CONNECT_S)
            await the.controller.push(Told(Outcome.STALE))
            assert await hear(page) == {"type": "told", "outcome": "stale"}

    play(scene)


def test_newer_page_wins(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rig(tmp_path) as the:
            older = await the.page()
            await hear(older)
            newer = await the.page()
            assert await hear(older) == {"type": "superseded"}
            assert await goodbye(older) == WSCloseCode.GOING_AWAY
            assert (await hear(newer))["type"] == "show"
            await asyncio.wait_for(the.controller.left.get(), CONNECT_S)
            await newer.send_json({"type": "press", "seq": {"start": "t", "count": 0}, "action": "start"})
            assert (await the.controller.next_request()).seq == Seq("t", 0)

    play(scene)


def test_kiosk_that_was_superseded_does_not_come_back_by_itself(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rig(tmp_path) as the:
            page = await the.page()
            await hear(page)
            await the.controller.push(Superseded())
            assert await hear(page) == {"type": "superseded"}
            await goodbye(page)
            await asyncio.wait_for(the.controller.left.get(), CONNECT_S)
            assert the.controller.joined.qsize() == 1

    play(scene)


def test_controller_goes_and_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with rig(tmp_path) as the:
            page = await the.page()
            await hear(page)
            await the.controller.stop()
            assert await hear(page) == {"type": "away"}
            await page.send_json({"type": "press", "seq": {"start": "t", "count": 0}, "action": "start"})
            await the.controller.start()
            await the.controller.show(IDLE)
            assert (await hear(page))["type"] == "show"
            assert the.controller.asked.empty()  # nothing was kept for the screen that has gone

    caplog.set_level(logging.INFO)
    play(scene)
    assert "the controller answers again" in caplog.text


def test_page_that_comes_before_the_controller_is_told_so(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rig(tmp_path, with_controller=False) as the:
            page = await the.page()
            assert await hear(page) == {"type": "away"}
            await the.controller.start()
            assert (await hear(page))["type"] == "show"
            await page.close()
            await asyncio.wait_for(the.controller.left.get(), CONNECT_S)
            await the.controller.stop()

    play(scene)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * (PAGE_MESSAGE_MAX_BYTES + 1), WSCloseCode.MESSAGE_TOO_BIG),
        ("not json", WSCloseCode.POLICY_VIOLATION),
        ('{"type":"askstatus"}', WSCloseCode.POLICY_VIOLATION),
        ('{"type":"heartbeat","code":"' + SECRET + '"}', WSCloseCode.POLICY_VIOLATION),
        (
            '{"type":"press","seq":{"start":"t","count":0},"action":"' + SECRET + '"}',
            WSCloseCode.POLICY_VIOLATION,
        ),
        (b"\x00\xff", WSCloseCode.POLICY_VIOLATION),
    ],
    ids=["too long", "not json", "another role", "unknown field", "unknown action", "binary"],
)
def test_page_that_speaks_otherwise_is_let_go(
    tmp_path: Path, text: str | bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with rig(tmp_path) as the:
            page = await the.page()
            await hear(page)
            await (page.send_bytes(text) if isinstance(text, bytes) else page.send_str(text))
            assert await goodbye(page) == code
            await asyncio.wait_for(the.controller.left.get(), CONNECT_S)
            assert the.controller.asked.empty()

    caplog.set_level(logging.DEBUG)
    play(scene)
    assert SECRET not in caplog.text


def test_code_is_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with rig(tmp_path) as the:
            page = await the.page()
            await hear(page)
            code = {"type": "code", "seq": {"start": "t", "count": 0}, "code": SECRET}
            await page.send_json(code)
            assert await the.controller.next_request() == Code(Seq("t", 0), SECRET)
            await the.controller.stop()
            await hear(page)
            await page.send_json(code)
            await page.send_json(code | {"code": int(SECRET)})
            await goodbye(page)
            await the.controller.start()

    caplog.set_level(logging.DEBUG)
    play(scene)
    assert "no request of the screen" in caplog.text
    assert SECRET not in caplog.text


def test_serves_until_cancelled_even_while_a_page_is_there(tmp_path: Path) -> None:
    async def scene() -> None:
        sock = listener()
        port = sock.getsockname()[1]
        task = asyncio.create_task(serve(config(tmp_path, port), sock))
        async with aiohttp.ClientSession() as http:
            origin = f"http://127.0.0.1:{port}"
            page = await http.ws_connect(f"{origin}/ws", origin=origin)
            await hear(page)
            task.cancel()
            assert await hear(page) == {"type": "away"}
            assert await goodbye(page) == WSCloseCode.GOING_AWAY
            with pytest.raises(asyncio.CancelledError):
                await task

    play(scene)


def test_busy_port_is_one_clear_message(tmp_path: Path) -> None:
    with listener() as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            PostomatError, match=rf"kiosk\.port: cannot listen on 127\.0\.0\.1:{port}: Address already"
        ):
            asyncio.run(serve(config(tmp_path, port)))


def test_tells_systemd_that_it_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        async def scene() -> None:
            async with rig(tmp_path) as the:
                await hear(await the.page())

        play(scene)
        assert systemd.recv(100) == b"READY=1"
        assert systemd.recv(100) == b"WATCHDOG=1"
    assert notify.watchdog_period_s() is None
