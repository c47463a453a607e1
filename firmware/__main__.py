"""`postomat`: the composition root of the device's processes, and the only importer of lock drivers.

Each driver and each face is imported only when the configuration or the command names it, so that a process holds what it
needs and nothing else. Exit codes: 0 fine, 1 failed, 2 usage, 3 configuration, 4 controller unreachable, 5 refused,
6 hardware.
"""

import argparse
import asyncio
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from firmware import __version__, notify
from firmware.config import Bus, Config, Gpio, Xor8a80
from firmware.errors import ConfigError, HardwareError, PostomatError

DEFAULT_CONFIG = Path("/etc/postomat/postomat.toml")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
CODE_KEY_BYTES = 32
KNOWN_POLL_S = 0.01


def connect(
    assembly: Any,
    *,
    port: Callable[[Bus], Any],
    pins: Callable[[Gpio], Any],
) -> Mapping[str, Any]:
    """Drivers for every bank of the configuration, as lines by bank name. To be called on the running loop."""
    from hal.coils import CoilGuard
    from hal.line import Line
    from hal.ports import PulseLimits
    from hal.watch import Watch

    config: Config = assembly.config
    locks = config.locks
    loop = asyncio.get_running_loop()
    limits = PulseLimits(
        rest_ms=1_000 * locks.rest_s,
        gap_ms=locks.gap_ms,
        duty_max=locks.duty_max,
        duty_window_ms=1_000 * locks.duty_window_s,
    )
    guard = CoilGuard(limits, lambda: round(1_000 * loop.time()))
    lines: dict[str, Line] = {}
    for banks in _by_line(config):
        drivers = _drivers(config, banks, guard, port, pins)
        watch = Watch(
            [(driver, bank.closed_level) for driver, bank in zip(drivers, banks, strict=True)],
            assembly.body.on_level,
            assembly.body.on_lost,
            poll_idle_hz=locks.poll_idle_hz,
            poll_active_hz=locks.poll_active_hz,
            offline_after_misses=locks.offline_after_misses,
        )
        line = Line(watch, drivers, assembly.inbox.fail)
        lines.update((bank.name, line) for bank in banks)
    assembly.body.attach(lines)
    return lines


def _by_line(config: Config) -> list[list[Any]]:
    """The banks that share a wire: those of one bus together, each set of pins alone."""
    lines: dict[str, list[Any]] = {}
    for bank in config.banks:
        lines.setdefault(f"bus {bank.bus}" if isinstance(bank, Xor8a80) else f"pins {bank.name}", []).append(
            bank
        )
    return list(lines.values())


def _drivers(
    config: Config, banks: list[Any], guard: Any, port: Callable[[Bus], Any], pins: Callable[[Gpio], Any]
) -> list[Any]:
    from hal.ports import Senses

    if isinstance(banks[0], Gpio):
        from hal.locks.gpio import GpioBank, Pins, Pull

        (bank,) = banks
        channels = {
            channel: Pins(output, entry)
            for channel, (output, entry) in enumerate(zip(bank.lock_pins, bank.sensor_pins, strict=True), 1)
        }
        return [
            GpioBank(
                bank.name, pins(bank), guard, pins=channels, senses=Senses(bank.senses), pull=Pull(bank.pull)
            )
        ]
    from hal.locks.xor8a80 import ByteOrder, Xor8A80Bank
    from hal.rs485 import Bus as Line485

    settings = next(bus for bus in config.buses if bus.name == banks[0].bus)
    wire = Line485(port(settings), echo=settings.echo)
    return [
        Xor8A80Bank(
            bank.name,
            wire,
            guard,
            address=bank.address,
            channels=bank.channels,
            senses=Senses(bank.senses),
            byte_order=ByteOrder.FIRST if bank.first_byte == "low" else ByteOrder.LAST,
            board_pulse_ms=bank.pulse_ms,
            reply_ms=settings.reply_timeout_ms,
        )
        for bank in banks
    ]


async def control(config: Config) -> None:
    """`postomat run`: the controller, until SIGTERM or SIGINT. Raises what ends it otherwise."""
    from firmware.assembly import assemble
    from firmware.sockets import listen
    from firmware.store import Store
    from hal.clock import SystemClock

    code_key = read_code_key(config)
    _make_folder("paths.state", config.paths.state)
    store = Store.open(config.paths.state / "postomat.db", config.locker.id)
    assembly = assemble(
        config, store, SystemClock(), code_key=code_key, start=secrets.token_hex(8), boot=boot_id()
    )
    lines = list(dict.fromkeys(connect(assembly, port=_serial_port, pins=_gpio_pins).values()))
    running = asyncio.get_running_loop().create_task(assembly.runtime.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    servers = []
    try:
        refusals = [await line.start() for line in lines]
        if all(refusals):
            raise HardwareError(
                "no lock board can be reached: "
                + "; ".join(str(error) for some in refusals for error in some)
            )
        for error in (error for some in refusals for error in some):
            logging.warning("%s", error)
        servers = await listen(assembly.gate, config)
        watchdog = asyncio.get_running_loop().create_task(_tell_systemd(assembly))
        try:
            await running
        except asyncio.CancelledError:
            logging.info("stopped")
        finally:
            watchdog.cancel()
    finally:
        running.cancel()
        for server in servers:
            server.close()
        await assembly.body.close()
        store.close()


async def _tell_systemd(assembly: Any) -> None:
    """READY once every bank was read or declared offline; then the watchdog, fed after a round trip through the inbox."""
    from firmware.events import Checked
    from firmware.inbox import Post

    while not assembly.body.known:
        await asyncio.sleep(KNOWN_POLL_S)
    notify.ready()
    period_s = notify.watchdog_period_s()
    while period_s is not None:
        assembly.inbox.put(Post(Checked(), tell=lambda outcome: notify.feed()))
        await asyncio.sleep(period_s / 3)


def _serial_port(bus: Bus) -> Any:
    from hal.serialport import TtyPort

    return TtyPort(bus.device, bus.baud)


def _gpio_pins(bank: Gpio) -> Any:
    from hal.locks.gpio import lgpio_factory

    return lgpio_factory(bank.chip)


def read_code_key(config: Config) -> bytes:
    """The key of the codes' digests, a systemd credential: 32 bytes, or 64 hex digits. Raises ConfigError, never the key."""
    folder = config.paths.credentials or os.environ.get("CREDENTIALS_DIRECTORY")
    if folder is None:
        raise ConfigError("paths.credentials: not set, and systemd gave no $CREDENTIALS_DIRECTORY")
    path = Path(folder) / "code_key"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: the code key cannot be read: {error.strerror}") from None
    if len(raw) != CODE_KEY_BYTES:
        try:
            raw = bytes.fromhex(raw.decode("ascii").strip())
        except ValueError:
            raw = b""
    if len(raw) != CODE_KEY_BYTES:
        raise ConfigError(f"{path}: the code key must be {CODE_KEY_BYTES} bytes, or as many in hex")
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


def parser() -> argparse.ArgumentParser:
    """The command line. Help texts are for technicians."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}"
    )
    main_parser = argparse.ArgumentParser(prog="postomat", description="The firmware of a parcel locker.")
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "run", parents=[common], help="the controller: decides, drives locks, keeps the journal"
    )
    commands.add_parser("kiosk", parents=[common], help="the screen's server")
    ctl = commands.add_parser("ctl", help="ask the running controller").add_subparsers(
        dest="question", required=True, metavar="QUESTION"
    )
    for name, text in (("status", "what it is doing"), ("cells", "every cell"), ("journal", "what happened")):
        question = ctl.add_parser(name, parents=[common], help=text)
        question.add_argument("--json", action="store_true", help="for scripts")
        if name == "journal":
            question.add_argument(
                "--after", type=int, default=-50, metavar="SEQ", help="negative: from the end"
            )
            question.add_argument("--limit", type=int, default=1_000, metavar="N")
    config = commands.add_parser("config", help="the configuration").add_subparsers(
        dest="question", required=True, metavar="QUESTION"
    )
    config.add_parser("check", parents=[common], help="say what is wrong with it, or nothing")
    show = config.add_parser("show", parents=[common], help="the effective configuration")
    show.add_argument("--origin", action="store_true", help="where each value comes from")
    config.add_parser("schema", help="its JSON Schema")
    commands.add_parser("version", help="this release")
    return main_parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code. Errors are one line on stderr."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        _COMMANDS[options.command](options)
    except PostomatError as error:
        print(f"postomat: {error}", file=sys.stderr)  # noqa: T201 - the one line for the person at the shell
        return error.exit_code
    except (KeyboardInterrupt, BrokenPipeError):
        return 1
    return 0


def _load(options: argparse.Namespace) -> Config:
    from firmware.config_file import load

    return load(options.config)


def _run(options: argparse.Namespace) -> None:
    asyncio.run(control(_load(options)))


def _kiosk(options: argparse.Namespace) -> None:
    from firmware.kiosk.server import serve

    asyncio.run(serve(_load(options)))


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


def _config(options: argparse.Namespace) -> None:
    from firmware import config_file

    if options.question == "schema":
        _say(config_file.schema())
    elif options.question == "show":
        _say(config_file.show(options.config, origin=options.origin))
    else:
        _say(config_file.check(options.config))


def _say(text: str) -> None:
    print(text)  # noqa: T201 - data goes to stdout


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "run": _run,
    "kiosk": _kiosk,
    "ctl": _ctl,
    "config": _config,
    "version": lambda options: _say(__version__),
}

if __name__ == "__main__":
    sys.exit(main())
