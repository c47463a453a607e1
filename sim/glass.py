"""The glass between the browser's page and the shipped kiosk: it passes everything, sees what is shown, and has a finger.

The kiosk process and its page know nothing of it. What the finger sends is what the page would send, on the page's own
connection; with no page open the glass looks itself, as a page would. Answers to the finger are not the page's, and are kept.
"""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec import Struct

from firmware.control import (
    KIOSK_PUSHES,
    KIOSK_REQUESTS,
    Code,
    Heartbeat,
    Message,
    Press,
    Show,
    Told,
    decode,
    encode,
)
from firmware.errors import ProtocolError
from firmware.kiosk.site import HEARTBEAT_MS
from firmware.model import Action, Outcome, ScreenName
from sim import faces, web
from sim.deeds import WHO
from sim.locker import SimLocker

ALONE_S = 3.0  # without a page, until the glass looks itself: a page that is loaded anew is back by then
TOLD_MAX = 1_000  # answers that are kept
REACH_S = 10.0  # how long a finger waits for a screen, or an answer
TRIES = 5  # presses on the way to the keypad, and codes typed there
# What brings an idle screen to the keypad, and an old screen back to idle.
TO_KEYPAD = {
    ScreenName.IDLE: Action.START,
    ScreenName.WRONG_CODE: Action.AGAIN,
    ScreenName.NOTICE: Action.BACK,
    ScreenName.SCAN: Action.BACK,
    ScreenName.THANKS: Action.BACK,
    ScreenName.PROBLEM_NOTED: Action.BACK,
}


class Touched(Struct, frozen=True, eq=False):
    """One touch on its way, and whose it is."""

    message: Press | Code
    who: str
    by_finger: bool


class _End:
    """One connection to the kiosk: a page's, or our own."""

    def __init__(self, far: web.Far, page: web.Page | None) -> None:
        self.far = far
        self.page = page
        self.waiting: deque[Touched] = deque()  # for their answers, which come in their order


class Glass:
    """It stands before one kiosk; a `sim.faces.Touch`."""

    def __init__(self, locker: SimLocker, address: Callable[[], str]) -> None:
        """`address` is that of the kiosk's own page."""
        self.show: Show | None = None
        self.told: list[Outcome] = []
        self.due_s: float | None = None  # in the loop's time: when the screen changes by itself
        self.touched: list[Callable[[Touched], None]] = []  # called before a touch goes on
        self.answered: list[Callable[[Touched, Outcome], None]] = []
        self._locker = locker
        self._address = address
        self._end: _End | None = None
        self._dark = False
        self._sending: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    @property
    def is_waiting(self) -> bool:
        """Whether a touch has no answer yet."""
        return self._end is not None and bool(self._end.waiting)

    @asynccontextmanager
    async def serving(self, listener: socket.socket) -> AsyncIterator[None]:
        """Stand before the kiosk, at this address, while the context lasts."""
        look = asyncio.get_running_loop().create_task(self._look_alone())
        try:
            async with web.passing(listener, self._address, "/ws", self._join):
                yield
        finally:
            look.cancel()
            await asyncio.wait([look, *self._sending])

    # The finger

    def send(self, message: Message) -> None:
        """What the page would send; lost where nothing is connected."""
        self.send_bytes(encode(message))

    def send_bytes(self, data: bytes) -> None:
        """Any text, also such as no page would send."""
        if self._end is not None:
            task = asyncio.get_running_loop().create_task(
                self._pass(self._end, data.decode(errors="replace").rstrip("\n"), by_finger=True)
            )
            self._sending = [*(other for other in self._sending if not other.done()), task]

    async def press(self, action: Action) -> bool:
        """Press a button once the screen has it, again where it changed just then; False where it does not come, or is silent."""
        for _ in range(TRIES):
            if not await self.until(lambda show: action in show.screen.actions, REACH_S) or not self.show:
                return False
            outcome = await self._ask(Press(self.show.seq, action))
            if outcome is not Outcome.STALE:
                return outcome is not None
        return False

    async def type_code(self, code: str, phone: str = "") -> bool:
        """Find the keypad and type, again where it changed just then; False where the screen is somebody else's, or silent."""
        for _ in range(TRIES):
            if not await self.until(
                lambda show: show.screen.name in (*TO_KEYPAD, ScreenName.KEYPAD), REACH_S
            ):
                return False
            before = self.show
            if before is None:
                return False
            if before.screen.name is ScreenName.KEYPAD:
                outcome = await self._ask(faces.typed(self, code, phone))
                if outcome is not Outcome.STALE:
                    return outcome is not None
                continue
            faces.press(self, TO_KEYPAD[before.screen.name])
            await self.until(lambda show, before=before: show.seq != before.seq, REACH_S)  # type: ignore[misc]
        return False

    async def _ask(self, message: Press | Code) -> Outcome | None:
        """Send it, and wait for its answer; None where none comes."""
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def hear(touched: Touched, outcome: Outcome) -> None:
            if touched.message == message and not answer.done():
                answer.set_result(outcome)

        self.answered.append(hear)
        try:
            self.send(message)
            async with asyncio.timeout(REACH_S):
                return await answer
        except TimeoutError:
            return None
        finally:
            self.answered.remove(hear)

    async def until(self, holds: Callable[[Show], bool], within_s: float) -> bool:
        """Wait for a screen of which this holds; False where none comes."""
        try:
            async with asyncio.timeout(within_s):
                while self.show is None or not holds(self.show):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    # The browser and its end

    def leave(self) -> None:
        """The browser dies: connections end, and none is let in until `join`."""
        self._dark = True
        if self._end is not None:
            end = self._end
            self._lose(end)
            self._sending.append(asyncio.get_running_loop().create_task(end.far.end()))

    def join(self) -> None:
        """The browser is there again: its page comes by itself."""
        self._dark = False
        self._changed.set()

    async def _join(self, page: web.Page, far: web.Far) -> None:
        """A page's connection, from its first message to its last."""
        if self._dark:
            await page.end()
            return
        end = _End(far, page)
        self._end = end
        async with asyncio.TaskGroup() as group:
            shown = group.create_task(self._follow(end))
            async for text in page:
                await self._pass(end, text, by_finger=False)
            shown.cancel()
        self._lose(end)

    async def _look_alone(self) -> None:
        """Without a page, look at the screen as one would."""
        while True:
            if self._end is None and not self._dark and self._locker.assembly is not None:
                try:
                    async with web.socket_of(self._address(), "/ws") as socket_:
                        if self._end is None:
                            await self._be_a_page(_End(web.Far(socket_), None))
                except (web.Unanswered, OSError):
                    pass  # the kiosk is off, or not there yet
            await asyncio.sleep(ALONE_S)

    async def _be_a_page(self, end: _End) -> None:
        """Until another page comes. Its signs of life keep the kiosk from believing that its page is dead."""
        self._end = end
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(self._beat(end))
            await self._follow(end)
            beating.cancel()

    @staticmethod
    async def _beat(end: _End) -> None:
        while True:
            await end.far.send(encode(Heartbeat()).decode().rstrip())
            await asyncio.sleep(HEARTBEAT_MS / 1_000)

    async def _pass(self, end: _End, text: str, *, by_finger: bool) -> None:
        try:
            message = decode(KIOSK_REQUESTS, text.encode())
        except ProtocolError:
            message = None  # the kiosk will say so
        if isinstance(message, Press | Code):
            touched = Touched(message, WHO.get() if by_finger else "screen", by_finger)
            end.waiting.append(touched)
            for observe in self.touched:
                observe(touched)
        await end.far.send(text)

    async def _follow(self, end: _End) -> None:
        """Hand on what the kiosk says, until it ends."""
        async for text in end.far:
            if self._see(end, text) and end.page is not None:
                await end.page.send(text.encode())
        self._lose(end)
        if end.page is not None:
            await end.page.end()

    def _see(self, end: _End, text: str) -> bool:
        """Look at what passes; whether it is for the page."""
        try:
            push = decode(KIOSK_PUSHES, text.encode())
        except ProtocolError:  # the kiosk's own word: the controller is away
            push = None
        for_page = True
        if isinstance(push, Told):
            self.told[:] = [*self.told[1 - TOLD_MAX :], push.outcome]
            if end.waiting:
                touched = end.waiting.popleft()
                for_page = not touched.by_finger
                for observe in self.answered:
                    observe(touched, push.outcome)
        elif end is self._end:
            self._shows(push if isinstance(push, Show) else None)
        self._wake()
        return for_page

    def _shows(self, show: Show | None) -> None:
        self.show = show
        left_ms = show.left_ms if show is not None else None
        now_s = asyncio.get_running_loop().time()
        self.due_s = None if left_ms is None else now_s + left_ms / 1_000

    def _lose(self, end: _End) -> None:
        if end is self._end:
            self._end = None
            self._shows(None)
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._locker.moved.set()
