"""The verbs of a scenario that are about the barcode scanner in a courier's hand."""

import asyncio

from sim.cabinet import Gun
from sim.faces import Touch
from sim.locker import SimLocker
from sim.screen_steps import ScreenSteps

BITS_PER_BYTE = 10


class ScannerSteps(ScreenSteps):
    """What is sent over a barcode scanner's line; live it is a pty, and what hears it the scanner's own process."""

    def __init__(self, locker: SimLocker, face: Touch) -> None:
        super().__init__(locker, face)
        self._gun = next(iter(locker.cabinet.guns.values()), None)

    async def do_beep(self, text: str) -> None:
        """Press the trigger before a barcode with this text."""
        self._armed().beep(text)

    async def do_flood(self, count: str, of: str = "KZ") -> None:
        """A barcode scanner gone mad: so many codes, each another one, with noise between, as fast as its line takes them."""
        gun = self._armed()
        for number in range(int(count)):
            noise = bytes((0, 255, number % 256)) if number % 3 == 2 else b""
            sent = noise + f"{of}{number:07}\r\n".encode()
            gun.send(sent)
            await asyncio.sleep(len(sent) * BITS_PER_BYTE / gun.line.baud)

    async def do_scanner(self, fate: str) -> None:
        """`scanner unplugged`: a barcode scanner's cable is out; `scanner plugged`: it is in again."""
        adapter = self._locker.cabinet.ports["scanner hand"]
        {"unplugged": adapter.unplug, "plugged": adapter.plug}[fate]()

    def _armed(self) -> Gun:
        """Raises ValueError where the cabinet has no barcode scanner."""
        if self._gun is None:
            raise ValueError("this cabinet has no barcode scanner")
        return self._gun
