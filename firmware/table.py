"""State machines as tables. The only module that imports `transitions`.

A `Table` holds no row: one table serves every door (parcel, session …), and a row is handed to it. So the library keeps
no list of models that would have to be tidied after each reload. Every pair of state and trigger stands in the table
either as a transition or as refused; a pair that stands nowhere is a mistake in the table, and a refused pair that is
fired is a mistake of the caller: both raise.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

from transitions import Machine

logging.getLogger("transitions").setLevel(
    logging.ERROR
)  # it logs each transition at INFO: a row in every trace

S = TypeVar("S", bound=Enum)
T = TypeVar("T", bound=Enum)
Guard = Callable[[Any], bool]


class Move(NamedTuple, Generic[S, T]):
    """In any of `sources`, `trigger` leads to `dest` (None: stay). With a guard, only where it holds."""

    trigger: T
    sources: tuple[S, ...]
    dest: S | None
    guard: Guard | None = None


class Table(Generic[S, T]):
    """One state machine: states, triggers, the moves between them, and the pairs that are refused."""

    def __init__(
        self,
        name: str,
        states: type[S],
        triggers: type[T],
        moves: Iterable[Move[S, T]],
        refused: Mapping[T, tuple[S, ...]],
    ) -> None:
        self.name = name
        self.states = states
        self.triggers = triggers
        self.moves = tuple(moves)
        self.refused = frozenset(
            (state, trigger) for trigger, states_ in refused.items() for state in states_
        )
        self._machine = Machine(model=None, states=states, initial=None, auto_transitions=False)
        for move in self.moves:
            self._machine.add_transition(
                move.trigger.name,
                list(move.sources),
                move.dest,
                conditions=[move.guard] if move.guard else None,
            )

    def fire(self, row: Any, trigger: T) -> None:
        """Move the row. Raises transitions.MachineError for a refused pair, RuntimeError where no guard held."""
        before = row.state
        if not self._machine.events[trigger.name].trigger(row, row):
            raise RuntimeError(f"{self.name}: {trigger.name} from {before} met no guard that holds: {row!r}")

    def may(self, row: Any, trigger: T) -> bool:
        """Whether firing the trigger now would move the row (or keep it, by a listed stay)."""
        return any(
            move.trigger is trigger and row.state in move.sources and (move.guard is None or move.guard(row))
            for move in self.moves
        )
