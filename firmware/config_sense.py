"""What is wrong with a configuration as a whole: what only several keys together can tell, or a look at the system.

What one value alone can tell stands as a bound in `firmware.config`.
"""

import difflib
import ipaddress
import json
import re
from collections.abc import Hashable, Iterable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from firmware.config import Config, Gpio, Xor8a80
from hal.ports import public

SHOWN_MAX = 60  # characters of a wrong value in a message

_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
_LINK = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:[!-~]+)?")
_CAMERA = re.compile(r"/[ -~]+|https?://[!-~]+")


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message that says which of the known names was probably meant; empty where none is near."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def shown(value: Any) -> str:
    """A wrong value, short enough for a message, and without the password that an address may hold."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, str):
        value = public(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def problems(config: Config) -> Iterator[str]:
    """What is wrong with the configuration as a whole, in the order of the file's parts."""
    yield from _locker_problems(config)
    yield from _bank_problems(config)
    yield from _cell_problems(config)
    yield from _scanner_problems(config)


def _repeated(values: Iterable[tuple[str, Hashable]]) -> Iterator[str]:
    """One problem for each value that an earlier key already has."""
    seen: dict[Hashable, str] = {}
    for key, value in values:
        if value in seen:
            yield f"{key}: {shown(value)} is already that of {seen[value]}"
        seen.setdefault(value, key)


def _locker_problems(config: Config) -> Iterator[str]:
    try:
        ZoneInfo(config.locker.timezone)
    except (LookupError, ValueError, OSError):
        yield f"locker.timezone: no time zone is named {shown(config.locker.timezone)}"
    host = config.kiosk.host
    if not _is_loopback(host):
        yield f"kiosk.host: {shown(host)} is not a loopback address; the screen is for this machine only"
    for n, origin in enumerate(config.kiosk.frame_ancestors):
        if not _ORIGIN.fullmatch(origin):
            yield f"kiosk.frame_ancestors[{n}]: {shown(origin)} is not an origin such as http://127.0.0.1:8080"
    alarm, refusal = config.journal.alarm_percent, config.journal.no_deposits_percent
    if alarm >= refusal:
        yield f"journal.alarm_percent: {alarm}, must be below the {refusal} of journal.no_deposits_percent"
    if not _LINK.fullmatch(config.locker.app_link):
        yield f"locker.app_link: {shown(config.locker.app_link)} is not a link such as HTTPS://APP.EXAMPLE/P/"
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
    yield from _repeated((f"banks[{n}].name", bank.name) for n, bank in enumerate(config.banks))
    buses = [bus.name for bus in config.buses]
    addresses: dict[tuple[str, int], str] = {}
    pins: dict[tuple[int, int], str] = {}
    for n, bank in enumerate(config.banks):
        match bank:
            case Xor8a80():
                if bank.bus not in buses:
                    yield f"banks[{n}].bus: no bus is named {shown(bank.bus)}{nearest(bank.bus, buses)}"
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
            yield f"cells[{n}].bank: no bank is named {shown(cell.bank)}{nearest(cell.bank, banks)}"
        elif cell.channel > bank.channels:
            yield f"cells[{n}].channel: {cell.channel}, but bank {cell.bank} has channels 1 to {bank.channels}"
        elif (other := taken.setdefault((cell.bank, cell.channel), cell.number)) != cell.number:
            yield f"cells[{n}].channel: {cell.channel} of bank {cell.bank} is already that of cell {other}"


def _scanner_problems(config: Config) -> Iterator[str]:
    scanner = config.scanner
    if scanner.device and not _CAMERA.fullmatch(scanner.device):
        yield (
            f"scanner.device: {shown(scanner.device)} is neither a device such as /dev/v4l/by-id/usb-camera nor the "
            "http:// address of a stream"
        )
    if scanner.idle_fps > scanner.fps:
        yield f"scanner.idle_fps: {scanner.idle_fps}, must be at most the {scanner.fps} of scanner.fps"
    if scanner.exposure_ms > (frame_ms := 1_000 / scanner.fps):
        yield (
            f"scanner.exposure_ms: {scanner.exposure_ms:g}, longer than the {frame_ms:.1f} ms of a frame at scanner.fps"
        )
    for n, each in enumerate(scanner.serial):
        for key, mark in (("prefix", each.prefix), ("suffix", each.suffix)):
            if set("\r\n") & set(mark.strip("\r\n")):
                yield f"scanner.serial[{n}].{key}: {shown(mark)} has CR or LF in it, which end every code"
    yield from _repeated((f"scanner.serial[{n}].name", each.name) for n, each in enumerate(scanner.serial))
    yield from _repeated(
        [
            *((f"buses[{n}].device", bus.device) for n, bus in enumerate(config.buses)),
            *((f"scanner.serial[{n}].device", each.device) for n, each in enumerate(scanner.serial)),
        ]
    )
