"""The units: what systemd itself says of them, that its verdict can be a bad one, and what no score may bargain away."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UNITS = ROOT / "systemd"
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")


def verify(units: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([UNITS / "verify", units], capture_output=True, text=True, timeout=50)


def settings(unit: str) -> dict[str, list[str]]:
    """Every value of each key of the unit's [Service] section, in order."""
    found: dict[str, list[str]] = {}
    section = (UNITS / unit).read_text(encoding="utf-8").partition("[Service]")[2].partition("[Install]")[0]
    for line in section.splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@needs_systemd
def test_systemd_has_no_complaint() -> None:
    result = verify(UNITS)
    assert (result.returncode, result.stderr) == (0, "")
    assert sorted(line.partition(":")[0] for line in result.stdout.splitlines()) == sorted(
        path.name for path in UNITS.glob("*.service")
    )


@needs_systemd
@pytest.mark.parametrize(
    ("unit", "right", "wrong", "complaint"),
    [
        ("postomat-controller.service", "WatchdogSec=", "WatchdogSecs=", "Unknown key 'WatchdogSecs'"),
        ("postomat-controller.service", "MemoryMax=128M", "MemoryMax=128Q", "Invalid memory limit '128Q'"),
        (
            "postomat-controller.service",
            "bin/postomat run",
            "bin/postomatt run",
            "postomatt is not executable",
        ),
        (
            "postomat-controller.service",
            "User=postomat",
            "User=locker",
            "postomat.sysusers does not create locker",
        ),
        ("postomat-controller.service", "PrivateNetwork=yes", "", "more exposed than"),
        ("postomat-kiosk.service", "NoNewPrivileges=yes", "", "more exposed than"),
        ("postomat.sysusers", "u postomat ", "q postomat ", "postomat.sysusers"),
    ],
)
def test_a_planted_mistake_fails(unit: str, right: str, wrong: str, complaint: str, tmp_path: Path) -> None:
    shutil.copytree(UNITS, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / unit).read_text(encoding="utf-8")
    assert right in text
    (tmp_path / unit).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    result = verify(tmp_path)
    assert result.returncode == 1
    assert complaint in result.stderr


@needs_systemd
def test_a_unit_without_a_bound_fails(tmp_path: Path) -> None:
    shutil.copytree(UNITS, tmp_path, dirs_exist_ok=True)
    shutil.copy(UNITS / "postomat-kiosk.service", tmp_path / "postomat-new.service")
    result = verify(tmp_path)
    assert result.returncode == 1
    assert "postomat-new.service: no bound for its exposure" in result.stderr


def test_controller_has_no_network_and_few_devices() -> None:
    controller = settings("postomat-controller.service")
    assert controller["PrivateNetwork"] == ["yes"]
    assert controller["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert controller["DevicePolicy"] == ["closed"]
    assert controller["DeviceAllow"] == [
        "char-ttyUSB rw",
        "char-ttyACM rw",
        "char-ttyAMA rw",
        "char-gpiochip rw",
    ]


def test_kiosk_speaks_to_this_machine_only_and_is_not_the_controller() -> None:
    controller, kiosk = settings("postomat-controller.service"), settings("postomat-kiosk.service")
    assert (kiosk["IPAddressDeny"], kiosk["IPAddressAllow"]) == (["any"], ["localhost"])
    assert kiosk["PrivateDevices"] == ["yes"]
    assert kiosk["User"] != controller["User"]
    assert "LoadCredential" not in kiosk
    assert not {"StateDirectory", "RuntimeDirectory", "SupplementaryGroups"} & kiosk.keys()


@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.glob("*.service")))
def test_each_process_is_watched_and_started_again(unit: str) -> None:
    service = settings(unit)
    assert service["Type"] == ["notify"]
    assert service["Restart"] == ["always"]
    assert 0 < int(service["WatchdogSec"][0]) <= 30
    assert service["RestartPreventExitStatus"] == ["2 3"]
