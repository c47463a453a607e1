"""Signed objects on their way from the broker to the controller, unread: so many wait, so many are looked at, so many a second."""

from collections import deque

from firmware.control import Signed
from firmware.link.topics import name_of

OBJECT_MAX_BYTES = 49_000  # in base64, with what goes round it, a frame of the controller's socket
ASKS_MAX = 16  # that the controller looks at
WAITING_MAX = 256  # that wait for it
PER_S = 200.0  # handed to it in the long run; so many at once, too


class Objects:
    """A queue with three bounds. All times are the loop's."""

    def __init__(self) -> None:
        self._asked = 0  # over all connections: no answer is taken for another's
        self._waiting: deque[bytes] = deque()
        self._asks: dict[int, str] = {}  # number → name
        self._allowance = PER_S
        self._filled_s = 0.0

    def forget(self) -> None:
        """Nothing waits, and no answer is due."""
        self._waiting.clear()
        self._asks.clear()

    def put(self, signed: bytes) -> bool:
        """Whether there was room for it."""
        if len(self._waiting) >= WAITING_MAX:
            return False
        self._waiting.append(signed)
        return True

    def take(self, now_s: float) -> list[Signed]:
        """What may go to the controller now."""
        taken: list[Signed] = []
        if not self._waiting:
            return taken
        passed_s, self._filled_s = now_s - self._filled_s, now_s
        self._allowance = min(PER_S, self._allowance + passed_s * PER_S)
        while self._waiting and len(self._asks) < ASKS_MAX and self._allowance >= 1:
            self._allowance -= 1
            signed = self._waiting.popleft()
            self._asked += 1
            self._asks[self._asked] = name_of(signed)
            taken.append(Signed(self._asked, signed))
        return taken

    def answered(self, ask: int) -> str | None:
        """The name of the object that this answer is about; None where it is one of before."""
        return self._asks.pop(ask, None)

    @property
    def due_s(self) -> float | None:
        """When the next one may go, though nothing else happens. Never so soon that a clock would stand still over it."""
        if not self._waiting or len(self._asks) >= ASKS_MAX:
            return None
        return self._filled_s + 1 / PER_S
