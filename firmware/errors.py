"""What can go wrong above the wire. Each class says whose fault it was, and carries the exit code of a command that ends on it.

Expected outcomes (a wrong code, a stale screen) are values, not errors: see `model.Outcome` and `model.Notice`.
"""

from typing import ClassVar


class PostomatError(Exception):
    """Anything a person can be told in one line."""

    exit_code: ClassVar[int] = 1


class ConfigError(PostomatError):
    """The configuration is wrong; the message names the file, the key and the bound."""

    exit_code = 3


class Unreachable(PostomatError):
    """The controller does not answer on its socket."""

    exit_code = 4


class ProtocolError(PostomatError):
    """A face sent something that is not in the protocol; it is disconnected."""

    exit_code = 5


class StoreError(PostomatError):
    """The store could not commit or read; memory must be rebuilt from it."""


class StoreFull(StoreError):
    """There was no space for it on the disk."""


class StoreCorrupt(StoreError):
    """The database, or the journal's hash chain in it, is damaged."""


class EpochEnded(PostomatError):
    """The backend has demanded a new epoch; its database is made, and the next start opens it."""


class HardwareError(PostomatError):
    """No bank of the configuration could be reached; the message names the device."""

    exit_code = 6
