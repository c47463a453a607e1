"""A process of the device, started as systemd starts it: READY=1 on a datagram socket, SIGTERM at the end."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from tests.bench.harness import BenchError

READY_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0


@contextmanager
def started(command: Sequence[str | Path]) -> Iterator[tuple[int, float]]:
    """Start `command`, wait until it says READY=1, yield its pid and the seconds that took; stop it afterwards.

    Raises BenchError, with the last words of its stderr, where it ends or stays silent before, or ends badly after.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
        tempfile.TemporaryFile("w+", encoding="utf-8") as stderr,
    ):
        address = Path(folder, "notify")
        notify.bind(os.fspath(address))
        notify.settimeout(0.05)
        environment = {**os.environ, "NOTIFY_SOCKET": str(address)}
        begin_s = perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)

        def failed(what: str) -> BenchError:
            stderr.seek(0)
            return BenchError(" ".join([f"{Path(command[0]).name} {what}:", *stderr.read().split()[-30:]]))

        try:
            while True:
                try:
                    if b"READY=1" in notify.recv(4_096).split(b"\n"):
                        break
                except TimeoutError:
                    if process.poll() is not None:
                        raise failed(f"ended with {process.returncode} before READY=1") from None
                    if perf_counter() - begin_s > READY_TIMEOUT_S:
                        raise failed(f"said nothing for {READY_TIMEOUT_S:.0f} s") from None
            yield process.pid, perf_counter() - begin_s
            process.terminate()
            if process.wait(STOP_TIMEOUT_S) != 0:
                raise failed(f"ended with {process.returncode} after SIGTERM")
        except subprocess.TimeoutExpired:
            raise failed(f"ran on for {STOP_TIMEOUT_S:.0f} s after SIGTERM") from None
        finally:
            process.kill()
            process.wait()


def bare_python_s() -> float:
    """Seconds that `python -c pass` takes, from before it starts until it has ended."""
    begin_s = perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return perf_counter() - begin_s


def resident_mb(pid: int) -> float:
    """Megabytes (10^6 bytes) of the process that are in memory, shared pages included (Rss of smaps_rollup)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1_024 / 1e6
    raise BenchError(f"/proc/{pid}/smaps_rollup has no Rss")


def bare_python_mb() -> float:
    """Resident megabytes of a Python that has imported nothing."""
    code = "import sys; sys.stdout.write('1'); sys.stdout.flush(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as python:
        assert python.stdout is not None
        python.stdout.read(1)
        return resident_mb(python.pid)


@contextmanager
def helper(module: str, *arguments: str | Path) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """One of the bench's own processes, `python -m MODULE`, with what it says first; it ends when its stdin does.

    Raises BenchError where that is not `ready`.
    """
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline().decode().strip()
        if not said.startswith("ready"):
            raise BenchError(f"{module} ended with {process.wait()}")
        try:
            yield process, said.removeprefix("ready").strip()
        finally:
            process.communicate()
