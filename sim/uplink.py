"""The shipped link protocol of one locker, between its gate and a broker, both in memory: what `postomat link` is on a device."""

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from firmware.control import Message, encode
from firmware.link.protocol import LinkProtocol
from firmware.link.topics import Topics
from firmware.peer import Role
from sim.backend.link import Link
from sim.broker import Broker
from sim.weather import Letter

OFFLINE = Letter("", b'{"online":false}')
REJOIN_S = 2.0  # at most, after the controller or the broker has cut the connection


class Hears(Protocol):
    """The controller's end of a connection in the link's role."""

    def feed(self, data: bytes) -> None: ...

    def drop(self) -> None: ...


class Joins(Protocol):
    """Where such a connection is made: `firmware.gate.Gate`."""

    def join(self, role: Role, send: Callable[[bytes], None], drop: Callable[[], None]) -> Hears: ...


class Uplink(Protocol):
    """The way from a locker to its broker, whatever it is made of."""

    is_up: bool

    def attach(self, gate: Joins) -> None:
        """A controller has started."""

    def detach(self) -> None:
        """It is gone, and all its sockets."""

    def network(self, *, up: bool) -> None:
        """The network between locker and broker."""

    def wipe(self) -> None:
        """The broker starts anew, and knows nobody."""

    def publish(self, topic: str, payload: bytes) -> None:
        """What whoever holds the broker says, to either side."""


class MemoryUplink:
    """In virtual time: the same bytes as on the socket, the same messages as at the broker."""

    def __init__(self, locker: str, broker: Broker, chance: random.Random) -> None:
        self.is_up = True
        self.protocol = LinkProtocol(locker, self._tell, self._publish, chance)
        self._broker = broker
        self._chance = chance
        self._client_id = f"postomat-{locker}"
        self._topics = Topics(locker)
        self._gate: Joins | None = None
        self._peer: Hears | None = None
        self._joined = False
        self._lines: list[bytes] = []  # from the controller, not yet heard
        self._timer: asyncio.TimerHandle | None = None
        self._joining: asyncio.TimerHandle | None = None

    def attach(self, gate: Joins) -> None:
        self._gate = gate
        self._connect()

    def detach(self) -> None:
        self._gate = None
        if self._joining is not None:
            self._joining.cancel()
        if self._peer is not None:
            self._peer.drop()
        if self._peer is not None:
            self._dropped()

    def network(self, *, up: bool) -> None:
        self.is_up = up
        if up and self._peer is not None and not self._joined:
            self._join()
        elif not up:
            self._broker.cut(self._client_id)

    def wipe(self) -> None:
        self._broker.wipe()

    def publish(self, topic: str, payload: bytes) -> None:
        self._broker.publish(topic, payload)

    def _connect(self) -> None:
        """To the controller; then, where there is a network, to the broker."""
        if self._gate is None or self._peer is not None:
            return
        self._lines.clear()
        self._peer = self._gate.join(Role.LINK, self._heard, self._dropped)
        self.protocol.attach(self._now_s())
        self._join()

    def _join(self) -> None:
        if self.is_up and self._peer is not None and not self._joined:
            self._joined = True
            will = OFFLINE._replace(topic=self._topics.state)
            self._broker.connect(self._client_id, (self._topics.signed,), self._receive, self._cut, will)
            self.protocol.join(self._now_s())
        self._arm()

    def _dropped(self) -> None:
        """The controller has hung up; another try, as the process makes it."""
        self._peer = None
        self.protocol.detach(self._now_s())
        if self._joined:
            self._broker.cut(self._client_id)
        self._again(self._connect)

    def _cut(self) -> None:
        """The broker is gone."""
        self._joined = False
        self.protocol.leave(self._now_s())
        self._again(self._join)

    def _again(self, act: Callable[[], None]) -> None:
        if self._gate is not None:
            pause_s = self._chance.uniform(REJOIN_S / 2, REJOIN_S)
            self._joining = asyncio.get_running_loop().call_later(pause_s, act)

    def _heard(self, line: bytes) -> None:
        # Not within the controller's own step: the link answers in a step of its own, as over a socket.
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._feed)
        self._lines.append(line)

    def _feed(self) -> None:
        lines, self._lines = self._lines, []
        if lines and self._peer is not None:
            self.protocol.feed(b"".join(lines), self._now_s())
            self._arm()

    def _receive(self, topic: str, payload: bytes) -> None:
        self.protocol.receive(topic, payload, self._now_s())
        self._arm()

    def _tell(self, message: Message) -> None:
        if self._peer is not None:
            self._peer.feed(encode(message))

    def _publish(self, topic: str, payload: bytes, retain: bool) -> None:
        self._broker.publish(topic, payload, retain=retain)

    def _arm(self) -> None:
        """One timer; where what it waits for has moved on, it finds so when it rings."""
        due_s, timer = self.protocol.due_s, self._timer
        if due_s is not None and (timer is None or timer.when() > due_s):
            if timer is not None:
                timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(due_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        due_s, now_s = self.protocol.due_s, self._now_s()
        if due_s is not None and due_s <= now_s:
            self.protocol.tick(now_s)
        self._arm()

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


class MemoryFarEnd:
    """The backend at a broker in memory: where that one breaks, it comes back as any client does."""

    def __init__(self, link: Link, broker: Broker, moved: Callable[[], None]) -> None:
        self._link = link
        self._broker = broker
        self._moved = moved
        self._join()

    def _join(self) -> None:
        self._link.attach(self._broker.publish)
        self._broker.connect("backend", (self._link.topics.up,), self._receive, self._cut)

    def _receive(self, topic: str, payload: bytes) -> None:
        self._link.receive(topic, payload)
        self._moved()

    def _cut(self) -> None:
        self._link.detach()
        asyncio.get_running_loop().call_later(REJOIN_S / 4, self._join)
