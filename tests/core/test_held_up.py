"""A token that is refused for what comes by and by: held up all the while, it is said once, and taken as soon as it is good."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from firmware.control import Reading, Told
from firmware.deeds import Key, Rotate
from firmware.events import Commanded, GrantedParcel, GrantsCame, Pressed
from firmware.model import Action, EntryKind, Outcome, Purpose, ScreenName
from firmware.optics import Format
from firmware.peer import Role
from firmware.reader import CHANGING
from firmware.sight import READINGS_MAX
from sim import loop as virtual
from sim.backend import Signer, tokens
from tests.core.harness import LOCKER, digest, right
from tests.core.shell import SIGNER, Face, Shell, running

REPEAT_S = 2  # as the scanner tells a text that stays there
DEPOSIT = Purpose.DEPOSIT
NEXT = Signer(b"n" * 32, "k2")


def said(waybill: str = "KZ1", epoch: int = 1) -> dict[int, Any]:
    return tokens.claims(LOCKER, epoch, digest(DEPOSIT, waybill), DEPOSIT, bytes(16))


async def list_comes(shell: Shell, waybill: str = "KZ2", cell: int = 2, **others: int) -> None:
    rights = (right(DEPOSIT, waybill, **others),)
    epoch = shell.state.locker.epoch
    assert (
        await shell.ask(GrantsCame(LOCKER, epoch, 2, (GrantedParcel(waybill, cell),), rights)) is Outcome.DONE
    )


async def begins_an_epoch(shell: Shell) -> None:
    shell.state.locker.epoch = 2
    shell.store.commit(*shell.state.drain(), shell.runtime.now())


async def forgets_the_time(shell: Shell) -> None:
    shell.forget_time()


async def nothing(shell: Shell) -> None:
    pass


async def key_comes(shell: Shell) -> None:
    keys = tuple(Key(signer.key_id, signer.public.hex()) for signer in (SIGNER, NEXT))
    now_ms = shell.runtime.now().utc_ms
    rotate = Commanded("rotate-1", LOCKER, 1, now_ms, now_ms + 60_000, Rotate(keys))
    assert await shell.ask(rotate) is Outcome.DONE


async def time_comes(shell: Shell) -> None:
    assert await shell.welcome() is Outcome.DONE


class Case(NamedTuple):
    text: Callable[[Shell], str]
    before: Callable[[Shell], Awaitable[None]]
    comes: Callable[[Shell], Awaitable[None]]


def dated(shell: Shell, in_s: int) -> str:
    """Good for two minutes, the first of which is over in `in_s`."""
    return tokens.mint(SIGNER, tokens.dated(said(), shell.clock.true_ms() + 1_000 * in_s))


CASES = {
    Outcome.NO_SUCH_PARCEL: Case(lambda shell: tokens.mint(SIGNER, said("KZ2")), nothing, list_comes),
    Outcome.WRONG_EPOCH: Case(
        lambda shell: tokens.mint(SIGNER, said()),
        begins_an_epoch,
        lambda shell: list_comes(shell, "KZ1", 1, tokens_since=1),
    ),
    Outcome.UNKNOWN_KEY: Case(lambda shell: tokens.mint(NEXT, said()), nothing, key_comes),
    Outcome.CLOCK_UNSURE: Case(lambda shell: dated(shell, in_s=60), forgets_the_time, time_comes),
    Outcome.TOO_EARLY: Case(
        lambda shell: dated(shell, in_s=60 + 62), nothing, nothing
    ),  # a minute and two seconds pass anyhow
}


def notices(shell: Shell) -> int:
    bodies = [msgspec.json.decode(row.body) for row in shell.store.journal(0, 256)]
    return sum(body["kind"] == EntryKind.NOTICE for body in bodies)


async def read(shell: Shell, scanner: Face, text: str) -> Outcome:
    scanner.send(Reading(shell.runtime.seq, text, Format.QR))
    await shell.quiet()
    return [push.outcome for push in scanner.got if isinstance(push, Told)][-1]


def at_the_gate(folder: Path, act: Callable[[Shell, Face], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with running(folder) as shell:
            await act(shell, Face(shell, Role.SCANNER))

    virtual.run(whole())


def test_there_is_a_case_of_each() -> None:
    assert CASES.keys() == CHANGING


@pytest.mark.parametrize("why", CASES)
def test_it_is_said_once_and_taken_as_soon_as_it_is_good(tmp_path: Path, why: Outcome) -> None:
    case = CASES[why]

    async def act(shell: Shell, scanner: Face) -> None:
        text = case.text(shell)
        await case.before(shell)
        assert await read(shell, scanner, text) is why
        assert shell.shows() is ScreenName.NOTICE
        await shell.ask(Pressed(Action.BACK))
        entries = notices(shell)
        for _ in range(30):  # a minute long
            assert await read(shell, scanner, text) is why
            assert shell.shows() is ScreenName.IDLE  # the keypad is everybody's
            await asyncio.sleep(REPEAT_S)
        assert (notices(shell), entries) == (1, 1)
        await case.comes(shell)
        await asyncio.sleep(REPEAT_S)
        assert await read(shell, scanner, text) is Outcome.DONE
        assert shell.shows() is ScreenName.OPENING

    at_the_gate(tmp_path, act)


def test_another_reason_is_said_when_the_first_has_gone(tmp_path: Path) -> None:
    """Its key has come; its grant is of another locker's list."""

    async def act(shell: Shell, scanner: Face) -> None:
        text = tokens.mint(NEXT, said("KZ2"))
        assert await read(shell, scanner, text) is Outcome.UNKNOWN_KEY
        await shell.ask(Pressed(Action.BACK))
        await key_comes(shell)
        assert await read(shell, scanner, text) is Outcome.NO_SUCH_PARCEL
        assert shell.shows() is ScreenName.NOTICE
        await shell.ask(Pressed(Action.BACK))
        assert await read(shell, scanner, text) is Outcome.NO_SUCH_PARCEL
        assert (shell.shows(), notices(shell)) == (ScreenName.IDLE, 2)

    at_the_gate(tmp_path, act)


def test_looking_again_counts_as_looking(tmp_path: Path) -> None:
    """Each costs a verification, whoever asks for it."""

    async def act(shell: Shell, scanner: Face) -> None:
        text = tokens.mint(SIGNER, said("KZ2"))
        assert await read(shell, scanner, text) is Outcome.NO_SUCH_PARCEL
        await shell.ask(Pressed(Action.BACK))
        await asyncio.sleep(REPEAT_S)
        looked = [await read(shell, scanner, text) for _ in range(2 * READINGS_MAX)]
        assert looked == [Outcome.NO_SUCH_PARCEL] * READINGS_MAX + [Outcome.BUSY] * READINGS_MAX

    at_the_gate(tmp_path, act)
