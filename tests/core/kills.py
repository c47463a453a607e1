"""A locker as it stands in a street: the shipped controller as a process of its own, under strace, which makes its syncs fail.

Lock boards are simulated ones on a pty, kiosk and link come through the real sockets, and one person does both jobs: puts the
parcel in and picks it up. The person sees nothing but the screen and the door, and starts again where the locker went away.
"""

import asyncio
import random
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from firmware.client import Client
from firmware.config_file import load
from firmware.control import KIOSK_PUSHES, Code, Message, Press, Show, Told
from firmware.errors import ProtocolError, Unreachable
from firmware.model import Action, EntryKind, Outcome, Purpose, ScreenName
from firmware.sealed import JournalKey
from firmware.store import Store
from hal.clock import SystemClock
from sim.backend import Backend, Link, Signer, Site
from sim.cabinet import SimCabinet
from sim.socket_link import SocketLink
from sim.world import Cell
from tests.core.traced import Died, Traced

LOCKER, CELL, WAYBILL = "0123", 1, "KZ1"
POSTOMAT = Path(sys.executable).parent / "postomat"
UNLOCK = 0x8A  # docs/lock-boards.md section 4
S = ScreenName
# What a screen that was shown says has happened.
TOLD_BY = {
    S.PUT_PARCEL: EntryKind.OPENED,
    S.TAKE_PARCEL: EntryKind.OPENED,
    S.CLOSING: EntryKind.CLOSED,
    S.ASK_TAKEN: EntryKind.CLOSED,
}
PRESSED = {
    S.IDLE: Action.START,
    S.CLOSING: Action.CONFIRM,
    S.ASK_TAKEN: Action.CONFIRM,
    S.NOT_OPENED: Action.AGAIN,
    S.THANKS: Action.BACK,
    S.NOTICE: Action.BACK,
    S.BUSY: Action.BACK,
}
CONFIG = """
locker = {{ id = "{locker}", address = "-", support_phone = "000" }}
paths = {{ state = "{folder}/state", run = "{folder}", credentials = "{folder}" }}
access = {{ backend_keys = [{{ id = "k1", public = "{public}" }}] }}
locks = {{ rest_s = 1, duty_max = 0.2, poll_idle_hz = 10.0, poll_active_hz = 20.0 }}
buses = [{{ name = "bus", device = "{folder}/tty-bus", baud = 115200 }}]
banks = [{{ kind = "xor8a80", name = "board", bus = "bus", address = 1, channels = 8 }}]
cells = [{{ number = 1, bank = "board", channel = 1 }}]
"""


class Street:
    """One locker, its backend, and one person. Use as an async context."""

    def __init__(self, seed: int, *, waits: bool = True) -> None:
        """`waits`: a person whose locker dies leaves the door open until it is back; else it is shut at once."""
        chance = random.Random(seed)
        self._waits = waits
        self._home = tempfile.TemporaryDirectory(prefix="kill-")
        self.folder = Path(self._home.name)
        (self.folder / "code_key").write_bytes(key := chance.randbytes(32))
        (self.folder / "journal_key").write_bytes(journal_key := b"j" * 32)
        signer = Signer(chance.randbytes(32), "k1")
        self._config = self.folder / "postomat.toml"
        self._config.write_text(
            CONFIG.format(locker=LOCKER, folder=self.folder, public=signer.public.hex()), encoding="utf-8"
        )
        self.backend = Backend(
            Site(LOCKER, "-", key, JournalKey(journal_key).public), signer, SystemClock().utc_ms, chance
        )
        self.link = Link(self.backend)
        self.show: Show | None = None
        self.promised: Counter[EntryKind] = Counter()
        self.synced_by: list[tuple[EntryKind, int]] = []  # which sync of this start was an entry's last
        self.pulsed_ms: list[int] = []  # wall time of each pulse
        self.moved = asyncio.Event()
        self.process = Traced(self.folder, self.moved.set)
        self._said: tuple[ScreenName, Purpose | None] | None = None
        self._acted: Show | None = None
        self._kiosk: Client[Message] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._sockets: SocketLink | None = None

    async def __aenter__(self) -> Self:
        self.cabinet = SimCabinet(load(self._config))
        self.cabinet.plug_ptys(self.folder)
        self.cell = self.cabinet.world.cells[CELL]
        self.cabinet.world.observe(self._world_moved)
        self.backend.order(WAYBILL, CELL, "alia")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.process.close()
        await self._disconnect()
        self.cabinet.close()
        self._home.cleanup()

    async def start(self, inject: str | None = None) -> None:
        """Start the controller (`inject`: see `Traced.start`), and connect to it. Raises Died where it ends before."""
        await self.process.start([POSTOMAT, "run", "--config", self._config], inject)
        try:
            self._kiosk = await Client.connect(self.folder / "kiosk.sock", KIOSK_PUSHES)
            self._looking = asyncio.get_running_loop().create_task(self._look(self._kiosk))
            self._sockets = await _Sockets.meet(self)
            self.link.sync()
        except Unreachable:
            await self.process.end()
            raise Died from None

    async def stop(self) -> None:
        """End the controller, if it runs, and the connections to it."""
        await self.process.stop()
        await self._disconnect()

    async def _disconnect(self) -> None:
        if self._sockets is not None:
            self._sockets.close()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        if self._kiosk is not None:
            await self._kiosk.close()
        self._kiosk = self._sockets = self._looking = None
        self.show = self._acted = None

    # The person

    async def _look(self, kiosk: Client[Message]) -> None:
        with suppress(Unreachable, ProtocolError):
            while True:
                match await kiosk.receive():
                    case Show() as show:
                        self._remember(show)
                        self.show = show
                    case Told(outcome):
                        if outcome is not Outcome.DONE:
                            self._acted = None  # it did nothing: try again with the next screen
                self.moved.set()

    def _remember(self, show: Show) -> None:
        """What a new screen says has happened. One that comes back after a failure says it again."""
        screen = show.screen
        if screen.name is S.OUT_OF_SERVICE or (screen.name, screen.purpose) == self._said:
            return
        self._said = screen.name, screen.purpose
        if screen.name in TOLD_BY:
            self.promised[TOLD_BY[screen.name]] += 1
        elif screen.name is S.THANKS:
            done = EntryKind.STORED if screen.purpose is Purpose.DEPOSIT else EntryKind.COLLECTED
            self.promised[done] += 1

    async def live(self, *, hopeful: bool = True) -> None:
        """Be the person who puts the parcel in and picks it up. Raises Died.

        Where not `hopeful`, the first screen that says out of service after a failure counts as the end.
        """
        await self._visit(Purpose.DEPOSIT, EntryKind.STORED, hopeful)
        await self._visit(Purpose.PICKUP, EntryKind.COLLECTED, hopeful)

    async def _visit(self, purpose: Purpose, kind: EntryKind, hopeful: bool) -> None:
        while not self.told_of(kind):
            gone = self.process.has_ended()
            if gone or (not hopeful and self._is_out_of_service() and self.process.failures()):
                if not self._waits and not self.cell.shut:
                    self._at_door(purpose)
                raise Died
            self.moved.clear()
            await self._act(purpose)
            await self.moved.wait()

    def _world_moved(self, cell: Cell) -> None:
        if cell.coil.pulses > len(self.pulsed_ms):
            self.pulsed_ms.append(SystemClock().utc_ms())
        self.moved.set()

    def _is_out_of_service(self) -> bool:
        return self.show is not None and self.show.screen.name is S.OUT_OF_SERVICE

    def told_of(self, kind: EntryKind) -> int:
        """How many of these entries the backend holds."""
        return [told for told, _ in self.synced_by].count(kind)

    def told(self) -> None:
        """The link has brought something."""
        rows = self.backend.ledger.rows[len(self.synced_by) :]
        self.synced_by += [
            (EntryKind(msgspec.json.decode(row.body)["kind"]), self.process.syncs()) for row in rows
        ]
        self.moved.set()

    async def _act(self, purpose: Purpose) -> None:
        show = self.show
        if show is None or show == self._acted or self._kiosk is None:
            return
        self._acted = show
        screen = show.screen
        if CELL in screen.open_cells or screen.name in (S.PUT_PARCEL, S.TAKE_PARCEL, S.CLOSE_DOOR):
            if not self.cell.shut:
                self._at_door(purpose)
        elif screen.name is S.KEYPAD:
            await self._send(Code(show.seq, self.backend.code(WAYBILL, purpose)))
        elif (action := PRESSED.get(screen.name)) in screen.actions and action is not None:
            await self._send(Press(show.seq, action))

    def _at_door(self, purpose: Purpose) -> None:
        if purpose is Purpose.DEPOSIT and self.cell.parcel is None:
            self.cabinet.world.put(CELL, WAYBILL)
        elif purpose is Purpose.PICKUP and self.cell.parcel is not None:
            self.cabinet.world.take(CELL)
        self.cabinet.world.close(CELL)

    async def _send(self, message: Message) -> None:
        assert self._kiosk is not None
        with suppress(Unreachable, ConnectionError):
            await self._kiosk.send(message)

    # What must hold

    def check(self) -> None:
        """What was told to anybody is in the database, which is whole; no lock was pulsed without an intent in it."""
        assert self.backend.alarms == []
        with tempfile.TemporaryDirectory(prefix="copy-") as copy:
            for path in (self.folder / "state").glob("postomat.db*"):
                shutil.copy(path, copy)
            store = Store.open(Path(copy, "postomat.db"), LOCKER)
            try:
                store.verify_chain()
                rows = store.journal(0, store.last_seq)
            finally:
                store.close()
        assert rows[: self.backend.ledger.last] == self.backend.ledger.rows, "the link was told what is lost"
        entries = [msgspec.json.decode(row.body) for row in rows]
        kinds = Counter(EntryKind(entry["kind"]) for entry in entries)
        missing = {kind: number for kind, number in self.promised.items() if kinds[kind] < number}
        assert not missing, f"shown, and lost: {missing}"
        lists = sum(outcome is Outcome.DONE for outcome in self.link.answers.values())
        assert lists <= kinds[EntryKind.GRANTS], "a list was acknowledged, and is lost"
        intents_ms = [entry["utc_ms"] for entry in entries if entry["kind"] == EntryKind.INTENT]
        assert len(self.pulsed_ms) <= len(intents_ms), "a pulse without a committed intent"
        early = [
            pulsed for intent, pulsed in zip(intents_ms, self.pulsed_ms, strict=False) if pulsed < intent
        ]
        assert not early, "a pulse before its intent"
        frames = sum(frame[0] == UNLOCK for frame in self.cabinet.boards["board"].heard)
        assert frames == self.cell.coil.pulses == len(self.pulsed_ms)


class _Sockets(SocketLink):
    """The backend's end of the link, which wakes the person."""

    street: Street | None = None

    @classmethod
    async def meet(cls, street: Street) -> "_Sockets":
        joined = await cls.connect(street.folder / "link.sock", street.link)
        assert isinstance(joined, _Sockets)
        joined.street = street
        return joined

    def moved(self) -> None:
        super().moved()
        if self.street is not None:
            self.street.told()
