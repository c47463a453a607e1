"""Draws docs/state-machines.md from the tables: `python -m tests.diagrams`; with `--check`, says whether it is stale.

The tables are the truth and the drawing is derived, so nobody edits it by hand and it cannot lie.
"""

import sys
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from firmware.rows import ROWS
from firmware.table import Table

PATH = Path(__file__).parent.parent / "docs" / "state-machines.md"
MODULES = ("firmware.door", "firmware.parcel", "firmware.session", "firmware.access")

HEAD = """\
# State machines

Generated from the tables in `firmware/` by `python -m tests.diagrams`; `make check` fails while it is stale.

An arrow carries the trigger and, in brackets, the guard that must hold. A trigger that every state takes to the same place
stands below its drawing. In the matrix `→` moves on, `=` stays, `×` is refused: firing it is a bug and raises.
"""


def tables() -> list[tuple[ModuleType, Table[Any, Any]]]:
    """Every table with the module that holds it. Raises AttributeError where a module has none."""
    return [(module, module.TABLE) for module in map(import_module, MODULES)]


def states(table: Table[Any, Any]) -> list[Enum]:
    kind: type[Enum] = table.states
    return list(kind)


def triggers(table: Table[Any, Any]) -> list[Enum]:
    kind: type[Enum] = table.triggers
    return list(kind)


def initial(table: Table[Any, Any]) -> Enum:
    """The state in which a row of this table is made."""
    found = [field.default for row in ROWS for field in fields(row) if field.name == "state"]
    kind: type[Enum] = table.states
    [state] = [state for state in found if isinstance(state, kind)]
    return state


def is_from_everywhere(table: Table[Any, Any], move: Any) -> bool:
    return set(move.sources) == set(states(table))


def draw(table: Table[Any, Any]) -> Iterator[str]:
    """The lines of a mermaid state diagram: one arrow per pair of states, in the order of the states."""
    arrows: dict[tuple[Enum, Enum], list[str]] = {}
    for move in table.moves:
        if move.dest is None or is_from_everywhere(table, move):
            continue
        guard = f" [{move.guard.__name__.replace('_', ' ')}]" if move.guard else ""
        for source in move.sources:
            arrows.setdefault((source, move.dest), []).append(move.trigger.value + guard)
    order = {state: place for place, state in enumerate(states(table))}
    yield "stateDiagram-v2"
    yield f"    [*] --> {initial(table).value}"
    for (source, dest), labels in sorted(arrows.items(), key=lambda item: [order[end] for end in item[0]]):
        yield f"    {source.value} --> {dest.value}: {', '.join(labels)}"


def matrix(table: Table[Any, Any]) -> Iterator[str]:
    """The lines of a table that shows every pair of trigger and state."""
    signs = dict.fromkeys(table.refused, "×")
    for move in table.moves:
        for source in move.sources:
            signs[source, move.trigger] = "=" if move.dest in (None, source) else "→"
    columns = states(table)
    yield f"| | {' | '.join(state.value for state in columns)} |"
    yield f"|---|{':-:|' * len(columns)}"
    for trigger in triggers(table):
        yield f"| {trigger.value} | {' | '.join(signs[state, trigger] for state in columns)} |"


def chapter(module: ModuleType, table: Table[Any, Any]) -> Iterator[str]:
    yield f"## {table.name.capitalize()} (`{module.__name__.replace('.', '/')}.py`)"
    yield ""
    yield (module.__doc__ or "").strip()
    yield ""
    yield "```mermaid"
    yield from draw(table)
    yield "```"
    yield ""
    ways = [
        f"{move.trigger.value} → {move.dest.value}"
        for move in table.moves
        if move.dest is not None and is_from_everywhere(table, move)
    ]
    if ways:
        yield f"From every state: {', '.join(ways)}."
        yield ""
    yield from matrix(table)


def document() -> str:
    chapters = ["\n".join(chapter(module, table)) + "\n" for module, table in tables()]
    return "\n".join([HEAD, *chapters])


def main(arguments: list[str], path: Path = PATH) -> int:
    """Write the document, or with `--check` compare it. Returns the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m tests.diagrams [--check]", file=sys.stderr)
        return 2
    text = document()
    if not arguments:
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        print(f"{path.name} is stale: run python -m tests.diagrams", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
