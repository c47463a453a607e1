"""What the backend may set from afar, and within which bounds: a short list, kept in the store, before what the file says.

What bounds a coil, names a device or is a secret is not here. What another release has set, and this one does not know or not
within these bounds, counts for nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from firmware.config import Config

Value = int | str

# By the configuration's own names: section, and what it may be.
ALLOWED: dict[str, tuple[str, Any]] = {
    "remote_open": ("access", Literal["anywhere", "touch", "screen_qr"]),
    "static_tokens": ("access", Literal[0, 1]),  # no and yes: a setting is a number or a word
    "closing_screen_s": ("times", Annotated[int, Meta(ge=10, le=120)]),
    "confirmation_window_s": ("times", Annotated[int, Meta(ge=60, le=3_600)]),
    "reopen_max": ("times", Annotated[int, Meta(ge=0, le=10)]),
    "storage_term_h": ("times", Annotated[int, Meta(ge=12, le=720)]),
    "remote_open_max": ("times", Annotated[int, Meta(ge=1, le=60)]),
    "remote_open_window_s": ("times", Annotated[int, Meta(ge=60, le=3_600)]),
}


def is_allowed(name: str, value: Value) -> bool:
    """Whether it may be set to this."""
    if name not in ALLOWED:
        return False
    try:
        msgspec.convert(value, ALLOWED[name][1])
    except msgspec.ValidationError:
        return False
    return True


def kept(settings: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    """As the store keeps them."""
    return tuple(sorted(settings.items()))


def applied(config: Config, settings: Iterable[tuple[str, Value]]) -> Config:
    """The configuration with these settings in the place of the file's."""
    by_section: dict[str, dict[str, Value]] = {}
    for name, value in settings:
        if is_allowed(name, value):
            section = ALLOWED[name][0]
            is_flag = isinstance(getattr(getattr(config, section), name), bool)
            by_section.setdefault(section, {})[name] = bool(value) if is_flag else value
    sections = {
        section: msgspec.structs.replace(getattr(config, section), **values)
        for section, values in by_section.items()
    }
    return msgspec.structs.replace(config, **sections)
