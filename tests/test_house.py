"""The house keeps its own rules, and each rule finds what it forbids."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import house

ROOT = Path(__file__).parent.parent
Rule = Callable[[Path], Iterator[str]]


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule: Rule) -> None:
    offences = list(rule(ROOT))
    assert not offences, "\n" + "\n".join(offences)


def test_the_map_of_rooms_names_every_module_once() -> None:
    """In docs/architecture.md; their order is that of the import contract."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    drawn = text.partition("```\n__main__")[2].partition("```")[0]
    named = [name for line in f"__main__{drawn}".splitlines() for name in re.split(r" {2,}", line)[:-1]]
    modules = {
        path.stem
        for path in (ROOT / "firmware").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert sorted(named) == sorted(modules - {"__init__"})


PLANTED: list[tuple[Rule, dict[str, str], str]] = [
    (house.long_modules, {"hal/long.py": "\n" * 301}, "hal/long.py: 301 lines, at most 300"),
    (
        house.long_modules,
        {"firmware/kiosk/page.js": "\n" * 301},
        "firmware/kiosk/page.js: 301 lines, at most 300",
    ),
    (
        house.long_functions,
        {"sim/a.py": "async def walk():\n" + "    1\n" * 50},
        "sim/a.py:1 walk: 51 lines, at most 50",
    ),
    (
        house.shared_packages,
        {"hal/a.py": "import serial", "firmware/b.py": "from serial.tools import list_ports"},
        "serial: one module of the device may import it, and these do: firmware.b, hal.a",
    ),
    (
        house.shared_packages,
        {"sim/backend/a.py": "import apsw", "sim/backend/b.py": "import apsw", "sim/disk.py": "import apsw"},
        "apsw: one module of the backend may import it, and these do: sim.backend.a, sim.backend.b",
    ),
    (
        house.strangers,
        {
            "firmware/kiosk/__init__.py": "",
            "firmware/kiosk/server.py": "from .. import store",
            "firmware/store.py": "",
        },
        "firmware.kiosk.server imports firmware.store",
    ),
    (
        house.strangers,
        {"firmware/runtime.py": "def f():\n    from hal.locks import gpio", "hal/locks/gpio.py": ""},
        "firmware.runtime imports hal.locks.gpio: only firmware.drivers and firmware.__main__ name a driver",
    ),
    (house.strangers, {"hal/ports.py": "import msgspec"}, "hal.ports imports msgspec"),
    (
        house.shared_codecs,
        {
            "sim/wire.py": "from sim import frames",
            "sim/frames.py": "import hal.locks.xor",
            "hal/locks/xor.py": "",
        },
        "sim.wire -> sim.frames -> hal.locks.xor",
    ),
    (
        house.simulated_branches,
        {"hal/a.py": "import os\nbus = 1 if os.environ.get('MOCK_MODE') else 2"},
        "hal/a.py:2: a condition on simulation: os.environ.get('MOCK_MODE')",
    ),
    (
        house.forbidden_words,
        {"docs/a.md": "see https://" + "py" + "pi.org/simple"},
        "docs/a.md:1: a package registry",
    ),
    (
        house.forbidden_words,
        {"systemd/a.service": "\nExecStart=/" + "root/x"},
        "systemd/a.service:2: a path of one",
    ),
    (house.forbidden_words, {"sim/panel/a.js": "// TO" + "DO: later"}, "sim/panel/a.js:1: work put off"),
]


@pytest.mark.parametrize(
    ("rule", "files", "offence"), PLANTED, ids=lambda value: getattr(value, "__name__", "")
)
def test_each_rule_finds_what_it_forbids(
    rule: Rule, files: dict[str, str], offence: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found = list(rule(tmp_path))
    assert len(found) == 1
    assert found[0].startswith(offence)


def test_what_is_allowed_is_not_an_offence(tmp_path: Path) -> None:
    files = {
        "firmware/__main__.py": "from hal.locks import xor",
        "firmware/kiosk/__init__.py": "from firmware.kiosk import server\nfrom firmware import control",
        "firmware/kiosk/server.py": "import aiohttp\nfrom hal.ports import WallClock",
        "firmware/control.py": "",
        "hal/ports.py": "import enum",
        "hal/locks/xor.py": "from ..ports import LockBank",
        "sim/backend/api.py": "import aiohttp",
        "sim/live.py": "import aiohttp\nfrom hal.locks import xor",
        "sim/wire.py": "from hal.ports import SerialPort",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert [offence for rule in house.RULES for offence in rule(tmp_path)] == []


def test_a_task_left_pending_is_noticed(pytester: pytest.Pytester) -> None:
    pytester.makeconftest((ROOT / "tests/conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers = leaves_tasks(why)\n")
    pytester.makepyfile(
        """
        import asyncio, pytest
        async def forget():
            forgotten.append(asyncio.create_task(asyncio.sleep(60), name="forgotten"))
        forgotten = []
        def test_forgets(): asyncio.run(forget())
        @pytest.mark.leaves_tasks("on purpose")
        def test_may(): asyncio.run(forget())
        def test_tidy(): asyncio.run(asyncio.sleep(0))
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*tasks were left pending:*", "*forgotten: *"])
