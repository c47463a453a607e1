"""What the screen offers to a phone's camera: the configured link to the app, with this locker and a nonce.

It is there while the screen is one before which nobody has proved anything (`OFFERED_ON`), an app link is configured, and the
link to the backend was confirmed within `link_confirmed_s`: a claim that could not arrive is not offered. It changes by
itself, with no event and no commit; what a person may press stays as it was.
"""

import asyncio
import base64
from collections.abc import Callable

from firmware.config import Config
from firmware.control import Qr
from firmware.model import ScreenName
from firmware.nonces import Nonces

OFFERED_ON = frozenset({ScreenName.IDLE, ScreenName.KEYPAD})


class Offer:
    """One start's offer. Times are monotonic milliseconds, as `loop.time()` has them."""

    def __init__(self, config: Config, draw: Callable[[int], bytes]) -> None:
        """`draw(n)` makes n bytes that nobody can guess."""
        times = config.times
        self._locker = config.locker
        self._confirmed_ms = 1_000 * times.link_confirmed_s
        self._nonces = Nonces(draw, period_s=times.screen_qr_period_s, valid_s=times.screen_qr_valid_s)
        self._good_until_ms = 0  # the link's last confirmation
        self._timer: asyncio.TimerHandle | None = None
        self._screen = ScreenName.OUT_OF_SERVICE  # the one that was asked for last
        self._qr: Qr | None = None  # what was said of it
        self.on_change: Callable[[], None] = lambda: None  # the gate's: it is another one, or gone

    def link(self, now_ms: int, *, confirmed: bool) -> None:
        """What the link says of itself. A word that it is down changes nothing: it may greet anew and be back in a moment."""
        was_good = self._is_good(now_ms)
        if confirmed:
            self._good_until_ms = now_ms + self._confirmed_ms
        if confirmed and not was_good:
            self.on_change()

    def qr(self, screen: ScreenName, now_ms: int) -> Qr | None:
        """What belongs on this screen now; when that changes by itself, `on_change` is called."""
        self.stop()
        self._screen, self._qr = screen, None
        if screen in OFFERED_ON and self._locker.app_link and self._is_good(now_ms):
            nonce, until_ms = self._nonces.current(now_ms)
            self._qr = Qr(content(self._locker.app_link, self._locker.id, nonce))
            at_s = min(self._good_until_ms, until_ms) / 1_000
            self._timer = asyncio.get_running_loop().call_at(at_s, self._ring)
        return self._qr

    def use(self, nonce: bytes, claim: str, now_ms: int) -> bool:
        """Whether this claim (its id) was made before this screen, just now. One nonce is good for one claim."""
        fresh = self._nonces.use(nonce, claim, now_ms)
        if fresh:
            self.on_change()
        return fresh

    def stop(self) -> None:
        """Call nobody any more; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_good(self, now_ms: int) -> bool:
        return now_ms < self._good_until_ms

    def _ring(self) -> None:
        """It may have to change now: unless the link was confirmed again meanwhile."""
        before, now_ms = self._qr, round(1_000 * asyncio.get_running_loop().time())
        if self.qr(self._screen, now_ms) != before:
            self.on_change()


def content(app_link: str, locker: str, nonce: bytes) -> str:
    """What the camera reads.

    The nonce is in base32 (RFC 4648) without its padding: with a link and an id in capitals, all of it is of a QR code's
    alphanumeric set, which takes 5.5 bits a character and not 8.
    """
    return f"{app_link}{locker}/{base64.b32encode(nonce).decode().rstrip('=')}"
