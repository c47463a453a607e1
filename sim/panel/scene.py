"""What the panel shows and what people do there: hands and phones around a locker that knows nothing of either."""

from firmware.config import Cell
from firmware.model import Purpose
from firmware.rows import Door, Intent
from sim.backend import Order, Stage
from sim.backend.orders import ENDED
from sim.locker import SimLocker
from sim.panel import acts
from sim.panel.acts import Act, Close, Put, Send, Take
from sim.panel.messages import Box, Refused, Why
from sim.panel.seen import CellSeen, OrderSeen, PersonSeen, SmsSeen, World

COURIER = "courier"
BUYERS = ("alia", "marat")
FIRST_WAYBILL = 101
SMS_MAX = 20  # on a phone, as the page shows it
ORDERS_MAX = 40
FETCHED = frozenset({Stage.EXPIRED, Stage.REFUSED, Stage.DISPUTED, Stage.SUSPECT})  # by a courier


class Scene:
    """The people around one live locker."""

    def __init__(self, locker: SimLocker) -> None:
        self._locker = locker
        self._hands: dict[str, str] = {}  # waybill → who has it
        for order in locker.backend.orders.values():
            if order.stage is Stage.ORDERED:
                self._hands[order.waybill] = order.grants[Purpose.DEPOSIT].holder

    def look(self) -> World:
        """All that is to be seen now."""
        orders = list(self._locker.backend.orders.values())
        return World(
            cells=tuple(
                CellSeen(cell.number, not cell.shut, cell.parcel, cell.coil.on_at_s is not None, cell.latched)
                for cell in self._locker.world.cells.values()
            ),
            people=tuple(self._person(name) for name in (COURIER, *BUYERS)),
            orders=tuple(_seen(order) for order in orders[-ORDERS_MAX:]),
            free=tuple(sorted(self._locker.world.cells.keys() - self._reserved())),
        )

    def act(self, act: Act) -> Refused | None:
        """Do what a person does; why not, where it cannot be done."""
        self._locker.moved.set()  # the pages look in a step of their own, after this one
        match act:
            case Put(cell, parcel):
                return self._put(cell, parcel)
            case Take(cell):
                return self._take(cell)
            case Close(cell):
                return self._close(cell)
            case acts.Order(cell, buyer):
                return self._order(cell, buyer)
            case Send(parcel):
                return self._send(parcel)
            case _:
                return Refused(Why.UNKNOWN)

    def _put(self, number: int, parcel: str) -> Refused | None:
        cell = self._locker.world.cells.get(number)
        if cell is None:
            return Refused(Why.UNKNOWN, number)
        if parcel not in self._hands:
            return Refused(Why.NOT_IN_HAND, parcel=parcel)
        if cell.shut or cell.parcel:
            return Refused(Why.SHUT if cell.shut else Why.FULL, number)
        self._locker.world.put(number, parcel)
        del self._hands[parcel]
        return None

    def _take(self, number: int) -> Refused | None:
        cell = self._locker.world.cells.get(number)
        if cell is None:
            return Refused(Why.UNKNOWN, number)
        if cell.shut or not cell.parcel:
            return Refused(Why.SHUT if cell.shut else Why.EMPTY, number)
        self._hands[self._locker.world.take(number)] = self._let_in(number)
        return None

    def _close(self, number: int) -> Refused | None:
        if number not in self._locker.world.cells:
            return Refused(Why.UNKNOWN, number)
        return None if self._locker.world.close(number) else Refused(Why.NO_LATCH, number)

    def _order(self, number: int, buyer: str) -> Refused | None:
        if number not in self._locker.world.cells or buyer not in BUYERS:
            return Refused(Why.UNKNOWN, number)
        if number in self._reserved():
            return Refused(Why.RESERVED, number)
        waybill = f"KZ{FIRST_WAYBILL + len(self._locker.backend.orders)}"
        self._locker.backend.order(waybill, number, buyer, courier=COURIER)
        self._hands[waybill] = COURIER
        self._locker.link.sync()
        return None

    def _send(self, parcel: str) -> Refused | None:
        order = self._locker.backend.orders.get(parcel)
        if order is None:
            return Refused(Why.UNKNOWN, parcel=parcel)
        if not _for_courier(order):
            return Refused(Why.NO_COURIER, parcel=parcel)
        self._locker.backend.withdraw(parcel, COURIER)
        self._locker.link.sync()
        return None

    def _let_in(self, number: int) -> str:
        """Who stands at this door: the holder of the right for which the locker opened it; nobody's door is the courier's."""
        state = self._locker.controller.runtime.controller.state
        intent = state.find(Intent, state.get(Door, number).intent)
        if intent is None:
            return COURIER
        return self._locker.backend.orders[intent.parcel].grants[intent.purpose].holder

    def _reserved(self) -> set[int]:
        """Cells that an order has, or in which something lies."""
        ordered = {order.cell for order in self._locker.backend.orders.values() if order.stage not in ENDED}
        return ordered | {cell.number for cell in self._locker.world.cells.values() if cell.parcel}

    def _person(self, name: str) -> PersonSeen:
        """A parcel whose order has ended has left the scene with whoever has it."""
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
                if holder == name and orders[waybill].stage not in ENDED
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


def _seen(order: Order) -> OrderSeen:
    return OrderSeen(order.waybill, order.cell, order.person, order.stage, _for_courier(order))


def _for_courier(order: Order) -> bool:
    return order.stage in FETCHED and Purpose.WITHDRAWAL not in order.grants
