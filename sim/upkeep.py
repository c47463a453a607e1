"""What the operator wants of the locker itself: a cell kept for a parcel to come, other settings, other keys."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from firmware.model import Outcome, Purpose
from sim.afar import LEFT_KEY
from sim.backend import Signer, commands
from sim.backend.signing import COMMAND
from sim.people import Visitor
from sim.site import Site

ANSWER_S = 180  # in which an outcome is waited for
TURN_S = 1_800  # in which a rotation comes to its end, or somebody looks again another time
SIZES = ("S", "M", "L", "XL")
# What may be set, and to what; of the file's own these differ.
GOOD: dict[str, tuple[int | str, ...]] = {
    "remote_open": ("anywhere", "anywhere", "touch", "screen_qr"),
    "static_tokens": (0, 1),
    "closing_screen_s": (10, 20, 45, 120),
    "confirmation_window_s": (60, 300, 600, 1_800),
    "reopen_max": (0, 1, 3, 10),
    "remote_open_max": (1, 4, 6, 60),
    "remote_open_window_s": (60, 600, 3_600),
    "storage_term_h": (12, 24),
}
# What no locker may take: out of its bounds, of another kind, or nothing that is set from afar.
BAD: dict[str, int | str] = {
    "remote_open": "everywhere",
    "static_tokens": 2,
    "closing_screen_s": 9,
    "confirmation_window_s": 3_601,
    "reopen_max": "3",
    "remote_open_max": 0,
    "storage_term_h": 11,
    "pulse_ms": 900,
    "code_digits": 6,
}


async def reserve(site: Site, chance: random.Random, waybill: str, manner: str) -> None:
    """Keep a cell, and order the parcel into it; or think better of it; or forget about it."""
    office, backend = site.office, site.office.backend
    this = chance.choice(site.cells) if chance.random() < 0.3 else None
    size = chance.choice(SIZES) if this is None else None
    since = backend.ledger.last
    command = office.command(commands.reserve(waybill, "Kaspi Gold", size=size, cell=this))
    if await _outcome(site, command) != Outcome.DONE or command is None:
        return
    kept = office.keep(waybill, command, since)
    await asyncio.sleep(chance.uniform(1, 300))
    if manner == "cancelled" or kept in backend.taken_cells():
        done = await _outcome(site, office.command(commands.cancel(waybill)))
        if done == Outcome.DONE:
            office.kept.pop(waybill, None)
    elif manner == "used" and office.order(waybill) is not None:
        await asyncio.sleep(chance.uniform(1, 20))
        await Visitor(site, chance, waybill, Purpose.DEPOSIT, "usual").come()
        await asyncio.sleep(chance.expovariate(1 / 900))
        await Visitor(site, chance, waybill, Purpose.PICKUP, "usual").come()


async def configure(site: Site, chance: random.Random, of: str, manner: str) -> None:
    """Set something, or all back to the file's; or try what no locker may take, among things that it may."""
    names = chance.sample(list(GOOD), chance.randint(0, 3))
    settings = {name: chance.choice(GOOD[name]) for name in names}
    if manner == "bad":
        wrong = chance.choice(list(BAD))
        settings[wrong] = BAD[wrong]
    command = site.office.command(commands.configure(settings))
    if command is not None and manner == "bad":
        site.afar.bad.add(command)


async def rotate(site: Site, chance: random.Random, key_id: str, manner: str) -> None:
    """Another key signs; once the locker believes it alone, somebody who has the old one still tries to use it."""
    backend, old = site.office.backend, site.office.backend.signer
    following = Signer(chance.randbytes(32), key_id)
    if backend.keys.is_under_way or not site.locker.link.is_attached:
        return
    site.hear(following)
    backend.rotate(following, site.office.utc_ms() + chance.randrange(120_000))
    site.office.sync()
    for _ in range(TURN_S):
        await asyncio.sleep(1)
        if old.key_id not in site.afar.keys:
            break
    else:
        return
    payload = {
        "id": f"left-{key_id}",
        "locker": site.locker.config.locker.id,
        "epoch": backend.ledger.epoch,
        "not_before_ms": site.office.utc_ms() - commands.BEHIND_MS,
        "not_after_ms": site.office.utc_ms() + 600_000,
        "do": commands.block(chance.choice(site.cells)),
    }
    link = site.locker.link
    if link.is_attached:
        number = link.send(old.sign(COMMAND, payload))
        await asyncio.sleep(ANSWER_S)
        if (outcome := link.answers.get(number)) is not None:
            site.afar.answered[f"{LEFT_KEY}: {outcome}"] += 1


async def _outcome(site: Site, command: str | None) -> str | None:
    """What the journal tells of it, within a while."""
    sent = site.office.backend.books.commands.get(command or "")
    for _ in range(ANSWER_S if sent is not None else 0):
        if sent is not None and sent.outcome is not None:
            return sent.outcome
        await asyncio.sleep(1)
    return None


UPKEEP: dict[str, Callable[[Site, random.Random, str, str], Awaitable[None]]] = {
    "reserve": reserve,
    "configure": configure,
    "rotate": rotate,
}
