"""The locker's trusted time."""

from firmware.events import Answer, Welcomed
from firmware.model import Outcome
from firmware.rows import Locker
from firmware.turn import Turn


def welcome(turn: Turn, event: Welcomed) -> None:
    """The backend has answered a hello."""
    turn.do(Answer(_refuse(turn.state.locker, event) or Outcome.DONE))


def _refuse(locker: Locker, event: Welcomed) -> Outcome | None:
    if event.locker != locker.id:
        return Outcome.WRONG_LOCKER
    return Outcome.WRONG_EPOCH if event.epoch != locker.epoch else None
