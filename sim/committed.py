"""Every row of a locker as it was last committed, beside what its memory holds."""

from typing import Any

from firmware.row import Row
from firmware.rows import ROWS, Change, State


class Committed:
    """All tables. Compared after each event: so their dictionaries are, in C, and not row by row with its own `__eq__`."""

    def __init__(self) -> None:
        self._tables: dict[type[Row], dict[tuple[Any, ...], dict[str, Any]]] = {kind: {} for kind in ROWS}
        self._book: State | None = None  # in which the rows stand that these were copied from

    def load(self, stored: State) -> None:
        """What the store gives to a new controller."""
        self._book = stored
        self._tables = {kind: {key: vars(row) for key, row in stored.table(kind).items()} for kind in ROWS}

    def take(self, changes: list[Change]) -> None:
        """A commit has succeeded."""
        for kind, key, row in changes:
            if row is None:
                self._tables[kind].pop(key, None)
            else:
                self._tables[kind][key] = dict(vars(row))

    def astray(self, state: State) -> list[type[Row]]:
        """The tables of which this memory holds something else."""
        if self._book is not state:
            self._book = state
            for rows in self._tables.values():
                for attributes in rows.values():
                    attributes["_book"] = state
        return [
            kind
            for kind, rows in self._tables.items()
            if rows != {key: vars(row) for key, row in state.table(kind).items()}
        ]

    def told(self, kind: type[Row]) -> list[dict[str, Any]]:
        """A table as it was committed, for people."""
        return [
            {name: value for name, value in row.items() if name != "_book"}
            for row in self._tables[kind].values()
        ]
