"""What the screen asks to be held before the scanner, and what a text that was read becomes. Pure functions.

A format counts on a screen only where both tables name it: so nothing is decoded, nor heard, that nobody asked for.
"""

from collections.abc import Callable, Mapping

import msgspec

from firmware.deeds import Waybill
from firmware.events import Event, TokenRefused, WaybillScanned
from firmware.model import Outcome, Screen, ScreenName
from firmware.optics import Format
from firmware.signed import Keyring
from firmware.tokens import open_token

# The screens before which nobody has proved anything. The keypad's waits are for whoever guesses codes, not for these.
_ASKED: Mapping[ScreenName, tuple[Format, ...]] = {
    ScreenName.IDLE: (Format.QR,),
    ScreenName.KEYPAD: (Format.QR,),
    ScreenName.SCAN: (Format.QR,),
    ScreenName.WAIT: (Format.QR,),
    ScreenName.WRONG_CODE: (Format.QR,),
    ScreenName.NEXT_PARCEL: (Format.LINEAR, Format.DATA_MATRIX),  # on the label; some shops print either
}
# A courier who scans a parcel before the code is told so; but no camera is made to look for that.
_HEARD: Mapping[ScreenName, tuple[Format, ...]] = {
    ScreenName.IDLE: (Format.LINEAR,),
    ScreenName.KEYPAD: (Format.LINEAR,),
    ScreenName.SCAN: (Format.LINEAR,),
}
# A text that is none of ours is an Outcome.
_READ: Mapping[Format, Callable[[str, Keyring], Event | Outcome]] = {
    Format.QR: open_token,
    Format.LINEAR: lambda text, keyring: _waybill(text),
    Format.DATA_MATRIX: lambda text, keyring: _waybill(text),
}


def wanted(screen: Screen) -> tuple[Format, ...]:
    """What this screen asks for; () where it asks for nothing."""
    return tuple(each for each in _ASKED.get(screen.name, ()) if each in _READ)


def counts(screen: Screen, written: Format) -> bool:
    """Whether this screen has something to say to a text of this format."""
    return written in wanted(screen) or (written in _HEARD.get(screen.name, ()) and written in _READ)


def opened(text: str, written: Format, keyring: Keyring) -> Event | Outcome:
    """The event that a text stands for, or why it is none. Raises KeyError for a format that no screen asks for."""
    return _READ[written](text, keyring)


def refused(why: Outcome, written: Format) -> Event | Outcome:
    """What becomes of a text that is none of ours: who holds a QR code before the camera waits for a word."""
    return TokenRefused(why) if written is Format.QR else why


def _waybill(text: str) -> WaybillScanned | Outcome:
    """A label that could be a waybill; what else stands on a parcel is none of ours."""
    try:
        return WaybillScanned(msgspec.convert(text, Waybill))
    except msgspec.ValidationError:
        return Outcome.MALFORMED
