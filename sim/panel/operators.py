"""What the operator's people do for one live locker, behind its backend: about an order, and about the rules that hold for all.

What may be done to an order now is told to the page, which draws it; whoever asks for something else is refused here.
"""

import msgspec

from firmware.model import Purpose
from sim.backend import CodeAt, Order
from sim.backend import Stage as Of
from sim.backend.commands import configure
from sim.backend.orders import FETCHED, OVER_FOR_BUYER
from sim.deeds import done_by
from sim.locker import SimLocker
from sim.panel.acts import Cancel, Decide, Policy, Returned, Send
from sim.panel.messages import Refused, Why
from sim.panel.scene import COURIER
from sim.panel.seen import Can, OrderSeen, PolicySeen

OPERATOR = "backend"  # by whom it is done
ORDERS_MAX = 40
# What the locker may still cancel, as far as the backend knows: it answers that something else has become of it.
OPEN = (Of.ORDERED, Of.STORED, Of.SUSPECT)


class Operator:
    """Of one locker. Nothing here moves an order on: that is the locker's entries' (`sim.backend.custody`)."""

    def __init__(self, locker: SimLocker) -> None:
        self._locker = locker
        self._backend = locker.backend
        self._access = locker.config.access
        self._asked: tuple[str, dict[str, int | str]] = ("", {})  # the newest command for other settings

    # What is seen

    def orders(self) -> tuple[OrderSeen, ...]:
        """The newest, as the backend believes them to be."""
        asked = {
            each.waybill: each.outcome or "waiting"
            for each in self._backend.books.commands.values()
            if each.verb == "cancel"
        }
        return tuple(
            OrderSeen(
                order.waybill,
                order.cell,
                order.person,
                order.stage,
                self.can(order),
                order.held,
                asked.get(order.waybill, ""),
            )
            for order in list(self._backend.orders.values())[-ORDERS_MAX:]
        )

    def policy(self) -> PolicySeen:
        """The rules: what the locker goes by, while it is off what it went by, and what the backend goes by."""
        if (parts := self._locker.assembly) is not None:
            self._access = parts.runtime.controller.cabinet.config.access
        static = "allowed" if self._access.static_tokens else "refused"
        return PolicySeen(self._access.remote_open, static, self._backend.site.code_at)

    def can(self, order: Order) -> tuple[Can, ...]:
        """What may be done to it now."""
        found = []
        if order.stage in OPEN and order.is_inbound and not self._is_being_cancelled(order):
            found.append(Can.CANCEL)
        if order.held:
            unpaid = order.waybill not in self._backend.books.refunds
            found += [Can.REFUND, Can.END] if order.stage in OVER_FOR_BUYER and unpaid else [Can.END]
        if order.stage in FETCHED and not order.has_ended and Purpose.WITHDRAWAL not in order.grants:
            found.append(Can.SEND)
        if order in self._backend.returns():
            found.append(Can.RETURNED)
        return tuple(found)

    # What is done

    def act(self, act: Send | Cancel | Decide | Returned) -> Refused | None:
        """Do it; why not, where it cannot be done."""
        order = self._backend.orders.get(act.parcel)
        if order is None:
            return Refused(Why.UNKNOWN, parcel=act.parcel)
        may = self.can(order)
        with done_by(OPERATOR):
            match act:
                case Send(parcel) if Can.SEND in may:
                    self._backend.withdraw(parcel, COURIER)
                case Cancel(parcel) if Can.CANCEL in may:
                    self._backend.cancel(parcel)
                case Decide(parcel, refund) if (Can.REFUND if refund else Can.END) in may:
                    self._backend.decide(parcel, refund=refund)
                case Returned(parcel) if Can.RETURNED in may:
                    self._backend.confirm_return(parcel)
                case _:
                    return Refused(
                        Why.NO_COURIER if isinstance(act, Send) else Why.NOT_NOW, parcel=act.parcel
                    )
        self._sync()
        return None

    def choose(self, policy: Policy) -> Refused | None:
        """Go by other rules from now on: the locker where it takes them, the backend at once."""
        if policy.code_at is not None:
            self._backend.site = msgspec.structs.replace(self._backend.site, code_at=CodeAt(policy.code_at))
        if policy.remote_open is None and policy.static_tokens is None:
            return None
        if not self._locker.link.is_attached:
            return Refused(Why.NO_LINK)
        settings = self._settings()
        if policy.remote_open is not None:
            settings["remote_open"] = policy.remote_open
        if policy.static_tokens is not None:
            settings["static_tokens"] = int(policy.static_tokens == "allowed")
        with done_by(OPERATOR):
            self._asked = self._locker.link.send_command(configure(settings)), settings
        return None

    def _settings(self) -> dict[str, int | str]:
        """What a command has to say again, for it takes the place of all before it: what was asked last, or what holds."""
        command, asked = self._asked
        if command in self._backend.books.open_commands:
            return dict(asked)
        holds = self.policy()
        return {"remote_open": holds.remote_open, "static_tokens": int(holds.static_tokens == "allowed")}

    def _is_being_cancelled(self, order: Order) -> bool:
        waiting = self._backend.books.open_commands.values()
        return any(each.verb == "cancel" and each.waybill == order.waybill for each in waiting)

    def _sync(self) -> None:
        if self._locker.link.is_attached:
            self._locker.link.sync()
