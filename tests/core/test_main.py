"""`postomat` as a process: its exit codes and its one line for each mistake, and a whole run on simulated boards."""

import asyncio
import contextlib
import os
import pty
import secrets
import signal
import socket
import stat
import subprocess
import sys
import tty
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import serial

from firmware import __version__
from firmware.chain import Sealed
from firmware.client import Client
from firmware.config import Bus, Cell, Config, Gpio, Paths, Xor8a80
from firmware.config_file import text
from firmware.control import KIOSK_PUSHES, SERVICE_PUSHES, AskCells, Cells, Code, Press, Show
from firmware.model import Action, Entry, EntryKind, Moment, ScreenName
from firmware.sealed import JournalKey
from firmware.store import Store
from sim.cabinet import SimCabinet
from tests.core.harness import LOCKER, Mind, cabinet

CODE = "40917263"


@pytest.fixture
def config(folder: Path) -> Config:
    """Two cells on one board; everything below the folder, and nothing there yet but the key."""
    (folder / "credentials").mkdir()
    for name in ("code_key", "journal_key"):
        (folder / "credentials" / name).write_bytes(secrets.token_bytes(32))
    paths = Paths(folder / "state", folder / "run", folder / "credentials")
    return msgspec.structs.replace(
        cabinet(),
        paths=paths,
        cells=(Cell(1, "board", 1), Cell(2, "board", 2)),
        banks=(Xor8a80("board", "bus", 1, 8),),
        buses=(Bus("bus", str(folder / "tty-bus")),),
    )


def written(folder: Path, config: Config) -> Path:
    path = folder / "postomat.toml"
    path.write_text(text(config), encoding="utf-8")
    return path


def postomat(*arguments: str | Path, code: int, **environment: str) -> tuple[str, str]:
    """What it printed and what it said, once it has ended with this exit code."""
    kept = {name: value for name, value in os.environ.items() if name != "CREDENTIALS_DIRECTORY"}
    done = subprocess.run(
        [sys.executable, "-m", "firmware", *map(str, arguments)],
        env={**kept, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=30,
    )
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def nothing_is_left(config: Config) -> None:
    """No half-made store, and no socket that somebody might wait at."""
    assert not (config.paths.state / "postomat.db").exists()
    assert not config.paths.run.exists() or list(config.paths.run.iterdir()) == []


# The command line


def test_version() -> None:
    assert postomat("version", code=0) == (f"{__version__}\n", "")


@pytest.mark.parametrize("arguments", [(), ("open-all",), ("ctl",), ("ctl", "open"), ("run", "--cell", "7")])
def test_usage(arguments: tuple[str, ...]) -> None:
    out, err = postomat(*arguments, code=2)
    assert out == ""
    assert err.startswith("usage: postomat")


def test_ctl_without_a_controller(folder: Path, config: Config) -> None:
    path = written(folder, config)
    socket_path = folder / "run" / "service.sock"
    why = "the controller cannot be reached (No such file or directory)"
    for question in ("status", "cells", "journal"):
        out, err = postomat("ctl", question, "--config", path, code=4)
        assert (out, err) == ("", f"postomat: {socket_path}: {why}\n")
    config.paths.run.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path))
    err = postomat("ctl", "status", "--config", path, code=4)[1]
    assert err == f"postomat: {socket_path}: the controller cannot be reached (Connection refused)\n"


# A configuration, a key or a folder that will not do


def test_a_configuration_that_is_not_there(folder: Path) -> None:
    path = folder / "none.toml"
    for command in (("run",), ("kiosk",), ("ctl", "status"), ("config", "check")):
        out, err = postomat(*command, "--config", path, code=3)
        assert (out, err) == ("", f"postomat: {path}: cannot be read (No such file or directory)\n")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("inbox_max", "inbox_mox", "unknown key 'inbox_mox'; did you mean 'inbox_max'?"),
        ("inbox_max = 1024", "inbox_max = 3", "inbox_max: expected an integer >= 16, got 3"),
    ],
)
def test_a_wrong_configuration(folder: Path, config: Config, old: str, new: str, message: str) -> None:
    path = written(folder, config)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    out, err = postomat("run", "--config", path, code=3)
    assert (out, err) == ("", f"postomat: {path}: {message}\n")
    nothing_is_left(config)


@pytest.mark.parametrize("name", ["code_key", "journal_key"])
@pytest.mark.parametrize("key", [None, b"", b"short", b"\xff" * 31, b"z" * 64, b"\n" * 32 + b"0" * 40])
def test_a_key_that_is_none(folder: Path, config: Config, name: str, key: bytes | None) -> None:
    path, words = folder / "credentials" / name, name.replace("_", " ")
    path.unlink()
    if key is not None:
        path.write_bytes(key)
    out, err = postomat("run", "--config", written(folder, config), code=3)
    missing = f"the {words} cannot be read: No such file or directory"
    wrong = f"the {words} must be 32 bytes, or as many in hex"
    assert (out, err) == ("", f"postomat: {path}: {missing if key is None else wrong}\n")
    nothing_is_left(config)


def test_no_folder_of_credentials(folder: Path, config: Config) -> None:
    paths = msgspec.structs.replace(config.paths, credentials=None)
    path = written(folder, msgspec.structs.replace(config, paths=paths))
    err = postomat("run", "--config", path, code=3)[1]
    assert err == "postomat: paths.credentials: not set, and systemd gave no $CREDENTIALS_DIRECTORY\n"
    (folder / "credentials" / "code_key").write_text("ab" * 32 + "\n", encoding="ascii")
    err = postomat("run", "--config", path, code=6, CREDENTIALS_DIRECTORY=str(folder / "credentials"))[1]
    assert err.startswith("postomat: no lock board can be reached: ")  # the key, in hex, was good


def test_a_state_folder_that_cannot_be_made(folder: Path, config: Config) -> None:
    (folder / "state").touch()
    err = postomat("run", "--config", written(folder, config), code=3)[1]
    assert err == f"postomat: paths.state: {folder}/state: File exists\n"


def test_a_public_key_under_which_anybody_could_sign(folder: Path, config: Config) -> None:
    path = written(folder, config)
    path.write_text(
        path.read_text(encoding="utf-8").replace(config.access.backend_keys[0].public, "00" * 32),
        encoding="utf-8",
    )
    err = postomat("run", "--config", path, code=3)[1]
    assert err.startswith("postomat: access.backend_keys: key 'k1': not a public key")
    assert err.count("\n") == 1


# Hardware


def test_a_device_that_is_not_there(folder: Path, config: Config) -> None:
    out, err = postomat("run", "--config", written(folder, config), code=6)
    assert (out, err) == (
        "",
        f"postomat: no lock board can be reached: {folder}/tty-bus: no such device\n",
    )
    assert not config.paths.run.exists() or list(config.paths.run.iterdir()) == []
    store = Store.open(config.paths.state / "postomat.db", LOCKER)
    assert store.last_seq == 0  # nothing was decided
    store.close()


@contextlib.contextmanager
def device(path: Path) -> Iterator[None]:
    """A serial line that somebody else has opened for himself alone."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    path.symlink_to(os.ttyname(theirs))
    holder = serial.Serial(os.ttyname(theirs), exclusive=True)
    try:
        yield
    finally:
        holder.close()
        os.close(ours)
        os.close(theirs)


def test_a_device_that_is_busy(folder: Path, config: Config) -> None:
    with device(folder / "tty-bus"):
        out, err = postomat("run", "--config", written(folder, config), code=6)
    assert (out, err) == (
        "",
        f"postomat: no lock board can be reached: {folder}/tty-bus: another process holds the device\n",
    )


def test_pins_that_are_not_there(folder: Path, config: Config) -> None:
    pins = Gpio("pins", (17, 27), (22, 23), chip=15)
    cells = (Cell(1, "pins", 1),)
    path = written(folder, msgspec.structs.replace(config, banks=(pins,), cells=cells, buses=()))
    err = postomat("run", "--config", path, code=6)[1]
    assert err.startswith("postomat: pins: gpiochip15: ")
    assert err.count("\n") == 1


# A whole run


class Running:
    """A controller process, what it told systemd and what it logged."""

    def __init__(self, process: asyncio.subprocess.Process, notify: socket.socket) -> None:
        self.process = process
        self._notify = notify

    async def told(self) -> str:
        """The next word to systemd."""
        return (await asyncio.get_running_loop().sock_recv(self._notify, 4_096)).decode()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code and its log."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        _, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, err.decode()


@contextlib.asynccontextmanager
async def started(folder: Path, config: Config) -> AsyncIterator[Running]:
    """`postomat run`, ready, on boards of its configuration."""
    boards = SimCabinet(config)
    plugged = boards.plug_ptys(folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.setblocking(False)
        notify.bind(str(folder / "notify"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "firmware", "run", "--config", str(written(folder, plugged))),
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "300000"},
            stderr=subprocess.PIPE,
        )
        running = Running(process, notify)
        try:
            assert await running.told() == "READY=1"
            yield running
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
            boards.close()
            (folder / "notify").unlink()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_from_ready_to_the_end(folder: Path, config: Config, number: signal.Signals) -> None:
    async def act() -> None:
        async with started(folder, config) as running:
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode)
                for path in [*config.paths.run.glob("*.sock"), *config.paths.state.glob("*.db")]
            }
            sockets = dict.fromkeys(("kiosk.sock", "link.sock", "scanner.sock", "service.sock"), 0o600)
            assert modes == {**sockets, "postomat.db": 0o600}
            for _ in range(3):
                assert await running.told() == "WATCHDOG=1"
            client = await Client.connect(config.paths.run / "service.sock", SERVICE_PUSHES)
            await client.send(AskCells())
            cells = await client.receive()
            assert isinstance(cells, Cells)
            assert [row.door for row in cells.cells] == ["closed", "closed"]
            await client.close()
            code, log = await running.stop(number)
            assert code == 0
            assert "Traceback" not in log
            assert "Task" not in log

    asyncio.run(act())


def test_a_second_controller_on_the_same_state(folder: Path, config: Config) -> None:
    async def act() -> None:
        async with started(folder, config) as running:
            path = written(folder, config)  # its device leads to a board that the first one holds
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "firmware", "run", "--config", str(path)), stderr=subprocess.PIPE
            )
            _, err = await process.communicate()
            assert process.returncode == 1
            assert err.decode() == f"postomat: {folder}/state/postomat.db: is in use by another process\n"
            client = await Client.connect(config.paths.run / "service.sock", SERVICE_PUSHES)
            await client.send(AskCells())
            assert isinstance(await client.receive(), Cells)
            await client.close()
            assert (await running.stop())[0] == 0

    asyncio.run(act())


def test_nothing_that_was_typed_is_in_the_log_or_on_the_disk(folder: Path, config: Config) -> None:
    async def act() -> None:
        async with started(folder, config) as running:
            client = await Client.connect(config.paths.run / "kiosk.sock", KIOSK_PUSHES)

            async def shown(name: ScreenName) -> Show:
                while True:
                    push = await client.receive()
                    if isinstance(push, Show) and push.screen.name is name:
                        return push

            idle = await shown(ScreenName.IDLE)
            await client.send(Press(idle.seq, Action.START))
            keypad = await shown(ScreenName.KEYPAD)
            await client.send(Code(keypad.seq, CODE))
            await shown(ScreenName.WRONG_CODE)
            await client.close()
            reader, writer = await asyncio.open_unix_connection(config.paths.run / "kiosk.sock")
            writer.write(f'{{"type":"code","code":{CODE},"{CODE}":1}}\n'.encode())
            await reader.read()
            writer.close()
            code, log = await running.stop()
            assert code == 0
            assert "kiosk peer dropped" in log
            assert CODE not in log
            for name in ("code_key", "journal_key"):
                assert (folder / "credentials" / name).read_bytes().hex() not in log

    asyncio.run(act())
    for path in config.paths.state.iterdir():
        assert CODE.encode() not in path.read_bytes()
    store = Store.open(config.paths.state / "postomat.db", LOCKER)
    assert any('"wrong_code"' in row.body for row in store.journal(0, 100))
    store.close()


def test_a_cabinet_that_lost_a_cell_with_a_parcel_in_it(folder: Path, config: Config) -> None:
    config.paths.state.mkdir()
    mind = Mind(config.paths.state / "postomat.db").start()
    mind.order("KZ3", 3)
    mind.deposit("KZ3", 3)
    mind.store.close()

    async def act() -> None:
        boards = SimCabinet(config)
        plugged = boards.plug_ptys(folder)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "firmware", "run", "--config", str(written(folder, plugged))),
            stderr=subprocess.PIPE,
        )
        _, err = await process.communicate()
        boards.close()
        assert process.returncode == 3
        assert err.decode() == "postomat: cells: cell 3 holds a parcel and cannot be left out\n"

    asyncio.run(act())


def test_a_journal_whose_anchor_another_key_signed_is_left_alone(folder: Path, config: Config) -> None:
    """The wrong key may have been put in: that begins no new epoch, and the right one serves again."""
    config.paths.state.mkdir()
    path = config.paths.state / "postomat.db"
    with contextlib.closing(Store.open(path, LOCKER)) as store:
        store.commit([], [Entry(EntryKind.STARTED)] * 3, Moment(0, 0, True))
        key = JournalKey((folder / "credentials" / "journal_key").read_bytes())
        assert store.prune(2, 1, lambda place: key.sign(Sealed.ANCHOR, place)) == 2
    (folder / "credentials" / "journal_key").write_bytes(secrets.token_bytes(32))
    err = postomat("run", "--config", written(folder, config), code=1)[1]
    assert err == "postomat: the journal's anchor, seq 2, was not signed with this journal_key\n"
    assert sorted(file.name for file in config.paths.state.glob("*.db")) == ["postomat.db"]
