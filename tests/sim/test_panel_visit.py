"""A person visits the running simulator: the real page, the real kiosk in it, the real locker below."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from sim import web
from sim.scenario import read
from tests.sim import first_minute
from tests.sim.test_run import Simulator, end, start

SCREENS = Path("build/screens")
WAIT_MS = 120_000.0  # a bound on waiting, never a measure


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    running = start("--no-browser")
    yield running
    end(running)


@asynccontextmanager
async def visit(
    browser: Browser, simulator: Simulator, expected: str = "no complaint"
) -> AsyncIterator[Page]:
    """The page; nothing in it may complain of anything but what is expected."""
    context = await browser.new_context(
        viewport={"width": 1_600, "height": 900}, locale="en-US", color_scheme="light"
    )
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(simulator.address)
    await page.locator("html[data-state=live]").wait_for()
    yield page
    await context.close()
    assert [text for text in complaints if expected not in text] == []


async def shown(page: Page, screen: str) -> None:
    """Wait for a screen of the kiosk."""
    await page.frame_locator("#kiosk iframe").locator(f'html[data-screen="{screen}"]').wait_for()


def test_the_first_minute(runner: asyncio.Runner, browser: Browser, simulator: Simulator) -> None:
    """Whoever clicks only what glows has a parcel in the locker after four clicks, and its buyer's door open after five."""

    async def play() -> None:
        async with visit(browser, simulator) as page:
            await first_minute.play(page)
            await shown(page, "take_parcel")
            await expect(page.locator(".card")).to_have_count(3)
            bolt = page.locator("#xray [data-part='bolt']").last
            await expect(bolt).to_contain_text("bolt")
            await page.screenshot(path=SCREENS / "panel.png")
            await page.emulate_media(color_scheme="dark")
            await page.screenshot(path=SCREENS / "panel-dark.png")

    SCREENS.mkdir(parents=True, exist_ok=True)
    runner.run(play())


@pytest.mark.parametrize("card", ["plug", "offline", "three_days"])
def test_a_card_runs_to_its_explanation(
    runner: asyncio.Runner, browser: Browser, simulator: Simulator, card: str
) -> None:
    async def play() -> None:
        async with visit(browser, simulator) as page:
            await page.get_by_role("button", name="Straight to the stories").click()
            await page.locator(f"[data-card='{card}']").click()
            if card != "three_days":
                await page.locator(".parcel.glow").click()
                await page.locator(".door.glow").click()
            await page.get_by_role("button", name="I see").wait_for()
            story = await page.evaluate("async () => (await fetch('/en.json')).json()")
            await expect(page.locator("#story p")).to_have_text(story[f"story.{card}.why"])

    runner.run(play())


def test_a_courier_fetches_what_has_expired_by_the_keyboard(
    runner: asyncio.Runner, browser: Browser, simulator: Simulator
) -> None:
    """Also the code is typed by hand, on the kiosk."""

    async def play() -> None:
        async with visit(browser, simulator) as page:
            await page.locator("#tab-orders").press("Enter")
            row = page.locator("#orders li", has=page.get_by_role("button", name="Send a courier"))
            waybill = await row.first.get_attribute("data-order") or ""
            await page.get_by_role("button", name=f"Send a courier: {waybill}").press("Enter")
            sms = page.locator('[data-person="courier"] .sms', has_text=f"Забрать {waybill}")
            code = sms.locator(".code")
            await code.press("Enter")  # the keyboard is the kiosk's now
            await page.frame_locator("#kiosk iframe").locator(".button.first").press("Enter")
            await shown(page, "keypad")
            await page.keyboard.type(await code.text_content() or "")
            await shown(page, "take_parcel")
            await page.get_by_role("button", name=f"Take {waybill} out of cell").press("Enter")
            await page.locator(f'[data-person="courier"] [data-parcel="{waybill}"]').wait_for()
            await page.locator(".open .door").press("Space")
            await expect(page.locator(f'[data-order="{waybill}"] .stage')).to_have_text("taken back")
            await page.locator("#tab-journal").click()
            await page.locator('#journal [data-kind="withdrawn"]', has_text=waybill).wait_for()

    runner.run(play())


def test_the_screen_takes_the_keyboard_from_nobody(
    runner: asyncio.Runner, browser: Browser, simulator: Simulator
) -> None:
    """It changes by itself, and whoever types elsewhere on the page goes on."""

    async def play() -> None:
        async with visit(browser, simulator) as page:
            await shown(page, "idle")
            search = page.locator("#xray-search")
            await search.focus()
            async with web.socket_of(simulator.address, "/world") as finger:
                await finger.send_json({"type": "touch", "action": "start"})
                await shown(page, "keypad")
            await page.keyboard.type("door")
            await expect(search).to_have_value("door")

    runner.run(play())


def test_what_was_done_is_saved_as_a_scenario(
    runner: asyncio.Runner, browser: Browser, simulator: Simulator, tmp_path: Path
) -> None:
    async def play() -> None:
        async with visit(browser, simulator) as page:
            await page.locator("#bring").click()
            await page.locator(".type.glow").wait_for()
            async with page.expect_download() as coming:
                await page.get_by_role("button", name="Save as scenario").click()
            await (await coming.value).save_as(tmp_path / "saved.toml")

    runner.run(play())
    assert read(str(tmp_path / "saved.toml")).steps


def test_a_page_finds_the_next_simulator(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with visit(browser, first, expected="ERR_CONNECTION_REFUSED") as page:
            await shown(page, "idle")
            end(first)
            await page.locator("html[data-state=gone]").wait_for()
            second = start("--no-browser", port=port)
            try:
                await page.locator("html[data-state=live]").wait_for()
                await shown(page, "idle")
            finally:
                end(second)

    first = start("--no-browser")
    port = int(first.address.rpartition(":")[2])
    runner.run(play())
