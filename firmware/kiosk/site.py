"""What the kiosk serves: the page's files, what the page must know of this locker, and who may ask for them.

All of it is read once, at start: a path that is not in the table does not exist, so nobody can walk out of the folder.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from firmware.config import Config
from firmware.model import PHONE_DIGITS

HEARTBEAT_MS = 2_000  # from one of the page's signs of life to the next

_HERE = Path(__file__).parent
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


class File(Struct, frozen=True):
    """One resource, whole."""

    body: bytes
    content_type: str


class CellBox(Struct, frozen=True):
    """One cell as the cabinet's drawing needs it."""

    number: int
    size: str
    column: int
    bottom_mm: int
    height_mm: int
    width_mm: int


class Layout(Struct, frozen=True):
    """`/layout.json`: what the page cannot know by itself. Nothing here is secret."""

    locker: str
    address: str
    phone: str
    code_digits: int
    phone_digits: int
    timezone: str
    language: str
    pixels_per_mm: float
    heartbeat_ms: int
    cells: tuple[CellBox, ...]


def files(config: Config) -> dict[str, File]:
    """Path to resource: the page, its modules, the text catalogues, and the layout."""
    found = {}
    for folder, prefix in ((_HERE / "page", "/"), (_HERE / "texts", "/texts/")):
        for path in sorted(folder.iterdir()):
            if path.suffix in _TYPES:
                found[prefix + path.name] = File(path.read_bytes(), _TYPES[path.suffix])
    found["/"] = found["/index.html"]
    found["/layout.json"] = File(msgspec.json.encode(layout(config)), _TYPES[".json"])
    return found


def layout(config: Config) -> Layout:
    """The cabinet and the locker as the page draws and names them."""
    return Layout(
        locker=config.locker.id,
        address=config.locker.address,
        phone=config.locker.support_phone,
        code_digits=config.locker.code_digits,
        phone_digits=PHONE_DIGITS,
        timezone=config.locker.timezone,
        language=config.kiosk.language,
        pixels_per_mm=config.kiosk.pixels_per_mm,
        heartbeat_ms=HEARTBEAT_MS,
        cells=tuple(msgspec.convert(cell, CellBox, from_attributes=True) for cell in config.cells),
    )


def authorities(config: Config, port: int) -> frozenset[str]:
    """The values of `Host` that name this server; any other is a page elsewhere whose name points here."""
    host = config.kiosk.host
    names = {f"[{host}]" if ":" in host else host, "localhost", "127.0.0.1", "[::1]"}
    return frozenset({f"{name}:{port}" for name in names} | (names if port == 80 else set()))


def headers(config: Config) -> dict[str, str]:
    """What goes with every answer."""
    ancestors = config.kiosk.frame_ancestors
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors {' '.join(ancestors) or chr(39) + 'none' + chr(39)}"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
