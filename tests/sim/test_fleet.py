"""A small fleet over a real broker: nothing is lost when that is killed, and what is lost is found."""

import asyncio
import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from firmware.errors import PostomatError
from sim.__main__ import main
from sim.fleet import fleet, worker
from sim.fleet.fleet import Plan, shares
from sim.fleet.member import Waits
from sim.fleet.messages import Phase, Work
from sim.fleet.report import Report, quantile_ms, waited, words
from sim.nats import NatsServer
from sim.ports import free_port

PATIENCE_S = 40.0


def test_a_fleet_loses_nothing_when_its_broker_is_killed(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--lockers", "5", "--minutes", "0.1", "--pause", "0.5", "--kill-broker", "--json"]
    assert main(["fleet", *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["connected"], report["jobs"], report["unequal"], report["alarms"]) == (5, 2, [], [])
    assert report["acknowledged"] == report["entries"] > 5 * 4
    assert report["visits"] > report["turned_away"] == 0
    assert report["recovered_s"] > 0
    assert report["outage"]["entries"] > 0  # somebody came while it was down
    counted = report["steady"]["entries"] + report["outage"]["entries"]
    assert 0 < report["entries"] - counted < report["visits"]  # what was written at the start


def test_a_lost_a_changed_and_an_unacknowledged_entry_are_found(tmp_path: Path) -> None:
    async def story() -> None:
        async with NatsServer.running(tmp_path / "broker") as broker:
            works = worker.Worker(Work(1, 3, str(tmp_path), (broker.address,), 1.0))
            orders = asyncio.StreamReader()
            running = asyncio.ensure_future(works.run(orders))
            async with asyncio.timeout(PATIENCE_S):
                while not all(member.is_even for member in works._members):
                    assert not running.done()
                    await asyncio.sleep(0.05)
            lost, changed, unheard = works._members
            assert [member.differs() for member in works._members] == [None] * 3
            lost.locker.backend.ledger.last -= 1
            changed.locker.backend.books._db.ask("UPDATE journal SET body = '{}' WHERE seq = 2")
            unheard.waits.acknowledged -= 1
            told = await works._finish(0.1)
            assert [line.partition(":")[0] for line in told.unequal] == ["fleet-1", "fleet-2", "fleet-3"]
            assert "entry 2 is another one" in told.unequal[1]
            orders.feed_eof()
            await running

    asyncio.run(story())


def test_what_waited_is_told_by_phase() -> None:
    waits = Waits()
    waits.phase = Phase.STEADY
    waits.look(2, 0, 1.0)
    waits.phase = Phase.OUTAGE
    waits.look(3, 0, 2.0)
    waits.look(3, 2, 2.5)
    waits.phase = Phase.STEADY
    waits.look(3, 3, 4.0)
    assert waits.told == {
        Phase.START: Counter(),
        Phase.STEADY: Counter({15_000: 2}),
        Phase.OUTAGE: Counter({20_000: 1}),
    }


def test_quantiles_count_each_entry() -> None:
    tenths = Counter({10: 98, 20: 1, 5_000: 1})
    assert [quantile_ms(tenths, share) for share in (0.5, 0.98, 0.99, 1.0)] == [1.0, 1.0, 2.0, 500.0]
    assert waited(Counter()) is None
    found = waited(tenths)
    assert found is not None
    assert (found.entries, found.p99_ms, found.longest_ms) == (100, 2.0, 500.0)


@pytest.mark.parametrize(
    ("lockers", "jobs", "counts"), [(7, 3, [2, 2, 3]), (2, 4, [1, 1]), (300, 2, [150, 150])]
)
def test_shares_are_even_and_leave_nobody_out(lockers: int, jobs: int, counts: list[int]) -> None:
    works = list(shares(Plan(lockers, jobs, 1, 1), Path("here"), ("mqtt://there",)))
    assert [work.count for work in works] == counts
    assert [number for work in works for number in range(work.first, work.first + work.count)] == [
        *range(1, lockers + 1)
    ]


def test_a_broker_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fleet, "START_S", 1.0)
    assert main(["fleet", "--lockers", "1", "--broker", f"mqtt://127.0.0.1:{free_port()}"]) == 1
    assert "only 0 of 1 lockers were connected within 2 s" in capsys.readouterr().err


def test_a_worker_that_dies_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    start = fleet.Worker.start

    async def doomed(work: Work) -> fleet.Worker:
        made = await start(work)
        os.kill(made._process.pid, signal.SIGKILL)
        return made

    monkeypatch.setattr(fleet.Worker, "start", doomed)
    with pytest.raises(PostomatError, match="a worker of 1 lockers ended with -9"):
        fleet.run(Plan(2, 2, 1.0, 1.0))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lockers", "0"], "not a whole number from 1 on"),
        (["--lockers", "2", "--broker", "http://here"], "is not mqtt://host:port"),
        (["--lockers", "2", "--broker", "mqtt://here", "--kill-broker"], "kills no broker but its own"),
        (["--lockers", "2", "--minutes", "0"], "not a number above 0"),
    ],
)
def test_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fleet", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_words_name_what_was_lost() -> None:
    report = Report(
        ok=False, lockers=2, connected=1, jobs=1, connect_s=1.0, load_s=60.0, entries=10, acknowledged=9,
        entries_per_s=0.2, steady=None, outage=None, recovered_s=None, memory_mb=None, visits=2, turned_away=1,
        unequal=("fleet-2: 5 entries, 4 acknowledged, the backend holds 4",), alarms=("fleet-1: entry 3",),
    )  # fmt: skip
    *_, alarm, unequal, verdict = words(report)
    assert (alarm, verdict) == ("ALARM     fleet-1: entry 3", "FAILED")
    assert "fleet-2: 5 entries" in unequal
