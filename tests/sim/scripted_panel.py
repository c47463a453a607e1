"""A simulator that tells the panel's page what a test wants told, over the real WebSocket and under the real policy."""

import asyncio
import io
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from PIL import Image

from firmware import access, door, parcel, session
from firmware.config import Cell, Config
from sim import web
from sim.backend import Backend, CodeAt, Link, api
from sim.backend.app import App
from sim.faults import CATALOGUE
from sim.panel import server
from sim.panel.acts import ACTS, Act
from sim.panel.messages import Device, Entries, FaultKind, Line, MoveKind, Setup, Story, TableKind, encode
from sim.panel.scene import boxes
from sim.panel.seen import (
    BankSeen,
    CellSeen,
    ClockSeen,
    DoorSeen,
    PersonSeen,
    PolicySeen,
    SmsSeen,
    World,
)
from tests.sim.test_backend import SIGNER, SITE
from tests.sim.test_backend_api import Broker

GLASS = b"<!doctype html><html lang='ru'><title>Kiosk</title><body><h1>Kiosk</h1>"
PICTURE = io.BytesIO()
Image.new("L", (320, 180), 120).save(PICTURE, "jpeg")
NOON_MS = 1_792_998_000_000
HEARD_S = 30.0  # a bound on waiting, never a measure
FAULTS = tuple(
    FaultKind(fault.name, fault.part, fault.does, fault.healed, fault.per_cell, fault.lasting)
    for fault in CATALOGUE.values()
)
TABLES = tuple(
    TableKind(
        table.name,
        tuple(table.states),
        tuple(
            MoveKind(move.trigger, source, move.dest and str(move.dest))
            for move in table.moves
            for source in move.sources
        ),
    )
    for table in (door.TABLE, parcel.TABLE, session.TABLE, access.TABLE)
)


class ScriptedPanel:
    """The server's side: what a page says is kept in `heard`; `tell` says something to every page."""

    def __init__(self, config: Config) -> None:
        self.setup = Setup(
            config.locker.id,
            config.locker.address,
            config.locker.timezone,
            "",
            boxes(config.cells),
            FAULTS,
            TABLES,
            devices=(Device("bus0", "/dev/pts/7", "picocom -b 9600 /dev/pts/7"),),
            console="postomat ctl status",
        )
        self.world = first_world(config.cells)
        self.backend = Backend(SITE, SIGNER, lambda: NOON_MS, random.Random(1))
        self.link = Link(self.backend)
        self.phones = Broker(self.backend, self.link)
        self.heard: asyncio.Queue[Act] = asyncio.Queue()
        self.address = ""
        self.pictures = asyncio.Semaphore(0)  # of the camera, that were asked for
        self._pages: list[web.Page] = []

    def lay_out(self, cells: tuple[Cell, ...]) -> None:
        """Another cabinet, before any page comes."""
        self.setup = msgspec.structs.replace(self.setup, boxes=boxes(cells))
        self.world = first_world(cells)

    async def join(self, page: web.Page) -> None:
        self._pages.append(page)
        await page.send(encode(self.setup))
        await page.send(encode(self.world))
        try:
            async for text in page:
                self.heard.put_nowait(ACTS.decode(text))
        finally:
            self._pages.remove(page)

    async def picture(self) -> web.File:
        """What the camera sees."""
        self.pictures.release()
        return web.File(PICTURE.getvalue(), "image/jpeg")

    async def tell(self, *messages: Line | Story | Entries | World | Any) -> None:
        for message in messages:
            for page in self._pages.copy():
                await page.send(encode(message))

    async def change(self, **news: Any) -> None:
        """Something in the world is so from now on."""
        self.world = msgspec.structs.replace(self.world, **news)
        await self.tell(World(**news))

    async def said(self) -> Act:
        """The next thing that somebody does on the page."""
        return await asyncio.wait_for(self.heard.get(), HEARD_S)


@asynccontextmanager
async def scripted(config: Config) -> AsyncIterator[ScriptedPanel]:
    """Serve the real files to a browser."""
    panel = ScriptedPanel(config)
    glass = {"/": web.File(GLASS, "text/html")}
    with web.listen(0) as pane, web.listen(0) as listener:
        kiosk = web.origins(pane.getsockname()[1])[0]
        panel.address = web.origins(listener.getsockname()[1])[0]
        apps = {person: panel.backend.token(person) for person in ("alia", "marat")}
        panel.setup = msgspec.structs.replace(panel.setup, kiosk=kiosk, apps=apps)
        parts = {api.PREFIX: api.Api(App(panel.backend, panel.link)).application()}
        async with (
            web.serving(pane, glass, "default-src 'none'", "/none", panel.join),
            web.serving(
                listener,
                {**server._files(), server.PICTURE: panel.picture},
                server._policy(kiosk),
                server.WORLD,
                panel.join,
                parts,
            ),
        ):
            yield panel
        panel.backend.close()


def first_world(cells: tuple[Cell, ...]) -> World:
    """Nothing has happened: two buyers, a courier, every door shut."""
    numbers = [cell.number for cell in cells]
    return World(
        cells=tuple(CellSeen(number) for number in numbers),
        people=tuple(PersonSeen(name, (), ()) for name in ("courier", "alia", "marat")),
        orders=(),
        policy=PolicySeen("anywhere", "allowed", CodeAt.DEPOSIT),
        free=tuple(numbers),
        doors=tuple(DoorSeen(number, "closed") for number in numbers),
        parcels=(),
        uses=(),
        session=None,
        screen="idle",
        banks=(BankSeen("a", "online"),),
        power=True,
        link=True,
        disk=True,
        clock=ClockSeen(NOON_MS, sure=True, speed=1.0, paused=False, offset_s=0.0, wrong_ms=0),
        next_due_ms=None,
        in_flight=False,
        people_on=False,
        faults=(),
    )


def sms(person: str, waybill: str, code: str) -> PersonSeen:
    """Somebody who has just got a code for this parcel, and carries it if he is the courier."""
    text = f"Посылка {waybill}. Постамат № 0123, Алматы, Абая 10. Код: {code}."
    return PersonSeen(person, (SmsSeen(text, NOON_MS, code),), (waybill,) if person == "courier" else ())


def with_cell(world: World, cell: CellSeen) -> tuple[CellSeen, ...]:
    return tuple(cell if one.number == cell.number else one for one in world.cells or ())


def with_person(world: World, person: PersonSeen) -> tuple[PersonSeen, ...]:
    return tuple(person if one.id == person.id else one for one in world.people or ())
