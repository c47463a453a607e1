"""The main job, by touches, in a real browser: deposit and pickup on the shipped kiosk before the shipped controller.

The lock board is on a pty, the sockets are real. The pictures of every step are kept in build/screens/.
"""

import asyncio
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from sim.live import KioskProcess
from sim.locker import SimLocker
from sim.scenario import cabinet
from tests.kiosk.test_texts import LANGUAGES

PICTURES = Path("build/screens")
CELL = 3
REACH_S = 3.2  # a door open for less is asked about


class Person:
    """Somebody at the screen: sees headings, touches buttons."""

    def __init__(self, page: Page, language: str) -> None:
        self.page = page
        self.language = language
        self._steps = 0

    async def sees(self, screen: str) -> None:
        await expect(self.page.locator("html")).to_have_attribute("data-screen", screen, timeout=15_000)
        await expect(self.page.locator("h1:visible").first).not_to_be_empty()
        self._steps += 1
        await self.page.screenshot(path=PICTURES / f"pickup-{self.language}-{self._steps:02}-{screen}.png")

    async def presses(self, action: str) -> None:
        await self.page.locator(f".button[data-action={action}]").click()

    async def types(self, code: str) -> None:
        for digit in code:
            await self.page.locator(f".key[data-key='{digit}']").click()

    async def chooses_language(self) -> None:
        await self.page.locator(f"[data-language={self.language}]").click()
        await expect(self.page.locator("html")).to_have_attribute("lang", self.language)


def test_a_whole_pickup_by_touches_in_each_language(
    runner: asyncio.Runner, browser: Browser, tmp_path: Path
) -> None:
    """Three lockers side by side, because most of it is waiting for doors."""

    async def pickups() -> None:
        async with asyncio.TaskGroup() as group:
            for language in LANGUAGES:
                (tmp_path / language).mkdir()
                group.create_task(_pickup(language, browser, tmp_path / language))

    PICTURES.mkdir(parents=True, exist_ok=True)
    runner.run(pickups())


async def _pickup(language: str, browser: Browser, folder: Path) -> None:
    locker = SimLocker(cabinet("rs485"), folder, seed=7, live=True)
    await locker.switch_on()
    kiosk = await KioskProcess.start(locker)
    context = await browser.new_context(viewport={"width": 1_080, "height": 1_920}, reduced_motion="reduce")
    try:
        page = await context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request", lambda asked: errors.append(asked.url) if not asked.url.startswith(kiosk.url) else None
        )
        await page.goto(kiosk.url)
        person = Person(page, language)
        locker.backend.order("KZ100", CELL, "alia")
        locker.link.sync()
        await _settled(locker)

        await _visit(person, locker, "put_parcel", locker.backend.last_code("courier"))
        locker.world.put(CELL, "KZ100")
        locker.world.close(CELL)
        await person.sees("thanks")
        await person.presses("back")
        await _settled(locker)
        await _visit(person, locker, "take_parcel", locker.backend.last_code("alia"))
        await asyncio.sleep(REACH_S)
        assert locker.world.take(CELL) == "KZ100"
        locker.world.close(CELL)
        await person.sees("closing")
        await person.presses("confirm")
        await person.sees("thanks")
        await person.presses("back")
        await person.sees("idle")
        await _settled(locker)
        assert [str(order.stage) for order in locker.backend.orders.values()] == ["collected"]
        assert errors == []
    finally:
        await context.close()
        await kiosk.stop()
        await locker.close()


async def _visit(person: Person, locker: SimLocker, screen: str, code: str) -> None:
    """From the idle screen to the open door."""
    await person.sees("idle")
    await person.chooses_language()
    await person.presses("start")
    await person.sees("keypad")
    await person.types(code)
    await person.sees(screen)
    assert not locker.world.cells[CELL].shut


async def _settled(locker: SimLocker) -> None:
    async with asyncio.timeout(15):
        while not locker.link.is_settled:
            locker.moved.clear()
            await locker.moved.wait()
