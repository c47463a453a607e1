"""`postomat config check`, `show` and `schema`, each as a text for standard output."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from firmware.config import Config, Paths
from firmware.config_file import read


def check(path: Path) -> str:
    """One line on a file that is right. Raises ConfigError where it is not."""
    config, _ = read(path)
    return f"{path}: right; cells: {len(config.cells)}, lock banks: {len(config.banks)}"


def show(path: Path, *, origin: bool = False) -> str:
    """The configuration in effect as TOML, which loads as the same; with `origin` each key tells whether the file set it.

    Raises ConfigError.
    """
    config, document = read(path)
    built = msgspec.to_builtins(config, enc_hook=str)
    return "\n".join(_table("", built, document, origin)).lstrip() + "\n"


def _table(prefix: str, built: Mapping[str, Any], written: Mapping[str, Any], origin: bool) -> Iterator[str]:
    """The lines of one table: its own keys first, for they would belong to whatever header stands above them."""
    deeper = {key: value for key, value in built.items() if _is_table(value)}
    for key, value in built.items():
        if key not in deeper:
            line = f"# {key} is not set" if value is None else f"{key} = {_toml(value)}"
            yield line + (f"  # {'file' if key in written else 'default'}" if origin else "")
    for key, value in deeper.items():
        if isinstance(value, Mapping):
            yield from ("", f"[{prefix}{key}]")
            yield from _table(f"{prefix}{key}.", value, written.get(key, {}), origin)
        else:
            for each, written_each in zip(
                value, written[key], strict=True
            ):  # no list of tables has a default
                yield from ("", f"[[{prefix}{key}]]")
                yield from _table(f"{prefix}{key}.", each, written_each, origin)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, Sequence) and bool(value) and isinstance(value[0], Mapping)
    )


def _toml(value: Any) -> str:
    """A value on one line. JSON's numbers, strings, booleans and arrays are TOML's, but for the character DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def schema() -> str:
    """JSON Schema of the file, for editors that complete and check TOML by one."""
    made = msgspec.json.schema(Config, schema_hook=lambda _: {"type": "string"})
    for field in msgspec.structs.fields(Paths):
        if field.default_factory is not msgspec.NODEFAULT:  # msgspec leaves out what a factory makes
            made["$defs"]["Paths"]["properties"][field.name]["default"] = str(field.default_factory())
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "postomat.toml"} | made
    return json.dumps(made, ensure_ascii=False, indent=2) + "\n"
