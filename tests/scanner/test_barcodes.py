"""A barcode scanner from its cable to the screen: real pyserial on a pty, the process, its socket, and the controller behind it."""

import asyncio
from pathlib import Path

import pytest

from firmware import drivers
from firmware.config import Scanner as Section
from firmware.config import SerialScanner
from firmware.events import Event, WaybillScanned
from firmware.model import Outcome, ScreenName
from firmware.notices import Notice
from firmware.optics import Format
from firmware.scanner.process import Scanner
from firmware.signed import Keyring
from firmware.tokens import TEXT_MAX_CHARS
from hal.barcodes import Framing
from sim.backend import tokens
from sim.backend.signing import Signer
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


@pytest.mark.parametrize("id_length", [10, 64])
def test_a_token_passes_as_a_reading(folder: Path, monkeypatch: pytest.MonkeyPatch, id_length: int) -> None:
    """A scanner of QR codes reads a phone as well as a camera does, with nothing but its device configured."""
    monkeypatch.setattr("firmware.readings._ASKED", {ScreenName.IDLE: (Format.QR, Format.LINEAR)})
    looked: list[str] = []

    def read(text: str, keyring: Keyring) -> Event | Outcome:
        looked.append(text)
        return Outcome.UNSIGNED

    monkeypatch.setattr("firmware.readings._READ", {Format.QR: read})
    signer = Signer(bytes(32), "k" * 16)
    said = tokens.dated(tokens.claims("0123", 1, "g" * id_length, "pickup", bytes(16)), 1_764_000_000_000)
    token = tokens.mint(signer, said)
    assert len(token) > 256

    async def act(shell: Shell) -> None:
        line = Line()
        cable = PtyAdapter(line, folder / "ttyACM0")
        cable.plug()
        found = drivers.barcodes(section(folder), port=drivers.serial_port)
        scanner = Scanner(shell.config.paths.run / "scanner.sock", None, found, 5, None)
        task = asyncio.get_running_loop().create_task(scanner.run())
        await until(lambda: scanner._scan.wants)
        assert line.to_host is not None
        line.to_host(token.encode() + b"\r\n")
        await until(lambda: looked)
        cable.unplug()
        assert looked == [token]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    on_stage(folder, act)


def test_the_longest_token_fits_and_nothing_longer_passes() -> None:
    """Whatever the backend signs: `firmware.tokens` looks at no more either."""
    framing = Framing(length_max=SerialScanner("hand", "/dev/a").length_max)
    longest = b"A" * TEXT_MAX_CHARS
    assert framing.take(longest + b"\r" + longest + b"A\r", 0).texts == (longest.decode(),)


def test_where_none_is_configured_there_is_none() -> None:
    assert drivers.barcodes(Section(), port=drivers.serial_port) == []
