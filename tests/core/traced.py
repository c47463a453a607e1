"""A process started as systemd starts it, where wanted under strace, which counts its syncs and makes them fail."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from firmware.reserve import NAME

_WATCHDOG_US = 1_500_000


class Died(Exception):
    """The process has ended."""


class Traced:
    """One process at a time, started again and again. Its log and strace's are below `folder`."""

    def __init__(self, folder: Path, ended: Callable[[], None]) -> None:
        """`ended` is called with each end."""
        self.exits: list[int] = []
        self._folder = folder
        self._told_end = ended
        self._end: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(folder / "notify"))
        self._notify.setblocking(False)

    async def start(self, command: Sequence[str | Path], inject: str | None) -> None:
        """Start it and wait for READY=1; under strace where `inject` says what becomes of its syncs ("" only counts them).

        Raises Died where it ends before.
        """
        trace = self._folder / "trace"
        trace.unlink(missing_ok=True)
        traced = (
            ["strace", "-f", "-y", "-o", str(trace), "-e", "trace=fdatasync,fsync"]
            if inject is not None
            else []
        )
        traced += ["-e", f"inject=fdatasync:{inject}"] if inject else []
        notify = {"NOTIFY_SOCKET": str(self._folder / "notify"), "WATCHDOG_USEC": str(_WATCHDOG_US)}
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *traced, *command, env={**os.environ, **notify}, stderr=log
            )
        self._end = asyncio.get_running_loop().create_task(self._watch(self._process))
        await self._ready(self._end)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, if it runs, and forget its last words."""
        if self._process is not None and self._process.returncode is None:
            os.kill([*_children(self._process.pid), self._process.pid][0], how)
        await self.end()
        with suppress(BlockingIOError):
            while True:
                self._notify.recv(4_096)

    async def end(self) -> None:
        """Wait for its end."""
        if self._end is not None:
            await asyncio.wait([self._end])

    def has_ended(self) -> bool:
        return self._end is None or self._end.done()

    async def close(self) -> None:
        """Kill it."""
        await self.stop(signal.SIGKILL)
        self._notify.close()

    def syncs(self) -> int:
        """How many syncs of the database strace has seen since the last start. All are fdatasync."""
        trace = self._trace()
        assert all(NAME in line for line in trace.splitlines() if " fsync(" in line)
        return trace.count(" fdatasync(")

    def failures(self) -> int:
        """How many of them strace made fail."""
        return self._trace().count("(INJECTED)")

    def _trace(self) -> str:
        trace = self._folder / "trace"
        return trace.read_text(encoding="utf-8") if trace.exists() else ""

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        self.exits.append(await process.wait())
        self._told_end()

    async def _ready(self, end: "asyncio.Task[None]") -> None:
        loop = asyncio.get_running_loop()
        said = b""
        while b"READY=1" not in said.split(b"\n"):
            listening = loop.create_task(loop.sock_recv(self._notify, 4_096))
            try:
                await asyncio.wait([listening, end], return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not listening.done():
                    listening.cancel()
                    await asyncio.wait([listening])
            if listening.cancelled():
                raise Died
            said = listening.result()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def may_trace() -> bool:
    """Whether strace is here, and may look at a process and make its calls fail."""
    if shutil.which("strace") is None:
        return False
    probe = ["strace", "-o", os.devnull, "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "true"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0
