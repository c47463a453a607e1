"""What a phone shows, or a paper: a token, from its QR code's text to verified claims or a refusal. Pure functions.

A token is base45 (RFC 9285) of a signed object in the form of `firmware.signed`, of the kind `token`: so its QR code is of the
alphanumeric set, and small. Its payload is a map of CWT claims (RFC 8392) and no others:

- 2 sub: the grant's id; 3 aud: `postomat/` and the locker's id; 7 cti: 16 bytes, no two tokens have the same;
- of a short-lived one 5 nbf and 4 exp, in whole seconds; a static one has neither, and is good as long as its grant;
- -65537: the purpose, -65538: the epoch of the locker's database that it was made for (RFC 8392 leaves such labels to us).

Whose it is, nobody asks: a token is a bearer's right, like a code. Whether it is for here and now, and what it opens, needs state:
`firmware.shown` compares and judges that.
"""

import hashlib
from typing import Any

import msgspec

from firmware import forms
from firmware.events import TokenShown
from firmware.model import Outcome
from firmware.signed import Keyring, Kind, decoded, verified

TOKEN_MAX_BYTES = 512
TEXT_MAX_CHARS = TOKEN_MAX_BYTES // 2 * 3

_DIGITS = {char: value for value, char in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")}
_CLAIMS = {
    2: "grant",
    3: "audience",
    4: "expires_s",
    5: "not_before_s",
    7: "id",
    -65537: "purpose",
    -65538: "epoch",
}


def open_token(text: str, keyring: Keyring) -> TokenShown | Outcome:
    """What the text of a code says, or why it is not believed. Whatever the text is, nothing is raised.

    UNSIGNED: too long, not base45, or no token; UNKNOWN_KEY and BAD_SIGNATURE: as they say. MALFORMED: signed well, and yet not
    what a token must hold.
    """
    try:
        raw = from_base45(text) if len(text) <= TEXT_MAX_CHARS else b""
    except ValueError:
        return Outcome.UNSIGNED
    signed = verified(raw, keyring, (Kind.TOKEN,))
    if isinstance(signed, Outcome):
        return signed
    try:
        said = msgspec.convert(_named(decoded(signed[1])), forms.Token, builtin_types=(bytes,))
    except ValueError:  # msgspec.ValidationError is one
        return Outcome.MALFORMED
    return TokenShown(
        said.grant,
        said.purpose,
        said.audience.removeprefix(forms.AUDIENCE),
        said.epoch,
        1_000 * (said.not_before_s or 0),
        1_000 * (said.expires_s or 0),
        hashlib.sha256(raw).hexdigest(),
    )


def from_base45(text: str) -> bytes:
    """The bytes that a text stands for, of which each has one writing only. Raises ValueError where it is no base45."""
    try:
        digits = [_DIGITS[char] for char in text]
    except KeyError:
        raise ValueError("a character that base45 has not") from None
    raw = bytearray()
    for at in range(0, len(digits) - 2, 3):
        low, middle, high = digits[at : at + 3]
        pair = low + 45 * middle + 2_025 * high
        if pair > 0xFFFF:
            raise ValueError("a group that stands for no two bytes")
        raw += pair.to_bytes(2, "big")
    rest = digits[len(digits) // 3 * 3 :]
    if len(rest) == 1 or (rest and rest[0] + 45 * rest[1] > 255):
        raise ValueError("a last group that stands for no byte")
    if rest:
        raw.append(rest[0] + 45 * rest[1])
    return bytes(raw)


def _named(payload: Any) -> dict[str, Any]:
    """The claims by name. Raises ValueError where there is one that no token has."""
    if not isinstance(payload, dict) or not payload.keys() <= _CLAIMS.keys():
        raise ValueError("other claims than a token's")
    return {_CLAIMS[label]: value for label, value in payload.items()}
