"""Rights and the codes that prove them: drawn once, sent by SMS, and sent again as they are."""

import random
from collections.abc import Callable

from firmware.model import PHONE_DIGITS, Purpose
from sim.backend import sms_link, words
from sim.backend.books import Books, Person
from sim.backend.orders import Grant, Order, Round, Sms
from sim.backend.site import Site

RESENDS_MAX = 5  # of one code: each costs money, and somebody's phone


class Rights:
    """Gives rights for one locker's parcels, and tells their holders. Each call is part of a change of the books."""

    def __init__(self, books: Books, site: Site, utc_ms: Callable[[], int], chance: random.Random) -> None:
        self._books = books
        self._site = site
        self._utc_ms = utc_ms
        self._chance = chance

    def give(self, order: Order, purpose: Purpose, holder: str, not_before_ms: int = 0) -> Grant:
        """A right to an order's parcel, with a code of its own."""
        number = self.person(holder).number
        grant = Grant(f"{purpose}-{order.waybill}", purpose, holder, self._draw(), number, not_before_ms)
        self._books.put_grant(order, grant)
        return grant

    def give_round(self, purpose: Purpose, waybills: list[str], holder: str) -> Round:
        """One right to several parcels, with a code of its own, and the SMS that carries it."""
        name = f"round-{len(self._books.rounds) + 1}"
        each = Round(name, purpose, holder, self._draw(), self.person(holder).number, " ".join(waybills))
        self._books.put_round(each)
        self.send(holder, words.sms_of_round(self._site.locker, self._site.address, each), each.code)
        return each

    def person(self, name: str) -> Person:
        """Who goes by this name; whoever is new gets a phone number."""
        if name not in self._books.people:
            number = f"{self._chance.randrange(10**PHONE_DIGITS):0{PHONE_DIGITS}}"
            self._books.put_person(Person(name, number))
        return self._books.people[name]

    def token(self, name: str) -> str:
        """What somebody's app proves itself with from now on: 128 bits, drawn at the first login."""
        person = self.person(name)
        if person.token is None:
            person.token = self._chance.randbytes(16).hex()
            self._books.put_person(person)
        return person.token

    def name(self) -> bytes:
        """16 bytes that no other token has."""
        return self._chance.randbytes(16)

    @property
    def static_tokens(self) -> bool:
        """Whether the locker takes tokens without dates, as far as is known."""
        return bool(self._books.counters.get("static_tokens", self._site.static_tokens))

    def follow_settings(self, said: str) -> None:
        """The locker has other settings now, in the words of its journal."""
        settings = dict(each.split("=", 1) for each in said.split())
        self._books.count("static_tokens", int(settings.get("static_tokens", self._site.static_tokens)))

    def send_code(self, order: Order, grant: Grant, until: str = "") -> None:
        """The SMS that carries the code of a right."""
        linked = grant.purpose is Purpose.PICKUP and self.static_tokens
        link = sms_link.address(self._site, order.waybill, grant) if linked else ""
        text = words.sms_of_grant(self._site.locker, self._site.address, order, grant, until, link)
        self.send(grant.holder, text, grant.code)

    def send_early(self, order: Order, grant: Grant) -> None:
        """The code of a pickup with the order, before there is anything to pick up."""
        text = words.sms_of_order(self._site.locker, self._site.address, order, grant)
        self.send(grant.holder, text, grant.code)

    def send(self, person: str, text: str, code: str | None = None) -> None:
        """An SMS to somebody."""
        self._books.add_sms(person, Sms(text, self._utc_ms(), code))

    def _draw(self) -> str:
        """A code that this backend has never given to anybody."""
        digits = self._site.code_digits
        while (code := f"{self._chance.randrange(10**digits):0{digits}}") in self._books.codes:
            pass
        return code
