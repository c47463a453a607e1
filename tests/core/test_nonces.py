"""The screen's nonces and what is offered to a camera: new in time, good in time, used once, and nowhere but at the screen."""

import asyncio
import base64
import itertools
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.config import Config, Times
from firmware.control import LinkState, Press, Qr, Seq, Show
from firmware.deeds import NONCE_BYTES
from firmware.model import Action, ScreenName
from firmware.nonces import Nonces
from firmware.offer import OFFERED_ON, Offer, content
from firmware.peer import Role
from sim import loop as virtual
from tests.core.harness import cabinet
from tests.core.shell import Face, Shell, running

LINK = "HTTPS://APP.EXAMPLE/P/"
NONE = bytes(NONCE_BYTES)


def counted() -> Nonces:
    """1, 2, 3 … as nonces, by the design's numbers."""
    numbers = itertools.count(1)
    return Nonces(lambda size: next(numbers).to_bytes(size, "big"), period_s=30, valid_s=60)


def number(nonces: Nonces, now_ms: int) -> int:
    return int.from_bytes(nonces.current(now_ms)[0], "big")


def nonce(value: int) -> bytes:
    return value.to_bytes(NONCE_BYTES, "big")


def test_a_new_one_takes_the_screen_every_thirty_seconds() -> None:
    nonces = counted()
    assert [number(nonces, at_ms) for at_ms in (0, 29_999, 30_000, 59_999, 60_000)] == [1, 1, 2, 2, 3]
    assert nonces.current(60_000) == (nonce(3), 90_000)


def test_after_a_pause_the_one_before_it_is_not_shown_again() -> None:
    nonces = counted()
    assert [number(nonces, at_ms) for at_ms in (0, 1_000_000)] == [1, 2]


def test_one_is_good_for_sixty_seconds_from_its_drawing_and_not_longer() -> None:
    nonces = counted()
    number(nonces, 0)
    number(nonces, 30_000)
    assert nonces.use(nonce(1), "c", 59_999)
    assert not counted().use(nonce(1), "c", 0)
    late = counted()
    number(late, 0)
    assert not late.use(nonce(1), "c", 60_000)
    assert not late.use(nonce(1), "c", 30_000)  # and it is forgotten


def test_one_is_used_for_one_claim_which_may_come_twice() -> None:
    nonces = counted()
    number(nonces, 0)
    assert nonces.use(nonce(1), "c", 10_000)
    assert nonces.use(nonce(1), "c", 20_000)
    assert not nonces.use(nonce(1), "d", 20_000)
    assert not nonces.use(nonce(1), "c", 60_000)


def test_the_screen_has_another_one_as_soon_as_one_was_used() -> None:
    nonces = counted()
    number(nonces, 0)
    nonces.use(nonce(1), "c", 5_000)
    assert nonces.current(5_000) == (nonce(2), 35_000)
    number(nonces, 40_000)
    assert nonces.use(nonce(2), "d", 40_000)  # of a screen before
    assert number(nonces, 41_000) == 3


def test_what_was_never_shown_is_not_good() -> None:
    nonces = counted()
    number(nonces, 0)
    for wrong in (NONE, nonce(2), nonce(1)[:-1], nonce(1) + b"\0", b""):
        assert not nonces.use(wrong, "c", 1)


def test_those_of_a_former_start_are_dead() -> None:
    assert not counted().use(nonce(1), "c", 0)


def test_a_hundred_thousand_are_not_kept() -> None:
    nonces = counted()
    for at_s in range(0, 3_000_000, 30):
        number(nonces, 1_000 * at_s)
    assert len(nonces._drawn) <= 2


# The offer


def offering(**times: Any) -> Config:
    config = cabinet(Times(**times))
    return msgspec.structs.replace(config, locker=msgspec.structs.replace(config.locker, app_link=LINK))


def offer(config: Config | None = None) -> Offer:
    return Offer(config or offering(), random.Random(1).randbytes)


def test_it_says_link_locker_and_nonce_in_the_alphabet_of_a_small_code() -> None:
    assert content(LINK, "0123", b"\xff" * 16) == f"{LINK}0123/{'7' * 25}4"
    text = content(LINK, "ALA-0123", random.Random(2).randbytes(16))
    assert set(text) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
    assert base64.b32decode(text.rpartition("/")[2] + "======") == random.Random(2).randbytes(16)


def in_time(scene: Any) -> None:
    virtual.run(scene())


@pytest.mark.parametrize("screen", ScreenName)
def test_it_stands_where_nobody_has_proved_anything_and_nowhere_else(screen: ScreenName) -> None:
    async def scene() -> None:
        some = offer()
        some.link(0, confirmed=True)
        assert (some.qr(screen, 0) is not None) is (screen in (ScreenName.IDLE, ScreenName.KEYPAD))
        some.stop()

    in_time(scene)
    assert {ScreenName.IDLE, ScreenName.KEYPAD} == OFFERED_ON


def test_without_a_configured_link_there_is_none() -> None:
    some = offer(cabinet())
    some.link(0, confirmed=True)
    assert some.qr(ScreenName.IDLE, 0) is None


def test_it_leaves_thirty_seconds_after_the_links_last_good_word() -> None:
    async def scene() -> None:
        some, changes = offer(), list[int]()
        some.on_change = lambda: changes.append(1)
        assert some.qr(ScreenName.IDLE, 0) is None
        some.link(0, confirmed=True)
        assert len(changes) == 1
        some.link(20_000, confirmed=True)
        assert len(changes) == 1  # it goes on
        some.link(30_000, confirmed=False)  # a greeting, perhaps
        assert some.qr(ScreenName.IDLE, 49_999) is not None
        assert some.qr(ScreenName.IDLE, 50_000) is None
        some.link(60_000, confirmed=True)
        assert len(changes) == 2
        assert some.qr(ScreenName.IDLE, 60_000) is not None
        some.stop()

    in_time(scene)


def test_it_changes_by_itself_and_says_so_only_where_it_does() -> None:
    async def scene() -> None:
        some, seen = offer(), list[tuple[float, Qr | None]]()
        loop = asyncio.get_running_loop()
        begun_s = loop.time()

        def look() -> None:
            seen.append((loop.time() - begun_s, some.qr(ScreenName.IDLE, round(1_000 * loop.time()))))

        some.on_change = look
        for _ in range(7):
            some.link(round(1_000 * loop.time()), confirmed=True)
            await asyncio.sleep(10)
        await asyncio.sleep(100)
        assert [at_s for at_s, _ in seen] == [0, 30, 60, 90]  # the link's last word came at 60
        assert [qr is None for _, qr in seen] == [False, False, False, True]
        assert len({qr for _, qr in seen}) == 4
        some.stop()

    in_time(scene)


def test_a_claim_that_has_seen_it_brings_another_one_to_the_screen() -> None:
    async def scene() -> None:
        some, changes = offer(), list[int]()
        some.link(0, confirmed=True)
        before = some.qr(ScreenName.IDLE, 0)
        some.on_change = lambda: changes.append(1)
        shown = random.Random(1).randbytes(16)
        assert not some.use(NONE, "c", 1_000)
        assert changes == []
        assert some.use(shown, "c", 1_000)
        assert changes == [1]
        assert some.qr(ScreenName.IDLE, 1_000) != before
        some.stop()

    in_time(scene)


# At the gate


def shown(kiosk: Face) -> list[Show]:
    return [push for push in kiosk.got if isinstance(push, Show)]


def at_the_gate(folder: Path, act: Any) -> None:
    async def scene() -> None:
        async with running(folder, offering()) as shell:
            await act(shell)

    virtual.run(scene())


def test_the_kiosk_is_shown_another_one_on_the_same_screen_and_a_press_stays_good(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        kiosk, link = Face(shell, Role.KIOSK), Face(shell, Role.LINK)
        await shell.quiet()
        assert shown(kiosk)[-1].qr is None
        for _ in range(7):
            link.send(LinkState(confirmed=True))
            await asyncio.sleep(10)
        codes = [show.qr.text for show in shown(kiosk) if show.qr]
        assert len(codes) == len(set(codes)) >= 3
        assert all(text.startswith(f"{LINK}0123/") for text in codes)
        first = next(show for show in shown(kiosk) if show.qr)
        assert first.seq == shown(kiosk)[-1].seq
        events = len(shell.seen)
        await asyncio.sleep(15)
        assert len(shell.seen) == events  # neither an event nor a commit
        kiosk.send(Press(first.seq, Action.START))
        await shell.quiet()
        assert shell.shows() is ScreenName.KEYPAD
        await asyncio.sleep(16)
        assert shown(kiosk)[-1].qr is None  # nobody has heard of the backend for more than thirty seconds
        assert link.dropped == kiosk.dropped == 0

    at_the_gate(tmp_path, act)


def whole(folder: Path) -> bytes:
    """All that lies in a folder."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def test_no_row_entry_and_log_holds_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act(shell: Shell) -> None:
        kiosk, link = Face(shell, Role.KIOSK), Face(shell, Role.LINK)
        link.send(LinkState(confirmed=True))
        kiosk.send(Press(Seq("s", 0), Action.BACK))
        await shell.quiet()
        code = shown(kiosk)[-1].qr
        assert code is not None
        secret = code.text.rpartition("/")[2]
        kept = whole(tmp_path)
        raw = base64.b32decode(secret + "======")
        assert secret.encode() not in kept
        assert raw not in kept
        assert secret not in caplog.text

    at_the_gate(tmp_path, act)


def test_only_the_link_says_how_the_link_is(tmp_path: Path) -> None:
    async def act(shell: Shell) -> None:
        for role in (Role.KIOSK, Role.SERVICE):
            face = Face(shell, role)
            face.send(LinkState(confirmed=True))
            assert face.dropped == 1

    at_the_gate(tmp_path, act)


def test_a_gate_whose_controller_has_ended_shows_nothing_any_more(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, offering()) as shell:
            kiosk, link = Face(shell, Role.KIOSK), Face(shell, Role.LINK)
            link.send(LinkState(confirmed=True))
            await shell.quiet()
        pushed = len(kiosk.got)
        await asyncio.sleep(100)
        assert len(kiosk.got) == pushed

    virtual.run(scene())


def test_postomat_run_draws_from_the_operating_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The only generator of a device is the system's; a seeded one is the simulator's."""
    import secrets

    from firmware import __main__, assembly
    from firmware.config import Paths
    from firmware.errors import PostomatError

    given: dict[str, Any] = {}

    def assemble(*parts: Any, **others: Any) -> None:
        parts[1].close()
        given.update(others)
        raise PostomatError("seen")

    monkeypatch.setattr(assembly, "assemble", assemble)
    monkeypatch.setattr(__main__, "read_key", lambda config, name: bytes(32))
    config = msgspec.structs.replace(offering(), paths=Paths(tmp_path, tmp_path, tmp_path))
    with pytest.raises(PostomatError, match="seen"):
        asyncio.run(__main__.control(config))
    assert given["draw"] is secrets.token_bytes
