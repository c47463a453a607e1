"""The book of causal lines: begun, grown, and handed to each page that has not seen them as they are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sim.panel.messages import Line, Part

LINES_MAX = 400  # beyond it the oldest is forgotten
PARTS_MAX = 80  # of one line
# The line that each deed begins.
DEEDS = {
    "put": "hand.put", "take": "hand.take", "close": "hand.close", "push": "hand.press", "let_go": "hand.press",
    "pull": "hand.pull", "force": "hand.force", "order": "backend.order", "withdraw": "backend.withdraw",
    "move": "backend.move", "open": "app.open", "confirm": "app.confirm", "report": "app.report", "extend": "app.extend",
    "claim": "app.claim", "leave": "app.leave", "hold": "hand.hold", "lower": "hand.away", "beep": "hand.scan",
    "resend": "app.resend.asked", "cancel": "backend.cancel", "decide": "backend.decide", "returned": "backend.returned",
    "configure": "backend.policy",
}  # fmt: skip
LISTED = ("order", "withdraw", "move")  # what goes to the locker with the next list
SENT = ("order", "withdraw", "resend", "decide", "returned")  # what an SMS goes out for


@dataclass(eq=False)
class Growing:
    """One line as it grows. `version` counts all changes of the book."""

    id: int
    at_ms: int
    who: str
    key: str
    parameters: dict[str, Any]
    version: int
    parts: list[Part] = field(default_factory=list)


class Book:
    """All lines, by their number."""

    def __init__(self, utc_ms: Callable[[], int], grown: Callable[[], None]) -> None:
        """`grown` is told of every change."""
        self.version = 0
        self._utc_ms = utc_ms
        self._grown = grown
        self._lines: dict[int, Growing] = {}
        self._next = 1

    def begin(self, who: str, key: str, /, **parameters: Any) -> Growing:
        """A line with its cause."""
        about = {name: value for name, value in parameters.items() if value is not None and value != ""}
        line = Growing(self._next, self._utc_ms(), who, key, about, 0)
        self._next += 1
        self._lines[line.id] = line
        if len(self._lines) > LINES_MAX:
            del self._lines[min(self._lines)]
        self._change(line)
        return line

    def add(
        self,
        line: Growing,
        part: str,
        key: str,
        /,
        data: bytes | None = None,
        cell: int | None = None,
        entry: int | None = None,
        **parameters: Any,
    ) -> None:
        """What was seen next. A line that is long enough takes no more."""
        if len(line.parts) < PARTS_MAX:
            about = {name: value for name, value in parameters.items() if value is not None}
            hexed = data.hex(" ").upper() if data is not None else None
            line.parts.append(Part(part, key, about, hexed, cell, entry))
            self._change(line)

    def since(self, version: int, parts: frozenset[str] = frozenset()) -> Iterator[Line]:
        """The lines that have changed since, with these parts of them (none named: all)."""
        for line in self._lines.values():
            if line.version > version:
                chosen = tuple(part for part in line.parts if not parts or part.part in parts)
                yield Line(line.id, line.at_ms, line.who, line.key, line.parameters, chosen)

    def _change(self, line: Growing) -> None:
        self.version += 1
        line.version = self.version
        self._grown()
