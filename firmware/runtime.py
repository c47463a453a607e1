"""The asyncio shell around the controller: inbox, commit, effects, timers, screen.

For each event: decide, commit, act. When the commit fails, memory is thrown away and rebuilt from the store, and no effect
of that event is performed; what the body told is tried again, because a door does not tell twice. Where the disk was full,
the reserve is released first, so that the next attempt finds space. Until a commit has succeeded the locker is out of
service and its coils are off. When `handle` raises, the exception passes through: the process ends, coils off, and is
started anew.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from firmware import chain, clock, quarantine, storage
from firmware.body import Body
from firmware.config import Config
from firmware.control import Seq
from firmware.controller import Controller
from firmware.errors import EpochEnded, PostomatError, StoreError, StoreFull
from firmware.events import (
    Answer,
    AnswerLater,
    BeginEpoch,
    Checked,
    Effect,
    Event,
    Pulse,
    ReadDoor,
    Started,
    StorageChanged,
)
from firmware.housekeeping import Housekeeping
from firmware.inbox import ANSWERED, Inbox, Post
from firmware.model import Entry, Moment, Outage, Outcome, Screen, ScreenName
from firmware.reserve import Reserve
from firmware.rows import Change, Locker, State
from firmware.sealed import JournalKey
from hal.ports import WallClock

log = logging.getLogger(__name__)

RETRY_MS = 500  # after a failed commit: until what the body told is tried again, and the screen is looked at
SLEEP_MAX_MS = 3_600_000  # a timer is set anew at least this often
CLOCK_LOOK_S = 10  # between looks at the system's clock: a step gets into the battery clock with the kernel's next writing
STORAGE_FAILED = Screen(ScreenName.OUT_OF_SERVICE, reason=Outage.STORAGE)


class Storage(Protocol):
    """What the runtime needs of `firmware.store.Store`."""

    @property
    def entries(self) -> int:
        """How many entries the journal holds."""

    @property
    def used_bytes(self) -> int:
        """What the database takes on the disk."""

    def load(self) -> State:
        """Everything that was committed. Raises StoreError."""

    def commit(self, changes: list[Change], entries: list[Entry], now: Moment) -> None:
        """One transaction. Raises StoreError (StoreFull for want of space), and has written nothing then."""

    def prune(self, acked: int, before_ms: int, sign: Callable[[chain.Place], bytes]) -> int:
        """Take away a step of what was acknowledged and is old; how many entries went. Raises StoreError."""


class Runtime:
    """One controller, its store, its body, and those who watch the screen."""

    def __init__(
        self,
        config: Config,
        store: Storage,
        clock: WallClock,
        body: Body,
        inbox: Inbox,
        reserve: Reserve,
        journal_key: JournalKey,
        *,
        start: str,
        boot: str,
    ) -> None:
        """`start` is random per start of the process, `boot` names the run of the monotonic clock."""
        self.config = config
        self._store = store
        self.system_clock = clock
        self._body = body
        self._inbox = inbox
        self._boot = boot
        self._since_ms = 0
        self._look: asyncio.TimerHandle | None = None
        self._astray_ms = 0  # monotonic: when the system's clock last did not agree with trusted time
        self._timer: asyncio.TimerHandle | None = None
        self._failed = False  # the last commit: the next one must show that the disk takes it
        self.journal_key = journal_key
        self._house = Housekeeping(
            reserve,
            prune=self._prune,
            is_busy=lambda: bool(self.controller.active_banks()),
            restored=lambda: inbox.post(Checked()),
        )
        self.controller = Controller(config, store.load())
        self.seq = Seq(start, 0)
        self.screen = STORAGE_FAILED
        self.on_screen: Callable[[], None] = lambda: None  # the gate's: the screen has changed
        self.on_answer: Callable[[str, Outcome], None] = lambda command, outcome: None  # the gate's
        self.on_end: Callable[[], None] = lambda: None  # the gate's: nothing is handled any more
        # Makes the next epoch's database, for the locker of this one.
        self.begin_epoch: Callable[[int, Locker], None] = lambda epoch, before: None
        self.observers: list[Callable[[Post, list[Effect]], None]] = []  # called after each commit

    def now(self) -> Moment:
        """The present moment, on the loop's clock and the wall's."""
        mono_ms = round(1_000 * asyncio.get_running_loop().time())
        locker, battery = self.controller.state.locker, self.config.clock.battery
        return clock.moment(locker, self._boot, mono_ms, self.system_clock.utc_ms(), battery=battery)

    def uptime_ms(self) -> int:
        """Since the first event was handled."""
        return self.now().mono_ms - self._since_ms

    async def run(self) -> None:
        """Handle events for ever. Raises whatever a bug raises; StoreError when the store cannot even be read."""
        self._since_ms = self._astray_ms = self.now().mono_ms
        try:
            await self._settle(Post(Started(self._boot)))
            self._house.start()
            self._look_at_clock()
            while True:
                await self._settle(await self._inbox.get())
        finally:
            self._body.off()
            self._house.stop()
            self.on_end()
            for timer in (self._timer, self._look):
                if timer is not None:
                    timer.cancel()

    async def _settle(self, post: Post) -> None:
        """Handle one post, trying again where what it told would be lost otherwise."""
        while not (self._tell_room(post.event) and self._handle(post)):
            if isinstance(post.event, ANSWERED):
                self._tell(post, Outcome.STORAGE_FAILED)
                return
            self._inbox.answer(Outcome.STORAGE_FAILED)
            await asyncio.sleep(RETRY_MS / 1_000)

    def _tell_room(self, ahead_of: Event) -> bool:
        """Tell the mind where the store's room has changed, so that the next event is judged by it. False: that failed."""
        locker, percent = self.controller.state.locker, self.used_percent()
        fill = storage.fill_of(percent, locker.journal_fill, self.config.journal)
        if isinstance(ahead_of, Started) or (self._house.is_low, fill) == (
            locker.storage_low,
            locker.journal_fill,
        ):
            return True
        return self._handle(Post(StorageChanged(self._house.is_low, fill, int(percent))))

    def _look_at_clock(self) -> None:
        """Tell the mind, again and again, where the system's clock has moved. It is no deadline: nothing is late by it."""
        now = self.now()
        off_ms = self.system_clock.utc_ms() - now.utc_ms
        if not clock.agrees(off_ms):
            self._astray_ms = now.mono_ms
        news = clock.system_news(self.controller.state.locker, off_ms, now.mono_ms - self._astray_ms)
        if news is not None:
            self._inbox.post(news)
        self._look = asyncio.get_running_loop().call_later(CLOCK_LOOK_S, self._look_at_clock)

    def used_percent(self) -> float:
        """How much of the journal's caps is taken."""
        return storage.used_percent(self._store.entries, self._store.used_bytes, self.config.journal)

    def _prune(self) -> int:
        """A step of the journal's pruning, by a clock that is sure. How many entries went. Raises StoreError."""
        now = self.now()
        if not now.sure:
            return 0
        before_ms = now.utc_ms - 3_600_000 * self.config.journal.acknowledged_h
        sign = partial(self.journal_key.sign, chain.Sealed.ANCHOR)
        return self._store.prune(self.controller.state.locker.acked_seq, before_ms, sign)

    def _handle(self, post: Post) -> bool:
        """Decide, commit, act. False where the commit failed."""
        if post.seq is not None and post.seq != self.seq:
            self._tell(post, Outcome.STALE)
            return True
        refusal = post.refuse() if post.refuse is not None else None
        if refusal is not None:
            self._tell(post, refusal)
            return True
        now = self.now()
        try:
            effects = self.controller.handle(post.event, now)
        except PostomatError:
            raise  # told in one line: no bug
        except Exception:
            if not self._set_aside(post.event, now):
                raise
            log.critical("%s has raised before and is set aside", type(post.event).__name__, exc_info=True)
            self._tell(post, Outcome.QUARANTINED)
            self._arm(now)
            return True
        state = self.controller.state
        if self._failed:
            state.mark(state.locker)  # something to write, whatever the event was
        changes, entries = state.drain()
        try:
            self._store.commit(changes, entries, now)
        except StoreError as error:
            self.controller = Controller(self.config, self._store.load())
            self._fail(error, now)
            return False
        if self._failed:
            self._failed = False
            log.warning("the disk takes commits again")
        self._show(self.controller.screen())
        for effect in effects:
            self._perform(effect, post)
        self._body.set_active(self.controller.active_banks())
        self._arm(now)
        for observe in self.observers:
            observe(post, effects)
        return True

    def _fail(self, error: StoreError, now: Moment) -> None:
        """Nothing can be written: nobody is served, and no coil is on, until something can be."""
        if not self._failed:  # once for all the attempts to come
            self._failed = True
            log.error("nothing was done: %s", error)
        if not (isinstance(error, StoreFull) and self._house.release()):
            self._body.off()
        self._show(STORAGE_FAILED)
        # So that this screen, too, has a way out.
        self._ring_at((now.mono_ms + RETRY_MS) / 1_000, Checked())

    def _set_aside(self, event: Event, now: Moment) -> bool:
        """Throw memory away and count the raise. False the first time: then the process must end."""
        self.controller = Controller(self.config, self._store.load())
        aside = quarantine.blame(self.controller.state, event)
        self._store.commit(*self.controller.state.drain(), now)
        return aside

    def _perform(self, effect: Effect, post: Post) -> None:
        match effect:
            case Pulse() | ReadDoor():
                self._body.perform(effect)
            case Answer(outcome):
                self._tell(post, outcome)
            case AnswerLater(command, outcome):
                self.on_answer(command, outcome)
            case BeginEpoch(epoch):
                self.begin_epoch(epoch, self.controller.state.locker)
                raise EpochEnded(f"epoch {epoch} begins with the next start")

    def _tell(self, post: Post, outcome: Outcome) -> None:
        if post.tell is not None:
            post.tell(outcome)

    def _show(self, screen: Screen) -> None:
        """Push the screen where it differs. Its number counts on, so that a press on the old one is stale."""
        if screen != self.screen or self.seq.count == 0:
            self.screen = screen
            self.seq = Seq(self.seq.start, self.seq.count + 1)
            self.on_screen()

    def _arm(self, now: Moment) -> None:
        """One timer for the earliest deadline of all rows."""
        latest_ms = now.mono_ms + SLEEP_MAX_MS
        due_ms, event = self.controller.next_due(now) or (latest_ms, Checked())
        ring = event if due_ms <= latest_ms else Checked()
        self._ring_at(min(due_ms, latest_ms) / 1_000, ring)

    def _ring_at(self, at_s: float, event: Event) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at_s, self._ring, event)

    def _ring(self, event: Event) -> None:
        self._timer = None
        self._inbox.post(event)
