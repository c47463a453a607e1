"""Real brokers for tests: NATS from PyPI, and Debian's Mosquitto with TLS, client certificates and an access list."""

import asyncio
import getpass
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from cryptography import x509
from msgspec.structs import replace

from firmware.config import Config, Link, Paths
from firmware.provision import Authority, provision
from hal.clock import SystemClock
from sim.nats import NatsServer
from sim.ports import free_port
from sim.scenario import cabinet

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
ACL = """
user backend
topic read postomat/v1/+/up/+
topic write postomat/v1/+/down/signed

pattern write postomat/v1/%u/up/+
pattern read postomat/v1/%u/down/+
"""
CONFIG = """
user {user}
listener {port} 127.0.0.1
cafile {folder}/ca/ca.crt
certfile {folder}/broker/link.crt
keyfile {folder}/broker/link_key
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
acl_file {folder}/acl
persistence false
set_tcp_nodelay true
"""


class Mosquitto:
    """One Mosquitto, which keeps nothing over a restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self.certified("broker", "127.0.0.1")
        (folder / "acl").write_text(ACL)
        (folder / "acl").chmod(0o600)
        (folder / "mosquitto.conf").write_text(
            CONFIG.format(port=self.port, folder=folder, user=getpass.getuser())
        )

    @property
    def address(self) -> str:
        return f"mqtts://127.0.0.1:{self.port}"

    def certified(self, name: str, server: str | None = None) -> Path:
        """The folder with the keys and the certificate of this client, or server."""
        folder, utc_ms = self.folder / name, SystemClock().utc_ms()
        provision(name, folder, utc_ms, self.folder / "ca")
        if server is not None:
            request = x509.load_pem_x509_csr((folder / "link.csr").read_bytes())
            (folder / "link.crt").write_bytes(Authority(self.folder / "ca", utc_ms).sign(request, server))
        return folder

    def context(self, name: str) -> ssl.SSLContext:
        folder = self.certified(name)
        context = ssl.create_default_context(cafile=self.folder / "ca/ca.crt")
        context.load_cert_chain(folder / "link.crt", folder / "link_key")
        return context

    def locker(self, run: Path, name: str) -> Config:
        """What a locker of this name reads."""
        folder = self.certified(name)
        section = Link((self.address,), self.folder / "ca/ca.crt", folder / "link.crt")
        return _config(run, name, section, folder)

    async def start(self) -> None:
        command = [MOSQUITTO, "-c", str(self.folder / "mosquitto.conf")]
        with (self.folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        for _ in range(200):
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class Nats(NatsServer):
    """NATS on plain TCP: there are no clients but ours on the loopback."""

    def context(self, name: str) -> None:
        return None

    def locker(self, run: Path, name: str) -> Config:
        return _config(run, name, Link((self.address,)), run)


Broker = Mosquitto | Nats


def _config(run: Path, name: str, link: Link, credentials: Path) -> Config:
    config = cabinet("rs485")
    locker = replace(config.locker, id=name)
    return replace(config, locker=locker, link=link, paths=Paths(state=run, run=run, credentials=credentials))


@asynccontextmanager
async def running(kind: str, folder: Path) -> AsyncIterator[Broker]:
    broker: Broker = Nats(folder / "nats") if kind == "nats" else Mosquitto(folder)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.kill()
