"""The newest of what a device sends, for whoever comes for it late: a thread of its own takes everything as it comes, and keeps the last.

How much has piled up while nobody came cannot be told from how long a call took, for on a busy machine any call takes long. Where nothing
ever piles up, nothing has to be told.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

END_S = 1.0  # for a call into the device to come back; longer than a slow camera's frame


class Newest(Generic[T]):
    """One device's, from the moment it is made to `end`."""

    def __init__(self, take: Callable[[], T], release: Callable[[], None]) -> None:
        """`take` waits for the next one and raises where no more come. `release` comes after the last `take`, in the same thread."""
        self._take = take
        self._release = release
        self._came = threading.Condition()
        self._item: tuple[T] | None = None
        self._error: BaseException | None = None
        self._ending = False
        # Virtual time cannot see a thread, and no simulated device has this one: it stands above real drivers.
        self._thread = threading.Thread(target=self._run, name="newest", daemon=True)  # noqa: TID251
        self._thread.start()

    def get(self) -> T:
        """The newest that was not got yet; waits for it, for ever if need be. Raises what `take` raised."""
        with self._came:
            while self._item is None:
                if self._error is not None:
                    raise self._error
                self._came.wait()
            (item,), self._item = self._item, None
            return item

    def end(self) -> None:
        """Take no more. Waits until the device is released, but not for one that hangs: then it is released when it no longer does."""
        self._ending = True
        self._thread.join(END_S)

    def _run(self) -> None:
        try:
            while not self._ending:
                item = self._take()
                with self._came:
                    self._item = (item,)
                    self._came.notify()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
            with self._came:
                self._error = error
                self._came.notify()
        finally:
            self._release()
