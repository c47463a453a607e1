"""A barcode scanner from its cable to the screen: real pyserial on a pty, the process, its socket, and the controller behind it."""

import asyncio
from pathlib import Path

import pytest

from firmware import drivers
from firmware.config import Scanner as Section
from firmware.config import SerialScanner
from firmware.errors import HardwareError
from firmware.events import WaybillScanned
from firmware.model import ScreenName
from firmware.notices import Notice
from firmware.scanner.process import Scanner
from sim.wire import Line, PtyAdapter
from tests.core.shell import Shell
from tests.scanner.stage import on_stage, until


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


def section(folder: Path, **frame: str) -> Section:
    return Section(serial=(SerialScanner("hand", str(folder / "ttyACM0"), **frame),))  # type: ignore[arg-type]


def scans(shell: Shell) -> list[str]:
    return [event.waybill for event in shell.seen if isinstance(event, WaybillScanned)]


def test_what_it_beeps_at_is_answered_by_the_screen(folder: Path) -> None:
    async def act(shell: Shell) -> None:
        line = Line()
        cable = PtyAdapter(line, folder / "ttyACM0")
        cable.plug()
        found = drivers.barcodes(section(folder, prefix="]C1", suffix="\x03"), port=drivers.serial_port)
        scanner = Scanner(shell.config.paths.run / "scanner.sock", None, found, 5, None)
        task = asyncio.get_running_loop().create_task(scanner.run())
        await until(lambda: scanner._client is not None and scanner._scan.seq.start)
        assert line.to_host is not None
        line.to_host(b"]C1KZ\xff\0\x03\r\n]C1KZ00001\x03\r\n")
        await until(lambda: scans(shell))
        cable.unplug()  # with the cable out nothing else is the worse
        assert (shell.shows(), shell.runtime.screen.notice) == (ScreenName.KEYPAD, Notice.CODE_FIRST)
        assert scans(shell) == ["KZ00001"]
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    on_stage(folder, act)


def test_where_none_is_configured_there_is_none() -> None:
    assert drivers.barcodes(Section(), port=drivers.serial_port) == []


def test_a_frame_that_no_code_can_have_is_said(folder: Path) -> None:
    with pytest.raises(HardwareError, match=r"scanner\.serial: prefix"):
        drivers.barcodes(section(folder, prefix="A\rB"), port=drivers.serial_port)
