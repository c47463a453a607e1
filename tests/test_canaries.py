"""Whoever hunts for bugs here finds those that were planted: five for each commit in turn, all of them with --long."""

import subprocess
from pathlib import Path

import pytest

from tests.canaries.hunt import ROOT, Canary, StaleCanary, canaries, copied, hunt, in_turn, plant, read

AT_ONCE = 5
KNOWN = canaries()


def commit() -> str:
    """The hash of what is checked out; 0 where this is no checkout."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return head.stdout.strip() if head.returncode == 0 else "0"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "hunted" in metafunc.fixturenames:
        names = list(KNOWN)
        everything = metafunc.config.getoption("--long")
        metafunc.parametrize("hunted", names if everything else in_turn(names, AT_ONCE, commit()))


@pytest.mark.timeout(900)  # a hunter's own bound is below that, with the second look at the healthy tree
def test_it_is_found(hunted: str) -> None:
    find = hunt(KNOWN[hunted])
    assert find.found, f"{KNOWN[hunted].bug} Found by {find.by}"


def test_there_are_twenty() -> None:
    assert len(KNOWN) >= 20


def test_each_has_its_turn() -> None:
    names = list(KNOWN)
    turns = [in_turn(names, AT_ONCE, f"{number:x}") for number in range(len(names))]
    assert {name for turn in turns for name in turn} == set(names)
    assert all(len(turn) >= AT_ONCE for turn in turns)


def test_every_patch_applies_to_the_tree() -> None:
    with copied() as tree:
        for canary in KNOWN.values():
            plant(canary, tree)
            undone = subprocess.run(["git", "apply", "-R", str(canary.path)], cwd=tree, capture_output=True)
            assert undone.returncode == 0, canary.name


def test_a_patch_that_does_not_fit_is_stale(tmp_path: Path) -> None:
    with pytest.raises(StaleCanary, match="does not apply"):
        plant(next(iter(KNOWN.values())), tmp_path)


def test_a_patch_without_its_header_is_stale(tmp_path: Path) -> None:
    (tmp_path / "nameless.patch").write_text("--- a/x\n+++ b/x\n")
    with pytest.raises(StaleCanary, match=r"nameless\.patch"):
        read(tmp_path / "nameless.patch")


NEW_FILE = """Bug: Nothing is broken.
Hunter: {hunter}
--- /dev/null
+++ b/tests/test_planted.py
@@ -0,0 +1,2 @@
+def test_planted():
+    assert {holds}
"""


def planted(tmp_path: Path, hunter: str, holds: str) -> Canary:
    path = tmp_path / "planted.patch"
    path.write_text(NEW_FILE.format(hunter=hunter, holds=holds))
    return read(path)


def test_what_nobody_notices_is_not_found(tmp_path: Path) -> None:
    find = hunt(planted(tmp_path, "tests/test_planted.py", "1"))
    assert (find.found, find.by) == (False, "nobody")


def test_what_fails_without_the_bug_too_is_not_found(tmp_path: Path) -> None:
    """A test that is not there does not pass in the unpatched tree either."""
    find = hunt(planted(tmp_path, "tests/test_planted.py", "0"))
    assert (find.found, find.by) == (False, "tests/test_planted.py::test_planted, but without the bug too")


def test_a_hunter_that_cannot_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(StaleCanary, match="exit 4"):
        hunt(planted(tmp_path, "tests/test_missing.py", "0"))
