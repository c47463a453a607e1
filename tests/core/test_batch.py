"""A courier's batch: what a scanned parcel opens between two others, and that anywhere else it opens nothing."""

import dataclasses
from collections.abc import Callable

import msgspec
import pytest

from firmware.events import (
    GrantedParcel,
    KioskJoined,
    ScannerChanged,
    StorageChanged,
    WaybillScanned,
)
from firmware.model import (
    Action,
    Direction,
    DoorState,
    Fill,
    Outcome,
    ParcelState,
    Purpose,
    ScreenName,
    UseState,
)
from firmware.notices import Notice
from firmware.optics import CameraState
from firmware.rows import Command, Door, Grant, Intent, Parcel, Use
from tests.core.harness import Mind, digest, right

D, W = Purpose.DEPOSIT, Purpose.WITHDRAWAL
BATCH = {"KZ1": 1, "KZ2": 2, "KZ3": 3}


def listed(mind: Mind, purpose: Purpose = D, direction: Direction = Direction.INBOUND) -> Mind:
    """One right to three parcels; KZ4 is another courier's, KZ5 nobody's."""
    parcels = [GrantedParcel(waybill, cell, direction) for waybill, cell in BATCH.items()]
    others = [GrantedParcel("KZ4", 4)]
    pickups = [right(Purpose.PICKUP, waybill) for waybill in BATCH if direction is Direction.INBOUND]
    rights = [right(purpose, *BATCH), right(D, "KZ4"), *pickups]
    assert mind.grants([*parcels, *others], rights) is Outcome.DONE
    return mind


def brought(mind: Mind, waybill: str) -> None:
    """Its door opens, the parcel goes in, and the door is shut."""
    mind.unlock(BATCH[waybill])
    assert (mind.screen.name, mind.screen.cell) == (ScreenName.PUT_PARCEL, BATCH[waybill])
    mind.closes(BATCH[waybill])
    assert mind.parcel(waybill).state is ParcelState.STORED


@pytest.fixture
def courier(mind: Mind) -> Mind:
    """The code was typed, and the first parcel is in."""
    assert listed(mind).code(D, "KZ1") is Outcome.DONE
    brought(mind, "KZ1")
    assert mind.shows() is ScreenName.NEXT_PARCEL
    return mind


def everything(mind: Mind) -> list[object]:
    """All that a scan could have changed, but for the session."""
    return [
        dataclasses.astuple(row)
        for kind in (Door, Parcel, Use, Intent, Grant, Command)
        for row in mind.state.all(kind)
    ]


def test_one_code_and_a_scan_for_each_further_parcel(courier: Mind) -> None:
    assert courier.scan("KZ3") is Outcome.DONE
    brought(courier, "KZ3")
    assert courier.scan("KZ2") is Outcome.DONE
    brought(courier, "KZ2")
    assert courier.shows() is ScreenName.THANKS  # nothing is left
    assert courier.scan("KZ2") is Outcome.NOT_NOW


def test_what_was_said_of_a_scan_before_the_proof_is_not_said_behind_it(mind: Mind) -> None:
    listed(mind).press(Action.START)
    mind.scan("KZ2")
    before = mind.screen
    assert before.notice is Notice.CODE_FIRST
    assert mind.token(D, "KZ1") is Outcome.DONE
    brought(mind, "KZ1")
    behind = mind.screen
    assert (behind.name, behind.notice) == (ScreenName.NEXT_PARCEL, None)


def test_a_withdrawal_goes_on_likewise(mind: Mind) -> None:
    for waybill, cell in BATCH.items():
        mind.order(waybill, cell, direction=Direction.OUTBOUND)
        mind.deposit(waybill, cell)
    listed(mind, W, Direction.OUTBOUND).code(W, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    assert (mind.screen.name, mind.screen.purpose) == (ScreenName.NEXT_PARCEL, W)
    mind.scan("KZ3")
    mind.unlock(3)
    mind.closes(3)
    assert mind.parcel("KZ3").state is ParcelState.WITHDRAWN
    assert mind.parcel("KZ2").state is ParcelState.STORED
    assert mind.shows() is ScreenName.NEXT_PARCEL


@pytest.mark.parametrize("begun", [False, True], ids=["idle", "keypad"])
@pytest.mark.parametrize("waybill", ["KZ1", "KZ4", "KZ5", "4006381333931"])
def test_alone_it_proves_nothing_and_asks_for_the_code(mind: Mind, waybill: str, *, begun: bool) -> None:
    listed(mind)
    if begun:
        mind.press(Action.START)
    before, told = everything(mind), len(mind.entries)
    for _ in range(50):
        assert mind.scan(waybill) is Outcome.DONE
    assert (mind.screen.name, mind.screen.notice) == (ScreenName.KEYPAD, Notice.CODE_FIRST)
    assert everything(mind) == before
    assert len(mind.entries) == told
    assert mind.state.locker.wrong_codes == mind.state.locker.attempts_used == 0
    at = mind.state.session
    assert at is not None
    assert (at.grant, at.parcel, at.cell) == (None, None, None)
    mind.code(D, "KZ1")  # which the keypad still takes
    assert mind.screen.notice is None
    brought(mind, "KZ1")


def test_before_the_camera_it_leads_to_the_keypad(mind: Mind) -> None:
    mind.play(ScannerChanged(CameraState.OK))
    mind.press(Action.SCAN)
    assert mind.shows() is ScreenName.SCAN
    mind.scan("KZ1")
    assert (mind.screen.name, mind.screen.notice) == (ScreenName.KEYPAD, Notice.CODE_FIRST)


def test_it_gives_the_keypad_no_more_time(mind: Mind) -> None:
    mind.press(Action.START)
    due_ms = mind.screen.due_ms
    mind.advance(10)
    mind.scan("KZ1")
    assert mind.screen.due_ms == due_ms
    mind.advance(35)
    assert mind.shows() is ScreenName.IDLE


@pytest.mark.parametrize(
    ("waybill", "notice"),
    [
        ("KZ1", Notice.ALREADY_DONE),
        (
            "KZ4",
            Notice.NOT_IN_BATCH,
        ),  # another courier's: no more is said of it than of one that nobody knows
        ("KZ5", Notice.NOT_IN_BATCH),
    ],
)
def test_what_it_does_not_open_is_said_on_the_same_screen(
    courier: Mind, waybill: str, notice: Notice
) -> None:
    before, due_ms = everything(courier), courier.screen.due_ms
    courier.advance(5)
    assert courier.scan(waybill) is Outcome.DONE
    screen = courier.screen
    assert (screen.name, screen.notice, screen.due_ms) == (ScreenName.NEXT_PARCEL, notice, due_ms)
    assert (screen.cell, screen.account, screen.date_ms) == (None, None, None)
    assert everything(courier) == before
    courier.scan("KZ2")
    assert courier.screen.notice is None
    brought(courier, "KZ2")


def test_each_parcel_is_judged_when_it_is_scanned(courier: Mind) -> None:
    courier.door(2).blocked = "problem"
    courier.scan("KZ2")
    assert courier.screen.notice is Notice.AWAITS_TECHNICIAN
    courier.opens(2)  # by a crowbar
    courier.closes(2, 1)
    courier.door(2).blocked = None
    courier.play(ScannerChanged(CameraState.OK))
    courier.scan("KZ2")
    assert courier.shows() is ScreenName.OPENING


def test_what_a_new_list_does_not_name_any_more_is_told_apart(courier: Mind) -> None:
    rest = [GrantedParcel("KZ3", 3)]
    left = msgspec.structs.replace(right(D, "KZ3"), id=digest(D, "KZ1"))
    pickup = right(Purpose.PICKUP, "KZ1")
    assert courier.grants([*rest, GrantedParcel("KZ1", 1)], [left, pickup]) is Outcome.DONE
    told = []
    for waybill in ("KZ1", "KZ2"):
        courier.scan(waybill)
        told.append(courier.screen.notice)
    assert courier.grants(rest, []) is Outcome.DONE
    courier.scan("KZ3")
    assert [*told, courier.screen.notice] == [
        Notice.ALREADY_DONE,
        Notice.NOT_IN_BATCH,
        Notice.CODE_ENDED,
    ]


def test_while_a_door_is_in_hand_nothing_is_scanned(courier: Mind) -> None:
    courier.scan("KZ2")
    for shown in (ScreenName.OPENING, ScreenName.PUT_PARCEL, ScreenName.CLOSE_DOOR):
        assert courier.shows() is shown
        assert courier.scan("KZ3") is Outcome.NOT_NOW
        courier.unlock(2) if shown is ScreenName.OPENING else courier.advance(20)


def test_no_second_door_beside_one_in_hand(courier: Mind) -> None:
    at = courier.state.session
    assert at is not None
    courier.state.get(Door, 4).state = DoorState.OPEN  # as no life brings about
    before = dataclasses.astuple(at)
    answers = courier.controller.handle(WaybillScanned("KZ2"), courier.now)
    assert [effect.outcome for effect in answers] == [Outcome.BUSY]  # type: ignore[attr-defined]
    assert dataclasses.astuple(at) == before


@pytest.mark.parametrize(
    "end",
    [
        lambda mind: mind.press(Action.BACK),
        lambda mind: mind.advance(mind.config.times.keypad_timeout_s),
        lambda mind: mind.play(KioskJoined()),
        lambda mind: mind.start(),
        lambda mind: mind.play(StorageChanged(low=True, fill=Fill.OK, used_percent=0)),
    ],
    ids=["done", "time", "page", "restart", "full disk"],
)
def test_after_its_end_a_scan_opens_nothing(courier: Mind, end: Callable[[Mind], object]) -> None:
    end(courier)
    before = everything(courier)
    courier.scan("KZ2")
    assert everything(courier) == before
    assert courier.shows() in (ScreenName.KEYPAD, ScreenName.OUT_OF_SERVICE)


def test_more_time_is_given_where_it_is_asked_for(courier: Mind) -> None:
    due_ms = courier.screen.due_ms
    courier.advance(20)
    assert courier.press(Action.MORE_TIME) is Outcome.DONE
    assert courier.screen.due_ms == (due_ms or 0) + 20_000
    courier.scan("KZ2")
    brought(courier, "KZ2")
    for _ in range(courier.config.times.more_time_max):  # for each parcel anew, and no more
        assert courier.press(Action.MORE_TIME) is Outcome.DONE
    assert courier.press(Action.MORE_TIME) is Outcome.NOT_NOW


def test_a_buyer_with_the_app_goes_first_between_two_parcels(courier: Mind) -> None:
    assert courier.command("KZ1") is Outcome.ACCEPTED
    assert (courier.screen.name, courier.screen.cell) == (ScreenName.OPENING, 1)
    assert courier.scan("KZ2") is Outcome.NOT_NOW
    assert courier.use(D, "KZ2") is UseState.FREE


def test_from_a_cell_that_stays_shut_the_courier_goes_on_to_another(courier: Mind) -> None:
    courier.scan("KZ2")
    courier.jam()
    assert courier.shows() is ScreenName.NOT_OPENED
    assert courier.scan("KZ3") is Outcome.NOT_NOW
    courier.press(Action.BACK)
    assert courier.shows() is ScreenName.NEXT_PARCEL
    courier.scan("KZ2")
    assert courier.screen.notice is Notice.AWAITS_TECHNICIAN  # the cell is blocked now
    courier.opens(2)  # after all: nobody's
    assert courier.door(2).state is DoorState.OVERDUE
    courier.scan("KZ3")
    brought(courier, "KZ3")
    assert courier.shows() is ScreenName.THANKS


def test_a_door_left_open_ends_the_batch(courier: Mind) -> None:
    courier.scan("KZ2")
    courier.unlock(2)
    courier.advance(courier.config.times.detach_s)
    assert courier.door(2).state is DoorState.OVERDUE
    courier.closes(2)
    before = everything(courier)
    courier.scan("KZ3")
    assert everything(courier) == before
