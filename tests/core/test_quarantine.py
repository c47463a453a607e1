"""An event that raises twice is set aside; the process ends once, and only once, for it."""

import asyncio
from pathlib import Path

import pytest

from firmware import quarantine
from firmware.events import Checked, DoorRead, Due, Pressed
from firmware.model import Action, EntryKind, Outcome, ScreenName
from firmware.rows import Locker, Raised, State
from sim import loop as virtual
from tests.core.shell import Shell

BUG = DoorRead(99, False)  # no such cell: nobody could have read it


async def life(folder: Path, *, dies: bool) -> Shell:
    """A start, and the event that raises."""
    shell = Shell(folder)
    task = asyncio.get_running_loop().create_task(shell.runtime.run())
    for cell in (1, 2, 3, 4):
        shell.inbox.post(DoorRead(cell, True))
    await shell.quiet()
    shell.inbox.post(BUG)
    if dies:
        with pytest.raises(KeyError):
            await task
    else:
        await shell.quiet()
        assert await shell.ask(Pressed(Action.START)) is Outcome.DONE
        assert shell.shows() is ScreenName.KEYPAD
        task.cancel()
        await asyncio.wait([task])
    return shell


def test_the_first_raise_ends_the_process_and_the_second_sets_the_event_aside(tmp_path: Path) -> None:
    async def act() -> None:
        (await life(tmp_path, dies=True)).store.close()
        for _ in range(2):
            shell = await life(tmp_path, dies=False)
            told = [row.body for row in shell.store.journal(0, 99) if EntryKind.QUARANTINED in row.body]
            assert len(told) == 1
            assert '"why":"DoorRead"' in told[0]
            assert shell.store.load().rows() == shell.state.rows()
            shell.store.close()

    virtual.run(act())


def state() -> State:
    return State([Locker("0123")])


def test_a_deadline_is_the_same_whatever_its_generation_and_is_not_armed_again() -> None:
    believed = state()
    assert not quarantine.blame(believed, Due("parcel", "KZ1", 3))
    assert not quarantine.is_aside(believed, "parcel", "KZ1")
    assert quarantine.blame(believed, Due("parcel", "KZ1", 8))
    assert quarantine.is_aside(believed, "parcel", "KZ1")
    assert not quarantine.is_aside(believed, "parcel", "KZ2")


def test_another_release_tries_again() -> None:
    believed = state()
    for _ in range(2):
        quarantine.blame(believed, Checked())
    for row in believed.all(Raised):
        row.firmware = "older"
    quarantine.pardon(believed)
    assert not quarantine.blame(believed, Checked())
