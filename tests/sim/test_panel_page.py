"""The panel's page in a real browser, told by a scripted simulator what to show, and heard in what it says."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.async_api import Browser, FloatRect, Locator, Page, expect

from firmware.config import Cell
from firmware.deeds import Claim, Open, Report
from firmware.model import Outcome, Problem
from sim.backend import Stage
from sim.backend.orders import Hold
from sim.panel import acts
from sim.panel.messages import Entries, Line, Part, Refused, Saved, Story, StoryState, Why
from sim.panel.seen import (
    BankSeen,
    CameraSeen,
    Can,
    CellSeen,
    ClockSeen,
    DoorSeen,
    FaultSeen,
    OrderSeen,
    ParcelSeen,
    SessionSeen,
    UseSeen,
)
from sim.scenario import cabinet
from tests.sim.scripted_panel import (
    NOON_MS,
    TABLES,
    ScriptedPanel,
    scripted,
    sms,
    with_cell,
    with_person,
)
from tests.sim.test_backend_api import QR
from tests.sim.test_panel_texts import BOOKS, LANGUAGES, VISIT_MAX_BYTES

SCREENS = Path("build/screens")
WAIT_MS = 30_000.0  # a bound on waiting, never a measure
DESK = {"width": 1_600, "height": 900}
LAPTOP = {"width": 1_280, "height": 720}
NARROW = {"width": 420, "height": 900}
ZOOMED = {"width": 640, "height": 360}  # a laptop at 200 %
WALL = tuple(Cell(n + 1, "a", n + 1, "S", n // 12, n % 12 * 150, 150) for n in range(96))
BOOK_EN: dict[str, Any] = BOOKS["en"]


class Desk(NamedTuple):
    """A page, what it is told by, and what is asked of it."""

    page: Page
    panel: ScriptedPanel

    def say(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)


@asynccontextmanager
async def desk(
    browser: Browser,
    *,
    cells: tuple[Cell, ...] = (),
    busy: bool = False,
    expected: str = "no complaint",
    **context: Any,
) -> AsyncIterator[Desk]:
    """A page that is live. Nothing in it may complain but of what is expected, and it may ask nobody but its own two servers."""
    config = cabinet("rs485")
    options = {"viewport": DESK, "locale": "en-US", "color_scheme": "light", "reduced_motion": "reduce"}
    async with scripted(config) as panel:
        if cells:
            panel.lay_out(cells)
        visit = await browser.new_context(**{**options, **context})
        page = await visit.new_page()
        page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        complaints: list[str] = []
        asked: set[str] = set()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.add("/".join(request.url.split("/")[:3])))
        await page.goto(panel.address)
        await page.locator("html[data-state=live]").wait_for()
        if busy:
            await make_busy(panel)
        yield Desk(page, panel)
        await visit.close()
        assert [text for text in complaints if expected not in text] == []
        assert asked <= {panel.address, panel.setup.kiosk}


async def make_busy(panel: ScriptedPanel) -> None:
    """A day in full swing: something of everything is in sight."""
    world = panel.world
    cells = {cell.number: cell for cell in world.cells or ()}
    cells[3] = CellSeen(3, parcel="KZ102")
    cells[6] = CellSeen(6, open=True, parcel="KZ104", latched=False)
    cells[11] = CellSeen(11, open=True, latched=False, sensor="stuck_closed")
    cells[13] = CellSeen(13, parcel="KZ098", coil=True, condition="jammed")
    doors = {door.cell: door for door in world.doors or ()}
    doors[6] = DoorSeen(6, "open", "intent")
    doors[11] = DoorSeen(11, "overdue", "late", "overdue")
    doors[13] = DoorSeen(13, "unlocking")
    doors[14] = DoorSeen(14, "jammed", None, "jammed")
    doors[16] = DoorSeen(16, "offline")
    await panel.change(
        cells=tuple(cells.values()),
        doors=tuple(doors.values()),
        people=(
            sms("courier", "KZ104", "40718268"),
            sms("alia", "KZ102", "55120934"),
            sms("marat", "KZ098", "73041185"),
        ),
        orders=(
            OrderSeen("KZ101", 9, "marat", Stage.EXPIRED, (Can.SEND,)),
            OrderSeen("KZ099", 16, "marat", Stage.DISPUTED, (Can.REFUND, Can.END, Can.SEND), Hold.DISPUTE),
            OrderSeen("KZ100", 15, "marat", Stage.STORED, (Can.CANCEL, Can.END), Hold.UNTOLD, "not_allowed"),
            OrderSeen("KZ102", 3, "alia", Stage.STORED, (), Hold.NO, "waiting"),
            OrderSeen("KZ103", 2, "alia", Stage.WITHDRAWN, (Can.RETURNED,)),
            OrderSeen("KZ104", 6, "alia", Stage.ORDERED, (Can.CANCEL,)),
        ),
        parcels=(
            ParcelSeen("KZ101", 9, "expired"),
            ParcelSeen("KZ102", 3, "stored"),
            ParcelSeen("KZ104", 6, "expected"),
        ),
        uses=(UseSeen("G17", "KZ104", "claimed"), UseSeen("G11", "KZ102", "free")),
        session=SessionSeen("open", "deposit", 6),
        banks=(BankSeen("a", "offline"),),
        next_due_ms=NOON_MS + 2_820_000,
        in_flight=True,
        faults=(FaultSeen("cable_cut"), FaultSeen("cell_jammed", 13)),
    )
    for waybill, cell, person in (("KZ101", 9, "marat"), ("KZ102", 3, "alia"), ("KZ104", 6, "alia")):
        panel.backend.order(waybill, cell, person, "Kaspi Red")
        panel.phones.told("stored", parcel=waybill, grant=f"deposit-{waybill}")
    panel.phones.told("opened", parcel="KZ104", grant="pickup-KZ104")
    panel.phones.told("expired", parcel="KZ101")
    await panel.tell(
        DIGIT, Entries(tuple({"seq": n, "utc_ms": NOON_MS, "kind": "opened", "cell": 6} for n in range(9)))
    )


DIGIT = Line(
    3,
    NOON_MS,
    "courier",
    "screen.code",
    {"digits": 8, "digit": "8"},
    (
        Part(
            "verdict", "verdict.grant", {"grant": "G17", "purpose": "deposit", "parcel": "KZ104", "cell": 6}
        ),
        Part("commit", "part.commit", {"entries": 1, "rows": 5, "us": 280}, entry=412),
        Part("tx", "part.tx", {"bus": "bus0"}, bytes="8A 01 06 11 9C"),
        Part("bolt", "part.bolt", {"ms": 84}, cell=6),
        Part("door", "part.door.open", {"ms": 144}, cell=6),
    ),
)


WAYBILL, CELL = "KZ110", 6
BRING = "Bring a parcel"
NEXT = ".glow"


async def glows(there: Desk, selector: str) -> None:
    """One thing glows, and it is this one."""
    await expect(there.page.locator(f"{NEXT}{selector}")).to_have_count(1)
    await expect(there.page.locator(NEXT)).to_have_count(1)


class Courier:
    """The simulator's part in the first minute: what each click leads to."""

    def __init__(self, there: Desk) -> None:
        self.panel = there.panel
        self.clicks = 0

    async def press(self, button: Locator, *, key: str | None = None) -> acts.Act:
        """A click, or a key where nobody has a mouse; what the page says then."""
        self.clicks += 1
        await (button.press(key) if key else button.click())
        return await self.panel.said()

    async def order(self) -> None:
        world = self.panel.world
        order = OrderSeen(WAYBILL, CELL, "alia", Stage.ORDERED)
        await self.panel.change(
            orders=(order,), people=with_person(world, sms("courier", WAYBILL, "40718268"))
        )

    async def open(self, parcel: str | None = None) -> None:
        await self.panel.change(
            cells=with_cell(self.panel.world, CellSeen(CELL, True, parcel, latched=False))
        )

    async def put(self) -> None:
        await self.panel.change(people=with_person(self.panel.world, sms("courier", "KZ000", "00000000")))
        await self.open(WAYBILL)

    async def store(self) -> None:
        order = OrderSeen(WAYBILL, CELL, "alia", Stage.STORED)
        await self.panel.change(cells=with_cell(self.panel.world, CellSeen(CELL, parcel=WAYBILL)))
        await self.panel.change(
            orders=(order,), people=with_person(self.panel.world, sms("alia", WAYBILL, "55120934"))
        )


async def bring_a_parcel(there: Desk, key: str | None = None) -> Courier:
    """The first minute, click by click; at each only the next thing glows."""
    courier, page = Courier(there), there.page
    await glows(there, "#bring")
    assert await courier.press(page.locator("#bring"), key=key) == acts.Bring()
    await expect(page.locator(NEXT)).to_have_count(0)
    await courier.order()
    await glows(there, "[data-type='40718268']")
    assert await courier.press(page.locator(".type.glow"), key=key) == acts.Type("courier", "40718268")
    await expect(page.locator(NEXT)).to_have_count(0)
    await courier.open()
    await glows(there, f"[data-put='{WAYBILL}']")
    assert await courier.press(page.locator(f"[data-put='{WAYBILL}']"), key=key) == acts.Put(CELL, WAYBILL)
    await courier.put()
    await glows(there, ".door")
    assert await courier.press(page.locator(".door.glow"), key=key) == acts.Close(CELL)
    await courier.store()
    await glows(there, "[data-type='55120934']")
    assert await courier.press(page.locator(".type.glow"), key=key) == acts.Type("alia", "55120934")
    await courier.open(WAYBILL)
    await glows(there, ".parcel")
    return courier


def test_the_first_minute_is_five_clicks(runner: asyncio.Runner, browser: Browser) -> None:
    """Four until the parcel is in, one more until its buyer's door is open; each next thing glows, alone."""

    async def play() -> None:
        async with desk(browser) as there:
            await expect(there.page.locator(".cards")).to_be_hidden()
            courier = await bring_a_parcel(there)
            assert courier.clicks == 5
            await expect(there.page.locator(".card")).to_have_count(3)
            assert await courier.press(there.page.locator(".parcel.glow")) == acts.Take(CELL)
            await courier.open()
            await glows(there, ".door")
            assert await courier.press(there.page.locator(".door.glow")) == acts.Close(CELL)

    runner.run(play())


def test_the_first_minute_needs_no_mouse(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            assert (await bring_a_parcel(there, "Enter")).clicks == 5

    runner.run(play())


def test_every_control_is_reached_with_tab_alone(runner: asyncio.Runner, browser: Browser) -> None:
    """Bring and the rest stand in the order of the page; in the cabinet the arrows go on from door to door."""

    async def play() -> None:
        async with desk(browser) as there:
            page = there.page
            reached = []
            for _ in range(40):
                await page.keyboard.press("Tab")
                reached.append(
                    await page.evaluate(
                        "() => { const a = document.activeElement; return a.id || a.dataset.switch || a.dataset.jump "
                        "|| a.dataset.hand || a.tagName + (a.getAttribute('aria-label') ?? a.textContent).slice(0, 20) }"
                    )
                )
            assert reached.index("save") < reached.index("bring") < reached.index("tab-xray")
            assert {"pause", "speed", "power", "link", "people_on", "hour", "day"} <= set(reached)
            doors = [name for name in reached if name.startswith("gCell")]
            assert doors == ["gCell 1, closed, shut"]
            await page.locator('[data-cell="1"] .door').focus()
            for key, cell in (("ArrowDown", 2), ("ArrowRight", 8), ("ArrowRight", 14), ("ArrowLeft", 8)):
                await page.keyboard.press(key)
                await expect(page.locator(f'[data-cell="{cell}"] .door')).to_be_focused()

    runner.run(play())


def test_a_code_can_be_typed_by_hand(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser, busy=True) as there:
            await there.page.locator("[data-code='55120934']").click()
            await expect(there.page.locator("#kiosk .note b")).to_have_text("55120934")
            await expect(there.page.locator("#kiosk iframe")).to_be_focused()
            await there.say("Put the note away").click()
            await expect(there.page.locator("#kiosk .note")).to_have_count(0)
            assert there.panel.heard.empty()

    runner.run(play())


def test_a_refusal_is_said_and_the_code_glows_again(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            courier, page = Courier(there), there.page
            await courier.press(page.locator("#bring"))
            await courier.order()
            await courier.press(page.locator(".type.glow"))
            await there.panel.tell(Refused(Why.SCREEN))
            await expect(page.locator("#notice")).to_have_text("The screen shows something else")
            await glows(there, "[data-type='40718268']")

    runner.run(play())


@pytest.mark.parametrize("why", Why)
def test_every_refusal_has_words(runner: asyncio.Runner, browser: Browser, why: Why) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            await there.panel.tell(Refused(why, 7, "KZ107"))
            await expect(there.page.locator("#notice")).to_have_text(
                BOOK_EN[f"refused.{why}"].format(cell=7, parcel="KZ107")
            )

    runner.run(play())


@pytest.mark.parametrize("name", ["plug", "offline", "three_days"])
def test_a_card_tells_its_story(runner: asyncio.Runner, browser: Browser, name: str) -> None:
    async def play() -> None:
        async with desk(browser, busy=True) as there:
            page, panel = there.page, there.panel
            await there.say("Straight to the stories").click()
            await page.locator(f"[data-card='{name}']").click()
            assert await panel.said() == acts.Card(name)
            about = {"cell": 3, "parcel": "KZ102", "person": "alia", "account": "Kaspi Gold", "entries": 4}
            steps = [
                key
                for key in BOOK_EN
                if key.startswith(f"story.{name}.") and not key.endswith((".why", ".failed"))
            ]
            for step, key in enumerate(steps, 1):
                await panel.tell(Story(name, step, len(steps) + 1, StoryState.DOING, key, about))
                await expect(page.locator("#story p")).to_have_text(
                    BOOK_EN[key].format(**{**about, "person": "Alia"})
                )
                await expect(page.locator(".dots .past")).to_have_count(step - 1)
                await expect(page.locator(NEXT)).to_have_count(0)
            await panel.tell(
                Story(name, len(steps) + 1, len(steps) + 1, StoryState.DONE, f"story.{name}.why", about)
            )
            await expect(page.locator("#story p")).to_have_text(BOOK_EN[f"story.{name}.why"])
            await there.say("I see").click()
            await expect(page.locator("#bring")).to_be_visible()
            await expect(page.locator(".card").first).to_be_enabled()

    runner.run(play())


@pytest.mark.parametrize("key", ["story.plug.close", "story.offline.take"])
def test_what_a_story_waits_for_glows(runner: asyncio.Runner, browser: Browser, key: str) -> None:
    async def play() -> None:
        async with desk(browser, busy=True) as there:
            about = {"parcel": "KZ104", "cell": 6, "person": "alia"}
            await there.panel.tell(Story(key.split(".")[1], 2, 5, StoryState.WAITING, key, about))
            await glows(there, ".parcel")
            await there.panel.change(cells=with_cell(there.panel.world, CellSeen(6, open=True)))
            await glows(there, ".door")
            await there.panel.change(cells=with_cell(there.panel.world, CellSeen(6)))
            await expect(there.page.locator(NEXT)).to_have_count(0)

    runner.run(play())


@pytest.mark.parametrize("person", ["alia", "marat"])
def test_both_phones_have_an_app_that_says_what_became_of_what_was_asked(
    runner: asyncio.Runner, browser: Browser, person: str
) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            backend, locker = there.panel.backend, there.panel.phones
            phone = there.page.locator(f"[data-person='{person}']")
            parcel = phone.locator("[data-app='KZ120']")
            state, told = parcel.locator(".stage"), parcel.locator(".told")
            await phone.locator("[data-tab='app']").click()
            backend.order("KZ120", 4, person)
            await expect(state).to_have_text("On its way to the locker")
            await expect(parcel.locator("[data-does]")).to_have_count(0)
            locker.told("stored", parcel="KZ120", grant="deposit-KZ120")
            await expect(state).to_have_text("Waits in the locker")
            await expect(parcel.locator(".where")).to_have_text("cell 4")
            await expect(parcel.locator(".until")).to_contain_text("until ")
            for outcome in (Outcome.BUSY, Outcome.OFFLINE, Outcome.STORAGE_FAILED):
                await press(parcel, "Open the cell", "Yes, open")
                await expect(told).to_have_text("The command is sent")
                locker.answer(Outcome.ACCEPTED)
                await expect(told).to_have_text(BOOK_EN["outcome.accepted"])
                locker.answer(outcome)
                await expect(told).to_have_text(BOOK_EN[f"outcome.{outcome}"])
            await press(parcel, "Open the cell", "Back")
            assert len(locker.commanded()) == 3
            locker.told("opened", parcel="KZ120", grant="pickup-KZ120")
            await expect(state).to_have_text("The cell was opened")
            for problem in Problem:
                await press(parcel, "A problem with the parcel", BOOK_EN[f"problem.{problem}"])
                await expect(told).to_have_text("The command is sent")
                assert locker.commanded()[-1].do == Report("pickup-KZ120", "KZ120", problem)
                locker.answer(Outcome.DONE)
                await expect(told).to_have_text("done")
            locker.told("disputed", parcel="KZ120", grant="pickup-KZ120")
            await expect(state).to_have_text("We are looking into it")
            await expect(told).to_have_text("")
            await expect(parcel.locator("[data-does]")).to_have_count(0)
            locker.online(False)
            await expect(phone.locator(".away")).to_be_visible()
            other = there.page.locator(f"[data-person]:not([data-person='{person}']) [data-app]")
            await expect(other).to_have_count(0)

    runner.run(play())


async def unfold(parcel: Locator) -> None:
    """Show what can be done with a parcel of the app, unless it is shown."""
    row = parcel.locator(".sum")
    if await row.get_attribute("aria-expanded") != "true":
        await row.press("Enter")
    await expect(row).to_have_attribute("aria-expanded", "true")


async def press(parcel: Locator, *names: str) -> None:
    """Buttons of the app, one after the other, by the keyboard alone: the focus stays in the parcel."""
    await unfold(parcel)
    for name in names:
        await parcel.get_by_role("button", name=name, exact=True).press("Enter")
        await expect(parcel.locator(":focus")).to_have_count(1)


async def shows_code(there: Desk) -> None:
    """The glass shows a code, and the page knows: a camera that comes with it is seen on the phones."""
    await there.panel.change(qr=QR, camera=CameraSeen())
    await there.page.locator("[data-person='alia']:not(.blind)").wait_for()


def test_the_screen_is_scanned_as_it_is_shown_now(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            backend, locker = there.panel.backend, there.panel.phones
            backend.order("KZ120", 4, "alia")
            locker.told("stored", parcel="KZ120", grant="deposit-KZ120")
            phone = there.page.locator("[data-person='alia']")
            told = phone.locator(".told").first
            await phone.locator("[data-tab='app']").click()
            scan = phone.get_by_role("button", name="Scan the screen")
            await scan.click()
            await expect(told).to_have_text("There is no code on the screen")
            await shows_code(there)
            await scan.click()
            await expect(told).to_have_text("The command is sent")
            claim = locker.commanded()[-1]
            assert claim.do == Claim(("pickup-KZ120",), fresh=False)
            locker.answer(Outcome.STALE)
            await expect(told).to_have_text(BOOK_EN["outcome.stale"])
            await scan.click()
            await expect(told).to_have_text("The command is sent")
            locker.answer(Outcome.DONE)
            await expect(told).to_have_text(BOOK_EN["screen.claimed"])
            await phone.get_by_role("button", name="Collect the item").click()  # it has unfolded by itself
            await expect(phone.locator("[data-app='KZ120'] .told")).to_have_text("The command is sent")
            assert locker.commanded()[-1].do == Open("pickup-KZ120", "KZ120")
            locker.told("unclaimed", command=locker.commanded()[-2].id, why="cancel")
            await expect(scan).to_be_visible()
            await expect(told).to_have_text("")

    runner.run(play())


def test_saving_gives_the_scenario_as_a_file(
    runner: asyncio.Runner, browser: Browser, tmp_path: Path
) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            await there.say("Save as scenario").click()
            assert await there.panel.said() == acts.Save()
            async with there.page.expect_download() as coming:
                await there.panel.tell(Saved("today.toml", 'title = "Күн"\n'))
            file = await coming.value
            await file.save_as(tmp_path / "file")
            assert file.suggested_filename == "today.toml"
            assert (tmp_path / "file").read_text() == 'title = "Күн"\n'

    runner.run(play())


def test_a_line_of_the_xray_grows_and_unfolds_to_its_bytes(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            page, line = there.page, there.page.locator("[data-line='3']")
            await there.panel.tell(Line(3, NOON_MS, "courier", "screen.code", {"digits": 8, "digit": "8"}))
            await expect(line.locator(".chip")).to_have_count(0)
            await there.panel.tell(DIGIT)
            await expect(page.locator("[data-line]")).to_have_count(1)
            await expect(line.locator(".chip")).to_have_text(
                [
                    "grant G17: deposit, cell 6",
                    "committed #412",
                    "TX 8A 01 06 11 9C",
                    "bolt 84 ms",
                    "door open after 144 ms",
                ]
            )
            await line.locator(".sum").click()
            await expect(line.locator(".frame-bytes code")).to_have_text(["8A", "01", "06", "11", "9C"])
            await expect(line.locator(".frame-bytes span")).to_have_text(
                ["command", "board", "lock", "value", "sum"]
            )
            await expect(line.locator(".sum")).to_have_attribute("aria-expanded", "true")

    runner.run(play())


def test_a_long_signed_object_is_a_block(runner: asyncio.Runner, browser: Browser) -> None:
    data = " ".join(f"{n:02X}" for n in range(200))

    async def play() -> None:
        async with desk(browser) as there:
            part = Part("signed", "part.signed", bytes=data)
            await there.panel.tell(Line(8, NOON_MS, "dana", "app.open", {"parcel": "KZ104"}, (part,)))
            line = there.page.locator("[data-line='8']")
            await expect(line.locator(".who")).to_have_text("Dana")
            await expect(line.locator(".chip")).to_have_count(0)
            await line.locator(".sum").click()
            await expect(line.locator(".blob")).to_have_text(data)
            assert await there.page.evaluate(OVERFLOW) == []

    runner.run(play())


def test_pointing_at_a_line_lights_the_part_in_the_cabinet(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser, busy=True) as there:
            page = there.page
            await page.locator("[data-line='3'] [data-part='bolt']").hover()
            await expect(page.locator("[data-lit]")).to_have_attribute("data-cell", "6")
            await page.mouse.move(0, 0)
            await expect(page.locator("[data-lit]")).to_have_count(0)
            await page.locator("[data-line='3'] .sum").focus()
            await expect(page.locator("[data-lit]")).to_have_attribute("data-cell", "6")

    runner.run(play())


def test_the_xray_is_sifted_held_and_taken_away(
    runner: asyncio.Runner, browser: Browser, tmp_path: Path
) -> None:
    async def play() -> None:
        async with desk(browser, busy=True) as there:
            page, panel = there.page, there.panel
            await panel.tell(Line(4, NOON_MS, "fault", "fault.strike", {"name": "cable_cut"}))
            shown = page.locator("#xray [data-line]:visible")
            await page.get_by_role("searchbox").fill("8A 01 06")
            await expect(shown).to_have_count(1)
            await page.get_by_role("searchbox").fill("")
            await page.get_by_label("Who began it").select_option("fault")
            await expect(shown).to_have_text(["12:00:00faultBroken: The cable is cut"])
            await page.get_by_label("Who began it").select_option("")
            await there.say("Hold").click()
            await panel.tell(
                Line(5, NOON_MS, "clock", "machine.started"), Line(6, NOON_MS, "clock", "machine.started")
            )
            await expect(there.say("Go on (2 new)")).to_be_visible()
            await expect(shown).to_have_count(2)
            await there.say("Go on (2 new)").click()
            await expect(shown).to_have_count(4)
            for kind in ("JSON", "TXT"):
                async with page.expect_download() as coming:
                    await page.get_by_role("button", name=f"Download as {kind}").click()
                await (await coming.value).save_as(tmp_path / kind)
            assert [line["id"] for line in json.loads((tmp_path / "JSON").read_text())] == [3, 4, 5, 6]
            assert "TX 8A 01 06 11 9C" in (tmp_path / "TXT").read_text().splitlines()[0]

    runner.run(play())


def test_the_diagrams_show_where_everything_stands(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser, busy=True) as there:
            page = there.page
            await page.locator("#tab-states").click()
            for table in TABLES:
                await page.locator(f"[data-machine='{table.name}']").click()
                states = await page.locator(".node").evaluate_all(
                    "nodes => nodes.map((n) => n.dataset.state)"
                )
                assert sorted(states) == sorted(table.states)
            here = {
                "door": ("overdue", "11"),
                "parcel": ("expired", "KZ101"),
                "authorisation": ("claimed", "KZ104 G17"),
            }
            for machine, (state, thing) in here.items():
                await page.locator(f"[data-machine='{machine}']").click()
                await expect(page.locator(f"[data-state='{state}'] .thing")).to_have_text([thing])
            await page.locator("[data-machine='parcel']").click()
            await page.locator("[data-state='claimed']").focus()
            await expect(page.locator("#states .about")).to_contain_text("open → opened")
            await there.panel.change(parcels=(ParcelSeen("KZ102", 3, "claimed"),))
            await expect(page.locator("[data-state='claimed'] .thing")).to_have_text(["KZ102"])
            await expect(page.locator("[data-taken]")).to_have_count(1)

    runner.run(play())


def test_faults_are_struck_at_a_cell_and_healed(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            page, panel = there.page, there.panel
            await page.locator("#tab-faults").click()
            await expect(page.locator(".fault")).to_have_count(len(panel.setup.faults))
            await page.locator("[data-cell='9'] .door").click()
            await page.locator("[data-fault='cell_jammed']").click()
            assert await panel.said() == acts.Fault("cell_jammed", 9)
            await page.locator("[data-fault='cable_cut']").click()
            assert await panel.said() == acts.Fault("cable_cut")
            await panel.change(faults=(FaultSeen("cable_cut"), FaultSeen("cell_jammed", 9)))
            await expect(page.locator("[data-fault='cable_cut']")).to_have_attribute("aria-pressed", "true")
            await expect(page.locator(".health")).to_contain_text("2 faults")
            await page.get_by_role("button", name="Heal: The bolt never moves, cell 9").click()
            assert await panel.said() == acts.Fault("cell_jammed", 9, on=False)
            await page.locator("[data-fault='cable_cut']").click()
            assert await panel.said() == acts.Fault("cable_cut", on=False)
            await panel.change(faults=(FaultSeen("power_cut_in_write", struck=False),))
            await expect(page.locator(".struck li span")).to_have_text(
                ["The power goes in the middle of a write: waits for its moment"]
            )

    runner.run(play())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_says_how_it_ends_in_the_language_of_the_page(
    runner: asyncio.Runner, browser: Browser, language: str
) -> None:
    async def play() -> None:
        async with desk(browser, locale=language) as there:
            await there.page.locator("#tab-faults").click()
            told = await there.page.locator(".fault .quiet").all_text_contents()
            assert told == [
                BOOKS[language]["faults.lasts" if each.lasting else f"ends.{each.healed.replace(' ', '_')}"]
                for each in there.panel.setup.faults
            ]

    runner.run(play())


def test_time_is_moved_only_while_nothing_is_in_flight(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            page, panel = there.page, there.panel
            await expect(there.say("To the deadline")).to_be_disabled()
            await panel.change(next_due_ms=NOON_MS + 3_600_000)
            for name, op in (
                ("To the deadline", "next"),
                ("+1 hour", "hour"),
                ("+1 day", "day"),
                ("Pause", "pause"),
            ):
                await there.say(name).click()
                assert await panel.said() == acts.Time(acts.TimeOp(op))
            await page.locator("#speed").press("End")
            assert await panel.said() == acts.Time(acts.TimeOp.SPEED, 10)
            await panel.change(in_flight=True)
            for name in ("To the deadline", "+1 hour", "+1 day"):
                await expect(there.say(name)).to_be_disabled()
            await expect(page.locator("#why-not")).to_have_text("Not now: something is moving")

    runner.run(play())


def test_the_clock_goes_on_in_another_language(runner: asyncio.Runner, browser: Browser) -> None:
    """The page is built anew, and the last that it was told of the time may be long ago."""

    async def play() -> None:
        async with desk(browser) as there:
            page, hour = there.page, there.page.locator("#time .hour")
            await page.clock.install()
            await there.panel.change(
                clock=ClockSeen(NOON_MS, sure=True, speed=2.0, paused=False, offset_s=0.0, wrong_ms=0)
            )
            await expect(page.locator("#time output")).to_have_text("×2")
            await page.clock.run_for(1_800_000)
            await expect(hour).to_have_text(re.compile("^13:"))
            await page.locator(".languages [lang='ru']").click()
            await expect(page.locator("#pause")).to_have_text(str(BOOKS["ru"]["time.pause"]))
            await expect(hour).to_have_text(re.compile("^13:"))

    runner.run(play())


def test_plug_network_and_people_are_switches(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            for name, act in (
                ("Power", acts.Power(on=False)),
                ("Network", acts.Link(on=False)),
                ("People", acts.People(on=True)),
            ):
                await there.page.get_by_role("switch", name=name).press("Space")
                assert await there.panel.said() == act
            await there.panel.change(power=False)
            await expect(there.page.get_by_role("switch", name="Power")).to_have_attribute(
                "aria-checked", "false"
            )

    runner.run(play())


def test_hands_at_a_door(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            page = there.page
            await expect(there.say("Pull")).to_be_disabled()
            await page.locator("[data-cell='5'] .door").click()
            await expect(page.locator("#cabinet .about")).to_contain_text("Cell 5, M · closed · latched")
            for name, act in (("Press", acts.Press(5)), ("Pull", acts.Pull(5)), ("Force", acts.Force(5))):
                await there.say(name).click()
                assert await there.panel.said() == act
            await there.panel.change(cells=with_cell(there.panel.world, CellSeen(5, pressed=True)))
            await expect(there.say("Press")).to_have_attribute("aria-pressed", "true")
            await there.say("Press").click()
            assert await there.panel.said() == acts.Press(5, pressed=False)

    runner.run(play())


async def drag(there: Desk, thing: Locator, place: Locator, *, end: str = "") -> None:
    """Press, go in small steps, and let go; or press a key instead of it."""
    mouse = there.page.mouse
    for where, press in ((thing, True), (place, False)):
        box = await where.bounding_box()
        assert box
        await mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=1 if press else 8)
        if press:
            await mouse.down()
    if end:
        await there.page.keyboard.press(end)
    await mouse.up()


def test_parcels_are_dragged_into_a_cell_and_out_of_it(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            page, panel = there.page, there.panel
            await panel.change(
                people=with_person(panel.world, sms("courier", WAYBILL, "40718268")),
                cells=(CellSeen(4, True, "KZ777", latched=False), CellSeen(CELL, True, latched=False)),
            )
            held = page.locator(f"[data-parcel='{WAYBILL}'] b")
            await drag(there, held, page.locator(f"[data-cell='{CELL}'] .inside"))
            assert await panel.said() == acts.Put(CELL, WAYBILL)
            await drag(
                there, page.locator("[data-cell='4'] .parcel .box"), page.locator("[data-person='marat'] h3")
            )
            assert await panel.said() == acts.Take(4, "marat")
            await expect(page.locator(".carried, [data-drop]")).to_have_count(0)

    runner.run(play())


def test_a_drag_that_ends_nowhere_does_nothing(runner: asyncio.Runner, browser: Browser) -> None:
    """Nor is it a press of what it began on; and a press is no drag."""

    async def play() -> None:
        async with desk(browser) as there:
            page, panel = there.page, there.panel
            await panel.change(cells=(CellSeen(4, True, "KZ777", latched=False),))
            parcel = page.locator("[data-cell='4'] .parcel .box")
            await drag(there, parcel, page.locator("#tab-journal"))
            await drag(there, parcel, page.locator("[data-person='marat'] h3"), end="Escape")
            await drag(there, parcel, page.locator("#kiosk iframe"))
            await expect(page.locator(".carried, [data-drop]")).to_have_count(0)
            await parcel.click()
            assert await panel.said() == acts.Take(4)
            assert panel.heard.empty()

    runner.run(play())


def test_a_drag_that_is_given_up_is_over_when_the_pointer_is_up(
    runner: asyncio.Runner, browser: Browser
) -> None:
    """However long that takes: its end over what it began on is no press of it, and the next press is one."""
    moment = "() => new Promise((done) => { setTimeout(done, 50); })"

    async def play() -> None:
        async with desk(browser) as there:
            page, panel = there.page, there.panel
            await panel.change(cells=(CellSeen(4, True, "KZ777", latched=False),))
            parcel = page.locator("[data-cell='4'] .parcel .box")
            box = await parcel.bounding_box()
            assert box
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            await page.mouse.move(x, y)
            await page.mouse.down()
            await page.mouse.move(x + 40, y, steps=4)
            await expect(page.locator(".carried")).to_have_count(1)
            await page.keyboard.press("Escape")
            await page.evaluate(moment)
            await page.mouse.move(x, y, steps=4)
            await expect(page.locator(".carried, [data-drop]")).to_have_count(0)
            await page.mouse.up()
            await page.evaluate(moment)
            assert panel.heard.empty()
            await parcel.click()
            assert await panel.said() == acts.Take(4)

    runner.run(play())


def test_a_finger_drags_as_a_mouse_does(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser, has_touch=True) as there:
            page, panel = there.page, there.panel
            await panel.change(cells=(CellSeen(4, True, "KZ777", latched=False),))
            tools = await page.context.new_cdp_session(page)
            places = [page.locator("[data-cell='4'] .parcel .box"), page.locator("[data-person='alia'] h3")]
            boxes = [await place.bounding_box() or FloatRect(x=0, y=0, width=0, height=0) for place in places]
            (x0, y0), (x1, y1) = (
                (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes
            )
            steps = [(x0 + (x1 - x0) * n / 8, y0 + (y1 - y0) * n / 8) for n in range(9)]
            for number, (x, y) in enumerate(steps):
                kind = "touchMove" if number else "touchStart"
                await tools.send(
                    "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]}
                )
            await tools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
            assert await panel.said() == acts.Take(4, "alia")

    runner.run(play())


@pytest.mark.parametrize(
    ("locale", "language"), [("ru-RU", "ru"), ("kk-KZ", "kk"), ("en-GB", "en"), ("de-DE", "en")]
)
def test_the_browser_chooses_the_language(
    runner: asyncio.Runner, browser: Browser, locale: str, language: str
) -> None:
    async def play() -> None:
        async with desk(browser, locale=locale) as there:
            await expect(there.page.locator("html")).to_have_attribute("lang", language)
            await expect(there.page.locator("#bring")).to_have_text(str(BOOKS[language]["guide.button"]))

    runner.run(play())


def test_another_language_keeps_everything_else(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser) as there:
            page, courier = there.page, Courier(there)
            await courier.press(page.locator("#bring"))
            await courier.order()
            await there.panel.tell(DIGIT)
            await page.locator("#tab-states").click()
            await page.locator("#kiosk iframe").evaluate("frame => { window.same = frame; }")
            await there.say("Қаз").click()
            await expect(there.say("Қаз")).to_be_focused()
            await glows(there, "[data-type='40718268']")
            await expect(page.locator("#states")).to_be_visible()
            await expect(page.locator("[data-line='3']")).to_have_count(1)
            assert await page.locator("#kiosk iframe").evaluate("frame => window.same === frame")
            await page.reload()
            await expect(page.locator("html")).to_have_attribute("lang", "kk")

    runner.run(play())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_visit_fetches_the_catalogue_of_one_language(
    runner: asyncio.Runner, browser: Browser, language: str
) -> None:
    fetched = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
      .filter(({ name }) => name.startsWith(location.origin)).map(({ name, decodedBodySize }) => [new URL(name).pathname, decodedBodySize])"""

    async def play() -> None:
        async with desk(browser, locale=language) as there:
            sizes: dict[str, int] = dict(await there.page.evaluate(fetched))
            assert [path for path in sizes if path.endswith(".json")] == [f"/{language}.json"]
            assert {"/", "/main.js", "/style.css"} <= sizes.keys()
            assert all(sizes.values())
            assert sum(sizes.values()) < VISIT_MAX_BYTES

    runner.run(play())


def test_what_anybody_writes_is_text(runner: asyncio.Runner, browser: Browser) -> None:
    evil = "<img src=x onerror=alert(1)>"

    async def play() -> None:
        async with desk(browser) as there:
            await there.panel.change(people=with_person(there.panel.world, sms("alia", evil, "55120934")))
            await there.panel.tell(
                Line(1, NOON_MS, evil, "no.such.key", {"name": evil}, (Part(evil, "no.part", {"x": evil}),))
            )
            await expect(there.page.locator(".sms")).to_contain_text(evil)
            await expect(there.page.locator(".chip")).to_have_text(f"no.part x {evil}")
            await expect(there.page.locator("img:not(.seen img)")).to_have_count(0)

    runner.run(play())


def test_only_what_has_changed_is_written(runner: asyncio.Runner, browser: Browser) -> None:
    """Ninety-six cells, told again and again: the page touches none of them, and then the one that opens."""
    watch = """() => {
      window.touched = new Set();
      new MutationObserver((all) => all.forEach(({ target }) => window.touched.add(
        target.closest?.('[data-cell]')?.dataset.cell || target.id || target.className || target.parentElement?.className || target.nodeName)))
        .observe(document.querySelector('main'), { subtree: true, childList: true, attributes: true, characterData: true });
      new PerformanceObserver((list) => { window.shown = (window.shown ?? 0) + list.getEntries().filter(({ name }) => name === 'panel.update').length; })
        .observe({ type: 'measure' });
    }"""

    async def play() -> None:
        async with desk(browser, cells=WALL) as there:
            page, panel = there.page, there.panel
            await expect(page.locator("[data-cell]")).to_have_count(96)
            await page.evaluate(watch)
            for _ in range(5):
                await panel.tell(panel.world)
            await page.wait_for_function("() => window.shown > 0")
            assert await page.evaluate("() => [...window.touched]") == []
            await panel.change(cells=with_cell(panel.world, CellSeen(48, open=True, latched=False)))
            await page.locator("[data-cell='48'].open").wait_for()
            assert await page.evaluate("() => [...window.touched]") == ["48"]

    runner.run(play())


@pytest.mark.parametrize(("doors", "swinging"), [(1, True), (12, True), (13, False), (96, False)])
def test_doors_swing_where_an_eye_can_follow(
    runner: asyncio.Runner, browser: Browser, doors: int, swinging: bool
) -> None:
    """Each door that swings is a layer that the browser moves: of very many, each is simply open."""
    watch = """() => { window.swung = 0; document.addEventListener('transitionrun',
      ({ target }) => { if (target.matches('.door')) window.swung += 1; }); }"""
    seen = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(window.swung))))"

    async def play() -> None:
        async with desk(browser, cells=WALL, reduced_motion="no-preference") as there:
            page, panel = there.page, there.panel
            await page.evaluate(watch)
            await panel.change(
                cells=tuple(
                    CellSeen(number, number <= doors, latched=number > doors) for number in range(1, 97)
                )
            )
            await expect(page.locator(".cell.open")).to_have_count(doors)
            assert await page.evaluate(seen) == (doors if swinging else 0)
            await panel.change(cells=with_cell(panel.world, CellSeen(1)))
            await expect(page.locator(".cell.open")).to_have_count(doors - 1)
            assert await page.evaluate(seen) == (doors + 1 if swinging else 1)

    runner.run(play())


CONTRAST = """() => {
  const parse = (text) => { const c = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    c.fillStyle = text; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => { for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor); if (colour[3] > 250) return colour; } return [255, 255, 255]; };
  const bad = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || element.closest('svg, [disabled], .unseen') || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(`${element.className || element.tagName} ${element.textContent.slice(0, 30)}`);
  }
  return bad;
}"""

# What a person who cannot see or use a mouse needs: every control has a name, ids are unique, references lead somewhere.
ACCESS = """() => {
  const bad = [];
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  ids.forEach((id, i) => { if (ids.indexOf(id) !== i) bad.push(`id ${id} twice`); });
  for (const element of document.querySelectorAll('button, a[href], input, select, iframe, [role=button], [role=switch], [role=tab], [tabindex="0"]')) {
    const name = element.getAttribute('aria-label') || element.textContent.trim() || element.title || element.labels?.[0]?.textContent
      || element.getAttribute('aria-labelledby');
    if (!name && element.checkVisibility()) bad.push(`no name: ${element.outerHTML.slice(0, 80)}`);
    if (element.closest('[aria-hidden=true]') && element.tabIndex >= 0) bad.push(`hidden and focusable: ${element.outerHTML.slice(0, 80)}`);
  }
  for (const name of ['aria-controls', 'aria-labelledby', 'aria-describedby', 'for'])
    for (const element of document.querySelectorAll(`[${name}]`))
      if (!document.getElementById(element.getAttribute(name))) bad.push(`${name} leads nowhere: ${element.getAttribute(name)}`);
  for (const element of document.querySelectorAll('button button, a button, button a')) bad.push(`nested: ${element.outerHTML.slice(0, 60)}`);
  if (document.querySelectorAll('h1').length !== 1) bad.push('not one h1');
  if (!document.documentElement.lang || !document.title) bad.push('no language or title');
  return bad;
}"""

# Text that is cut off, or that stands outside its box; what scrolls by intention is not.
OVERFLOW = """() => {
  const bad = [];
  if (document.documentElement.scrollWidth > innerWidth) bad.push(`the page is ${document.documentElement.scrollWidth} wide`);
  for (const box of document.querySelectorAll('#header, #story, #time, #cabinet, #kiosk, #people, #dock, .person, .inspector'))
    if (box.scrollHeight > box.clientHeight + 1) bad.push(`${box.id || box.className} is ${box.scrollHeight} high in ${box.clientHeight}`);
  if (getComputedStyle(document.body).overflowY === 'hidden' && document.body.scrollHeight > innerHeight) bad.push('the desk does not fit');
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('svg, .unseen, iframe, .where') || !element.checkVisibility()) continue;
    const { overflowX, overflowY, display } = getComputedStyle(element);
    if (display === 'inline' || /auto|scroll/.test(overflowX + overflowY)) continue;
    if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1) bad.push(`${element.id || element.className || element.tagName}: ${element.textContent.slice(0, 40)}`);
  }
  return bad;
}"""
VIEWS = {"desk": DESK, "laptop": LAPTOP, "narrow": NARROW, "zoomed": ZOOMED}
PANELS = ("xray", "states", "faults", "journal", "orders")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_it_is_legible(
    runner: asyncio.Runner, browser: Browser, view: str, language: str, scheme: str
) -> None:
    """In each language and scheme, on each screen, on each panel: nothing overflows, all has contrast and a name."""

    async def play() -> None:
        look: dict[str, Any] = {"viewport": VIEWS[view], "locale": language, "color_scheme": scheme}
        async with desk(browser, busy=True, **look) as there:
            page = there.page
            for panel in PANELS:
                await page.locator(f"#tab-{panel}").click()
                await page.locator(f"#{panel} > *").first.wait_for()  # its script may be on its way
                assert await page.evaluate(OVERFLOW) == []
                assert await page.evaluate(CONTRAST) == []
                assert await page.evaluate(ACCESS) == []
                if panel in ("xray", "states", "faults", "orders"):
                    await page.screenshot(
                        path=SCREENS / f"panel-{view}-{language}-{scheme}-{panel}.png",
                        full_page=view == "narrow",
                    )
            alia = page.locator("[data-person='alia']")
            await alia.locator("[data-tab='app']").click()
            await page.locator("[data-person='marat'] [data-tab='kaspi']").click()
            await expect(alia.locator("[data-app]")).to_have_count(2)
            await unfold(alia.locator("[data-app='KZ104']"))
            for asks in ("", "open", "no", "problem"):
                if asks:
                    await alia.locator(f"[data-does='{asks}']:visible").click()
                assert await page.evaluate(OVERFLOW) == []
                assert await page.evaluate(CONTRAST) == []
                assert await page.evaluate(ACCESS) == []
            await page.screenshot(
                path=SCREENS / f"panel-{view}-{language}-{scheme}-phones.png", full_page=view == "narrow"
            )

    SCREENS.mkdir(parents=True, exist_ok=True)
    runner.run(play())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_story_fits_its_band(runner: asyncio.Runner, browser: Browser, language: str) -> None:
    """On a laptop, where the band has a fixed height."""
    about = {"cell": 14, "parcel": "KZ00102", "person": "marat"}
    keys = [key for key in BOOK_EN if key.startswith("story.") and key.count(".") == 2]

    async def play() -> None:
        async with desk(browser, viewport=LAPTOP, locale=language) as there:
            await there.page.clock.install()
            for key in keys:
                await there.panel.tell(Story(key.split(".")[1], 1, 5, StoryState.DONE, key, about))
                words = str(BOOKS[language][key]).split("{")[0]
                await there.page.clock.run_for(5_000)  # each step stays for as long as one reads it
                await expect(there.page.locator("#story p")).to_contain_text(words)
                assert await there.page.evaluate(OVERFLOW) == [], key

    runner.run(play())


def test_text_alone_can_be_twice_as_large(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser, busy=True, viewport=NARROW) as there:
            await there.page.evaluate("() => { document.documentElement.style.fontSize = '200%'; }")
            assert await there.page.evaluate(OVERFLOW) == []

    runner.run(play())


def test_reduced_motion_moves_nothing(runner: asyncio.Runner, browser: Browser) -> None:
    async def play() -> None:
        async with desk(browser, busy=True) as there:
            moving = "() => document.getAnimations().length"
            assert await there.page.evaluate(moving) == 0
            await there.page.emulate_media(reduced_motion="no-preference")
            await there.page.wait_for_function("() => document.getAnimations().length > 0")

    runner.run(play())
