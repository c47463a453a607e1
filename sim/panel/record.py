"""All that people, the backend and faults did at a live locker, as a scenario file that plays in virtual time.

It begins with the past, and from there on tells each deed in its moment, and each entry of the journal where it came: so the
file is a test of its own, and passes only where the same comes of the same. A typed code is told by whose right it proves.
"""

import asyncio
import json
from dataclasses import dataclass

from firmware.assembly import Assembly
from firmware.control import Code
from firmware.events import Effect, KioskJoined
from firmware.inbox import Post
from firmware.model import Entry, EntryKind, Outcome
from sim import past
from sim.commits import Commit, Commits
from sim.deeds import FAULT, Deed, Deeds
from sim.glass import Glass, Touched
from sim.locker import SimLocker

RECORDS_MAX = 20_000
UNDONE = (Outcome.STALE, Outcome.BUSY)  # such a touch has touched nothing
# What differs from one life to the next: how many lists were sent until the locker had the newest, when the backend's answer made
# its clock sure, and when the scanner's own process, which starts and looks in real seconds, first said how its camera is.
UNTOLD = (EntryKind.GRANTS, EntryKind.STARTED, EntryKind.CLOCK, EntryKind.SCANNER)
HEAL_S = 30.0  # behind the last deed: what is healed comes back


@dataclass(eq=False)
class _Record:
    """One line and its moment; without a line it is not known yet, or was nothing."""

    at_s: float
    line: str | None = None


class Recorder:
    """Of one live locker, from `begin` on."""

    def __init__(
        self, locker: SimLocker, commits: Commits, deeds: Deeds, glass: Glass, *, cabinet: str, seed: int
    ) -> None:
        self._locker = locker
        self._cabinet = cabinet
        self._seed = seed
        self._began_s: float | None = None
        self._records: list[_Record] = []
        self._touches: dict[Touched, _Record] = {}
        self._struck: dict[tuple[str, int | None], str] = {}  # what lasts → how it is healed
        self._had_session = False
        commits.handled.append(self._handled)
        deeds.observers.append(self._deed)
        glass.touched.append(self._touch)
        glass.answered.append(self._answer)

    def begin(self) -> None:
        """The locker has just been switched on after its past."""
        self._began_s = asyncio.get_running_loop().time()

    def strike(self, name: str, cell: int | None, seed: int, *, lasting: bool) -> None:
        """A fault was struck by hand."""
        at = f" cell={cell}" if cell is not None else ""
        self._add(f"strike {name}{at} seed={seed}")
        if lasting:
            self._struck[name, cell] = f"heal {name}{at}"

    def heal(self, name: str, cell: int | None) -> None:
        """It was healed."""
        if (line := self._struck.pop((name, cell), None)) is not None:
            self._add(line)

    def restarted(self) -> None:
        """The controller had ended by itself, and was started anew."""
        self._add("service restarts")

    def text(self, title: str) -> str:
        """The scenario file of all that happened so far; what is out of order is healed at its end."""
        lines = [*past.lines(self._cabinet), "power on", "mark"]
        at_ms = 0
        for record in self._records:
            if record.line is not None:
                if (moment_ms := round(1_000 * record.at_s)) > at_ms:
                    at_ms = moment_ms
                    lines.append(f"at {at_ms / 1_000:.3f}s")
                lines.append(record.line)
        lines += self._struck.values()
        lines.append(f"at {max(at_ms / 1_000, self._now_s()) + (HEAL_S if self._struck else 0):.3f}s")
        steps = "\n".join(f"  {json.dumps(line, ensure_ascii=False)}," for line in lines)
        return (
            f"title = {json.dumps(title, ensure_ascii=False)}\ncabinet = {json.dumps(self._cabinet)}\n"
            f"seed = {self._seed}\ndisk = true\nsteps = [\n{steps}\n]\n"
        )

    # What is heard

    def _handled(self, parts: Assembly, post: Post, effects: list[Effect], commit: Commit) -> None:
        if isinstance(post.event, KioskJoined) and self._had_session:
            self._add("page loaded")  # it has ended what somebody was about to do
        self._had_session = parts.runtime.controller.state.session is not None
        for entry in commit.entries:
            self._entry(entry)

    def _entry(self, entry: Entry) -> None:
        if entry.kind not in UNTOLD:
            cell = f" cell={entry.cell}" if entry.cell is not None else ""
            parcel = f" parcel={entry.parcel}" if entry.parcel is not None else ""
            self._add(f"journal {entry.kind}{cell}{parcel}")

    def _deed(self, deed: Deed) -> None:
        if deed.by_fault:
            return  # it comes with the strike
        if (line := _of_backend(deed)) is not None:
            self._add(line)
            return
        match deed.verb:
            case "put" | "take":
                self._add(f"{deed.verb} {deed.parcel} {deed.cell} after=0s")
            case "close":
                latched = self._locker.world.cells[deed.cell or 0].latched
                self._add(f"close {deed.cell}{'' if latched else ' latches=no'}")
            case "hold" | "redraw":
                self._add(
                    f"token '{deed.who}' {deed.parcel}{f' source={deed.source}' if deed.source else ''}"
                )
                self._add(f"hold '{deed.who}'{f' way={deed.way}' if deed.way else ''}")
            case "lower":
                self._add("lower")
            case "beep":
                self._add(f"beep '{deed.parcel}'")
            case "claim":
                self._add(f"scan '{deed.who}'")
                self._add(f"claim '{deed.who}'")
            case "leave":
                self._add(f"leave '{deed.who}'")
            case verb:
                self._add(f"{verb} {deed.cell}")

    def _touch(self, touched: Touched) -> None:
        if not touched.who.startswith(FAULT) and (record := self._add(None)) is not None:
            self._touches[touched] = record

    def _answer(self, touched: Touched, outcome: Outcome) -> None:
        record = self._touches.pop(touched, None)
        if record is not None and outcome not in UNDONE:
            line = (
                self._typed(touched.message) if isinstance(touched.message, Code) else self._pressed(touched)
            )
            record.line = line if outcome is Outcome.DONE else f"{line} blind=yes"

    @staticmethod
    def _pressed(touched: Touched) -> str:
        message = touched.message
        problem = getattr(message, "problem", None)
        return f"press {getattr(message, 'action', '')}{f' {problem}' if problem else ''}"

    def _typed(self, message: Code) -> str:
        """Whose right the code proves: the code itself stands nowhere."""
        digits = self._locker.config.locker.code_digits
        code, phone = message.code[:digits], message.code[digits:]
        for order in self._locker.backend.orders.values():
            for grant in order.grants.values():
                if grant.code == code:
                    other = f" phone={'0000' if phone else ''}" if phone != grant.phone and phone else ""
                    return f"type {grant.purpose} {order.waybill}{other}"
        return "type wrong"

    def _add(self, line: str | None) -> _Record | None:
        if self._began_s is None or len(self._records) >= RECORDS_MAX:
            return None
        record = _Record(self._now_s(), line)
        self._records.append(record)
        return record

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time() - (self._began_s or 0.0)


def _of_backend(deed: Deed) -> str | None:
    """The line of what was asked of the backend; None where it was done at the locker."""
    match deed.verb:
        case "order":
            outbound, early = (
                " direction=outbound" if deed.outbound else "",
                " early=yes" if deed.early else "",
            )
            whose = f"cell={deed.cell} buyer='{deed.buyer}' account='{deed.account}'"
            return f"order {deed.parcel} {whose}{outbound}{early}"
        case "move":
            return f"move {deed.parcel} {deed.cell}"
        case "open" | "confirm" | "report" | "extend" | "cancel":
            return f"command {deed.verb} {deed.parcel} {deed.problem}".rstrip()
        case "withdraw" | "resend" | "returned":
            return f"{deed.verb} '{deed.parcel}'"
        case "decide":
            return f"decide {deed.parcel} {'yes' if deed.decision == 'refund' else 'no'}"
        case "configure":
            static = {"allowed": " static_tokens=yes", "refused": " static_tokens=no"}.get(deed.static, "")
            return f"policy {deed.policy}{static}"
    return None
