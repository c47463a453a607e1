"""A controller put together: store, gate, runtime and body around one configuration.

What touches the machine (drivers, clock, randomness, secrets) is handed in: by `firmware.__main__` on a locker, by the
simulator with bytes and pins of its own. Everything between is the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from firmware.body import Body, Line
from firmware.chain import Sealed
from firmware.config import Config
from firmware.errors import ConfigError, StoreError
from firmware.gate import Gate
from firmware.hello import Hellos
from firmware.inbox import Inbox
from firmware.offer import Offer
from firmware.reserve import Reserve
from firmware.runtime import Runtime
from firmware.sealed import JournalKey
from firmware.signed import Keyring
from firmware.store import Store
from firmware.turn import Cabinet
from hal.ports import WallClock


@dataclass(frozen=True, slots=True)
class Assembly:
    """The parts of a running controller."""

    config: Config
    store: Store
    inbox: Inbox
    body: Body
    runtime: Runtime
    gate: Gate

    def attach(self, lines: Mapping[str, Line]) -> None:
        """Give the body its lines, by the names of their banks."""
        self.body.attach(lines)


def assemble(
    config: Config,
    store: Store,
    reserve: Reserve,
    clock: WallClock,
    *,
    code_key: bytes,
    journal_key: JournalKey,
    start: str,
    boot: str,
    draw: Callable[[int], bytes],
) -> Assembly:
    """Put the parts together; nothing runs yet.

    `start` is random per start of the process, `boot` names the run of the monotonic clock, `code_key` is the key of the
    codes' digests. `draw(n)` makes n bytes that nobody can guess.

    Raises StoreError when the store cannot be read, or its journal begins behind an anchor of another key: that is no damage,
    for the key may be the wrong one. ConfigError for a bad key of the backend's.
    """
    if store.anchor is not None and not journal_key.verifies(Sealed.ANCHOR, *store.anchor):
        raise StoreError(
            f"the journal's anchor, seq {store.anchor[0].seq}, was not signed with this journal_key"
        )
    inbox = Inbox(config.inbox_max)
    body = Body(Cabinet(config), inbox)
    runtime = Runtime(config, store, clock, body, inbox, reserve, journal_key, start=start, boot=boot)
    try:
        keyring = Keyring({key.id: bytes.fromhex(key.public) for key in config.access.backend_keys})
    except ValueError as error:
        raise ConfigError(f"access.backend_keys: {error}") from None
    gate = Gate(
        runtime, inbox, store, body, keyring, code_key, journal_key, Hellos(draw), Offer(config, draw)
    )
    return Assembly(config, store, inbox, body, runtime, gate)
