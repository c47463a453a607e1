"""What looks like a QR code that could not be read: where its finder patterns are, for a hint to whoever holds it.

A finder pattern is a square in a square in a square, whatever else happened to it: three edges, each the only one in the one around
it, which enclose 49, 25 and 9 modules. Light and dark may have changed places.
"""

from collections.abc import Iterator

import numpy as np

from hal.picture import Gray, nested_edges
from hal.ports import Target

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels

SIZE_MIN_PX = 8.0  # a smaller one is a speck
SIZES_MAX = 1.8  # how many times the smallest of one code's patterns its largest may be: it may be tilted
OUTER, MIDDLE = (3.0, 9.0), (1.6, 4.5)  # the two outer squares, in areas of the innermost one: 5.4 and 2.8
ASPECT_MAX = 2.2


def find(gray: Gray) -> Target | None:
    """The code of which at least two finder patterns show; of several codes the largest."""
    patterns = sorted(_patterns(gray), key=_side, reverse=True)
    while len(patterns) > 1:
        alike = [each for each in patterns if _side(each) * SIZES_MAX >= _side(patterns[0])]
        if len(alike) > 1:
            return target(gray, [corner for box in alike for corner in ((box[0], box[1]), (box[2], box[3]))])
        del patterns[0]
    return None


def target(gray: Gray, corners: list[tuple[float, float]]) -> Target | None:
    """What a code with these corners is like. None where nothing of it lies in the frame."""
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    left, top, right, bottom = max(min(xs), 0), max(min(ys), 0), max(xs), max(ys)
    part = gray[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
    if min(part.shape, default=0) < 2:
        return None
    return Target(max(right - left, bottom - top) / gray.shape[0], sharpness(part))


def sharpness(part: Gray) -> float:
    """The steepest edges between neighbours, as a share of all the contrast: 1 in a drawing, 0.1 where an edge is 10 pixels wide."""
    dark, light = np.percentile(part, (2, 98))
    if light - dark < 1:
        return 0.0
    steps = np.abs(np.diff(part.astype(np.int16), axis=1))
    return min(1.0, float(np.percentile(steps, 98) / (light - dark)))


def _side(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def _patterns(gray: Gray) -> Iterator[Box]:
    for outer, middle, inner, box in nested_edges(gray):
        wide, high = box[2] - box[0], box[3] - box[1]
        if (
            min(wide, high) >= SIZE_MIN_PX
            and max(wide, high) <= ASPECT_MAX * min(wide, high)
            and OUTER[0] * inner <= outer <= OUTER[1] * inner
            and MIDDLE[0] * inner <= middle <= MIDDLE[1] * inner
        ):
            yield box
