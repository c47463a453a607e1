"""From the last digit to the wire: the page's frame leaves, and the unlock frame's last byte is read at the boards' end.

This process is the page and the backend of a device (`tests.bench.device`), whose boards are polled at their idle rate while
somebody types.

A pty takes no time for bytes, the simulated line does: of each sample the time is taken away in which a poll held the line
(its bytes, the board's thinking, the gap that boards need before the next frame), since no program can shorten it. Whatever
the driver waits beyond that is its own. The unlock frame's own bytes are read before they cost time: nothing is taken away.
"""

import asyncio
import random
import subprocess
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import monotonic_ns
from typing import Protocol

from aiohttp import ClientWebSocketResponse
from msgspec.structs import replace

from firmware.control import KIOSK_PUSHES, Code, Message, Press, Show, decode, encode
from firmware.errors import Unreachable
from firmware.model import Action, Purpose, ScreenName
from hal.rs485 import BITS_PER_BYTE, silence_ms
from sim import web
from sim.backend import Link
from tests.bench.boards import FRAME_BYTES
from tests.bench.device import Device, device
from tests.bench.harness import Against, BenchError, Measure, Peer, figure, p99
from tests.bench.process import helper

SAMPLES = 500
PATIENCE_S = 20.0
APART_S = 0.2  # between two pulses: the last one, and the gap that other coils must have
BAUD, THINK_MS, REPLY_BYTES = 9_600, 2.0, 7
BYTE_MS = 1_000 * BITS_PER_BYTE / BAUD
POLL_MS = (FRAME_BYTES + REPLY_BYTES) * BYTE_MS + THINK_MS + silence_ms(BAUD)
AT_DOOR = (ScreenName.PUT_PARCEL, ScreenName.TAKE_PARCEL)
SHUT = (ScreenName.THANKS, ScreenName.CLOSING, ScreenName.ASK_TAKEN)


async def said(process: "subprocess.Popen[bytes]") -> list[int]:
    """The numbers of the next line that a helper says. Raises BenchError where it says none."""
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), PATIENCE_S)
    except TimeoutError:
        process.kill()  # the thread that reads would wait for ever
        raise BenchError(f"nothing came out of the pty for {PATIENCE_S:.0f} s") from None
    if not line:
        raise BenchError("the process behind the pty has ended")
    return [int(word) for word in line.split() if word.isdigit()]


class Page:
    """The page: what it shows now, and a finger. It reads all the time, as a browser does: the kiosk pings it."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._show: Show | None = None
        self._moved = asyncio.Event()
        self._past: deque[str] = deque(maxlen=12)  # said and heard, for whoever asks why nothing came

    async def listen(self) -> None:
        """Take in what comes, until the kiosk closes the connection."""
        async for message in self._socket:
            push = decode(KIOSK_PUSHES, message.data.encode())
            self._past.append(f"heard {replace(push, qr=None) if isinstance(push, Show) else push}")
            self._show = push if isinstance(push, Show) else self._show
            self._moved.set()
        self._past.append("the kiosk has closed the connection")

    async def see(self, *names: ScreenName) -> Show:
        """Wait for one of these screens. Raises BenchError where none comes."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self._show is None or self._show.screen.name not in names:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise BenchError(f"waited for {' or '.join(names)} in vain{self.past()}") from None
        return self._show

    def past(self) -> str:
        """What was said and heard last."""
        return f"; before: {'; '.join(self._past)}"

    async def send(self, message: Message) -> None:
        self._past.append(f"said {type(message).__name__} on screen {getattr(message, 'seq', None)}")
        await self._socket.send_str(encode(message).decode())

    async def press(self, show: Show, action: Action) -> None:
        await self.send(Press(show.seq, action))


class FarEnd(Protocol):
    """The backend's end of the link, whatever there is between."""

    @property
    def link(self) -> Link: ...

    async def until(self, done: Callable[[], bool]) -> None: ...


class Touches:
    """People who come one after another: all cells are filled, then emptied, and again."""

    def __init__(self, page: Page, link: FarEnd, boards: "subprocess.Popen[bytes]", cells: int) -> None:
        self.raw_ms: list[float] = []
        self.polls_ms: list[float] = []
        self._page, self._link, self._boards, self._cells = page, link, boards, cells
        self._chance = random.Random(1)
        self._next = self._visits()
        self._pulsed_ns = 0

    def _visits(self) -> Iterator[tuple[str, int, Purpose]]:
        """Orders are made when all cells are empty; a visit is a parcel, its cell, and what for."""
        number = 0
        while True:
            orders = {f"KZ{number + cell:06}": cell for cell in range(1, self._cells + 1)}
            number += self._cells
            for waybill, cell in orders.items():
                self._link.link.backend.order(waybill, cell, "buyer")
            self._link.link.sync()
            yield from ((waybill, cell, Purpose.DEPOSIT) for waybill, cell in orders.items())
            yield from ((waybill, cell, Purpose.PICKUP) for waybill, cell in orders.items())

    async def touch(self) -> float:
        """One visit; the milliseconds from the last digit to the wire, without the poll that was in the way."""
        return self._sampled(*await self._type(*next(self._next)))

    async def _type(self, waybill: str, cell: int, purpose: Purpose) -> tuple[float, float]:
        """A visit by code."""
        await self._settle()
        page = self._page
        await page.press(await page.see(ScreenName.IDLE), Action.START)
        keypad = await page.see(ScreenName.KEYPAD)
        await self._let_rest()
        code = Code(keypad.seq, self._link.link.backend.code(waybill, purpose))
        return await self._to_wire(lambda: page.send(code), cell)

    async def _let_rest(self) -> None:
        apart_s = APART_S - (monotonic_ns() - self._pulsed_ns) / 1e9
        await asyncio.sleep(max(0.0, apart_s) + self._chance.uniform(0, 0.05))  # anywhere between two polls

    async def _to_wire(self, ask: Callable[[], Awaitable[None]], cell: int) -> tuple[float, float]:
        """Ask, and leave; the milliseconds from there to the wire, and of a poll that was in the way."""
        sent_ns = monotonic_ns()
        await ask()
        asked_ns = 0
        try:
            while self._pulsed_ns < sent_ns:
                self._pulsed_ns, asked_ns = await said(self._boards)
        except BenchError as error:
            raise BenchError(f"{error}{self._page.past()}") from None
        pulsed_ns = self._pulsed_ns
        await self._leave(cell)
        end_ns = min(pulsed_ns, asked_ns + round(1e6 * POLL_MS))
        return (pulsed_ns - sent_ns) / 1e6, max(0, end_ns - max(sent_ns, asked_ns)) / 1e6

    def _sampled(self, raw_ms: float, poll_ms: float) -> float:
        self.raw_ms.append(raw_ms)
        self.polls_ms.append(poll_ms)
        return raw_ms - poll_ms

    async def _settle(self) -> None:
        """The locker has the newest list, and we have its journal."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._link.until(lambda: self._link.link.is_settled)
        except (TimeoutError, Unreachable) as error:
            raise BenchError(f"the link does not settle: {str(error) or 'too slow'}") from None

    async def _leave(self, cell: int) -> None:
        """The door stands open: it is pushed shut, and the next person finds the idle screen."""
        page = self._page
        await page.see(*AT_DOOR)
        assert self._boards.stdin is not None
        self._boards.stdin.write(f"shut {cell}\n".encode())
        self._boards.stdin.flush()
        show = await page.see(*SHUT)
        if show.screen.name is not ScreenName.THANKS:
            await page.press(show, Action.CONFIRM)
            show = await page.see(ScreenName.THANKS)
        await page.press(show, Action.BACK)

    def note(self) -> str:
        """What every sample was made of, but the first: it waits for the coils' rest after the start, and does not count."""
        raw_ms, met = sorted(self.raw_ms[1:]), [each for each in self.polls_ms[1:] if each]
        mean = sum(met) / len(met) if met else 0.0
        return (
            f"{len(raw_ms)} samples, p99 as measured {p99(raw_ms):.1f} ms, median "
            f"{median(raw_ms):.1f} ms; taken away: a poll on the line in {len(met)} of them, "
            f"{mean:.1f} ms on average, at most {POLL_MS:.1f} ms ({(FRAME_BYTES + REPLY_BYTES) * BYTE_MS:.1f} ms of bytes, "
            f"{THINK_MS:.0f} ms of thinking, a gap of {silence_ms(BAUD)} ms); not taken away: "
            f"{FRAME_BYTES * BYTE_MS:.1f} ms of unlock frame, which a pty does not cost"
        )


class Echo:
    """Three processes that only pass bytes on, joined as page, kiosk, controller and boards are."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def __call__(self) -> float:
        """Milliseconds from here to the end of the last pty."""
        if self._runner is None:
            raise BenchError("the echo is not running")
        return self._runner.run(self._echo())

    @contextmanager
    def running(self, runner: asyncio.Runner, folder: Path) -> Iterator[None]:
        with ExitStack() as stack:
            self._end, _ = stack.enter_context(helper("tests.bench.relay", "last", folder))
            stack.enter_context(helper("tests.bench.relay", "second", folder))
            _, port = stack.enter_context(helper("tests.bench.relay", "first", folder))
            _, self._writer = runner.run(asyncio.open_connection("127.0.0.1", int(port)))
            self._runner = runner
            try:
                yield
            finally:
                self._runner = None
                self._writer.close()

    async def _echo(self) -> float:
        sent_ns = monotonic_ns()
        self._writer.write(b'{"type":"code","seq":{"start":"0123456789abcdef","count":1},"code":"00000000"}')
        (read_ns,) = await said(self._end)
        return (read_ns - sent_ns) / 1e6


echo = Echo()


async def come(stack: AsyncExitStack, device: Device) -> Touches:
    """Join both faces to what runs."""
    link = await device.link()
    stack.callback(link.close)
    page = Page(await stack.enter_async_context(web.socket_of(device.url, "/ws")))
    ears = asyncio.create_task(page.listen())
    stack.callback(ears.cancel)
    await page.see(ScreenName.IDLE)
    return Touches(page, link, device.boards, len(device.config.cells))


class Measuring:
    """`Touches` for the harness, which knows no event loop."""

    def __init__(self, runner: asyncio.Runner, touches: Touches) -> None:
        self._runner, self._touches = runner, touches

    def __call__(self) -> float:
        return self._runner.run(self._touches.touch())

    def note(self) -> str:
        return self._touches.note()


@figure(
    "last digit to the wire, p99",
    "ms",
    at_most=10,
    peer=Peer("p99 of an asyncio echo over as many processes", echo, Against.MINUS),
    rounds=SAMPLES,
    summary=p99,
)
@contextmanager
def touch_to_wire() -> Iterator[Measure]:
    """One sample each round, with one echo before or after it."""
    with ExitStack() as stack:
        ours = stack.enter_context(device())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        runner = stack.enter_context(asyncio.Runner())
        stack.enter_context(echo.running(runner, folder))
        faces = AsyncExitStack()
        try:
            yield Measuring(runner, runner.run(come(faces, ours)))
        finally:
            runner.run(faces.aclose())
