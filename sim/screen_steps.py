"""The verbs of a scenario that are about the screen: what is touched and seen there, and the phone that reads its code."""

from collections.abc import Callable

from firmware.control import Show
from firmware.model import Action, Outcome, Problem, Purpose, Screen, ScreenName
from firmware.optics import Hint
from sim import faces
from sim.backend import commands
from sim.camera_steps import CameraSteps
from sim.faces import Touch
from sim.locker import SimLocker
from sim.machine_steps import PATIENCE
from sim.phone import Phones
from sim.script import matches

GUESSING = (Action.START, Action.AGAIN)  # the way back to the keypad


class ScreenSteps(CameraSteps):
    """What is done before the screen, by finger and by phone."""

    def __init__(self, locker: SimLocker, face: Touch) -> None:
        super().__init__(locker)
        self._face = face
        self._phones = Phones(locker, face)
        self._read_codes: dict[str, str] = {}  # person → what the phone has read last

    async def do_press(self, action: str, problem: str | None = None, blind: str = "no") -> None:
        """Press a button once the screen has it; with blind=yes at once, whatever the screen shows."""
        pressed, told = Action(action), Problem(problem) if problem else None

        def touch() -> None:
            faces.press(self._face, pressed, told)

        if blind == "yes":
            await self._touch(touch)
        else:
            await self._aim(touch, lambda screen: pressed in screen.actions, "the screen has no such button")

    async def do_type(
        self, whose: str, waybill: str | None = None, blind: str = "no", phone: str | None = None
    ) -> None:
        """Type a code on the keypad: `type 12345678`, `type alia` (from the last SMS), `type pickup KZ1`, `type wrong`.

        The digits of its holder's phone follow where the keypad asks for them; phone=0000: these digits, phone= none.
        """
        backend = self._locker.backend
        if waybill is not None:
            grant = backend.orders[waybill].grants[Purpose(whose)]
            code, number = grant.code, grant.phone
        elif whose == "wrong" or whose.isdigit():
            code, number = self._unknown_code() if whose == "wrong" else whose, "0000"
        else:
            code, number = backend.last_code(whose), backend.number(whose)

        def touch() -> None:
            faces.type_code(self._face, code, number if phone is None else phone)

        if blind == "yes":
            await self._touch(touch)
        else:
            await self._aim(touch, lambda screen: screen.name is ScreenName.KEYPAD, "the screen is no keypad")

    async def do_guess(self, count: str) -> None:
        """A robot at the keypad: so many wrong codes, each as soon as the screen takes one."""
        for _ in range(int(count)):
            while not matches(self._screen(), {"name": "keypad"}):
                await self._to_keypad(self._screen())
            await self.do_type("wrong")
            await self.do_see("wrong_code")

    async def _to_keypad(self, screen: Screen | None) -> None:
        """Press what leads there; where nothing does, wait for another screen."""
        offered = [action for action in GUESSING if screen is not None and action in screen.actions]
        if offered:
            await self._touch(lambda: faces.press(self._face, offered[0]))
        else:
            await self._until(lambda: self._screen() != screen, lambda: f"the screen stays {screen}", "2m")

    async def do_see(self, screen: str, within: str = PATIENCE, **fields: str) -> None:
        """Expect a screen, with these fields."""
        wanted = {"name": screen, **fields}
        await self._until(
            lambda: matches(self._screen(), wanted), lambda: f"the screen is {self._screen()}", within
        )

    async def do_told(self, outcome: str) -> None:
        """Expect the answer to the last press or code."""
        await self._until(lambda: self._face.told[-1:] == [outcome], lambda: f"told {self._face.told[-3:]}")

    # The screen's code, and the phone that reads it

    async def do_scan(self, person: str, by: str = "") -> None:
        """Hold a phone before the screen, once there is a code on it; with by=NAME take what that one has read."""
        await self.do_code("shown")
        self._read_codes[person] = self._read_codes[by] if by else self._phones.look() or ""

    async def do_claim(self, person: str) -> None:
        """The app claims the locker with what it has read; `outcome PERSON …` expects what becomes of it."""
        command = self._phones.claim(person, self._read_codes[person])
        if command is None:
            raise ValueError(f"{person} has nothing to collect")
        self._commands[person] = command

    async def do_leave(self, person: str) -> None:
        """«Отмена» in the app."""
        self._phones.leave(self._commands[person])

    async def do_code(self, state: str, within: str = PATIENCE) -> None:
        """`code shown`: expect a QR code on the screen. `code gone`: expect none. `code new`: expect one nobody has read."""
        holds = {
            "shown": lambda: self._phones.look() is not None,
            "gone": lambda: self._face.show is not None and self._phones.look() is None,
            "new": lambda: self._phones.look() not in (None, *self._read_codes.values()),
        }[state]
        await self._until(holds, lambda: f"the screen shows {self._face.show}", within)

    async def do_hint(self, hint: str, within: str = PATIENCE) -> None:
        """Expect what the screen says to whoever holds a code up: closer, farther, dark, tilt, still, none."""
        wanted = Hint(hint)

        def shown() -> Hint | None:
            return self._face.show.hint if self._face.show is not None else None

        await self._until(lambda: shown() is wanted, lambda: f"the hint is {shown()}", within)

    async def do_policy(self, remote_open: str, static_tokens: str = "") -> None:
        """The operator sets what a command to open takes: anywhere, touch, screen_qr; static_tokens=no: the app's QR codes only."""
        settings: dict[str, int | str] = {"remote_open": remote_open}
        if static_tokens:
            settings["static_tokens"] = int(static_tokens == "yes")
        self._locker.link.send_command(commands.configure(settings))
        await self._sync()

    async def _aim(self, touch: Callable[[], None], ready: Callable[[Screen], bool], why_not: str) -> None:
        """Touch the screen once it is ready, and again where it changed just then, as when the camera is there again.

        Nobody gives up for that: whoever sees the same button, or an empty keypad, uses it.
        """
        touched: Show | None = None

        def aimed() -> bool:
            show = self._face.show
            if show is None or (touched is not None and show.seq == touched.seq):
                return False
            return ready(show.screen)

        while touched is None or self._face.told[-1] is Outcome.STALE:
            await self._until(aimed, lambda: f"{why_not}: {self._screen()}")
            touched = self._face.show
            await self._touch(touch)

    async def _touch(self, touch: Callable[[], None]) -> None:
        """Touch, and wait for the answer that every touch gets, so that the next one meets the next screen."""
        before = len(self._face.told)
        touch()
        await self._until(lambda: len(self._face.told) > before, lambda: "the touch has no answer")

    def _screen(self) -> Screen | None:
        return self._face.show.screen if self._face.show else None

    def _unknown_code(self) -> str:
        digits = self._locker.config.locker.code_digits
        orders = self._locker.backend.orders.values()
        given = {grant.code for order in orders for grant in order.grants.values()}
        while (code := f"{self._locker.chance.randrange(10**digits):0{digits}}") in given:
            pass
        return code
