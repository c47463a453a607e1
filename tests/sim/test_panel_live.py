"""The live panel by its own WebSocket: first minute, X-ray, time, faults, cards, people, a saved scenario. Real sockets and ptys."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from firmware.control import Press, Seq, encode
from firmware.model import Action
from sim import scenario, web
from sim.faults import CATALOGUE
from sim.panel.crowd import BUYERS
from tests.sim.test_run import Simulator, end, start
from tests.sim.visitor import WAIT_S, Visitor, visiting

pytestmark = pytest.mark.timeout(240)  # real seconds of a busy machine
UNTOLD = ("grants", "started", "clock", "scanner")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    running = start("--no-browser")
    yield running
    assert end(running) == 0
    assert not running.folder.exists()


def visit(simulator: Simulator, play: Callable[[Visitor], Awaitable[Any]]) -> Any:
    async def through() -> Any:
        async with visiting(simulator.address) as page:
            return await play(page)

    return asyncio.run(through())


# What a person does, click by click


async def bring(page: Visitor, *, heard: bool = True) -> tuple[str, int]:
    """«Bring a parcel»: its waybill and its cell, once the locker has `heard` of it."""
    known = {order["waybill"] for order in page.world["orders"]}
    await page.say("bring")
    order = (
        await page.until(lambda page: [each for each in page.world["orders"] if each["waybill"] not in known])
    )[0]
    if heard:
        await page.until(lambda page: state_of(page, order["waybill"]) == "expected")
    return order["waybill"], order["cell"]


async def type_code(page: Visitor, person: str, waybill: str) -> None:
    """«Type it for me»."""
    code = await page.until(lambda page: page.code(person, waybill))
    await page.say("type", person=person, code=code)


async def deposit(page: Visitor) -> tuple[str, int]:
    """The whole first minute: five clicks."""
    waybill, cell = await bring(page)
    await type_code(page, "courier", waybill)
    await page.until(lambda page: page.cell(cell).get("open") and page.world["screen"] == "put_parcel")
    await page.say("put", cell=cell, parcel=waybill)
    await page.say("close", cell=cell)
    await page.until(lambda page: page.order(waybill)["stage"] == "stored" and page.code("alia", waybill))
    return waybill, cell


async def open_for(page: Visitor, waybill: str, cell: int, person: str = "alia") -> None:
    await type_code(page, person, waybill)
    await page.until(lambda page: page.cell(cell).get("open") and page.world["screen"] == "take_parcel")


async def collect(page: Visitor, waybill: str, cell: int, person: str = "alia") -> None:
    await open_for(page, waybill, cell, person)
    await page.say("take", cell=cell)
    await page.say("close", cell=cell)
    await page.until(lambda page: page.world["screen"] in ("closing", "ask_taken"))
    await page.say("touch", action="confirm")
    await page.until(lambda page: page.order(waybill)["stage"] == "collected")


def state_of(page: Visitor, waybill: str) -> str:
    """What the locker says of it: nothing before it has heard of it."""
    return next((each["state"] for each in page.world["parcels"] if each["waybill"] == waybill), "")


def fault(page: Visitor, name: str) -> dict[str, Any] | None:
    return next((each for each in page.world["faults"] if each["name"] == name), None)


def healed(page: Visitor, name: str) -> bool:
    return fault(page, name) is None


def test_it_opens_on_a_locker_already_lived_in(simulator: Simulator) -> None:
    async def look(page: Visitor) -> None:
        full = {cell["number"]: cell["parcel"] for cell in page.world["cells"] if cell.get("parcel")}
        assert len(page.world["cells"]) == 16
        assert len(full) == 9
        assert [door["cell"] for door in page.world["doors"] if door.get("blocked") == "jammed"] == [12]
        clock = page.world["clock"]["utc_ms"]
        due = {
            each["waybill"]: each.get("due_ms", 0) - clock
            for each in page.world["parcels"]
            if each.get("inside")
        }
        assert [waybill for waybill, ms in due.items() if 0 < ms < 12 * 3_600_000] == ["KZ103"]
        late_ms = page.world["next_due_ms"] - clock - due["KZ103"]
        assert 0 <= late_ms < 1_000  # the locker's own time is behind by the way of its welcome
        assert page.order("KZ101")["can"] == ["send"]
        await page.until(lambda page: {"stored", "collected", "expired", "blocked"} <= set(page.kinds()))
        assert {name["name"] for name in page.setup["faults"]} == set(CATALOGUE)
        assert [table["name"] for table in page.setup["tables"]] == [
            "door",
            "parcel",
            "session",
            "authorisation",
        ]

    visit(simulator, look)


def test_five_clicks_and_their_causes_down_to_the_bytes(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        waybill, cell = await deposit(page)
        line = await page.until(
            lambda page: page.line(
                "screen.code", "event", "verdict", "commit", "screen", "pulse", "tx", "coil", "bolt", "door", "seen", "commit"
            )
        )  # fmt: skip
        parts = {part["part"]: part for part in reversed(line["parts"])}
        assert (line["who"], parts["verdict"]["parameters"]["parcel"]) == ("courier", waybill)
        assert re.fullmatch(rf"8A 01 {cell:02X} 11 [0-9A-F]{{2}}", parts["tx"]["bytes"])
        assert re.fullmatch(rf"8A 01 {cell:02X} 00 [0-9A-F]{{2}}", parts["rx"]["bytes"])
        assert parts["bolt"]["parameters"] == {"ms": pytest.approx(84, abs=60)}
        opened = next(
            entry for entry in page.entries if entry["kind"] == "opened" and entry.get("parcel") == waybill
        )
        told = [part for part in line["parts"] if part["part"] == "journal"]
        assert [part["parameters"]["kind"] for part in told] == ["intent", "opened"]
        assert told[-1]["entry"] == opened["seq"]
        shut = await page.until(
            lambda page: page.line("hand.close", "door", "seen", "commit", "journal", "sms")
        )
        assert shut["parameters"] == {"cell": cell}

    visit(simulator, play)


def test_a_cabinet_on_pins_is_shown_as_well(tmp_path: Path) -> None:
    """New from its box, on gpiozero's mock factory: there are no bytes, but the same pulse, coil, bolt and door."""

    async def play(page: Visitor) -> str:
        assert [box["number"] for box in page.setup["boxes"]] == [1, 2, 3, 4]
        assert page.world["banks"] == [{"name": "pins", "state": "online"}]
        assert page.world["orders"] == []
        waybill, cell = await bring(page)
        await scan(page, waybill)  # it has no camera, and what there is works
        await page.until(lambda page: page.world["screen"] == "keypad")
        assert page.world["camera"] is None
        await page.say("hold", person="alia", parcel=waybill)
        assert await page.until(lambda page: page.refused) == ["unknown"]
        await page.say("touch", action="back")
        await page.until(lambda page: page.world["screen"] == "idle")
        waybill, cell = await deposit(page)
        await page.until(
            lambda page: page.line(
                "screen.code", "event", "verdict", "commit", "screen", "pulse", "coil", "bolt", "door", "seen"
            )
        )
        await collect(page, waybill, cell)
        await page.say("save")
        return str((await page.until(lambda page: page.saved))[0]["text"])

    running = start("--no-browser", "--cabinet", "gpio")
    try:
        saved = visit(running, play)
    finally:
        assert end(running) == 0
    result, kinds = replayed(saved, tmp_path)
    assert result.ok, result.error
    assert {"stored", "collected"} <= set(kinds)


def test_a_page_chooses_what_it_is_sent_of_the_xray(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        await page.say("trace", on=True, parts=["tx"])
        await bring(page)
        order = await page.until(lambda page: page.line("backend.order"))
        assert page.parts(order) == []
        await page.say("trace", on=False)
        await page.say("touch", action="start")
        await page.until(lambda page: page.world["screen"] == "keypad")
        with pytest.raises(StopIteration):
            page.line("screen.press")

    visit(simulator, play)


# The glass


async def get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return answer.status, dict(answer.headers), await answer.read()


def kiosk_of(simulator: Simulator) -> str:
    port = re.search(r"\[kiosk\].*?^port = (\d+)", simulator.config.read_text(), re.DOTALL | re.MULTILINE)
    assert port
    return f"http://127.0.0.1:{port[1]}"


def test_the_glass_passes_the_shipped_kiosk_unchanged_and_is_as_strict(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        glass, kiosk = page.setup["kiosk"], kiosk_of(simulator)
        for path in ("/", "/main.js", "/layout.json", "/nothing"):
            (status, headers, body), behind = await get(glass + path), await get(kiosk + path)
            assert (status, body) == (behind[0], behind[2])
            for name in ("Content-Security-Policy", "Content-Type", "X-Content-Type-Options"):
                assert headers.get(name) == behind[1].get(name)
        assert (await get(glass, Host="locker.example"))[0] == 421
        assert (await get(glass, Origin=kiosk))[0] == 403
        assert (await get(glass, Origin="http://locker.example"))[0] == 403
        assert (await get(f"{glass}/ws"))[0] == 403

    visit(simulator, play)


def test_the_finger_touches_the_page_s_own_screen_and_its_answers_are_not_the_page_s(
    simulator: Simulator,
) -> None:
    async def play(page: Visitor) -> None:
        async with web.socket_of(page.setup["kiosk"], "/ws") as frame:
            heard = await frame.receive_json(timeout=WAIT_S)
            while heard["type"] != "show" or heard["screen"]["name"] != "idle":
                heard = await frame.receive_json(timeout=WAIT_S)
            await page.say("touch", action="start")
            heard = await frame.receive_json(timeout=WAIT_S)
            assert (heard["type"], heard["screen"]["name"]) == ("show", "keypad")
            press = Press(Seq(**heard["seq"]), Action.BACK)
            await frame.send_str(encode(press).decode())
            kinds = {(await frame.receive_json(timeout=WAIT_S))["type"] for _ in range(2)}
            assert kinds == {"show", "told"}
            await page.until(lambda page: page.line("screen.press", "event", "told")["who"] == "screen")
            assert page.line("screen.press")["parameters"] == {"action": "back"}

    visit(simulator, play)


def test_a_finger_at_somebody_elses_screen_is_refused(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        waybill, cell = await deposit(page)
        await open_for(page, waybill, cell)
        await page.say("time", op="speed", x=10)
        await page.say("type", person="marat", code=page.code("marat", "KZ105"))
        assert await page.until(lambda page: page.refused) == ["screen"]
        assert not page.cell(7).get("open")
        await page.say("take", cell=cell)
        await page.say("close", cell=cell)

    visit(simulator, play)


def test_a_parcel_is_handed_to_nobody_but_whoever_was_let_in(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        waybill, cell = await deposit(page)
        await open_for(page, waybill, cell)
        await page.say("take", cell=cell, person="marat")
        assert await page.until(lambda page: page.refused) == ["not_at_door"]
        assert page.cell(cell)["parcel"] == waybill
        await page.say("take", cell=cell, person="alia")
        await page.until(lambda page: waybill in page.person("alia")["hands"])
        await page.say("close", cell=cell)

    visit(simulator, play)


# Time


def test_time_stands_runs_faster_and_goes_to_the_next_deadline(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        await page.say("time", op="pause")
        await page.until(lambda page: page.world["clock"]["paused"])
        await page.say("time", op="speed", x=10)
        await page.say("time", op="next")  # KZ103's term, also while it stands
        await page.until(lambda page: page.order("KZ103")["stage"] == "expired")
        clock = page.world["clock"]
        assert (clock["paused"], clock["speed"]) == (True, 10)
        expired = await page.until(
            lambda page: next(
                each for each in page.entries if (each["kind"], each.get("parcel")) == ("expired", "KZ103")
            )
        )
        await page.say("time", op="resume")
        await page.say("time", op="hour")
        hour = await page.until(
            lambda page: (
                page.world["clock"]["utc_ms"] >= expired["utc_ms"] + 3_600_000 and page.world["clock"]
            )
        )
        assert 3_600 < hour["offset_s"] < 3_600 + 12 * 3_600
        await page.until(lambda page: any("истёк" in sms["text"] for sms in page.person("alia")["phone"]))
        await page.say("time", op="day")
        await page.until(lambda page: page.world["clock"]["offset_s"] > hour["offset_s"] + 86_000)
        await collect(page, *(await deposit(page)))  # at ten times the speed
        assert page.refused == []

    visit(simulator, play)


def test_time_is_not_moved_while_something_is_in_flight(simulator: Simulator) -> None:
    """A jammed lock is tried three times, with its rest between: longer than a move waits."""

    async def play(page: Visitor) -> None:
        await page.say("fault", name="cell_jammed", cell=3)
        await type_code(page, "alia", "KZ103")
        await page.until(lambda page: page.world["in_flight"] and page.world["screen"] == "opening")
        before = page.world["clock"]["offset_s"]
        await page.say("time", op="day")
        assert await page.until(lambda page: page.refused) == ["in_flight"]
        assert page.world["clock"]["offset_s"] == before
        await page.until(lambda page: not page.world["in_flight"] and page.world["screen"] == "not_opened")

    visit(simulator, play)


# Cards


async def last(page: Visitor, step: str) -> dict[str, Any]:
    story: dict[str, Any] = await page.until(
        lambda page: next(each for each in page.stories if each["key"].endswith((f".{step}", ".failed")))
    )
    assert story["key"].endswith(step), page.stories
    return story


def test_a_story_waits_until_whoever_was_served_has_done_with_the_screen(simulator: Simulator) -> None:
    """Found by filming the first minute: a card was chosen while the closing screen stood, and could not be played."""

    async def play(page: Visitor) -> None:
        waybill, cell = await deposit(page)
        await open_for(page, waybill, cell, "alia")
        await page.say("take", cell=cell)
        await page.say("close", cell=cell)
        await page.until(lambda page: page.world["screen"] in ("closing", "ask_taken"))
        await page.say("card", name="plug")
        await page.until(lambda page: page.stories)
        await page.say("touch", action="confirm")
        await last(page, "off")

    visit(simulator, play)


def test_the_plug_is_pulled_while_the_door_is_open(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        await page.say("card", name="plug")
        about = (await last(page, "off"))["parameters"]
        await page.until(lambda page: page.world["power"] is False and page.world["screen"] is None)
        assert (await get(page.setup["kiosk"]))[0] == 502
        await page.say("card", name="offline")
        assert await page.until(lambda page: page.refused) == ["goes_on"]
        await last(page, "close")
        assert page.cell(about["cell"])["open"]
        await page.say("take", cell=about["cell"])
        await page.say("close", cell=about["cell"])
        why = await last(page, "why")
        assert (why["state"], why["parameters"]["taken"], why["step"]) == ("done", True, why["of"])
        assert [kind for kind in page.kinds() if kind == "outcome_unknown"] == []
        started = max(entry["seq"] for entry in page.entries if entry["kind"] == "started")
        opened = [entry for entry in page.entries if entry["kind"] == "opened" and entry["seq"] > started]
        assert [(entry["parcel"], entry["cell"]) for entry in opened] == [(about["parcel"], about["cell"])]
        await page.until(lambda page: page.world["screen"] == "idle")

    visit(simulator, play)


def test_collected_with_the_network_cut(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        await page.say("card", name="offline")
        about = (await last(page, "take"))["parameters"]
        assert page.world["link"] is False
        assert page.order(about["parcel"])["stage"] == "stored"  # as far as the backend knows
        assert await page.app(about["person"], f"parcels/{about['parcel']}/open") == (503, "offline")
        await page.say("take", cell=about["cell"])
        await page.say("close", cell=about["cell"])
        why = await last(page, "why")
        assert why["parameters"]["entries"] >= 3  # intent, opened, closed
        assert page.world["link"] is True

    visit(simulator, play)


def test_three_days_pass(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        await page.say("card", name="three_days")
        why = await last(page, "why")
        assert page.order(why["parameters"]["parcel"])["stage"] == "expired"
        assert page.world["screen"] == "notice"
        assert page.world["clock"]["offset_s"] == pytest.approx(3 * 86_400, abs=5)
        assert {order["stage"] for order in page.world["orders"]} == {"expired", "collected"}

    visit(simulator, play)


# Faults


def test_the_adapter_is_unplugged_and_plugged_in_again(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        device = simulator.folder / "tty-bus0"
        assert device.exists()
        await page.say("fault", name="port_unplugged")
        await page.until(lambda page: page.world["banks"] == [{"name": "a", "state": "offline"}])
        assert not device.exists()
        assert fault(page, "port_unplugged") == {"name": "port_unplugged"}
        await page.say("fault", name="port_unplugged")
        assert await page.until(lambda page: page.refused) == ["goes_on"]
        await page.say("fault", name="port_unplugged", on=False)
        await page.until(lambda page: page.world["banks"] == [{"name": "a", "state": "online"}])
        assert fault(page, "port_unplugged") is None
        await collect(page, *(await deposit(page)))

    visit(simulator, play)


def test_a_full_disk_opens_nothing_and_gives_way_again(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        await page.say("fault", name="disk_full")
        await page.until(lambda page: page.world["disk"] is False)
        await page.say("touch", action="start")
        await page.until(lambda page: page.world["screen"] == "out_of_service")
        await page.until(lambda page: page.line("screen.press", "commit")["parts"][-1]["part"])
        await page.say("fault", name="disk_full", on=False)
        await page.until(lambda page: page.world["disk"] is True and page.world["screen"] == "idle")
        await collect(page, *(await deposit(page)))

    visit(simulator, play)


def test_the_network_goes_and_its_orders_come_later(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        await page.say("link", on=False)
        await page.until(lambda page: page.world["link"] is False)
        waybill, _ = await bring(page, heard=False)
        await asyncio.sleep(0.3)
        assert waybill not in [each["waybill"] for each in page.world["parcels"]]
        await page.say("link", on=True)
        await page.until(lambda page: state_of(page, waybill) == "expected")

    visit(simulator, play)


def test_a_killed_controller_comes_back_and_so_does_its_screen(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        joined = (await page.until(lambda page: page.line("machine.kiosk")))["id"]
        await page.say("fault", name="controller_killed")
        await page.until(lambda page: page.world["screen"] is None)
        assert page.world["power"] is True
        await page.until(lambda page: page.world["screen"] == "idle")
        await page.until(lambda page: page.line("machine.started") or page.line("fault.strike", "event"))
        await page.until(
            lambda page: page.line("machine.kiosk")["id"] > joined
        )  # it tries again every few seconds
        await collect(page, *(await deposit(page)))

    visit(simulator, play)


@pytest.mark.parametrize("part", sorted({fault.part for fault in CATALOGUE.values()}))
def test_every_fault_of_the_catalogue_can_be_struck_live(simulator: Simulator, part: str) -> None:
    """Each, one after the other, at a locker that goes on: afterwards it serves as before."""

    async def play(page: Visitor) -> None:
        await page.say("time", op="speed", x=10)
        for each in (each for each in CATALOGUE.values() if each.part == part):
            cell = {"cell": 5} if each.per_cell else {}
            await page.say("fault", name=each.name, **cell)
            if each.lasting:
                await page.until(partial(fault, name=each.name))
                await asyncio.sleep(0.2)
                await page.say("fault", name=each.name, **cell, on=False)
                await page.until(partial(healed, name=each.name))
        await page.say("close", cell=5)
        await page.say("people", on=False)
        await page.until(lambda page: page.world["power"] and page.world["link"] and page.world["disk"])

    visit(simulator, play)


# People


def test_people_live_by_themselves_at_ten_times_the_speed(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        await page.say("time", op="speed", x=10)
        await page.say("people", on=True, manners=["usual", "hasty"])
        await page.until(lambda page: page.world["people_on"])
        put = await page.until(lambda page: page.line("hand.put"))
        taken = await page.until(lambda page: page.line("hand.take"))
        assert put["who"] == "courier"
        assert taken["who"] in BUYERS
        outcomes = {"collected", "released", "disputed", "refused"}
        await page.until(
            lambda page: (
                outcomes & {entry["kind"] for entry in page.entries if entry["utc_ms"] > taken["at_ms"]}
            )
        )
        await page.say("people", on=False)
        await page.until(lambda page: not page.world["people_on"])

    visit(simulator, play)


# The record


def replayed(text: str, folder: Path) -> tuple[scenario.Result, list[str]]:
    """Play a saved file in virtual time, as `postomat-sim scenario` does; the kinds of its journal."""
    file = folder / "saved.toml"
    file.write_text(text)
    kinds: list[str] = []
    result = scenario.run("saved", scenario.read(str(file)), told=lambda entry: kinds.append(entry.kind))
    return result, kinds


async def lived(page: Visitor) -> None:
    """Something of everything that can be recorded."""
    waybill, cell = await deposit(page)
    await page.say("touch", action="start")
    await page.until(lambda page: page.world["screen"] == "keypad")
    await page.say("type", person="marat", code="00000000")
    await page.until(lambda page: page.world["screen"] == "wrong_code")
    await page.say("link", on=False)
    await open_for(page, waybill, cell)
    await page.say("take", cell=cell)
    await page.say("power", on=False)
    await page.until(lambda page: not page.world["power"])
    await asyncio.sleep(1)
    await page.say("power", on=True)
    await page.until(lambda page: page.world["screen"] == "idle")
    await page.say("link", on=True)
    await asyncio.sleep(3.5)  # a door that was open for less may have been closed by mistake
    await page.say("close", cell=cell)
    await page.say("time", op="hour")
    await page.until(lambda page: page.world["clock"]["offset_s"] > 3_500)
    await page.until(lambda page: page.order(waybill)["stage"] == "collected")
    await page.say("fault", name="cell_needs_push", cell=7)
    assert await page.app("marat", "parcels/KZ105/open") == (202, "waiting")
    await page.until(lambda page: page.line("app.open", "tx"))
    await page.say("press", cell=7)
    await page.until(lambda page: page.cell(7).get("open") and page.world["screen"] == "take_parcel")
    await page.say("press", cell=7, pressed=False)
    await page.say("close", cell=7)
    await page.until(lambda page: page.world["screen"] in ("closing", "ask_taken"))
    await page.say("touch", action="confirm")
    await page.until(lambda page: page.order("KZ105")["stage"] == "collected")
    await page.say("fault", name="cell_needs_push", cell=7, on=False)
    await page.say("force", cell=10)
    await page.until(lambda page: state_of(page, "KZ106") == "suspect")
    await page.say("close", cell=10)
    await page.say("send", parcel="KZ101")
    await page.until(lambda page: "Забрать KZ101" in page.person("courier")["phone"][-1]["text"])
    await open_for(page, "KZ101", 9, "courier")
    await page.say("take", cell=9)
    await page.say("close", cell=9)
    await page.until(lambda page: page.order("KZ101")["stage"] == "withdrawn")


async def held_up(page: Visitor) -> None:
    """A phone is held before a covered lens for an hour: what is read then is another code than the first."""
    waybill, cell = await deposit(page)
    await page.until(lambda page: page.world["screen"] == "idle")
    await page.say("fault", name="camera_black")
    await page.say("hold", person="alia", parcel=waybill)
    await page.until(lambda page: page.world["camera"].get("held") == "alia")
    offset_s = page.world["clock"]["offset_s"]
    await page.say("time", op="hour")
    await page.until(lambda page: page.world["clock"]["offset_s"] > offset_s + 3_500)
    await page.say("fault", name="camera_black", on=False)
    await page.until(lambda page: page.cell(cell).get("open") and page.world["screen"] == "take_parcel")
    await page.say("take", cell=cell)
    await page.say("close", cell=cell)
    await page.until(lambda page: page.world["screen"] in ("closing", "ask_taken"))
    await page.say("touch", action="confirm")
    await page.until(lambda page: page.order(waybill)["stage"] == "collected")


async def operated(page: Visitor) -> None:
    """What the operator's people can do: other rules, a cancellation before and after the deposit, a dispute, a return."""
    await page.say("policy", remote_open="touch")
    await page.say("policy", code_at="order")
    await page.until(
        lambda page: (
            page.world["policy"] == {"remote_open": "touch", "static_tokens": "allowed", "code_at": "order"}
        )
    )
    early, _ = await bring(page)
    await page.until(lambda page: page.code("alia", early))  # before there is anything to take
    await page.say("cancel", parcel=early)
    await page.until(lambda page: page.order(early)["stage"] == "cancelled")
    await page.say("cancel", parcel="KZ107")
    await page.until(lambda page: page.order("KZ107").get("can") == ["send"])
    await page.say("send", parcel="KZ107")
    await page.until(lambda page: page.world["screen"] == "idle")
    await open_for(page, "KZ107", 1, "courier")
    await page.say("take", cell=1)
    await page.say("close", cell=1)
    await page.until(lambda page: page.order("KZ107").get("can") == ["returned"])
    await page.say("returned", parcel="KZ107")
    await page.until(lambda page: "can" not in page.order("KZ107"))
    await page.until(lambda page: page.world["screen"] == "idle")
    assert await page.app("alia", "parcels/KZ104/open") == (202, "waiting")
    await page.until(lambda page: page.world["screen"] == "await_touch")
    await page.say("touch", action="open")
    await page.until(lambda page: page.cell(5).get("open") and page.world["screen"] == "take_parcel")
    await page.say("close", cell=5)
    await page.until(lambda page: page.world["screen"] == "ask_taken")
    assert await page.app("alia", "parcels/KZ104/problem", {"problem": "damaged"}) == (202, "waiting")
    await page.until(lambda page: page.order("KZ104").get("can") == ["refund", "end", "send"])
    await page.say("decide", parcel="KZ104", refund=True)
    await page.until(lambda page: page.order("KZ104").get("can") == ["send"])


def test_what_was_done_is_saved_and_replays_equal(simulator: Simulator, tmp_path: Path) -> None:
    async def play(page: Visitor) -> tuple[str, list[str]]:
        await lived(page)
        await held_up(page)
        await operated(page)
        await page.say("save")
        saved = await page.until(lambda page: page.saved)
        assert page.refused == []
        return saved[0]["text"], page.kinds()

    text, kinds = visit(simulator, play)
    assert "00000000" not in text
    for line in (
        "policy touch static_tokens=yes",
        "command cancel KZ107",
        "returned 'KZ107'",
        "decide KZ104 yes",
    ):
        assert f'"{line}"' in text
    assert "early=yes" in text
    result, again = replayed(text, tmp_path)
    assert result.ok, result.error
    assert [kind for kind in again if kind not in UNTOLD] == [kind for kind in kinds if kind not in UNTOLD]
    command = subprocess.run(
        [sys.executable, "-m", "sim", "scenario", tmp_path / "saved.toml"], capture_output=True, text=True
    )
    assert command.returncode == 0, command.stdout + command.stderr


def test_a_saved_file_fails_where_something_else_comes_of_it(simulator: Simulator, tmp_path: Path) -> None:
    async def play(page: Visitor) -> str:
        await deposit(page)
        await page.say("save")
        text: str = (await page.until(lambda page: page.saved))[0]["text"]
        return text

    text = visit(simulator, play)
    changed = re.sub(r'  "put KZ111[^\n]*\n', "", text)
    assert changed != text
    spoilt = text.replace("journal stored cell=2 parcel=KZ111", "journal stored cell=6 parcel=KZ111")
    assert spoilt != text
    result, _ = replayed(spoilt, tmp_path)
    assert not result.ok
    assert "journal stored cell=6" in str(result.error)


# Other tools


def test_another_program_can_listen_and_speak_on_the_bus(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        (device,) = page.setup["devices"]
        assert device["path"] in device["how"]
        fd = os.open(device["path"], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        heard, news = bytearray(), asyncio.Event()

        def readable() -> None:
            heard.extend(os.read(fd, 256))
            news.set()

        async def hear(wanted: str) -> None:
            async with asyncio.timeout(WAIT_S):
                while bytes.fromhex(wanted) not in heard:
                    news.clear()
                    await news.wait()

        asyncio.get_running_loop().add_reader(fd, readable)
        try:
            await hear("80 01 00 33 B2")  # the controller polls
            heard.clear()
            await hear("80 01 FF FF 00 33")  # and the board answers
            await asyncio.sleep(0.1)  # the silence that a board needs before a frame
            os.write(fd, bytes.fromhex("8A 01 06 11 9C"))  # unlock cell 6, nobody having decided it
            await hear("8A 01 06 00 8D")
        finally:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)
        await page.until(lambda page: page.cell(6).get("open"))
        await page.until(
            lambda page: (
                [e["why"] for e in page.entries if e["kind"] == "opened" and e["cell"] == 6] == ["forced"]
            )
        )
        await page.say("close", cell=6)

    visit(simulator, play)


async def scan(page: Visitor, waybill: str) -> None:
    """The courier holds a barcode to the scanner, once its process listens: it starts in its own time."""
    await page.until(lambda page: page.world["barcodes"] and waybill in page.person("courier")["hands"])
    await page.until(
        lambda page: [True for line in page.lines.values() if line["text_key"] == "machine.camera"]
    )
    await page.say("scan", parcel=waybill)


def test_a_barcode_is_held_to_the_scanner_before_the_code(simulator: Simulator) -> None:
    """Over its own pty, to the shipped scanner: what the locker says to it stands on the courier's line."""

    async def play(page: Visitor) -> None:
        waybill, _ = await bring(page)
        await scan(page, waybill)
        line = await page.until(lambda page: page.line("hand.scan", "read", "event", "verdict", "screen"))
        assert (line["who"], line["parameters"]) == ("courier", {"parcel": waybill})
        (verdict,) = [part for part in line["parts"] if part["part"] == "verdict"]
        assert (verdict["key"], verdict["parameters"]) == ("verdict.barcode", {"notice": "code_first"})
        await page.until(lambda page: page.world["screen"] == "keypad")

    visit(simulator, play)


def test_a_phone_that_is_held_too_far_away_is_told_so_and_then_opens_its_cell(simulator: Simulator) -> None:
    async def play(page: Visitor) -> None:
        waybill, cell = await deposit(page)
        await page.until(lambda page: page.world["camera"] == {})
        await page.say("hold", person="alia", parcel=waybill, way="far")
        await page.until(lambda page: page.world["camera"].get("way") == "far")
        async with web.socket_of(page.setup["kiosk"], "/ws") as frame:
            heard = await frame.receive_json(timeout=WAIT_S)
            while heard.get("hint") != "closer":
                heard = await frame.receive_json(timeout=WAIT_S)
            assert heard["screen"]["name"] == "scan"  # where there is a picture of it
        assert not page.cell(cell).get("open")
        await page.say("hold", person="alia", parcel=waybill)
        await page.until(lambda page: page.cell(cell).get("open") and page.world["screen"] == "take_parcel")

    visit(simulator, play)


def test_a_phone_is_held_to_the_camera_and_its_cell_opens(simulator: Simulator) -> None:
    """Pixels of the simulator's lens, read by the shipped scanner; and the same pixels are what the page shows."""

    async def play(page: Visitor) -> None:
        waybill, cell = await deposit(page)
        await page.until(lambda page: page.world["camera"] == {} and page.world["barcodes"])
        await page.say("hold", person="courier")  # who expects no parcel
        assert await page.until(lambda page: page.refused) == ["no_qr"]
        await page.say("hold", person="alia", parcel=waybill)
        await page.until(lambda page: page.world["camera"].get("held") == "alia")
        async with aiohttp.ClientSession() as http, http.get(f"{simulator.address}/camera.jpg") as seen:
            assert seen.content_type == "image/jpeg"
            assert (await seen.read()).startswith(b"\xff\xd8")
        await page.until(lambda page: page.cell(cell).get("open") and page.world["screen"] == "take_parcel")
        line = await page.until(
            lambda page: page.line(
                "hand.hold", "read", "event", "verdict", "commit", "screen", "tx", "coil", "bolt", "door", "seen", "commit"
            )
        )  # fmt: skip
        assert (line["who"], line["parameters"]) == ("alia", {"parcel": waybill})
        (verdict,) = [part for part in line["parts"] if part["part"] == "verdict"]
        assert (verdict["key"], verdict["cell"], verdict["parameters"]["parcel"]) == (
            "verdict.token",
            cell,
            waybill,
        )
        await page.say("take", cell=cell, person="alia")
        await page.until(lambda page: page.world["camera"] == {})  # both hands are full
        await page.say("close", cell=cell)
        await page.until(lambda page: page.world["screen"] in ("closing", "ask_taken"))

    visit(simulator, play)


def test_the_link_in_an_sms_draws_a_code_that_opens_the_cell(simulator: Simulator, tmp_path: Path) -> None:
    async def drawn(address: str, *, allowed: bool) -> None:
        """Until the page behind the link has a code, or none: the backend follows what the locker says of its settings."""
        async with asyncio.timeout(WAIT_S), aiohttp.ClientSession() as http:
            while True:
                async with http.get(address) as opened:
                    if (opened.status, "<svg" in await opened.text()) == (200 if allowed else 403, allowed):
                        return
                await asyncio.sleep(0.05)

    async def play(page: Visitor) -> tuple[str, str]:
        waybill, cell = await deposit(page)
        await page.until(lambda page: page.world["camera"] == {})
        link = page.person("alia")["phone"][-1]["text"].split()[-1]
        address = f"{simulator.address}/api{urlsplit(link).path}"
        await drawn(address, allowed=True)
        await page.say("policy", static_tokens="refused")
        await page.until(lambda page: page.world["policy"]["static_tokens"] == "refused")
        await drawn(address, allowed=False)
        await page.say("hold", person="alia", parcel=waybill, source="sms")
        assert await page.until(lambda page: page.refused) == ["no_static"]
        await page.say("policy", static_tokens="allowed")
        await page.until(lambda page: page.world["policy"]["static_tokens"] == "allowed")
        await drawn(address, allowed=True)
        await page.say("hold", person="alia", parcel=waybill, source="sms")
        await page.until(lambda page: page.world["camera"].get("source") == "sms")
        await page.until(lambda page: page.cell(cell).get("open") and page.world["screen"] == "take_parcel")
        await page.say("take", cell=cell, person="alia")
        await page.say("save")
        return waybill, (await page.until(lambda page: page.saved))[0]["text"]

    waybill, text = visit(simulator, play)
    assert f"token 'alia' {waybill} source=sms" in text
    result, _ = replayed(text, tmp_path)
    assert result.ok, result.error
