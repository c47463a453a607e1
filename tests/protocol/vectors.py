"""Signed objects for whoever writes a backend: good ones of each kind and deed, and those that a locker refuses, with its answers.

They are made by the reference backend's signer. What a locker answers stands here by hand, and the tests play each to a real link,
gate and controller. The keys are test keys: their seeds stand in the file, for all the world.
"""

import asyncio
import hmac
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cbor2
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware.config import Config
from firmware.control import AskHello, Hello, Journal, JournalAfter, LinkState, Signed, Told
from firmware.events import DoorRead, PulseEnded
from firmware.link.objects import OBJECT_MAX_BYTES
from firmware.link.protocol import LinkProtocol
from firmware.link.topics import Answer
from firmware.model import Outcome
from firmware.peer import Role
from hal.ports import PulseResult
from sim import loop as virtual
from sim.backend import Signer, commands, unsigned
from sim.backend.signing import ACK, CHANGES, COMMAND, EPOCH, GRANTS, WELCOME
from sim.clock import START_UTC_MS
from tests.core.harness import LOCKER, cabinet
from tests.core.shell import CODE_KEY, JOURNAL_KEY, SIGNER, Face, Shell

Payload = dict[str, Any]

SEED = b"b" * 32  # that SIGNER is made of
NEW_SEED = b"n" * 32
NEW_SIGNER = Signer(NEW_SEED, "k2")
FORGER = Signer(b"t" * 32, "k1")  # another's key under a known id
JOURNAL_SEED = b"j" * 32
EPOCH_NOW = 2
NONCE = bytes(range(16))  # of the locker's hello, and in the code on its screen
OTHER_NONCE = bytes(range(16, 32))
RUNS_S = 10  # for so long the locker has run
NOW_MS = START_UTC_MS + 1_000 * RUNS_S
HOUR_MS = 3_600_000
OPENS, CLOSES = "the door of cell 1 opens", "the door of cell 1 closes"


class Vector(NamedTuple):
    """An object, and what a locker answers that has taken those of `before`.

    `then` happens afterwards, and `later` is the answer that comes then. `zeros` bytes stand behind the object.
    """

    name: str
    object: bytes
    outcome: Outcome
    before: tuple[str, ...] = ("welcome", "grants")
    then: tuple[str, ...] = ()
    later: Outcome | None = None
    zeros: int = 0


class Played(NamedTuple):
    """What a locker said: its answers to the last object, and where it stands."""

    answers: list[Outcome]
    hello: Hello
    journal: Journal


# What the objects say


def digest(typed: str) -> bytes:
    return hmac.digest(CODE_KEY, typed.encode(), "sha256")


def right(purpose: str, waybill: str, code: str) -> Payload:
    told = {"codes": [digest(code)], "phone_codes": [digest(code + "5965")]}
    return {"id": f"{purpose}-{waybill}", "purpose": purpose, "parcels": [waybill], **told}


def grants(**others: Any) -> Payload:
    """KZ1 lies in cell 1, KZ2 is to be sent from cell 2, KZ3 is to come into cell 3; cell 4 is free."""
    gold = {"account": "Kaspi Gold"}
    stored = {"state": "stored", "expires_ms": NOW_MS + 24 * HOUR_MS}
    parcels = [
        {"waybill": "KZ1", "cell": 1, **gold, **stored},
        {"waybill": "KZ2", "cell": 2, "direction": "outbound"},
        {"waybill": "KZ3", "cell": 3, **gold},
    ]
    rights = [
        right("pickup", "KZ1", "40917263"),
        right("deposit", "KZ2", "11223344"),
        right("deposit", "KZ3", "55667788"),
    ]
    return {
        "locker": LOCKER,
        "epoch": EPOCH_NOW,
        "version": 1,
        "parcels": parcels,
        "grants": rights,
        **others,
    }


def changes(**others: Any) -> Payload:
    """KZ2 has been withdrawn, KZ3 goes into cell 4 instead, and KZ4 is to come into cell 2."""
    moved = [{"waybill": "KZ3", "cell": 4, "account": "Kaspi Gold"}, {"waybill": "KZ4", "cell": 2}]
    gone = {"gone_parcels": ["KZ2"], "gone_grants": ["deposit-KZ2"]}
    whole = {"locker": LOCKER, "epoch": EPOCH_NOW, "base": 1, "version": 2, "parcels": moved}
    return {**whole, "grants": [right("deposit", "KZ4", "99001122")], **gone, **others}


def welcome(**others: Any) -> Payload:
    whole = {"locker": LOCKER, "epoch": EPOCH_NOW, "nonce": NONCE, "time_ms": NOW_MS}
    return {**whole, "acked_seq": 0, "accepted": True, **others}


def command(name: str, do: commands.Deed, **others: Any) -> Payload:
    dates = {"not_before_ms": NOW_MS - HOUR_MS, "not_after_ms": NOW_MS + HOUR_MS}
    return {"id": name, "locker": LOCKER, "epoch": EPOCH_NOW, **dates, "do": do, **others}


def demand(**others: Any) -> Payload:
    following = {"epoch": EPOCH_NOW, "next": EPOCH_NOW + 1}
    return {"locker": LOCKER, **following, "nonce": NONCE, "seq": 99, "hash": bytes(32), **others}


def ack(seq: int, hash_: bytes, **others: Any) -> Payload:
    return {"locker": LOCKER, "epoch": EPOCH_NOW, "seq": seq, "hash": hash_, "nonce": NONCE, **others}


OPEN = commands.open_cell("pickup-KZ1", "KZ1")


def do(name: str, deed: commands.Deed, **others: Any) -> bytes:
    return SIGNER.sign(COMMAND, command(name, deed, **others))


# Good ones


def good(journal: Journal) -> list[Vector]:
    """Of each kind and deed. `journal`: what the locker has written when it has taken welcome and list."""
    last = journal.rows[-1]
    done, taken = Outcome.DONE, ("welcome", "grants")
    closed = (*taken, "open", OPENS, CLOSES)
    keys = {"k2": NEW_SIGNER.public}
    parts, last_part = (*taken, "the first part of a list"), changes(base=2, version=3)
    return [
        Vector("welcome", SIGNER.sign(WELCOME, welcome()), done, ()),
        Vector("welcome, not accepted", SIGNER.sign(WELCOME, welcome(accepted=False)), done, ()),
        Vector("grants", SIGNER.sign(GRANTS, grants()), done, ("welcome",)),
        Vector("changes", SIGNER.sign(CHANGES, changes()), done),
        Vector("the first part of a list", SIGNER.sign(GRANTS, grants(version=2, more=True)), done),
        Vector("the last part of a list", SIGNER.sign(CHANGES, last_part), done, parts),
        Vector("ack", SIGNER.sign(ACK, ack(last.seq, bytes.fromhex(last.hash))), done),
        Vector("epoch", SIGNER.sign(EPOCH, demand()), done, ("welcome, not accepted",)),
        Vector("open", do("open", OPEN), Outcome.ACCEPTED, then=(OPENS,), later=done),
        Vector("claim", do("claim", commands.claim(["pickup-KZ1"], NONCE)), Outcome.ACCEPTED, later=done),
        Vector("leave", do("leave", commands.leave("claim")), done, (*taken, "claim")),
        Vector("confirm", do("confirm", commands.confirm("pickup-KZ1", "KZ1")), done, closed),
        Vector("report", do("report", commands.report("pickup-KZ1", "KZ1", "damaged")), done, closed),
        Vector("reserve", do("reserve", commands.reserve("KZ4", "Kaspi Red", size="M")), done),
        Vector("cancel", do("cancel", commands.cancel("KZ3")), done),
        Vector("extend", do("extend", commands.extend("KZ1", NOW_MS + 48 * HOUR_MS)), done),
        Vector("block", do("block", commands.block(4)), done),
        Vector("unblock", do("unblock", commands.block(4, blocked=False)), done, (*taken, "block")),
        Vector("configure", do("configure", commands.configure({"remote_open": "touch"})), done),
        Vector("rotate", do("rotate", commands.rotate(keys)), done),
        Vector(
            "signed with the new key",
            NEW_SIGNER.sign(COMMAND, command("new", commands.cancel("KZ3"))),
            done,
            (*taken, "rotate"),
        ),
    ]


# Those that have not the form of a signed object, or whose signature is nobody's


def sealed(protected: bytes, body: bytes, aad: bytes, unprotected: object = None, tag: int = 18) -> bytes:
    """A COSE_Sign1 whose every part may be wrong, but whose signature is right."""
    covered = cbor2.dumps(["Signature1", protected, aad, body])
    signature = Ed25519PrivateKey.from_private_bytes(SEED).sign(covered)
    return cbor2.dumps(cbor2.CBORTag(tag, [protected, unprotected or {}, body, signature]))


def header(kind: str = COMMAND, **others: Any) -> bytes:
    labels = {"alg": 1, "crit": 2, "kid": 4, "iv": 5, "typ": 16}
    told = {"alg": -8, "kid": b"k1", "typ": f"application/vnd.postomat.{kind}+cose", **others}
    return cbor2.dumps({labels[name]: value for name, value in told.items() if value is not ...})


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def misformed() -> list[Vector]:
    aad, raw, body = b"postomat/v1/command", do("open", OPEN), cbor2.dumps(command("open", OPEN))
    no_signature, nobody, no_key = Outcome.UNSIGNED, Outcome.BAD_SIGNATURE, Outcome.UNKNOWN_KEY
    both = {**command("open", OPEN), "locker": ""}
    return [
        Vector("no signature", unsigned(raw), no_signature),
        Vector("no tag", raw[1:], no_signature),
        Vector("another tag", sealed(header(), body, aad, tag=98), no_signature),
        Vector("a byte behind it", raw + b"\0", no_signature),
        Vector("another algorithm", sealed(header(alg=-7), body, aad), no_signature),
        Vector("no algorithm", sealed(header(alg=...), body, aad), no_signature),
        Vector("no key id", sealed(header(kid=...), body, aad), no_signature),
        Vector("a key id that is a text", sealed(header(kid="k1"), body, aad), no_signature),
        Vector("no type", sealed(header(typ=...), body, aad), no_signature),
        Vector("a type that there is not", sealed(header("token"), body, b"postomat/v1/token"), no_signature),
        Vector("an extra header", sealed(header(iv=b"1"), body, aad), no_signature),
        Vector("a critical header", sealed(header(crit=[4]), body, aad), no_signature),
        Vector("an unprotected header", sealed(header(), body, aad, {4: b"k1"}), no_signature),
        Vector(
            "the protected header in a longer writing",
            sealed(header().replace(b"\x04\x42k1", b"\x04\x58\x02k1"), body, aad),
            no_signature,
        ),
        Vector("a flipped bit of the signature", flipped(raw, len(raw) - 1), nobody),
        Vector("a flipped bit of the payload", flipped(raw, raw.index(b"KZ1")), nobody),
        Vector("signed as another kind", sealed(header(), body, b"postomat/v1/grants"), nobody),
        Vector("signed without external data", sealed(header(), body, b""), nobody),
        Vector("of another type than it was signed as", sealed(header(GRANTS), body, aad), nobody),
        Vector("another's key under a known id", FORGER.sign(COMMAND, both), nobody),
        Vector("an unknown key", NEW_SIGNER.sign(COMMAND, command("new", OPEN)), no_key),
        Vector("the old key after a rotation", raw, no_key, ("welcome", "grants", "rotate")),
        Vector("too large", b"\xd2\x84", Outcome.MALFORMED, zeros=OBJECT_MAX_BYTES - 1),
    ]


# Signed well, and yet not what their kind must hold


def misspelt() -> list[Vector]:
    def of(name: str, body: bytes) -> Vector:
        return Vector(name, sealed(header(), body, b"postomat/v1/command"), Outcome.MALFORMED)

    whole, rights = command("open", OPEN), grants()["grants"]
    body, long_ms = cbor2.dumps(whole), NOW_MS + 32 * 24 * HOUR_MS
    reserve = {"type": "reserve", "parcel": "KZ4"}
    twice = [*rights, {**rights[0], "id": "again"}]
    both = changes(gone_parcels=["KZ3"])
    in_hex = [{**rights[0], "codes": [digest("40917263").hex()]}]
    return [
        of("an integer in a longer writing", body.replace(b"epoch\x02", b"epoch\x18\x02")),
        of("a map of indefinite length", b"\xbf" + body[1:] + b"\xff"),
        of("a field twice", bytes([body[0] + 1]) + b"\x65epoch\x02" + body[1:]),
        of("a byte behind the payload", body + b"\0"),
        of("no payload", b""),
        of("a null", cbor2.dumps({**whole, "do": {**reserve, "size": None, "cell": 4}})),
        of("a float", cbor2.dumps({**whole, "epoch": 2.0})),
        of("a tag", cbor2.dumps({**whole, "id": cbor2.CBORTag(99, "open")})),
        of("a field that there is not", cbor2.dumps({**whole, "admin": True})),
        of("a field is missing", cbor2.dumps({name: whole[name] for name in whole if name != "epoch"})),
        of("a deed that there is not", cbor2.dumps({**whole, "do": {"type": "open_all"}})),
        of(
            "a problem that there is not", cbor2.dumps({**whole, "do": {"type": "report", "problem": "fire"}})
        ),
        of("neither size nor cell", cbor2.dumps({**whole, "do": reserve})),
        of("an id that is no name", cbor2.dumps({**whole, "id": "open 1"})),
        of("a nonce of 15 bytes", cbor2.dumps({**whole, "do": commands.claim(["g"], NONCE[1:])})),
        of("valid for more than 31 days", cbor2.dumps({**whole, "not_after_ms": long_ms})),
        of("the payload of another kind", cbor2.dumps(grants())),
        Vector("a code twice", SIGNER.sign(GRANTS, grants(grants=twice)), Outcome.MALFORMED, ("welcome",)),
        Vector("a parcel that changes and is gone", SIGNER.sign(CHANGES, both), Outcome.MALFORMED),
        Vector("a code in hex", SIGNER.sign(GRANTS, grants(grants=in_hex)), Outcome.MALFORMED, ("welcome",)),
    ]


def acks(seq: int, head: bytes) -> list[Vector]:
    """Acknowledgements that nothing may be pruned after: `seq` and `head` are of the last entry."""

    def of(name: str, outcome: Outcome, said: Payload, signer: Signer = SIGNER) -> Vector:
        return Vector(name, signer.sign(ACK, said), outcome)

    return [
        of("a forged ack", Outcome.BAD_SIGNATURE, ack(seq, head), FORGER),
        of("another locker's ack", Outcome.WRONG_LOCKER, ack(seq, head, locker="0124")),
        of("an ack of another epoch", Outcome.WRONG_EPOCH, ack(seq, head, epoch=1)),
        of("an ack beyond the journal", Outcome.MISMATCH, ack(seq + 1_000, head)),
    ]


# Well said, and not for this locker, or not now


def refused(journal: Journal) -> list[Vector]:
    taken, rotate = ("welcome", "grants"), commands.rotate({"k2": bytes(32)})
    last, first = journal.rows[-1], journal.rows[0]
    head, other = bytes.fromhex(last.hash), bytes.fromhex(first.hash)
    later = {"not_before_ms": NOW_MS + HOUR_MS, "not_after_ms": NOW_MS + 2 * HOUR_MS}
    over = {"not_before_ms": NOW_MS - 2 * HOUR_MS, "not_after_ms": NOW_MS - HOUR_MS}
    none_such = changes(gone_grants=["pickup-KZ9"])
    unknown_cell = grants(version=2, parcels=[{"waybill": "KZ1", "cell": 5}])
    pickup, soon = commands.claim(["pickup-KZ1"], OTHER_NONCE), commands.extend("KZ1", NOW_MS + HOUR_MS)
    return [
        Vector("before the time was told", do("a", OPEN), Outcome.CLOCK_UNSURE, ()),
        Vector("another locker's list", SIGNER.sign(GRANTS, grants(locker="0124")), Outcome.WRONG_LOCKER),
        Vector("a list of another epoch", SIGNER.sign(GRANTS, grants(epoch=1)), Outcome.WRONG_EPOCH),
        Vector("a list of the same version", SIGNER.sign(GRANTS, grants()), Outcome.OLDER),
        Vector("an older list", SIGNER.sign(GRANTS, grants()), Outcome.OLDER, (*taken, "changes")),
        Vector("a forged list", FORGER.sign(GRANTS, grants(version=2)), Outcome.BAD_SIGNATURE),
        Vector(
            "another locker's changes", SIGNER.sign(CHANGES, changes(locker="0124")), Outcome.WRONG_LOCKER
        ),
        Vector("changes of another list", SIGNER.sign(CHANGES, changes(base=7, version=8)), Outcome.GAP),
        Vector("changes of no list", SIGNER.sign(CHANGES, changes()), Outcome.GAP, ("welcome",)),
        Vector("changes again", SIGNER.sign(CHANGES, changes()), Outcome.OLDER, (*taken, "changes")),
        Vector("changes that take away what is not there", SIGNER.sign(CHANGES, none_such), Outcome.GAP),
        Vector("a list that names an unknown cell", SIGNER.sign(GRANTS, unknown_cell), Outcome.MALFORMED),
        Vector("another locker's command", do("a", OPEN, locker="0124"), Outcome.WRONG_LOCKER),
        Vector("a command of another epoch", do("a", OPEN, epoch=1), Outcome.WRONG_EPOCH),
        Vector("before its time", do("a", OPEN, **later), Outcome.TOO_EARLY),
        Vector("after its time", do("a", OPEN, **over), Outcome.TOO_LATE),
        Vector("a command again", do("open", OPEN), Outcome.DONE, (*taken, "open", OPENS)),
        Vector("opened while it is open", do("a", OPEN), Outcome.ALREADY_OPEN, (*taken, "open", OPENS)),
        Vector("a right that there is not", do("a", commands.open_cell("g", "KZ1")), Outcome.NO_SUCH_PARCEL),
        Vector(
            "confirmed before it was opened",
            do("a", commands.confirm("pickup-KZ1", "KZ1")),
            Outcome.NOT_ALLOWED,
        ),
        Vector("a code that was not on the screen", do("a", pickup), Outcome.STALE),
        Vector("left without a claim", do("a", commands.leave("b")), Outcome.NOT_NOW),
        Vector("no cell is large enough", do("a", commands.reserve("KZ4", "", size="XL")), Outcome.NO_CELL),
        Vector("a parcel that is known", do("a", commands.reserve("KZ1", "", size="M")), Outcome.NOT_ALLOWED),
        Vector("not extended but shortened", do("a", soon), Outcome.NOT_ALLOWED),
        Vector(
            "a setting that there is not", do("a", commands.configure({"pulse_ms": 900})), Outcome.NOT_ALLOWED
        ),
        Vector(
            "a setting out of bounds", do("a", commands.configure({"reopen_max": 11})), Outcome.NOT_ALLOWED
        ),
        Vector("a key that anybody could sign with", do("a", rotate), Outcome.NOT_ALLOWED),
        Vector(
            "a welcome to another hello", SIGNER.sign(WELCOME, welcome(nonce=OTHER_NONCE)), Outcome.STALE, ()
        ),
        Vector("a welcome again", SIGNER.sign(WELCOME, welcome()), Outcome.STALE, ("welcome",)),
        Vector(
            "another locker's welcome", SIGNER.sign(WELCOME, welcome(locker="0124")), Outcome.WRONG_LOCKER, ()
        ),
        Vector(
            "an ack to another hello", SIGNER.sign(ACK, ack(last.seq, head, nonce=OTHER_NONCE)), Outcome.STALE
        ),
        Vector("a forged welcome", FORGER.sign(WELCOME, welcome()), Outcome.BAD_SIGNATURE, ()),
        Vector("a forged demand", FORGER.sign(EPOCH, demand()), Outcome.BAD_SIGNATURE),
        Vector("an ack of another journal", SIGNER.sign(ACK, ack(last.seq, other)), Outcome.MISMATCH),
        *acks(last.seq, head),
        Vector(
            "a demand for what the locker has not forgotten",
            SIGNER.sign(EPOCH, demand(seq=last.seq, hash=head)),
            Outcome.MISMATCH,
        ),
        Vector(
            "a demand that answers another hello",
            SIGNER.sign(EPOCH, demand(nonce=OTHER_NONCE)),
            Outcome.STALE,
        ),
        Vector(
            "a demand for an epoch that has been", SIGNER.sign(EPOCH, demand(next=2)), Outcome.WRONG_EPOCH
        ),
    ]


# A locker that answers


def config() -> Config:
    """Four cells of size M, and a screen that shows a code."""
    whole = cabinet()
    cells = tuple(msgspec.structs.replace(cell, size="M") for cell in whole.cells)
    locker = msgspec.structs.replace(whole.locker, app_link="HTTPS://APP.EXAMPLE/P/")
    return msgspec.structs.replace(whole, cells=cells, locker=locker)


def play(before: Sequence[bytes | str], sent: bytes, then: Sequence[str] = ()) -> Played:
    """Send an object to a locker that has just said hello, after these, and let these things happen to it."""
    with tempfile.TemporaryDirectory() as folder:
        return virtual.run(_play(Path(folder), before, sent, then))


async def _play(folder: Path, before: Sequence[bytes | str], sent: bytes, then: Sequence[str]) -> Played:
    shell = Shell(folder, config(), epoch=EPOCH_NOW, draw=lambda count: NONCE[:count])
    running = asyncio.get_running_loop().create_task(shell.runtime.run())
    try:
        for cell in (1, 2, 3, 4):
            shell.inbox.post(DoorRead(cell, True))
        link = Face(shell, Role.LINK)
        await asyncio.sleep(RUNS_S)
        link.send(AskHello())
        link.send(LinkState(True))
        Face(shell, Role.KIOSK)  # a screen, which shows the code
        for ask, each in enumerate(before):
            await _happen(shell, running, link, ask, each)
        first = len(link.got)
        rest: tuple[bytes | str, ...] = (sent, *then)
        for ask, each in enumerate(rest, len(before)):
            await _happen(shell, running, link, ask, each)
        answers = [told.outcome for told in link.got[first:] if isinstance(told, Told)]
        link.send(JournalAfter(0))
        hellos = [each for each in link.got if isinstance(each, Hello)]
        journals = [each for each in link.got if isinstance(each, Journal)]
        return Played(answers, hellos[0], journals[0])
    finally:
        running.cancel()
        await asyncio.wait({running})
        shell.store.close()


async def _happen(shell: Shell, running: asyncio.Task[None], link: Face, ask: int, what: bytes | str) -> None:
    """Until all of it is handled, or the epoch has ended and with it the process."""
    if isinstance(what, bytes):
        link.send(Signed(ask, what))
    else:
        shell.inbox.post(DoorRead(1, what == CLOSES))
        if what == OPENS:
            shell.inbox.post(PulseEnded(shell.hands.done[-1].intent, 1, PulseResult.ACKNOWLEDGED))
    quiet = asyncio.get_running_loop().create_task(shell.quiet())
    await asyncio.wait({quiet, running}, return_when=asyncio.FIRST_COMPLETED)
    if not quiet.done():
        quiet.cancel()
        await asyncio.wait({quiet})


# The file

ABOUT = """\
Signed objects, and what a locker answers to each. Each is sent to a locker as `setting` tells, which has just said `hello` and has \
taken the objects named in `before`, in this order. `object` is the whole COSE_Sign1 in hex, to which `zeros` zero bytes are to be \
added where there are any; `payload` is what it says, with byte strings in hex; null where it says nothing that can be read. \
`outcome` is the answer; where what `then` tells happens next, or the outcome is `accepted`, `later` is the answer that follows. \
An `ack` and an accepted `welcome` have their outcome inside the locker and are answered only where they are refused. \
`journal` is the locker's batch once it has taken `welcome` and `grants`, and `hello` what it said before. \
Each of `tokens` is the `text` of a QR code, held before the camera of a locker that has taken `welcome` and `grants`; `notice` is what its \
screen says then, and without one the cell opens. \
Each `message` of `upward` comes to a backend that has taken `hello` where `heard`, and then the first `held` rows of `journal`; \
its `verdict` is explained in `verdicts`."""


def vectors() -> tuple[Played, dict[str, Vector]]:
    """All of them by name, and the locker whose journal they speak of."""
    by_name: dict[str, bytes | str] = {
        "welcome": SIGNER.sign(WELCOME, welcome()),
        "grants": SIGNER.sign(GRANTS, grants()),
    }
    played = play([by_name["welcome"]], SIGNER.sign(GRANTS, grants()))
    each = [*good(played.journal), *misformed(), *misspelt(), *refused(played.journal)]
    return played, {vector.name: vector for vector in each}


def answers(before: Sequence[bytes | str], sent: bytes, then: Sequence[str] = ()) -> list[Outcome]:
    """What a locker answers that has taken those before."""
    return _link_answers(sent) if len(sent) > OBJECT_MAX_BYTES else play(before, sent, then).answers


def _link_answers(sent: bytes) -> list[Outcome]:
    """What the link itself answers, without asking the controller."""
    said: list[Outcome] = []

    def publish(topic: str, payload: bytes, retain: bool) -> None:
        if topic.endswith("told"):
            said.append(msgspec.json.decode(payload, type=Answer).outcome)

    link = LinkProtocol(LOCKER, lambda message: None, publish, random.Random(1))
    link.attach(0)
    link.join(0)
    link.receive(link.topics.signed, sent, 0)
    return said


def document(
    played: Played,
    all_: dict[str, Vector],
    tokens: list[dict[str, Any]],
    upward: list[dict[str, Any]],
    verdicts: dict[str, str],
) -> bytes:
    """The file; `tokens` are of `tests.protocol.token_vectors`, `upward` and `verdicts` of `tests.protocol.upward`."""
    whole = {
        "about": ABOUT,
        "setting": setting(),
        "hello": played.hello,
        "journal": played.journal,
        "vectors": [told_of(vector) for vector in all_.values()],
        "tokens": tokens,
        "verdicts": verdicts,
        "upward": upward,
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n"


def setting() -> dict[str, Any]:
    """What a reader must know of the locker, and the test keys."""
    return {
        "warning": "these keys are published: they are for tests and for nothing else",
        "keys": [
            {"id": signer.key_id, "seed": seed.hex(), "public": signer.public.hex(), "known": known}
            for signer, seed, known in ((SIGNER, SEED, True), (NEW_SIGNER, NEW_SEED, False))
        ],
        "journal_key": {"seed": JOURNAL_SEED.hex(), "public": JOURNAL_KEY.public.hex()},
        "code_key": CODE_KEY.hex(),
        "locker": LOCKER,
        "epoch": EPOCH_NOW,
        "utc_ms": NOW_MS,
        "hello_nonce": NONCE.hex(),
        "screen_nonce": NONCE.hex(),
        "cells": {cell.number: cell.size for cell in config().cells},
    }


def told_of(vector: Vector) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": vector.name,
        "outcome": vector.outcome,
        "before": vector.before,
        "payload": payload_of(vector.object),
        "object": vector.object.hex(),
    }
    if vector.then:
        told["then"] = vector.then
    if vector.later:
        told["later"] = vector.later
    if vector.zeros:
        told["zeros"] = vector.zeros
    return told


def payload_of(raw: bytes) -> Any:
    """What is inside, in JSON; None where that cannot be told."""
    try:
        return msgspec.to_builtins(_in_hex(cbor2.loads(cbor2.loads(raw).value[2])))
    except (ValueError, AttributeError, TypeError, cbor2.CBORDecodeError):
        return None


def _in_hex(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex()
        case dict():
            return {name: _in_hex(each) for name, each in value.items()}
        case list():
            return [_in_hex(each) for each in value]
    return value
