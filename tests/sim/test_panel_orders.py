"""The panel of orders in a real browser: it draws what the simulator says may be done, asks for nothing else, and is fetched when somebody turns to it."""

import asyncio

import pytest
from playwright.async_api import Browser, Route, expect

from sim.backend import CodeAt, Stage
from sim.backend.orders import Hold
from sim.panel import acts
from sim.panel.seen import Can, OrderSeen, PolicySeen
from tests.sim.test_panel_page import Desk, desk
from tests.sim.test_panel_texts import BOOKS, LANGUAGES

WAYBILL = "KZ101"
ACTS = {
    Can.CANCEL: acts.Cancel(WAYBILL),
    Can.REFUND: acts.Decide(WAYBILL, refund=True),
    Can.END: acts.Decide(WAYBILL, refund=False),
    Can.SEND: acts.Send(WAYBILL),
    Can.RETURNED: acts.Returned(WAYBILL),
}
POLICIES = {
    "anywhere": acts.Policy("anywhere"),
    "touch": acts.Policy("touch"),
    "screen_qr": acts.Policy("screen_qr"),
    "allowed": acts.Policy(static_tokens="allowed"),
    "refused": acts.Policy(static_tokens="refused"),
    "deposit": acts.Policy(code_at="deposit"),
    "order": acts.Policy(code_at="order"),
}


async def turned_to(there: Desk) -> None:
    await there.page.locator("#tab-orders").press("Enter")
    await there.page.locator("#orders form").wait_for()


async def order(there: Desk, can: tuple[Can, ...] = (), held: Hold = Hold.NO, cancel: str = "") -> None:
    await there.panel.change(orders=(OrderSeen(WAYBILL, 7, "alia", Stage.DISPUTED, can, held, cancel),))


@pytest.mark.parametrize("can", Can)
def test_what_may_be_done_is_a_button_and_nothing_else_is(
    runner: asyncio.Runner, browser: Browser, can: Can
) -> None:
    """In words of its language, by the keyboard as well, and gone as soon as it may be done no more."""

    async def play() -> None:
        for language in LANGUAGES:
            async with desk(browser, locale=language) as there:
                await turned_to(there)
                await order(there, (can,))
                buttons = there.page.locator(f"[data-order='{WAYBILL}'] button")
                await expect(buttons).to_have_text([str(BOOKS[language][f"orders.{can}"])])
                assert WAYBILL in (await buttons.get_attribute("aria-label") or "")
                await buttons.press("Enter")
                assert await there.panel.said() == ACTS[can]
                await order(there)
                await expect(buttons).to_have_count(0)
                await expect(there.page.locator("#orders ul")).to_be_focused()  # the keyboard is not lost

    runner.run(play())


def test_every_deed_has_its_button() -> None:
    assert ACTS.keys() == set(Can)


@pytest.mark.parametrize(
    ("held", "cancel", "words"),
    [
        (Hold.DISPUTE, "", ["held.dispute"]),
        (Hold.LOST, "waiting", ["held.lost", "orders.cancelling"]),
        (Hold.UNTOLD, "done", ["held.untold"]),
        (Hold.NO, "not_allowed", ["orders.not_cancelled"]),
        (Hold.NO, "", []),
    ],
)
def test_why_a_person_decides_and_what_became_of_a_cancellation(
    runner: asyncio.Runner, browser: Browser, held: Hold, cancel: str, words: list[str]
) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            book = BOOKS["en"]
            await turned_to(there)
            await order(there, held=held, cancel=cancel)
            outcome = str(book.get(f"outcome.{cancel}", ""))
            said = " · ".join(str(book[word]).replace("{outcome}", outcome) for word in words)
            await expect(there.page.locator(f"[data-order='{WAYBILL}'] .told")).to_have_text(said)

    runner.run(play())


@pytest.mark.parametrize("choice", POLICIES)
def test_a_rule_is_pressed_when_it_holds_and_not_before(
    runner: asyncio.Runner, browser: Browser, choice: str
) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            await turned_to(there)
            button = there.page.locator(f"[data-policy='{choice}']")
            before = PolicySeen(
                "touch" if choice != "touch" else "anywhere",
                "allowed" if choice != "allowed" else "refused",
                CodeAt.DEPOSIT if choice != "deposit" else CodeAt.ORDER,
            )
            await there.panel.change(policy=before)
            await expect(button).to_have_attribute("aria-pressed", "false")
            await button.press("Space")
            act = await there.panel.said()
            assert act == POLICIES[choice]
            await expect(button).to_have_attribute("aria-pressed", "false")  # the locker has not said so
            after = PolicySeen(
                act.remote_open or before.remote_open,
                act.static_tokens or before.static_tokens,
                CodeAt(act.code_at or before.code_at),
            )
            await there.panel.change(policy=after)
            await expect(button).to_have_attribute("aria-pressed", "true")
            await expect(there.page.locator("#orders [aria-pressed='true']")).to_have_count(3)

    runner.run(play())


def test_its_script_is_fetched_when_somebody_turns_to_it_and_once_more_where_it_could_not_be(
    runner: asyncio.Runner, browser: Browser
) -> None:
    async def play() -> None:
        async with desk(browser, expected="ERR_FAILED") as there:
            page = there.page
            names = "() => performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)"
            assert "/orders.js" not in await page.evaluate(names)

            async def fail(route: Route) -> None:
                await route.abort()

            await page.route("**/orders.js", fail)
            async with page.expect_event("requestfailed", lambda request: "orders.js" in request.url):
                await page.locator("#tab-orders").click()
            await expect(page.locator("#orders > *")).to_have_count(0)
            await page.unroute("**/orders.js")
            await page.locator("#tab-journal").click()
            await page.locator("#tab-orders").click()
            await expect(page.locator("#orders form")).to_have_count(1)
            await order(there, (Can.SEND,))
            await expect(page.locator(f"[data-order='{WAYBILL}']")).to_contain_text("Alia")
            assert "/orders.js" in await page.evaluate(names)

    runner.run(play())


def test_it_stays_in_another_language(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            await turned_to(there)
            await order(there, (Can.CANCEL,))
            await there.page.locator(".languages [lang='ru']").click()
            button = there.page.locator(f"[data-order='{WAYBILL}'] button")
            await expect(button).to_have_text(str(BOOKS["ru"]["orders.cancel"]))
            await button.click()
            assert await there.panel.said() == acts.Cancel(WAYBILL)

    runner.run(play())
