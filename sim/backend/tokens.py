"""Tokens as the backend mints them: the text of the QR code that a phone or a paper shows.

Written from docs, RFC 8392 and RFC 9285, not with the firmware's own reader: so a mistake in one is found by the other.
"""

from typing import Any

from sim.backend.signing import TOKEN, Signer

VALID_S = 60  # a short-lived one, which the app …
REDRAW_S = 30  # … replaces so often
BEHIND_S = 60  # how far a locker's clock may be behind: it begins so long ago

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_SUBJECT, _AUDIENCE, _EXPIRES, _NOT_BEFORE, _ID = 2, 3, 4, 5, 7  # RFC 8392 section 4
_PURPOSE, _EPOCH = -65537, -65538  # of the range that it leaves to private use


def claims(locker: str, epoch: int, grant: str, purpose: str, name: bytes) -> dict[int, Any]:
    """What a static token says; `name` is 16 bytes that no other token has."""
    whose = {_SUBJECT: grant, _AUDIENCE: f"postomat/{locker}", _ID: name}
    return {**whose, _PURPOSE: purpose, _EPOCH: epoch}


def dated(said: dict[int, Any], now_ms: int) -> dict[int, Any]:
    """The same for a minute, in UTC milliseconds from now."""
    now_s = now_ms // 1_000
    return {**said, _NOT_BEFORE: now_s - BEHIND_S, _EXPIRES: now_s + VALID_S}


def mint(signer: Signer, said: dict[int, Any]) -> str:
    """The text of its QR code."""
    return base45(signer.sign(TOKEN, said))


def base45(raw: bytes) -> str:
    """RFC 9285: two bytes in three characters of a QR code's alphanumeric set, and a last one in two."""
    text = []
    for at in range(0, len(raw), 2):
        pair = raw[at : at + 2]
        value = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            text.append(_ALPHABET[digit])
    return "".join(text)
