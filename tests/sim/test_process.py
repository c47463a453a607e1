"""The device's own processes under the simulator: whatever ends them, each starts again, and never twice."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import msgspec

from firmware.config_file import text
from sim.ports import free_port
from sim.process import RESTART_S, Process
from sim.scenario import cabinet


def running(config: Path) -> list[int]:
    """Which processes have this file in their command line."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended since
            if str(config).encode() in each.read_bytes():
                found.append(int(each.parent.name))
    return found


async def kiosk(tmp_path: Path) -> tuple[Process, Path]:
    config = cabinet("rs485")
    path = tmp_path / "postomat.toml"
    path.write_text(
        text(msgspec.structs.replace(config, kiosk=msgspec.structs.replace(config.kiosk, port=free_port())))
    )
    return await Process.launch("kiosk", path), path


def test_a_crash_before_a_power_cut_brings_no_second_process(runner: asyncio.Runner, tmp_path: Path) -> None:
    async def play() -> None:
        process, path = await kiosk(tmp_path)
        crashed = process.pid
        keeping = asyncio.create_task(process.keep())
        os.kill(crashed, signal.SIGKILL)
        await asyncio.sleep(RESTART_S / 2)  # it is about to be started again
        await process.supply(on=False)
        await asyncio.sleep(RESTART_S)
        assert running(path) == []
        await process.supply(on=True)
        await asyncio.sleep(RESTART_S)
        assert running(path) == [process.pid] != [crashed]
        keeping.cancel()
        await process.stop()
        assert running(path) == []

    runner.run(play())


def test_a_crash_is_followed_by_a_start(runner: asyncio.Runner, tmp_path: Path) -> None:
    async def play() -> None:
        process, path = await kiosk(tmp_path)
        keeping = asyncio.create_task(process.keep())
        crashed = process.pid
        os.kill(crashed, signal.SIGKILL)
        await asyncio.sleep(2 * RESTART_S)
        assert process.pid != crashed
        assert running(path) == [process.pid]
        keeping.cancel()
        await process.stop()

    runner.run(play())
