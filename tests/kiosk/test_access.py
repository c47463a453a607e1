"""Whoever comes can use the screen: seen by axe-core, by fingers low and high, by a screen reader, by a keyboard."""

from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import Page

from firmware.model import Action, Screen, ScreenName
from tests.kiosk.gallery import CASES, SHAPES, tour
from tests.kiosk.stage import Kiosk
from tests.kiosk.test_texts import ALPHABETS, KEYS, LANGUAGES

A, N = Action, ScreenName
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
AXE_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"color-contrast-enhanced": {"enabled": True}, "target-size": {"enabled": True}},
    "resultTypes": ["violations", "incomplete"],
}
AXE_RUN = """
async (rules) => {
  const all = { normal: { expected: 7 }, large: { expected: 7 } }; // axe would let large type off with 4.5
  axe.configure({ checks: [{ id: "color-contrast-enhanced", options: { contrastRatio: all } }] });
  const found = await axe.run({ exclude: [[".cabinet text"]] }, rules); // drawn white on accent, as a test of the palette has it
  const digit = (node) => node.any.some((check) => check.data?.messageKey === "shortTextContent"); // drawn ink on card
  return [...found.violations, ...found.incomplete].flatMap((rule) =>
    rule.nodes.filter((node) => !digit(node)).map((node) => `${rule.id}: ${node.html.slice(0, 120)}: ${node.failureSummary ?? ""}`));
}
"""
LOW_REACH_MM = 1_100 - 800  # above the panel's lower edge: what an arm has in low-reach mode

# Every text that is shown, with the language it is written in: what `say` answers is remembered on the way.
LISTEN = """
async () => {
  const { Texts } = await import("/texts.js");
  const say = Texts.prototype.say;
  window.said = new Map();
  window.saidKeys = new Set();
  Texts.prototype.say = function (key, parameters) {
    const text = say.call(this, key, parameters);
    window.saidKeys.add(key);
    window.said.set(text, (window.said.get(text) ?? new Set()).add(this.language));
    return text;
  };
}
"""
MISNAMED = """
() => {
  const spoken = (element) => element.closest("[lang]").lang;
  const faults = [];
  const look = (text, element) => {
    const languages = window.said.get(text);
    if (languages && !languages.has(spoken(element))) faults.push(`"${text}" is said to be ${spoken(element)}`);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) look(walker.currentNode.data, walker.currentNode.parentElement);
  for (const element of document.querySelectorAll("[aria-label]")) look(element.getAttribute("aria-label"), element);
  return faults;
}
"""
BUTTONS = """
() => [...document.querySelectorAll("button")].filter((e) => e.checkVisibility()).map((e) => {
  const box = e.getBoundingClientRect();
  return { name: e.innerText || e.getAttribute("aria-label"), top: box.top, bottom: box.bottom, left: box.left, right: box.right };
})
"""


@pytest.mark.parametrize(
    ("language", "shape"), [*((language, "portrait") for language in LANGUAGES), ("ru", "landscape-small")]
)
def test_axe_finds_nothing(kiosk: Kiosk, language: str, shape: str) -> None:
    """WCAG 2.2 AA, and 7:1 for every text (the enhanced contrast of level AAA)."""

    async def scene() -> list[str]:
        page, _ = await kiosk.open(*SHAPES[shape])
        await page.evaluate(AXE)
        faults = []
        async for name in tour(kiosk, page, language):
            faults += [f"{name}: {fault}" for fault in await page.evaluate(AXE_RUN, AXE_RULES)]
        return faults

    assert kiosk.play(scene()) == []


def test_axe_finds_what_is_planted(kiosk: Kiosk) -> None:
    async def scene() -> str:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await page.evaluate(AXE)
        await kiosk.show(page, *CASES["closing"])
        await page.evaluate("document.documentElement.style.setProperty('--soft', '#6b7076')")  # 4.5:1
        await page.evaluate("document.querySelector('.controls .button').replaceChildren()")
        return "\n".join(await page.evaluate(AXE_RUN, AXE_RULES))

    found = kiosk.play(scene())
    assert "color-contrast-enhanced" in found
    assert "button-name" in found


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_text_stands_under_its_own_language(kiosk: Kiosk, language: str) -> None:
    async def scene() -> list[str]:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await page.evaluate(LISTEN)
        faults = []
        async for name in tour(kiosk, page, language):
            faults += [f"{name}: {fault}" for fault in await page.evaluate(MISNAMED)]
        assert await page.evaluate("window.said.size") > len(CASES)
        return faults

    assert kiosk.play(scene()) == []


def test_gallery_shows_every_text(kiosk: Kiosk) -> None:
    """So that whoever adds a text, or a screen under a flag, adds a case: what has none is never looked at."""

    async def scene() -> set[str]:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await page.evaluate(LISTEN)
        async for _ in tour(kiosk, page, "ru"):
            pass
        await page.click(".button.first")  # takes the screen back
        await kiosk.show(page, Screen(N.IDLE, actions=(A.START,)))
        await page.click(".reach")
        return set(await page.evaluate("[...window.saidKeys]"))

    unseen = set(KEYS) - kiosk.play(scene())
    assert unseen == {
        "screen.connecting",
        "offline.next",
    }  # before the first message, and while the server is away


async def low(kiosk: Kiosk, page: Page, screen: Screen, left_ms: int | None) -> None:
    """Show a screen in low-reach mode."""
    await kiosk.show(page, screen, left_ms)
    if await page.evaluate("document.documentElement.dataset.reach") != "low":
        await page.click(".reach")


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.startswith("portrait")])
def test_low_reach_brings_every_button_of_every_screen_within_an_arm(kiosk: Kiosk, shape: str) -> None:
    async def scene() -> list[str]:
        page, _ = await kiosk.open(*SHAPES[shape])
        highest = SHAPES[shape][1] - LOW_REACH_MM * kiosk.config.kiosk.pixels_per_mm
        faults = []
        for name, (screen, left_ms) in CASES.items():
            await low(kiosk, page, screen, left_ms)
            faults += [
                f"{name}: {button['name']} at {button['top']}"
                for button in await page.evaluate(BUTTONS)
                if button["top"] < highest
            ]
            if await page.evaluate("(e => e.scrollHeight > e.clientHeight)(document.querySelector('main'))"):
                faults.append(f"{name}: has to be scrolled")
        return faults

    assert kiosk.play(scene()) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_tab_goes_through_a_screen_as_it_is_read(kiosk: Kiosk, shape: str) -> None:
    """From above to below and from left to right; and the place of the focus is seen."""

    async def scene() -> None:
        page, _ = await kiosk.open(*SHAPES[shape])
        for name in (
            "idle",
            "keypad-more-time",
            "closing-more-time",
            "problem",
            "not-opened",
            "thanks-pickup",
        ):
            await kiosk.show(page, *CASES[name])
            buttons: list[dict[str, Any]] = await page.evaluate(BUTTONS)
            for one, next_one in pairwise(buttons):
                after = next_one["top"] >= one["bottom"] - 1 or next_one["left"] >= one["right"] - 1
                assert after, f"{name}: {next_one['name']} comes after {one['name']}"
            for button in buttons:
                await page.keyboard.press("Tab")
                focused, ring = await page.evaluate(
                    "(e => [e.innerText || e.getAttribute('aria-label'), parseFloat(getComputedStyle(e).outlineWidth)])"
                    "(document.activeElement)"
                )
                assert focused == button["name"], name
                assert ring >= kiosk.config.kiosk.pixels_per_mm, name

    kiosk.play(scene())


def test_nothing_moves_for_whoever_asks_for_that(kiosk: Kiosk) -> None:
    async def scene() -> None:
        moving, _ = await kiosk.open(*SHAPES["portrait"], motion=True)
        await kiosk.show(moving, *CASES["keypad"])
        assert await moving.evaluate("document.getAnimations().length") > 0
        await moving.close()
        still, _ = await kiosk.open(*SHAPES["portrait"])
        async for name in tour(kiosk, still, "ru"):
            assert await still.evaluate("document.getAnimations().length") == 0, name
            assert not await still.locator("#time").is_visible(), name

    kiosk.play(scene())


def test_countdown_is_told_once_and_not_each_second(kiosk: Kiosk) -> None:
    """A screen reader hears what the screen is, and at the end the question; the seconds are there to be read."""
    watch = """
    () => {
      const live = "[aria-live], [role=status], [role=alert]";
      const heard = new Map();
      window.told = [];
      const listen = () => {
        for (const element of document.querySelectorAll(live)) {
          const text = element.checkVisibility() ? element.textContent : "";
          const key = element.getAttribute("role");
          if (text && heard.get(key) !== text) window.told.push(text);
          heard.set(key, text);
        }
      };
      listen();
      new MutationObserver(listen).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    }
    """

    async def scene() -> tuple[list[str], str]:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await page.clock.install()
        await page.evaluate(watch)
        await kiosk.show(page, *CASES["closing"])
        before = await page.inner_text(".words .left")
        await page.clock.run_for(15_000)
        assert await page.inner_text(".more .left") != before
        return await page.evaluate("window.told"), before

    told, before = kiosk.play(scene())
    assert before == "Осталось 20\u00a0с"
    assert told == ["Здравствуйте!\nСәлеметсіз бе!", "Дверца закрыта", "Нужно больше времени?"]


def test_font_holds_every_letter(kiosk: Kiosk) -> None:
    """Each letter of the three languages, and the tenge, is drawn by the page's own fonts and differs from a missing one."""
    letters = sorted({*"".join(ALPHABETS.values()), *"".join(ALPHABETS.values()).lower(), *"₸№«»–0123456789"})
    blank = """
    (letters) => {
      const draw = (letter) => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 80, height: 80 });
        const pen = canvas.getContext("2d");
        pen.font = getComputedStyle(document.querySelector("h1")).font;
        pen.fillText(letter, 10, 60);
        return canvas.toDataURL();
      };
      const missing = [draw("\\uFFFF"), draw(" ")];
      return letters.filter((letter) => missing.includes(draw(letter)));
    }
    """

    async def scene() -> tuple[list[str], set[str], int]:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await page.evaluate(
            "(text) => { document.querySelector('h1').textContent = text;"
            " return new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))); }",
            "".join(letters),
        )
        tools = await page.context.new_cdp_session(page)
        root = await tools.send("DOM.getDocument")
        await tools.send("CSS.enable")
        heading = await tools.send("DOM.querySelector", {"nodeId": root["root"]["nodeId"], "selector": "h1"})
        fonts = (await tools.send("CSS.getPlatformFontsForNode", {"nodeId": heading["nodeId"]}))["fonts"]
        missing = await page.evaluate(blank, letters)
        return missing, {font["familyName"] for font in fonts}, sum(font["glyphCount"] for font in fonts)

    missing, families, glyphs = kiosk.play(scene())
    assert missing == []
    assert families <= {"Noto Sans", "Noto Sans Display"}
    assert glyphs == len(letters)
