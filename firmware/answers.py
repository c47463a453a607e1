"""The one outcome of a signed command: kept with its id, journalled, and told to whoever sent it."""

from firmware.events import AnswerLater
from firmware.model import EntryKind, Outcome
from firmware.rows import Command, Intent, Session
from firmware.turn import Turn


def end(turn: Turn, command: Command, outcome: Outcome, of: Intent | Session | None = None) -> None:
    """It is over. `of`: the opening that it began."""
    command.outcome = outcome
    if command.due_ms is not None:
        command.arm(None)
    about = {"parcel": command.parcel or None, "grant": command.grant or None} if of is None else {}
    turn.note(EntryKind.COMMAND, of, command=command.id, why=outcome, **about)


def later(turn: Turn, command: Command, outcome: Outcome, of: Intent | Session | None = None) -> None:
    """The same, some time after it was answered that it is being carried out."""
    end(turn, command, outcome, of)
    turn.do(AnswerLater(command.id, outcome))
