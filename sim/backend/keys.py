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
        self._asked = ""  # the id of the command that tells the locker of both

    def both(self, following: Signer) -> Deed:
        """What tells a locker of the next key beside this one. Raises ValueError while another change goes on."""
        if self._following is not None or following.key_id == self.signer.key_id:
            raise ValueError(
                f"{following.key_id}: {self.signer.key_id} is being replaced, or goes by that name"
            )
        return commands.rotate({key.key_id: key.public for key in (self.signer, following)})

    def plan(self, following: Signer, since_ms: int, asked: str) -> None:
        """From this moment (UTC) on sign with another key, where the locker knows it by then, or else as soon as it does."""
        self._following, self._since_ms, self._asked = following, since_ms, asked

    def turn(self, books: Books, now_ms: int) -> Deed | None:
        """Sign with the other key from now on, if it is time: then the locker is to be told that the old one is no more."""
        asked = books.commands.get(self._asked)
        known = asked is not None and asked.outcome == Outcome.DONE
        if self._following is None or now_ms < self._since_ms or not known:
            return None
        self.signer, self._following = self._following, None
        return commands.rotate({self.signer.key_id: self.signer.public})
