"""`python -m tests.bench [NAME ...]`: measure, print one table, write build/bench.json; exit 1 where a limit is not met."""

import argparse
import importlib
import json
import pkgutil
import sys
from dataclasses import replace
from pathlib import Path

import tests.bench
from tests.bench import harness

JSON = Path("build/bench.json")


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 where every limit is met, 1 where one is not, 2 for a figure that does not exist."""
    for module in pkgutil.iter_modules(tests.bench.__path__):
        if module.name.startswith("bench_"):
            importlib.import_module(f"tests.bench.{module.name}")
    figures = harness.registered()
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="NAME", help=f"of: {', '.join(figures)}")
    parser.add_argument(
        "--json", type=Path, default=JSON, metavar="FILE", help=f"where the samples go ({JSON})"
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="instead of each figure's own number of rounds"
    )
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.figures if name not in figures]:
        parser.error(f"no figure {', '.join(unknown)}; there are: {', '.join(figures)}")
    progress = sys.stderr if sys.stderr.isatty() else None
    if chosen.rounds is not None:
        if chosen.rounds < 1:
            parser.error(f"--rounds {chosen.rounds}: at least 1")
        figures = {name: replace(each, rounds=chosen.rounds) for name, each in figures.items()}
    results: list[harness.Result] = []
    for name in chosen.figures or figures:
        results.append(harness.run(figures[name], progress))
        _write(results, chosen.json)
    print(harness.table(results))
    return 0 if all(result.met for result in results) else 1


def _write(results: list[harness.Result], to: Path) -> None:
    """What was measured so far: a run that is cut short leaves what it has."""
    to.parent.mkdir(parents=True, exist_ok=True)
    report = {"machine": harness.machine(), "figures": [result.as_json() for result in results]}
    to.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
