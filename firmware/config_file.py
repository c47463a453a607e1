"""The configuration's file: `load` reads it, and `check`, `show` and `schema` are what `postomat config` prints.

The first problem becomes one line that says where it is and what would be right. Types and bounds are checked by msgspec
from the structs of `firmware.config`; here its messages become those of a person who edits TOML. What only several keys
together can tell is in `firmware.config_sense`.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from firmware.config import Config, Paths, Section
from firmware.config_sense import SHOWN_MAX, nearest, problems, shown
from firmware.errors import ConfigError
from hal.ports import public

FILE_MAX_BYTES = 1_048_576
_WORDS = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "an array",
    "object": "a table",
}


def load(path: Path) -> Config:
    """The configuration in the file. Raises ConfigError with one line: file, key, what is wrong and what is expected."""
    return _read(path)[0]


def _read(path: Path) -> tuple[Config, dict[str, Any]]:
    """The configuration, and the document as it was written (it tells what is default)."""
    document = _parse(path)
    try:
        config = msgspec.convert(document, Config, dec_hook=_to_path)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_reworded(str(error), document)}") from None
    for problem in problems(config):
        raise ConfigError(f"{path}: {problem}")
    return config, document


def check(path: Path) -> str:
    """One line on a file that is right. Raises ConfigError where it is not."""
    config, _ = _read(path)
    from firmware.signed import Keyring  # not needed by a face that only loads the file

    try:
        Keyring({key.id: bytes.fromhex(key.public) for key in config.access.backend_keys})
    except ValueError as error:
        raise ConfigError(f"{path}: access.backend_keys: {error}") from None
    return f"{path}: right; cells: {len(config.cells)}, lock banks: {len(config.banks)}"


def show(path: Path, *, origin: bool = False) -> str:
    """The configuration in effect as TOML, which loads as the same; with `origin` each key tells whether the file set it.

    For whoever is asked to send it along: of a camera's address nothing is shown that lets somebody in. Raises ConfigError.
    """
    config, document = _read(path)
    camera = msgspec.structs.replace(config.scanner, device=public(config.scanner.device))
    return text(msgspec.structs.replace(config, scanner=camera), document, origin=origin)


def text(config: Config, written: Mapping[str, Any] | None = None, *, origin: bool = False) -> str:
    """A configuration as TOML that loads as the same; `written` is what its file set, for `origin`."""
    built = msgspec.to_builtins(config, enc_hook=str)
    return "\n".join(_table("", built, written or built, origin)).lstrip()


def schema() -> str:
    """JSON Schema of the file, for editors that complete and check TOML by one."""
    made = msgspec.json.schema(Config, schema_hook=lambda _: {"type": "string"})
    for field in msgspec.structs.fields(Paths):
        if field.default_factory is not msgspec.NODEFAULT:  # msgspec leaves out what a factory makes
            made["$defs"]["Paths"]["properties"][field.name]["default"] = str(field.default_factory())
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "postomat.toml"} | made
    return json.dumps(made, ensure_ascii=False, indent=2)


def _parse(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > FILE_MAX_BYTES:
        raise ConfigError(f"{path}: more than {FILE_MAX_BYTES} bytes")
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: line {_lines(data[: error.start])}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        end = f" (at line {_lines(data.rstrip())})"  # where tomllib says only that it is the end
        raise ConfigError(f"{path}: {str(error).replace(' (at end of document)', end)}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None


def _lines(data: bytes) -> int:
    return data.count(b"\n") + 1


def _to_path(kind: type[Path], value: Any) -> Path:
    if not isinstance(value, str):
        raise TypeError("Expected `str`")  # worded as msgspec's own
    return kind(value)


def _reworded(message: str, document: dict[str, Any]) -> str:
    """What msgspec says of a wrong value, in the file's terms."""
    located = re.fullmatch(r"(.*) - at `\$([^`]*)`", message, re.DOTALL)
    what, place = located.groups() if located else (message, "")
    hint, value = _follow(place, document)
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", what, re.DOTALL):
        problem = f"unknown key {unknown[1]!r:.{SHOWN_MAX}}{nearest(unknown[1], _keys(hint))}"
    elif missing := re.fullmatch(r"Object missing required field `(.*)`", what):
        problem = f"key {missing[1]!r} is missing"
    elif get_origin(hint) is Literal:
        problem = f"expected one of {', '.join(get_args(hint))}, got {shown(value)}"
    else:
        expected = re.sub(
            r"`([^`]*)`", lambda word: _WORDS.get(word[1], word[1]), what.partition(", got ")[0]
        )
        problem = f"{expected[:1].lower()}{expected[1:]}, got {shown(value)}"
    return f"{place.removeprefix('.')}: {problem}" if place else problem


def _follow(place: str, document: dict[str, Any]) -> tuple[Any, Any]:
    """The type that the configuration wants at a place like `.banks[1].address`, and the value that the file has there."""
    hint: Any = Config
    value: Any = document
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", place):
        if index:
            hint, value = get_args(hint)[0], value[int(index)]
        elif isinstance(hint, UnionType):  # of structs, and the tag fits none of them
            return Literal[tuple(kind.__struct_config__.tag for kind in get_args(hint))], value.get(name)
        else:
            hint, value = get_type_hints(hint).get(name), value.get(name)
        if isinstance(hint, UnionType) and isinstance(value, dict):
            structs = [kind for kind in get_args(hint) if issubclass(kind, Section)]
            hint = next((kind for kind in structs if kind.__struct_config__.tag == value.get("kind")), hint)
    return hint, value


def _keys(kind: Any) -> list[str]:
    if not (isinstance(kind, type) and issubclass(kind, Section)):
        return []
    tag = kind.__struct_config__.tag_field
    return [field.encode_name for field in msgspec.structs.fields(kind)] + ([tag] if tag else [])


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
