"""Two buyers with their phones at the running simulator: the app's real API, the real locker, hands at its doors."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.sim.test_panel_page import unfold
from tests.sim.test_panel_visit import shown, visit
from tests.sim.test_run import Simulator, end, start

SCREENS = Path("build/screens")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    running = start("--no-browser")
    yield running
    end(running)


class Person:
    """Somebody's phone and hands, by a person at the page."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.phone = page.locator(f"[data-person='{name}']")

    async def turn(self, tab: str) -> None:
        await self.phone.locator(f"[data-tab='{tab}']").click()

    def parcel(self, waybill: str) -> Locator:
        return self.phone.locator(f"[data-app='{waybill}']")

    async def press(self, waybill: str, *names: str) -> None:
        await unfold(self.parcel(waybill))
        for name in names:
            await self.parcel(waybill).get_by_role("button", name=name, exact=True).click()

    async def scan(self, name: str) -> None:
        """Hold it before the screen, once there is a code on it."""
        await self.phone.get_by_role("button", name=name, exact=True).click()

    async def reads(self, waybill: str, state: str) -> None:
        await expect(self.parcel(waybill).locator(".stage")).to_have_text(state)


async def order(page: Page, buyer: str, account: str = "Kaspi Gold") -> tuple[str, int]:
    """Order a parcel, as the shop's side of the page does."""
    rows = page.locator("[data-order]")
    await page.locator("#tab-orders").click()
    await page.locator("#buyer").select_option(buyer)
    cell = await page.locator("#into").input_value()
    await page.locator("#account").select_option(account)
    before = await rows.count()  # only now: the tab is fetched when somebody opens it
    await page.get_by_role("button", name="Order a parcel").click()
    await expect(rows).to_have_count(before + 1)
    return await rows.first.get_attribute("data-order") or "", int(cell)


async def deposit(page: Page, waybill: str, cell: int) -> None:
    """The courier's part."""
    sms = page.locator("[data-person='courier'] .sms", has_text=waybill)
    await sms.locator(".type").click()
    await page.locator(f"[data-put='{waybill}']").first.click()
    await close(page, cell)
    await expect(page.locator(f"[data-order='{waybill}'] .stage")).to_have_text("in the locker")


async def close(page: Page, cell: int) -> None:
    await page.locator(f"[data-cell='{cell}'].open .door").click()


def test_the_phone_draws_its_code_anew_while_somebody_looks_at_it(
    runner: asyncio.Runner, browser: Browser, simulator: Simulator
) -> None:
    async def play() -> None:
        async with visit(browser, simulator) as page:
            alia = Person(page, "alia")
            waybill, cell = await order(page, "alia")
            await deposit(page, waybill, cell)
            await alia.turn("app")
            await unfold(alia.parcel(waybill))
            await alia.parcel(waybill).get_by_text("Show the QR code").click()
            drawn = alia.parcel(waybill).locator("svg path")
            first = await drawn.get_attribute("d") or ""
            assert first.startswith("M0 0h7v1h-7z")
            await expect(drawn).not_to_have_attribute("d", first)

    runner.run(play())


def test_a_cell_opens_from_the_app_again_and_is_confirmed(
    runner: asyncio.Runner, browser: Browser, simulator: Simulator
) -> None:
    """The app asks whether one stands there; a door closed by mistake opens once more; the other phone sees nothing of it."""

    async def play() -> None:
        async with visit(browser, simulator) as page:
            alia, marat = Person(page, "alia"), Person(page, "marat")
            waybill, cell = await order(page, "alia")
            await alia.turn("app")
            await marat.turn("app")
            await alia.reads(waybill, "On its way to the locker")
            await deposit(page, waybill, cell)
            await expect(alia.phone.locator(".sms", has_text=waybill)).to_have_count(1)
            await alia.reads(waybill, "Waits in the locker")
            await alia.press(waybill, "Open the cell")
            await expect(alia.parcel(waybill).locator(".told")).to_have_text(
                "Are you standing at this locker?"
            )
            await expect(page.locator(f"[data-cell='{cell}'].open")).to_have_count(0)
            await alia.press(waybill, "Yes, open")
            await expect(page.locator(f"[data-cell='{cell}'].open")).to_have_count(1)
            await expect(alia.parcel(waybill).locator(".told")).to_have_text("opened")
            await close(page, cell)  # by mistake: the parcel lies in it
            await shown(page, "ask_taken")
            await alia.press(waybill, "Open again", "Yes, open")
            await page.get_by_role("button", name=f"Take {waybill} out of cell").click()
            await close(page, cell)
            await shown(page, "ask_taken")  # the locker has seen the door shut
            await alia.press(waybill, "Confirm receipt")
            await alia.reads(waybill, "collected")
            await expect(alia.parcel(waybill).locator("[data-does]")).to_have_count(0)
            await expect(marat.parcel(waybill)).to_have_count(0)
            await page.locator("#tab-xray").click()
            lines = page.locator("#xray [data-line]", has_text=waybill)
            opened = lines.filter(has_text="“Open the cell” in the app")
            await expect(opened).to_have_count(2)
            await expect(opened.first.locator("[data-part='bolt']")).to_have_count(1)
            await expect(opened.first.locator("[data-part='told']").last).to_contain_text("accepted")
            await expect(lines.filter(has_text="“Confirm receipt”")).to_have_count(1)

    runner.run(play())


def test_the_screen_is_scanned_and_its_parcels_are_collected_one_by_one(
    runner: asyncio.Runner, browser: Browser, simulator: Simulator
) -> None:
    """A phone that has read the code has the locker until «Отмена», on the phone or at the screen; another one has nothing of it."""

    async def play() -> None:
        async with visit(browser, simulator) as page:
            alia, marat = Person(page, "alia"), Person(page, "marat")
            await alia.turn("app")
            await marat.turn("app")
            scan, cancel = ("Scan the screen", "Cancel")
            for free in (alia.phone, page.frame_locator("#kiosk iframe")):
                await shown(page, "idle")
                await alia.scan(scan)
                await shown(page, "claimed")
                await expect(alia.phone.get_by_role("button", name=cancel, exact=True)).to_be_visible()
                await expect(marat.phone.get_by_role("button", name=scan, exact=True)).to_be_visible()
                await marat.scan(scan)
                await expect(marat.phone.locator(".told").first).to_have_text(
                    "There is no code on the screen"
                )
                await free.get_by_role("button", name=cancel if free is alia.phone else "Отмена").click()
                await expect(alia.phone.get_by_role("button", name=scan, exact=True)).to_be_visible()
            await shown(page, "idle")
            await alia.scan(scan)
            await shown(page, "claimed")
            await page.screenshot(path=SCREENS / "panel-claimed.png")
            for waybill, cell in (("KZ103", 3), ("KZ104", 5)):
                await alia.press(waybill, "Collect the item")
                await page.get_by_role("button", name=f"Take {waybill} out of cell").click()
                await close(page, cell)
                await shown(page, "ask_taken")
                await alia.press(waybill, "Confirm receipt")
                await alia.reads(waybill, "collected")
            await expect(alia.phone.get_by_role("button", name=scan, exact=True)).to_be_visible()
            await page.locator("#tab-xray").click()
            await expect(page.locator("#xray [data-line]", has_text="A phone has scanned")).to_have_count(3)

    runner.run(play())


async def a_day_later(page: Page) -> None:
    """As a person does it: what still moves has the move refused, and then one clicks again."""
    day = page.locator(".clock .stack .quiet")
    was = await day.text_content() or ""
    for _ in range(4):
        await page.locator("[data-jump='day']").click()
        with contextlib.suppress(AssertionError):
            await expect(day).not_to_have_text(was, timeout=8_000)
            return
    await expect(day).not_to_have_text(was)


def test_what_expires_is_taken_back_and_the_money_comes_to_the_account_that_paid(
    runner: asyncio.Runner, browser: Browser, simulator: Simulator
) -> None:
    async def play() -> None:
        async with visit(browser, simulator) as page:
            marat = Person(page, "marat")
            waybill, cell = await order(page, "marat", "Kaspi Red")
            await deposit(page, waybill, cell)
            await marat.turn("kaspi")
            red = marat.phone.locator("[data-account='Kaspi Red']")
            gold = marat.phone.locator("[data-account='Kaspi Gold']")
            await expect(red.locator("b")).to_have_text("187\u00a0100 ₸")
            await shown(page, "idle")
            for _ in range(3):
                await a_day_later(page)
            await expect(red).to_be_visible()  # SMS that come turn nobody away from it
            await expect(red).to_contain_text(f"Refund for {waybill}: +12\u00a0900 ₸")
            await expect(red.locator("b")).to_have_text("200\u00a0000 ₸")
            await expect(gold).to_contain_text("Refund for KZ105")
            await expect(gold).not_to_contain_text(waybill)
            await page.screenshot(path=SCREENS / "panel-refund.png")
            await marat.turn("app")
            await marat.reads(waybill, "The term is over, the order is cancelled")
            await page.locator("#tab-orders").click()
            await page.get_by_role("button", name=f"Send a courier: {waybill}").click()
            sms = page.locator("[data-person='courier'] .sms", has_text=f"Забрать {waybill}")
            await sms.locator(".type").click()
            await page.get_by_role("button", name=f"Take {waybill} out of cell").click()
            await close(page, cell)
            await marat.reads(waybill, "On its way back to the shop")
            await expect(Person(page, "alia").parcel(waybill)).to_have_count(0)

    runner.run(play())


def test_what_a_phone_shows_of_a_locker_that_is_busy_or_away(
    runner: asyncio.Runner, browser: Browser, simulator: Simulator
) -> None:
    async def play() -> None:
        async with visit(browser, simulator) as page:
            alia = Person(page, "alia")
            await alia.turn("app")
            await page.locator("[data-switch='link']").click()
            away = alia.phone.locator(".away")
            await expect(away).to_have_text("The locker is offline, the code from the SMS works")
            does = alia.parcel("KZ103").locator("[data-does]")
            await expect(does).to_have_count(1)  # the locker has no part in that
            await expect(does).to_have_attribute("data-does", "resend")
            await page.locator("[data-switch='link']").click()
            await expect(away).to_be_hidden()
            await Person(page, "marat").turn("app")
            await Person(page, "marat").press("KZ105", "Open the cell", "Yes, open")
            await expect(page.locator("[data-cell='7'].open")).to_have_count(1)
            await alia.press("KZ103", "Open the cell", "Yes, open")
            await expect(alia.parcel("KZ103").locator(".told")).to_have_text("the locker is busy")
            await page.locator("[data-switch='power']").click()
            await expect(away).to_be_visible()

    runner.run(play())
