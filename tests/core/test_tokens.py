"""Tokens: what the backend and an independent CWT library mint is opened, and whatever else is held before the camera is refused.

What the whole controller makes of hostile ones is in test_hostile_tokens.py.
"""

import base64
from typing import Any

import cbor2
import pytest
from cwt import COSE, Claims, COSEKey
from cwt.exceptions import VerifyError
from hypothesis import given
from hypothesis import strategies as st

from firmware.events import TokenShown
from firmware.forms import TOKEN_MAX_S
from firmware.model import Outcome, Purpose
from firmware.signed import Keyring, Kind
from firmware.tokens import TEXT_MAX_CHARS, TOKEN_MAX_BYTES, from_base45, open_token
from sim.backend import Signer, tokens
from tests.core.harness import LOCKER
from tests.core.test_signed import KEYRING, SIGNER, seal

ID = bytes(range(16))
SAID = tokens.claims(LOCKER, 1, "pickup-KZ1", "pickup", ID)
NOW_MS = 1_760_000_000_000
DATED = tokens.dated(SAID, NOW_MS)
GOOD = tokens.mint(SIGNER, SAID)
SHORT = tokens.mint(SIGNER, DATED)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def opened(text: str, keyring: Keyring = KEYRING) -> TokenShown:
    said = open_token(text, keyring)
    assert isinstance(said, TokenShown), said
    return said


def resealed(said: object, aad: bytes = Kind.TOKEN.aad, typ: str = Kind.TOKEN.typ) -> str:
    """A well-signed token with any payload."""
    header = cbor2.dumps({1: -8, 4: b"backend-1", 16: typ})
    return tokens.base45(seal(header, said if isinstance(said, bytes) else cbor2.dumps(said), aad))


# --- good ones


def test_a_static_token_says_what_was_signed() -> None:
    said = opened(GOOD)
    assert said == TokenShown("pickup-KZ1", Purpose.PICKUP, LOCKER, 1, 0, 0, said.digest)


def test_a_short_lived_token_has_its_dates() -> None:
    said = opened(SHORT)
    assert (said.not_before_ms, said.not_after_ms) == (NOW_MS - 60_000, NOW_MS + 60_000)


def test_each_token_has_a_digest_of_its_own_and_holds_none_of_its_text() -> None:
    other = opened(tokens.mint(SIGNER, {**SAID, 7: ID[::-1]}))
    assert other.digest != opened(GOOD).digest
    assert len(other.digest) == 64
    assert not any(GOOD[at : at + 12] in repr(opened(GOOD)) for at in range(len(GOOD) - 12))


def test_a_token_is_small_enough_for_a_camera() -> None:
    """Alphanumeric, and below what version 12 of a QR code holds with error correction M: 65 modules a side."""
    assert set(GOOD + SHORT) <= set(ALPHABET)
    assert len(GOOD) < len(SHORT) <= 419


# --- an independent peer


def peer_key() -> Any:
    return COSEKey.from_jwk(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "kid": "backend-1",
            "x": _b64(SIGNER.public),
            "d": _b64(bytes(range(32))),
        }
    )


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_the_independent_library_reads_the_claims_of_our_tokens() -> None:
    payload = COSE.new().decode(from_base45(SHORT), peer_key(), external_aad=b"postomat/v1/token")
    claims = Claims.new(cbor2.loads(payload))
    assert (claims.sub, claims.aud) == ("pickup-KZ1", f"postomat/{LOCKER}")
    assert cbor2.loads(payload)[7] == ID
    assert (claims.nbf, claims.exp) == (NOW_MS // 1_000 - 60, NOW_MS // 1_000 + 60)
    assert claims.get(-65537) == "pickup"
    with pytest.raises(VerifyError):
        COSE.new().decode(from_base45(SHORT), peer_key(), external_aad=b"postomat/v1/command")


def test_a_token_of_the_independent_library_is_opened() -> None:
    header = {1: -8, 4: b"backend-1", 16: Kind.TOKEN.typ}
    raw = COSE.new().encode_and_sign(
        cbor2.dumps(DATED), peer_key(), protected=header, external_aad=b"postomat/v1/token"
    )
    assert opened(tokens.base45(raw)).grant == "pickup-KZ1"


# --- base45 (RFC 9285)


@pytest.mark.parametrize(
    ("raw", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"", "")]
)
def test_the_examples_of_the_rfc(raw: bytes, text: str) -> None:
    assert from_base45(text) == raw
    assert tokens.base45(raw) == text


@given(st.binary(max_size=64))
def test_every_byte_string_has_one_writing(raw: bytes) -> None:
    text = tokens.base45(raw)
    assert from_base45(text) == raw
    assert len(text) == (3 * len(raw) + 1) // 2


@pytest.mark.parametrize(
    "text", ["A", "BB8A", "GGW", ":::", "U6", "::", "bb8", "BB8\n", "ББ8", "１23", "BB_"]
)
def test_what_is_no_base45_stands_for_nothing(text: str) -> None:
    with pytest.raises(ValueError, match=r"base45|group"):
        from_base45(text)


# --- keys, kinds, sizes


def test_a_key_that_nobody_knows_is_told_apart_from_a_bad_signature() -> None:
    stranger = Signer(bytes(32), "backend-9")
    assert open_token(tokens.mint(stranger, SAID), KEYRING) is Outcome.UNKNOWN_KEY
    forger = Signer(bytes(32), "backend-1")
    assert open_token(tokens.mint(forger, SAID), KEYRING) is Outcome.BAD_SIGNATURE


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.TOKEN])
def test_another_signed_object_is_no_token(kind: Kind) -> None:
    assert open_token(tokens.base45(SIGNER.sign(kind, {"id": "open-1"})), KEYRING) is Outcome.UNSIGNED
    assert open_token(resealed(SAID, aad=kind.aad), KEYRING) is Outcome.BAD_SIGNATURE


def test_the_limit_is_looked_at_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []

    def decode(text: str) -> bytes:
        decoded.append(text)
        return b""

    monkeypatch.setattr("firmware.tokens.from_base45", decode)
    for size in (TEXT_MAX_CHARS, TEXT_MAX_CHARS + 1, 100_000):
        assert open_token("0" * size, KEYRING) is Outcome.UNSIGNED
    assert [len(text) for text in decoded] == [TEXT_MAX_CHARS]


def test_a_good_token_above_the_limit_is_refused() -> None:
    """Only by its length: below it, the same form is opened."""
    kid = "k" * 255
    long = Signer(bytes(range(32)), kid)
    text = tokens.mint(long, {**SAID, 2: "g" * 64})
    ring = Keyring({kid: long.public})
    assert len(from_base45(text)) <= TOKEN_MAX_BYTES
    opened(text, ring)
    longer = Signer(bytes(range(32)), "k" * 400)
    text = tokens.mint(longer, {**SAID, 2: "g" * 64})
    assert len(from_base45(text)) > TOKEN_MAX_BYTES
    assert open_token(text, Keyring({longer.key_id: longer.public})) is Outcome.UNSIGNED


# --- signed well, and yet not what a token must hold

WRONG: list[dict[Any, Any]] = [
    *({key: value for key, value in SAID.items() if key != label} for label in SAID),
    {**SAID, 1: "issuer"},
    {**SAID, 6: 1},
    {**SAID, 99: 1},
    {**SAID, "grant": "x"},
    {**SAID, 2: ""},
    {**SAID, 2: "x" * 65},
    {**SAID, 2: "pickup KZ1"},
    {**SAID, 2: b"pickup-KZ1"},
    {**SAID, 3: LOCKER},
    {**SAID, 3: "postomat/"},
    {**SAID, 3: f"postomat/{LOCKER}\n"},
    {**SAID, 3: f"xpostomat/{LOCKER}"},
    {**SAID, 3: [f"postomat/{LOCKER}"]},
    {**SAID, 3: "postomat/" + "0" * 33},
    {**SAID, 7: ID[1:]},
    {**SAID, 7: ID + b"0"},
    {**SAID, 7: "0" * 16},
    {**SAID, -65537: "everything"},
    {**SAID, -65537: 1},
    {**SAID, -65538: 0},
    {**SAID, -65538: True},
    {**SAID, -65538: "1"},
    {**SAID, 4: 1_760_000_060},
    {**SAID, 5: 1_760_000_000},
    {**DATED, 4: DATED[5]},
    {**DATED, 4: DATED[5] + TOKEN_MAX_S + 1},
    {**DATED, 5: -1},
    {**DATED, 4: 2**63},
    {**DATED, 4: None},
]


@pytest.mark.parametrize("said", WRONG, ids=range(len(WRONG)))
def test_each_bound_of_a_token_is_kept(said: dict[Any, Any]) -> None:
    assert open_token(resealed(said), KEYRING) is Outcome.MALFORMED


def test_the_longest_dates_are_taken() -> None:
    assert opened(resealed({**DATED, 4: DATED[5] + TOKEN_MAX_S})).not_after_ms


@pytest.mark.parametrize(
    "body",
    [
        b"",
        cbor2.dumps([SAID]),
        cbor2.dumps(SAID) + b"\0",
        cbor2.dumps(SAID)[:-1],
        b"\xa6\x02\x61a" + cbor2.dumps(SAID)[1:],
        b"\xbf" + cbor2.dumps(SAID)[1:] + b"\xff",
        cbor2.dumps(cbor2.CBORTag(61, SAID)),
        cbor2.dumps({**DATED, 4: 1.5}),
        b"\xa1\x80\x01",
    ],
)
def test_a_well_signed_body_of_another_form_is_malformed(body: bytes) -> None:
    assert open_token(resealed(body), KEYRING) is Outcome.MALFORMED


# --- anything at all


@given(st.text(max_size=200))
def test_any_text_is_refused_and_raises_nothing(text: str) -> None:
    assert isinstance(open_token(text, KEYRING), Outcome)
