"""A hundred thousand deliveries of signed commands in any order, over and over, while people come and go and the power fails.

Whatever a broker does with its messages: a command is carried out once at most, one whose time is over never, and each
delivery gets the answer that the first one got. The controller is taken from its store anew at each start.
"""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from firmware import deeds
from firmware.commands import DAY_MS
from firmware.events import Answer, Commanded, Effect, Event
from firmware.model import Entry, EntryKind, Outcome, Problem, Purpose
from firmware.rows import Change, Command, Parcel
from tests.core.harness import HOUR_MS, LOCKER, PUBLIC, Mind, digest
from tests.core.test_walk import CELLS, WEIGHED, Walk

DELIVERIES = 100_000
LONG_DELIVERIES = 2_000_000
KEPT_BACK_MAX = 400  # what the broker holds of what was ever sent
NOT_THE_WORLDS = (Walk.command, Walk.odd_command, Walk.deed)  # commands come by the broker only
# Else most of it comes at no good time.
RARER: dict[Callable[[Walk], None], float] = {Walk.wall_jumps: 0.03, Walk.clock_is_doubted: 0}
RARER |= dict.fromkeys(NOT_THE_WORLDS, 0)
WEIGHTS = {rule: RARER.get(rule, weight) for rule, weight in WEIGHED.items()}
DONE = (Outcome.DONE, Outcome.ACCEPTED)
FORGOTTEN = (Outcome.TOO_LATE, Outcome.CLOCK_UNSURE, Outcome.WRONG_LOCKER, Outcome.WRONG_EPOCH)


class Quick(Mind):
    """A mind that is not compared with its store after each event, but at each start."""

    changes: list[Change]
    noted: list[Entry]

    def play(self, event: Event) -> list[Effect]:
        effects = self.controller.handle(event, self.now)
        self.changes, self.noted = self.state.drain()
        self.store.commit(self.changes, self.noted, self.now)
        self._act(event, effects)
        return effects

    def start(self, boot: str | None = None, *, read: bool = True) -> "Mind":
        assert self.store.load().rows() == self.state.rows()
        return super().start(boot, read=read)


class Broker:
    """Delivers what it likes, as often as it likes, and holds the controller to its answers."""

    def __init__(self, mind: Quick, seed: int) -> None:
        self.mind = mind
        self.chance = random.Random(seed)
        self.held: list[Commanded] = []
        self.made = 0
        self.first: dict[str, Outcome] = {}
        self.ended: dict[str, Outcome] = {}  # as the journal says
        self.begun: dict[str, int] = {}  # command → the session that it opened
        self.outcomes: Counter[str] = Counter()

    def send(self) -> None:
        """The backend makes one more, for any parcel; some are for elsewhere, early, or over already."""
        self.made += 1
        now_ms, chance = self.mind.utc_ms, self.chance
        since_ms = now_ms + chance.choice((0, 0, 0, 0, 30_000, -HOUR_MS))
        until_ms = since_ms + chance.choice((5_000, 60_000, HOUR_MS, 2 * DAY_MS))
        locker = chance.choice((*[LOCKER] * 20, "0124"))
        epoch = chance.choice((*[1] * 20, 2))
        self.held.append(Commanded(f"c{self.made}", locker, epoch, since_ms, until_ms, self.deed()))
        del self.held[:-KEPT_BACK_MAX]

    def deed(self) -> deeds.AnyDeed:
        rows = list(self.mind.state.all(Parcel))
        inside = [row for row in rows if row.inside] if self.chance.random() < 0.8 else []
        waybill = self.chance.choice(inside or rows).waybill
        grant, cell = digest(Purpose.PICKUP, waybill), self.chance.choice(CELLS)
        return self.chance.choice(
            (
                deeds.Open(grant, waybill),
                deeds.Open(grant, waybill),
                deeds.Claim((grant,), fresh=self.chance.random() < 0.5),
                deeds.Leave(f"c{self.made - 1}"),
                deeds.Confirm(grant, waybill),
                deeds.Report(grant, waybill, Problem.REFUSED),
                deeds.Cancel(waybill),
                deeds.Extend(waybill, self.mind.utc_ms + 90 * HOUR_MS),
                deeds.Reserve(f"R{self.made}", cell=cell),
                deeds.Block(cell),
                deeds.Unblock(cell),
                deeds.Configure({"reopen_max": self.made % 4}),
                deeds.Rotate((deeds.Key(f"k{self.made}", PUBLIC),)),
            )
        )

    def deliver(self) -> None:
        event, mind = self.chance.choice(self.held), self.mind
        mind.sure = self.chance.random() < 0.97
        kept = mind.state.find(Command, event.id)
        effects = mind.play(event)
        (answer,) = [effect.outcome for effect in effects if isinstance(effect, Answer)]
        if kept is not None:
            assert answer is (kept.outcome or Outcome.ACCEPTED)
            assert effects == [Answer(answer)]
            assert (mind.changes, mind.noted) == ([], []), f"{event} did something once more"
        elif event.id in self.first:  # over for a day, and forgotten; or never kept
            assert answer in FORGOTTEN
        self.first.setdefault(event.id, answer)
        self.outcomes[answer] += 1
        if not self.is_now(event):
            assert kept is not None or answer not in DONE, f"{event} is done at another time"

    def is_now(self, event: Commanded) -> bool:
        here = event.locker == LOCKER and event.epoch == 1
        return here and self.mind.sure and event.not_before_ms <= self.mind.utc_ms < event.not_after_ms

    def follow(self) -> None:
        """What was journalled of commands, and whose session it is."""
        at = self.mind.state.session
        if at is not None and at.command is not None:
            assert self.begun.setdefault(at.command, at.id) == at.id, f"{at.command} opened twice"


def told_once(mind: Mind) -> None:
    """The journal, read from the store: each command has one outcome, and did one thing."""
    done: Counter[tuple[str, str]] = Counter()
    after = 0
    while rows := mind.store.journal(after, 1_000):
        for row in rows:
            body = msgspec.json.decode(row.body)
            if "command" in body:
                done[body["command"], body["kind"]] += 1
                if body["kind"] == EntryKind.COMMAND and body["why"] == Outcome.DONE:
                    done[body["command"], "done"] += 1
        after = rows[-1].seq
    for (command, kind), times in done.items():
        # One that is over, and forgotten, may be journalled as too late; it did nothing then.
        assert times == 1 or kind == EntryKind.COMMAND, f"{command}: {kind} {times} times"
    assert len(done) > 1_000


def test_each_is_carried_out_once_at_most_and_one_that_is_over_never(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    walk = Walk(tmp_path / "state.db", 1, Quick)
    walk.mind.store._db.pragma("synchronous", "OFF")  # what a power cut does to a file is another test's
    assert isinstance(walk.mind, Quick)
    broker = Broker(walk.mind, 2)
    for number in range(LONG_DELIVERIES if request.config.getoption("--long") else DELIVERIES):
        if number % 25 == 0:
            broker.send()
        if number % 10 == 0:
            broker.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0](walk)
            broker.follow()
        if number % 500 == 0:
            walk.mind.tell_time()  # so what has long been over is let go of
        if number % 2_500 == 0:
            walk.restart()
        broker.deliver()
        broker.follow()
    told_once(walk.mind)
    assert {*DONE, Outcome.TOO_LATE, Outcome.TOO_EARLY, Outcome.CLOCK_UNSURE, Outcome.OLDER} <= set(
        broker.outcomes
    )
    print(broker.outcomes)
    walk.mind.store.close()
