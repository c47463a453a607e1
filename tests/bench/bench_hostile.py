"""What a hostile broker or link costs the controller's one thread: whoever types the last digit meanwhile waits for as long.

Its objects are those of tests/core/test_hostile.py. One round feeds the slowest of all again: what was slow once by accident
is not slow three times.
"""

import asyncio
import heapq
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware.control import Signed, Told
from firmware.model import Outcome
from firmware.peer import PENDING_MAX, Role
from sim import loop as virtual
from tests.bench.harness import BenchError, Measure, Peer, figure
from tests.core.shell import SIGNER, Face, running
from tests.core.test_hostile import OBJECTS, begin, longest

LIMIT_MS = 5.0
SLOWEST, TIMES = 20, 3


class Hostile:
    """A controller under attack. To measure is to feed it the objects that took longest, each three times."""

    def __init__(self) -> None:
        self.slowest = longest(9)
        self._taken: list[bytes] = []
        self._stack = AsyncExitStack()

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self._loop = virtual.VirtualLoop()
        self._loop.run_until_complete(self._attacked(folder))
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._stack.aclose())
        self._loop.close()

    def __call__(self) -> float:
        """In milliseconds."""
        took = [(self._loop.run_until_complete(self._again_ms(raw)), raw) for raw in self._taken]
        longest_ms, self.slowest = max(took)
        return longest_ms

    def note(self) -> str:
        return f"the slowest of {OBJECTS:,} has {len(self.slowest):,} bytes"

    def bare_verification_ms(self) -> float:
        """Of the same bytes: nothing that is signed can be refused for its signature in less."""
        key = Ed25519PublicKey.from_public_bytes(SIGNER.public)
        begun_s = thread_time()
        with suppress(InvalidSignature):  # it is none of these bytes, and takes as long
            key.verify(bytes(64), self.slowest)
        return 1_000 * (thread_time() - begun_s)

    async def _attacked(self, folder: Path) -> None:
        self._shell = await self._stack.enter_async_context(running(folder))
        attacker = await begin(self._shell)
        self._shell.runtime.observers.clear()  # what a test compares after each event
        self._shell.store._db.pragma("synchronous", "OFF")  # a disk's sync is the disk's own
        self._link = Face(self._shell, Role.LINK)
        slowest: list[tuple[float, int, bytes]] = []
        for number in range(OBJECTS):
            raw = attacker.one()
            heapq.heappush(slowest, (await self._refused_ms(raw), number, raw))
            if len(slowest) > SLOWEST:
                heapq.heappop(slowest)
            if number % PENDING_MAX == 0:
                await asyncio.sleep(0.5)  # hours pass in all: what is journalled so many times an hour is
        self._taken = [raw for _, _, raw in slowest] + [longest(1), longest(9, locker="0124")]

    async def _again_ms(self, raw: bytes) -> float:
        return median([await self._refused_ms(raw) for _ in range(TIMES)])

    async def _refused_ms(self, raw: bytes) -> float:
        """From the frame of the link's socket to the answer."""
        self._link.got.clear()
        begun_s = thread_time()
        self._link.send(Signed(1, raw))
        await self._shell.quiet()
        took_ms = 1_000 * (thread_time() - begun_s)
        told = [push.outcome for push in self._link.got if isinstance(push, Told)]
        if len(told) != 1 or told[0] is Outcome.ACCEPTED:
            raise BenchError(f"not refused: {told}")
        return took_ms


HOSTILE = Hostile()


@figure(
    f"the slowest of {OBJECTS:,} hostile objects, a list of the maximum size replayed among them, processor's time",
    "ms",
    at_most=LIMIT_MS,
    peer=Peer("one bare Ed25519 verification of the same bytes", HOSTILE.bare_verification_ms),
)
@contextmanager
def hostile_slowest() -> Iterator[Measure]:
    """From a frame of the link's socket to the refusal; what is journalled of it is committed."""
    with HOSTILE as attacked:
        yield attacked
