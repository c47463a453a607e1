"""What the controller made of an event, read from what it committed and answered."""

from typing import Any

from firmware.deeds import Claim, Confirm, Leave, Open, Report
from firmware.events import (
    Answer,
    BankLost,
    ChangesCame,
    CodeTyped,
    Commanded,
    Effect,
    Event,
    GrantsCame,
    JournalAcked,
    Pressed,
    ScannerChanged,
    TokenRefused,
    TokenShown,
    WaybillScanned,
    Welcomed,
)
from firmware.inbox import Post
from firmware.model import EntryKind, Outcome
from firmware.rows import Session, State
from sim.commits import Commit

Verdict = tuple[str, dict[str, Any]]
FINE = (Outcome.DONE, Outcome.ACCEPTED)
AT_LOCKER = Open | Claim | Leave | Confirm | Report  # commands of whoever stands there
JUDGED = CodeTyped | Commanded | Pressed | TokenShown | TokenRefused | WaybillScanned

# What comes of nobody's touch: its text, and the columns of the event that this tells.
BY_ITSELF: dict[type[Event], tuple[str, tuple[str, ...]]] = {
    JournalAcked: ("machine.acked", ("seq",)),
    Welcomed: ("machine.welcomed", ()),
    GrantsCame: ("machine.listed", ("version",)),
    ChangesCame: ("machine.listed", ("version",)),
    BankLost: ("machine.lost", ("bank",)),
    ScannerChanged: ("machine.camera", ("state",)),
}


def by_itself(event: Event) -> Verdict:
    """The text of an event that nobody was seen to bring about, and its parameters."""
    if type(event) not in BY_ITSELF:
        return "machine.event", {"event": type(event).__name__}
    key, names = BY_ITSELF[type(event)]
    return key, {name: getattr(event, name) for name in names}


def outcome_of(effects: list[Effect]) -> Outcome | None:
    """What was answered; None where nobody is told yet."""
    return next((effect.outcome for effect in effects if isinstance(effect, Answer)), None)


def verdict(post: Post, effects: list[Effect], commit: Commit, state: State) -> Verdict | None:
    """A text's key and its parameters; None where there was nothing to judge."""
    if not isinstance(post.event, JUDGED):
        return None
    outcome, at = outcome_of(effects), state.session
    if isinstance(post.event, TokenShown | TokenRefused):
        return _of_token(post, outcome, commit, at)
    if outcome is not None and outcome not in FINE:
        return "verdict.outcome", {"outcome": outcome}
    if any(entry.kind is EntryKind.WRONG_CODE for entry in commit.entries):
        return "verdict.wrong_code", {}
    from_afar = isinstance(post.event, Commanded) and not isinstance(post.event.do, AT_LOCKER)
    if isinstance(post.event, Pressed) or at is None or from_afar:
        return None if isinstance(post.event, Pressed) else ("verdict.outcome", {"outcome": outcome})
    return _of_session(at, "verdict.barcode" if isinstance(post.event, WaybillScanned) else "verdict.notice")


def _of_token(post: Post, outcome: Outcome | None, commit: Commit, at: Session | None) -> Verdict | None:
    """Accepted, or why not: by what was noted of it, else by what the scanner was answered."""
    why = next((entry.why for entry in commit.entries if entry.kind is EntryKind.NOTICE), None)
    if why is not None:
        return "verdict.token.refused", {"notice": why}
    if outcome in FINE and at is not None and at.grant is not None:
        return "verdict.token", _right(at)
    of_ours = isinstance(post.event, TokenShown) or outcome is Outcome.NOT_NOW
    return "verdict.outcome" if of_ours else "verdict.token.none", {"outcome": outcome}


def _of_session(at: Session, refused: str) -> Verdict | None:
    if at.notice is not None:
        return refused, {"notice": at.notice}
    return ("verdict.grant", _right(at)) if at.grant is not None else None


def _right(at: Session) -> dict[str, Any]:
    return {"grant": at.grant, "purpose": at.purpose, "parcel": at.parcel, "cell": at.cell}
