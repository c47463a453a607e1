"""A token before the camera: what it opens, every answer where it opens nothing, and where it does not count at all."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from firmware.config import Access, BackendKey
from firmware.deeds import Configure
from firmware.events import GrantedParcel, ScannerChanged, StorageChanged, TokenRefused, TokenShown
from firmware.model import Action, EntryKind, Fill, Outcome, ParcelState, Purpose, ScreenName, UseState
from firmware.notices import Notice
from firmware.optics import CameraState
from firmware.shown import NOTICES, OVER
from tests.core.harness import LOCKER, PUBLIC, Mind, cabinet, digest, right
from tests.core.test_desk import NOTICES as CODE_NOTICES
from tests.core.test_desk import closing, opened, stored

K = EntryKind
PICKUP = Purpose.PICKUP


def shown(**others: Any) -> TokenShown:
    said = {"grant": digest(PICKUP, "KZ1"), "purpose": PICKUP, "locker": LOCKER, "epoch": 1}
    return TokenShown(**{**said, "not_before_ms": 0, "not_after_ms": 0, "digest": "d", **others})


def dated(mind: Mind, before_ms: int = -60_000, after_ms: int = 60_000) -> dict[str, int]:
    return {"not_before_ms": mind.utc_ms + before_ms, "not_after_ms": mind.utc_ms + after_ms}


# What it opens


@pytest.mark.parametrize("is_dated", [False, True])
def test_a_token_opens_its_cell_from_the_idle_screen(mind: Mind, is_dated: bool) -> None:
    stored(mind)
    assert mind.token(PICKUP, "KZ1", **dated(mind) if is_dated else {}) is Outcome.DONE
    assert (mind.screen.name, mind.screen.cell) == (ScreenName.OPENING, 1)
    mind.unlock(1)
    mind.closes(1)
    mind.press(Action.CONFIRM)
    assert mind.parcel("KZ1").state is ParcelState.COLLECTED
    assert mind.use(PICKUP, "KZ1") is UseState.SPENT


def test_couriers_may_show_tokens_too(mind: Mind) -> None:
    mind.order("KZ1", 1)
    assert mind.token(Purpose.DEPOSIT, "KZ1") is Outcome.DONE
    mind.unlock(1)
    mind.closes(1)
    assert mind.parcel("KZ1").state is ParcelState.STORED
    assert mind.token(Purpose.DEPOSIT, "KZ1") is Outcome.NOT_NOW  # THANKS asks for nothing


def test_it_goes_on_from_a_wrong_code_as_from_the_keypad(mind: Mind) -> None:
    stored(mind)
    mind.type("wrong")
    assert mind.shows() is ScreenName.WRONG_CODE
    assert mind.token(PICKUP, "KZ1") is Outcome.DONE
    assert mind.shows() is ScreenName.OPENING


def test_it_does_not_wait_with_whoever_guesses_codes(mind: Mind) -> None:
    stored(mind)
    for _ in range(5):
        mind.type("wrong")
        mind.press(Action.AGAIN)
        if mind.shows() is ScreenName.WAIT:
            break
    assert mind.shows() is ScreenName.WAIT
    assert mind.token(PICKUP, "KZ1") is Outcome.DONE
    assert mind.shows() is ScreenName.OPENING


def test_a_jam_releases_it_and_it_works_again(mind: Mind) -> None:
    stored(mind)
    mind.token(PICKUP, "KZ1")
    mind.jam()
    assert mind.use(PICKUP, "KZ1") is UseState.RELEASED
    mind.press(Action.BACK)
    assert mind.token(PICKUP, "KZ1") is Outcome.DONE
    mind.unlock(1)
    assert mind.shows() is ScreenName.TAKE_PARCEL


def test_a_power_cut_releases_it_and_it_works_again(mind: Mind) -> None:
    stored(mind)
    mind.token(PICKUP, "KZ1")
    mind.start("boot-2")
    assert mind.use(PICKUP, "KZ1") is UseState.RELEASED
    assert mind.token(PICKUP, "KZ1") is Outcome.DONE


def test_within_the_window_the_same_token_opens_the_same_cell_again(mind: Mind) -> None:
    closing(mind).advance(30)
    assert mind.shows() is ScreenName.IDLE
    assert mind.token(PICKUP, "KZ1") is Outcome.DONE
    mind.unlock(1)
    assert mind.parcel("KZ1").reopened == 1


def test_while_anothers_door_stands_open_it_opens_none(mind: Mind) -> None:
    stored(mind)
    mind.grants(
        [GrantedParcel("KZ1", 1), GrantedParcel("KZ2", 2)],
        [right(PICKUP, "KZ1"), right(Purpose.DEPOSIT, "KZ2")],
    )
    mind.code(Purpose.DEPOSIT, "KZ2")
    mind.unlock(2)
    assert mind.token(PICKUP, "KZ1") is Outcome.NOT_NOW  # the screen is another's
    assert mind.shows() is ScreenName.PUT_PARCEL


# What a code would be told, a token is told as well


@pytest.mark.parametrize(("case", "notice"), CODE_NOTICES, ids=lambda value: getattr(value, "__name__", None))
def test_a_token_that_opens_nothing_says_why(
    mind: Mind, case: Callable[[Mind], Purpose], notice: Notice
) -> None:
    purpose = case(mind)
    if mind.screen.name is ScreenName.OPENING:
        pytest.fail("nobody may be served now")
    while mind.state.session is not None:
        mind.ring_next()
    pulsed, wrong = mind.state.locker.next_intent, mind.state.locker.wrong_codes
    said = mind.token(purpose, "KZ1")
    assert said is (Outcome.NOT_ALLOWED if notice in OVER else Outcome.NOT_NOW)
    assert (mind.screen.name, mind.screen.notice) == (ScreenName.NOTICE, notice)
    assert (mind.state.locker.next_intent, mind.state.locker.wrong_codes) == (pulsed, wrong)
    assert mind.last(K.NOTICE).why == notice


# What is of tokens alone


class Case(NamedTuple):
    outcome: Outcome
    notice: Notice
    said: Callable[[Mind], dict[str, Any]]
    sure: bool = True


CASES = {
    "another locker's": Case(Outcome.WRONG_LOCKER, Notice.OTHER_LOCKER, lambda mind: {"locker": "0124"}),
    "the moment before": Case(Outcome.TOO_EARLY, Notice.QR_EARLY, lambda mind: dated(mind, 1)),
    "the moment after": Case(Outcome.TOO_LATE, Notice.QR_OVER, lambda mind: dated(mind, -2, 0)),
    "with dates, and no sure clock": Case(Outcome.CLOCK_UNSURE, Notice.CLOCK_UNSURE, dated, sure=False),
    "a grant that is not listed": Case(
        Outcome.NO_SUCH_PARCEL, Notice.NO_GRANT, lambda mind: {"grant": "pickup-KZ9"}
    ),
    "another purpose": Case(
        Outcome.NO_SUCH_PARCEL, Notice.NO_GRANT, lambda mind: {"purpose": Purpose.WITHDRAWAL}
    ),
    "an epoch that is to come": Case(Outcome.WRONG_EPOCH, Notice.QR_OLD, lambda mind: {"epoch": 2}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_refusal_has_an_answer_and_a_screen_of_its_own(mind: Mind, case: Case) -> None:
    stored(mind)
    mind.sure = case.sure
    pulsed = mind.state.locker.next_intent
    assert mind.ask(shown(**case.said(mind))) is case.outcome
    assert (mind.screen.name, mind.screen.notice) == (ScreenName.NOTICE, case.notice)
    assert mind.last(K.NOTICE).why == case.notice
    assert mind.last(K.NOTICE).grant is None  # nothing of it was found to be so
    assert (mind.state.locker.next_intent, mind.state.locker.wrong_codes) == (pulsed, 0)
    mind.advance(15)
    assert mind.shows() is ScreenName.IDLE
    assert mind.token(PICKUP, "KZ1") is Outcome.DONE  # a good one works after it


@pytest.mark.parametrize("why", [Outcome.UNSIGNED, Outcome.BAD_SIGNATURE, Outcome.MALFORMED])
def test_what_is_no_token_is_said_and_not_journalled(mind: Mind, why: Outcome) -> None:
    before = len(mind.entries)
    assert mind.ask(TokenRefused(why)) is why
    assert (mind.screen.name, mind.screen.notice) == (ScreenName.NOTICE, Notice.NOT_OURS)
    assert mind.entries[before:] == []


def test_an_unknown_key_is_journalled_for_somebody_has_to_know(mind: Mind) -> None:
    assert mind.ask(TokenRefused(Outcome.UNKNOWN_KEY)) is Outcome.UNKNOWN_KEY
    assert mind.screen.notice is Notice.UNKNOWN_KEY
    assert mind.last(K.NOTICE).why == "unknown_key"


def test_the_policy_may_take_the_apps_tokens_only(tmp_path: Any) -> None:
    strict = Mind(tmp_path / "state.db", cabinet(static_tokens=False)).start()
    stored(strict)
    assert strict.token(PICKUP, "KZ1") is Outcome.NOT_ALLOWED
    assert strict.screen.notice is Notice.NO_STATIC
    strict.advance(15)
    assert strict.token(PICKUP, "KZ1", **dated(strict)) is Outcome.DONE
    strict.store.close()
    assert Access((BackendKey("k1", PUBLIC),)).static_tokens


@pytest.mark.parametrize("by_file", [False, True])
def test_the_backend_may_set_that_policy_from_afar(tmp_path: Any, by_file: bool) -> None:
    mind = Mind(tmp_path / "state.db", cabinet(static_tokens=by_file)).start()
    stored(mind)
    assert mind.told(Configure({"static_tokens": int(not by_file)})) is Outcome.DONE
    mind.start("boot-2")
    assert mind.controller.cabinet.config.access.static_tokens is not by_file
    assert mind.token(PICKUP, "KZ1") is (Outcome.NOT_ALLOWED if by_file else Outcome.DONE)
    mind.store.close()


def test_every_refusal_of_a_token_is_reached() -> None:
    told = {case.outcome: case.notice for case in CASES.values()}
    others = {Outcome.UNKNOWN_KEY: Notice.UNKNOWN_KEY, Outcome.NOT_ALLOWED: Notice.NO_STATIC}
    assert {**told, **others} == NOTICES
    assert not NOTICES.keys() & {Outcome.UNSIGNED, Outcome.BAD_SIGNATURE, Outcome.MALFORMED}


def test_a_static_token_needs_no_clock(mind: Mind) -> None:
    stored(mind)
    mind.sure = False
    assert mind.token(PICKUP, "KZ1") is Outcome.DONE


# Epochs


@pytest.mark.parametrize(
    ("since", "epoch", "counts"), [(0, 2, True), (0, 1, False), (1, 1, True), (2, 1, False), (1, 3, False)]
)
def test_an_older_epochs_token_counts_where_the_list_says_that_none_was_used(
    mind: Mind, since: int, epoch: int, counts: bool
) -> None:
    mind.state.locker.epoch = 2
    mind.store.commit(*mind.state.drain(), mind.now)
    granted = right(PICKUP, "KZ1", tokens_since=since)
    assert mind.grants([GrantedParcel("KZ1", 1)], [granted], epoch=2) is Outcome.DONE
    said = mind.token(PICKUP, "KZ1", epoch=epoch)
    assert (said is Outcome.NOT_NOW) is counts  # not delivered yet: so it was judged
    assert (said is Outcome.WRONG_EPOCH) is not counts


# Where it does not count


def screens(mind: Mind) -> dict[ScreenName, Callable[[], object]]:
    return {
        ScreenName.OPENING: lambda: mind.code(PICKUP, "KZ1"),
        ScreenName.TAKE_PARCEL: lambda: mind.unlock(1),
        ScreenName.CLOSE_DOOR: lambda: mind.advance(20),
        ScreenName.CLOSING: lambda: mind.closes(1, 1),
        ScreenName.PROBLEM: lambda: mind.press(Action.PROBLEM),
    }


def test_on_a_screen_that_does_not_ask_it_changes_nothing(mind: Mind) -> None:
    stored(mind)
    for name, get_there in screens(mind).items():
        get_there()
        assert mind.shows() is name
        before = mind.store.load().rows(), len(mind.entries)
        assert mind.token(PICKUP, "KZ1") is Outcome.NOT_NOW
        assert mind.ask(TokenRefused(Outcome.UNSIGNED)) is Outcome.NOT_NOW
        assert (mind.store.load().rows(), len(mind.entries)) == before


def test_on_its_own_notice_it_is_not_asked_for_again(mind: Mind) -> None:
    mind.token(PICKUP, "KZ1")
    assert mind.screen.notice is Notice.NO_GRANT
    assert mind.token(PICKUP, "KZ1") is Outcome.NOT_NOW


def test_nobody_is_served_by_it_while_the_disk_is_full(mind: Mind) -> None:
    stored(mind)
    mind.play(StorageChanged(True, Fill.OK, 1))
    assert mind.shows() is ScreenName.OUT_OF_SERVICE
    assert mind.token(PICKUP, "KZ1") is Outcome.NOT_NOW


def test_a_token_needs_no_camera_that_sees_just_now(mind: Mind) -> None:
    """It was read: that the lens is covered since does not take it back."""
    stored(mind)
    mind.play(ScannerChanged(CameraState.COVERED))
    assert mind.token(PICKUP, "KZ1") is Outcome.DONE


def test_a_token_shows_nothing_of_what_was_shown_before(mind: Mind) -> None:
    """The notice of one parcel does not stay on the notice of no parcel at all."""
    opened(stored(mind))
    mind.closes(1)
    mind.press(Action.CONFIRM)
    mind.advance(10)
    mind.token(PICKUP, "KZ1")
    mind.press(Action.AGAIN)
    mind.ask(TokenRefused(Outcome.UNSIGNED))
    assert (mind.screen.notice, mind.screen.date_ms, mind.screen.account) == (Notice.NOT_OURS, None, None)
