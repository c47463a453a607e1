"""What must always hold of kept cells, settings and keys; asked with the other rules (`sim.invariants`).

What should be so is the account of `sim.afar`, which knows what was signed and what was journalled, and none of the locker's rows.
"""

from collections.abc import Iterator

from firmware.events import ChangesCame, Commanded, GrantsCame
from firmware.model import EntryKind, ParcelState
from firmware.rows import Grant, Parcel
from sim.facts import Facts


def a_kept_cell_was_free(facts: Facts) -> Iterator[str]:
    """Two parcels that are promised the same cell: one of them comes in vain, or on top of the other."""
    for entry in facts.entries:
        if entry.kind is not EntryKind.RESERVED or entry.cell is None:
            continue
        for waybill, kept in facts.site.afar.reserved.items():
            if (
                waybill != entry.parcel
                and kept.cell == entry.cell
                and kept.until_ms > facts.parts.runtime.now().utc_ms
            ):
                yield f"{entry}: it is kept for {waybill}"
        for row in facts.state.all(Parcel):
            if row.cell == entry.cell and row.waybill != entry.parcel and _has_it(facts, row):
                yield f"{entry}: {row} has it"
        found = facts.site.world.cells[entry.cell].parcel
        if found is not None and not facts.is_excused(found):
            yield f"{entry}: {found} lies there"


def _has_it(facts: Facts, row: Parcel) -> bool:
    """Whether it is in its cell, or is to come there: by what a list says, for what is only kept stands in the account."""
    if row.inside or row.state is ParcelState.UNCONFIRMED:
        return True
    named = any(each.unlisted_ms is None and row.waybill in each.parcels for each in facts.state.all(Grant))
    return row.state is ParcelState.EXPECTED and (row.listed is not None or named)


def a_kept_cell_is_kept(facts: Facts) -> Iterator[str]:
    """Until its time, or a list that names the parcel, or its cancellation, the cell is that parcel's and no other's."""
    now = facts.parts.runtime.now()
    for waybill, kept in facts.site.afar.reserved.items():
        row = facts.state.find(Parcel, waybill)
        if now.sure and now.utc_ms >= kept.until_ms:
            continue
        if row is None or row.cell != kept.cell or row.state is not ParcelState.EXPECTED:
            yield f"{waybill} is to have cell {kept.cell}: {row}"


def what_was_set_is_in_force(facts: Facts) -> Iterator[str]:
    """The operator sees what was set, and not whether a power cut has taken it back."""
    account, kept = facts.site.afar.settings, dict(facts.state.locker.settings)
    if kept != account:
        yield f"set: {account}, kept: {kept}"
    in_force = facts.parts.runtime.controller.cabinet.config
    for name, value in account.items():
        section = in_force.times if hasattr(in_force.times, name) else in_force.access
        if getattr(section, name) != value:
            yield f"{name} is set to {value}, in force is {getattr(section, name)}"
    if in_force.times != facts.site.afar.times:
        yield f"in force are {in_force.times}, to be {facts.site.afar.times}"


def what_may_not_be_set_is_refused(facts: Facts) -> Iterator[str]:
    """A setting out of its bounds, taken in, would take the locker out of service from afar; with it no other is taken."""
    is_bad = isinstance(facts.event, Commanded) and facts.event.id in facts.site.afar.bad
    if is_bad and any(entry.kind is EntryKind.CONFIGURED for entry in facts.entries):
        yield f"{facts.event} was taken"


def only_the_keys_of_now_count(facts: Facts) -> Iterator[str]:
    """A key is rotated because somebody may have it: from then on nothing counts that it has signed, and all that the new one has."""
    event, afar = facts.event, facts.site.afar
    what = event.id if isinstance(event, Commanded) else None
    if isinstance(event, GrantsCame | ChangesCame):
        what = str(event.version)
    if what is not None and (signed := afar.signed_with(what)) and not signed & afar.keys_before.keys():
        yield f"{event} is signed with {sorted(signed)}, and {sorted(afar.keys_before)} count"
    kept = dict(facts.state.locker.keys)
    if kept and kept != afar.keys:
        yield f"{kept} are kept, {afar.keys} were told"
    if facts.site.office.backend.signer.key_id not in afar.keys:
        yield f"the backend signs with {facts.site.office.backend.signer.key_id}, and {sorted(afar.keys)} count"
