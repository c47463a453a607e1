"""The link in a buyer's SMS, over real HTTP and in a real browser: the code that it draws, who gets it, and for how long."""

import asyncio
import dataclasses
from pathlib import Path

import aiohttp
import msgspec
import pytest
from playwright.async_api import Browser, Page
from yarl import URL

from firmware.events import TokenShown
from firmware.model import Purpose
from firmware.signed import Keyring
from firmware.tokens import open_token
from sim.backend import answers, sms_link
from sim.backend.app import App
from tests.kiosk.test_scan import read
from tests.sim.test_backend import SITE, Book, make
from tests.sim.test_backend_api import Phone, at_home, with_phone

SCREENS = Path("build/screens")
SHAPES = {"phone": (390, 844), "small": (320, 568), "lying": (844, 390)}


def link(phone: Phone, person: str = "alia") -> str:
    """The address in this person's newest SMS; "" where it has none."""
    *_, last = phone.backend.phones[person][-1].text.split()
    return last if last.startswith(SITE.sms_link) else ""


def page_of(phone: Phone, address: str) -> str:
    """Where this backend answers for the address."""
    return f"{phone.url}/api{URL(address).raw_path}"


async def opened(phone: Phone, url: str) -> tuple[int, str]:
    """Whoever opens it has no token."""
    async with aiohttp.ClientSession() as http, http.get(URL(url, encoded=True)) as answer:
        assert (answer.content_type, answer.charset) == ("text/html", "utf-8")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        return answer.status, await answer.text()


def said(phone: Phone, text: str) -> TokenShown:
    """What the locker takes a code for."""
    signer = phone.backend.signer
    token = open_token(text, Keyring({signer.key_id: signer.public}))
    assert isinstance(token, TokenShown)
    return token


@with_phone
async def test_it_comes_with_the_code_to_the_buyer_alone_and_shows_the_parcel(phone: Phone) -> None:
    address = link(phone)
    assert address.startswith("https://app.example/q/KZ1/")
    assert [each.text for each in phone.backend.phones["courier"] if "/q/" in each.text] == []
    for _ in range(2):  # a messenger looked first
        status, page = await opened(phone, page_of(phone, address))
        assert (status, page.count("<svg")) == (200, 1)
        for words in ("Посылка KZ1", "Постамат № 0123, ул. Абая, 10", "«Получить посылку»", "Хранится до"):
            assert words in page
        assert phone.backend.code("KZ1", Purpose.PICKUP) not in page


@with_phone
async def test_nobody_guesses_it(phone: Phone) -> None:
    own, other = (URL(link(phone, person)).name for person in ("alia", "marat"))
    assert (len(own), own.isascii(), own == other) == (26, True, False)
    wrong = [own[:i] + ("A" if own[i] != "A" else "B") + own[i + 1 :] for i in range(26)]
    wrong += [other, own.lower(), own[:-1], own + "A", "%00", "%D0%9A", "A" * 4_000]
    paths = [f"KZ1/{name}" for name in wrong]
    paths += [f"{waybill}/{own}" for waybill in ("KZ2", "KZ3", "KZ9", "%3Cscript%3E", "%2E%2E")]
    for path in paths:
        status, page = await opened(phone, f"{phone.url}/api/q/{path}")
        assert (status, "<svg" in page, answers.NO_LINK in page) == (404, False, True), path
        assert "<script" not in page


@with_phone
async def test_it_shows_nothing_once_the_parcel_is_out(phone: Phone) -> None:
    url = page_of(phone, link(phone))
    phone.online(False)
    assert (await opened(phone, url))[0] == 200  # the code needs no network at the locker
    phone.told("opened", parcel="KZ1", grant="pickup-KZ1", cell=7)
    phone.told("collected", parcel="KZ1", grant="pickup-KZ1", cell=7)
    status, page = await opened(phone, url)
    assert (status, "<svg" in page) == (409, False)


@with_phone
async def test_where_the_operator_allows_no_codes_without_dates_there_is_none(phone: Phone) -> None:
    url = page_of(phone, link(phone))
    phone.told("configured", why="remote_open=anywhere static_tokens=0")
    status, page = await opened(phone, url)
    assert (status, "<svg" in page, answers.NO_STATIC in page) == (403, False, True)
    assert (await phone.post("/api/parcels/KZ1/resend"))[0] == 202
    assert (phone.backend.phones["alia"][-1].code, link(phone)) == (
        phone.backend.code("KZ1", Purpose.PICKUP),
        "",
    )
    phone.told("configured", why="remote_open=anywhere static_tokens=1")
    assert (await opened(phone, url))[0] == 200
    await phone.post("/api/parcels/KZ1/resend")
    assert page_of(phone, link(phone)) == url


@with_phone
async def test_the_locker_takes_what_it_draws(phone: Phone) -> None:
    name = phone.backend.link_of("alia", "KZ1")
    assert link(phone).endswith(f"/{name}")
    assert phone.backend.link_of("marat", "KZ1") == ""  # an SMS of another's parcel
    shown = App(phone.backend, phone.link).linked("KZ1", name)
    token = said(phone, shown.text)
    assert (token.grant, token.purpose, token.locker) == ("pickup-KZ1", "pickup", "0123")
    assert (token.not_before_ms, token.not_after_ms) == (0, 0)


def test_a_backend_that_was_restored_knows_it_and_another_code_has_another() -> None:
    first, again = make(), make()
    grants = [backend.order("KZ 1/ü", 7, "alia").grants[Purpose.PICKUP] for backend in (first, again)]
    name = sms_link.name_of(SITE, grants[0])
    assert name == sms_link.name_of(SITE, grants[1])
    assert sms_link.is_named(SITE, grants[0], name)
    drawn_anew = dataclasses.replace(grants[0], code="00000000")
    assert not sms_link.is_named(SITE, drawn_anew, name)
    elsewhere = msgspec.structs.replace(SITE, code_key=bytes(32))
    assert not sms_link.is_named(elsewhere, grants[0], name)
    address = sms_link.address(SITE, "KZ 1/ü", grants[0])
    assert address == f"https://app.example/q/KZ%201%2F%C3%BC/{name}"
    assert sms_link.found(("Код: 1.", f"QR-код: {address}"), "KZ 1/ü") == name
    assert sms_link.address(msgspec.structs.replace(SITE, sms_link=""), "KZ1", grants[0]) == ""
    first.close()
    again.close()


def test_a_locker_whose_file_refuses_such_codes_is_known_to_before_it_says_so() -> None:
    backend = make(site=msgspec.structs.replace(SITE, static_tokens=False))
    backend.order("KZ1", 7, "alia")
    book = Book()
    book.write("stored", cell=7, parcel="KZ1", grant="deposit-KZ1")
    backend.journal(book.rows)
    assert (backend.last_code("alia"), backend.link_of("alia", "KZ1")) == (
        backend.code("KZ1", Purpose.PICKUP),
        "",
    )
    book.write("configured", why="static_tokens=1")
    book.write("configured", why="remote_open=touch")  # the file's word again
    backend.journal(book.rows[1:])
    assert not backend.static_tokens
    backend.close()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_draws_it_large_and_a_decoder_reads_it_off_the_glass(
    runner: asyncio.Runner, browser: Browser, shape: str, scheme: str
) -> None:
    async def look(phone: Phone, page: Page) -> None:
        await page.goto(page_of(phone, link(phone)))
        picture = await page.screenshot(path=SCREENS / f"sms-link.{shape}.{scheme}.png")
        (text,) = read(picture)
        assert said(phone, text).grant == "pickup-KZ1"
        drawn = await page.locator("svg").bounding_box()
        assert drawn
        width, height = SHAPES[shape]
        assert min(drawn["width"], drawn["height"]) >= 0.7 * min(width, height)
        assert drawn["y"] + drawn["height"] <= height, "all of it is on the glass"
        assert await page.evaluate("document.documentElement.scrollWidth") <= width

    async def play() -> None:
        width, height = SHAPES[shape]
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            device_scale_factor=2,
        )
        complaints: list[str] = []
        asked: list[str] = []
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        async with at_home() as phone:
            await look(phone, page)
        await context.close()
        assert (complaints, len(asked)) == ([], 1), "nothing else is loaded, and nothing was refused"

    SCREENS.mkdir(parents=True, exist_ok=True)
    runner.run(play())
