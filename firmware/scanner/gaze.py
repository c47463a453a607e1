"""The one thread of this process: it asks the camera for a frame, again and again, and decodes it.

A call into a camera may take for ever, and nothing can end it; so whatever it does is told to the event loop before and after, and
the loop is the judge (`firmware.scanner.watch`). A thread and no second process: decoding lets go of the interpreter's lock.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from firmware.optics import Format
from firmware.scanner.hints import Target
from firmware.scanner.watch import Measures
from hal.ports import HalError

RETRY_S = 1.0  # after the camera could not be opened, or was lost


class Orders(NamedTuple):
    """What the loop wants of the next frame."""

    wants: tuple[Format, ...] = ()  # the formats to look for
    awake: bool = False  # at full rate
    picture: bool = False  # for the ring


class Found(NamedTuple):
    """A code that was read."""

    text: str
    format: Format


class Look(NamedTuple):
    """One frame, measured and decoded."""

    grabbed_ms: int  # monotonic
    measures: Measures
    target: Target | None  # what looks like a code, whether it was read or not
    found: tuple[Found, ...] = ()
    picture: bytes | None = None  # JPEG; only where one was ordered


class Eye(Protocol):
    """A camera and its decoders. All of it is called by one thread, and any of it may block."""

    def open(self) -> None:
        """Raises PortMissing, PortBusy."""

    def look(self, orders: Orders) -> Look:
        """The newest frame. Raises PortLost."""

    def close(self) -> None:
        """Idempotent."""


class Reports(Protocol):
    """Whom the thread tells; called on the event loop."""

    def asked(self) -> None:
        """The camera is asked for something now."""

    def missed(self, error: HalError) -> None:
        """It said that it cannot; it will be tried again."""

    def saw(self, look: Look) -> None:
        """A frame has come."""

    def broke(self, error: BaseException) -> None:
        """The thread has ended by a bug."""


class Gaze:
    """The thread, from `start` to `end`. The loop sets `orders` when it likes."""

    def __init__(self, eye: Eye, reports: Reports, idle_fps: int) -> None:
        self._eye = eye
        self._reports = reports
        self._idle_s = 1 / idle_fps
        self._orders = Orders()
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    @property
    def orders(self) -> Orders:
        return self._orders

    @orders.setter
    def orders(self, orders: Orders) -> None:
        self._orders = orders
        (self._wake.set if orders.awake else self._wake.clear)()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Virtual time cannot see a thread, and the simulator never starts this one: it runs the process itself.
        threading.Thread(target=self._run, name="gaze", daemon=True).start()  # noqa: TID251

    async def end(self, patience_s: float) -> bool:
        """Ask it to end. Whether it has, in time."""
        self._ending.set()
        self._wake.set()
        try:
            async with asyncio.timeout(patience_s):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    def _run(self) -> None:
        is_open = False
        try:
            while not self._ending.is_set():
                self._tell(self._reports.asked)
                try:
                    if not is_open:
                        self._eye.open()
                        is_open = True
                    self._tell(self._reports.saw, self._eye.look(self._orders))
                except HalError as error:
                    self._eye.close()
                    is_open = False
                    self._tell(self._reports.missed, error)
                    self._ending.wait(RETRY_S)
                if not self._orders.awake:
                    self._wake.wait(self._idle_s)
            self._eye.close()
        except BaseException as error:  # noqa: BLE001 - it is raised on the loop, and ends the process there
            self._tell(self._reports.broke, error)
        self._tell(self._ended.set)

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self._ending.set()  # the loop has closed: nobody listens
