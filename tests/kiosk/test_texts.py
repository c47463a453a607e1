"""The text catalogues hold the same keys and placeholders in each language, and whatever the screen can show has words."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import firmware.kiosk
from firmware.model import Outage, Problem, Purpose, ScreenName
from firmware.notices import Notice

KIOSK = Path(firmware.kiosk.__file__).parent
LANGUAGES = ("ru", "kk", "en")
SOURCE = "ru"
# CLDR, cardinal numbers; a test compares this with the browser's own table.
PLURALS = {"ru": {"one", "few", "many", "other"}, "kk": {"one", "other"}, "en": {"one", "other"}}
PLACEHOLDERS = {"account", "cell", "cells", "date", "id", "n", "phone", "s", "total"}
ALPHABETS = {
    "ru": "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ",
    "kk": "АӘБВГҒДЕЁЖЗИЙКҚЛМНҢОӨПРСТУҰҮФХҺЦЧШЩЪЫІЬЭЮЯ",
    "en": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
}

Text = str | dict[str, str]
BOOKS: dict[str, dict[str, Any]] = {
    language: json.loads((KIOSK / f"texts/{language}.json").read_text(encoding="utf-8"))
    for language in LANGUAGES
}
KEYS = sorted(BOOKS[SOURCE]["texts"])


def texts(language: str) -> dict[str, Text]:
    found: dict[str, Text] = BOOKS[language]["texts"]
    return found


def forms(text: Text) -> list[str]:
    return list(text.values()) if isinstance(text, dict) else [text]


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(.*?)\}", text))


def test_there_is_one_catalogue_per_language() -> None:
    assert {path.stem for path in (KIOSK / "texts").iterdir()} == set(LANGUAGES)
    assert [BOOKS[language]["language"] for language in LANGUAGES] == list(LANGUAGES)
    assert [BOOKS[language]["name"] for language in LANGUAGES] == ["Русский", "Қазақша", "English"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_missing_or_left_over(language: str) -> None:
    assert sorted(texts(language)) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_placeholders_agree(key: str) -> None:
    expected = placeholders(forms(texts(SOURCE)[key])[0])
    assert expected <= PLACEHOLDERS
    for language in LANGUAGES:
        for form in forms(texts(language)[key]):
            assert placeholders(form) == expected, f"{language}: {form}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_plurals_are_complete(language: str) -> None:
    for key, text in texts(language).items():
        assert isinstance(text, dict) == isinstance(texts(SOURCE)[key], dict), key
        if isinstance(text, dict):
            assert text.keys() == PLURALS[language], key
            assert all("n" in placeholders(form) for form in text.values()), f"{key}: the number is not shown"


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_texts_of_that_language(language: str) -> None:
    """Not empty, no stray space, and no letter from another alphabet that merely looks the same."""
    foreign = set("".join(ALPHABETS.values())) - set(ALPHABETS[language])
    for key, text in texts(language).items():
        for form in forms(text):
            assert form.strip() == form, key
            assert form, key
            assert "  " not in form, key
            words = re.sub(r"\{\w+\}|SMS|QR", "", form)
            assert not foreign & set(words.upper()), f"{key}: {form}"


def variants() -> set[str]:
    """Keys that the nouns of the model ask for."""
    screens = {f"screen.{name}" for name in ScreenName if name not in {ScreenName.NOTICE, ScreenName.THANKS}}
    return (
        screens
        | {f"notice.{notice}" for notice in Notice}
        | {f"notice.{notice}.text" for notice in Notice}
        | {f"problem.{problem}" for problem in Problem}
        | {f"thanks.{purpose}" for purpose in Purpose}
        | {f"out_of_service.{reason}" for reason in Outage}
    )


def test_all_that_the_controller_can_show_has_words() -> None:
    assert variants() - set(KEYS) == set()


def test_page_asks_for_texts_that_are_there_and_every_text_is_asked_for() -> None:
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in sorted((KIOSK / "page").glob("*.js")))
    asked = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)+)"', scripts))
    asked = {key for key in asked if not key.endswith((".js", ".json"))}
    assert asked - set(KEYS) == set()
    made = [
        re.compile(re.sub(r"\\\$\\\{.*?\\\}", "[a-z_]+", re.escape(template)))
        for template in re.findall(r"`([a-z_.]*\$\{[^`]+?\}[a-z_.]*)`", scripts)
        if "." in re.sub(r"\$\{.*?\}", "", template)
    ] + [re.compile(rf"notice\.(?:{'|'.join(Notice)})\.(?:text|date)")]
    unused = {key for key in set(KEYS) - asked if not any(pattern.fullmatch(key) for pattern in made)}
    assert unused == set()


def test_kazakh_that_waits_for_a_native_editor_is_listed() -> None:
    """`awaiting` in kk.json names what nobody has confirmed yet; an editor takes a key out with the text's last change."""
    awaiting: list[str] = BOOKS["kk"]["awaiting"]
    assert awaiting == [key for key in texts("kk") if key in awaiting], "in the catalogue's order, each once"
    print(f"{len(awaiting)} of {len(KEYS)} Kazakh texts await a native editor:")
    for key in awaiting:
        print(f"  {key}: {texts('kk')[key]}  ({texts('ru')[key]})")
