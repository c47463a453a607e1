"""A code before the camera: where to hold it, what would help, and the way to the keypad; and what is said of the camera itself."""

import pytest
from playwright.async_api import Page, expect

from firmware.control import Press
from firmware.model import Action, Screen, ScreenName
from firmware.optics import WELL, CameraState, Hint
from tests.kiosk.gallery import CODE, SHAPES
from tests.kiosk.stage import Kiosk
from tests.kiosk.test_texts import LANGUAGES, texts

A, N = Action, ScreenName
IDLE = Screen(N.IDLE, camera=True, actions=(A.START, A.SCAN))
KEYPAD = Screen(N.KEYPAD, camera=True, actions=(A.BACK, A.SCAN, A.MORE_TIME))
SCAN = Screen(N.SCAN, camera=True, actions=(A.BACK,))


def plain(text: str) -> str:
    """With the spaces and hyphens of the catalogue."""
    return text.replace("\u00a0", " ").replace("\u2011", "-")


async def says(page: Page, selector: str) -> str:
    return plain(await page.inner_text(selector))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_hint_is_said_and_drawn_in_each_language(kiosk: Kiosk, language: str) -> None:
    async def scene() -> None:
        page, complaints = await kiosk.open(*SHAPES["portrait"])
        await kiosk.show(page, IDLE)
        await page.click(f"[data-language={language}]")
        await kiosk.show(page, SCAN, 20_000)
        drawn = set()
        for hint in (*Hint, Hint.NONE):
            await kiosk.controller.hint(hint)
            words = texts(language)[f"hint.{hint}"]
            assert isinstance(words, str)
            await page.wait_for_function(
                "([name]) => document.querySelector('.scene .picture').dataset.picture === name",
                arg=["scan" if hint is Hint.NONE else f"scan_{hint}"],
            )
            assert await says(page, ".hint") == words
            drawn.add(await page.evaluate("() => document.querySelector('.scene .picture').innerHTML"))
        assert len(drawn) == len(Hint)  # no two look the same
        assert complaints == []

    kiosk.play(scene())


def test_a_hint_moves_nothing_and_takes_no_focus(kiosk: Kiosk) -> None:
    async def scene() -> None:
        places = "() => [...document.querySelectorAll('h1, .hint, .button, .stage')].map((e) => JSON.stringify(e.getBoundingClientRect()))"
        for shape in SHAPES:
            page, _ = await kiosk.open(*SHAPES[shape])
            await kiosk.show(page, SCAN, 20_000)
            await page.wait_for_function("() => !document.querySelector('main.entering')")
            await page.focus("[data-action=back]")
            before = await page.evaluate(places)
            for hint in (*Hint, Hint.NONE):
                await kiosk.controller.hint(hint)
                name = "scan" if hint is Hint.NONE else f"scan_{hint}"
                await page.wait_for_selector(f"[data-picture={name}]")
                assert await page.evaluate(places) == before, (shape, hint)
            assert await page.evaluate("document.activeElement.dataset.action") == "back"
            await page.close()

    kiosk.play(scene())


def test_a_hint_is_heard_by_whoever_does_not_see(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await kiosk.show(page, SCAN, 20_000)
        hint = page.locator(".hint")
        await expect(hint).to_have_attribute("role", "status")
        same = await hint.element_handle()
        await kiosk.controller.hint(Hint.CLOSER)
        await expect(hint).to_have_text("Поднесите ближе")
        assert await page.evaluate("(was) => was === document.querySelector('.hint')", same)

    kiosk.play(scene())


def test_other_screens_show_no_hint(kiosk: Kiosk) -> None:
    """The gate sends it with every screen before a camera; typed digits and what has the focus stay."""

    async def scene() -> None:
        page, complaints = await kiosk.open(*SHAPES["portrait"])
        await kiosk.show(page, KEYPAD, 44_000, CODE)
        await page.keyboard.type("314")
        await page.evaluate("window.scene = document.querySelector('.scene')")
        await kiosk.controller.hint(Hint.DARK)
        await kiosk.controller.renew(None)
        await expect(page.locator(".scan")).to_have_count(0)  # so the hint before it has come as well
        assert await page.locator(".hint").count() == 0
        assert await page.locator(".slots span").all_inner_texts() == ["3", "1", "4", *[""] * 5]
        assert complaints == []

    kiosk.play(scene())


def test_the_focus_stays_on_the_way_to_the_camera_while_the_code_beside_it_changes(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await kiosk.show(page, KEYPAD, 44_000, CODE)
        await page.focus(".way")
        await kiosk.controller.renew(None)
        await expect(page.locator(".scan")).to_have_count(0)
        assert await page.evaluate("document.activeElement.dataset.action") == "scan"

    kiosk.play(scene())


@pytest.mark.parametrize("screen", [IDLE, KEYPAD, Screen(N.WAIT, camera=True, actions=(A.BACK, A.SCAN))])
def test_one_touch_leads_to_the_camera_and_one_back_to_the_code(kiosk: Kiosk, screen: Screen) -> None:
    async def scene() -> None:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await kiosk.show(page, screen)
        await page.click("[data-action=scan]")
        assert await kiosk.controller.next_request() == Press(kiosk.controller.screen.seq, A.SCAN)
        await kiosk.show(page, SCAN, 20_000)
        await expect(page.locator("h1")).to_have_text("Отсканируйте QR\u2011код")
        await expect(page.locator("[data-action=back]")).to_have_text("Ввести код")
        await page.click("[data-action=back]")
        assert await kiosk.controller.next_request() == Press(kiosk.controller.screen.seq, A.BACK)

    kiosk.play(scene())


def test_idle_speaks_of_the_camera_where_there_is_one(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await kiosk.show(page, IDLE, None, CODE)
        assert "Отсканируйте QR-код или введите код" in await says(page, ".words")
        assert "QR-кодты сканерлеңіз немесе" in await says(page, ".words")
        assert "Сканируйте телефоном" in await says(page, ".scan")  # what is on the screen is for the phone
        await kiosk.show(page, Screen(N.IDLE, actions=(A.START,)), None, CODE)
        assert "QR" not in await says(page, ".words")
        assert await page.locator("[data-action=scan]").count() == 0
        assert "Отсканируйте QR-код" in await says(page, ".scan")

    kiosk.play(scene())


@pytest.mark.parametrize("state", [state for state in CameraState if state not in WELL])
def test_the_keypad_says_that_the_camera_does_not_see(kiosk: Kiosk, state: CameraState) -> None:
    async def scene() -> str:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        await kiosk.show(page, Screen(N.KEYPAD, blind=state, actions=(A.BACK,)))
        assert await page.locator("[data-action=scan]").count() == 0
        return await says(page, ".words")

    covered = state is CameraState.COVERED
    assert ("Камера закрыта, введите код" if covered else "Камера не работает, введите код") in kiosk.play(
        scene()
    )


def test_the_page_says_that_pictures_are_kept_once_it_has_painted_so_and_no_longer(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        for on in (False, True, False):
            await kiosk.show(page, IDLE, ring=on)
            await expect(page.locator("#header .ring")).to_have_count(int(on))
            while not kiosk.controller.beats.empty():
                kiosk.controller.beats.get_nowait()
            await kiosk.controller.beats.get()  # may have been on its way
            assert (await kiosk.controller.beats.get()).ring is on

    kiosk.play(scene())


def test_the_ring_is_told_of_on_every_screen_as_long_as_it_runs(kiosk: Kiosk) -> None:
    words = "последние кадры хранятся в памяти"

    async def scene() -> None:
        page, _ = await kiosk.open(*SHAPES["portrait"])
        for screen in (IDLE, KEYPAD, SCAN, Screen(N.CLOSING, cell=7, actions=(A.CONFIRM,))):
            await kiosk.show(page, screen, ring=True)
            assert words in await says(page, "#header")
            await kiosk.controller.ring(on=False)
            await expect(page.locator("#header")).not_to_contain_text(words)
            await kiosk.controller.ring(on=True)
            await expect(page.locator("#header")).to_contain_text(words)
        await kiosk.show(page, IDLE, ring=True)
        assert "соңғы кадрлары жадта сақталады" in await says(page, "#header")

    kiosk.play(scene())
