"""`python -m sim.fleet.worker`: a share of a fleet's lockers and their backends in one process, until its stdin ends."""

import asyncio
import logging
import os
import resource
import sys
from collections import Counter
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import msgspec

from firmware.link.mqtt import first
from sim.fleet.backends import FarEnd
from sim.fleet.member import Member
from sim.fleet.messages import Begin, Finish, Mark, Order, Phase, Said, State, Told, Work
from sim.scenario import cabinet

CABINET = "rs485"
STARTS_AT_ONCE = 8
LOCKERS_A_CONNECTION = 50
STATE_S = 0.5
SYNC_S = 5.0  # how often each backend sends again what has had no answer
LOOK_S = 0.05

_orders = msgspec.json.Decoder(Order)


class Worker:
    """All members of one process."""

    def __init__(self, work: Work) -> None:
        config = cabinet(CABINET)
        self._empty_mb = _resident_mb()
        self._members = list[Member]()
        for number in range(work.first, work.first + work.count):
            folder = Path(work.folder, str(number))
            folder.mkdir()
            self._members.append(Member(number, config, folder, work.brokers, work.pause_s))
        links = [member.locker.link for member in self._members]
        self._far_ends = [
            FarEnd(f"fleet-backend-{work.first + at}", links[at : at + LOCKERS_A_CONNECTION], work.brokers)
            for at in range(0, len(links), LOCKERS_A_CONNECTION)
        ]
        self._visits = list[asyncio.Task[None]]()
        self._gate = asyncio.Semaphore(STARTS_AT_ONCE)

    async def run(self, orders: asyncio.StreamReader) -> None:
        """Until the parent has heard all, or is gone. Raises what has ended a locker."""
        lockers = [self._member(member) for member in self._members]
        ends = [far.run() for far in self._far_ends]
        await first(self._obey(orders), self._report(), self._sync(), *ends, *lockers)

    async def _member(self, member: Member) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(member.close)
            async with self._gate:
                await member.start()
            await member.ended()

    async def _obey(self, orders: asyncio.StreamReader) -> None:
        while line := await orders.readline():
            match _orders.decode(line):
                case Begin():
                    self._mark(Phase.STEADY)
                    loop = asyncio.get_running_loop()
                    self._visits = [loop.create_task(member.regulars.run()) for member in self._members]
                case Mark(phase):
                    self._mark(phase)
                case Finish(within_s):
                    _say(await self._finish(within_s))

    def _mark(self, phase: Phase) -> None:
        for member in self._members:
            member.waits.phase = phase

    async def _report(self) -> None:
        while True:
            for member in self._members:
                member.look()
            connected = sum(member.is_connected for member in self._members)
            _say(State(connected, sum(member.waits.acknowledged for member in self._members)))
            await asyncio.sleep(STATE_S)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_S)
            for member in self._members:
                member.locker.link.sync()

    async def _finish(self, within_s: float) -> Told:
        memory_mb, regulars = _resident_mb(), [member.regulars for member in self._members]
        for each in regulars:
            each.stop()
        if self._visits:
            await asyncio.wait(self._visits)
        for visit in self._visits:
            visit.result()
        try:
            async with asyncio.timeout(within_s):
                while not all(member.is_even for member in self._members):  # noqa: ASYNC110 - of many
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            pass  # what differs then is told
        waits = {
            phase: sum((member.waits.told[phase] for member in self._members), Counter[int]())
            for phase in Phase
        }
        return Told(
            entries=sum(member.locker.controller.store.last_seq for member in self._members),
            acknowledged=sum(member.waits.acknowledged for member in self._members),
            visits=sum(each.visits for each in regulars),
            turned_away=sum(each.turned_away for each in regulars),
            waits={phase: dict(counted) for phase, counted in waits.items()},
            memory_mb=memory_mb - self._empty_mb if memory_mb and self._empty_mb else None,
            unequal=tuple(told for member in self._members if (told := member.differs())),
            alarms=tuple(
                f"{member.name}: {alarm}"
                for member in self._members
                for alarm in member.locker.backend.alarms
            ),
        )


def _say(message: Said) -> None:
    sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
    sys.stdout.flush()


def _resident_mb() -> float | None:
    """Megabytes (10^6 bytes) of this process that are in memory; None where the system does not tell as Linux does."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _allow_files() -> None:
    """As many open files as the system lets us have: a locker takes ten."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS says more than it allows
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _main() -> None:
    orders, loop = asyncio.StreamReader(), asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    await Worker(msgspec.json.decode(await orders.readline(), type=Work)).run(orders)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # each link says where its broker has gone, as it should
    _allow_files()
    asyncio.run(_main())
