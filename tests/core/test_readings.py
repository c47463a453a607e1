"""What a barcode becomes, from the scanner's socket to the controller: where a screen has something to say to it, and nowhere else."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firmware import readings
from firmware.control import Press, Reading, Scan, Seq, Show, Told, encode
from firmware.events import WaybillScanned
from firmware.model import Action, Outcome, Screen, ScreenName
from firmware.notices import Notice
from firmware.optics import Format
from firmware.peer import Role
from firmware.sight import READINGS_MAX
from firmware.signed import Keyring
from sim import loop as virtual
from tests.core.shell import Face, Shell, running


def at_the_gate(folder: Path, act: Callable[[Shell], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with running(folder) as shell:
            await act(shell)

    virtual.run(whole())


def seq_of(scanner: Face) -> Seq:
    return [push.seq for push in scanner.got if isinstance(push, Scan)][-1]


def outcomes(scanner: Face) -> list[Outcome]:
    return [push.outcome for push in scanner.got if isinstance(push, Told)]


def scans(shell: Shell) -> list[str]:
    return [event.waybill for event in shell.seen if isinstance(event, WaybillScanned)]


@pytest.mark.parametrize("name", ScreenName)
def test_a_barcode_counts_between_two_parcels_and_is_heard_before_the_code(name: ScreenName) -> None:
    screen = Screen(name)
    heard = name in (ScreenName.IDLE, ScreenName.KEYPAD, ScreenName.SCAN, ScreenName.NEXT_PARCEL)
    assert readings.counts(screen, Format.LINEAR) is heard
    # No camera looks for one while nobody is there, or types; and a Data Matrix comes through a camera only.
    for written in (Format.LINEAR, Format.DATA_MATRIX):
        assert (written in readings.wanted(screen)) is (name is ScreenName.NEXT_PARCEL)
    assert readings.counts(screen, Format.DATA_MATRIX) is (name is ScreenName.NEXT_PARCEL)


def test_it_becomes_an_event_and_the_screen_asks_for_the_code(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        scanner, kiosk = Face(shell, Role.SCANNER), Face(shell, Role.KIOSK)
        await shell.quiet()
        scanner.send(Reading(seq_of(scanner), "KZ00001", Format.LINEAR))
        await shell.quiet()
        assert (outcomes(scanner), scans(shell)) == ([Outcome.DONE], ["KZ00001"])
        shown = [push.screen for push in kiosk.got if isinstance(push, Show)][-1]
        assert (shown.name, shown.notice) == (ScreenName.KEYPAD, Notice.CODE_FIRST)

    at_the_gate(tmp_path, act)


def test_a_label_says_the_same_in_either_writing() -> None:
    keyring = Keyring({})
    for written in (Format.LINEAR, Format.DATA_MATRIX):
        assert readings.opened("KZ00001", written, keyring) == WaybillScanned("KZ00001")
        assert (
            readings.opened("\x1d01046", written, keyring) is Outcome.MALFORMED
        )  # a GS1 label of the shop's
        assert (
            readings.refused(Outcome.MALFORMED, written) is Outcome.MALFORMED
        )  # and the screen says nothing


@pytest.mark.parametrize("text", ["", " ", "KZ 1", "A" * 41, "https://shop.example/KZ1", "KZ1;DROP", "KZ/1"])
def test_what_cannot_be_a_waybill_becomes_no_event(tmp_path: Path, text: str) -> None:
    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        scanner.send(Reading(seq_of(scanner), text, Format.LINEAR))
        await shell.quiet()
        assert (outcomes(scanner), scans(shell)) == ([Outcome.MALFORMED], [])
        assert shell.shows() is ScreenName.IDLE

    at_the_gate(tmp_path, act)


def test_the_longest_waybill_is_one(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        scanner.send(Reading(seq_of(scanner), "A" * 40, Format.LINEAR))
        await shell.quiet()
        assert scans(shell) == ["A" * 40]

    at_the_gate(tmp_path, act)


def test_a_scan_for_another_screen_is_stale(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        scanner, kiosk = Face(shell, Role.SCANNER), Face(shell, Role.KIOSK)
        await shell.quiet()
        seq = seq_of(scanner)
        kiosk.send(Press(seq, Action.START))
        scanner.send(Reading(seq, "KZ00001", Format.LINEAR))
        await shell.quiet()
        assert (outcomes(scanner), scans(shell)) == ([Outcome.STALE], [])

    at_the_gate(tmp_path, act)


def test_a_scanner_that_floods_leaves_the_keypad_to_whoever_types(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        scanner, kiosk = Face(shell, Role.SCANNER), Face(shell, Role.KIOSK)
        await shell.quiet()
        kiosk.send(Press(seq_of(scanner), Action.START))
        await shell.quiet()
        before = len(shell.store.journal(0, 1_000))
        for second in range(20):
            for number in range(200):
                text = f"KZ{second:03}{number:05}"
                scanner.peer.feed(encode(Reading(seq_of(scanner), text, Format.LINEAR)))
            await shell.quiet()
            await asyncio.sleep(1)
        screens = [push.seq.count for push in kiosk.got if isinstance(push, Show)]
        assert len(set(screens[1:])) == 2  # the keypad, and once the same with what it has to say
        assert len(scans(shell)) <= 20 * (READINGS_MAX + 1)
        assert len(shell.store.journal(0, 1_000)) == before
        assert shell.shows() is ScreenName.KEYPAD
        assert scanner.dropped == 0

    at_the_gate(tmp_path, act)
