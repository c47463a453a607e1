"""A wrong configuration is one line that a person can act on; a right one is shown as it is in effect."""

import itertools
import json
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from firmware.config import Config, Gpio, Scanner, SerialScanner, Xor8a80
from firmware.config_file import FILE_MAX_BYTES, check, load, schema, show
from firmware.errors import ConfigError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "systemd" / "postomat.example.toml"
NO_TOML = {  # the whole file: the message
    "\na = !": "Invalid value (at line 2, column 5)",
    "[locker]\nid = 1\nid = 2\n": "Cannot overwrite a value (at line 3, column 7)",
    "x = [\n1,\n\n": "Invalid value (at line 2)",
    "": "key 'locker' is missing",
}
# A right configuration, in which each case below spoils one thing.
SMALL = """\
cells = [{ number = 1, bank = "main", channel = 1 }, { number = 2, bank = "pins", channel = 2 }]
[locker]
id = "0123"
address = "Алматы"
support_phone = "+7 700"
[[access.backend_keys]]
id = "k1"
public = "ef2abd09fb4f1a5592f95b27e001578a68513d874e274c30ceb5a106c1dcbe2a"
[[buses]]
name = "rs485"
device = "/dev/ttyUSB0"
[[banks]]
kind = "xor8a80"
name = "main"
bus = "rs485"
address = 1
channels = 8
[[banks]]
kind = "gpio"
name = "pins"
lock_pins = [17, 27]
sensor_pins = [22, 23]
"""
HERE = "ef2abd09fb4f1a5592f95b27e001578a68513d874e274c30ceb5a106c1dcbe2a"


def changed(old: str, new: str, message: str) -> tuple[str, str]:
    assert SMALL.count(old) == 1, f"{old!r} stands {SMALL.count(old)} times in the small configuration"
    return SMALL.replace(old, new), message


def added(text: str, message: str) -> tuple[str, str]:
    return SMALL + text, message


CASES = {
    # unknown and missing keys
    "unknown at the top": changed(
        "[locker]", "inbox_mx = 20\n[locker]", "unknown key 'inbox_mx'; did you mean 'inbox_max'?"
    ),
    "unknown in a table": added(
        "[times]\nreminder = 5", "times: unknown key 'reminder'; did you mean 'reminder_s'?"
    ),
    "unknown in a bank": changed(
        "channels = 8",
        "channels = 8\npulse_mss = 300",
        "banks[0]: unknown key 'pulse_mss'; did you mean 'pulse_ms'?",
    ),
    "another kind's key": changed(
        "channels = 8", "channels = 8\nlock_pins = [1]", "banks[0]: unknown key 'lock_pins'"
    ),
    "unknown in a bank of pins": changed(
        "lock_pins =",
        "lock_pin = 1\nlock_pins =",
        "banks[1]: unknown key 'lock_pin'; did you mean 'lock_pins'?",
    ),
    "unknown in a key": changed(
        'id = "k1"',
        'id = "k1"\npubic = ""',
        "access.backend_keys[0]: unknown key 'pubic'; did you mean 'public'?",
    ),
    "unknown, near to nothing": added("[times]\nzzz = 5", "times: unknown key 'zzz'"),
    "unknown with a line in it": added('[times]\n"a\\nb" = 5', "times: unknown key 'a\\nb'"),
    "unknown as if it were a place": changed(
        "[locker]", '"x` - at `$.y" = 1\n[locker]', "y: unknown key 'x'"
    ),
    "missing": changed("address = 1\n", "", "banks[0]: key 'address' is missing"),
    "missing kind": changed('kind = "gpio"\n', "", "banks[1]: key 'kind' is missing"),
    # types and bounds
    "below": changed("address = 1", "address = 0", "banks[0].address: expected an integer >= 1, got 0"),
    "above, a wait for the screen": added(
        "[times]\nremote_wait_s = 121", "times.remote_wait_s: expected an integer <= 120, got 121"
    ),
    "below, a wait for a touch": added(
        "[times]\nawait_touch_s = 4", "times.await_touch_s: expected an integer >= 5, got 4"
    ),
    "above, a quiet hour": added(
        "[times]\nquiet_after_pickup_s = 86401",
        "times.quiet_after_pickup_s: expected an integer <= 86400, got 86401",
    ),
    "above": changed("address = 1", "address = 33", "banks[0].address: expected an integer <= 32, got 33"),
    "a fraction": changed("address = 1", "address = 1.5", "banks[0].address: expected an integer, got 1.5"),
    "a string": changed("address = 1", 'address = "1"', 'banks[0].address: expected an integer, got "1"'),
    "a truth": changed("address = 1", "address = true", "banks[0].address: expected an integer, got true"),
    "a date": changed('id = "0123"', "id = 2026-01-02", 'locker.id: expected a string, got "2026-01-02"'),
    "an array": changed('id = "0123"', "id = [1]", "locker.id: expected a string, got an array of 1"),
    "a table": changed('id = "0123"', "id = { a = 1 }", "locker.id: expected a string, got a table"),
    "no table": changed("[locker]", "times = 3\n[locker]", "times: expected a table, got 3"),
    "a camera by its number": added(
        '[scanner]\ndevice = "0"',
        'scanner.device: "0" is neither a device such as /dev/v4l/by-id/usb-camera nor the http:// address of a stream',
    ),
    "exposure of seconds": added(
        "[scanner]\nexposure_ms = 5000", "scanner.exposure_ms: expected a number <= 33.0, got 5000"
    ),
    "exposure longer than a frame": added(
        "[scanner]\nfps = 60\nexposure_ms = 20",
        "scanner.exposure_ms: 20, longer than the 16.7 ms of a frame at scanner.fps",
    ),
    "more frames idle than awake": added(
        "[scanner]\nfps = 10\nidle_fps = 15",
        "scanner.idle_fps: 15, must be at most the 10 of scanner.fps",
    ),
    "no decoder": added(
        '[scanner]\nqr_decoder = "opencv"',
        'scanner.qr_decoder: expected one of zxing, zbar, got "opencv"',
    ),
    "a barcode scanner on a lock bus": added(
        '[[scanner.serial]]\nname = "desk"\ndevice = "/dev/ttyUSB0"',
        'scanner.serial[0].device: "/dev/ttyUSB0" is already that of buses[0].device',
    ),
    "two barcode scanners of one name": added(
        '[[scanner.serial]]\nname = "desk"\ndevice = "/dev/a"\n[[scanner.serial]]\nname = "desk"\ndevice = "/dev/b"',
        'scanner.serial[1].name: "desk" is already that of scanner.serial[0].name',
    ),
    "barcodes without end": added(
        '[[scanner.serial]]\nname = "desk"\ndevice = "/dev/a"\nlength_max = 1025',
        "scanner.serial[0].length_max: expected an integer <= 1024, got 1025",
    ),
    "a prefix with an end in it": added(
        '[[scanner.serial]]\nname = "desk"\ndevice = "/dev/a"\nprefix = "A\\rB"',
        'scanner.serial[0].prefix: "A\\rB" has CR or LF in it, which end every code',
    ),
    "a suffix with an end in it": added(
        '[[scanner.serial]]\nname = "desk"\ndevice = "/dev/a"\n[[scanner.serial]]\nname = "door"\ndevice = "/dev/b"\nsuffix = "A\\nB\\r\\n"',
        'scanner.serial[1].suffix: "A\\nB\\r\\n" has CR or LF in it, which end every code',
    ),
    "a prefix that is long": added(
        f'[[scanner.serial]]\nname = "desk"\ndevice = "/dev/a"\nprefix = "{"A" * 17}"',
        f'scanner.serial[0].prefix: expected a string of length <= 16, got "{"A" * 17}"',
    ),
    "barcodes of no length": added(
        '[[scanner.serial]]\nname = "desk"\ndevice = "/dev/a"\nlength_max = 0',
        "scanner.serial[0].length_max: expected an integer >= 1, got 0",
    ),
    "a camera's password": added(
        '[scanner]\ndevice = "rtsp://owner:secret@10.0.0.9/live?pwd=hidden"',
        'scanner.device: "rtsp://10.0.0.9/live" is neither a device such as /dev/v4l/by-id/usb-camera nor the '
        "http:// address of a stream",
    ),
    "a camera's password that is too long": added(
        f'[scanner]\ndevice = "http://owner:{"secret" * 50}@10.0.0.9/"',
        'scanner.device: expected a string of length <= 300, got "http://10.0.0.9/"',
    ),
    "a broker's password": added(
        '[link]\nbrokers = ["mqtts://owner:secret@broker.example"]',
        "link.brokers[0]: expected a string matching regex "
        "'^mqtts?://([A-Za-z0-9.-]+|\\\\[[0-9A-Fa-f:]+\\\\])(:[0-9]{1,5})?$', got \"mqtts://broker.example\"",
    ),
    "no loopback": added(
        '[kiosk]\nhost = "0.0.0.0"',
        'kiosk.host: "0.0.0.0" is not a loopback address; the screen is for this machine only',
    ),
    "no address": added(
        '[kiosk]\nhost = "locker.example"',
        'kiosk.host: "locker.example" is not a loopback address; the screen is for this machine only',
    ),
    "no origin": added(
        '[kiosk]\nframe_ancestors = ["http://a", "*; script-src *"]',
        'kiosk.frame_ancestors[1]: "*; script-src *" is not an origin such as http://127.0.0.1:8080',
    ),
    "no array": added("[kiosk]\nframe_ancestors = 1", "kiosk.frame_ancestors: expected an array, got 1"),
    "no number": added("[locks]\nduty_max = nan", "locks.duty_max: expected a number > 0.0, got NaN"),
    "an endless number": added(
        "[locks]\nduty_max = inf", "locks.duty_max: expected a number <= 0.2, got Infinity"
    ),
    "no truth": changed(
        "address = 1",
        'address = 1\nclosed_level = "11"',
        'banks[0].closed_level: expected true or false, got "11"',
    ),
    "no cell": changed(
        'cells = [{ number = 1, bank = "main", channel = 1 }, { number = 2, bank = "pins", channel = 2 }]',
        "cells = []",
        "cells: expected an array of length >= 1, got an array of 0",
    ),
    "nobody's word": changed(
        f'[[access.backend_keys]]\nid = "k1"\npublic = "{HERE}"',
        "[access]\nbackend_keys = []",
        "access.backend_keys: expected an array of length >= 1, got an array of 0",
    ),
    "a short key": changed(
        HERE,
        "ef2a",
        "access.backend_keys[0].public: expected a string matching regex '^[0-9a-f]{64}$', got \"ef2a\"",
    ),
    "a long value": changed(
        '"0123"', f'"{"x" * 99}"', f'locker.id: expected a string of length <= 32, got "{"x" * 59}…'
    ),
    "a device without its path": changed(
        "/dev/ttyUSB0", "ttyUSB0", "buses[0].device: expected a string matching regex '^/', got \"ttyUSB0\""
    ),
    "a path that is none": added("[paths]\nstate = 3", "paths.state: expected a string, got 3"),
    "a path that is a table": added(
        "[paths.credentials]\nkind = 3", "paths.credentials: expected a string, got a table"
    ),
    "a long pulse": changed(
        "channels = 8",
        "channels = 8\npulse_ms = 1001",
        "banks[0].pulse_ms: expected an integer <= 1000, got 1001",
    ),
    "a long pulse of a pin": added(
        "pulse_ms = 1001", "banks[1].pulse_ms: expected an integer <= 1000, got 1001"
    ),
    "a pin below 0": changed(
        "[17, 27]", "[17, -1]", "banks[1].lock_pins[1]: expected an integer >= 0, got -1"
    ),
    # words
    "kind": changed('"gpio"', '"gpoi"', 'banks[1].kind: expected one of xor8a80, gpio, got "gpoi"'),
    "kind that is no word": changed('"gpio"', "7", "banks[1].kind: expected one of xor8a80, gpio, got 7"),
    "first_byte": changed(
        "channels = 8",
        'channels = 8\nfirst_byte = "1"',
        'banks[0].first_byte: expected one of low, high, got "1"',
    ),
    "senses": changed(
        "channels = 8",
        'channels = 8\nsenses = "bolt"',
        'banks[0].senses: expected one of hook, door, both, got "bolt"',
    ),
    "senses of pins": added(
        'senses = "Door"', 'banks[1].senses: expected one of hook, door, both, got "Door"'
    ),
    "pull": added('pull = "float"', 'banks[1].pull: expected one of up, down, none, got "float"'),
    "language": added('[kiosk]\nlanguage = "de"', 'kiosk.language: expected one of ru, kk, en, got "de"'),
    "size": changed(
        'bank = "main", channel = 1',
        'bank = "main", channel = 1, size = "XS"',
        'cells[0].size: expected one of S, M, L, XL, got "XS"',
    ),
    # several keys together
    "a number twice": changed(
        "number = 2", "number = 1", "cells[1].number: 1 is already that of cells[0].number"
    ),
    "a lock twice": changed(
        'bank = "pins", channel = 2',
        'bank = "main", channel = 1',
        "cells[1].channel: 1 of bank main is already that of cell 1",
    ),
    "no such bank": changed(
        'bank = "main", channel',
        'bank = "mian", channel',
        "cells[0].bank: no bank is named \"mian\"; did you mean 'main'?",
    ),
    "no such channel": changed(
        "channel = 2", "channel = 3", "cells[1].channel: 3, but bank pins has channels 1 to 2"
    ),
    "no such channel of a board": changed(
        "channel = 1 }", "channel = 9 }", "cells[0].channel: 9, but bank main has channels 1 to 8"
    ),
    "banks of one name": changed(
        'name = "pins"', 'name = "main"', 'banks[1].name: "main" is already that of banks[0].name'
    ),
    "no such bus": changed('bus = "rs485"', 'bus = "main"', 'banks[0].bus: no bus is named "main"'),
    "an address twice": added(
        '[[banks]]\nkind = "xor8a80"\nname = "b"\nbus = "rs485"\naddress = 1\nchannels = 8',
        "banks[2].address: 1 is already that of main on bus rs485",
    ),
    "buses of one name": added(
        '[[buses]]\nname = "rs485"\ndevice = "/dev/b"',
        'buses[1].name: "rs485" is already that of buses[0].name',
    ),
    "buses on one device": added(
        '[[buses]]\nname = "b"\ndevice = "/dev/ttyUSB0"',
        'buses[1].device: "/dev/ttyUSB0" is already that of buses[0].device',
    ),
    "a sensor too few": changed(
        "[22, 23]", "[22]", "banks[1].sensor_pins: 1 pins for 2 locks, must be as many"
    ),
    "a pin twice": changed(
        "[17, 27]", "[17, 17]", "banks[1].lock_pins[1]: pin 17 is already that of banks[1].lock_pins[0]"
    ),
    "a sensor on a lock": changed(
        "[22, 23]", "[22, 27]", "banks[1].sensor_pins[1]: pin 27 is already that of banks[1].lock_pins[1]"
    ),
    "a pin of another bank": added(
        '[[banks]]\nkind = "gpio"\nname = "b"\nlock_pins = [5]\nsensor_pins = [17]',
        "banks[2].sensor_pins[0]: pin 17 is already that of banks[1].lock_pins[0]",
    ),
    "keys of one id": changed(
        "[[buses]]",
        f'[[access.backend_keys]]\nid = "k1"\npublic = "{HERE}"\n[[buses]]',
        'access.backend_keys[1].id: "k1" is already that of access.backend_keys[0].id',
    ),
    "no such zone": changed(
        '"Алматы"', '"A"\ntimezone = "Asia/Almata"', 'locker.timezone: no time zone is named "Asia/Almata"'
    ),
    "a zone that is a path": changed(
        '"Алматы"', '"A"\ntimezone = "../UTC"', 'locker.timezone: no time zone is named "../UTC"'
    ),
    "an alarm that comes too late": added(
        "[journal]\nalarm_percent = 90",
        "journal.alarm_percent: 90, must be below the 90 of journal.no_deposits_percent",
    ),
    "a QR code that is dead while it is shown": added(
        "[times]\nscreen_qr_valid_s = 29",
        "times.screen_qr_valid_s: must be at least times.screen_qr_period_s",
    ),
    "an app link that is none": changed(
        '"Алматы"',
        '"A"\napp_link = "APP.EXAMPLE/P/"',
        'locker.app_link: "APP.EXAMPLE/P/" is not a link such as HTTPS://APP.EXAMPLE/P/',
    ),
    "a journal too small": added(
        "[journal]\nentries_max = 99", "journal.entries_max: expected an integer >= 100, got 99"
    ),
    "too little duty": added(
        "[locks]\nduty_max = 0.01",
        "locks.duty_max: 0.01 of 60 s is 600 ms, less than the 900 ms of 3 pulses of banks[0].pulse_ms",
    ),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "postomat.toml"


def refused(path: Path) -> str:
    """What is said of the file, after its name."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert caught.value.exit_code == 3
    with pytest.raises(ConfigError, match=re.escape(message)):
        check(path)
    return message.removeprefix(f"{path}: ")


def test_the_small_configuration_is_right(path: Path) -> None:
    path.write_text(SMALL, encoding="utf-8")
    assert check(path) == f"{path}: right; cells: 2, lock banks: 2"
    config = load(path)
    assert isinstance(config.banks[0], Xor8a80)
    assert isinstance(config.banks[1], Gpio)
    assert config.banks[1].channels == 2


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_in_one_line(path: Path, case: str) -> None:
    text, message = CASES[case]
    path.write_text(text, encoding="utf-8")
    assert refused(path) == message


@pytest.mark.parametrize("text", NO_TOML)
def test_a_file_that_is_not_toml(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    assert refused(path) == NO_TOML[text]


def test_files_that_cannot_be_read(path: Path) -> None:
    assert refused(path) == "cannot be read (No such file or directory)"
    path.mkdir()
    assert refused(path) == "cannot be read (Is a directory)"


def test_bytes_that_are_no_text(path: Path) -> None:
    path.write_bytes(b"[locker]\n# \xd0\xbf\nid = '\xff'\n")
    assert refused(path) == "line 3: not UTF-8"


def test_a_file_without_measure(path: Path) -> None:
    path.write_text("#" * (FILE_MAX_BYTES + 1))
    assert refused(path) == "more than 1048576 bytes"
    path.write_text("x = " + "[" * 100_000)
    assert refused(path) == "nested too deeply"


# Shown, described, exemplified


@pytest.mark.parametrize("origin", [False, True])
def test_what_is_shown_loads_as_the_same(path: Path, tmp_path: Path, origin: bool) -> None:
    text = SMALL.replace('"Алматы"', r'"a \"b\" \\ \u007f \t ё"') + '[kiosk]\nframe_ancestors = ["http://a"]'
    path.write_text(text, encoding="utf-8")
    again = tmp_path / "again.toml"
    again.write_text(show(path, origin=origin), encoding="utf-8")
    assert load(again) == load(path)
    assert show(again) == show(path)


@pytest.mark.parametrize("origin", [False, True])
def test_no_password_of_a_camera_is_shown(path: Path, origin: bool) -> None:
    path.write_text(
        f'{SMALL}[scanner]\ndevice = "http://owner:secret@10.0.0.9/live?pwd=secret"\n', encoding="utf-8"
    )
    text = show(path, origin=origin)
    assert 'device = "http://10.0.0.9/live"' in text
    assert "secret" not in text
    assert "owner" not in text
    assert "secret" in load(path).scanner.device  # what the scanner opens is whole


@pytest.mark.parametrize("scheme", ["rtsp", "ftp"])
def test_no_error_about_a_camera_holds_its_password(path: Path, scheme: str) -> None:
    path.write_text(f'{SMALL}[scanner]\ndevice = "{scheme}://owner:secret@10.0.0.9/"\n', encoding="utf-8")
    message = refused(path)
    assert f"{scheme}://10.0.0.9/" in message
    assert "secret" not in message


def test_every_key_tells_its_origin(path: Path) -> None:
    path.write_text(SMALL + "[times]\nreminder_s = 20\n", encoding="utf-8")
    lines = show(path, origin=True).splitlines()
    assert "reminder_s = 20  # file" in lines  # the default's own value, and yet the file set it
    assert "detach_s = 60  # default" in lines
    assert "# credentials is not set  # default" in lines
    assert 'kind = "gpio"  # file' in lines
    assert all(line.endswith(("  # file", "  # default")) for line in lines if line and line[0] != "[")
    assert not any("# default" in line for line in show(path).splitlines())


def test_the_schema_has_every_key_and_bound() -> None:
    made = json.loads(schema())
    parts = made["$defs"]
    assert made["$ref"] == "#/$defs/Config"
    assert set(parts["Config"]["required"]) == {"locker", "access", "cells", "banks"}
    assert set(parts["Config"]["properties"]) == set(Config.__struct_fields__)
    assert all(part["additionalProperties"] is False for part in parts.values())
    assert parts["Xor8a80"]["properties"]["address"] == {"type": "integer", "minimum": 1, "maximum": 32}
    assert set(parts["Gpio"]["properties"]["pull"]["enum"]) == {"up", "down", "none"}
    assert parts["Paths"]["properties"]["state"] == {"type": "string", "default": "/var/lib/postomat"}


def test_every_number_has_a_bound() -> None:
    numbers = []

    def walk(part: object, place: str) -> None:
        if isinstance(part, dict):
            if part.get("type") in ("integer", "number"):
                numbers.append(place)
                assert part.keys() & {"minimum", "exclusiveMinimum"}, place
                assert "maximum" in part, place
            for key, value in part.items():
                walk(value, f"{place}/{key}")
        elif isinstance(part, list):
            for value in part:
                walk(value, place)

    walk(json.loads(schema()), "")
    assert len(numbers) > 30


def test_the_example_is_right_and_describes_16_cells() -> None:
    config = load(EXAMPLE)
    assert [cell.number for cell in config.cells] == list(range(1, 17))
    assert len(config.banks) == 1
    for column in (0, 1):  # doors that lie on each other without a gap or an overlap
        cells = sorted((c for c in config.cells if c.column == column), key=lambda cell: cell.bottom_mm)
        assert all(a.bottom_mm + a.height_mm == b.bottom_mm for a, b in itertools.pairwise(cells))


def test_the_examples_comments_on_pins_are_right_too(path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    start = text.index("# [[banks]]")
    pins = text[start : text.index("\n\n", start)]
    path.write_text(text + "\n" + pins.replace("\n# ", "\n").removeprefix("# "), encoding="utf-8")
    assert [bank.name for bank in load(path).banks] == ["main", "pins"]


def test_the_examples_comments_on_the_scanner_are_right_and_name_every_key(path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    lines = text[text.index("# [scanner]") :].splitlines()
    path.write_text("\n".join([text, *(line.removeprefix("#").strip() for line in lines)]), encoding="utf-8")
    scanner, document = load(path).scanner, tomllib.loads(path.read_text(encoding="utf-8"))["scanner"]
    for kind, shown, may_differ in (
        (Scanner, document, {"serial", "device", "exposure_ms"}),
        (SerialScanner, document["serial"][0], {"name", "device"}),
    ):
        assert shown.keys() == set(kind.__struct_fields__)
        defaults = {
            each.name: each.default for each in msgspec.structs.fields(kind) if each.name not in may_differ
        }
        assert {name: shown[name] for name in defaults} == defaults
    assert scanner.serial[0].name == "desk"


def test_the_example_names_only_defaults_that_still_hold() -> None:
    defaults = {"code_digits", "timezone", "baud", "echo", "closed_level", "first_byte", "senses", "pulse_ms"}
    document = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    shown = {**document["locker"], **document["buses"][0], **document["banks"][0]}
    made = json.loads(schema())["$defs"]
    known = {
        **made["LockerSection"]["properties"],
        **made["Bus"]["properties"],
        **made["Xor8a80"]["properties"],
    }
    assert {key: known[key]["default"] for key in defaults} == {key: shown[key] for key in defaults}
