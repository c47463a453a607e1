"""What the backend wants of a parcel that may be in somebody's hand just now: to cancel it, or another end of its term.

Rules:
- Both act on a parcel that is in nobody's hand. While a buyer has it, or a courier is about to put it in, they are remembered in
  their order, also over a start, and applied in the very event that lets go of it, before its term runs out.
- What has become of it meanwhile decides: where it was collected, nothing is left to cancel. Each is answered once.
- An extension never shortens a term, so that two of them may come in either order.
"""

from firmware import answers, parcel
from firmware.model import EntryKind, Outcome, ParcelState, UseState
from firmware.rows import Command, Parcel, Use
from firmware.turn import Turn

CANCEL = "cancel"
# By a deposit, which claims its right and not the parcel.
PUT_IN = (ParcelState.EXPECTED, ParcelState.UNCONFIRMED)


def ask(turn: Turn, command: Command) -> Outcome:
    """Carry out a cancellation or extension, or remember it."""
    row = turn.state.find(Parcel, command.parcel)
    if row is None:
        return Outcome.NO_SUCH_PARCEL
    if not is_in_hand(turn, row):
        return _apply(turn, command, row)
    command.place = 1 + max((each.place for each in turn.state.all(Command)), default=0)
    return Outcome.ACCEPTED


def settle(turn: Turn, row: Parcel) -> None:
    """Apply what was remembered of this parcel: it has just come out of somebody's hand, or for ever into it."""
    waiting = [each for each in turn.state.all(Command) if each.parcel == row.waybill and is_remembered(each)]
    for command in sorted(waiting, key=lambda each: each.place):
        answers.later(turn, command, _apply(turn, command, row))


def is_remembered(command: Command) -> bool:
    """Whether it waits until its parcel is in nobody's hand."""
    return command.outcome is None and command.place > 0


def is_in_hand(turn: Turn, row: Parcel) -> bool:
    """Whether somebody is about to take it out, or to put it in."""
    if row.state in PUT_IN:
        uses = (use for use in turn.state.all(Use) if use.parcel == row.waybill)
        return any(use.state is UseState.CLAIMED for use in uses)
    return row.state in (ParcelState.CLAIMED, ParcelState.OPENED)


def _apply(turn: Turn, command: Command, row: Parcel) -> Outcome:
    if command.deed == CANCEL:
        return _cancel(turn, command, row)
    return _extend(turn, command, row, command.expires_ms or 0)


def _cancel(turn: Turn, command: Command, row: Parcel) -> Outcome:
    if not parcel.TABLE.may(row, parcel.T.CANCEL):
        return Outcome.NOT_ALLOWED
    parcel.TABLE.fire(row, parcel.T.CANCEL)
    row.ended_ms = turn.now.utc_ms
    turn.note(EntryKind.CANCELLED, cell=row.cell, parcel=row.waybill, command=command.id)
    return Outcome.DONE


def _extend(turn: Turn, command: Command, row: Parcel, expires_ms: int) -> Outcome:
    longer = expires_ms > max(row.expires_ms or 0, turn.now.utc_ms)
    if not (row.is_inbound and longer and parcel.TABLE.may(row, parcel.T.EXTEND)):
        return Outcome.NOT_ALLOWED
    parcel.TABLE.fire(row, parcel.T.EXTEND)
    row.expires_ms, row.ended_ms = expires_ms, None
    turn.note(EntryKind.EXTENDED, cell=row.cell, parcel=row.waybill, command=command.id, until_ms=expires_ms)
    return Outcome.DONE
