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


def what_was_committed_is_there(facts: Facts) -> Iterator[str]:
    """What a person was shown or the backend was told must outlive a power cut: the store after it holds the last commit."""
    yield from facts.lost


def memory_equals_reload(facts: Facts) -> Iterator[str]:
    """What memory has and the store has not is gone with the next restart.

    After each event memory is compared, row by row, with all that was committed; with what the store gives back after a start
    and for one event of 64.
    """
    for kind in facts.committed.astray(facts.state):
        yield f"committed {facts.committed.told(kind)}, held {facts.state.table(kind)}"
    if facts.events % 64 == 0 or facts.is_start:
        stored, rows = facts.parts.store.load().rows(), facts.state.rows()
        if stored != rows:
            pairs = zip(stored, rows, strict=False)
            differ = (f"stored {one}, held {other}" for one, other in pairs if one != other)
            yield next(differ, f"stored {len(stored)} rows, held {len(rows)}")


def the_chain_verifies(facts: Facts) -> Iterator[str]:
    """The journal is the proof in a dispute: nothing missing, nothing changed.

    The backend verifies each entry as it comes; here the newest ones, and the oldest behind the anchor, are read back from
    the disk.
    """
    facts.parts.store.verify_chain(256)
    rows = facts.parts.store.journal(0, 64)
    ledger = facts.site.office.backend.ledger
    if rows and facts.state.locker.epoch == ledger.epoch:
        for row, held in zip(rows, ledger.after(rows[0].seq - 1, len(rows)), strict=False):
            if held != row:
                yield f"entry {row.seq} is not what the backend was told"


def what_went_is_held_by_the_backend(facts: Facts) -> Iterator[str]:
    """An entry that was pruned is nowhere but in the backend's copy: it went there first, and nobody asks for it again.

    What a backend has forgotten it has had: then the locker may know more of its ledger than it does.
    """
    locker, anchor, ledger = facts.state.locker, facts.parts.store.anchor, facts.site.office.backend.ledger
    if locker.epoch != ledger.epoch:
        return
    if locker.acked_seq > max(ledger.last, facts.site.forgot_seq):
        yield f"entry {locker.acked_seq} counts as acknowledged, and the backend has {ledger.last}"
    if anchor is not None and not anchor[0].seq <= locker.acked_seq:
        yield f"entry {anchor[0].seq} was pruned, and {locker.acked_seq} acknowledged"
    elif (
        anchor is not None
        and anchor[0].seq <= ledger.last
        and ledger.after(anchor[0].seq - 1, 1)[0].hash != anchor[0].hash
    ):
        yield f"the anchor {anchor[0]} is not what the backend holds"
