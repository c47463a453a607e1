"""What a signed list tells a locker: its parcels, and who has which right to them; in full, or what is different.

A list goes as one object or in parts: whatever fits is told first, and the rest is what is then still different.
"""

import hashlib
import hmac
from collections.abc import Collection, Container, Mapping
from typing import Any, NamedTuple

import msgspec

from firmware.model import Purpose
from sim.backend.orders import DEPOSITABLE, HELD, Grant, Hold, Order, Round, Stage
from sim.backend.site import Site

PART_MAX_BYTES = 48_000  # of an object's 49,000; counted in JSON, which is longer than the CBOR of the same
PART_MAX_ITEMS = 1_000
NAMES = {"parcels": "waybill", "grants": "id"}


class Part(NamedTuple):
    """`told`: the fields of the object. `after`: what the locker holds once it has taken it, a digest of each item by name."""

    told: dict[str, Any]
    after: dict[str, str]

    @property
    def is_last(self) -> bool:
        return "more" not in self.told

    @property
    def is_empty(self) -> bool:
        return not any(self.told.values())


def part(wanted: Mapping[str, list[dict[str, Any]]], held: Mapping[str, str]) -> Part:
    """As much as fits of what is different between the list that is wanted and the one that is held (nothing: all of it)."""
    told: dict[str, Any] = {"parcels": [], "grants": [], "gone_parcels": [], "gone_grants": []}
    after, left = dict(held), PART_MAX_BYTES
    differences: list[tuple[str, str, Any, bytes]] = []  # field, item, what is told of it, and that in JSON
    items = {f"{kind}/{each[NAMES[kind]]}": (kind, each) for kind in NAMES for each in wanted[kind]}
    for item in sorted(item for item in held if item not in items):
        kind, _, name = item.partition("/")
        differences.append((f"gone_{kind}", item, name, msgspec.json.encode(name)))
    for item, (kind, each) in items.items():
        differences.append((kind, item, each, msgspec.json.encode(each)))
    count = 0
    for field, item, each, text in differences:
        digest = hashlib.sha256(text).hexdigest()
        if after.get(item) == digest:
            continue
        left, count = left - len(text) - 1, count + 1
        if left < 0 or count > PART_MAX_ITEMS:
            return Part({**told, "more": True}, after)
        told[field].append(each)
        if field in NAMES:
            after[item] = digest
        else:
            del after[item]
    return Part(told, after)


def contents(
    site: Site,
    orders: Collection[Order],
    quiet: Container[int],
    rounds: Collection[Round] = (),
    *,
    afresh: bool,
) -> dict[str, list[dict[str, Any]]]:
    """Every parcel that may still be in the locker's hands, with what is open of its rights.

    `afresh`: the locker's epoch began with nothing, and must be told what lies there, and of each `quiet` cell, whose
    parcel was there last.
    """
    open_orders = [order for order in orders if not order.has_ended]
    emptied = [order for order in orders if afresh and order.stage is Stage.COLLECTED and order.cell in quiet]
    named = {order.waybill: order for order in open_orders}
    lasts = {order.cell: order for order in emptied}.values()
    return {
        "parcels": [_parcel(order, afresh=afresh) for order in (*open_orders, *lasts)],
        "grants": [
            _right(site, order, grant, afresh=afresh)
            for order in open_orders
            for grant in order.grants.values()
            if _is_open(order, grant.purpose)
        ]
        + [right for each in rounds if (right := _right_of_round(site, each, named))["parcels"]],
    }


def _parcel(order: Order, *, afresh: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"waybill": order.waybill, "cell": order.cell, "account": order.account}
    if afresh and order.stage in HELD:
        told |= {"state": HELD[order.stage], "expires_ms": order.expires_ms}
    elif order.stage in DEPOSITABLE and order.expires_ms:
        told["expires_ms"] = order.expires_ms
    return told if order.is_inbound else {**told, "direction": order.direction.value}


def _right(site: Site, order: Order, grant: Grant, *, afresh: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": grant.id,
        "purpose": grant.purpose.value,
        "parcels": [order.waybill],
        "codes": [_digest(site, grant.code)],
        "phone_codes": [_digest(site, grant.code + grant.phone)],
    }
    if afresh and not order.opened and order.held is not Hold.LOST:  # else nobody knows what its tokens did
        told["tokens_since"] = site.epoch
    return {**told, "not_before_ms": grant.not_before_ms} if grant.not_before_ms else told


def _right_of_round(site: Site, each: Round, orders: Mapping[str, Order]) -> dict[str, Any]:
    left = [name for name in each.parcels if name in orders and _is_open(orders[name], each.purpose)]
    return {
        "id": each.id,
        "purpose": each.purpose.value,
        "parcels": left,
        "codes": [_digest(site, each.code)],
        "phone_codes": [_digest(site, each.code + each.phone)],
    }


def _is_open(order: Order, purpose: Purpose) -> bool:
    return purpose is not Purpose.DEPOSIT or order.stage in DEPOSITABLE


def _digest(site: Site, typed: str) -> bytes:
    return hmac.digest(site.code_key, typed.encode(), "sha256")
