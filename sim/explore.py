"""The explorer: many seeds, each a locker's life, in search of a broken invariant; a failing one is shortened.

One seed is one thread in one process; jobs are processes. A run that is long enough for it also fails where a kind of
fault never fired, a listed transition was never taken or a kind of command never carried out: what was not tried is not proved.
"""

import concurrent.futures
import hashlib
import logging
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from firmware import access, door, parcel, session
from firmware.table import Table
from sim import plan, shorten
from sim.afar import never_carried_out
from sim.faults import CATALOGUE
from sim.life import Life, live
from sim.plan import Plan

BUILD = Path("build/explore")
COMPLETE_H = 100.0  # from so many locker-hours on, what was never tried is a failure
TABLES: tuple[Table, ...] = (door.TABLE, parcel.TABLE, session.TABLE, access.TABLE)  # type: ignore[type-arg]

# What the tables list and no life takes, each with its reason. A life that takes one makes it a mistake to say so here.
UNTAKEN = {
    "parcel: withdrawing miss": "no screen asks a courier whether the parcel was there",
    "parcel: expected doubt": "only what lies inside is doubted",
    "parcel: opened claim": "custody claims only what is not in hand",
    "door: open read_open": "the watch tells only changes",
    "door: overdue read_open": "the watch tells only changes",
    "door: closed read_closed": "the watch tells only changes",
    "door: unlocking read_closed": "the watch tells only changes",
    "door: jammed read_closed": "the watch tells only changes",
    "door: offline lose": "a bank is lost once",
    "session: keypad find_busy": "a door in hand has its session, and it is not at the keypad",
    "session: busy return": "a door in hand has its session, and it is not at the keypad",
    "session: opening misdirect": "the try is stopped first, and the session is unopened then",
    "session: reminded closed_shortly": "the reminder comes later than a short opening ends",
}


class Result(Struct, frozen=True):
    """All seeds together. `factor`: virtual seconds for each second of one core."""

    ok: bool
    strict: bool  # whether what was never tried is a failure
    seeds: int
    hours: float
    trace_hash: str
    factor: float
    events: int
    exchanges: int
    exchange_us: float
    endings: dict[str, int]
    faults: dict[str, int]
    commands: dict[str, int]  # how often each kind was answered what
    transitions: dict[str, int]
    never_fired: tuple[str, ...]
    never_taken: tuple[str, ...]
    never_carried_out: tuple[str, ...]  # kinds of command
    taken_after_all: tuple[str, ...]  # of UNTAKEN
    lives: tuple[Life, ...]
    shortened: dict[int, str]  # seed → the file of its shortened plan


def listed() -> list[str]:
    """Every transition of every table, as `counted_transitions` names it."""
    found = []
    for table in TABLES:
        for move in table.moves:
            for source in move.sources:
                same = (
                    each for each in table.moves if each.trigger is move.trigger and source in each.sources
                )
                dest = f" → {move.dest or source}" if any(each.guard for each in same) else ""
                found.append(f"{table.name}: {source} {move.trigger}{dest}")
    return found


def explore(
    first: int,
    seeds: int,
    hours: float,
    *,
    jobs: int = 1,
    strict: bool | None = None,
    shorten_s: float = 120.0,
) -> Result:
    """Live through `seeds` plans from seed `first` on. `strict`: fail where something was never tried (None: if long enough)."""
    plans = [plan.draw(seed, hours) for seed in range(first, first + seeds)]
    lives = tuple(_show(_all(plans, jobs), len(plans)))
    shortened = {}
    failing = [life for life in lives if life.breach is not None]
    for life in failing[:1]:
        path = BUILD / f"seed-{life.seed}.json"
        plan.write(shorten.shortened(plans[life.seed - first], life, within_s=shorten_s), path)
        shortened[life.seed] = str(path)
    if strict is None:
        strict = seeds * hours >= COMPLETE_H
    return summed(lives, hours, shortened, strict=strict)


def summed(lives: tuple[Life, ...], hours: float, shortened: dict[int, str], *, strict: bool) -> Result:
    """What all lives were together."""
    faults, taken = _sum(life.faults for life in lives), _sum(life.transitions for life in lives)
    fired = {name: faults.get(name, 0) for name in CATALOGUE}
    never_fired = tuple(name for name, times in fired.items() if not times)
    never_taken = tuple(move for move in listed() if move not in taken and move not in UNTAKEN)
    commands = _sum(life.commands for life in lives)
    undone = never_carried_out(commands)
    untried = never_fired or never_taken or undone
    lived_s = sum(3_600 * life.hours if life.breach is None else life.breach.at_s for life in lives)
    real_s = sum(life.real_s for life in lives)
    exchanges = sum(life.exchanges for life in lives)
    return Result(
        strict=strict,
        ok=all(life.breach is None for life in lives) and not (strict and untried),
        seeds=len(lives),
        hours=hours,
        trace_hash=hashlib.sha256("".join(life.trace_hash for life in lives).encode()).hexdigest(),
        factor=round(lived_s / real_s, 1),
        events=sum(life.events for life in lives),
        exchanges=exchanges,
        exchange_us=round(1e6 * real_s / max(1, exchanges), 1),
        endings=_sum(life.endings for life in lives),
        faults=fired,
        commands=commands,
        transitions=taken,
        never_fired=never_fired,
        never_taken=never_taken,
        never_carried_out=undone,
        taken_after_all=tuple(move for move in taken if move in UNTAKEN),
        lives=lives,
        shortened=shortened,
    )


def replay(what: str, hours: float) -> Life:
    """Live through one seed again, or through a plan's file. Raises PlanError."""
    again = plan.draw(int(what), hours) if what.isdecimal() else plan.read(Path(what))
    with quiet():
        return live(again)


def told(life: Life) -> Iterator[str]:
    """A life in words, with the command that replays it."""
    if life.breach is None:
        yield f"seed {life.seed}: {life.hours:g} h, {life.events} events, every invariant held; trace {life.trace_hash[:16]}"
        return
    yield f"seed {life.seed}: {life.breach.rule} does not hold at {life.breach.at_s:.3f} s: {life.breach.what}"
    yield from (f"    {line}" for line in life.breach.last)
    yield f"  again: postomat-sim replay {life.seed} --hours {life.hours:g}"


def _all(plans: list[Plan], jobs: int) -> Iterator[Life]:
    if jobs == 1:
        with quiet():
            yield from map(live, plans)
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, context, logging.disable, (logging.CRITICAL,)) as pool:
        yield from pool.map(live, plans)


def _show(lives: Iterable[Life], total: int) -> Iterator[Life]:
    """A bar on stderr while a person watches."""
    watched = sys.stderr.isatty()
    broken = 0
    for count, life in enumerate(lives, 1):
        broken += life.breach is not None
        if watched:
            bar = "█" * (30 * count // total)
            print(f"\r{bar:·<30} {count}/{total} seeds, {broken} broken", end="", file=sys.stderr, flush=True)
        yield life
    if watched:
        print(file=sys.stderr)


@contextmanager
def quiet() -> Iterator[None]:
    """Each fault is logged by the firmware, as it should be; here nobody reads it."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _sum(each: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counts in each:
        total.update(counts)
    return dict(sorted(total.items()))
