"""`postomat-sim run`: one live locker with its panel, until a signal ends it. Nothing of it is left behind then.

Everything it makes lies in one temporary folder: database, sockets, device files, the configuration of the kiosk.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from firmware.config import Config
from firmware.link.mqtt import first
from sim import pace, past, web
from sim.backend import Backend, api
from sim.backend.app import App
from sim.glass import Glass
from sim.live import KioskProcess
from sim.live_link import linked
from sim.live_scanner import scanning
from sim.panel import server as panel
from sim.panel.director import Director
from sim.panel.messages import Setup
from sim.panel.scene import BUYERS, COURIER
from sim.panel.setup import setup
from sim.panel.stage import Stage
from sim.ports import free_port
from sim.scenario import cabinet

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SCALE_PIXELS_PER_MM = 1.0  # the screen in the page is a model: as small as its frame


def run(port: int, seed: int, name: str, began_s: float, *, browser: bool) -> None:
    """Serve the panel on this port until SIGINT, SIGTERM or SIGHUP. Raises PostomatError where the port is taken.

    `name`: of the cabinet; ScenarioError where there is none.

    `began_s`: when whoever waits for the page began to, by `time.perf_counter`, which is the whole machine's.
    """
    for number in SIGNALS:  # until the loop takes them: end with the folder removed
        signal.signal(number, signal.default_int_handler)
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s", stream=sys.stderr)
    config = scaled(cabinet(name))
    with web.listen(port) as listener, tempfile.TemporaryDirectory(prefix="postomat-") as path:
        folder = Path(path)
        before = past.play(name, config, folder, seed)
        pace.run(
            _until_signalled(_live(name, config, folder, seed, before, listener, began_s, browser=browser))
        )


def scaled(config: Config) -> Config:
    """The same locker with a screen as small as its frame on the panel."""
    kiosk = msgspec.structs.replace(config.kiosk, pixels_per_mm=SCALE_PIXELS_PER_MM)
    return msgspec.structs.replace(config, kiosk=kiosk)


async def _until_signalled(work: Coroutine[Any, Any, object]) -> None:
    """Run until a signal comes; one more signal does not disturb the tidying. Raises what `work` raises."""
    stop = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await first(work, stop.wait())


async def _live(
    name: str,
    config: Config,
    folder: Path,
    seed: int,
    before: past.Past,
    listener: socket.socket,
    began_s: float,
    *,
    browser: bool,
) -> None:
    port = listener.getsockname()[1]
    address, *_ = origins = web.origins(port)
    async with AsyncExitStack() as stack:
        locker = await past.go_on(config, folder, seed, before)
        window = stack.enter_context(web.listen(0))
        own_port = free_port()
        glass = Glass(locker, lambda: f"http://{web.HOST}:{own_port}")
        director = Director(Stage(locker, glass, cabinet=name, seed=seed))
        stack.push_async_callback(director.close)
        stack.callback(_let_time_run)  # first of all: whoever takes leave waits for a moment
        link = await stack.enter_async_context(linked(locker))
        await director.stage.switch_on()
        kiosk = await KioskProcess.start(locker, origins, own_port)
        stack.push_async_callback(kiosk.stop)
        director.stage.site.supplied += [kiosk.supply, link.process.supply]
        await stack.enter_async_context(glass.serving(window))
        (shown, *_) = web.origins(window.getsockname()[1])
        told = setup(locker, shown, director.stage.taps)
        await stack.enter_async_context(panel.serving(listener, director, told))
        phones = stack.enter_context(web.listen(0))
        await stack.enter_async_context(api.serving(phones, App(locker.backend, locker.link)))
        if browser and _has_display():
            await stack.enter_async_context(_browser(address))
        stack.callback(_let_time_run)
        _greet(address, folder, told, time.perf_counter() - began_s)
        _greet_phones(web.origins(phones.getsockname()[1])[0], locker.backend)
        works = []
        if locker.config.scanner.device or locker.config.scanner.serial:  # last of all: nobody waits for it
            scanner = await stack.enter_async_context(scanning(locker))
            director.stage.site.supplied.append(scanner.process.supply)
            director.stage.site.crash_scanner = scanner.process.crash
            director.stage.held.hears = True
            if scanner.camera is not None:
                director.stage.held.picture = scanner.camera.picture
                works.append(scanner.camera.ended())
            locker.moved.set()
        await first(kiosk.ended(), link.ended(), director.stage.guard(), *works)


def _let_time_run() -> None:
    """As fast as ever, while everything ends: a clock that stands would let everybody wait for ever."""
    loop = pace.the_loop()
    loop.pause(False)
    loop.run_at(1.0)


def _greet_phones(address: str, backend: Backend) -> None:
    """How a shell asks as somebody's app does. Flushed, for whoever waits for it at a pipe."""
    for person in (*BUYERS, COURIER):
        path = "/api/work" if person == COURIER else "/api/parcels"
        print(f"App      curl -H 'Authorization: Bearer {backend.token(person)}' {address}{path}  ({person})")
    print("Ctrl-C ends it.", flush=True)


def _greet(address: str, folder: Path, told: Setup, took_s: float) -> None:
    """Where everything is."""
    print(f"Panel    {address} (up after {took_s:.1f} s)")
    print(f"Folder   {folder} (sockets, device files; removed at the end)")
    print(f"Console  {told.console}  (or cells, journal)")
    for device in told.devices:
        print(f"Bus      {device.how}")


def _has_display() -> bool:
    """Whether a browser could show itself: elsewhere than on Linux the system knows."""
    said = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform != "linux" or any(os.environ.get(name) for name in said)


@asynccontextmanager
async def _browser(address: str) -> AsyncIterator[None]:
    """Open the person's browser. In a process of its own, because `webbrowser` waits for what it starts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "webbrowser", address),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        process_group=0,
    )
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
