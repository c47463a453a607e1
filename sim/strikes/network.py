"""Strikes at what lies between a locker and its backend: a broker that loses, repeats, forgets, or means harm."""

from sim.backend import Signer
from sim.site import Site
from sim.strikes.common import Blow, Strike

SHARE = 0.4  # of the messages that a bad broker loses, repeats or turns round
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
