"""What the screen asks to be held before the scanner, and what a text that was read becomes. Pure functions.

A format counts on a screen only where both tables name it: so nothing is decoded, nor heard, that nobody asked for.
"""

from collections.abc import Callable, Mapping

from firmware.events import Event
from firmware.model import Outcome, Screen, ScreenName
from firmware.optics import Format
from firmware.signed import Keyring

# The screens before which nobody has proved anything. The keypad's waits are for whoever guesses codes, not for these.
_ASKED: Mapping[ScreenName, tuple[Format, ...]] = {
    ScreenName.IDLE: (Format.QR,),
    ScreenName.KEYPAD: (Format.QR,),
    ScreenName.WAIT: (Format.QR,),
    ScreenName.WRONG_CODE: (Format.QR,),
}
# A text that is none of ours is an Outcome: it becomes no event.
_READ: Mapping[Format, Callable[[str, Keyring], Event | Outcome]] = {}


def wanted(screen: Screen) -> tuple[Format, ...]:
    """What this screen asks for; () where it asks for nothing."""
    return tuple(each for each in _ASKED.get(screen.name, ()) if each in _READ)


def opened(text: str, written: Format, keyring: Keyring) -> Event | Outcome:
    """The event that a text stands for, or why it is none. Raises KeyError for a format that no screen asks for."""
    return _READ[written](text, keyring)
