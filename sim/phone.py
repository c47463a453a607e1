"""The app on phones that are held before the screen: they read the code, claim the locker, and let it go.

What one has read goes to the backend, and the backend's signed command goes to the locker: a phone has no other way to it.
"""

import asyncio
import base64

from firmware.model import Direction, Purpose
from sim.backend import commands
from sim.backend.orders import ENDED
from sim.faces import Touch
from sim.locker import SimLocker


class Phones:
    """All of them, and what they remember."""

    def __init__(self, locker: SimLocker, face: Touch) -> None:
        self.read: dict[str, tuple[str, float]] = {}  # code → which start showed it, when it was last seen
        self.claims: dict[str, tuple[str, str]] = {}  # the claim's command → who sent it, with which code
        self._locker = locker
        self._face = face

    def look(self) -> str | None:
        """What a camera reads off the screen now; None where there is no code on it."""
        show = self._face.show
        if show is None or show.qr is None:
            return None
        self.read[show.qr.text] = show.seq.start, asyncio.get_running_loop().time()
        return show.qr.text

    def claim(self, person: str, code: str) -> str | None:
        """Claim the locker for all parcels of this buyer; the id under which the outcome will stand, None with nothing to collect.

        Raises Unreachable.
        """
        orders = self._locker.backend.orders.values()
        mine = [each for each in orders if each.person == person and each.direction is Direction.INBOUND]
        grants = [each.grants[Purpose.PICKUP].id for each in mine if each.stage not in ENDED]
        if not grants:
            return None
        command = self._locker.link.send_command(commands.claim(grants, nonce_of(code)))
        self.claims[command] = person, code
        return command

    def leave(self, claim: str) -> None:
        """«Отмена» in the app, for the command that claimed the locker. Raises Unreachable."""
        self._locker.link.send_command(commands.leave(claim))


def nonce_of(code: str) -> bytes:
    """The nonce in what a camera has read: its last part, in base32."""
    digits = code.rpartition("/")[2]
    return base64.b32decode(digits + "=" * (-len(digits) % 8))
