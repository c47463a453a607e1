"""docs/backend.md speaks of the reference backend: what it names there is there."""

import importlib
import re
from pathlib import Path

import pytest

import sim.backend
from sim import scenario

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/backend.md").read_text()
MODULES = sorted(each.stem for each in Path(sim.backend.__path__[0]).glob("[a-z]*.py"))


def named(owner: str) -> object:
    """The class of that name, wherever in the backend it is. Raises LookupError."""
    for name in MODULES:
        module = importlib.import_module(f"sim.backend.{name}")
        if hasattr(module, owner):
            return getattr(module, owner)
    raise LookupError(owner)


@pytest.mark.parametrize(("owner", "name"), sorted(set(re.findall(r"`([A-Z]\w+)\.(\w+)`", TEXT))))
def test_what_it_names_is_there(owner: str, name: str) -> None:
    found = named(owner)
    assert hasattr(found, name) or name in getattr(found, "__annotations__", {})


def test_its_modules_and_tables_are_there() -> None:
    assert set(re.findall(r"`(\w+)\.py`", TEXT)) <= set(MODULES)
    tables = re.findall(r"CREATE TABLE (\w+)", (ROOT / "sim/backend/database.py").read_text())
    rows = TEXT.split("## What you keep")[1].split("\n\n")[1].splitlines()[3:]
    assert len(rows) > 5
    for row in rows:
        assert set(re.findall(r"`(\w+)`", row.split("|")[2])) <= set(tables)


def test_its_scenarios_are_there() -> None:
    last = TEXT.splitlines()[-1]
    for name in ("backend-restored-from-backup", "broker-wiped", "hostile-broker"):
        assert name in last
        assert (Path(scenario.__file__).parent / "scenarios" / f"{name}.toml").exists()
