"""How the backend signs, and how an attacker would like to: COSE_Sign1 over Ed25519.

Written from docs and RFC 9052, not with the firmware's own reader: so a mistake in one is found by the other.
"""

import json
from collections.abc import Mapping
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

GRANTS = "grants"
CHANGES = "changes"
COMMAND = "command"
EPOCH = "epoch"
ACK = "ack"
WELCOME = "welcome"
TOKEN = "token"  # noqa: S105
HEAD = "head"  # what a locker signs of its journal
HELLO = "hello"

_ALGORITHM, _KEY_ID, _TYPE = 1, 4, 16  # labels of RFC 9052 section 3.1 and RFC 9596
_EDDSA = -8


class Signer:
    """One Ed25519 key of the backend, made from its 32-byte seed, and the id under which lockers know it."""

    def __init__(self, seed: bytes, key_id: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.key_id = key_id
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, kind: str, payload: Mapping[Any, Any]) -> bytes:
        """The payload as a signed object of this kind (GRANTS, COMMAND). A token's has numbers for names."""
        header = {
            _ALGORITHM: _EDDSA,
            _KEY_ID: self.key_id.encode(),
            _TYPE: f"application/vnd.postomat.{kind}+cose",
        }
        return self._sealed(kind, cbor2.dumps(header), cbor2.dumps(payload))

    def _sealed(self, kind: str, header: bytes, body: bytes) -> bytes:
        covered = cbor2.dumps(["Signature1", header, f"postomat/v1/{kind}".encode(), body])
        return cbor2.dumps(cbor2.CBORTag(18, [header, {}, body, self._key.sign(covered)]))

    def sign_again(self, signed: bytes) -> bytes:
        """What an attacker with a key of his own can do: this object, its header kept, under this key's signature."""
        header, _, body, _ = cbor2.loads(signed).value
        kind = cbor2.loads(header)[_TYPE].removeprefix("application/vnd.postomat.").removesuffix("+cose")
        return self._sealed(kind, header, body)


def is_signed_by(public: bytes, what: str, place: tuple[str | int, ...], signature: str) -> bool:
    """Whether a locker's Ed25519 key signed this place in its journal: locker, epoch, seq, hash in hex, of a hello its nonce too."""
    covered = f"postomat/v1/{what}\n".encode() + json.dumps(place, separators=(",", ":")).encode()
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(signature), covered)
    except (InvalidSignature, ValueError):
        return False
    return True


def said_in(signed: bytes) -> dict[str, Any]:
    """The payload of an object of one's own; nothing is verified."""
    payload: dict[str, Any] = cbor2.loads(cbor2.loads(signed).value[2])
    return payload


def unsigned(signed: bytes) -> bytes:
    """The object with its signature taken away: the same claims, nobody's word."""
    header, unprotected, body, _ = cbor2.loads(signed).value
    return cbor2.dumps(cbor2.CBORTag(18, [header, unprotected, body, b""]))
