"""The disk in memory (sim.disk) as a measuring device: how much is written, how often it is synced."""

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time

import apsw

from sim.disk import Disk

BARE_COMMITS = 2_000
_numbers = itertools.count(1)


@contextmanager
def disk() -> Iterator[Disk]:
    """A fresh one, empty."""
    made = Disk(f"bench {next(_numbers)}", random.Random(0))
    try:
        yield made
    finally:
        made.unregister()


def bare_commits_us() -> float:
    """Microseconds of one core that SQLite takes for a transaction of one small row, set up as the store is."""
    with disk() as on:
        database = apsw.Connection("/bare.db", vfs=on.name)
        for setting, value in (
            ("locking_mode", "EXCLUSIVE"),
            ("journal_mode", "WAL"),
            ("synchronous", "FULL"),
        ):
            database.pragma(setting, value)
        database.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, body TEXT) STRICT")
        begun_s = process_time()
        for number in range(BARE_COMMITS):
            with database:
                database.execute("INSERT INTO row VALUES (?, ?)", (number, "x" * 100))
        taken_s = process_time() - begun_s
        database.close()
    return 1e6 * taken_s / BARE_COMMITS
