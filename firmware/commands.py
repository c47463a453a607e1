"""What the backend commands, once its signature was verified: judged by what all commands have in common, then done by its deed.

Rules:
- Whatever the outcome, a command is used up: its id is kept with it until a day after its date, and a duplicate gets the same
  answer. What was carried out is never carried out again, and what was refused never later, by surprise.
- The locker, the epoch and the time are compared here, because they need state. A command belongs to the epoch of its database.
- One that is done at once is answered with its outcome. An opening takes its time, and what a parcel in somebody's hand has to
  wait for does: those are answered `accepted`, and later with what became of them.
- What was never meant for here and now (another locker's, another epoch's, over for a day) can be replayed by any messenger for
  ever. So of such ones no more than `FOREIGN_MAX` an hour are kept and journalled; the rest are answered, and leave no trace.
"""

from collections.abc import Callable
from typing import Any

from firmware import answers, cells, claims, receipts, remote, terms, upkeep
from firmware.deeds import (
    Block,
    Cancel,
    Claim,
    Configure,
    Confirm,
    Deed,
    Extend,
    Leave,
    Open,
    Report,
    Reserve,
    Rotate,
    Unblock,
)
from firmware.events import Answer, Commanded
from firmware.model import Outcome
from firmware.rows import Command
from firmware.turn import Turn

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
COMMANDS_MAX = 4_096  # kept at a time; a busy locker's day has some 1,500
FOREIGN_MAX = 32
ENDS_A_VISIT = (Confirm, Leave, Report)  # which a full disk has room for

# What carries a deed out, and says what became of it.
DEEDS: dict[type[Deed], Callable[[Turn, Any, Command], Outcome]] = {
    Open: lambda turn, event, command: remote.ask(turn, command),
    Claim: lambda turn, event, command: remote.claim(turn, event.do, command),
    Leave: lambda turn, event, command: claims.leave(turn, event.do),
    Confirm: lambda turn, event, command: receipts.confirm(turn, event.do),
    Report: lambda turn, event, command: receipts.report(turn, event.do),
    Reserve: lambda turn, event, command: cells.reserve(turn, event.do, command.id),
    Cancel: lambda turn, event, command: terms.ask(turn, command),
    Extend: lambda turn, event, command: terms.ask(turn, command),
    Block: lambda turn, event, command: cells.block(turn, event.do),
    Unblock: lambda turn, event, command: cells.unblock(turn, event.do),
    Configure: lambda turn, event, command: upkeep.configure(turn, event.do, event.not_before_ms),
    Rotate: lambda turn, event, command: upkeep.rotate(turn, event.do, event.not_before_ms),
}


def come(turn: Turn, event: Commanded) -> None:
    """Do what the command says, or answer why not."""
    known = turn.state.find(Command, event.id)
    if known is not None:
        turn.do(Answer(known.outcome or Outcome.ACCEPTED))
        return
    _forget(turn)
    foreign = _refuse_foreign(turn, event)
    if foreign is not None and not _may_keep(turn):
        turn.do(Answer(foreign))
        return
    if len(turn.state.table(Command)) >= COMMANDS_MAX:
        turn.do(Answer(Outcome.BUSY))
        return
    command = turn.state.add(_row(event))
    outcome = foreign or _refuse(turn, event) or DEEDS[type(event.do)](turn, event, command)
    turn.do(Answer(outcome))
    if outcome is not Outcome.ACCEPTED:
        answers.end(turn, command, outcome)


def _row(event: Commanded) -> Command:
    grant, parcel = (str(getattr(event.do, name, "")) for name in ("grant", "parcel"))
    row = Command(event.id, grant, parcel, event.not_after_ms, deed=type(event.do).__name__.lower())
    row.expires_ms = event.do.expires_ms if isinstance(event.do, Extend) else None
    return row


def _refuse_foreign(turn: Turn, event: Commanded) -> Outcome | None:
    """Whether it was never meant for here, or has been over for long."""
    if event.locker != turn.state.locker.id:
        return Outcome.WRONG_LOCKER
    if event.epoch != turn.state.locker.epoch:
        return Outcome.WRONG_EPOCH
    return Outcome.TOO_LATE if _is_long_over(turn, event.not_after_ms) else None


def _refuse(turn: Turn, event: Commanded) -> Outcome | None:
    """Whether this is not its time, or the disk has no room for it."""
    if not turn.now.sure:
        return Outcome.CLOCK_UNSURE
    if turn.now.utc_ms < event.not_before_ms:
        return Outcome.TOO_EARLY
    if turn.now.utc_ms >= event.not_after_ms:
        return Outcome.TOO_LATE
    full = turn.state.locker.storage_low and not isinstance(event.do, ENDS_A_VISIT)
    return Outcome.STORAGE_FAILED if full else None


def _is_long_over(turn: Turn, not_after_ms: int) -> bool:
    """Whether nobody could have it carried out again: by a signed time, for a battery clock may run wild and be corrected."""
    return turn.now.sure and not_after_ms < (turn.state.locker.told_ms or 0) - DAY_MS


def _forget(turn: Turn) -> None:
    """Let go of commands that nobody could have carried out again."""
    over = [row for row in turn.state.all(Command) if _is_long_over(turn, row.not_after_ms)]
    for command in over:
        if command.outcome is not None:
            turn.state.drop(command)


def _may_keep(turn: Turn) -> bool:
    """Count one more that is not for here and now; False where there were too many within the hour."""
    locker, now_ms = turn.state.locker, turn.now.mono_ms
    if locker.refused_ms is None or now_ms >= locker.refused_ms + HOUR_MS:
        locker.refused, locker.refused_ms = 0, now_ms
    if locker.refused >= FOREIGN_MAX:
        return False
    locker.refused += 1
    return True


def begin_hour(turn: Turn) -> None:
    """After another boot the hour of what is not for here begins anew, with what has been counted."""
    if turn.state.locker.refused_ms is not None:
        turn.state.locker.refused_ms = turn.now.mono_ms
