"""The locker's decisions: `handle(event, now)` changes state and returns effects. Synchronous and free of I/O.

Everything that comes in passes the table at the end of this module. What an event did is in the state's drain, to be
committed in one transaction; only then are its effects performed.
"""

from collections.abc import Callable
from typing import Any

from firmware import (
    attempts,
    clock,
    coil,
    commands,
    custody,
    desk,
    door,
    opening,
    orders,
    quarantine,
    remote,
    settings,
    shown,
    storage,
)
from firmware.config import Config
from firmware.errors import ConfigError
from firmware.events import (
    Answer,
    BankLost,
    ChangesCame,
    Checked,
    CodeTyped,
    Commanded,
    DoorConfirmed,
    DoorRead,
    Due,
    Effect,
    EpochDemanded,
    Event,
    GrantsCame,
    JournalAcked,
    KioskJoined,
    Pressed,
    PulseEnded,
    ScannerChanged,
    Started,
    StorageChanged,
    SystemClockMoved,
    TokenRefused,
    TokenShown,
    WaybillScanned,
    Welcomed,
)
from firmware.model import DoorState, EntryKind, Moment, Outcome, ParcelState, Screen, UseState
from firmware.optics import CameraState
from firmware.parcel import rests
from firmware.row import Timed
from firmware.rows import Command, Door, Intent, Locker, Parcel, Session, State, Use
from firmware.screen import screen_of
from firmware.session import UNPROVED
from firmware.turn import Cabinet, Turn

MOVING = frozenset({DoorState.UNKNOWN, DoorState.UNLOCKING, DoorState.OPEN})  # read at the active rate


class Controller:
    """The one mind over all cells. Its state is the store's; it keeps nothing beside it but what follows from that."""

    def __init__(self, config: Config, state: State) -> None:
        self.state = state
        self._config = config
        self._settings = state.locker.settings
        self.cabinet = Cabinet(settings.applied(config, self._settings))

    def handle(self, event: Event, now: Moment) -> list[Effect]:
        """Decide. Raises on a bug only: the caller then throws this controller away."""
        turn = Turn(self.state, self.cabinet, now)
        HANDLERS[type(event)](turn, event)
        remote.serve(turn)
        if self.state.locker.settings != self._settings:
            self._settings = self.state.locker.settings
            self.cabinet = Cabinet(settings.applied(self._config, self._settings))
        return turn.effects

    def screen(self) -> Screen:
        return screen_of(self.state, self.cabinet)

    def next_due(self, now: Moment) -> tuple[int, Due] | None:
        """The earliest deadline of all rows, in monotonic milliseconds. With the clock unsure, no term runs out."""
        found: tuple[int, Due] | None = None
        for kind in TIMED:
            rows = self.state.all(kind) if kind is Parcel else self.state.armed(kind)
            for row in rows:
                due_ms = row.due_ms
                if due_ms is None and isinstance(row, Parcel):
                    due_ms = _term_ms(row, now)
                if due_ms is not None and not quarantine.is_aside(self.state, kind.TABLE, str(row.key[0])):
                    due = due_ms, Due(kind.TABLE, str(row.key[0]), row.generation)
                    found = min(found or due, due, key=_order)
        return found

    def active_banks(self) -> frozenset[str]:
        """The banks whose doors are read at the active rate."""
        cells = self.cabinet.cells
        return frozenset(cells[row.cell].bank for row in self.state.all(Door) if row.state in MOVING)


def _order(due: tuple[int, Due]) -> tuple[int, str, str]:
    """Equal deadlines have an order of their own: rows have another after a reload."""
    return due[0], due[1].table, due[1].key


TIMED: tuple[type[Timed], ...] = (Locker, Door, Parcel, Session, Command)
WAITING = (ParcelState.STORED, ParcelState.SUSPECT)


def _term_ms(row: Parcel, now: Moment) -> int | None:
    """When the storage term ends, on the monotonic clock; at once where it has yet to begin, the clock being sure by now."""
    if not now.sure or not row.is_inbound or row.state not in WAITING:
        return None
    return now.mono_ms + max(0, (row.expires_ms or 0) - now.utc_ms)


def _start(turn: Turn, event: Started) -> None:
    """Every door is unknown until read; nobody is at the screen; protecting intervals of another boot begin anew."""
    state, boot_changed = turn.state, event.boot != turn.state.locker.boot
    _fit_cabinet(turn)
    clock.start(turn, event.boot)
    for row in state.all(Door):
        door.TABLE.fire(row, door.T.BOOT)
        row.why = row.opened_ms = None
        row.tries = 0
        row.arm(None)
        if boot_changed:
            row.pulses = tuple(turn.now.mono_ms for _ in row.pulses)
    for intent in state.all(Intent):
        intent.settled = turn.use(intent.grant, intent.parcel).state is not UseState.CLAIMED
        if not intent.settled:  # its pulse may just have ended, unseen
            coil.remember_pulse(turn, turn.door(intent.cell))
        if boot_changed:
            intent.last_ms = turn.now.mono_ms
    remote.start(turn)
    if state.session is not None:
        state.drop(state.session)
    quarantine.pardon(state)
    attempts.start(turn, boot_changed)
    if boot_changed:
        _begin_intervals(turn)
        state.locker.boot = event.boot
    state.locker.started_ms = turn.now.mono_ms
    scans = turn.cabinet.config.scanner.device or turn.cabinet.config.scanner.serial
    state.locker.scanner = CameraState.SILENT if scans else CameraState.NONE  # until it says otherwise
    _release_strays(turn)
    turn.note(EntryKind.STARTED, why="boot" if boot_changed else "restart")


def _fit_cabinet(turn: Turn) -> None:
    """A door for each configured cell. Raises ConfigError where a cell that holds a parcel is configured no more."""
    configured = turn.cabinet.cells
    for number in configured:
        if turn.state.find(Door, number) is None:
            turn.state.add(Door(number))
    for parcel in turn.state.all(Parcel):
        if parcel.inside and parcel.cell not in configured:
            raise ConfigError(f"cells: cell {parcel.cell} holds a parcel and cannot be left out")
    for row in [row for row in turn.state.all(Door) if row.cell not in configured]:
        turn.forget_intent(row)
        turn.state.drop(row)


def _begin_intervals(turn: Turn) -> None:
    """After another boot, monotonic times of the last one mean nothing: each interval that protects starts whole."""
    remote.begin_windows(turn)
    commands.begin_hour(turn)
    for parcel in turn.state.all(Parcel):
        if rests(parcel):
            custody.begin_quiet(turn, parcel)
        elif parcel.due_ms is not None:
            parcel.arm(turn.after_s(turn.times.confirmation_window_s))


def _release_strays(turn: Turn) -> None:
    """Rights that were claimed by a session that is gone, with no door left to tell how it ended."""
    held = {(intent.grant, intent.parcel) for intent in turn.state.all(Intent)}
    for use in turn.state.all(Use):
        if use.state is UseState.CLAIMED and (use.grant, use.parcel) not in held:
            custody.release(turn, use)


def _read(turn: Turn, event: DoorRead) -> None:
    row = turn.door(event.cell)
    if event.closed is None:
        opening.lost(turn, row)
    elif event.closed:
        opening.closed(turn, row)
    else:
        opening.opened(turn, row)


def _lose_bank(turn: Turn, event: BankLost) -> None:
    turn.note(EntryKind.BANK_LOST, why=event.bank)
    for cell in turn.cabinet.cells_of(event.bank):
        opening.lost(turn, turn.door(cell))


def _see(turn: Turn, event: ScannerChanged) -> None:
    turn.state.locker.scanner = event.state
    if event.state is not CameraState.OK:
        desk.blinded(turn)
    turn.note(EntryKind.SCANNER, why=event.state)


def _due(turn: Turn, event: Due) -> None:
    """A deadline has come. Of another generation, or of a row that is gone, it is stale and does nothing."""
    for kind in TIMED:
        for row in turn.state.all(kind) if event.table == kind.TABLE else ():
            if str(row.key[0]) == event.key and row.generation == event.generation:
                _DUE[kind](turn, row)
                return


def _parcel_due(turn: Turn, row: Parcel) -> None:
    """The window's end, the quiet hour's, or the term's.

    Whoever is still busy with the parcel is not silent, nor is whom a full disk keeps from coming back for it: then the
    window begins anew.
    """
    if rests(row):
        row.arm(None)
    elif row.due_ms is not None and (_is_busy(turn, row) or turn.state.locker.storage_low):
        row.arm(turn.after_s(turn.times.confirmation_window_s))
    elif row.due_ms is not None:
        custody.collect(turn, row, "window")
    elif row.expires_ms is None and _term_ms(row, turn.now) is not None:
        custody.begin_late_term(turn, row)
    elif custody.is_expired(turn, row):
        custody.expire(turn, row)


def _is_busy(turn: Turn, row: Parcel) -> bool:
    """Whether its person is at the screen, or the outcome of an intent for it is not known yet."""
    at, intent = turn.state.session, turn.intent_of(turn.door(row.cell))
    present = at is not None and at.parcel == row.waybill and at.state not in UNPROVED
    return present or (intent is not None and not intent.settled)


_DUE: dict[type[Timed], Callable[[Turn, Any], None]] = {
    Locker: lambda turn, row: attempts.step(turn),
    Door: opening.rested,
    Parcel: _parcel_due,
    Session: desk.due,
    Command: remote.waited,
}

HANDLERS: dict[type[Event], Callable[[Turn, Any], None]] = {
    Started: _start,
    DoorRead: _read,
    DoorConfirmed: lambda turn, event: opening.confirmed(turn, event.cell, event.intent, event.closed),
    BankLost: _lose_bank,
    PulseEnded: lambda turn, event: opening.pulse_ended(turn, event.intent, event.cell, event.result),
    Pressed: desk.press,
    CodeTyped: desk.type_code,
    TokenShown: shown.show,
    TokenRefused: shown.refuse,
    WaybillScanned: desk.scan,
    KioskJoined: lambda turn, event: desk.joined(turn),
    GrantsCame: orders.take_grants,
    ChangesCame: orders.take_changes,
    Commanded: commands.come,
    EpochDemanded: orders.end_epoch,
    JournalAcked: storage.take_ack,
    Welcomed: clock.welcome,
    SystemClockMoved: clock.system_moved,
    StorageChanged: storage.changed,
    ScannerChanged: _see,
    Due: _due,
    Checked: lambda turn, event: turn.do(Answer(Outcome.DONE)),
}
