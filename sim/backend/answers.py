"""What the app says in words: of a parcel, of the locker, and of what became of a command."""

from collections.abc import Callable

from firmware.model import Outcome
from sim.backend import words
from sim.backend.orders import Order, Refund, Stage
from sim.backend.site import Site

OFFLINE = "Постамат сейчас не на связи. Код из SMS работает и без связи."
UNANSWERED = "Постамат не ответил. Попробуйте ещё раз или введите код из SMS на экране."
WAITING = "Команда отправлена постамату."
NO_STATIC = "Здесь принимают только QR-код, который обновляет приложение."
NO_LINK = "Ссылка неполная или уже не действует. Откройте её из последнего SMS."
OVER = "Постамат снова свободен."
RESENT = "SMS с кодом отправлено ещё раз."
TOO_OFTEN = "Код уже отправлен несколько раз: он в последнем SMS."

_RETRY = "Не получилось. Попробуйте ещё раз или введите код из SMS на экране постамата."
_SUPPORT = "Не получилось. Напишите в поддержку."
# Every outcome that a command may have; the last word stands.
OUTCOMES: dict[Outcome, str] = {
    Outcome.DONE: "Готово.",
    Outcome.ACCEPTED: WAITING,
    Outcome.BUSY: "Постамат занят, подождите.",
    Outcome.ALREADY_OPEN: "Ячейка уже открыта. Закройте дверцу, когда заберёте посылку.",
    Outcome.NOT_OPENED: "Ячейка не открылась. Нажмите на дверцу и попробуйте ещё раз.",
    Outcome.NOT_TOUCHED: "Никто не коснулся экрана постамата. Подойдите к нему и попробуйте ещё раз.",
    Outcome.NEEDS_SCREEN_QR: "Отсканируйте код на экране постамата: так мы поймём, что вы рядом.",
    Outcome.UNKNOWN: "Постамат перезапустился. Проверьте, открыта ли ячейка, и попробуйте ещё раз.",
    Outcome.MAINTENANCE: "Постамат обслуживает техник. Попробуйте позже.",
    Outcome.OFFLINE: "Эта часть постамата не отвечает. Мы уже знаем об этом.",
    Outcome.CAP_REACHED: "Слишком много открытий из приложения. Введите код из SMS на экране постамата.",
    Outcome.CLOCK_UNSURE: "Постамат сверяет часы. Введите код из SMS на экране.",
    Outcome.TOO_EARLY: "Ещё рано. Попробуйте через минуту.",
    Outcome.TOO_LATE: UNANSWERED,
    Outcome.NO_SUCH_PARCEL: "Этой посылки в постамате нет.",
    Outcome.NO_CELL: "Свободной ячейки нет.",
    Outcome.NOT_ALLOWED: "Сейчас это сделать нельзя.",
    Outcome.NOT_NOW: "Сейчас это сделать нельзя.",
    Outcome.STORAGE_FAILED: "Постамат временно не работает. Мы уже знаем об этом.",
    Outcome.STALE: "Код на экране уже сменился. Отсканируйте новый.",
    **dict.fromkeys((Outcome.WRONG_EPOCH, Outcome.OLDER, Outcome.GAP, Outcome.MISMATCH), _RETRY),
    **dict.fromkeys(
        (Outcome.WRONG_LOCKER, Outcome.UNSIGNED, Outcome.UNKNOWN_KEY, Outcome.BAD_SIGNATURE), _SUPPORT
    ),
    **dict.fromkeys((Outcome.MALFORMED, Outcome.QUARANTINED), _SUPPORT),
}


def _stored(order: Order) -> str:
    if not order.is_inbound:
        return "Лежит в постамате, курьер её заберёт."
    if order.waits:
        return "Срок хранения истёк. Ждём ответа постамата: если вы забрали посылку, деньги не вернутся."
    if order.opened:
        return "Ячейка открывалась. Подтвердите получение или откройте её ещё раз."
    return "Ждёт вас в постамате."


_STATES: dict[Stage, Callable[[Order], str]] = {
    Stage.ORDERED: lambda order: "Едет в постамат." if order.is_inbound else "Положите посылку в ячейку.",
    Stage.UNCONFIRMED: lambda order: (
        "Едет в постамат." if order.is_inbound else "Проверяем, лежит ли посылка в ячейке."
    ),
    Stage.STORED: _stored,
    Stage.SUSPECT: _stored,
    Stage.COLLECTED: lambda order: "Получена.",
    Stage.EXPIRED: lambda order: "Срок хранения истёк, заказ отменён.",
    Stage.REFUSED: lambda order: "Вы отказались от посылки. Деньги вернутся, когда её заберёт курьер.",
    Stage.DISPUTED: lambda order: "Разбираемся с вашим обращением.",
    Stage.CANCELLED: lambda order: "Заказ отменён.",
    Stage.WITHDRAWN: lambda order: "Возвращается в магазин." if order.is_inbound else "В пути.",
}


def state_of(order: Order, refund: Refund | None) -> str:
    """A parcel's state, in a sentence or two."""
    said = _STATES[order.stage](order)
    if refund is not None:
        return f"{said} {words.tenge(refund.tenge)} вернулись на {refund.account}."
    return said


def address_of(site: Site) -> str:
    """Where one has to go."""
    return f"Постамат № {site.locker}, {site.address}"
