"""Strikes at the camera and at what looks through it: whatever happens to them, the keypad goes on."""

from sim.optics import Ill
from sim.site import Site
from sim.strikes.common import Blow, Strike


def camera(ill: Ill) -> Strike:
    """The camera is ill in this way for a while. One that is ill already stays as it is, but for a person's hand."""

    async def strike(site: Site, blow: Blow) -> None:
        optics = site.locker.optics
        if optics.ill is not Ill.FINE and not blow.aimed:
            return
        optics.afflict(ill)
        blow.fired()
        await blow.lasts(blow.chance.uniform(5, 300))
        if optics.ill is ill:
            optics.afflict(Ill.FINE)

    return strike


async def scanner_crashed(site: Site, blow: Blow) -> None:
    """The process dies from one moment to the next; a bug in a decoder does that."""
    site.crash_scanner()
    blow.fired()
