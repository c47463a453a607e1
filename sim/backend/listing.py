"""What a locker is told of its list, object after object: what is on its way, what it has taken, and when the next is due."""

from firmware.link.topics import name_of
from firmware.model import Outcome
from sim.backend.backend import Backend
from sim.backend.lists import Part

REPEATED = frozenset({Outcome.OLDER, Outcome.BUSY, Outcome.STORAGE_FAILED, Outcome.GAP})  # so is told again
AGAIN = REPEATED | {Outcome.UNKNOWN_KEY}  # so is a command: it is signed anew where its key has left
LOST = frozenset({Outcome.OLDER, Outcome.GAP})  # it has another list than we think


class Listing:
    """One list at a time is on its way."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._name: str | None = None  # of the object on its way …
        self._part: Part | None = None  # … what it tells …
        self._version = 0  # … and its version
        self._signer = backend.signer  # … and who has signed it
        self._offered: int | None = None  # revision of the last list that was told to its end

    @property
    def is_offered(self) -> bool:
        """Whether the newest list was sent, all of it."""
        return self._offered == self._backend.revision

    def is_on_its_way(self, name: str) -> bool:
        """Whether the object of this name is the list that waits for its answer."""
        return name == self._name

    def again(self) -> None:
        """What is on its way may be lost, or is not enough."""
        self._name = self._part = self._offered = None

    def compare(self, version: int) -> None:
        """The locker says which list it has."""
        if version != self._backend.books.listed_version:
            self._backend.take_listed(0, {})

    def next(self) -> bytes | None:
        """The object that is to be sent now, if any."""
        if self._name is not None or self.is_offered:
            return None
        part, revision = self._backend.next_part(), self._backend.revision
        self._offered = revision if part.is_last else None
        if self._backend.books.listed_version and part.is_empty:
            return None
        signed = self._backend.sign_part(part)
        self._name, self._part, self._version = name_of(signed), part, self._backend.version
        self._signer = self._backend.signer
        return signed

    def answer(self, name: str, outcome: Outcome) -> bool:
        """What the locker says of an object; of a list that is not on its way any more, it means nothing.

        Whether what comes next goes at once. What a full disk or a busy locker refused waits for its turn: else it would be told
        and refused without end.
        """
        part = self._part
        if name != self._name or part is None:
            return False
        self._name = self._part = None
        if outcome is Outcome.DONE:
            self._backend.take_listed(self._version, part.after)
            return True
        if outcome in LOST:
            self._backend.take_listed(0, {})
        left = outcome is Outcome.UNKNOWN_KEY and self._signer is not self._backend.signer
        if outcome in REPEATED or left:
            self._offered = None
        else:
            self._backend.alarm("a list was refused: ", f"{outcome} (version {self._version})")
        return outcome in LOST
