"""Ninety days without a network: the real store, gate and link, and a backend that has everything in the end."""

import asyncio
import random
import tempfile
from pathlib import Path

import pytest

from firmware.housekeeping import PRUNE_S
from firmware.model import Entry, EntryKind, Moment
from sim import loop as virtual
from sim.backend import Backend, Link, Site
from sim.broker import Broker
from sim.uplink import MemoryFarEnd, MemoryUplink
from tests.core.harness import LOCKER
from tests.core.shell import CODE_KEY, JOURNAL_KEY, SIGNER, Shell, running

DAYS, ENTRIES = 90, 100_000
COMMIT = 250  # entries
DAY_MS = 86_400_000


class Offline:
    """A shell whose link has no network yet, and its backend."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        site = Site(LOCKER, "-", CODE_KEY, JOURNAL_KEY.public)
        self.backend = Backend(site, SIGNER, shell.clock.true_ms, random.Random(1))
        self.link = Link(self.backend)
        self.broker = Broker(random.Random(1))
        self.uplink = MemoryUplink(LOCKER, self.broker, random.Random(1))
        self.far = MemoryFarEnd(self.link, self.broker, lambda: None)
        self.uplink.network(up=False)
        self.uplink.attach(shell.gate)

    def is_even(self) -> bool:
        store, ledger = self.shell.store, self.backend.ledger
        if ledger.last != store.last_seq:
            return False
        after, whole = 0, ledger.rows
        while rows := store.journal(after, 1_000):
            if rows != list(whole[after : after + len(rows)]):
                return False
            after = rows[-1].seq
        return after == store.last_seq

    async def lives(self) -> None:
        """So many entries, spread over the days, while everything that prunes does its work."""
        shell, step_ms = self.shell, DAYS * DAY_MS * COMMIT // ENTRIES
        for number in range(ENTRIES // COMMIT):
            shell.clock.pass_by(step_ms)
            mono_ms = shell.runtime.now().mono_ms
            many = [Entry(EntryKind.WRONG_CODE, count=number) for _ in range(COMMIT)]
            shell.store.commit([], many, Moment(mono_ms, shell.clock.true_ms(), sure=True))
            if number % 20 == 0:
                await asyncio.sleep(PRUNE_S)


@pytest.mark.timeout(300)
def test_ninety_days_offline_lose_nothing() -> None:
    async def main(folder: Path) -> None:
        async with running(folder) as shell:
            there = Offline(shell)
            await there.lives()
            assert shell.store.last_seq >= ENTRIES
            assert shell.store.entries == shell.store.last_seq  # nothing is pruned that nobody has
            there.broker.weather.dropped = there.broker.weather.repeated = 0.2
            there.uplink.network(up=True)
            await asyncio.sleep(60)
            there.broker.wipe()
            there.broker.weather.dropped = there.broker.weather.repeated = 0.0
            for _ in range(100):
                await asyncio.sleep(20)
                there.link.sync()
            assert there.is_even()
            assert there.backend.alarms == []
            assert shell.state.locker.acked_seq >= ENTRIES - 100
            for _ in range(ENTRIES // 256 + 2):
                await asyncio.sleep(PRUNE_S)
            kept_ms = shell.config.journal.acknowledged_h * 3_600_000
            assert shell.store.entries < ENTRIES * (kept_ms / DAY_MS + 5) / DAYS
            there.uplink.detach()

    with tempfile.TemporaryDirectory(prefix="offline-") as folder:
        virtual.run(main(Path(folder)))
