"""A fleet's run: the broker, the workers, the load, the broker's death, and what is said of it at the end."""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct

from firmware.errors import PostomatError
from sim.fleet.messages import Begin, Finish, Mark, Order, Phase, Said, State, Told, Work
from sim.fleet.report import Report, waited
from sim.nats import NatsServer

START_S = 60.0  # and START_EACH_S for each locker
START_EACH_S = 1.0
DOWN_S = 3.0
SETTLE_S = 180.0
END_S = 20.0
LINE_MAX_BYTES = 1 << 22

_said = msgspec.json.Decoder(Said)


class Plan(Struct, frozen=True):
    """What is to be run. Without `brokers`, a NATS server of our own, which `kill_broker` kills midway."""

    lockers: int
    jobs: int
    minutes: float
    pause_s: float
    brokers: tuple[str, ...] = ()
    kill_broker: bool = False


class Worker:
    """A process with some of the lockers. Make it with `start`."""

    def __init__(self, process: asyncio.subprocess.Process, count: int) -> None:
        self.state = State(0, 0)
        self.told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._process = process
        self._stdin = cast(asyncio.StreamWriter, process.stdin)
        self._count = count

    @classmethod
    async def start(cls, work: Work) -> "Worker":
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sim.fleet.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_MAX_BYTES,
            process_group=0,  # Ctrl-C is for the parent, which ends it in its turn
        )
        worker = cls(process, work.count)
        worker._write(msgspec.json.encode(work))
        return worker

    def order(self, order: Order) -> None:
        self._write(msgspec.json.encode(order))

    async def listen(self) -> None:
        """Until cancelled. Raises PostomatError where the process ends before it was told to."""
        while line := await cast(asyncio.StreamReader, self._process.stdout).readline():
            match _said.decode(line):
                case State() as state:
                    self.state = state
                case Told() as told:
                    self.told.set_result(told)
        raise PostomatError(f"a worker of {self._count} lockers ended with {await self._process.wait()}")

    async def stop(self) -> None:
        """Its stdin ends, and it ends; by force where it does not."""
        self._stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _write(self, line: bytes) -> None:
        self._stdin.write(line + b"\n")


class Fleet:
    """One run."""

    def __init__(self, plan: Plan, show: Callable[[str, float], None]) -> None:
        """`show`: what is going on, and how much of it is done."""
        self._plan = plan
        self._show = show
        self._workers = list[Worker]()
        self._broker: NatsServer | None = None
        self._recovered_s: float | None = None

    async def run(self) -> Report:
        """Raises PostomatError where a broker, a worker or the lockers do not come up."""
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-")))
            brokers = self._plan.brokers
            if not brokers:
                self._broker = await stack.enter_async_context(NatsServer.running(folder / "broker"))
                brokers = (self._broker.address,)
            for share in shares(self._plan, folder, brokers):
                self._workers.append(await Worker.start(share))
                stack.push_async_callback(self._workers[-1].stop)
            listening = [asyncio.ensure_future(worker.listen()) for worker in self._workers]
            story = asyncio.ensure_future(self._story())
            works: list[asyncio.Future[Any]] = [story, *listening]
            try:
                await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
                for task in listening:
                    if task.done():
                        task.result()
                return await story
            finally:
                for work in works:
                    work.cancel()
                await asyncio.wait(works)

    async def _story(self) -> Report:
        now_s = asyncio.get_running_loop().time
        begun_s = now_s()
        await self._connect()
        connect_s, begun_s, before = now_s() - begun_s, now_s(), self._sum("acknowledged")
        self._tell(Begin())
        load_s = 60 * self._plan.minutes
        if self._plan.kill_broker and self._broker is not None:
            await self._wait(load_s / 2, 0.0, 0.5)
            await self._outage(self._broker)
        await self._wait(load_s - (now_s() - begun_s), 0.5 if self._plan.kill_broker else 0.0, 1.0)
        connected = self._sum("connected")
        self._tell(Finish(SETTLE_S))
        self._show("settling", 1.0)
        told = await asyncio.gather(*(worker.told for worker in self._workers))
        took_s = now_s() - begun_s
        return self._report(told, connected, connect_s, took_s, before)

    async def _connect(self) -> None:
        within_s = START_S + START_EACH_S * self._plan.lockers
        try:
            async with asyncio.timeout(within_s):
                while (connected := self._sum("connected")) < self._plan.lockers:
                    self._show(f"connecting {connected}/{self._plan.lockers}", connected / self._plan.lockers)
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise PostomatError(
                f"only {self._sum('connected')} of {self._plan.lockers} lockers were connected within {within_s:.0f} s"
            ) from None

    async def _outage(self, broker: NatsServer) -> None:
        """The broker is killed, and started again on what it has on its disk; until every locker is connected again."""
        loop = asyncio.get_running_loop()
        self._tell(Mark(Phase.OUTAGE))
        await broker.kill()
        self._show("the broker is dead", 0.5)
        await asyncio.sleep(DOWN_S)
        await broker.start()
        since_s = loop.time()
        while self._sum("connected") < self._plan.lockers:
            self._show(f"connecting again, {self._sum('connected')}/{self._plan.lockers}", 0.5)
            await asyncio.sleep(0.2)
            if loop.time() - since_s > SETTLE_S:
                return  # the end will show what is missing
        self._recovered_s = loop.time() - since_s
        self._tell(Mark(Phase.STEADY))

    async def _wait(self, seconds: float, begin: float, end: float) -> None:
        now_s = asyncio.get_running_loop().time
        since_s = now_s()
        while (passed_s := now_s() - since_s) < seconds:
            share = begin + (end - begin) * passed_s / seconds
            self._show(f"{self._sum('acknowledged')} entries", share)
            await asyncio.sleep(min(0.2, seconds - passed_s))

    def _report(
        self, told: list[Told], connected: int, connect_s: float, took_s: float, before: int
    ) -> Report:
        acknowledged = sum(each.acknowledged for each in told)
        waits = {phase: sum((Counter(each.waits[phase]) for each in told), Counter[int]()) for phase in Phase}
        memory_mb = [each.memory_mb for each in told if each.memory_mb is not None]
        unequal = tuple(line for each in told for line in each.unequal)
        alarms = tuple(line for each in told for line in each.alarms)
        whole = connected == self._plan.lockers and not unequal and not alarms
        return Report(
            ok=whole and (self._recovered_s is not None or not self._plan.kill_broker),
            lockers=self._plan.lockers,
            connected=connected,
            jobs=len(told),
            connect_s=round(connect_s, 1),
            load_s=round(took_s, 1),
            entries=sum(each.entries for each in told),
            acknowledged=acknowledged,
            entries_per_s=round((acknowledged - before) / took_s, 1),
            steady=waited(waits[Phase.STEADY]),
            outage=waited(waits[Phase.OUTAGE]),
            recovered_s=self._recovered_s and round(self._recovered_s, 1),
            memory_mb=round(sum(memory_mb) / self._plan.lockers, 2) if len(memory_mb) == len(told) else None,
            visits=sum(each.visits for each in told),
            turned_away=sum(each.turned_away for each in told),
            unequal=unequal,
            alarms=alarms,
        )

    def _tell(self, order: Order) -> None:
        for worker in self._workers:
            worker.order(order)

    def _sum(self, what: str) -> int:
        return sum(getattr(worker.state, what) for worker in self._workers)


def shares(plan: Plan, folder: Path, brokers: tuple[str, ...]) -> Iterator[Work]:
    """Each worker's lockers: as many as any other's, or one more."""
    jobs, begin = min(plan.jobs, plan.lockers), 0
    for job in range(jobs):
        end = plan.lockers * (job + 1) // jobs
        yield Work(begin + 1, end - begin, str(folder), brokers, plan.pause_s)
        begin = end


def run(plan: Plan) -> Report:
    """Run it to its end, with a bar on stderr while a person watches. Raises PostomatError."""
    watched = sys.stderr.isatty()
    report = asyncio.run(Fleet(plan, _bar if watched else lambda what, share: None).run())
    if watched:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return report


def _bar(what: str, share: float) -> None:
    print(f"\r\x1b[K{'█' * int(30 * share):·<30} {what}", end="", file=sys.stderr, flush=True)
