"""The verbs of a scenario that are about tokens: who gets one, and holds it before the locker's camera."""

from typing import Any

from firmware.model import Purpose
from sim.backend import tokens
from sim.faces import Touch
from sim.locker import SimLocker
from sim.scanner import MemoryScanner
from sim.screen_steps import ScreenSteps


class TokenSteps(ScreenSteps):
    """What is done with a code before the camera."""

    def __init__(self, locker: SimLocker, face: Touch) -> None:
        super().__init__(locker, face)
        self._scanner = None if locker.live else MemoryScanner(locker)
        self._tokens: dict[str, str] = {}  # person → what their phone or paper shows

    async def do_token(self, person: str, waybill: str, purpose: str = "pickup", paper: str = "no") -> None:
        """A phone gets the code of a right: for a minute, or with paper=yes for as long as the right lasts."""
        minted = self._locker.backend.mint(waybill, Purpose(purpose), static=paper == "yes")
        self._tokens[person] = minted

    async def do_forge(self, person: str, waybill: str, **said: str) -> None:
        """The backend's key signs something else: locker=0124, epoch=7, grant=pickup-KZ9."""
        site, backend = self._locker.backend.site, self._locker.backend
        grant = backend.orders[waybill].grants[Purpose.PICKUP].id
        claims: dict[int, Any] = tokens.claims(
            said.get("locker", site.locker),
            int(said.get("epoch", backend.ledger.epoch)),
            said.get("grant", grant),
            "pickup",
            bytes(16),
        )
        self._tokens[person] = tokens.mint(backend.signer, claims)

    async def do_show(self, person: str, text: str | None = None, blind: str = "no") -> None:
        """Hold it before the camera once the screen asks for it, with blind=yes at once; `show alia TEXT`: any other code."""
        scanner = self._without_pixels()
        if blind != "yes":
            await self._until(scanner.wants, lambda: f"the screen asks for no code: {self._face.show}")
        before = len(scanner.told)
        scanner.read(self._tokens[person] if text is None else text)
        await self._until(lambda: len(scanner.told) > before, lambda: "the code has no answer")

    async def do_heard(self, outcome: str) -> None:
        """Expect the answer to the last code that was held before the camera."""
        told = self._without_pixels().told
        await self._until(lambda: told[-1:] == [outcome], lambda: f"told {told[-3:]}")

    def _without_pixels(self) -> MemoryScanner:
        """Raises ValueError live, where the shipped scanner sees what `hold` shows it."""
        if self._scanner is None:
            raise ValueError("live, a code is shown by `hold`")
        return self._scanner
