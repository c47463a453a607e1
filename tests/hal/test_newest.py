"""The newest of what a device sends: nothing old, nothing twice, and a device that hangs holds up nobody who leaves."""

import queue
import threading
from collections.abc import Iterator

import pytest

from hal import newest
from hal.newest import Newest
from hal.ports import PortLost

GONE = -1


class Device:
    """It sends what it is given, and says when somebody waits for more."""

    def __init__(self) -> None:
        self.sent: queue.Queue[int] = queue.Queue()
        self.waited_for = threading.Semaphore(0)
        self.released = threading.Event()
        self.released_by: str | None = None

    def take(self) -> int:
        self.waited_for.release()
        item = self.sent.get()
        if item == GONE:
            raise PortLost("unplugged")
        return item

    def release(self) -> None:
        self.released_by = threading.current_thread().name
        self.released.set()

    def send(self, *items: int) -> None:
        """All of them are taken when this returns, for the next one is waited for."""
        for item in items:
            self.sent.put(item)
        for _ in items:
            self.waited_for.acquire()


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def items(device: Device) -> Iterator[Newest[int]]:
    made = Newest(device.take, device.release)
    device.waited_for.acquire()
    yield made
    device.sent.put(GONE)
    made.end()


def test_only_the_newest_is_got_and_once(device: Device, items: Newest[int]) -> None:
    device.send(*range(50))
    assert items.get() == 49
    threading.Timer(0.05, device.send, (50,)).start()
    assert items.get() == 50


def test_an_error_comes_after_what_came_before_it_and_stays(device: Device, items: Newest[int]) -> None:
    device.send(7)
    device.sent.put(GONE)
    assert device.released.wait(30)
    assert items.get() == 7
    for _ in range(2):
        with pytest.raises(PortLost, match="unplugged"):
            items.get()


def test_a_bug_is_not_swallowed() -> None:
    def broken() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Newest(broken, lambda: None).get()


def test_the_device_is_released_where_it_is_asked_and_taken_from_no_more(
    device: Device, items: Newest[int]
) -> None:
    items._ending = True
    device.sent.put(1)
    items.end()
    assert device.released.is_set()
    assert device.released_by == "newest"
    assert device.sent.empty()
    assert not device.waited_for.acquire(blocking=False)


def test_a_device_that_hangs_is_left_to_itself_and_released_later(
    device: Device, items: Newest[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "END_S", 0.05)
    items.end()
    assert not device.released.is_set()
    device.sent.put(1)
    assert device.released.wait(30)
