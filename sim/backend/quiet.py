"""Which cells a buyer has emptied so lately that the locker takes no deposit into them: no order is to choose them."""

from collections.abc import Callable


class QuietHours:
    """By the backend's own clock, from the moment it hears of it: what the locker holds to is its own."""

    def __init__(self, utc_ms: Callable[[], int], quiet_after_pickup_s: int) -> None:
        self._utc_ms = utc_ms
        self._longest_ms = 1_000 * quiet_after_pickup_s
        self._until_ms: dict[int, int] = {}  # by cell, UTC

    def begin(self, cell: int) -> None:
        """Its parcel was collected, or the locker has said so to a courier."""
        self._until_ms[cell] = self._utc_ms() + self._longest_ms

    def cells(self) -> set[int]:
        """Those whose hour runs. One that a clock far ahead began, runs no longer than any other."""
        now_ms = self._utc_ms()
        return {
            cell for cell, until_ms in self._until_ms.items() if 0 < until_ms - now_ms <= self._longest_ms
        }
