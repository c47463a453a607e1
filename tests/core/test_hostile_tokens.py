"""Hostile tokens before the whole mind: mutated, truncated, forged, replayed, and signed well for elsewhere or another time.

20,000 in the normal run, a million with --long; how long the slowest takes is measured by tests/bench/bench_tokens.py. One parcel was
collected with a token that the attacker has; another one waits, and every spoilt token is made of one that would open its cell.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest

from firmware import readings
from firmware.events import Event, GrantedParcel, TokenShown
from firmware.model import Action, Outcome, ParcelState, Purpose, ScreenName
from firmware.notices import Notice
from firmware.optics import Format
from firmware.shown import NOTICES
from firmware.tokens import TEXT_MAX_CHARS, TOKEN_MAX_BYTES, from_base45
from sim.backend import Signer, tokens
from tests.core.harness import LOCKER, UTC_MS, Mind, right
from tests.core.test_signed import KEYRING, SIGNER

TOKENS, LONG_TOKENS = 20_000, 1_000_000
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
PICKUP = Purpose.PICKUP
WAITS, TAKEN = "KZ2", "KZ1"
STANDS_MS = UTC_MS + 120_000  # a mind's clock while all this is held up


def said(waybill: str, **others: Any) -> dict[int, Any]:
    """What the backend signs of this pickup."""
    whose: dict[str, Any] = {"locker": LOCKER, "epoch": 1, "grant": f"pickup-{waybill}", "purpose": PICKUP}
    return tokens.claims(**{**whose, "name": bytes(range(16)), **others})


SAID = said(WAITS)
GOOD = tokens.mint(SIGNER, SAID)
SHORT = tokens.mint(SIGNER, tokens.dated(SAID, STANDS_MS))
USED = (tokens.mint(SIGNER, said(TAKEN)), tokens.mint(SIGNER, tokens.dated(said(TAKEN), STANDS_MS)))

Making = Callable[[random.Random], str]


# --- what is no token, or not signed by the backend


def flipped(chance: random.Random) -> str:
    raw = bytearray(from_base45(chance.choice((GOOD, SHORT))))
    for at in chance.sample(range(len(raw)), chance.randint(1, 4)):
        raw[at] ^= 1 << chance.randrange(8)
    return tokens.base45(bytes(raw))


def truncated(chance: random.Random) -> str:
    text = chance.choice((GOOD, SHORT))
    return text[: chance.randrange(len(text))]


def mistyped(chance: random.Random) -> str:
    text = chance.choice((GOOD, SHORT))
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(ALPHABET.replace(text[at], "")) + text[at + 1 :]


def spliced(chance: random.Random) -> str:
    """The head of one token and the tail of another: each of them is good."""
    other = tokens.mint(SIGNER, {**SAID, 2: f"pickup-KZ{chance.randrange(10**6)}", 7: chance.randbytes(16)})
    at = 3 * chance.randrange(1, len(GOOD) // 3)
    return GOOD[:at] + other[at:] if GOOD[:at] + other[at:] not in (GOOD, other) else ""


def readdressed(chance: random.Random) -> str:
    """Another locker, grant, purpose or epoch under the signature of a good one."""
    header, _, body, signature = cbor2.loads(from_base45(GOOD)).value
    said = cbor2.loads(body)
    label, value = chance.choice(
        [
            (3, f"postomat/{chance.randrange(10_000):04}"),
            (2, f"pickup-KZ{chance.randrange(10**6)}"),
            (-65537, chance.choice(["deposit", "withdrawal", "service"])),
            (-65538, chance.randrange(2, 100)),
        ]
    )
    if said[label] == value:
        return ""
    return tokens.base45(
        cbor2.dumps(cbor2.CBORTag(18, [header, {}, cbor2.dumps({**said, label: value}), signature]))
    )


def forged(chance: random.Random) -> str:
    """Signed well by a key that is nobody's, under an id of the backend's, or of another's."""
    signer = Signer(chance.randbytes(32), chance.choice(("backend-1", "backend-2", "")))
    return tokens.mint(signer, SAID)


def unsigned(chance: random.Random) -> str:
    header, _, body, _ = cbor2.loads(from_base45(GOOD)).value
    signature = bytes(chance.choice((0, 63, 64, 65)))
    return tokens.base45(cbor2.dumps(cbor2.CBORTag(18, [header, {}, body, signature])))


def random_base45(chance: random.Random) -> str:
    return "".join(chance.choices(ALPHABET, k=chance.randrange(TEXT_MAX_CHARS + 9)))


def random_bytes(chance: random.Random) -> str:
    return tokens.base45(b"\xd2\x84" + chance.randbytes(chance.randrange(TOKEN_MAX_BYTES)))


def huge(chance: random.Random) -> str:
    return GOOD * chance.randint(2, 40)


def control_characters(chance: random.Random) -> str:
    at = chance.randrange(len(GOOD))
    return GOOD[:at] + "".join(chr(chance.randrange(32)) for _ in range(chance.randint(1, 9))) + GOOD[at:]


def unicode(chance: random.Random) -> str:
    strange = "".join(
        chr(chance.choice((0x41F, 0x1F4E6, 0xFF11, 0x202E, 0x0, 0xDC80, 0x10FFFF))) for _ in range(5)
    )
    return strange + GOOD if chance.random() < 0.5 else GOOD + strange


def foreign(chance: random.Random) -> str:
    return chance.choice(
        (
            "https://example.kz/pay?sum=100",
            "WIFI:S:cafe;T:WPA;P:secret;;",
            "40917263",
            "HC1:" + GOOD,
            GOOD.lower(),
            " " + GOOD,
        )
    )


# --- signed well by the backend, and not for here and now


def of_another_locker(chance: random.Random) -> str:
    return minted(chance, locker=f"{chance.choice([*range(123), *range(124, 10_000)]):04}")


def of_another_epoch(chance: random.Random) -> str:
    return minted(chance, epoch=chance.randrange(2, 100))


def of_another_parcel(chance: random.Random) -> str:
    return minted(chance, grant=f"pickup-KZ{chance.randrange(3, 10**6)}")


def of_another_purpose(chance: random.Random) -> str:
    return minted(chance, purpose=chance.choice(["deposit", "withdrawal", "service"]))


def over(chance: random.Random) -> str:
    return dated(chance, -tokens.VALID_S - chance.randrange(10**6))


def early(chance: random.Random) -> str:
    return dated(chance, tokens.BEHIND_S + 1 + chance.randrange(10**6))


def replayed(chance: random.Random) -> str:
    """The very token that opened the cell, or another one of the same right."""
    return chance.choice((*USED, minted(chance, TAKEN)))


def minted(chance: random.Random, waybill: str = WAITS, **others: Any) -> str:
    """Static, or for this very minute."""
    claims = said(waybill, name=chance.randbytes(16), **others)
    return tokens.mint(SIGNER, claims if chance.random() < 0.5 else tokens.dated(claims, STANDS_MS))


def dated(chance: random.Random, in_s: int) -> str:
    claims = tokens.dated(said(WAITS, name=chance.randbytes(16)), STANDS_MS + 1_000 * in_s)
    return tokens.mint(SIGNER, claims)


# --- all of them

NO_TOKEN = frozenset({Outcome.UNSIGNED, Outcome.UNKNOWN_KEY, Outcome.BAD_SIGNATURE})
SPOILT: tuple[Making, ...] = (
    flipped, truncated, mistyped, spliced, readdressed, forged, unsigned, random_base45, random_bytes, huge, control_characters,
    unicode, foreign,
)  # fmt: skip
ELSEWHERE: dict[Making, Outcome] = {
    of_another_locker: Outcome.WRONG_LOCKER,
    of_another_epoch: Outcome.WRONG_EPOCH,
    of_another_parcel: Outcome.NO_SUCH_PARCEL,
    of_another_purpose: Outcome.NO_SUCH_PARCEL,
    over: Outcome.TOO_LATE,
    early: Outcome.TOO_EARLY,
    replayed: Outcome.NOT_ALLOWED,
}
REFUSED = {
    **dict.fromkeys(SPOILT, NO_TOKEN),
    **{making: frozenset({why}) for making, why in ELSEWHERE.items()},
}


def hostile(count: int) -> Iterator[tuple[Making, str]]:
    """So many, of all makings in turn; the same ones each time."""
    chance = random.Random("hostile tokens")
    makings = (*SPOILT, *ELSEWHERE)
    for turn in range(count):
        making = makings[turn % len(makings)]
        yield making, making(chance)


def event_of(text: str) -> Event:
    """As the gate makes it."""
    opened = readings.opened(text, Format.QR, KEYRING)
    event = readings.refused(opened, Format.QR) if isinstance(opened, Outcome) else opened
    assert not isinstance(event, Outcome)
    return event


def before_the_camera(path: Path) -> Mind:
    """One parcel was collected with a token, another one waits, and the screen is idle."""
    mind = Mind(path).start()
    parcels = {TAKEN: 1, WAITS: 2}
    rights = [right(purpose, waybill) for waybill in parcels for purpose in (Purpose.DEPOSIT, PICKUP)]
    mind.grants([GrantedParcel(waybill, cell) for waybill, cell in parcels.items()], rights)
    for waybill, cell in parcels.items():
        mind.deposit(waybill, cell)
    assert mind.ask(event_of(USED[0])) is Outcome.DONE
    mind.unlock(1)
    mind.closes(1)
    mind.press(Action.CONFIRM)
    mind.advance((STANDS_MS - mind.utc_ms) / 1_000)
    assert (mind.shows(), mind.parcel(TAKEN).state) == (ScreenName.IDLE, ParcelState.COLLECTED)
    return mind


@pytest.mark.timeout(7_200)
def test_no_hostile_token_is_accepted_and_none_raises(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    count = LONG_TOKENS if request.config.getoption("--long") else TOKENS
    mind = before_the_camera(tmp_path / "state.db")
    mind.store._db.pragma("synchronous", "OFF")  # what a power cut does to a file is another test's
    believed = mind.state.locker.next_intent, mind.parcel(WAITS), mind.state.locker.wrong_codes
    seen: Counter[tuple[str, Outcome]] = Counter()
    for making, text in hostile(count):
        outcome = mind.ask(event_of(text))
        assert outcome in REFUSED[making], f"{making.__name__}: {text!r} is {outcome}"
        notice = Notice.COLLECTED if making is replayed else NOTICES.get(outcome, Notice.NOT_OURS)
        assert (mind.shows(), mind.screen.notice) == (ScreenName.NOTICE, notice)
        assert mind.press(Action.BACK) is Outcome.DONE
        mind.entries.clear()
        seen[making.__name__, outcome] += 1
    assert (mind.state.locker.next_intent, mind.parcel(WAITS), mind.state.locker.wrong_codes) == believed
    assert seen.total() == count
    assert {outcome for _, outcome in seen} == NO_TOKEN | {*ELSEWHERE.values()}
    for text in (SHORT, GOOD):  # which all of this was made of
        assert mind.ask(event_of(text)) is Outcome.DONE
        assert mind.screen.cell == 2
        mind.jam()
        mind.press(Action.BACK)


@pytest.mark.parametrize("making", SPOILT)
def test_what_is_spoilt_is_refused_before_it_is_an_event(making: Making) -> None:
    chance = random.Random(making.__name__)
    assert all(readings.opened(making(chance), Format.QR, KEYRING) in NO_TOKEN for _ in range(100))


@pytest.mark.parametrize("making", ELSEWHERE)
def test_what_is_signed_for_elsewhere_is_refused_by_the_controller_alone(making: Making) -> None:
    """Else it would not be tried what is compared."""
    chance = random.Random(making.__name__)
    assert all(isinstance(event_of(making(chance)), TokenShown) for _ in range(100))
