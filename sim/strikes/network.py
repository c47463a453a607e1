"""Strikes at what lies beyond a locker: a broker that loses, repeats, forgets or means harm, and a backend that is lost."""

import asyncio
import itertools
from pathlib import Path
from tempfile import TemporaryDirectory

from sim.backend import Signer
from sim.site import Site
from sim.strikes.common import Blow, Strike

SHARE = 0.4  # of the messages that a bad broker loses, repeats or turns round
COPIES_S = 3_600  # for so long what is worth losing is waited for
FLOOD = 400  # messages, more than a link lets wait


def weather(what: str, most: float) -> Strike:
    """For 30 s to 5 min, messages fare badly in this way, at most so badly."""

    async def strike(site: Site, blow: Blow) -> None:
        setattr(site.locker.weather, what, most if blow.aimed else blow.chance.uniform(most / 4, most))
        blow.fired()
        await blow.lasts(blow.chance.uniform(30, 300))
        setattr(site.locker.weather, what, 0.0)

    return strike


async def wiped(site: Site, blow: Blow) -> None:
    """A broker without its disk: no session, nothing queued, nothing retained."""
    site.locker.uplink.wipe()
    blow.fired()


async def hostile(site: Site, blow: Blow) -> None:
    """Whoever holds the broker says what it likes to both sides: what was said before, bent, cut, forged, and far too much."""
    chance, uplink, topics = blow.chance, site.locker.uplink, site.locker.link.topics
    stranger = Signer(chance.randbytes(32), site.locker.backend.signer.key_id)
    heard = list(site.locker.overheard)
    for topic, payload in heard:
        bent = bytearray(payload or b"\0")
        bent[chance.randrange(len(bent))] ^= 1 << chance.randrange(8)
        uplink.publish(topic, payload)
        uplink.publish(topic, bytes(bent))
        uplink.publish(topic, payload[: chance.randrange(len(payload) + 1)])
        uplink.publish(chance.choice(heard).topic, payload)
    for signed in site.sent:
        uplink.publish(topics.signed, stranger.sign_again(signed))
    for topic in (topics.signed, topics.hello, topics.journal, topics.told, topics.state):
        for nonsense in (b"", b"null", b"[" * 20_000, chance.randbytes(60_000)):
            uplink.publish(topic, nonsense)
    for _ in range(FLOOD):
        uplink.publish(topics.signed, chance.randbytes(200))
    blow.fired()


async def restored(site: Site, blow: Blow) -> None:
    """The backend's machine is lost, and it goes on from a copy: it knows nothing of what the locker has told it, and was sent, since.

    Orders and rights are in the copy, for whoever asked for them has them: a new one, and there is another copy. Keys are in none.
    """
    backend, chance = site.office.backend, blow.chance
    with TemporaryDirectory() as folder:
        copy, copied, since = Path(folder) / "copy", (-1, "", -1), 0
        entries = chance.randrange(1, 80)
        for _ in range(COPIES_S) if blow.healed is None else itertools.count():
            now = backend.revision, backend.signer.key_id, backend.ledger.epoch
            if now != copied:
                copied, since = now, backend.ledger.last
                copy.unlink(missing_ok=True)
                backend.backup(copy)
            is_told = backend.ledger.last - since >= entries
            if is_told if blow.healed is None else blow.healed.is_set():
                break
            await asyncio.sleep(1)
        site.locker.uplink.network(up=False)
        forgotten = backend.ledger.last
        backend.restore(copy)
        site.forgot_seq = max(site.forgot_seq, forgotten)
        site.waiting.clear()
        blow.fired()
        await asyncio.sleep(chance.uniform(1, 60))
        site.locker.uplink.network(up=True)
