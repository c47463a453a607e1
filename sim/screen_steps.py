"""The verbs of a scenario that are about the screen's code and the phone that reads it."""

from firmware.optics import Hint
from sim.backend import commands
from sim.camera_steps import CameraSteps
from sim.faces import Touch
from sim.locker import SimLocker
from sim.machine_steps import PATIENCE
from sim.phone import Phones


class ScreenSteps(CameraSteps):
    """What is done with a camera before the screen."""

    def __init__(self, locker: SimLocker, face: Touch) -> None:
        super().__init__(locker)
        self._face = face
        self._phones = Phones(locker, face)
        self._read_codes: dict[str, str] = {}  # person → what the phone has read last

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
