"""The world behind a configuration: a cell of matter for each cell, a simulated board for each bank, a line for each bus.

What it hands out are the ends that drivers open: a port per bus, in memory or as the device file of a pty, and a pin factory
per GPIO bank.
"""

from pathlib import Path
from typing import Any, Protocol

from firmware.config import Bus, Config, Gpio, SerialScanner, Xor8a80
from sim.board8a80 import Board8A80
from sim.wire import Line, MemoryPort, PtyAdapter
from sim.world import Contact, World


class Adapter(Protocol):
    """The host's end of a line, as a thing with a plug."""

    def plug(self) -> None: ...

    def unplug(self) -> None: ...


class Gun:
    """A barcode scanner in a hand, at the far end of its line."""

    def __init__(self, settings: SerialScanner) -> None:
        self.line = Line(baud=settings.baud)
        self.line.boards.append(self)
        self._settings = settings

    def hear(self, data: bytes, silence_ms: float) -> None:
        """Nothing that it is told means anything to it."""

    def beep(self, text: str) -> None:
        """The trigger is pressed before a barcode."""
        self.send(f"{self._settings.prefix}{text}{self._settings.suffix}\r\n".encode())

    def send(self, data: bytes) -> None:
        """Any bytes, also such as no barcode has."""
        self.line.from_board(self, data)


class SimCabinet:
    """One cabinet, mechanically and electrically."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.world = World(max(cell.number for cell in config.cells))
        self.lines = {bus.name: Line(baud=bus.baud, echo=bus.echo) for bus in config.buses}
        self.ports: dict[str, Adapter] = {}  # by bus: whatever is plugged in
        self.guns = {each.name: Gun(each) for each in config.scanner.serial}
        self.boards = {bank.name: self._board(bank) for bank in config.banks if isinstance(bank, Xor8a80)}

    def port(self, bus: Bus) -> MemoryPort:
        """The in-memory end of a bus."""
        port = self.ports.get(bus.name)
        if not isinstance(port, MemoryPort):
            port = self.ports[bus.name] = MemoryPort(self.lines[bus.name], bus.device)
        return port

    def scanner_port(self, scanner: SerialScanner) -> MemoryPort:
        """The in-memory end of a barcode scanner's line."""
        name = f"scanner {scanner.name}"
        port = self.ports.get(name)
        if not isinstance(port, MemoryPort):
            port = self.ports[name] = MemoryPort(self.guns[scanner.name].line, scanner.device)
        return port

    def plug_ptys(self, folder: Path) -> Config:
        """A device file per bus and barcode scanner below `folder`, and the configuration that names them. For the real loop."""
        import msgspec

        buses = []
        for bus in self.config.buses:
            adapter = self.ports[bus.name] = PtyAdapter(self.lines[bus.name], folder / f"tty-{bus.name}")
            adapter.plug()
            buses.append(msgspec.structs.replace(bus, device=str(adapter.link)))
        guns = []
        for gun in self.config.scanner.serial:
            adapter = PtyAdapter(self.guns[gun.name].line, folder / f"tty-scanner-{gun.name}")
            self.ports[f"scanner {gun.name}"] = adapter
            adapter.plug()
            guns.append(msgspec.structs.replace(gun, device=str(adapter.link)))
        scanner = msgspec.structs.replace(self.config.scanner, serial=tuple(guns))
        return msgspec.structs.replace(self.config, buses=tuple(buses), scanner=scanner)

    def pins(self, bank: Gpio) -> Any:
        """The pin factory of a GPIO bank."""
        from sim.pins import pin_factory

        wiring = {
            cell: (bank.lock_pins[channel - 1], bank.sensor_pins[channel - 1])
            for channel, cell in self._wiring(bank.name).items()
        }
        return pin_factory(self.world, wiring, Contact(bank.senses))

    def close(self) -> None:
        """Remove the device files."""
        for adapter in self.ports.values():
            if isinstance(adapter, PtyAdapter):
                adapter.unplug()

    def _board(self, bank: Xor8a80) -> Board8A80:
        return Board8A80(
            self.lines[bank.bus],
            self.world,
            self._wiring(bank.name),
            address=bank.address,
            channels=bank.channels,
            contact=Contact(bank.senses),
            closed_is_11=bank.closed_level,
            low_byte_first=bank.first_byte == "low",
            pulse_ms=bank.pulse_ms,
        )

    def _wiring(self, bank: str) -> dict[int, int]:
        """By channel, the cell that hangs on it."""
        return {cell.channel: cell.number for cell in self.config.cells if cell.bank == bank}
