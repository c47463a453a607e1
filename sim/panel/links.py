"""What belongs to which line of the X-ray, for as long as it is likely to be asked for."""

from collections import OrderedDict
from typing import TypeVar

LINKS_MAX = 256  # of each kind: whose line is remembered
K = TypeVar("K")
V = TypeVar("V")


class Links(OrderedDict[K, V]):
    """By what the house calls it, the line that it belongs to; the oldest is forgotten."""

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > LINKS_MAX:
            self.popitem(last=False)
