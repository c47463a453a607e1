"""Thousands of random events on the mind: it never raises, memory equals a reload, and nobody and nothing is stranded.

The rules play people, matter, wires, clocks and the backend without any manners; what must hold after each event stands
in `tests.core.harness`. At the end of each walk all people go home, doors are shut and time passes: then the screen is
idle and no parcel is in anybody's hand.
"""

import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from firmware.config import Times
from firmware.events import (
    Checked,
    DoorConfirmed,
    DoorRead,
    Due,
    GrantedParcel,
    KioskJoined,
    Pressed,
    PulseEnded,
)
from firmware.model import Action, Direction, ParcelState, Problem, Purpose, ScreenName
from firmware.rows import Parcel
from hal.ports import PulseResult
from tests.core.harness import HOUR_MS, LOCKER, Mind, cabinet, digest, lost, right

WAYBILLS = ("KZ1", "KZ2", "KZ3", "KZ4")
CELLS = (1, 2, 3, 4)
BANKS = {"board": (1, 2), "pins": (3, 4)}
TIMES = (
    Times(),
    Times(confirmation_window_s=7, storage_term_h=1, late_open_s=600),  # things run out while others go on
    Times(reopen_max=0, more_time_max=0, remote_open_max=1, keypad_timeout_s=3),
)
waybills = st.sampled_from(WAYBILLS)
cells = st.sampled_from(CELLS)
purposes = st.sampled_from(Purpose)


class Walk(RuleBasedStateMachine):
    """One locker and whoever comes by."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="postomat-walk-")
        self.mind = Mind(Path(self.folder.name) / "state.db")
        self.closed = dict.fromkeys(CELLS, True)
        self.lost: set[str] = set()
        self.boots = 1
        self.dues: list[Due] = []

    def teardown(self) -> None:
        try:
            self.go_home()
        finally:
            self.mind.store.close()
            self.folder.cleanup()

    @initialize(times=st.sampled_from(TIMES), stored=st.lists(waybills, unique=True))
    def begin(self, times: Times, stored: list[str]) -> None:
        self.mind.store.close()
        self.mind = Mind(Path(self.folder.name) / "other.db", cabinet(times))
        self.mind.start()
        rights = [right(purpose, waybill) for waybill in WAYBILLS for purpose in list(Purpose)[:3]]
        self.mind.grants(
            [GrantedParcel(waybill, cell) for waybill, cell in zip(WAYBILLS, CELLS, strict=True)], rights
        )
        for waybill in stored:
            self.mind.deposit(waybill, self.mind.parcel(waybill).cell)

    # People

    @rule(action=st.sampled_from(Action), problem=st.none() | st.sampled_from(Problem))
    def press(self, action: Action, problem: Problem | None) -> None:
        self.mind.press(action, problem)

    @precondition(lambda self: self.mind.screen.actions)
    @rule(data=st.data(), problem=st.sampled_from(Problem))
    def press_what_is_offered(self, data: st.DataObject, problem: Problem) -> None:
        self.mind.play(Pressed(data.draw(st.sampled_from(self.mind.screen.actions)), problem))

    @rule(purpose=purposes, waybill=waybills)
    def type_code(self, purpose: Purpose, waybill: str) -> None:
        self.mind.code(purpose, waybill)

    @precondition(lambda self: self.mind.screen.name in (ScreenName.IDLE, ScreenName.KEYPAD))
    @rule(purpose=st.sampled_from(list(Purpose)[:3]), waybill=waybills)
    def open_well(self, purpose: Purpose, waybill: str) -> None:
        self.mind.code(purpose, waybill)
        if self.mind.pulses:
            self.pulse_ends(PulseResult.ACKNOWLEDGED, 300, True)

    @rule(what=st.sampled_from(["", "nobody's"]))
    def type_nonsense(self, what: str) -> None:
        self.mind.type(what or digest(Purpose.PICKUP, "KZ99"))

    @rule(cell=cells)
    def move_door(self, cell: int) -> None:
        self.closed[cell] = not self.closed[cell]
        self._tell(cell)

    @precondition(lambda self: not all(self.closed.values()))
    @rule(after_ms=st.sampled_from([500, 5_000]))
    def close_doors(self, after_ms: int) -> None:
        self.mind.advance(after_ms / 1_000)
        for cell in CELLS:
            if not self.closed[cell]:
                self.closed[cell] = True
                self._tell(cell)

    # The body

    @precondition(lambda self: self.mind.pulses)
    @rule(
        result=st.sampled_from(PulseResult),
        after_ms=st.sampled_from([0, 300, 5_000]),
        opens=st.booleans(),
        first=st.booleans(),
    )
    def pulse_ends(self, result: PulseResult, after_ms: int, opens: bool, first: bool = False) -> None:
        pulse = self.mind.pulses[0]
        opened = opens and result is not PulseResult.NOT_SENT
        if opened:
            self.closed[pulse.cell] = False
        if opened and first:
            self._tell(pulse.cell)
        self.mind.advance(after_ms / 1_000)
        if pulse in self.mind.pulses:
            self.mind.play(PulseEnded(pulse.intent, pulse.cell, result))
        if opened and not first:
            self._tell(pulse.cell)

    @precondition(lambda self: self.mind.reads)
    @rule(fails=st.booleans())
    def read_ends(self, fails: bool) -> None:
        read = self.mind.reads[0]
        away = fails or self.mind.controller.cabinet.cells[read.cell].bank in self.lost
        self.mind.play(DoorConfirmed(read.cell, read.intent, None if away else self.closed[read.cell]))

    @rule(bank=st.sampled_from(sorted(BANKS)))
    def lose_or_find(self, bank: str) -> None:
        if bank not in self.lost:
            self.lost.add(bank)
            self.mind.play(lost(bank))
            return
        self._find(bank)

    @rule(cell=cells)
    def level_says_nothing(self, cell: int) -> None:
        if self.mind.controller.cabinet.cells[cell].bank not in self.lost:
            self.mind.play(DoorRead(cell, None))
            self._tell(cell)

    # Time

    @rule(seconds=st.sampled_from([0.2, 1, 3, 20, 60, 120, 700]))
    def wait(self, seconds: float) -> None:
        self.mind.advance(seconds)

    @precondition(lambda self: self.mind.controller.next_due(self.mind.now) is not None)
    @rule()
    def next_deadline(self) -> None:
        found = self.mind.controller.next_due(self.mind.now)
        assert found is not None
        self.dues.append(found[1])
        self.mind.ring_next()

    @precondition(lambda self: self.dues)
    @rule(data=st.data())
    def stale_deadline(self, data: st.DataObject) -> None:
        due = data.draw(st.sampled_from(self.dues))
        before = repr(self.mind.state.rows())
        current = self.mind.controller.next_due(self.mind.now)
        self.mind.play(due)
        if current is None or current[1] != due:
            rows = {(row.TABLE, str(row.key[0])): row for row in self.mind.state.rows()}
            row: Any = rows.get((due.table, due.key))
            if row is None or row.generation != due.generation:
                assert repr(self.mind.state.rows()) == before

    @rule(sure=st.booleans())
    def trust_clock(self, sure: bool) -> None:
        self.mind.sure = sure
        self.mind.play(Checked())

    @rule(hours=st.sampled_from([1, 80, 31 * 24]))
    def wall_jumps(self, hours: int) -> None:
        """A clock is set, or nobody comes for long."""
        self.mind.utc_ms += hours * HOUR_MS

    # The backend

    @rule(
        parcels=st.lists(
            st.tuples(waybills, cells, st.sampled_from(Direction)), unique_by=lambda told: told[0], max_size=4
        ),
        rights=st.lists(
            st.tuples(purposes, st.lists(waybills, min_size=1, max_size=3, unique=True)),
            unique_by=lambda told: (told[0], told[1][0]),
            max_size=8,
        ),
        after_h=st.sampled_from([0, -1, 100]),
        older=st.booleans(),
    )
    def grants(
        self,
        parcels: list[tuple[str, int, Direction]],
        rights: list[tuple[Purpose, list[str]]],
        after_h: int,
        older: bool,
    ) -> None:
        self.mind.grants(
            [GrantedParcel(waybill, cell, direction, "Kaspi Red") for waybill, cell, direction in parcels],
            [
                right(purpose, *named, not_after_ms=self.mind.utc_ms + after_h * HOUR_MS if after_h else 0)
                for purpose, named in rights
            ],
            version=self.mind.version + (not older),
        )

    @rule(waybill=waybills, number=st.none() | st.integers(1, 3))
    def command(self, waybill: str, number: int | None) -> None:
        self.mind.command(waybill, **({"id": f"again-{number}"} if number else {}))

    @rule(waybill=waybills, locker=st.sampled_from([LOCKER, "0999"]), epoch=st.sampled_from([1, 2]))
    def odd_command(self, waybill: str, locker: str, epoch: int) -> None:
        self.mind.command(waybill, locker=locker, epoch=epoch, grant=digest(Purpose.DEPOSIT, waybill))

    # The machine

    @rule()
    def kiosk_joins(self) -> None:
        self.mind.play(KioskJoined())

    @rule(power=st.booleans())
    def restart(self, power: bool) -> None:
        self.boots += power
        self.mind.pass_ms(2_000)
        self.mind.start(f"boot-{self.boots}", read=False)
        for bank in BANKS:
            if bank in self.lost:
                self.mind.play(lost(bank))
            else:
                self._find(bank)

    def _find(self, bank: str) -> None:
        self.lost.discard(bank)
        for cell in BANKS[bank]:
            self._tell(cell)

    def _tell(self, cell: int) -> None:
        if self.mind.controller.cabinet.cells[cell].bank not in self.lost:
            self.mind.play(DoorRead(cell, self.closed[cell]))

    def go_home(self) -> None:
        """Nobody touches anything any more but to shut the doors."""
        for bank in sorted(self.lost):
            self._find(bank)
        for _ in range(40):
            self.close_doors(5_000)
            if self.mind.pulses:
                self.pulse_ends(PulseResult.ACKNOWLEDGED, 300, False)
            elif self.mind.reads:
                self.read_ends(False)
            elif not self.mind.ring_next():
                break
        self.mind.advance(2_000)
        assert self.mind.screen.name is ScreenName.IDLE, self.mind.screen
        assert self.mind.screen.open_cells == ()
        hands = (ParcelState.CLAIMED, ParcelState.OPENED, ParcelState.WITHDRAWING)
        assert [row for row in self.mind.state.all(Parcel) if row.state in hands] == []


def test_nothing_raises_and_nothing_is_stranded(request: Any) -> None:
    long = request.config.getoption("--long")
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=2_000 if long else 60,
            stateful_step_count=100 if long else 50,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
        ),
    )
