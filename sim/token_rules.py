"""What must always hold of what is held before the camera; asked with the other rules of `sim.invariants`."""

from collections.abc import Iterator

from firmware.events import TokenRefused, TokenShown
from firmware.model import Outcome, SessionState
from firmware.rows import Session
from firmware.schema import TABLES
from sim.facts import Facts

PIECE = 12  # so many characters in a row are no chance
STATE = TABLES[Session].names.index("state")
# Before these nobody has proved anything, and the screen asks for a code; with no session at all it does so too.
ASKING = frozenset({SessionState.KEYPAD, SessionState.SCANNING, SessionState.WRONG})


def a_code_counts_only_where_the_screen_asks_for_one(facts: Facts) -> Iterator[str]:
    """Else a phone that is put away, or a passer-by's, ends the visit of whoever stands at an open door."""
    if not isinstance(facts.event, TokenShown | TokenRefused) or not facts.changed:
        return
    for (table, _), columns in facts.before.items():
        if table == Session.TABLE and columns[STATE] not in ASKING:
            yield f"{facts.event} changed something on the screen of a session that was {columns[STATE]}"


def no_code_is_kept(facts: Facts) -> Iterator[str]:
    """Whoever reads the journal, a trace or the database must not be able to hold up what others held up."""
    if not isinstance(facts.event, TokenShown | TokenRefused):
        return
    held = facts.site.scanner.held
    rows = facts.state.rows() if facts.changed else []
    told = repr((facts.event, facts.effects, facts.entries, rows))
    if any(held[at : at + PIECE] in told for at in range(len(held) - PIECE + 1)):
        yield f"{type(facts.event).__name__} was kept with a part of the text that was held up"


def what_is_none_of_ours_is_not_journalled(facts: Facts) -> Iterator[str]:
    """Anybody may hold anything before the camera: it must not fill the journal."""
    ours = isinstance(facts.event, TokenRefused) and facts.event.why is Outcome.UNKNOWN_KEY
    if isinstance(facts.event, TokenRefused) and not ours and facts.entries:
        yield f"{facts.event} was journalled: {facts.entries}"
