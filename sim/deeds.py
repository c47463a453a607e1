"""What people and the backend do to one locker, told once it is done: for whoever draws, explains or records it.

All hands at doors go through `sim.world.World`, at a barcode scanner's trigger through `sim.cabinet.Gun`, all orders through the backend, all commands through the link: so a deed is heard
whoever did it, a person on the panel, one that lives by himself, or a fault of the catalogue.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from msgspec import Struct

from firmware.model import Direction
from sim.backend import CodeAt, Order
from sim.backend.commands import Command
from sim.locker import SimLocker

WHO: ContextVar[str] = ContextVar("who", default="somebody")  # whose task this is
FAULT = "fault"
# Commands that somebody's app or the operator asks for, each a deed once it is sent.
ASKED = frozenset({"open", "confirm", "report", "extend", "claim", "leave", "configure"})
BACKEND = frozenset({"extend"})  # that it also asks for by itself


@contextmanager
def done_by(who: str) -> Iterator[None]:
    """What is done here, is done by this person."""
    token = WHO.set(who)
    try:
        yield
    finally:
        WHO.reset(token)


class Deed(Struct, frozen=True):
    """One of them. `verb` is that of `sim.steps`, and of the command (`sim.backend.commands`) where somebody's app sends one."""

    verb: str
    who: str
    cell: int | None = None
    parcel: str | None = None
    buyer: str = ""  # of an order
    account: str = ""
    outbound: bool = False
    early: bool = False  # of an order: its buyer has the code already
    command: str = ""  # the id of the command
    problem: str = ""  # that it reports
    decision: str = ""  # about an order that was held: refund, or end it without
    policy: str = ""  # of other settings: `remote_open`
    static: str = ""  # and whether QR codes without dates are "allowed" or "refused"
    way: str = ""  # how a code is held up, where that is not well
    source: str = ""  # where that code is from, where that is not the app

    @property
    def by_fault(self) -> bool:
        """Whether a fault's own hands did it."""
        return self.who.startswith(FAULT)


class Deeds:
    """Listens at the seams of one locker, and tells of each deed that was possible, in the moment it is done."""

    def __init__(self, locker: SimLocker) -> None:
        self.observers: list[Callable[[Deed], None]] = []
        self.acting = False  # whether a hand is at a door in this very moment
        self._asked: dict[str, Deed] = {}  # by id: what somebody's app has asked for, until it is sent
        world, backend, link = locker.world, locker.backend, locker.link
        self._backend = backend
        for verb in ("pull", "force", "close"):
            self._listen(world, verb, lambda found, cell, verb=verb: _deed(verb, cell=cell))
        self._listen(world, "put", lambda found, cell, parcel: _deed("put", cell=cell, parcel=parcel))
        self._listen(world, "take", lambda found, cell: _deed("take", cell=cell, parcel=found))
        self._listen(
            world,
            "press",
            lambda found, cell, pressed=True: _deed("push" if pressed else "let_go", cell=cell),
        )
        for gun in locker.cabinet.guns.values():
            self._listen(gun, "beep", lambda found, text: _deed("beep", parcel=text))
        self._listen(backend, "order", self._order)
        self._listen(backend, "withdraw", lambda grant, parcel, *_: _deed("withdraw", parcel=parcel))
        self._listen(backend, "move", lambda found, parcel, cell: _deed("move", cell=cell, parcel=parcel))
        self._listen(backend, "resend", lambda found, parcel: _resent(backend.orders[parcel]))
        self._listen(
            backend, "cancel", lambda found, parcel: _deed("cancel", parcel=parcel, command=found.id)
        )
        self._listen(
            backend,
            "decide",
            lambda found, parcel, *, refund: _deed(
                "decide", parcel=parcel, decision="refund" if refund else "end"
            ),
        )
        self._listen(backend, "confirm_return", lambda found, parcel: _deed("returned", parcel=parcel))
        self._listen(backend, "command", self._ask)
        self._listen(link, "post", lambda found, command: self._asked.pop(command.id, None))

    def _ask(self, command: Command, do: Any, *_: Any, person: str = "", **__: Any) -> None:
        """A command is signed; what the backend asks for by itself is nobody's deed."""
        if do["type"] in ASKED and (person or do["type"] not in BACKEND):
            about = {"parcel": do.get("parcel"), "problem": do.get("problem", ""), "command": command.id}
            settings = do.get("settings", {})
            about["policy"] = str(settings.get("remote_open", ""))
            about["static"] = {0: "refused", 1: "allowed"}.get(settings.get("static_tokens"), "")
            self._asked[command.id] = Deed(do["type"], person or WHO.get(), **about)

    def _order(self, order: Order, *_: Any, sms_at_order: bool | None = None, **__: Any) -> Deed:
        by_policy = self._backend.site.code_at is CodeAt.ORDER
        return _deed(
            "order",
            cell=order.cell,
            parcel=order.waybill,
            buyer=order.person,
            account=order.account,
            outbound=order.direction is Direction.OUTBOUND,
            early=by_policy if sms_at_order is None else sms_at_order,
        )

    def _listen(self, thing: Any, verb: str, told: Callable[..., Deed | None]) -> None:
        act = getattr(thing, verb)

        def heard(*arguments: Any, **options: Any) -> Any:
            self.acting = True
            try:
                found = act(*arguments, **options)
            finally:
                self.acting = False
            deed = told(found, *arguments, **options)
            if deed is None:
                return found
            for observe in self.observers:
                observe(deed)
            return found

        setattr(thing, verb, heard)


def _deed(verb: str, **about: Any) -> Deed:
    return Deed(verb, WHO.get(), **about)


def _resent(order: Order) -> Deed:
    """Its buyer has asked for it, whoever pressed the button."""
    return Deed("resend", order.person, parcel=order.waybill)
