"""Where people and faults meet a locker: its screen, its doors, its power, and those who remember what really happened.

It also keeps the books of matter (`Witness`): which parcel was put in or taken out of which cell, and whether the locker
could have seen it. A locker that was off, blind or lied to may believe otherwise; nobody else may.
"""

import asyncio
import contextlib
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

from firmware.assembly import Assembly
from firmware.errors import StoreError
from firmware.model import DoorState, Entry, EntryKind, Moment, Why
from firmware.rows import Door
from sim.afar import Afar
from sim.backend import Signer
from sim.faces import MemoryKiosk, Screen
from sim.locker import SimLocker
from sim.minted import Minted
from sim.office import Office
from sim.phone import Phones
from sim.scanner import MemoryScanner
from sim.world import Cell, Impossible

SEEN = (DoorState.OPEN, DoorState.OVERDUE)
SHORT_S = 4.0  # a door open for less may be taken for one that was closed by mistake
# The locker itself says that it does not know.
UNSURE = (EntryKind.OUTCOME_UNKNOWN, EntryKind.UNCONFIRMED, EntryKind.SUSPECT, EntryKind.DISPUTED, EntryKind.REFUSED)  # fmt: skip


class PowerCut(BaseException):
    """The power goes while the controller computes. No `except Exception` may hold it up."""


class Witness:
    """What really happened to parcels, and what of it the locker cannot know."""

    def __init__(self, locker: SimLocker) -> None:
        self.excused: dict[str, str] = {}  # waybill → why the books may be wrong about it
        self.promised_ms: dict[
            str, int
        ] = {}  # waybill → until when it is kept at least, by the true time of its deposit
        self.crossed: dict[int, int] = {}  # the cell that really opens → the cell whose lock was asked for
        self._locker = locker
        self._blind: Counter[int] = Counter()  # by cell: for how many reasons the locker cannot see it
        self._touched: dict[int, list[str]] = {}
        self._dark: set[int] = set()  # something was not seen since this door opened
        self._opened_s: dict[int, float] = {}
        self._open_for_s: dict[int, float] = {}
        locker.world.observe(self._moved)

    def excuse(self, waybill: str | None, why: str) -> None:
        """The books may be wrong about this parcel from now on, and it is nobody's mistake but `why`."""
        if waybill is not None:
            self.excused.setdefault(waybill, why)

    @contextlib.contextmanager
    def blinded(self, cells: Iterable[int]) -> Iterator[None]:
        """The locker cannot see these cells, or is lied to about them."""
        blind = list(cells)
        self._blind.update(blind)
        self._dark.update(cell for cell in blind if self._is_busy(cell))
        try:
            yield
        finally:
            self._blind.subtract(blind)

    def is_blind(self, cell: int) -> bool:
        """Whether the locker cannot see it now."""
        return self._blind[cell] > 0 or self._locker.assembly is None

    def is_pending(self, cell: int) -> bool:
        """Whether something was put in or taken out of which the locker has not told the end."""
        return cell in self._touched

    def touched(self, cell: int, waybill: str) -> None:
        """A parcel was put in or taken out."""
        self._touched.setdefault(cell, []).append(waybill)
        if self._blind[cell] > 0 or not self._sees_open(cell):
            self._dark.add(cell)

    def told(self, entry: Entry, term_h: int) -> None:
        """What the locker has journalled. `term_h`: for how long it is to keep what comes now."""
        if entry.kind is EntryKind.STORED and entry.parcel is not None:
            self.promised_ms[entry.parcel] = self._locker.clock.true_ms() + 3_600_000 * term_h
        if entry.kind in UNSURE:
            self.excuse(entry.parcel, f"the locker says {entry.kind}")
        elif entry.kind is EntryKind.RELEASED and self._open_for_s.get(entry.cell or 0, SHORT_S) < SHORT_S:
            self.excuse(entry.parcel, "its door was open for a moment only")
        elif entry.kind is EntryKind.CLOSED and entry.cell is not None:
            waybills = self._touched.pop(entry.cell, [])
            if entry.cell in self._dark or entry.why not in (Why.INTENT, Why.LATE):
                for waybill in (*waybills, entry.parcel):
                    self.excuse(waybill, "it was not seen")
            elif not waybills:  # there is no eye inside a cell
                self.excuse(entry.parcel, "its door was shut with nothing put in or taken out")
            self._dark.discard(entry.cell)

    def _is_busy(self, cell: int) -> bool:
        matter = self._locker.world.cells[cell]
        return not (matter.shut and matter.latched) or cell in self._touched

    def _sees_open(self, cell: int) -> bool:
        parts = self._locker.assembly
        row = parts.runtime.controller.state.find(Door, cell) if parts is not None else None
        return row is not None and row.state in SEEN and row.why in (Why.INTENT, Why.LATE)

    def _moved(self, cell: Cell) -> None:
        now_s = asyncio.get_running_loop().time()
        if not cell.shut:
            self._opened_s.setdefault(cell.number, now_s)
        elif cell.number in self._opened_s:
            self._open_for_s[cell.number] = now_s - self._opened_s.pop(cell.number)


class Site:
    """One locker among its people and its faults."""

    def __init__(self, locker: SimLocker, chance: random.Random, kiosk: Screen | None = None) -> None:
        """`kiosk`: through whom people touch the screen; unless told, one that is joined in memory."""
        self.locker = locker
        self.world = locker.world
        self.kiosk: Screen = kiosk or MemoryKiosk(locker)
        self.phones = Phones(locker, self.kiosk)
        self._scanner = MemoryScanner(locker) if kiosk is None else None
        # Another scanner's owner says how its process dies; nothing dies where none runs yet.
        self.crash_scanner: Callable[[], None] = self._scanner.leave if self._scanner else lambda: None
        self.minted: dict[str, Minted] = {}  # digest → the token; nothing else opens anything
        self.supplied: list[Callable[[bool], Awaitable[None]]] = []  # whoever has power where the boards have
        self.witness = Witness(locker)
        self.office = Office(locker, chance)
        self.queue = asyncio.Lock()  # polite people stand in line
        self.typist = ""  # who typed the last code
        self.entries: list[Entry] = []  # of the last commit
        self.sent: deque[bytes] = deque(maxlen=64)  # what the backend has signed lately
        self.before_commit: Callable[[], None] = lambda: None
        self.after_commit: Callable[[], None] = lambda: None
        self.waiting: dict[
            str, tuple[int, int]
        ] = {}  # order that waits for the locker → epoch and entry since
        self.forgot_seq = 0  # the last entry that the backend had when it was lost
        self.outages = 0
        self.disk_fails = False  # it was told to
        self._supply = asyncio.Lock()
        self.afar = Afar(locker.config.times)
        self.hear(locker.backend.signer)
        if locker.assembly is not None:
            self._watch(locker.assembly)
        locker.observe(self._watch)

    @property
    def sees_pixels(self) -> bool:
        """Whether there is a real camera: then nothing can be read but what is shown to that."""
        return self._scanner is None

    @property
    def scanner(self) -> MemoryScanner:
        """The scanner of a world without pixels. Raises RuntimeError where there is another."""
        if self._scanner is None:
            raise RuntimeError("this camera sees pixels")
        return self._scanner

    @property
    def cells(self) -> list[int]:
        return sorted(self.world.cells)

    def cells_of_board(self, name: str) -> list[int]:
        return sorted(self.locker.cabinet.boards[name].wiring.values())

    def hear(self, signer: Signer) -> None:
        """Know what a key of the backend's signs from now on."""
        sign = signer.sign
        self.afar.hears(signer)

        def signing(kind: str, payload: Mapping[str, Any]) -> bytes:
            self.sent.append(sign(kind, payload))
            self.afar.sign(signer, kind, payload)
            return self.sent[-1]

        signer.sign = signing  # type: ignore[method-assign]

    # Hands

    def put(self, number: int, waybill: str) -> None:
        """Lay a parcel in. Raises Impossible."""
        self.world.put(number, waybill)
        self.witness.touched(number, waybill)

    def take(self, number: int) -> str:
        """Take what lies there. Raises Impossible."""
        waybill = self.world.take(number)
        self.witness.touched(number, waybill)
        return waybill

    def in_reach(self, number: int) -> str | None:
        """What one sees in an open cell."""
        cell = self.world.cells[number]
        if cell.shut:
            raise Impossible(f"cell {number}: the door is shut")
        return cell.parcel

    def meddled(self) -> None:
        """Somebody presses at another's screen: what the locker is told of that parcel may be wrong."""
        parts = self.locker.assembly
        at = parts.runtime.controller.state.session if parts is not None else None
        if at is not None:
            self.witness.excuse(at.parcel, "a stranger pressed at its screen")

    # Power

    async def outage(self, off_s: float, *, power: bool = True, until: asyncio.Event | None = None) -> None:
        """The controller goes, with the boards where it is the power; after so many seconds, or `until`, it comes back."""
        if self._supply.locked():
            return  # it is off already
        async with self._supply:
            self.outages += 1
            with self.witness.blinded(self.cells):
                boards = list(self.locker.cabinet.boards.values()) if power else []
                were_dead = [board.dead for board in boards]
                for board in boards:
                    board.reset()
                    board.dead = True
                self.kiosk.show = None
                if power:
                    self.locker.clock.power_goes()
                await (self.locker.cut() if power else self.locker.kill())
                for supply in self.supplied if power else ():
                    await supply(False)
                await (until.wait() if until is not None else asyncio.sleep(off_s))
                for board, dead in zip(boards, were_dead, strict=True):
                    board.dead = dead
                if power:
                    self.locker.power_returns()
                    for supply in self.supplied:
                        await supply(True)
                await self.switch_on()

    async def switch_on(self) -> None:
        """Start the controller, again and again where its disk does not let it, as systemd would."""
        while True:
            try:
                await self.locker.start()
                break
            except StoreError:
                await asyncio.sleep(5)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):  # until then it is blind
                await self.locker.controller.body.known.wait()

    # Who must know

    def _watch(self, parts: Assembly) -> None:
        """The commits of each new controller can be met by a power cut, and what they tell is heard."""
        commit = parts.store.commit
        self.afar.follow(parts)

        def watched(changes: object, entries: list[Entry], now: Moment) -> None:
            self.entries = []
            self.before_commit()
            commit(changes, entries, now)  # type: ignore[arg-type]
            self.entries = entries
            self.afar.committed(entries, now.utc_ms, parts.store.last_seq)
            for entry in entries:
                self.witness.told(entry, self.afar.times.storage_term_h)
            self.after_commit()

        parts.store.commit = watched  # type: ignore[method-assign]
