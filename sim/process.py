"""The device's own processes, as they ship, beside a simulated controller."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Self

from firmware.errors import PostomatError

END_S = 5.0
RESTART_S = 1.0  # RestartSec of the units


class Process:
    """One of the device's own processes, as it ships. Make it with `launch`."""

    def __init__(self, command: str, process: asyncio.subprocess.Process, config: Path) -> None:
        self._command = command
        self._process = process
        self._config = config
        self._powered = asyncio.Event()
        self._powered.set()
        self._changing = asyncio.Lock()  # a crash and the power may both want to start it

    @property
    def pid(self) -> int:
        """Of the one that runs now."""
        return self._process.pid

    @classmethod
    async def launch(cls, command: str, config: Path) -> Self:
        """Start `postomat COMMAND` with this configuration; it finds by itself what it needs."""
        return cls(command, await _process(command, config), config)

    async def ended(self) -> None:
        """Wait for an end that nobody asked for. Raises PostomatError then."""
        while True:
            process = self._process
            ended = await process.wait()
            if process is self._process and self._powered.is_set():
                raise PostomatError(f"the {self._command} ended with {ended}")
            await self._powered.wait()

    async def keep(self) -> None:
        """Start it anew whenever it has ended by itself, as systemd does. Until cancelled."""
        while True:
            await self._process.wait()
            await asyncio.sleep(RESTART_S)
            await self._powered.wait()
            async with self._changing:
                if self._powered.is_set():
                    await self._start()

    async def supply(self, on: bool) -> None:
        """The machine's power: off, it is gone from one moment to the next; on, it starts again, in its own time."""
        async with self._changing:
            if on:
                await self._start()
                self._powered.set()
            else:
                self._powered.clear()
                if self._process.returncode is None:
                    self._process.kill()
                await self._process.wait()

    async def _start(self) -> None:
        """Unless it runs."""
        if self._process.returncode is not None:
            self._process = await _process(self._command, self._config)

    def crash(self) -> None:
        """It dies as by a bug in a library; nothing where it does not run."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGSEGV)

    async def stop(self) -> None:
        """End it; by force where it does not end by itself."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), END_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()


async def _process(command: str, config: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "firmware", command, "--config", str(config)),
        process_group=0,  # Ctrl-C is for the simulator, which ends it in its turn
    )
