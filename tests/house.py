"""The rules of the house that no linter knows, as functions from a source tree to the offences in it.

They take the tree's root, so that tests/test_house.py can plant one offence of each kind and see it found.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("firmware", "hal", "sim")
MODULE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50

# Foreign packages that only one module of the device, one of the reference backend, and one of the rest of the simulator
# may import: whoever replaces the package changes one file, and whoever wants to know how it is used reads one.
ONE_MODULE_EACH = frozenset(
    {"aiohttp", "aiomqtt", "apsw", "cv2", "gpiozero", "lgpio", "pyzbar", "serial", "transitions", "zxingcpp"}
)
BACKEND = ("sim.backend",)
SIDES = {"the device": ("firmware", "hal"), "the backend": BACKEND, "the simulator": ("sim",)}
FACES = ("firmware.kiosk", "firmware.link", "firmware.scanner", "firmware.console")
COMPOSERS = {"firmware.__main__", "firmware.drivers"}  # they put real drivers and the real clock in
FACES_MAY_IMPORT = frozenset(
    {
        "firmware",
        "firmware.config",
        "firmware.control",
        "firmware.errors",
        "firmware.model",
        "firmware.client",
        "firmware.notify",
        "firmware.optics",
        "hal",
        "hal.ports",
    }
)
WIRE = ("sim.board8a80", "sim.pins", "sim.wire", "sim.world")

# Each pattern is spelt so that it does not match itself.
FORBIDDEN = {
    "a package registry's host": re.compile(
        r"pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.(?:org|com)|deb\.debia[n]\.org"
    ),
    "a path of one machine": re.compile(r"(?<![\w.~}])/(?:work|root|home)/"),
    "work put off": re.compile(r"\bTOD[O]\b|\bFIXM[E]\b"),
}


def modules(root: Path) -> dict[str, Path]:
    """Dotted name to file of every Python module of the three rooms."""
    found = {}
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, known: dict[str, Path]) -> set[str]:
    """What the module imports anywhere in its text: our own modules by their full name, others as written."""
    path = known[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] + "." if node.level else ""
            base = (above + (node.module or "")).rstrip(".")
            members = {f"{base}.{alias.name}" for alias in node.names}
            found |= (members & known.keys()) or {base}
    return found


def _within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def long_modules(root: Path) -> Iterator[str]:
    """Python and JavaScript modules over MODULE_LINES_MAX."""
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in {".py", ".js"}:
                lines = len(path.read_text(encoding="utf-8").splitlines())
                if lines > MODULE_LINES_MAX:
                    yield f"{path.relative_to(root)}: {lines} lines, at most {MODULE_LINES_MAX}"


def long_functions(root: Path) -> Iterator[str]:
    """Python functions over FUNCTION_LINES_MAX, from `def` to their last line."""
    for path in modules(root).values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    place = f"{path.relative_to(root)}:{node.lineno} {node.name}"
                    yield f"{place}: {lines} lines, at most {FUNCTION_LINES_MAX}"


def shared_packages(root: Path) -> Iterator[str]:
    """Packages of ONE_MODULE_EACH that more than one module of the device, of the backend, or of the simulator imports."""
    known = modules(root)
    for side, rooms in SIDES.items():
        importers: dict[str, list[str]] = {}
        for name in known:
            if _within(name, *rooms) and (rooms == BACKEND or not _within(name, *BACKEND)):
                for package in {
                    imported.partition(".")[0] for imported in imports(name, known)
                } & ONE_MODULE_EACH:
                    importers.setdefault(package, []).append(name)
        for package, names in sorted(importers.items()):
            if len(names) > 1:
                yield f"{package}: one module of {side} may import it, and these do: {', '.join(names)}"


def strangers(root: Path) -> Iterator[str]:
    """Imports that cross the house where there is no door.

    A face knows the controller by its socket, firmware knows the body by hal.ports (only the composition root names a
    driver), hal.ports stands on the standard library alone.
    """
    known = modules(root)
    for name in known:
        for imported in sorted(imports(name, known)):
            face = next((face for face in FACES if _within(name, face)), None)
            ours = imported.partition(".")[0] in ROOMS
            if face and ours and not _within(imported, face) and imported not in FACES_MAY_IMPORT:
                yield f"{name} imports {imported}: a face may import {', '.join(sorted(FACES_MAY_IMPORT))}"
            elif _within(name, "firmware") and name not in COMPOSERS and not face:
                if _within(imported, "hal") and imported not in {"hal", "hal.ports"}:
                    yield f"{name} imports {imported}: only firmware.drivers and firmware.__main__ name a driver"
            elif name == "hal.ports" and imported.partition(".")[0] not in sys.stdlib_module_names:
                yield f"{name} imports {imported}: the ports stand on the standard library alone"


def shared_codecs(root: Path) -> Iterator[str]:
    """Modules of the simulated wire that reach hal.locks, directly or through others: a shared mistake passes every test."""
    known = modules(root)
    for start in WIRE:
        if start not in known:
            continue
        paths = {start: start}
        queue = [start]
        while queue:
            name = queue.pop(0)
            for imported in sorted(imports(name, known) & known.keys() - paths.keys()):
                paths[imported] = f"{paths[name]} -> {imported}"
                queue.append(imported)
        yield from (path for name, path in sorted(paths.items()) if _within(name, "hal.locks"))


def simulated_branches(root: Path) -> Iterator[str]:
    """Conditions in firmware and hal that ask whether the world is real: the simulator sits under the wire (rule 2)."""
    for name, path in modules(root).items():
        if not _within(name, "firmware", "hal"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
                asked = ast.unparse(node.test)
                if re.search(r"simul|\bsim\b|mock|fake|dry_?run", asked, re.IGNORECASE):
                    yield f"{path.relative_to(root)}:{node.lineno}: a condition on simulation: {asked}"


def tracked(root: Path) -> list[Path]:
    """The files under version control, or all files where there is none (an unpacked archive)."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        return [root / name for name in listing.stdout.split("\0") if name and (root / name).is_file()]
    skipped = {".git", ".venv", "build", "__pycache__"}
    return [
        p for p in sorted(root.rglob("*")) if p.is_file() and not skipped & set(p.relative_to(root).parts)
    ]


def forbidden_words(root: Path) -> Iterator[str]:
    """Words of FORBIDDEN in tracked text files."""
    for path in tracked(root):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture or a font
        for number, line in enumerate(lines, 1):
            for what, pattern in FORBIDDEN.items():
                if match := pattern.search(line):
                    yield f"{path.relative_to(root)}:{number}: {what}: {match[0]}"


RULES = (
    long_modules,
    long_functions,
    shared_packages,
    strangers,
    shared_codecs,
    simulated_branches,
    forbidden_words,
)
