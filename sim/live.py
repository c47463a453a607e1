"""The live simulator: the real loop, device files on ptys, real sockets, and the shipped kiosk as a process of its own."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from firmware.config import Kiosk
from firmware.config_file import text
from firmware.errors import PostomatError
from sim import web
from sim.faces import PageKiosk, Touch
from sim.locker import SimLocker

KIOSK_START_S = 20.0
KIOSK_END_S = 5.0
CONFIG_FILE = "postomat.toml"


class KioskProcess:
    """`postomat kiosk`, as it ships, for a simulated locker. Make it with `start`."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, config: Path) -> None:
        self.url = url
        self._process = process
        self._config = config
        self._powered = asyncio.Event()
        self._powered.set()

    @classmethod
    async def start(
        cls, locker: SimLocker, frame_ancestors: tuple[str, ...] = (), port: int = 0
    ) -> "KioskProcess":
        """Start it on a free port (or the one given), and return once its page can be had.

        Its configuration is CONFIG_FILE in the locker's folder, and is as good for `postomat ctl`.
        """
        port = port or free_port()
        kiosk = msgspec.structs.replace(locker.config.kiosk, port=port, frame_ancestors=frame_ancestors)
        path = locker.folder / CONFIG_FILE
        path.write_text(text(msgspec.structs.replace(locker.config, kiosk=kiosk)))
        this = cls(await _process(path), f"http://{_host(kiosk)}:{port}", path)
        try:
            async with asyncio.timeout(KIOSK_START_S):
                await this._answers()
        except BaseException:
            await this.stop()
            raise
        return this

    async def ended(self) -> None:
        """Wait for an end that nobody asked for. Raises PostomatError then."""
        while True:
            process = self._process
            ended = await process.wait()
            if process is self._process and self._powered.is_set():
                raise PostomatError(f"the kiosk ended with {ended}")
            await self._powered.wait()

    async def supply(self, on: bool) -> None:
        """The machine's power: off, it is gone from one moment to the next; on, it starts again, in its own time."""
        if on:
            self._process = await _process(self._config)
            self._powered.set()
        elif self._process.returncode is None:
            self._powered.clear()
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """End it; by force where it does not end by itself."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), KIOSK_END_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def _answers(self) -> None:
        while self._process.returncode is None:
            if await web.answers(self.url):
                return
            await asyncio.sleep(0.05)
        raise PostomatError(f"the kiosk ended with {self._process.returncode}")


async def _process(config: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "firmware", "kiosk", "--config", str(config)),
        process_group=0,  # Ctrl-C is for the simulator, which ends the kiosk in its turn
    )


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _host(kiosk: Kiosk) -> str:
    return f"[{kiosk.host}]" if ":" in kiosk.host else kiosk.host


@asynccontextmanager
async def open_page(locker: SimLocker) -> AsyncIterator[Touch]:
    """A switched-on live locker, and the shipped kiosk's page as its WebSocket sees it."""
    await locker.switch_on()
    kiosk = await KioskProcess.start(locker)
    try:
        async with web.socket_of(kiosk.url, "/ws") as page:
            face = PageKiosk(locker, page)
            await face.shown.wait()
            yield face
            await face.close()
    finally:
        await kiosk.stop()
