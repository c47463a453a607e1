"""The backend's keys: one signs; before another takes its place, the locker has said that it knows both.

Rules:
- Keys are given at the start, and stand in no database. How far a rotation is, its last command says, for it names the keys: two,
  of which the first one signs until the locker knows both and the moment has come; then one, which signs alone.
- What an epoch that is over has said of keys, the next one is told again: it may know only those of its configuration.
- So a backend that starts again in the middle goes on where it is given the keys that the command names. Where it is not, it
  signs with what it has, goes no further, and asks for the others by their names.
"""

from firmware.model import Outcome
from sim.backend import commands
from sim.backend.books import Books, SentCommand
from sim.backend.commands import Deed
from sim.backend.signing import Signer, said_in

SINCE = "rotation_since_ms"  # the counter that keeps the moment of the last rotation


class Keys:
    """The signing key, and the one that is to follow it."""

    def __init__(self, books: Books, signer: Signer, following: Signer | None = None) -> None:
        """What is given: one key, and beside it another one where a rotation is under way."""
        self.signer = signer
        self._books = books
        self._following: Signer | None = None
        self._asked = ""  # the id of the command that tells the locker of both, or later of the new one alone
        self._since_ms = books.counters.get(SINCE, 0)
        self.lacks: list[str] = []  # the names of keys that it takes to go on, and that were not given
        last = next((each for each in reversed(books.commands.values()) if each.verb == "rotate"), None)
        if last is not None:
            self._resume(last, [each for each in (signer, following) if each is not None])

    @property
    def is_under_way(self) -> bool:
        """Whether the locker has still to say that it believes the signing key alone."""
        return bool(self._asked)

    def _resume(self, last: SentCommand, given: list[Signer]) -> None:
        """Stand where the last command says that the rotation is."""
        public = {each.public: each for each in given}
        named = {key["id"]: public.get(key["public"]) for key in said_in(last.object)["do"]["keys"]}
        keys = [key for key in named.values() if key is not None]
        self.lacks = [name for name, key in named.items() if key is None]
        self.signer = next(iter(keys), self.signer)
        if len(named) > 1 or last.outcome != Outcome.DONE:
            self._asked = last.id
            self._following = next(iter(keys[1:]), None)

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
        self._books.count(SINCE, since_ms)

    def asks(self, asked: str) -> None:
        """Wait for the answer to this command: it tells the locker what `turn` wants it to be told."""
        self._asked = asked

    def turn(self, now_ms: int) -> Deed | None:
        """Sign with the other key from now on, if it is time: then the locker is to be told that the old one is no more.

        What the locker has refused, because it was not sure of the time or its disk was full, it is told again.
        """
        asked = self._books.commands.get(self._asked)
        if not self.is_under_way or self.lacks or (asked is not None and asked.outcome is None):
            return None
        is_known = asked is not None and asked.epoch == self._books.ledger.epoch
        if asked is None or asked.outcome != Outcome.DONE or not is_known:
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
