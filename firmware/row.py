"""What every row is: a plain dataclass that says which of its columns change, and when it has to be looked at again.

A column that is given another value marks its row as changed in its `firmware.rows.State`: so the store writes exactly what a
handled event changed, and no change can be forgotten. Collections in rows are tuples, because a change inside a list would pass
unseen. Deadlines are columns: `due_ms` is monotonic (milliseconds of the event loop's clock, of the boot in `Locker.boot`),
`expires_ms` is wall time. A row's `generation` moves with its deadline, so that a timer that was overtaken is known as stale.
"""

from typing import Any, ClassVar, Protocol


class Book(Protocol):
    """Where a row stands."""

    def mark(self, row: "Row") -> None:
        """It has changed."""


class Row:
    """A row of the store."""

    TABLE: ClassVar[str]
    KEY: ClassVar[tuple[str, ...]]
    __dataclass_fields__: ClassVar[dict[str, Any]]  # its columns

    _book: "Book | None" = None

    @property
    def key(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.KEY)

    def __setattr__(self, name: str, value: object) -> None:
        book = self._book
        changes = book is not None and name in self.__dataclass_fields__ and getattr(self, name) != value
        object.__setattr__(self, name, value)
        if book is not None and changes:
            book.mark(self)


class Timed(Row):
    """A row with a monotonic deadline, which the runtime arms as a timer of this generation."""

    due_ms: int | None
    generation: int

    def arm(self, due_ms: int | None) -> None:
        """Set the deadline, in milliseconds (None: none). A timer of an earlier generation becomes stale."""
        self.due_ms = due_ms
        self.generation += 1
