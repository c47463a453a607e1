"""The thread that looks: it asks the camera for a frame, again and again, and decodes it.

A call into a camera may take for ever, and nothing can end it; so whatever it does is told to the event loop before and after, and
the loop is the judge (`firmware.scanner.watch`). A thread and no second process: decoding lets go of the interpreter's lock.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

from firmware.optics import Format
from firmware.scanner.stir import Stir
from hal.ports import HalError, Look, Scanner

RETRY_S = 1.0  # after the camera could not be opened, or was lost


class Orders(NamedTuple):
    """What the loop wants of the next frame."""

    wants: tuple[Format, ...] = ()  # the formats to look for
    awake: bool = False  # at full rate
    picture: bool = False  # for the ring


class Reports(Protocol):
    """Whom the thread tells; called on the event loop."""

    def asked(self, *, opening: bool) -> None:
        """The camera is asked for a frame now, or to open and for the first one."""

    def missed(self, error: HalError) -> None:
        """It said that it cannot; it will be tried again."""

    def saw(self, look: Look, picture: bytes | None) -> None:
        """A frame has come, and its picture where one was ordered."""

    def broke(self, error: BaseException) -> None:
        """The thread has ended by a bug."""


class Gaze:
    """The thread, from `start` to `end`. The loop sets `orders` when it likes."""

    def __init__(self, eye: Scanner, reports: Reports, idle_fps: int) -> None:
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
        is_open, stir, seen_ms = False, Stir(), 0
        try:
            while not self._ending.is_set():
                self._tell(partial(self._reports.asked, opening=not is_open))
                try:
                    if not is_open:
                        self._eye.open()
                        is_open = True
                    orders = self._orders
                    wants = orders.wants if orders.awake or stir.is_worth_while(seen_ms) else ()
                    look = self._eye.look(wants)
                    seen_ms = look.grabbed_ms
                    shows = look.target is not None if wants else None
                    stir.saw(look.measures.difference, seen_ms, shows=shows)
                    self._tell(self._reports.saw, look, self._eye.picture() if self._orders.picture else None)
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
