"""Every scenario that ships, played; the same seed gives the same trace in any process."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sim import scenario
from sim.__main__ import main

DAYS = re.compile(r"wait (\d\dh|\dd)")  # of polling: they take a while
QUICK = [name for name in scenario.names() if not any(map(DAYS.match, scenario.read(name).steps))]


def played(name: str) -> scenario.Result:
    return scenario.run(name, scenario.read(name))


@pytest.mark.timeout(300)  # three days of polling, on a busy machine
@pytest.mark.parametrize("name", scenario.names())
def test_scenario(name: str) -> None:
    result = played(name)
    assert result.ok, result.error


def test_same_seed_same_trace_in_processes_that_hash_differently() -> None:
    def traces(hash_seed: str) -> dict[str, str]:
        ran = subprocess.run(
            [sys.executable, "-m", "sim", "scenario", *QUICK, "--json"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        return {result["name"]: result["trace_hash"] for result in json.loads(ran.stdout)}

    first = traces("1")
    assert first == traces("2")
    assert len(set(first.values())) == len(QUICK)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "name",
    [
        "camera-covered",
        "camera-frozen",
        "camera-gone",
        "deposit-then-pickup",
        "expiry-and-refund-gold",
        "phone-held-wrong",
        "pickup-by-phone-qr",
        "pickup-from-app-reopen-confirm",
        "scanner-crashed",
    ],
)
def test_scenario_live(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same file on ptys, real sockets, the shipped processes and the real clock, which is moved over three days."""
    assert main(["scenario", name, "--live", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["ok"]


def test_an_unknown_name_is_a_usage_error_before_anything_is_played(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["scenario", "deposit-then-pickup", "no-such-thing"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "no-such-thing" in told.err


@pytest.mark.parametrize(
    ("steps", "code", "told"),
    [
        ('["see keypad within=2s"]', 42, "the screen is"),
        ('["order KZ1 cell=3", "take KZ1 3"]', 1, "the door is shut"),
        ('["fly away"]', 2, "no such verb; known: afflict"),
        ('["see"]', 2, "missing a required argument"),
        ('["wait soon"]', 2, "no time such as"),
        ('["reserve KZ1 size=M", "command cancel KZ1"]', 2, "command cancel KZ1': KZ1: is not ordered"),
        ('["reserve KZ1"]', 2, "of a size or of a cell"),
        ('["reserve KZ1 size=M cell=3"]', 2, "of a size or of a cell"),
        ("3", 2, "Expected `array`"),
    ],
)
def test_a_scenario_that_goes_wrong_says_where(
    steps: str, code: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'title = "Mine"\nsteps = {steps}\n')
    assert main(["scenario", str(file)]) == code
    captured = capsys.readouterr()
    assert told in captured.out + captured.err
