"""Strikes before the camera: codes that open nothing, and one that would, held up where nobody asks for it."""

import asyncio
import random
from collections.abc import Callable

from firmware.model import Purpose
from firmware.tokens import from_base45
from sim.backend import Signer, Stage, tokens
from sim.backend.backend import Backend
from sim.backend.orders import Order
from sim.minted import mint
from sim.site import Site
from sim.strikes.common import Blow, in_hand

Making = Callable[[Backend, Order, random.Random], str]
LONG_AGO_S = (600, 90_000)


def _said(backend: Backend, order: Order, chance: random.Random) -> dict[int, object]:
    grant = order.grants[Purpose.PICKUP].id
    return tokens.claims(backend.site.locker, backend.ledger.epoch, grant, "pickup", chance.randbytes(16))


def another_lockers(backend: Backend, order: Order, chance: random.Random) -> str:
    """The backend's own word, for the locker at the other end of the street."""
    return tokens.mint(backend.signer, {**_said(backend, order, chance), 3: "postomat/0124"})


def another_epochs(backend: Backend, order: Order, chance: random.Random) -> str:
    """For a database that this locker has not got yet."""
    return tokens.mint(backend.signer, {**_said(backend, order, chance), -65538: backend.ledger.epoch + 1})


def yesterdays(backend: Backend, order: Order, chance: random.Random) -> str:
    """A picture of what the app has shown."""
    at_ms = backend.now_ms() - 1_000 * chance.randint(*LONG_AGO_S)
    return tokens.mint(backend.signer, tokens.dated(_said(backend, order, chance), at_ms))


def bent(backend: Backend, order: Order, chance: random.Random) -> str:
    """A good one, of which one bit is another."""
    raw = bytearray(from_base45(tokens.mint(backend.signer, _said(backend, order, chance))))
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return tokens.base45(bytes(raw))


def forged(backend: Backend, order: Order, chance: random.Random) -> str:
    """A stranger's key, under the backend's name or its own."""
    signer = Signer(chance.randbytes(32), chance.choice((backend.signer.key_id, "stranger")))
    return tokens.mint(signer, _said(backend, order, chance))


def foreign(backend: Backend, order: Order, chance: random.Random) -> str:
    """What stands on a poster, or in another app."""
    return chance.choice(("HTTPS://EXAMPLE.KZ/MENU", "WIFI:S:CAFE;T:WPA;P:12345678;;", "", "40917263"))


MAKINGS: tuple[Making, ...] = (another_lockers, another_epochs, yesterdays, bent, forged, foreign)


async def held_up(site: Site, blow: Blow) -> None:
    """Whatever the screen shows; nothing may come of it. A buyer's good one is held up only where no screen asks for it."""
    chance, backend = blow.chance, site.locker.backend
    waiting = sorted(
        waybill
        for waybill, order in backend.orders.items()
        if order.stage is Stage.STORED and order.is_inbound
    )
    if site.sees_pixels or not waiting:
        return
    if chance.random() < 0.6:
        await in_hand(site, 900)
    for _ in range(chance.randint(1, 8)):
        waybill = chance.choice(waiting)
        order = backend.orders[waybill]
        if not site.scanner.wants() and chance.random() < 0.5:
            site.scanner.read(mint(site, waybill, Purpose.PICKUP, static=True))
        else:
            site.scanner.read(chance.choice(MAKINGS)(backend, order, chance))
        blow.fired()
        await asyncio.sleep(chance.uniform(0.05, 20))  # also once the screen is free again
