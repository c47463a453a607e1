"""What must always hold of the screen's code and of what is claimed with it; asked with the other rules of `sim.invariants`."""

from collections.abc import Iterator

from firmware.events import Pulse
from firmware.model import EntryKind
from firmware.rows import Intent
from sim.facts import Facts

SLACK_S = 0.01  # deadlines are in whole milliseconds


def a_claim_has_seen_the_screen(facts: Facts) -> Iterator[str]:
    """Else anybody could hold the locker from anywhere: the code stood on this start's screen, a moment ago, and is used once."""
    phones, times = facts.site.phones, facts.site.locker.config.times
    for entry in facts.entries:
        if entry.kind is not EntryKind.CLAIMED:
            continue
        code = phones.claims[entry.command or ""][1]
        start, seen_s = phones.read[code]
        if start != facts.parts.runtime.seq.start:
            yield f"{entry}: its code was shown before the last start"
        if facts.now_s - seen_s > times.screen_qr_valid_s + times.remote_wait_s + SLACK_S:
            yield f"{entry}: its code was seen {facts.now_s - seen_s:.3f} s ago"
        if facts.claims.used.setdefault(code, entry.command) != entry.command:
            yield f"{entry}: its code was used by {facts.claims.used[code]}"


def only_the_claims_own_cells_open(facts: Facts) -> Iterator[str]:
    """Whoever stands at the screen has claimed it: no other's door opens before them, and theirs is not missed."""
    if facts.claims.by is None:
        return
    holder, _ = facts.site.phones.claims[facts.claims.by]
    for effect in facts.effects:
        if isinstance(effect, Pulse):
            intent = facts.state.get(Intent, effect.intent)
            person = facts.site.office.backend.orders[intent.parcel].person
            if person != holder:
                yield f"{intent} is {person}'s, under the claim of {holder}"


def a_claim_leaves_the_locker_again(facts: Facts) -> Iterator[str]:
    """One that is journalled as standing and that no session is under would keep the phone waiting for ever, and the other way."""
    at = facts.state.session
    if (at.claim if at is not None else None) != facts.claims.by:
        yield f"{at} is under another claim than {facts.claims.by}"
