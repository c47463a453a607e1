"""What is said of a fleet at the end, for scripts and for people."""

from collections import Counter
from collections.abc import Iterator

from msgspec import Struct


class Waited(Struct, frozen=True):
    """How long entries waited for the signed acknowledgement, in milliseconds: from its commit until the controller believes it."""

    entries: int
    p50_ms: float
    p99_ms: float
    longest_ms: float


class Report(Struct, frozen=True):
    """What came of it.

    `steady` leaves out what was written at the lockers' start, and from the broker's end until all were connected again.
    """

    ok: bool
    lockers: int
    connected: int
    jobs: int
    connect_s: float
    load_s: float
    entries: int
    acknowledged: int
    entries_per_s: float
    steady: Waited | None
    outage: Waited | None
    recovered_s: float | None  # from the broker's restart
    memory_mb: float | None  # of a locker with its cabinet and its backend; None where it cannot be told
    visits: int
    turned_away: int
    unequal: tuple[str, ...]  # lockers whose journal is not what their backend holds
    alarms: tuple[str, ...]


def waited(tenths: Counter[int]) -> Waited | None:
    """From how many waited for so many tenths of a millisecond; None where nobody did."""
    total = tenths.total()
    if not total:
        return None
    return Waited(total, quantile_ms(tenths, 0.5), quantile_ms(tenths, 0.99), max(tenths) / 10)


def quantile_ms(tenths: Counter[int], share: float) -> float:
    """The smallest wait that this share of all does not exceed."""
    due = share * tenths.total()
    for each in sorted(tenths):
        due -= tenths[each]
        if due <= 0:
            return each / 10
    raise ValueError("nobody waited")


def words(report: Report) -> Iterator[str]:
    """The report for people."""
    yield f"connected {report.connected} of {report.lockers} lockers in {report.jobs} processes, after {report.connect_s} s"
    yield (
        f"entries   {report.acknowledged} of {report.entries} acknowledged, {report.entries_per_s} a second "
        f"over {report.load_s} s; {report.visits} visits, {report.turned_away} in vain"
    )
    for name, waits in (("waited", report.steady), ("  outage", report.outage)):
        if waits is not None:
            yield (
                f"{name:<10}p50 {waits.p50_ms} ms, p99 {waits.p99_ms} ms, at most {waits.longest_ms} ms, "
                f"from the entry to its signed acknowledgement ({waits.entries} entries)"
            )
    if report.recovered_s is not None:
        yield f"broker    killed and started again: all lockers were connected again {report.recovered_s} s later"
    if report.memory_mb is not None:
        yield f"memory    {report.memory_mb} MB a locker, with its cabinet and its backend"
    yield from (f"ALARM     {line}" for line in report.alarms)
    yield from (f"UNEQUAL   {line}" for line in report.unequal)
    yield "nothing lost: every journal is what its backend holds" if report.ok else "FAILED"
