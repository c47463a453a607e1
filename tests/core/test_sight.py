"""The scanner at the gate: how its camera is becomes state, its hints go to the screen, and a reading counts where it was asked for."""

import asyncio
import itertools
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from firmware import readings
from firmware.control import Press, Reading, Scan, Seq, Show, Told, Watched, encode
from firmware.events import DoorRead, Event, Pressed, ScannerChanged
from firmware.model import Action, EntryKind, Outcome, Screen, ScreenName
from firmware.notices import Notice
from firmware.optics import TEXT_MAX, CameraState, Format, Hint
from firmware.peer import PENDING_MAX, Role
from firmware.reader import AWAY_MS, CHANGING, PASSING, REFUSED_MAX
from firmware.sight import (
    CHANGES_MAX,
    CHANGES_WINDOW_MS,
    HINT_GAP_MS,
    HOLD_MS,
    READINGS_MAX,
    READINGS_WINDOW_MS,
    REPLACE_MS,
    SILENT_MS,
    Sight,
)
from firmware.signed import Keyring
from sim import loop as virtual
from tests.core.shell import Face, Shell, running

OK, COVERED, FROZEN, HUNG, GONE, SILENT, NONE = CameraState
TEXT = "6BF+70O6:D+R6"


class Seen:
    """A sight on a loop of virtual time, and what it has told."""

    def __init__(self) -> None:
        self.told: list[tuple[CameraState, int]] = []
        self.shown: list[tuple[Hint, bool]] = []
        self.sight = Sight(lambda state: self.told.append((state, self.now_ms())))
        self.sight.on_show = lambda: self.shown.append((self.sight.hint, self.sight.ring))

    def now_ms(self) -> int:
        return round(1_000 * asyncio.get_running_loop().time())

    def say(self, state: CameraState = OK, hint: Hint = Hint.NONE, *, ring: bool = False) -> None:
        self.sight.watched(state, hint, ring=ring, now_ms=self.now_ms())

    async def say_for(self, state: CameraState, duration_ms: int) -> None:
        """The same word, once a second."""
        while duration_ms > 0:
            self.say(state)
            await asyncio.sleep(min(1_000, duration_ms) / 1_000)
            duration_ms -= 1_000

    def states(self) -> list[CameraState]:
        return [state for state, _ in self.told]


def scene(act: Callable[[Seen], Awaitable[None]]) -> None:
    async def whole() -> None:
        seen = Seen()
        await act(seen)
        seen.sight.stop()

    virtual.run(whole())


# How the camera is


def test_a_scanner_that_comes_and_one_that_falls_ill_count_at_once() -> None:
    async def act(seen: Seen) -> None:
        for state in (COVERED, FROZEN, HUNG):
            seen.sight.left(seen.now_ms())
            seen.say(OK)
            seen.say(state)
            assert seen.states()[-2:] == [OK, state]
            await seen.say_for(OK, HOLD_MS + 1_000)

    scene(act)


def test_what_is_said_again_and_again_is_told_once() -> None:
    async def act(seen: Seen) -> None:
        await seen.say_for(OK, 60_000)
        assert seen.told == [(OK, 0)]

    scene(act)


@pytest.mark.parametrize("silent_ms", [SILENT_MS - 1, SILENT_MS, SILENT_MS + 1])
def test_one_that_says_nothing_for_three_seconds_is_silent(silent_ms: int) -> None:
    async def act(seen: Seen) -> None:
        seen.say(OK)
        await asyncio.sleep(silent_ms / 1_000)
        assert seen.states() == ([OK, SILENT] if silent_ms >= SILENT_MS else [OK])
        seen.say(OK)
        assert seen.states()[-1] is OK

    scene(act)


def test_one_whose_connection_ends_is_silent_at_once_and_not_once_more_for_its_silence() -> None:
    async def act(seen: Seen) -> None:
        seen.say(OK)
        seen.sight.left(seen.now_ms())
        assert seen.told == [(OK, 0), (SILENT, 0)]
        await asyncio.sleep(10 * SILENT_MS / 1_000)
        assert len(seen.told) == 2

    scene(act)


def test_a_device_that_vanished_is_told_from_a_process_that_did() -> None:
    async def act(seen: Seen) -> None:
        seen.say(OK)
        seen.say(GONE)  # the process is there, and says so
        assert seen.states() == [OK, GONE]
        await seen.say_for(OK, HOLD_MS)
        seen.sight.left(seen.now_ms())
        assert seen.states() == [OK, GONE, OK, SILENT]

    scene(act)


@pytest.mark.parametrize("state", [FROZEN, HUNG])
def test_the_last_word_of_a_process_that_is_replaced_stands_until_the_next_one_speaks(
    state: CameraState,
) -> None:
    """It is replaced again and again while the camera is ill: that is one change, and uses up no others."""

    async def act(seen: Seen) -> None:
        seen.say(OK)
        for _ in range(3 * CHANGES_MAX):
            seen.say(state)
            seen.sight.left(seen.now_ms())
            await asyncio.sleep((REPLACE_MS - 1) / 1_000)
        assert seen.states() == [OK, state]
        well_ms = seen.now_ms()
        await seen.say_for(OK, HOLD_MS + 1_000)
        assert seen.told[-1] == (OK, well_ms + HOLD_MS)

    scene(act)


@pytest.mark.parametrize("state", [FROZEN, HUNG])
def test_a_process_that_is_not_replaced_is_silent_at_last(state: CameraState) -> None:
    async def act(seen: Seen) -> None:
        seen.say(OK)
        seen.say(state)
        seen.sight.left(seen.now_ms())
        await asyncio.sleep(2 * REPLACE_MS / 1_000)
        assert seen.told == [(OK, 0), (state, 0), (SILENT, REPLACE_MS)]

    scene(act)


def test_a_camera_that_was_not_well_must_hold_before_it_counts() -> None:
    async def act(seen: Seen) -> None:
        seen.say(OK)
        seen.say(COVERED)
        for _ in range(20):  # a curtain in the wind
            await seen.say_for(OK, HOLD_MS - 500)
            seen.say(FROZEN)
            await asyncio.sleep(0.1)
            seen.say(COVERED)
        assert seen.states() == [OK, COVERED]
        begun_ms = seen.now_ms()
        await seen.say_for(OK, HOLD_MS + 1_000)
        assert seen.told[-1] == (OK, begun_ms + HOLD_MS)

    scene(act)


def test_a_loose_plug_fills_no_journal() -> None:
    async def act(seen: Seen) -> None:
        while seen.now_ms() < CHANGES_WINDOW_MS:
            seen.say(OK)
            await asyncio.sleep(0.05)
            seen.sight.left(seen.now_ms())
            await asyncio.sleep(0.05)
        assert seen.states() == [OK, SILENT] * CHANGES_MAX
        seen.say(OK)
        await seen.say_for(OK, 1_000)
        assert seen.states()[-1] is OK  # the first of them is forgotten by now

    scene(act)


def test_whatever_a_scanner_says_the_last_word_wins_and_few_are_told() -> None:
    chance = random.Random(5)

    async def act(seen: Seen) -> None:
        last = SILENT
        for _ in range(2_000):
            last = chance.choice(list(CameraState))
            seen.say(last)
            await asyncio.sleep(chance.choice((0, 0.01, 0.1, 1)))
        windows = -(-seen.now_ms() // CHANGES_WINDOW_MS)
        assert len(seen.told) <= 2 * CHANGES_MAX * windows + 1
        assert all(before is not after for before, after in itertools.pairwise(seen.states()))
        await seen.say_for(last, CHANGES_WINDOW_MS + HOLD_MS)
        assert seen.states()[-1] is last

    scene(act)


# Hint and ring


def test_a_hint_is_shown_at_once_and_the_next_one_not_too_soon() -> None:
    async def act(seen: Seen) -> None:
        seen.say(OK, Hint.CLOSER)
        assert seen.shown == [(Hint.CLOSER, False)]
        for hint in [Hint.TILT, Hint.FARTHER] * 1_000 + [Hint.STILL]:
            seen.say(OK, hint)
        assert len(seen.shown) == 1
        await asyncio.sleep(HINT_GAP_MS / 1_000)
        assert seen.shown == [(Hint.CLOSER, False), (Hint.STILL, False)]

    scene(act)


def test_the_ring_is_announced_as_long_as_it_runs_and_no_longer_than_the_scanner() -> None:
    async def act(seen: Seen) -> None:
        seen.say(OK, ring=True)
        assert seen.shown == [(Hint.NONE, True)]
        await asyncio.sleep(SILENT_MS / 1_000)
        assert seen.shown[-1] == (Hint.NONE, False)
        seen.say(OK, Hint.DARK, ring=True)
        await asyncio.sleep(1)
        seen.sight.left(seen.now_ms())
        await asyncio.sleep(1)
        assert seen.shown[-1] == (Hint.NONE, False)

    scene(act)


def test_a_sight_that_was_stopped_tells_nobody_anything() -> None:
    async def act(seen: Seen) -> None:
        seen.say(OK, Hint.CLOSER)
        seen.sight.stop()
        await asyncio.sleep(10 * SILENT_MS / 1_000)
        assert seen.told == [(OK, 0)]

    scene(act)


def test_readings_beyond_some_a_second_are_not_looked_at() -> None:
    async def act(seen: Seen) -> None:
        assert [seen.sight.may_read(0) for _ in range(READINGS_MAX + 5)] == [True] * READINGS_MAX + [
            False
        ] * 5
        assert not seen.sight.may_read(READINGS_WINDOW_MS - 1)
        assert seen.sight.may_read(READINGS_WINDOW_MS)

    scene(act)


# At the gate


def at_the_gate(folder: Path, act: Callable[[Shell], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with running(folder) as shell:
            await act(shell)

    virtual.run(whole())


def shows(kiosk: Face) -> list[Show]:
    return [push for push in kiosk.got if isinstance(push, Show)]


def asks(scanner: Face) -> list[Scan]:
    return [push for push in scanner.got if isinstance(push, Scan)]


def outcomes(scanner: Face) -> list[Outcome]:
    return [push.outcome for push in scanner.got if isinstance(push, Told)]


def entries(shell: Shell) -> list[str]:
    bodies = [msgspec.json.decode(row.body) for row in shell.store.journal(0, 256)]
    return [body["why"] for body in bodies if body["kind"] == EntryKind.SCANNER]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was looked at. A text opens the keypad, or is refused by its own name."""
    looked: list[str] = []

    def read(text: str, keyring: Keyring) -> Event | Outcome:
        looked.append(text)
        return Outcome(text) if text in list(Outcome) else Pressed(Action.START)

    monkeypatch.setattr(readings, "_READ", {Format.QR: read})
    monkeypatch.setattr(readings, "_ASKED", {ScreenName.IDLE: (Format.QR, Format.LINEAR)})
    return looked


def test_the_screen_asks_for_a_code_while_the_camera_is_well(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        kiosk, scanner = Face(shell, Role.KIOSK), Face(shell, Role.SCANNER)
        await shell.quiet()
        assert [show.screen.camera for show in shows(kiosk)] == [False]
        for state, may in ((OK, True), (COVERED, False)):
            scanner.send(Watched(state))
            await shell.quiet()
            assert shows(kiosk)[-1].screen.camera is may
            assert shell.state.locker.scanner is state
        await asyncio.sleep(SILENT_MS / 1_000 + HOLD_MS / 1_000)
        await shell.quiet()
        assert entries(shell) == [OK, COVERED, SILENT]
        assert shell.store.load().locker.scanner is SILENT

    at_the_gate(tmp_path, act)


@pytest.mark.parametrize("name", [ScreenName.IDLE, ScreenName.KEYPAD])
def test_idle_and_keypad_are_functions_of_the_camera_too(tmp_path: Path, name: ScreenName) -> None:
    async def act(shell: Shell) -> None:
        if name is ScreenName.KEYPAD:
            await shell.ask(Pressed(Action.START))
        screens: list[Screen] = []
        for state in (OK, *(each for each in CameraState if each is not OK)):
            shell.inbox.post(ScannerChanged(state))
            await shell.quiet()
            screens.append(shell.runtime.screen)
        assert [screen.name for screen in screens] == [name] * len(CameraState)
        assert [screen.camera for screen in screens] == [True] + [False] * 6

    at_the_gate(tmp_path, act)


def test_after_a_start_the_scanner_is_silent_until_it_is_heard_of(tmp_path: Path) -> None:
    async def first() -> None:
        async with running(tmp_path) as shell:
            Face(shell, Role.SCANNER).send(Watched(OK))
            await shell.quiet()
            assert shell.state.locker.scanner is OK

    async def second() -> None:
        shell = Shell(tmp_path)
        task = asyncio.get_running_loop().create_task(shell.runtime.run())
        await shell.quiet()
        assert shell.state.locker.scanner is SILENT
        assert entries(shell) == [OK]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        shell.store.close()

    virtual.run(first())
    virtual.run(second())


def test_a_scanner_that_is_replaced_does_not_count_as_silent(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        former = Face(shell, Role.SCANNER)
        former.send(Watched(OK))
        later = Face(shell, Role.SCANNER)
        former.send(Watched(FROZEN))
        await shell.quiet()
        assert (former.dropped, later.dropped) == (1, 0)
        assert entries(shell) == [OK]
        later.peer.drop()
        await shell.quiet()
        assert entries(shell) == [OK, SILENT]

    at_the_gate(tmp_path, act)


def test_hint_and_ring_go_to_the_screen_with_no_event_and_a_press_stays_good(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        kiosk, scanner = Face(shell, Role.KIOSK), Face(shell, Role.SCANNER)
        scanner.send(Watched(OK))
        await shell.quiet()
        first, events, last = shows(kiosk)[-1], len(shell.seen), shell.store.last_seq
        scanner.send(Watched(OK, Hint.CLOSER))
        await asyncio.sleep(1)
        scanner.send(Watched(OK, Hint.TILT, ring=True))
        await asyncio.sleep(1)
        assert [(show.hint, show.ring) for show in shows(kiosk)[-3:]] == [
            (Hint.NONE, False),
            (Hint.CLOSER, False),
            (Hint.TILT, True),
        ]
        assert (len(shell.seen), shell.store.last_seq) == (events, last)
        kiosk.send(Press(first.seq, Action.START))
        await shell.quiet()
        assert shell.shows() is ScreenName.KEYPAD
        assert shows(kiosk)[-1].hint is Hint.TILT

    at_the_gate(tmp_path, act)


def test_a_hint_is_for_screens_that_may_ask_for_a_code(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        kiosk, scanner = Face(shell, Role.KIOSK), Face(shell, Role.SCANNER)
        scanner.send(Watched(OK, Hint.CLOSER, ring=True))
        await shell.quiet()
        for cell in (1, 2, 3, 4):
            shell.inbox.post(DoorRead(cell, None))
        await shell.quiet()
        assert shell.shows() is ScreenName.OUT_OF_SERVICE
        assert (shows(kiosk)[-1].hint, shows(kiosk)[-1].ring) == (Hint.NONE, True)

    at_the_gate(tmp_path, act)


def test_the_scanner_hears_what_each_screen_asks_for(tmp_path: Path, opened: list[str]) -> None:
    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        idle = shell.runtime.seq
        await shell.ask(Pressed(Action.START))
        assert asks(scanner) == [
            Scan(idle, (Format.QR,), awake=False),  # linear: the screen asks, and nothing could read it
            Scan(shell.runtime.seq, (), awake=False),
        ]

    at_the_gate(tmp_path, act)


def test_somebody_at_a_screen_that_asks_wakes_the_scanner(tmp_path: Path, opened: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readings, "_ASKED", {ScreenName.KEYPAD: (Format.QR,)})

        async def act(shell: Shell) -> None:
            scanner = Face(shell, Role.SCANNER)
            await shell.ask(Pressed(Action.START))
            assert [ask.awake for ask in asks(scanner)] == [False, True]

        at_the_gate(tmp_path, act)


def test_a_reading_counts_where_this_screen_asks_for_its_format(tmp_path: Path, opened: list[str]) -> None:
    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        seq = asks(scanner)[-1].seq
        scanner.send(Reading(Seq("s", seq.count - 1), TEXT, Format.QR))
        scanner.send(Reading(Seq("t", seq.count), TEXT, Format.QR))
        scanner.send(Reading(seq, TEXT, Format.LINEAR))
        scanner.send(Reading(seq, TEXT, Format.DATA_MATRIX))
        scanner.send(Reading(seq, "unknown_key", Format.QR))
        await shell.quiet()
        assert outcomes(scanner) == [
            Outcome.STALE, Outcome.STALE, Outcome.NOT_NOW, Outcome.NOT_NOW, Outcome.UNKNOWN_KEY
        ]  # fmt: skip
        assert (opened, shell.runtime.screen.notice) == (["unknown_key"], Notice.UNKNOWN_KEY)
        await shell.ask(Pressed(Action.BACK))
        seq = asks(scanner)[-1].seq
        scanner.send(Reading(seq, TEXT, Format.QR))
        scanner.send(Reading(seq, TEXT, Format.QR))  # of the same screen, and behind the first
        await shell.quiet()
        assert outcomes(scanner)[-2:] == [Outcome.DONE, Outcome.STALE]
        assert shell.shows() is ScreenName.KEYPAD

    at_the_gate(tmp_path, act)


def test_a_scanner_that_floods_is_answered_busy_and_nothing_more_is_looked_at(
    tmp_path: Path, opened: list[str]
) -> None:
    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        reading = encode(Reading(asks(scanner)[-1].seq, "unsigned", Format.QR))
        for _ in range(20):
            scanner.peer.feed(reading * 1_000)
        assert len(opened) == READINGS_MAX
        await shell.quiet()
        assert Counter(outcomes(scanner)) == {
            Outcome.UNSIGNED: 1,  # which the screen says, and so it is another one for …
            Outcome.STALE: READINGS_MAX - 1,
            Outcome.BUSY: 20_000 - READINGS_MAX,
        }
        await shell.ask(Pressed(Action.BACK))
        await asyncio.sleep(READINGS_WINDOW_MS / 1_000)
        scanner.send(Reading(asks(scanner)[-1].seq, "malformed", Format.QR))
        assert len(opened) == READINGS_MAX + 1
        assert scanner.dropped == 0

    at_the_gate(tmp_path, act)


def shown(shell: Shell, scanner: Face, text: str) -> None:
    scanner.send(Reading(asks(scanner)[-1].seq, text, Format.QR))


def test_what_was_refused_is_said_once_while_it_stays_there(tmp_path: Path, opened: list[str]) -> None:
    """A foreign code that is stuck to the wall does not take the keypad from everybody."""

    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        shown(shell, scanner, "unsigned")
        await shell.quiet()
        assert shell.shows() is ScreenName.NOTICE
        await shell.ask(Pressed(Action.BACK))
        for _ in range(100):
            await asyncio.sleep(AWAY_MS / 1_000 - 1)
            shown(shell, scanner, "unsigned")
            await shell.quiet()
            assert (shell.shows(), outcomes(scanner)[-1]) == (ScreenName.IDLE, Outcome.UNSIGNED)
        assert opened == ["unsigned"]
        shown(shell, scanner, "malformed")  # another one
        await shell.quiet()
        assert shell.shows() is ScreenName.NOTICE
        await shell.ask(Pressed(Action.BACK))
        await asyncio.sleep(AWAY_MS / 1_000)
        shown(shell, scanner, "unsigned")  # the same, shown anew
        await shell.quiet()
        assert shell.shows() is ScreenName.NOTICE

    at_the_gate(tmp_path, act)


@pytest.mark.parametrize("passing", sorted(PASSING - {Outcome.DONE}))
def test_what_was_refused_for_the_moment_is_looked_at_again(
    tmp_path: Path, opened: list[str], passing: Outcome
) -> None:
    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        for _ in range(2):
            shown(shell, scanner, passing)
            await shell.quiet()
            assert outcomes(scanner)[-1] is passing
            await shell.ask(Pressed(Action.BACK))
            await asyncio.sleep(1)
        assert opened == [passing] * 2

    at_the_gate(tmp_path, act)


def test_of_what_was_refused_only_the_last_few_are_remembered(tmp_path: Path, opened: list[str]) -> None:
    refusals = [each for each in Outcome if each not in PASSING | CHANGING][: REFUSED_MAX + 1]
    assert len(refusals) == REFUSED_MAX + 1

    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        for text in (*refusals, refusals[-1], refusals[0]):
            shown(shell, scanner, text)
            await shell.quiet()
            await shell.ask(Pressed(Action.BACK))
            await asyncio.sleep(1)
        assert opened == [*refusals, refusals[0]]

    at_the_gate(tmp_path, act)


def test_readings_that_wait_are_few(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sight, "may_read", lambda self, now_ms: True)

    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        scanner.peer.feed(encode(Reading(asks(scanner)[-1].seq, TEXT, Format.QR)) * 1_000)
        assert len(shell.inbox) == PENDING_MAX
        await shell.quiet()
        assert outcomes(scanner).count(Outcome.BUSY) == 1_000 - PENDING_MAX

    at_the_gate(tmp_path, act)


def line(text: str) -> bytes:
    escaped = msgspec.json.encode(text).decode()
    return f'{{"type":"reading","seq":{{"start":"s","count":1}},"text":{escaped},"format":"qr"}}\n'.encode()


HOSTILE: dict[str, bytes] = {
    "a text that is too long": line("A" * (TEXT_MAX + 1)),
    "a letter of another alphabet": line("КОД"),
    "a line in a text": line("A\nERROR all is lost"),
    "a zero": line("A\0"),
    "the last of ASCII": line("A\x7f"),
    "an unknown format": b'{"type":"reading","seq":{"start":"s","count":1},"text":"A","format":"aztec"}\n',
    "an unknown state": b'{"type":"watched","state":"happy"}\n',
    "an unknown hint": b'{"type":"watched","state":"ok","hint":"jump"}\n',
    "a picture": b'{"type":"watched","state":"ok","picture":"AAAA"}\n',
    "no frame ever": b'{"type":"watched","state":"ok"' + b" " * 70_000 + b"}\n",
    "the screen's own": encode(Press(Seq("s", 1), Action.START)),
    "a push": encode(Scan(Seq("s", 1))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nonsense_ends_the_connection_and_changes_nothing_but_that(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        before = shell.store.load().rows()
        scanner.peer.feed(HOSTILE[name])
        await shell.quiet()
        assert scanner.dropped == 1
        assert shell.store.load().rows() == before

    with caplog.at_level(logging.DEBUG):
        at_the_gate(tmp_path, act)
    assert "all is lost" not in caplog.text


def test_the_longest_text_is_taken(tmp_path: Path, opened: list[str]) -> None:
    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        longest = "".join(map(chr, range(0x20, 0x7F))) * (TEXT_MAX // 95 + 1)
        scanner.send(Reading(asks(scanner)[-1].seq, longest[:TEXT_MAX], Format.QR))
        await shell.quiet()
        assert opened == [longest[:TEXT_MAX]]

    at_the_gate(tmp_path, act)


def whole(folder: Path) -> bytes:
    """All that lies in a folder."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def test_no_row_entry_and_log_holds_what_was_read(
    tmp_path: Path, opened: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def act(shell: Shell) -> None:
        scanner = Face(shell, Role.SCANNER)
        seq = asks(scanner)[-1].seq
        scanner.send(Reading(Seq("s", 0), TEXT, Format.QR))
        scanner.send(Reading(seq, TEXT, Format.LINEAR))
        scanner.send(Reading(seq, TEXT, Format.QR))
        await shell.quiet()
        assert opened == [TEXT]
        assert TEXT.encode() not in whole(tmp_path)
        assert not any(TEXT in repr(event) for event in shell.seen)

    with caplog.at_level(logging.DEBUG):
        at_the_gate(tmp_path, act)
    assert TEXT not in caplog.text


def test_a_gate_whose_controller_has_ended_hears_of_no_silence(tmp_path: Path) -> None:
    async def whole() -> None:
        async with running(tmp_path) as shell:
            Face(shell, Role.SCANNER).send(Watched(OK))
            await shell.quiet()
        await asyncio.sleep(100)
        assert len(shell.inbox) == 0

    virtual.run(whole())
