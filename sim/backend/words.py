"""What the backend tells people by SMS."""

from datetime import datetime, tzinfo

from firmware.model import Purpose
from sim.backend.orders import Grant, Order, Round


def sms_of_grant(
    locker: str, address: str, order: Order, grant: Grant, until: str = "", link: str = ""
) -> str:
    """The words that carry a code: which locker, where, what for, and until when; `link`: where it is drawn as a QR code."""
    at = f"Постамат № {locker}, {address}."
    match grant.purpose:
        case Purpose.PICKUP:
            drawn = f" QR-код: {link}" if link else ""
            return f"Посылка {order.waybill} ждёт вас. {at} Код: {grant.code}.{until}{drawn}"
        case Purpose.DEPOSIT if not order.is_inbound:
            return f"Отправление {order.waybill}: положите его в ячейку. {at} Код: {grant.code}."
        case Purpose.DEPOSIT:
            return f"Доставка {order.waybill}, ячейка {order.cell}. {at} Код: {grant.code}."
        case _:
            return f"Забрать {order.waybill}, ячейка {order.cell}. {at} Код: {grant.code}."


def sms_of_round(locker: str, address: str, each: Round) -> str:
    """One code for all that a courier brings, or takes away."""
    what = "Доставка" if each.purpose is Purpose.DEPOSIT else "Забрать"
    count = len(each.parcels)
    return f"{what}, посылок: {count}, {each.waybills.replace(' ', ', ')}. Постамат № {locker}, {address}. Код: {each.code}."


def sms_of_order(locker: str, address: str, order: Order, grant: Grant) -> str:
    """The pickup's code before the parcel has come."""
    return (
        f"Заказ {order.waybill} едет в постамат № {locker}, {address}. "
        f"Код: {grant.code}, он заработает, когда посылка будет в ячейке."
    )


def kept_until(deadline_ms: int, zone: tzinfo) -> str:
    """The end of the storage term, in the locker's own zone."""
    return f" Хранится до {date(deadline_ms, zone)}, потом заказ отменят и вернут деньги."


def reminder(order: Order, locker: str, address: str, zone: tzinfo) -> str:
    """A day before the end of the storage term."""
    code = order.grants[Purpose.PICKUP].code
    until = date(order.expires_ms, zone)
    return f"Напоминаем: {order.waybill} хранится до {until}. Постамат № {locker}, {address}. Код: {code}."


def expiry(order: Order) -> str:
    """The storage term is over."""
    return f"Срок хранения {order.waybill} истёк. Деньги вернутся на {order.account}."


def cancellation(order: Order) -> str:
    """The order is cancelled, and the locker has said so."""
    return f"Заказ {order.waybill} отменён. Деньги вернутся на {order.account}."


def refund(order: Order) -> str:
    """The money is on its way."""
    return f"Возврат за {order.waybill}: {tenge(order.tenge)} на {order.account}."


def tenge(amount: int) -> str:
    """An amount of money, as people write it."""
    return f"{amount:,} ₸".replace(",", "\u00a0")


def date(utc_ms: int, zone: tzinfo) -> str:
    """A moment, in a zone."""
    return f"{datetime.fromtimestamp(utc_ms / 1_000, zone):%d.%m.%Y %H:%M}"
