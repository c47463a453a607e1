"""A runtime and its gate over a real store and a body that only writes down what it is told; in any loop's time."""

import asyncio
import contextlib
import errno
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from firmware.body import Body
from firmware.chain import Place
from firmware.config import Config, Paths
from firmware.control import (
    KIOSK_PUSHES,
    LINK_PUSHES,
    SCANNER_PUSHES,
    SERVICE_PUSHES,
    Message,
    Seq,
    decode,
    encode,
)
from firmware.errors import StoreError, StoreFull
from firmware.events import (
    Checked,
    DoorRead,
    Effect,
    Event,
    GrantedParcel,
    GrantsCame,
    Pulse,
    ReadDoor,
    Welcomed,
)
from firmware.gate import Gate
from firmware.hello import Hellos
from firmware.inbox import Inbox, Post
from firmware.model import ClockSource, Entry, Moment, Outcome, Purpose, ScreenName
from firmware.offer import Offer
from firmware.peer import Peer, Role
from firmware.reserve import Reserve
from firmware.rows import Change, State
from firmware.runtime import Runtime
from firmware.sealed import JournalKey
from firmware.signed import Keyring
from firmware.store import Store
from firmware.turn import Cabinet
from sim.backend import Signer
from sim.clock import SimClock
from tests.core.harness import LOCKER, cabinet, right

CODE_KEY = bytes(range(32))
JOURNAL_KEY = JournalKey(b"j" * 32)
SIGNER = Signer(b"b" * 32, "k1")


class Disk:
    """A real store that fails when it is told to."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.full = False
        self.gone = False
        self.failed = 0
        self.has_space: Callable[[], bool] = lambda: True

    def until_released(self, room: "Room", *, helps: bool = True) -> None:
        """No space until the reserve is released; without `helps` not even then."""
        self.has_space = lambda: helps and not room.files

    def mend(self) -> None:
        self.has_space = lambda: True

    @property
    def entries(self) -> int:
        return self.store.entries

    @property
    def used_bytes(self) -> int:
        return self.store.used_bytes

    def prune(self, acked: int, before_ms: int, sign: Callable[[Place], bytes]) -> int:
        return self.store.prune(acked, before_ms, sign)

    def load(self) -> State:
        if self.gone:
            raise StoreError("gone")
        return self.store.load()

    def commit(self, changes: list[Change], entries: list[Entry], now: Moment) -> None:
        if self.full and (changes or entries):
            self.failed += 1
            raise StoreError("the disk is full")
        if not self.has_space() and (changes or entries):
            raise StoreFull("the disk is full")
        self.store.commit(changes, entries, now)


class Room:
    """Space for a reserve, as much as a test gives."""

    def __init__(self) -> None:
        self.free = 2**30
        self.files: dict[Path, int] = {}
        self.fills = 0

    def free_bytes(self, path: Path) -> int:
        return self.free - sum(self.files.values())

    def size_bytes(self, path: Path) -> int:
        return self.files.get(path, 0)

    def fill(self, path: Path, size_bytes: int) -> None:
        self.fills += 1
        if self.free_bytes(path) < size_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.files[path] = size_bytes

    def remove(self, path: Path) -> None:
        self.files.pop(path, None)


class Hands(Body):
    """A body that only writes down what it is told to do."""

    def __init__(self, config: Config, inbox: Inbox) -> None:
        super().__init__(Cabinet(config), inbox)
        self.done: list[Pulse | ReadDoor] = []
        self.active: frozenset[str] = frozenset()
        self.offs = 0

    def perform(self, effect: Pulse | ReadDoor) -> None:
        self.done.append(effect)

    def set_active(self, banks: frozenset[str]) -> None:
        self.active = banks

    def off(self) -> None:
        self.offs += 1


class Shell:
    """One controller without its banks. `draw` makes the nonces of hellos and of the screen."""

    def __init__(
        self,
        folder: Path,
        config: Config | None = None,
        *,
        epoch: int = 1,
        draw: Callable[[int], bytes] | None = None,
    ) -> None:
        self.config = msgspec.structs.replace(config or cabinet(), paths=Paths(folder, folder, folder))
        self.store = Store.open(folder / "state.db", LOCKER, epoch=epoch)
        self.disk = Disk(self.store)
        self.inbox = Inbox(1_024)
        self.hands = Hands(self.config, self.inbox)
        self.clock = SimClock()
        self.room = Room()
        self.runtime = Runtime(
            self.config,
            self.disk,
            self.clock,
            self.hands,
            self.inbox,
            Reserve(folder / "reserve", self.room),
            JOURNAL_KEY,
            start="s",
            boot="boot-1",
        )
        offer = Offer(self.config, draw or random.Random("nonces").randbytes)
        keyring = Keyring({SIGNER.key_id: SIGNER.public})
        hellos = Hellos(draw or random.Random(1).randbytes)
        self.gate = Gate(
            self.runtime, self.inbox, self.store, self.hands, keyring, CODE_KEY, JOURNAL_KEY, hellos, offer
        )
        self.seen: list[Event] = []
        self.runtime.observers.append(self._observe)

    def _observe(self, post: Post, effects: list[Effect]) -> None:
        assert self.store.load().rows() == self.state.rows()
        self.seen.append(post.event)

    @property
    def state(self) -> State:
        return self.runtime.controller.state

    def shows(self) -> ScreenName:
        return self.runtime.screen.name

    async def ask(self, event: Event, seq: Seq | None = None) -> Outcome:
        """The answer, however long it takes."""
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.inbox.put(Post(event, seq, lambda outcome: None if told.done() else told.set_result(outcome)))
        return await told

    async def welcome(self) -> Outcome:
        """The backend has told the time."""
        asked_ms = self.runtime.now().mono_ms
        return await self.ask(Welcomed(LOCKER, 1, self.clock.true_ms(), 0, True, asked_ms))

    def forget_time(self) -> None:
        """As after another boot without a battery, or after a week without the backend."""
        self.state.locker.clock = ClockSource.NONE
        self.store.commit(*self.state.drain(), self.runtime.now())

    async def quiet(self) -> None:
        """All that waits in the inbox is handled."""
        await self.ask(Checked())

    async def ready(self, rest_s: float) -> None:
        """Every door is closed, KZ1 is expected in cell 1, and the coils have rested where there is time for it."""
        for cell in (1, 2, 3, 4):
            self.inbox.post(DoorRead(cell, True))
        assert await self.welcome() is Outcome.DONE
        rights = (right(Purpose.DEPOSIT, "KZ1"),)
        assert await self.ask(GrantsCame(LOCKER, 1, 1, (GrantedParcel("KZ1", 1),), rights)) is Outcome.DONE
        await asyncio.sleep(rest_s)


@contextlib.asynccontextmanager
async def running(folder: Path, config: Config | None = None, *, rest_s: float = 10) -> AsyncIterator[Shell]:
    """A shell that runs until the test ends. With `rest_s` 0 for a loop whose time is real, and without pulses."""
    shell = Shell(folder, config)
    task = asyncio.get_running_loop().create_task(shell.runtime.run())
    try:
        await shell.ready(rest_s)
        yield shell
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        shell.store.close()


PUSHES: dict[Role, msgspec.json.Decoder[Message]] = {
    Role.KIOSK: KIOSK_PUSHES,
    Role.LINK: LINK_PUSHES,
    Role.SCANNER: SCANNER_PUSHES,
    Role.SERVICE: SERVICE_PUSHES,
}


class Face:
    """A peer in memory, and what it was sent."""

    def __init__(self, shell: Shell, role: Role) -> None:
        pushes = PUSHES[role]
        self.got: list[Message] = []
        self.dropped = 0
        self.peer: Peer = shell.gate.join(
            role, lambda line: self.got.append(decode(pushes, line)), self._drop
        )

    def _drop(self) -> None:
        self.dropped += 1

    def send(self, message: Message) -> None:
        self.peer.feed(encode(message))
