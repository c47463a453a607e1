"""A mind of its own for each test, or a folder for its sockets."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.harness import Mind


@pytest.fixture
def mind(tmp_path: Path) -> Iterator[Mind]:
    """Started, all four doors read closed, nothing ordered."""
    mind = Mind(tmp_path / "state.db").start()
    yield mind
    mind.store.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that anybody may pass, with a name short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="postomat-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
