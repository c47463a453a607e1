"""The language of scenarios: lines into steps, and how a step fails."""

import inspect
import re
import shlex
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from firmware.errors import PostomatError
from sim.world import Impossible

UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Failed(PostomatError):
    """Something expected did not happen, or something happened that must not."""

    def at(self, place: str) -> "Failed":
        """The same, with the step it happened at."""
        return type(self)(f"{place}: {self}")


class TimedOut(Failed):
    """Waited in vain."""

    exit_code = 42


class Malformed(PostomatError):
    """A line that is no step."""

    exit_code = 2


Step = Callable[[Any], Awaitable[None]]


def parse(line: str, verbs: type) -> Step:
    """The step on a line, a method `do_VERB` of `verbs`. Raises Malformed, naming the line and what is wrong with it."""
    words = shlex.split(line)
    if not words or (verb := getattr(verbs, f"do_{words[0]}", None)) is None:
        known = ", ".join(sorted(name[3:] for name in dir(verbs) if name.startswith("do_")))
        raise Malformed(f"{line!r}: no such verb; known: {known}")
    objects = [word for word in words[1:] if "=" not in word]
    options = dict(word.split("=", 1) for word in words[1:] if "=" in word)

    try:
        inspect.signature(verb).bind(None, *objects, **options)
    except TypeError as error:
        raise Malformed(f"{line!r}: {error}") from None

    async def step(steps: Any) -> None:
        try:
            await verb(steps, *objects, **options)
        except ValueError as error:
            raise Malformed(f"{line!r}: {error}") from error
        except Impossible as error:
            raise Failed(str(error)) from None

    return step


def seconds(text: str) -> float:
    """A time such as 5s, 1.5s, 3m, 2h, 3d in seconds. Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if match is None:
        raise ValueError(f"{text!r} is no time such as 5s, 3m, 2h or 3d")
    return float(match[1]) * UNITS_S[match[2]]


def matches(thing: Any, wanted: dict[str, str]) -> bool:
    """Whether every wanted field is there, compared as text."""
    fields = thing if isinstance(thing, dict) else msgspec.structs.asdict(thing) if thing else {}
    return all(_text(fields.get(name)) == value for name, value in wanted.items())


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
