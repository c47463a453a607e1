"""The reserve on real disks: it takes real space, gives it back, and its store goes on with it where the disk is full."""

import contextlib
import errno
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.errors import StoreError, StoreFull
from firmware.model import Entry, EntryKind, Moment
from firmware.reserve import NAME, NEEDED_BYTES, RESERVE_BYTES, Folder, Reserve
from firmware.store import Store

NOW = Moment(5_000, 1_700_000_000_000, True)
DISK_MB = 10  # of the small one: the reserve, as much again, and a little


class Refusing(Folder):
    """A folder in which one call fails."""

    def __init__(self, call: str, number: int) -> None:
        self._call = call
        self._error = OSError(number, os.strerror(number))

    def __getattribute__(self, name: str) -> object:
        if not name.startswith("_") and name == self._call:
            raise self._error
        return object.__getattribute__(self, name)


def test_it_is_of_real_blocks_and_its_owners_alone(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / NAME)
    assert not reserve.held
    assert reserve.make()
    found = (tmp_path / NAME).stat()
    assert found.st_blocks * 512 >= RESERVE_BYTES == found.st_size
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert len(set((tmp_path / NAME).read_bytes())) == 256  # nothing that a file system would leave out
    assert Reserve(tmp_path / NAME).held  # after a restart


def test_a_hole_or_half_of_it_is_none(tmp_path: Path) -> None:
    for size in (0, RESERVE_BYTES // 2):
        (tmp_path / NAME).write_bytes(b"x" * size)
        os.truncate(tmp_path / NAME, RESERVE_BYTES)
        reserve = Reserve(tmp_path / NAME)
        assert not reserve.held
        assert reserve.make()
        assert Reserve(tmp_path / NAME).held


def test_it_is_given_back_once(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / NAME)
    assert not reserve.release()
    reserve.make()
    assert reserve.release()
    assert not (tmp_path / NAME).exists()
    assert not reserve.release()
    assert reserve.make()


@pytest.mark.parametrize("call", ["fill", "free_bytes", "size_bytes"])
def test_where_it_cannot_be_made_nothing_is_left(tmp_path: Path, call: str) -> None:
    reserve = Reserve(tmp_path / NAME, Refusing(call, errno.EIO))
    assert reserve.make() is (call == "size_bytes")
    assert (tmp_path / NAME).exists() is (call == "size_bytes")


def test_on_a_disk_that_has_become_read_only_there_is_none_to_give(tmp_path: Path) -> None:
    Reserve(tmp_path / NAME).make()
    reserve = Reserve(tmp_path / NAME, Refusing("remove", errno.EROFS))
    assert not reserve.release()
    assert reserve.make()  # it was never given


def test_a_store_that_finds_no_space_is_opened_with_its_help(tmp_path: Path) -> None:
    reserve, tries = Reserve(tmp_path / NAME), 0
    reserve.make()

    def opening() -> str:
        nonlocal tries
        tries += 1
        if reserve.held:
            raise StoreFull("no space")
        return "opened"

    assert reserve.opened(opening) == "opened"
    assert tries == 2

    def never() -> str:
        raise StoreFull("no space")

    with pytest.raises(StoreFull):
        reserve.opened(never)

    def damaged() -> str:
        raise StoreError("damaged")

    reserve.make()
    with pytest.raises(StoreError, match="damaged"):
        reserve.opened(damaged)
    assert reserve.held


# A real disk of DISK_MB


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own. Where this user may not mount one, the test is skipped."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "postomat-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system, and not everywhere")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill_up(folder: Path) -> Path:
    """Take all the space that is left."""
    with (folder / "theirs").open("ab", buffering=0) as theirs, contextlib.suppress(OSError):
        while theirs.write(b"\xa5" * 4_096):
            pass
    return folder / "theirs"


def more(store: Store, count: int = 1) -> None:
    for _ in range(count):
        store.commit([], [Entry(EntryKind.CLOSED, cell=1, why="x" * 900)], NOW)


def test_on_a_full_disk_the_reserve_lets_the_store_go_on_and_is_made_anew_later(small: Path) -> None:
    with contextlib.closing(Store.open(small / "postomat.db", "0123")) as store:
        reserve = Reserve(small / NAME)
        assert reserve.make()
        more(store)
        theirs = fill_up(small)
        with pytest.raises(StoreFull, match="full"):
            more(store, 1_000)
        seq = store.last_seq
        with pytest.raises(StoreFull):
            more(store)
        assert reserve.release()
        more(store, 1_000)  # far more than all the closings of a cabinet
        assert store.last_seq == seq + 1_000
        assert not reserve.make()
        assert not (small / NAME).exists()
        theirs.unlink()
        assert Folder().free_bytes(small / NAME) < NEEDED_BYTES or reserve.make()
        more(store)
        store.verify_chain()


def test_a_store_on_a_full_disk_is_opened_again(small: Path) -> None:
    store = Store.open(small / "postomat.db", "0123")
    reserve = Reserve(small / NAME)
    reserve.make()
    more(store, 300)  # into the log, and not yet into the database
    files = {path.name: path.read_bytes() for path in small.glob("postomat.db*")}
    store.close()
    for name, content in files.items():  # as a kill would have left them
        (small / name).write_bytes(content)
    fill_up(small)
    with pytest.raises(StoreFull):
        Store.open(small / "postomat.db", "0123")
    with contextlib.closing(reserve.opened(lambda: Store.open(small / "postomat.db", "0123"))) as again:
        assert again.last_seq == 300
        more(again)
    assert not reserve.held
