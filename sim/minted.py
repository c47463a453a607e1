"""Tokens as people have them: what the backend made, for whom, and until when it is good."""

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from firmware.events import TokenShown
from firmware.model import Purpose
from firmware.tokens import from_base45
from sim.backend import tokens

if TYPE_CHECKING:
    from sim.site import Site

CLOCK_OFF_MS = 90_000  # how far a sure clock may be off (`sim.clock_rules`)


class Minted(NamedTuple):
    """A token that the backend has made for somebody; `until_ms` (UTC) is None for a static one."""

    grant: str
    holder: str
    until_ms: int | None


def mint(site: "Site", waybill: str, purpose: Purpose, *, static: bool) -> str:
    """A token for the holder of this right, from the app or on paper."""
    backend = site.locker.backend
    text = backend.mint(waybill, purpose, static=static)
    grant = backend.orders[waybill].grants[purpose]
    until_ms = None if static else site.locker.clock.true_ms() + 1_000 * tokens.VALID_S
    digest = hashlib.sha256(from_base45(text)).hexdigest()
    site.minted[digest] = Minted(grant.id, grant.holder, until_ms)
    return text


def holder(site: "Site", shown: TokenShown) -> str | None:
    """For whom the backend has made this token; None where it is none of its making for this grant, or its minute is over."""
    minted, true_ms = site.minted.get(shown.digest), site.locker.clock.true_ms()
    if minted is None or minted.grant != shown.grant:
        return None
    if minted.until_ms is None and not site.afar.takes_static:
        return None
    return minted.holder if minted.until_ms is None or true_ms < minted.until_ms + CLOCK_OFF_MS else None
