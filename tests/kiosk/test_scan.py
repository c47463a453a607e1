"""The screen's QR code: a real decoder reads it off every screen that has it, it is large, and it comes and goes alone."""

import io
import random
from typing import Any

import pytest
import segno
import zxingcpp
from PIL import Image
from playwright.async_api import Page

from firmware.control import Qr, Seq, Show
from firmware.kiosk.drawing import drawn
from firmware.model import Action, Screen, ScreenName
from firmware.offer import content
from tests.kiosk.gallery import CASES, CODE, SHAPES, tour
from tests.kiosk.stage import Kiosk
from tests.kiosk.test_texts import LANGUAGES

SCANNED = [name for name in CASES if name.endswith("-scan")]
LEAST_MM = 30.0
IDLE = Screen(ScreenName.IDLE, actions=(Action.START,))
KEYPAD = Screen(ScreenName.KEYPAD, actions=(Action.BACK,))

# The code's side without its quiet zone, that zone in modules by what lies around it, and its two colours.
MEASURE = """
() => {
  const svg = document.querySelector(".code");
  const [svgBox, dark] = [svg, svg.querySelector(".dark")].map((e) => e.getBoundingClientRect());
  const size = svg.viewBox.baseVal.width - 8;
  const module = svgBox.width / (size + 8);
  const zone = [dark.left - svgBox.left, svgBox.right - dark.right, dark.top - svgBox.top, svgBox.bottom - dark.bottom];
  const fill = (part) => getComputedStyle(svg.querySelector(part)).fill;
  const stage = document.querySelector(".stage").getBoundingClientRect();
  return {
    side: dark.width, high: dark.height, zone: Math.min(...zone) / module, light: fill(".light"), dark: fill(".dark"),
    inside: svgBox.left >= stage.left && svgBox.right <= stage.right && svgBox.top >= stage.top && svgBox.bottom <= stage.bottom,
  };
}
"""


def read(png: bytes) -> list[str]:
    """What the codes on a picture say."""
    image = Image.open(io.BytesIO(png)).convert("L")
    return [
        code.text
        for code in zxingcpp.read_barcodes(
            image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    ]


@pytest.mark.parametrize(
    ("language", "shape"),
    [*(("ru", shape) for shape in SHAPES), ("kk", "portrait"), ("en", "landscape-small")],
)
def test_a_real_decoder_reads_it_off_the_whole_screen_and_it_is_large(
    kiosk: Kiosk, language: str, shape: str
) -> None:
    async def scene() -> None:
        page, complaints = await kiosk.open(*SHAPES[shape])
        mm = kiosk.config.kiosk.pixels_per_mm
        async for name in tour(kiosk, page, language, SCANNED, own=False):
            assert read(await page.screenshot()) == [CODE], name
            found = await page.evaluate(MEASURE)
            assert min(found["side"], found["high"]) / mm >= LEAST_MM, (name, found)
            assert found["zone"] >= 3.99, (name, found)
            assert (found["light"], found["dark"]) == ("rgb(255, 255, 255)", "rgb(0, 0, 0)")
            assert found["inside"], (name, found)
        assert complaints == []

    kiosk.play(scene())


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("forced", ["active", "none"])
def test_it_is_black_on_white_whatever_colours_are_asked_for(kiosk: Kiosk, scheme: Any, forced: Any) -> None:
    async def scene() -> None:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await page.emulate_media(color_scheme=scheme, forced_colors=forced)
        await kiosk.show(page, IDLE, None, CODE)
        assert read(await page.screenshot()) == [CODE]
        found = await page.evaluate(MEASURE)
        assert (found["light"], found["dark"]) == ("rgb(255, 255, 255)", "rgb(0, 0, 0)")

    kiosk.play(scene())


def test_a_blurred_and_dim_picture_of_it_is_still_read(kiosk: Kiosk) -> None:
    """As a phone sees it from a step away: a third of the pixels, half of the light."""

    async def scene() -> bytes:
        page, _ = await kiosk.open(*SHAPES["portrait-small"])
        await kiosk.show(page, KEYPAD, None, CODE)
        return await page.screenshot()

    image = Image.open(io.BytesIO(kiosk.play(scene()))).convert("L")
    far = image.resize((image.width // 3 * 2, image.height // 3 * 2), Image.Resampling.BILINEAR)
    dim = far.point(lambda value: value // 2 + 20)
    found = zxingcpp.read_barcodes(dim, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    assert [code.text for code in found] == [CODE]


async def painted(page: Page, text: str | None) -> None:
    """Wait until the page has drawn this code, or none."""
    code = drawn(Show(Seq("s", 1), IDLE, None, Qr(text))).qr if text else None
    has = "(path) => (document.querySelector('.code .dark')?.getAttribute('d') ?? '') === path"
    await page.wait_for_function(has, arg=code.path if code else "")


def test_it_comes_changes_and_goes_and_nothing_else_does(kiosk: Kiosk) -> None:
    """Without the link it leaves; the typed digits, the focus and the running animations stay."""

    async def scene() -> None:
        page, complaints = await kiosk.open(*SHAPES["portrait"])
        await kiosk.show(page, KEYPAD)
        await page.keyboard.type("3141")
        await page.focus("[data-key='5']")
        await page.evaluate("window.keys = document.querySelector('.keys')")
        for code in (CODE, CODE.replace("A", "B"), None, CODE):
            await kiosk.controller.renew(code)
            await painted(page, code)
            assert read(await page.screenshot()) == ([code] if code else [])
            assert await page.evaluate("window.keys === document.querySelector('.keys')")
            assert await page.evaluate("document.activeElement.dataset.key") == "5"
            slots = await page.locator(".slots span").all_inner_texts()
            assert slots[:5] == ["3", "1", "4", "1", ""]
        await page.keyboard.type("5926")
        assert (await kiosk.controller.next_request()).seq == kiosk.controller.screen.seq
        assert complaints == []

    kiosk.play(scene())


def test_a_screen_that_comes_without_one_shows_none(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await kiosk.show(page, IDLE, None, CODE)
        await page.click("[data-language=kk]")  # it is drawn again with the words
        assert read(await page.screenshot()) == [CODE]
        await kiosk.show(page, Screen(ScreenName.OPENING, cell=7))
        assert await page.locator(".scan").count() == 0
        await kiosk.show(page, IDLE, None, CODE)
        assert await page.locator(".scan").count() == 1
        await kiosk.controller.stop()
        await page.wait_for_selector("[data-screen=offline]", state="attached")
        assert await page.locator(".scan").count() == 0
        await kiosk.controller.start()

    kiosk.play(scene())


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_what_to_do_in_words(kiosk: Kiosk, language: str) -> None:
    async def scene() -> list[str]:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await kiosk.show(page, IDLE)
        await page.click(f"[data-language={language}]")
        await kiosk.show(page, IDLE, None, CODE)
        lines: list[str] = await page.locator(".scan p").all_inner_texts()
        return lines

    said = [line.replace("\u2011", "-").replace("\u00a0", " ") for line in kiosk.play(scene())]
    words = {"ru": "Отсканируйте QR-код", "kk": "QR-кодты сканерлеңіз", "en": "Scan the QR code"}
    assert said[0] == words[language]
    assert {words["ru"], words["kk"]} <= set(said)


# The drawing


def modules(qr: Qr) -> list[list[int]]:
    """The drawing as a page would paint it."""
    rows = [[0] * qr.size for _ in range(qr.size)]
    for run in qr.path.split("M")[1:]:
        start, _, rest = run.partition("h")
        x, y = map(int, start.split())
        width, _, back = rest.partition("v1h")
        assert back == f"-{width}z"
        for column in range(x, x + int(width)):
            rows[y][column] = 1
    return rows


def test_the_drawing_is_what_the_library_has_made() -> None:
    show = drawn(Show(Seq("s", 1), IDLE, 5, Qr(CODE)))
    assert show.qr is not None
    assert show.qr.text == CODE
    assert modules(show.qr) == [list(row) for row in segno.make(CODE, error="m", micro=False).matrix]
    assert (show.seq, show.screen, show.left_ms) == (Seq("s", 1), IDLE, 5)


def test_a_screen_without_one_is_left_as_it_is() -> None:
    show = Show(Seq("s", 1), IDLE, 5)
    assert drawn(show) is show


def test_a_link_in_capitals_makes_a_small_code() -> None:
    nonce = random.Random(1).randbytes(16)
    small = drawn(Show(Seq("s", 1), IDLE, None, Qr(content("HTTPS://APP.EXAMPLE/P/", "0123", nonce))))
    large = drawn(Show(Seq("s", 1), IDLE, None, Qr(content("https://app.example/p/", "0123", nonce))))
    assert small.qr is not None
    assert large.qr is not None
    assert (small.qr.size, large.qr.size) == (29, 33)


def test_the_longest_configured_link_still_fits_its_place(kiosk: Kiosk) -> None:
    """A hundred small letters before an id of 32: it is read at the same size, with modules of half a millimetre."""
    text = content("https://" + "a" * 92, "ALA-NAURYZBAY-01234567890123456-", bytes(range(16)))

    async def scene() -> bytes:
        page, _ = await kiosk.open(*SHAPES["portrait-small"])
        await kiosk.show(page, KEYPAD, None, text)
        return await page.screenshot()

    assert read(kiosk.play(scene())) == [text]
