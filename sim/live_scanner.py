"""The live scanner: what is held before the camera becomes pixels in a process of its own, and the shipped `postomat scanner` looks at them."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from firmware.config_file import text
from firmware.errors import PostomatError
from sim import web
from sim.locker import SimLocker
from sim.optics import Before, Began, Serving
from sim.ports import free_port
from sim.process import Process

CONFIG_FILE = "scanner.toml"
END_S = 5.0
_TOLD = msgspec.json.Decoder(Serving | Began)


class LiveCamera:
    """The camera's process. Make it with `running`."""

    def __init__(self, locker: SimLocker, process: asyncio.subprocess.Process, port: int) -> None:
        self.address = f"http://{web.HOST}:{port}/"
        self.began: dict[
            int, float
        ] = {}  # by number: when it was first sent, by the machine's monotonic clock
        self.number = 0  # of what is before it now
        self._optics = locker.optics
        self._moved = locker.moved
        self._process = process

    @classmethod
    @asynccontextmanager
    async def running(cls, locker: SimLocker) -> AsyncIterator["LiveCamera"]:
        """From the moment on in which its stream can be had. Raises PostomatError where it does not come up."""
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sim.camera", str(port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            process_group=0,  # Ctrl-C is for the simulator, which ends it in its turn
        )
        this = cls(locker, process, port)
        hearing: asyncio.Task[None] | None = None
        forget = locker.optics.observe(this._show)
        try:
            if not isinstance(await this._hear(), Serving):
                raise PostomatError("the camera does not serve")
            this._show()
            hearing = asyncio.get_running_loop().create_task(this._listen())
            yield this
        finally:
            forget()
            if hearing is not None:
                hearing.cancel()
            await this._end()

    async def picture(self) -> bytes | None:
        """What it sees now, as a JPEG; None where it sees nothing."""
        return await web.body(f"{self.address}picture")

    async def ended(self) -> None:
        """Wait for an end that nobody asked for. Raises PostomatError then."""
        raise PostomatError(f"the camera ended with {await self._process.wait()}")

    def _show(self) -> None:
        """Tell it what is before it now."""
        if self._process.stdin is not None and self._process.returncode is None:
            self.number += 1
            seen = self._optics
            before = Before(
                self.number,
                seen.text,
                seen.ill,
                seed=seen.holds,
                plain=seen.plain,
                way=seen.way,
                paper=seen.paper,
            )
            self._process.stdin.write(msgspec.json.encode(before) + b"\n")

    async def _hear(self) -> Serving | Began:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        if not (line := await self._process.stdout.readline()):
            raise PostomatError(f"the camera ended with {await self._process.wait()}")
        told: Serving | Began = _TOLD.decode(line)
        return told

    async def _listen(self) -> None:
        while True:
            told = await self._hear()
            if isinstance(told, Began):
                self.began[told.number] = told.at_s
                self._moved.set()

    async def _end(self) -> None:
        """It ends with its input; by force where it does not."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


class LiveScanner:
    """The shipped scanner before the world's camera, where the locker has one. Make it with `scanning`."""

    def __init__(self, camera: LiveCamera | None, process: Process) -> None:
        self.camera = camera
        self.process = process


@asynccontextmanager
async def scanning(locker: SimLocker) -> AsyncIterator[LiveScanner]:
    """While the context lasts; a scanner that leaves is started anew, as systemd would. The locker's configuration names something for it."""
    async with AsyncExitStack() as stack:
        camera: LiveCamera | None = None
        if locker.config.scanner.device:
            camera = await stack.enter_async_context(LiveCamera.running(locker))
        process = await Process.launch("scanner", _config(locker, camera.address if camera else ""))
        stack.push_async_callback(process.stop)
        keeping = asyncio.get_running_loop().create_task(process.keep())
        stack.push_async_callback(_end, keeping)
        yield LiveScanner(camera, process)


def _config(locker: SimLocker, address: str) -> Path:
    """What the process reads: the locker's own configuration, with this camera, or with none."""
    section = msgspec.structs.replace(locker.config.scanner, device=address)
    path = locker.folder / CONFIG_FILE
    path.write_text(text(msgspec.structs.replace(locker.config, scanner=section)))
    return path


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
