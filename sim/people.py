"""People who live by themselves: each has a goal and a manner, and acts on what the screen shows.

They know what people know: the codes on their phones, the words on the screen, the doors before their eyes. They reach the
locker through the kiosk's protocol and the app's command, and its matter with their hands.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import ClassVar

from firmware.model import Action, Problem, Purpose, Screen, ScreenName
from firmware.notices import Notice
from sim import faces
from sim.backend.orders import Stage
from sim.site import Site
from sim.wishes import after_closing
from sim.world import Impossible

VISIT_MAX_S = 400.0  # then anybody goes home
TRIES_MAX = 3
COME_AGAIN_S = (300.0, 1_500.0)
REACH_S = {"slow": (21.0, 50.0), "hasty": (0.3, 1.2)}  # at an open door; others take a few seconds
N = ScreenName
AT_WORK = (
    N.OPENING, N.TAKE_PARCEL, N.PUT_PARCEL, N.CLOSE_DOOR, N.CLOSING, N.ASK_TAKEN, N.PROBLEM, N.NOT_OPENED, N.WRONG_CELL,
)  # fmt: skip
FOR_NOTHING = (Notice.COLLECTED, Notice.ALREADY_DONE, Notice.EXPIRED, Notice.REFUSED, Notice.CANCELLED)
AT_DOOR = (N.AWAIT_TOUCH, N.TAKE_PARCEL, N.PUT_PARCEL, N.CLOSE_DOOR, N.CLOSING, N.ASK_TAKEN)


class Visitor:
    """One person who wants one parcel in, or out."""

    def __init__(
        self, site: Site, chance: random.Random, waybill: str, purpose: Purpose, manner: str
    ) -> None:
        self.waybill = waybill
        self.purpose = purpose
        self.manner = manner
        self.done = False  # nothing left to wish for
        self._site = site
        self._chance = chance
        self._left = False
        self._typed = self._retried = 0
        self._reopened = False
        self._problem: Problem | None = None
        self._helps = chance.random() < 0.6  # pushes and pulls by itself

    @property
    def name(self) -> str:
        order = self._site.office.backend.orders[self.waybill]
        return order.grants[self.purpose].holder

    async def come(self, tries: int = TRIES_MAX) -> None:
        """Come, and come again later where it did not work."""
        for _ in range(tries):
            if self._site.office.code(self.waybill, self.purpose) is not None:
                await (self._with_app() if self.manner == "app" else self._in_turn())
            if self.done:
                return
            await asyncio.sleep(self._chance.uniform(*COME_AGAIN_S))

    async def _in_turn(self) -> None:
        async with self._site.queue:
            self._left, self._typed, self._retried = False, 0, 0
            await self._before_screen()

    async def _before_screen(self) -> None:
        until_s = asyncio.get_running_loop().time() + VISIT_MAX_S
        while not self._left and asyncio.get_running_loop().time() < until_s:
            show = self._site.kiosk.show
            if show is not None and self._is_anothers(show.screen):
                await self._look_on(show.screen)
            elif show is not None:
                await self.AT_SCREEN[show.screen.name](self, show.screen)
            await self._pause()

    async def _with_app(self) -> None:
        """«Открыть ячейку» in the app, before the locker, whoever else stands there."""
        link, order = self._site.locker.link, self._site.office.backend.orders[self.waybill]
        if not link.is_attached or order.stage is not Stage.STORED:
            return
        link.send_open(self.waybill)
        self._left = False
        for _ in range(40):
            await asyncio.sleep(self._chance.uniform(0.5, 1.5))
            show = self._site.kiosk.show
            if show is not None and show.screen.cell == order.cell and show.screen.name in AT_DOOR:
                await self.AT_SCREEN[show.screen.name](self, show.screen)
            if self._left or order.stage is not Stage.STORED:
                break

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.uniform(*((0.1, 0.6) if self.manner == "hasty" else (0.6, 3.0))))

    def _is_anothers(self, screen: Screen) -> bool:
        """A door's screen before one has typed anything, or with another cell than one was told."""
        cell = self._site.office.backend.orders[self.waybill].cell
        return screen.name in AT_WORK and (not self._typed or screen.cell not in (None, cell))

    async def _look_on(self, screen: Screen) -> None:
        """Whoever was here before has left: the patient wait, the helpful shut the door."""
        for cell in screen.open_cells or (screen.cell,):
            if cell is not None and self._chance.random() < 0.1:
                self._site.world.close(cell)

    # At each screen

    async def _start(self, screen: Screen) -> None:
        if self.done or self._typed:
            self._left = True
        else:
            self._press(Action.START)

    async def _type(self, screen: Screen) -> None:
        code = self._site.office.code(self.waybill, self.purpose)
        if code is None or self._typed > 2:
            await self._go(screen)
            return
        self._typed += 1
        await asyncio.sleep(self._chance.uniform(2, 9))
        if self.manner == "mistypes" and self._typed == 1:
            place = self._chance.randrange(len(code))
            code = code[:place] + str((int(code[place]) + 1) % 10) + code[place + 1 :]
        show = self._site.kiosk.show
        if show is not None:
            self._site.typist = self.name
            phone = self._site.office.backend.orders[self.waybill].grants[self.purpose].phone
            faces.type_code(self._site.kiosk, code, phone)

    async def _again(self, screen: Screen) -> None:
        self._press(Action.AGAIN)

    async def _go(self, screen: Screen) -> None:
        self._press(Action.BACK)
        self._left = True

    async def _wait(self, screen: Screen) -> None:
        """Look on; where the door does not move, help it."""
        if screen.cell is None or not self._helps:
            return
        self._site.world.press(screen.cell)
        await asyncio.sleep(self._chance.uniform(0.2, 1))
        self._site.world.press(screen.cell, pressed=False)
        self._site.world.pull(screen.cell)

    async def _read_notice(self, screen: Screen) -> None:
        if self.purpose is Purpose.DEPOSIT and screen.notice in (Notice.AWAITS_TECHNICIAN, Notice.CELL_QUIET):
            self._site.office.choose_again(self.waybill, quiet=screen.notice is Notice.CELL_QUIET)
        if Action.AGAIN in screen.actions and self._chance.random() < 0.4:
            self._press(Action.AGAIN)
            return
        self.done = screen.notice in FOR_NOTHING
        await self._go(screen)

    async def _try_again(self, screen: Screen) -> None:
        self._retried += 1
        if Action.AGAIN in screen.actions and self._retried < 3:
            self._helps = True  # the screen has said how
            await self._wait(screen)
            self._press(Action.AGAIN)
            return
        if self.purpose is Purpose.DEPOSIT:
            self._site.office.choose_again(self.waybill)
        await self._go(screen)

    async def _at_door(self, screen: Screen) -> None:
        """The cell stands open: put in or take out, and shut it; or forget to."""
        cell = screen.cell or 0
        await asyncio.sleep(self._chance.uniform(*REACH_S.get(self.manner, (2.0, 8.0))))
        try:
            await self._reach_in(cell, screen)
        except Impossible:
            return  # it is not open, whatever the screen says
        if self.manner == "forgetful":
            self._left = self.done = True
            await asyncio.sleep(self._chance.uniform(70, 400))
            self._site.world.close(cell)  # somebody passes by
            return
        await self._pause()
        for _ in range(3):
            if self._site.world.close(cell):
                break
            await self._pause()

    async def _reach_in(self, cell: int, screen: Screen) -> None:
        found = self._site.in_reach(cell)
        if found != self.waybill:
            self._site.witness.excuse(found, "a stranger shut the door on it")
        if screen.purpose is self.purpose:  # else this is another's screen
            await (self._put(cell) if self.purpose is Purpose.DEPOSIT else self._take(cell))

    async def _put(self, cell: int) -> None:
        found = self._site.in_reach(cell)
        if found is None:
            self._site.put(cell, self.waybill)
        elif found != self.waybill:
            self._site.witness.excuse(self.waybill, f"{found} lay in its cell, and it was not put in")
        self.done = True

    async def _take(self, cell: int) -> None:
        found = self._site.in_reach(cell)
        if found != self.waybill:
            self._problem = self._problem or (Problem.NOT_MINE if found else Problem.NOT_THERE)
            if self.purpose is Purpose.WITHDRAWAL:
                self._site.witness.excuse(self.waybill, "the courier found something else")
            elif self._reopened or self.done:
                self._problem = None
            return
        self._problem = None
        if self.manner == "refuses":
            self._problem = Problem.REFUSED
        elif self.manner == "changes_mind":
            self._site.witness.excuse(self.waybill, "the buyer let it lie and went")
        elif self.manner == "complains":
            self._problem = Problem.DAMAGED  # back it goes
        else:
            self._site.take(cell)
        self.done = True

    async def _after(self, screen: Screen) -> None:
        """The door is shut behind a pickup: confirm, complain, open it again, or walk away."""
        if screen.cell != self._site.office.backend.orders[self.waybill].cell:
            self._left = True  # another's screen
        elif self._problem is not None or (self.manner == "hasty" and self._chance.random() < 0.2):
            self._press(Action.PROBLEM)
        elif self.manner in ("reopens", "hasty") and screen.can_reopen and not self._reopened:
            self._reopened = True
            self._press(Action.REOPEN)
        elif self.manner == "app":
            before = self._reopened
            self._reopened = after_closing(self._site.office, self._chance, self.waybill, before)
            self._left = self._reopened is before  # else its door opens once more
        elif self.manner in ("walks_away", "changes_mind") or (
            self.manner == "hasty" and self._chance.random() < 0.5
        ):
            self._left = True
        else:
            self._press(Action.CONFIRM)
            self._left = True

    async def _report(self, screen: Screen) -> None:
        if self._problem is None or self._chance.random() < 0.3:
            self._press(Action.BACK)
            return
        show = self._site.kiosk.show
        if show is not None:
            faces.press(self._site.kiosk, Action.REPORT, self._problem)
        self._problem = None
        self._left = True

    async def _touch(self, screen: Screen) -> None:
        """A cell waits for its app's touch: one's own, or nobody's business but the hasty's."""
        own = screen.cell == self._site.office.backend.orders[self.waybill].cell
        mine = own and self.manner == "app"
        curious = self.manner == "hasty" and self._chance.random() < 0.3
        self._press(Action.OPEN if mine or curious else Action.BACK)

    async def _see_claimed(self, screen: Screen) -> None:
        """Somebody has claimed the locker, and may have gone: the hasty cancel it, the others wait."""
        if self._chance.random() < (0.3 if self.manner == "hasty" else 0.03):
            self._press(Action.BACK)

    async def _shut_other(self, screen: Screen) -> None:
        """Shut the cell that opened instead."""
        for cell in screen.open_cells:
            self._site.world.close(cell)

    async def _leave(self, screen: Screen) -> None:
        self._left = True

    def _press(self, action: Action) -> None:
        show = self._site.kiosk.show
        if show is not None and action in show.screen.actions:
            faces.press(self._site.kiosk, action)

    AT_SCREEN: ClassVar[dict[ScreenName, Callable[["Visitor", Screen], Awaitable[None]]]] = {
        N.IDLE: _start,
        N.KEYPAD: _type,
        N.WRONG_CODE: _again,
        N.SCAN: _wait,  # until the keypad comes
        N.WAIT: _wait,
        N.NOTICE: _read_notice,
        N.OPENING: _wait,
        N.TAKE_PARCEL: _at_door,
        N.PUT_PARCEL: _at_door,
        N.CLOSE_DOOR: _at_door,
        N.CLOSING: _after,
        N.ASK_TAKEN: _after,
        N.PROBLEM: _report,
        **dict.fromkeys((N.PROBLEM_NOTED, N.THANKS, N.NEXT_PARCEL, N.BUSY), _go),
        N.NOT_OPENED: _try_again,
        N.WRONG_CELL: _shut_other,
        N.AWAIT_TOUCH: _touch,
        N.CLAIMED: _see_claimed,
        N.OUT_OF_SERVICE: _leave,
    }
