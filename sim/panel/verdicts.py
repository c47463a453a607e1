"""What the controller made of an event, read from what it committed and answered."""

from typing import Any

from firmware.events import Answer, CodeTyped, Commanded, Effect, Pressed, WaybillScanned
from firmware.inbox import Post
from firmware.model import EntryKind, Outcome
from firmware.rows import Session, State
from sim.commits import Commit

Verdict = tuple[str, dict[str, Any]]
FINE = (Outcome.DONE, Outcome.ACCEPTED)


def verdict(post: Post, effects: list[Effect], commit: Commit, state: State) -> Verdict | None:
    """A text's key and its parameters; None where there was nothing to judge."""
    if not isinstance(post.event, CodeTyped | Commanded | Pressed | WaybillScanned):
        return None
    outcome = next((effect.outcome for effect in effects if isinstance(effect, Answer)), None)
    if outcome is not None and outcome not in FINE:
        return "verdict.outcome", {"outcome": outcome}
    if any(entry.kind is EntryKind.WRONG_CODE for entry in commit.entries):
        return "verdict.wrong_code", {}
    at = state.session
    if isinstance(post.event, Pressed) or at is None:
        return None if isinstance(post.event, Pressed) else ("verdict.outcome", {"outcome": outcome})
    return _of_session(at)


def _of_session(at: Session) -> Verdict | None:
    if at.notice is not None:
        return "verdict.notice", {"notice": at.notice}
    if at.grant is not None:
        return "verdict.grant", {
            "grant": at.grant, "purpose": at.purpose, "parcel": at.parcel, "cell": at.cell,
        }  # fmt: skip
    return None
