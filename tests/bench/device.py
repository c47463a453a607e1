"""A whole device at work: controller and kiosk as they ship, boards of a process of their own behind a pty, and a backend.

The cabinet is standard-64 with all boards answering. Only what comes after a measured moment is quicker than there, so that
a sample takes less: shorter pulses and gaps between them, and quicker polling while a door moves. The app may open any number of
cells without a touch, and a cell takes the next parcel at once.
"""

import random
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time_ns

from msgspec.structs import replace

from firmware.config import Access, BackendKey, Config, Paths
from firmware.config import Link as LinkSection
from firmware.config_file import text
from firmware.sealed import JournalKey
from sim import plan
from sim.backend import Backend, Link, Signer, Site
from sim.ports import free_port
from sim.scenario import cabinet
from sim.socket_link import SocketLink
from tests.bench.process import helper, started


@dataclass(frozen=True)
class Device:
    """What runs, and what its backend knows of it."""

    config: Config
    boards: "subprocess.Popen[bytes]"
    signer: Signer
    site: Site

    @property
    def url(self) -> str:
        """Where the kiosk's page is."""
        return f"http://{self.config.kiosk.host}:{self.config.kiosk.port}"

    def backend(self) -> Backend:
        """One that knows nothing yet."""
        return Backend(self.site, self.signer, lambda: time_ns() // 1_000_000, random.Random(1))

    async def link(self) -> SocketLink:
        """The backend's connection to the controller, past the shipped link; the caller closes it."""
        return await SocketLink.connect(self.config.paths.run / "link.sock", Link(self.backend()))


@contextmanager
def device(*brokers: str) -> Iterator[Device]:
    """Start it, with its link where there are brokers, and stop it afterwards. Raises BenchError where a part does not come up."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        for part in ("state", "run", "credentials"):
            (folder / part).mkdir(mode=0o700)
        signer, code_key = Signer(secrets.token_bytes(32), "sim-1"), secrets.token_bytes(32)
        journal_key = secrets.token_bytes(32)
        (folder / "credentials" / "code_key").write_bytes(code_key)
        (folder / "credentials" / "journal_key").write_bytes(journal_key)
        config = replace(_configuration(folder, signer), link=LinkSection(brokers=brokers))
        known = config.locker.id, config.locker.address, code_key, JournalKey(journal_key).public
        site = Site(*known, code_digits=config.locker.code_digits)
        file = folder / "postomat.toml"
        file.write_text(text(config), encoding="utf-8")
        boards, _ = stack.enter_context(helper("tests.bench.boards", file, folder))
        command = Path(sys.executable).parent / "postomat"
        for name in ("run", "kiosk", "link") if brokers else ("run", "kiosk"):
            stack.enter_context(started([command, name, "--config", file]))
        yield Device(config, boards, signer, site)


def _configuration(folder: Path, signer: Signer) -> Config:
    """The standard cabinet, quicker where nothing is measured."""
    config = cabinet(plan.WORKLOAD)
    return replace(
        config,
        access=Access((BackendKey(signer.key_id, signer.public.hex()),)),
        paths=Paths(state=folder / "state", run=folder / "run", credentials=folder / "credentials"),
        buses=tuple(replace(bus, device=f"{folder}/tty-{bus.name}") for bus in config.buses),
        banks=tuple(replace(bank, pulse_ms=50) for bank in config.banks),
        locks=replace(config.locks, poll_active_hz=50, gap_ms=50),
        times=replace(config.times, storage_term_h=72, remote_open_max=100_000, quiet_after_pickup_s=0),
        kiosk=replace(config.kiosk, port=free_port()),
    )
