"""A mind of its own for each test."""

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
