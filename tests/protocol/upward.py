"""Hellos and batches for whoever writes a backend: those of `vectors`' locker, and those that no backend may believe, with the reason.

What a backend makes of each stands here by hand, and the tests ask the reference backend.
"""

import hashlib
import json
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from firmware.chain import Greeting, Place, Sealed
from firmware.control import Hello, Journal, JournalRow, SignedHead
from firmware.sealed import JournalKey
from tests.core.harness import LOCKER
from tests.core.shell import JOURNAL_KEY
from tests.protocol.vectors import EPOCH_NOW, Played

STRANGER = JournalKey(b"t" * 32)
VERDICTS = {
    "taken": "believed: a welcome that accepts, or an ack",
    "forgot": "believed, and the welcome does not accept: a new epoch is demanded",
    "bad_signature": "not this locker's, or changed on its way",
    "repeated": "its nonce was heard before",
    "no_head": "the head is missing, or is not of the last row",
    "broken": "a row does not follow from the one before",
    "anothers": "a row says that it is another locker's, or another epoch's",
    "rewritten": "a row that is held already has other words now",
    "gap": "rows are missing before it: the next hello heals that",
}


class Upward(NamedTuple):
    """A message on `up/hello` or `up/journal`, to a backend that has taken the hello where `heard`, as before each batch, and then the first `held` rows."""

    name: str
    verdict: str
    message: Hello | Journal
    held: int = 0
    heard: bool = False


def batch(rows: list[JournalRow], key: JournalKey = JOURNAL_KEY) -> Journal:
    """These rows, under a good head."""
    last = rows[-1]
    signature = key.sign(Sealed.HEAD, Place(LOCKER, EPOCH_NOW, last.seq, last.hash)).hex()
    return Journal(tuple(rows), last.seq, SignedHead(last.seq, last.hash, signature))


def rewritten(rows: tuple[JournalRow, ...], first: int, **columns: object) -> list[JournalRow]:
    """The rows, those from `first` on with other words, and every hash as it must be then."""
    made, digest = list[JournalRow](), bytes(32)
    for row in rows:
        body = row.body
        if row.seq >= first:
            body = json.dumps({**json.loads(body), **columns}, separators=(",", ":"))
        digest = hashlib.sha256(digest + body.encode()).digest()
        made.append(JournalRow(row.seq, body, digest.hex()))
    return made


def upward(played: Played) -> list[Upward]:
    """All of them."""
    hello, journal = played.hello, played.journal
    rows, head = journal.rows, journal.head
    assert head is not None
    bent = [*rows[:-1], replace(rows[-1], body=rows[-1].body.replace('"count":1', '"count":2'))]
    said = Greeting(hello.locker, hello.epoch, hello.last_seq, hello.head, hello.nonce)
    forged = replace(hello, signature=STRANGER.sign(Sealed.HELLO, said).hex())
    return [
        Upward("the hello", "taken", hello),
        Upward("a hello under another key", "bad_signature", forged),
        Upward("a hello that says less than was signed", "bad_signature", replace(hello, last_seq=0, head="")),
        Upward("a hello with another nonce", "bad_signature", replace(hello, nonce="ff" * 16)),
        Upward("the hello again", "repeated", hello, heard=True),
        Upward("a hello from before what is held", "forgot", hello, held=4),
        Upward("the journal", "taken", journal),
        Upward("the journal, two rows of which are held", "taken", journal, held=2),
        Upward("a batch under another key", "bad_signature", batch(list(rows), STRANGER)),
        Upward("a batch with a hello's signature", "bad_signature",
               replace(journal, head=replace(head, signature=hello.signature))),
        Upward("a batch without a head", "no_head", replace(journal, head=None)),
        Upward("the head of an earlier row", "no_head", replace(journal, head=batch(list(rows[:2])).head)),
        Upward("a body that was changed", "broken", replace(journal, rows=tuple(bent))),
        Upward("another locker's rows", "anothers", batch(rewritten(rows, 1, locker="0124"))),
        Upward("rows of another epoch", "anothers", batch(rewritten(rows, 1, epoch=EPOCH_NOW + 1))),
        Upward("a past that was written anew", "rewritten", batch(rewritten(rows, 4, count=9)), held=4),
        Upward("a batch whose beginning is missing", "gap", batch(list(rows[2:]))),
        Upward("a batch without a row in the middle", "gap", batch([*rows[:1], *rows[2:]])),
    ]  # fmt: skip


def document(played: Played) -> list[dict[str, Any]]:
    """Their part of the file."""
    return [
        {
            "name": each.name,
            "verdict": each.verdict,
            "held": each.held,
            "heard": each.heard or isinstance(each.message, Journal),
            "message": msgspec.to_builtins(each.message),
        }
        for each in upward(played)
    ]
