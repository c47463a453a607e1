"""What passes over a broker while scenarios are played fits the schemas, topic by topic: also what the reference backend says."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import cbor2
import pytest
from jsonschema import Draft7Validator

from firmware import clock, commands, forms
from firmware.config import Journal, Times
from firmware.control import encode
from firmware.link import objects, protocol
from firmware.link.topics import OBJECT_NAME_DIGITS
from firmware.model import EntryKind
from firmware.signed import DEPTH_MAX, Kind
from sim import scenario
from sim.broker import Broker
from tests import contract
from tests.protocol import vectors
from tests.protocol.schemas import DOWN, UP, closed, schemas
from tests.protocol.vectors import payload_of

HEAD = {"locker", "epoch", "seq", "utc_ms", "sure", "kind"}  # which each entry has
TEXT = (contract.PATH.parent / "protocol.md").read_text(encoding="utf-8")
HOSTILE = {"hostile-broker"}  # what an attacker publishes fits nothing, on purpose
DAYS = {  # of hellos: they take a while
    "backend-restored-from-backup",
    "collected-offline-reported-after-deadline",
    "expiry-and-refund-gold",
    "expiry-and-refund-red",
    "extension-arrives-after-offline-expiry",
    "pickup-offline",
    "withdrawal-of-expired",
}
PLAYED = [
    pytest.param(name, marks=[pytest.mark.long] if name in DAYS else [])
    for name in scenario.names()
    if name not in HOSTILE
]


@cache
def validator(name: str) -> Draft7Validator:
    """Of what this release says: it has no field that the schema does not name."""
    return Draft7Validator(closed(schemas()[name]))


def columns() -> dict[str, set[str]]:
    """By kind, which columns an entry has, as docs/protocol.md tells it."""
    chapter = TEXT.partition("## The journal's entries")[2].partition("## ")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ((?:`\w+`(?:, )?)*) \|", chapter, re.MULTILINE)
    return {
        kind: set(re.findall(r"`(\w+)`", told))
        for kinds, told in rows
        for kind in re.findall(r"`(\w+)`", kinds)
    }


class Watch:
    """Checks each message, and counts what came."""

    def __init__(self) -> None:
        self.seen = Counter[str]()
        self.columns: dict[str, set[str]] = {}

    def take(self, topic: str, payload: bytes, *, retain: bool) -> None:
        root, _, name = topic.rpartition("/")
        assert root in ("postomat/v1/0123/up", "postomat/v1/0123/down"), topic
        assert retain is (name == "state"), topic
        if name == "signed":
            self._take_signed(payload)
            return
        message = json.loads(payload)
        self.seen[name] += 1
        validator(name).validate(message)
        for row in message["rows"] if name == "journal" else ():
            entry = json.loads(row["body"])
            validator("entry").validate(entry)
            self.columns.setdefault(entry["kind"], set()).update(entry)

    def _take_signed(self, raw: bytes) -> None:
        typ = cbor2.loads(cbor2.loads(raw).value[0])[16]
        kind = next(kind for kind in Kind if kind.typ == typ)
        self.seen[kind] += 1
        validator(kind).validate(payload_of(raw))


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Whatever is published at a broker in memory is looked at first."""
    watch, publish = Watch(), Broker.publish

    def watched(self: Broker, topic: str, payload: bytes, *, retain: bool = False) -> None:
        watch.take(topic, payload, retain=retain)
        publish(self, topic, payload, retain=retain)

    with monkeypatch.context() as patch:
        patch.setattr(Broker, "publish", watched)
        yield watch


def play(watch: Watch, name: str) -> None:
    result = scenario.run(name, scenario.read(name))
    assert result.ok, result.error
    told = columns()
    for kind, seen in watch.columns.items():
        assert seen <= told[kind] | HEAD, f"{kind}: docs/protocol.md does not tell {seen - told[kind] - HEAD}"


@pytest.mark.parametrize("name", PLAYED)
def test_what_passes_fits_the_schemas_and_the_text(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with watching(monkeypatch) as watch:
        play(watch, name)
    assert {"hello", "state", Kind.WELCOME} <= set(watch.seen)


def test_everything_that_may_be_said_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with watching(monkeypatch) as watch:
        play(watch, "sd-card-rolled-back")
        play(watch, "pickup-by-screen-qr")
    assert set(watch.seen) == {*UP, *DOWN}
    assert len(watch.columns) > 12


def test_what_each_good_vector_leads_to_fits_too() -> None:
    watch, told = Watch(), columns()
    played, all_ = vectors.vectors()
    for each in vectors.good(played.journal):
        before = [all_[name].object if name in all_ else name for name in each.before]
        journal = vectors.play(before, each.object, each.then).journal
        watch.take("postomat/v1/0123/up/journal", encode(journal), retain=False)
    assert {"reserved", "cancelled", "extended", "unblocked", "keys", "configured"} <= watch.columns.keys()
    for kind, seen in watch.columns.items():
        assert seen <= told[kind] | HEAD, kind


def test_the_watch_sees_what_does_not_fit() -> None:
    watch, state = Watch(), "postomat/v1/0123/up/state"
    watch.take(state, b'{"online":true}', retain=True)
    for topic, payload, retain in (
        (state, b'{"online":true}', False),
        (state, b'{"online":"yes"}', True),
        (state, b'{"online":true,"more":1}', True),
        ("postomat/v1/0123/up/others", b"{}", False),
        ("postomat/v1/0124/up/told", b'{"outcome":"done"}', False),
    ):
        with pytest.raises(Exception, match=r"."):
            watch.take(topic, payload, retain=retain)


# What docs/protocol.md tells is all there is


def test_the_text_tells_every_kind_of_entry() -> None:
    assert columns().keys() == set(EntryKind)


@pytest.mark.parametrize("name", [*UP, *DOWN])
def test_the_text_names_every_field(name: str) -> None:
    for each in (schemas()[name], *schemas()[name].get("definitions", {}).values()):
        missing = [field for field in each.get("properties", {}) if f"`{field}`" not in TEXT]
        assert not missing, f"{each['title']}: {missing}"
        if each["title"] == "Outcome":
            assert [one for one in each["enum"] if f"`{one}`" not in TEXT] == []


LIMITS = {
    "signed object": objects.OBJECT_MAX_BYTES,
    "objects a second": round(objects.PER_S),
    "waiting": objects.WAITING_MAX,
    "parcels": forms.PARCELS_MAX,
    "grants": forms.GRANTS_MAX,
    "parcels of a grant": forms.PARCELS_PER_GRANT_MAX,
    "codes of a grant": forms.CODES_PER_GRANT_MAX,
    "commands remembered": commands.COMMANDS_MAX,
    "foreign objects an hour": commands.FOREIGN_MAX,
    "remote opens": Times().remote_open_max,
    "their minutes": Times().remote_open_window_s // 60,
    "percent of the journal": Journal().no_deposits_percent,
}


@pytest.mark.parametrize("name", LIMITS)
def test_the_text_tells_the_limits_as_they_are(name: str) -> None:
    chapter = TEXT.partition("## Limits")[2].partition("## ")[0]
    assert re.search(rf"(?<![\d,]){LIMITS[name]:,}(?![\d,])", chapter)


def test_the_text_tells_the_times_and_sizes_as_they_are() -> None:
    for told in (
        f"missing for {protocol.ANSWER_S:.0f} s",
        f"up to {protocol.AGAIN_MAX_S:.0f} s",
        f"up to {protocol.BATCH_MAX} `rows`",
        f"within {clock.WELCOME_MAX_MS // 1_000} s of the hello",
        f"for {clock.SURE_MS // (24 * 3_600_000)} days",
        f"more than {clock.STEP_MAX_MS // 1_000} s before",
        f"at most {forms.COMMAND_MAX_MS // (24 * 3_600_000)} days apart",
        f"at most {DEPTH_MAX} levels",
        f"for {Times().screen_qr_valid_s} s and for the first claim",
        f"first {OBJECT_NAME_DIGITS} hex digits",
        f"for {Journal().acknowledged_h // 24} days more",
    ):
        assert told in TEXT, told
    assert (protocol.WINDOW_BATCHES, "up to eight batches" in TEXT) == (8, True)


def test_the_files_that_the_text_names_are_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert [each for each in links if not (contract.PATH.parent / each).exists()] == []
