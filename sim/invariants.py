"""What must always hold, whatever people, faults and power cuts do. Each rule is a function; its docstring is its reason.

A rule looks at the `Facts` and says what is wrong, or nothing. The rules of `AFTER_EVENT` are asked after each handled and
committed event, those of `AFTER_MATTER` after each change in the world, those of `AT_TIMES` now and then and at the end, and
those of `AT_THE_END` then only.
"""

from collections.abc import Callable, Iterator

from firmware import door as doors
from firmware.events import ChangesCame, Due, GrantsCame, Pulse
from firmware.model import DoorState, EntryKind, ParcelState, Purpose, SessionState
from firmware.rows import Door, Grant, Intent, Parcel
from firmware.session import AT_THE_DOOR, UNPROVED
from sim.batch_rules import a_barcode_alone_does_nothing, a_barcode_only_chooses
from sim.claim_rules import (
    a_claim_has_seen_the_screen,
    a_claim_leaves_the_locker_again,
    only_the_claims_own_cells_open,
)
from sim.clock_rules import a_sure_clock_is_right, nothing_expires_before_its_time
from sim.coil_rules import SLACK_S, a_pulse_has_an_intent, never_beyond_pulse_rest_and_duty, never_two_coils
from sim.command_rules import (
    a_command_gets_its_outcome,
    a_command_is_done_once,
    a_list_is_told_in_its_turn,
    no_command_is_done_elsewhere_or_at_another_time,
)
from sim.facts import Facts
from sim.money_rules import (
    both_know_one_deadline,
    collected_or_refunded,
    every_refund_is_the_banks_once,
    money_moves_once,
    the_ledgers_are_equal,
    waiting_ends_by_an_entry,
)
from sim.storage_rules import (
    a_full_disk_begins_no_visit,
    memory_equals_reload,
    the_chain_verifies,
    what_was_committed_is_there,
    what_went_is_held_by_the_backend,
)
from sim.token_rules import (
    a_code_counts_only_where_the_screen_asks_for_one,
    no_code_is_kept,
    what_is_none_of_ours_is_not_journalled,
)
from sim.upkeep_rules import (
    a_kept_cell_is_kept,
    a_kept_cell_was_free,
    only_the_keys_of_now_count,
    what_may_not_be_set_is_refused,
    what_was_set_is_in_force,
)

Rule = Callable[[Facts], Iterator[str]]

SEEN_WITHIN_S = 5.0  # an opening is known after two polls at the idle rate, also behind a lost one
STUCK_S = 400.0  # the longest a screen may stay by its own rules: a keypad with all its "more time"
ENDINGS = (EntryKind.COLLECTED, EntryKind.WITHDRAWN)
CUSTODY = (EntryKind.STORED, EntryKind.EXPIRED, EntryKind.DISPUTED, EntryKind.REFUSED, EntryKind.CANCELLED, EntryKind.EXTENDED, EntryKind.SUSPECT, *ENDINGS)  # fmt: skip
IN_HAND = (ParcelState.CLAIMED, ParcelState.WITHDRAWING)
UNSEEN_DOOR = (DoorState.UNKNOWN, DoorState.OFFLINE)


def _pulses(facts: Facts) -> Iterator[tuple[Intent, Grant]]:
    for effect in facts.effects:
        if isinstance(effect, Pulse):
            intent = facts.state.get(Intent, effect.intent)
            yield intent, facts.state.get(Grant, intent.grant)


# After each event


def a_pulse_is_asked_for_once(facts: Facts) -> Iterator[str]:
    """A pulse that is repeated by itself opens a door a second time for whoever comes by: each is an intent of its own."""
    for effect in facts.effects:
        if isinstance(effect, Pulse) and effect.intent in facts.pulsed:
            yield f"intent {effect.intent} for cell {effect.cell} was pulsed before"


def a_pulse_needs_a_proof(facts: Facts) -> Iterator[str]:
    """No right, no door: the person at the screen has proved this grant in this very session, or a signed command did."""
    for intent, grant in _pulses(facts):
        at = facts.state.session
        if at is None or at.cell != intent.cell or facts.proofs.get(at.id) != intent.grant:
            yield f"{intent} without a proof of its grant in {at}"
        elif intent.parcel not in grant.parcels:
            yield f"{intent} is for a parcel that {grant} does not name"


def only_the_buyer(facts: Facts) -> Iterator[str]:
    """A cell opens for whom the backend gave the right, and what lies in it is what the right is for."""
    for intent, _ in _pulses(facts):
        order = facts.site.office.backend.orders[intent.parcel]
        holder = order.grants[intent.purpose].holder
        if facts.prover not in (holder, order.person):
            yield f"{intent}: {facts.prover} opened what is {holder}'s"
        found = facts.site.world.cells[intent.cell].parcel
        if found not in (None, intent.parcel) and not facts.is_excused(found, intent.parcel):
            yield f"{intent}: {found} lies there"


def one_door_at_a_time(facts: Facts) -> Iterator[str]:
    """Two open doors, and each person can reach into the other's cell; only a door that was left for good does not count."""
    for intent, _ in _pulses(facts):
        for row in facts.state.all(Door):
            if row.cell == intent.cell:
                continue
            if row.state in doors.IN_HAND:
                yield f"{intent} while cell {row.cell} is {row.state}"
            elif (
                row.state not in (DoorState.OVERDUE, *UNSEEN_DOOR)
                and facts.stands_open_s(row.cell) > SEEN_WITHIN_S
            ):
                yield f"{intent} while cell {row.cell} stands open, and is believed {row.state}"


def a_full_or_unsure_cell_is_not_offered(facts: Facts) -> Iterator[str]:
    """A courier's parcel on top of another's, or where its buyer may come back: both are in the hands of whoever comes first."""
    quiet_s = facts.site.locker.config.times.quiet_after_pickup_s - SLACK_S
    for intent, _ in _pulses(facts):
        if intent.purpose is not Purpose.DEPOSIT:
            continue
        if facts.state.get(Door, intent.cell).blocked is not None:
            yield f"{intent} into a blocked cell"
        if facts.now_s - facts.collected_s.get(intent.cell, -quiet_s) < quiet_s:
            yield f"{intent} within the quiet hour"
        for other in facts.state.all(Parcel):
            unsure = other.state in (ParcelState.UNCONFIRMED, ParcelState.OPENED, *IN_HAND)
            if other.cell == intent.cell and other.waybill != intent.parcel and (other.inside or unsure):
                yield f"{intent} where {other} may lie"


def one_outcome(facts: Facts) -> Iterator[str]:
    """Money follows the outcome: a parcel that ends twice is paid twice, or given away."""
    for entry in facts.entries:
        if entry.kind in CUSTODY and entry.parcel in facts.ended:
            yield f"{entry} after {entry.parcel} was {facts.ended[entry.parcel]}"


def what_is_journalled_happened(facts: Facts) -> Iterator[str]:
    """Books against matter, parcel by parcel: stored lies inside, collected and withdrawn do not."""
    for entry in facts.entries:
        if entry.parcel is None or entry.cell is None or facts.is_excused(entry.parcel):
            continue
        inside = facts.site.world.cells[entry.cell].parcel == entry.parcel
        if entry.kind is EntryKind.STORED and not inside:
            yield f"{entry}: it does not lie there"
        elif entry.kind in ENDINGS and inside:
            yield f"{entry}: it still lies there"


def in_hand_is_held(facts: Facts) -> Iterator[str]:
    """A claimed parcel whose session and intent are gone can never be had again: somebody or something must hold it."""
    held = {intent.parcel for intent in facts.state.all(Intent)}
    at = facts.state.session
    for row in facts.state.all(Parcel):
        mine = row.waybill in held or (at is not None and at.parcel == row.waybill)
        if row.state in IN_HAND and not mine:
            yield f"{row} is held by nobody"
        if row.state is ParcelState.OPENED and row.due_ms is None and not mine:
            yield f"{row} waits for nothing"


def every_screen_has_a_way_out(facts: Facts) -> Iterator[str]:
    """A screen that stays for ever closes the locker: it has a deadline, or a door that ends it."""
    at = facts.state.session
    if at is None or at.due_ms is not None:
        return
    if at.state is not SessionState.OPENING or at.cell is None:
        yield f"{at} has no deadline"
        return
    row = facts.state.get(Door, at.cell)
    if row.state is not DoorState.UNLOCKING or (row.due_ms is None and not facts.is_working(row)):
        yield f"{at} waits for {row}, which waits for nothing"


def an_open_door_is_waited_for(facts: Facts) -> Iterator[str]:
    """A door that is open and not overdue belongs to the person at the screen; else nobody is told to close it."""
    at = facts.state.session
    for row in facts.state.all(Door):
        if row.state is DoorState.OPEN:
            waited = at is not None and (
                at.other == row.cell or (at.cell == row.cell and at.state in AT_THE_DOOR)
            )
            if not waited:
                yield f"{row} is waited for by {at}"


def nobody_unproved_has_a_door(facts: Facts) -> Iterator[str]:
    """At the keypad nobody has a right to anything."""
    at = facts.state.session
    if at is not None and at.state in UNPROVED and at.id in facts.proofs:
        yield f"{at} still holds a proof"


def only_the_screen_before_ones_eyes_is_pressed(facts: Facts) -> Iterator[str]:
    """A finger meant for the last person's screen must not confirm, or open, on this one."""
    if facts.seq is not None and not facts.was_shown(facts.seq):
        yield f"{facts.event} was meant for screen {facts.seq.count}"


def a_stale_deadline_does_nothing(facts: Facts) -> Iterator[str]:
    """A timer that was overtaken by a finger would end the session that the finger has just prolonged."""
    if isinstance(facts.event, Due) and facts.changed and facts.is_stale(facts.event):
        yield f"{facts.event} came too late, and changed something"


def only_the_backend_is_believed(facts: Facts) -> Iterator[str]:
    """A list that the backend did not sign would make anybody a buyer."""
    version = facts.site.office.backend.version
    if isinstance(facts.event, GrantsCame | ChangesCame) and facts.event.version > version:
        yield f"version {facts.event.version} was never sent"


AFTER_EVENT: tuple[Rule, ...] = (
    a_pulse_is_asked_for_once,
    a_pulse_needs_a_proof,
    only_the_buyer,
    one_door_at_a_time,
    a_full_or_unsure_cell_is_not_offered,
    one_outcome,
    what_is_journalled_happened,
    in_hand_is_held,
    a_command_gets_its_outcome,
    a_command_is_done_once,
    a_list_is_told_in_its_turn,
    no_command_is_done_elsewhere_or_at_another_time,
    every_screen_has_a_way_out,
    an_open_door_is_waited_for,
    nobody_unproved_has_a_door,
    only_the_screen_before_ones_eyes_is_pressed,
    a_stale_deadline_does_nothing,
    only_the_backend_is_believed,
    money_moves_once,
    collected_or_refunded,
    a_claim_has_seen_the_screen,
    only_the_claims_own_cells_open,
    a_claim_leaves_the_locker_again,
    a_code_counts_only_where_the_screen_asks_for_one,
    no_code_is_kept,
    what_is_none_of_ours_is_not_journalled,
    a_barcode_only_chooses,
    a_barcode_alone_does_nothing,
    a_full_disk_begins_no_visit,
    what_was_committed_is_there,
    memory_equals_reload,
    a_sure_clock_is_right,
    nothing_expires_before_its_time,
    a_kept_cell_was_free,
    a_kept_cell_is_kept,
    what_was_set_is_in_force,
    what_may_not_be_set_is_refused,
    only_the_keys_of_now_count,
)


AFTER_MATTER: tuple[Rule, ...] = (a_pulse_has_an_intent, never_two_coils, never_beyond_pulse_rest_and_duty)


# Now and then


def put_in_is_taken_out_or_inside(facts: Facts) -> Iterator[str]:
    """The locker's books against what lies in the cells: a parcel that only one of them knows is lost, or will be."""
    rows = {row.waybill: row for row in facts.state.all(Parcel)}
    lying = {cell.parcel: cell.number for cell in facts.site.world.cells.values() if cell.parcel is not None}
    for row in rows.values():
        quiet = row.state not in IN_HAND and row.state is not ParcelState.OPENED and facts.is_quiet(row.cell)
        if quiet and not facts.is_excused(row.waybill) and row.inside != (lying.get(row.waybill) == row.cell):
            where = lying.get(row.waybill)
            yield f"{row}: it lies in {f'cell {where}' if where else 'no cell'}"


def no_screen_is_stuck(facts: Facts) -> Iterator[str]:
    """Whoever comes next must be served: no session stays the same for longer than its own rules allow."""
    at, now_s = facts.state.session, facts.now_s
    if at is not None and now_s - facts.session_since_s > STUCK_S:
        yield f"{at} has not changed for {now_s - facts.session_since_s:.0f} s"


AT_TIMES: tuple[Rule, ...] = (
    put_in_is_taken_out_or_inside,
    the_chain_verifies,
    what_went_is_held_by_the_backend,
    no_screen_is_stuck,
    waiting_ends_by_an_entry,
    every_refund_is_the_banks_once,
    both_know_one_deadline,
)
AT_THE_END: tuple[Rule, ...] = (the_ledgers_are_equal,)
