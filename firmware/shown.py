"""A token that was held before the camera: compared with this locker and this moment, then judged as a code is.

Rules:
- It counts only where the screen asks for one, and nobody has proved anything: else it opens no door by surprise.
- None counts as a wrong code, and none costs a wait, for nobody guesses a signature. What is no token at all is not even journalled:
  anybody may hold anything before the camera.
- One with dates needs a sure clock. A static one does without, where the policy takes it: it is a bearer's right until it is used.
- It counts in the epoch that it was made for; in a later one only if the list says that none of its grant's was used meanwhile.
"""

from firmware import desk, readings, session
from firmware.events import Answer, TokenRefused, TokenShown
from firmware.model import EntryKind, Moment, Outcome, SessionState
from firmware.notices import Notice
from firmware.optics import Format
from firmware.rows import Grant, Session, State
from firmware.screen import screen_of
from firmware.turn import Cabinet, Turn

NOTICES = {
    Outcome.UNKNOWN_KEY: Notice.UNKNOWN_KEY,
    Outcome.WRONG_LOCKER: Notice.OTHER_LOCKER,
    Outcome.NOT_ALLOWED: Notice.NO_STATIC,
    Outcome.CLOCK_UNSURE: Notice.CLOCK_UNSURE,
    Outcome.TOO_EARLY: Notice.QR_EARLY,
    Outcome.TOO_LATE: Notice.QR_OVER,
    Outcome.NO_SUCH_PARCEL: Notice.NO_GRANT,
    Outcome.WRONG_EPOCH: Notice.QR_OLD,
}  # all others are of what is no token of ours
# What a parcel never comes back from, under this right: the same token says so as often as it is shown.
OVER = frozenset(
    {
        Notice.COLLECTED,
        Notice.EXPIRED,
        Notice.REFUSED,
        Notice.CANCELLED,
        Notice.CODE_ENDED,
        Notice.ALREADY_DONE,
    }
)


def show(turn: Turn, event: TokenShown) -> None:
    """Open what the token is for, or say why not."""
    if not _is_asked_for(turn):
        turn.do(Answer(Outcome.NOT_NOW))
        return
    refusal = why_not(turn.state, turn.cabinet, turn.now, event)
    if refusal is not None:
        _say(turn, refusal)
        return
    at, grant = _who_stands_here(turn), turn.state.get(Grant, event.grant)
    notice = desk.prove(turn, at, grant)
    if notice is not None:
        turn.do(Answer(Outcome.NOT_ALLOWED if notice in OVER else Outcome.NOT_NOW))
    else:
        turn.do(Answer(Outcome.BUSY if at.state is SessionState.BUSY else Outcome.DONE))


def refuse(turn: Turn, event: TokenRefused) -> None:
    """Say that this is none of ours."""
    if _is_asked_for(turn):
        _say(turn, event.why)
    else:
        turn.do(Answer(Outcome.NOT_NOW))


def why_not(state: State, cabinet: Cabinet, now: Moment, event: TokenShown) -> Outcome | None:
    """Why it is not for here and now, or for nothing that the list names; None where it is to be judged as a code is."""
    if event.locker != state.locker.id:
        return Outcome.WRONG_LOCKER
    if event.not_after_ms:
        if not now.sure:
            return Outcome.CLOCK_UNSURE
        if now.utc_ms < event.not_before_ms:
            return Outcome.TOO_EARLY
        if now.utc_ms >= event.not_after_ms:
            return Outcome.TOO_LATE
    elif not cabinet.config.access.static_tokens:
        return Outcome.NOT_ALLOWED
    grant = state.find(Grant, event.grant)
    if grant is None or grant.purpose is not event.purpose:
        return Outcome.NO_SUCH_PARCEL
    epoch = state.locker.epoch
    return None if (grant.tokens_since or epoch) <= event.epoch <= epoch else Outcome.WRONG_EPOCH


def _is_asked_for(turn: Turn) -> bool:
    return Format.QR in readings.wanted(screen_of(turn.state, turn.cabinet))


def _say(turn: Turn, refusal: Outcome) -> None:
    """The screen says what was held before it, and for how long it does not matter: nothing was proved."""
    notice = NOTICES.get(refusal, Notice.NOT_OURS)
    if notice is not Notice.NOT_OURS:
        turn.note(EntryKind.NOTICE, why=notice)
    desk.notify(turn, _who_stands_here(turn), notice)
    turn.do(Answer(refusal))


def _who_stands_here(turn: Turn) -> Session:
    """Whoever it is has proved nothing: as if before the keypad."""
    at = turn.state.session
    if at is None:
        return turn.open_session()
    if at.state is not SessionState.KEYPAD:
        session.fire(turn, at, session.T.RETURN)
    return at
