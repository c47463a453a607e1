"""A page of the live panel, as its WebSocket sees it: what it was told, and what it says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from sim import web

WAIT_S = 90.0  # a bound on waiting, never a measure


class Visitor:
    """Make it with `visiting`."""

    def __init__(self, address: str, end: aiohttp.ClientWebSocketResponse) -> None:
        self._address = address
        self.setup: dict[str, Any] = {}
        self.world: dict[str, Any] = {}
        self.entries: list[dict[str, Any]] = []
        self.lines: dict[int, dict[str, Any]] = {}
        self.refused: list[str] = []
        self.stories: list[dict[str, Any]] = []
        self.saved: list[dict[str, Any]] = []
        self._end = end
        self._news = asyncio.Event()

    async def say(self, kind: str, **about: Any) -> None:
        await self._end.send_json({"type": kind, **about})

    async def app(self, person: str, path: str, body: object = None) -> tuple[int, str]:
        """Ask for something in somebody's app: the status, and a command's state or the error's code."""
        headers = {"Authorization": f"Bearer {self.setup['apps'][person]}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{self._address}/api/{path}", json=body) as answer,
        ):
            told = await answer.json()
            return answer.status, told["state"] if answer.ok else told["error"]["code"]

    async def until(self, holds: Callable[["Visitor"], Any]) -> Any:
        """What `holds` gives, once it is true. Fails with what was told instead."""
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    try:
                        found = holds(self)
                    except (KeyError, StopIteration, IndexError):
                        found = None
                    if found:
                        return found
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(self.told()) from None

    def told(self) -> str:
        """The newest of what was told, for a failure's message."""
        lines = [
            f"{line['who']} {line['text_key']} {line.get('parameters')}: {self.parts(line)}"
            for line in list(self.lines.values())[-8:]
        ]
        about = {
            name: self.world.get(name)
            for name in ("screen", "session", "power", "link", "banks", "faults", "clock", "in_flight")
        }
        return "\n".join([f"{about}", f"refused {self.refused}, stories {self.stories[-2:]}", *lines])

    async def listen(self) -> None:
        async for message in self._end:
            news = message.json()
            match news.pop("type"):
                case "setup":
                    self.setup = news
                case "world":
                    self.world |= news
                case "entries":
                    self.entries += news["rows"]
                case "line":
                    self.lines[news["id"]] = news
                case "refused":
                    self.refused.append(news["why"])
                case "story":
                    self.stories.append(news)
                case "saved":
                    self.saved.append(news)
            self._news.set()

    # What one looks for

    def cell(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = next(cell for cell in self.world["cells"] if cell["number"] == number)
        return found

    def order(self, waybill: str) -> dict[str, Any]:
        found: dict[str, Any] = next(order for order in self.world["orders"] if order["waybill"] == waybill)
        return found

    def person(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(person for person in self.world["people"] if person["id"] == name)
        return found

    def code(self, name: str, waybill: str) -> str:
        phone = reversed(self.person(name)["phone"])
        found: str = next(sms["code"] for sms in phone if waybill in sms["text"] and sms["code"])
        return found

    def kinds(self) -> list[str]:
        return [entry["kind"] for entry in self.entries]

    def parts(self, line: dict[str, Any]) -> list[str]:
        return [part["part"] for part in line.get("parts", ())]

    def line(self, key: str, *parts: str) -> dict[str, Any]:
        """The newest line of this key that has all these parts, in this order."""
        for line in sorted(self.lines.values(), key=lambda each: -each["id"]):
            left = iter(self.parts(line))
            if line["text_key"] == key and all(part in left for part in parts):
                return line
        raise StopIteration


@asynccontextmanager
async def visiting(address: str) -> AsyncIterator[Visitor]:
    """Open the panel's WebSocket; on entering, the world is there."""
    async with web.socket_of(address, "/world") as end:
        visitor = Visitor(address, end)
        listening = asyncio.get_running_loop().create_task(visitor.listen())
        try:
            await visitor.until(lambda page: page.setup and page.world)
            yield visitor
        finally:
            listening.cancel()
            await asyncio.wait([listening])
