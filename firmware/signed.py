"""What the backend signed, and what a person typed: bytes in, a verified event or a refusal out.

With `firmware.sealed`, which signs, the only module of the firmware that imports `cryptography`, and the only one that imports
`cbor2`. Everything here is a pure function, and whatever
the bytes are, a refusal is a value: a hostile broker or link gets an `Outcome` back, never an exception.

The form is one, so that there is nothing to choose for who makes an object and nothing to confuse for who reads it:

- COSE_Sign1 (RFC 9052 section 4.2) with its tag 18, at most `OBJECT_MAX_BYTES`;
- protected header exactly {1 alg: -8 (EdDSA), 4 kid: bytes, 16 typ: text (RFC 9596)}, unprotected header empty. A key id
  names an Ed25519 key and nothing else, so no header can choose an algorithm;
- external_aad `postomat/v1/<kind>`: a signature over one kind of object never fits another kind, whatever its typ says;
- CBOR (RFC 8949) of integers, texts, byte strings (digests), arrays and maps, in the shortest form, of definite length,
  without tags and repeated keys: one value has one writing, but for the order of keys.

Whether the object is meant for this locker, epoch and moment needs state: the controller compares that.
"""

import hmac
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

import cbor2
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta, Struct

from firmware.events import EpochDemanded, GrantsCame, JournalAcked, OpenCommanded
from firmware.model import Direction, Outcome, Purpose

OBJECT_MAX_BYTES = 65_536
PARCELS_MAX = GRANTS_MAX = 1_024
PARCELS_PER_GRANT_MAX = CODES_PER_GRANT_MAX = 64
DEPTH_MAX = 8  # a grants list needs 4
TIME_MAX_MS = 253_402_300_799_999  # the year 9999: what a calendar can show

_SIGN1 = b"\xd2\x84"  # tag 18, array of 4
_SIGNATURE_BYTES = 64


def code_digest(key: bytes, code: str, digits: int) -> str | None:
    """HMAC-SHA256 of a typed code in hex; None unless it is exactly `digits` ASCII digits."""
    if len(code) != digits or not code.isascii() or not code.isdigit():
        return None
    return hmac.digest(key, code.encode("ascii"), "sha256").hex()


class Kind(StrEnum):
    """What a signed object is; part of what its signature covers."""

    GRANTS = "grants"
    COMMAND = "command"
    EPOCH = "epoch"
    ACK = "ack"

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

_Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9-]+\Z")]
_Locker: TypeAlias = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"\A[A-Za-z0-9-]+\Z")]
_Waybill: TypeAlias = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"\A[A-Za-z0-9-]+\Z")]
_Digest: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]  # an event has it in hex
_Count: TypeAlias = Annotated[int, Meta(ge=1, le=2**53)]
_Time: TypeAlias = Annotated[int, Meta(ge=0, le=TIME_MAX_MS)]


# What a backend may say that the locker holds (`model.ParcelState`).
_Told: TypeAlias = Literal["expected", "stored", "expired", "refused", "disputed", "suspect", "unconfirmed"]


class _Parcel(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.GrantedParcel` with its bounds."""

    waybill: _Waybill
    cell: Annotated[int, Meta(ge=1, le=999)]
    direction: Direction = Direction.INBOUND
    account: Annotated[str, Meta(max_length=40)] = ""
    state: _Told = "expected"
    expires_ms: _Time = 0


class _Right(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.GrantedRight` with its bounds."""

    id: _Name
    purpose: Purpose
    parcels: Annotated[tuple[_Waybill, ...], Meta(min_length=1, max_length=PARCELS_PER_GRANT_MAX)]
    codes: Annotated[tuple[_Digest, ...], Meta(max_length=CODES_PER_GRANT_MAX)] = ()
    phone_codes: Annotated[tuple[_Digest, ...], Meta(max_length=CODES_PER_GRANT_MAX)] = ()
    not_before_ms: _Time = 0
    not_after_ms: _Time = 0


class _Grants(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.GrantsCame` with its bounds."""

    locker: _Locker
    epoch: _Count
    version: _Count
    parcels: Annotated[tuple[_Parcel, ...], Meta(max_length=PARCELS_MAX)]
    grants: Annotated[tuple[_Right, ...], Meta(max_length=GRANTS_MAX)]

    def __post_init__(self) -> None:
        """Raises ValueError: what is told twice (a parcel, a grant, a code) has two truths."""
        _each_once("waybill", (parcel.waybill for parcel in self.parcels))
        _each_once("grant", (grant.id for grant in self.grants))
        codes = (code for grant in self.grants for code in (*grant.codes, *grant.phone_codes))
        _each_once("code of", (code.hex() for code in codes))


class _Command(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.OpenCommanded` with its bounds."""

    id: _Name
    locker: _Locker
    epoch: _Count
    grant: _Name
    parcel: _Waybill
    not_before_ms: _Time
    not_after_ms: _Time


class _Epoch(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.EpochDemanded` with its bounds."""

    locker: _Locker
    epoch: _Count
    next: _Count


class _Ack(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.JournalAcked` with its bounds; what the journal says of that entry is not the backend's to tell."""

    locker: _Locker
    epoch: _Count
    seq: _Count
    hash: _Digest


_Event: TypeAlias = GrantsCame | OpenCommanded | EpochDemanded | JournalAcked
_FORMS: dict[Kind, tuple[type[Struct], type[_Event]]] = {
    Kind.GRANTS: (_Grants, GrantsCame),
    Kind.COMMAND: (_Command, OpenCommanded),
    Kind.EPOCH: (_Epoch, EpochDemanded),
    Kind.ACK: (_Ack, JournalAcked),
}
_KINDS = {kind.typ: kind for kind in Kind}


def _each_once(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name[:40]} stands twice")
        seen.add(name)


def open_signed(raw: bytes, keyring: Keyring) -> _Event | Outcome:
    """What a signed object says, or why it is not believed.

    UNSIGNED: no COSE_Sign1 of the form above. UNKNOWN_KEY and BAD_SIGNATURE: as they say. MALFORMED: too large, or
    signed well and yet not what its kind must hold.
    """
    if len(raw) > OBJECT_MAX_BYTES:
        return Outcome.MALFORMED
    envelope = _envelope(raw)
    if envelope is None:
        return Outcome.UNSIGNED
    protected, kind, kid, payload, signature = envelope
    refusal = keyring.refusal(kid, signature, cbor2.dumps(["Signature1", protected, kind.aad, payload]))
    if refusal is not None:
        return refusal
    form, event = _FORMS[kind]
    try:
        bounded = msgspec.convert(_decoded(payload), form, builtin_types=(bytes,))
    except ValueError:  # msgspec.ValidationError is one
        return Outcome.MALFORMED
    said = msgspec.to_builtins(bounded, builtin_types=(bytes,))
    if kind is Kind.ACK:
        said["hash"] = said["hash"].hex()
    for right in said.get("grants", ()):
        for name in ("codes", "phone_codes"):
            right[name] = [digest.hex() for digest in right[name]]
    return msgspec.convert(said, event)


def _envelope(raw: bytes) -> tuple[bytes, Kind, bytes, bytes, bytes] | None:
    """Protected header as signed, kind, key id, payload and signature; None where the form is another."""
    if not raw.startswith(_SIGN1):
        return None
    try:
        match _decoded(raw[1:]):
            case [bytes(protected), dict(unprotected), bytes(payload), bytes(signature)]:
                header = _decoded(protected)
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


def _decoded(data: bytes) -> Any:
    """The one CBOR item that `data` is. Raises ValueError unless it is written in the form of this module's text."""
    _scan(data)
    value = cbor2.loads(data)
    if cbor2.dumps(value) != data:
        raise ValueError("not the shortest writing, or a repeated key")
    return value


def _scan(data: bytes) -> None:
    """Walk the heads of all items before anything is built of them.

    Raises ValueError on a tag, a float, an indefinite length, nesting above DEPTH_MAX, a truncated item, or bytes after
    the item. So the library meets no tag that means code or sharing, and no length that is not there.
    """
    at, open_items = 0, [1]
    while open_items:
        if open_items[-1] == 0:
            open_items.pop()
            continue
        open_items[-1] -= 1
        if at >= len(data):
            raise ValueError("truncated")
        major, size = data[at] >> 5, data[at] & 31
        at += 1
        if major > 5 or size > 27:
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
