"""From the configuration to drivers: the only importer of what stands in `hal`.

Each driver is imported only where the configuration names it: a controller without GPIO banks never loads gpiozero.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from firmware.assembly import Assembly
from firmware.config import Bus, Config, Gpio, Scanner, SerialScanner, Xor8a80
from firmware.errors import HardwareError


def connect(
    assembly: Assembly,
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


def serial_port(line: Bus | SerialScanner) -> Any:
    """The real device of a bus, or of a barcode scanner."""
    from hal.serialport import TtyPort

    return TtyPort(line.device, line.baud)


def barcodes(scanner: Scanner, *, port: Callable[[SerialScanner], Any]) -> list[Any]:
    """The barcode scanners of the configuration, which bears no frame that they would refuse."""
    if not scanner.serial:
        return []
    from hal.barcodes import BarcodeScanner, Framing

    return [
        BarcodeScanner(port(each), Framing(each.prefix, each.suffix, each.length_max))
        for each in scanner.serial
    ]


def gpio_pins(bank: Gpio) -> Any:
    """The real pins of a bank. Raises HardwareError where this machine has no such chip, or not its library."""
    from hal.locks.gpio import lgpio_factory
    from hal.ports import PortMissing

    try:
        return lgpio_factory(bank.chip)
    except PortMissing as error:
        raise HardwareError(f"{bank.name}: {error}") from None


def eye(scanner: Scanner) -> Any:
    """The camera of the configuration with its decoders; None where there is none. Raises HardwareError for a decoder that is not here."""
    if not scanner.device:
        return None
    from firmware.scanner.watch import CONNECT_MS, READ_MS
    from hal.camera import Camera
    from hal.eye import Eye, decoders
    from hal.ports import DecoderMissing

    camera = Camera(
        scanner.device,
        lambda: 1_000 * time.monotonic(),  # noqa: TID251 - what loop.time() is, for a thread that has no loop
        width=scanner.width,
        height=scanner.height,
        fps=scanner.fps,
        exposure_ms=scanner.exposure_ms or None,
        focus=scanner.focus if scanner.focus >= 0 else None,
        open_timeout_ms=CONNECT_MS,
        read_timeout_ms=READ_MS,
    )
    try:
        return Eye(camera, decoders(scanner.qr_decoder, scanner.linear_decoder))
    except DecoderMissing as error:
        raise HardwareError(f"scanner.qr_decoder: {error}") from None
