"""From a touch to the next screen, painted: the finger leaves the glass, and the frame with the answer has been drawn.

The kiosk's page is shown by headless Chromium, which draws with the processor alone; kiosk and controller behind it are a
device at work (`tests.bench.device`). Somebody touches the idle screen, and then goes back from the keypad, again and again.
The peer is an empty page that a server sends its own touch back to (`tests.bench.empty`), in the same browser.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

from playwright.async_api import Browser, Page, ViewportSize
from playwright.async_api import Error as BrowserError

from firmware.model import ScreenName
from tests.bench.device import device
from tests.bench.harness import Against, BenchError, Measure, Peer, figure, p95
from tests.bench.process import helper
from tests.kiosk.stage import browsing

SAMPLES = 120
GLASS: ViewportSize = {"width": 1_080, "height": 1_920}
APART_MS = 350  # a page takes no touch for 250 ms after a new screen
BACK = ".button[data-action=back]"

# Resolves with the milliseconds from the finger's leaving to the first task after the frame that shows another screen.
ARM = """
() => {
  let from;
  addEventListener("pointerup", ({ timeStamp }) => { from = timeStamp; }, { once: true, capture: true });
  window.sample = new Promise((resolve) => {
    const watch = new MutationObserver(() => {
      watch.disconnect();
      requestAnimationFrame(() => {
        const painted = new MessageChannel();
        painted.port1.onmessage = () => resolve(performance.now() - from);
        painted.port2.postMessage(null);
      });
    });
    watch.observe(document.documentElement, { attributeFilter: ["data-screen"] });
  });
}
"""


class Screens:
    """Two pages in one browser: the kiosk's and the empty one."""

    def __init__(self) -> None:
        self.samples_ms: list[float] = []
        self._chance = random.Random(1)
        self._runner: asyncio.Runner | None = None

    @contextmanager
    def open(self) -> Iterator["Screens"]:
        """Device and browser are at work while the context lasts. Raises BenchError."""
        with ExitStack() as stack:
            ours = stack.enter_context(device())
            _, empty = stack.enter_context(helper("tests.bench.empty"))
            runner = stack.enter_context(asyncio.Runner())
            link = runner.run(ours.link())
            stack.callback(link.close)
            try:
                browser = stack.enter_context(browsing(runner))
                self._kiosk = runner.run(_page(browser, ours.url))
                self._empty = runner.run(_page(browser, empty))
            except (BrowserError, FileNotFoundError) as error:
                raise BenchError(f"no page: {error}") from None
            self._runner = runner
            yield self

    def __call__(self) -> float:
        """Milliseconds of one touch at the kiosk: into the keypad, or back."""
        self.samples_ms.append(self._touch(self._kiosk))
        return self.samples_ms[-1]

    def nothing(self) -> float:
        """Of one at the empty page."""
        return self._touch(self._empty)

    def note(self) -> str:
        """How the samples lie."""
        ordered = sorted(self.samples_ms[1:])
        return f"{len(ordered)} samples, median {median(ordered):.1f} ms, the longest {ordered[-1]:.1f} ms"

    def _touch(self, page: Page) -> float:
        assert self._runner is not None
        return self._runner.run(self._touched(page))

    async def _touched(self, page: Page) -> float:
        await page.bring_to_front()
        await page.wait_for_timeout(APART_MS + self._chance.uniform(0, 50))  # anywhere between two frames
        back = await page.get_attribute("html", "data-screen") == ScreenName.KEYPAD
        box = await page.locator(BACK).bounding_box() if back else None
        x = box["x"] + box["width"] / 2 if box else GLASS["width"] / 2
        y = box["y"] + box["height"] / 2 if box else GLASS["height"] / 3
        await page.evaluate(ARM)
        await page.touchscreen.tap(x, y)
        try:
            async with asyncio.timeout(10):
                sample: float = await page.evaluate("() => window.sample")
        except TimeoutError:
            shown = await page.get_attribute("html", "data-screen")
            raise BenchError(f"a touch was not answered; the screen is {shown}") from None
        return sample


async def _page(browser: Browser, address: str) -> Page:
    page = await browser.new_page(viewport=GLASS, has_touch=True)
    await page.goto(address)
    await page.locator("html[data-shown]").wait_for(state="attached")
    return page


screens = Screens()


@figure(
    "touch to the next screen painted, p95",
    "ms",
    at_most=100,
    peer=Peer("p95 of an empty page's round trip", screens.nothing, Against.MINUS),
    rounds=SAMPLES,
    summary=p95,
)
@contextmanager
def touch_to_screen() -> Iterator[Measure]:
    """One touch each round at either page, in turns."""
    with screens.open() as measure:
        yield measure
