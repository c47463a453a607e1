"""The benchmarks' own arithmetic: what takes turns, what a limit does, what a process that fails looks like."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench import __main__ as command
from tests.bench import harness, process
from tests.bench.harness import Against, BenchError, Figure, Peer

READY = """
import os, signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto({message!r}, os.environ["NOTIFY_SOCKET"])
signal.sigwait({{signal.SIGTERM}})
sys.exit({status})
"""


def samples(*values: float) -> Callable[[], float]:
    return iter(values).__next__


def staged(measure: harness.Measure) -> harness.Stage:
    @contextmanager
    def stage() -> Iterator[harness.Measure]:
        yield measure

    return stage


def test_measure_and_peer_take_turns_after_one_round_that_does_not_count() -> None:
    turns: list[str] = []

    def note(who: str) -> float:
        turns.append(who)
        return len(turns)

    figure = Figure("f", "", "s", staged(lambda: note("own")), peer=Peer("p", lambda: note("peer")), rounds=3)
    result = harness.run(figure)
    assert turns == ["own", "peer", "peer", "own", "own", "peer", "peer", "own"]
    assert (result.samples, result.peer_samples) == ([4, 5, 8], [3, 6, 7])


@pytest.mark.parametrize(
    ("against", "value"), [(Against.BESIDE, 6.0), (Against.MINUS, 4.0), (Against.OVER, 3.0)], ids=str
)
def test_value_is_a_median_against_a_median(against: Against, value: float) -> None:
    peer = Peer("p", samples(0, 2, 100, 1), against)
    result = harness.run(Figure("f", "", "s", staged(samples(0, 6, 5, 90)), peer=peer, rounds=3))
    assert result.value == value


@pytest.mark.parametrize(
    ("at_most", "at_least", "met"),
    [(2.0, None, True), (1.9, None, False), (None, 2.0, True), (None, 2.1, False)],
)
def test_a_limit_is_met_up_to_itself(at_most: float | None, at_least: float | None, met: bool) -> None:
    figure = Figure("f", "", "s", staged(lambda: 2.0), at_most=at_most, at_least=at_least, rounds=1)
    assert harness.run(figure).met is met


def test_the_slowest_count_where_a_figure_says_so() -> None:
    assert harness.p99([*range(1, 101)]) == 99
    assert harness.p99([*range(1, 102)]) == 100
    assert harness.p99([7]) == harness.p95([7]) == 7
    assert harness.p95([*range(1, 101)]) == 95
    assert harness.p95([*range(1, 102)]) == 96
    peer = Peer("p", samples(0, 2, 1, 9), Against.MINUS)
    figure = Figure("f", "", "s", staged(samples(0, 6, 5, 90)), peer=peer, rounds=3, summary=harness.p99)
    assert harness.run(figure).value == 81


def test_a_measure_that_has_something_to_say_says_it_below_the_table() -> None:
    class Telling:
        def __call__(self) -> float:
            return 1.0

        def note(self) -> str:
            return "of this and that"

    result = harness.run(Figure("f", "", "s", staged(Telling()), at_most=1))
    assert harness.table([result]).splitlines()[-1] == "f: of this and that"
    assert result.as_json()["note"] == "of this and that"


def test_a_figure_without_limit_and_peer_is_refused() -> None:
    with pytest.raises(ValueError, match="a limit or a peer"):
        Figure("f", "", "s", staged(lambda: 1.0))


def test_a_figure_that_cannot_be_measured_is_not_met() -> None:
    def broken() -> float:
        raise BenchError("no board")

    result = harness.run(Figure("f", "", "s", staged(broken), at_most=1))
    assert (result.met, result.value, result.error) == (False, None, "no board")
    assert "failed" in harness.table([result])
    assert "no board" in harness.table([result])


@pytest.mark.parametrize(("value", "status"), [(1.0, 0), (1.1, 1)])
def test_command_writes_every_sample_and_fails_over_a_limit(
    value: float,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    figure = Figure("quick", "a quick one", "s", staged(lambda: value), at_most=1.0, rounds=2)
    monkeypatch.setattr(harness, "_registered", {"quick": figure})
    assert command.main(["quick", "--json", str(tmp_path / "new/bench.json")]) == status
    report = json.loads((tmp_path / "new/bench.json").read_text(encoding="utf-8"))
    assert report["figures"][0]["samples"] == [value, value]
    assert report["figures"][0]["met"] is (status == 0)
    assert ("NOT MET" in capsys.readouterr().out) is (status == 1)


def test_rounds_can_be_fewer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figure = Figure("quick", "a quick one", "s", staged(lambda: 1.0), at_most=1.0, rounds=7)
    monkeypatch.setattr(harness, "_registered", {"quick": figure})
    assert command.main(["--rounds", "2", "--json", str(tmp_path / "bench.json")]) == 0
    report = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert report["figures"][0]["samples"] == [1.0, 1.0]
    with pytest.raises(SystemExit) as stopped:
        command.main(["--rounds", "0"])
    assert stopped.value.code == 2


def test_an_unknown_figure_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["controller_stat"])
    assert stopped.value.code == 2
    assert "no figure controller_stat; there are: " in capsys.readouterr().err


def test_a_process_is_ready_when_it_says_so_and_stopped_afterwards() -> None:
    script = READY.format(status=0, message=b"STATUS=up\nREADY=1")
    with process.started([sys.executable, "-c", script]) as (pid, seconds):
        assert Path(f"/proc/{pid}").exists()
        assert seconds > 0
        assert process.resident_mb(pid) > 1
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("import sys; sys.exit('no such port')", "ended with 1 before READY=1: no such port"),
        (READY.format(status=3, message=b"READY=1"), "ended with 3 after SIGTERM"),
        (READY.format(status=0, message=b"NOTREADY=1"), "said nothing"),
    ],
)
def test_a_process_that_fails_says_how(script: str, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "READY_TIMEOUT_S", 1.0)
    with pytest.raises(BenchError, match=complaint), process.started([sys.executable, "-c", script]):
        pass
