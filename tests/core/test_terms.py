"""Cancel and extend, and every race with a hand in the cell: what the parcel table says decides, once, and over a start."""

from collections.abc import Callable
from typing import Any

import pytest

from firmware import deeds
from firmware.events import GrantedParcel
from firmware.model import (
    Action,
    Direction,
    EntryKind,
    Outcome,
    ParcelState,
    Problem,
    Purpose,
    ScreenName,
    UseState,
)
from firmware.rows import Command, Parcel
from tests.core.harness import HOUR_MS, Mind, digest, right

CANCEL = deeds.Cancel("KZ1")
P = ParcelState


@pytest.fixture
def stored(mind: Mind) -> Mind:
    mind.order("KZ1", 1, Purpose.WITHDRAWAL)
    mind.deposit("KZ1", 1)
    return mind


def extend(mind: Mind, hours: float = 200) -> deeds.Extend:
    return deeds.Extend("KZ1", mind.utc_ms + round(hours * HOUR_MS))


def state(mind: Mind) -> ParcelState:
    return mind.parcel("KZ1").state


def open_door(mind: Mind) -> None:
    mind.code(Purpose.PICKUP, "KZ1")
    mind.unlock(1)


def jam(mind: Mind) -> None:
    mind.code(Purpose.PICKUP, "KZ1")
    mind.jam()


# What lies there, in nobody's hand


def test_a_cancelled_parcel_opens_for_its_courier_only(stored: Mind) -> None:
    mind = stored
    assert mind.told(CANCEL, id="c") is Outcome.DONE
    entry = mind.last(EntryKind.CANCELLED)
    assert (entry.cell, entry.parcel, entry.command) == (1, "KZ1", "c")
    assert (state(mind), mind.parcel("KZ1").inside, mind.parcel("KZ1").ended_ms) == (
        P.CANCELLED,
        True,
        mind.utc_ms,
    )
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.shows() is ScreenName.NOTICE
    assert mind.command("KZ1") is Outcome.NOT_ALLOWED
    mind.press(Action.BACK)
    assert mind.told(CANCEL) is Outcome.NOT_ALLOWED
    assert mind.told(extend(mind)) is Outcome.NOT_ALLOWED
    mind.code(Purpose.WITHDRAWAL, "KZ1")
    mind.unlock(1)
    mind.closes(1)
    assert state(mind) is P.WITHDRAWN


def test_a_withdrawal_of_a_cancelled_parcel_that_does_not_happen_leaves_it_cancelled(stored: Mind) -> None:
    mind = stored
    mind.told(CANCEL)
    mind.code(Purpose.WITHDRAWAL, "KZ1")
    mind.jam()
    assert state(mind) is P.CANCELLED


def test_what_was_never_put_in_is_cancelled_and_leaves_nothing(mind: Mind) -> None:
    mind.order("KZ1", 1)
    assert mind.told(CANCEL) is Outcome.DONE
    assert (state(mind), mind.parcel("KZ1").inside) == (P.CANCELLED, False)
    mind.code(Purpose.DEPOSIT, "KZ1")
    assert mind.shows() is ScreenName.NOTICE
    assert mind.pulses == []


def test_nobody_knows_a_parcel_that_no_list_has_named(mind: Mind) -> None:
    assert mind.told(CANCEL) is Outcome.NO_SUCH_PARCEL
    assert mind.told(extend(mind)) is Outcome.NO_SUCH_PARCEL


def test_a_term_is_made_longer_and_never_shorter(stored: Mind) -> None:
    mind = stored
    first_ms = mind.parcel("KZ1").expires_ms or 0
    assert mind.told(deeds.Extend("KZ1", first_ms)) is Outcome.NOT_ALLOWED
    assert mind.told(deeds.Extend("KZ1", first_ms + 1), id="e") is Outcome.DONE
    entry = mind.last(EntryKind.EXTENDED)
    assert (entry.until_ms, entry.command, state(mind)) == (first_ms + 1, "e", P.STORED)
    assert mind.told(extend(mind, 300)) is Outcome.DONE
    assert (
        mind.told(extend(mind, 200)) is Outcome.NOT_ALLOWED
    )  # the other way round it would have been the same
    mind.advance(300 * 3_600 - 1)
    assert state(mind) is P.STORED
    mind.advance(2)
    assert state(mind) is P.EXPIRED


def test_a_list_that_was_made_before_an_extension_does_not_take_it_back(mind: Mind) -> None:
    rights = [right(Purpose.DEPOSIT, "KZ1"), right(Purpose.PICKUP, "KZ1")]
    soon = GrantedParcel("KZ1", 1, expires_ms=mind.utc_ms + HOUR_MS)
    mind.grants([soon], rights)
    mind.deposit("KZ1", 1)
    assert mind.parcel("KZ1").expires_ms == soon.expires_ms
    mind.told(extend(mind))
    extended_ms = mind.parcel("KZ1").expires_ms
    mind.grants([soon], rights)
    assert mind.parcel("KZ1").expires_ms == extended_ms


def test_an_extension_to_a_time_that_is_over_extends_nothing(stored: Mind) -> None:
    mind = stored
    mind.advance(73 * 3_600)
    assert state(mind) is P.EXPIRED
    assert mind.told(extend(mind, -0.5)) is Outcome.NOT_ALLOWED
    assert mind.told(extend(mind, 0)) is Outcome.NOT_ALLOWED


def test_what_had_expired_is_stored_again_until_its_withdrawal_begins(stored: Mind) -> None:
    mind = stored
    mind.advance(73 * 3_600)
    mind.code(Purpose.WITHDRAWAL, "KZ1")
    assert state(mind) is P.WITHDRAWING
    assert mind.told(extend(mind)) is Outcome.NOT_ALLOWED
    assert mind.told(CANCEL) is Outcome.NOT_ALLOWED
    mind.jam()
    mind.press(Action.BACK)
    assert state(mind) is P.EXPIRED
    assert mind.told(extend(mind)) is Outcome.DONE
    assert (state(mind), mind.parcel("KZ1").ended_ms) == (P.STORED, None)
    mind.code(Purpose.WITHDRAWAL, "KZ1")
    assert mind.pulses == []
    mind.press(Action.BACK)
    open_door(mind)
    mind.closes(1)
    mind.press(Action.CONFIRM)
    assert state(mind) is P.COLLECTED


def test_what_has_expired_is_not_cancelled_as_well(stored: Mind) -> None:
    """One outcome: the money goes back once."""
    stored.advance(73 * 3_600)
    assert stored.told(CANCEL) is Outcome.NOT_ALLOWED


def test_a_suspect_parcel_is_one_that_lies_there(stored: Mind) -> None:
    mind = stored
    mind.opens(1)
    mind.closes(1)
    assert state(mind) is P.SUSPECT
    assert mind.told(extend(mind)) is Outcome.DONE
    assert state(mind) is P.SUSPECT
    assert mind.told(CANCEL) is Outcome.DONE
    assert state(mind) is P.CANCELLED


def test_an_outbound_parcel_has_no_term(mind: Mind) -> None:
    mind.order("KZ1", 1, direction=Direction.OUTBOUND)
    mind.deposit("KZ1", 1)
    assert mind.told(extend(mind)) is Outcome.NOT_ALLOWED
    assert mind.told(CANCEL) is Outcome.DONE


@pytest.mark.parametrize("problem", [Problem.REFUSED, Problem.DAMAGED])
def test_a_refused_or_disputed_parcel_is_neither_cancelled_nor_extended(
    stored: Mind, problem: Problem
) -> None:
    mind = stored
    open_door(mind)
    mind.closes(1)
    mind.told(deeds.Report(digest(Purpose.PICKUP, "KZ1"), "KZ1", problem))
    before = state(mind)
    assert mind.told(CANCEL) is Outcome.NOT_ALLOWED
    assert mind.told(extend(mind)) is Outcome.NOT_ALLOWED
    assert state(mind) is before


# In somebody's hand


def confirm(mind: Mind) -> None:
    mind.closes(1)
    mind.press(Action.CONFIRM)


def stay_silent(mind: Mind) -> None:
    mind.closes(1)
    mind.advance(700)


def complain(mind: Mind) -> None:
    mind.closes(1)
    mind.press(Action.PROBLEM)
    mind.press(Action.REPORT, Problem.NOT_MINE)


def refuse(mind: Mind) -> None:
    mind.closes(1)
    mind.press(Action.PROBLEM)
    mind.press(Action.REPORT, Problem.REFUSED)


def shut_at_once(mind: Mind) -> None:
    mind.closes(1, after_s=1)
    mind.advance(20)


ENDS: list[tuple[Callable[[Mind], None], ParcelState]] = [
    (confirm, P.COLLECTED),
    (stay_silent, P.COLLECTED),
    (complain, P.DISPUTED),
    (refuse, P.REFUSED),
    (shut_at_once, P.STORED),
]


@pytest.mark.parametrize("boot", [None, "boot-1", "boot-2"], ids=["no start", "a restart", "a power cut"])
@pytest.mark.parametrize(("end", "becomes"), ENDS, ids=[end.__name__ for end, _ in ENDS])
@pytest.mark.parametrize("what", ["cancel", "extend"])
def test_what_came_while_the_door_stood_open_is_applied_where_it_falls_back(
    stored: Mind, what: str, end: Callable[[Mind], None], becomes: ParcelState, boot: str | None
) -> None:
    mind = stored
    open_door(mind)
    do: deeds.AnyDeed = CANCEL if what == "cancel" else extend(mind)
    assert mind.told(do, id="c") is Outcome.ACCEPTED
    assert mind.told(do, id="c") is Outcome.ACCEPTED
    assert state(mind) is P.OPENED
    if boot is not None:
        mind.mono_ms += 5_000
        mind.start(boot, read=False)
        mind.opens(1)
        if end in (confirm, complain, refuse):
            becomes, end = P.COLLECTED, stay_silent  # nobody is at the screen any more
        elif end is shut_at_once:
            end = stay_silent  # and how long the door stood open, nobody knows: long enough
            becomes = P.COLLECTED
    end(mind)
    falls_back = becomes is P.STORED
    assert state(mind) is (P.CANCELLED if falls_back and what == "cancel" else becomes)
    outcome = Outcome.DONE if falls_back else Outcome.NOT_ALLOWED
    assert mind.later == {"c": outcome}
    assert mind.told(do, id="c") is outcome
    kind = EntryKind.CANCELLED if what == "cancel" else EntryKind.EXTENDED
    assert [entry.kind for entry in mind.entries].count(kind) == falls_back


def test_the_cancellation_comes_while_the_lock_is_tried_in_vain(stored: Mind) -> None:
    mind = stored
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.told(CANCEL, id="c") is Outcome.ACCEPTED
    mind.jam()
    assert (state(mind), mind.later) == (P.CANCELLED, {"c": Outcome.DONE})
    assert mind.press(Action.AGAIN) is Outcome.DONE  # whoever stands there may press it, and nothing opens
    assert mind.pulses == []
    assert mind.use(Purpose.PICKUP, "KZ1") is UseState.RELEASED


def test_a_door_that_opens_late_is_not_opened_for_a_cancelled_parcel(stored: Mind) -> None:
    mind = stored
    jam(mind)
    mind.press(Action.BACK)
    assert mind.told(CANCEL) is Outcome.DONE
    mind.opens(1)
    assert (state(mind), mind.last(EntryKind.OPENED).why) == (P.CANCELLED, "forced")


def test_a_start_that_loses_the_outcome_applies_what_came(stored: Mind) -> None:
    mind = stored
    mind.code(Purpose.PICKUP, "KZ1")
    mind.told(CANCEL, id="c")
    mind.start("boot-2")
    assert (state(mind), mind.state.get(Command, "c").outcome) == (P.CANCELLED, Outcome.DONE)
    assert mind.last(EntryKind.OUTCOME_UNKNOWN).parcel == "KZ1"


def test_an_extension_that_came_meanwhile_is_applied_before_the_term_that_ran_out(stored: Mind) -> None:
    """Else the money would be on its way back for a parcel that can still be collected."""
    mind = stored
    mind.parcel("KZ1").expires_ms = mind.utc_ms + 20_000
    open_door(mind)
    mind.told(extend(mind), id="e")
    mind.advance(60)
    shut_at_once(mind)
    mind.advance(700)
    assert EntryKind.EXPIRED not in mind.kinds()


def test_several_are_applied_in_their_order(stored: Mind) -> None:
    mind = stored
    mind.code(Purpose.PICKUP, "KZ1")
    for name, do in (
        ("z", extend(mind, 300)),
        ("y", extend(mind, 200)),
        ("x", CANCEL),
        ("w", extend(mind, 400)),
        ("v", CANCEL),
    ):
        assert mind.told(do, id=name) is Outcome.ACCEPTED
    mind.start()
    assert {row.id: row.outcome for row in mind.state.all(Command)} == {
        "z": Outcome.DONE,
        "y": Outcome.NOT_ALLOWED,
        "x": Outcome.DONE,
        "w": Outcome.NOT_ALLOWED,
        "v": Outcome.NOT_ALLOWED,
    }
    assert state(mind) is P.CANCELLED


def test_what_is_remembered_is_kept_whatever_the_clock_does(stored: Mind) -> None:
    mind = stored
    open_door(mind)
    mind.told(CANCEL, id="c")
    mind.utc_ms += 31 * 24 * HOUR_MS
    mind.tell_time()
    mind.told(deeds.Block(2))
    shut_at_once(mind)
    assert mind.later["c"] is Outcome.DONE


def test_another_parcels_outcome_applies_nothing(mind: Mind) -> None:
    rights = [right(p, w) for p in (Purpose.DEPOSIT, Purpose.PICKUP) for w in ("KZ1", "KZ2")]
    mind.grants([GrantedParcel("KZ1", 1), GrantedParcel("KZ2", 2)], rights)
    mind.deposit("KZ1", 1)
    mind.deposit("KZ2", 2)
    open_door(mind)
    mind.told(CANCEL, id="c")
    mind.advance(60)
    mind.code(Purpose.PICKUP, "KZ2")
    mind.unlock(2)
    mind.closes(2)
    mind.press(Action.CONFIRM)
    assert mind.later == {}


# About to be put in


def finish(mind: Mind) -> None:
    mind.unlock(1)
    mind.closes(1)


def fail(mind: Mind) -> None:
    mind.jam()
    mind.press(Action.BACK)


def cut(mind: Mind) -> None:
    mind.start("boot-2")


@pytest.mark.parametrize(
    ("end", "becomes", "inside", "outcome"),
    [
        (finish, P.CANCELLED, True, Outcome.DONE),
        (fail, P.CANCELLED, False, Outcome.DONE),
        (cut, P.UNCONFIRMED, False, Outcome.NOT_ALLOWED),
    ],
)
def test_a_cancellation_that_meets_the_courier_waits_for_the_door(
    mind: Mind, end: Callable[[Mind], None], becomes: ParcelState, inside: bool, outcome: Outcome
) -> None:
    mind.order("KZ1", 1)
    mind.code(Purpose.DEPOSIT, "KZ1")
    assert mind.told(CANCEL, id="c") is Outcome.ACCEPTED
    end(mind)
    parcel = mind.parcel("KZ1")
    assert (parcel.state, parcel.inside) == (becomes, inside)
    assert mind.state.get(Command, "c").outcome is outcome
    kinds: list[Any] = [entry.kind for entry in mind.entries]
    if inside:
        assert kinds.index(EntryKind.STORED) < kinds.index(EntryKind.CANCELLED)


def test_an_extension_that_meets_the_courier_sets_the_term(mind: Mind) -> None:
    mind.order("KZ1", 1)
    assert mind.told(extend(mind)) is Outcome.NOT_ALLOWED  # nothing lies there
    mind.code(Purpose.DEPOSIT, "KZ1")
    do = extend(mind)
    assert mind.told(do, id="e") is Outcome.ACCEPTED
    finish(mind)
    assert (mind.later, mind.parcel("KZ1").expires_ms) == ({"e": Outcome.DONE}, do.expires_ms)


def test_an_unconfirmed_parcel_is_not_cancelled_for_nobody_knows_where_it_is(mind: Mind) -> None:
    mind.order("KZ1", 1)
    mind.code(Purpose.DEPOSIT, "KZ1")
    mind.start()
    assert mind.told(CANCEL) is Outcome.NOT_ALLOWED
    assert mind.state.get(Parcel, "KZ1").state is P.UNCONFIRMED
