"""Writes docs/protocol/ from the structs: `python -m tests.contract`; with `--check`, says which files of it are stale.

A backend team of another company has these files and docs/protocol.md, and not our code: so they are made of what runs, and
nobody edits them by hand.
"""

import logging
import sys
from pathlib import Path

import msgspec

from tests.protocol import asyncapi, token_vectors, upward, vectors
from tests.protocol.schemas import schemas

PATH = Path(__file__).parent.parent / "docs" / "protocol"


def documents() -> dict[str, bytes]:
    """All files, by their names below docs/protocol/."""
    played, all_ = vectors.vectors()
    return {
        **{
            f"schemas/{name}.json": msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"
            for name, schema in schemas().items()
        },
        "asyncapi.yaml": asyncapi.document(all_, played.hello, played.journal),
        "vectors.json": vectors.document(
            played, all_, token_vectors.document(), upward.document(played), upward.VERDICTS
        ),
    }


def stale(path: Path = PATH) -> list[str]:
    """The files that are not as they would be written now: also one that nobody writes any more."""
    made = documents()
    there = {str(each.relative_to(path)) for each in path.rglob("*") if each.is_file()}
    return sorted(
        name
        for name in made.keys() | there
        if name not in there or made.get(name) != (path / name).read_bytes()
    )


def write(path: Path = PATH) -> None:
    """Write them all, and take away what is none of them."""
    made = documents()
    for name, text in made.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(text)
    for each in path.rglob("*"):
        if each.is_file() and str(each.relative_to(path)) not in made:
            each.unlink()


def main(arguments: list[str], path: Path = PATH) -> int:
    """Write the files, or with `--check` compare them. Returns the exit code."""
    logging.getLogger("firmware").addHandler(logging.NullHandler())  # what is refused is refused on purpose
    if arguments not in ([], ["--check"]):
        print("usage: python -m tests.contract [--check]", file=sys.stderr)
        return 2
    if not arguments:
        write(path)
        return 0
    found = stale(path)
    if found:
        print(f"stale in {path.name}/: {', '.join(found)}; run python -m tests.contract", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
