"""Who touches the screen: the kiosk's side of the control protocol, joined in memory or through the shipped kiosk's page."""

import asyncio
from typing import Any, Protocol

from firmware.assembly import Assembly
from firmware.control import KIOSK_PUSHES, Code, Message, Press, Show, Told, decode, encode
from firmware.model import Action, Outcome, Problem
from firmware.peer import Peer, Role
from sim.locker import SimLocker


class Touch(Protocol):
    """A person's finger."""

    show: Show | None  # what the screen shows now
    told: list[Outcome]  # the answers so far

    def send(self, message: Message) -> None:
        """What the page would send."""


class Screen(Touch, Protocol):
    """A screen with its browser, which may die."""

    due_s: float | None  # in the loop's time: when the screen changes by itself

    def send_bytes(self, data: bytes) -> None:
        """Any bytes, also such as no kiosk would send."""

    def leave(self) -> None:
        """The browser dies: the screen is black until `join`."""

    def join(self) -> None:
        """A fresh page comes; nothing where no controller runs."""


def press(face: Touch, action: Action, problem: Problem | None = None) -> None:
    """Press a button of the screen that is shown now. Raises RuntimeError where there is none."""
    face.send(Press(_shown(face).seq, action, problem))


def type_code(face: Touch, code: str, phone: str = "") -> None:
    """Type a whole code, and the phone's last digits where the keypad asks for them: the page sends the last one's all."""
    face.send(typed(face, code, phone))


def typed(face: Touch, code: str, phone: str = "") -> Code:
    """What the page sends once that was typed. Raises RuntimeError where no screen is shown."""
    shown = _shown(face)
    return Code(shown.seq, code + phone if shown.screen.with_phone else code)


def _shown(face: Touch) -> Show:
    if face.show is None:
        raise RuntimeError("the screen shows nothing yet")
    return face.show


class MemoryKiosk:
    """A kiosk joined to the gate without a socket; it joins each new controller by itself."""

    def __init__(self, locker: SimLocker) -> None:
        self.show: Show | None = None
        self.told: list[Outcome] = []
        self._locker = locker
        self.due_s: float | None = None  # in the loop's time: when the screen changes by itself
        self._peer: Peer | None = None
        self._parts: Assembly | None = None
        locker.observe(self._attach)

    def join(self) -> None:
        """Connect anew, as a fresh page; nothing where no controller runs."""
        if self._parts is not None and self._parts is self._locker.assembly:
            self._peer = self._parts.gate.join(Role.KIOSK, self._pushed, lambda: None)

    def leave(self) -> None:
        """The browser dies: the screen is black until `join`."""
        peer, self._peer, self.show = self._peer, None, None
        if peer is not None:
            peer.gone()

    def _attach(self, parts: Assembly) -> None:
        self._parts = parts
        self._peer = parts.gate.join(Role.KIOSK, self._pushed, lambda: None)

    def _pushed(self, line: bytes) -> None:
        message = decode(KIOSK_PUSHES, line)
        if isinstance(message, Show):
            self.show = message
            left_ms, now_s = message.left_ms, asyncio.get_running_loop().time()
            self.due_s = None if left_ms is None else now_s + left_ms / 1_000
        elif isinstance(message, Told):
            self.told.append(message.outcome)
        self._locker.moved.set()

    def send(self, message: Message) -> None:
        """Hand the line to the gate, as the socket would."""
        self.send_bytes(encode(message))

    def send_bytes(self, data: bytes) -> None:
        """Hand over any bytes, also such as no kiosk would send."""
        if self._peer is not None:
            self._peer.feed(data)


class PageKiosk:
    """The shipped kiosk's page, as its WebSocket sees it. Make it with `open`."""

    def __init__(self, locker: SimLocker, page: Any) -> None:
        self.show: Show | None = None
        self.told: list[Outcome] = []
        self.shown = asyncio.Event()
        self._locker = locker
        self._page = page
        self._reading = asyncio.get_running_loop().create_task(self._read())
        self._sending: list[asyncio.Task[None]] = []

    def send(self, message: Message) -> None:
        """Send the text that the page sends."""
        task = asyncio.get_running_loop().create_task(self._page.send_str(encode(message).decode()))
        self._sending = [*(other for other in self._sending if not other.done()), task]

    async def close(self) -> None:
        """End the connection."""
        self._reading.cancel()
        await asyncio.wait([self._reading])
        await self._page.close()

    async def _read(self) -> None:
        async for message in self._page:
            push = decode(KIOSK_PUSHES, message.data.encode()) if '"away"' not in message.data else None
            if isinstance(push, Show):
                self.show = push
                self.shown.set()
            elif isinstance(push, Told):
                self.told.append(push.outcome)
            self._locker.moved.set()
