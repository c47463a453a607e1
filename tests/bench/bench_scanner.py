"""From a code before the camera to the controller's decision, over the live stream at 30 frames a second; and what a scanner costs.

The camera, `postomat scanner` and the controller's process are three. The clock runs from the moment in which the first frame with the code
begins to go out of the camera, which up to one frame interval after somebody shows it, until the controller has handled the token. The
code is undamaged: in a hand, a little turned and tilted, in fair light. A touch has woken the scanner, which looks seldom while nobody is there.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import monotonic

from firmware.assembly import Assembly
from firmware.events import TokenShown
from firmware.optics import CameraState
from sim import pace
from sim.faces import MemoryKiosk
from sim.live_scanner import LiveScanner, scanning
from sim.locker import SimLocker
from sim.scenario import cabinet
from sim.steps import Steps
from tests.bench.harness import BenchError, Measure, figure, p95

SHOWN = 40
IDLE_S = 20.0  # over which idle work is measured
PATIENCE_S = 30.0
ASKED_S = 30.0  # longer than the screen asks whether the parcel was taken
WAYBILL, CELL, BUYER = "KZ1", "7", "buyer"

# What the locker is to know of its camera. A stream that hangs is one whose next picture does not come.
ILLS = {
    "camera_black": (CameraState.COVERED,),
    "camera_frozen": (CameraState.FROZEN,),
    "camera_hangs": (CameraState.HUNG, CameraState.GONE),
    "camera_garbage": (CameraState.GONE,),
    "camera_gone": (CameraState.GONE,),
    "scanner_crashed": (CameraState.SILENT,),
}


class Shows:
    """A locker with one parcel, and a phone that shows its code again and again."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._handled_s: float | None = None

    async def start(self) -> None:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        self.locker = SimLocker(cabinet("rs485"), Path(folder), 1, live=True)
        self._stack.push_async_callback(self.locker.close)
        self.locker.observe(self._follow)
        self.steps = Steps(self.locker, MemoryKiosk(self.locker))
        self._stack.push_async_callback(self.steps.end)
        await self.locker.switch_on()
        self.scanner: LiveScanner = await self._stack.enter_async_context(scanning(self.locker))
        self.locker.crash_scanner = self.scanner.process.crash
        await asyncio.sleep(self.locker.config.locks.rest_s)
        await self.steps.do_order(WAYBILL, CELL)
        await self.steps.do_deposit(WAYBILL, CELL)
        await self.steps.do_camera(CameraState.OK)

    async def end(self) -> None:
        await self._stack.aclose()

    async def show(self) -> float:
        """The milliseconds from the first frame to the decision. Then its door is shut again, and nothing was taken."""
        await self.steps.do_see("idle")
        await self.steps.do_press("start")  # a touch wakes the scanner
        await self.steps.do_see("keypad")
        camera, self._handled_s = self.scanner.camera, None
        assert camera is not None
        await self.steps.do_token(BUYER, WAYBILL, source="paper")
        await self.steps.do_hold(BUYER, plain="yes")
        number = camera.number
        async with asyncio.timeout(PATIENCE_S):
            while self._handled_s is None or number not in camera.began:
                self.locker.moved.clear()
                await self.locker.moved.wait()
        await self.steps.do_lower()
        await self.steps.do_see("take_parcel", cell=CELL)
        await self.steps.do_close(CELL)
        await self.steps.do_see("ask_taken")
        pace.the_loop().move(ASKED_S)  # silence: it lies there still
        return 1_000 * (self._handled_s - camera.began[number])

    async def idle(self) -> float:
        """Percent of a core that the scanner takes while nobody is there."""
        await self.steps.do_see("idle")
        await asyncio.sleep(3)
        begun_s, used_s = monotonic(), _used_s(self.scanner.process.pid)
        await asyncio.sleep(IDLE_S)
        return 100 * (_used_s(self.scanner.process.pid) - used_s) / (monotonic() - begun_s)

    async def memory(self) -> float:
        """MB that the scanner has resident after it has read something."""
        await self.show()
        return _resident_mb(self.scanner.process.pid)

    async def fall_ill(self, fault: str, told: tuple[CameraState, ...]) -> float:
        """The seconds until the controller knows, while nobody is there and the scanner looks seldom. Then it is well again."""
        await self.steps.do_see("idle")
        await self.steps.do_camera(CameraState.OK)
        await asyncio.sleep(3)
        begun_s = monotonic()
        await self.steps.do_strike(fault)
        async with asyncio.timeout(PATIENCE_S):
            while self._camera not in told:
                if self._camera is not CameraState.OK:
                    raise BenchError(f"{fault}: the camera was said to be {self._camera}")
                self.locker.moved.clear()
                await self.locker.moved.wait()
        noticed_s = monotonic() - begun_s
        if fault != "scanner_crashed":
            await self.steps.do_heal(fault)
        await self.steps.do_camera(CameraState.OK, f"{PATIENCE_S}s")
        return noticed_s

    @property
    def _camera(self) -> CameraState:
        return CameraState(self.locker.controller.runtime.controller.state.locker.scanner)

    def _follow(self, parts: Assembly) -> None:
        def observe(post: object, effects: object) -> None:
            if isinstance(getattr(post, "event", None), TokenShown) and self._handled_s is None:
                self._handled_s = monotonic()

        parts.runtime.observers.append(observe)


def _used_s(pid: int) -> float:
    """Processor time so far. Raises BenchError where there is no /proc, or no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError as error:
        raise BenchError(f"the scanner's processor time is not told: {error}") from None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    """What it has of the memory now. Raises BenchError likewise."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError as error:
        raise BenchError(f"the scanner's memory is not told: {error}") from None
    return int(status.partition("VmRSS:")[2].split()[0]) * 1_024 / 1e6


@contextmanager
def _shows() -> Iterator[tuple[asyncio.Runner, Shows]]:
    with asyncio.Runner(loop_factory=pace.LiveLoop) as runner:

        async def made() -> Shows:
            shows = Shows()
            try:
                await shows.start()
            except BaseException:
                await shows.end()
                raise
            return shows

        shows = runner.run(made())
        try:
            yield runner, shows
        finally:
            runner.run(shows.end())


@figure(
    "Code before the camera → accepted, p50, beside a frame interval",
    "ms",
    at_most=80,
    rounds=SHOWN,
    summary=median,
)
@contextmanager
def shown_to_accepted() -> Iterator[Measure]:
    with _shows() as (runner, shows):
        yield lambda: runner.run(shows.show())


@figure(
    "Code before the camera → accepted, p95, beside a frame interval",
    "ms",
    at_most=150,
    rounds=SHOWN,
    summary=p95,
)
@contextmanager
def shown_to_accepted_p95() -> Iterator[Measure]:
    with _shows() as (runner, shows):
        yield lambda: runner.run(shows.show())


class Ills:
    """All that happens to a camera, one after another: each time at another locker, for one believes only ten recoveries in ten minutes."""

    def __init__(self) -> None:
        self._taken_s: dict[str, list[float]] = {fault: [] for fault in ILLS}

    def __call__(self) -> float:
        """The longest that one of them took to be noticed."""
        with _shows() as (runner, shows):
            for fault, told in ILLS.items():
                self._taken_s[fault].append(runner.run(shows.fall_ill(fault, told)))
        return max(taken_s[-1] for taken_s in self._taken_s.values())

    def note(self) -> str:
        """What each of them took."""
        return ", ".join(f"{fault} {median(taken_s):.2f} s" for fault, taken_s in self._taken_s.items())


@figure(
    "Camera that is ill → the controller knows how, the slowest kind", "s", at_most=3, rounds=3, summary=max
)
@contextmanager
def camera_noticed() -> Iterator[Measure]:
    """Each within 3 s: a covered lens, one picture for ever, a stream that hangs, sends garbage or is gone, a process that is."""
    yield Ills()


@figure("Scanner with nobody there", "% of a core", at_most=3, rounds=3)
@contextmanager
def scanner_idle() -> Iterator[Measure]:
    with _shows() as (runner, shows):
        yield lambda: runner.run(shows.idle())


@figure("Scanner's resident memory", "MB", at_most=110, rounds=3)
@contextmanager
def scanner_memory() -> Iterator[Measure]:
    with _shows() as (runner, shows):
        yield lambda: runner.run(shows.memory())
