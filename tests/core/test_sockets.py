"""The real Unix sockets: who is let in by the kernel's word, and who is dropped so that the others go on."""

import asyncio
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from firmware import reports
from firmware.client import Client
from firmware.config import Config
from firmware.control import (
    FRAME_MAX_BYTES,
    KIOSK_PUSHES,
    SERVICE_PUSHES,
    AskCells,
    AskStatus,
    Cells,
    Code,
    Press,
    Seq,
    Show,
    Status,
    Superseded,
    Told,
    encode,
)
from firmware.controller import Controller
from firmware.errors import ConfigError, Unreachable
from firmware.model import Action, Outcome, ScreenName
from firmware.peer import Role
from firmware.sockets import BACKLOG_MAX_BYTES, PATH_MAX_BYTES, listen, peer_uid
from tests.core.harness import cabinet
from tests.core.shell import Shell, running

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
SOMEBODY = "nobody"
# Becomes that user and speaks to a socket: 0 let in, 7 hung up on, 9 not even connected.
STRANGER = """
import os, pwd, socket, sys
who = pwd.getpwnam(sys.argv[2])
os.setgroups([])
os.setgid(who.pw_gid)
os.setuid(who.pw_uid)
line = socket.socket(socket.AF_UNIX)
try:
    line.connect(sys.argv[1])
except PermissionError:
    sys.exit(9)
try:
    line.sendall(b'{"type":"askstatus"}\\n')
    sys.exit(0 if line.recv(1) else 7)
except (ConnectionError, BrokenPipeError):
    sys.exit(7)
"""


def play(folder: Path, act: Callable[[Shell], Awaitable[None]], config: Config | None = None) -> None:
    async def whole() -> None:
        async with running(folder, config, rest_s=0) as shell:
            servers = await listen(shell.gate, shell.config)
            try:
                await act(shell)
            finally:
                for server in servers:
                    server.close()
                for peer in [peer for peers in shell.gate._peers.values() for peer in peers]:
                    peer.drop()
                for server in servers:
                    await server.wait_closed()
                await asyncio.sleep(0)

    asyncio.run(whole())


def with_users(**users: tuple[str, ...]) -> Config:
    config = cabinet()
    return msgspec.structs.replace(config, access=msgspec.structs.replace(config.access, **users))


async def ask(folder: Path) -> Status:
    """A technician who is well served."""
    client = await Client.connect(folder / "service.sock", SERVICE_PUSHES)
    await client.send(AskStatus())
    answer = await client.receive()
    await client.close()
    assert isinstance(answer, Status)
    return answer


async def stranger(path: Path) -> int:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", STRANGER, str(path), SOMEBODY), stderr=subprocess.DEVNULL
    )
    return await process.wait()


def test_a_socket_for_each_role_that_nobody_else_may_open(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        for role in Role:
            assert stat.S_IMODE((folder / f"{role}.sock").stat().st_mode) == 0o600
        assert (await ask(folder)).locker == "0123"

    play(folder, act)


def test_a_named_user_may_open_the_socket_and_only_that_one(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        modes = {role: stat.S_IMODE((folder / f"{role}.sock").stat().st_mode) for role in Role}
        assert modes == {role: 0o666 if role is Role.KIOSK else 0o600 for role in Role}

    play(folder, act, with_users(kiosk_users=(SOMEBODY,)))


@AS_ROOT
def test_another_user_is_kept_out_by_the_mode_and_by_the_credentials(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        path = folder / "service.sock"
        assert await stranger(path) == 9
        path.chmod(0o666)
        assert await stranger(path) == 7
        assert shell.gate._peers[Role.SERVICE] == []
        assert (await ask(folder)).locker == "0123"

    play(folder, act)


@AS_ROOT
def test_a_named_user_is_let_in(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        assert await stranger(folder / "service.sock") == 0
        assert await stranger(folder / "link.sock") == 9

    play(folder, act, with_users(service_users=(SOMEBODY,)))


def test_a_user_that_is_not_there_is_a_mistake_in_the_configuration(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"access\.link_users: there is no user 'postomat-x' here"):
        play(folder, lambda shell: asyncio.sleep(0), with_users(link_users=("root", "postomat-x")))


def test_where_the_system_knows_no_credentials_the_mode_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_uid(ours) == os.geteuid()
        monkeypatch.delattr(socket, "SO_PEERCRED")
        assert peer_uid(ours) is None


def test_a_folder_in_which_no_socket_can_be_made(folder: Path) -> None:
    config = cabinet()

    async def act(shell: Shell) -> None:
        long = folder / ("x" * PATH_MAX_BYTES)
        for run, message in (
            (long, "is longer than a socket's name may be"),
            (folder / "file" / "run", "Not a"),
        ):
            (folder / "file").touch()
            paths = msgspec.structs.replace(shell.config.paths, run=run)
            with pytest.raises(ConfigError, match=f"paths.run: .*{message}"):
                await listen(shell.gate, msgspec.structs.replace(shell.config, paths=paths))

    play(folder, act, config)


def test_a_socket_left_behind_is_replaced(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        assert (await ask(folder)).locker == "0123"

    play(folder, act)
    (folder / "service.sock").unlink(missing_ok=True)
    (folder / "service.sock").touch()
    (folder / "state.db").unlink()
    play(folder, act)


@pytest.mark.parametrize("line", [b"?\n", b"\x00" * FRAME_MAX_BYTES, b'{"type":"code"}\n'])
def test_nonsense_ends_one_connection_and_the_others_go_on(folder: Path, line: bytes) -> None:
    async def act(shell: Shell) -> None:
        reader, writer = await asyncio.open_unix_connection(folder / "service.sock")
        writer.write(line)
        assert await reader.read() == b""
        writer.close()
        assert (await ask(folder)).locker == "0123"

    play(folder, act)


def test_a_line_in_many_pieces_and_many_lines_in_one(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        reader, writer = await asyncio.open_unix_connection(folder / "service.sock")
        for byte in encode(AskStatus()):
            writer.write(bytes([byte]))
            await writer.drain()
        await reader.readline()
        writer.write(encode(AskStatus()) * 3)
        for _ in range(3):
            assert b'"status"' in await reader.readline()
        writer.close()

    play(folder, act)


def test_a_peer_that_does_not_read_is_dropped_and_holds_up_nobody(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        reader, writer = await asyncio.open_unix_connection(folder / "service.sock")
        writer.write(encode(AskStatus()))
        await reader.readline()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        (peer,) = shell.gate._peers[Role.SERVICE]
        asked = 0
        while peer.open:
            assert asked < 40 * BACKLOG_MAX_BYTES
            writer.write(encode(AskCells()) * 100)
            asked += 100 * len(encode(AskCells()))
            await asyncio.sleep(0)
        assert (await ask(folder)).locker == "0123"
        writer.close()

    play(folder, act)


def test_a_flood_of_questions_in_one_read_is_answered_no_further_than_the_backlog(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: one read of 6,000 questions held up everybody until the last one had its answer."""

    async def act(shell: Shell) -> None:
        answered = 0
        cells = reports.cells

        def counted(controller: Controller, after: int) -> Cells:
            nonlocal answered
            answered += 1
            return cells(controller, after)

        monkeypatch.setattr(reports, "cells", counted)
        reader, writer = await asyncio.open_unix_connection(folder / "service.sock")
        writer.write(encode(AskStatus()))
        await reader.readline()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        (peer,) = shell.gate._peers[Role.SERVICE]
        size = len(encode(cells(shell.runtime.controller, 0)))
        peer.feed(encode(AskCells()) * 60_000)
        assert not peer.open
        assert answered < 3 * BACKLOG_MAX_BYTES // size
        writer.close()

    play(folder, act)


def test_a_kiosk_that_is_sent_away_and_does_not_read_keeps_no_descriptor(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware.sockets.GOODBYE_S", 0.01)

    async def act(shell: Shell) -> None:
        reader, writer = await asyncio.open_unix_connection(folder / "kiosk.sock")
        await reader.readline()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        (peer,) = shell.gate._peers[Role.KIOSK]
        connection = peer._send.__self__  # type: ignore[attr-defined]
        while not connection._transport.get_write_buffer_size():
            peer.send(Told(Outcome.DONE))
        lost = asyncio.Event()
        connection.connection_lost = lambda error: lost.set()
        peer.drop()
        await lost.wait()
        writer.close()

    play(folder, act)


def test_the_newer_kiosk_wins(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        old = await Client.connect(folder / "kiosk.sock", KIOSK_PUSHES)
        shown = await old.receive()
        assert isinstance(shown, Show)
        await old.send(Press(shown.seq, Action.START))
        pushes = [await old.receive(), await old.receive()]
        assert Told(Outcome.DONE) in pushes
        new = await Client.connect(folder / "kiosk.sock", KIOSK_PUSHES)
        assert isinstance(await old.receive(), Superseded)
        with pytest.raises(Unreachable):
            await old.receive()
        names = []
        while ScreenName.IDLE not in names:
            push = await new.receive()
            assert isinstance(push, Show)
            names.append(push.screen.name)
        await new.send(Code(Seq("older", 1), "12345678"))
        assert await new.receive() == Told(Outcome.STALE)
        await old.close()
        await new.close()

    play(folder, act)
