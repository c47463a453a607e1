"""One real browser for all tests of the page."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from playwright.async_api import Browser

from firmware.config import Cell
from tests.kiosk.scripted import config
from tests.kiosk.stage import Kiosk, browsing, serving


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as one:
        yield one


@pytest.fixture(scope="session")
def browser(runner: asyncio.Runner) -> Iterator[Browser]:
    with browsing(runner) as one:
        yield one


@pytest.fixture
def kiosk(runner: asyncio.Runner, browser: Browser, tmp_path: Path) -> Iterator[Kiosk]:
    with serving(runner, browser, tmp_path) as one:
        yield one


@pytest.fixture
def wall(runner: asyncio.Runner, browser: Browser, tmp_path: Path) -> Iterator[Kiosk]:
    """As large as it comes: 96 cells in eight columns, codes of ten digits, a long address."""
    cells = tuple(Cell(i + 1, "a", i + 1, "S", i // 12, i % 12 * 150, 150) for i in range(96))
    locker = replace(
        config(tmp_path).locker,
        id="ALA-NAURYZBAY-0123456789",
        address="Алматы, Наурызбайский район, микрорайон Калкаман-2, улица Ауэзова, 112, вход со двора",
        code_digits=10,
    )
    with serving(runner, browser, tmp_path, cells=cells, locker=locker) as one:
        yield one
