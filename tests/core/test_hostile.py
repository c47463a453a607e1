"""A hostile broker and link: tens of thousands of objects, each good once, and forged, mutated, replayed or re-addressed since.

Nothing opens, nothing is pruned, no list goes back, and neither the journal nor the log can be filled by it.
"""

import asyncio
import dataclasses
import hashlib
import logging
import random
from collections.abc import Callable
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware.clock import SETTLED_MS
from firmware.commands import FOREIGN_MAX
from firmware.control import AskHello, Hello, Signed, Told
from firmware.limited import LINES_MAX, WINDOW_S, LimitedLog
from firmware.link.objects import OBJECT_MAX_BYTES
from firmware.model import Outcome, ParcelState, Purpose
from firmware.peer import PENDING_MAX, Role
from firmware.rows import Command, Locker, Parcel
from firmware.signed import Keyring, open_signed
from sim import loop as virtual
from sim.backend import Signer, commands, unsigned
from sim.backend.signing import ACK, COMMAND, EPOCH, GRANTS, WELCOME
from sim.clock import START_UTC_MS
from tests.core.harness import LOCKER, digest
from tests.core.shell import SIGNER, Face, Shell, running

OBJECTS, LONG_OBJECTS = 20_000, 1_000_000
HOUR_MS = 3_600_000
LARGEST_PARCELS = 1_000
NUMBERS, ONES = dict.fromkeys(range(12_000), 1), [1] * 48_000
THIEF = Signer(b"t" * 32, SIGNER.key_id)
GRANT = digest(Purpose.PICKUP, "KZ1")
DEEDS = [
    commands.open_cell(GRANT, "KZ1"),
    commands.confirm(GRANT, "KZ1"),
    commands.report(GRANT, "KZ1", "refused"),
    commands.cancel("KZ1"),
    commands.extend("KZ1", START_UTC_MS + 500 * HOUR_MS),
    commands.reserve("KZ7", "Kaspi Gold", cell=4),
    commands.block(3),
    commands.configure({"reopen_max": 0}),
    commands.rotate({"t": THIEF.public}),
    commands.claim([GRANT], bytes(16)),
]
# What the backend may have signed for another locker, another epoch, or a time that is over.
ELSEWHERE: list[dict[str, object]] = [
    {"locker": "0124"},
    {"epoch": 2},
    {"not_before_ms": START_UTC_MS - 30 * HOUR_MS, "not_after_ms": START_UTC_MS - 29 * HOUR_MS},
]


def command(name: str, do: object, **others: object) -> bytes:
    payload = {"id": name, "locker": LOCKER, "epoch": 1, "do": do}
    dates = {"not_before_ms": START_UTC_MS, "not_after_ms": START_UTC_MS + 700 * HOUR_MS}
    return SIGNER.sign(COMMAND, {**payload, **dates, **others})


def grants(version: int, **others: object) -> bytes:
    right = {"id": GRANT, "purpose": "pickup", "parcels": ["KZ1"], "codes": [bytes(32)]}
    said = {"parcels": [{"waybill": "KZ1", "cell": 1}], "grants": [right]}
    return SIGNER.sign(GRANTS, {"locker": LOCKER, "epoch": 1, "version": version, **said, **others})


def longest(version: int, **others: object) -> bytes:
    """A list of as many parcels with a right to each as one object has room for."""
    waybills = [f"KZ{number:06}" for number in range(413)]
    parcels = [{"waybill": waybill, "cell": 1} for waybill in waybills]
    rights = [
        {"id": f"pickup-{waybill}", "purpose": "pickup", "parcels": [waybill], "codes": [sha256(waybill)]}
        for waybill in waybills
    ]
    raw = grants(version, parcels=parcels, grants=rights, **others)
    assert OBJECT_MAX_BYTES - 1_000 < len(raw) <= OBJECT_MAX_BYTES
    return raw


def sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def ack(seq: int, nonce: bytes, **others: object) -> bytes:
    said = {"locker": LOCKER, "epoch": 1, "seq": seq, "hash": bytes(32), "nonce": nonce}
    return SIGNER.sign(ACK, said | others)


def welcome(nonce: bytes, time_ms: int) -> bytes:
    said = {"locker": LOCKER, "epoch": 1, "nonce": nonce, "time_ms": time_ms}
    return SIGNER.sign(WELCOME, said | {"acked_seq": 60, "accepted": True})


def demand(nonce: bytes) -> bytes:
    return SIGNER.sign(
        EPOCH, {"locker": LOCKER, "epoch": 1, "next": 2, "nonce": nonce, "seq": 0, "hash": bytes(32)}
    )


class Attacker:
    """Has seen every object that was ever sent, to this locker and to others, and has a key of his own."""

    def __init__(self, seen: list[bytes], former: bytes, last: bytes, seed: int) -> None:
        """`former`, `last`: the nonces of the last hellos."""
        self.chance = random.Random(seed)
        self.former, self.last = former, last
        self.good = [
            command(f"g{number}", do) for number, do in enumerate(DEEDS)
        ]  # never delivered as they are
        self.good += [
            grants(9),
            longest(9),
            ack(40, last),
            demand(last),
            welcome(last, START_UTC_MS + 9 * HOUR_MS),
        ]
        self.seen = seen
        listed = [
            {"waybill": f"KZ{number}", "cell": 1, "account": "Kaspi Gold"}
            for number in range(LARGEST_PARCELS)
        ]
        self.large = grants(
            1, parcels=listed, grants=[]
        )  # the backend's word once, and as much as a link carries
        self.large_forged = THIEF.sign_again(self.large)
        self.ways: tuple[Callable[[], bytes], ...] = (
            self.flipped, self.cut, self.spliced, self.forged, self.unsigned, self.disguised, self.replayed,
            self.readdressed, self.older, self.stale, self.padded, self.noise, self.largest, self.swollen,
        )  # fmt: skip

    def one(self) -> bytes:
        return self.chance.choice(self.ways)()

    def _any(self) -> bytes:
        return self.chance.choice(self.good)

    def flipped(self) -> bytes:
        raw = bytearray(self._any())
        for _ in range(self.chance.choice((1, 1, 1, 4))):
            raw[self.chance.randrange(len(raw))] ^= 1 << self.chance.randrange(8)
        return bytes(raw) if bytes(raw) not in self.good else self.flipped()

    def cut(self) -> bytes:
        raw = self._any()
        return raw[: self.chance.randrange(len(raw))]

    def spliced(self) -> bytes:
        """The signature of one over the words of another."""
        words, signature = cbor2.loads(self._any()).value, cbor2.loads(self._any()).value[3]
        if words[3] == signature:
            return self.spliced()
        return cbor2.dumps(cbor2.CBORTag(18, [*words[:3], signature]))

    def forged(self) -> bytes:
        return THIEF.sign_again(self._any())

    def unsigned(self) -> bytes:
        return unsigned(self._any())

    def disguised(self) -> bytes:
        """Signed by the thief under a header of his choice: another key id, kind, or algorithm."""
        header = {
            1: self.chance.choice((-8, -7, 5, None)),
            4: self.chance.choice((SIGNER.key_id.encode(), b"t", b"")),
            16: f"application/vnd.postomat.{self.chance.choice((COMMAND, GRANTS, ACK, EPOCH, WELCOME))}+cose",
        }
        body = cbor2.loads(self._any()).value[2]
        protected = cbor2.dumps(header)
        covered = cbor2.dumps(["Signature1", protected, f"postomat/v1/{COMMAND}".encode(), body])
        signature = Ed25519PrivateKey.from_private_bytes(b"t" * 32).sign(covered)
        return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, body, signature]))

    def replayed(self) -> bytes:
        return self.chance.choice(self.seen)

    def readdressed(self) -> bytes:
        """Good, and meant for elsewhere or for long ago."""
        number, where = self.chance.randrange(10**9), self.chance.choice(ELSEWHERE)
        others = {name: value for name, value in where.items() if not name.startswith("not_")}
        made: list[bytes] = [command(f"e{number}", self.chance.choice(DEEDS), **where)]
        if others:
            made += [grants(10 + number, **others), ack(20, self.last, **others)]
        return self.chance.choice(made)

    def older(self) -> bytes:
        return grants(self.chance.choice((1, 2)))

    def stale(self) -> bytes:
        """What answers another hello than the last one, or says of the journal what it does not."""
        nonce = self.chance.choice((bytes(16), self.former))
        time_ms = START_UTC_MS + self.chance.randrange(-9, 9) * HOUR_MS
        seq = self.chance.randrange(1, 60)
        return self.chance.choice(
            (welcome(nonce, time_ms), ack(seq, nonce), demand(nonce), ack(seq, self.last))
        )

    def largest(self) -> bytes:
        """A list as long as there is one: as it was, forged, cut short, or with a bit of it changed."""
        cut = self.large[: self.chance.randrange(len(self.large))]
        at = self.chance.randrange(len(self.large))
        flipped = self.large[:at] + bytes([self.large[at] ^ 1]) + self.large[at + 1 :]
        return self.chance.choice((self.large, self.large_forged, cut, flipped))

    def swollen(self) -> bytes:
        """Of as many items as an object has room for, where there is to be one."""
        parts: list[object] = [b"", {}, b"", bytes(64)]
        many = self.chance.choice((NUMBERS, ONES))
        at = self.chance.randrange(4)
        parts[at] = cbor2.dumps(many) if at == 0 and self.chance.random() < 0.5 else many
        return cbor2.dumps(cbor2.CBORTag(18, parts))

    def padded(self) -> bytes:
        return self._any() + self.chance.randbytes(self.chance.randrange(1, 9))

    def noise(self) -> bytes:
        return self.chance.randbytes(self.chance.randrange(400))


def what_counts(shell: Shell) -> str:
    """All that is believed, but for the commands that are kept so that they are not carried out, and their count."""
    locker = dataclasses.replace(shell.state.locker, refused=0, refused_ms=None)
    rows = [row for row in shell.state.rows() if not isinstance(row, Command | Locker)]
    now = shell.runtime.now()
    return repr((locker, rows, now.utc_ms - now.mono_ms, now.sure))


async def begin(shell: Shell) -> Attacker:
    """A parcel lies there, some commands were carried out, and one hello was answered; who has seen all of it."""
    parcel = shell.state.get(Parcel, "KZ1")
    parcel.state, parcel.inside, parcel.expires_ms = ParcelState.STORED, True, START_UTC_MS + 200 * HOUR_MS
    seen = [grants(2), command("s1", commands.block(2)), command("s2", commands.block(2, blocked=False))]
    seen.append(command("s3", commands.extend("KZ1", START_UTC_MS + 300 * HOUR_MS)))
    link = Face(shell, Role.LINK)
    for ask, raw in enumerate(seen):
        link.send(Signed(ask, raw))
        await shell.quiet()
    outcomes = [push.outcome for push in link.got if isinstance(push, Told)]
    assert outcomes == [Outcome.DONE] * len(seen)
    link.send(AskHello())
    link.send(AskHello())
    former, last = [bytes.fromhex(push.nonce) for push in link.got if isinstance(push, Hello)]
    # By then the locker has also looked at the system's clock: whatever changes from here on, an object has changed.
    await asyncio.sleep(SETTLED_MS / 1_000)
    assert shell.state.locker.system_off_ms == 0
    lists = longest(1), longest(9, locker="0124")  # the first one a broker kept back, and lets it go now
    return Attacker([*seen, *lists, welcome(former, START_UTC_MS)], former, last, 7)


def test_nothing_that_was_not_meant_for_here_and_now_does_anything(
    tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    objects = LONG_OBJECTS if request.config.getoption("--long") else OBJECTS

    async def whole() -> None:
        async with running(tmp_path) as shell:
            attacker = await begin(shell)
            before, entries, begun_s = (
                what_counts(shell),
                shell.store.last_seq,
                asyncio.get_running_loop().time(),
            )
            link, refused = Face(shell, Role.LINK), 0
            caplog.clear()
            for number in range(0, objects, PENDING_MAX):
                for ask in range(number, min(number + PENDING_MAX, objects)):
                    link.send(Signed(ask, attacker.one()))
                await shell.quiet()
                await asyncio.sleep(0.5)
                assert what_counts(shell) == before
                refused += sum(isinstance(push, Told) for push in link.got)
                link.got.clear()
            hours = 1 + int((asyncio.get_running_loop().time() - begun_s) // 3_600)
            assert refused == objects  # each has its answer
            assert link.dropped == 0
            assert shell.hands.done == []
            assert shell.store.last_seq <= entries + FOREIGN_MAX * hours
            minutes = 1 + (asyncio.get_running_loop().time() - begun_s) // WINDOW_S
            lines = [record for record in caplog.records if record.name == "firmware.gate"]
            assert LINES_MAX < len(lines) <= (LINES_MAX + 1) * minutes

    with caplog.at_level(logging.WARNING):
        virtual.run(whole())


@pytest.mark.parametrize(
    "way", ["flipped", "cut", "spliced", "forged", "unsigned", "disguised", "padded", "noise", "swollen"]
)
def test_each_way_to_spoil_an_object_is_refused_as_such(way: str) -> None:
    """And is none that would have been refused for another reason: unspoilt, each is opened."""
    keyring, attacker = Keyring({SIGNER.key_id: SIGNER.public}), Attacker([], b"f" * 16, b"l" * 16, 3)
    assert not any(isinstance(open_signed(raw, keyring), Outcome) for raw in attacker.good)
    for _ in range(300):
        assert isinstance(open_signed(getattr(attacker, way)(), keyring), Outcome)


def test_the_largest_are_as_large_as_a_link_carries() -> None:
    attacker = Attacker([], b"f" * 16, b"l" * 16, 3)
    for raw in (attacker.large, attacker.large_forged, *(attacker.swollen() for _ in range(50))):
        assert 0.7 * OBJECT_MAX_BYTES < len(raw) <= OBJECT_MAX_BYTES


def test_the_log_says_how_many_lines_it_kept_back(caplog: pytest.LogCaptureFixture) -> None:
    async def act() -> None:
        limited = LimitedLog(logging.getLogger("limited"))
        for number in range(LINES_MAX + 3):
            limited.warning("refused: %d", number)
        await asyncio.sleep(WINDOW_S)
        limited.warning("refused: %s", "anew")
        await asyncio.sleep(WINDOW_S)
        limited.warning("refused: %s", "later")

    virtual.run(act())
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        *(f"refused: {number}" for number in range(LINES_MAX)),
        "3 more like these before",
        "refused: anew",
        "refused: later",
    ]
