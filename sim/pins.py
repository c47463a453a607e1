"""The cabinet on bare pins: gpiozero's mock factory, wired to the world.

An output pin that is high energises its coil; one that is low, or is no output any more, does not (the pull-down at the
gate). A contact connects its input pin to ground, so a closed one reads low and an open one what the resistor says.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin

from sim.world import Cell, Contact, World


def pin_factory(
    world: World, wiring: Mapping[int, tuple[int, int]], contact: Contact = Contact.HOOK
) -> MockFactory:
    """A factory whose pins are wired to the world; `wiring`: by cell, its output's and its input's GPIO number (BCM)."""
    factory = MockFactory()
    inputs: dict[int, _ContactPin] = {}
    for number, (output, entry) in wiring.items():
        cell = world.cells[number]
        factory.pin(output, pin_class=_CoilPin, coil=_coil(world, number))
        inputs[number] = factory.pin(
            entry, pin_class=_ContactPin, closed=lambda cell=cell: cell.contact_closed(contact)
        )

    def moved(cell: Cell) -> None:
        if cell.number in inputs:
            inputs[cell.number].follow()

    world.observe(moved)
    return factory


def _coil(world: World, number: int) -> Callable[[bool], None]:
    return lambda on: (world.energise if on else world.release)(number)


class _CoilPin(MockPin):  # type: ignore[misc]
    """An output that drives a coil."""

    def __init__(self, factory: Any, info: Any, coil: Callable[[bool], None]) -> None:
        self._coil: Callable[[bool], None] = lambda on: None  # gpiozero sets a level while it makes the pin
        super().__init__(factory, info)
        self._coil = coil

    def _set_function(self, value: str) -> None:
        super()._set_function(value)
        self._coil(value == "output" and self._state)

    def _change_state(self, value: bool) -> bool:
        changed: bool = super()._change_state(value)
        self._coil(self._function == "output" and bool(value))
        return changed


class _ContactPin(MockPin):  # type: ignore[misc]
    """An input between a resistor and a contact to ground."""

    def __init__(self, factory: Any, info: Any, closed: Callable[[], bool]) -> None:
        self._closed = closed
        super().__init__(factory, info)
        self.follow()

    def follow(self) -> None:
        if self._function == "input":
            (self.drive_low if self._closed() or self._pull == "down" else self.drive_high)()

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        self.follow()
