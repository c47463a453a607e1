"""What of one locker stays the same, and is told to each page first: its drawing, its tables, its faults, its device files."""

import os
import sys
from enum import Enum
from pathlib import Path
from typing import Any

from firmware import access, door, parcel, session
from firmware.table import Table
from sim.faults import CATALOGUE
from sim.live import CONFIG_FILE
from sim.locker import SimLocker
from sim.panel.cards import CARDS
from sim.panel.crowd import MANNERS
from sim.panel.messages import Device, FaultKind, MoveKind, Setup, TableKind
from sim.panel.scene import BUYERS, boxes
from sim.tap import Taps

TABLES: tuple[Table[Any, Any], ...] = (door.TABLE, parcel.TABLE, session.TABLE, access.TABLE)


def setup(locker: SimLocker, kiosk: str, taps: Taps) -> Setup:
    """Of a live locker whose kiosk's page is found at this address."""
    config = locker.config
    return Setup(
        config.locker.id,
        config.locker.address,
        config.locker.timezone,
        kiosk,
        boxes(config.cells),
        tuple(
            FaultKind(each.name, each.part, each.does, each.healed, each.per_cell, each.lasting)
            for each in CATALOGUE.values()
        ),
        tuple(_table(table) for table in TABLES),
        MANNERS,
        tuple(CARDS),
        tuple(Device(bus, str(path), listen_command(path)) for bus, path in taps.paths().items()),
        console(locker.folder),
        {buyer: locker.backend.token(buyer) for buyer in BUYERS},
    )


def console(folder: Path) -> str:
    """The command that asks this locker what a technician would."""
    command = Path(sys.executable).with_name("postomat")
    postomat = _relative(str(command)) if command.exists() else f"{sys.executable} -m firmware"
    return f"{postomat} ctl status --config {folder / CONFIG_FILE}"


def listen_command(device: Path) -> str:
    """A terminal on the bus: it shows each byte, and takes bytes in hex."""
    return f"{_relative(sys.executable)} -m serial.tools.miniterm --encoding hexlify {device} 9600"


def _relative(path: str) -> str:
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else path


def _table(table: Table[Any, Any]) -> TableKind:
    return TableKind(
        table.name,
        tuple(_name(state) for state in table.states),
        tuple(
            MoveKind(_name(move.trigger), _name(source), _name(move.dest) if move.dest is not None else None)
            for move in table.moves
            for source in move.sources
        ),
    )


def _name(member: Enum) -> str:
    return str(member.value)
