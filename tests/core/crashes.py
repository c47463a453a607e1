"""What the crash tests play: the commits of a real locker's day, on a disk whose power is cut at any write or sync.

A life opens a store on such a disk and commits one by one. At chosen operations it is asked what a power cut there would
leave; each answer is opened as a locker would open it after the cut, and judged: what was acknowledged is there, what was
not is there whole or not at all, and the journal's chain is whole.
"""

import asyncio
import random
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from firmware.assembly import Assembly
from firmware.errors import StoreCorrupt, StoreError
from firmware.model import Entry, EntryKind, Moment
from firmware.row import Row
from firmware.rows import ROWS, Change, Locker
from firmware.store import Store
from sim import loop
from sim.disk import Disk
from sim.diskfaults import Operation
from sim.faces import MemoryKiosk
from sim.locker import SimLocker
from sim.scenario import cabinet
from sim.script import parse
from sim.steps import Steps

PATH, LOCKER = "/postomat.db", "0123"
PARCELS = 5
OPENINGS_MAX = 20  # then a disk that fails now and then has failed too often
DAY = (
    *(f"order KZ{number} cell={number}" for number in range(1, PARCELS + 1)),
    *(f"deposit KZ{number} {number}" for number in range(1, PARCELS + 1)),
    *("press start", "type wrong", "see wrong_code", "press back", "see idle"),
    *("press start", "type pickup KZ1", "see take_parcel", "take KZ1 1", "close 1"),
    *("press reopen", "see take_parcel", "wait 6s", "close 1", "press confirm", "see idle"),
    *("press start", "type pickup KZ2", "see take_parcel", "restart", "take KZ2 2", "close 2"),
    *("afflict 3 jammed", "press start", "type pickup KZ3", "see not_opened", "press back", "see idle"),
    *("press start", "type pickup KZ4", "see take_parcel", "wait 6s", "close 4"),
    *("press problem", "press report problem=refused", "see problem_noted", "wait 11m"),
    *("withdraw KZ4", "press start", "type withdrawal KZ4", "see take_parcel", "take KZ4 4", "close 4"),
    *("journal withdrawn parcel=KZ4", "see idle"),
)


class Commit(NamedTuple):
    """One transaction of a real controller."""

    changes: list[Change]
    entries: list[Entry]
    now: Moment


@cache
def day() -> tuple[Commit, ...]:
    """Every commit of a simulated locker's day, in order; its parts are copies."""
    commits: list[Commit] = []

    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            locker = SimLocker(cabinet("rs485"), Path(folder), 1)

            def record(parts: Assembly) -> None:
                commit = parts.store.commit

                def recording(changes: list[Change], entries: list[Entry], now: Moment) -> None:
                    commits.append(Commit(_copied(changes), list(entries), now))
                    commit(changes, entries, now)

                patch.setattr(parts.store, "commit", recording)

            locker.observe(record)
            steps = Steps(locker, MemoryKiosk(locker))
            await locker.switch_on()
            await asyncio.sleep(locker.config.locks.rest_s)
            for line in DAY:
                await parse(line, Steps)(steps)
            await steps.settle()
            await locker.close()

    loop.run(play())
    return tuple(commit for commit in commits if commit.changes or commit.entries)


def _copied(changes: Iterable[Change]) -> list[Change]:
    return [(kind, key, row and replace(row)) for kind, key, row in changes]


@cache
def believed() -> tuple[list[Row], ...]:
    """All rows after none, one, two … of the day's commits, in the order of `State.rows`."""
    rows: dict[type[Row], dict[Any, Row]] = {kind: {} for kind in ROWS}
    rows[Locker][LOCKER,] = Locker(LOCKER)

    def snapshot() -> list[Row]:
        return [row for table in rows.values() for _, row in sorted(table.items())]

    snapshots = [snapshot()]
    for commit in day():
        for kind, key, row in commit.changes:
            if row is None:
                del rows[kind][key]
            else:
                rows[kind][key] = row
        snapshots.append(snapshot())
    return tuple(snapshots)


class Known(NamedTuple):
    """What the world knows of the store's life at some moment."""

    commits: int = 0  # that were acknowledged
    seq: int = 0  # of the newest entry among them
    head: str = ""  # its hash


class Found(NamedTuple):
    """What a store holds after a power cut."""

    rows: list[Row]
    head: str | None  # the hash of the entry that was the newest known; None: it is not there


class Verdict(NamedTuple):
    """What a power cut before this operation did: `ok`, `lost`, `corrupt` or `mixed`."""

    operation: int
    what: str
    detail: str = ""


def open_again(files: Mapping[str, bytes], known: Known, chance: random.Random) -> Found:
    """Open what a power cut left, as a start does, and read all of it; sometimes after a second cut on the way."""
    disk = Disk("after", chance, files=files)
    try:
        if chance.random() < 0.2:
            disk.cut_after(chance.randrange(40))
            with suppress(StoreError):
                _read(disk, known)
            if not disk.cuts:
                disk.power_cut()
        return _read(disk, known)
    finally:
        disk.unregister()


def _read(disk: Disk, known: Known) -> Found:
    store = Store.open(PATH, LOCKER, vfs=disk.name)
    try:
        store.verify_chain()
        rows = store.load().rows()
        entry = store.journal(known.seq - 1, 1) if known.seq else []
        store.commit([], [Entry(EntryKind.STARTED)], Moment(0, 0, False))  # a start does not only read
        return Found(rows, entry[0].hash if entry else None)
    finally:
        with suppress(StoreError):  # its disk may be gone
            store.close()


def judge(operation: int, known: Known, files: Mapping[str, bytes], chance: random.Random) -> Verdict:
    """Whether what a power cut left is what it may leave."""
    try:
        found = open_again(files, known, chance)
    except StoreCorrupt as error:
        return Verdict(operation, "corrupt", str(error))
    states = believed()
    if known.seq and found.head != known.head:
        return Verdict(operation, "lost", f"entry {known.seq} was acknowledged")
    if any(found.rows == rows for rows in states[known.commits : known.commits + 2]):
        return Verdict(operation, "ok")
    older = [number for number in range(known.commits) if found.rows == states[number]]
    if older:
        return Verdict(operation, "lost", f"commit {known.commits} was acknowledged, {older[-1]} are there")
    return Verdict(operation, "mixed", f"the rows are those after no commit near {known.commits}")


class Life:
    """One store that commits the day on one disk, and what cuts at chosen operations would have done to it."""

    def __init__(self, disk: Disk, seed: int, cuts: Mapping[int, int], kind: type[Store] = Store) -> None:
        """`cuts`: how often to cut before each operation, counted from 0."""
        self.verdicts: list[Verdict] = []
        self.refused = 0
        self._disk = disk
        self._seed = seed
        self._cuts = cuts
        self._kind = kind
        self._known = Known()
        self._before_next = 0

    def run(self) -> None:
        """Commit the whole day. What fails is tried again a millisecond later, as the runtime would."""
        self._disk.before = self._before
        store = self._open()
        try:
            for commit in day():
                while not self._commit(store, commit):
                    commit = commit._replace(now=commit.now._replace(utc_ms=commit.now.utc_ms + 1))
        finally:
            with suppress(StoreError):
                store.close()
            self._disk.before = None

    def _open(self) -> Store:
        for _ in range(OPENINGS_MAX):
            with suppress(StoreError):
                return self._kind.open(PATH, LOCKER, vfs=self._disk.name)
            self.refused += 1
        raise AssertionError("the store does not open")

    def _commit(self, store: Store, commit: Commit) -> bool:
        try:
            store.commit(*commit)
        except StoreError:
            self.refused += 1
            return False
        self._known = Known(self._known.commits + 1, store.last_seq, store.head)
        return True

    def _before(self, operation: Operation, path: str, offset: int, data: bytes) -> None:
        self._cut(self._disk.operations)

    def _cut(self, operation: int) -> None:
        for number in range(self._cuts.get(operation, 0)):
            chance = random.Random(f"{self._seed} {operation} {number}")
            files = self._disk.survivors(chance)
            self.verdicts.append(judge(operation, self._known, files, chance))


def operations(kind: type[Store] = Store) -> int:
    """How many writes and syncs the day has where nothing fails."""
    disk = Disk("counted", random.Random(0))
    try:
        Life(disk, 0, {}, kind).run()
        return disk.operations
    finally:
        disk.unregister()
