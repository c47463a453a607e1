"""What a scanner sees, as values: in which form a text was written, how the camera is, and what would help it to read."""

from enum import StrEnum

from hal.ports import CodeFormat as Format

__all__ = ["TEXT_MAX", "CameraState", "Format", "Hint"]

TEXT_MAX = (
    1_024  # characters of ASCII; the longest that anybody asks for, a token, has 768 (512 bytes in base45)
)


class CameraState(StrEnum):
    """How the camera is."""

    OK = "ok"
    COVERED = "covered"  # dark, and yet not frozen: something lies on the lens
    FROZEN = "frozen"  # frames come, and all are the same one
    HUNG = "hung"  # a frame was asked for and does not come; the process ends and is started anew
    GONE = "gone"  # no device, no process, or it stays silent


class Hint(StrEnum):
    """What would help to read the code that is held before the camera."""

    NONE = "none"
    CLOSER = "closer"
    FARTHER = "farther"
    DARK = "dark"  # too dark to read anything
    TILT = "tilt"  # something shines, or it is held at an angle
    STILL = "still"  # it moves too fast
