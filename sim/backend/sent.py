"""What a backend has sent and has no answer to, and what it was told of the rest: the last of it, for anybody may answer."""

from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Sent:
    """A signed object without an answer. Its times are those of the link, in seconds."""

    number: int
    object: bytes
    command: str | None
    first_s: float
    last_s: float


class Last(dict[K, V]):
    """The last `most` things that were put in."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        if len(self) > self._most:
            del self[next(iter(self))]
