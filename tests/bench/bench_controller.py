"""What the controller costs: how long a locker is away after a start, and how much memory it holds.

The controller is the shipped command on a configuration of 96 cells; its lock boards are simulated ones on a pty.
"""

import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.bench.harness import Against, Measure, Peer, figure
from tests.bench.process import bare_python_mb, bare_python_s, helper, resident_mb, started

BOARDS = 4
CHANNELS = 24


def configuration(folder: Path) -> str:
    """A locker of BOARDS x CHANNELS cells that keeps everything below `folder`."""
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    lines = [
        'locker = { id = "bench", address = "-", support_phone = "000" }',
        f'paths = {{ state = "{folder}/state", run = "{folder}/run", credentials = "{folder}/credentials" }}',
        f'access = {{ backend_keys = [{{ id = "bench", public = "{public.hex()}" }}] }}',
        f'buses = [{{ name = "bus", device = "{folder}/tty-bus" }}]',
    ]
    for board in range(1, BOARDS + 1):
        lines += ["[[banks]]", 'kind = "xor8a80"', f'name = "board{board}"', 'bus = "bus"']
        lines += [f"address = {board}", f"channels = {CHANNELS}"]
    for number in range(BOARDS * CHANNELS):
        board, channel = divmod(number, CHANNELS)
        lines += [
            "[[cells]]",
            f"number = {number + 1}",
            f'bank = "board{board + 1}"',
            f"channel = {channel + 1}",
        ]
    return "\n".join(lines) + "\n"


@contextmanager
def locker() -> Iterator[list[str | Path]]:
    """The command that runs the controller of a locker whose boards answer."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        for part in ("state", "run", "credentials"):
            (folder / part).mkdir(mode=0o700)
        for key in ("code_key", "journal_key"):
            (folder / "credentials" / key).write_bytes(secrets.token_bytes(32))
        config = folder / "postomat.toml"
        config.write_text(configuration(folder), encoding="utf-8")
        with helper("tests.bench.boards", config, folder):
            yield [Path(sys.executable).parent / "postomat", "run", "--config", config]


@figure(
    "start of the controller, 96 cells, until READY=1",
    "s",
    at_most=0.6,
    peer=Peer("python -c pass", bare_python_s, Against.MINUS),
)
@contextmanager
def controller_start() -> Iterator[Measure]:
    """From before the process exists until its sockets accept and every bank is read or known to be offline."""
    with locker() as command:

        def measure() -> float:
            with started(command) as (_, seconds):
                return seconds

        yield measure


@figure(
    "memory of the controller, 96 cells, no pins",
    "MB",
    at_most=45,
    peer=Peer("a bare Python", bare_python_mb),
    rounds=3,
)
@contextmanager
def controller_memory() -> Iterator[Measure]:
    """Resident, shared pages included, right after READY=1."""
    with locker() as command:

        def measure() -> float:
            with started(command) as (pid, _):
                return resident_mb(pid)

        yield measure
