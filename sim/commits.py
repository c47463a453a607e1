"""The transactions of one locker, as its store was given them, and the screens that came with them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from firmware.assembly import Assembly
from firmware.errors import StoreError
from firmware.events import Checked, Effect
from firmware.inbox import Post
from firmware.model import Entry, Screen
from firmware.rows import Change
from sim.locker import SimLocker


@dataclass(eq=False)
class Commit:
    """One of them. `us`: how long it took, in real microseconds."""

    rows: int = 0
    entries: list[Entry] = field(default_factory=list)
    last_seq: int | None = None  # of its last entry
    us: int = 0
    screen: Screen | None = None  # where it has changed

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written."""
        return not self.rows and not self.entries

    def numbered(self) -> Iterator[tuple[int, Entry]]:
        """Its entries with their numbers in the journal."""
        if self.last_seq is not None:
            yield from enumerate(self.entries, self.last_seq - len(self.entries) + 1)


Handled = Callable[[Assembly, Post, list[Effect], Commit], None]


class Commits:
    """Listens between each controller of a locker and its store."""

    def __init__(self, locker: SimLocker) -> None:
        self.handled: list[Handled] = []  # told of each event, once it is committed and done
        self.failed: list[Callable[[Post], None]] = []  # told whose commit failed, once for each event
        self._last = Commit()
        self._post = self._failed_post = Post(Checked())
        locker.observe(self._follow)

    def _follow(self, parts: Assembly) -> None:
        commit, show, get = parts.store.commit, parts.runtime.on_screen, parts.inbox.get

        def committed(changes: list[Change], entries: list[Entry], now: Any) -> None:
            began_s = perf_counter()
            try:
                commit(changes, entries, now)
            except StoreError:
                self._fail()
                raise
            us = round(1e6 * (perf_counter() - began_s))
            last_seq = parts.store.last_seq if entries else None
            self._last = Commit(len(changes), list(entries), last_seq, us)

        def shown() -> None:
            self._last.screen = parts.runtime.screen
            show()

        async def got() -> Post:
            self._post = await get()
            return self._post

        def handled(post: Post, effects: list[Effect]) -> None:
            last, self._last = self._last, Commit()
            for tell in self.handled:
                tell(parts, post, effects, last)

        parts.store.commit = committed  # type: ignore[method-assign]
        parts.runtime.on_screen = shown
        parts.inbox.get = got  # type: ignore[method-assign]
        parts.runtime.observers.append(handled)

    def _fail(self) -> None:
        if self._post is not self._failed_post:
            self._failed_post = self._post
            for tell in self.failed:
                tell(self._post)
