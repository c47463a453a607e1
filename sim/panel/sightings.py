"""What is held before the locker's camera or its barcode scanner, and what comes of it at the gate, as parts of causal lines.

A reading belongs to the line of whoever held up that very text. Seen are the text as it was held, the text as the scanner's
process told it, and the event that the gate made of it, or its answer where it made none. No line holds a text: it may open a door.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from firmware.assembly import Assembly
from firmware.control import Reading
from firmware.events import Answer, Effect
from firmware.inbox import Post
from firmware.model import Outcome
from firmware.optics import Format
from sim.commits import Commit, Commits
from sim.deeds import Deed
from sim.locker import SimLocker
from sim.panel.lines import Book, Growing
from sim.panel.links import Links

READS = {Format.QR: "part.read.qr", Format.LINEAR: "part.read.linear"}
Tell = Callable[[Outcome], None]


@dataclass(eq=False)
class _Look:
    """One reading on its way."""

    reading: Reading
    taken: bool = False  # it has become an event


class Sightings:
    """Of one locker. A text that stays there is read again and again: only what is answered differently is told."""

    def __init__(self, book: Book, locker: SimLocker, commits: Commits) -> None:
        self._book = book
        self._optics = locker.optics
        self._held: Growing | None = None  # whose phone is before the camera
        self._lines: Links[str, Growing] = Links()  # by the text that was held up
        self._said: Links[str, Outcome] = Links()  # by text: what its last reading was answered
        self._taken: Links[Tell, _Look] = Links()  # by who is to be told what became of the event
        self._looking: _Look | None = None
        locker.observe(self._follow)
        locker.optics.observe(self._drawn)
        commits.handled.append(self._handled)

    def begin(self, deed: Deed, line: Growing) -> None:
        """Somebody holds something up, or takes a phone away."""
        if deed.verb == "beep" and deed.parcel is not None:
            self._belongs(deed.parcel, line)
        elif deed.verb in ("hold", "lower"):
            self._held = line if deed.verb == "hold" else None
            self._drawn()

    def line_of(self, post: Post) -> Growing | None:
        """Whose reading has become this event; None where nobody was seen to hold it up."""
        look = self._taken.get(post.tell) if post.tell is not None else None
        return self._lines.get(look.reading.text) if look is not None else None

    def _drawn(self) -> None:
        """The phone that is held has another code by now, or its first."""
        if self._held is not None and self._optics.text is not None:
            self._belongs(self._optics.text, self._held)

    def _belongs(self, text: str, line: Growing) -> None:
        self._lines[text] = line
        self._said.pop(text, None)

    def _follow(self, parts: Assembly) -> None:
        read, put = parts.gate.reader.read, parts.inbox.put

        def looked(reading: Reading, tell: Tell | None) -> None:
            self._looking = _Look(reading)
            try:
                read(reading, partial(self._told, self._looking, tell) if tell is not None else None)
            finally:
                self._looking = None

        def took(post: Post) -> None:
            if self._looking is not None and post.tell is not None:
                self._looking.taken = True
                self._taken[post.tell] = self._looking
                self._add_reading(self._looking.reading)
            put(post)

        parts.gate.reader.read = looked  # type: ignore[assignment, method-assign]
        parts.inbox.put = took  # type: ignore[method-assign]

    def _told(self, look: _Look, tell: Tell, outcome: Outcome) -> None:
        tell(outcome)
        asyncio.get_running_loop().call_soon(self._answered, look, outcome)  # behind what was made of it

    def _handled(self, parts: Assembly, post: Post, effects: list[Effect], commit: Commit) -> None:
        """What the controller answers, its verdict says."""
        look = self._taken.get(post.tell) if post.tell is not None else None
        for effect in effects:
            if look is not None and isinstance(effect, Answer):
                self._said[look.reading.text] = effect.outcome

    def _answered(self, look: _Look, outcome: Outcome) -> None:
        text = look.reading.text
        line = self._lines.get(text)
        if line is None or self._said.get(text) is outcome:
            return
        self._said[text] = outcome
        if not look.taken:
            self._add_reading(look.reading)
        self._book.add(line, "told", "part.told", outcome=outcome)

    def _add_reading(self, reading: Reading) -> None:
        if (line := self._lines.get(reading.text)) is not None:
            self._book.add(line, "read", READS[reading.format])
