"""A damaged or disowned database ends its epoch: the file is kept, and the next one knows nothing until it is told."""

from pathlib import Path

import pytest

from firmware import epochs
from firmware.errors import StoreCorrupt, StoreError
from firmware.model import Entry, EntryKind, Moment
from firmware.rows import Locker
from firmware.store import Store

NOW = Moment(1, 2, True)


def entries(store: Store) -> list[int]:
    return [row.seq for row in store.journal(0, 99)]


def test_the_first_epoch_needs_no_list_to_be_what_it_is(tmp_path: Path) -> None:
    store = epochs.open_newest(tmp_path, "0123")
    assert (store.load().locker.epoch, store.load().locker.listed) == (1, True)
    store.close()
    assert epochs.newest(tmp_path) == 1


@pytest.mark.parametrize("damage", [b"not a database, at all", b"SQLite format 3\0" + b"\xff" * 4_096])
def test_a_damaged_database_is_kept_and_the_next_epoch_knows_nothing(damage: bytes, tmp_path: Path) -> None:
    path = epochs.path_of(tmp_path, 1)
    path.write_bytes(damage)
    store = epochs.open_newest(tmp_path, "0123")
    assert (store.load().locker.epoch, store.load().locker.listed, store.last_seq) == (2, False, 0)
    store.commit([], [Entry(EntryKind.STARTED)], NOW)
    store.close()
    assert path.read_bytes() == damage
    again = epochs.open_newest(tmp_path, "0123")
    assert (again.load().locker.epoch, entries(again)) == (2, [1])
    again.close()


def test_an_epoch_that_the_backend_demands_is_opened_by_the_next_start(tmp_path: Path) -> None:
    epochs.open_newest(tmp_path, "0123").close()
    epochs.begin(tmp_path, "0123", 7)
    store = epochs.open_newest(tmp_path, "0123")
    assert (store.load().locker.epoch, store.load().locker.listed) == (7, False)
    store.close()
    with pytest.raises(StoreError, match="epoch 7 is not a new one"):
        epochs.begin(tmp_path, "0123", 7)


def test_keys_and_settings_do_not_end_with_an_epoch_that_the_backend_ends(tmp_path: Path) -> None:
    """Else a key that has left would count again, and whoever still holds it could open the doors."""
    before = Locker(
        "0123", keys=(("k2", "00" * 32),), keys_ms=5, settings=(("reopen_max", 1),), settings_ms=6
    )
    before.attempts_used, before.grants_version = 3, 9
    (tmp_path / epochs.MAKING).write_bytes(b"left by a power cut")
    epochs.begin(tmp_path, "0123", 2, before)
    store = epochs.open_newest(tmp_path, "0123")
    kept = Locker("0123", epoch=2, listed=False)
    for name in epochs.KEPT:
        setattr(kept, name, getattr(before, name))
    assert store.load().locker == kept
    store.close()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["postomat-2.db"]


def test_an_epoch_that_could_not_be_made_whole_has_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs.open_newest(tmp_path, "0123").close()

    def full(*of: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", full)
        with pytest.raises(StoreError, match="full"):
            epochs.begin(tmp_path, "0123", 2, Locker("0123"))
    assert epochs.newest(tmp_path) == 1
    epochs.begin(tmp_path, "0123", 2)
    assert epochs.newest(tmp_path) == 2


def test_a_database_in_another_ones_place_is_damage(tmp_path: Path) -> None:
    epochs.begin(tmp_path, "0123", 2)
    epochs.path_of(tmp_path, 2).rename(epochs.path_of(tmp_path, 3))
    with pytest.raises(StoreCorrupt, match="is of epoch 2, not of 3"):
        Store.open(epochs.path_of(tmp_path, 3), "0123", epoch=3)


def test_a_database_in_use_is_no_damage(tmp_path: Path) -> None:
    store = epochs.open_newest(tmp_path, "0123")
    with pytest.raises(StoreError, match="in use"):
        epochs.open_newest(tmp_path, "0123")
    store.close()
    assert epochs.newest(tmp_path) == 1
