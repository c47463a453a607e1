"""The cabinet as matter: bolts, doors, springs, parcels, and the heat of the coils.

It knows no wire, no pin and no firmware. A lock board's other side energises coils and reads contacts; people pull,
push, put and take. Nothing happens here but by them and by the running loop's time, so a seed repeats a day.

A lock is the usual rotary hook: a pulse of at least `pull_ms` draws the bolt, the hook lets go and stays released, the
spring pops the door, and shutting the door latches the hook again.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

HEAT_WINDOW_S = 60.0


class Condition(StrEnum):
    """What is wrong with a lock or a door, if anything."""

    FINE = "fine"
    JAMMED = "jammed"  # the bolt never moves
    NEEDS_PUSH = "needs_push"  # the bolt moves only while somebody presses the door in
    NEEDS_PULL = (
        "needs_pull"  # the hook lets go, and the door stays where it is: a tired spring, a frozen seal
    )
    NO_LATCH = "no_latch"  # the door shuts, and the hook does not catch


class Contact(StrEnum):
    """What a feedback contact is fixed to."""

    HOOK = "hook"
    DOOR = "door"
    BOTH = "both"  # in series: closed where both are


class Sensor(StrEnum):
    """What is wrong with a feedback contact, if anything."""

    FINE = "fine"
    STUCK_OPEN = "stuck_open"  # a cut wire
    STUCK_CLOSED = "stuck_closed"  # a short circuit


class Impossible(Exception):
    """Somebody tried what matter does not allow: to reach through a shut door, to put two parcels in one cell."""


@dataclass(slots=True, eq=False)
class Coil:
    """The solenoid of one lock: when it is on, and for how long it has been."""

    on_at_s: float | None = None
    pulses: int = 0
    longest_s: float = 0.0
    hottest_s: float = 0.0  # the most it was on in any HEAT_WINDOW_S
    _spans: deque[tuple[float, float]] = field(default_factory=deque)

    def energised_s(self, now_s: float) -> float:
        """Seconds on within the HEAT_WINDOW_S that ends now."""
        since_s = now_s - HEAT_WINDOW_S
        while self._spans and self._spans[0][1] <= since_s:
            self._spans.popleft()
        past_s = sum(off_s - max(on_s, since_s) for on_s, off_s in self._spans)
        return past_s + (now_s - max(self.on_at_s, since_s) if self.on_at_s is not None else 0.0)

    def went_off(self, now_s: float) -> None:
        if self.on_at_s is not None:
            self.longest_s = max(self.longest_s, now_s - self.on_at_s)
            self._spans.append((self.on_at_s, now_s))
            self.on_at_s = None
            self.hottest_s = max(self.hottest_s, self.energised_s(now_s))


@dataclass(slots=True, eq=False)
class Cell:
    """One compartment as it is, whatever anybody believes."""

    number: int
    condition: Condition = Condition.FINE
    sensor: Sensor = Sensor.FINE
    pull_ms: int = 84
    pop_ms: int = 60
    latched: bool = True
    shut: bool = True
    pressed: bool = False
    parcel: str | None = None
    coil: Coil = field(default_factory=Coil)
    drawing: asyncio.TimerHandle | None = None  # the bolt, under current
    popping: asyncio.TimerHandle | None = None  # the door, under its spring

    def contact_closed(self, contact: Contact) -> bool:
        if self.sensor is not Sensor.FINE:
            return self.sensor is Sensor.STUCK_CLOSED
        if contact is Contact.HOOK:
            return self.latched
        return self.shut and (self.latched or contact is Contact.DOOR)


class World:
    """The cells of one locker, by number."""

    def __init__(self, cells: int) -> None:
        self.cells = {number: Cell(number) for number in range(1, cells + 1)}
        self.changes = 0  # of anything in any cell: whoever has looked since need not look again
        self.coils_on_max = 0  # the most coils that were ever on at once
        self._observers: list[Callable[[Cell], None]] = []

    def observe(self, observer: Callable[[Cell], None]) -> Callable[[], None]:
        """Call `observer` with the cell after each change of anything in it, in the order of registration.

        What comes back ends it.
        """
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    # The electric side

    def energise(self, number: int) -> None:
        """Current flows through the coil; nothing where it does already."""
        cell = self.cells[number]
        if cell.coil.on_at_s is None:
            loop = asyncio.get_running_loop()
            cell.coil.on_at_s = loop.time()
            cell.coil.pulses += 1
            self.coils_on_max = max(self.coils_on_max, len(self.coils_on()))
            cell.drawing = loop.call_later(cell.pull_ms / 1_000, self._bolt_drawn, cell)
            self._changed(cell)

    def release(self, number: int) -> None:
        """The current ends."""
        cell = self.cells[number]
        if cell.coil.on_at_s is not None:
            cell.coil.went_off(asyncio.get_running_loop().time())
            if cell.drawing:  # too short a pulse: the bolt falls back
                cell.drawing.cancel()
                cell.drawing = None
            self._changed(cell)

    def coils_on(self) -> list[int]:
        return [cell.number for cell in self.cells.values() if cell.coil.on_at_s is not None]

    def _bolt_drawn(self, cell: Cell) -> None:
        cell.drawing = None
        held = cell.condition is Condition.JAMMED or (
            cell.condition is Condition.NEEDS_PUSH and not cell.pressed
        )
        if cell.latched and not held:
            cell.latched = False
            if cell.shut and cell.condition is not Condition.NEEDS_PULL:
                pop_s = cell.pop_ms / 1_000
                cell.popping = asyncio.get_running_loop().call_later(pop_s, self._door_pops, cell)
            self._changed(cell)

    def _door_pops(self, cell: Cell) -> None:
        cell.popping = None
        if not cell.latched and cell.shut:
            cell.shut = False
            self._changed(cell)

    # People

    def pull(self, number: int) -> bool:
        """Pull at the door; whether it stands open then."""
        cell = self.cells[number]
        if cell.shut and not cell.latched:
            cell.shut = False
            self._changed(cell)
        return not cell.shut

    def press(self, number: int, *, pressed: bool = True) -> None:
        """Lean against the door, or let go."""
        self.cells[number].pressed = pressed
        self._changed(self.cells[number])

    def force(self, number: int) -> None:
        """A crowbar: the door opens, the bolt and the sensor live."""
        cell = self.cells[number]
        cell.latched = cell.shut = False
        self._changed(cell)

    def close(self, number: int) -> bool:
        """Push the door shut; whether it latched. The hook snaps over the bolt also while the coil is on."""
        cell = self.cells[number]
        if cell.popping:
            cell.popping.cancel()
            cell.popping = None
        cell.shut = True
        cell.latched = cell.condition is not Condition.NO_LATCH
        self._changed(cell)
        return cell.latched

    def put(self, number: int, waybill: str) -> None:
        """Lay a parcel in. Raises Impossible where the door is shut or the cell is not empty."""
        cell = self._reach_in(number)
        if cell.parcel is not None:
            raise Impossible(f"cell {number}: {cell.parcel} lies in it")
        cell.parcel = waybill
        self._changed(cell)

    def take(self, number: int) -> str:
        """Take the parcel out; its waybill. Raises Impossible where the door is shut or the cell is empty."""
        cell = self._reach_in(number)
        if cell.parcel is None:
            raise Impossible(f"cell {number}: it is empty")
        waybill, cell.parcel = cell.parcel, None
        self._changed(cell)
        return waybill

    # Wear and tear

    def afflict(self, number: int, condition: Condition) -> None:
        self.cells[number].condition = condition
        self._changed(self.cells[number])

    def break_sensor(self, number: int, sensor: Sensor) -> None:
        self.cells[number].sensor = sensor
        self._changed(self.cells[number])

    def _reach_in(self, number: int) -> Cell:
        cell = self.cells[number]
        if cell.shut:
            raise Impossible(f"cell {number}: the door is shut")
        return cell

    def _changed(self, cell: Cell) -> None:
        self.changes += 1
        for observer in tuple(self._observers):  # one may end itself
            observer(cell)
