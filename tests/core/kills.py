"""A locker as it stands in a street: the shipped controller as a process of its own, under strace, which makes its syncs fail.

Lock boards are simulated ones on a pty, kiosk and link come through the real sockets, and one person does both jobs: puts the
parcel in and picks it up. The person sees nothing but the screen and the door, and starts again where the locker went away.
"""

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from firmware.config_file import load
from firmware.control import KIOSK_PUSHES, Client, Code, Message, Press, Show, Told
from firmware.errors import ProtocolError, Unreachable
from firmware.model import Action, EntryKind, Outcome, Purpose, ScreenName
from firmware.store import Store
from hal.clock import SystemClock
from sim.backend import Backend, Link, Signer, Site, SocketLink
from sim.cabinet import SimCabinet

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


class Died(Exception):
    """The controller's process has ended."""


class Street:
    """One locker, its backend, and one person. Use as an async context."""

    def __init__(self, seed: int, *, waits: bool = True) -> None:
        """`waits`: a person whose locker dies leaves the door open until it is back; else it is shut at once."""
        chance = random.Random(seed)
        self._waits = waits
        self._home = tempfile.TemporaryDirectory(prefix="kill-")
        self.folder = Path(self._home.name)
        (self.folder / "code_key").write_bytes(key := chance.randbytes(32))
        signer = Signer(chance.randbytes(32), "k1")
        self._config = self.folder / "postomat.toml"
        self._config.write_text(
            CONFIG.format(locker=LOCKER, folder=self.folder, public=signer.public.hex()), encoding="utf-8"
        )
        self.backend = Backend(Site(LOCKER, "-", key), signer, SystemClock().utc_ms, chance)
        self.link = Link(self.backend)
        self.show: Show | None = None
        self.told: Counter[Outcome] = Counter()
        self.promised: Counter[EntryKind] = Counter()
        self.exits: list[int] = []
        self.moved = asyncio.Event()
        self._said: tuple[ScreenName, Purpose | None] | None = None
        self._acted: Show | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self.folder / "notify"))
        self._notify.setblocking(False)
        self._tasks: list[asyncio.Task[None]] = []
        self._kiosk: Client[Message] | None = None
        self._sockets: SocketLink | None = None

    async def __aenter__(self) -> Self:
        self.cabinet = SimCabinet(load(self._config))
        self.cabinet.plug_ptys(self.folder)
        self.cell = self.cabinet.world.cells[CELL]
        self.cabinet.world.observe(lambda cell: self.moved.set())
        self.backend.order(WAYBILL, CELL, "alia")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop(signal.SIGKILL)
        self.cabinet.close()
        self._notify.close()
        self._home.cleanup()

    # The process

    async def start(self, inject: str | None = None) -> None:
        """Start the controller, under strace where `inject` says what becomes of its syncs ("" only counts them).

        Raises Died where it ends before READY=1.
        """
        traced = ["strace", "-f", "-o", str(self.folder / "trace"), "-e", "trace=fdatasync,fsync"]
        traced += ["-e", f"inject=fdatasync:{inject}"] if inject else []
        (self.folder / "trace").unlink(missing_ok=True)
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": "1500000"}
        with (self.folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(traced if inject is not None else []),
                POSTOMAT,
                "run",
                "--config",
                self._config,
                env=environment,
                stderr=log,
            )
        self._tasks = [asyncio.get_running_loop().create_task(self._watch(self._process))]
        await self._ready()
        try:
            self._kiosk = await Client.connect(self.folder / "kiosk.sock", KIOSK_PUSHES)
            self._sockets = await _Sockets.join(self)
            self.link.sync()
        except Unreachable:
            await asyncio.wait(self._tasks)
            raise Died from None
        self._tasks.append(asyncio.get_running_loop().create_task(self._look(self._kiosk)))

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the controller, if it runs, and what stands around it."""
        if self._process is not None and self._process.returncode is None:
            for child in [*_children(self._process.pid), self._process.pid][:1]:
                os.kill(child, how)
            await self._process.wait()
        if self._sockets is not None:
            self._sockets.close()
        for task in self._tasks:
            task.cancel()
            await asyncio.wait([task])
        if self._kiosk is not None:
            await self._kiosk.close()
        self._process, self._kiosk, self._sockets, self._tasks = None, None, None, []
        with suppress(BlockingIOError):
            while self._notify.recv(4_096):
                pass  # its last words
        self.show = self._acted = None

    def syncs(self) -> int:
        """How many syncs strace has seen in this start. All are fdatasync."""
        trace = self._trace()
        assert " fsync(" not in trace
        return trace.count(" fdatasync(")

    def failures(self) -> int:
        """How many of them strace made fail."""
        return self._trace().count("(INJECTED)")

    def _trace(self) -> str:
        return (self.folder / "trace").read_text(encoding="utf-8")

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        self.exits.append(await process.wait())
        self.moved.set()

    async def _ready(self) -> None:
        """Wait for READY=1. Raises Died where the process ends before."""
        loop = asyncio.get_running_loop()
        said = b""
        while b"READY=1" not in said.split(b"\n"):
            listening = loop.create_task(loop.sock_recv(self._notify, 4_096))
            await asyncio.wait([listening, self._tasks[0]], return_when=asyncio.FIRST_COMPLETED)
            if not listening.done():
                listening.cancel()
                await asyncio.wait([listening])
                raise Died
            said = listening.result()

    # The person

    async def _look(self, kiosk: Client[Message]) -> None:
        with suppress(Unreachable, ProtocolError):
            while True:
                match await kiosk.receive():
                    case Show() as show:
                        self._remember(show)
                        self.show = show
                    case Told(outcome):
                        self.told[outcome] += 1
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
            gone = self._tasks[0].done()
            if gone or (not hopeful and self._is_out_of_service() and self.failures()):
                if not self._waits and not self.cell.shut:
                    self._at_door(purpose)
                raise Died
            self.moved.clear()
            await self._act(purpose)
            await self.moved.wait()

    def _is_out_of_service(self) -> bool:
        return self.show is not None and self.show.screen.name is S.OUT_OF_SERVICE

    def told_of(self, kind: EntryKind) -> int:
        """How many of these entries the backend holds."""
        return sum(msgspec.json.decode(row.body)["kind"] == kind for row in self.backend.ledger.rows)

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
        kinds = Counter(EntryKind(msgspec.json.decode(row.body)["kind"]) for row in rows)
        missing = {kind: number for kind, number in self.promised.items() if kinds[kind] < number}
        assert not missing, f"shown, and lost: {missing}"
        lists = sum(outcome is Outcome.DONE for outcome in self.link.answers.values())
        assert lists <= kinds[EntryKind.GRANTS], "a list was acknowledged, and is lost"
        frames = sum(frame[0] == UNLOCK for frame in self.cabinet.boards["board"].heard)
        assert frames <= kinds[EntryKind.INTENT], f"{frames} unlock frames, {kinds[EntryKind.INTENT]} intents"
        assert self.cell.coil.pulses == frames


class _Sockets(SocketLink):
    """The backend's end of the link, which wakes the person."""

    street: Street | None = None

    @classmethod
    async def join(cls, street: Street) -> "_Sockets":
        joined = await cls.connect(street.folder / "link.sock", street.link)
        assert isinstance(joined, _Sockets)
        joined.street = street
        return joined

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.street is not None:
            self.street.moved.set()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def may_trace() -> bool:
    """Whether strace is here, and may look at a process and make its calls fail."""
    if shutil.which("strace") is None:
        return False
    probe = ["strace", "-o", os.devnull, "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "true"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0
