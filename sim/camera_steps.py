"""The verbs of a scenario that are about the locker's camera, and about phones that are held before it."""

from firmware.model import Purpose
from firmware.optics import CameraState
from sim.backend import tokens
from sim.backend_steps import BackendSteps
from sim.machine_steps import PATIENCE
from sim.script import seconds


class CameraSteps(BackendSteps):
    """What is held before the camera, and how it is expected to be."""

    async def do_hold(
        self,
        waybill: str,
        purpose: str = "pickup",
        kind: str = "static",
        locker: str = "",
        made: str = "0s",
    ) -> None:
        """Hold a phone with the QR code of a right to a parcel before the camera, until `lower`.

        kind=short: one that the app redraws; made=2m: so long ago; locker=9999: for that one instead.
        """
        backend, clock = self._locker.backend, self._locker.clock
        grant = backend.orders[waybill].grants[Purpose(purpose)]
        epoch = self._locker.controller.runtime.controller.state.locker.epoch
        name = f"{purpose} {waybill}".encode()[:16].ljust(16)
        said = tokens.claims(locker or self._locker.config.locker.id, epoch, grant.id, purpose, name)
        if kind == "short":
            said = tokens.dated(said, clock.true_ms() - round(1_000 * seconds(made)))
        self._locker.optics.hold(tokens.mint(backend.signer, said))

    async def do_lower(self) -> None:
        """Take away whatever is held before the camera."""
        self._locker.optics.take_away()

    async def do_camera(self, state: str, within: str = PATIENCE) -> None:
        """Expect what the locker knows of its camera: ok, covered, frozen, hung, gone, silent."""
        wanted = CameraState(state)

        def found() -> CameraState:
            return CameraState(self._locker.controller.runtime.controller.state.locker.scanner)

        await self._until(lambda: found() is wanted, lambda: f"the camera is {found()}", within)
