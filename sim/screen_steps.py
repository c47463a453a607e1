"""The verbs of a scenario that are about the screen's code and the phone that reads it."""

from sim import phone
from sim.backend import commands
from sim.backend_steps import BackendSteps
from sim.faces import Touch
from sim.locker import SimLocker
from sim.machine_steps import PATIENCE


class ScreenSteps(BackendSteps):
    """What is done with a camera before the screen."""

    def __init__(self, locker: SimLocker, face: Touch) -> None:
        super().__init__(locker)
        self._face = face
        self._read_codes: dict[str, str] = {}  # person → what the phone has read last

    async def do_scan(self, person: str, by: str = "") -> None:
        """Hold a phone before the screen, once there is a code on it; with by=NAME take what that one has read."""
        await self.do_code("shown")
        self._read_codes[person] = self._read_codes[by] if by else phone.read(self._face.show) or ""

    async def do_claim(self, person: str) -> None:
        """The app claims the locker with what it has read; `outcome PERSON …` expects what becomes of it."""
        self._commands[person] = phone.claim(self._locker, person, self._read_codes[person])

    async def do_leave(self, person: str) -> None:
        """«Отмена» in the app."""
        phone.leave(self._locker, self._commands[person])

    async def do_code(self, state: str, within: str = PATIENCE) -> None:
        """`code shown`: expect a QR code on the screen. `code gone`: expect none. `code new`: expect one nobody has read."""
        holds = {
            "shown": lambda: phone.read(self._face.show) is not None,
            "gone": lambda: self._face.show is not None and phone.read(self._face.show) is None,
            "new": lambda: phone.read(self._face.show) not in (None, *self._read_codes.values()),
        }[state]
        await self._until(holds, lambda: f"the screen shows {self._face.show}", within)

    async def do_policy(self, remote_open: str) -> None:
        """The operator sets what a command to open takes: anywhere, touch, screen_qr."""
        self._locker.link.send_command(commands.configure({"remote_open": remote_open}))
        await self._sync()
