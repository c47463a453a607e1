"""The Unix sockets before the gate: one per role, with the peer's credentials checked by the kernel's word."""

import asyncio
import logging
import os
import pwd
import socket
import struct
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import cast

from firmware.config import Config
from firmware.control import FRAME_MAX_BYTES
from firmware.errors import ConfigError
from firmware.gate import Gate
from firmware.peer import Peer, Role

log = logging.getLogger(__name__)

BACKLOG_MAX_BYTES = 8 * FRAME_MAX_BYTES  # of answers that a peer has not read
GOODBYE_S = 1.0  # for the last lines of a peer that is sent away
PATH_MAX_BYTES = 107  # sun_path of Linux, less its zero


class Connection(asyncio.Protocol):
    """One peer's transport."""

    def __init__(self, gate: Gate, role: Role, uids: frozenset[int]) -> None:
        self._gate = gate
        self._role = role
        self._uids = uids
        self._transport: asyncio.Transport | None = None
        self._peer: Peer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the peer in, or hang up on a user who may not speak in this role."""
        wire = cast("asyncio.Transport", transport)
        uid = peer_uid(wire.get_extra_info("socket"))
        if uid is not None and uid not in self._uids:
            log.warning("uid %d may not speak as %s", uid, self._role)
            wire.abort()
            return
        self._transport = wire
        self._peer = self._gate.join(self._role, self._send, self._hang_up)

    def data_received(self, data: bytes) -> None:
        """Hand on what the peer sent."""
        if self._peer is not None:
            self._peer.feed(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the peer."""
        if self._peer is not None:
            self._peer.gone()

    def _send(self, line: bytes) -> None:
        """Queue a line; a peer that does not read is dropped, so that it holds up nobody."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(line)
        if self._transport.get_write_buffer_size() > BACKLOG_MAX_BYTES and self._peer is not None:
            log.warning("%s peer dropped: it does not read", self._role)
            self._peer.drop()  # whatever else it has asked for is not looked at

    def _hang_up(self) -> None:
        """Close; a peer that does not take its last lines soon loses them, so that no descriptor is kept for it."""
        if self._transport is not None:
            self._transport.close()
            asyncio.get_running_loop().call_later(GOODBYE_S, self._transport.abort)


def peer_uid(sock: socket.socket) -> int | None:
    """Who is at the other end, by SO_PEERCRED (unix(7)). None where the system has no such option: then the file's mode guards."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    credentials = sock.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def allowed_uids(config: Config) -> Mapping[Role, frozenset[int]]:
    """Root, the controller's own user, and those whom the configuration names. Raises ConfigError for an unknown user."""
    named = {
        Role.KIOSK: ("kiosk_users", config.access.kiosk_users),
        Role.LINK: ("link_users", config.access.link_users),
        Role.SCANNER: ("scanner_users", config.access.scanner_users),
        Role.SERVICE: ("service_users", config.access.service_users),
    }
    return {role: frozenset({0, os.geteuid(), *_uids(key, users)}) for role, (key, users) in named.items()}


def _uids(key: str, users: tuple[str, ...]) -> list[int]:
    try:
        return [pwd.getpwnam(user).pw_uid for user in users]
    except KeyError as error:
        raise ConfigError(f"access.{key}: there is no user {error.args[0].split()[-1]} here") from None


async def listen(gate: Gate, config: Config) -> list[asyncio.Server]:
    """Open every role's socket below `paths.run`. Raises ConfigError where a socket cannot be made there."""
    uids = allowed_uids(config)
    servers = []
    loop = asyncio.get_running_loop()
    for role in Role:
        path = config.paths.run / f"{role}.sock"
        if len(os.fsencode(path)) > PATH_MAX_BYTES:
            raise ConfigError(
                f"paths.run: {path} is longer than a socket's name may be ({PATH_MAX_BYTES} bytes)"
            )
        try:
            _clear(path)
            server = await loop.create_unix_server(partial(Connection, gate, role, uids[role]), path)
            alone = uids[role] <= {0, os.geteuid()}
            path.chmod(0o600 if alone else 0o666)  # beyond the mode, the credentials decide
        except OSError as error:
            raise ConfigError(f"paths.run: {path}: {error.strerror}") from None
        servers.append(server)
    return servers


def _clear(path: Path) -> None:
    """Remove the socket that a killed controller left behind; a live one's store is locked, so this one never gets here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
