"""The backend's keys: one signs; before another takes its place, the locker has said that it knows both."""

from firmware.model import Outcome
from sim.backend import commands
from sim.backend.books import Books
from sim.backend.commands import Deed
from sim.backend.signing import Signer


class Keys:
    """The signing key, and the one that is to follow it. Keys are given, and stand in no database."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self._following: Signer | None = None
        self._since_ms = 0
        self._asked = ""  # the id of the command that tells the locker of both, or later of the new one alone

    @property
    def is_under_way(self) -> bool:
        """Whether the locker has still to say that it believes the signing key alone."""
        return bool(self._asked)

    def both(self, following: Signer) -> Deed:
        """What tells a locker of the next key beside this one. Raises ValueError while another change goes on."""
        if self.is_under_way or following.key_id == self.signer.key_id:
            raise ValueError(
                f"{following.key_id}: {self.signer.key_id} is being replaced, or goes by that name"
            )
        return _told(self.signer, following)

    def plan(self, following: Signer, since_ms: int, asked: str) -> None:
        """From this moment (UTC) on sign with another key, where the locker knows it by then, or else as soon as it does."""
        self._following, self._since_ms, self._asked = following, since_ms, asked

    def asks(self, asked: str) -> None:
        """Wait for the answer to this command: it tells the locker what `turn` wants it to be told."""
        self._asked = asked

    def turn(self, books: Books, now_ms: int) -> Deed | None:
        """Sign with the other key from now on, if it is time: then the locker is to be told that the old one is no more.

        What the locker has refused, because it was not sure of the time or its disk was full, it is told again.
        """
        asked = books.commands.get(self._asked)
        if not self.is_under_way or (asked is not None and asked.outcome is None):
            return None
        if asked is None or asked.outcome != Outcome.DONE:
            return _told(self.signer, *filter(None, [self._following]))
        if self._following is None:
            self._asked = ""
            return None
        if now_ms < self._since_ms:
            return None
        self.signer, self._following = self._following, None
        return _told(self.signer)


def _told(*signers: Signer) -> Deed:
    return commands.rotate({each.key_id: each.public for each in signers})
