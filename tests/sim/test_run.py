"""`postomat-sim run` as a person meets it: started from a shell, used through its page in a real browser, ended by a signal."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import yarl
from aiohttp import WSCloseCode, WSMsgType
from playwright.async_api import Page, async_playwright, expect

from sim import web
from sim.live import CONFIG_FILE
from sim.ports import free_port
from tests.kiosk.stage import CHROMIUM, QUIET

SCREENS = Path("build/screens")
LAST_LINE = "Ctrl-C ends it."
WAIT_S = 90.0  # a bound on waiting, never a measure


class Simulator(NamedTuple):
    """A running one, and what it said about itself."""

    process: subprocess.Popen[str]
    address: str
    folder: Path
    said: str

    @property
    def config(self) -> Path:
        return self.folder / CONFIG_FILE


def start(*options: str, port: int = 0, browser: Path | None = None) -> Simulator:
    process = subprocess.Popen(
        [sys.executable, "-m", "sim", "run", "--port", str(port or free_port()), *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "BROWSER": str(browser or shutil.which("true"))},
    )
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(LAST_LINE):
            break
    said = "".join(lines)
    address, folder = re.search(r"Panel +(\S+)", said), re.search(r"Folder +(\S+)", said)
    assert address
    assert folder
    return Simulator(process, address[1], Path(folder[1]), said)


def end(simulator: Simulator, number: signal.Signals = signal.SIGINT) -> int:
    process = simulator.process
    process.send_signal(number)
    try:
        return process.wait(WAIT_S)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    running = start("--no-browser")
    yield running
    end(running)


def test_it_says_what_its_start_took_downloads_and_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTOMAT_SIM_BEGAN_S", str(time.perf_counter() - 1_000))
    running = start("--no-browser")
    end(running)
    took = re.search(r"Panel +\S+ \(up after ([\d.]+) s\)", running.said)
    assert took
    assert float(took[1]) >= 1_000


def children(pid: int) -> list[int]:
    return list(commands(pid))


def commands(pid: int) -> dict[int, str]:
    """The command line of each child that is not dead."""
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=3) for line in listing.stdout.splitlines()]
    return {int(row[0]): row[3] for row in rows if int(row[1]) == pid and not row[2].startswith("Z")}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@asynccontextmanager
async def visit(simulator: Simulator, expected: str = "no complaint") -> AsyncIterator[Page]:
    """The page in a browser; nothing in it may complain of anything but what is expected."""
    async with async_playwright() as player:
        browser = await player.chromium.launch(
            executable_path=CHROMIUM, args=list(QUIET), chromium_sandbox=False
        )
        page = await browser.new_page(
            viewport={"width": 1_440, "height": 960}, color_scheme="light", reduced_motion="reduce"
        )
        page.set_default_timeout(1_000 * WAIT_S)
        expect.set_options(timeout=1_000 * WAIT_S)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(simulator.address)
        yield page
        await browser.close()
        assert [text for text in complaints if expected not in text] == []


@pytest.mark.parametrize(
    ("question", "found"),
    [("status", "0123"), ("cells", "KZ103"), ("cells", "jammed"), ("journal", "expired")],
)
def test_a_technician_can_ask_it(simulator: Simulator, question: str, found: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "firmware", "ctl", question, "--config", simulator.config],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert found in answer.stdout


async def hear(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next message of this kind."""
    while True:
        message: dict[str, Any] = await socket.receive_json(timeout=WAIT_S)
        if message["type"] == kind:
            return message


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "close", "cell": 999}, "unknown"),
    ({"type": "take", "cell": 3}, "shut"),
    ({"type": "put", "cell": 6, "parcel": "KZ103"}, "not_in_hand"),
    ({"type": "pull", "cell": 3}, "shut"),
    ({"type": "order", "cell": 3, "buyer": "alia"}, "reserved"),
    ({"type": "order", "cell": 12, "buyer": "alia"}, "reserved"),  # it jams, and is offered for no deposit
    ({"type": "order", "cell": 6, "buyer": "nobody"}, "unknown"),
    ({"type": "send", "parcel": "KZ103"}, "no_courier"),
    ({"type": "send", "parcel": "KZ999"}, "unknown"),
    ({"type": "fault", "name": "earthquake"}, "unknown"),
    ({"type": "fault", "name": "cell_jammed", "cell": 99}, "unknown"),
    ({"type": "fault", "name": "cell_jammed", "cell": 3, "on": False}, "unknown"),
    ({"type": "power", "on": True}, "goes_on"),
    ({"type": "people", "on": True, "manners": ["invisible"]}, "unknown"),
    ({"type": "card", "name": "patience"}, "unknown"),
]


def test_what_hands_cannot_do_is_refused_by_name(simulator: Simulator) -> None:
    async def play() -> list[str]:
        async with web.socket_of(simulator.address, "/world") as socket:
            reasons = []
            for act, _ in REFUSED:
                await socket.send_json(act)
                reasons.append((await hear(socket, "refused"))["why"])
            return reasons

    assert asyncio.run(play()) == [why for _, why in REFUSED]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"type": "burn"}',
        '{"type": "close", "cell": 0}',
        '{"type": "close", "cell": 3, "hard": true}',
        '{"type": "time", "op": "speed", "x": 11}',
        '{"type": "time", "op": "back"}',
        '{"type": "type", "person": "alia", "code": "1234567x"}',
        '{"type": "order", "cell": 6, "buyer": "alia", "account": "a mattress"}',
        json.dumps({"type": "people", "on": True, "manners": ["usual"] * 33}),
        json.dumps({"type": "put", "cell": 1, "parcel": "x" * 41}),
    ],
)
def test_a_page_off_the_protocol_is_let_go(simulator: Simulator, text: str) -> None:
    async def play() -> int | None:
        async with web.socket_of(simulator.address, "/world") as socket:
            await socket.send_str(text)
            while (await socket.receive(timeout=WAIT_S)).type is WSMsgType.TEXT:
                pass
            return socket.close_code

    assert asyncio.run(play()) == WSCloseCode.POLICY_VIOLATION


def test_pages_have_a_limit(simulator: Simulator) -> None:
    async def connect(http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        return await http.ws_connect(f"{simulator.address}/world", origin=simulator.address)

    async def play() -> int:
        async with aiohttp.ClientSession() as http:
            pages = [await connect(http) for _ in range(web.PAGES_MAX)]
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await connect(http)
            for page in pages:
                await page.close()
            return refusal.value.status

    assert asyncio.run(play()) == 503


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 200),
        ("/main.js", {}, 200),
        ("/../server.py", {}, 404),
        ("/", {"Host": "locker.example"}, 421),
        ("/", {"Origin": "http://locker.example"}, 403),
        ("/world", {}, 403),
    ],
)
def test_only_its_own_page_is_served(
    simulator: Simulator, path: str, headers: dict[str, str], status: int
) -> None:
    async def ask() -> tuple[int, str]:
        async with aiohttp.ClientSession() as http:
            url = yarl.URL(simulator.address + path, encoded=True)
            async with http.get(url, headers=headers) as answer:
                return answer.status, answer.headers["Content-Security-Policy"]

    answered, policy = asyncio.run(ask())
    assert answered == status
    assert "script-src 'self'" in policy


def test_a_port_in_use_is_one_clear_line(simulator: Simulator) -> None:
    port = simulator.address.rpartition(":")[2]
    second = subprocess.run(
        [sys.executable, "-m", "sim", "run", "--no-browser", "--port", port],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    assert (second.returncode, second.stdout) == (1, "")
    assert re.fullmatch(rf"postomat-sim: port {port}: cannot listen .*\n", second.stderr)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_a_port_that_is_none_is_usage(port: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "sim", "run", f"--port={port}"], capture_output=True, text=True, timeout=WAIT_S
    )
    assert answer.returncode == 2
    assert "1 to 65535" in answer.stderr


def test_the_persons_browser_is_opened(tmp_path: Path) -> None:
    told, script = tmp_path / "told", tmp_path / "browser"
    os.mkfifo(told)
    script.write_text(f'#!/bin/sh\necho "$1" > {told}\n')
    script.chmod(0o700)
    simulator = start(browser=script)
    assert told.read_text() == simulator.address + "\n"
    assert end(simulator) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(number: signal.Signals) -> None:
    simulator = start("--no-browser")
    started = children(simulator.process.pid)
    assert started, "the kiosk is a process of its own"
    assert end(simulator, number) == 0
    assert not simulator.folder.exists()
    assert [pid for pid in started if is_alive(pid)] == []


@pytest.mark.parametrize("command", ["firmware kiosk", "firmware link", "nats-server"])
def test_it_does_not_outlive_its_processes(command: str) -> None:
    simulator = start("--no-browser")
    (process,) = [pid for pid, line in commands(simulator.process.pid).items() if command in line]
    os.kill(process, signal.SIGKILL)
    assert simulator.process.wait(WAIT_S) == 1
    simulator.process.communicate()
    assert not simulator.folder.exists()


def test_a_shell_asks_as_somebodys_app_does(simulator: Simulator) -> None:
    """The line that it prints: the buyer's own parcels of the days before, from the backend's file, and nobody else's."""
    asked = re.search(r"'Authorization: (Bearer \w+)' (\S+)  \(marat\)", simulator.said)
    assert asked
    request = urllib.request.Request(asked[2], headers={"Authorization": asked[1]})
    with urllib.request.urlopen(request) as answer:
        told = json.load(answer)
    assert [(each["waybill"], each["state"]) for each in told["parcels"]] == [
        ("KZ105", "stored"),
        ("KZ101", "expired"),
    ]
    assert "вернулись на Kaspi Red" in told["parcels"][1]["message"]
    assert told["locker"]["online"]
    assert (simulator.folder / "backend.db").exists()
