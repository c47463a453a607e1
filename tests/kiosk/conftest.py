"""One real browser for all tests of the page: a Chromium that runs headless and asks nobody outside this machine."""

import asyncio
import os
import shutil
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace
from playwright.async_api import Browser, async_playwright

from firmware.config import Cell, Config
from firmware.kiosk.server import serve
from tests.kiosk.scripted import ScriptedController, config, listener

T = TypeVar("T")

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = (
    "--no-first-run",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)


class Kiosk:
    """A served page, the controller behind it, and the browser in front of it, on one event loop."""

    def __init__(
        self, runner: asyncio.Runner, browser: Browser, the: Config, controller: ScriptedController
    ) -> None:
        self._runner = runner
        self.browser = browser
        self.config = the
        self.controller = controller
        self.url = f"http://127.0.0.1:{the.kiosk.port}"

    def play(self, scene: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(scene)


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as one:
        yield one


@pytest.fixture(scope="session")
def browser(runner: asyncio.Runner) -> Iterator[Browser]:
    if not shutil.which(CHROMIUM):
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium, or set CHROMIUM")

    async def launch() -> tuple[Browser, Callable[[], Coroutine[Any, Any, None]]]:
        player = await async_playwright().start()
        started = await player.chromium.launch(
            executable_path=CHROMIUM, args=list(QUIET), chromium_sandbox=False
        )
        return started, player.stop

    started, stop = runner.run(launch())
    yield started
    runner.run(started.close())
    runner.run(stop())


@contextmanager
def serving(runner: asyncio.Runner, browser: Browser, run: Path, **locker: Any) -> Iterator[Kiosk]:
    """A kiosk and its controller; `locker` replaces fields of the configuration."""
    sock = listener()
    the = replace(config(run, sock.getsockname()[1]), **locker)
    controller = ScriptedController(run)

    async def start() -> asyncio.Task[None]:
        await controller.start()
        return asyncio.create_task(serve(the, sock))

    async def stop() -> None:
        for context in browser.contexts:
            await context.close()
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        await controller.stop()

    server = runner.run(start())
    yield Kiosk(runner, browser, the, controller)
    runner.run(stop())


@pytest.fixture
def kiosk(runner: asyncio.Runner, browser: Browser, tmp_path: Path) -> Iterator[Kiosk]:
    with serving(runner, browser, tmp_path) as one:
        yield one


@pytest.fixture
def wall(runner: asyncio.Runner, browser: Browser, tmp_path: Path) -> Iterator[Kiosk]:
    """As large as it comes: 96 cells in eight columns, codes of ten digits, a long address."""
    cells = tuple(Cell(i + 1, "a", i + 1, "S", i // 12, i % 12 * 150, 150) for i in range(96))
    locker = replace(
        config(tmp_path).locker,
        id="ALA-NAURYZBAY-0123456789",
        address="Алматы, Наурызбайский район, микрорайон Калкаман-2, улица Ауэзова, 112, вход со двора",
        code_digits=10,
    )
    with serving(runner, browser, tmp_path, cells=cells, locker=locker) as one:
        yield one
