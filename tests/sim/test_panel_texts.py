"""The panel's catalogues: the same keys and placeholders in each language, and words for all that the page can be told."""

import json
import re
from pathlib import Path

import pytest

import sim.panel
from firmware.model import (
    Action,
    DoorState,
    EntryKind,
    Outcome,
    ParcelState,
    Problem,
    Purpose,
    ScreenName,
    UseState,
)
from firmware.model import SessionState as AtScreen
from firmware.model import Why as DoorWhy
from firmware.notices import Notice
from firmware.optics import CameraState
from sim.backend import Stage
from sim.faults import CATALOGUE, Part
from sim.panel import server
from sim.panel.cards import STEPS
from sim.panel.messages import Why
from sim.world import Condition, Sensor
from tests.kiosk.test_texts import ALPHABETS, KIOSK, PLURALS, Text, forms, placeholders

PAGE = Path(sim.panel.__file__).parent / "page"
LANGUAGES = ("ru", "kk", "en")
VISIT_MAX_BYTES = 150_000  # the page with the catalogue of one language: no visit loads two
BOOKS: dict[str, dict[str, Text]] = {
    language: json.loads((PAGE / f"{language}.json").read_text(encoding="utf-8")) for language in LANGUAGES
}
KEYS = list(BOOKS["ru"])
SCRIPTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PAGE.glob("*.js")))
KINDS = {
    "door": [*DoorState, "blocked"],
    "why": [*DoorWhy],
    "condition": [*Condition],
    "sensor": [*Sensor],
    "parcel": [*ParcelState],
    "session": [*AtScreen, "one"],
    "use": [*UseState],
    "stage": [*Stage],
    "screen": [*ScreenName, *Notice, "press", "code"],
    "action": [*Action],
    "purpose": [*Purpose],
    "outcome": [*Outcome],
    "entry": [*EntryKind],
    "refused": [*Why, "other"],
    "sight": [*CameraState],
    "problem": [*Problem],
    "fault": [*CATALOGUE, "strike", "heal"],
    "ends": [*{fault.healed.replace(" ", "_") for fault in CATALOGUE.values() if not fault.lasting}],
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_missing_or_left_over(language: str) -> None:
    assert list(BOOKS[language]) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_placeholders_agree(key: str) -> None:
    expected = placeholders(forms(BOOKS["ru"][key])[0])
    for language in LANGUAGES:
        for form in forms(BOOKS[language][key]):
            assert placeholders(form) == expected, f"{language}: {form}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_plurals_are_complete(language: str) -> None:
    for key, text in BOOKS[language].items():
        assert isinstance(text, dict) == isinstance(BOOKS["ru"][key], dict), key
        if isinstance(text, dict):
            assert text.keys() == PLURALS[language], key


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_texts_of_that_language(language: str) -> None:
    """Not empty, no stray space, and no letter from another alphabet that merely looks the same."""
    foreign = set("".join(ALPHABETS.values())) - set(ALPHABETS[language])
    for key, text in BOOKS[language].items():
        for form in forms(text):
            assert form, key
            assert " ".join(form.split()) == form, key
            words = re.sub(r"\{\w+\}|SMS|QR|Tab", "", form)
            assert not foreign & set(words.upper()), f"{key}: {form}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_noun_of_the_firmware_and_the_world_has_words(kind: str) -> None:
    assert {key.partition(".")[2] for key in KEYS if re.fullmatch(rf"{kind}\.\w+", key)} == set(KINDS[kind])


def test_whatever_the_simulator_tells_has_words() -> None:
    """The keys of lines, their parts and stories, as they stand in the simulator's own modules."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PAGE.parent.glob("*.py")))
    told = set(
        re.findall(r'"((?:screen|hand|app|backend|clock|machine|fault|verdict|part)\.[a-z_.]+)"', sources)
    )
    told |= {f"story.{card}.{word}" for card, words in STEPS.items() for word in (*words, "failed")}
    assert len(told) > len(STEPS)
    assert told - set(KEYS) == set()
    assert {key for key in KEYS if key.startswith("story.")} - told == {"story.end"}


def test_every_part_that_can_break_has_a_name() -> None:
    assert {f"parts.{part}" for part in Part} - set(KEYS) == set()


def test_the_page_asks_for_texts_that_are_there() -> None:
    """Every literal key exists; every key that is put together has at least one text."""
    said = {
        key
        for call in re.findall(r"\b(?:say|has)\(([^()]*)", SCRIPTS)
        for key in re.findall(r'"(\w+\.[\w.]+)"', call)
    }
    assert said
    assert said - set(KEYS) == set()
    for template in re.findall(r"\bsay\(`([^`]+)`", SCRIPTS):
        pattern = re.compile(re.sub(r"\\\$\\\{.*?\\\}", "[a-z_]+", re.escape(template)))
        assert any(pattern.fullmatch(key) for key in KEYS), template


def fetched(script: str, *, found: set[str]) -> set[str]:
    """A script with all that it imports at once; what it imports when somebody turns to it is not among them."""
    if script not in found:
        found.add(script)
        for other in re.findall(
            r'^import .* from "\.(/\w+\.js)";$', server._files()[script].body.decode(), re.MULTILINE
        ):
            fetched(other, found=found)
    return found


def test_a_visit_is_small() -> None:
    sizes = {path: len(file.body) for path, file in server._files().items() if path != "/"}
    at_once = fetched("/main.js", found=set())
    later = {path for path in sizes if path.endswith(".js")} - at_once
    assert later == {"/states.js", "/graph.js", "/orders.js", "/faults.js", "/token.js"}
    page = sum(size for path, size in sizes.items() if not path.endswith(".json") and path not in later)
    for language in LANGUAGES:
        assert page + sizes[f"/{language}.json"] < VISIT_MAX_BYTES


def test_the_page_writes_no_markup_and_asks_nobody_outside() -> None:
    """Texts are nodes, never markup; styles stand in the style sheets, as the policy of the server wants it."""
    sources = SCRIPTS + (PAGE / "index.html").read_text(encoding="utf-8")
    sheets = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PAGE.glob("*.css")))
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        'style="',
        "style:",
    ):
        assert forbidden not in sources
    addresses = set(re.findall(r"https?://[^\s\"'`]+|//cdn[^\s\"']+", sources + sheets))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert "@import" not in sheets


def test_kazakh_that_waits_for_a_native_editor_is_listed() -> None:
    """Confirmed is only what the kiosk's catalogue says in the same words and does not list as awaiting itself."""
    kiosk = json.loads((KIOSK / "texts/kk.json").read_text(encoding="utf-8"))
    confirmed = [text for key, text in kiosk["texts"].items() if key not in kiosk["awaiting"]]
    awaiting = [key for key, text in BOOKS["kk"].items() if text not in confirmed]
    assert "story.plug.why" in awaiting
    assert "action.again" not in awaiting
    print(f"{len(awaiting)} of {len(KEYS)} Kazakh texts of the panel await a native editor:")
    for key in awaiting:
        print(f"  {key}: {BOOKS['kk'][key]}  ({BOOKS['ru'][key]})")
