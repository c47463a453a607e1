"""What the rules of `sim.invariants` look at: the controller's state after an event, and what was seen of coils and doors.

The facts are gathered from outside: from committed entries, from the events as they passed, from current in coils. Where a
rule compares what the locker believes with what is so, the one comes from its state, and the other from here.
"""

import asyncio
from collections import Counter, deque
from typing import Any, NamedTuple

from firmware.assembly import Assembly
from firmware.control import Seq
from firmware.deeds import Open
from firmware.events import (
    ChangesCame,
    CodeTyped,
    Commanded,
    Due,
    Effect,
    Event,
    GrantsCame,
    Pressed,
    Pulse,
    ReadDoor,
    Started,
    StorageChanged,
    TokenShown,
)
from firmware.inbox import Post
from firmware.model import Action, Entry, EntryKind, SessionState
from firmware.row import Timed
from firmware.rows import ROWS, Change, Door, Grant, Session, State
from firmware.schema import TABLES
from firmware.session import UNPROVED
from sim import minted
from sim.claims import Claims
from sim.committed import Committed
from sim.site import Site
from sim.world import Cell

LAST_EVENTS = 12
LISTS_MAX = 100  # as many are remembered
UNPROVED_OR_ASKED = UNPROVED | {SessionState.AWAITS_TOUCH, SessionState.CLAIMED}
GENERATION = {kind.TABLE: TABLES[kind].names.index("generation") for kind in ROWS if issubclass(kind, Timed)}
ENDINGS = (EntryKind.COLLECTED, EntryKind.WITHDRAWN)
Columns = dict[tuple[str, tuple[Any, ...]], tuple[Any, ...]]


class Spell(NamedTuple):
    """One time that a coil was on."""

    cell: int
    lasted_s: float
    rested_s: float  # before it
    hottest_s: float  # the most it was on within any minute


class Facts:
    """All that is known of one locker's life so far."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.events = 0
        self.is_start = False
        self.event: Event | None = None
        self.seq: Seq | None = None  # the screen that the event was meant for
        self.effects: list[Effect] = []
        self.entries: list[Entry] = []
        self.pulsed: set[int] = set()  # intents whose pulse was asked for before this event
        self.proofs: dict[int, str] = {}  # session → the grant that was proved in it
        self.prover = ""  # who gave the last proof
        self._commands: set[str] = set()  # all that ever came: a duplicate proves nothing anew
        self._untouched_s: list[float] = []  # when commands opened that nobody at the locker touched for
        self._came: dict[str, tuple[float, Open]] = {}  # since the last start, unless they proved
        self.claims = Claims()
        self.ended: dict[str, EntryKind] = {}  # parcels, before this event
        self.collected_s: dict[int | None, float] = {}  # by cell, when a buyer last had what lay there
        self.told_of: Counter[tuple[str, EntryKind]] = Counter()  # how often the journal tells of a command
        self.lists_s: deque[float] = deque(maxlen=LISTS_MAX)  # when the last signed lists came
        self.lost: list[str] = []  # what was committed and is not there
        self.coil_on: int | None = None  # the cell whose coil has just come on
        self.coil_intent: int | None = None
        self.spell: Spell | None = None  # the coil that has just gone off
        self.session_since_s = 0.0
        self.begun_in_time = 0  # sessions up to this one had begun when the disk filled up
        self.last: deque[str] = deque(maxlen=LAST_EVENTS)
        self.parts: Assembly
        self._session: tuple[int, SessionState, int | None] | None = None
        self._waiting: dict[int, int] = {}  # by cell, the committed intent whose pulse has not been felt
        self._pulses = dict.fromkeys(site.world.cells, 0)
        self._on_s: dict[int, float] = {}
        self._off_s: dict[int, float] = {}
        self._rested_s: dict[int, float] = {}
        self._opened_s: dict[int, float] = {}
        self.before: Columns = {}  # all rows before the event
        self.changed = False  # whether the event changed a row
        self.committed = Committed()
        self._shadow: Columns = {}
        self._doubtful: list[Columns] = []  # of commits that nobody saw succeed: the store may hold these
        self._shown: deque[Seq] = deque(maxlen=2)  # the last screens
        self._asked: dict[int, int] = {}  # intents that the body works at → cell

    @property
    def state(self) -> State:
        return self.parts.runtime.controller.state

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def after(self) -> Columns:
        """All rows after the event."""
        return self._shadow

    # What the rules ask

    def is_excused(self, *waybills: str | None) -> bool:
        """Whether the books may be wrong about one of these."""
        return any(waybill in self.site.witness.excused for waybill in waybills)

    def stands_open_s(self, cell: int) -> float:
        """For how long the door has stood open and could be seen; 0: it does not."""
        return 0.0 if self.site.witness.is_blind(cell) else self.now_s - self._opened_s.get(cell, self.now_s)

    def is_quiet(self, cell: int) -> bool:
        """Nobody is at this cell, and nothing of it waits to be seen."""
        row = self.state.find(Door, cell)
        at = self.state.session
        busy = (
            row is None
            or row.opened_ms is not None
            or row.intent is not None
            or (at is not None and at.cell == cell)
        )
        return not busy and self.site.world.cells[cell].shut and not self.site.witness.is_pending(cell)

    def is_working(self, row: Door) -> bool:
        """Whether the body has still to tell the outcome of what it was asked for this door."""
        return row.cell in self._asked.values()

    def was_shown(self, seq: Seq) -> bool:
        """Whether this was the screen before the event, or is the one after it."""
        return (seq.start, seq.count) in ((shown.start, shown.count) for shown in self._shown)

    def is_stale(self, due: Due) -> bool:
        """Whether the row of this deadline had moved on, or was gone, before the event."""
        for (table, key), columns in self.before.items():
            if table == due.table and str(key[0]) == due.key:
                return bool(columns[GENERATION[table]] != due.generation)
        return True

    # What is gathered

    def follow(self, parts: Assembly) -> None:
        """A new controller: what it loads must be what was committed."""
        self.parts = parts
        self._asked.clear()
        self._shown.clear()
        commit, show = parts.store.commit, parts.runtime.on_screen

        def shown() -> None:
            self._shown.append(parts.runtime.seq)
            show()

        def shadowed(changes: list[Change], entries: list[Entry], now: Any) -> None:
            after = self._write(changes, dict(self._shadow)) if changes else self._shadow
            self._doubtful.append(after)
            commit(changes, entries, now)
            self.committed.take(changes)
            self.before = self._shadow
            self.changed = any(
                after.get((kind.TABLE, key)) != self.before.get((kind.TABLE, key)) for kind, key, _ in changes
            )
            self._shadow, self._doubtful = after, []

        parts.store.commit = shadowed  # type: ignore[method-assign]
        parts.runtime.on_screen = shown
        stored = parts.store.load()
        self.committed.load(stored)
        self._compare(stored)

    def take_event(self, post: Post, effects: list[Effect]) -> None:
        """An event was handled, committed and acted upon."""
        self.events += 1
        self.event, self.effects, self.entries = post.event, effects, self.site.entries
        self.seq = post.seq
        self.is_start = isinstance(post.event, Started)
        told = [entry.kind.value for entry in self.entries]
        self.last.append(f"{self.now_s:.3f} {post.event!r} → {effects!r}; {told}")
        if self.is_start:
            self._waiting.clear()
            self._came.clear()
        if isinstance(post.event, GrantsCame | ChangesCame):
            self.lists_s.append(self.now_s)
        if isinstance(post.event, StorageChanged):
            self.begun_in_time = self.state.locker.next_session - 1
        for entry in self.entries:
            if entry.kind is EntryKind.INTENT and entry.cell is not None and entry.intent is not None:
                self._waiting[entry.cell] = entry.intent
            if entry.command is not None:
                self.told_of[entry.command, entry.kind] += 1
        self.claims.take(self.entries)
        self._take_proof()

    def done(self) -> None:
        """All rules have seen this event: what it did belongs to the past."""
        for effect in self.effects:
            if isinstance(effect, Pulse):
                self.pulsed.add(effect.intent)
        for entry in self.entries:
            if entry.kind in ENDINGS and entry.parcel is not None:
                self.ended[entry.parcel] = entry.kind
            if entry.kind is EntryKind.COLLECTED:
                self.collected_s[entry.cell] = self.now_s
        self.lost = []

    def _take_proof(self) -> None:
        event, at = self.event, self.state.session
        if isinstance(event, Commanded) and event.id not in self._commands:
            self._commands.add(event.id)
            if isinstance(event.do, Open):
                self._came[event.id] = self.now_s, event.do
        self._asked.pop(getattr(event, "intent", 0), None)
        self._asked.update((to.intent, to.cell) for to in self.effects if isinstance(to, Pulse | ReadDoor))
        was = self._session
        if (at and (at.id, at.state, at.due_ms)) != self._session:
            self._session = (at.id, at.state, at.due_ms) if at else None
            self.session_since_s = self.now_s
        if at is None or at.state in UNPROVED_OR_ASKED:
            self.proofs.clear()
            return
        if isinstance(event, CodeTyped) and at.grant and self._proves(event.digest, at.grant):
            self.proofs = {at.id: at.grant}
            self.prover = self.site.typist
        if isinstance(event, TokenShown) and (holder := minted.holder(self.site, event)) is not None:
            self.proofs, self.prover = {at.id: event.grant}, holder
        if at.command is not None and at.id not in self.proofs:
            asked = was is not None and was[:2] == (at.id, SessionState.AWAITS_TOUCH)
            self._take_command(at, touched=asked and event == Pressed(Action.OPEN))

    def _take_command(self, at: Session, *, touched: bool) -> None:
        """A command has begun an opening: it proves its grant once, in time, not after a start, and within the cap or by a touch."""
        afar, now_s = self.site.afar, self.now_s
        came_s, command = self._came.pop(at.command or "", (0.0, None))
        since_s = now_s - afar.times.remote_open_window_s + 0.01  # deadlines are in whole milliseconds
        self._untouched_s = [at_s for at_s in self._untouched_s if at_s > since_s]
        may_s = afar.times.remote_wait_s + (afar.times.await_touch_s if touched else 0) + 0.01
        within_cap = touched or self.claims.by is not None or len(self._untouched_s) < afar.untouched_max
        if command is not None and now_s - came_s <= may_s and within_cap:
            self._untouched_s += [] if touched or self.claims.by is not None else [now_s]
            self.proofs = {at.id: command.grant}
            self.prover = self.site.office.backend.orders[command.parcel].person

    def _proves(self, digest: str | None, name: str) -> bool:
        """Whether it is a code of this grant, alone or with the phone behind it."""
        grant = self.state.get(Grant, name)
        return digest in (*grant.codes, *grant.phone_codes)

    def take_matter(self, cell: Cell) -> None:
        """Something has changed in a cell."""
        number, now_s = cell.number, self.now_s
        self.coil_on = self.coil_intent = self.spell = None
        if cell.coil.pulses != self._pulses[number]:
            self._pulses[number] = cell.coil.pulses
            self.coil_on = number
            asked = self.site.witness.crossed.get(number, number)
            self.coil_intent = self._waiting.pop(asked, None)
            self._on_s[number] = now_s
            self._rested_s[number] = now_s - self._off_s.get(number, float("-inf"))
        elif cell.coil.on_at_s is None and number in self._on_s:
            lasted_s = now_s - self._on_s.pop(number)
            self._off_s[number] = now_s
            self.spell = Spell(number, lasted_s, self._rested_s[number], cell.coil.hottest_s)
        if cell.shut:
            self._opened_s.pop(number, None)
        else:
            self._opened_s.setdefault(number, now_s)

    # The shadow of the store

    @staticmethod
    def _write(changes: list[Change], shadow: Columns) -> Columns:
        for kind, key, row in changes:
            if row is None:
                shadow.pop((kind.TABLE, key), None)
            else:
                shadow[kind.TABLE, key] = tuple(TABLES[kind].encode(row))
        return shadow

    def _compare(self, state: State) -> None:
        """After a cut the store holds the last commit that was seen to end, or the one that was under way, whole."""
        found: Columns = {
            (type(row).TABLE, row.key): tuple(TABLES[type(row)].encode(row)) for row in state.rows()
        }
        before = self._shadow
        if before and found not in (before, *self._doubtful):
            wrong = sorted((key for key in {*found, *before} if found.get(key) != before.get(key)), key=str)
            self.lost.append(f"after a start these rows are not what was committed: {wrong[:5]}")
        self._shadow, self._doubtful = found, []
