"""A camera's frames through OpenCV, and what can be done to a picture before it is decoded, or told of it without decoding.

The only importer of cv2 in hal. A frame is gray from its first moment, for nothing here needs colours: a JPEG of the camera is decoded to
gray at once, and of YUYV the first plane is taken. So a frame that nobody looks at costs no more than its bytes' way.

Cameras and drivers keep frames back, and asking OpenCV for a buffer of one is obeyed by few (docs/camera.md): so every frame is
taken as it comes, still packed, and `Camera.read` unpacks the newest.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

# Read by OpenCV when it is loaded, and by its FFmpeg with the first stream: else that writes a line a second while a camera is away.
# What goes wrong is told by an exception, once. Whoever looks for a fault may set them otherwise.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET

import cv2
import numpy as np
from numpy.typing import NDArray

from hal import jpeg as jpegs
from hal.newest import Newest
from hal.ports import Measures, PortBusy, PortLost, PortMissing, public

Gray: TypeAlias = NDArray[np.uint8]
Field: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

PIXELS_MAX = 3_840 * 2_160  # of a frame: 8 MB in gray, of the process's 192
GARBLED_MAX = 5  # pictures in a row that are none: cheap cameras and cables spoil one now and then
BORDER, BORDER_VALUE = 32, 160  # pixels, grey level
STEP = 4  # every so many pixels one is measured
_EXPOSURE_MANUAL, _EXPOSURE_AUTOMATIC = 1, 3  # V4L2_EXPOSURE_MANUAL, V4L2_EXPOSURE_APERTURE_PRIORITY
_EXPOSURE_UNITS_PER_MS = 10  # V4L2_CID_EXPOSURE_ABSOLUTE counts 100 µs

cv2.setNumThreads(
    1
)  # the other cores belong to the locker; and the same frame is decoded the same way everywhere


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
    ) -> None:
        """`now_ms`: the monotonic clock. None of exposure and focus: the camera's own automatic. A stream is taken as it comes."""
        self._source = source
        self._name = public(source)  # what errors may call it
        self._now_ms = now_ms
        self._is_stream = source.startswith(("http://", "https://"))
        self._wishes = wishes(width, height, fps, exposure_ms, focus)
        self._frames: Newest[_Packed] | None = None

    def open(self) -> None:
        """Take the device. Raises PortMissing, PortBusy. A device that does not know a wish is taken as it is."""
        self.close()
        if self._is_stream:
            capture = cv2.VideoCapture(self._source, cv2.CAP_FFMPEG)
            capture.set(cv2.CAP_PROP_FORMAT, -1)  # the stream's own packets, each one JPEG
        else:
            _look_at(self._source)
            capture = cv2.VideoCapture(self._source, cv2.CAP_V4L2)
            for property_, value in self._wishes:
                capture.set(property_, value)
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


def gray_of(raw: NDArray[np.uint8]) -> Gray | None:
    """What a camera sent, as a gray picture: a JPEG, YUYV, BGR or gray. None where it is no picture, or has more than PIXELS_MAX."""
    packed = raw.ndim == 1 or min(raw.shape) <= 1
    size = jpegs.size(raw.tobytes()) if packed else raw.shape
    if size is None or size[0] * size[1] > PIXELS_MAX:
        return None
    if packed:
        read = cv2.imdecode(raw.reshape(-1), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
        return None if read is None else _as_gray(read)
    if raw.ndim == 3:
        of_yuyv = raw.shape[2] == 2
        return (
            np.ascontiguousarray(raw[:, :, 0]) if of_yuyv else _as_gray(cv2.cvtColor(raw, cv2.COLOR_BGR2GRAY))
        )
    return raw


def jpeg(gray: Gray) -> bytes:
    """A picture as a JPEG file."""
    _, data = cv2.imencode(".jpg", gray, (cv2.IMWRITE_JPEG_QUALITY, 80))
    return data.tobytes()


class Meter:
    """Measures frames, each beside the one before."""

    def __init__(self) -> None:
        self._before: Gray | None = None

    def measure(self, gray: Gray) -> Measures:
        """Of every fourth pixel of every fourth row; of all pixels where those are the very ones of the frame before."""
        few = np.ascontiguousarray(gray[::STEP, ::STEP])
        mean, deviation = cv2.meanStdDev(few)
        before, self._before = self._before, few
        difference = 255.0
        if before is not None and before.shape == few.shape:
            difference = cv2.norm(few, before, cv2.NORM_L1) / few.size
        return Measures(float(mean[0, 0]), float(deviation[0, 0]), difference)


def bordered(gray: Gray) -> Gray:
    """The picture in a light frame of BORDER pixels: a code at the edge has a quiet zone again, and dark pictures get some light."""
    return _as_gray(
        cv2.copyMakeBorder(gray, BORDER, BORDER, BORDER, BORDER, cv2.BORDER_CONSTANT, value=(BORDER_VALUE,))
    )


def _as_gray(picture: object) -> Gray:
    return np.asarray(picture, np.uint8)


def shrunk(picture: NDArray[np.generic], by: int) -> Field:
    """Each pixel the mean of `by` by `by`; what is left over at the right and below is cut off."""
    high, wide = picture.shape[0] // by, picture.shape[1] // by
    whole = picture[: high * by, : wide * by].astype(np.float32, copy=False)
    return np.asarray(cv2.resize(whole, (wide, high), interpolation=cv2.INTER_AREA), np.float32)


def around(field: Field) -> Field:
    """Each value the mean of itself and its eight neighbours."""
    return np.asarray(cv2.blur(field, (3, 3)), np.float32)


def patches(mask: Mask, least: int) -> Iterator[tuple[Mask, float, float]]:
    """What is of one piece where something holds, rid of holes and of whatever is narrower than `least`, the largest piece first.

    Where it is, and its longer and its shorter side, at whatever angle.
    """
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    # What the picture's edge cuts off may go on there.
    framed = cv2.copyMakeBorder(closed, least, least, least, least, cv2.BORDER_REPLICATE)
    whole = cv2.morphologyEx(framed, cv2.MORPH_OPEN, np.ones((least, least), np.uint8))
    inside = np.ascontiguousarray(whole[least:-least, least:-least])
    count, pieces, each, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
    for number in sorted(range(1, count), key=lambda number: -int(each[number, cv2.CC_STAT_AREA])):
        piece = pieces == number
        _, sides, _ = cv2.minAreaRect(cv2.findNonZero(piece.astype(np.uint8)))
        yield piece, max(sides) + 1, min(sides) + 1


def _local_threshold(gray: Gray) -> Gray:
    """Black where darker than around: for uneven light and for glare."""
    return _as_gray(
        cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, blockSize=21, C=0)
    )


def _smooth_threshold(gray: Gray) -> Gray:
    """Noise smoothed, and black where clearly darker than around: for noise and moiré."""
    return _as_gray(
        cv2.adaptiveThreshold(
            cv2.blur(gray, (3, 3)), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, blockSize=25, C=2
        )
    )


def _lightened(gray: Gray) -> Gray:
    """Dark grey levels pulled apart: for a code in a shadow beside something bright."""
    return _as_gray(cv2.LUT(gray, _GAMMA))


_GAMMA = np.array([round(255 * (level / 255) ** 0.5) for level in range(256)], np.uint8)

REMEDIES: tuple[Callable[[Gray], Gray], ...] = (
    _local_threshold,
    _smooth_threshold,
    _lightened,
)
"""What a picture is turned into where nothing was read in it as it is, one after the other."""
