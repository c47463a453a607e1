"""What a person does at the screen, and what reaches the controller: touches, keys, languages, lost lines."""

import asyncio
from typing import Any

from msgspec.structs import replace
from playwright.async_api import Page, expect

from firmware.control import Code, Press, Superseded, Told
from firmware.kiosk.server import serve
from firmware.model import Action, Outcome, Problem, Screen, ScreenName
from firmware.notices import Notice
from tests.kiosk.scripted import CONNECT_S, IDLE, listener
from tests.kiosk.stage import Kiosk
from tests.kiosk.test_texts import LANGUAGES, PLURALS

A, N = Action, ScreenName
KEYPAD = Screen(N.KEYPAD, actions=(A.BACK, A.MORE_TIME))
CLOSING = Screen(N.CLOSING, cell=7, can_reopen=True, actions=(A.CONFIRM, A.REOPEN, A.PROBLEM))


async def portrait(kiosk: Kiosk) -> Page:
    page, _ = await kiosk.open(1_080, 1_920)
    return page


async def tap_digits(page: Page, digits: str) -> None:
    for digit in digits:
        await page.click(f"[data-key='{digit}']")


async def typed(page: Page) -> str:
    return await page.inner_text(".slots")


async def asked(kiosk: Kiosk) -> Press | Code:
    return await kiosk.controller.next_request()


async def nothing_else_asked(kiosk: Kiosk, page: Page) -> None:
    """Whatever the page sent before a press of ours would have come before it."""
    seq = await kiosk.controller.show(Screen(N.BUSY, actions=(A.BACK,)))
    await page.click("[data-action=back]")
    assert await asked(kiosk) == Press(seq, A.BACK)


def test_last_digit_submits_the_code(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await page.click(".button.first")
        assert await asked(kiosk) == Press(kiosk.controller.screen.seq, A.START)
        await kiosk.show(page, KEYPAD)
        await tap_digits(page, "9271")
        await page.click("[data-key=erase]")
        await tap_digits(page, "8281")
        assert kiosk.controller.asked.empty()
        await tap_digits(page, "8")
        assert await asked(kiosk) == Code(kiosk.controller.screen.seq, "92782818")
        await page.keyboard.type("7\b")  # the keypad is deaf until it is shown again
        assert "".join((await typed(page)).split()) == "92782818"
        await nothing_else_asked(kiosk, page)

    kiosk.play(scene())


def test_code_and_phone_are_typed_in_one_go_and_never_one_for_the_other(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await kiosk.show(page, KEYPAD)
        await tap_digits(page, "9271")
        await kiosk.show(page, replace(KEYPAD, with_phone=True))
        assert "".join((await typed(page)).split()) == ""
        await expect(page.locator(".slots span")).to_have_count(12)
        await tap_digits(page, "92782818")
        await tap_digits(page, "596")
        assert kiosk.controller.asked.empty()
        await tap_digits(page, "5")
        assert await asked(kiosk) == Code(kiosk.controller.screen.seq, "927828185965")
        await kiosk.show(page, KEYPAD)
        await expect(page.locator(".slots span")).to_have_count(8)
        assert "".join((await typed(page)).split()) == ""

    kiosk.play(scene())


def test_digits_stay_while_the_keypad_stays_and_no_longer(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await kiosk.show(page, KEYPAD)
        await page.keyboard.type("314")
        await kiosk.show(page, KEYPAD, left_ms=44_000)  # more time was given
        await page.click("[data-language=kk]")
        assert "".join((await typed(page)).split()) == "314"
        await kiosk.show(page, Screen(N.WRONG_CODE, wrong=1, actions=(A.AGAIN, A.BACK)))
        await kiosk.show(page, KEYPAD)
        assert "".join((await typed(page)).split()) == ""
        await page.keyboard.type("31415926")
        await asked(kiosk)
        await kiosk.show(page, KEYPAD)  # a code was sent, and the keypad is shown again without a word
        await kiosk.controller.push(Told(Outcome.DONE))
        await expect(page.locator(".slots.sent")).to_have_count(0)
        assert "".join((await typed(page)).split()) == ""

    kiosk.play(scene())


def test_a_code_that_came_as_its_keypad_changed_is_sent_again_and_not_for_ever(kiosk: Kiosk) -> None:
    """The camera came back with the last digit on its way: nobody types for nothing."""

    async def scene() -> None:
        page = await portrait(kiosk)
        await kiosk.show(page, KEYPAD)
        await page.keyboard.type("31415926")
        assert await asked(kiosk) == Code(kiosk.controller.screen.seq, "31415926")
        await kiosk.show(page, replace(KEYPAD, camera=True))
        await page.keyboard.type("7\b")  # it waits for its answer
        assert "".join((await typed(page)).split()) == "31415926"
        assert kiosk.controller.asked.empty()
        await kiosk.controller.push(Told(Outcome.STALE))
        assert await asked(kiosk) == Code(kiosk.controller.screen.seq, "31415926")
        await kiosk.controller.push(Told(Outcome.STALE))  # of this very screen: somebody has to look
        await expect(page.locator(".slots.sent")).to_have_count(0)
        await nothing_else_asked(kiosk, page)

    kiosk.play(scene())


def test_a_code_is_not_sent_again_to_a_keypad_that_asks_for_something_else(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await kiosk.show(page, KEYPAD)
        await page.keyboard.type("27182818")
        await asked(kiosk)
        await kiosk.show(page, replace(KEYPAD, with_phone=True))
        await kiosk.controller.push(Told(Outcome.STALE))
        assert "".join((await typed(page)).split()) == ""
        await nothing_else_asked(kiosk, page)

    kiosk.play(scene())


def test_keyboard_does_what_fingers_do(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await page.keyboard.press("Enter")
        assert await asked(kiosk) == Press(kiosk.controller.screen.seq, A.START)
        await kiosk.show(page, KEYPAD)
        await page.keyboard.type("1234567")
        await page.keyboard.press("Backspace")
        await page.keyboard.type("89")
        assert await asked(kiosk) == Code(kiosk.controller.screen.seq, "12345689")
        await kiosk.show(page, KEYPAD)
        await page.keyboard.press("Escape")
        assert await asked(kiosk) == Press(kiosk.controller.screen.seq, A.BACK)
        await kiosk.show(page, CLOSING)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        assert await asked(kiosk) == Press(kiosk.controller.screen.seq, A.REOPEN)

    kiosk.play(scene())


def test_touch_anywhere_on_the_idle_screen_starts_but_a_language_does_not(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await page.click("[data-language=en]")
        await page.wait_for_selector("html[lang=en]")
        assert kiosk.controller.asked.empty()
        await page.click(".scene")
        assert await asked(kiosk) == Press(kiosk.controller.screen.seq, A.START)

    kiosk.play(scene())


def test_impatient_finger_presses_once(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await kiosk.show(page, CLOSING)
        await page.dblclick("[data-action=confirm]")
        assert await asked(kiosk) == Press(kiosk.controller.screen.seq, A.CONFIRM)
        await nothing_else_asked(kiosk, page)
        await kiosk.show(page, CLOSING)
        await page.click("[data-action=confirm]")
        await asked(kiosk)
        await kiosk.controller.push(Told(Outcome.NOT_NOW))  # refused: the same button may be pressed again
        await page.wait_for_function("!document.querySelector('main.entering')")
        await expect(page.locator("[data-action=confirm]")).to_be_visible()
        while kiosk.controller.asked.empty():
            await page.click("[data-action=confirm]")
        assert await asked(kiosk) == Press(kiosk.controller.screen.seq, A.CONFIRM)

    kiosk.play(scene())


def test_refused_code_leaves_the_keypad_usable(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await kiosk.show(page, KEYPAD)
        await page.keyboard.type("31415926")
        await asked(kiosk)
        await kiosk.controller.push(Told(Outcome.STALE))
        await expect(page.locator(".slots.sent")).to_have_count(0)
        await page.keyboard.type("27182818")
        assert await asked(kiosk) == Code(kiosk.controller.screen.seq, "27182818")

    kiosk.play(scene())


def test_language_holds_for_the_session_and_goes_with_it(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        assert await page.locator("h1 span").all_inner_texts() == ["Здравствуйте!", "Сәлеметсіз бе!"]
        await page.click("[data-language=kk]")
        assert await page.locator("h1 span").all_inner_texts() == ["Сәлеметсіз бе!", "Здравствуйте!"]
        langs = await page.locator("h1 span").evaluate_all("all => all.map((each) => each.lang)")
        assert langs == ["kk", "ru"]
        await kiosk.show(page, KEYPAD)
        await expect(page.locator("h1")).to_have_text("SMS-тегі кодты енгізіңіз")
        await expect(page.locator("[role=status][aria-live=polite]")).to_have_text("SMS-тегі кодты енгізіңіз")
        await expect(page.locator("[data-language=kk]")).to_have_attribute("aria-pressed", "true")
        await kiosk.show(page, Screen(N.TAKE_PARCEL, cell=7))
        await expect(page.locator("h1")).to_have_text("Сәлемдемені алыңыз")
        await expect(page.locator("html")).to_have_attribute("lang", "kk")
        await kiosk.show(page, IDLE)
        await expect(page.locator("html")).to_have_attribute("lang", "ru")

    kiosk.play(scene())


def test_asks_for_more_time_only_at_the_end(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        more = page.locator(".more")
        await kiosk.show(page, KEYPAD, left_ms=600_000)
        await expect(more).to_be_hidden()
        await kiosk.show(page, KEYPAD, left_ms=9_900)
        await expect(more).to_be_visible()
        await expect(more).to_contain_text("Нужно больше времени?")
        await more.locator("button").click()
        assert await asked(kiosk) == Press(kiosk.controller.screen.seq, A.MORE_TIME)
        await kiosk.show(page, Screen(N.KEYPAD, actions=(A.BACK,)), left_ms=9_900)
        await expect(more).to_have_count(0)  # no more is to be had

    kiosk.play(scene())


def test_wait_counts_down(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await page.clock.install()
        await kiosk.show(page, Screen(N.WAIT, actions=(A.BACK,)), left_ms=4_800)
        for seconds in (4, 3):
            await page.clock.run_for(1_000)
            await expect(page.locator("h1")).to_have_text(f"Подождите {seconds} с")

    kiosk.play(scene())


def test_problem_names_what_happened(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        for problem in Problem:
            await kiosk.show(page, Screen(N.PROBLEM, cell=7, actions=(A.REPORT, A.BACK)))
            await page.click(f"[data-problem={problem}]")
            assert await asked(kiosk) == Press(kiosk.controller.screen.seq, A.REPORT, problem)

    kiosk.play(scene())


def test_button_exists_only_for_a_listed_action(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        for screen in (
            Screen(N.CLOSING, cell=7, actions=(A.CONFIRM, A.PROBLEM)),
            Screen(N.NOT_OPENED, cell=7, actions=(A.BACK,)),
            Screen(N.TAKE_PARCEL, cell=7),
            Screen(N.PROBLEM, cell=7, actions=(A.BACK,)),
        ):
            await kiosk.show(page, screen)
            shown = await page.locator("[data-action]").evaluate_all(
                "all => all.map((e) => e.dataset.action)"
            )
            assert shown == [str(action) for action in screen.actions]

    kiosk.play(scene())


def test_open_cell_is_marked_where_the_layout_has_it(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await kiosk.show(page, Screen(N.TAKE_PARCEL, cell=12))
        await expect(page.locator(".named")).to_have_text("Ячейка № 12")
        assert await page.locator(".marked text").all_text_contents() == ["12"]
        assert await page.locator(".cabinet .door").count() == len(kiosk.config.cells)
        label = await page.locator(".cabinet").get_attribute("aria-label")
        assert label == "Схема постамата: отмечена ячейка 12"
        await kiosk.show(page, Screen(N.WRONG_CELL, cell=12, open_cells=(8,)))
        assert await page.locator(".marked text").all_text_contents() == ["8"]

    kiosk.play(scene())


def test_dates_are_the_lockers_own_in_each_language(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        expected = {
            "ru": "Получена: 1 мая, 15:50",
            "kk": "Алынған уақыты: 1 мамыр, 15:50",
            "en": "Collected: 1 May, 15:50",
        }
        for language, text in expected.items():
            await kiosk.show(page, IDLE)
            await page.click(f"[data-language={language}]")
            await kiosk.show(page, Screen(N.NOTICE, notice=Notice.COLLECTED, date_ms=1_777_632_600_000))
            lines = await page.locator(".words p").all_inner_texts()
            assert text in [line.replace("\u00a0", " ") for line in lines]

    kiosk.play(scene())


def test_plural_categories_are_the_browsers_own(kiosk: Kiosk) -> None:
    async def scene() -> dict[str, Any]:
        page = await portrait(kiosk)
        categories = "l => new Intl.PluralRules(l).resolvedOptions().pluralCategories"
        return {language: set(await page.evaluate(categories, language)) for language in LANGUAGES}

    assert kiosk.play(scene()) == PLURALS


def test_low_reach_moves_all_that_is_touched_to_the_lower_edge(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await kiosk.show(page, KEYPAD)
        highest = "() => Math.min(...[...document.querySelectorAll('button')].filter((e) => e.checkVisibility()).map((e) => e.getBoundingClientRect().top))"
        before = await page.evaluate(highest)
        await page.click(".reach")
        after = await page.evaluate(highest)
        window_px = (1_100 - 800) * kiosk.config.kiosk.pixels_per_mm  # what low reach may ask of an arm
        assert before < 1_920 - window_px < after
        await kiosk.show(page, IDLE)  # the next person finds the screen as it was
        assert await page.evaluate(highest) < 1_920 - window_px

    kiosk.play(scene())


def test_page_lives_by_painting(kiosk: Kiosk) -> None:
    async def scene() -> None:
        await portrait(kiosk)
        await asyncio.wait_for(kiosk.controller.beats.get(), CONNECT_S)

    kiosk.play(scene())


def test_says_that_the_controller_is_gone_and_comes_back(kiosk: Kiosk) -> None:
    async def scene() -> None:
        page = await portrait(kiosk)
        await kiosk.show(page, KEYPAD)
        await page.keyboard.type("314")
        await kiosk.controller.stop()
        await expect(page.locator("h1")).to_have_text("Нет связи с постаматом")
        await expect(page.locator("main")).to_contain_text("Связь восстановится сама")
        assert await page.locator("button").count() == 0
        await kiosk.controller.start()
        await expect(page.locator("html")).to_have_attribute("data-screen", "keypad")
        assert "".join((await typed(page)).split()) == ""

    kiosk.play(scene())


def test_says_that_the_server_is_gone_and_comes_back(kiosk: Kiosk) -> None:
    async def scene() -> None:
        sock = listener()
        again = sock.dup()  # the port stays ours between two lives of the server
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        server = asyncio.create_task(serve(kiosk.config, sock))
        page = await kiosk.browser.new_page()
        await page.goto(url)
        await page.wait_for_selector("[data-screen=idle]")
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        await expect(page.locator("h1")).to_have_text("Нет связи с постаматом")
        # Refused, and not left to wait: so it says more than once when it will try again.
        refusing = await asyncio.start_server(lambda _, writer: writer.close(), sock=again.dup())
        await expect(page.locator("main")).to_contain_text("Новая попытка через")
        refusing.close()
        server = asyncio.create_task(serve(kiosk.config, again))
        await page.wait_for_selector("[data-screen=idle]")
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)

    kiosk.play(scene())


def test_page_that_lost_the_screen_takes_it_back_only_when_touched(kiosk: Kiosk) -> None:
    async def scene() -> None:
        older = await portrait(kiosk)
        await portrait(kiosk)
        await expect(older.locator("h1")).to_have_text("Постамат занят")
        await older.click("text=Продолжить здесь")
        await older.wait_for_selector("[data-screen=idle]")
        await kiosk.controller.push(Superseded())  # a kiosk of another process
        await expect(older.locator("h1")).to_have_text("Постамат занят")

    kiosk.play(scene())
