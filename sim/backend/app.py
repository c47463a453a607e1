"""The buyer's app as the backend sees it: whose parcels these are, what can be done with them now, and what became of it.

It decides nothing of custody: what a buyer asks for goes to the locker as a signed command, and the locker answers.
"""

import base64
import binascii
from typing import Protocol

from firmware.errors import PostomatError, Unreachable
from firmware.kiosk.drawing import draw
from firmware.model import Outcome, Problem, Purpose
from sim.backend import answers, commands, sms_link, tokens, words
from sim.backend.backend import Backend
from sim.backend.books import OVER
from sim.backend.commands import Command, Deed
from sim.backend.orders import WAITING, Order
from sim.backend.rights import RESENDS_MAX
from sim.backend.shown import (
    AccountShown,
    CommandShown,
    LinkShown,
    LockerShown,
    ParcelShown,
    ResentShown,
    TokenShown,
)

ACCOUNTS = ("Kaspi Gold", "Kaspi Red")
COMMAND_S = 60  # how long a buyer's command is good for
UNANSWERED_MS = 30_000  # after that, until nobody waits for an answer any more
NONCE_BYTES = 16


class Post(Protocol):
    """The way to the locker."""

    @property
    def is_attached(self) -> bool: ...

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """What the locker has answered so far, by command id; the journal's word stands above it."""

    def post(self, command: Command) -> str:
        """Send it; its id. Raises Unreachable."""


class Refused(PostomatError):
    """Why the app cannot have what it asks for: an HTTP status, a name for the program, a sentence for the person."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


class App:
    """Serves everybody's app. Whose it is, is told by its token; what is another's does not exist for it."""

    def __init__(self, backend: Backend, post: Post) -> None:
        self.backend = backend
        self._post = post

    def person(self, token: str) -> str:
        """Who has logged in with this token. Raises Refused."""
        people = self.backend.books.people.values()
        found = next((each.person for each in people if each.token is not None and each.token == token), None)
        if found is None:
            raise Refused(401, "unknown", "Войдите в приложение ещё раз.")
        return found

    # What is shown

    def locker(self) -> LockerShown:
        """The locker."""
        online = self._post.is_attached
        return LockerShown(answers.address_of(self.backend.site), online, "" if online else answers.OFFLINE)

    def parcels(self, person: str) -> list[ParcelShown]:
        """All of this person's, the newest first."""
        orders = self.backend.orders.values()
        return [self._shown(order) for order in reversed(orders) if order.person == person]

    def accounts(self, person: str) -> list[AccountShown]:
        """Both accounts of this person's."""
        books, bank = self.backend.books, self.backend.bank
        return [
            AccountShown(
                account,
                bank.balance(person, account),
                {
                    waybill: refund.tenge
                    for waybill, refund in books.refunds.items()
                    if refund.account == account and books.orders[waybill].person == person
                },
            )
            for account in ACCOUNTS
        ]

    def command(self, person: str, name: str) -> CommandShown:
        """What became of a command of this person's. Raises Refused."""
        sent = self.backend.books.commands.get(name)
        if sent is None or sent.person != person:
            raise Refused(404, "no_such_command", "Такой команды нет.")
        outcome = sent.outcome or self._post.outcomes.get(name)
        if outcome == OVER:
            return CommandShown(name, OVER, Outcome.DONE, answers.OVER)
        if outcome in (None, Outcome.ACCEPTED):
            if self.backend.now_ms() <= sent.not_after_ms + UNANSWERED_MS:
                return CommandShown(name, "waiting", outcome, answers.WAITING)
            return CommandShown(name, "failed", None, answers.UNANSWERED)
        told = Outcome(outcome)
        return CommandShown(name, "done" if told is Outcome.DONE else "failed", told, answers.OUTCOMES[told])

    def token(self, person: str, waybill: str, *, static: bool = False) -> TokenShown:
        """The code of a parcel that waits, whether its locker can be reached or not. Raises Refused.

        `static`: one without dates, to be printed or sent on; only where the policy has such.
        """
        self._waiting(person, waybill)
        if static and not self.backend.static_tokens:
            raise Refused(403, "no_static", answers.NO_STATIC)
        qr = draw(self.backend.mint(waybill, static=static))
        if static:
            return TokenShown(qr.text, qr.size, qr.path, until_ms=0, redraw_s=0)
        until_ms = (self.backend.now_ms() // 1_000 + tokens.VALID_S) * 1_000
        return TokenShown(qr.text, qr.size, qr.path, until_ms, tokens.REDRAW_S)

    def linked(self, waybill: str, name: str) -> LinkShown:
        """What the link in the buyer's SMS shows, to whoever has it. Raises Refused."""
        order, site = self.backend.orders.get(waybill), self.backend.site
        grant = order.grants.get(Purpose.PICKUP) if order is not None else None
        if order is None or grant is None or not sms_link.is_named(site, grant, name):
            raise Refused(404, "no_such_link", answers.NO_LINK)
        token = self.token(order.person, waybill, static=True)
        until = words.kept_until(order.expires_ms, site.zone).strip() if order.expires_ms else ""
        return LinkShown(waybill, answers.address_of(site), until, token.text, token.size, token.path)

    # What is asked for

    def open(self, person: str, waybill: str) -> CommandShown:
        """«Открыть ячейку», and «Открыть ячейку повторно». Raises Refused, as all of these do."""
        order = self._may(person, waybill, "open")
        return self._send(person, commands.open_cell(_grant(order), waybill))

    def confirm(self, person: str, waybill: str) -> CommandShown:
        """«Подтвердить получение»."""
        order = self._may(person, waybill, "confirm")
        return self._send(person, commands.confirm(_grant(order), waybill))

    def problem(self, person: str, waybill: str, problem: Problem) -> CommandShown:
        """«Проблема с посылкой»."""
        order = self._may(person, waybill, "problem")
        return self._send(person, commands.report(_grant(order), waybill, problem.value))

    def extend(self, person: str, waybill: str) -> CommandShown:
        """A later end of the term: the locker says whether it was still in time."""
        self._may(person, waybill, "extend")
        command = self.backend.extend(waybill, person=person)
        return self._posted(person, command)

    def resend(self, person: str, waybill: str) -> ResentShown:
        """«Отправить код ещё раз»: the locker has no part in it, so it may be away."""
        if self._waiting(person, waybill).resent >= RESENDS_MAX:
            raise Refused(429, "too_often", answers.TOO_OFTEN)
        self.backend.resend(waybill)
        return ResentShown(answers.RESENT)

    def claim(self, person: str, qr: str) -> CommandShown:
        """The code on the locker's screen was scanned: the locker is this person's for two minutes."""
        mine = [
            order for order in self.backend.orders.values() if order.person == person and _is_there(order)
        ]
        if not mine:
            raise Refused(409, "nothing_here", "В этом постамате для вас ничего нет.")
        return self._send(person, commands.claim(map(_grant, mine), self._nonce(qr)))

    def leave(self, person: str, claim: str) -> CommandShown:
        """«Отмена»: the locker is free again."""
        sent = self.backend.books.commands.get(claim)
        if sent is None or sent.person != person or sent.verb != "claim":
            raise Refused(404, "no_such_claim", "Такого сканирования нет.")
        return self._send(person, commands.leave(claim))

    # How

    def _shown(self, order: Order) -> ParcelShown:
        refund = self.backend.books.refunds.get(order.waybill)
        return ParcelShown(
            order.waybill,
            order.stage.value,
            answers.state_of(order, refund),
            answers.address_of(self.backend.site),
            order.cell if _is_there(order) else None,
            order.expires_ms if _is_there(order) else 0,
            tuple(self._can(order)),
        )

    def _can(self, order: Order) -> list[str]:
        """What may be asked for now. The locker may know better, and says so."""
        if not _is_there(order) or order.waits:
            return []
        resend = ["resend"] if order.resent < RESENDS_MAX else []
        if not self._post.is_attached:
            return resend
        can = ["open", "confirm", "problem"] if order.opened else ["open"]
        extend = ["extend"] if self.backend.may_extend(order) else []
        return [*can, *extend, *resend]

    def _of(self, person: str, waybill: str) -> Order:
        order = self.backend.orders.get(waybill)
        if order is None or order.person != person:
            raise Refused(404, "no_such_parcel", "Такой посылки у вас нет.")
        return order

    def _waiting(self, person: str, waybill: str) -> Order:
        """One that lies in its cell for this person, as far as is known."""
        order = self._of(person, waybill)
        if not _is_there(order) or order.waits:
            raise Refused(409, "not_now", answers.state_of(order, self.backend.books.refunds.get(waybill)))
        return order

    def _may(self, person: str, waybill: str, verb: str) -> Order:
        order = self._of(person, waybill)
        if not self._post.is_attached:
            raise Refused(503, "offline", answers.OFFLINE)
        if verb not in self._can(order):
            refund = self.backend.books.refunds.get(waybill)
            raise Refused(409, "not_now", f"Сейчас это сделать нельзя. {answers.state_of(order, refund)}")
        return order

    def _nonce(self, qr: str) -> bytes:
        """What stands in the code on the screen: a link that ends in the locker and 128 bits in base32."""
        *_, locker, digits = ("", *qr.split("/"))
        try:
            nonce = base64.b32decode(digits + "=" * (-len(digits) % 8))
        except binascii.Error:
            nonce = b""
        if len(nonce) != NONCE_BYTES:
            raise Refused(400, "no_code", "Это не код с экрана постамата.")
        if locker != self.backend.site.locker:
            raise Refused(
                409, "another_locker", f"Ваши посылки здесь: {answers.address_of(self.backend.site)}."
            )
        return nonce

    def _send(self, person: str, deed: Deed) -> CommandShown:
        if not self._post.is_attached:
            raise Refused(503, "offline", answers.OFFLINE)
        return self._posted(person, self.backend.command(deed, COMMAND_S, person=person))

    def _posted(self, person: str, command: Command) -> CommandShown:
        try:
            self._post.post(command)
        except Unreachable:
            raise Refused(503, "offline", answers.OFFLINE) from None
        return self.command(person, command.id)


def _is_there(order: Order) -> bool:
    """Whether it lies in its cell for its buyer."""
    return order.is_inbound and order.stage in WAITING and order.told


def _grant(order: Order) -> str:
    return order.grants[Purpose.PICKUP].id
