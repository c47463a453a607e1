"""What a signed list tells a locker: its parcels, and who has which right to them."""

import hmac
from collections.abc import Collection, Container
from typing import Any

from firmware.model import Purpose
from sim.backend.orders import DEPOSITABLE, HELD, Grant, Order, Stage
from sim.backend.site import Site


def contents(
    site: Site, orders: Collection[Order], quiet: Container[int], *, afresh: bool
) -> dict[str, list[dict[str, Any]]]:
    """Every parcel that may still be in the locker's hands, with what is open of its rights.

    `afresh`: the locker's epoch began with nothing, and must be told what lies there, and of each `quiet` cell, whose
    parcel was there last.
    """
    open_orders = [order for order in orders if not order.has_ended]
    emptied = [order for order in orders if afresh and order.stage is Stage.COLLECTED and order.cell in quiet]
    lasts = {order.cell: order for order in emptied}.values()
    return {
        "parcels": [_parcel(order, afresh=afresh) for order in (*open_orders, *lasts)],
        "grants": [
            _right(site, order, grant)
            for order in open_orders
            for grant in order.grants.values()
            if grant.purpose is not Purpose.DEPOSIT or order.stage in DEPOSITABLE
        ],
    }


def _parcel(order: Order, *, afresh: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"waybill": order.waybill, "cell": order.cell, "account": order.account}
    if afresh and order.stage in HELD:
        told |= {"state": HELD[order.stage], "expires_ms": order.expires_ms}
    return told if order.is_inbound else {**told, "direction": order.direction.value}


def _right(site: Site, order: Order, grant: Grant) -> dict[str, Any]:
    told = {
        "id": grant.id,
        "purpose": grant.purpose.value,
        "parcels": [order.waybill],
        "codes": [_digest(site, grant.code)],
        "phone_codes": [_digest(site, grant.code + grant.phone)],
    }
    return {**told, "not_before_ms": grant.not_before_ms} if grant.not_before_ms else told


def _digest(site: Site, typed: str) -> bytes:
    return hmac.digest(site.code_key, typed.encode(), "sha256")
