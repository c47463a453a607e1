"""The scanner of virtual time: it needs no socket, no thread and no pixel, and says what `postomat scanner` would say.

It reads what is held before the camera once the screen asks for it, and tells how the camera is: with the delays of the
shipped process, which the live simulator runs instead. Its barcode scanners are read by the shipped driver, from lines that
can be pulled out, be noisy, or flood. It is a peer of the gate like any other.
"""

import asyncio
from functools import partial

from firmware.assembly import Assembly
from firmware.control import SCANNER_PUSHES, Message, Reading, Scan, Told, Watched, decode, encode
from firmware.drivers import barcodes
from firmware.model import Outcome
from firmware.optics import REPLACED, CameraState, Format, Hint
from firmware.peer import Peer, Role
from firmware.scanner.hints import SETTLE_MS, advice
from hal.ports import Measures, Target
from sim.locker import SimLocker
from sim.optics import Ill, Way

FRAME_S = 0.05  # from a code before the camera to its text
REPEAT_S = 2.0  # the same text is told again only then, while it is held there before one screen
NOTICE_S = 2.5  # until a picture that stands still, stays dark or does not come is taken for what it is
BEAT_S = 2.5  # as seldom as the gate bears: a day has 86,400 seconds
RESTART_S = 1.0  # until systemd has started a process anew, and its first frame has come
_STATES = {
    Ill.FINE: CameraState.OK,
    Ill.FROZEN: CameraState.FROZEN,
    Ill.BLACK: CameraState.COVERED,
    Ill.GARBAGE: CameraState.GONE,
    Ill.GONE: CameraState.GONE,
    Ill.HANGS: CameraState.HUNG,
}
_AT_ONCE = (Ill.FINE, Ill.GARBAGE, Ill.GONE)
# What the shipped process measures of a code that is held up wrong (tests/hal/test_finder.py), and of the room around it.
_ROOM = Measures(brightness=110, contrast=60, difference=1.5)
_SEEN = {
    Way.FAR: Target(span=0.11, sharpness=0.4),
    Way.NEAR: Target(span=1.0, sharpness=0.3, cut=True, marked=False),
    Way.DARK: Target(span=0.47, sharpness=0.5, light=13, marked=False),
    Way.TILTED: Target(span=0.47, sharpness=0.4, slant=3.6),
    Way.SHAKEN: Target(span=0.47, sharpness=0.1, marked=False),
}


class MemoryScanner:
    """A scanner joined to the gate without a socket; it joins each new controller by itself."""

    def __init__(self, locker: SimLocker) -> None:
        """Nothing where the locker's configuration names neither a camera nor a barcode scanner."""
        self.scan: Scan | None = None  # what the screen asks for now
        self.told: list[Outcome] = []  # the answers so far
        self.held = ""  # the last text
        self._locker = locker
        self._optics = locker.optics
        self._state = CameraState.SILENT
        self._seen = (
            Ill.GONE,
            0.0,
        )  # what is wrong with the camera, and since when; without one it is gone for good
        self._peer: Peer | None = None
        self._parts: Assembly | None = None
        self._hint = Hint.NONE
        self._beat: asyncio.TimerHandle | None = None
        self._reads: asyncio.TimerHandle | None = None
        for each in barcodes(locker.config.scanner, port=locker.cabinet.scanner_port):
            each.open(partial(self.read, written=Format.LINEAR))
        if locker.config.scanner.device or locker.config.scanner.serial:
            locker.observe(self._attach)
            self._optics.observe(self._looked)
            if locker.assembly is not None:
                self._attach(locker.assembly)

    def wants(self, written: Format = Format.QR) -> bool:
        """Whether the screen asks for this now."""
        return self.scan is not None and written in self.scan.wants

    def read(self, text: str, written: Format = Format.QR) -> None:
        """A text was held before it, whether the screen asks for it or not; a camera that is ill reads nothing."""
        if self.scan is not None and (written is Format.LINEAR or self._ill is Ill.FINE):
            self.held = text
            self._send(Reading(self.scan.seq, text, written))

    def leave(self) -> None:
        """The process is gone, and is started anew."""
        peer, self._peer, self.scan = self._peer, None, None
        self._stop()
        if peer is not None and self._is_running():
            peer.gone()
        self._beat = asyncio.get_running_loop().call_later(RESTART_S, self._join)

    def _attach(self, parts: Assembly) -> None:
        self._parts, self.scan = parts, None
        self._stop()
        self._join()

    def _join(self) -> None:
        if self._parts is not None and self._is_running():
            self._hint = Hint.NONE
            self._seen = self._ill, self._now_s()
            self._state = CameraState.SILENT
            self._peer = self._parts.gate.join(Role.SCANNER, self._pushed, self.leave)
            self._tell()

    def _is_running(self) -> bool:
        """Whether the controller that was joined is there: one that is gone hears nothing."""
        return self._parts is not None and self._parts is self._locker.assembly

    def _stop(self) -> None:
        for timer in (self._beat, self._reads):
            if timer is not None:
                timer.cancel()
        self._beat = self._reads = None

    # How the camera is

    @property
    def _has_camera(self) -> bool:
        return bool(self._locker.config.scanner.device)

    @property
    def _ill(self) -> Ill:
        return self._optics.ill if self._has_camera else Ill.GONE

    def _looked(self) -> None:
        """Something before the camera, or in it, has changed."""
        if self._seen[0] is not self._ill:
            self._seen = self._ill, self._now_s()
        if self._peer is not None and self._is_running():
            self._tell()
            self._read_soon()

    def _tell(self) -> None:
        """How it is now, and again when that may change, or as a sign of life."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        if not self._is_running():
            return
        ill, since_s = self._seen
        left_s = 0.0 if ill in _AT_ONCE else since_s + NOTICE_S - self._now_s()
        if left_s <= 0:
            self._state = _STATES[ill] if self._has_camera else CameraState.NONE
        if self._state is not CameraState.SILENT:  # of which nothing is known yet, nothing is told
            self._send(Watched(self._state, self._hint))
        if self._state in REPLACED:
            self.leave()  # only another process is the cure
            return
        wait_s = min(left_s, BEAT_S) if left_s > 0 else BEAT_S
        self._beat = asyncio.get_running_loop().call_later(wait_s, self._tell)

    # What is held before it

    def _read_soon(self, after_s: float = FRAME_S) -> None:
        if self._reads is not None:
            self._reads.cancel()
            self._reads = None
        looks = self.wants() and self._optics.text is not None and self._ill is Ill.FINE
        wrong = looks and self._optics.way in _SEEN
        if not wrong:
            self._advise(Hint.NONE)
        if looks:
            act = self._guide if wrong else self._read
            after_s += SETTLE_MS / 1_000 if wrong else 0
            self._reads = asyncio.get_running_loop().call_later(after_s, act)

    def _read(self) -> None:
        self._reads = None
        if self._optics.text is not None and self._is_running():
            self.read(self._optics.text)
            self._read_soon(REPEAT_S)

    def _guide(self) -> None:
        """What is held up wrong is not read, and how wrong it is stands there until it is held otherwise."""
        self._reads = None
        self._advise(advice(_ROOM, _SEEN[self._optics.way]))

    def _advise(self, hint: Hint) -> None:
        if hint is not self._hint and self._is_running():
            self._hint = hint
            self._tell()

    def _pushed(self, line: bytes) -> None:
        push = decode(SCANNER_PUSHES, line)
        if isinstance(push, Scan):
            self.scan = push
            self._read_soon()
        elif isinstance(push, Told):
            self.told.append(push.outcome)
        self._locker.moved.set()

    def _send(self, message: Message) -> None:
        if self._peer is not None:
            self._peer.feed(encode(message))

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
