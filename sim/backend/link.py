"""The backend's end of the link: signed objects go down, hello, journal and answers come up, over a broker's topics.

Free of I/O: whoever connects it to a broker hands it what was received and takes what is to be published, so that the same
code serves a real broker and one in memory. What comes up may be anybody's: the journal is believed because the locker has
signed it, and the rest moves nothing but what is said next.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from firmware.control import LINK_PUSHES, Hello, Journal, decode
from firmware.errors import ProtocolError, Unreachable
from firmware.link.topics import Answer, State, Topics, name_of
from firmware.model import Outcome
from sim.backend import commands
from sim.backend.backend import Backend
from sim.backend.commands import Command
from sim.backend.journal import JournalBroken
from sim.backend.listing import AGAIN, REPEATED, Listing
from sim.backend.sent import Last, Sent
from sim.backend.signing import HELLO, Signer, is_signed_by

PASSING = REPEATED | {Outcome.DONE, Outcome.STALE}  # of a welcome or an acknowledgement: the next one will do
ANSWER_S = 12.0  # what has had no answer for so long is sent again
GIVE_UP_S = 120.0  # and after so long no more: it has no answer
ACKS_KEPT = 64
ANSWERS_KEPT = 4_096
GAPS_MAX = 3  # a message may be lost, or late, once or twice
NONCES_KEPT = 1_024
STUCK_HELLOS = 3

_answers = msgspec.json.Decoder(Answer)
_states = msgspec.json.Decoder(State)


class Link:
    """Speaks for a backend. What was sent has a number, and its answer is found under it."""

    def __init__(self, backend: Backend, now_s: Callable[[], float] | None = None) -> None:
        """`now_s`: the time, in seconds; the running loop's unless told."""
        self.backend = backend
        self.topics = Topics(backend.site.locker)
        self.answers = Last[int, Outcome](ANSWERS_KEPT)  # by number
        self.outcomes = Last[str, Outcome](ANSWERS_KEPT)  # by command id; the last word stands
        self.answered: Callable[[str, Outcome], None] = lambda command, outcome: None
        self.nonsense = 0  # messages that mean nothing: anybody at the broker can send them
        # The locker's last entry, from whoever knows better than the link.
        self.newest: Callable[[], int] = lambda: 0
        self._now_s = now_s or (lambda: asyncio.get_running_loop().time())
        self._publish: Callable[[str, bytes], None] | None = None
        self._online = False
        self._numbers = 0
        self._waiting: dict[str, Sent] = {}  # by name
        self._listing = Listing(backend)
        self._own: dict[str, Signer] = {}  # by name: welcomes, acknowledgements
        self._last = 0  # of the locker's entries, as far as it has told
        self._refusal: str | None = None  # why a batch was not believed since the last hello
        self._stuck = 0  # hellos after which one was not, and none was
        self._nonce = ""  # of the last hello, in hex
        self._forgot = (0, ("", ""))  # the last demand for a new epoch: its number, and why
        self._nonces: deque[str] = deque(maxlen=NONCES_KEPT)  # of hellos before
        self._gaps: list[str] = []  # nonces of the hellos behind which entries were missing
        self.tells_time = True  # False: somebody on the way lets no welcome through
        self._compared = False  # whether the locker at the other end is the one that we know

    @property
    def is_connected(self) -> bool:
        """Whether this end is at its broker."""
        return self._publish is not None

    @property
    def is_attached(self) -> bool:
        """Whether the locker can be reached now, as far as the broker has told."""
        return self._publish is not None and self._online

    @property
    def is_settled(self) -> bool:
        """Everything has its answer; the locker was offered the newest list, and we have its newest entry."""
        read = self._compared and self.backend.ledger.last >= max(self._last, self.newest())
        return read and not self._waiting and self._listing.is_offered

    def attach(self, publish: Callable[[str, bytes], None]) -> None:
        """At a broker. What was on its way is sent again when its time has come; a locker that is there says hello."""
        self.detach()
        self._publish = publish

    def detach(self) -> None:
        """The broker is gone."""
        self._publish = None
        self._online = self._compared = False
        self.backend.bell.ring()

    def receive(self, topic: str, payload: bytes) -> None:
        """A message from the broker."""
        take = {
            self.topics.hello: self._take_hello,
            self.topics.journal: self._take_journal,
            self.topics.told: self._take_answer,
            self.topics.state: self._take_state,
        }.get(topic)
        try:
            if take is None:
                raise ProtocolError(f"nothing is said on {topic}")
            take(payload)
        except (ProtocolError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.nonsense += 1

    def send(self, signed: bytes) -> int:
        """Send any object, also a bad one; the answer will stand under the number that is returned."""
        return self._send(signed, None)

    def send_grants(self) -> int:
        """Send the full list, in one object."""
        return self._send(self.backend.grants(), None)

    def send_command(self, do: commands.Deed, valid_s: int = 60) -> str:
        """Send a command; returns the id under which its outcome will stand."""
        return self.post(self.backend.command(do, valid_s))

    def post(self, command: Command) -> str:
        """Send a command that is signed already; returns its id. Raises Unreachable."""
        self._send(command.object, command.id)
        return command.id

    def send_open(self, waybill: str, valid_s: int = 60) -> str:
        """Send the command to open this parcel's cell; returns the id under which its outcome will stand."""
        return self.post(self.backend.open_command(waybill, valid_s))

    def sync(self) -> None:
        """Send the list where it has changed, and again what has no answer: to be called now and then."""
        if self._publish is None or not self._compared:
            return  # its hello brings it about
        now_s = self._now_s()
        for name, sent in list(self._waiting.items()):
            if now_s - sent.last_s < ANSWER_S:
                continue
            if self._listing.is_on_its_way(name):
                del self._waiting[name]
                self._listing.again()  # a newer one goes
            elif now_s - sent.first_s >= GIVE_UP_S:
                del self._waiting[name]
            else:
                sent.last_s = now_s
                self._put(sent.object)
        self._send_list()
        waiting = {sent.command for sent in self._waiting.values()}
        for command in self.backend.due_commands():
            if command.id not in waiting and self.outcomes.get(command.id) in (None, *AGAIN):
                self.post(command)

    def _send_list(self) -> None:
        """The next part of the list, where one is due."""
        if self._publish is not None and self._compared and (signed := self._listing.next()) is not None:
            self._send(signed, None)

    def _send(self, signed: bytes, command: str | None) -> int:
        self._numbers += 1
        now_s = self._now_s()
        self._put(signed)
        self._waiting[name_of(signed)] = Sent(self._numbers, signed, command, now_s, now_s)
        return self._numbers

    def _put(self, signed: bytes) -> None:
        if self._publish is None:
            raise Unreachable("the broker cannot be reached")
        self._publish(self.topics.signed, signed)

    def _put_own(self, signed: bytes) -> None:
        """A welcome or an acknowledgement: it is answered only where it is refused."""
        own = [*self._own.items(), (name_of(signed), self.backend.signer)]
        self._own = dict(own[-ACKS_KEPT:])
        self._put(signed)

    # What the locker says

    def _take_hello(self, payload: bytes) -> None:
        """Is this the locker whose journal we hold? Where it forgot, it must begin a new epoch."""
        hello = decode(LINK_PUSHES, payload)
        if not isinstance(hello, Hello) or hello.nonce in self._nonces or not self._is_lockers(hello):
            raise ProtocolError("no hello of this locker's, or one that was said before")
        self._nonces.append(hello.nonce)
        self._online, self._last, self._nonce = True, hello.last_seq, hello.nonce
        if hello.epoch > self.backend.ledger.epoch:
            self._tell_what_was_forgotten()
            self.backend.begin_epoch(hello.epoch)
        ledger = self.backend.ledger
        accepted = hello.epoch == ledger.epoch and ledger.knows(hello.last_seq, hello.head)
        if self.tells_time:
            self._put_own(self.backend.welcome(hello, accepted=accepted))
        self._look_whether_stuck(hello)
        if not accepted:
            self._compared = False
            demand = self.send(self.backend.epoch_demand(hello.epoch, hello.nonce))
            self._forgot = demand, (f"the locker forgot: epoch {hello.epoch}, ", f"entry {hello.last_seq}")
            return
        if not self._compared or hello.grants_version != self.backend.version:
            self._listing.again()
            self._listing.compare(hello.grants_version)
        self._compared = True
        self.sync()

    def _tell_what_was_forgotten(self) -> None:
        """The demand was right: the locker has begun an epoch for it."""
        (_, why), self._forgot = self._forgot, (0, ("", ""))
        if any(why):
            self.backend.alarm(*why)

    def _look_whether_stuck(self, hello: Hello) -> None:
        """A locker whose batches are refused after one hello and the next, and none is taken, needs a person.

        Of one that has told all, a batch was bent on its way, and nothing is missing.
        """
        refusal, self._refusal = self._refusal, None
        if hello.last_seq <= self.backend.ledger.last:
            self._stuck = 0
        elif refusal is not None:
            self._stuck += 1
            if self._stuck == STUCK_HELLOS:
                self.backend.alarm("the journal does not go on: ", refusal)

    def _is_lockers(self, hello: Hello) -> bool:
        """Whether the locker has signed it: else anybody could tell us that it has forgotten everything."""
        place = self.backend.site.locker, hello.epoch, hello.last_seq, hello.head, hello.nonce
        return is_signed_by(self.backend.site.journal_key, HELLO, place, hello.signature)

    def _take_journal(self, payload: bytes) -> None:
        journal = decode(LINK_PUSHES, payload)
        if not isinstance(journal, Journal) or not journal.rows:
            raise ProtocolError("no entries")
        self._online = True
        ledger = self.backend.ledger
        if not self._compared:
            return
        if journal.rows[0].seq > ledger.last + 1:
            self._take_gap(journal)
            return
        try:
            self.backend.batch(journal)
        except JournalBroken as error:
            # Anybody can bend a batch: whether the locker's own is broken, its hellos show.
            self._refusal = str(error)
            self.nonsense += 1
            return
        self._refusal, self._stuck = None, 0
        self._last = max(self._last, journal.last)
        self._put_own(self.backend.ack(self._nonce))
        self.sync()

    def _take_gap(self, journal: Journal) -> None:
        """Some before them are missing: the link says hello again, and goes on from where we are.

        Where that helps nothing, hello after hello, and this backend came from a copy, they are gone: a new epoch.
        """
        if self._nonce in self._gaps or not self.backend.may_lack(journal):
            return
        self._gaps.append(self._nonce)
        if len(self._gaps) >= GAPS_MAX:
            self._gaps.clear()
            self._compared = False
            self.backend.lose_entries()
            self.send(self.backend.epoch_demand(self.backend.ledger.epoch, self._nonce))

    def _take_state(self, payload: bytes) -> None:
        was, self._online = self._online, _states.decode(payload).online
        if was is not self._online:
            self.backend.bell.ring()

    def _take_answer(self, payload: bytes) -> None:
        """It counts for what waits for one, and for a command of this backend's: anybody may say it, of anything."""
        told = _answers.decode(payload)
        self._online = True
        if told.object in self._own:
            left = told.outcome is Outcome.UNKNOWN_KEY and self._own[told.object] is not self.backend.signer
            if told.outcome not in PASSING and not left:
                self.backend.alarm("an acknowledgement or welcome was refused: ", told.outcome)
            return
        sent = self._waiting.pop(told.object, None) if told.object is not None else None
        command = sent.command if sent is not None else told.command
        if sent is not None:
            self.answers[sent.number] = told.outcome
            if self._forgot[0] == sent.number and told.outcome is Outcome.DONE:
                self._tell_what_was_forgotten()  # else its hello was late, and it has what we have
        known = command is not None and command in self.backend.books.commands
        if command is not None and known and self.outcomes.get(command) is not told.outcome:
            self.outcomes[command] = told.outcome
            self.answered(command, told.outcome)
            self.backend.bell.ring()
        if told.object is not None and self._listing.answer(told.object, told.outcome):
            self._send_list()
