"""What a page says, done at the stage: each act by whom it belongs to, and refused by name where it cannot be done."""

from collections.abc import Awaitable, Callable
from typing import Any

from firmware.model import Action, ScreenName
from sim.deeds import done_by
from sim.optics import Way
from sim.panel import acts
from sim.panel.cards import Teller
from sim.panel.messages import Refused, Why
from sim.panel.stage import NETWORK, POWER, Stage

FILE = "saved.toml"


class Director:
    """Of one stage, and of its cards."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.teller = Teller(stage)
        scene = stage.scene
        self._acts: dict[type, Callable[[Any], Refused | Awaitable[Refused | None] | None]] = {
            **dict.fromkeys((acts.Put, acts.Take, acts.Close, acts.Press, acts.Pull, acts.Force), scene.act),
            acts.Order: lambda act: scene.order(act.cell, act.buyer, act.account),
            acts.Bring: scene.bring,
            **dict.fromkeys((acts.Send, acts.Cancel, acts.Decide, acts.Returned), stage.operator.act),
            acts.Policy: stage.operator.choose,
            acts.Type: self._touch,
            acts.Hold: self._hold,
            acts.Scan: stage.held.scan,
            acts.Touch: self._touch,
            acts.Power: lambda act: self._switch(POWER, act.on),
            acts.Link: lambda act: self._switch(NETWORK, act.on),
            acts.Fault: self._fault,
            acts.Time: self._time,
            acts.People: self._people,
            acts.Card: self._card,
            acts.Language: lambda act: None,  # nothing of the locker depends on it
        }

    def saved(self, title: str) -> tuple[str, str]:
        """A name and the text of the scenario file of all that happened so far."""
        return FILE, self.stage.recorder.text(title)

    async def act(self, act: object) -> Refused | None:
        """Do it; why not, where it cannot be done."""
        done = self._acts[type(act)](act)
        return await done if isinstance(done, Awaitable) else done

    async def _touch(self, act: acts.Type | acts.Touch) -> Refused | None:
        """The finger, on the real screen."""
        if not self.stage.powered:
            return Refused(Why.NO_POWER)
        glass = self.stage.glass
        if isinstance(act, acts.Touch):
            with done_by("somebody"):
                done = await glass.press(act.action)
        else:
            with done_by(act.person):
                done = await glass.type_code(act.code, self.stage.locker.backend.number(act.person))
        return None if done else Refused(Why.SCREEN)

    async def _hold(self, act: acts.Hold) -> Refused | None:
        """Before the camera; whose code will not be read goes to the screen that says what would help."""
        refused, show = self.stage.held.hold(act), self.stage.glass.show
        is_wrong = refused is None and act.on and act.way is not Way.WELL
        if is_wrong and (show is None or show.screen.name is not ScreenName.SCAN):
            with done_by(act.person):
                await self.stage.glass.press(Action.SCAN)
        return refused

    def _switch(self, fault: str, on: bool) -> Refused | None:
        done = self.stage.heal(fault) if on else self.stage.strike(fault, None)
        return None if done else Refused(Why.GOES_ON)

    def _fault(self, act: acts.Fault) -> Refused | None:
        try:
            done = self.stage.strike(act.name, act.cell) if act.on else self.stage.heal(act.name, act.cell)
        except KeyError:
            return Refused(Why.UNKNOWN, act.cell)
        return None if done else Refused(Why.GOES_ON if act.on else Why.UNKNOWN, act.cell)

    async def _time(self, act: acts.Time) -> Refused | None:
        why = await self.stage.hours.act(act)
        return Refused(why) if why is not None else None

    async def _people(self, act: acts.People) -> Refused | None:
        if not act.on:
            await self.stage.crowd.stay_away()
            return None
        try:
            self.stage.crowd.come(act.manners)
        except KeyError:
            return Refused(Why.UNKNOWN)
        return None

    def _card(self, act: acts.Card) -> Refused | None:
        if self.teller.is_telling:
            return Refused(Why.GOES_ON)
        try:
            self.teller.begin(act.name)
        except KeyError:
            return Refused(Why.UNKNOWN)
        return None

    async def close(self) -> None:
        """End the story, and take the stage down."""
        try:
            await self.teller.close()
        finally:
            await self.stage.close()
