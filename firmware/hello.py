"""The nonces of hellos: what a backend signs must answer what was said just now, or it is yesterday's.

A nonce is in memory only and dies with the process. The last one is good for one welcome, and for acknowledgements until the
next hello is said.
"""

from collections.abc import Callable

from firmware.events import Event, JournalAcked, Welcomed

NONCE_BYTES = 16


def held(event: Event) -> int | None:
    """Up to where the backend says in it that it holds the journal; None where it says nothing of it."""
    match event:
        case JournalAcked(seq=seq) | Welcomed(acked_seq=seq, accepted=True):
            return seq
    return None


class Hellos:
    """Who says hello, and what of the answers is fresh."""

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        """`draw(n)` makes n bytes that nobody can guess."""
        self._draw = draw
        self._last: bytes | None = None
        self._said_ms: int | None = None  # None: nothing is to be welcomed

    def say(self, now_ms: int) -> bytes:
        """The nonce of a hello said now, in monotonic milliseconds. The one before is good for nothing any more."""
        self._last, self._said_ms = self._draw(NONCE_BYTES), now_ms
        return self._last

    def is_last(self, nonce: bytes) -> bool:
        """Whether the last hello had this nonce."""
        return nonce == self._last

    def welcomed(self) -> int | None:
        """When the last hello was said, which is welcomed now; None where it was before, or nobody has said any."""
        said_ms, self._said_ms = self._said_ms, None
        return said_ms
