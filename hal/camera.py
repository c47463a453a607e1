"""A camera's frames through OpenCV.

Cameras and drivers keep frames back, and asking OpenCV for a buffer of one is obeyed by few (docs/camera.md): so every frame is
taken as it comes, still packed, and `Camera.read` unpacks the newest.
"""

import logging
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hal.newest import Newest
from hal.opencv import cv2
from hal.picture import PIXELS_MAX, Gray, gray_of
from hal.ports import PortBusy, PortLost, PortMissing, public

GARBLED_MAX = 5  # pictures in a row that are none: cheap cameras and cables spoil one now and then
_EXPOSURE_MANUAL, _EXPOSURE_AUTOMATIC = 1, 3  # V4L2_EXPOSURE_MANUAL, V4L2_EXPOSURE_APERTURE_PRIORITY
_EXPOSURE_UNITS_PER_MS = 10  # V4L2_CID_EXPOSURE_ABSOLUTE counts 100 µs
_MANUAL = {  # what an operator asks for by name; without it a code in a hand is a blur
    cv2.CAP_PROP_EXPOSURE: "exposure_ms",
    cv2.CAP_PROP_FOCUS: "focus",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, rows by columns, 0 black to 255 white."""

    gray: Gray
    grabbed_ms: int  # monotonic: when its last byte was here


class _Packed(NamedTuple):
    """A frame as the camera sent it; None: a spoilt one."""

    raw: NDArray[np.uint8] | None
    grabbed_ms: float


class Camera:
    """A V4L2 device by its path (one below /dev/v4l/by-id stays the same), or a stream of JPEGs by its URL."""

    def __init__(
        self,
        source: str,
        now_ms: Callable[[], float],
        *,
        width: int = 1_280,
        height: int = 720,
        fps: int = 30,
        exposure_ms: float | None = None,
        focus: int | None = None,
        open_timeout_ms: int = 6_000,
        read_timeout_ms: int = 2_000,
    ) -> None:
        """`now_ms`: the monotonic clock. None of exposure and focus: the camera's own automatic. A stream is taken as it comes.

        A stream that says nothing for its timeout is missing, or lost: of a far end that vanishes no network tells.
        """
        self._source = source
        self._name = public(source)  # what errors may call it
        self._now_ms = now_ms
        self._is_stream = source.startswith(("http://", "https://"))
        self._wishes = wishes(width, height, fps, exposure_ms, focus)
        self._timeouts = (
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, open_timeout_ms),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, read_timeout_ms),
        )
        self._frames: Newest[_Packed] | None = None

    def open(self) -> None:
        """Take the device. Raises PortMissing, PortBusy. A device that does not obey a wish is taken as it is, and the log tells of it."""
        self.close()
        if self._is_stream:
            capture = cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, self._timeouts)
            capture.set(cv2.CAP_PROP_FORMAT, -1)  # the stream's own packets, each one JPEG
        else:
            _look_at(self._source)
            capture = cv2.VideoCapture(self._source, cv2.CAP_V4L2)
            if capture.isOpened():
                self._ask(capture)
        if not capture.isOpened():
            capture.release()
            if self._is_stream:
                raise PortMissing(f"{self._name}: no stream of pictures")
            raise PortBusy(f"{self._name}: gives no pictures; another process holds it, or it is no camera")
        self._frames = Newest(partial(self._take, capture), capture.release)

    def read(self) -> Frame:
        """The newest frame, and none twice. Blocks until there is one, for ever if need be. Raises PortLost; the camera is closed then."""
        if self._frames is None:
            raise PortLost(f"{self._name}: not open")
        try:
            for _ in range(GARBLED_MAX):
                raw, grabbed_ms = self._frames.get()
                gray = gray_of(raw) if raw is not None else None
                if gray is not None:
                    return Frame(gray, round(grabbed_ms))
            raise self._lost(f"its pictures are none, or have more than {PIXELS_MAX} pixels")
        except PortLost:
            self.close()
            raise

    def close(self) -> None:
        """Idempotent."""
        if self._frames is not None:
            self._frames.end()
            self._frames = None

    def _ask(self, capture: cv2.VideoCapture) -> None:
        """Ask for what was wished for, and believe what the device says of it rather than that it nodded."""
        for property_, value in self._wishes:
            nodded = capture.set(property_, value)
            if property_ in _MANUAL and not (nodded and abs(capture.get(property_) - value) < 1):
                said = f"it stays at {capture.get(property_):g}" if nodded else "it knows no such control"
                log.warning(
                    "%s: does not obey scanner.%s, %g in its own unit: %s",
                    *(self._name, _MANUAL[property_], value, said),
                )

    def _take(self, capture: cv2.VideoCapture) -> _Packed:
        """The next frame, undecoded. Raises PortLost."""
        if not capture.grab():
            raise self._lost("no more pictures")
        grabbed_ms = self._now_ms()
        is_there, raw = capture.retrieve()
        return _Packed(np.asarray(raw, np.uint8) if is_there else None, grabbed_ms)

    def _lost(self, why: str) -> PortLost:
        return PortLost(f"{self._name}: went away ({why})")


def wishes(
    width: int, height: int, fps: int, exposure_ms: float | None, focus: int | None
) -> tuple[tuple[int, float], ...]:
    """What a V4L2 device is asked for, in this order: the format decides on sizes, sizes on rates, and manual comes before a value."""
    return (
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),  # 720p at 30 does not fit USB 2 otherwise
        (cv2.CAP_PROP_FRAME_WIDTH, width),
        (cv2.CAP_PROP_FRAME_HEIGHT, height),
        (cv2.CAP_PROP_FPS, fps),
        (cv2.CAP_PROP_CONVERT_RGB, 0),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
        *(
            [(cv2.CAP_PROP_AUTO_EXPOSURE, _EXPOSURE_AUTOMATIC)]
            if exposure_ms is None
            else [
                (cv2.CAP_PROP_AUTO_EXPOSURE, _EXPOSURE_MANUAL),
                (cv2.CAP_PROP_EXPOSURE, exposure_ms * _EXPOSURE_UNITS_PER_MS),
            ]
        ),
        *(
            [(cv2.CAP_PROP_AUTOFOCUS, 1)]
            if focus is None
            else [(cv2.CAP_PROP_AUTOFOCUS, 0), (cv2.CAP_PROP_FOCUS, focus)]
        ),
    )


def _look_at(path: str) -> None:
    """Say what OpenCV does not: why a device cannot be opened. Raises PortMissing, PortBusy."""
    try:
        if not stat.S_ISCHR(Path(path).stat().st_mode):
            raise PortMissing(f"{path}: no device")
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except PermissionError:
        raise PortMissing(f"{path}: no permission to open it; its group is usually video") from None
    except OSError as error:
        kind = PortBusy if isinstance(error, BlockingIOError) or error.errno == 16 else PortMissing
        raise kind(f"{path}: cannot be opened ({error.strerror})") from None
