"""Whose word counts now: the backend's keys as the store has them, and those of the file until it has any."""

from collections.abc import Callable

from firmware.model import Outcome
from firmware.signed import Keyring

Kept = tuple[tuple[str, str], ...]  # id, public key in hex


class BackendKeys:
    """Follows what the store says."""

    def __init__(self, first: Keyring, kept: Callable[[], Kept]) -> None:
        """`first`: the file's. `kept`: what the store has now; the controller has looked at each before it was kept."""
        self._first = self._keyring = first
        self._kept = kept
        self._made_of: Kept = ()

    def now(self) -> Keyring:
        """The keyring of this moment; the same one until the keys change."""
        kept = self._kept()
        if kept != self._made_of:
            rotated = Keyring({name: bytes.fromhex(public) for name, public in kept})
            self._made_of, self._keyring = kept, rotated if kept else self._first
        return self._keyring

    def refuse(self, open_with: Callable[[Keyring], object], opened_with: Keyring) -> Outcome | None:
        """Why what was opened with that keyring is not believed any more: its key may have left since."""
        if self.now() is opened_with:
            return None
        opened = open_with(self.now())
        return opened if isinstance(opened, Outcome) else None
