"""`postomat scanner`: looks through the camera, listens to barcode scanners, and tells the controller what was held before them.

One event loop and a thread that looks (`firmware.scanner.gaze`). No frame leaves this process, and none is written unless a technician has
asked for the ring. It may be killed at any time: it keeps nothing, and the keypad does without it.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from firmware import notify
from firmware.client import Client
from firmware.control import SCANNER_PUSHES, Message, Reading, Scan, Seq, Told, Watched
from firmware.errors import HardwareError, ProtocolError, Unreachable
from firmware.optics import REPLACED, TEXT_MAX, WELL, CameraState, Format, Hint
from firmware.scanner.gaze import Gaze, Orders
from firmware.scanner.hints import Hints
from firmware.scanner.ring import Ring
from firmware.scanner.watch import Watch
from hal.ports import HalError, Look
from hal.ports import Scanner as Eye

RETRY_S = (0.25, 0.5, 1.0, 2.0)  # between attempts to reach the controller; the last one repeats
BEAT_S = 0.25
WATCHED_S = 0.25  # a word about the camera at least so often; the controller misses it after 3 s
LINEAR_MAX = 48  # characters: no waybill is longer, no token as short
TOLD_MAX = 64  # texts that are remembered
REPEAT_MS = 2_000  # the same text is told again only then, while it is held there before one screen
END_S = 1.0  # for the thread to let go of the camera
ENDS = {
    CameraState.HUNG: "the camera does not answer",
    CameraState.FROZEN: "the camera sends one picture again and again",
}
log = logging.getLogger(__name__)


class Barcodes(Protocol):
    """A barcode scanner on a serial line, which may come and go."""

    def open(self, heard: Callable[[str], None]) -> None:
        """Tell every text from now on, on the event loop."""

    def close(self) -> None:
        """Idempotent."""


class Scanner:
    """One process's work."""

    def __init__(
        self, socket: Path, eye: Eye | None, barcodes: Sequence[Barcodes], idle_fps: int, ring: Ring | None
    ) -> None:
        """`eye`: None where there is no camera."""
        self._socket = socket
        self._barcodes = barcodes
        self._ring = ring
        self._gaze = Gaze(eye, self, idle_fps) if eye is not None else None
        self._watch, self._hints = Watch(), Hints()
        self._client: Client[Scan | Told] | None = None
        self._scan = Scan(Seq("", 0))
        self._asked_ms = 0  # since when for what this screen asks
        self._told: dict[tuple[str, Format], int] = {}  # before this screen, and when
        self._watched: Watched | None = None  # the last word …
        self._watched_s = float("-inf")  # … and when
        self._bug: BaseException | None = None

    async def run(self) -> None:
        """Until cancelled. Raises HardwareError where the camera hangs or is frozen: then only another process helps."""
        following = asyncio.get_running_loop().create_task(self._follow())
        if self._gaze is not None:
            self._gaze.start()
        for each in self._barcodes:
            each.open(self.heard_on_line)
        try:
            while not following.done() and self._bug is None:
                notify.feed()
                self._tell_watched()
                if self._watched is not None and self._watched.state in REPLACED:
                    raise HardwareError(ENDS[self._watched.state])
                await asyncio.sleep(BEAT_S)
            if self._bug is not None:
                raise self._bug
            await following
        finally:
            for each in self._barcodes:
                each.close()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            if self._gaze is not None:
                await self._gaze.end(END_S)

    # What the thread tells

    def asked(self, *, opening: bool) -> None:
        self._watch.asked(self._now_ms(), opening=opening)

    def missed(self, error: HalError) -> None:
        self._watch = Watch(missing=True)
        self._tell_watched(why=str(error))

    def broke(self, error: BaseException) -> None:
        self._bug = error

    def saw(self, look: Look, picture: bytes | None) -> None:
        """Only what was seen after the screen had asked counts: it may be the code of whoever was here before."""
        now_ms = self._now_ms()
        self._watch.saw(look.measures, now_ms)
        if self._scan.ring and self._ring is not None and picture is not None and self._ring.runs(now_ms):
            self._ring.add(picture, look.grabbed_ms)
        for code in look.codes if look.grabbed_ms >= self._asked_ms else ():
            self.heard(code.text, code.format)
        if Format.QR in self._scan.wants:
            self._hints.saw(look.measures, look.target, now_ms, read=bool(look.codes))
        self._tell_watched()
        self._give_orders()

    # What is read

    def heard(self, text: str, written: Format, *, asked: bool = False) -> None:
        """A text; what cannot be one of ours is told as an empty one, so that the screen can say so."""
        now_ms = self._now_ms()
        if (
            not (asked or written in self._scan.wants)
            or now_ms - self._told.get((text, written), -REPEAT_MS) < REPEAT_MS
        ):
            return
        if len(self._told) >= TOLD_MAX:
            self._told.clear()
        self._told[text, written] = now_ms
        ours = len(text) <= TEXT_MAX and text.isascii() and text.isprintable()
        self._send(Reading(self._scan.seq, text if ours else "", written))

    def heard_on_line(self, text: str) -> None:
        """A text that came without its format: what is too long for a barcode was a QR code.

        Whoever has pressed a trigger is answered by the screen, also where it asks for none: it says what to do first.
        """
        self.heard(text, Format.LINEAR if len(text) <= LINEAR_MAX else Format.QR, asked=True)

    def keep(self) -> None:
        """Write the ring, as a technician has asked."""
        if self._ring is not None:
            try:
                log.warning("%d pictures were written", self._ring.write(self._now_ms()))
            except OSError as error:
                log.error("the pictures were not written: %s", error)

    # The controller

    async def _follow(self) -> None:
        """Find the controller, hear what the screen asks for until it goes, and again."""
        failures = 0
        while True:
            try:
                client = await Client.connect(self._socket, SCANNER_PUSHES)
                failures = 0
                try:
                    await self._hear(client)
                finally:
                    self._client = None
                    self._ask(Scan(Seq("", 0)))
                    await client.close()
            except (Unreachable, ProtocolError) as error:
                if not failures:
                    log.warning("%s", error)
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1

    async def _hear(self, client: Client[Scan | Told]) -> None:
        self._client = client
        if self._watched is not None:
            self._say_watched(self._watched)
        while True:
            push = await client.receive()
            if isinstance(push, Scan):
                self._ask(push)
            else:
                log.debug("what was read: %s", push.outcome)

    def _ask(self, scan: Scan) -> None:
        """With the same `seq` the screen is the same, and whoever stands there too."""
        if scan.seq != self._scan.seq:
            self._asked_ms = self._now_ms()
            self._told.clear()
        self._scan = scan
        if Format.QR not in scan.wants:
            self._hints.forget()
        self._give_orders()

    def _give_orders(self) -> None:
        if self._gaze is not None:
            picture = self._scan.ring and self._ring is not None and self._ring.wants(self._now_ms())
            self._gaze.orders = Orders(self._scan.wants, self._scan.awake, picture)

    def _tell_watched(self, why: str = "") -> None:
        """How the camera is, where that has changed or was not told for a while; nothing before anything is known of it."""
        now_ms = self._now_ms()
        state = self._watch.state(now_ms) if self._gaze is not None else CameraState.NONE
        if state is CameraState.SILENT:
            return
        hint = self._hints.hint if state is CameraState.OK else Hint.NONE
        watched = Watched(state, hint, self._ring is not None and self._ring.runs(now_ms))
        if self._watched is None or watched.state is not self._watched.state:
            level = logging.INFO if watched.state in WELL else logging.WARNING
            log.log(level, "the camera: %s%s", watched.state, f" ({why})" if why else "")
            notify.status(f"the camera: {watched.state}")
        if watched != self._watched or now_ms >= 1_000 * (self._watched_s + WATCHED_S):
            self._say_watched(watched)

    def _say_watched(self, watched: Watched) -> None:
        self._watched, self._watched_s = watched, self._now_ms() / 1_000
        self._send(watched)

    def _send(self, message: Message) -> None:
        if self._client is not None:
            self._client.post(message)

    def _now_ms(self) -> int:
        return round(1_000 * asyncio.get_running_loop().time())


async def serve(
    socket: Path,
    eye: Eye | None,
    barcodes: Sequence[Barcodes],
    *,
    idle_fps: int,
    ring: Ring | None = None,
) -> None:
    """Run until cancelled; the controller may come and go. Raises HardwareError where the camera hangs or is frozen."""
    scanner = Scanner(socket, eye, barcodes, idle_fps, ring)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, scanner.keep)
    notify.ready()
    await scanner.run()
