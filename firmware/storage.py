"""What the mind does when the store says that its room has changed, and when the backend says what of the journal it holds.

With the disk full, what is left is kept for closings: nobody new is served, and whoever is being served gets to the end. With the
journal nearly full, because the backend has not taken it for long, nothing more is put in; pickups go on whatever it holds.
"""

from firmware import desk, session
from firmware.config import Journal
from firmware.events import Answer, JournalAcked, StorageChanged
from firmware.model import EntryKind, Fill, Outcome, SessionState
from firmware.turn import Turn

# Each acknowledgement is good, and says no less than the one before it; so only every hundredth entry is worth a commit.
ACK_STEP = 100
BETWEEN = {SessionState.CLAIMED, SessionState.NEXT}  # proved a right, and nothing of it is open
BACK_PERCENT = 1  # what the journal must fall below a bound: else each entry would cross it, and be one more


def used_percent(entries: int, used_bytes: int, limits: Journal) -> float:
    """How much of the journal's caps is taken, by the one that is nearer."""
    return 100 * max(entries / limits.entries_max, used_bytes / limits.bytes_max)


def fill_of(percent: float, before: Fill, limits: Journal) -> Fill:
    """What that amounts to, where it was `before`."""
    bounds = {Fill.NO_DEPOSITS: limits.no_deposits_percent, Fill.ALARM: limits.alarm_percent}
    reached = list(bounds)[list(bounds).index(before) :] if before in bounds else []
    for fill, bound in bounds.items():
        if percent >= bound - (BACK_PERCENT if fill in reached else 0):
            return fill
    return Fill.OK


def changed(turn: Turn, event: StorageChanged) -> None:
    """Take in what has changed. Whoever has proved nothing yet is shown at once that the disk is full."""
    locker, at = turn.state.locker, turn.state.session
    if event.fill is not locker.journal_fill:
        locker.journal_fill = event.fill
        turn.note(EntryKind.JOURNAL, why=event.fill, count=event.used_percent)
    if event.low is locker.storage_low:
        return
    locker.storage_low = event.low
    turn.note(EntryKind.STORAGE, why="low" if event.low else "restored")
    if event.low and at is not None and at.state in session.UNPROVED | BETWEEN:
        desk.end(turn, at)


def take_ack(turn: Turn, event: JournalAcked) -> None:
    """The backend holds the journal up to there, where it is this journal.

    Nothing of it is journalled: an entry about each acknowledgement would itself have to be acknowledged.
    """
    refusal = _refuse_ack(turn, event)
    turn.do(Answer(refusal or Outcome.DONE))
    if refusal is None and event.seq >= turn.state.locker.acked_seq + ACK_STEP:
        turn.state.locker.acked_seq = event.seq


def _refuse_ack(turn: Turn, event: JournalAcked) -> Outcome | None:
    locker = turn.state.locker
    if event.locker != locker.id:
        return Outcome.WRONG_LOCKER
    if event.epoch != locker.epoch:
        return Outcome.WRONG_EPOCH
    if event.seq < locker.acked_seq:
        return Outcome.OLDER
    return None if event.own and event.hash == event.own else Outcome.MISMATCH
