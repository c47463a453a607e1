"""The real store under a real day's commits loses nothing that it acknowledged, whenever the power goes and however it tears.

The last tests prove that the harness can see: each takes one care away from the store and must find what that costs.
"""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import apsw
import pytest

from firmware import store
from firmware.store import Store
from sim.disk import Disk
from tests.core.crashes import Life, Verdict, believed, day, operations

LIVES, CUTS_PER_LIFE = 8, 250  # 2,000 crash points; 200,000 with --long
FAILURES_PER_LIFE = 40


@pytest.fixture
def disks() -> Iterator[list[Disk]]:
    """Disks to be removed after the test."""
    made: list[Disk] = []
    yield made
    for disk in made:
        disk.unregister()


def cut(disk: Disk, seed: int, cuts: int = CUTS_PER_LIFE, kind: type[Store] = Store) -> list[Verdict]:
    """One day on this disk, with a look at what a power cut would leave before operations that the seed draws."""
    chance = random.Random(seed)
    life = Life(disk, seed, Counter(chance.choices(range(operations(kind)), k=cuts)), kind)
    life.run()
    return life.verdicts


def found(verdicts: list[Verdict]) -> dict[str, Verdict]:
    """Of each kind of verdict but `ok`, the first."""
    return {verdict.what: verdict for verdict in reversed(verdicts) if verdict.what != "ok"}


def check_lives(seeds: range, disks: list[Disk], patch: pytest.MonkeyPatch) -> None:
    """Some of them fold their log often, some never; each second disk fails now and then."""
    for seed in seeds:
        chance = random.Random(seed)
        patch.setattr(store, "LOG_PAGES_MAX", chance.choice((20, 100, 1_000)))
        disk = Disk(f"day {seed}", random.Random(seed))
        disks.append(disk)
        if seed % 2:
            for _ in range(FAILURES_PER_LIFE):
                disk.fail(after=chance.randrange(4_000), error=chance.choice((apsw.IOError, apsw.FullError)))
        verdicts = cut(disk, seed)
        assert found(verdicts) == {}, f"seed {seed}"
        assert len(verdicts) > 0.9 * CUTS_PER_LIFE


def test_the_day_is_a_real_one() -> None:
    kinds = {entry.kind for commit in day() for entry in commit.entries}
    assert {"stored", "collected", "refused", "withdrawn", "not_opened", "released", "wrong_code"} <= kinds
    assert len(day()) > 100
    assert len(believed()) == len(day()) + 1


@pytest.mark.parametrize("life", range(LIVES))
def test_no_power_cut_costs_an_acknowledged_commit(
    life: int, disks: list[Disk], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_lives(range(life, life + 1), disks, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("first", range(LIVES, LIVES + 800, 40))
def test_no_power_cut_ever_costs_an_acknowledged_commit(
    first: int, disks: list[Disk], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_lives(range(first, first + 40), disks, monkeypatch)


# That the harness would see


class Hasty(Store):
    """Syncs the log only when it is folded."""

    def _prepare(self) -> None:
        super()._prepare()
        self._db.pragma("synchronous", "NORMAL")


class Careless(Store):
    """Never syncs."""

    def _prepare(self) -> None:
        super()._prepare()
        self._db.pragma("synchronous", "OFF")


class Boastful(Disk):
    """Tells SQLite that it spoils nothing around a torn write, and does."""

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        opened = super().xOpen(name, flags)
        opened.characteristics = apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE
        return opened


def test_it_sees_commits_that_were_not_synced(disks: list[Disk], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LOG_PAGES_MAX", 100)
    disks.append(Disk("hasty", random.Random(1)))
    verdicts = cut(disks[0], 1, kind=Hasty)
    assert set(found(verdicts)) == {"lost"}
    assert Counter(verdict.what for verdict in verdicts)["lost"] > 0.2 * len(verdicts)


def test_it_sees_damage_where_nothing_is_synced(disks: list[Disk], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LOG_PAGES_MAX", 20)
    disks.append(Disk("careless", random.Random(1)))
    assert {"corrupt", "lost"} <= set(found(cut(disks[0], 1, kind=Careless)))


def test_it_sees_torn_writes_that_spoil_their_neighbours(
    disks: list[Disk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LOG_PAGES_MAX", 100)
    disks.append(Boastful("boastful", random.Random(1)))
    assert "lost" in found(cut(disks[0], 1))
