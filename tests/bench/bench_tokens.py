"""What it costs to look at a code that is held before the camera, whatever it is.

The good ones are the backend's; the others are those of tests/core/test_tokens.py, of all makings in turn.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import thread_time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware.tokens import from_base45, open_token
from tests.bench.harness import Measure, Peer, figure
from tests.core.test_signed import KEYRING, SIGNER
from tests.core.test_tokens import GOOD, SHORT, hostile

CODES = 1_300
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
    f"the slowest of {CODES:,} codes before the camera, good and hostile, processor's time",
    "ms",
    at_most=LIMIT_MS,
    peer=Peer("one bare Ed25519 verification", bare_verification_ms),
)
@contextmanager
def token_slowest() -> Iterator[Measure]:
    """From a code's text to verified claims or a refusal."""
    texts = [text for _, text in hostile(CODES - 2)] + [GOOD, SHORT]

    def measure() -> float:
        slowest_s = 0.0
        for text in texts:
            begun_s = thread_time()
            open_token(text, KEYRING)
            slowest_s = max(slowest_s, thread_time() - begun_s)
        return 1_000 * slowest_s

    yield measure
