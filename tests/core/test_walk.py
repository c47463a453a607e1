"""Thousands of random events on the mind: it never raises, memory equals a reload, and nobody and nothing is stranded.

People, matter, wires, clocks and the backend act here without any manners, but weighted so that openings come far; what
must hold after each event stands in `tests.core.harness`. At the end of a walk all people go home, doors are shut and
time passes: then the screen is idle and no parcel is in anybody's hand. A seed that fails fails again, and prints its steps.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware import deeds
from firmware.config import Times
from firmware.events import (
    Checked,
    DoorConfirmed,
    DoorRead,
    Due,
    GrantedParcel,
    JournalAcked,
    KioskJoined,
    PulseEnded,
    ScannerChanged,
    StorageChanged,
    SystemClockMoved,
    TokenRefused,
)
from firmware.model import (
    Action,
    Direction,
    EntryKind,
    Fill,
    Outcome,
    ParcelState,
    Problem,
    Purpose,
    ScreenName,
)
from firmware.optics import CameraState
from firmware.parcel import FINISHED
from firmware.rows import Parcel
from hal.ports import PulseResult
from tests.core.harness import HOUR_MS, LOCKER, PUBLIC, Mind, cabinet, digest, lost, right

CELLS = (1, 2, 3, 4)
BANKS = {"board": (1, 2), "pins": (3, 4)}
KEYPAD = (Purpose.DEPOSIT, Purpose.PICKUP, Purpose.WITHDRAWAL)
TIMES = (
    Times(),
    # Things run out while others go on.
    Times(confirmation_window_s=7, quiet_after_pickup_s=30, storage_term_h=1, late_open_s=600),
    Times(
        reopen_max=0,
        quiet_after_pickup_s=0,
        more_time_max=0,
        remote_open_max=1,
        keypad_timeout_s=3,
        short_open_s=1,
        attempts_max=4,
    ),
)
POLICIES = ("anywhere", "touch")
SEEDS, EVENTS = 40, 250
LONG_SEEDS = 3_000
SUITED = {ParcelState.EXPECTED: Purpose.DEPOSIT, ParcelState.UNCONFIRMED: Purpose.DEPOSIT} | dict.fromkeys(
    (ParcelState.STORED, ParcelState.SUSPECT, ParcelState.OPENED, ParcelState.CLAIMED), Purpose.PICKUP
)
IN_HAND = (ParcelState.CLAIMED, ParcelState.OPENED, ParcelState.WITHDRAWING)


class Walk:
    """One locker and whoever comes by."""

    def __init__(self, path: Path, seed: int, mind: type[Mind] = Mind) -> None:
        self.chance = random.Random(seed)
        self.mind = mind(path, cabinet(TIMES[seed % len(TIMES)], remote_open=POLICIES[seed % len(POLICIES)]))
        self.closed = dict.fromkeys(CELLS, True)
        self.lost: set[str] = set()
        self.boots = 1
        self.orders = 0
        self.claims = 0
        self.dues: list[Due] = []
        self.screens: set[ScreenName] = set()
        self.mind.start()
        self.list_well()

    def step(self) -> str:
        """Something happens, unless nothing of its kind can; its name."""
        rule = self.chance.choices(RULES, WEIGHTS)[0]
        rule(self)
        self.screens.add(self.mind.screen.name)
        return rule.__name__

    def one(self, *of: Any) -> Any:
        return self.chance.choice(of)

    def likely(self, probability: float) -> bool:
        return self.chance.random() < probability

    # People

    def press_what_is_offered(self) -> None:
        while actions := self.mind.screen.actions:
            self.mind.press(self.one(*actions), self.one(*Problem))
            self.screens.add(self.mind.screen.name)
            if self.likely(0.6):
                return

    def complain(self) -> None:
        """Left to chance among all that is offered, this came once in 50 walks."""
        if Action.PROBLEM in self.mind.screen.actions:
            self.mind.press(Action.PROBLEM)
            self.screens.add(self.mind.screen.name)
            self.mind.press(Action.REPORT, self.one(Problem.REFUSED, Problem.REFUSED, *Problem))

    def press_anything(self) -> None:
        self.mind.press(self.one(*Action), self.one(None, *Problem))

    def type_code(self) -> None:
        row = self.one(*self.mind.state.all(Parcel))
        suited = SUITED.get(row.state, Purpose.WITHDRAWAL)
        self.mind.code(suited if self.likely(0.8) else self.one(*Purpose), row.waybill)

    def scan_a_parcel(self) -> None:
        """Any parcel that lies about, mostly where one is asked for."""
        rows = [row for row in self.mind.state.all(Parcel) if row.state in SUITED or self.likely(0.3)]
        if rows and (self.mind.screen.name is ScreenName.NEXT_PARCEL or self.likely(0.2)):
            self.mind.scan(self.one(*rows).waybill if self.likely(0.9) else "4006381333931")

    def hold_up_a_token(self) -> None:
        """For here and now, or not; from whatever screen it is. What is no token at all, too."""
        row = self.one(*self.mind.state.all(Parcel))
        others = self.one({}, {}, {}, {"locker": "0124"}, {"epoch": 2}, {"grant": "nobody's"}, self._dates())
        suited = SUITED.get(row.state, Purpose.WITHDRAWAL)
        if self.likely(0.1):
            self.mind.ask(TokenRefused(self.one(Outcome.UNSIGNED, Outcome.UNKNOWN_KEY)))
        else:
            self.mind.token(suited if self.likely(0.9) else self.one(*Purpose), row.waybill, **others)

    def _dates(self) -> dict[str, int]:
        begin_ms = self.mind.utc_ms - self.one(-1_000, 60_000, 200_000)
        return {"not_before_ms": begin_ms, "not_after_ms": begin_ms + 120_000}

    def type_nonsense(self) -> None:
        for _ in range(self.one(1, 4, 8)):
            self.mind.type("nobody's")
            self.mind.press(Action.AGAIN)

    def shut_a_door(self) -> None:
        self._move([cell for cell in CELLS if not self.closed[cell]])

    def pull_at_a_door(self) -> None:
        self._move([cell for cell in CELLS if self.closed[cell]])

    def _move(self, cells: list[int]) -> None:
        if cells:
            cell = self.one(*cells)
            self.mind.advance(self.one(0, 0.5, 5))
            self.closed[cell] = not self.closed[cell]
            self.tell(cell)

    # The body

    def pulse_ends(self, works: float = 0.8) -> None:
        if not self.mind.pulses:
            return
        pulse = self.mind.pulses[0]
        result = PulseResult.ACKNOWLEDGED if self.likely(0.8) else self.one(*PulseResult)
        opens = result is not PulseResult.NOT_SENT and self.likely(works)
        told_first = self.likely(0.5)
        if opens:
            self.closed[pulse.cell] = False
        if opens and told_first:
            self.tell(pulse.cell)
        self.mind.advance(self.one(0, 0.3, 5))
        if pulse in self.mind.pulses:
            self.mind.play(PulseEnded(pulse.intent, pulse.cell, result))
        if opens and not told_first:
            self.tell(pulse.cell)

    def read_ends(self) -> None:
        if self.mind.reads:
            read = self.mind.reads[0]
            away = self.likely(0.1) or self.bank_of(read.cell) in self.lost
            self.mind.play(DoorConfirmed(read.cell, read.intent, None if away else self.closed[read.cell]))

    def bank_is_lost(self) -> None:
        bank = self.one(*BANKS)
        if bank not in self.lost:
            self.lost.add(bank)
            self.mind.play(lost(bank))

    def bank_is_back(self) -> None:
        if self.lost:
            self.find(self.one(*sorted(self.lost)))

    def level_says_nothing(self) -> None:
        cell = self.one(*CELLS)
        if self.bank_of(cell) not in self.lost:
            self.mind.play(DoorRead(cell, None))
            self.tell(cell)

    def camera_changes(self) -> None:
        self.mind.play(ScannerChanged(self.one(*CameraState)))

    # Time

    def wait(self) -> None:
        self.mind.advance(self.one(0.2, 1, 3, 3, 20, 60, 120))

    def wait_long(self) -> None:
        self.mind.advance(self.one(700, 3_000))

    def next_deadline(self) -> None:
        if found := self.mind.controller.next_due(self.mind.now):
            self.dues = [*self.dues[-9:], found[1]]
            self.mind.ring_next()

    def stale_deadline(self) -> None:
        """A timer that was overtaken rings all the same."""
        rows: dict[tuple[str, str], Any] = {
            (row.TABLE, str(row.key[0])): row for row in self.mind.state.rows()
        }
        for due in self.dues:
            row = rows.get((due.table, due.key))
            if row is None or row.generation != due.generation:
                before = repr(self.mind.state.rows())
                self.mind.play(due)
                assert repr(self.mind.state.rows()) == before
                return

    def clock_is_doubted(self) -> None:
        self.mind.sure = not self.mind.sure
        self.mind.play(Checked())

    def system_clock_moves(self) -> None:
        self.mind.play(SystemClockMoved(self.one(-1, 0, 1, 30) * HOUR_MS))

    def wall_jumps(self) -> None:
        """A clock is set, or nobody comes for long."""
        self.mind.utc_ms += self.one(1, 80, 31 * 24) * HOUR_MS

    # The backend

    def list_well(self) -> None:
        """Every parcel that is in the locker's hands, and a new one for each cell that is free."""
        gone = (*FINISHED, ParcelState.CANCELLED)
        live = [row for row in self.mind.state.all(Parcel) if row.inside or row.state not in gone]
        parcels = [GrantedParcel(row.waybill, row.cell, row.direction, "Kaspi Red") for row in live]
        for cell in CELLS:
            if cell not in {row.cell for row in live}:
                self.orders += 1
                direction = Direction.OUTBOUND if self.likely(0.2) else Direction.INBOUND
                parcels.append(GrantedParcel(f"KZ{self.orders}", cell, direction))
        batch = [parcel.waybill for parcel in parcels] if self.likely(0.5) else []  # of one courier
        rights = [
            right(purpose, *dict.fromkeys((parcel.waybill, *(() if purpose is Purpose.PICKUP else batch))))
            for parcel in parcels
            for purpose in KEYPAD
        ]
        self.mind.grants(parcels, rights)

    def list_anyhow(self) -> None:
        known = [row.waybill for row in self.mind.state.all(Parcel)]
        named = self.chance.sample(known, min(len(known), 3))
        directions = tuple(Direction)
        parcels = [GrantedParcel(waybill, self.one(*CELLS), self.one(*directions)) for waybill in named]
        rights = {}
        for _ in range(4):
            several = self.chance.sample(known, min(len(known), self.one(1, 2)))
            until_ms = self.one(0, 0, self.mind.utc_ms - 1, self.mind.utc_ms + HOUR_MS)
            made = right(self.one(*Purpose), *several, not_after_ms=until_ms)
            rights[made.id] = made
        self.mind.grants(parcels, rights.values(), version=self.mind.version + self.one(0, 1, 1))

    def command(self) -> None:
        rows = [row for row in self.mind.state.all(Parcel) if row.state in SUITED]
        if rows:
            again = {"id": f"again-{self.one(1, 2, 3)}"} if self.likely(0.3) else {}
            self.mind.command(self.one(*rows).waybill, **again)

    def odd_command(self) -> None:
        waybill = self.one(*self.mind.state.all(Parcel)).waybill
        others = {
            "grant": digest(Purpose.DEPOSIT, waybill),
            "epoch": self.one(1, 2),
            "locker": self.one("0123", "9"),
        }
        self.mind.command(waybill, **others)

    def claim(self) -> None:
        """Somebody scans the screen, with one parcel or two, in time or too late; or leaves again."""
        if self.likely(0.2):
            self.mind.told(deeds.Leave(f"claim-{self.claims}"))
            return
        self.claims += 1
        of = {self.one(*self.mind.state.all(Parcel)).waybill for _ in range(2)}
        grants = tuple(digest(Purpose.PICKUP, waybill) for waybill in sorted(of))
        self.mind.told(deeds.Claim(grants, fresh=self.likely(0.8)), id=f"claim-{self.claims}")

    def deed(self) -> None:
        """Whatever the backend or an app may want, well or badly timed."""
        row = self.one(*self.mind.state.all(Parcel))
        grant, waybill = digest(Purpose.PICKUP, row.waybill), row.waybill
        self.orders += 1
        do: deeds.AnyDeed = self.one(
            deeds.Cancel(waybill),
            deeds.Extend(waybill, self.mind.utc_ms + self.one(-1, 1, 80) * HOUR_MS),
            deeds.Confirm(grant, waybill),
            deeds.Report(grant, waybill, self.one(*Problem)),
            deeds.Reserve(f"R{self.orders}", size=self.one("S", "M", "L")),
            deeds.Reserve(f"R{self.orders}", cell=self.one(*CELLS)),
            deeds.Block(self.one(*CELLS)),
            deeds.Unblock(self.one(*CELLS)),
            deeds.Unblock(self.one(*CELLS)),
            deeds.Configure(
                self.one({}, {"reopen_max": 2}, {"remote_open": self.one(*POLICIES)}, {"detach_s": 1})
            ),
            deeds.Rotate((deeds.Key("k2", PUBLIC),)),
        )
        self.mind.told(do, not_before_ms=self.mind.utc_ms - self.one(0, 1, 5_000))

    # The machine

    def kiosk_joins(self) -> None:
        self.mind.play(KioskJoined())

    def restart(self) -> None:
        self.boots += self.one(0, 1)
        self.mind.pass_ms(self.one(200, 2_000))
        self.mind.start(f"boot-{self.boots}", read=False)
        for bank in sorted(BANKS):
            if bank in self.lost or self.likely(0.2):
                self.lost.add(bank)
                self.mind.play(lost(bank))
            else:
                self.find(bank)

    def disk_fills(self) -> None:
        self.mind.play(StorageChanged(True, self.mind.state.locker.journal_fill, 0))

    def disk_has_space(self) -> None:
        self.mind.play(StorageChanged(False, self.mind.state.locker.journal_fill, 0))

    def journal_fills(self) -> None:
        fill = self.one(*Fill)
        self.mind.play(StorageChanged(self.mind.state.locker.storage_low, fill, 85))

    def journal_has_room(self) -> None:
        self.mind.play(StorageChanged(self.mind.state.locker.storage_low, Fill.OK, 10))

    def backend_acknowledges(self) -> None:
        """All of it, or what it had long ago, or another journal."""
        store = self.mind.store
        seq = self.one(store.last_seq, store.last_seq, 1)
        told = self.one(store.hash_at(seq), store.hash_at(seq), "00" * 32)
        self.mind.play(JournalAcked(LOCKER, 1, seq, told, store.hash_at(seq)))

    def bank_of(self, cell: int) -> str:
        return self.mind.controller.cabinet.cells[cell].bank

    def find(self, bank: str) -> None:
        self.lost.discard(bank)
        for cell in BANKS[bank]:
            self.tell(cell)

    def tell(self, cell: int) -> None:
        if self.bank_of(cell) not in self.lost:
            self.mind.play(DoorRead(cell, self.closed[cell]))

    def go_home(self) -> None:
        """Nobody touches anything any more but to shut the doors."""
        self.disk_has_space()
        for bank in sorted(self.lost):
            self.find(bank)
        for _ in range(60):
            if not all(self.closed.values()):
                self.shut_a_door()
            elif self.mind.pulses:
                self.pulse_ends(works=0)
            elif self.mind.reads:
                self.read_ends()
            elif not self.mind.ring_next():
                break
        self.mind.advance(3_000)
        assert self.mind.screen.name is ScreenName.IDLE, self.mind.screen
        assert self.mind.screen.open_cells == ()
        assert [row for row in self.mind.state.all(Parcel) if row.state in IN_HAND] == []


WEIGHED: dict[Callable[[Walk], None], float] = {
    Walk.type_code: 12,
    Walk.pulse_ends: 14,
    Walk.press_what_is_offered: 18,
    Walk.shut_a_door: 10,
    Walk.read_ends: 8,
    Walk.next_deadline: 6,
    Walk.bank_is_back: 5,
    Walk.wait: 4,
    Walk.complain: 8,
    Walk.list_well: 4,
    Walk.command: 3,
    Walk.restart: 2,
    Walk.bank_is_lost: 2,
    Walk.pull_at_a_door: 2,
    Walk.stale_deadline: 1,
    Walk.press_anything: 1,
    Walk.scan_a_parcel: 8,
    Walk.hold_up_a_token: 2,
    Walk.type_nonsense: 1,
    Walk.level_says_nothing: 1,
    Walk.camera_changes: 0.5,
    Walk.wait_long: 1,
    Walk.clock_is_doubted: 1,
    Walk.list_anyhow: 1,
    Walk.odd_command: 0.5,
    Walk.deed: 4,
    Walk.claim: 2,
    Walk.kiosk_joins: 0.5,
    Walk.wall_jumps: 0.3,
    Walk.system_clock_moves: 0.3,
    Walk.disk_fills: 0.2,
    Walk.disk_has_space: 3,
    Walk.journal_fills: 0.2,
    Walk.journal_has_room: 2,
    Walk.backend_acknowledges: 0.5,
}
RULES, WEIGHTS = list(WEIGHED), list(WEIGHED.values())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        seeds = range(LONG_SEEDS if metafunc.config.getoption("--long") else SEEDS)
        metafunc.parametrize("seed", seeds)


def test_nothing_raises_and_nothing_is_stranded(tmp_path: Path, seed: int) -> None:
    walk = Walk(tmp_path / "state.db", seed)
    for number in range(EVENTS):
        print(number, walk.step(), walk.mind.screen)
    print("home")
    walk.go_home()
    walk.mind.store.close()


def test_the_walks_come_far(tmp_path: Path) -> None:
    """Within a few of them, everything that the journal can tell has happened, and every screen was shown."""
    kinds: set[EntryKind] = set()
    screens: set[ScreenName] = set()
    for seed in range(96):  # the rarest come once in 50
        walk = Walk(tmp_path / f"{seed}.db", seed)
        for _ in range(EVENTS):
            walk.step()
        screens |= walk.screens
        kinds.update(entry.kind for entry in walk.mind.entries)
        walk.mind.store.close()
        if len(screens) == len(ScreenName) - 1 and len(kinds) == len(EntryKind) - 2:
            break
    assert set(ScreenName) - screens == {ScreenName.BUSY}  # no other person's door is in hand at one screen
    assert set(EntryKind) - kinds == {EntryKind.EPOCH, EntryKind.QUARANTINED}  # tests/core/test_epochs.py
