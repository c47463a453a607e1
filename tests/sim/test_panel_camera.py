"""The page's ways to the locker's eyes: a phone that is held to the camera, and a barcode to the scanner."""

import asyncio

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from sim.backend import Stage
from sim.optics import Source, Way
from sim.panel import acts
from sim.panel.seen import CameraSeen, CellSeen, OrderSeen, PersonSeen, SmsSeen
from tests.sim.scripted_panel import HEARD_S, NOON_MS, sms, with_cell, with_person
from tests.sim.test_panel_page import DESK, NARROW, Desk, desk, unfold


def phone(there: Desk, person: str) -> Locator:
    return there.page.locator(f"[data-person={person}]")


async def stored(there: Desk) -> None:
    """KZ102 lies in cell 3 for Alia, and her app knows."""
    there.panel.backend.order("KZ102", 3, "alia", "Kaspi Red")
    there.panel.phones.told("stored", parcel="KZ102", grant="deposit-KZ102")
    await there.panel.change(
        people=with_person(there.panel.world, sms("alia", "KZ102", "55120934")),
        orders=(OrderSeen("KZ102", 3, "alia", Stage.STORED),),
    )


async def carries(there: Desk) -> Locator:
    """The courier has KZ104 in his hands."""
    await there.panel.change(people=with_person(there.panel.world, sms("courier", "KZ104", "40718268")))
    return there.page.locator("[data-parcel=KZ104]").filter(has_text="KZ104").last


async def drag(page: Page, what: Locator, onto: Locator) -> None:
    start, end = await what.bounding_box(), await onto.bounding_box()
    assert start
    assert end
    await page.mouse.move(start["x"] + 20, start["y"] + 12)
    await page.mouse.down()
    await page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=8)
    await page.mouse.up()


def test_a_phone_is_held_to_the_camera_with_a_press_in_its_app(
    runner: asyncio.Runner, browser: Browser
) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            await there.panel.change(camera=CameraSeen())
            await stored(there)
            await phone(there, "alia").locator("[data-tab=app]").click()
            await unfold(phone(there, "alia").locator("[data-app=KZ102]"))
            await phone(there, "alia").locator("[data-app=KZ102] [data-does=hold]").click()
            assert await there.panel.said() == acts.Hold("alia", "KZ102")

    runner.run(play())


def test_a_phone_is_held_wrong_and_then_better(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            await there.panel.change(camera=CameraSeen())
            await stored(there)
            alia = phone(there, "alia")
            await alia.locator("[data-tab=app]").click()
            await unfold(alia.locator("[data-app=KZ102]"))
            await alia.locator("[data-app=KZ102] [data-does=paper]").click()
            assert await there.panel.said() == acts.Hold("alia", "KZ102", source=Source.PAPER)
            await alia.locator("[data-app=KZ102] [data-way]").select_option("far")
            await alia.locator("[data-app=KZ102] [data-does=hold]").click()
            assert await there.panel.said() == acts.Hold("alia", "KZ102", Way.FAR)
            await there.panel.change(camera=CameraSeen("alia", "KZ102", Way.FAR))
            await expect(alia.locator(".seen [data-way]")).to_have_value("far")
            await alia.locator(".seen [data-way]").select_option("tilted")
            assert await there.panel.said() == acts.Hold("alia", "KZ102", Way.TILTED)
            await there.panel.change(camera=CameraSeen("alia", "KZ102"))
            await expect(alia.locator(".seen [data-way]")).to_have_value("well")

    runner.run(play())


def test_the_link_in_an_sms_is_opened_and_held_to_the_camera_with_a_press(
    runner: asyncio.Runner, browser: Browser
) -> None:
    """A phone without the app; the page answers for the link's address."""

    async def play() -> None:
        async with desk(browser) as there:
            await stored(there)
            alia = phone(there, "alia")
            said = there.panel.backend.phones["alia"][-1]
            held = PersonSeen("alia", (SmsSeen(said.text, NOON_MS, said.code),), ())
            await there.panel.change(people=with_person(there.panel.world, held))
            await expect(alia.locator(".sms p").first).to_have_text(said.text)
            await expect(alia.locator("[data-link]")).to_be_hidden()  # there is no camera
            await there.panel.change(camera=CameraSeen())
            async with there.page.context.expect_page() as opening:
                await alia.locator(".sms a").click()
            opened = await opening.value
            await expect(opened.locator("h1")).to_have_text("Посылка KZ102")
            await expect(opened.locator("svg")).to_be_visible()
            await opened.close()
            await alia.locator("[data-link=KZ102]").click()
            assert await there.panel.said() == acts.Hold("alia", "KZ102", source=Source.SMS)

    runner.run(play())


@pytest.mark.parametrize("size", [DESK, NARROW], ids=["desk", "narrow"])
def test_a_phone_is_dragged_onto_the_locker(
    runner: asyncio.Runner, browser: Browser, size: dict[str, int]
) -> None:
    """The glass is another page's, and takes the pointer; the drag goes on above it."""

    async def play() -> None:
        async with desk(browser, viewport=size | {"height": 2_400}) as there:
            await there.panel.change(camera=CameraSeen())
            await there.page.locator("[data-person='alia']:not(.blind)").wait_for()
            await drag(there.page, phone(there, "alia").locator("header"), there.page.locator(".bezel"))
            assert await there.panel.said() == acts.Hold("alia")
            await drag(there.page, phone(there, "marat").locator("header"), phone(there, "alia"))  # not there
            await there.page.locator("#bring").click()
            assert await there.panel.said() == acts.Bring()

    runner.run(play())


def test_what_the_camera_sees_is_shown_while_a_phone_is_before_it(
    runner: asyncio.Runner, browser: Browser
) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            seen = phone(there, "alia").locator(".seen")
            await there.panel.change(camera=CameraSeen())
            await expect(seen).to_be_hidden()
            await there.panel.change(camera=CameraSeen("alia", "KZ102"))
            await expect(seen).to_be_visible()
            await expect(phone(there, "marat").locator(".seen")).to_be_hidden()
            await there.page.wait_for_function(
                "document.querySelector('[data-person=alia] .seen img').naturalWidth > 0"
            )
            for _ in range(3):  # again and again
                await asyncio.wait_for(there.panel.pictures.acquire(), HEARD_S)
            await seen.locator("button").click()
            assert await there.panel.said() == acts.Hold("alia", on=False)
            await there.panel.change(camera=CameraSeen())
            await expect(seen).to_be_hidden()
            loads = "(load) => { window.loads = 0; document.querySelector('[data-person=alia] .seen img').addEventListener('load', () => { window.loads += 1; }); }"
            await there.page.evaluate(loads)
            await there.page.evaluate("new Promise((done) => setTimeout(done, 1000))")
            assert await there.page.evaluate("window.loads") <= 1  # one may have been on its way

    runner.run(play())


def test_without_a_camera_nothing_speaks_of_one(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            await stored(there)
            await carries(there)
            await phone(there, "alia").locator("[data-tab=app]").click()
            await unfold(phone(there, "alia").locator("[data-app=KZ102]"))
            await expect(phone(there, "alia").locator("[data-does=open]")).to_be_visible()
            assert await there.page.locator("[data-does=hold]").count() == 0
            await expect(there.page.locator("[data-scan]")).to_be_hidden()
            await drag(there.page, phone(there, "alia").locator("header"), there.page.locator(".bezel"))
            await there.page.locator("#bring").click()
            assert await there.panel.said() == acts.Bring()
            await there.panel.change(camera=CameraSeen())
            await expect(there.page.locator("[data-does=hold]")).to_be_visible()
            await there.panel.change(camera=None)
            await expect(there.page.locator("[data-does=hold]")).to_have_count(0)
            assert there.panel.pictures.locked()  # none was asked for

    runner.run(play())


def test_a_courier_holds_a_barcode_to_the_scanner(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            await there.panel.change(barcodes=True)
            held = await carries(there)
            await there.page.locator("[data-scan=KZ104]").click()
            assert await there.panel.said() == acts.Scan("KZ104")
            await drag(there.page, held, there.page.locator(".bezel"))
            assert await there.panel.said() == acts.Scan("KZ104")
            world = there.panel.world
            await there.panel.change(cells=with_cell(world, CellSeen(6, open=True, latched=False)))
            await there.page.locator("[data-cell='6'].open").wait_for()
            await drag(there.page, held, there.page.locator("[data-cell='6']"))  # as ever
            assert await there.panel.said() == acts.Put(6, "KZ104")

    runner.run(play())


def test_drawings_of_tables_are_fetched_when_somebody_turns_to_them(
    runner: asyncio.Runner, browser: Browser
) -> None:
    names = "() => performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)"

    async def play() -> None:
        async with desk(browser) as there:
            assert not {"/states.js", "/graph.js"} & set(await there.page.evaluate(names))
            await there.page.locator("#tab-states").click()
            await expect(there.page.locator("#states [data-state=closed]").first).to_be_visible()
            assert set(await there.page.evaluate(names)) >= {"/states.js", "/graph.js"}

    runner.run(play())
