"""The screen's nonces: what a camera has seen here, lately, and nowhere else.

Rules:
- 128 bits each, drawn from an injected source: the operating system's on a device, seeded in a simulated one.
- A new one takes the screen every `period_s`, and at once when the one that stands there was used; one is good for `valid_s`
  from the moment it was drawn.
- In memory only: no row, event, journal or log holds one, and with the process all of them die.
- One counts for the first claim that names it and for no other: that claim may be delivered twice, another one never has it.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from firmware.deeds import NONCE_BYTES


@dataclass
class _Drawn:
    nonce: bytes
    at_ms: int
    claim: str | None = None  # the claim that it was used for


class Nonces:
    """Those of one start. Times are monotonic milliseconds and never go back."""

    def __init__(self, draw: Callable[[int], bytes], *, period_s: int, valid_s: int) -> None:
        """`draw(n)` makes n bytes that nobody can guess."""
        self._draw = draw
        self._period_ms = 1_000 * period_s
        self._valid_ms = 1_000 * valid_s
        self._drawn: list[_Drawn] = []  # those that are still good, the newest last

    def current(self, now_ms: int) -> tuple[bytes, int]:
        """The one to be shown now, and until when: a new one where the last one's time there is over, or it was used."""
        self._forget(now_ms)
        newest = self._drawn[-1] if self._drawn else None
        if newest is None or newest.claim is not None or now_ms >= newest.at_ms + self._period_ms:
            newest = _Drawn(self._draw(NONCE_BYTES), now_ms)
            self._drawn.append(newest)
        return newest.nonce, newest.at_ms + self._period_ms

    def use(self, nonce: bytes, claim: str, now_ms: int) -> bool:
        """Whether this claim (its id) has seen the screen in time; from now on no other one has."""
        self._forget(now_ms)
        for each in self._drawn:
            if hmac.compare_digest(each.nonce, nonce):
                each.claim = each.claim or claim
                return each.claim == claim
        return False

    def _forget(self, now_ms: int) -> None:
        self._drawn = [each for each in self._drawn if now_ms < each.at_ms + self._valid_ms]
