"""Whose word counts: the backend's keys are rotated by a command of theirs, kept in the store, and followed by the gate."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from firmware import control
from firmware.control import AskStatus, Signed, Status, Told
from firmware.model import Outcome
from firmware.peer import Role
from firmware.rows import Command, Door
from sim import loop as virtual
from sim.backend import Signer, commands
from sim.backend.signing import COMMAND
from sim.clock import START_UTC_MS
from tests.core.harness import LOCKER
from tests.core.shell import SIGNER, Face, Shell, running

NEXT = Signer(b"n" * 32, "next")
THIRD = Signer(b"3" * 32, "third")


def play(folder: Path, act: Callable[[Shell], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with running(folder) as shell:
            await act(shell)

    virtual.run(whole())


def order(id_: str, do: dict[str, Any], signer: Signer = SIGNER, since_ms: int = START_UTC_MS) -> bytes:
    payload = {"id": id_, "locker": LOCKER, "epoch": 1, "not_before_ms": since_ms, "do": do}
    return signer.sign(COMMAND, {**payload, "not_after_ms": START_UTC_MS + 3_600_000})


def rotate(id_: str, *to: Signer, signer: Signer = SIGNER, since_ms: int = START_UTC_MS) -> bytes:
    return order(id_, commands.rotate({key.key_id: key.public for key in to}), signer, since_ms)


async def asked(shell: Shell, *objects: bytes) -> list[Outcome]:
    """All of them sent at once; their answers."""
    link = Face(shell, Role.LINK)
    for ask, raw in enumerate(objects):
        link.send(Signed(ask, raw))
    await shell.quiet()
    await asyncio.sleep(0)
    told = {push.ask: push.outcome for push in link.got if isinstance(push, Told)}
    return [told[ask] for ask in range(len(objects))]


def test_the_new_key_counts_and_the_old_one_no_more_also_after_a_start(tmp_path: Path) -> None:
    async def first(shell: Shell) -> None:
        assert await asked(shell, order("b1", commands.block(1), NEXT)) == [Outcome.UNKNOWN_KEY]
        assert await asked(shell, rotate("r", NEXT)) == [Outcome.DONE]
        await still(shell)

    async def still(shell: Shell) -> None:
        name = f"{len(list(shell.state.all(Command)))}"
        old, new = order(f"o{name}", commands.block(2)), order(f"n{name}", commands.block(3), NEXT)
        assert await asked(shell, old, new) == [Outcome.UNKNOWN_KEY, Outcome.DONE]
        assert shell.state.get(Door, 2).blocked is None
        desk = Face(shell, Role.SERVICE)
        desk.send(AskStatus())
        (status,) = desk.got
        assert isinstance(status, Status)
        assert status.backend_keys == ("next",)

    async def second(shell: Shell) -> None:
        await still(shell)

    async def whole() -> None:
        async with running(tmp_path) as shell:
            await first(shell)
        again = Shell(tmp_path)
        task = asyncio.get_running_loop().create_task(again.runtime.run())
        try:
            await second(again)
        finally:
            task.cancel()
            await asyncio.wait([task])
            again.store.close()

    virtual.run(whole())


def test_what_waits_behind_the_rotation_is_not_believed_any_more(tmp_path: Path) -> None:
    """It was opened while its key still counted."""

    async def act(shell: Shell) -> None:
        outcomes = await asked(
            shell,
            order("b1", commands.block(1)),
            rotate("r", NEXT),
            order("b2", commands.block(2)),
            order("b3", commands.block(3), NEXT),  # was opened before as well, and nobody knew its key yet
        )
        assert outcomes == [Outcome.DONE, Outcome.DONE, Outcome.UNKNOWN_KEY, Outcome.UNKNOWN_KEY]
        assert [row.cell for row in shell.state.all(Door) if row.blocked] == [1]

    play(tmp_path, act)


def test_what_waits_behind_a_rotation_that_keeps_its_key_is_done(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        outcomes = await asked(shell, rotate("r", NEXT, SIGNER), order("b2", commands.block(2)))
        assert outcomes == [Outcome.DONE, Outcome.DONE]

    play(tmp_path, act)


def test_an_older_set_that_was_kept_back_brings_no_key_back(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        leaked = rotate("r1", NEXT, THIRD, SIGNER, since_ms=START_UTC_MS - 5)
        assert await asked(shell, rotate("r2", NEXT, SIGNER), leaked) == [Outcome.DONE, Outcome.OLDER]
        assert await asked(shell, order("b1", commands.block(1), THIRD)) == [Outcome.UNKNOWN_KEY]

    play(tmp_path, act)


def test_a_key_under_the_name_of_one_that_left_is_another_key(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        renewed = Signer(b"r" * 32, SIGNER.key_id)
        assert await asked(shell, rotate("r", renewed)) == [Outcome.DONE]
        outcomes = await asked(shell, order("b1", commands.block(1)), order("b2", commands.block(2), renewed))
        assert outcomes == [Outcome.BAD_SIGNATURE, Outcome.DONE]

    play(tmp_path, act)


def test_a_commit_that_fails_rotates_nothing(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        shell.disk.full = True
        assert await asked(shell, rotate("r", NEXT)) == [Outcome.STORAGE_FAILED]
        shell.disk.full = False
        await asyncio.sleep(2)
        outcomes = await asked(shell, order("b1", commands.block(1)), order("b2", commands.block(2), NEXT))
        assert outcomes == [Outcome.DONE, Outcome.UNKNOWN_KEY]

    play(tmp_path, act)


def test_a_technician_sees_what_was_set_from_afar(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        assert await asked(shell, order("s", commands.configure({"reopen_max": 2}))) == [Outcome.DONE]
        desk = Face(shell, Role.SERVICE)
        desk.send(AskStatus())
        (status,) = desk.got
        assert isinstance(status, control.Status)
        assert (status.settings, status.backend_keys) == ({"reopen_max": 2}, (SIGNER.key_id,))

    play(tmp_path, act)
