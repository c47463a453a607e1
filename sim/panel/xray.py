"""The X-ray: each touch, hand, deadline and fault becomes one causal line, from the finger to the bolt and back.

Nothing here is guessed. A part is added when its cause was seen: the event that the controller took from its inbox, the
transaction as the store was given it, the bytes as they stood on the wire, the bolt as it moved, the entry as the backend
read it. What links them is what the house itself links them by: the screen's number, an intent, a cell, a command's id.
"""

import asyncio
from collections import deque
from typing import Any

import msgspec

from firmware.assembly import Assembly
from firmware.control import Code
from firmware.events import (
    ChangesCame,
    Checked,
    CodeTyped,
    Commanded,
    DoorConfirmed,
    DoorRead,
    Due,
    Effect,
    Event,
    GrantsCame,
    KioskJoined,
    Pressed,
    Pulse,
    PulseEnded,
    Started,
    TokenRefused,
    TokenShown,
    WaybillScanned,
)
from firmware.inbox import Post
from firmware.model import DoorState, Outcome
from firmware.rows import Door
from sim.commits import Commit, Commits
from sim.deeds import Deed, Deeds
from sim.glass import Glass, Touched
from sim.overheard import Heard, Overheard
from sim.panel.lines import DEEDS, LISTED, SENT, Book, Growing
from sim.panel.links import LINKS_MAX, Links
from sim.panel.sightings import Sightings
from sim.panel.verdicts import FINE, by_itself, outcome_of, verdict
from sim.site import Site
from sim.world import Cell


class XRay:
    """Watches one live locker."""

    def __init__(
        self, site: Site, commits: Commits, deeds: Deeds, glass: Glass, overheard: Overheard
    ) -> None:
        locker = self._locker = site.locker
        self.book = Book(locker.clock.true_ms, locker.moved.set)
        self.cause: Growing | None = None  # of the next start: the power that has come, the restart
        self._site = site
        self._deeds = deeds
        self._overheard = overheard
        self._touches: deque[tuple[Touched, Growing]] = deque(maxlen=LINKS_MAX)
        self._answers: Links[Touched, Growing] = Links()
        self._intents: Links[int, Growing] = Links()
        self._commands: Links[str, Growing] = Links()
        self._cells: dict[int, Growing] = {}  # by cell: who has last moved its door, or was told to
        self._entries: Links[int, Growing] = Links()
        self._ordering: Growing | None = None
        self._unlocking: Growing | None = None  # whose was the last frame that asks for a lock
        self._matter = {number: _seen(cell) for number, cell in locker.world.cells.items()}
        self._on_s: dict[int, float] = {}
        self._sms = self._count_sms()
        self._sightings = Sightings(self.book, locker, commits)
        commits.handled.append(self._event)
        commits.failed.append(self._not_committed)
        locker.world.observe(self._moved)
        deeds.observers.append(self._deed)
        overheard.observers.append(self._heard)
        glass.touched.append(self._touch)
        glass.answered.append(self._answer)
        locker.link.answered = self._answer_app
        self._listen_to_backend()

    # Causes

    def _touch(self, touched: Touched) -> None:
        message = touched.message
        if isinstance(message, Code):
            line = self.book.begin(
                touched.who, "screen.code", digits=len(message.code), digit=message.code[-1:]
            )
        else:
            line = self.book.begin(
                touched.who, "screen.press", action=message.action, problem=message.problem
            )
        self._touches.append((touched, line))
        self._answers[touched] = line

    def _answer(self, touched: Touched, outcome: Outcome) -> None:
        line = self._answers.pop(touched, None)
        self._touches = deque((pair for pair in self._touches if pair[0] is not touched), maxlen=LINKS_MAX)
        if line is not None:
            self.book.add(line, "told", "part.told", outcome=outcome)

    def _answer_app(self, command: str, outcome: Outcome) -> None:
        if (line := self._commands.get(command)) is not None:
            self.book.add(line, "told", "part.told", outcome=outcome)

    def _deed(self, deed: Deed) -> None:
        if deed.verb == "redraw":
            return  # the same hand holds the same phone
        pressed = deed.verb == "push" if deed.verb in ("push", "let_go") else None
        line = self.book.begin(
            deed.who,
            DEEDS[deed.verb],
            cell=deed.cell,
            parcel=deed.parcel,
            pressed=pressed,
            problem=deed.problem,
            decision=deed.decision,
            policy=deed.policy,
            static=deed.static,
        )
        self._sightings.begin(deed, line)
        if deed.verb in SENT:
            self._tell_sms(line, deed.parcel)
        if deed.verb in LISTED:
            self._ordering = line
        elif deed.command:
            self._commands[deed.command] = line
            self.book.add(line, "signed", "part.signed", self._site.sent[-1])
        elif deed.cell is not None:
            self._hand(line, deed.cell)

    def _hand(self, line: Growing, number: int) -> None:
        """A hand at a door: what it did to the door is seen at once."""
        cell, before = self._locker.world.cells[number], self._matter[number]
        self._matter[number] = _seen(cell)
        if before[1:] != _seen(cell)[1:]:
            self._cells[number] = line
            key = (
                "part.door.open"
                if not cell.shut
                else "part.door.latched"
                if cell.latched
                else "part.door.shut"
            )
            self.book.add(line, "door", key, cell=number)

    # What is seen of the machine

    def _event(self, parts: Assembly, post: Post, effects: list[Effect], commit: Commit) -> None:
        event = post.event
        if isinstance(event, Checked) or (isinstance(event, Due) and commit.is_empty):
            return  # a look at the clock
        line = self._line_of(post)
        if isinstance(event, DoorRead | DoorConfirmed):
            closed, data = event.closed, self._overheard.status.get(event.cell)
            self.book.add(line, "seen", "part.seen", data, event.cell, closed=closed)
        else:
            self.book.add(line, "event", "part.event", event=type(event).__name__)
        found = verdict(post, effects, commit, parts.runtime.controller.state)
        if found is not None:
            key, parameters = found
            self.book.add(line, "verdict", key, **parameters)
        if not commit.is_empty:
            self.book.add(
                line, "commit", "part.commit", entry=commit.last_seq, entries=len(commit.entries), rows=commit.rows, us=commit.us
            )  # fmt: skip
        for seq, entry in commit.numbered():
            self._entries[seq] = line
            told = msgspec.to_builtins(entry)
            told.pop("cell", None)
            self.book.add(line, "journal", "part.journal", cell=entry.cell, entry=seq, **told)
        self._promised(line, parts, event, effects)
        for effect in effects:
            if isinstance(effect, Pulse):
                self._intents[effect.intent] = self._cells[effect.cell] = line
                self.book.add(line, "pulse", "part.pulse", cell=effect.cell, intent=effect.intent)
        if commit.screen is not None:
            self.book.add(line, "screen", "part.screen", name=commit.screen.name)

    def _promised(self, line: Growing, parts: Assembly, event: Event, effects: list[Effect]) -> None:
        """A door that was promised waits for its coil to rest: what opens it then is this line's."""
        state = parts.runtime.controller.state
        asked = isinstance(event, CodeTyped | Pressed | Commanded | TokenShown | WaybillScanned)
        if state.session is None or not asked or outcome_of(effects) not in (None, *FINE):
            return
        row = state.find(Door, state.session.cell)
        if row is not None and row.state is DoorState.UNLOCKING:
            self._cells[row.cell] = line

    def _not_committed(self, post: Post) -> None:
        """The store refused: nothing of the event is done."""
        self.book.add(self._line_of(post), "commit", "part.commit_failed")

    def _line_of(self, post: Post) -> Growing:
        """Whose doing this event is; its own where nobody's that was seen."""
        match post.event:
            case Pressed() | CodeTyped():
                return self._touch_of(post) or self._by_itself("screen", post.event)
            case TokenShown() | TokenRefused() | WaybillScanned():
                found = self._sightings.line_of(post)
            case Commanded(id):
                found = self._commands.get(id)
            case PulseEnded(intent) | DoorConfirmed(_, intent):
                found = self._intents.get(intent)
            case DoorRead(cell):
                found = self._cells.get(cell)
            case Due("door", key):
                found = self._cells.get(int(key))
            case Due(table, key):
                return self.book.begin("clock", "clock.due", table=table, key=key)
            case GrantsCame() | ChangesCame():
                found, self._ordering = self._ordering, None
            case KioskJoined():
                return self.book.begin("machine", "machine.kiosk")
            case Started():
                found, self.cause = self.cause or self.book.begin("machine", "machine.started"), None
                self._cells = dict.fromkeys(self._locker.world.cells, found)
            case _:
                found = None
        return found or self._by_itself("machine", post.event)

    def _by_itself(self, who: str, event: Event) -> Growing:
        key, parameters = by_itself(event)
        return self.book.begin(who, key, **parameters)

    def _touch_of(self, post: Post) -> Growing | None:
        """Touches are handled in their order; one that was never handled has a screen's number that no event has."""
        is_code = isinstance(post.event, CodeTyped)
        for touched, line in self._touches:
            if touched.message.seq == post.seq and isinstance(touched.message, Code) is is_code:
                self._touches.remove((touched, line))
                return line
        return None

    def _heard(self, heard: Heard) -> None:
        if heard.cell is not None and (line := self._cells.get(heard.cell)) is not None:
            way = "tx" if heard.from_host else "rx"
            if heard.from_host:
                self._unlocking = line
            self.book.add(line, way, f"part.{way}", heard.data, heard.cell, bus=heard.bus)

    def _moved(self, cell: Cell) -> None:
        """A coil, a bolt, a door under its spring. What hands do is told by the deed itself."""
        before, now = self._matter[cell.number], _seen(cell)
        if self._deeds.acting:
            return
        self._matter[cell.number] = now
        if now[0] and not before[0] and self._unlocking is not None:
            self._cells[cell.number] = self._unlocking  # also where the lock that moves is another's
        line, now_s = self._cells.get(cell.number), asyncio.get_running_loop().time()
        if line is None or before == now:
            return
        if now[0] and not before[0]:
            self._on_s[cell.number] = now_s
            self.book.add(line, "coil", "part.coil", cell=cell.number)
        since_s = self._on_s.get(cell.number, now_s)
        took_ms = round(1_000 * (now_s - since_s))
        if before[1] and not now[1]:
            self.book.add(line, "bolt", "part.bolt", cell=cell.number, ms=took_ms)
        if before[2] and not now[2]:
            self.book.add(line, "door", "part.door.open", cell=cell.number, ms=took_ms)

    # What the backend does with it

    def _listen_to_backend(self) -> None:
        backend = self._locker.backend
        take = backend.journal

        def taken(rows: Any) -> None:
            rows = tuple(rows)
            take(rows)
            for row in rows:
                if (line := self._entries.get(row.seq)) is not None:
                    self._tell_sms(line, msgspec.json.decode(row.body).get("parcel"))

        backend.journal = taken  # type: ignore[method-assign]

    def _tell_sms(self, line: Growing, parcel: str | None = None) -> None:
        """New messages on phones, where they speak of this parcel."""
        for person, messages in self._locker.backend.phones.items():
            fresh = messages[self._sms.get(person, 0) :]
            if fresh and (parcel is None or any(parcel in sms.text for sms in fresh)):
                self._sms[person] = len(messages)
                self.book.add(line, "sms", "part.sms", person=person)

    def _count_sms(self) -> dict[str, int]:
        return {person: len(messages) for person, messages in self._locker.backend.phones.items()}


def _seen(cell: Cell) -> tuple[bool, bool, bool]:
    """Coil on, latched, shut."""
    return cell.coil.on_at_s is not None, cell.latched, cell.shut
