"""The page's silence is noticed, said, and leaves the watchdog unfed; and what is said reaches systemd's socket."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from firmware import notify
from firmware.kiosk.site import HEARTBEAT_MS
from firmware.kiosk.watch import MISSES_MAX, PageWatch
from sim.loop import run

MISSED_S = MISSES_MAX * HEARTBEAT_MS / 1_000


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield inbox


def heard(inbox: socket.socket) -> list[str]:
    said = []
    with suppress(BlockingIOError):
        while True:
            said.append(inbox.recv(1_000).decode())
    return said


def test_kiosk_is_fed_while_no_page_has_come_yet(systemd: socket.socket) -> None:
    async def scene() -> None:
        task = asyncio.create_task(PageWatch().run())
        await asyncio.sleep(600)
        task.cancel()

    run(scene())
    assert set(heard(systemd)) == {"WATCHDOG=1"}


def test_silent_page_starves_the_watchdog_until_it_paints_again(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")

    async def scene() -> None:
        watch = PageWatch()
        task = asyncio.create_task(watch.run())
        for _ in range(10):
            watch.seen()
            await asyncio.sleep(HEARTBEAT_MS / 1_000)
        assert set(heard(systemd)) == {"WATCHDOG=1"}
        await asyncio.sleep(MISSED_S + HEARTBEAT_MS / 1_000)
        assert watch.silent()
        assert heard(systemd)[-1] == "STATUS=the page is silent"
        await asyncio.sleep(60)
        assert heard(systemd) == []
        watch.seen()
        await asyncio.sleep(HEARTBEAT_MS / 1_000)
        assert heard(systemd)[:2] == ["STATUS=the page is back", "WATCHDOG=1"]
        task.cancel()

    run(scene())


def test_nothing_is_sent_where_nobody_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.ready()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify.feed()  # a log line, no exception


def test_abstract_socket_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"postomat-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(f"\0{name}")
        inbox.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify.status("two\nlines\tand  more")
        assert inbox.recv(100) == b"STATUS=two lines and more"


@pytest.mark.parametrize(
    ("usec", "pid", "period_s"),
    [
        ("10000000", None, 10.0),
        ("500000", "own", 0.5),
        ("10000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_watchdog_period(
    usec: str | None, pid: str | None, period_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert notify.watchdog_period_s() == period_s
