"""What is said over the broker, and where: topics below `postomat/v1/{locker}/`, and the messages that are not the controller's own.

| topic | payload |
|---|---|
| up/hello | `control.Hello` |
| up/journal | `control.Journal`, as the controller made it: rows and the signed head of the last one |
| up/told | `Answer` |
| up/state | `State`, retained; it is also the last will |
| down/signed | one signed object, its bytes as they are |

MQTT 3.1.1, QoS 1, a persistent session at both ends. Nothing but up/state is retained.
"""

import hashlib

from msgspec import Struct

from firmware.model import Outcome

OBJECT_NAME_DIGITS = 16


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a signed object, or later of a command that was answered `accepted`."""

    outcome: Outcome
    object: str | None = None  # the first 16 hex digits of the SHA-256 of the signed object
    command: str | None = None  # the command's id, where this is its later outcome


class State(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the locker is there: its link is at the broker, and its controller behind the link."""

    online: bool  # False: what is sent now waits at the broker, or is lost


class Topics(Struct, frozen=True):
    """The topics of one locker."""

    locker: str

    @property
    def root(self) -> str:
        return f"postomat/v1/{self.locker}"

    @property
    def hello(self) -> str:
        return f"{self.root}/up/hello"

    @property
    def journal(self) -> str:
        return f"{self.root}/up/journal"

    @property
    def told(self) -> str:
        return f"{self.root}/up/told"

    @property
    def state(self) -> str:
        return f"{self.root}/up/state"

    @property
    def up(self) -> str:
        """All that a locker says: what its backend subscribes."""
        return f"{self.root}/up/+"

    @property
    def signed(self) -> str:
        return f"{self.root}/down/signed"


def name_of(signed: bytes) -> str:
    """By what an answer names a signed object: the first digits of its SHA-256, in hex."""
    return hashlib.sha256(signed).hexdigest()[:OBJECT_NAME_DIGITS]
