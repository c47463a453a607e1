"""A broker in memory, as MQTT 3.1.1 has it at QoS 1, with the faults that a real one may have.

Persistent sessions by client id, retained messages, last wills, filters with `+`. What is delivered is handed over in a step of
its own of the event loop, in order, as the weather lets it; a connection may be cut, and everything forgotten.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial

from sim.weather import Letter, Way, Weather

QUEUED_MAX = 1_000  # for a client that is away; Mosquitto's own default: beyond it, what comes is dropped


@dataclass(slots=True)
class _Client:
    filters: tuple[str, ...]
    receive: Callable[[str, bytes], None] | None = None  # None: it is away
    lost: Callable[[], None] = lambda: None
    will: Letter | None = None
    way: Way = field(init=False)
    queue: deque[Letter] = field(default_factory=deque)
    flushing: bool = False
    connection: int = 0


class Broker:
    """All clients and topics. Make it on the loop it is to live on."""

    def __init__(self, chance: random.Random, weather: Weather | None = None) -> None:
        self.weather = weather or Weather()
        self.overheard: Callable[[str, bytes], None] = lambda topic, payload: None  # whoever reads along
        self._chance = chance
        self._clients: dict[str, _Client] = {}
        self._retained: dict[str, bytes] = {}

    def connect(
        self,
        client_id: str,
        filters: tuple[str, ...],
        receive: Callable[[str, bytes], None],
        lost: Callable[[], None],
        will: Letter | None = None,
    ) -> None:
        """Take the session up, or begin one; what waited is delivered, and what is retained. The newer of two connections wins."""
        client = self._clients.get(client_id)
        if client is None:
            client = self._clients[client_id] = _Client(filters)
            client.way = Way(self.weather, self._chance, partial(self._append, client))
        if client.receive is not None:
            self.cut(client_id)
        client.filters, client.receive, client.lost, client.will = filters, receive, lost, will
        client.connection += 1
        for topic, payload in self._retained.items():
            if _matches(filters, topic):
                client.queue.append(Letter(topic, payload))
        self._flush_soon(client)

    def disconnect(self, client_id: str) -> None:
        """In order: no last will. Whoever is not connected may say so too."""
        client = self._clients.get(client_id)
        if client is not None:
            client.receive = None

    def cut(self, client_id: str) -> None:
        """The connection breaks: the will is published, and the client hears that it is alone."""
        client = self._clients.get(client_id)
        if client is None or client.receive is None:
            return
        client.receive, will = None, client.will
        if will is not None:
            self.publish(*will, retain=True)
        client.lost()

    def cut_all(self) -> None:
        for client_id in list(self._clients):
            self.cut(client_id)

    def wipe(self) -> None:
        """It starts anew with an empty disk: no sessions, nothing queued, nothing retained."""
        self.cut_all()
        self._clients.clear()
        self._retained.clear()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Deliver to whoever has subscribed, now or later."""
        self.overheard(topic, payload)
        if retain:
            self._retained[topic] = payload
        for client in self._clients.values():
            if _matches(client.filters, topic):
                client.way.send(Letter(topic, payload))

    def _append(self, client: _Client, letter: Letter) -> None:
        if len(client.queue) < QUEUED_MAX:
            client.queue.append(letter)
        self._flush_soon(client)

    def _flush_soon(self, client: _Client) -> None:
        if client.queue and not client.flushing and client.receive is not None:
            client.flushing = True
            asyncio.get_running_loop().call_soon(self._flush, client)

    def _flush(self, client: _Client) -> None:
        client.flushing = False
        connection = client.connection
        while client.queue and client.receive is not None and client.connection == connection:
            client.receive(*client.queue.popleft())
        self._flush_soon(client)


@lru_cache(1_024)
def _matches(filters: tuple[str, ...], topic: str) -> bool:
    """MQTT 3.1.1 section 4.7, as far as anybody here uses it: whole levels, and `+` for any one."""
    levels = topic.split("/")
    return any(
        len(wanted) == len(levels)
        and all(each in ("+", level) for each, level in zip(wanted, levels, strict=True))
        for wanted in (each.split("/") for each in filters)
    )
