"""The X-ray of what is held up to the locker: one causal line from the hand to the bolt, or to the words that say why not. Virtual time."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from firmware.model import Outcome
from firmware.notices import Notice
from sim.commits import Commits
from sim.deeds import Deed, Deeds
from sim.faces import MemoryKiosk
from sim.glass import Glass
from sim.locker import SimLocker
from sim.loop import run
from sim.optics import Ill
from sim.overheard import Overheard
from sim.panel.acts import Hold, Scan
from sim.panel.held import Held
from sim.panel.messages import Line
from sim.panel.xray import XRay
from sim.scenario import cabinet
from sim.script import parse
from sim.site import Site
from sim.steps import Steps

STORED = ("order KZ1 cell=7 buyer=alia", "deposit KZ1 7", "camera ok")
ROUND = ("order KZ1 1 alia", "order KZ2 2 alia", "order KZ3 5 marat", "round deposit KZ1 KZ2")
OPENS = ("read", "event", "verdict", "commit", "journal", "pulse", "screen", "tx", "coil", "bolt", "door", "seen", "commit")  # fmt: skip


class Watched:
    """A locker in virtual time, with people's hands and the X-ray above it."""

    def __init__(self, locker: SimLocker, face: MemoryKiosk) -> None:
        deeds = Deeds(locker)
        self.locker = locker
        self.deeds = deeds
        self.steps = Steps(locker, face)
        self.held = Held(locker, deeds, lambda parcel: "courier")
        self.held.picture, self.held.hears = no_picture, True
        site = Site(locker, random.Random(1), face)
        self.xray = XRay(site, Commits(locker), deeds, Glass(locker, lambda: ""), Overheard(locker.cabinet))

    async def play(self, *lines: str) -> None:
        """As a scenario does."""
        for line in lines:
            await parse(line, Steps)(self.steps)

    def show(self, text: str, who: str = "alia") -> None:
        """Hold up a phone with any code."""
        self.locker.optics.hold(text)
        for observe in self.deeds.observers:
            observe(Deed("hold", who, parcel="KZ1"))

    def lines(self, key: str = "") -> list[Line]:
        return [line for line in self.xray.book.since(0) if key in ("", line.text_key)]

    def line(self, key: str) -> Line:
        """The only one of this key."""
        (line,) = self.lines(key)
        return line


async def no_picture() -> None:
    """Nobody looks on."""


def watch(folder: Path, play: Callable[[Watched], Awaitable[Any]]) -> None:
    async def main() -> None:
        locker = SimLocker(cabinet("rs485"), folder, 1)
        face = MemoryKiosk(locker)
        watched = Watched(locker, face)
        try:
            await locker.switch_on()
            await asyncio.sleep(locker.config.locks.rest_s)
            await play(watched)
        finally:
            watched.held.lower()
            await watched.steps.end()
            await locker.close()

    run(main())


def parts(line: Line) -> list[str]:
    return [part.part for part in line.parts]


def told(line: Line, part: str) -> list[tuple[str, dict[str, Any]]]:
    return [(each.key, each.parameters) for each in line.parts if each.part == part]


def follows(line: Line, *wanted: str) -> bool:
    """Whether it has all these parts, in this order."""
    left = iter(parts(line))
    return all(part in left for part in wanted)


def test_a_phone_held_to_the_camera_begins_one_line_down_to_the_bolt(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        await there.play(*STORED)
        assert there.held.hold(Hold("alia", "KZ1")) is None
        await there.play("see take_parcel cell=7")
        line = there.line("hand.hold")
        assert (line.who, line.parameters) == ("alia", {"parcel": "KZ1"})
        assert follows(line, *OPENS)
        assert told(line, "read") == [("part.read.qr", {})]
        right = {"grant": "pickup-KZ1", "purpose": "pickup", "parcel": "KZ1"}
        assert told(line, "verdict") == [("verdict.token", right)]
        assert {part.cell for part in line.parts if part.part in ("verdict", "pulse", "tx", "bolt")} == {7}
        assert [part.bytes for part in line.parts if part.part == "tx"] == ["8A 01 07 11 9D"]
        assert [key for key, _ in told(line, "door")] == ["part.door.open"]
        assert not [each for each in there.lines("machine.event") if "token" in str(each.parameters).lower()]

    watch(tmp_path, play)


def test_a_code_that_is_drawn_anew_belongs_to_the_same_phone(tmp_path: Path) -> None:
    """Something lies on the lens for a minute: what is read then is another code than the first."""

    async def play(there: Watched) -> None:
        await there.play(*STORED)
        there.locker.optics.afflict(Ill.BLACK)
        assert there.held.hold(Hold("alia", "KZ1")) is None
        first = there.locker.optics.text
        await there.play("wait 60s")
        assert there.locker.optics.text != first
        assert parts(there.line("hand.hold")) == []
        there.locker.optics.afflict(Ill.FINE)
        await there.play("see take_parcel cell=7")
        assert follows(there.line("hand.hold"), *OPENS)

    watch(tmp_path, play)


REFUSED = [
    (("forge alia KZ1 locker=9999",), "verdict.token.refused", {"notice": Notice.OTHER_LOCKER}),
    (("token alia KZ1", "wait 5m"), "verdict.token.refused", {"notice": Notice.QR_OVER}),
    (("token alia KZ2",), "verdict.token.refused", {"notice": Notice.NOT_DELIVERED}),
]


@pytest.mark.parametrize(("steps", "key", "why"), REFUSED, ids=[steps[0] for steps, _, _ in REFUSED])
def test_a_token_that_is_refused_tells_why(
    steps: tuple[str, ...], key: str, why: dict[str, Any], tmp_path: Path
) -> None:
    async def play(there: Watched) -> None:
        await there.play(*STORED, "order KZ2 cell=2 buyer=alia", *steps, "hold alia")
        there.show(there.locker.optics.text or "")
        await there.play("see notice")
        line = there.line("hand.hold")
        assert parts(line)[:2] == ["read", "event"]
        assert told(line, "verdict") == [(key, why)]
        assert "tx" not in parts(line)

    watch(tmp_path, play)


def test_what_is_no_token_tells_so_once_however_long_it_is_held_there(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        await there.play(*STORED)
        there.show("HTTPS://EXAMPLE.COM/7")
        await there.play("see notice", "wait 300s")
        line = there.line("hand.hold")
        assert told(line, "verdict") == [("verdict.token.none", {"outcome": Outcome.UNSIGNED})]
        assert parts(line).count("read") == 1
        assert told(line, "told") == []
        assert not [part for part in line.parts if "EXAMPLE" in str(part)]

    watch(tmp_path, play)


def test_a_reading_that_the_gate_turns_away_tells_why(tmp_path: Path) -> None:
    """It becomes no event: nothing was judged."""

    async def play(there: Watched) -> None:
        await there.play(*STORED, "beep no-waybill-at-all!")
        await there.play("wait 5s")
        line = there.line("hand.scan")
        assert told(line, "read") == [("part.read.linear", {})]
        assert told(line, "told") == [("part.told", {"outcome": Outcome.MALFORMED})]
        assert parts(line) == ["read", "told"]

    watch(tmp_path, play)


def test_a_barcode_tells_whose_cell_it_opens_and_why_it_opens_none(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        await there.play(*ROUND)
        assert there.held.scan(Scan("KZ1")) is None
        await there.play("see keypad notice=code_first")
        before = there.line("hand.scan")
        assert (before.who, before.parameters) == ("courier", {"parcel": "KZ1"})
        assert told(before, "verdict") == [("verdict.barcode", {"notice": Notice.CODE_FIRST})]
        await there.play("type courier", "see put_parcel cell=1", "put KZ1 1", "close 1", "see next_parcel")
        assert there.held.scan(Scan("KZ3")) is None
        await there.play("see next_parcel notice=not_in_batch")
        assert there.held.scan(Scan("KZ2")) is None
        await there.play("see put_parcel cell=2")
        _, foreign, opened = there.lines("hand.scan")
        assert told(foreign, "verdict") == [("verdict.barcode", {"notice": Notice.NOT_IN_BATCH})]
        assert "tx" not in parts(foreign)
        assert follows(opened, *OPENS)
        ((key, right),) = told(opened, "verdict")
        assert (key, right["purpose"], right["parcel"]) == ("verdict.grant", "deposit", "KZ2")

    watch(tmp_path, play)


def test_what_nobody_was_seen_to_hold_up_is_nobodys_line(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        await there.play(*STORED, "token alia KZ1", "hold alia", "see take_parcel cell=7")
        assert not there.lines("hand.hold")
        (line,) = [each for each in there.lines() if each.parameters == {"event": "TokenShown"}]
        assert follows(line, *OPENS[1:])

    watch(tmp_path, play)


def test_who_is_refused_takes_no_others_door(tmp_path: Path) -> None:
    """The door was promised to somebody, and waits for its coil to rest: what opens it then is theirs."""

    async def play(there: Watched) -> None:
        await there.play(*STORED, "order KZ2 cell=2 buyer=marat", "deposit KZ2 2")
        await there.play("token alia KZ1", "hold alia")
        there.show(there.locker.optics.text or "")
        await there.play(
            "see opening cell=7", "command open KZ2", "outcome KZ2 busy", "see take_parcel cell=7"
        )
        assert follows(there.line("hand.hold"), *OPENS)
        assert "tx" not in parts(there.line("app.open"))

    watch(tmp_path, play)


def test_what_comes_by_itself_is_told_in_words_and_not_by_an_events_name(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        await there.play(*STORED, "strike camera_black", "camera covered")
        unnamed = {line.parameters["event"] for line in there.lines("machine.event")}
        assert unnamed == {"Pressed", "CodeTyped"}  # no glass is before this face
        (welcomed, *_), (listed, *_) = there.lines("machine.welcomed"), there.lines("machine.listed")
        assert (welcomed.who, welcomed.parameters, listed.parameters) == ("machine", {}, {"version": 1})
        acked = [line.parameters["seq"] for line in there.lines("machine.acked")]
        assert acked == sorted(acked)
        assert acked[-1] == there.locker.backend.ledger.last
        assert there.lines("machine.camera")[-1].parameters == {"state": "covered"}

    watch(tmp_path, play)


def test_a_code_that_is_sent_again_is_a_line_of_its_buyers_with_the_sms(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        await there.play(*STORED, "resend KZ1")
        line = there.line("app.resend.asked")
        assert (line.who, line.parameters) == ("alia", {"parcel": "KZ1"})
        assert told(line, "sms") == [("part.sms", {"person": "alia"})]

    watch(tmp_path, play)
