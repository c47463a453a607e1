"""«Мои отправления» on the panel's page: many parcels on the screen of a laptop, by mouse and by keyboard, for every eye."""

import asyncio
import re
from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Route, expect

from firmware.deeds import Claim
from firmware.model import Outcome, Purpose
from sim.backend.rights import RESENDS_MAX
from sim.panel.seen import CameraSeen
from tests.sim.scripted_panel import ScriptedPanel
from tests.sim.test_panel_page import (
    ACCESS,
    BOOK_EN,
    CONTRAST,
    NARROW,
    OVERFLOW,
    Desk,
    desk,
    shows_code,
    unfold,
)
from tests.sim.test_panel_texts import BOOKS, LANGUAGES

SMALL = {"width": 1_366, "height": 768}
LARGER = {"width": 1_440, "height": 900}
LAPTOPS = pytest.mark.parametrize("view", [SMALL, LARGER], ids=["1366", "1440"])
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
AXE_RUN = """async () => (await axe.run("#people", { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }))
  .violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`))"""

# Rows of the list that are in sight from edge to edge.
WHOLE = """(list) => { const { top, bottom } = list.getBoundingClientRect();
  return [...list.querySelectorAll('.sum')].filter((row) => { const box = row.getBoundingClientRect();
    return box.top >= top - 1 && box.bottom <= bottom + 1; }).length; }"""
SCROLLS = "(list) => list.scrollHeight > list.clientHeight"
IN_SIGHT = """(element) => { let { top, bottom, left, right } = element.getBoundingClientRect(), is = bottom > top;
  for (let at = element.parentElement; at; at = at.parentElement) { const box = at.getBoundingClientRect();
    if (getComputedStyle(at).overflowY !== 'visible') is &&= top >= box.top - 1 && bottom <= box.bottom + 1; }
  return is && top >= -1 && left >= 0 && bottom <= innerHeight + 1 && right <= innerWidth; }"""


def order(panel: ScriptedPanel, number: int, account: str = "Kaspi Gold") -> str:
    waybill = f"KZ{200 + number}"
    panel.backend.order(waybill, number, "alia", account)
    return waybill


def store(panel: ScriptedPanel, waybill: str) -> None:
    """It lies in its cell, and the locker has answered all that it was asked about its term."""
    panel.phones.told("stored", parcel=waybill, grant=f"deposit-{waybill}")
    for command in list(panel.backend.books.open_commands.values()):
        panel.phones.told("command", command=command.id, parcel=waybill, why="done")


async def ten(there: Desk) -> Locator:
    """Alia has ten parcels: one of each kind, and the rest waits. Her phone, with the app on it."""
    panel = there.panel
    for number in range(1, 10):
        store(panel, order(panel, number, "Kaspi Red" if number % 2 else "Kaspi Gold"))
    order(panel, 10)
    panel.phones.told("expired", parcel="KZ203")
    panel.phones.told("collected", parcel="KZ201")
    panel.phones.told("disputed", parcel="KZ202", grant="pickup-KZ202")
    panel.phones.told("opened", parcel="KZ208", grant="pickup-KZ208")
    phone = there.page.locator("[data-person='alia']")
    await phone.locator("[data-tab='app']").click()
    await expect(phone.locator("[data-app]")).to_have_count(10)
    return phone


@LAPTOPS
@pytest.mark.parametrize("language", LANGUAGES)
def test_ten_parcels_are_a_list_at_a_glance(
    runner: asyncio.Runner, browser: Browser, view: dict[str, int], language: str
) -> None:
    """Five rows at least are whole in sight, the rest is scrolled to inside the phone; the balances stay."""

    async def play() -> None:
        book = BOOKS[language]
        async with desk(browser, viewport=view, locale=language) as there:
            phone = await ten(there)
            mine = phone.locator(".mine")
            assert await mine.evaluate(WHOLE) >= 5
            assert await mine.evaluate(SCROLLS)
            first = mine.locator("[data-app]").first
            await expect(first.locator("b")).to_have_text("KZ209")
            await expect(first.locator(".stage")).to_have_text(str(book["mine.stored"]))
            await expect(first.locator(".where")).to_have_text(str(book["app.cell"]).format(cell=9))
            until = str(book["app.until"]).format(date=r"\d\d\.\d\d", time=r"\d\d:\d\d")
            await expect(first.locator(".until")).to_have_text(re.compile(until))
            for place in (first.locator(".stage"), first.locator(".where"), first.locator(".until")):
                assert await place.evaluate(IN_SIGHT)
            last = mine.locator("[data-app]").last
            for _ in range(2):
                for name in ("Kaspi Gold", "Kaspi Red"):
                    assert await phone.locator(f"[data-account='{name}'] b").evaluate(IN_SIGHT)
                await last.scroll_into_view_if_needed()
            assert await last.evaluate(IN_SIGHT)
            assert await there.page.evaluate(OVERFLOW) == []

    runner.run(play())


def test_what_lies_there_comes_first(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            phone = await ten(there)
            names = phone.locator("[data-app] b")
            there_first = [209, 208, 207, 206, 205, 204, 210, 203, 202, 201]
            await expect(names).to_have_text([f"KZ{number}" for number in there_first])
            await phone.locator("[data-app='KZ208'] .sum").focus()
            store(there.panel, "KZ210")
            await expect(names.first).to_have_text("KZ210")
            await expect(phone.locator("[data-app='KZ208'] .sum")).to_be_focused()
            there.panel.phones.told("collected", parcel="KZ208")
            await expect(names.nth(6)).to_have_text("KZ208")
            await expect(phone.locator("[data-app='KZ208'] .sum")).to_be_focused()

    runner.run(play())


@LAPTOPS
def test_one_parcel_unfolds_and_all_of_it_is_in_sight(
    runner: asyncio.Runner, browser: Browser, view: dict[str, int]
) -> None:
    async def play() -> None:
        async with desk(browser, viewport=view, locale="ru") as there:
            phone = await ten(there)
            unfolded = phone.locator("[aria-expanded='true']")
            await expect(unfolded).to_have_count(0)
            await expect(phone.locator("[data-does]:visible")).to_have_count(0)
            parcel = phone.locator("[data-app='KZ208']")
            for waybill in ("KZ204", "KZ208"):
                await phone.locator(f"[data-app='{waybill}'] .sum").click()
                await expect(unfolded).to_have_count(1)
                await expect(phone.locator(f"[data-app='{waybill}'] .sum")).to_have_attribute(
                    "aria-expanded", "true"
                )
                for does in await phone.locator(f"[data-app='{waybill}'] [data-does]").element_handles():
                    await there.page.wait_for_function(IN_SIGHT, arg=does)
            for name in ("Открыть ячейку повторно", "Подтвердить получение", "Проблема с посылкой"):
                button = parcel.get_by_role("button", name=name, exact=True)
                await there.page.wait_for_function(IN_SIGHT, arg=await button.element_handle())
            await expect(parcel.locator(".fold")).to_contain_text("ул. Абая, 10")
            await parcel.locator("[data-does='problem']").click()
            await expect(parcel.locator(".told")).not_to_have_text("")
            await phone.locator("[data-app='KZ207'] .sum").click()  # so nothing is asked any more
            await expect(parcel.locator(".told")).to_have_text("")
            await expect(parcel.locator("[data-does='refused']")).to_have_count(0)
            await phone.locator("[data-app='KZ207'] .sum").click()
            await expect(unfolded).to_have_count(0)

    runner.run(play())


def test_what_became_of_it_stays_in_sight_when_it_is_folded(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            phone = await ten(there)
            parcel = phone.locator("[data-app='KZ207']")
            await unfold(parcel)
            await parcel.locator("[data-does='open']").click()
            await parcel.locator("[data-does='yes']").click()
            await parcel.locator(".sum").click()
            await expect(parcel.locator("[data-does]:visible")).to_have_count(0)
            there.panel.phones.answer(Outcome.BUSY)
            await expect(parcel.locator(".told")).to_have_text(BOOK_EN["outcome.busy"])
            await expect(parcel.locator(".told")).to_be_visible()

    runner.run(play())


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_the_code_is_sent_again_from_the_app(
    runner: asyncio.Runner, browser: Browser, *, online: bool
) -> None:
    """As often as the backend allows, whether the locker can be reached or not."""

    async def play() -> None:
        async with desk(browser) as there:
            phone, sms = await ten(there), there.panel.backend.phones["alia"]
            there.panel.phones.online(online)
            parcel = phone.locator("[data-app='KZ207']")
            await unfold(parcel)
            resend = parcel.locator("[data-does='resend']")
            await expect(parcel.locator("[data-does='open']")).to_have_count(int(online))
            before = len(sms)
            await expect(resend).to_have_text("Send the code again")
            for sent in range(1, RESENDS_MAX + 1):
                async with there.page.expect_response("**/resend"):
                    await resend.click()
                await expect(parcel.locator(".told")).to_have_text("The code is sent by SMS")
                assert len(sms) == before + sent
            await expect(resend).to_have_count(0)
            assert {each.code for each in sms[before:]} == {there.panel.backend.code("KZ207", Purpose.PICKUP)}
            assert await phone.locator("[data-app='KZ207'] .stage").inner_text() == BOOK_EN["mine.stored"]

    runner.run(play())


@pytest.mark.parametrize("failing", ["cut", "nonsense"])
def test_a_question_without_an_answer_is_told_and_can_be_asked_again(
    runner: asyncio.Runner, browser: Browser, failing: str
) -> None:
    async def fail(route: Route) -> None:
        await (route.abort() if failing == "cut" else route.fulfill(body="<h1>Bad gateway</h1>"))

    async def play() -> None:
        async with desk(browser, expected="ERR_FAILED") as there:
            phone = await ten(there)
            parcel = phone.locator("[data-app='KZ207']")
            await unfold(parcel)
            for verb in ("extend", "resend"):
                await there.page.route("**/api/parcels/*/*", fail)
                await parcel.locator(f"[data-does='{verb}']").click()
                await expect(parcel.locator(".told")).to_have_text("No connection. Try again")
                await there.page.unroute("**/api/parcels/*/*")
                await parcel.locator(f"[data-does='{verb}']").click()
                await expect(parcel.locator(".told")).not_to_have_text("No connection. Try again")
            await shows_code(there)
            await there.page.route("**/api/claims", fail)
            await phone.locator(".scan").click()
            await expect(phone.locator(".scan + .told")).to_have_text("No connection. Try again")
            await there.page.unroute("**/api/claims")
            await phone.locator(".scan").click()
            await expect(phone.locator(".scan + .told")).to_have_text("The command is sent")

    runner.run(play())


@pytest.mark.parametrize("failing", ["cut", "nonsense"])
def test_a_code_that_cannot_be_had_is_asked_for_again(
    runner: asyncio.Runner, browser: Browser, failing: str
) -> None:
    """Nothing that may be dead by now stays drawn; where not even the script came, it folds, to be opened once more."""

    async def fail(route: Route) -> None:
        await (route.abort() if failing == "cut" else route.fulfill(body="<h1>Bad gateway</h1>"))

    async def play() -> None:
        async with desk(browser, expected="ERR_FAILED") as there:
            page, phone = there.page, await ten(there)
            parcel = phone.locator("[data-app='KZ207']")
            await unfold(parcel)
            code = parcel.locator("details")
            await page.route("**/token.js", lambda route: route.abort())
            await code.locator("summary").click()
            await expect(code).not_to_have_attribute("open", "")
            await page.unroute("**/token.js")
            await page.route("**/api/parcels/*/token", fail)
            async with page.expect_request("**/api/parcels/KZ207/token"):
                await code.locator("summary").click()
            async with page.expect_request("**/api/parcels/KZ207/token"):
                pass  # once more, by itself
            await expect(code.locator("svg")).to_have_count(0)
            await page.unroute("**/api/parcels/*/token")
            await expect(code.locator("svg path")).to_have_count(1)
            await page.route("**/api/parcels/*/token", fail)
            await expect(code.locator("svg")).to_have_count(0)
            await page.unroute("**/api/parcels/*/token")
            await expect(code.locator("svg path")).to_have_count(1)

    runner.run(play())


def test_the_list_is_walked_by_the_keyboard(runner: asyncio.Runner, browser: Browser) -> None:
    """Tab, arrows and Enter are enough; what goes takes the focus to the row of its parcel, never away."""

    async def play() -> None:
        async with desk(browser, viewport=SMALL) as there:
            phone, keys = await ten(there), there.page.keyboard
            await phone.locator(".scan").focus()
            await keys.press("Tab")
            await expect(phone.locator("[data-app='KZ209'] .sum")).to_be_focused()
            await keys.press("ArrowUp")  # there is none
            await keys.press("ArrowDown")
            row = phone.locator("[data-app='KZ208'] .sum")
            await expect(row).to_be_focused()
            await keys.press("Enter")
            await expect(row).to_have_attribute("aria-expanded", "true")
            await keys.press("Tab")
            await expect(phone.locator("[data-app='KZ208'] [data-does='open']")).to_be_focused()
            there.panel.phones.told("collected", parcel="KZ208")
            await expect(phone.locator("[data-app='KZ208'] [data-does]")).to_have_count(0)
            await expect(row).to_be_focused()
            for _ in range(20):
                await keys.press("ArrowDown")
            last = phone.locator("[data-app]").last.locator(".sum")
            await expect(last).to_be_focused()
            assert await last.evaluate(IN_SIGHT)

    runner.run(play())


@LAPTOPS
def test_a_refund_that_arrives_is_in_sight(
    runner: asyncio.Runner, browser: Browser, view: dict[str, int]
) -> None:
    """Wherever the list is; «Kaspi» has the earlier ones, too."""

    async def play() -> None:
        async with desk(browser, viewport=view) as there:
            phone = await ten(there)
            red = phone.locator("[data-account='Kaspi Red']")
            refunds = red.locator(".told li")
            await expect(refunds).to_have_text(["Refund for KZ203: +12 900 ₸"])
            assert await refunds.first.evaluate(IN_SIGHT)
            await expect(phone.locator("[data-account='Kaspi Gold'] .told li")).to_have_count(0)
            before = await red.locator("b").inner_text()
            there.panel.phones.told("expired", parcel="KZ205")
            newest = refunds.filter(has_text="KZ205")
            await expect(newest).to_be_visible()
            assert await newest.evaluate(IN_SIGHT)
            assert await red.locator("b").inner_text() != before
            await expect(refunds.filter(has_text="KZ203")).to_be_hidden()
            await phone.locator("[data-tab='kaspi']").click()
            await expect(refunds.filter(has_text="KZ203")).to_be_visible()
            await expect(newest).to_be_visible()
            await phone.locator("[data-tab='sms']").click()
            await expect(red).to_be_hidden()

    runner.run(play())


def test_with_the_locker_claimed_the_next_parcel_unfolds(runner: asyncio.Runner, browser: Browser) -> None:
    """One by one, until somebody folds it."""

    async def play() -> None:
        async with desk(browser) as there:
            phone, locker = await ten(there), there.panel.phones
            unfolded = phone.locator("[data-app]:has([aria-expanded='true'])")
            for _ in range(2):  # what somebody folded before counts no more
                await phone.locator("[data-app='KZ201'] .sum").click()
            await shows_code(there)
            await phone.locator(".scan").click()
            await expect(phone.locator(".told").first).to_have_text("The command is sent")
            assert isinstance(locker.commanded()[-1].do, Claim)
            locker.answer(Outcome.DONE)
            for waybill in ("KZ209", "KZ208"):
                await expect(unfolded).to_have_attribute("data-app", waybill)
                await expect(unfolded.get_by_role("button", name="Collect the item")).to_be_visible()
                locker.told("collected", parcel=waybill)
            await expect(unfolded).to_have_attribute("data-app", "KZ207")
            await unfolded.locator(".sum").click()
            locker.told("collected", parcel="KZ207")
            await expect(phone.locator("[data-app='KZ207'] [data-does]")).to_have_count(0)
            await expect(unfolded).to_have_count(0)

    runner.run(play())


@LAPTOPS
def test_the_code_is_whole_in_sight(runner: asyncio.Runner, browser: Browser, view: dict[str, int]) -> None:
    async def play() -> None:
        async with desk(browser, viewport=view) as there:
            phone = await ten(there)
            parcel = phone.locator("[data-app='KZ205']")
            await unfold(parcel)
            await parcel.locator("summary").press("Enter")
            await there.page.wait_for_function(IN_SIGHT, arg=await parcel.locator("svg").element_handle())

    runner.run(play())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_app_is_for_everybody(
    runner: asyncio.Runner, browser: Browser, language: str, scheme: str
) -> None:
    """Axe finds nothing, nothing is cut, all has contrast: folded, unfolded, asked, and with a code."""

    async def play() -> None:
        look: dict[str, Any] = {"viewport": SMALL, "locale": language, "color_scheme": scheme}
        async with desk(browser, **look) as there:
            page, phone = there.page, await ten(there)
            await there.panel.change(camera=CameraSeen())
            await page.locator("[data-person='marat'] [data-tab='kaspi']").click()
            await page.evaluate(AXE)
            parcel = phone.locator("[data-app='KZ208']")
            for press in (None, ".sum", "[data-does='problem']", "[data-does='no']", "summary"):
                if press:
                    await parcel.locator(press).click()
                assert await page.evaluate(AXE_RUN) == []
                for check in (OVERFLOW, CONTRAST, ACCESS):
                    assert await page.evaluate(check) == []

    runner.run(play())


def test_axe_looks_at_the_phones(runner: asyncio.Runner, browser: Browser) -> None:
    """What it would find is found."""

    async def play() -> None:
        async with desk(browser) as there:
            await ten(there)
            await there.page.evaluate(AXE)
            await there.page.evaluate("document.querySelector('.mine').append(document.createElement('p'))")
            assert await there.page.evaluate(AXE_RUN) != []

    runner.run(play())


@pytest.mark.parametrize("view", [SMALL, NARROW], ids=["1366", "narrow"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_the_app_is_cut_at_twice_its_size(
    runner: asyncio.Runner, browser: Browser, language: str, view: dict[str, int]
) -> None:
    """Zoomed to 200 % on a laptop, which is half of its pixels; and with the text alone twice as large on a narrow page."""
    zoomed = {"width": view["width"] // 2, "height": view["height"] // 2} if view == SMALL else view

    async def play() -> None:
        async with desk(browser, viewport=zoomed, locale=language) as there:
            phone = await ten(there)
            if view == NARROW:
                await there.page.evaluate("() => { document.documentElement.style.fontSize = '200%'; }")
            for waybill in ("KZ208", "KZ203"):
                await unfold(phone.locator(f"[data-app='{waybill}']"))
                assert await there.page.evaluate(OVERFLOW) == []
            row = phone.locator("[data-app='KZ203'] .sum")
            await there.page.wait_for_function(IN_SIGHT, arg=await row.element_handle())
            red = phone.locator("[data-account='Kaspi Red'] b")
            await red.scroll_into_view_if_needed()
            assert await red.evaluate(IN_SIGHT)

    runner.run(play())
