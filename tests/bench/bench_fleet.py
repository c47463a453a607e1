"""A fleet against one NATS server on this machine: how long an entry waits for its signed acknowledgement, beside ten lockers alone.

The broker is killed midway and started again. Where a locker is not connected, or a journal is not what its backend holds, there
is no figure. Everybody shares this machine: its lockers, their backends, and the broker.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sim.fleet import fleet
from sim.fleet.report import Report, words
from tests.bench.harness import BenchError, Measure, Peer, figure

LOCKERS = 300
FEW = 10  # as a peer: with visits enough that a p99 means something
MINUTES = 0.5
PAUSE_S = 20.0  # a locker with three visits a minute is a very busy one


def ran(lockers: int) -> Report:
    """Raises BenchError where anything was lost, or nobody came."""
    report = fleet.run(
        fleet.Plan(
            lockers, 2, MINUTES, PAUSE_S if lockers == LOCKERS else 1.0, kill_broker=lockers == LOCKERS
        )
    )
    if not report.ok or report.steady is None:
        raise BenchError("; ".join(words(report)))
    return report


def waited_ms(report: Report) -> float:
    """The p99 of what was written while everybody was connected."""
    return report.steady.p99_ms if report.steady is not None else 0.0


class Fleets:
    """One run each time; the last one is told whole."""

    def __init__(self) -> None:
        self._last: Report | None = None

    def __call__(self) -> float:
        self._last = ran(LOCKERS)
        return waited_ms(self._last)

    def note(self) -> str:
        """All that the command would say."""
        return "; ".join(" ".join(line.split()) for line in words(self._last)) if self._last else ""


@figure(
    f"{LOCKERS} lockers on one broker: entry to its signed acknowledgement, p99",
    "ms",
    peer=Peer(f"{FEW} lockers", lambda: waited_ms(ran(FEW))),
    rounds=1,
)
@contextmanager
def fleet_acknowledged() -> Iterator[Measure]:
    """Two runs of some two minutes each: the first pays for cold files."""
    yield Fleets()
