"""The app on a phone that is held before the screen: it reads the code, claims the locker, and lets it go.

What it read goes to the backend, and the backend's signed command goes to the locker: a phone has no other way to it.
"""

import base64

from firmware.control import Show
from firmware.model import Direction, Purpose
from sim.backend import commands
from sim.backend.orders import ENDED
from sim.locker import SimLocker


def read(show: Show | None) -> str | None:
    """What the camera reads off the screen; None where there is no code on it."""
    return show.qr.text if show is not None and show.qr is not None else None


def nonce_of(text: str) -> bytes:
    """The nonce in what a camera has read: its last part, in base32."""
    digits = text.rpartition("/")[2]
    return base64.b32decode(digits + "=" * (-len(digits) % 8))


def claim(locker: SimLocker, person: str, text: str) -> str:
    """Claim the locker for all parcels of this buyer; returns the id under which the outcome will stand.

    Raises Unreachable; ValueError where there is nothing to collect.
    """
    orders = locker.backend.orders.values()
    mine = [each for each in orders if each.person == person and each.direction is Direction.INBOUND]
    grants = [each.grants[Purpose.PICKUP].id for each in mine if each.stage not in ENDED]
    if not grants:
        raise ValueError(f"{person} has nothing to collect")
    return locker.link.send_command(commands.claim(grants, nonce_of(text)))


def leave(locker: SimLocker, claimed_by: str) -> str:
    """«Отмена» in the app, for the command that claimed the locker. Raises Unreachable."""
    return locker.link.send_command(commands.leave(claimed_by))
