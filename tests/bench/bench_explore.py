"""How fast the explorer lives: an hour of the workload standard-64, with the catalogue's faults at their rates.

Everything counts that the explorer does of itself: people, faults, every rule after every event. Seconds are those of
one core, so another process on the machine is not counted.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time
from typing import Any

from firmware.config import Xor8a80
from firmware.inbox import Post
from firmware.runtime import Runtime
from hal.coils import CoilGuard
from hal.locks.xor8a80 import Xor8A80Bank
from hal.ports import PulseLimits, Senses
from hal.rs485 import Bus
from sim import loop as virtual
from sim import plan
from sim.cabinet import SimCabinet
from sim.explore import quiet
from sim.life import Life, live
from sim.scenario import cabinet
from tests.bench.disk import bare_commits_us
from tests.bench.harness import Against, BenchError, Measure, Peer, figure

SEED = 1
HOURS = 1.0
BARE_ROUNDS = 3_600  # of polling every board once: an hour in which nobody comes


def life() -> Life:
    """The same life each time. Raises BenchError where a rule broke: what is wrong has no speed."""
    lived = live(plan.draw(SEED, HOURS))
    if lived.breach is not None:
        raise BenchError(f"seed {SEED}: {lived.breach.rule} broke: {lived.breach.what}")
    return lived


def bare_exchange_us() -> float:
    """Microseconds that one reading takes on the same loop, line, boards and driver with nothing above the driver."""
    begun_s = process_time()
    exchanges = virtual.run(_poll())
    return 1e6 * (process_time() - begun_s) / exchanges


async def _poll() -> int:
    """Read each board of the cabinet once a second; how many exchanges that were."""
    config = cabinet(plan.WORKLOAD)
    boards, loop = SimCabinet(config), asyncio.get_running_loop()
    guard = CoilGuard(PulseLimits(), lambda: round(1_000 * loop.time()))
    buses = {bus.name: Bus(boards.port(bus)) for bus in config.buses}
    banks = [
        Xor8A80Bank(
            bank.name,
            buses[bank.bus],
            guard,
            address=bank.address,
            channels=bank.channels,
            senses=Senses(bank.senses),
        )
        for bank in config.banks
        if isinstance(bank, Xor8a80)
    ]
    for bank in banks:
        await bank.start()
    for second in range(1, BARE_ROUNDS + 1):
        for bank in banks:
            await bank.read()
        await asyncio.sleep(second - loop.time())
    return sum(bus.health.exchanges for bus in buses.values())


@contextmanager
def timed_events() -> Iterator[list[float]]:
    """While this lasts: the seconds of one core that each event took, from decision to effects, without its observers."""
    handle, taken_s = Runtime._handle, []

    def timed(runtime: Runtime, post: Post) -> bool:
        observers, told = runtime.observers, list[Any]()
        runtime.observers = [lambda *each: told.append(each)]
        begun_s = process_time()
        try:
            return handle(runtime, post)
        finally:
            taken_s.append(process_time() - begun_s)
            runtime.observers = observers
            for each in told:
                for observe in observers:
                    observe(*each)

    Runtime._handle = timed  # type: ignore[method-assign, assignment]
    try:
        yield taken_s
    finally:
        Runtime._handle = handle  # type: ignore[method-assign]


@figure("explorer, standard-64: virtual seconds per second of a core", "×", at_least=500, rounds=3)
@contextmanager
def explore_factor() -> Iterator[Measure]:
    """How much faster than life it lives."""
    with quiet():
        yield lambda: 3_600 * HOURS / life().real_s


@figure(
    "explorer, standard-64: everything, for each bus exchange",
    "µs",
    peer=Peer("a bare virtual loop that reads the same boards", bare_exchange_us, Against.OVER),
    rounds=3,
)
@contextmanager
def explore_exchange() -> Iterator[Measure]:
    """What a life costs, divided by its exchanges; beside it an exchange where there is nothing else."""

    def measure() -> float:
        lived = life()
        return 1e6 * lived.real_s / lived.exchanges

    with quiet():
        yield measure


@figure(
    "explorer, standard-64: deciding, committing and acting, for each event",
    "µs",
    peer=Peer("a bare commit of one row on the same disk in memory", bare_commits_us, Against.OVER),
    rounds=3,
)
@contextmanager
def explore_event() -> Iterator[Measure]:
    """The mean over a life; the rules that the explorer asks after each event are not in it."""

    def measure() -> float:
        with timed_events() as taken_s:
            life()
        return 1e6 * sum(taken_s) / len(taken_s)

    with quiet():
        yield measure
