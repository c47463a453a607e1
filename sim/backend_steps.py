"""The verbs of a scenario that are about the backend: orders, commands, SMS, refunds, keys."""

import random

from firmware.model import Purpose
from sim.backend import Backend, Signer, commands
from sim.locker import SimLocker
from sim.machine_steps import MachineSteps
from sim.script import Failed, seconds

# What the backend asks for until it has an answer, for hours.
LASTING = {"cancel": Backend.cancel, "extend": Backend.extend}


def deed_of(backend: Backend, verb: str, what: str, detail: str = "", under: str = "") -> commands.Deed:
    """What a line of a scenario wants done. Raises ValueError for another verb."""
    if verb in ("block", "unblock"):
        return commands.block(int(what), blocked=verb == "block")
    grant = backend.orders[under or what].grants[Purpose.PICKUP].id
    match verb:
        case "open":
            return commands.open_cell(grant, what)
        case "confirm":
            return commands.confirm(grant, what)
        case "report":
            return commands.report(grant, what, detail)
    raise ValueError(f"no command {verb!r}")


class BackendSteps(MachineSteps):
    """What the people behind the backend do, and what is heard of them."""

    def __init__(self, locker: SimLocker) -> None:
        super().__init__(locker)
        self._commands: dict[str, str] = {}  # waybill → the last open command's id

    async def do_order(self, waybill: str, cell: str, buyer: str = "alia", **options: str) -> None:
        """Order a parcel into a cell. Options: account, direction=outbound, valid_in=TIME, until=TIME, early=yes (SMS at order)."""
        now_ms, until_s = self._locker.clock.true_ms(), seconds(options.pop("until", "0s"))
        valid_in_s = seconds(options.pop("valid_in", "0s"))
        not_before_ms = now_ms + round(1_000 * valid_in_s) if valid_in_s else 0
        early = options.pop("early", "no") == "yes"
        self._locker.backend.order(
            waybill,
            int(cell),
            buyer,
            not_before_ms=not_before_ms,
            sms_at_order=early,
            until_ms=now_ms + round(1_000 * until_s) if until_s else 0,
            **options,  # type: ignore[arg-type]
        )
        await self._sync()

    async def do_welcomes(self, word: str) -> None:
        """`welcomes withheld`: somebody on the way lets no signed time through; `welcomes pass`, from the next hello on."""
        self._locker.link.tells_time = {"withheld": False, "pass": True}[word]

    async def do_withdraw(self, waybill: str) -> None:
        """Send a courier for a parcel."""
        self._locker.backend.withdraw(waybill)
        await self._sync()

    async def do_round(self, purpose: str, *waybills: str) -> None:
        """Give the courier one code for several parcels: `round deposit KZ1 KZ2`, `round withdrawal KZ1 KZ2`."""
        self._locker.backend.round(Purpose(purpose), list(waybills))
        await self._sync()

    async def do_move(self, waybill: str, cell: str) -> None:
        """Order a parcel into another cell, before it lies in one."""
        self._locker.backend.move(waybill, int(cell))
        await self._sync()

    async def do_command(
        self, verb: str, what: str, detail: str = "", within: str = "60s", under: str = ""
    ) -> None:
        """From the app: `command open WAYBILL`, `confirm WAYBILL`, `report WAYBILL PROBLEM`, `extend WAYBILL`, `cancel WAYBILL`.

        `under=WAYBILL` takes the right to another parcel. From the operator: `command block CELL`, `unblock CELL`.
        """
        link, backend = self._locker.link, self._locker.backend
        if verb in LASTING:
            self._commands[what] = LASTING[verb](backend, what).id
            link.sync()
            return
        deed = deed_of(backend, verb, what, detail, under)
        self._commands[what] = link.send_command(deed, round(seconds(within)))

    async def do_reserve(
        self, waybill: str, size: str | None = None, cell: str | None = None, account: str = "Kaspi Gold"
    ) -> None:
        """Have a cell kept for a parcel that is to come: `reserve KZ1 size=M`, or `reserve KZ1 cell=3`.

        `journal reserved parcel=KZ1` tells which one it is, for `order KZ1 CELL`; `outcome KZ1 …` expects what becomes of it.
        """
        if (size is None) is (cell is None):
            raise ValueError("a reservation is of a size or of a cell")
        deed = commands.reserve(waybill, account, size=size, cell=int(cell) if cell is not None else None)
        self._commands[waybill] = self._locker.link.send_command(deed)

    async def do_rotate(self, key: str, after: str = "0s") -> None:
        """Sign with another key, of this name, from so much later on; `journal keys why=…` tells whose word counts."""
        following = Signer(random.Random(f"key {key}").randbytes(32), key)
        since_ms = self._locker.clock.true_ms() + round(1_000 * seconds(after))
        self._commands[key] = self._locker.backend.rotate(following, since_ms).id
        self._locker.link.sync()

    async def do_outcome(self, waybill: str, outcome: str) -> None:
        """Expect the outcome of the last command for this parcel, cell, person or key."""
        command = self._commands[waybill]
        outcomes = self._locker.link.outcomes
        await self._until(
            lambda: outcomes.get(command) == outcome, lambda: f"the outcome is {outcomes.get(command)}"
        )

    async def do_resend(self, waybill: str, refused: str = "no") -> None:
        """«Отправить код ещё раз»; with refused=yes it is expected that none is sent, for none is out or it was too often."""
        try:
            self._locker.backend.resend(waybill)
        except ValueError as error:
            if refused != "yes":
                raise Failed(str(error)) from None
        else:
            if refused == "yes":
                raise Failed("it was sent")

    async def do_sms(self, person: str, *words: str, times: str = "") -> None:
        """Expect an SMS that holds these words on somebody's phone; times=N: exactly so many."""

        def texts() -> list[str]:
            return [sms.text for sms in self._locker.backend.phones.get(person, [])]

        def arrived() -> bool:
            count = sum(all(word in text for word in words) for text in texts())
            return count == int(times) if times else count > 0

        await self._until(arrived, lambda: f"{person} has {texts()}")

    async def do_refund(self, waybill: str, account: str) -> None:
        """Expect exactly one refund for this order, to this account."""

        def paid() -> list[str]:
            refunds = self._locker.backend.refunds
            return [refund.account for refund in refunds if refund.waybill == waybill]

        await self._until(lambda: paid() == [account], lambda: f"refunded: {paid()}")

    async def do_alarm(self, *words: str) -> None:
        """Expect that the backend has called a person, in these words; that call is answered."""
        backend = self._locker.backend

        def called() -> list[str]:
            return [alarm for alarm in backend.alarms if all(word in alarm for word in words)]

        await self._until(lambda: bool(called()), lambda: f"the backend's alarms: {backend.alarms}")
        for alarm in called():
            backend.answer_alarm(alarm)

    async def do_balance(self, person: str, account: str, tenge: str) -> None:
        """Expect how much is on somebody's account."""
        bank = self._locker.backend.bank
        await self._until(
            lambda: bank.balance(person, account) == int(tenge),
            lambda: f"{bank.balance(person, account)} tenge",
        )

    async def do_waiting(self, waybill: str, waits: str = "yes") -> None:
        """Expect that the order waits for its locker, which has said nothing since the deadline; or that it does not."""
        order = self._locker.backend.orders[waybill]
        await self._until(lambda: order.waits is (waits == "yes"), lambda: f"waits: {order.waits}", "11m")

    async def do_work(self, courier: str, purpose: str, waybill: str) -> None:
        """Expect on somebody's list: `work courier withdrawal WAYBILL`."""

        def listed() -> list[tuple[str, str]]:
            return [(each.purpose.value, each.waybill) for each in self._locker.backend.work(courier)]

        await self._until(lambda: (purpose, waybill) in listed(), lambda: f"{courier} has {listed()}")

    async def do_returned(self, waybill: str) -> None:
        """The shop confirms that it has its goods back; they must be on their way to it."""
        backend = self._locker.backend
        await self._until(
            lambda: backend.orders[waybill] in backend.returns(),
            lambda: f"on their way back: {[order.waybill for order in backend.returns()]}",
        )
        backend.confirm_return(waybill)

    async def do_decide(self, waybill: str, refund: str) -> None:
        """What a person has found out about an order that is held: `decide WAYBILL yes`, the money goes back, or `no`."""
        order = self._locker.backend.orders[waybill]
        await self._until(lambda: bool(order.held), lambda: f"it is {order.stage}, and nothing to decide")
        self._locker.backend.decide(waybill, refund=refund == "yes")

    async def do_backend(self, fate: str) -> None:
        """The backend's database: `saved`, and later `restored` from that copy, as after the loss of the machine."""
        copy = self._locker.folder / "backend-copy.db"
        if fate == "saved":
            self._locker.backend.backup(copy)
        elif fate == "restored":
            self._locker.backend.restore(copy)
            await self.do_link("down")
            await self.do_link("up")
        else:
            raise ValueError(f"a backend is saved or restored, not {fate}")

    async def _sync(self) -> None:
        if not self._locker.link.is_attached:
            return  # it is told when the link is up again
        self._locker.link.sync()
        await self._until(lambda: self._locker.link.is_settled, lambda: "the locker has not taken the list")
