"""What must hold of couriers who scan parcels (`sim.invariants`)."""

from collections.abc import Iterator

from firmware.events import Pulse, WaybillScanned
from firmware.model import Purpose, SessionState
from firmware.rows import Intent, Locker, Session
from firmware.schema import TABLES
from sim.facts import Facts

STATE = TABLES[Session].names.index("state")
BESIDE = frozenset({Session.TABLE, Locker.TABLE})  # who stands here, and how many have


def a_barcode_only_chooses(facts: Facts) -> Iterator[str]:
    """Anybody reads a barcode off a parcel: it opens the cell of that parcel, for a courier who is between two of a proved right."""
    if not isinstance(facts.event, WaybillScanned):
        return
    for effect in facts.effects:
        if isinstance(effect, Pulse):
            intent = facts.state.get(Intent, effect.intent)
            if intent.parcel != facts.event.waybill or intent.purpose is Purpose.PICKUP:
                yield f"{intent} by the barcode of {facts.event.waybill}"


def a_barcode_alone_does_nothing(facts: Facts) -> Iterator[str]:
    """Before the code, and with any door in hand, a barcode moves nothing but the words on the screen."""
    if not isinstance(facts.event, WaybillScanned):
        return
    before, after = facts.before, facts.after
    was = [columns[STATE] for (table, _), columns in before.items() if table == Session.TABLE]
    touched = {key[0] for key in before.keys() | after.keys() if before.get(key) != after.get(key)} - BESIDE
    if was != [SessionState.NEXT] and (touched or facts.entries):
        yield f"{facts.event} on {was or 'the idle screen'}: {sorted(touched)}, {facts.entries}"
