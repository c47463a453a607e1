"""What the backend commands, once its signature was verified: judged by what all commands have in common, then done by its deed.

Rules:
- Whatever the outcome, a command is used up: its id is kept with it, and a duplicate gets the same answer.
- The locker, the epoch and the time are compared here, because they need state. A command belongs to the epoch of its database.
- One that is done at once is answered with its outcome. Only an opening takes its time: it is answered `accepted`, and later
  with what became of it.
"""

from collections.abc import Callable
from typing import Any

from firmware import answers, remote
from firmware.deeds import Deed, Open
from firmware.events import Answer, Commanded
from firmware.model import Outcome
from firmware.rows import Command
from firmware.turn import Turn

DAY_MS = 24 * 3_600_000


def come(turn: Turn, event: Commanded) -> None:
    """Do what the command says, or answer why not."""
    known = turn.state.find(Command, event.id)
    if known is not None:
        turn.do(Answer(known.outcome or Outcome.ACCEPTED))
        return
    _forget(turn)
    grant, parcel = (str(getattr(event.do, name, "")) for name in ("grant", "parcel"))
    command = turn.state.add(Command(event.id, grant, parcel, event.not_after_ms))
    outcome = _refuse(turn, event) or _do(turn, event.do, command)
    turn.do(Answer(outcome))
    if outcome is not Outcome.ACCEPTED:
        answers.end(turn, command, outcome)


def _do(turn: Turn, deed: Deed, command: Command) -> Outcome:
    done = DEEDS.get(type(deed))
    return done(turn, deed, command) if done is not None else Outcome.NOT_ALLOWED


def _refuse(turn: Turn, event: Commanded) -> Outcome | None:
    """Whether it is meant for another locker, epoch or time."""
    if event.locker != turn.state.locker.id:
        return Outcome.WRONG_LOCKER
    if event.epoch != turn.state.locker.epoch:
        return Outcome.WRONG_EPOCH
    if turn.now.sure and turn.now.utc_ms < event.not_before_ms:
        return Outcome.TOO_EARLY
    return None


def _forget(turn: Turn) -> None:
    """Let go of commands that nobody could have carried out again."""
    state, now = turn.state, turn.now
    for command in [row for row in state.all(Command) if now.sure and row.not_after_ms < now.utc_ms - DAY_MS]:
        if command.outcome is not None:
            state.drop(command)


DEEDS: dict[type[Deed], Callable[[Turn, Any, Command], Outcome]] = {
    Open: lambda turn, deed, command: remote.ask(turn, command),
}
