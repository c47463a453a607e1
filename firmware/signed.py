"""What the backend signed, and what a person typed: bytes in, a verified event or a refusal out.

With `firmware.sealed`, which signs, the only module of the firmware that imports `cryptography`, and the only one that imports
`cbor2`. Everything here is a pure function, and whatever
the bytes are, a refusal is a value: a hostile broker or link gets an `Outcome` back, never an exception.

The form is one, so that there is nothing to choose for who makes an object and nothing to confuse for who reads it:

- COSE_Sign1 (RFC 9052 section 4.2) with its tag 18, at most `OBJECT_MAX_BYTES`;
- protected header exactly {1 alg: -8 (EdDSA), 4 kid: bytes, 16 typ: text (RFC 9596)}, unprotected header empty. A key id
  names an Ed25519 key and nothing else, so no header can choose an algorithm;
- external_aad `postomat/v1/<kind>`: a signature over one kind of object never fits another kind, whatever its typ says;
- CBOR (RFC 8949) of integers, booleans, texts, byte strings (digests), arrays and maps, in the shortest form, of definite length,
  without tags and repeated keys: one value has one writing, but for the order of keys.

Tokens have the same form, and are no less signed; what stands in them is read in `firmware.tokens`, and no link carries one.

Whether the object is meant for this locker, epoch and moment needs state: the controller compares that.
"""

import hmac
from collections.abc import Callable, Container, Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import cbor2
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from firmware import forms
from firmware.deeds import ClaimByNonce, RotateTo
from firmware.events import ChangesCame, Commanded, EpochDemanded, GrantsCame, JournalAcked, Welcomed
from firmware.model import Outcome

OBJECT_MAX_BYTES = 65_536
DEPTH_MAX = 8  # a grants list needs 4

_SIGN1 = b"\xd2\x84"  # tag 18, array of 4
_SIGNATURE_BYTES = 64
_ENVELOPE_ITEMS = 5  # the array and what it holds: the map is empty
_HEADER_ITEMS = 7  # the map, and three keys with their values
_BOOLEANS = b"\xf4\xf5"


def code_digest(key: bytes, code: str, digits: int) -> str | None:
    """HMAC-SHA256 of a typed code in hex; None unless it is exactly `digits` ASCII digits."""
    if len(code) != digits or not code.isascii() or not code.isdigit():
        return None
    return hmac.digest(key, code.encode("ascii"), "sha256").hex()


class Kind(StrEnum):
    """What a signed object is; part of what its signature covers."""

    GRANTS = "grants"
    CHANGES = "changes"
    COMMAND = "command"
    EPOCH = "epoch"
    ACK = "ack"
    WELCOME = "welcome"
    TOKEN = "token"  # noqa: S105

    @property
    def typ(self) -> str:
        return f"application/vnd.postomat.{self}+cose"

    @property
    def aad(self) -> bytes:
        return b"postomat/v1/" + self.encode("ascii")


class Keyring:
    """The backend's public Ed25519 keys (32 bytes each) by key id."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Raises ValueError naming the key id where a key is not one, or is one under which anybody can sign."""
        self._keys: dict[bytes, Ed25519PublicKey] = {}
        for kid, key in keys.items():
            if len(key) != 32:
                raise ValueError(f"key {kid!r}: {len(key)} bytes, an Ed25519 public key has 32")
            if int.from_bytes(key, "little") & (2**255 - 1) in _SMALL_ORDER:
                raise ValueError(
                    f"key {kid!r}: not a public key (a point of small order: anybody could sign)"
                )
            self._keys[kid.encode()] = Ed25519PublicKey.from_public_bytes(key)

    def refusal(self, kid: bytes, signature: bytes, message: bytes) -> Outcome | None:
        """None where the signature over the message is good."""
        key = self._keys.get(kid)
        if key is None:
            return Outcome.UNKNOWN_KEY
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return Outcome.BAD_SIGNATURE
        return None


# The ordinates of the points of order 1, 2, 4 and 8 on edwards25519 (RFC 8032 section 5.1), and their other writings
# above the prime. Under such a "key", zeros left by a careless setup for one, signatures exist that fit any message.
_P = 2**255 - 19
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _P - 1, _P, _P + 1, _Y8, _P - _Y8})


class Answering(Struct, frozen=True):
    """What counts only where the last hello had this nonce, which no event holds."""

    nonce: bytes
    event: Welcomed | JournalAcked | EpochDemanded


_Event: TypeAlias = GrantsCame | ChangesCame | Commanded | EpochDemanded | JournalAcked | Welcomed
_FORMS: dict[Kind, tuple[type[Struct], type[_Event]]] = {
    Kind.GRANTS: (forms.Grants, GrantsCame),
    Kind.CHANGES: (forms.Changes, ChangesCame),
    Kind.COMMAND: (forms.Command, Commanded),
    Kind.EPOCH: (forms.Epoch, EpochDemanded),
    Kind.ACK: (forms.Ack, JournalAcked),
    Kind.WELCOME: (forms.Welcome, Welcomed),
}
_LISTS = (Kind.GRANTS, Kind.CHANGES)
_KINDS = {kind.typ: kind for kind in Kind}


def open_signed(
    raw: bytes,
    keyring: Keyring,
    is_fresh: Callable[[bytes, str], bool] = lambda nonce, claim: False,
    refuse_list: Callable[[str, int, int], Outcome | None] = lambda locker, epoch, version: None,
) -> _Event | Answering | Outcome:
    """What a signed object says, or why it is not believed.

    `is_fresh(nonce, id)`: whether the nonce of the claim with this id is one of the screen's.
    `refuse_list(locker, epoch, version)`: why a list that begins so need not be read: one that is replayed is long.
    UNSIGNED: no COSE_Sign1 of the form above. UNKNOWN_KEY and BAD_SIGNATURE: as they say. MALFORMED: too large, or
    signed well and yet not what its kind must hold.
    """
    if len(raw) > OBJECT_MAX_BYTES:
        return Outcome.MALFORMED
    signed = verified(raw, keyring, _FORMS)
    if isinstance(signed, Outcome):
        return signed
    kind, payload = signed
    form, event = _FORMS[kind]
    if kind in _LISTS and (refusal := _refuse_unread(payload, refuse_list)) is not None:
        return refusal
    try:
        bounded = msgspec.convert(decoded(payload), form, builtin_types=(bytes,))
    except ValueError:  # msgspec.ValidationError is one
        return Outcome.MALFORMED
    opened = msgspec.convert(_said(bounded, is_fresh), event)
    answers = isinstance(bounded, forms.Ack | forms.Welcome | forms.Epoch)
    return Answering(bounded.nonce, opened) if answers else opened  # type: ignore[arg-type, attr-defined]


def verified(raw: bytes, keyring: Keyring, kinds: Container[Kind]) -> tuple[Kind, bytes] | Outcome:
    """Kind and payload of a signed object, which must be one of these kinds; the payload is not looked at.

    UNSIGNED: no COSE_Sign1 of the form above, or of another kind. UNKNOWN_KEY and BAD_SIGNATURE: as they say.
    """
    envelope = _envelope(raw)
    if envelope is None or envelope[1] not in kinds:
        return Outcome.UNSIGNED
    protected, kind, kid, payload, signature = envelope
    refusal = keyring.refusal(kid, signature, cbor2.dumps(["Signature1", protected, kind.aad, payload]))
    return refusal or (kind, payload)


def _said(bounded: Struct, is_fresh: Callable[[bytes, str], bool]) -> Any:
    """What an event is made of: bytes are hex there, and of a nonce there is its judgement."""
    said = msgspec.to_builtins(bounded, builtin_types=(bytes,))
    match bounded:
        case forms.Ack() | forms.Epoch():
            said["hash"] = said["hash"].hex()
            del said["nonce"]
        case forms.Welcome():
            del said["nonce"]
        case forms.Grants() | forms.Changes():
            for right in said["grants"]:
                for name in ("codes", "phone_codes"):
                    right[name] = [digest.hex() for digest in right[name]]
        case forms.Command(id=claim, do=ClaimByNonce(nonce=nonce)):
            del said["do"]["nonce"]
            said["do"]["fresh"] = is_fresh(nonce, claim)
        case forms.Command(do=RotateTo()):
            for key in said["do"]["keys"]:
                key["public"] = key["public"].hex()
    return said


def _envelope(raw: bytes) -> tuple[bytes, Kind, bytes, bytes, bytes] | None:
    """Protected header as signed, kind, key id, payload and signature; None where the form is another."""
    if not raw.startswith(_SIGN1):
        return None
    try:
        match decoded(raw[1:], _ENVELOPE_ITEMS):
            case [bytes(protected), dict(unprotected), bytes(payload), bytes(signature)]:
                header = decoded(protected, _HEADER_ITEMS)
            case _:
                return None
    except ValueError:
        return None
    if unprotected or len(signature) != _SIGNATURE_BYTES:
        return None
    match header:
        case {1: -8, 4: bytes(kid), 16: str(typ), **others} if not others and typ in _KINDS:
            return protected, _KINDS[typ], kid, payload, signature
    return None


def _refuse_unread(payload: bytes, refuse_list: Callable[[str, int, int], Outcome | None]) -> Outcome | None:
    """None also where the list does not begin with what there is to ask about: it is free to, and read in full."""
    match _beginning(payload):
        case {"locker": str(locker), "epoch": int(epoch), "version": int(version)}:
            return refuse_list(locker, epoch, version)
    return None


def _beginning(payload: bytes) -> dict[str | int, str | int]:
    """The texts and numbers that a map of up to 23 fields begins with. What comes behind them is not looked at."""
    said: list[str | int] = []
    at = 1 if b"\xa0" < payload[:1] < b"\xb8" else len(payload)
    while at < len(payload):
        major, size = payload[at] >> 5, payload[at] & 31
        if major not in (0, 3) or size > 27:
            break
        at += 1
        if size > 23:
            width = 1 << (size - 24)
            size = int.from_bytes(payload[at : at + width], "big")
            at += width
        said.append(size if major == 0 else payload[at : at + size].decode("utf-8", "replace"))
        at += size if major == 3 else 0
    return dict(zip(said[::2], said[1::2], strict=False))


def decoded(data: bytes, items_max: int = OBJECT_MAX_BYTES) -> Any:
    """The one CBOR item that `data` is, of so many items inside one another at most.

    Raises ValueError unless it is written in the form of this module's text.
    """
    _scan(data, items_max)
    value = cbor2.loads(data)
    if cbor2.dumps(value) != data:
        raise ValueError("not the shortest writing, or a repeated key")
    return value


def _scan(data: bytes, items_max: int) -> None:
    """Walk the heads of all items before anything is built of them.

    Raises ValueError on a tag, a float, an indefinite length, nesting above DEPTH_MAX, more items than `items_max`, a truncated
    item, or bytes after the item. So the library meets no tag that means code or sharing, and no length that is not there; and
    what nobody has signed is not read on when it is more than an envelope.
    """
    at, items, open_items = 0, 0, [1]
    while open_items:
        if open_items[-1] == 0:
            open_items.pop()
            continue
        open_items[-1] -= 1
        items += 1
        if at >= len(data) or items > items_max:
            raise ValueError("truncated, or too many items")
        major, size = data[at] >> 5, data[at] & 31
        at += 1
        if (major > 5 or size > 27) and data[at - 1] not in _BOOLEANS:
            raise ValueError("a tag, a float, a simple value or an indefinite length")
        if size > 23:
            width = 1 << (size - 24)
            size = int.from_bytes(data[at : at + width], "big")
            at += width
        if major in (2, 3):
            at += size
        elif major in (4, 5):
            open_items.append(size * (major - 3))
            if len(open_items) > DEPTH_MAX + 1:
                raise ValueError("nested too deeply")
    if at != len(data):
        raise ValueError("truncated, or bytes after the item")
