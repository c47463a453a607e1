"""`python -m tests.bench.boards CONFIG FOLDER`: simulated boards for a configuration, as device files, until stdin ends.

A process of its own, so that what it costs is not the controller's. Says `ready` once the device files are there.
"""

import asyncio
import sys
from pathlib import Path

from firmware.config_file import load
from sim.cabinet import SimCabinet


async def serve(config: Path, folder: Path) -> None:
    """Serve each bus of the configuration at FOLDER/tty-NAME."""
    cabinet = SimCabinet(load(config))
    cabinet.plug_ptys(folder)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    await ended.wait()
    cabinet.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
