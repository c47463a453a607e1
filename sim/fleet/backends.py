"""The backends' ends of a fleet's links: a few connections, each for many lockers, as a backend of a fleet has them."""

import asyncio
from collections.abc import Sequence
from itertools import cycle

from firmware.link.mqtt import BrokerLost, Connection, Message, Session, connected
from sim.backend import Link

RETRY_S = 0.5


class FarEnd:
    """One connection, and the lockers that it serves."""

    def __init__(self, client_id: str, links: Sequence[Link], brokers: Sequence[str]) -> None:
        self._links = links
        self._brokers = brokers
        self._session = Session(client_id, tuple(link.topics.up for link in links))
        self._by_topic = {
            topic: link
            for link in links
            for topic in (link.topics.hello, link.topics.journal, link.topics.told, link.topics.state)
        }

    async def run(self) -> None:
        """At one broker or another, until cancelled."""
        for address in cycle(self._brokers):
            try:
                async with connected(address, self._session) as connection:
                    await self._serve(connection)
            except BrokerLost:
                pass  # it comes back, or another is there
            await asyncio.sleep(RETRY_S)

    async def _serve(self, connection: Connection) -> None:
        for link in self._links:
            link.attach(lambda topic, payload: connection.publish(Message(topic, payload)))
        try:
            await connection.carry(self._receive)
        finally:
            for link in self._links:
                link.detach()

    def _receive(self, topic: str, payload: bytes) -> None:
        link = self._by_topic.get(topic)
        if link is not None and link.is_connected:
            link.receive(topic, payload)
