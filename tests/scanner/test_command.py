"""`postomat scanner` on the command line: what it refuses to start with, and how it says so."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from firmware.config import Paths, Scanner, SerialScanner
from firmware.config_file import text
from tests.core.harness import cabinet


def scanner(
    folder: Path, *options: str, device: str = "", serial: tuple[SerialScanner, ...] = ()
) -> subprocess.CompletedProcess[str]:
    config = msgspec.structs.replace(
        cabinet(), paths=Paths(folder, folder, folder), scanner=Scanner(device=device, serial=serial)
    )
    (folder / "postomat.toml").write_text(text(config), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "firmware",
        "scanner",
        "--config",
        str(folder / "postomat.toml"),
        *options,
    ]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=30)


def test_without_camera_and_barcode_scanner_there_is_nothing_to_do(tmp_path: Path) -> None:
    done = scanner(tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert (
        done.stderr == "postomat: scanner: names neither a camera (device) nor a barcode scanner (serial)\n"
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--ring-s", "0", "--ring-folder", "."], "0 is not from 1 to 60"),
        (["--ring-s", "61", "--ring-folder", "."], "61 is not from 1 to 60"),
        (["--ring-s", "-1", "--ring-folder", "."], "-1 is not from 1 to 60"),
        (["--ring-s", "long", "--ring-folder", "."], "invalid"),
        (["--ring-s", "5"], "--ring-s and --ring-folder go together"),
        (["--ring-folder", "."], "--ring-s and --ring-folder go together"),
    ],
)
def test_a_ring_has_bounds_and_a_folder(tmp_path: Path, options: list[str], why: str) -> None:
    done = scanner(tmp_path, *options, device="/dev/video0")
    assert done.returncode == 2
    assert why in done.stderr


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ({"prefix": "A\rB"}, 'scanner.serial[0].prefix: "A\\rB" has CR or LF in it, which end every code'),
        ({"suffix": "A\nB"}, 'scanner.serial[0].suffix: "A\\nB" has CR or LF in it, which end every code'),
        ({"length_max": 0}, "scanner.serial[0].length_max: expected an integer >= 1, got 0"),
    ],
)
def test_a_frame_that_no_code_can_have_is_a_fault_of_the_configuration(
    tmp_path: Path, frame: dict[str, object], why: str
) -> None:
    done = scanner(tmp_path, serial=(SerialScanner("hand", "/dev/ttyACM0", **frame),))  # type: ignore[arg-type]
    assert (done.returncode, done.stderr) == (3, f"postomat: {tmp_path / 'postomat.toml'}: {why}\n")


ENDING = """
import firmware.__main__ as main
from firmware.errors import HardwareError
async def work():
    {ends}
try:
    main._run_and_exit(main._until_stopped(work()))
finally:
    print("behind it", flush=True)
"""


@pytest.mark.parametrize(
    ("ends", "code", "said"),
    [
        ("pass", 0, ""),
        ("raise HardwareError('the camera does not answer')", 6, "postomat: the camera does not answer\n"),
        ("raise ZeroDivisionError('a bug')", 1, "ZeroDivisionError: a bug\n"),
        ("raise SystemExit(7)", 1, "SystemExit: 7\n"),
    ],
)
def test_the_process_ends_at_once_and_hides_no_exception(ends: str, code: int, said: str) -> None:
    command = [sys.executable, "-c", ENDING.format(ends=ends)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=30)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.endswith(said)
    assert ("Traceback" in done.stderr) is (code == 1)


def test_the_controller_loads_no_camera(tmp_path: Path) -> None:
    """Nor do the other processes: what a locker without a camera does not have must not be missing."""
    code = (
        "import sys, firmware.__main__, firmware.assembly, firmware.drivers, firmware.sockets\n"
        "import firmware.kiosk.server, firmware.link.process\n"
        "sys.exit(bool({'cv2', 'numpy', 'zxingcpp', 'pyzbar'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0
