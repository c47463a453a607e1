"""What a long list costs the controller's one thread: whoever types the last digit meanwhile waits for as long.

The locker has none before it: so all that it names is new, and each row is written. Processor's time: a disk's sync is the
disk's own.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from time import thread_time
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware.control import Signed, Told
from firmware.model import Outcome
from firmware.peer import Role
from sim.backend import lists
from sim.backend.signing import CHANGES, GRANTS
from tests.bench.harness import BenchError, Measure, Peer, figure
from tests.core.harness import LOCKER
from tests.core.shell import SIGNER, Face, Shell, running

PARCELS = 800
OPENED_MS = 15.0  # as any signed object's answer
PART_MS = 30.0  # once in an epoch: from then on, a list's changes are few rows


def named(prefix: str, *, rights: bool) -> dict[str, list[dict[str, Any]]]:
    """So many parcels, each with the right to pick it up, as a backend lists them."""
    waybills = [f"{prefix}{number:06}" for number in range(PARCELS)]
    parcels = [{"waybill": waybill, "cell": 1, "account": "Kaspi Gold"} for waybill in waybills]
    digests = [hashlib.sha256(waybill.encode()).digest() for waybill in waybills]
    grants = [
        {"id": f"pickup-{waybill}", "purpose": "pickup", "parcels": [waybill], "codes": [digest]}
        for waybill, digest in zip(waybills, digests, strict=True)
    ]
    return {"parcels": parcels, "grants": grants if rights else []}


class Lists:
    """One controller on a database of its own, and the lists that it is told: before each, one that names nothing."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._version = 1
        self._told = 0

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self._shell: Shell = self._runner.run(self._stack.enter_async_context(running(folder, rest_s=0)))
        self._shell.runtime.observers.clear()  # what a test compares after each event
        self._link = Face(self._shell, Role.LINK)
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def whole_ms(self) -> float:
        """Of a list of parcels alone, in one object."""
        return self._sent_ms(GRANTS, self._next(rights=False))

    def longest_part_ms(self) -> float:
        """Of a list with rights, in as many objects as it takes: the one that takes the longest, which is the last."""
        wanted, longest_ms, kind = self._next(rights=True), 0.0, GRANTS
        held: dict[str, str] = {}
        while True:
            part = lists.part(wanted, held)
            said = {name: told for name, told in part.told.items() if told or name in wanted}
            longest_ms = max(longest_ms, self._sent_ms(kind, said))
            if part.is_last:
                return longest_ms
            held, kind = part.after, CHANGES

    def _next(self, *, rights: bool) -> dict[str, list[dict[str, Any]]]:
        """Another list, for a locker that has none."""
        self._told += 1
        self._sent_ms(GRANTS, {"parcels": [], "grants": []})
        return named(f"KZ{self._told}-", rights=rights)

    def _sent_ms(self, kind: str, said: dict[str, Any]) -> float:
        base = {"base": self._version} if kind == CHANGES else {}
        self._version += 1
        whose = {"locker": LOCKER, "epoch": 1, "version": self._version}
        return self._runner.run(self._sent(Signed(self._version, SIGNER.sign(kind, whose | base | said))))

    async def _sent(self, signed: Signed) -> float:
        self._link.got.clear()
        begun_s = thread_time()
        self._link.send(signed)
        await self._shell.quiet()
        took_ms = 1_000 * (thread_time() - begun_s)
        if not any(isinstance(push, Told) and push.outcome is Outcome.DONE for push in self._link.got):
            raise BenchError(f"the list was not taken: {self._link.got}")
        return took_ms


def bare_verification_ms() -> float:
    """One Ed25519 verification of as many bytes: nothing that is signed can be opened in less."""
    key, raw = Ed25519PublicKey.from_public_bytes(SIGNER.public), bytes(lists.PART_MAX_BYTES)
    begun_s = thread_time()
    with suppress(InvalidSignature):  # it is none of these bytes, and takes as long
        key.verify(bytes(64), raw)
    return 1_000 * (thread_time() - begun_s)


VERIFICATION = Peer("one bare Ed25519 verification of as many bytes", bare_verification_ms)


@figure(
    f"a list of {PARCELS} opened, all of them new, processor's time",
    "ms",
    at_most=OPENED_MS,
    peer=VERIFICATION,
    rounds=15,
)
@contextmanager
def list_opened() -> Iterator[Measure]:
    """From a frame of the link's socket to the answer: verified, decoded, judged, applied and committed, in one event."""
    with Lists() as told:
        yield told.whole_ms


@figure(
    f"the longest part of a list of {PARCELS} with a right to each, processor's time",
    "ms",
    at_most=PART_MS,
    peer=VERIFICATION,
    rounds=7,
)
@contextmanager
def list_part() -> Iterator[Measure]:
    """A list counts from its last part on, all of it at once: that part writes what the others have only kept."""
    with Lists() as told:
        yield told.longest_part_ms
