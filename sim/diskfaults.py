"""What can be made to fail at the simulator's disk, and when."""

from collections.abc import Callable
from enum import Enum, auto


class Operation(Enum):
    """What can be made to fail. All but READ are counted."""

    READ = auto()
    CREATE = auto()
    WRITE = auto()
    TRUNCATE = auto()
    SYNC = auto()
    DELETE = auto()


CHANGES = tuple(operation for operation in Operation if operation is not Operation.READ)


class Failure:
    """Lets `after` operations of its kinds go well, then fails `times` of them (None: all)."""

    def __init__(
        self,
        operations: tuple[Operation, ...],
        after: int,
        times: int | None,
        error: Callable[[str], Exception],
    ) -> None:
        self._operations = operations
        self._after = after
        self._times = times
        self._error = error

    def meet(self, operation: Operation, path: str) -> None:
        """An operation is about to happen. Raises `error` where it is to fail."""
        if operation not in self._operations or self._times == 0:
            return
        if self._after:
            self._after -= 1
            return
        if self._times is not None:
            self._times -= 1
        raise self._error(f"{path}: {operation.name.lower()} failed")
