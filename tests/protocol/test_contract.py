"""The contract: its files are as the code has them, its schemas fit what is said, its vectors are what a locker answers."""

import hashlib
import json
import random
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import cbor2
import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cwt import COSE, COSEKey
from cwt.exceptions import CWTError
from jsonschema import Draft7Validator

from firmware.control import Journal, JournalRow
from firmware.deeds import AnySigned
from firmware.link.topics import Topics
from firmware.model import Outcome
from firmware.notices import Notice
from firmware.shown import NOTICES
from firmware.signed import Keyring, Kind, open_signed
from sim.backend import Backend, JournalBroken, Link, Site
from sim.backend.signing import said_in
from tests import contract
from tests.core.shell import SIGNER
from tests.protocol import token_vectors, upward, vectors
from tests.protocol.schemas import DOWN, UP, closed

PATH = contract.PATH
FILE: dict[str, Any] = json.loads((PATH / "vectors.json").read_text())
VECTORS: dict[str, dict[str, Any]] = {each["name"]: each for each in FILE["vectors"]}
ASYNCAPI: dict[str, Any] = msgspec.yaml.decode((PATH / "asyncapi.yaml").read_bytes())
GOOD = [each for each in VECTORS.values() if each["outcome"] in ("done", "accepted")]
NOT_SIGNED = {"unsigned", "bad_signature"}


@cache
def schema(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((PATH / "schemas" / f"{name}.json").read_text())
    return read


def fits(name: str, value: object) -> bool:
    return bool(Draft7Validator(schema(name)).is_valid(value))


def kind_of(raw: bytes) -> Kind:
    typ = cbor2.loads(cbor2.loads(raw).value[0])[16]
    return next(kind for kind in Kind if kind.typ == typ)


# The files


def test_the_files_are_not_stale() -> None:
    assert contract.stale() == []


def add_one(path: Path) -> str:
    (path / "schemas" / "old.json").write_text("{}")
    return "schemas/old.json"


def take_one(path: Path) -> str:
    (path / "asyncapi.yaml").unlink()
    return "asyncapi.yaml"


def change_one(path: Path) -> str:
    hello = path / "schemas" / "hello.json"
    hello.write_text(hello.read_text().replace("last_seq", "newest"))
    return "schemas/hello.json"


@pytest.mark.parametrize("harm", [add_one, take_one, change_one])
def test_a_stale_file_is_named_and_written_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: Callable[[Path], str]
) -> None:
    path = tmp_path / "protocol"
    shutil.copytree(PATH, path)
    assert contract.main(["--check"], path) == 0
    name = harm(path)
    assert contract.main(["--check"], path) == 1
    assert name in capsys.readouterr().err
    assert contract.main([], path) == 0
    assert contract.main(["--check"], path) == 0


def test_another_argument_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert contract.main(["--chek"]) == 2
    assert "usage" in capsys.readouterr().err


# The schemas


@pytest.mark.parametrize("name", [*UP, "entry", *DOWN])
def test_a_schema_is_one(name: str) -> None:
    Draft7Validator.check_schema(schema(name))
    text = json.dumps(schema(name))
    assert r"\\A" not in text, "ECMA 262 knows no such beginning"
    assert "firmware." not in text, "whoever reads it has not our code"


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for each in node.values():
            yield from objects(each)
    elif isinstance(node, list):
        for each in node:
            yield from objects(each)


@pytest.mark.parametrize("name", [*UP, "entry", *DOWN])
def test_everything_has_its_words(name: str) -> None:
    """Every message, and every kind, outcome and part that has a name of its own, says what it is."""
    assert schema(name)["description"]
    for part, each in schema(name).get("definitions", {}).items():
        named = {"Direction", "Purpose", "Problem"}  # whose values say it
        assert part in named or each.get("description"), part


def test_every_entry_kind_and_outcome_is_explained() -> None:
    speak = {"maintenance", "too_early", "too_late", "wrong_locker", "wrong_epoch", "bad_signature"}
    plain = {"done", "no_such_parcel"}
    told = schema("told")["definitions"]["Outcome"]
    assert set(told["enum"]) - told["x-meanings"].keys() <= speak | plain
    kinds = schema("entry")["definitions"]["EntryKind"]
    assert set(kinds["enum"]) == set(kinds["x-meanings"])


@pytest.mark.parametrize("vector", GOOD, ids=lambda each: each["name"])
def test_a_good_payload_fits_its_schema(vector: dict[str, Any]) -> None:
    kind = kind_of(bytes.fromhex(vector["object"]))
    Draft7Validator(schema(kind)).validate(vector["payload"])


# What JSON cannot tell apart, or what stands between several fields: a schema says it in words.
UNTOLD = {
    "an integer in a longer writing",
    "a map of indefinite length",
    "a byte behind the payload",
    "a float",
    "a field twice",
    "valid for more than 31 days",
    "a parcel that changes and is gone",
    "a code twice",
    "a code in hex",
    "neither size nor cell",
    "a list that names an unknown cell",
    "a null",
}


@pytest.mark.parametrize(
    "vector",
    [each for each in VECTORS.values() if each["outcome"] == "malformed"],
    ids=lambda each: each["name"],
)
def test_a_malformed_payload_does_not_fit(vector: dict[str, Any]) -> None:
    if vector["payload"] is not None and vector["name"] not in UNTOLD:
        assert not fits(kind_of(bytes.fromhex(vector["object"])), vector["payload"])


def test_what_a_configuration_may_set_is_told() -> None:
    kept = {**VECTORS["configure"]["payload"], "do": {"type": "configure", "settings": {"reopen_max": 10}}}
    assert fits("command", kept)
    for settings in ({"reopen_max": 11}, {"pulse_ms": 400}, {"remote_open": "never"}):
        assert not fits("command", {**kept, "do": {"type": "configure", "settings": settings}})


def test_another_release_may_say_more_in_what_goes_up_and_not_in_what_is_signed() -> None:
    assert fits("hello", {**FILE["hello"], "colour": "red"})
    assert not Draft7Validator(closed(schema("hello"))).is_valid({**FILE["hello"], "colour": "red"})
    assert not fits("welcome", {**VECTORS["welcome"]["payload"], "colour": "red"})


# The vectors


@pytest.mark.parametrize("name", VECTORS)
def test_a_locker_answers_as_the_vector_says(name: str) -> None:
    told = VECTORS[name]
    before = [bytes.fromhex(VECTORS[each]["object"]) if each in VECTORS else each for each in told["before"]]
    sent = bytes.fromhex(told["object"]) + bytes(told.get("zeros", 0))
    expected = [told["outcome"], *([told["later"]] if "later" in told else [])]
    assert vectors.answers(before, sent, told.get("then", ())) == expected


def test_there_is_a_vector_for_each_kind_deed_and_refusal() -> None:
    assert len(VECTORS) == len(FILE["vectors"])
    assert {kind_of(bytes.fromhex(each["object"])) for each in GOOD} == set(Kind) - {Kind.TOKEN}
    deeds = {each["payload"]["do"]["type"] for each in GOOD if "do" in each["payload"]}
    assert deeds == {deed.__struct_config__.tag for deed in get_args(AnySigned)}
    outcomes = Counter(each["outcome"] for each in VECTORS.values())
    forms = {"unsigned", "unknown_key", "bad_signature", "malformed", "stale", "wrong_locker", "wrong_epoch"}
    assert forms | {"older", "gap", "mismatch", "too_early", "too_late"} <= outcomes.keys()


@pytest.mark.parametrize("vector", token_vectors.token_vectors(), ids=lambda vector: vector.name)
def test_each_token_has_the_answer_that_the_file_says(vector: token_vectors.TokenVector) -> None:
    told = next(each for each in FILE["tokens"] if each["name"] == vector.name)
    seen = token_vectors.show(told["text"])
    assert (seen.outcome, seen.notice) == (told["outcome"], told.get("notice"))


def test_there_is_a_token_for_each_refusal_that_a_backend_can_cause() -> None:
    """But for those of the locker's own: its clock and its policy (tests/core/test_shown.py)."""
    names = [each["name"] for each in FILE["tokens"]]
    assert len(names) == len(set(names))
    assert {each.get("notice") for each in FILE["tokens"]} - {None} == {
        *NOTICES.values(),
        Notice.NOT_OURS,
    } - {Notice.CLOCK_UNSURE, Notice.NO_STATIC}


def test_the_keys_are_made_of_their_seeds_and_marked_as_published() -> None:
    assert "for tests" in FILE["setting"]["warning"]
    for key in (*FILE["setting"]["keys"], FILE["setting"]["journal_key"]):
        seed = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["seed"]))
        assert seed.public_key().public_bytes_raw().hex() == key["public"]


# An independent reader and writer of COSE


def cwt_key(kid: bytes, *, private: bool) -> Any:
    key = next(each for each in FILE["setting"]["keys"] if each["id"].encode() == kid)
    parts: dict[int, Any] = {1: 1, 2: kid, 3: -8, -1: 6, -2: bytes.fromhex(key["public"])}
    return COSEKey.new({**parts, -4: bytes.fromhex(key["seed"])} if private else parts)


def test_cwt_believes_what_a_locker_believes() -> None:
    for vector in VECTORS.values():
        raw = bytes.fromhex(vector["object"])
        if vector["outcome"] in NOT_SIGNED | {"unknown_key"} or "zeros" in vector:
            continue
        kind, kid = kind_of(raw), cbor2.loads(cbor2.loads(raw).value[0])[4]
        payload = COSE.new().decode(raw, cwt_key(kid, private=False), external_aad=kind.aad)
        assert payload == cbor2.loads(raw).value[2], vector["name"]


def test_cwt_believes_no_bad_signature() -> None:
    bad = [each for each in VECTORS.values() if each["outcome"] == "bad_signature"]
    assert len(bad) >= 5
    for vector in bad:
        raw = bytes.fromhex(vector["object"])
        with pytest.raises(CWTError):
            COSE.new().decode(raw, cwt_key(b"k1", private=False), external_aad=kind_of(raw).aad)


@pytest.mark.parametrize("vector", GOOD, ids=lambda each: each["name"])
def test_what_cwt_makes_of_the_same_payload_says_the_same(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["object"])
    kind, header = kind_of(raw), cbor2.loads(cbor2.loads(raw).value[0])
    body, key = cbor2.loads(raw).value[2], cwt_key(header[4], private=True)
    made = COSE.new().encode(body, key, protected=header, external_aad=kind.aad)
    keyring = Keyring({each["id"]: bytes.fromhex(each["public"]) for each in FILE["setting"]["keys"]})
    said = open_signed(made, keyring)
    assert not isinstance(said, Outcome)
    assert said == open_signed(raw, keyring)
    assert made == raw, "docs/protocol.md says that it is the same"


# The journal, recomputed from docs/protocol.md


def is_signed(covered: bytes, signature: str) -> bool:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(FILE["setting"]["journal_key"]["public"]))
    try:
        key.verify(bytes.fromhex(signature), covered)
    except InvalidSignature:
        return False
    return True


def test_the_journal_can_be_recomputed() -> None:
    journal, setting, digest = FILE["journal"], FILE["setting"], bytes(32)
    assert len(journal["rows"]) >= 3
    for seq, row in enumerate(journal["rows"], 1):
        digest = hashlib.sha256(digest + row["body"].encode()).digest()
        body = json.loads(row["body"])
        assert (row["seq"], row["hash"]) == (seq, digest.hex())
        assert (body["locker"], body["epoch"], body["seq"]) == (setting["locker"], setting["epoch"], seq)
        Draft7Validator(schema("entry")).validate(body)
    head = journal["head"]
    assert (head["seq"], head["hash"]) == (seq, digest.hex())
    place = f'["{setting["locker"]}",{setting["epoch"]},{seq},"{digest.hex()}"]'
    assert is_signed(b"postomat/v1/head\n" + place.encode(), head["signature"])
    assert not is_signed(b"postomat/v1/anchor\n" + place.encode(), head["signature"])


def test_the_hello_is_signed_as_the_text_says() -> None:
    hello = FILE["hello"]
    said = [hello[name] for name in ("locker", "epoch", "last_seq", "head", "nonce")]
    covered = b"postomat/v1/hello\n" + json.dumps(said, separators=(",", ":")).encode()
    assert is_signed(covered, hello["signature"])
    assert hello["head"] == FILE["journal"]["rows"][hello["last_seq"] - 1]["hash"]
    assert hello["nonce"] == FILE["setting"]["hello_nonce"]


# What a backend must not believe

REASONS = {
    "bad_signature": "is not signed by this locker",
    "no_head": "has no head, or another's",
    "broken": "does not follow from the one before",
    "anothers": "says it is entry",
    "rewritten": "was told differently before",
    "gap": "came where . was due",
}
UPWARD: list[dict[str, Any]] = FILE["upward"]


def said_by_a_backend(told: dict[str, Any]) -> tuple[Link, list[dict[str, Any]]]:
    """One that has heard and holds what the vector says, and what it says to the message."""
    setting, said = FILE["setting"], list[dict[str, Any]]()
    journal_key = bytes.fromhex(setting["journal_key"]["public"])
    site = Site(setting["locker"], "", bytes.fromhex(setting["code_key"]), journal_key, setting["epoch"])
    link = Link(Backend(site, SIGNER, lambda: vectors.NOW_MS, random.Random(1)), lambda: 0.0)
    link.attach(lambda _, payload: said.append({"kind": kind_of(payload), **said_in(payload)}))
    if told["heard"]:
        link.receive(link.topics.hello, msgspec.json.encode(FILE["hello"]))
    if told["held"]:
        rows = [JournalRow(**row) for row in FILE["journal"]["rows"][: told["held"]]]
        link.backend.batch(upward.batch(rows))
    said.clear()
    topics = {"hello": link.topics.hello, "journal": link.topics.journal}
    link.receive(topics[told["message"]["type"]], msgspec.json.encode(told["message"]))
    return link, said


@pytest.mark.parametrize(
    "told", [each for each in UPWARD if each["message"]["type"] == "hello"], ids=lambda each: each["name"]
)
def test_a_backend_takes_a_hello_as_the_vector_says(told: dict[str, Any]) -> None:
    (link, said), hello = said_by_a_backend(told), told["message"]
    greeting = [hello[name] for name in ("locker", "epoch", "last_seq", "head", "nonce")]
    covered = b"postomat/v1/hello\n" + json.dumps(greeting, separators=(",", ":")).encode()
    assert is_signed(covered, hello["signature"]) is (told["verdict"] != "bad_signature")
    kinds = [each["kind"] for each in said]
    if told["verdict"] in ("bad_signature", "repeated"):
        assert (said, link.nonsense) == ([], 1)
    else:
        assert said[0]["accepted"] is (told["verdict"] == "taken")
        assert (Kind.EPOCH in kinds) is (told["verdict"] == "forgot")


@pytest.mark.parametrize(
    "told", [each for each in UPWARD if each["message"]["type"] == "journal"], ids=lambda each: each["name"]
)
def test_a_backend_takes_a_batch_as_the_vector_says(told: dict[str, Any]) -> None:
    (link, said), last = said_by_a_backend(told), told["message"]["last"]
    acks = [each["seq"] for each in said if each["kind"] is Kind.ACK]
    if told["verdict"] == "taken":
        assert (acks, link.backend.ledger.last) == ([last], last)
        return
    assert (acks, link.backend.ledger.last) == ([], told["held"])
    with pytest.raises(JournalBroken, match=REASONS[told["verdict"]]):
        link.backend.batch(msgspec.convert(told["message"], Journal))


def test_there_is_an_upward_vector_for_each_verdict() -> None:
    assert len({each["name"] for each in UPWARD}) == len(UPWARD)
    assert {each["verdict"] for each in UPWARD} == FILE["verdicts"].keys() == upward.VERDICTS.keys()
    for each in UPWARD:
        Draft7Validator(schema(each["message"]["type"])).validate(each["message"])


def test_a_name_of_an_object_is_found_again() -> None:
    opened = hashlib.sha256(bytes.fromhex(VECTORS["open"]["object"])).hexdigest()[:16]
    examples = ASYNCAPI["components"]["messages"]["told"]["examples"]
    assert examples[0]["payload"] == {"outcome": "accepted", "object": opened, "command": None}


# AsyncAPI


def test_the_description_is_asyncapi_3() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # two of its fields are named `schema`
        from asyncapi3.models.asyncapi import AsyncAPI3  # type: ignore[import-untyped]
    AsyncAPI3.model_validate(ASYNCAPI)
    with pytest.raises(ValueError, match="action"):
        AsyncAPI3.model_validate({**ASYNCAPI, "operations": {"shout": {"action": "shout"}}})


def test_no_text_is_a_number_to_another_reader_of_yaml() -> None:
    """YAML 1.2 takes `12e34` for a number, and the writer, which knows 1.1, would leave it without quotes."""
    number = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")
    text = (PATH / "asyncapi.yaml").read_text()
    plain = re.findall(r"(?::|-) ([^'\s]+)$", text, re.MULTILINE)
    assert all(each.isdecimal() for each in plain if number.fullmatch(each))
    assert [each for each in ("12e34", "1.5", "30") if number.fullmatch(each) and not each.isdecimal()] == [
        "12e34",
        "1.5",
    ]


def found(reference: str) -> Any:
    file, _, way = reference.partition("#")
    at = json.loads((PATH / file).read_text()) if file else ASYNCAPI
    for part in filter(None, way.split("/")):
        at = at[part]
    return at


def test_every_reference_leads_somewhere() -> None:
    references = [node["$ref"] for node in objects(ASYNCAPI) if "$ref" in node]
    assert len(references) > 20
    assert all(found(each) for each in references)
    with pytest.raises(KeyError):
        found("#/channels/nowhere")


@pytest.mark.parametrize("name", [*UP, *DOWN])
def test_every_example_fits_its_schema(name: str) -> None:
    message = ASYNCAPI["components"]["messages"][name]
    assert message["examples"]
    for example in message["examples"]:
        Draft7Validator(found(message["payload"]["$ref"])).validate(example["payload"])


def test_the_channels_are_the_links_own() -> None:
    topics = Topics("{locker}")
    addresses = {name: channel["address"] for name, channel in ASYNCAPI["channels"].items()}
    own = {"hello": topics.hello, "journal": topics.journal, "told": topics.told, "state": topics.state}
    assert addresses == {**own, "signed": topics.signed}
    assert {operation["channel"]["$ref"] for operation in ASYNCAPI["operations"].values()} == {
        f"#/channels/{name}" for name in addresses
    }
    for operation in ASYNCAPI["operations"].values():
        retained = operation["channel"]["$ref"].endswith("/state")
        assert operation["bindings"]["mqtt"] == {"qos": 1, "retain": retained, "bindingVersion": "0.2.0"}
