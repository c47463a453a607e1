"""`postomat`: the composition root of the device's processes.

Each face is imported only when its command is given, so that a process holds what it needs and nothing else. Exit codes: 0 fine, 1 failed, 2 usage, 3 configuration, 4 controller unreachable, 5 refused,
6 hardware.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from firmware import __version__, notify
from firmware.arguments import parse
from firmware.config import Config
from firmware.errors import ConfigError, HardwareError, PostomatError

log = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
KEY_BYTES = 32


async def control(config: Config) -> None:
    """`postomat run`: the controller, until it is cancelled. Raises what ends it otherwise."""
    from firmware import drivers, epochs
    from firmware.assembly import assemble
    from firmware.reserve import NAME, Reserve
    from firmware.sealed import JournalKey
    from firmware.sockets import listen
    from hal.clock import SystemClock

    code_key = read_key(config, "code_key")
    journal_key = JournalKey(read_key(config, "journal_key"))
    _make_folder("paths.state", config.paths.state)
    reserve = Reserve(config.paths.state / NAME)
    store = reserve.opened(lambda: epochs.open_newest(config.paths.state, config.locker.id))
    assembly = assemble(
        config,
        store,
        reserve,
        SystemClock(),
        code_key=code_key,
        journal_key=journal_key,
        start=secrets.token_hex(8),
        boot=boot_id(),
        draw=secrets.token_bytes,
    )
    assembly.runtime.begin_epoch = partial(epochs.begin, config.paths.state, config.locker.id)
    lines = list(
        dict.fromkeys(drivers.connect(assembly, port=drivers.serial_port, pins=drivers.gpio_pins).values())
    )
    servers: list[asyncio.Server] = []
    tasks: list[asyncio.Task[None]] = []
    try:
        _report([await line.start() for line in lines])
        tasks.append(asyncio.get_running_loop().create_task(assembly.runtime.run()))
        servers = await listen(assembly.gate, config)
        tasks.append(asyncio.get_running_loop().create_task(_tell_systemd(assembly)))
        await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        for server in servers:
            server.close()
        await assembly.body.close()
        store.close()


def _report(refusals: list[list[Any]]) -> None:
    """Say which boards could not be reached. Raises HardwareError where none could: nothing has been decided yet."""
    told = [str(error) for some in refusals for error in some]
    if all(refusals):
        raise HardwareError("no lock board can be reached: " + "; ".join(dict.fromkeys(told)))
    for line in told:
        log.warning("%s", line)


async def _tell_systemd(assembly: Any) -> None:
    """READY once every bank was read or declared offline; then the watchdog, fed after a round trip through the inbox."""
    from firmware.events import Checked
    from firmware.inbox import Post

    await assembly.body.known.wait()
    notify.ready()
    period_s = notify.watchdog_period_s()
    while period_s is not None:
        assembly.inbox.put(Post(Checked(), tell=lambda outcome: notify.feed()))
        await asyncio.sleep(period_s / 3)


def read_key(config: Config, name: str) -> bytes:
    """A key that is a systemd credential: 32 bytes, or 64 hex digits. Raises ConfigError, never the key.

    `code_key` is that of the codes' digests, `journal_key` the seed of the Ed25519 key that signs the journal.
    """
    folder = config.paths.credentials or os.environ.get("CREDENTIALS_DIRECTORY")
    if folder is None:
        raise ConfigError("paths.credentials: not set, and systemd gave no $CREDENTIALS_DIRECTORY")
    path, words = Path(folder) / name, name.replace("_", " ")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: the {words} cannot be read: {error.strerror}") from None
    if len(raw) != KEY_BYTES:
        try:
            raw = bytes.fromhex(raw.decode("ascii").strip())
        except ValueError:
            raw = b""
    if len(raw) != KEY_BYTES:
        raise ConfigError(f"{path}: the {words} must be {KEY_BYTES} bytes, or as many in hex")
    return raw


def boot_id() -> str:
    """Which run of the monotonic clock this is. Where the system cannot say, every start counts as another boot."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return secrets.token_hex(16)


def _make_folder(key: str, path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{key}: {path}: {error.strerror}") from None


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code. Errors are one line on stderr."""
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        _COMMANDS[options.command](options)
    except PostomatError as error:
        print(f"postomat: {error}", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, BrokenPipeError):
        return 1
    return 0


def _load(options: argparse.Namespace) -> Config:
    from firmware.config_file import load

    return load(options.config)


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run a process's work until SIGTERM or SIGINT, which end it in order and are no failure."""
    task = asyncio.get_running_loop().create_task(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped")


def _run(options: argparse.Namespace) -> None:
    asyncio.run(_until_stopped(control(_load(options))))


def _kiosk(options: argparse.Namespace) -> None:
    from firmware.kiosk.server import serve

    asyncio.run(_until_stopped(serve(_load(options))))


def _link(options: argparse.Namespace) -> None:
    from firmware.link.process import serve

    asyncio.run(_until_stopped(serve(_load(options))))


def _scanner(options: argparse.Namespace) -> None:
    """The interpreter's own end is passed by: the camera's thread may be in a call that never returns, and destructors would run under it."""
    from firmware import drivers
    from firmware.scanner.process import serve
    from firmware.scanner.ring import Ring

    config = _load(options)
    if not config.scanner.device and not config.scanner.serial:
        raise ConfigError("scanner: names neither a camera (device) nor a barcode scanner (serial)")
    ring = Ring(options.ring_s, options.ring_folder) if options.ring_s else None
    eye = drivers.eye(config.scanner)
    barcodes = drivers.barcodes(config.scanner, port=drivers.serial_port)
    socket = config.paths.run / "scanner.sock"
    _run_and_exit(_until_stopped(serve(socket, eye, barcodes, idle_fps=config.scanner.idle_fps, ring=ring)))


def _run_and_exit(work: Coroutine[Any, Any, None]) -> NoReturn:
    """Run a process's work, and end the process at its end, whatever that is.

    The exit is behind the handlers and in no `finally`: it raises nothing and lets nothing rise, so an exception that no handler has
    told would be gone without a word, its exit code with it.
    """
    try:
        asyncio.run(work)
        code = 0
    except PostomatError as error:
        print(f"postomat: {error}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        code = 1
    except BaseException:  # noqa: BLE001 - a bug: told as the interpreter would have, for it gets no turn
        traceback.print_exc()
        code = 1
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def _ctl(options: argparse.Namespace) -> None:
    from firmware import ctl

    socket = _load(options).paths.run / "service.sock"
    question: dict[str, Callable[[], Any]] = {
        "status": lambda: ctl.status(socket, _say, as_json=options.json),
        "cells": lambda: ctl.cells(socket, _say, as_json=options.json),
        "journal": lambda: ctl.journal(
            socket, _say, after=options.after, limit=options.limit, as_json=options.json
        ),
    }
    asyncio.run(question[options.question]())


def _provision(options: argparse.Namespace) -> None:
    import msgspec

    from firmware.provision import provision
    from hal.clock import SystemClock

    config = _load(options)
    folder = options.folder or config.paths.credentials or options.config.parent
    told = provision(config.locker.id, folder, SystemClock().utc_ms(), options.test_ca)
    if options.json:
        _say(msgspec.json.encode(told).decode())
        return
    for name, value in msgspec.structs.asdict(told).items():
        if value is not None:
            _say(f"{name:<12} {value}")


def _config(options: argparse.Namespace) -> None:
    from firmware import config_file

    if options.question == "schema":
        _say(config_file.schema())
    elif options.question == "show":
        _say(config_file.show(options.config, origin=options.origin))
    else:
        _say(config_file.check(options.config))


def _say(text: str) -> None:
    print(text)


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "run": _run,
    "kiosk": _kiosk,
    "link": _link,
    "scanner": _scanner,
    "ctl": _ctl,
    "provision": _provision,
    "config": _config,
    "version": lambda options: _say(__version__),
}

if __name__ == "__main__":
    sys.exit(main())
