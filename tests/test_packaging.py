"""What an installation gets: all files of the three packages, and packages pinned by hash that fit pyproject.toml."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house import ROOMS, tracked

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {
    "dev": ("dev",),
    "sim": ("sim",),
    "device": ("controller", "gpio", "kiosk", "link", "scanner"),
}
LINE = (
    r"(?P<package>[a-z0-9-]+)(?:\[(?P<extras>[a-z0-9,-]+)\])?==(?P<version>[\w.]+)(?: ; [^#]*?)?"
    r"(?:\s+--hash=sha256:[0-9a-f]{64})+"
)


def wanted(*extras: str) -> dict[str, Requirement]:
    """The direct requirements of these extras, extras of our own that they name included, and the build's."""
    optional = PROJECT["project"]["optional-dependencies"]
    found = {}
    queue = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["build"]]
    queue += [text for extra in extras for text in optional[extra]]
    while queue:
        requirement = Requirement(queue.pop())
        if requirement.name == "postomat":
            queue += [text for extra in requirement.extras for text in optional[extra]]
        else:
            found[requirement.name] = requirement
    return found


def locked(name: str) -> dict[str, str]:
    """Package to version. Fails on a line that is neither a pinned package nor a hash of the one before."""
    text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(LINE, line)
        assert match, line[:100]
        found[match["package"]] = match["version"]
    return found


def pinned_extras(name: str) -> dict[str, set[str]]:
    """Package to the extras it is pinned with."""
    text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    found = (re.fullmatch(LINE, line) for line in text.splitlines())
    return {
        match["package"]: set(filter(None, (match["extras"] or "").split(","))) for match in found if match
    }


@pytest.mark.parametrize("name", LOCKS)
def test_lock_pins_by_hash_what_the_project_wants(name: str) -> None:
    versions = locked(name)
    for package, requirement in wanted(*LOCKS[name]).items():
        assert package in versions, f"{package}: not in requirements/{name}.txt; run make lock"
        assert requirement.specifier.contains(versions[package]), f"{package}: run make lock"


@pytest.mark.parametrize("name", [name for name in LOCKS if name != "dev"])
def test_locks_agree_with_what_is_tested(name: str) -> None:
    tested = locked("dev")
    ours = locked(name)
    assert {package: ours[package] for package in ours.keys() & tested.keys()} == {
        package: tested[package] for package in ours.keys() & tested.keys()
    }
    assert ours.keys() - tested.keys() <= {"lgpio"}  # a chip of pins is what no test has


def test_extras_that_packages_ask_for_are_pinned_with_them() -> None:
    """Found by a release of coverage: pip looks for `coverage[toml]` anew where only `coverage` is pinned, and has no hash."""
    pinned = pinned_extras("dev")
    for package in pinned:
        try:
            asked = [Requirement(text) for text in metadata.requires(package) or ()]
        except metadata.PackageNotFoundError:
            continue  # for another platform or Python
        for requirement in asked:
            name = canonicalize_name(requirement.name)
            if name in pinned and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                assert requirement.extras <= pinned[name], f"{package} asks for {requirement}; run make lock"


def test_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    names = [path.relative_to(ROOT).as_posix() for path in tracked(ROOT)]
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True, timeout=50)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == {name for name in names if name.partition("/")[0] in ROOMS}
