"""Decide, commit, act: what is done when the commit fails, when the mind raises, and when a deadline comes."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from firmware import deeds
from firmware.chain import Sealed
from firmware.clock import SETTLED_MS
from firmware.commands import DAY_MS
from firmware.config import Journal
from firmware.control import Seq, Show
from firmware.errors import StoreError
from firmware.events import (
    Answer,
    Checked,
    CodeTyped,
    Commanded,
    DoorRead,
    JournalAcked,
    Pressed,
    Pulse,
    SystemClockMoved,
)
from firmware.housekeeping import LOOK_S, PRUNE_S, STEP_S
from firmware.inbox import Post
from firmware.journal import PRUNE_STEP
from firmware.model import (
    Action,
    DoorState,
    Entry,
    EntryKind,
    Fill,
    Outcome,
    ParcelState,
    Purpose,
    ScreenName,
)
from firmware.notices import Notice
from firmware.peer import Role
from firmware.reserve import NEEDED_BYTES, RESERVE_BYTES
from firmware.rows import Command, Door, Parcel, Session
from firmware.runtime import CLOCK_LOOK_S, RETRY_MS, SLEEP_MAX_MS, STORAGE_FAILED
from sim import loop as virtual
from tests.core.harness import LOCKER, UTC_MS, cabinet, digest
from tests.core.shell import JOURNAL_KEY, Face, Shell, running

OPEN = Commanded("c1", LOCKER, 1, 0, 2 * UTC_MS, deeds.Open("g", "KZ1"))


def play(folder: Path, act: Callable[[Shell], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with running(folder) as shell:
            await act(shell)

    virtual.run(whole())


async def pulsing(shell: Shell) -> None:
    assert await shell.ask(Pressed(Action.START)) is Outcome.DONE
    assert await shell.ask(CodeTyped(digest(Purpose.DEPOSIT, "KZ1"))) is Outcome.DONE


def test_an_effect_follows_its_commit(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        kiosk = Face(shell, Role.KIOSK)
        await pulsing(shell)
        (pulse,) = shell.hands.done
        assert pulse == Pulse(1, 1)
        assert shell.hands.active == {"board"}
        shows = [push.screen.name for push in kiosk.got if isinstance(push, Show)]
        assert shows == [ScreenName.IDLE, ScreenName.KEYPAD, ScreenName.OPENING]

    play(tmp_path, act)


def test_a_failed_commit_does_nothing_tells_and_rebuilds_memory(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        await shell.ask(Pressed(Action.START))
        shell.disk.full = True
        before = shell.store.load().rows()
        assert await shell.ask(CodeTyped(digest(Purpose.DEPOSIT, "KZ1"))) is Outcome.STORAGE_FAILED
        assert shell.hands.done == []
        assert shell.state.rows() == before
        assert shell.state.session is not None
        assert shell.shows() is ScreenName.OUT_OF_SERVICE
        assert shell.disk.failed == 1  # not tried again: whoever asked can ask again
        shell.disk.full = False
        await asyncio.sleep(RETRY_MS / 1_000)
        assert shell.shows() is ScreenName.KEYPAD
        assert await shell.ask(CodeTyped(digest(Purpose.DEPOSIT, "KZ1"))) is Outcome.DONE
        assert len(shell.hands.done) == 1

    play(tmp_path, act)


def test_the_idle_screen_comes_back_once_a_commit_has_succeeded(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        shell.disk.full = True
        assert await shell.ask(Pressed(Action.START)) is Outcome.STORAGE_FAILED
        for tries in range(2, 5):
            assert shell.shows() is ScreenName.OUT_OF_SERVICE
            await asyncio.sleep(RETRY_MS / 1_000)
            assert (
                shell.disk.failed == tries
            )  # something was written, or tried to be, though nothing had happened
        assert await shell.ask(Checked()) is Outcome.STORAGE_FAILED
        shell.disk.full = False
        await asyncio.sleep(RETRY_MS / 1_000)
        assert shell.shows() is ScreenName.IDLE

    play(tmp_path, act)


def test_while_nothing_can_be_written_no_coil_is_on_and_whoever_asks_is_told_at_once(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        await pulsing(shell)
        told: list[Outcome] = []
        shell.disk.full = True
        shell.inbox.post(DoorRead(1, False))  # stands in the way of all that comes behind it
        await asyncio.sleep(0)
        assert shell.hands.offs == 1
        for event in (Checked(), Pressed(Action.BACK), OPEN):
            shell.inbox.put(Post(event, None, told.append))
        await asyncio.sleep(RETRY_MS / 1_000)
        assert told == [Outcome.STORAGE_FAILED] * 3
        shell.disk.full = False
        await asyncio.sleep(RETRY_MS / 1_000)
        assert told == [Outcome.STORAGE_FAILED] * 3
        assert shell.shows() is ScreenName.PUT_PARCEL
        assert shell.state.find(Command, OPEN.id) is None

    play(tmp_path, act)


# A disk that is full


def test_a_full_disk_releases_the_reserve_for_closings_and_serves_nobody_new(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        assert sum(shell.room.files.values()) == RESERVE_BYTES
        await pulsing(shell)
        shell.inbox.post(DoorRead(1, False))
        await shell.quiet()
        shell.room.free = RESERVE_BYTES
        shell.disk.until_released(shell.room)
        shell.inbox.post(DoorRead(1, True))
        await asyncio.sleep(RETRY_MS / 1_000)
        await shell.quiet()
        assert shell.room.files == {}
        assert shell.state.get(Parcel, "KZ1").state is ParcelState.STORED
        assert shell.shows() is ScreenName.THANKS
        assert shell.hands.offs == 0
        assert await shell.ask(Pressed(Action.BACK)) is Outcome.DONE
        assert shell.runtime.screen == STORAGE_FAILED
        assert await shell.ask(Pressed(Action.START)) is Outcome.NOT_NOW
        assert await shell.ask(OPEN) is Outcome.STORAGE_FAILED
        pulses = len(shell.hands.done)
        fills = shell.room.fills
        await asyncio.sleep(3 * LOOK_S)
        assert (shell.runtime.screen, shell.room.fills) == (
            STORAGE_FAILED,
            fills,
        )  # no card is worn by trying
        shell.disk.mend()
        shell.room.free = NEEDED_BYTES
        await asyncio.sleep(LOOK_S)
        await shell.quiet()
        assert shell.shows() is ScreenName.IDLE
        assert sum(shell.room.files.values()) == RESERVE_BYTES
        assert len(shell.hands.done) == pulses
        assert await shell.ask(OPEN) is Outcome.STORAGE_FAILED  # used up: not carried out later, by surprise

    play(tmp_path, act)


def test_the_reserve_is_not_made_while_a_door_moves(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        await pulsing(shell)
        shell.disk.until_released(shell.room)
        shell.inbox.post(DoorRead(1, False))
        await asyncio.sleep(2 * LOOK_S)
        assert shell.shows() is ScreenName.CLOSE_DOOR or shell.shows() is ScreenName.PUT_PARCEL
        assert shell.room.files == {}
        shell.inbox.post(DoorRead(1, True))
        await asyncio.sleep(2 * LOOK_S)
        assert sum(shell.room.files.values()) == RESERVE_BYTES

    play(tmp_path, act)


def test_a_start_without_space_for_a_reserve_serves_nobody_until_there_is(tmp_path: Path) -> None:
    async def act() -> None:
        shell = Shell(tmp_path)
        shell.room.free = NEEDED_BYTES - 1
        task = asyncio.get_running_loop().create_task(shell.runtime.run())
        for cell in (1, 2, 3, 4):
            shell.inbox.post(DoorRead(cell, True))
        await shell.quiet()
        assert shell.runtime.screen == STORAGE_FAILED
        assert shell.state.locker.storage_low
        shell.room.free = NEEDED_BYTES
        await asyncio.sleep(LOOK_S)
        await shell.quiet()
        assert shell.shows() is ScreenName.IDLE
        task.cancel()
        await asyncio.wait([task])
        shell.store.close()

    virtual.run(act())


def test_where_even_the_reserve_does_not_help_nothing_is_done(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        shell.disk.until_released(shell.room, helps=False)
        assert await shell.ask(Pressed(Action.START)) is Outcome.STORAGE_FAILED
        assert shell.room.files == {}
        assert not shell.state.locker.storage_low  # that could not be written either
        shell.room.free = 0
        await asyncio.sleep(60)
        assert shell.runtime.screen == STORAGE_FAILED
        shell.disk.mend()
        await asyncio.sleep(RETRY_MS / 1_000)
        assert shell.state.locker.storage_low
        shell.room.free = NEEDED_BYTES
        await asyncio.sleep(LOOK_S)
        await shell.quiet()
        assert shell.shows() is ScreenName.IDLE

    play(tmp_path, act)


def test_what_a_door_tells_is_tried_until_it_is_committed(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        await pulsing(shell)
        shell.disk.full = True
        shell.inbox.post(DoorRead(1, False))
        await asyncio.sleep(5 * RETRY_MS / 1_000 + 0.1)
        assert shell.disk.failed == 6
        assert shell.state.get(Door, 1).state is DoorState.UNLOCKING
        shell.disk.full = False
        await asyncio.sleep(RETRY_MS / 1_000)
        assert shell.state.get(Door, 1).state is DoorState.OPEN
        assert shell.shows() is ScreenName.PUT_PARCEL

    play(tmp_path, act)


def test_a_deadline_is_tried_until_it_is_committed(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        await shell.ask(Pressed(Action.START))
        shell.disk.full = True
        await asyncio.sleep(60)
        assert shell.disk.failed > 10
        shell.disk.full = False
        await asyncio.sleep(1)
        assert shell.shows() is ScreenName.IDLE
        assert shell.state.session is None

    play(tmp_path, act)


def test_a_store_that_cannot_even_be_read_ends_the_process(tmp_path: Path) -> None:
    async def act() -> None:
        shell = Shell(tmp_path)
        task = asyncio.get_running_loop().create_task(shell.runtime.run())
        await shell.ready(10)
        shell.disk.full = shell.disk.gone = True
        shell.inbox.post(DoorRead(1, False))
        with pytest.raises(StoreError, match="gone"):
            await task
        assert shell.hands.offs == 1
        shell.store.close()

    virtual.run(act())


def test_a_bug_passes_through_with_all_coils_off_and_nothing_committed(tmp_path: Path) -> None:
    async def act() -> None:
        shell = Shell(tmp_path)
        task = asyncio.get_running_loop().create_task(shell.runtime.run())
        await shell.ready(10)
        seq = shell.store.last_seq
        shell.inbox.post(DoorRead(99, False))  # no such cell: nobody could have read it
        with pytest.raises(KeyError):
            await task
        assert shell.hands.offs == 1
        assert shell.store.last_seq == seq
        shell.store.close()

    virtual.run(act())


def test_a_press_on_a_screen_that_has_changed_is_stale(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        old = shell.runtime.seq
        assert await shell.ask(Pressed(Action.START), old) is Outcome.DONE
        rows = repr(shell.state.rows())
        for seq in (old, Seq("other", shell.runtime.seq.count), Seq("s", shell.runtime.seq.count + 1)):
            assert await shell.ask(Pressed(Action.BACK), seq) is Outcome.STALE
        assert repr(shell.state.rows()) == rows
        assert await shell.ask(Pressed(Action.BACK), shell.runtime.seq) is Outcome.DONE

    play(tmp_path, act)


def test_the_screen_is_pushed_only_where_it_differs(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        kiosk = Face(shell, Role.KIOSK)
        count, pushed = shell.runtime.seq.count, len(kiosk.got)
        for _ in range(3):
            assert await shell.ask(Checked()) is Outcome.DONE
        assert (shell.runtime.seq.count, len(kiosk.got)) == (count, pushed)

    play(tmp_path, act)


def test_one_timer_for_the_earliest_deadline(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        await shell.ask(Pressed(Action.START))
        await shell.ask(CodeTyped("wrong"))
        begun_s = asyncio.get_running_loop().time()
        assert shell.shows() is ScreenName.WRONG_CODE
        await asyncio.sleep(6)  # the wrong code's screen, long before two quiet minutes
        await shell.ask(Checked())
        assert shell.shows() is ScreenName.KEYPAD
        assert shell.state.get(Session, 1).due_ms == round(1_000 * (begun_s + 6 + 45))
        await asyncio.sleep(120)
        await shell.ask(Checked())
        assert shell.shows() is ScreenName.IDLE
        assert shell.state.locker.wrong_codes == 0

    play(tmp_path, act)


def test_with_nothing_due_the_timer_is_set_anew_now_and_then(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        await asyncio.sleep(SETTLED_MS / 1_000 + CLOCK_LOOK_S)  # the system's clock is told of until then
        shell.seen.clear()
        await asyncio.sleep(SLEEP_MAX_MS / 1_000 + 1)
        assert shell.seen == [Checked()]

    play(tmp_path, act)


def test_a_step_of_the_systems_clock_is_told_once_and_moves_nothing(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        for ms in (0, 3 * DAY_MS, 500, -3 * DAY_MS):
            shell.clock.step(ms)
            await asyncio.sleep(SETTLED_MS / 1_000 + 2 * CLOCK_LOOK_S)
            now = shell.runtime.now()
            assert (now.sure, now.utc_ms) == (True, shell.clock.true_ms())
        told = [event.off_ms for event in shell.seen if isinstance(event, SystemClockMoved)]
        assert told == [0, 3 * DAY_MS, 500]

    play(tmp_path, act)


def test_what_a_failing_disk_has_not_taken_of_the_systems_clock_is_told_again(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        shell.disk.full = True
        shell.clock.step(3 * DAY_MS)
        await asyncio.sleep(3 * CLOCK_LOOK_S)
        assert shell.state.locker.system_off_ms is None
        shell.disk.full = False
        await asyncio.sleep(2 * CLOCK_LOOK_S)
        assert shell.state.locker.system_off_ms == 3 * DAY_MS

    play(tmp_path, act)


def test_a_term_of_days_is_waited_for_in_steps(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        await pulsing(shell)
        shell.inbox.post(DoorRead(1, False))
        shell.inbox.post(DoorRead(1, True))
        await asyncio.sleep(72 * 3_600 + 1)
        assert shell.state.get(Parcel, "KZ1").state is ParcelState.EXPIRED

    play(tmp_path, act)


def test_uptime_counts_from_the_first_event(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        assert shell.runtime.uptime_ms() == 10_000

    play(tmp_path, act)


def test_an_answer_without_an_asker_is_dropped(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        shell.inbox.post(Checked())
        assert await shell.ask(Checked()) == Answer(Outcome.DONE).outcome

    play(tmp_path, act)


# The journal's cap, and what is pruned of it

SMALL = msgspec.structs.replace(cabinet(), journal=Journal(entries_max=100, acknowledged_h=24))


def play_small(folder: Path, act: Callable[[Shell], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with running(folder, SMALL) as shell:
            await act(shell)

    virtual.run(whole())


def more_entries(shell: Shell, upto: int) -> None:
    entries = [Entry(EntryKind.STARTED)] * (upto - shell.store.last_seq)
    shell.store.commit([], entries, shell.runtime.now())


def told_of_journal(shell: Shell) -> list[str | None]:
    rows = (msgspec.json.decode(row.body, type=Entry) for row in shell.store.journal(0, 999))
    return [entry.why for entry in rows if entry.kind is EntryKind.JOURNAL]


def test_the_mind_is_told_of_each_bound_before_the_next_event(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        more_entries(shell, 79)
        await shell.quiet()
        assert (shell.state.locker.journal_fill, told_of_journal(shell)) == (Fill.OK, [])
        more_entries(shell, 80)
        await shell.quiet()
        assert (shell.state.locker.journal_fill, told_of_journal(shell)) == (Fill.ALARM, ["alarm"])
        more_entries(shell, 90)
        assert await shell.ask(Pressed(Action.START)) is Outcome.DONE
        assert await shell.ask(CodeTyped(digest(Purpose.DEPOSIT, "KZ1"))) is Outcome.DONE
        assert shell.runtime.screen.notice is Notice.NO_DEPOSITS
        assert told_of_journal(shell) == ["alarm", "no_deposits"]
        more_entries(shell, 150)  # no bound holds up what must be written
        await shell.quiet()
        assert told_of_journal(shell) == ["alarm", "no_deposits"]

    play_small(tmp_path, act)


def test_what_is_acknowledged_and_old_is_pruned_by_itself_in_steps(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        more_entries(shell, 1_000)
        seq = shell.store.last_seq
        acked = JournalAcked(LOCKER, 1, seq, shell.store.hash_at(seq), shell.store.hash_at(seq))
        assert await shell.ask(acked) is Outcome.DONE
        await asyncio.sleep(23 * 3_600)
        assert shell.store.entries >= 1_000
        shell.forget_time()
        await asyncio.sleep(3 * 3_600)
        assert shell.store.entries >= 1_000  # nobody knows how old it is
        assert await shell.welcome() is Outcome.DONE
        left = []
        for _ in range(round(PRUNE_S)):
            await asyncio.sleep(STEP_S)
            left.append(shell.store.entries)
        steps = [before - after for before, after in itertools.pairwise(left) if after < before]
        assert max(steps) == PRUNE_STEP  # one at a time
        assert len(steps) >= 3
        await shell.quiet()
        assert shell.store.entries < 10
        assert told_of_journal(shell)[-1] == "ok"
        shell.store.verify_chain()
        assert shell.store.anchor is not None
        assert JOURNAL_KEY.verifies(Sealed.ANCHOR, *shell.store.anchor)

    play_small(tmp_path, act)


def test_a_pruning_that_fails_is_tried_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(shell: Shell) -> None:
        tries = 0

        def fails(*arguments: object) -> int:
            nonlocal tries
            tries += 1
            raise StoreError("gone")

        monkeypatch.setattr(shell.disk, "prune", fails)
        await asyncio.sleep(2 * PRUNE_S)
        assert tries == 2
        assert shell.shows() is ScreenName.IDLE

    play_small(tmp_path, act)


def test_nothing_is_pruned_while_a_door_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(shell: Shell) -> None:
        tries = 0

        def counted(*arguments: object) -> int:
            nonlocal tries
            tries += 1
            return 0

        monkeypatch.setattr(shell.disk, "prune", counted)
        await pulsing(shell)
        await asyncio.sleep(2 * PRUNE_S)  # its pulse never ends: the body only writes down
        assert tries == 0
        shell.inbox.post(DoorRead(1, False))
        shell.inbox.post(DoorRead(1, True))
        await asyncio.sleep(LOOK_S)
        assert tries == 1

    play_small(tmp_path, act)
