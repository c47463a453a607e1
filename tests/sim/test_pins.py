"""The mock pins are wired to the world: a high output is a coil, a contact is a level."""

import asyncio

from gpiozero import InputDevice, OutputDevice

from sim.loop import run
from sim.pins import pin_factory
from sim.world import Contact, World


def test_a_high_output_is_a_coil_under_current() -> None:
    async def main() -> None:
        world = World(2)
        factory = pin_factory(world, {1: (4, 14), 2: (5, 15)})
        coil = OutputDevice(5, pin_factory=factory)
        assert world.cells[2].coil.pulses == 0
        coil.on()
        assert world.coils_on() == [2]
        await asyncio.sleep(0.3)
        coil.close()  # no output any more: the pull-down takes over
        assert world.coils_on() == []
        assert not world.cells[2].shut
        assert world.cells[1].shut

    run(main())


def test_a_contact_to_ground_is_a_level() -> None:
    async def main() -> None:
        world = World(2)
        factory = pin_factory(world, {1: (4, 14), 2: (5, 15)}, Contact.DOOR)
        contacts = [InputDevice(number, pull_up=True, pin_factory=factory) for number in (14, 15)]

        def levels() -> list[int]:
            return [contact.pin.state for contact in contacts]

        assert levels() == [False, False]
        world.force(2)
        assert levels() == [False, True]
        world.close(2)
        assert levels() == [False, False]
        for contact in contacts:
            contact.close()

    run(main())


def test_an_active_low_output_blips_which_is_why_the_driver_has_none() -> None:
    async def main() -> None:
        world = World(1)
        factory = pin_factory(world, {1: (4, 14)})
        OutputDevice(4, active_high=False, initial_value=False, pin_factory=factory).close()
        # An output first, and low; its off level only then. Low is on for such a driver.
        assert [entry.state for entry in factory.pin(4).states] == [False, True]

    run(main())
