"""What one handled event works with: the state, the configuration's cabinet, the moment, and the effects it collects."""

from firmware.config import Bank, Cell, Config
from firmware.events import Effect
from firmware.model import EntryKind, Moment, Purpose
from firmware.rows import Door, Intent, Parcel, Session, State, Use


class Cabinet:
    """The configuration's cells and banks, looked up by name."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.cells: dict[int, Cell] = {cell.number: cell for cell in config.cells}
        self.banks: dict[str, Bank] = {bank.name: bank for bank in config.banks}

    def pulse_ms(self, cell: int) -> int:
        return self.banks[self.cells[cell].bank].pulse_ms

    def cells_of(self, bank: str) -> list[int]:
        return [number for number, cell in self.cells.items() if cell.bank == bank]


class Turn:
    """One event being handled."""

    def __init__(self, state: State, cabinet: Cabinet, now: Moment) -> None:
        self.state = state
        self.cabinet = cabinet
        self.times = cabinet.config.times
        self.locks = cabinet.config.locks
        self.now = now
        self.effects: list[Effect] = []

    def after_s(self, seconds: int) -> int:
        """The monotonic time so many seconds from now, in milliseconds."""
        return self.now.mono_ms + 1_000 * seconds

    def do(self, effect: Effect) -> None:
        self.effects.append(effect)

    def note(self, kind: EntryKind, of: Intent | Session | None = None, **columns: object) -> None:
        """Journal an entry; `of` fills in whose it is."""
        if of is not None:
            intent = of.id if isinstance(of, Intent) else None
            columns = {"cell": of.cell, "parcel": of.parcel, "grant": of.grant, "intent": intent, **columns}
        self.state.note(kind, **columns)

    def door(self, cell: int) -> Door:
        return self.state.get(Door, cell)

    def parcel(self, waybill: str) -> Parcel:
        return self.state.get(Parcel, waybill)

    def use(self, grant: str, parcel: str) -> Use:
        """The authorisation of this parcel under this grant, made when it is first asked for."""
        return self.state.find(Use, grant, parcel) or self.state.add(Use(grant, parcel))

    def intent_of(self, door: Door) -> Intent | None:
        """The door's last intent, while anything can still be its outcome."""
        return self.state.get(Intent, door.intent) if door.intent is not None else None

    def forget_intent(self, door: Door) -> None:
        """Let go of the door's last intent: the journal has it, and nothing can be its outcome any more."""
        if (intent := self.intent_of(door)) is not None:
            self.state.drop(intent)
            door.intent = None

    def session_at(self, cell: int) -> Session | None:
        """The session that waits at this cell's door."""
        session = self.state.session
        return session if session is not None and session.cell == cell else None

    def open_session(self, purpose: Purpose | None = None) -> Session:
        """A new session in place of whichever there was."""
        if self.state.session is not None:
            self.state.drop(self.state.session)
        locker = self.state.locker
        session = self.state.add(Session(locker.next_session, purpose=purpose))
        locker.next_session += 1
        return session
