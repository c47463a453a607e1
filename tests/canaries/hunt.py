"""A planted bug and its hunter: the patch is applied to a copy of the tree, and the hunter runs there as a process.

A find counts only where the same hunter, asked for the very same thing, finds nothing in the unpatched tree.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PATCHES = Path(__file__).parent
COPIED = ("firmware", "hal", "sim", "tests")
HUNT_MAX_S = 300.0  # a hunter that is not done by then has found nothing
SUITES = {
    "walk": "tests/core/test_walk.py::test_nothing_raises_and_nothing_is_stranded",
    "crash": "tests/core/test_crash.py",
}
FAILED = "FAILED "  # how pytest begins the line of a test that failed
BROKEN = " does not hold at "  # how `replay` tells of an invariant that broke


class StaleCanary(Exception):
    """A patch has no header, does not fit the tree any more, or its hunter cannot run."""


class Canary(NamedTuple):
    """A planted bug. `hunter`: as the package's docstring says."""

    name: str
    bug: str
    hunter: str
    path: Path


class Find(NamedTuple):
    """What became of a hunt. `by`: the seed or test that found it; `found` only where the unpatched tree is clean."""

    found: bool
    by: str
    seconds: float


def canaries(folder: Path = PATCHES) -> dict[str, Canary]:
    """All of them by name. Raises StaleCanary naming the patch whose header is not as it should be."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.patch"))}


def read(path: Path) -> Canary:
    """The canary of this patch. Raises StaleCanary."""
    told = dict(line.partition(": ")[::2] for line in path.read_text().splitlines()[:2])
    if set(told) != {"Bug", "Hunter"} or not all(told.values()):
        raise StaleCanary(f"{path.name}: does not begin with a line `Bug: …` and a line `Hunter: …`")
    return Canary(path.stem, told["Bug"], told["Hunter"], path)


@contextlib.contextmanager
def copied() -> Iterator[Path]:
    """A copy of the tree as it stands, without what was compiled from it."""
    with tempfile.TemporaryDirectory(prefix="canary-") as folder:
        tree = Path(folder)
        for room in COPIED:
            shutil.copytree(ROOT / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        yield tree


def plant(canary: Canary, tree: Path) -> None:
    """Apply the patch. Raises StaleCanary with what git says of it, and has changed nothing then."""
    applied = subprocess.run(
        ["git", "apply", str(canary.path)],
        cwd=tree,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)},  # the copy is nobody's repository
        capture_output=True,
        text=True,
    )
    if applied.returncode != 0:
        raise StaleCanary(f"{canary.path.name}: does not apply: {applied.stderr.strip()}")


def hunt(canary: Canary) -> Find:
    """Plant the bug and let its hunter loose. Raises StaleCanary."""
    started_s = time.perf_counter()
    with copied() as tree:
        plant(canary, tree)
        by = next((by for order in orders(canary.hunter) if (by := caught(order, tree, started_s))), None)
    seconds = time.perf_counter() - started_s
    if by is None:
        return Find(False, "nobody", seconds)
    with copied() as tree:
        clean = run(again(by), tree, HUNT_MAX_S).returncode == 0
    return Find(clean, by if clean else f"{by}, but without the bug too", seconds)


def orders(hunter: str) -> Iterator[list[str]]:
    """What the hunter is asked for, one thing after the other, until it has found something."""
    match hunter.split():
        case ["explore", seeds, hours]:
            yield from (["sim", "replay", str(seed), "--hours", hours] for seed in range(int(seeds)))
        case names:
            yield tested([SUITES.get(name, name) for name in names])


def tested(names: Sequence[str]) -> list[str]:
    """Pytest until the first failure, quiet, in one process."""
    return ["pytest", "-q", "-x", "-rf", "--tb=no", "-p", "no:xdist", *names]


def caught(order: list[str], tree: Path, started_s: float) -> str | None:
    """The seed or test that found something here; None where all is well, or time is up. Raises StaleCanary."""
    left_s = started_s + HUNT_MAX_S - time.perf_counter()
    try:
        ended = run(order, tree, max(0.0, left_s))
    except subprocess.TimeoutExpired:
        return None
    if ended.returncode not in (0, 1):
        raise StaleCanary(
            f"{' '.join(order)}: exit {ended.returncode}: {(ended.stdout + ended.stderr)[-300:]}"
        )
    for line in ended.stdout.splitlines() if ended.returncode == 1 else ():
        if line.startswith(FAILED):
            return line.removeprefix(FAILED).partition(" - ")[0]
        if BROKEN in line:
            rule = line.partition(BROKEN)[0].rpartition(" ")[2]
            return f"{' '.join(order[1:])}: {rule}"
    return None


def again(by: str) -> list[str]:
    """What finds the same again."""
    return ["sim", *by.partition(":")[0].split()] if by.startswith("replay ") else tested([by])


def run(order: list[str], tree: Path, at_most_s: float) -> "subprocess.CompletedProcess[str]":
    """Run a module in this tree. Raises subprocess.TimeoutExpired, the process being gone by then.

    Whoever measures or steers the tests outside is not to meddle with those in there.
    """
    outside = ("COV_", "COVERAGE", "PYTEST")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
    return subprocess.run(
        [sys.executable, "-m", *order],
        cwd=tree,
        env=clean,
        capture_output=True,
        text=True,
        timeout=at_most_s,
    )


def in_turn(names: Sequence[str], count: int, commit: str) -> list[str]:
    """So many of them, the same for a commit and others for another one. `commit`: its hash in hex."""
    turns = max(1, len(names) // count)
    return list(names[int(commit, 16) % turns :: turns])
