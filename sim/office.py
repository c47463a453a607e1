"""The people behind the backend: they choose cells, send couriers, and choose again where a cell did not do."""

import random
from collections.abc import Callable

import msgspec

from firmware.model import Direction, EntryKind, Purpose, SessionState
from sim.backend import commands
from sim.backend.orders import FETCHED, Order, Stage
from sim.locker import SimLocker

IN_HAND = (SessionState.OPENING, SessionState.OPEN, SessionState.CLOSING, SessionState.ASKED)
DOUBTFUL = (Stage.SUSPECT, Stage.UNCONFIRMED)


class Office:
    """What a shop and a carrier do by themselves, through the reference backend alone."""

    def __init__(self, locker: SimLocker, chance: random.Random) -> None:
        self.backend = locker.backend
        self._locker = locker
        self._chance = chance
        self.buyers: tuple[str, ...] = ()  # who orders; unless told, one for each parcel
        self._avoided: set[int] = set()  # cells that a courier was refused
        self.kept: dict[str, int] = {}  # by waybill, the cell that the locker keeps for it

    def order(self, waybill: str, *, outbound: bool = False) -> Order | None:
        """Order a parcel into the cell that is kept for it, or a free one. None where there is none."""
        cell = self.kept.pop(waybill, None) or self._free_cell()
        if waybill in self.backend.orders or cell is None:
            return self.backend.orders.get(waybill)
        order = self.backend.order(
            waybill,
            cell,
            self._chance.choice(self.buyers) if self.buyers else f"buyer of {waybill}",
            account=self._chance.choice(["Kaspi Gold", "Kaspi Red"]),
            direction=Direction.OUTBOUND if outbound else Direction.INBOUND,
        )
        self.sync()
        return order

    def keep(self, waybill: str, command: str, since: int) -> int | None:
        """The cell that the locker has chosen by this command, as an entry of its journal after `since` tells."""
        for row in self.backend.ledger.after(since):
            body = msgspec.json.decode(row.body)
            if body["kind"] == EntryKind.RESERVED and body["command"] == command:
                self.kept[waybill] = body["cell"]
        return self.kept.get(waybill)

    def choose_again(self, waybill: str, *, quiet: bool = False) -> None:
        """The courier could not use the cell, for good or for its quiet hour: another one."""
        order = self.backend.orders[waybill]
        cell = self._free_cell()
        if order.stage is Stage.ORDERED and cell is not None:
            if quiet:
                self.backend.quiet.begin(order.cell)
            else:
                self._avoided.add(order.cell)
            self.backend.move(waybill, cell)
            self.sync()

    def to_be_fetched(self) -> list[Order]:
        """What lies here for a courier, and not for its buyer alone."""
        orders = self.backend.orders.values()
        return [each for each in orders if _is_left(each) or _is_sent(each)]

    def to_fetch(self) -> list[str]:
        """What a courier takes away now, each with a withdrawal grant."""
        found = []
        for order in self.to_be_fetched():
            if order.stage in DOUBTFUL and self._chance.random() < 0.7:
                continue  # its buyer may still come for it
            self.fetch(order.waybill)
            found.append(order.waybill)
        return found

    def fetch(self, waybill: str) -> None:
        """Send a courier for it, where none was sent yet."""
        if Purpose.WITHDRAWAL not in self.backend.orders[waybill].grants:
            self.backend.withdraw(waybill)
            self.sync()

    def code(self, waybill: str, purpose: Purpose) -> str | None:
        """The code on the phone of whom it was sent to, where it was."""
        order = self.backend.orders.get(waybill)
        grant = order.grants.get(purpose) if order else None
        if grant is None:
            return None
        phone = self.backend.phones.get(grant.holder, [])
        return grant.code if any(sms.code == grant.code for sms in phone) else None

    def sync(self) -> None:
        """Tell the locker what is new, where it can be reached."""
        if self._locker.link.is_attached:
            self._locker.link.sync()

    def utc_ms(self) -> int:
        """By a clock on the wall."""
        return self._locker.clock.utc_ms()

    def command(self, do: commands.Deed) -> str | None:
        """Command the locker something, where it can be reached; the command's id."""
        return self._locker.link.send_command(do) if self._locker.link.is_attached else None

    def in_app(self, deed: Callable[..., commands.Deed], waybill: str, *more: str) -> str | None:
        """What a buyer presses in the app, under the right to the parcel."""
        return self.command(deed(self.backend.orders[waybill].grants[Purpose.PICKUP].id, waybill, *more))

    def is_in_hand(self, waybill: str) -> bool:
        """Whether somebody is just now about to take this parcel out, or to put it in."""
        parts = self._locker.assembly
        at = parts.runtime.controller.state.session if parts is not None else None
        return at is not None and at.parcel == waybill and at.state in IN_HAND

    def _free_cell(self) -> int | None:
        taken = self.backend.taken_cells() | self.backend.quiet.cells() | set(self.kept.values())
        cells = [cell for cell in sorted(self._locker.world.cells) if cell not in taken]
        good = [cell for cell in cells if cell not in self._avoided]
        return self._chance.choice(good or cells) if cells else None


def _is_left(order: Order) -> bool:
    return order.stage in FETCHED and not order.has_ended


def _is_sent(order: Order) -> bool:
    return order.direction is Direction.OUTBOUND and order.stage is Stage.STORED
