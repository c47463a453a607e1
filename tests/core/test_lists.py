"""Lists in full, as changes, and in parts: whichever way they come, the locker believes the same."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.events import ChangesCame, GrantedParcel, GrantedRight, GrantsCame
from firmware.forms import GRANTS_MAX, PARCELS_MAX
from firmware.model import Action, EntryKind, Outcome, ParcelState, Purpose, ScreenName
from firmware.notices import Notice
from firmware.rows import Change, Draft, Grant, Locker, Parcel
from tests.core.harness import HOUR_MS, LOCKER, UTC_MS, Mind, digest, right

PARCELS = {"KZ1": GrantedParcel("KZ1", 1), "KZ2": GrantedParcel("KZ2", 2)}
RIGHTS = {waybill: right(Purpose.PICKUP, waybill) for waybill in ("KZ1", "KZ2")}
Named = tuple[dict[str, GrantedParcel], dict[str, GrantedRight]]


def changes(mind: Mind, **others: Any) -> Outcome | None:
    """Changes of the list that the mind has, as the next version."""
    version = others.pop("version", mind.version + 1)
    whose = {"locker": LOCKER, "epoch": 1, "base": mind.version, "version": version}
    outcome = mind.ask(ChangesCame(**{**whose, **others}))
    if outcome is Outcome.DONE:
        mind.version = version
    return outcome


def first_part(mind: Mind, *waybills: str) -> Outcome | None:
    mind.version += 1
    parcels = tuple(PARCELS[waybill] for waybill in waybills)
    rights = tuple(RIGHTS[waybill] for waybill in waybills)
    return mind.ask(GrantsCame(LOCKER, 1, mind.version, parcels, rights, more=True))


@pytest.fixture
def both(mind: Mind) -> Mind:
    """Two parcels lie here."""
    deposits = [right(Purpose.DEPOSIT, waybill) for waybill in PARCELS]
    assert mind.grants(PARCELS.values(), [*RIGHTS.values(), *deposits]) is Outcome.DONE
    for waybill, parcel in PARCELS.items():
        mind.deposit(waybill, parcel.cell)
    return mind


# What they do


def test_changes_add_change_and_take_away(both: Mind) -> None:
    gone = (digest(Purpose.PICKUP, "KZ1"), digest(Purpose.DEPOSIT, "KZ1"))
    new = GrantedParcel("KZ3", 3, account="Kaspi Red")
    rights = (right(Purpose.DEPOSIT, "KZ3"),)
    assert (
        changes(both, parcels=(new,), grants=rights, gone_parcels=("KZ1",), gone_grants=gone) is Outcome.DONE
    )
    both.code(Purpose.PICKUP, "KZ1")
    assert both.screen.notice is Notice.CODE_ENDED
    both.press(Action.BACK)
    both.deposit("KZ3", 3)
    both.code(Purpose.PICKUP, "KZ2")  # which the changes do not name
    assert both.shows() is ScreenName.OPENING
    assert both.parcel("KZ1").inside


def test_a_list_writes_no_row_but_those_that_it_changes(both: Mind, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[type, Any]] = []
    commit = both.store.commit

    def told(rows: list[Change], *others: Any) -> None:
        written.extend((kind, key) for kind, key, _ in rows)
        commit(rows, *others)

    monkeypatch.setattr(both.store, "commit", told)
    assert changes(both, parcels=(GrantedParcel("KZ1", 1, account="Kaspi Red"),)) is Outcome.DONE
    assert sorted(written, key=str) == [(Locker, (LOCKER,)), (Parcel, ("KZ1",))]


@pytest.mark.parametrize(
    ("refusal", "others"),
    [
        (Outcome.OLDER, {"version": 1}),
        (Outcome.OLDER, {"version": 1, "base": 7}),
        (Outcome.WRONG_LOCKER, {"locker": "0124"}),
        (Outcome.WRONG_EPOCH, {"epoch": 2}),
        (Outcome.GAP, {"base": 7}),
        (Outcome.GAP, {"base": 7, "version": 9}),
        (Outcome.GAP, {"gone_parcels": ("KZ9",)}),
        (Outcome.GAP, {"gone_grants": ("g9",)}),
        (Outcome.MALFORMED, {"parcels": (GrantedParcel("KZ3", 5),)}),
        (Outcome.MALFORMED, {"grants": (right(Purpose.PICKUP, "KZ9"),)}),
        (
            Outcome.MALFORMED,
            {"grants": (GrantedRight("g", Purpose.PICKUP, ("KZ2",), (digest(Purpose.PICKUP, "KZ1"),)),)},
        ),
    ],
)
def test_changes_that_do_not_fit_change_nothing(both: Mind, refusal: Outcome, others: dict[str, Any]) -> None:
    before, head = repr(both.state.rows()), both.store.head
    assert changes(both, **others) is refusal
    assert (repr(both.state.rows()), both.store.head) == (before, head)


def test_a_full_disk_takes_no_changes(both: Mind) -> None:
    both.state.locker.storage_low = True
    assert changes(both) is Outcome.STORAGE_FAILED


def test_changes_of_no_list_at_all_are_a_gap(mind: Mind) -> None:
    mind.state.locker.listed = False
    assert changes(mind, base=1, version=2, parcels=(PARCELS["KZ1"],)) is Outcome.GAP
    assert not mind.state.locker.listed


def test_a_list_of_the_release_before_is_no_base(both: Mind) -> None:
    """It has kept no wording: of the parcels, changes would leave only those that they name."""
    both.state.locker.list_version = 0
    for row in both.state.all(Parcel):
        row.listed = None
    assert changes(both) is Outcome.GAP


@pytest.mark.parametrize("kind", ["parcels", "grants"])
def test_a_list_has_a_limit_also_where_it_comes_in_parts(mind: Mind, kind: str) -> None:
    assert first_part(mind, "KZ1") is Outcome.DONE
    if kind == "parcels":
        more: dict[str, Any] = {kind: tuple(GrantedParcel(f"P{n}", 1) for n in range(PARCELS_MAX))}
    else:
        more = {kind: tuple(GrantedRight(f"g{n}", Purpose.PICKUP, ("KZ1",)) for n in range(GRANTS_MAX))}
    less = {kind: more[kind][1:]}
    assert changes(mind, more=True, **more) is Outcome.MALFORMED
    assert changes(mind, more=True, **less) is Outcome.DONE


# In parts


def test_nothing_of_a_list_counts_before_its_last_part_has_come(both: Mind) -> None:
    assert first_part(both, "KZ1") is Outcome.DONE
    assert (both.last(EntryKind.GRANTS).count, both.last(EntryKind.GRANTS).why) == (2, "part")
    both.start("boot-2")  # a draft is kept over a power cut
    both.code(Purpose.PICKUP, "KZ2")
    both.unlock(2)
    both.closes(2)
    both.press(Action.CONFIRM)
    assert both.parcel("KZ2").state is ParcelState.COLLECTED
    assert changes(both, parcels=(PARCELS["KZ2"],)) is Outcome.DONE
    assert (both.last(EntryKind.GRANTS).count, both.last(EntryKind.GRANTS).why) == (3, None)
    assert list(both.state.all(Draft)) == []
    unlisted = {grant.id for grant in both.state.all(Grant) if grant.unlisted_ms is not None}
    assert unlisted == {digest(Purpose.PICKUP, "KZ2"), *(digest(Purpose.DEPOSIT, each) for each in PARCELS)}


def test_a_full_list_overrides_a_draft(both: Mind) -> None:
    assert changes(both, gone_parcels=("KZ2",), more=True) is Outcome.DONE
    assert first_part(both, "KZ1") is Outcome.DONE
    assert both.grants([PARCELS["KZ2"]], [RIGHTS["KZ2"]]) is Outcome.DONE
    assert list(both.state.all(Draft)) == []
    assert {row.waybill for row in both.state.all(Parcel) if row.listed is not None} == {"KZ2"}


def test_a_draft_whose_last_part_is_refused_stays_and_counts_for_nothing(both: Mind) -> None:
    assert first_part(both, "KZ1") is Outcome.DONE
    assert changes(both, grants=(RIGHTS["KZ2"],), parcels=(GrantedParcel("KZ2", 5),)) is Outcome.MALFORMED
    both.code(Purpose.PICKUP, "KZ2")
    assert both.shows() is ScreenName.OPENING


def test_the_first_list_of_an_epoch_is_believed_once_it_is_whole(mind: Mind) -> None:
    """Else the cells of the parts to come would be offered for other parcels."""
    mind.state.locker.listed = False
    lies = GrantedParcel("KZ1", 1, state=ParcelState.STORED, expires_ms=UTC_MS + 24 * HOUR_MS)
    mind.version = 1
    assert mind.ask(GrantsCame(LOCKER, 1, 1, (lies,), (RIGHTS["KZ1"],), more=True)) is Outcome.DONE
    assert (mind.state.locker.listed, list(mind.state.all(Parcel))) == (False, [])
    lies_too = GrantedParcel("KZ2", 2, state=ParcelState.EXPIRED)
    assert changes(mind, parcels=(lies_too,), grants=(RIGHTS["KZ2"],)) is Outcome.DONE
    assert mind.state.locker.listed
    states = {row.waybill: (row.state, row.inside) for row in mind.state.all(Parcel)}
    assert states == {"KZ1": (ParcelState.STORED, True), "KZ2": (ParcelState.EXPIRED, True)}


def test_what_was_cancelled_before_a_new_epoch_lies_there_for_a_courier_alone(mind: Mind) -> None:
    """Taken for one that is to come, its cell would be empty for the books, and full for whoever opens it."""
    mind.state.locker.listed = False
    cancelled = GrantedParcel("KZ1", 1, state=ParcelState.CANCELLED)
    rights = [right(purpose, "KZ1") for purpose in (Purpose.PICKUP, Purpose.WITHDRAWAL)]
    assert mind.grants([cancelled], rights, version=1) is Outcome.DONE
    assert (mind.parcel("KZ1").state, mind.parcel("KZ1").inside) == (ParcelState.CANCELLED, True)
    mind.code(Purpose.PICKUP, "KZ1")
    assert mind.shows() is not ScreenName.OPENING
    mind.start()
    mind.code(Purpose.WITHDRAWAL, "KZ1")
    assert mind.shows() is ScreenName.OPENING


# Whichever way


def named_parcels() -> st.SearchStrategy[dict[str, GrantedParcel]]:
    waybills = st.sampled_from(["KZ1", "KZ2", "KZ3"])
    parcels = st.builds(
        GrantedParcel,
        waybills,
        st.integers(1, 4),
        account=st.sampled_from(["", "Kaspi Red"]),
        expires_ms=st.sampled_from([0, UTC_MS + 30 * HOUR_MS, UTC_MS + 90 * HOUR_MS]),
    )
    return st.lists(parcels, max_size=3).map(lambda all_: {each.waybill: each for each in all_})


@st.composite
def named(draw: st.DrawFn) -> Named:
    """A list that holds together."""
    parcels = draw(named_parcels())
    rights = [
        right(purpose, waybill, not_before_ms=draw(st.sampled_from([0, 0, UTC_MS + HOUR_MS])))
        for waybill in parcels
        for purpose in draw(st.sets(st.sampled_from([Purpose.DEPOSIT, Purpose.PICKUP])).map(sorted))
    ]
    return parcels, {each.id: each for each in rights}


def told(mind: Mind, before: Named, now: Named, how: str) -> None:
    """The list `now`, behind the list `before`: in full, as what is different, or in two parts of either."""
    (parcels, rights), (was, had) = now, before
    version = mind.version + 2
    if how == "full":
        assert mind.grants(parcels.values(), rights.values(), version=version) is Outcome.DONE
        return
    if how == "full in parts":
        assert (
            mind.ask(GrantsCame(LOCKER, 1, version - 1, (), tuple(rights.values()), more=True))
            is Outcome.DONE
        )
        last: dict[str, Any] = {"parcels": tuple(parcels.values())}
    else:
        last = {
            "parcels": tuple(each for each in parcels.values() if was.get(each.waybill) != each),
            "grants": tuple(each for each in rights.values() if had.get(each.id) != each),
            "gone_parcels": tuple(sorted(was.keys() - parcels.keys())),
            "gone_grants": tuple(sorted(had.keys() - rights.keys())),
        }
    base = mind.version + (how == "full in parts")
    if how == "changes in parts":
        first = {name: last.pop(name) for name in ("grants", "gone_parcels")}
        assert changes(mind, base=base, version=version - 1, more=True, **first) is Outcome.DONE
        base = version - 1
    assert changes(mind, base=base, version=version, **last) is Outcome.DONE


HOW = st.sampled_from(["full", "full in parts", "changes", "changes in parts"])
DEED = st.sampled_from(["nothing", "deposit", "a door left open", "a month", "a start"])


def happen(mind: Mind, deed: str) -> None:
    """Between two lists, as far as it can be done."""
    if deed == "a month":
        mind.utc_ms += 31 * 24 * HOUR_MS
    elif deed == "a start":
        mind.start()
    elif deed in ("deposit", "a door left open"):
        waits = [row for row in mind.state.all(Parcel) if row.state is ParcelState.EXPECTED]
        if not waits or mind.shows() is not ScreenName.IDLE:
            return
        cell = min(waits, key=lambda row: row.waybill).cell
        mind.code(Purpose.DEPOSIT, min(row.waybill for row in waits))
        if mind.shows() is ScreenName.OPENING:
            mind.unlock(cell)
            if deed == "deposit":
                mind.closes(cell)
        mind.advance(120)


@given(st.lists(st.tuples(named(), HOW, DEED), min_size=1, max_size=6))
def test_full_lists_and_differences_lead_to_the_same(story: list[tuple[Named, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, other = Mind(Path(folder, "one.db")).start(), Mind(Path(folder, "other.db")).start()
        try:
            before: Named = ({}, {})
            for number, (now, how, deed) in enumerate(story):
                told(one, before, now, "full")
                told(other, before, now, how if number else "full")
                assert (one.version, one.state.rows()) == (other.version, other.state.rows())
                assert other.state.rows() == other.store.load().rows()
                happen(one, deed)
                happen(other, deed)
                before = now
            assert one.state.get(Locker, LOCKER).listed
        finally:
            one.store.close()
            other.store.close()
