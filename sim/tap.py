"""A second adapter on the two wires of a bus, as a device file of its own, for whatever program wants to listen or speak there.

It hears what the controller and the boards say, and what it says they hear: a frame by hand, another driver, a terminal.
"""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from sim.cabinet import SimCabinet
from sim.wire import Line, PtyAdapter


class _Clip:
    """Clamped onto the wires; to its adapter it is the line."""

    def __init__(self, line: Line) -> None:
        self.to_host: Callable[[bytes], None] | None = None
        self._line = line
        line.boards.append(self)

    def from_host(self, data: bytes) -> None:
        self._line.from_board(self, data)

    def hear(self, data: bytes, silence_ms: float) -> None:
        if self.to_host is not None:
            self.to_host(data)


class Taps:
    """One for each bus of a cabinet."""

    def __init__(self, cabinet: SimCabinet, folder: Path) -> None:
        self._adapters = {
            bus: PtyAdapter(cast("Line", _Clip(line)), folder / f"tap-{bus}")
            for bus, line in cabinet.lines.items()
        }
        for adapter in self._adapters.values():
            adapter.plug()

    def paths(self) -> dict[str, Path]:
        """By bus, the device file."""
        return {bus: adapter.link for bus, adapter in self._adapters.items()}

    def close(self) -> None:
        """Remove the device files."""
        for adapter in self._adapters.values():
            adapter.unplug()
