"""What a scanner sees, as values: in which form a text was written, how the camera is, and what would help it to read."""

from enum import StrEnum

from hal.ports import CodeFormat as Format

__all__ = ["REPLACED", "TEXT_MAX", "WELL", "CameraState", "Format", "Hint"]

TEXT_MAX = (
    1_024  # characters of ASCII; the longest that anybody asks for, a token, has 768 (512 bytes in base45)
)


class CameraState(StrEnum):
    """How the camera is."""

    OK = "ok"
    COVERED = "covered"  # dark, and yet not frozen: something lies on the lens
    FROZEN = "frozen"  # frames come, and all are the same one; the process ends and is started anew
    HUNG = "hung"  # a frame was asked for and does not come; likewise
    GONE = "gone"  # the scanner says that there is no device, or none that gives pictures
    SILENT = "silent"  # no word of it: the scanner's process has crashed, is not there, or stays silent
    NONE = "none"  # none was ever meant to be: whatever scans here has no camera


WELL = (CameraState.OK, CameraState.NONE)  # nothing is amiss
REPLACED = (CameraState.FROZEN, CameraState.HUNG)  # the last word of a process: only another one is the cure


class Hint(StrEnum):
    """What would help to read the code that is held before the camera."""

    NONE = "none"
    CLOSER = "closer"
    FARTHER = "farther"
    DARK = "dark"  # too dark to read anything
    TILT = "tilt"  # something shines, or it is held at an angle
    STILL = "still"  # it moves too fast
