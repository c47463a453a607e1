"""The link's mind, free of I/O: the controller's socket on one side, a broker on the other, and nobody believed.

The order of things: the controller joins and is asked where it stands; its hello goes up; the backend's answer, a signed
object like any other, goes down unread. Whether it is to be believed the controller says (`Told.acked`): only that word
moves the link. From there the journal goes up in order, several batches at a time, each pushing on as acknowledgements come.

There is one cure for all that can be lost: say hello again, and go on from where the backend says that it is. It is taken when
an answer is missing for `ANSWER_S`. What the broker has confirmed proves nothing and is not looked at.

Neither side can hold up the other: every queue is bounded, and what does not fit is dropped with a line in the log, for the
backend repeats what has no answer, and the controller keeps what was not acknowledged.
"""

import logging
import random
from collections import deque
from collections.abc import Callable
from enum import StrEnum

import msgspec

from firmware.control import (
    LINK_PUSHES,
    AskHello,
    Grown,
    Hello,
    Journal,
    JournalAfter,
    Lines,
    LinkState,
    Message,
    Told,
    decode,
)
from firmware.link.objects import OBJECT_MAX_BYTES, Objects
from firmware.link.topics import Answer, State, Topics, name_of
from firmware.model import Outcome

log = logging.getLogger(__name__)

HELLO_PERIOD_S = 3_600.0  # the backend's signed time comes with each answer to a hello
ANSWER_S = 10.0  # what has had no answer for so long was lost, or nobody is there
AGAIN_MAX_S = 300.0  # the longest pause between hellos that nobody answers, twice as long each time
WINDOW_BATCHES = 8  # of the journal, on their way at a time
BATCH_MAX = 256
COMPLAINT_S = 60.0  # between two lines of the same in the log


class Stage(StrEnum):
    """How far the two ends have found each other."""

    AWAY = "away"  # one of them, or both
    GREETING = "greeting"  # the controller was asked, or the backend has the hello
    FLOWING = "flowing"


class LinkProtocol:
    """One locker's link. Whoever drives it calls `tick` at `due_s`, and hands it the loop's time."""

    def __init__(
        self,
        locker: str,
        tell: Callable[[Message], None],
        publish: Callable[[str, bytes, bool], None],
        chance: random.Random,
        state_period_s: float = 10.0,
    ) -> None:
        """`tell`: to the controller. `publish`: topic, payload, whether it is retained; QoS 1. `chance`: spreads a fleet's hellos."""
        self.topics = Topics(locker)
        self._tell = tell
        self._publish = publish
        self._chance = chance
        self._state_period_s = state_period_s
        self._now_s = 0.0
        self._attached = self._joined = False
        self._lines = Lines()
        self._objects = Objects()
        self._complained_s: dict[str, float] = {}
        self._confirmed = False  # as the controller was told
        self._begin()

    def _begin(self) -> None:
        """Whatever was on its way is not any more."""
        self.stage = Stage.AWAY
        self._acked = self._sent = self._last = 0  # seqs: the backend holds, was sent, the journal has
        self._ends: deque[int] = deque()  # of the batches on their way, the last seq of each
        self._reading = False  # the controller owes us entries
        self._dropping = False  # and we do not want them any more
        self._read_s: float | None = None  # when to try again what it could not read
        self._silent_s: float | None = None  # since when something has had no answer
        self._retry_s: float | None = None  # when to say hello because of that
        self._period_s: float | None = None  # when to say hello in any case
        self._hellos = 0  # without an answer
        self._objects.forget()
        self._state_s: float | None = None  # when to tell the controller again that the backend answers

    @property
    def is_confirmed(self) -> bool:
        """Whether the backend answers, as far as anybody can tell."""
        silent = self._silent_s is not None and self._now_s >= self._silent_s + ANSWER_S
        return self._joined and self.stage is Stage.FLOWING and not silent

    @property
    def due_s(self) -> float | None:
        """When to call `tick`, by the loop's time; None: only something that comes in can change anything."""
        waits = [self._retry_s, self._period_s, self._read_s, self._state_s, self._objects.due_s]
        if self._confirmed and self._silent_s is not None:
            waits.append(self._silent_s + ANSWER_S)
        return min((each for each in waits if each is not None), default=None)

    # The controller's side

    def attach(self, now_s: float) -> None:
        """A fresh connection to the controller."""
        self._now_s = now_s
        self._lines = Lines()
        self._attached, self._confirmed = True, False
        self._begin()
        self._greet()

    def detach(self, now_s: float) -> None:
        """It has ended."""
        self._now_s = now_s
        self._attached = False
        self._begin()

    def feed(self, data: bytes, now_s: float) -> None:
        """Bytes from the controller. Raises ProtocolError where they are not what it says to a link."""
        self._now_s = now_s
        for line in self._lines.feed(data):
            match decode(LINK_PUSHES, line):
                case Told() as told:
                    self._take_answer(told)
                case Journal() as journal:
                    self._take_entries(journal, line)
                case Grown(last):
                    self._last = last
                case Hello() as hello:
                    self._last = hello.last_seq
                    self._say(self.topics.hello, line)
        self._go_on()

    # The broker's side

    def join(self, now_s: float) -> None:
        """At the broker, and subscribed. What it remembers of us is not asked: we say hello in any case."""
        self._now_s = now_s
        self._joined = True
        self._say(self.topics.state, msgspec.json.encode(State(online=True)), retain=True)
        self._greet()
        self._go_on()

    def leave(self, now_s: float) -> None:
        """The broker has gone."""
        self._now_s = now_s
        self._joined, owed = False, self._reading
        self._begin()
        self._reading = self._dropping = owed
        self._go_on()

    def taken(self, now_s: float) -> None:
        """The broker has confirmed a message. It proves nothing, but that the wire carries: what is slow is not lost."""
        self._now_s = now_s
        if self._silent_s is not None:
            self._silent_s = None
            self._await_answer()

    def receive(self, topic: str, payload: bytes, now_s: float) -> None:
        """A message from the broker, which may be anybody's: only what the topic promises is handed on, and only so much."""
        self._now_s = now_s
        if topic != self.topics.signed or not payload:
            self._complain("topic", "the broker sent what nobody asked for")
        elif len(payload) > OBJECT_MAX_BYTES:
            self._complain("size", f"a signed object of {len(payload)} bytes is above {OBJECT_MAX_BYTES}")
            self._answer(Answer(Outcome.MALFORMED, name_of(payload)))
        elif not self._attached or not self._objects.put(payload):
            self._complain("flood", "more signed objects come than the controller takes: some are dropped")
        else:
            self._go_on()

    def tick(self, now_s: float) -> None:
        """Do what is due."""
        self._now_s = now_s
        if self._is_due(self._retry_s) or self._is_due(self._period_s):
            self._greet()
        if self._is_due(self._read_s):
            self._read_s = None
        self._go_on()

    # Hello, and how far the backend is

    def _greet(self) -> None:
        """Ask the controller for its hello, which goes up. Where answers were missed, the journal waits for this one."""
        if not (self._attached and self._joined):
            return
        if self.stage is Stage.AWAY or self._is_due(self._retry_s):
            self.stage = Stage.GREETING
        self._silent_s = self._now_s if self._silent_s is None else self._silent_s
        self._retry_s = self._soon(min(AGAIN_MAX_S, ANSWER_S * 2.0 ** min(self._hellos, 10)))
        self._period_s = self._soon(HELLO_PERIOD_S)
        self._hellos += 1
        self._tell(AskHello())

    def _move(self, acked: int) -> None:
        """The backend holds the journal up to there; the controller believes it."""
        if self.stage is Stage.FLOWING and acked <= self._acked and self._ends:
            return  # what it said before: of what came since, nothing was the next
        if self.stage is Stage.GREETING:
            self.stage = Stage.FLOWING
            self._sent = acked
            self._ends.clear()
            self._dropping = self._reading
        while self._ends and self._ends[0] <= acked:
            self._ends.popleft()
        self._acked, self._sent = acked, max(self._sent, acked)
        self._hellos = 0
        self._silent_s = self._retry_s = None
        if self._ends:
            self._await_answer()

    def _await_answer(self) -> None:
        if self._silent_s is None:
            self._silent_s = self._now_s
            self._retry_s = self._soon(ANSWER_S)

    # The journal

    def _take_entries(self, journal: Journal, line: bytes) -> None:
        dropping, self._reading, self._dropping = self._dropping, False, False
        self._last = journal.last
        if dropping or not journal.rows or self.stage is not Stage.FLOWING:
            return
        first, last = journal.rows[0].seq, journal.rows[-1].seq
        if first > self._sent + 1:
            self._complain("gap", f"the journal begins at {first}, the backend holds it up to {self._sent}")
        self._sent = last
        self._ends.append(last)
        self._await_answer()
        self._say(self.topics.journal, line)

    def _take_answer(self, told: Told) -> None:
        name = self._objects.answered(told.ask) if told.ask is not None else None
        if told.acked is not None:
            self._move(told.acked)
        elif name is not None or told.command is not None:
            self._answer(Answer(told.outcome, name, told.command))
        elif told.ask is None:
            self._reading = self._dropping = False  # the journal cannot be read: its disk is in trouble
            self._read_s = self._soon(ANSWER_S)

    # Whatever may be done now

    def _go_on(self) -> None:
        if not self._attached:
            return
        for signed in self._objects.take(self._now_s):
            self._tell(signed)
        wanted = self.stage is Stage.FLOWING and self._sent < self._last and len(self._ends) < WINDOW_BATCHES
        if wanted and not self._reading and self._read_s is None:
            self._reading = True
            self._tell(JournalAfter(self._sent, BATCH_MAX))
        if self.is_confirmed != self._confirmed or self._is_due(self._state_s):
            self._confirmed = self.is_confirmed
            self._state_s = self._now_s + self._state_period_s if self._confirmed else None
            self._tell(LinkState(self._confirmed))

    def _answer(self, answer: Answer) -> None:
        self._say(self.topics.told, msgspec.json.encode(answer))

    def _say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if self._joined:
            self._publish(topic, payload, retain)

    def _is_due(self, when_s: float | None) -> bool:
        return when_s is not None and self._now_s >= when_s

    def _soon(self, seconds: float) -> float:
        """So long from now, and up to an eighth more: a fleet does not speak with one voice."""
        return self._now_s + seconds * (1 + self._chance.random() / 8)

    def _complain(self, about: str, what: str) -> None:
        """A line in the log, and no second one soon: whoever floods us does not fill the disk."""
        if self._now_s - self._complained_s.get(about, -COMPLAINT_S) >= COMPLAINT_S:
            self._complained_s[about] = self._now_s
            log.warning("%s", what)
