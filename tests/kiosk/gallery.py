"""Every screen of the kiosk, in every language and shape: what the tests measure, and pictures to be looked at.

`python -m tests.kiosk.gallery` renders them into build/screens/, with a contact sheet for each language and shape. A
screen name that has no case of its own here is shown all the same, with a cell and every action.
"""

import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from html import escape
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from firmware.control import Superseded
from firmware.model import Action, Outage, Purpose, Screen, ScreenName
from firmware.notices import Notice
from firmware.optics import CameraState, Hint
from tests.kiosk.stage import Kiosk, browsing, serving
from tests.kiosk.test_texts import LANGUAGES

FOLDER = Path("build/screens")
SHAPES = {
    "portrait": (1_080, 1_920),
    "portrait-small": (800, 1_280),
    "landscape": (1_280, 800),
    "landscape-small": (1_024, 600),
}
THUMB_PX = {"portrait": 300, "landscape": 460}  # a thumbnail's width on the contact sheet
A, N, P = Action, ScreenName, Purpose

CLOSING = (A.CONFIRM, A.REOPEN, A.PROBLEM, A.MORE_TIME)
KEYPAD = (A.BACK, A.SCAN, A.MORE_TIME)  # where there is a camera
MAY_1 = 1_777_632_600_000
CODE = "HTTPS://APP.EXAMPLE/POSTOMAT/ALA-0123/ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # on the screens of cases that end in -scan
_CASES: dict[str, tuple[Screen, int | None]] = {
    "idle": (Screen(N.IDLE, actions=(A.START,)), None),
    "idle-one-open": (Screen(N.IDLE, open_cells=(7,), actions=(A.START,)), None),
    "idle-many-open": (Screen(N.IDLE, open_cells=(3, 7, 12, 21, 28), actions=(A.START,)), None),
    "idle-scan": (Screen(N.IDLE, actions=(A.START,)), None),
    "idle-one-open-scan": (Screen(N.IDLE, open_cells=(7,), actions=(A.START,)), None),
    "idle-many-open-scan": (Screen(N.IDLE, open_cells=(3, 7, 12, 21, 28), actions=(A.START,)), None),
    "idle-camera": (Screen(N.IDLE, camera=True, actions=(A.START, A.SCAN)), None),
    "idle-camera-scan": (Screen(N.IDLE, camera=True, actions=(A.START, A.SCAN)), None),
    "idle-many-open-camera-scan": (
        Screen(N.IDLE, camera=True, open_cells=(3, 7, 12, 21, 28), actions=(A.START, A.SCAN)),
        None,
    ),
    "idle-ring": (Screen(N.IDLE, camera=True, actions=(A.START, A.SCAN)), None),
    "keypad-scan": (Screen(N.KEYPAD, actions=(A.BACK, A.MORE_TIME)), 44_000),
    "keypad-third-wrong-scan": (Screen(N.KEYPAD, wrong=3, actions=(A.BACK, A.MORE_TIME)), 44_000),
    "keypad-with-phone-scan": (
        Screen(N.KEYPAD, with_phone=True, wrong=7, actions=(A.BACK, A.MORE_TIME)),
        44_000,
    ),
    "keypad-camera": (Screen(N.KEYPAD, camera=True, actions=KEYPAD), 44_000),
    "keypad-camera-scan": (Screen(N.KEYPAD, camera=True, actions=KEYPAD), 44_000),
    "keypad-camera-more-time": (Screen(N.KEYPAD, camera=True, actions=KEYPAD), 9_000),
    "keypad-third-wrong-camera-scan": (Screen(N.KEYPAD, camera=True, wrong=3, actions=KEYPAD), 44_000),
    "keypad-with-phone-camera-scan": (
        Screen(N.KEYPAD, camera=True, with_phone=True, wrong=7, actions=KEYPAD),
        44_000,
    ),
    **{
        f"keypad-{state}": (Screen(N.KEYPAD, blind=state, actions=(A.BACK, A.MORE_TIME)), 44_000)
        for state in (CameraState.COVERED, CameraState.GONE)
    },
    **{f"scan-{hint}": (Screen(N.SCAN, camera=True, actions=(A.BACK,)), 20_000) for hint in Hint},
    "keypad-ring": (Screen(N.KEYPAD, camera=True, actions=KEYPAD), 44_000),
    "scan-ring": (Screen(N.SCAN, camera=True, actions=(A.BACK,)), 20_000),
    "closing-ring": (Screen(N.CLOSING, cell=7, purpose=P.PICKUP, can_reopen=True, actions=CLOSING), 20_000),
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
    "wait-camera": (Screen(N.WAIT, wrong=5, camera=True, actions=(A.BACK, A.SCAN)), 60_000),
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
    "problem-more-time": (Screen(N.PROBLEM, cell=7, actions=(A.REPORT, A.BACK, A.MORE_TIME)), 9_000),
    "problem-noted": (Screen(N.PROBLEM_NOTED, cell=7, actions=(A.BACK,)), 15_000),
    "not-opened": (Screen(N.NOT_OPENED, cell=7, can_retry=True, actions=(A.AGAIN, A.BACK)), 15_000),
    "not-opened-for-good": (Screen(N.NOT_OPENED, cell=7, actions=(A.BACK,)), 15_000),
    "wrong-cell": (Screen(N.WRONG_CELL, cell=7, open_cells=(8,)), None),
    **{f"thanks-{p}": (Screen(N.THANKS, purpose=p, actions=(A.BACK,)), 5_000) for p in Purpose},
    **{
        f"next-parcel-{notice or 'asked'}": (
            Screen(N.NEXT_PARCEL, purpose=P.DEPOSIT, notice=notice, actions=(A.BACK, A.MORE_TIME)),
            44_000,
        )
        for notice in (None, Notice.NOT_IN_BATCH, Notice.ALREADY_DONE, Notice.CELL_QUIET)
    },
    "keypad-code-first": (
        Screen(N.KEYPAD, notice=Notice.CODE_FIRST, actions=(A.BACK, A.MORE_TIME)),
        44_000,
    ),
    "await-touch": (Screen(N.AWAIT_TOUCH, cell=7, purpose=P.PICKUP, actions=(A.OPEN, A.BACK)), 20_000),
    "claimed": (Screen(N.CLAIMED, purpose=P.PICKUP, actions=(A.BACK,)), 120_000),
    "busy": (Screen(N.BUSY, actions=(A.BACK,)), 20_000),
    "out-of-service": (Screen(N.OUT_OF_SERVICE), None),
    **{
        f"out-of-service-{o}": (Screen(N.OUT_OF_SERVICE, reason=o, open_cells=(7, 12, 28)), None)
        for o in Outage
    },
}
_SHOWN = {screen.name for screen, _ in _CASES.values()}
CASES = _CASES | {
    name.replace("_", "-"): (Screen(name, cell=7, actions=tuple(Action)), 20_000)
    for name in ScreenName
    if name not in _SHOWN
}


def beside(name: str) -> dict[str, Any]:
    """What a case shows beside its screen."""
    first, _, last = name.rpartition("-")
    return {
        "qr": CODE if last == "scan" else None,
        "hint": Hint(last) if first == "scan" and last in list(Hint) else Hint.NONE,
        "ring": last == "ring",
    }


async def tour(
    kiosk: Kiosk, page: Page, language: str, cases: Iterable[str] = CASES, *, own: bool = True
) -> AsyncIterator[str]:
    """Bring one case after the other onto the page, the page's `own` screens last, and yield its name.

    The language is chosen once, where a person does: it holds until an idle screen follows another one.
    """
    await kiosk.show(page, Screen(N.IDLE, actions=(A.START,)))
    await page.click(f"[data-language={language}]")
    for name in cases:
        screen, left_ms = CASES[name]
        await kiosk.show(page, screen, left_ms, **beside(name))
        if screen.name is N.KEYPAD and left_ms is not None and "more" not in name:
            await page.keyboard.type("314159")
        yield name
    if not own:
        return
    await kiosk.controller.stop()
    await page.wait_for_selector("[data-screen=offline]", state="attached")
    yield "offline"
    await kiosk.controller.start()
    await kiosk.show(page, Screen(N.BUSY))
    await kiosk.controller.push(Superseded())
    await page.wait_for_selector("[data-screen=superseded]", state="attached")
    yield "superseded"


async def render(kiosk: Kiosk, language: str, shape: str) -> Path:
    """Keep a picture of every screen in one language and shape, and return the contact sheet of them."""
    page, _ = await kiosk.open(*SHAPES[shape])
    names = []
    async for name in tour(kiosk, page, language):
        names.append(name)
        await page.screenshot(path=FOLDER / f"{name}.{language}.{shape}.png")
    await page.close()
    return await _sheet(kiosk.browser, names, language, shape)


async def _sheet(browser: Browser, names: list[str], language: str, shape: str) -> Path:
    """One PNG with every screen on it, and the page that it is a picture of beside it."""
    width = THUMB_PX[shape.partition("-")[0]]
    columns = 8 if shape.startswith("portrait") else 6
    figures = "".join(
        f'<figure><img src="{escape(name)}.{language}.{shape}.png" alt=""><figcaption>{escape(name)}</figcaption></figure>'
        for name in names
    )
    style = (
        "body{margin:24px;background:#8a8f94;font:600 16px sans-serif;color:#000;display:grid;gap:20px;"
        f"grid-template-columns:repeat({columns},{width}px)}}figure{{margin:0}}img{{width:100%;display:block}}"
    )
    source = FOLDER / f"sheet.{language}.{shape}.html"
    source.write_text(
        f"<!doctype html><meta charset=utf-8><title>{language}, {shape}</title><style>{style}</style>{figures}\n",
        encoding="utf-8",
    )
    page = await browser.new_page(viewport={"width": columns * (width + 20) + 28, "height": 800})
    await page.goto(source.resolve().as_uri())
    picture = source.with_suffix(".png")
    await page.screenshot(path=picture, full_page=True)
    await page.close()
    return picture


def main(arguments: list[str]) -> int:
    """Render the shapes named, or all of them. Returns the exit code."""
    shapes = arguments or list(SHAPES)
    if unknown := [shape for shape in shapes if shape not in SHAPES]:
        print(f"unknown shape {unknown[0]}; known are {', '.join(SHAPES)}", file=sys.stderr)
        return 2
    logging.disable()  # the page is taken from it on purpose
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        asyncio.Runner() as runner,
        tempfile.TemporaryDirectory(prefix="postomat-") as folder,
        browsing(runner) as browser,
        serving(runner, browser, Path(folder)) as kiosk,
    ):
        for shape in shapes:
            for language in LANGUAGES:
                print(kiosk.play(render(kiosk, language, shape)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
