"""The backend's books: what it knows, in memory for whoever looks and in the database for good.

One message is one transaction (`change`). Where it fails, what memory has of it is thrown away and read back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from sim.backend.bank import Payment
from sim.backend.bell import Bell
from sim.backend.database import Database, names_of
from sim.backend.journal import Ledger
from sim.backend.orders import Grant, Order, Refund, Round, Sms


def payment_for(order: Order) -> tuple[str, Payment]:
    """What its buyer pays for an order, and the bank's key of it."""
    return order.waybill, Payment(order.person, order.account, -order.tenge)


def payment_back(order: Order) -> tuple[str, Payment]:
    """What goes back, and the bank's key of it: one for an order, whichever entry it was for."""
    return f"refund {order.waybill}", Payment(order.person, order.account, order.tenge)


class Person(Struct):
    """Somebody with a phone. `number`: its last digits; `token`: what the app proves itself with, once it has logged in."""

    person: str
    number: str
    token: str | None = None


OVER = "over"  # what became of a claim: it was done, and has ended


class SentCommand(Struct):
    """A signed command, who has asked for it in the app ("": nobody), and what the locker made of it: None until it is known."""

    id: str
    waybill: str
    verb: str
    person: str
    epoch: int
    not_after_ms: int
    object: bytes
    outcome: str | None = None


class Books:
    """Everything that one backend remembers."""

    def __init__(self, database: Database, locker: str, epoch: int) -> None:
        """What the database holds; a new one begins with this epoch."""
        self.bell = Bell()
        self._db = database
        self._locker = locker
        if not database.ask("SELECT 1 FROM epochs"):
            database.ask("INSERT INTO epochs VALUES (?)", epoch)
        self._read()

    def _read(self) -> None:
        every = self._db.all
        self.orders = {order.waybill: order for order in every("orders", Order)}
        self.codes = set[str]()
        for waybill, grant in zip(
            [row[0] for row in self._db.ask("SELECT waybill FROM grants ORDER BY rowid")],
            every("grants", Grant),
            strict=True,
        ):
            self.orders[waybill].grants[grant.purpose] = grant
            self.codes.add(grant.code)
        self.rounds = {each.id: each for each in every("rounds", Round)}
        self.codes.update(each.code for each in self.rounds.values())
        self.phones: dict[str, list[Sms]] = {}
        owners = self._db.ask("SELECT person FROM sms ORDER BY rowid")
        for (person,), sms in zip(owners, every("sms", Sms), strict=True):
            self.phones.setdefault(person, []).append(sms)
        self.refunds = {refund.waybill: refund for refund in every("refunds", Refund)}
        # What the bank is still to be told; it knows what it was told before.
        self.unpaid = [payment_for(order) for order in self.orders.values() if order.is_inbound]
        self.unpaid += [payment_back(self.orders[waybill]) for waybill in self.refunds]
        self.people = {each.person: each for each in every("people", Person)}
        self.commands = {each.id: each for each in every("commands", SentCommand)}
        self.open_commands = {each.id: each for each in self.commands.values() if each.outcome is None}
        self.alarms = [text for (text,) in self._db.ask("SELECT text FROM alarms ORDER BY id")]
        self.counters: dict[str, int] = dict(self._db.ask("SELECT name, value FROM counters"))
        # What the locker's list holds, and in which version; nothing where that is not known.
        self.listed: dict[str, str] = dict(self._db.ask("SELECT item, digest FROM listed"))
        epochs = [epoch for (epoch,) in self._db.ask("SELECT epoch FROM epochs ORDER BY epoch")]
        *self.closed, self.ledger = [Ledger(self._db, self._locker, epoch) for epoch in epochs]

    @contextmanager
    def change(self) -> Iterator[None]:
        """All that is written meanwhile is one transaction; where anything raises, nothing of it has happened."""
        try:
            with self._db.transaction():
                yield
        except BaseException:
            self._read()
            raise
        self.bell.ring()

    # What is written; within `change` where it belongs together

    def put_order(self, order: Order) -> None:
        """Write an order, a new one or a changed one, without its grants."""
        self.orders[order.waybill] = order
        self._db.put("orders", order)

    def put_grant(self, order: Order, grant: Grant) -> None:
        """Write a right to an order."""
        order.grants[grant.purpose] = grant
        self.codes.add(grant.code)
        names = names_of(Grant)
        values = [*(getattr(grant, name) for name in names), order.waybill]
        self._db.put_values("grants", (*names, "waybill"), values)

    def put_round(self, each: Round) -> None:
        """Write a courier's right to several parcels."""
        self.rounds[each.id] = each
        self.codes.add(each.code)
        self._db.put("rounds", each)

    def put_person(self, person: Person) -> None:
        self.people[person.person] = person
        self._db.put("people", person)

    def put_command(self, command: SentCommand) -> None:
        """Write a command, a new one or one whose outcome is known now."""
        self.commands[command.id] = command
        if command.outcome is None:
            self.open_commands[command.id] = command
        else:
            self.open_commands.pop(command.id, None)
        self._db.put("commands", command)

    def extensions_of(self, order: Order) -> list[SentCommand]:
        """What was asked for to put the end of its term off, and has no answer yet; by nobody where the backend did by itself."""
        waiting = self.open_commands.values()
        return [each for each in waiting if each.verb == "extend" and each.waybill == order.waybill]

    def add_sms(self, person: str, sms: Sms) -> None:
        self.phones.setdefault(person, []).append(sms)
        sql = "INSERT INTO sms (person, text, utc_ms, code) VALUES (?, ?, ?, ?)"
        self._db.ask(sql, person, sms.text, sms.utc_ms, sms.code)

    def add_refund(self, refund: Refund) -> None:
        """Write a refund. The database refuses a second one for an order."""
        names = names_of(Refund)
        sql = f"INSERT INTO refunds ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - names of ours
        self._db.ask(sql, *(getattr(refund, name) for name in names))
        self.refunds[refund.waybill] = refund
        self.unpaid.append(payment_back(self.orders[refund.waybill]))

    def add_alarm(self, text: str) -> None:
        self.alarms.append(text)
        self._db.ask("INSERT INTO alarms (text) VALUES (?)", text)

    def answer_alarm(self, text: str) -> None:
        """Somebody has seen to it. Raises ValueError where there is no such alarm."""
        self.alarms.remove(text)
        self._db.ask("DELETE FROM alarms WHERE id = (SELECT min(id) FROM alarms WHERE text = ?)", text)

    def count(self, name: str, value: int) -> None:
        """Keep a number under a name."""
        self.counters[name] = value
        sql = "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        self._db.ask(sql, name, value)

    def put_listed(self, version: int, listed: dict[str, str]) -> None:
        """The locker has taken a list; `listed`: a digest of each of its items. Version 0: what it has is not known."""
        for item in [item for item in self.listed if item not in listed]:
            self._db.ask("DELETE FROM listed WHERE item = ?", item)
        for item, digest in listed.items():
            if self.listed.get(item) != digest:
                self._db.put_values("listed", ("item", "digest"), [item, digest])
        self.listed = listed
        self.count("listed", version)

    @property
    def listed_version(self) -> int:
        """Of the list that the locker has; 0: not known."""
        return self.counters.get("listed", 0)

    def begin_epoch(self, epoch: int) -> None:
        """The journal so far is closed, and another begins."""
        self._db.ask("INSERT INTO epochs VALUES (?)", epoch)
        self.closed.append(self.ledger)
        self.ledger = Ledger(self._db, self._locker, epoch)

    # Copies

    def backup(self, path: Path) -> None:
        self._db.backup(path)

    def restore(self, path: Path) -> None:
        """Know what was known when the copy was made, and nothing of what came after."""
        self._db.restore(path)
        self._read()

    def close(self) -> None:
        self._db.close()
