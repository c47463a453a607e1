"""Figures, each measured beside its peer in the same run, as medians of interleaved rounds.

A machine's mood changes from minute to minute, so a figure on its own says little. Measure and peer take turns, and
whoever went first in one round goes second in the next; the value is a median against a median. One round before the
first is thrown away: it pays for cold files.
"""

import math
import os
import platform
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any, Protocol, TextIO, runtime_checkable

Measure = Callable[[], float]
Stage = Callable[[], AbstractContextManager[Measure]]
Summary = Callable[[list[float]], float]


@runtime_checkable
class Noted(Protocol):
    """A measure that has something to say below the table once it has measured."""

    def note(self) -> str: ...


def p95(samples: list[float]) -> float:
    """The smallest sample that 95 of 100 do not exceed."""
    return sorted(samples)[math.ceil(0.95 * len(samples)) - 1]


def p99(samples: list[float]) -> float:
    """The smallest sample that 99 of 100 do not exceed."""
    return sorted(samples)[math.ceil(0.99 * len(samples)) - 1]


class BenchError(Exception):
    """A figure could not be measured; the text says why."""


class Against(StrEnum):
    """How a figure's value comes from its own median and its peer's."""

    BESIDE = "beside"  # the peer is shown, and takes no part
    MINUS = "minus"  # what it costs above its peer
    OVER = "over"  # how many times its peer


@dataclass(frozen=True, slots=True)
class Peer:
    """What a figure is measured against, in the figure's unit."""

    name: str
    measure: Measure
    against: Against = Against.BESIDE


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: `stage` sets everything up and yields the function that measures once, in `unit`."""

    name: str
    text: str
    unit: str
    stage: Stage
    at_most: float | None = None
    at_least: float | None = None
    peer: Peer | None = None
    rounds: int = 7
    summary: Summary = median  # of all rounds; p99 where the slowest count

    def __post_init__(self) -> None:
        if self.peer is None and self.at_most is None and self.at_least is None:
            raise ValueError(f"{self.name}: a figure needs a limit or a peer")
        if self.rounds < 1:
            raise ValueError(f"{self.name}: rounds {self.rounds}, at least 1")


@dataclass(slots=True)
class Result:
    """What came of one figure: every sample, or the reason why there is none."""

    figure: Figure
    samples: list[float] = field(default_factory=list)
    peer_samples: list[float] = field(default_factory=list)
    error: str | None = None
    note: str = ""

    @property
    def value(self) -> float | None:
        """The figure, in its unit, or as a plain ratio where it is taken over its peer."""
        if self.error is not None:
            return None
        own, peer = self.figure.summary(self.samples), self.figure.peer
        if peer is None or peer.against is Against.BESIDE:
            return own
        other = self.figure.summary(self.peer_samples)
        return own - other if peer.against is Against.MINUS else own / other

    @property
    def met(self) -> bool:
        """Whether there is a value, and within its limits."""
        value, figure = self.value, self.figure
        return (
            value is not None
            and (figure.at_most is None or value <= figure.at_most)
            and (figure.at_least is None or value >= figure.at_least)
        )

    def as_json(self) -> dict[str, Any]:
        """The whole result, for build/bench.json."""
        figure, peer = self.figure, self.figure.peer
        return {
            "name": figure.name,
            "text": figure.text,
            "unit": figure.unit,
            "value": self.value,
            "at_most": figure.at_most,
            "at_least": figure.at_least,
            "met": self.met,
            "error": self.error,
            "note": self.note,
            "samples": self.samples,
            "peer": peer and {"name": peer.name, "against": peer.against, "samples": self.peer_samples},
        }


_registered: dict[str, Figure] = {}


def figure(
    text: str,
    unit: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    peer: Peer | None = None,
    rounds: int = 7,
    summary: Summary = median,
) -> Callable[[Stage], Stage]:
    """Register a figure under its function's name. The function is a context manager that yields what measures once."""

    def register(stage: Stage) -> Stage:
        name = stage.__name__
        if name in _registered:
            raise ValueError(f"{name}: two figures of one name")
        _registered[name] = Figure(name, text, unit, stage, at_most, at_least, peer, rounds, summary)
        return stage

    return register


def registered() -> dict[str, Figure]:
    """All figures of the modules imported so far, by name."""
    return dict(_registered)


def run(figure: Figure, progress: TextIO | None = None) -> Result:
    """Measure one figure. What its stage or its peer raises as BenchError or OSError becomes the result's error."""
    result = Result(figure)
    try:
        with figure.stage() as measure:
            for number in range(-1, figure.rounds):
                if progress is not None:
                    progress.write(f"\r\x1b[K{figure.name} {number + 1}/{figure.rounds}\r")
                    progress.flush()
                turns = [(measure, result.samples)]
                if figure.peer is not None:
                    turns.append((figure.peer.measure, result.peer_samples))
                for take, samples in turns if number % 2 else reversed(turns):
                    sample = take()
                    if number >= 0:
                        samples.append(sample)
            if isinstance(measure, Noted):
                result.note = measure.note()
    except (BenchError, OSError) as error:
        result.error = str(error)
    if progress is not None:
        progress.write("\r\x1b[K")
    return result


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


def table(results: Sequence[Result]) -> str:
    """The results for people: one line each, with the limit and the peer beside the value."""
    rows = [("figure", "value", "limit", "itself", "peer", "", "")]
    for result in results:
        figure, peer = result.figure, result.figure.peer
        limits = [f"≤ {_number(figure.at_most)}"] if figure.at_most is not None else []
        limits += [f"≥ {_number(figure.at_least)}"] if figure.at_least is not None else []
        unit = "×" if peer is not None and peer.against is Against.OVER else figure.unit
        beside = f"{peer.against} {peer.name}" if peer is not None else ""
        rows.append(
            (
                figure.text,
                "failed" if result.error else f"{_number(result.value)} {unit}",
                " ".join(limits),
                _number(figure.summary(result.samples)) if result.samples else "",
                _number(figure.summary(result.peer_samples)) if result.peer_samples else "",
                beside,
                result.error or ("ok" if result.met else "NOT MET"),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    notes = [f"{result.figure.name}: {result.note}" for result in results if result.note]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths).rstrip(), *lines[1:], *notes])


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "implementation": sys.implementation.name,
    }
