"""Every screen in three languages, upright and across, in a real browser: nothing overflows, nothing is too small.

The pictures are kept in build/screens/ with a sheet of all of them (index.html), to be looked at.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

import firmware.kiosk
from firmware.control import Superseded
from firmware.model import Action, Notice, Outage, Purpose, Screen, ScreenName
from tests.kiosk.conftest import Kiosk

A, N, P = Action, ScreenName, Purpose
SHEET = Path("build/screens")
LANGUAGES = ("ru", "kk", "en")
SHAPES = {"portrait": (1_080, 1_920), "landscape": (1_280, 800)}

CLOSING = (A.CONFIRM, A.REOPEN, A.PROBLEM, A.MORE_TIME)
MAY_1 = 1_777_632_600_000
CASES: dict[str, tuple[Screen, int | None]] = {
    "idle": (Screen(N.IDLE, actions=(A.START,)), None),
    "idle-one-open": (Screen(N.IDLE, open_cells=(7,), actions=(A.START,)), None),
    "idle-many-open": (Screen(N.IDLE, open_cells=(3, 7, 12, 21, 28), actions=(A.START,)), None),
    "keypad": (Screen(N.KEYPAD, actions=(A.BACK, A.MORE_TIME)), 44_000),
    "keypad-third-wrong": (Screen(N.KEYPAD, wrong=3, actions=(A.BACK, A.MORE_TIME)), 44_000),
    "keypad-more-time": (Screen(N.KEYPAD, actions=(A.BACK, A.MORE_TIME)), 9_000),
    "keypad-with-phone": (
        Screen(N.KEYPAD, with_phone=True, wrong=7, actions=(A.BACK, A.MORE_TIME)),
        44_000,
    ),
    "wrong-code": (Screen(N.WRONG_CODE, wrong=1, actions=(A.AGAIN, A.BACK)), 6_000),
    "wrong-code-third": (Screen(N.WRONG_CODE, wrong=3, actions=(A.AGAIN, A.BACK)), 6_000),
    "wait": (Screen(N.WAIT, wrong=5, actions=(A.BACK,)), 60_000),
    **{
        f"notice-{notice}": (
            Screen(
                N.NOTICE,
                notice=notice,
                account="Kaspi Gold" if notice is Notice.EXPIRED else None,
                cell=7 if notice is Notice.CELL_OPEN else None,
                date_ms=MAY_1,
                actions=(A.AGAIN, A.BACK, A.MORE_TIME),
            ),
            15_000,
        )
        for notice in Notice
    },
    "opening": (Screen(N.OPENING, cell=7, purpose=P.PICKUP), None),
    "take-parcel": (Screen(N.TAKE_PARCEL, cell=7, purpose=P.PICKUP), None),
    "put-parcel": (Screen(N.PUT_PARCEL, cell=12, purpose=P.DEPOSIT), None),
    "close-door": (Screen(N.CLOSE_DOOR, cell=28, purpose=P.PICKUP), None),
    "closing": (Screen(N.CLOSING, cell=7, purpose=P.PICKUP, can_reopen=True, actions=CLOSING), 20_000),
    "closing-more-time": (
        Screen(N.CLOSING, cell=7, purpose=P.PICKUP, can_reopen=True, actions=CLOSING),
        9_000,
    ),
    "ask-taken": (Screen(N.ASK_TAKEN, cell=7, purpose=P.PICKUP, can_reopen=True, actions=CLOSING), 20_000),
    "problem": (Screen(N.PROBLEM, cell=7, actions=(A.REPORT, A.BACK, A.MORE_TIME)), 20_000),
    "problem-noted": (Screen(N.PROBLEM_NOTED, cell=7, actions=(A.BACK,)), 15_000),
    "not-opened": (Screen(N.NOT_OPENED, cell=7, can_retry=True, actions=(A.AGAIN, A.BACK)), 15_000),
    "not-opened-for-good": (Screen(N.NOT_OPENED, cell=7, actions=(A.BACK,)), 15_000),
    "wrong-cell": (Screen(N.WRONG_CELL, cell=7, open_cells=(8,)), None),
    **{f"thanks-{p}": (Screen(N.THANKS, purpose=p, actions=(A.BACK,)), 5_000) for p in Purpose},
    "await-touch": (Screen(N.AWAIT_TOUCH, cell=7, purpose=P.PICKUP, actions=(A.OPEN, A.BACK)), 20_000),
    "busy": (Screen(N.BUSY, actions=(A.BACK,)), 20_000),
    "out-of-service": (Screen(N.OUT_OF_SERVICE), None),
    **{
        f"out-of-service-{o}": (Screen(N.OUT_OF_SERVICE, reason=o, open_cells=(7, 12, 28)), None)
        for o in Outage
    },
}

# What is wrong with the screen that stands: each finding is one sentence.
FAULTS = """
(bounds) => {
  const faults = [];
  const name = (e) => `${e.tagName.toLowerCase()}.${e.className} "${e.textContent.slice(0, 40)}"`;
  const seen = (e) => e.checkVisibility() && !e.closest(".unseen, #time");
  const words = [...document.querySelectorAll("h1, p, button, span, strong")].filter(seen).filter((e) => e.textContent.trim());
  for (const e of words) {
    const box = e.getBoundingClientRect();
    const inline = getComputedStyle(e).display === "inline";
    if (!inline && e.scrollWidth > e.clientWidth) faults.push(`${name(e)} is wider than its box`);
    if (!inline && e.scrollHeight > e.clientHeight + 2 && e.tagName === "BUTTON") faults.push(`${name(e)} is higher than its box`);
    if (box.left < -1 || box.right > innerWidth + 1) faults.push(`${name(e)} leaves the screen`);
    const capitals = parseFloat(getComputedStyle(e).fontSize) * 0.714 / bounds.mm;
    if (capitals < 4.8) faults.push(`${name(e)}: capitals of ${capitals.toFixed(2)} mm`);
  }
  for (const e of [...document.querySelectorAll("button")].filter(seen)) {
    const least = e.classList.contains("key") ? 22 : 20;
    const box = e.getBoundingClientRect();
    const size = Math.min(box.width, box.height) / bounds.mm;
    if (size < least - 0.01) faults.push(`${name(e)}: ${size.toFixed(1)} mm, at least ${least}`);
  }
  const rooms = [...document.querySelectorAll("#header, .stage, .words, .controls")].filter((e) => e.childElementCount)
    .map((e) => [e, e.getBoundingClientRect()]);
  for (const [a, p] of rooms) for (const [b, q] of rooms)
    if (a !== b && p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1
        && !a.contains(b) && bounds.whole) faults.push(`${name(a)} lies over ${name(b)}`);
  for (const e of document.querySelectorAll(".words, .controls")) for (const child of e.children) {
    if (!child.checkVisibility()) continue;
    const [p, q] = [e.getBoundingClientRect(), child.getBoundingClientRect()];
    if (q.top < p.top - 1 || q.bottom > p.bottom + 1) faults.push(`${name(child)} hangs out of its room`);
  }
  const main = document.querySelector("main");
  if (bounds.whole && main.scrollHeight > main.clientHeight) faults.push(`${main.scrollHeight - main.clientHeight} px must be scrolled`);
  if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is wider than the screen");
  if (!document.documentElement.lang) faults.push("no language");
  return faults;
}
"""


async def open_page(kiosk: Kiosk, width: int, height: int, scale: int = 1) -> tuple[Page, list[str]]:
    """A page that shows its first screen, and the list in which its complaints and foreign requests will stand."""
    page = await kiosk.browser.new_page(
        viewport={"width": width // scale, "height": height // scale},
        device_scale_factor=scale,
        reduced_motion="reduce",
    )
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def foreign(url: str) -> None:
        if not re.match(rf"(http|ws)://127\.0\.0\.1:{kiosk.config.kiosk.port}/", url):
            complaints.append(f"asked for {url}")

    page.on("request", lambda request: foreign(request.url))
    page.on("websocket", lambda socket: foreign(socket.url))
    await page.goto(kiosk.url)
    await page.wait_for_selector("[data-screen=idle]")
    return page, complaints


async def show(kiosk: Kiosk, page: Page, screen: Screen, left_ms: int | None = None) -> None:
    """Push a screen and wait until the page stands on it."""
    seq = await kiosk.controller.show(screen, left_ms)
    await page.wait_for_selector(f'html[data-shown="{seq.count}"]', state="attached")


async def walk(kiosk: Kiosk, page: Page, language: str, bounds: dict[str, Any], keep: str = "") -> list[str]:
    """All cases, one after the other, and the page's own screens last; what is wrong with each.

    The language is chosen once, where a person does: it holds until an idle screen follows another one.
    """
    faults: list[str] = []

    async def look(name: str) -> None:
        assert await page.evaluate("document.documentElement.lang") == language, name
        faults.extend(f"{name}: {fault}" for fault in await page.evaluate(FAULTS, bounds))
        if keep:
            await page.screenshot(path=SHEET / f"{name}.{language}.{keep}.jpg", type="jpeg", quality=80)

    await page.click(f"[data-language={language}]")
    for name, (screen, left_ms) in CASES.items():
        await show(kiosk, page, screen, left_ms)
        if name in ("keypad", "keypad-with-phone"):
            await page.keyboard.type("314159")
        await look(name)
    await kiosk.controller.stop()
    await page.wait_for_selector("[data-screen=offline]", state="attached")
    await look("offline")
    await kiosk.controller.start()
    await show(kiosk, page, Screen(N.BUSY))
    await kiosk.controller.push(Superseded())
    await page.wait_for_selector("[data-screen=superseded]", state="attached")
    await look("superseded")
    return faults


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_fits(kiosk: Kiosk, language: str, shape: str) -> None:
    async def scene() -> tuple[list[str], list[str]]:
        page, complaints = await open_page(kiosk, *SHAPES[shape])
        bounds = {"mm": kiosk.config.kiosk.pixels_per_mm, "whole": True}
        return await walk(kiosk, page, language, bounds, keep=shape), complaints

    SHEET.mkdir(parents=True, exist_ok=True)
    (SHEET / "index.html").write_text(sheet(), encoding="utf-8")
    faults, complaints = kiosk.play(scene())
    assert faults == []
    assert complaints == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_fits_at_twice_the_size(kiosk: Kiosk, language: str, shape: str) -> None:
    """Zoomed to 200 % there may be something to scroll, and still no text is cut off."""

    async def scene() -> list[str]:
        page, _ = await open_page(kiosk, *SHAPES[shape], scale=2)
        return await walk(kiosk, page, language, {"mm": kiosk.config.kiosk.pixels_per_mm, "whole": False})

    assert kiosk.play(scene()) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_large_wall_with_long_names_fits(wall: Kiosk, shape: str) -> None:
    async def scene() -> list[str]:
        page, _ = await open_page(wall, *SHAPES[shape])
        return await walk(
            wall, page, "kk", {"mm": wall.config.kiosk.pixels_per_mm, "whole": True}, f"wall-{shape}"
        )

    SHEET.mkdir(parents=True, exist_ok=True)
    assert wall.play(scene()) == []


def sheet() -> str:
    """A page with every picture on it, one screen a row."""
    rows = []
    for name in [*CASES, "offline", "superseded"]:
        images = "".join(
            f'<img loading="lazy" src="{name}.{language}.{shape}.jpg" alt="">'
            for shape in SHAPES
            for language in LANGUAGES
        )
        rows.append(f"<h2>{name}</h2><div>{images}</div>")
    style = (
        "body{font:16px sans-serif;margin:2rem}div{display:flex;gap:1rem;align-items:start}img{height:30rem}"
    )
    return f"<!doctype html><meta charset=utf-8><title>Screens</title><style>{style}</style>{''.join(rows)}\n"


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("ink", "paper"),
        ("ink", "card"),
        ("ink", "tint"),
        ("soft", "paper"),
        ("soft", "card"),
        ("card", "accent"),
        ("card", "accent-deep"),
        ("card", "ink"),
        ("accent-deep", "card"),
        ("accent", "paper"),
    ],
)
def test_contrast_is_at_least_seven_to_one(text: str, ground: str) -> None:
    style = (Path(firmware.kiosk.__file__).parent / "page/style.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", style))
    light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 7
