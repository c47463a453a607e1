"""What must always hold of signed commands; asked with the other rules (`sim.invariants`)."""

from collections.abc import Iterator

from firmware.events import Commanded
from firmware.model import EntryKind, Outcome, UseState
from firmware.rows import Command, Intent, Use
from firmware.terms import is_remembered
from sim.facts import Facts

LISTS_WITHIN_S = 60.0
CARRIED_OUT = (Outcome.DONE, Outcome.ACCEPTED)


def a_command_gets_its_outcome(facts: Facts) -> Iterator[str]:
    """The phone shows a spinner until the outcome comes: a command without one must still be under way."""
    open_commands = {intent.command for intent in facts.state.all(Intent) if not intent.settled}
    at = facts.state.session
    if at is not None:
        open_commands.add(at.command)
    for row in facts.state.all(Command):
        waits_s = None if row.due_ms is None else row.due_ms / 1_000 - facts.now_s
        under_way = row.id in open_commands or is_remembered(row)
        if row.outcome is None and not under_way and waits_s is None:
            yield f"{row} will have no outcome"
        if waits_s is not None and not -1 < waits_s < facts.site.locker.config.times.remote_wait_s + 1:
            yield f"{row} waits, for {waits_s:.3f} s more"
        if is_remembered(row) and not _is_in_hand(facts, row.parcel):
            yield f"{row} waits for a parcel that is in nobody's hand"


def _is_in_hand(facts: Facts, waybill: str) -> bool:
    """Whether somebody is about to take this parcel out, or to put it in."""
    uses = (use for use in facts.state.all(Use) if use.parcel == waybill)
    return any(use.state is UseState.CLAIMED for use in uses)


def a_command_is_done_once(facts: Facts) -> Iterator[str]:
    """What is delivered twice must not open, cancel or block twice: each kind of entry tells of a command once."""
    for entry in facts.entries:
        if entry.command is not None and facts.told_of[entry.command, entry.kind] > 1:
            yield f"{entry} was journalled before"


def a_list_is_told_in_its_turn(facts: Facts) -> Iterator[str]:
    """Told again and again at once, a list that the locker cannot take keeps the processor and the line from everybody else."""
    lists_s = facts.lists_s
    if len(lists_s) == lists_s.maxlen and lists_s[-1] - lists_s[0] < LISTS_WITHIN_S:
        yield f"{len(lists_s)} lists within {lists_s[-1] - lists_s[0]:.1f} s"


def no_command_is_done_elsewhere_or_at_another_time(facts: Facts) -> Iterator[str]:
    """Whoever keeps a message back, or brings it to another locker, must not choose when and where a door opens."""
    event, now = facts.event, facts.parts.runtime.now()
    if not isinstance(event, Commanded):
        return
    locker = facts.state.locker
    here = event.locker == locker.id and event.epoch == locker.epoch
    if here and now.sure and event.not_before_ms <= now.utc_ms < event.not_after_ms:
        return
    for entry in facts.entries:
        if entry.command == event.id and (entry.kind is not EntryKind.COMMAND or entry.why in CARRIED_OUT):
            yield f"{entry} by {event}, sure: {now.sure}, at {now.utc_ms}"
