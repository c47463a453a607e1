"""A served page, a scripted controller behind it, and a real Chromium before it that asks nobody outside this machine."""

import asyncio
import os
import re
import shutil
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace
from playwright.async_api import Browser, Page, async_playwright

from firmware.config import Config
from firmware.kiosk.server import serve
from firmware.model import Screen
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

# Resolves in the moment in which the page stands on that screen: asking it again and again would take a frame each time.
SHOWN = """
(count) => new Promise((resolve) => {
  const root = document.documentElement;
  const look = () => root.dataset.shown === count && (watch.disconnect(), resolve());
  const watch = new MutationObserver(look);
  watch.observe(root, { attributeFilter: ["data-shown"] });
  look();
})
"""


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

    async def open(
        self, width: int, height: int, *, scale: int = 1, motion: bool = False
    ) -> tuple[Page, list[str]]:
        """A page that shows the screen of the moment, and the list in which its complaints and foreign requests will stand."""
        page = await self.browser.new_page(
            viewport={"width": width // scale, "height": height // scale},
            device_scale_factor=scale,
            reduced_motion="no-preference" if motion else "reduce",
        )
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def foreign(url: str) -> None:
            if not re.match(rf"(http|ws)://127\.0\.0\.1:{self.config.kiosk.port}/", url):
                complaints.append(f"asked for {url}")

        page.on("request", lambda request: foreign(request.url))
        page.on("websocket", lambda socket: foreign(socket.url))
        await page.goto(self.url)
        await page.wait_for_selector("html[data-shown]", state="attached")
        return page, complaints

    async def show(
        self,
        page: Page,
        screen: Screen,
        left_ms: int | None = None,
        qr: str | None = None,
        **beside: Any,
    ) -> None:
        """Push a screen and wait until the page stands on it."""
        seq = await self.controller.show(screen, left_ms, qr, **beside)
        await page.evaluate(SHOWN, str(seq.count))


@contextmanager
def browsing(runner: asyncio.Runner) -> Iterator[Browser]:
    """One browser. Raises FileNotFoundError where there is none."""
    if not shutil.which(CHROMIUM):
        raise FileNotFoundError(f"{CHROMIUM} is missing: apt-get install chromium, or set CHROMIUM")

    async def launch() -> tuple[Browser, Callable[[], Coroutine[Any, Any, None]]]:
        player = await async_playwright().start()
        started = await player.chromium.launch(
            executable_path=CHROMIUM, args=list(QUIET), chromium_sandbox=False
        )
        return started, player.stop

    started, stop = runner.run(launch())
    try:
        yield started
    finally:
        runner.run(started.close())
        runner.run(stop())


@contextmanager
def serving(
    runner: asyncio.Runner, browser: Browser, run: Path, pixels_per_mm: float = 3.78, **sections: Any
) -> Iterator[Kiosk]:
    """A kiosk and its controller; `sections` replace those of the configuration."""
    sock = listener()
    the = replace(config(run, sock.getsockname()[1], pixels_per_mm=pixels_per_mm), **sections)
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
    try:
        yield Kiosk(runner, browser, the, controller)
    finally:
        runner.run(stop())
