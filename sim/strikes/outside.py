"""Strikes from outside: network, kiosk, and people who mean no good."""

import asyncio
from contextlib import nullcontext

from firmware.control import Code, Press, Seq, Show
from firmware.model import Action, Problem, Purpose, ScreenName
from sim import faces
from sim.backend import Signer, unsigned
from sim.backend.orders import Stage
from sim.people import Visitor
from sim.site import Site
from sim.strikes.common import Blow, in_hand


async def link_down(site: Site, blow: Blow) -> None:
    """The backend cannot be reached."""
    chance = blow.chance
    site.locker.uplink.network(up=False)
    blow.fired()
    await blow.lasts(chance.uniform(10, 600))
    site.locker.uplink.network(up=True)


async def forged_list(site: Site, blow: Blow) -> None:
    """Objects without a signature, under a stranger's key, cut short, and changed in one bit: nothing of it may be believed."""
    chance = blow.chance
    link, backend = site.locker.link, site.locker.backend
    if not link.is_attached:
        return
    stranger = Signer(chance.randbytes(32), backend.signer.key_id)
    version = backend.version
    honest = backend.grants()
    site.sent.pop()  # the backend has not sent it
    backend.version = version
    changed = bytearray(honest)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    objects = [
        unsigned(honest),
        stranger.sign_again(honest),
        honest[: chance.randrange(len(honest))],
        bytes(changed),
    ]
    for each in objects:
        link.send(each)
    blow.fired()


async def replayed(site: Site, blow: Blow) -> None:
    """What was said once is said again: nothing may come of it."""
    chance = blow.chance
    if site.locker.link.is_attached and site.sent:
        for signed in chance.sample(list(site.sent), min(3, len(site.sent))):
            site.locker.link.send(signed)
        blow.fired()


async def kiosk_gone(site: Site, blow: Blow) -> None:
    """The page's connection ends and a fresh page joins."""
    chance = blow.chance
    if chance.random() < 0.7 and not blow.aimed:
        await in_hand(site, 900)
    site.kiosk.leave()
    blow.fired()
    await blow.lasts(chance.uniform(2, 30))
    site.kiosk.join()


async def kiosk_nonsense(site: Site, blow: Blow) -> None:
    """Bytes that are no request: the gate drops the connection."""
    chance = blow.chance
    site.kiosk.send_bytes(
        chance.choice([b'{"type":"press"}\n', b"\xff\xfe\n", b"[" * 5_000 + b"\n", b"x" * 70_000])
    )
    blow.fired()
    await asyncio.sleep(chance.uniform(1, 5))
    site.kiosk.join()


async def presses_everything(site: Site, blow: Blow) -> None:
    """Listed or not, on this screen's number or on yesterday's, as fast as a finger or faster."""
    chance = blow.chance
    if chance.random() < 0.5 and not blow.aimed:
        await in_hand(site, 900)
    old: Show | None = None
    for _ in range(chance.randrange(10, 60)):
        show = site.kiosk.show
        seq = chance.choice([each.seq for each in (show, old) if each is not None] or [Seq("nobody", 1)])
        action = chance.choice(list(Action))
        problem = chance.choice([None, *Problem]) if action is Action.REPORT else None
        site.meddled()
        site.kiosk.send(Press(seq, action, problem))
        blow.fired()
        old = show if chance.random() < 0.3 else old
        await asyncio.sleep(chance.choice([0.0, 0.03, 0.4]))


async def presses_at_the_deadline(site: Site, blow: Blow) -> None:
    """In the very moment in which the screen would change by itself, or a millisecond before."""
    chance = blow.chance
    wanted = (Action.MORE_TIME, Action.CONFIRM)
    for _ in range(300):
        await asyncio.sleep(chance.uniform(1, 20))
        show, due_s = site.kiosk.show, site.kiosk.due_s
        actions = [each for each in wanted if show and each in show.screen.actions]
        if show is None or due_s is None or not actions:
            continue
        early_s = chance.choice([0.0, 0.0005, 0.001])
        await asyncio.sleep(due_s - asyncio.get_running_loop().time() - early_s)
        if site.kiosk.show is show:
            site.meddled()
            site.kiosk.send(Press(show.seq, chance.choice(actions)))
            blow.fired()
            return


async def wrong_cabinet(site: Site, blow: Blow) -> None:
    """Stands in line, types up to three codes that are none here, and goes."""
    chance = blow.chance
    await _type_many(site, blow, chance.randrange(1, 4), polite=True)


async def keypad_robot(site: Site, blow: Blow) -> None:
    """Stands in nobody's line, and types as soon as the keypad takes a code."""
    chance = blow.chance
    await _type_many(site, blow, chance.randrange(20, 60), polite=False)


async def _type_many(site: Site, blow: Blow, times: int, *, polite: bool) -> None:
    """Codes that nobody was given, each as soon as the keypad takes one."""
    chance = blow.chance
    async with site.queue if polite else nullcontext():
        typed = 0
        for _ in range(600):
            show = site.kiosk.show
            actions = show.screen.actions if show is not None else ()
            if show is not None and show.screen.name == "keypad":
                site.typist = "a stranger"
                digits = 12 if show.screen.with_phone else 8
                site.kiosk.send(Code(show.seq, f"{chance.randrange(10**digits):0{digits}}"))
                typed += 1
                blow.fired()
            elif Action.START in actions:
                faces.press(site.kiosk, Action.START)
            elif Action.AGAIN in actions and show is not None and show.screen.name == "wrong_code":
                faces.press(site.kiosk, Action.AGAIN)
            if typed >= times:
                return
            await asyncio.sleep(chance.uniform(0.2, 2))


async def app_and_keypad(site: Site, blow: Blow) -> None:
    """A command for one parcel while another person is at the screen, or at an open door."""
    chance = blow.chance
    if not await in_hand(site) or not site.locker.link.is_attached:
        return
    await asyncio.sleep(chance.uniform(0, 8))
    await _command(site, blow)


async def app_again(site: Site, blow: Blow) -> None:
    """Any buyer's parcel, beyond the cap."""
    chance = blow.chance
    for _ in range(chance.randrange(7, 15)):
        if site.locker.link.is_attached:
            await _command(site, blow)
        await asyncio.sleep(chance.uniform(1, 60))


async def quiet_cell_ordered(site: Site, blow: Blow) -> None:
    """A shop that looks at no quiet hour orders into a cell that was just emptied, and the courier comes at once."""
    chance, backend = blow.chance, site.office.backend
    for _ in range(360):
        await asyncio.sleep(chance.uniform(5, 15))
        cells = sorted(backend.quiet.cells() - backend.taken_cells())
        waybill = f"KZQ{chance.randrange(10**9)}"
        if cells and waybill not in backend.orders:
            backend.order(waybill, chance.choice(cells), f"buyer of {waybill}")
            site.office.sync()
            blow.fired()
            await asyncio.sleep(chance.uniform(1, 20))
            await Visitor(site, chance, waybill, Purpose.DEPOSIT, "usual").come()
            return


async def _command(site: Site, blow: Blow) -> None:
    """«Открыть ячейку» from far away: if it opens, a friend sees to the door."""
    chance = blow.chance
    orders = site.office.backend.orders.values()
    waiting = [order for order in orders if order.stage is Stage.STORED and "pickup" in order.grants]
    if not waiting or not site.locker.link.is_attached:
        return
    order = chance.choice(waiting)
    site.locker.link.send_open(order.waybill)
    blow.fired()
    await asyncio.sleep(chance.uniform(2, 10))
    show = site.kiosk.show
    asked = show is not None and show.screen.name is ScreenName.AWAIT_TOUCH and show.screen.cell == order.cell
    if asked and chance.random() < 0.5:
        faces.press(site.kiosk, Action.OPEN)
    await asyncio.sleep(chance.uniform(3, 30))
    cell = site.world.cells[order.cell]
    if not cell.shut:
        if cell.parcel == order.waybill and chance.random() < 0.5:
            site.take(order.cell)
            await asyncio.sleep(1)
        elif cell.parcel == order.waybill:
            site.witness.excuse(order.waybill, "opened from far away and let lie")
        site.world.close(order.cell)
