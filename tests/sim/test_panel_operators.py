"""What the operator's people do from the page: what may be done to an order now, what comes of it, and the line that says so. Virtual time."""

from pathlib import Path

import pytest

from firmware.model import Purpose
from sim.backend import CodeAt, Stage
from sim.backend.commands import configure
from sim.deeds import Deed
from sim.panel.acts import Cancel, Decide, Policy, Returned, Send
from sim.panel.messages import Why
from sim.panel.operators import ORDERS_MAX, Operator
from sim.panel.seen import Can, OrderSeen, PolicySeen
from tests.sim.test_panel_xray import Watched, told, watch

DISPUTED = (
    "order KZ1 cell=7 buyer=alia", "deposit KZ1 7", "command open KZ1", "see take_parcel cell=7",
    "close 7", "see ask_taken cell=7", "command report KZ1 damaged", "journal disputed parcel=KZ1", "see idle", "settled",
)  # fmt: skip
FETCHED = (
    "press start", "type withdrawal KZ1", "see take_parcel cell=7", "take KZ1 7", "close 7", "journal withdrawn parcel=KZ1",
    "settled",
)  # fmt: skip


class Desk:
    """The operator's, beside the locker."""

    def __init__(self, there: Watched) -> None:
        self.there = there
        self.operator = Operator(there.locker)

    async def play(self, *lines: str) -> None:
        """As a scenario does; `settled`: the backend has heard all."""
        link = self.there.locker.link
        for line in lines:
            if line == "settled":
                await self.there.steps._until(lambda: link.is_settled, lambda: "the backend is behind")
            else:
                await self.there.play(line)

    def do(self, act: Send | Cancel | Decide | Returned) -> Why | None:
        refused = self.operator.act(act)
        return refused.why if refused is not None else None

    def seen(self, waybill: str = "KZ1") -> OrderSeen:
        return next(order for order in self.operator.orders() if order.waybill == waybill)


def test_an_order_is_cancelled_by_the_locker_alone(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        desk = Desk(there)
        await desk.play("order KZ1 cell=7 buyer=alia")
        assert desk.seen().can == (Can.CANCEL,)
        await desk.play("link down")
        assert desk.do(Cancel("KZ1")) is None
        assert (desk.seen().stage, desk.seen().cancel, desk.seen().can) == (Stage.ORDERED, "waiting", ())
        assert desk.do(Cancel("KZ1")) is Why.NOT_NOW  # it is asked already
        await desk.play("link up", "journal cancelled parcel=KZ1", "settled")
        assert (desk.seen().stage, desk.seen().cancel, desk.seen().can) == (Stage.CANCELLED, "done", ())
        line = there.line("backend.cancel")
        assert (line.who, line.parameters["parcel"]) == ("backend", "KZ1")
        assert told(line, "journal") != []

    watch(tmp_path, play)


def test_what_somebody_has_in_hand_answers_later(tmp_path: Path) -> None:
    """And what is told of the command is about the command, not about whoever stands there."""

    async def play(there: Watched) -> None:
        desk = Desk(there)
        await desk.play("order KZ1 cell=7 buyer=alia", "deposit KZ1 7", "command open KZ1", "see take_parcel")
        assert desk.do(Cancel("KZ1")) is None
        await desk.play("take KZ1 7", "close 7")
        assert desk.seen().cancel == "waiting"
        await desk.play("press confirm", "journal collected parcel=KZ1", "settled")
        assert (desk.seen().stage, desk.seen().cancel, desk.seen().can) == (
            Stage.COLLECTED,
            "not_allowed",
            (),
        )
        line = there.line("backend.cancel")
        assert told(line, "verdict") == [("verdict.outcome", {"outcome": "accepted"})]

    watch(tmp_path, play)


def test_a_courier_fetches_what_was_cancelled_in_its_cell_and_the_shop_confirms_it(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        desk = Desk(there)
        await desk.play("order KZ1 cell=7 buyer=alia", "deposit KZ1 7")
        assert desk.do(Send("KZ1")) is Why.NO_COURIER
        assert desk.do(Cancel("KZ1")) is None
        await desk.play("journal cancelled parcel=KZ1", "settled")
        assert desk.seen().can == (Can.SEND,)
        assert desk.do(Returned("KZ1")) is Why.NOT_NOW
        assert desk.do(Send("KZ1")) is None
        assert desk.do(Send("KZ1")) is Why.NO_COURIER  # he is on his way
        await desk.play("settled", "see idle", *FETCHED)
        assert (desk.seen().stage, desk.seen().can) == (Stage.WITHDRAWN, (Can.RETURNED,))
        assert desk.do(Returned("KZ1")) is None
        assert desk.seen().can == ()
        assert desk.do(Returned("KZ1")) is Why.NOT_NOW
        assert there.line("backend.returned").who == "backend"

    watch(tmp_path, play)


@pytest.mark.parametrize("refund", [True, False])
def test_a_person_decides_of_a_dispute_once(refund: bool, tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        desk, backend = Desk(there), there.locker.backend
        await desk.play(*DISPUTED)
        assert (desk.seen().held, desk.seen().can) == ("dispute", (Can.REFUND, Can.END, Can.SEND))
        assert backend.refunds == []
        assert desk.do(Decide("KZ1", refund=refund)) is None
        assert (desk.seen().held, desk.seen().can) == ("", (Can.SEND,))
        assert len(backend.refunds) == int(refund)
        for again in (True, False):
            assert desk.do(Decide("KZ1", refund=again)) is Why.NOT_NOW
        line = there.line("backend.decide")
        assert line.parameters == {"parcel": "KZ1", "decision": "refund" if refund else "end"}
        assert [parameters for _, parameters in told(line, "sms")] == ([{"person": "alia"}] if refund else [])

    watch(tmp_path, play)


def test_of_what_its_buyer_may_still_take_no_money_goes_back(tmp_path: Path) -> None:
    """The locker has lost its memory while a parcel lies in it: that is no end of the order."""

    async def play(there: Watched) -> None:
        desk = Desk(there)
        await desk.play("order KZ1 cell=7 buyer=alia", "deposit KZ1 7")
        await desk.play("power off", "database damaged", "power on", "journal epoch count=2", "settled")
        assert (desk.seen().stage, desk.seen().held) == (Stage.STORED, "untold")
        assert desk.seen().can == (Can.CANCEL, Can.END)
        assert desk.do(Decide("KZ1", refund=True)) is Why.NOT_NOW
        assert desk.do(Decide("KZ1", refund=False)) is None
        assert desk.seen().can == (Can.CANCEL,)

    watch(tmp_path, play)


def test_nothing_is_done_to_what_nobody_ordered(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        desk = Desk(there)
        for act in (Send("KZ1"), Cancel("KZ1"), Decide("KZ1", refund=True), Returned("KZ1")):
            assert desk.do(act) is Why.UNKNOWN

    watch(tmp_path, play)


def test_only_the_newest_orders_are_shown(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        for number in range(ORDERS_MAX + 1):
            there.locker.backend.order(f"KZ{number}", 7, "alia")
        shown = [order.waybill for order in Operator(there.locker).orders()]
        assert shown == [f"KZ{number}" for number in range(1, ORDERS_MAX + 1)]

    watch(tmp_path, play)


def test_the_rule_for_opening_is_the_lockers_once_it_has_taken_it(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        desk = Desk(there)
        await desk.play("settled", "link down", "wait 1s")
        refused = desk.operator.choose(Policy("touch"))
        assert refused is not None
        assert refused.why is Why.NO_LINK
        await desk.play("link up", "wait 5s", "settled")
        assert desk.operator.choose(Policy("touch")) is None
        await desk.play("journal configured why='remote_open=touch static_tokens=1'")
        wanted = PolicySeen("touch", "allowed", CodeAt.DEPOSIT)
        assert desk.operator.policy() == wanted
        await desk.play("power off")
        assert desk.operator.policy() == wanted  # what it went by
        await desk.play("power on", "settled")
        assert desk.operator.policy() == wanted
        line = there.line("backend.policy")
        assert (line.who, line.parameters) == ("backend", {"policy": "touch", "static": "allowed"})
        assert told(line, "verdict") == [("verdict.outcome", {"outcome": "done"})]

    watch(tmp_path, play)


def test_a_rule_that_is_chosen_leaves_the_other_as_it_was(tmp_path: Path) -> None:
    """The command's settings take the place of all that were sent before."""

    async def play(there: Watched) -> None:
        desk = Desk(there)
        await desk.play("settled")
        assert desk.operator.choose(Policy(static_tokens="refused")) is None
        await desk.play("journal configured why='remote_open=anywhere static_tokens=0'", "settled")
        assert not there.locker.backend.static_tokens
        await desk.play("wait 1s")
        assert desk.operator.choose(Policy("touch")) is None
        await desk.play("journal configured why='remote_open=touch static_tokens=0'")
        assert desk.operator.policy() == PolicySeen("touch", "refused", CodeAt.DEPOSIT)
        await desk.play("wait 1s")
        assert desk.operator.choose(Policy(static_tokens="allowed")) is None
        await desk.play("journal configured why='remote_open=touch static_tokens=1'", "settled")
        assert there.locker.backend.static_tokens

    watch(tmp_path, play)


def test_two_rules_that_are_chosen_while_messages_take_their_time_both_hold(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        desk = Desk(there)
        await desk.play("settled", "strike broker_slow seed=1", "wait 1s")
        assert desk.operator.choose(Policy("touch")) is None
        await desk.play("wait 1s")
        assert desk.operator.policy().remote_open == "anywhere"  # the locker has not heard of it
        assert desk.operator.choose(Policy(static_tokens="refused")) is None
        await desk.play(
            "journal configured why='remote_open=touch static_tokens=0' within=2m", "heal broker_slow"
        )

    watch(tmp_path, play)


def test_without_settings_of_its_own_the_locker_goes_by_its_file_again_and_the_backend_knows(
    tmp_path: Path,
) -> None:
    async def play(there: Watched) -> None:
        desk = Desk(there)
        await desk.play("settled")
        assert desk.operator.choose(Policy("touch", static_tokens="refused")) is None
        await desk.play("journal configured why='remote_open=touch static_tokens=0'", "settled", "wait 1s")
        there.locker.link.send_command(configure({}))
        await desk.play("journal configured", "settled")
        assert there.locker.backend.static_tokens
        assert desk.operator.policy() == PolicySeen("anywhere", "allowed", CodeAt.DEPOSIT)

    watch(tmp_path, play)


def test_the_code_comes_with_the_order_where_that_is_the_rule(tmp_path: Path) -> None:
    async def play(there: Watched) -> None:
        desk, backend = Desk(there), there.locker.backend
        deeds = list[Deed]()
        there.deeds.observers.append(deeds.append)
        backend.order("KZ1", 7, "alia")
        assert "alia" not in backend.phones
        assert desk.operator.choose(Policy(code_at="order")) is None
        assert desk.operator.policy() == PolicySeen("anywhere", "allowed", CodeAt.ORDER)
        backend.order("KZ2", 6, "alia")
        assert [sms.code for sms in backend.phones["alia"]] == [
            backend.orders["KZ2"].grants[Purpose.PICKUP].code
        ]
        assert [deed.early for deed in deeds] == [False, True]

    watch(tmp_path, play)
