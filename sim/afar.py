"""What was signed for a locker, and what by its journal it has made of it: kept apart from the locker's own rows, for the rules.

Every commit is read, and after a start whatever was committed when nobody could see it any more.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, get_args

import msgspec

from firmware import deeds
from firmware.assembly import Assembly
from firmware.config import Times
from firmware.events import Answer, Commanded, Effect, Event
from firmware.model import Entry, EntryKind, Outcome
from sim.backend import Signer
from sim.backend.signing import CHANGES, COMMAND, GRANTS

DAY_MS = 24 * 3_600_000
ROWS = 4_096  # of a journal, read at a time
KINDS = tuple(kind.__name__.lower() for kind in get_args(deeds.AnyDeed))
CARRIED_OUT = (Outcome.DONE, Outcome.ACCEPTED)
LEFT_KEY = "under a key that has left"  # counted beside the kinds


class Reservation(NamedTuple):
    """A cell that is kept for a parcel, until a moment (UTC)."""

    cell: int
    until_ms: int


class Afar:
    """The account of one locker."""

    def __init__(self, times: Times) -> None:
        """`times`: those of the locker's file."""
        self.keys: dict[str, str] = {}  # whose word counts: key id → public key in hex
        self.keys_before: dict[str, str] = {}  # the last commit
        self.settings: dict[str, int | str] = {}  # that stand before the file's
        self.reserved: dict[str, Reservation] = {}  # by waybill
        self.bad: set[str] = set[str]()  # ids of commands that no locker may carry out
        self.answered: Counter[str] = Counter()  # `kind: outcome` of each command that came
        self.times = times
        self._file_times = times
        self._publics: dict[str, str] = {}
        self._signed: dict[
            str, set[str]
        ] = {}  # command, or a list's version → ids of the keys that signed it
        self._named: dict[int, set[str]] = {}  # a list's version → the parcels in it
        self._came: set[str] = set[str]()
        self._seq = 0

    @property
    def untouched_max(self) -> int:
        """How often commands may open within the window with nobody at the screen."""
        anywhere = self.settings.get("remote_open", "anywhere") == "anywhere"
        return self.times.remote_open_max if anywhere else 0

    @property
    def takes_static(self) -> bool:
        """Whether codes without an end are good."""
        return self.settings.get("static_tokens", 1) == 1

    def signed_with(self, what: str | int) -> set[str]:
        """The keys that have signed a command of this id, or a list of this version."""
        return self._signed.get(str(what), set())

    def hears(self, signer: Signer) -> None:
        """A key of the backend's is about to sign. The first one is the locker's from its file."""
        self._publics[signer.key_id] = signer.public.hex()
        self.keys = self.keys or dict(self._publics)
        self.keys_before = self.keys_before or self.keys

    def sign(self, signer: Signer, kind: str, payload: Mapping[str, Any]) -> None:
        """The backend has signed something."""
        if kind == COMMAND:
            self._signed.setdefault(payload["id"], set()).add(signer.key_id)
        elif kind in (GRANTS, CHANGES):
            self._signed.setdefault(str(payload["version"]), set()).add(signer.key_id)
            self._named[payload["version"]] = {named["waybill"] for named in payload.get("parcels", ())}

    # What the locker does

    def follow(self, parts: Assembly) -> None:
        """A new controller: what its store has, and what was not seen to be committed."""
        while rows := parts.store.journal(self._seq, ROWS):
            bodies = [msgspec.json.decode(row.body) for row in rows]
            for body in bodies:
                self.take_entries([msgspec.convert(body, Entry)], body["utc_ms"])
            self._seq = rows[-1].seq

    def committed(self, entries: Iterable[Entry], utc_ms: int, last_seq: int) -> None:
        """A commit has ended."""
        self.take_entries(entries, utc_ms)
        self._seq = last_seq

    def take_entries(self, entries: Iterable[Entry], utc_ms: int) -> None:
        """What is written at this moment (UTC) counts from now on."""
        self.keys_before = self.keys
        for entry in entries:
            match entry:
                case Entry(kind=EntryKind.KEYS, why=str(names)):
                    self.keys = {name: self._publics.get(name, "nobody's") for name in names.split()}
                case Entry(kind=EntryKind.CONFIGURED):
                    self._set(entry.why or "")
                case Entry(kind=EntryKind.RESERVED, parcel=str(waybill), cell=int(cell)):
                    self.reserved[waybill] = Reservation(cell, utc_ms + DAY_MS)
                case Entry(kind=EntryKind.GRANTS, count=int(version)):
                    for waybill in self._named.pop(version, ()):
                        self.reserved.pop(waybill, None)
                case Entry(kind=EntryKind.CANCELLED, parcel=str(waybill)):
                    self.reserved.pop(waybill, None)
                case Entry(kind=EntryKind.EPOCH):
                    self.reserved.clear()

    def take_event(self, event: Event, effects: list[Effect]) -> None:
        """An event was handled: count what was said to whoever sent a command, the first time that it came."""
        if isinstance(event, Commanded) and event.id not in self._came:
            self._came.add(event.id)
            told = (effect.outcome for effect in effects if isinstance(effect, Answer))
            self.answered.update(f"{type(event.do).__name__.lower()}: {outcome}" for outcome in told)

    def _set(self, words: str) -> None:
        said = dict(word.split("=") for word in words.split())
        self.settings = {name: int(value) if value.isdecimal() else value for name, value in said.items()}
        times = {name: value for name, value in self.settings.items() if hasattr(self._file_times, name)}
        self.times = msgspec.structs.replace(self._file_times, **times)


def never_carried_out(answered: Mapping[str, int]) -> tuple[str, ...]:
    """The kinds of command of which no locker has carried out one."""
    done = {f"{kind}: {outcome}": kind for kind in KINDS for outcome in CARRIED_OUT}
    seen = {done[name] for name in answered if name in done}
    return tuple(kind for kind in KINDS if kind not in seen)
