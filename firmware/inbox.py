"""Everything that waits to be handled, in one bounded queue: the shell runs at its own pace.

When it is full, touches are dropped, commands and codes are answered `busy`, and levels coalesce per cell. Door, pulse
and timer events are never dropped: their number is bounded by the number of cells.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from firmware.control import Seq
from firmware.events import (
    ChangesCame,
    Checked,
    CodeTyped,
    Commanded,
    DoorRead,
    EpochDemanded,
    Event,
    GrantsCame,
    JournalAcked,
    KioskJoined,
    Pressed,
    SystemClockMoved,
    TokenRefused,
    TokenShown,
    WaybillScanned,
    Welcomed,
)
from firmware.model import Outcome

LISTS = (GrantsCame, ChangesCame)
TOUCHES = (Pressed, CodeTyped, TokenShown, TokenRefused, WaybillScanned)
SHED = (*TOUCHES, *LISTS, Commanded, EpochDemanded, JournalAcked, Welcomed, SystemClockMoved)
ANSWERED = (*SHED, Checked)  # whoever asks for these is told what became of them, and may ask again


class Post(NamedTuple):
    """An event on its way, and whom to tell what became of it.

    `refuse`, asked when its turn comes: why it is not believed any more, if so.
    """

    event: Event
    seq: Seq | None = None  # the screen it was meant for
    tell: Callable[[Outcome], None] | None = None
    refuse: Callable[[], Outcome | None] | None = None


class Inbox:
    """A queue with one reader. `fail` makes that reader raise: so a broken part ends the process in one place."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._posts: deque[Post] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None

    def __len__(self) -> int:
        return len(self._posts)

    def put(self, post: Post) -> None:
        """Take it in, or tell its sender `busy` where there is no room for its kind."""
        if isinstance(post.event, KioskJoined) and any(
            isinstance(each.event, KioskJoined) for each in self._posts
        ):
            return  # a kiosk that comes and goes fills no queue
        if len(self._posts) >= self._limit:
            if isinstance(post.event, SHED):
                if post.tell is not None:
                    post.tell(Outcome.BUSY)
                return
            if isinstance(post.event, DoorRead) and self._coalesce(post, post.event.cell):
                return
        self._posts.append(post)
        self._wake()

    def post(self, event: Event) -> None:
        """Take in an event that nobody waits for."""
        self.put(Post(event))

    def answer(self, outcome: Outcome) -> None:
        """Give this answer to all who wait for one, and handle none of what they asked: not later, by surprise."""
        waiting = list(self._posts)
        self._posts = deque(post for post in waiting if not isinstance(post.event, ANSWERED))
        for post in waiting:
            if isinstance(post.event, ANSWERED) and post.tell is not None:
                post.tell(outcome)

    def fail(self, error: BaseException) -> None:
        """End the reader with this error once it asks for the next event."""
        self._error = self._error or error
        self._wake()

    async def get(self) -> Post:
        """The oldest post. Raises what `fail` was given."""
        while not self._posts and self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._error is not None:
            raise self._error
        return self._posts.popleft()

    def _coalesce(self, post: Post, cell: int) -> bool:
        """Put the newer level in the place of the last one that still waits for the same cell: the newest must win."""
        for index in reversed(range(len(self._posts))):
            waiting = self._posts[index].event
            if isinstance(waiting, DoorRead) and waiting.cell == cell:
                self._posts[index] = post
                return True
        return False

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
