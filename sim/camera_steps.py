"""The verbs of a scenario that are about the locker's camera: who gets a token, and what is held before it."""

from typing import Any

from firmware.model import Purpose
from firmware.optics import CameraState
from sim.backend import tokens
from sim.backend.app import App
from sim.backend_steps import BackendSteps
from sim.locker import SimLocker
from sim.machine_steps import PATIENCE
from sim.optics import Source, Way
from sim.scanner import MemoryScanner


class CameraSteps(BackendSteps):
    """What is held before the camera, what becomes of it, and how the camera is expected to be."""

    def __init__(self, locker: SimLocker) -> None:
        super().__init__(locker)
        self._scanner = None if locker.live else MemoryScanner(locker)
        self._tokens: dict[str, str] = {}  # person → what their phone or paper shows
        self._papers = set[str]()  # whoever has it on paper
        self._answered = 0  # readings that were expected, or were before the code that is held now

    async def do_token(self, person: str, waybill: str, purpose: str = "pickup", source: str = "app") -> None:
        """A phone gets the code of a right, for a minute; for as long as the right lasts with source=paper, or sms: by its link."""
        backend, drawn = self._locker.backend, Source(source)
        if drawn is Source.SMS:
            shown = App(backend, self._locker.link).linked(waybill, backend.link_of(person, waybill))
            self._tokens[person] = shown.text
        else:
            self._tokens[person] = backend.mint(waybill, Purpose(purpose), static=drawn is Source.PAPER)
        (self._papers.add if drawn is Source.PAPER else self._papers.discard)(person)

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

    async def do_hold(
        self, person: str, text: str | None = None, way: str = "well", blind: str = "no", plain: str = "no"
    ) -> None:
        """Hold somebody's code before the camera, until `lower`; `hold alia TEXT`: any other code.

        It is read as soon as the screen asks for one, and again while it stays there; not with way=far, near, dark, tilted or
        shaken. With blind=yes the scanner tells it whatever the screen shows. plain=yes: still and undamaged, for whoever measures.
        """
        held = self._tokens[person] if text is None else text
        blinded = self._without_pixels() if blind == "yes" else None
        if self._scanner is not None:
            self._answered = len(self._scanner.told)
        on_paper = text is None and person in self._papers
        self._locker.optics.hold(held, plain=plain == "yes", way=Way(way), paper=on_paper)
        if blinded is not None:
            blinded.read(held)

    async def do_lower(self) -> None:
        """Take away whatever is held before the camera."""
        self._locker.optics.take_away()

    async def do_heard(self, outcome: str) -> None:
        """Expect the answer to the code that is held before the camera; said again, to its next reading."""
        told = self._without_pixels().told
        await self._until(
            lambda: len(told) > self._answered and told[-1] == outcome,
            lambda: f"told {told[self._answered :][-3:]}",
        )
        self._answered = len(told)

    async def do_camera(self, state: str, within: str = PATIENCE) -> None:
        """Expect what the locker knows of its camera: ok, covered, frozen, hung, gone, silent, none."""
        wanted = CameraState(state)

        def found() -> CameraState:
            return CameraState(self._locker.controller.runtime.controller.state.locker.scanner)

        await self._until(lambda: found() is wanted, lambda: f"the camera is {found()}", within)

    def _crash_scanner(self) -> None:
        """Its process dies: live the real one."""
        if self._scanner is not None:
            self._scanner.leave()
        elif self._locker.crash_scanner is not None:
            self._locker.crash_scanner()

    def _without_pixels(self) -> MemoryScanner:
        """Raises ValueError live, where only the shipped scanner's process knows what it says and is told."""
        if self._scanner is None:
            raise ValueError("in virtual time only")
        return self._scanner
