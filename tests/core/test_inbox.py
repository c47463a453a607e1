"""The queue before the mind: bounded for whoever can ask again, never full for what a door tells once."""

import asyncio

import pytest

from firmware.deeds import Open
from firmware.events import (
    BankLost,
    ChangesCame,
    Checked,
    CodeTyped,
    Commanded,
    DoorRead,
    Due,
    EpochDemanded,
    Event,
    GrantsCame,
    JournalAcked,
    KioskJoined,
    Pressed,
    PulseEnded,
    SystemClockMoved,
    TokenRefused,
    TokenShown,
    WaybillScanned,
    Welcomed,
)
from firmware.inbox import ANSWERED, SHED, Inbox, Post
from firmware.model import Action, Outcome, Purpose
from hal.ports import PulseResult

PRESS = Pressed(Action.START)
ONE_OF_EACH: list[Event] = [
    PRESS,
    CodeTyped("d"),
    TokenShown("g", Purpose.PICKUP, "0123", 1, 0, 0, "d"),
    TokenRefused(Outcome.UNSIGNED),
    WaybillScanned("KZ1"),
    GrantsCame("0123", 1, 1, (), ()),
    ChangesCame("0123", 1, 1, 2),
    Commanded("c", "0123", 1, 0, 1, Open("g", "KZ1")),
    EpochDemanded("0123", 1, 2),
    JournalAcked("0123", 1, 1, "00"),
    Welcomed("0123", 1, 1, 0, True),
    SystemClockMoved(1),
]


def waiting(inbox: Inbox) -> list[Event]:
    """Everything that waits, taken out."""

    async def drain() -> list[Event]:
        return [(await inbox.get()).event for _ in range(len(inbox))]

    return asyncio.run(drain())


def test_first_in_first_out() -> None:
    inbox = Inbox(4)
    events: list[Event] = [PRESS, DoorRead(1, True), Checked()]
    for event in events:
        inbox.post(event)
    assert len(inbox) == 3
    assert waiting(inbox) == events


def test_beyond_the_limit_who_can_ask_again_is_told_busy() -> None:
    inbox = Inbox(2)
    told: list[Outcome] = []
    inbox.post(Checked())
    inbox.post(Checked())
    for event in ONE_OF_EACH:
        inbox.put(Post(event, tell=told.append))
        inbox.post(event)  # nobody to tell: dropped without a word
    assert told == [Outcome.BUSY] * len(SHED)
    assert waiting(inbox) == [Checked(), Checked()]


def test_whoever_waits_can_be_given_one_answer_and_nothing_of_theirs_is_handled() -> None:
    inbox = Inbox(64)
    told: list[Outcome] = []
    for event in (*ONE_OF_EACH, Checked(), DoorRead(1, True), KioskJoined()):
        inbox.put(Post(event, tell=told.append))
    inbox.post(PRESS)
    inbox.answer(Outcome.STORAGE_FAILED)
    assert told == [Outcome.STORAGE_FAILED] * len(ANSWERED)
    assert waiting(inbox) == [DoorRead(1, True), KioskJoined()]


def test_beyond_the_limit_the_newest_level_of_a_cell_wins() -> None:
    inbox = Inbox(4)
    for event in (DoorRead(1, False), DoorRead(2, True), DoorRead(1, True), PRESS):
        inbox.post(event)
    inbox.post(DoorRead(1, False))
    inbox.post(DoorRead(2, None))
    assert waiting(inbox) == [DoorRead(1, False), DoorRead(2, None), DoorRead(1, False), PRESS]


def test_beyond_the_limit_nothing_of_doors_pulses_and_deadlines_is_lost() -> None:
    inbox = Inbox(1)
    events: list[Event] = [
        PRESS,
        DoorRead(1, False),
        DoorRead(2, False),
        PulseEnded(1, 1, PulseResult.SENT),
        BankLost("a"),
        Due("door", "1", 3),
    ]
    for event in events:
        inbox.post(event)
    assert waiting(inbox) == events


def test_a_kiosk_that_comes_and_goes_waits_once() -> None:
    inbox = Inbox(4)
    for _ in range(100):
        inbox.post(KioskJoined())
    assert waiting(inbox) == [KioskJoined()]
    inbox.post(KioskJoined())
    assert len(inbox) == 1


def test_what_is_broken_ends_the_reader_before_anything_else() -> None:
    async def play() -> None:
        inbox = Inbox(4)
        reader = asyncio.get_running_loop().create_task(inbox.get())
        await asyncio.sleep(0)
        inbox.post(Checked())
        assert (await reader).event == Checked()
        reader = asyncio.get_running_loop().create_task(inbox.get())
        await asyncio.sleep(0)
        inbox.fail(OSError("first"))
        inbox.fail(OSError("second"))
        inbox.post(Checked())
        with pytest.raises(OSError, match="first"):
            await reader
        with pytest.raises(OSError, match="first"):
            await inbox.get()

    asyncio.run(play())
