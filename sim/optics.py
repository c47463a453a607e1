"""The locker's camera as matter: what is held before it, and what is wrong with it. It knows no pixel and no firmware.

In virtual time `sim.scanner` reads what is held here, live a camera process renders it for the shipped scanner.
"""

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct


class Ill(StrEnum):
    """What is wrong with the camera, if anything."""

    FINE = "fine"
    FROZEN = "frozen"  # it sends one picture again and again
    BLACK = "black"  # something lies on the lens: dark, with the sensor's own noise
    GARBAGE = "garbage"  # what it sends is no picture
    GONE = "gone"  # unplugged
    HANGS = "hangs"  # asked for a picture, it never answers


class Way(StrEnum):
    """How somebody holds a code up."""

    WELL = "well"
    FAR = "far"
    NEAR = "near"
    DARK = "dark"
    TILTED = "tilted"
    SHAKEN = "shaken"


class Source(StrEnum):
    """Where somebody has the code from."""

    APP = "app"  # it draws another one every half minute
    PAPER = "paper"  # it was printed
    SMS = "sms"  # the link in it shows it


class Optics:
    """One camera, and the phone or paper before it."""

    def __init__(self) -> None:
        self.text: str | None = None  # of the code that is held before it
        self.plain = False  # whether it is held so that nothing harms it
        self.paper = False  # whether it is printed, and on no screen
        self.way = Way.WELL
        self.holds = 0  # how often somebody came with one, or held it otherwise; a code that is redrawn stays as it is in the hand
        self.ill = Ill.FINE
        self._observers: list[Callable[[], None]] = []

    def observe(self, observer: Callable[[], None]) -> Callable[[], None]:
        """Call `observer` after each change, in the order of registration. What comes back ends it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def hold(self, text: str, *, plain: bool = False, way: Way = Way.WELL, paper: bool = False) -> None:
        """Hold a code before the camera, in place of whatever is there. `plain`: still and undamaged, for measurements.

        `way`: but for WELL it is not read.
        """
        if self.text is None or way is not self.way:
            self.holds += 1
        self.text, self.plain, self.way, self.paper = text, plain, way, paper
        self._changed()

    def take_away(self) -> None:
        """Nothing is held there any more."""
        self.text = None
        self._changed()

    def afflict(self, ill: Ill) -> None:
        self.ill = ill
        self._changed()

    def _changed(self) -> None:
        for observer in tuple(self._observers):
            observer()


# Between the simulator and `sim.camera`, the process that draws


class Before(Struct, frozen=True):
    """What is before the camera, and what is wrong with it."""

    number: int  # comes back in Began
    text: str | None = None
    ill: Ill = Ill.FINE
    seed: int = 1  # of the hand, the phone in it and the light
    plain: bool = False  # nothing harms the code, for whoever measures what undamaged ones take
    way: Way = Way.WELL
    paper: bool = False

    @property
    def held(self) -> tuple[str | None, int, bool, Way, bool]:
        """What its picture depends on."""
        return self.text, self.seed, self.plain, self.way, self.paper


class Serving(Struct, frozen=True, tag=True):
    """The stream can be had."""


class Began(Struct, frozen=True, tag=True):
    """The first frame of `number` has begun to go out, at this moment of the machine's monotonic clock."""

    number: int
    at_s: float
