"""The verbs of a scenario that are about the backend: orders, commands, SMS, refunds."""

from sim.locker import SimLocker
from sim.machine_steps import MachineSteps
from sim.script import seconds


class BackendSteps(MachineSteps):
    """What the people behind the backend do, and what is heard of them."""

    def __init__(self, locker: SimLocker) -> None:
        super().__init__(locker)
        self._commands: dict[str, str] = {}  # waybill → the last open command's id

    async def do_order(self, waybill: str, cell: str, buyer: str = "alia", **options: str) -> None:
        """Order a parcel into a cell. Options: account, direction=outbound, valid_in=TIME, early=yes (SMS at order)."""
        valid_in_s = seconds(options.pop("valid_in", "0s"))
        not_before_ms = self._locker.clock.utc_ms() + round(1_000 * valid_in_s) if valid_in_s else 0
        early = options.pop("early", "no") == "yes"
        self._locker.backend.order(
            waybill,
            int(cell),
            buyer,
            not_before_ms=not_before_ms,
            sms_at_order=early,
            **options,  # type: ignore[arg-type]
        )
        await self._sync()

    async def do_withdraw(self, waybill: str) -> None:
        """Send a courier for a parcel."""
        self._locker.backend.withdraw(waybill)
        await self._sync()

    async def do_move(self, waybill: str, cell: str) -> None:
        """Order a parcel into another cell, before it lies in one."""
        self._locker.backend.move(waybill, int(cell))
        await self._sync()

    async def do_command(self, verb: str, waybill: str, within: str = "60s") -> None:
        """`command open WAYBILL`: the app's «Открыть ячейку»."""
        if verb != "open":
            raise ValueError(f"no command {verb!r}")
        self._commands[waybill] = self._locker.link.send_open(waybill, round(seconds(within)))

    async def do_outcome(self, waybill: str, outcome: str) -> None:
        """Expect the outcome of the last command for this parcel."""
        command = self._commands[waybill]
        outcomes = self._locker.link.outcomes
        await self._until(
            lambda: outcomes.get(command) == outcome, lambda: f"the outcome is {outcomes.get(command)}"
        )

    async def do_sms(self, person: str, *words: str) -> None:
        """Expect an SMS that holds these words on somebody's phone."""
        phones = self._locker.backend.phones

        def arrived() -> bool:
            return any(all(word in sms.text for word in words) for sms in phones.get(person, []))

        await self._until(arrived, lambda: f"{person} has {[sms.text for sms in phones.get(person, [])]}")

    async def do_refund(self, waybill: str, account: str) -> None:
        """Expect exactly one refund for this order, to this account."""
        refunds = self._locker.backend.refunds

        def paid() -> list[str]:
            return [refund.account for refund in refunds if refund.waybill == waybill]

        await self._until(lambda: paid() == [account], lambda: f"refunded: {paid()}")

    async def do_alarm(self, *words: str) -> None:
        """Expect that the backend has called a person, in these words; that call is answered."""
        alarms = self._locker.backend.alarms

        def called() -> list[str]:
            return [alarm for alarm in alarms if all(word in alarm for word in words)]

        await self._until(lambda: bool(called()), lambda: f"the backend's alarms: {alarms}")
        alarms[:] = [alarm for alarm in alarms if alarm not in called()]

    async def _sync(self) -> None:
        if not self._locker.link.is_attached:
            return  # it is told when the link is up again
        self._locker.link.sync()
        await self._until(lambda: self._locker.link.is_settled, lambda: "the locker has not taken the list")
