"""What must always hold of the store's room and its journal; asked with the other rules of `sim.invariants`."""

from collections.abc import Iterator

from firmware.events import Pulse
from sim.facts import Facts


def a_full_disk_begins_no_visit(facts: Facts) -> Iterator[str]:
    """What space is left is for closings: a door that opens now might never be written down as closed."""
    at = facts.state.session
    if not facts.state.locker.storage_low:
        return
    if any(isinstance(effect, Pulse) for effect in facts.effects) and at and at.id > facts.begun_in_time:
        yield f"{at} began after session {facts.begun_in_time}, when the disk was full"


def the_chain_verifies(facts: Facts) -> Iterator[str]:
    """The journal is the proof in a dispute: nothing missing, nothing changed.

    The backend verifies each entry as it comes; here the newest ones are read back from the disk.
    """
    facts.parts.store.verify_chain(256)
    yield from ()
