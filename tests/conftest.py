"""What holds for every test: no task is left pending, generated examples repeat, and nothing is kept outside build/."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import configuration, settings

pytest_plugins = ["pytester"]

CORE = Path(__file__).parent / "core"
MEMORY = Path("/dev/shm")  # Linux's file system in memory; a container's may be small
MEMORY_MIN_BYTES = 2**30

configuration.set_hypothesis_home_dir("build/hypothesis")
# No deadline: a busy machine is no failure. The quick run draws the same examples each time.
settings.register_profile("quick", deadline=None, derandomize=True, database=None)
settings.register_profile("long", deadline=None, max_examples=20_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="millions instead of thousands; hours (make test-long)"
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if config.getoption("--long") else "quick")
    _keep_files_in_memory()


def _keep_files_in_memory() -> None:
    """Every commit waits for its sync, which takes a disk milliseconds. What a sync is for is tested on `sim.disk`.

    Only where there is room, and nobody has said where temporary files go. Processes that a test starts inherit it.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free >= MEMORY_MIN_BYTES:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # to be found anew


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests wait for --long. The judges are measured where they are judged, tests/core: measuring costs time.

    Whoever is given more time than others begins first, so that no core idles in the end beside one that has just begun.
    """
    items.sort(key=_given_s, reverse=True)
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="runs with --long"))
        if CORE not in item.path.parents:
            item.add_marker("no_cover")


def _given_s(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else 0.0


@pytest.fixture(autouse=True)
def no_task_left_pending(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test whose event loop still had tasks when its main coroutine ended.

    `asyncio.run` cancels such tasks without a word, so a forgotten task passes every test and leaks in the field. The
    one place where the loop knows of them is the function that does the cancelling.
    """
    left: list[str] = []
    cancel_all = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]

    def watch(loop: asyncio.AbstractEventLoop) -> None:
        left.extend(sorted(f"{task.get_name()}: {task.get_coro()}" for task in asyncio.all_tasks(loop)))
        cancel_all(loop)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", watch)
    yield
    if left and not request.node.get_closest_marker("leaves_tasks"):
        pytest.fail("tasks were left pending:\n  " + "\n  ".join(left), pytrace=False)
