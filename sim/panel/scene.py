"""The people around one live locker: whose hands hold what, what is on their phones, and what they do at the doors."""

from firmware.config import Cell
from firmware.parcel import rests
from firmware.rows import Door, Intent, Parcel
from sim.backend.app import ACCOUNTS
from sim.deeds import Deed, Deeds, done_by
from sim.locker import SimLocker
from sim.panel import acts
from sim.panel.acts import Close, Force, Press, Pull, Put, Take
from sim.panel.messages import Box, Refused, Why
from sim.panel.seen import PersonSeen, SmsSeen

COURIER = "courier"
BUYERS = ("alia", "marat")
FIRST_WAYBILL = 101
SMS_MAX = 20  # on a phone, as the page shows it


class Scene:
    """What people see and do. Deeds that hands cannot do are refused by name."""

    def __init__(self, locker: SimLocker, deeds: Deeds) -> None:
        self._locker = locker
        self._hands: dict[str, str] = {}  # waybill → who has it
        self._let_in: dict[int, str] = {}  # by cell: for whom the locker last opened it
        deeds.observers.append(self._done)

    def next_waybill(self) -> str:
        """The number of the next order."""
        number = FIRST_WAYBILL + len(self._locker.backend.orders)
        while f"KZ{number}" in self._locker.backend.orders:
            number += 1
        return f"KZ{number}"

    # What is seen

    def people(self) -> tuple[PersonSeen, ...]:
        """Those whose phones and hands the page has. What has ended has left the scene with whoever has it."""
        return tuple(self._person(name) for name in (COURIER, *BUYERS))

    def free(self) -> tuple[int, ...]:
        """Cells that may be ordered into."""
        return tuple(sorted(self._locker.world.cells.keys() - self._reserved() - self._quiet()))

    def who_is_at(self, number: int) -> str:
        """Who stands at this door: the holder of the right for which the locker opened it; nobody's door is the courier's."""
        parts = self._locker.assembly
        state = parts.runtime.controller.state if parts is not None else None
        row = state.find(Door, number) if state is not None else None
        intent = state.find(Intent, row.intent) if state is not None and row is not None else None
        if intent is not None and (order := self._locker.backend.orders.get(intent.parcel)) is not None:
            self._let_in[number] = order.grants[intent.purpose].holder
        elif parts is not None:
            self._let_in.pop(number, None)
        return self._let_in.get(number, COURIER)

    def holder(self, parcel: str) -> str | None:
        """Whose hands it is in."""
        return self._hands.get(parcel)

    # What hands do

    def act(self, act: Put | Take | Close | Press | Pull | Force) -> Refused | None:
        """Do it; why not, where it cannot be done."""
        cell = self._locker.world.cells.get(act.cell)
        if cell is None:
            return Refused(Why.UNKNOWN, act.cell)
        world = self._locker.world
        who = self._hands.get(act.parcel, COURIER) if isinstance(act, Put) else self.who_is_at(act.cell)
        with done_by(who):
            match act:
                case Put(number, parcel):
                    return self._put(number, parcel)
                case Take(number, person):
                    if cell.shut or not cell.parcel:
                        return Refused(Why.SHUT if cell.shut else Why.EMPTY, number)
                    if person not in (None, who):
                        return Refused(Why.NOT_AT_DOOR, number)
                    world.take(number)
                case Close(number):
                    return None if world.close(number) else Refused(Why.NO_LATCH, number)
                case Press(number, pressed):
                    world.press(number, pressed=pressed)
                case Pull(number):
                    return None if world.pull(number) else Refused(Why.SHUT, number)
                case Force(number):
                    with done_by("vandal"):
                        world.force(number)
        return None

    def _put(self, number: int, parcel: str) -> Refused | None:
        cell = self._locker.world.cells[number]
        if parcel not in self._hands:
            return Refused(Why.NOT_IN_HAND, parcel=parcel)
        if cell.shut or cell.parcel:
            return Refused(Why.SHUT if cell.shut else Why.FULL, number)
        self._locker.world.put(number, parcel)
        return None

    # What the people behind the backend do

    def order(self, number: int, buyer: str, account: str = ACCOUNTS[0]) -> Refused | None:
        """Order a parcel into a cell, paid from this account; the courier gets it, and a code."""
        if number not in self._locker.world.cells or buyer not in BUYERS:
            return Refused(Why.UNKNOWN, number)
        if number in self._reserved():
            return Refused(Why.RESERVED, number)
        if number in self._quiet():
            return Refused(Why.QUIET, number)
        with done_by(buyer):
            self._locker.backend.order(self.next_waybill(), number, buyer, account, courier=COURIER)
        self._sync()
        return None

    def bring(self, act: acts.Bring) -> Refused | None:
        """Order a parcel into any free cell."""
        free = self.free()
        if not free:
            return Refused(Why.NO_CELL)
        return self.order(free[0], act.buyer or BUYERS[0])

    def _sync(self) -> None:
        if self._locker.link.is_attached:
            self._locker.link.sync()

    def _done(self, deed: Deed) -> None:
        """Whose hands have what now, whoever did it."""
        if deed.parcel is None:
            return
        if deed.verb == "order":
            self._hands[deed.parcel] = deed.buyer if deed.outbound else COURIER
        elif deed.verb == "put":
            self._hands.pop(deed.parcel, None)
        elif deed.verb == "take":
            self._hands[deed.parcel] = deed.who

    def _reserved(self) -> set[int]:
        """Cells that an order has, in which something lies, or that the locker offers for no deposit."""
        ordered = self._locker.backend.taken_cells()
        parts = self._locker.assembly
        doors = parts.runtime.controller.state.all(Door) if parts is not None else ()
        blocked = {row.cell for row in doors if row.blocked is not None}
        lying = {cell.number for cell in self._locker.world.cells.values() if cell.parcel}
        return ordered | blocked | lying

    def _quiet(self) -> set[int]:
        """Cells whose quiet hour runs: a locker that was off begins it anew, and a backend cannot know."""
        parts = self._locker.assembly
        parcels = parts.runtime.controller.state.all(Parcel) if parts is not None else ()
        return self._locker.backend.quiet.cells() | {row.cell for row in parcels if rests(row)}

    def _person(self, name: str) -> PersonSeen:
        orders = self._locker.backend.orders
        return PersonSeen(
            name,
            tuple(
                SmsSeen(sms.text, sms.utc_ms, sms.code)
                for sms in self._locker.backend.phones.get(name, [])[-SMS_MAX:]
            ),
            tuple(
                waybill
                for waybill, holder in self._hands.items()
                if holder == name and waybill in orders and not orders[waybill].has_ended
            ),
        )


def boxes(cells: tuple[Cell, ...]) -> tuple[Box, ...]:
    """Columns from the left, bottoms from the floor: to the corner of a drawing, whose y grows downwards."""
    left, x = dict[int, int](), 0
    for column in sorted({cell.column for cell in cells}):
        left[column] = x
        x += max(cell.width_mm for cell in cells if cell.column == column)
    top_mm = max(cell.bottom_mm + cell.height_mm for cell in cells)
    return tuple(
        Box(
            cell.number,
            cell.size,
            left[cell.column],
            top_mm - cell.bottom_mm - cell.height_mm,
            cell.width_mm,
            cell.height_mm,
        )
        for cell in cells
    )
