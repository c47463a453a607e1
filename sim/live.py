"""The live simulator: the real loop, device files on ptys, real sockets, and the shipped kiosk and link as processes of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from firmware.config import Kiosk
from firmware.config_file import text
from firmware.errors import PostomatError
from sim import web
from sim.faces import PageKiosk, Touch
from sim.live_link import linked
from sim.live_scanner import scanning
from sim.locker import SimLocker
from sim.ports import free_port
from sim.process import Process

KIOSK_START_S = 20.0
CONFIG_FILE = "postomat.toml"


class KioskProcess(Process):
    """`postomat kiosk` for a simulated locker. Make it with `start`."""

    url = ""

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
        this = await cls.launch("kiosk", path)
        this.url = f"http://{_host(kiosk)}:{port}"
        try:
            async with asyncio.timeout(KIOSK_START_S):
                await this.answers()
        except BaseException:
            await this.stop()
            raise
        return this

    async def answers(self) -> None:
        """Return once its page can be had. Raises PostomatError where it has ended."""
        while self._process.returncode is None:
            if await web.answers(self.url):
                return
            await asyncio.sleep(0.05)
        raise PostomatError(f"the kiosk ended with {self._process.returncode}")


def _host(kiosk: Kiosk) -> str:
    return f"[{kiosk.host}]" if ":" in kiosk.host else kiosk.host


@asynccontextmanager
async def open_page(locker: SimLocker) -> AsyncIterator[Touch]:
    """A switched-on live locker with its real broker, and the shipped kiosk's page as its WebSocket sees it.

    Where it has a camera or a barcode scanner, the shipped scanner looks and listens.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(linked(locker))
        await locker.switch_on()
        if locker.config.scanner.device or locker.config.scanner.serial:
            scanner = await stack.enter_async_context(scanning(locker))
            locker.crash_scanner = scanner.process.crash
        kiosk = await KioskProcess.start(locker)
        try:
            async with web.socket_of(kiosk.url, "/ws") as page:
                face = PageKiosk(locker, page)
                await face.shown.wait()
                yield face
                await face.close()
        finally:
            await kiosk.stop()
