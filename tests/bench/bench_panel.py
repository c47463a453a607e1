"""The panel's frames while every one of 96 cells changes ten times a second, beside those of an empty page.

Simulator and kiosk are processes of their own (`tests.bench.panel`), the browser is headless Chromium, which draws with the
processor alone. Page and empty page are opened anew for each sample, and looked at for as long.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from statistics import median
from time import monotonic
from typing import Any

from playwright.async_api import Browser, Error, ViewportSize

from tests.bench.harness import BenchError, Measure, Peer, figure
from tests.bench.panel import CHANGES_HZ
from tests.bench.process import helper
from tests.kiosk.stage import browsing
from tests.sim import first_minute as clicks
from tests.sim.test_run import end, start

LOOK_MS = 10_000
SETTLE_MS = 1_500  # for the page to be built
FRAME_MS = 1_000 / 60
LATE_MS = 1.5 * FRAME_MS  # a frame that comes later has let one go by
DESK: ViewportSize = {"width": 1_600, "height": 900}
PATIENCE_MS = 120_000.0

FRAMES = """
(ms) => new Promise((resolve) => {
  const at = [], updates = [];
  const watch = new PerformanceObserver((list) => updates.push(...list.getEntriesByName("panel.update").map((one) => one.duration)));
  watch.observe({ type: "measure" });
  const frame = (now) => {
    at.push(now);
    if (now - at[0] < ms) requestAnimationFrame(frame);
    else { watch.disconnect(); resolve({ at, updates }); }
  };
  requestAnimationFrame(frame);
})
"""


class Frames:
    """What a page's frames were in all the looks at it."""

    def __init__(self) -> None:
        self.times_ms: list[float] = []
        self.updates_ms: list[float] = []
        self.looks = 0
        self.seconds = 0.0

    def add(self, seen: dict[str, list[float]]) -> float:
        """One look; its median frame time, to the tenth of a millisecond that a browser tells."""
        at = seen["at"]
        times_ms = [round(later - earlier, 1) for earlier, later in pairwise(at)]
        self.times_ms += times_ms
        self.updates_ms += seen["updates"]
        self.seconds += (at[-1] - at[0]) / 1_000
        return median(times_ms)

    def __str__(self) -> str:
        late = sum(each > LATE_MS for each in self.times_ms) / len(self.times_ms)
        return f"{len(self.times_ms) / self.seconds:.1f} frames a second, {late:.1%} of them late, the longest {max(self.times_ms):.0f} ms"


class Looks:
    """A browser that looks at pages."""

    def __init__(self) -> None:
        self.panel, self.empty = Frames(), Frames()
        self._at: tuple[asyncio.Runner, Browser, str] | None = None

    @contextmanager
    def open(self) -> Iterator["Looks"]:
        """The simulator runs and the browser stands ready, while the context lasts. Raises BenchError."""
        with ExitStack() as stack:
            _, address = stack.enter_context(helper("tests.bench.panel"))
            runner = stack.enter_context(asyncio.Runner())
            try:
                browser = stack.enter_context(browsing(runner))
            except Error as error:
                raise BenchError(f"no browser: {error}") from None
            self._at = runner, browser, address
            yield self

    def __call__(self) -> float:
        """The panel's median frame time, in milliseconds."""
        value = self.panel.add(self._look(lambda address: address, "html[data-state=live]"))
        if (pace := len(self.panel.updates_ms) / self.panel.seconds) < 0.9 * CHANGES_HZ:
            raise BenchError(f"the page showed {pace:.1f} changes a second, not {CHANGES_HZ}")
        return value

    def nothing(self) -> float:
        """The empty page's."""
        return self.empty.add(self._look(lambda address: "about:blank", "html"))

    def _look(self, where: Any, ready: str) -> dict[str, list[float]]:
        if self._at is None:
            raise BenchError("the browser is not open")
        runner, browser, address = self._at

        async def look() -> dict[str, list[float]]:
            page = await browser.new_page(viewport=DESK, locale="en-US")
            await page.goto(where(address))
            await page.locator(ready).wait_for(state="attached")
            await page.wait_for_timeout(SETTLE_MS)
            seen: dict[str, list[float]] = await page.evaluate(FRAMES, LOOK_MS)
            await page.close()
            return seen

        return runner.run(look())

    def note(self) -> str:
        """How even the frames were, and what showing a change takes."""
        updates = sorted(self.panel.updates_ms)
        return (
            f"the panel {self.panel}; an empty page {self.empty}; {len(updates) / self.panel.seconds:.1f} changes a second, "
            f"panel.update median {median(updates):.1f} ms, p95 {updates[int(0.95 * len(updates))]:.1f} ms"
        )


looks = Looks()


@figure(
    "frame of the panel, 96 cells changing at 10 Hz, median",
    "ms",
    at_most=16.7,
    peer=Peer("an empty page", looks.nothing),
    rounds=3,
)
@contextmanager
def panel_frame() -> Iterator[Measure]:
    """60 frames a second are 16.7 ms each, as a browser counts."""
    with looks.open() as measure:
        yield measure


@figure(
    "From the simulator's start to a parcel brought and its buyer's door open, by five clicks",
    "s",
    at_most=30,
    rounds=3,
)
@contextmanager
def first_minute() -> Iterator[Measure]:
    """The promise to whoever has just installed it: broker, backend, locker, kiosk and page start within that time."""
    with asyncio.Runner() as runner, browsing(runner) as browser:

        def measure() -> float:
            begun_s = monotonic()
            simulator = start("--no-browser")

            async def played() -> float:
                page = await browser.new_page(viewport=DESK, locale="en-US")
                page.set_default_timeout(PATIENCE_MS)
                await page.goto(simulator.address)
                await clicks.play(page)
                taken_s = monotonic() - begun_s
                await page.close()
                return taken_s

            try:
                return runner.run(played())
            finally:
                end(simulator)

        yield measure
