"""Signed objects: what an independent COSE library signs is opened, what ours signs it verifies, and all else is refused.

`signed_vectors.json` holds objects made once with that library, so that a change of the form is seen as one.
"""

import base64
import hashlib
import hmac
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cbor2
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cwt import COSE, COSEKey
from cwt.exceptions import VerifyError
from hypothesis import given
from hypothesis import strategies as st

from firmware import deeds
from firmware.deeds import TIME_MAX_MS
from firmware.events import Commanded, GrantedParcel, GrantedRight, GrantsCame, JournalAcked, Welcomed
from firmware.forms import PARCELS_MAX
from firmware.model import Direction, Outcome, Purpose
from firmware.signed import (
    DEPTH_MAX,
    OBJECT_MAX_BYTES,
    Answering,
    Keyring,
    Kind,
    code_digest,
    decoded,
    open_signed,
)
from sim.backend import Signer, unsigned

SEED = bytes(range(32))
SIGNER = Signer(SEED, "backend-1")
KEYRING = Keyring({SIGNER.key_id: SIGNER.public})
DIGEST = hashlib.sha256(b"12345678").digest()
LONGER = hashlib.sha256(b"123456784242").digest()

COMMAND: dict[str, Any] = {
    "id": "open-1",
    "locker": "0123",
    "epoch": 1,
    "not_before_ms": 1_700_000_000_000,
    "not_after_ms": 1_700_000_060_000,
    "do": {"type": "open", "grant": "pickup-KZ1", "parcel": "KZ1"},
}
GRANTS: dict[str, Any] = {
    "locker": "0123",
    "epoch": 1,
    "version": 7,
    "parcels": [
        {"waybill": "KZ1", "cell": 7, "direction": "inbound", "account": "Kaspi Gold"},
        {"waybill": "KZ2", "cell": 8, "direction": "outbound"},
    ],
    "grants": [
        {
            "id": "pickup-KZ1",
            "purpose": "pickup",
            "parcels": ["KZ1"],
            "codes": [DIGEST],
            "phone_codes": [LONGER],
            "not_before_ms": 5,
            "not_after_ms": 9,
        },
        {"id": "deposit-KZ2", "purpose": "deposit", "parcels": ["KZ2"]},
    ],
}
OPENED = Commanded("open-1", "0123", 1, 1_700_000_000_000, 1_700_000_060_000, deeds.Open("pickup-KZ1", "KZ1"))
CAME = GrantsCame(
    "0123",
    1,
    7,
    (GrantedParcel("KZ1", 7, Direction.INBOUND, "Kaspi Gold"), GrantedParcel("KZ2", 8, Direction.OUTBOUND)),
    (
        GrantedRight("pickup-KZ1", Purpose.PICKUP, ("KZ1",), (DIGEST.hex(),), (LONGER.hex(),), 5, 9),
        GrantedRight("deposit-KZ2", Purpose.DEPOSIT, ("KZ2",)),
    ),
)
NONCE = DIGEST[:16]
ACK = {"locker": "0123", "epoch": 1, "seq": 7, "hash": DIGEST, "nonce": NONCE}
ACKED = Answering(NONCE, JournalAcked("0123", 1, 7, DIGEST.hex()))
WELCOME = {
    "locker": "0123",
    "epoch": 1,
    "nonce": NONCE,
    "time_ms": 1_700_000_000_000,
    "acked_seq": 0,
    "accepted": True,
}
WELCOMED = Answering(NONCE, Welcomed("0123", 1, 1_700_000_000_000, 0, True))
EACH = [
    (Kind.COMMAND, COMMAND, OPENED),
    (Kind.GRANTS, GRANTS, CAME),
    (Kind.ACK, ACK, ACKED),
    (Kind.WELCOME, WELCOME, WELCOMED),
]


def header(kind: Kind) -> dict[Any, Any]:
    return {1: -8, 4: b"backend-1", 16: kind.typ}


def seal(protected: bytes, body: bytes, aad: bytes, unprotected: object = None, seed: bytes = SEED) -> bytes:
    """A COSE_Sign1 whose every part may be wrong, but whose signature is right."""
    covered = cbor2.dumps(["Signature1", protected, aad, body])
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(covered)
    return cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected or {}, body, signature]))


def sealed_body(kind: Kind, body: bytes) -> bytes:
    return seal(cbor2.dumps(header(kind)), body, kind.aad)


def cwt_key(*, private: bool) -> Any:
    jwk: dict[int, Any] = {1: 1, 2: b"backend-1", 3: -8, -1: 6, -2: SIGNER.public}
    return COSEKey.new({**jwk, -4: SEED} if private else jwk)


# --- both ways with an independent library


@pytest.mark.parametrize(("kind", "payload", "event"), EACH)
def test_what_cwt_signs_is_opened(kind: Kind, payload: dict[str, Any], event: object) -> None:
    raw = COSE.new().encode(
        cbor2.dumps(payload), cwt_key(private=True), protected=header(kind), external_aad=kind.aad
    )
    assert open_signed(raw, KEYRING) == event


@pytest.mark.parametrize(("kind", "payload", "event"), EACH)
def test_what_the_backend_signs_is_verified_by_cwt_and_opened(
    kind: Kind, payload: dict[str, Any], event: object
) -> None:
    raw = SIGNER.sign(kind, payload)
    key = cwt_key(private=False)
    protected, unprotected, body = COSE.new().decode_with_headers(raw, key, external_aad=kind.aad)
    assert cbor2.loads(body) == payload
    assert (protected, unprotected) == (header(kind), {})
    assert open_signed(raw, KEYRING) == event
    with pytest.raises(VerifyError):
        COSE.new().decode(raw, key, external_aad=b"postomat/v1/token")


@pytest.mark.parametrize(
    "vector", json.loads((Path(__file__).parent / "signed_vectors.json").read_text()), ids=lambda v: v["name"]
)
def test_vectors(vector: dict[str, Any]) -> None:
    keyring = Keyring({vector["key_id"]: bytes.fromhex(vector["public"])})
    said = open_signed(bytes.fromhex(vector["object"]), keyring)
    assert json.loads(msgspec.json.encode(said)) == vector["said"]


# --- whose word it is


def test_another_key_under_a_known_name_is_a_bad_signature() -> None:
    thief = Signer(bytes(reversed(SEED)), "backend-1")
    assert open_signed(thief.sign("command", COMMAND), KEYRING) is Outcome.BAD_SIGNATURE
    assert open_signed(thief.sign_again(SIGNER.sign("command", COMMAND)), KEYRING) is Outcome.BAD_SIGNATURE


def test_the_key_that_the_header_names_decides_and_no_other() -> None:
    second = Signer(bytes(reversed(SEED)), "backend-2")
    both = Keyring({"backend-1": SIGNER.public, "backend-2": second.public})
    assert open_signed(second.sign("command", COMMAND), both) == OPENED
    assert open_signed(second.sign("command", COMMAND), KEYRING) is Outcome.UNKNOWN_KEY
    swapped = Keyring({"backend-1": second.public, "backend-2": SIGNER.public})
    assert open_signed(second.sign("command", COMMAND), swapped) is Outcome.BAD_SIGNATURE


def test_nothing_is_believed_without_a_key() -> None:
    assert open_signed(SIGNER.sign("command", COMMAND), Keyring({})) is Outcome.UNKNOWN_KEY


@pytest.mark.parametrize("signed_as", [Kind.GRANTS.aad, b"postomat/v1/token", b"postomat/v1/ack", b""])
def test_a_signature_over_another_kind_does_not_fit(signed_as: bytes) -> None:
    raw = seal(cbor2.dumps(header(Kind.COMMAND)), cbor2.dumps(COMMAND), signed_as)
    assert open_signed(raw, KEYRING) is Outcome.BAD_SIGNATURE


def test_a_payload_of_another_kind_is_malformed() -> None:
    assert open_signed(sealed_body(Kind.COMMAND, cbor2.dumps(GRANTS)), KEYRING) is Outcome.MALFORMED


# --- what is no signed object at all

COMMAND_RAW = SIGNER.sign("command", COMMAND)
PROTECTED, _, BODY, SIGNATURE = cbor2.loads(COMMAND_RAW).value
AAD = Kind.COMMAND.aad
UNSIGNED = {
    "nothing": b"",
    "plain CBOR": cbor2.dumps(COMMAND),
    "no signature": unsigned(COMMAND_RAW),
    "a zero signature of 63 bytes": cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, {}, BODY, bytes(63)])),
    "no tag": COMMAND_RAW[1:],
    "tag 98, COSE_Sign": cbor2.dumps(cbor2.CBORTag(98, [PROTECTED, {}, BODY, SIGNATURE])),
    "tag 17, COSE_Mac0": cbor2.dumps(cbor2.CBORTag(17, [PROTECTED, {}, BODY, SIGNATURE])),
    "tag 61 around it": b"\xd8\x3d" + COMMAND_RAW,
    "tag 18 in a long writing": b"\xd8\x12" + COMMAND_RAW[1:],
    "three parts": cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, BODY, SIGNATURE])),
    "five parts": cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, {}, BODY, SIGNATURE, 0])),
    "a detached payload": cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, {}, None, SIGNATURE])),
    "bytes after it": COMMAND_RAW + b"\0",
    "alg none": seal(cbor2.dumps({4: b"backend-1", 16: Kind.COMMAND.typ}), BODY, AAD),
    "alg null": seal(cbor2.dumps({1: None, 4: b"backend-1", 16: Kind.COMMAND.typ}), BODY, AAD),
    "alg HS256": seal(cbor2.dumps({1: 5, 4: b"backend-1", 16: Kind.COMMAND.typ}), BODY, AAD),
    "alg ES256": seal(cbor2.dumps({1: -7, 4: b"backend-1", 16: Kind.COMMAND.typ}), BODY, AAD),
    "alg -8 as text": seal(cbor2.dumps({1: "-8", 4: b"backend-1", 16: Kind.COMMAND.typ}), BODY, AAD),
    "no kid": seal(cbor2.dumps({1: -8, 16: Kind.COMMAND.typ}), BODY, AAD),
    "kid as text": seal(cbor2.dumps({1: -8, 4: "backend-1", 16: Kind.COMMAND.typ}), BODY, AAD),
    "no typ": seal(cbor2.dumps({1: -8, 4: b"backend-1"}), BODY, AAD),
    "a token": seal(
        cbor2.dumps({1: -8, 4: b"backend-1", 16: "application/vnd.postomat.token+cose"}),
        BODY,
        b"postomat/v1/token",
    ),
    "crit": seal(cbor2.dumps({1: -8, 2: [99], 4: b"backend-1", 16: Kind.COMMAND.typ}), BODY, AAD),
    "an unknown header": seal(cbor2.dumps({1: -8, 4: b"backend-1", 16: Kind.COMMAND.typ, 99: 0}), BODY, AAD),
    "an empty protected header": seal(b"", BODY, AAD, header(Kind.COMMAND)),
    "kid unprotected": seal(cbor2.dumps({1: -8, 16: Kind.COMMAND.typ}), BODY, AAD, {4: b"backend-1"}),
    "something unprotected": seal(PROTECTED, BODY, AAD, {7: b""}),
    "a protected header that is no map": seal(cbor2.dumps([1, -8]), BODY, AAD),
    "a protected header with bytes after it": seal(PROTECTED + b"\0", BODY, AAD),
    "a key in the header twice": seal(b"\xa4\x01\x27" + PROTECTED[1:], BODY, AAD),
    "a protected header of indefinite length": seal(b"\xbf" + PROTECTED[1:] + b"\xff", BODY, AAD),
    "a length in a long writing": COMMAND_RAW[:2] + b"\x59\0" + COMMAND_RAW[3:],
}


@pytest.mark.parametrize("raw", UNSIGNED.values(), ids=UNSIGNED.keys())
def test_what_has_another_form_is_unsigned(raw: bytes) -> None:
    assert open_signed(raw, KEYRING) is Outcome.UNSIGNED


def test_the_seal_of_these_tests_is_good() -> None:
    assert seal(PROTECTED, BODY, AAD) == COMMAND_RAW
    assert open_signed(COMMAND_RAW, KEYRING) == OPENED


# --- signed well, and yet not what its kind must hold


def changed(payload: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A deep copy with one place changed; `...` takes the place away."""
    copy: dict[str, Any] = cbor2.loads(cbor2.dumps(payload))
    at: Any = copy
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        at = at[part]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return copy


MISSING = [(Kind.COMMAND, COMMAND, field) for field in COMMAND] + [
    *((Kind.GRANTS, GRANTS, field) for field in GRANTS),
    *((Kind.ACK, ACK, field) for field in ACK),
    *((Kind.WELCOME, WELCOME, field) for field in WELCOME),
    *((Kind.GRANTS, GRANTS, f"parcels.0.{field}") for field in ("waybill", "cell")),
    *((Kind.GRANTS, GRANTS, f"grants.0.{field}") for field in ("id", "purpose", "parcels")),
]


@pytest.mark.parametrize(("kind", "payload", "field"), MISSING)
def test_each_field_that_is_missing_is_missed(kind: Kind, payload: dict[str, Any], field: str) -> None:
    raw = SIGNER.sign(kind, changed(payload, field, ...))
    assert open_signed(raw, KEYRING) is Outcome.MALFORMED


WRONG: list[tuple[str, object]] = [
    ("locker", ""),
    ("locker", "0123\n"),
    ("locker", "x" * 33),
    ("locker", 123),
    ("locker", b"0123"),
    ("epoch", 0),
    ("epoch", "1"),
    ("version", 0),
    ("version", 2**53 + 1),
    ("version", [1]),
    ("parcels", {}),
    ("parcels", [{"waybill": f"KZ{n}", "cell": 1} for n in range(PARCELS_MAX + 1)]),
    ("parcels.0.waybill", ""),
    ("parcels.0.waybill", "x" * 41),
    ("parcels.0.waybill", "KZ 1"),
    ("parcels.0.waybill", "КZ1"),  # a Cyrillic К
    ("parcels.0.waybill", "KZ2"),  # twice
    ("parcels.0.cell", 0),
    ("parcels.0.cell", 1_000),
    ("parcels.0.direction", "sideways"),
    ("parcels.0.account", "x" * 41),
    ("parcels.0.state", "withdrawn"),
    ("grants", [{"id": f"g{n}", "purpose": "pickup", "parcels": ["KZ1"]} for n in range(PARCELS_MAX + 1)]),
    ("grants.0.id", ""),
    ("grants.0.id", "x" * 65),
    ("grants.0.id", "deposit-KZ2"),  # twice
    ("grants.0.purpose", "everything"),
    ("grants.0.parcels", []),
    ("grants.0.parcels", ["KZ1"] * 65),
    ("grants.0.parcels", "KZ1"),
    ("grants.0.codes", [DIGEST] * 65),
    ("grants.0.codes.0", DIGEST[1:]),
    ("grants.0.codes.0", DIGEST + b"0"),
    ("grants.0.codes.0", DIGEST.hex()),
    ("grants.0.codes.0", base64.b64encode(DIGEST).decode()),
    ("grants.0.codes.0", LONGER),  # twice
    ("grants.0.phone_codes", [LONGER] * 65),
    ("grants.0.phone_codes", LONGER),
    ("grants.0.phone_codes.0", LONGER[1:]),
    ("grants.0.phone_codes.0", LONGER.hex()),
    ("grants.0.not_before_ms", -1),
    ("grants.0.not_after_ms", 2**64 - 1),
    ("grants.0.not_after_ms", 1.5),
    ("grants.0.not_after_ms", None),
    ("admin", 1),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_each_bound_of_a_list_is_kept(path: str, value: object) -> None:
    payload = changed(GRANTS, path, value)
    if len(cbor2.dumps(payload)) < OBJECT_MAX_BYTES:
        assert open_signed(SIGNER.sign("grants", payload), KEYRING) is Outcome.MALFORMED
    else:
        pytest.fail("the limit on the whole object would answer for the limit that is meant")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("nonce", NONCE[1:]),
        ("nonce", NONCE + b"0"),
        ("nonce", NONCE.hex()),
        ("time_ms", -1),
        ("time_ms", TIME_MAX_MS + 1),
        ("time_ms", 1.5),
        ("acked_seq", -1),
        ("acked_seq", 2**53 + 1),
        ("accepted", 1),
        ("accepted", "true"),
        ("asked_ms", 1),
    ],
)
def test_each_bound_of_a_welcome_is_kept(path: str, value: object) -> None:
    assert open_signed(SIGNER.sign("welcome", changed(WELCOME, path, value)), KEYRING) is Outcome.MALFORMED


def test_the_greatest_values_that_are_allowed_are_taken() -> None:
    payload = changed(GRANTS, "parcels", [{"waybill": f"{n:040}", "cell": 999} for n in range(800)])
    codes = [n.to_bytes(32, "big") for n in range(64)]
    payload["grants"] = [
        {"id": "g" * 64, "purpose": "service", "parcels": ["0" * 40] * 64, "codes": codes},
    ]
    said = open_signed(SIGNER.sign("grants", payload), KEYRING)
    assert isinstance(said, GrantsCame)
    assert (len(said.parcels), said.parcels[0].cell, said.grants[0].codes[63]) == (800, 999, codes[63].hex())


def test_a_code_that_stands_twice_has_two_truths() -> None:
    payload = changed(GRANTS, "version", 9)
    payload["grants"] = [{**payload["grants"][0], "id": name, "codes": [DIGEST]} for name in ("g1", "g2")]
    assert open_signed(SIGNER.sign("grants", payload), KEYRING) is Outcome.MALFORMED


def nested(depth: int) -> bytes:
    return b"\x81" * depth + b"\0"


BODIES = {
    "nothing": b"",
    "not a map": cbor2.dumps([COMMAND]),
    "bytes after it": BODY + b"\0",
    "cut short": BODY[:-1],
    "a field twice": b"\xa7\x65epoch\x02" + BODY[1:],
    "an integer in a long writing": BODY.replace(b"epoch\x01", b"epoch\x18\x01"),
    "indefinite length": b"\xbf" + BODY[1:] + b"\xff",
    "keys that are no text": cbor2.dumps({1: 2}),
    "a map as key": b"\xa1\xa0\x01",
    "a tag": cbor2.dumps({**COMMAND, "id": cbor2.CBORTag(37, b"x")}),
    "a shared reference to itself": b"\xd8\x1c\x81\xd8\x1d\x00",
    "broken UTF-8": b"\xa1\x62id\x61\xff",
    "a length that is not there": b"\x5b" + b"\xff" * 8,
    "a count that is not there": b"\x9b" + b"\xff" * 8,
    "nesting at the limit": nested(DEPTH_MAX),
    "nesting above it": nested(DEPTH_MAX + 1),
    "nesting without end": nested(50_000),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_well_signed_body_of_another_form_is_malformed(body: bytes) -> None:
    assert open_signed(sealed_body(Kind.COMMAND, body), KEYRING) is Outcome.MALFORMED


def test_the_nesting_limit_is_where_it_says() -> None:
    assert str(decoded(nested(DEPTH_MAX))).count("[") == DEPTH_MAX
    with pytest.raises(ValueError, match="nested too deeply"):
        decoded(nested(DEPTH_MAX + 1))


def test_an_object_above_the_limit_is_not_even_looked_at() -> None:
    for size, outcome in ((OBJECT_MAX_BYTES, Outcome.UNSIGNED), (OBJECT_MAX_BYTES + 1, Outcome.MALFORMED)):
        assert open_signed(b"\xd2\x84" + bytes(size - 2), KEYRING) is outcome


def version_7_is_old(locker: str, epoch: int, version: int) -> Outcome | None:
    return Outcome.OLDER if (locker, epoch, version) == ("0123", 1, 7) else None


@pytest.mark.parametrize("kind", [Kind.GRANTS, Kind.CHANGES])
def test_a_list_that_begins_as_one_of_before_is_not_read_any_further(kind: Kind) -> None:
    base = {"base": 300} if kind is Kind.CHANGES else {}
    head = cbor2.dumps({"locker": "0123", "epoch": 1, **base, "version": 7})
    raw = sealed_body(kind, bytes([head[0] + 1]) + head[1:] + cbor2.dumps("parcels") + b"\xff" * 48_000)
    assert open_signed(raw, KEYRING, refuse_list=version_7_is_old) is Outcome.OLDER
    assert open_signed(raw, KEYRING) is Outcome.MALFORMED


def test_a_list_that_begins_otherwise_is_read_in_full() -> None:
    turned = dict(reversed(GRANTS.items()))
    raw = sealed_body(Kind.GRANTS, cbor2.dumps(turned))
    assert isinstance(open_signed(raw, KEYRING, refuse_list=version_7_is_old), GrantsCame)


def test_only_a_list_is_refused_by_how_it_begins() -> None:
    raw = sealed_body(Kind.COMMAND, cbor2.dumps({"locker": "0123", "epoch": 1, "version": 7}))
    assert open_signed(raw, KEYRING, refuse_list=version_7_is_old) is Outcome.MALFORMED


def test_a_forged_list_is_refused_for_its_signature_however_it_begins() -> None:
    raw = Signer(bytes(32), SIGNER.key_id).sign(Kind.GRANTS, GRANTS)
    assert open_signed(raw, KEYRING, refuse_list=version_7_is_old) is Outcome.BAD_SIGNATURE


# --- whatever the bytes are


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_and_raise_nothing(raw: bytes) -> None:
    assert isinstance(open_signed(raw, KEYRING), Outcome)
    assert isinstance(open_signed(b"\xd2\x84" + raw, KEYRING), Outcome)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_well_signed_bytes_raise_nothing(protected: bytes, body: bytes) -> None:
    assert open_signed(seal(protected, body, AAD), KEYRING) is Outcome.UNSIGNED
    raw = sealed_body(Kind.GRANTS, body)
    assert open_signed(raw, KEYRING, refuse_list=lambda *_: None) is Outcome.MALFORMED


def cbor_values() -> st.SearchStrategy[Any]:
    plain = (
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8) | st.binary(max_size=8)
    )
    keys = st.sampled_from([*COMMAND, *GRANTS, "waybill", "cell"]) | st.integers(0, 20)
    return st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=12)


@given(st.sampled_from(Kind), cbor_values())
def test_any_well_signed_value_raises_nothing(kind: Kind, value: Any) -> None:
    refused = Outcome.UNSIGNED if kind is Kind.TOKEN else Outcome.MALFORMED  # which no link carries
    assert open_signed(sealed_body(kind, cbor2.dumps(value)), KEYRING) is refused


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0xFF])
def test_no_byte_of_an_object_can_be_changed(flip: int) -> None:
    for at in range(len(COMMAND_RAW)):
        forged = bytearray(COMMAND_RAW)
        forged[at] ^= flip
        assert isinstance(open_signed(bytes(forged), KEYRING), Outcome), at


def test_no_byte_can_be_taken_away_or_put_in() -> None:
    for at in range(len(COMMAND_RAW)):
        assert isinstance(open_signed(COMMAND_RAW[:at], KEYRING), Outcome), at
        assert isinstance(open_signed(COMMAND_RAW[:at] + COMMAND_RAW[at + 1 :], KEYRING), Outcome), at
        assert isinstance(open_signed(COMMAND_RAW[:at] + b"\0" + COMMAND_RAW[at:], KEYRING), Outcome), at


# --- keys and codes


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_a_key_of_wrong_length_is_named(key: bytes) -> None:
    with pytest.raises(ValueError, match=r"key 'old': \d+ bytes, an Ed25519 public key has 32"):
        Keyring({"old": key})


SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_a_key_under_which_anybody_can_sign_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="key 'placeholder': not a public key"):
        Keyring({"placeholder": bytes.fromhex(key)})


def test_why_such_a_key_is_refused() -> None:
    """Under the identity as key, one signature fits every message."""
    identity = bytes.fromhex(SMALL_ORDER[1])
    keyring = Keyring({})
    keyring._keys[b"backend-1"] = Ed25519PublicKey.from_public_bytes(identity)
    forged = cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, {}, BODY, identity + bytes(32)]))
    assert open_signed(forged, keyring) == OPENED


def test_the_digest_of_a_code_is_its_hmac() -> None:
    expected = hmac.new(b"k" * 32, b"12345678", hashlib.sha256).hexdigest()
    assert code_digest(b"k" * 32, "12345678", 8) == expected
    assert code_digest(b"K" * 32, "12345678", 8) != expected
    assert code_digest(b"k" * 32, "1234567890", 10) is not None


@pytest.mark.parametrize(
    "code",
    [
        "",
        "1234567",
        "123456789",
        "1234567a",
        " 2345678",
        "1234567\n",
        "１2345678",
        "१२३४५६७८",
        "-1234567",
        "1234567\0",
    ],
)
def test_a_code_of_another_length_or_alphabet_has_no_digest(code: str) -> None:
    assert code_digest(b"k" * 32, code, 8) is None


@given(st.text(max_size=12), st.integers(6, 10))
def test_only_ascii_digits_have_a_digest(code: str, digits: int) -> None:
    good = len(code) == digits and all(digit in "0123456789" for digit in code)
    assert (code_digest(b"k", code, digits) is not None) == good


MANY = dict.fromkeys(range(12000), 1)  # each of a byte or few: the most that there is to read in an object


@pytest.mark.parametrize(
    "parts",
    [(cbor2.dumps(MANY), {}, b""), (b"", MANY, b""), (b"", {}, [1] * 48_000), ([1] * 48_000, {}, b"")],
    ids=["protected header", "unprotected header", "payload", "no header"],
)
def test_of_what_nobody_signed_no_more_than_an_envelope_is_read(
    parts: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds the broker has no key, and would have the controller's one thread busy for 10 ms with each."""
    raw = cbor2.dumps(cbor2.CBORTag(18, [*parts, bytes(64)]))
    assert OBJECT_MAX_BYTES * 0.7 < len(raw) < OBJECT_MAX_BYTES
    read: list[int] = []

    def loads(data: bytes) -> object:
        read.append(len(data))
        return cbor2.CBORDecoder(io.BytesIO(data)).decode()

    monkeypatch.setattr("firmware.signed.cbor2", SimpleNamespace(loads=loads, dumps=cbor2.dumps))
    assert open_signed(raw, KEYRING) is Outcome.UNSIGNED
    assert read == (
        [len(raw) - 1] if isinstance(parts[0], bytes) and parts[0] else []
    )  # its header as one string
