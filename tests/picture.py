"""The README's animated picture, made of the running simulator: code, door, plug pulled, recovered.

`make picture` (`python -m tests.picture`) writes docs/first-minute.webp. Nothing is staged but the clicks: the page, the kiosk in it
and the locker below are those of `make sim`. How long a frame stays is for the reader, not what it took.
"""

import asyncio
import io
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page

from tests.kiosk.stage import browsing
from tests.sim.test_run import end, start

PICTURE = Path("docs/first-minute.webp")
SHOWN_PX = (960, 600)
WAIT_MS = 40_000.0
# What is clicked, in the order in which it glows; with it, how long the page is then looked at.
FIRST = (
    ("#bring", 1_400),
    ("[data-person='courier'] .type", 1_200),
    ("[data-put]", 900),
    (".door", 1_400),
    ("[data-person='alia'] .type", 1_400),
    (".parcel", 900),
    (".door", 1_400),
)


class Film:
    """Frames, and how long each of them stays."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._frames: list[Image.Image] = []
        self._stay_ms: list[int] = []

    async def shoot(self, stay_ms: int) -> None:
        """One frame of the page as it is."""
        shot = Image.open(io.BytesIO(await self._page.screenshot()))
        self._frames.append(shot.convert("RGB").resize(SHOWN_PX, Image.Resampling.LANCZOS))
        self._stay_ms.append(stay_ms)

    def save(self, path: Path) -> None:
        """Write all of them as one animated picture that begins again."""
        first, *others = self._frames
        first.save(
            path, save_all=True, append_images=others, duration=self._stay_ms, loop=0, quality=62, method=6
        )


async def _film(page: Page) -> Film:
    film = Film(page)
    await page.locator(".glow").wait_for()
    await film.shoot(1_600)
    for thing, stay_ms in FIRST:
        await page.locator(f"{thing}.glow").wait_for()
        await film.shoot(500)
        await page.locator(f"{thing}.glow").click()
        await page.wait_for_timeout(900)  # doors swing
        await film.shoot(stay_ms)
    await page.frame_locator("#kiosk iframe").locator("[data-action='confirm']").click()
    await page.wait_for_timeout(700)
    await film.shoot(900)
    await page.locator("[data-card='plug']").click()
    told = ""
    while not await page.get_by_role("button", name="I see").is_visible():
        for thing in (".parcel.glow", ".door.glow"):
            if await page.locator(thing).count():
                await page.locator(thing).first.click()
                await page.wait_for_timeout(700)
        now = await page.locator("#story").inner_text()
        await film.shoot(1_900 if now != told else 300)
        told = now
        await page.wait_for_timeout(700)
    await film.shoot(4_500)
    return film


def main() -> None:
    """Film it and write the picture."""
    simulator = start("--no-browser")
    try:
        with asyncio.Runner() as runner, browsing(runner) as browser:
            runner.run(_visit(browser, simulator.address)).save(PICTURE)
    finally:
        end(simulator)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1_024:.0f} kB")


async def _visit(browser: Browser, address: str) -> Film:
    page = await browser.new_page(
        viewport={"width": 1_280, "height": 800}, locale="en-US", color_scheme="light"
    )
    page.set_default_timeout(WAIT_MS)
    await page.goto(address)
    await page.locator("html[data-state=live]").wait_for()
    film = await _film(page)
    await page.close()
    return film


if __name__ == "__main__":
    main()
