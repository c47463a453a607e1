"""Whoever sits on the way may change, keep, repeat and invent welcomes and acknowledgements: the clock does not move by it."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import cbor2
import pytest

from firmware.clock import WELCOME_MAX_MS
from firmware.control import AskHello, Hello, Signed, Told
from firmware.model import Outcome
from firmware.peer import PENDING_MAX, Role
from firmware.signed import Kind
from sim import loop as virtual
from sim.backend import Signer, unsigned
from tests.core.harness import LOCKER
from tests.core.shell import SIGNER, Face, Shell, running

DAY_MS = 24 * 3_600_000
STRANGER = Signer(b"s" * 32, SIGNER.key_id)
NOBODY = Signer(b"n" * 32, "k9")


class Attacker:
    """Has heard everything that was ever signed for this locker and for another, and holds keys that count nowhere."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.chance = random.Random(5)
        self.link = Face(shell, Role.LINK)
        self.heard: list[bytes] = []
        self.nonce = b""
        self.fresh = b""  # the honest welcome of the last hello, which does not get through

    def hello(self) -> None:
        """The locker says hello, and the backend answers; what it said before is overtaken."""
        self.link.send(AskHello())
        said = self.link.got[-1]
        assert isinstance(said, Hello)
        if self.fresh:
            self.heard = [*self.heard[-50:], self.fresh, self.made(Kind.ACK)]
        self.nonce = bytes.fromhex(said.nonce)
        self.fresh = self.made(Kind.WELCOME)

    def made(self, kind: Kind, signer: Signer = SIGNER, **others: object) -> bytes:
        said: dict[str, object] = {"locker": LOCKER, "epoch": 1, "nonce": self.nonce}
        if kind is Kind.WELCOME:
            said |= {"time_ms": self.shell.clock.true_ms(), "acked_seq": 0, "accepted": True}
        else:
            said |= {"seq": 1, "hash": bytes(32)}
        return signer.sign(kind, {**said, **others})

    def wrong_ms(self) -> int:
        return self.shell.clock.true_ms() + self.chance.randrange(-400 * DAY_MS, 400 * DAY_MS)

    def changed(self) -> bytes:
        raw = bytearray(self.fresh)
        raw[self.chance.randrange(len(raw))] ^= 1 << self.chance.randrange(8)
        return bytes(raw)

    def cut(self) -> bytes:
        return self.fresh[: self.chance.randrange(len(self.fresh))]

    def replayed(self) -> bytes:
        return self.chance.choice(self.heard)

    def forged(self) -> bytes:
        return self.made(Kind.WELCOME, self.chance.choice([STRANGER, NOBODY]), time_ms=self.wrong_ms())

    def signed_again(self) -> bytes:
        return STRANGER.sign_again(self.fresh)

    def stripped(self) -> bytes:
        return unsigned(self.fresh)

    def meant_for_another(self) -> bytes:
        """The backend's own word to another locker, which said hello with a nonce of its own."""
        nonce = self.chance.randbytes(16)
        return self.made(Kind.WELCOME, locker="0124", nonce=nonce, time_ms=self.wrong_ms())

    def of_another_kind(self) -> bytes:
        """An acknowledgement with this very nonce, as a welcome: its payload under its signature, the header a welcome's."""
        protected, unprotected, body, signature = cbor2.loads(self.made(Kind.ACK)).value
        header = {**cbor2.loads(protected), 16: Kind.WELCOME.typ}
        return cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps(header), unprotected, body, signature]))


ATTACKS: tuple[Callable[[Attacker], bytes], ...] = (
    Attacker.changed,
    Attacker.cut,
    Attacker.replayed,
    Attacker.forged,
    Attacker.signed_again,
    Attacker.stripped,
    Attacker.meant_for_another,
    Attacker.of_another_kind,
)


def play(folder: Path, act: Callable[[Shell], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with running(folder) as shell:
            await act(shell)

    virtual.run(whole())


def test_no_welcome_but_the_backends_own_answer_to_the_last_hello_moves_the_clock(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async def act(shell: Shell) -> None:
        attacker = Attacker(shell)
        for _ in range(3):
            attacker.hello()
        rows, head = shell.store.load().rows(), shell.store.head
        told: Counter[Outcome] = Counter()
        for round_ in range((1_000_000 if request.config.getoption("--long") else 20_000) // PENDING_MAX):
            attacker.link.got.clear()
            for ask in range(PENDING_MAX):
                attack = attacker.chance.choice(ATTACKS)
                attacker.link.send(Signed(ask, attack(attacker)))
            await shell.quiet()
            answers = [push.outcome for push in attacker.link.got if isinstance(push, Told)]
            assert len(answers) == PENDING_MAX
            told.update(answers)
            now = shell.runtime.now()
            assert (now.sure, now.utc_ms) == (True, shell.clock.true_ms())
            assert (shell.store.load().rows(), shell.store.head) == (rows, head)
            if round_ % 8 == 0:
                attacker.hello()
        assert Outcome.DONE not in told
        assert {Outcome.STALE, Outcome.UNSIGNED, Outcome.UNKNOWN_KEY, Outcome.BAD_SIGNATURE} <= told.keys()
        attacker.link.send(Signed(0, attacker.fresh))  # nothing of it has used up the nonce
        await shell.quiet()
        assert attacker.link.got[-1] == Told(Outcome.DONE, ask=0, acked=0)

    play(tmp_path, act)


@pytest.mark.parametrize(("over_ms", "outcome"), [(0, Outcome.DONE), (1, Outcome.STALE)])
def test_an_honest_welcome_that_is_kept_back_for_too_long_moves_nothing(
    tmp_path: Path, over_ms: int, outcome: Outcome
) -> None:
    async def act(shell: Shell) -> None:
        attacker = Attacker(shell)
        attacker.hello()
        await asyncio.sleep((WELCOME_MAX_MS + over_ms) / 1_000)
        told_ms = shell.state.locker.told_ms
        attacker.link.send(Signed(0, attacker.fresh))
        await shell.quiet()
        assert [push.outcome for push in attacker.link.got if isinstance(push, Told)] == [outcome]
        assert (shell.state.locker.told_ms == told_ms) is (outcome is Outcome.STALE)
        assert shell.runtime.now().utc_ms == shell.clock.true_ms()

    play(tmp_path, act)
