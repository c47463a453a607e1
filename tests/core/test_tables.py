"""Every state × trigger pair of every table, walked and fired on real rows; and the document that is drawn from them."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from transitions import MachineError

from firmware.model import ParcelState, SessionState, UseState
from firmware.row import Row
from firmware.rows import Door, Parcel, Session, Use
from firmware.table import Move, Table
from tests import diagrams

TABLES = {table.name: table for _, table in diagrams.tables()}

# Rows on which each table's guards can be told apart: what they look at, in every value.
ROWS: dict[str, Callable[[], list[Row]]] = {
    "door": lambda: [Door(1)],
    "parcel": lambda: [
        Parcel("KZ1", 1, fallback=state, inside=inside)
        for state in (None, *ParcelState)
        for inside in (False, True)
    ],
    "session": lambda: [Session(1)],
    "authorisation": lambda: [Use("g", "KZ1")],
}
# Where a row may rest for ever. A session has no last state of its own: on these screens its row is dropped.
FINAL: dict[str, set[Enum]] = {
    "door": set(),
    "parcel": {ParcelState.COLLECTED, ParcelState.WITHDRAWN, ParcelState.MISSING},
    "session": {SessionState.NOTED, SessionState.THANKS},
    "authorisation": {UseState.SPENT},
}
PAIRS = [
    pytest.param(table, state, trigger, id=f"{table.name}-{state.value}-{trigger.value}")
    for table in TABLES.values()
    for state in diagrams.states(table)
    for trigger in diagrams.triggers(table)
]
EACH = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())


def moves_of(table: Table[Any, Any], state: Enum, trigger: Enum) -> list[Move[Any, Any]]:
    return [move for move in table.moves if move.trigger is trigger and state in move.sources]


def rows_in(table: Table[Any, Any], state: Enum) -> list[Any]:
    rows: list[Any] = ROWS[table.name]()
    for row in rows:
        row.state = state
    return rows


@pytest.mark.parametrize(("table", "state", "trigger"), PAIRS)
def test_each_pair_is_a_move_or_refused_and_does_what_it_says(
    table: Table[Any, Any], state: Enum, trigger: Enum
) -> None:
    moves = moves_of(table, state, trigger)
    assert bool(moves) != ((state, trigger) in table.refused)
    assert len(moves) <= 1 or all(move.guard for move in moves)
    reached = set()
    for row in rows_in(table, state):
        holding = [move for move in moves if move.guard is None or move.guard(row)]
        assert len(holding) <= 1, f"the order of the table decides for {row}"
        assert table.may(row, trigger) == bool(holding)
        if holding:
            dest = holding[0].dest
            table.fire(row, trigger)
            assert row.state is (state if dest is None else dest)
            reached.add(table.moves.index(holding[0]))
        else:
            with pytest.raises(RuntimeError if moves else MachineError):
                table.fire(row, trigger)
            assert row.state is state
    assert reached == {table.moves.index(move) for move in moves}


@EACH
def test_nothing_is_listed_twice_or_of_another_table(table: Table[Any, Any]) -> None:
    """Asked by type, for equal words of two enumerations are equal."""
    for move in table.moves:
        assert len(set(move.sources)) == len(move.sources)
        assert {type(state) for state in (*move.sources, move.dest or move.sources[0])} == {table.states}
        assert type(move.trigger) is table.triggers
    for state, trigger in table.refused:
        assert (type(state), type(trigger)) == (table.states, table.triggers)


@EACH
def test_every_state_but_the_final_ones_has_an_exit(table: Table[Any, Any]) -> None:
    exits = {source for move in table.moves for source in move.sources if move.dest not in (None, source)}
    assert set(diagrams.states(table)) - exits == FINAL[table.name]


@EACH
def test_every_state_is_reachable(table: Table[Any, Any]) -> None:
    reached, front = set[Enum](), {diagrams.initial(table)}
    while front:
        reached |= front
        front = {move.dest for move in table.moves if move.dest and reached & set(move.sources)} - reached
    assert reached == set(diagrams.states(table))


@EACH
def test_every_arrow_is_drawn(table: Table[Any, Any]) -> None:
    drawn = list(diagrams.draw(table))
    assert len(drawn) == len(set(drawn))
    for move in table.moves:
        if move.dest is None or diagrams.is_from_everywhere(table, move):
            continue
        for source in move.sources:
            [line] = [
                line for line in drawn if line.startswith(f"    {source.value} --> {move.dest.value}: ")
            ]
            assert move.trigger.value in line


def test_the_document_is_as_the_tables_are() -> None:
    assert diagrams.main(["--check"]) == 0


def test_a_stale_or_missing_document_is_noticed_and_written_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "state-machines.md"
    assert diagrams.main(["--check"], path) == 1
    assert diagrams.main([], path) == 0
    assert diagrams.main(["--check"], path) == 0
    path.write_text(path.read_text(encoding="utf-8").replace("→", "×", 3), encoding="utf-8")
    assert diagrams.main(["--check"], path) == 1
    assert "state-machines.md is stale: run python -m tests.diagrams" in capsys.readouterr().err
    assert diagrams.main(["--chek"], path) == 2
