"""Every screen in three languages, upright and across, in a real browser: nothing overflows, nothing is too small."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

import firmware.kiosk
from tests.kiosk.gallery import CASES, SHAPES, tour
from tests.kiosk.stage import Kiosk, serving
from tests.kiosk.test_texts import LANGUAGES

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
  const drawings = [...document.querySelectorAll(".scene .picture, .scene .cabinet, .scene .code, .more .picture")].filter(seen)
    .map((e) => e.getBoundingClientRect()).map((box) => Math.min(box.width, box.height) / bounds.mm);
  if (!(Math.max(...drawings) >= 20)) faults.push(`no picture of at least 20 mm: ${drawings.map(Math.round)}`);
  for (const e of [...document.querySelectorAll(".cabinet text")].filter(seen)) {
    const capitals = e.getBoundingClientRect().height / 1.362 * 0.714 / bounds.mm; // the line of Noto Sans has 1.362 em
    const [badge, stage] = [".badge", ".stage"].map((kind) => (e.parentElement.querySelector(kind) ?? e.closest(kind)).getBoundingClientRect());
    if (badge.top < stage.top || badge.left < stage.left || badge.right > stage.right)
      faults.push(`number ${e.textContent} leaves the picture`);
    if (capitals < 4.8) faults.push(`number ${e.textContent} in the cabinet: ${capitals.toFixed(2)} mm`);
  }
  const main = document.querySelector("main");
  if (bounds.whole && main.scrollHeight > main.clientHeight) faults.push(`${main.scrollHeight - main.clientHeight} px must be scrolled`);
  if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is wider than the screen");
  if (!document.documentElement.lang) faults.push("no language");
  return faults;
}
"""


async def faults_of(kiosk: Kiosk, page: Page, language: str, *, zoom: int = 1) -> list[str]:
    """What is wrong with each screen; only one that is zoomed may have to be scrolled."""
    bounds = {"mm": kiosk.config.kiosk.pixels_per_mm / zoom, "whole": zoom == 1}
    faults = []
    async for name in tour(kiosk, page, language):
        assert await page.evaluate("document.documentElement.lang") == language, name
        faults += [f"{name}: {fault}" for fault in await page.evaluate(FAULTS, bounds)]
    return faults


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_fits(kiosk: Kiosk, language: str, shape: str) -> None:
    async def scene() -> tuple[list[str], list[str]]:
        page, complaints = await kiosk.open(*SHAPES[shape])
        return await faults_of(kiosk, page, language), complaints

    faults, complaints = kiosk.play(scene())
    assert faults == []
    assert complaints == []


@pytest.mark.parametrize("shape", ["portrait-small", "landscape-small"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_fits_at_twice_the_size(kiosk: Kiosk, language: str, shape: str) -> None:
    """Zoomed to 200 % there may be something to scroll, and still no text is cut off."""

    async def scene() -> list[str]:
        page, _ = await kiosk.open(*SHAPES[shape], scale=2)
        return await faults_of(kiosk, page, language, zoom=2)

    assert kiosk.play(scene()) == []


@pytest.mark.parametrize("shape", ["portrait", "portrait-small", "landscape"])
def test_large_wall_with_long_names_fits(wall: Kiosk, shape: str) -> None:
    async def scene() -> list[str]:
        page, _ = await wall.open(*SHAPES[shape])
        return await faults_of(wall, page, "kk")

    assert wall.play(scene()) == []


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Of two colours that style.css names."""
    style = (Path(firmware.kiosk.__file__).parent / "page/style.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", style))
    light, dark = sorted((luminance(colours[one]), luminance(colours[other])), reverse=True)
    return (light + 0.05) / (dark + 0.05)


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
    assert contrast(text, ground) >= 7


@pytest.mark.parametrize("ground", ["paper", "card"])
@pytest.mark.parametrize("edge", ["line", "accent", "soft"])
def test_edge_of_whatever_is_pressed_is_seen(edge: str, ground: str) -> None:
    assert contrast(edge, ground) >= 3  # WCAG 2.2, 1.4.11


@pytest.mark.parametrize("pixels_per_mm", [2.0, 5.6])
def test_sizes_follow_the_panel(
    runner: asyncio.Runner, browser: Browser, tmp_path: Path, pixels_per_mm: float
) -> None:
    """A finger is as large before a panel of fine pixels as before one of coarse ones."""

    async def scene(kiosk: Kiosk) -> tuple[list[str], float]:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await kiosk.show(page, *CASES["keypad"])
        key = await page.locator("[data-key='5']").bounding_box()
        assert key
        return await faults_of(kiosk, page, "kk"), key["height"]

    with serving(runner, browser, tmp_path, pixels_per_mm) as kiosk:
        faults, height = kiosk.play(scene(kiosk))
    assert faults == []
    assert height >= 22 * pixels_per_mm
