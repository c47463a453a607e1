"""The controller over a real store, without a shell: plays events, and checks after each of them what must always hold.

`Mind` does what the runtime does (decide, commit, then act) in one synchronous step, and hands the effects to a body of
plain lists, so that a test decides when a pulse ends and what a door reads.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from firmware import door as doors
from firmware.attempts import is_empty
from firmware.config import (
    Access,
    BackendKey,
    Bus,
    Cell,
    Config,
    Gpio,
    LockerSection,
    Locks,
    Scanner,
    SerialScanner,
    Times,
    Xor8a80,
)
from firmware.controller import Controller
from firmware.deeds import AnyDeed, Open
from firmware.events import (
    Answer,
    AnswerLater,
    BankLost,
    ChangesCame,
    Checked,
    CodeTyped,
    Commanded,
    DoorConfirmed,
    DoorRead,
    Effect,
    EpochDemanded,
    Event,
    GrantedParcel,
    GrantedRight,
    GrantsCame,
    JournalAcked,
    Pressed,
    Pulse,
    PulseEnded,
    ReadDoor,
    Started,
    TokenRefused,
    TokenShown,
    WaybillScanned,
    Welcomed,
)
from firmware.model import (
    Action,
    Direction,
    DoorState,
    Entry,
    EntryKind,
    Moment,
    Outcome,
    ParcelState,
    Problem,
    Purpose,
    Screen,
    ScreenName,
    SessionState,
    UseState,
)
from firmware.rows import Change, Command, Door, Intent, Parcel, State, Use
from firmware.session import AT_THE_DOOR
from firmware.store import Store
from hal.ports import PulseResult

LOCKER = "0123"
PUBLIC = "ef2abd09fb4f1a5592f95b27e001578a68513d874e274c30ceb5a106c1dcbe2a"
UTC_MS = 1_760_000_000_000
HOUR_MS = 3_600_000
ASKED = (
    Checked,
    Pressed,
    CodeTyped,
    TokenShown,
    TokenRefused,
    ChangesCame,
    EpochDemanded,
    GrantsCame,
    JournalAcked,
    Commanded,
    WaybillScanned,
    Welcomed,
)
ENDINGS = frozenset({EntryKind.COLLECTED, EntryKind.WITHDRAWN})


def cabinet(times: Times | None = None, locks: Locks | None = None, **access: Any) -> Config:
    """Four cells: 1 and 2 on a board, 3 and 4 on pins. `access`: further keys of that section."""
    return Config(
        LockerSection(LOCKER, "Алматы, Абая 10", "+7 727 000 00 00"),
        Access((BackendKey("k1", PUBLIC),), **access),
        cells=(Cell(1, "board", 1), Cell(2, "board", 2), Cell(3, "pins", 1), Cell(4, "pins", 2)),
        banks=(Xor8a80("board", "bus", 1, 8), Gpio("pins", (17, 27), (22, 23))),
        buses=(Bus("bus", "/dev/ttyUSB0"),),
        times=times or Times(),
        scanner=Scanner(serial=(SerialScanner("hand", "/dev/ttyACM0"),)),
        locks=locks or Locks(),
    )


def digest(purpose: Purpose, waybill: str) -> str:
    """What stands for the digest of the code that proves this right."""
    return f"{purpose}-{waybill}"


def right(purpose: Purpose, *waybills: str, **others: int) -> GrantedRight:
    """A grant with one code, named after its first parcel."""
    name = digest(purpose, waybills[0])
    return GrantedRight(name, purpose, waybills, (name,), (f"{name}+phone",), **others)


class Mind:
    """One controller and its store. Time stands still but for `advance`."""

    def __init__(self, path: Path, config: Config | None = None) -> None:
        self.config = config or cabinet()
        self.path = path
        self.mono_ms = 1_000_000
        self.utc_ms = UTC_MS
        self.sure = True
        self.boot = "boot-1"
        self.version = 0
        self.pulses: list[Pulse] = []  # committed and not yet ended
        self.reads: list[ReadDoor] = []  # asked for and not yet answered
        self.later: dict[str, Outcome] = {}
        self.entries: list[Entry] = []
        self.ended: dict[str, EntryKind] = {}
        self._pulsed: set[int] = set()  # intents whose pulse was asked for, over all starts
        self._coils: dict[int, int] = {}  # by cell, when its last pulse ended
        self._commands = 0
        self.store = Store.open(path, LOCKER)
        self.controller = Controller(self.config, self.store.load())

    # What a test plays

    def start(self, boot: str | None = None, *, read: bool = True) -> "Mind":
        """Start the process (again); `read`: every door then reads closed, and the coils have rested."""
        self.boot = boot or self.boot
        self.pulses, self.reads = [], []
        self._coils = {cell: end_ms for cell, end_ms in self._coils.items() if end_ms <= self.mono_ms}
        self.controller = Controller(self.config, self.store.load())
        self.play(Started(self.boot))
        for cell in self.controller.cabinet.cells if read else ():
            self.play(DoorRead(cell, True))
        if read:
            self.advance(self.config.locks.rest_s)
        return self

    def grants(
        self, parcels: Iterable[GrantedParcel], rights: Iterable[GrantedRight], **others: Any
    ) -> Outcome | None:
        """A full list of the next version."""
        version = others.pop("version", self.version + 1)
        event = GrantsCame(
            others.pop("locker", LOCKER), others.pop("epoch", 1), version, tuple(parcels), tuple(rights)
        )
        assert not others
        outcome = self.ask(event)
        if outcome is Outcome.DONE:
            self.version = version
        return outcome

    def order(
        self, waybill: str, cell: int, *more: Purpose, direction: Direction = Direction.INBOUND
    ) -> None:
        """Parcel and grants of one order, beside nothing else: a deposit, a pickup, and `more`."""
        purposes = [Purpose.DEPOSIT, *([Purpose.PICKUP] if direction is Direction.INBOUND else []), *more]
        parcel = GrantedParcel(waybill, cell, direction, "Kaspi Gold")
        assert self.grants([parcel], [right(purpose, waybill) for purpose in purposes]) is Outcome.DONE

    def ask(self, event: Event) -> Outcome | None:
        """Play an event that is answered at once, and return the answer."""
        answers = [effect.outcome for effect in self.play(event) if isinstance(effect, Answer)]
        return answers[0] if answers else None

    def press(self, action: Action, problem: Problem | None = None) -> Outcome | None:
        return self.ask(Pressed(action, problem))

    def type(self, what: str) -> Outcome | None:
        """From whatever screen it is: to the keypad, and type what it asks for."""
        if self.screen.name is ScreenName.IDLE:
            self.press(Action.START)
        return self.ask(CodeTyped(what, self.screen.with_phone))

    def code(self, purpose: Purpose, waybill: str) -> Outcome | None:
        """The code that proves this right, and behind it the phone's digits where the keypad asks for them."""
        empty = is_empty(self.state.locker, self.config.times)
        return self.type(digest(purpose, waybill) + ("+phone" if empty else ""))

    def scan(self, waybill: str) -> Outcome | None:
        """A barcode is held before the scanner."""
        return self.ask(WaybillScanned(waybill))

    def token(self, purpose: Purpose, waybill: str, **others: Any) -> Outcome | None:
        """A token for this right is held before the camera: a static one, unless it is told its dates."""
        said = {"grant": digest(purpose, waybill), "purpose": purpose, "locker": LOCKER, "epoch": 1}
        dates = {"not_before_ms": 0, "not_after_ms": 0}
        return self.ask(TokenShown(**{**said, **dates, "digest": "d", **others}))

    def command(self, waybill: str, **others: Any) -> Outcome | None:
        """The signed open command, for this parcel under its pickup grant."""
        deed = Open(others.pop("grant", digest(Purpose.PICKUP, waybill)), waybill)
        return self.told(deed, **others)

    def told(self, do: AnyDeed, **others: Any) -> Outcome | None:
        """A signed command with this deed, valid for a minute from now."""
        self._commands += 1
        event = Commanded(
            others.pop("id", f"c{self._commands}"),
            others.pop("locker", LOCKER),
            others.pop("epoch", 1),
            others.pop("not_before_ms", self.utc_ms),
            others.pop("not_after_ms", self.utc_ms + 60_000),
            do,
        )
        assert not others
        return self.ask(event)

    def pulse_ends(self, result: PulseResult = PulseResult.ACKNOWLEDGED, after_ms: int = 300) -> None:
        """The pulse in flight is over."""
        self.pass_ms(after_ms)
        self.play(self._ended(self.pulses[0], result))

    def _ended(self, pulse: Pulse, result: PulseResult) -> PulseEnded:
        return PulseEnded(pulse.intent, pulse.cell, result)

    def reads_as(self, closed: bool | None) -> None:
        """The confirmation that was asked for."""
        read = self.reads[0]
        self.play(DoorConfirmed(read.cell, read.intent, closed))

    def opens(self, cell: int) -> None:
        self.play(DoorRead(cell, False))

    def closes(self, cell: int, after_s: float = 10) -> None:
        """The door is pushed shut; whatever falls due before comes first."""
        self.advance(after_s)
        self.play(DoorRead(cell, True))

    def unlock(self, cell: int) -> None:
        """The pulse that is in flight, or waits for its coil, opens this door."""
        while not self.pulses:
            self.ring_next()
        self.pulse_ends()
        self.opens(cell)

    def jam(self) -> None:
        """The whole try: each pulse ends, and the door reads closed after each rest."""
        while self.state.session is not None and self.state.session.state is SessionState.OPENING:
            if self.pulses:
                self.pulse_ends()
            elif self.reads:
                self.reads_as(True)
            else:
                self.ring_next()

    def deposit(self, waybill: str, cell: int) -> None:
        """The courier's visit, to the idle screen."""
        self.code(Purpose.DEPOSIT, waybill)
        self.unlock(cell)
        self.closes(cell)
        self.press(Action.BACK)
        assert self.parcel(waybill).state is ParcelState.STORED
        assert self.screen.name is ScreenName.IDLE

    def advance(self, seconds: float) -> None:
        """Let time pass, with each deadline in its turn."""
        until = self.mono_ms + round(1_000 * seconds)
        while (found := self.controller.next_due(self.now)) is not None and found[0] <= until:
            self.pass_ms(max(0, found[0] - self.mono_ms))
            self.ring()
        self.pass_ms(until - self.mono_ms)

    def ring(self) -> None:
        """The deadline that is due now. Its handling must move it, or the runtime would ring for ever."""
        found = self.controller.next_due(self.now)
        assert found is not None
        self.play(found[1])
        assert self.controller.next_due(self.now) != found, f"{found} rings for ever"

    def ring_next(self) -> bool:
        """Wait for the next deadline, if there is any, and play it."""
        found = self.controller.next_due(self.now)
        if found is None:
            return False
        self.pass_ms(max(0, found[0] - self.mono_ms))
        self.ring()
        return True

    def tell_time(self) -> None:
        """The backend signs that it is so late as this mind has it."""
        welcome = Welcomed(LOCKER, 1, self.utc_ms, 0, accepted=True, asked_ms=self.mono_ms)
        assert self.ask(welcome) is Outcome.DONE

    def pass_ms(self, ms: int) -> None:
        self.mono_ms += ms
        self.utc_ms += ms

    # What a test looks at

    @property
    def now(self) -> Moment:
        return Moment(self.mono_ms, self.utc_ms, self.sure)

    @property
    def state(self) -> State:
        return self.controller.state

    @property
    def screen(self) -> Screen:
        return self.controller.screen()

    def shows(self) -> ScreenName:
        return self.screen.name

    def door(self, cell: int) -> Door:
        return self.state.get(Door, cell)

    def parcel(self, waybill: str) -> Parcel:
        return self.state.get(Parcel, waybill)

    def use(self, purpose: Purpose, waybill: str) -> UseState:
        found = self.state.find(Use, digest(purpose, waybill), waybill)
        return found.state if found else UseState.FREE

    def kinds(self, since: int = 0) -> list[EntryKind]:
        """What was journalled, but for the lists of grants and the starts."""
        dull = (EntryKind.GRANTS, EntryKind.STARTED)
        return [entry.kind for entry in self.entries[since:] if entry.kind not in dull]

    def last(self, kind: EntryKind) -> Entry:
        return next(entry for entry in reversed(self.entries) if entry.kind is kind)

    # Decide, commit, act; and what holds after each event

    def play(self, event: Event) -> list[Effect]:
        """Handle one event, commit it, and check every rule."""
        effects = self.controller.handle(event, self.now)
        changes, entries = self.state.drain()
        self._check_effects(event, effects, changes)
        self.store.commit(changes, entries, self.now)
        self.entries += entries
        for entry in entries:
            self._check_ending(entry)
        self._act(event, effects)
        assert self.store.load().rows() == self.state.rows(), (
            f"memory is not what a reload gives after {event}"
        )
        check_state(self)
        return effects

    def _act(self, event: Event, effects: list[Effect]) -> None:
        if isinstance(event, PulseEnded):
            self.pulses = [pulse for pulse in self.pulses if pulse.intent != event.intent]
            if event.result is not PulseResult.NOT_SENT:
                self._coils[event.cell] = self.mono_ms
        if isinstance(event, DoorConfirmed):
            self.reads = [read for read in self.reads if read.intent != event.intent]
        for effect in effects:
            match effect:
                case Pulse():
                    self.pulses.append(effect)
                case ReadDoor():
                    self.reads.append(effect)
                case AnswerLater(command, outcome):
                    assert command not in self.later, f"{command} was answered twice"
                    self.later[command] = outcome
        for command in [id_ for id_ in self.later if self.state.find(Command, id_) is None]:
            del self.later[command]  # long over, and let go of

    def _check_effects(self, event: Event, effects: list[Effect], changes: list[Change]) -> None:
        answers = sum(isinstance(effect, Answer) for effect in effects)
        assert answers == isinstance(event, ASKED), f"{answers} answers to {event}"
        pulses = [effect for effect in effects if isinstance(effect, Pulse)]
        assert len(pulses) <= 1
        for pulse in pulses:
            intent, row = self.state.get(Intent, pulse.intent), self.door(pulse.cell)
            assert (Intent, (pulse.intent,), intent) in changes, (
                "a pulse without an intent of its own transaction"
            )
            assert not intent.settled
            assert (intent.cell, row.intent, row.state) == (pulse.cell, intent.id, DoorState.UNLOCKING)
            assert self.state.get(Use, intent.grant, intent.parcel).state is UseState.CLAIMED
            assert pulse.intent not in self._pulsed, "an intent was pulsed twice"
            assert 1 <= self.door(intent.cell).tries <= self.config.locks.pulses_max
            rested_ms = self.mono_ms - self._coils.get(pulse.cell, -HOUR_MS)
            assert rested_ms >= 1_000 * self.config.locks.rest_s, "a coil was pulsed before it had rested"
            self._pulsed.add(pulse.intent)

    def _check_ending(self, entry: Entry) -> None:
        if entry.kind in ENDINGS and entry.parcel is not None:
            assert entry.parcel not in self.ended, f"{entry.parcel} was {self.ended[entry.parcel]} before"
            self.ended[entry.parcel] = entry.kind


def check_state(mind: Mind) -> None:
    """What must hold between any two events."""
    _check_doors(mind)
    _check_parcels(mind)
    _check_commands(mind)
    screen, at = mind.screen, mind.state.session
    if at is not None and at.state is not SessionState.OPENING:
        assert at.due_ms is not None, f"{screen} stays for ever"
    if at is None:
        assert screen.name in (ScreenName.IDLE, ScreenName.OUT_OF_SERVICE)


def _check_doors(mind: Mind) -> None:
    at = mind.state.session
    in_hand = [row for row in mind.state.all(Door) if row.state in doors.IN_HAND]
    assert len(in_hand) <= 1 + (at is not None and at.other is not None), f"in hand: {in_hand}"
    for row in mind.state.all(Door):
        if row.state is DoorState.UNLOCKING:
            assert at is not None
            assert (at.state, at.cell) == (SessionState.OPENING, row.cell)
            flying = any(pulse.intent == row.intent for pulse in mind.pulses)
            reading = any(read.intent == row.intent for read in mind.reads)
            assert flying or reading or row.due_ms is not None, f"{row} waits for nothing"
        else:
            assert row.due_ms is None
        if row.state is DoorState.OPEN:
            assert at is not None, f"{row} has nobody who waits for it"
            waited_for = at.cell == row.cell and at.state in AT_THE_DOOR
            assert waited_for or at.other == row.cell, f"{row} has nobody who waits for it"
        if row.state in (DoorState.CLOSED, DoorState.UNLOCKING, DoorState.JAMMED):
            assert row.opened_ms is None
            assert row.why is None
        if row.state in doors.STANDS_OPEN:
            assert row.opened_ms is not None
            assert row.why is not None
        if row.intent is not None:
            assert mind.state.get(Intent, row.intent).cell == row.cell
    if at is not None and at.state is SessionState.OPENING:
        assert at.cell is not None
        assert mind.door(at.cell).state is DoorState.UNLOCKING, f"{at} waits for nothing"
    if at is not None and at.state in AT_THE_DOOR:
        assert at.cell is not None
        assert mind.door(at.cell).state in (DoorState.OPEN, DoorState.OFFLINE)


def _check_parcels(mind: Mind) -> None:
    state, at = mind.state, mind.state.session
    for row in state.all(Parcel):
        claims = [
            use for use in state.all(Use) if use.parcel == row.waybill and use.state is UseState.CLAIMED
        ]
        assert len(claims) <= 1
        in_hand = row.state in (ParcelState.CLAIMED, ParcelState.OPENED, ParcelState.WITHDRAWING)
        if in_hand:
            assert claims, f"{row} is in nobody's hand"
        if claims and not in_hand:
            assert row.state in (ParcelState.EXPECTED, ParcelState.UNCONFIRMED), (
                f"{row} is claimed by {claims}"
            )
        if row.state in (ParcelState.COLLECTED, ParcelState.WITHDRAWN, ParcelState.EXPECTED):
            assert not row.inside
        if row.state in (ParcelState.STORED, ParcelState.EXPIRED, ParcelState.CLAIMED, ParcelState.OPENED):
            assert row.inside
        assert row.due_ms is None or row.state in (ParcelState.OPENED, ParcelState.COLLECTED)
        if claims:
            intent = state.find(Intent, mind.door(row.cell).intent)
            opening = intent is not None and intent.parcel == row.waybill and _undecided(mind, intent)
            waiting = at is not None and at.parcel == row.waybill
            assert opening or waiting or row.due_ms is not None, f"{row} is stranded under {claims}"


def _undecided(mind: Mind, intent: Intent) -> bool:
    return not intent.settled or mind.door(intent.cell).opened_ms is not None


def _check_commands(mind: Mind) -> None:
    at = mind.state.session
    open_commands = {intent.command for intent in mind.state.all(Intent) if not intent.settled}
    if at is not None and at.state in (SessionState.OPENING, SessionState.AWAITS_TOUCH):
        open_commands.add(at.command)
    waiting = [command for command in mind.state.all(Command) if command.due_ms is not None]
    assert len(waiting) <= 1
    assert all(command.outcome is None for command in waiting)
    for command in mind.state.all(Command):
        under_way = command.id in open_commands or command in waiting or _is_remembered(mind, command)
        assert command.outcome is not None or under_way, f"{command} is never answered"
        if command.id in mind.later and command.outcome is not None:
            assert mind.later[command.id] is command.outcome


def _is_remembered(mind: Mind, command: Command) -> bool:
    """A cancellation or extension whose parcel somebody has in hand just now, or is about to put in."""
    if command.place == 0:
        return False
    claimed = any(
        use.parcel == command.parcel and use.state is UseState.CLAIMED for use in mind.state.all(Use)
    )
    return claimed and mind.parcel(command.parcel).state is not ParcelState.WITHDRAWING


def lost(bank: str) -> BankLost:
    return BankLost(bank)
