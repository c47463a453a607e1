"""The journal's form: how an entry is written down, and how each one is tied to the one before.

A body is JSON without spaces: locker, epoch, seq, utc_ms, sure, then the entry's columns that are not empty, in the order of
`model.Entry`. Its hash is SHA-256(previous hash ‖ body in UTF-8). Whoever has the rows can verify them with these two
sentences, and must: the backend does so with code of its own.

A place in the journal is signed as `postomat/v1/` and what it is (head, anchor, hello), a line feed, and JSON without spaces:
[locker, epoch, seq, hash in hex], and for a hello its nonce as well: a backend that could be told by anybody that a locker has
forgotten would demand a new epoch of it.
"""

import hashlib
from enum import StrEnum
from typing import NamedTuple

import msgspec

from firmware.model import Entry

GENESIS = bytes(32)  # before seq 1: each body names locker, epoch and seq, so no two chains share a row


class Head(msgspec.Struct, frozen=True):
    """What every body begins with, in this order."""

    locker: str
    epoch: int
    seq: int  # from 1, without gaps, anew in each epoch
    utc_ms: int  # UTC, by the locker's clock
    sure: bool  # whether that clock was to be trusted


_heads = msgspec.json.Decoder(Head)


def body_of(head: Head, entry: Entry) -> bytes:
    """The canonical text of an entry."""
    return msgspec.json.encode(msgspec.structs.asdict(head) | msgspec.to_builtins(entry))


def follow(previous: bytes, body: bytes) -> bytes:
    """The hash of a body behind the hash before it."""
    return hashlib.sha256(previous + body).digest()


class Sealed(StrEnum):
    """What a signed place is; part of what its signature covers."""

    HEAD = "head"  # the last entry of a batch that goes out
    ANCHOR = "anchor"  # the last entry that was pruned
    HELLO = "hello"  # the newest entry at the moment of a hello


class Place(NamedTuple):
    """An entry of a journal, and by its hash all before it."""

    locker: str
    epoch: int
    seq: int
    hash: str  # in hex


class Greeting(NamedTuple):
    """Where a locker stands as it says hello."""

    locker: str
    epoch: int
    last_seq: int  # 0: there is no entry
    head: str  # in hex; "" with none
    nonce: str  # in hex


def sealed(what: Sealed, place: Place | Greeting) -> bytes:
    """What a signature over this place covers."""
    return b"postomat/v1/" + what.encode("ascii") + b"\n" + msgspec.json.encode(place)


def says(body: bytes, head: Head) -> bool:
    """Whether the body begins with this head; False also for what is no body at all."""
    try:
        return _heads.decode(body) == head
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
