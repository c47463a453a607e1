"""The configuration's file: `load` reads it, and `check`, `show` and `schema` are what `postomat config` prints.

The first problem becomes one line that says where it is and what would be right. Types and bounds are checked by msgspec
from the structs of `firmware.config`; here its messages become those of a person who edits TOML, and `_problems` looks
at what only several keys together can tell.
"""

import difflib
import ipaddress
import json
import re
import tomllib
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import msgspec

from firmware.config import Config, Gpio, Paths, Section, Xor8a80
from firmware.errors import ConfigError

FILE_MAX_BYTES = 1_048_576
SHOWN_MAX = 60  # characters of a wrong value in a message

_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
_LINK = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:[!-~]+)?")
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
    for problem in _problems(config):
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

    Raises ConfigError.
    """
    config, document = _read(path)
    return text(config, document, origin=origin)


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
        problem = f"unknown key {unknown[1]!r:.{SHOWN_MAX}}{_nearest(unknown[1], _keys(hint))}"
    elif missing := re.fullmatch(r"Object missing required field `(.*)`", what):
        problem = f"key {missing[1]!r} is missing"
    elif get_origin(hint) is Literal:
        problem = f"expected one of {', '.join(get_args(hint))}, got {_shown(value)}"
    else:
        expected = re.sub(
            r"`([^`]*)`", lambda word: _WORDS.get(word[1], word[1]), what.partition(", got ")[0]
        )
        problem = f"{expected[:1].lower()}{expected[1:]}, got {_shown(value)}"
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


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def _problems(config: Config) -> Iterator[str]:
    """What is wrong with the configuration as a whole, in the order of the file's parts."""
    yield from _locker_problems(config)
    yield from _bank_problems(config)
    yield from _cell_problems(config)


def _repeated(values: Iterable[tuple[str, Hashable]]) -> Iterator[str]:
    """One problem for each value that an earlier key already has."""
    seen: dict[Hashable, str] = {}
    for key, value in values:
        if value in seen:
            yield f"{key}: {_shown(value)} is already that of {seen[value]}"
        seen.setdefault(value, key)


def _locker_problems(config: Config) -> Iterator[str]:
    try:
        ZoneInfo(config.locker.timezone)
    except (LookupError, ValueError, OSError):
        yield f"locker.timezone: no time zone is named {_shown(config.locker.timezone)}"
    host = config.kiosk.host
    if not _is_loopback(host):
        yield f"kiosk.host: {_shown(host)} is not a loopback address; the screen is for this machine only"
    for n, origin in enumerate(config.kiosk.frame_ancestors):
        if not _ORIGIN.fullmatch(origin):
            yield f"kiosk.frame_ancestors[{n}]: {_shown(origin)} is not an origin such as http://127.0.0.1:8080"
    alarm, refusal = config.journal.alarm_percent, config.journal.no_deposits_percent
    if alarm >= refusal:
        yield f"journal.alarm_percent: {alarm}, must be below the {refusal} of journal.no_deposits_percent"
    if not _LINK.fullmatch(config.locker.app_link):
        yield f"locker.app_link: {_shown(config.locker.app_link)} is not a link such as HTTPS://APP.EXAMPLE/P/"
    if config.times.screen_qr_valid_s < config.times.screen_qr_period_s:
        yield "times.screen_qr_valid_s: must be at least times.screen_qr_period_s"
    yield from _repeated(
        (f"access.backend_keys[{n}].id", key.id) for n, key in enumerate(config.access.backend_keys)
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bank_problems(config: Config) -> Iterator[str]:
    yield from _repeated((f"buses[{n}].name", bus.name) for n, bus in enumerate(config.buses))
    yield from _repeated((f"buses[{n}].device", bus.device) for n, bus in enumerate(config.buses))
    yield from _repeated((f"banks[{n}].name", bank.name) for n, bank in enumerate(config.banks))
    buses = [bus.name for bus in config.buses]
    addresses: dict[tuple[str, int], str] = {}
    pins: dict[tuple[int, int], str] = {}
    for n, bank in enumerate(config.banks):
        match bank:
            case Xor8a80():
                if bank.bus not in buses:
                    yield f"banks[{n}].bus: no bus is named {_shown(bank.bus)}{_nearest(bank.bus, buses)}"
                if (other := addresses.setdefault((bank.bus, bank.address), bank.name)) != bank.name:
                    yield f"banks[{n}].address: {bank.address} is already that of {other} on bus {bank.bus}"
            case Gpio():
                yield from _pin_problems(f"banks[{n}]", bank, pins)
        longest_ms, locks = bank.pulse_ms * config.locks.pulses_max, config.locks
        if longest_ms > (most_ms := locks.duty_max * locks.duty_window_s * 1_000):
            yield (
                f"locks.duty_max: {locks.duty_max} of {locks.duty_window_s} s is {most_ms:.0f} ms, less than the "
                f"{longest_ms} ms of {locks.pulses_max} pulses of banks[{n}].pulse_ms"
            )


def _pin_problems(place: str, bank: Gpio, pins: dict[tuple[int, int], str]) -> Iterator[str]:
    if len(bank.sensor_pins) != len(bank.lock_pins):
        yield f"{place}.sensor_pins: {len(bank.sensor_pins)} pins for {len(bank.lock_pins)} locks, must be as many"
    for name, numbers in (("lock_pins", bank.lock_pins), ("sensor_pins", bank.sensor_pins)):
        for n, pin in enumerate(numbers):
            here = f"{place}.{name}[{n}]"
            if (other := pins.setdefault((bank.chip, pin), here)) != here:
                yield f"{here}: pin {pin} is already that of {other}"


def _cell_problems(config: Config) -> Iterator[str]:
    banks = {bank.name: bank for bank in config.banks}
    yield from _repeated((f"cells[{n}].number", cell.number) for n, cell in enumerate(config.cells))
    taken: dict[tuple[str, int], int] = {}
    for n, cell in enumerate(config.cells):
        bank = banks.get(cell.bank)
        if bank is None:
            yield f"cells[{n}].bank: no bank is named {_shown(cell.bank)}{_nearest(cell.bank, banks)}"
        elif cell.channel > bank.channels:
            yield f"cells[{n}].channel: {cell.channel}, but bank {cell.bank} has channels 1 to {bank.channels}"
        elif (other := taken.setdefault((cell.bank, cell.channel), cell.number)) != cell.number:
            yield f"cells[{n}].channel: {cell.channel} of bank {cell.bank} is already that of cell {other}"


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
