"""What can be done to a picture before it is decoded, or told of it without decoding.

A frame is gray from its first moment, for nothing here needs colours: a JPEG of the camera is decoded to gray at once, and of YUYV
the first plane is taken. So a frame that nobody looks at costs no more than its bytes' way.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hal import jpeg as jpegs
from hal.opencv import cv2
from hal.ports import Measures

Gray: TypeAlias = NDArray[np.uint8]
Field: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

PIXELS_MAX = 3_840 * 2_160  # of a frame: 8 MB in gray, of the process's 192
BORDER, BORDER_VALUE = 32, 160  # pixels, grey level
STEP = 4  # every so many pixels one is measured


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
        self._before: tuple[Gray, Gray] | None = None  # all of the last frame, and what is measured of it

    def measure(self, gray: Gray) -> Measures:
        """Of every fourth pixel of every fourth row.

        Where those are the very ones of the frame before, the difference is that of all pixels: so it is 0 only where none differs.
        """
        few = np.ascontiguousarray(gray[::STEP, ::STEP])
        mean, deviation = cv2.meanStdDev(few)
        before, self._before = self._before, (gray, few)
        difference = 255.0
        if before is not None and before[0].shape == gray.shape:
            difference = cv2.norm(few, before[1], cv2.NORM_L1) / few.size
            difference = difference or cv2.norm(gray, before[0], cv2.NORM_L1) / gray.size
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
