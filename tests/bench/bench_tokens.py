"""What it costs to look at a code that is held before the camera, whatever it is, from its text to the controller's answer.

They are those of tests/core/test_hostile_tokens.py, of all makings in turn; and at the end a good one, which opens.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import thread_time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware.events import Pressed
from firmware.model import Action
from firmware.tokens import from_base45
from tests.bench.harness import Measure, Peer, figure
from tests.core.harness import Mind
from tests.core.test_hostile_tokens import GOOD, SHORT, TOKENS, before_the_camera, event_of, hostile
from tests.core.test_signed import SIGNER

CODES = TOKENS
LIMIT_MS = 5.0


def bare_verification_ms() -> float:
    """One Ed25519 verification of as many bytes: no token can be looked at in less."""
    key, raw = Ed25519PublicKey.from_public_bytes(SIGNER.public), from_base45(SHORT)
    begun_s = thread_time()
    for _ in range(100):
        with suppress(InvalidSignature):  # it is none of these bytes, and takes as long
            key.verify(raw[-64:], raw)
    return (thread_time() - begun_s) * 10


@figure(
    f"the slowest of {CODES:,} codes before the camera, good and hostile, to the controller's answer, processor's time",
    "ms",
    at_most=LIMIT_MS,
    peer=Peer("one bare Ed25519 verification", bare_verification_ms),
    rounds=3,
)
@contextmanager
def token_slowest() -> Iterator[Measure]:
    """From a code's text to the effects of its event. The commit is the disk's."""
    texts = [text for _, text in hostile(CODES - 1)]

    def measure() -> float:
        with tempfile.TemporaryDirectory() as folder:
            mind = before_the_camera(Path(folder) / "state.db")
            mind.store._db.pragma("synchronous", "OFF")
            slowest_s = 0.0
            for text in texts:
                slowest_s = max(slowest_s, answered_s(mind, text))
                mind.play(Pressed(Action.BACK))
            slowest_s = max(slowest_s, answered_s(mind, GOOD))
            mind.store.close()
        return 1_000 * slowest_s

    yield measure


def answered_s(mind: Mind, text: str) -> float:
    """What it took; it is committed afterwards."""
    begun_s = thread_time()
    mind.controller.handle(event_of(text), mind.now)
    took_s = thread_time() - begun_s
    mind.store.commit(*mind.state.drain(), mind.now)
    return took_s
