"""The hand that holds a phone up, and the phone's own body: what a camera sees of somebody besides the code.

Drawn flat, in the pixels of the phone's picture, for `sim.lens` to hold at an angle: what is behind the phone, and the fingertips that come
round its edges. They reach over the rim and never over the code. Enough for a camera, and for people who look through it; nobody's
portrait.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
Colour: TypeAlias = NDArray[np.float64]  # blue, green, red
_Field: TypeAlias = NDArray[np.float32]

SCALE = 0.5  # of a layer to the phone's picture: skin has no fine edges
MARGIN = 0.6  # around the phone, in shares of its width
FINGER, THUMB, WRIST = 0.105, 0.125, 0.36  # half their widths, likewise
PITCH = 0.215  # from finger to finger
REACH = (0.03, 0.085)  # of a fingertip, from the edge inwards: the code's zone begins at 0.16
SKINS = ((150, 182, 226), (128, 164, 212), (98, 134, 186), (66, 92, 138), (44, 62, 96))  # blue, green, red
SLEEVES = ((70, 62, 58), (96, 84, 60), (60, 66, 110), (120, 118, 116), (38, 36, 36))
_SOFT_PX = 4  # of a nail's edge
_CORNER = 0.1  # of the body, as a share of its width

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layer:
    """Colours, where they are (0 to 255), and how a pixel of it becomes one of the phone's picture."""

    colours: Picture
    share: Picture
    to_sheet: NDArray[np.float64]


def outline(wide: int, high: int) -> Picture:
    """Where the phone is: 255 within its rounded corners."""
    return _rounded(wide, high, 0, round(_CORNER * wide))


def embodied(sheet: Picture, edge: int, chance: np.random.Generator) -> Picture:
    """The picture of a screen with the phone around it: rounded corners, a rim that shines, and the eye of its own camera."""
    high, wide = sheet.shape
    body = int(chance.choice((22, 34, 60, 130)))
    inside = _rounded(wide, high, edge, round(_CORNER * wide) - edge)
    phone = np.where(inside > 127, sheet, np.uint8(12)).astype(np.uint8)
    whole = _rounded(wide, high, edge // 3, round(_CORNER * wide) - edge // 3)
    phone = np.where(whole > 127, phone, np.uint8(min(255, body + 70))).astype(np.uint8)
    v, u = np.ogrid[:high, :wide]
    phone[np.hypot(u - wide / 2, v - edge - 0.045 * wide) < 0.018 * wide] = 6
    return phone


def held(wide: int, high: int, middle: Point, chance: np.random.Generator) -> tuple[Layer, Layer]:
    """What of a hand is behind a phone of this size, and what before it; `middle`: of the code. Left and right by chance."""
    paint = _Paint(wide, high, mirrored=bool(chance.random() < 0.5))
    skin = np.asarray(SKINS[int(chance.integers(len(SKINS)))], float)
    sleeve = np.asarray(SLEEVES[int(chance.integers(len(SLEEVES)))], float)
    top = middle[1] / wide + chance.uniform(-0.4, -0.15)  # of the forefinger
    fingers = [
        (
            chance.uniform(*REACH) - FINGER,
            top + PITCH * number + chance.uniform(-0.012, 0.012),
            1 - 0.05 * abs(number - 1),
        )
        for number in range(4)
    ]
    thumb = top + chance.uniform(0.1, 0.3)
    paint.stroke((0.5, top + 2.4), (0.62, top + 1.3), WRIST * 1.15, sleeve)
    paint.stroke((0.62, top + 1.5), (0.72, top + 0.8), WRIST, skin * 0.86)
    paint.stroke((0.86, top + 1.0), (1.02, top + 0.55), 0.24, skin * 0.92)  # the ball of the thumb
    for reach, along, size in fingers:
        paint.stroke((0.2, along + 0.1), (reach - 0.09, along), FINGER * size * 1.06, skin * 0.8)
    behind = paint.layer()
    for reach, along, size in fingers:
        paint.stroke((-0.1, along + 0.012), (reach, along), FINGER * size, skin * chance.uniform(0.94, 1.04))
        paint.nail((reach + 0.035, along), 0.05 * size, 0.042 * size, 0, skin)
    tip = (1 - chance.uniform(*REACH) + THUMB, thumb)
    paint.stroke((0.98, top + 1.5), (1.11, thumb + 0.72), 0.16, skin * 0.97)
    paint.stroke((1.11, thumb + 0.6), tip, THUMB, skin, grown=True)
    paint.nail((tip[0] - 0.012, tip[1] - 0.045), 0.06, 0.075, -12, skin)
    return behind, paint.layer()


class _Paint:
    """Strokes on a layer; lengths in shares of the phone's width, from its upper left corner."""

    def __init__(self, wide: int, high: int, *, mirrored: bool) -> None:
        self._unit = wide * SCALE
        self._mirrored = mirrored
        margin = MARGIN * self._unit
        self._shape = round(high * SCALE + 2 * margin), round(self._unit + 2 * margin)
        self._to_sheet = np.array([[1 / SCALE, 0, -MARGIN * wide], [0, 1 / SCALE, -MARGIN * wide], [0, 0, 1]])
        self._blank()

    def _blank(self) -> None:
        self._colours = np.zeros((*self._shape, 3), np.float32)
        self._share = np.zeros(self._shape, np.float32)

    def stroke(self, start: Point, end: Point, radius: float, colour: Colour, *, grown: bool = False) -> None:
        """A limb: round at both ends, lighter along its middle; `grown`: its start is part of something larger, without an edge."""
        box, x, y = self._box(start, end, radius)
        away = _away(x, y, start, end)
        there = np.clip((radius - away) * self._unit + 0.5, 0, 1)
        if grown:
            back = np.subtract(start, end) * 1.2 * radius / np.hypot(*np.subtract(start, end))
            away = _away(x, y, (start[0] + back[0], start[1] + back[1]), end)
        shade = 0.6 + 0.4 * np.sqrt(1 - np.clip(away / radius, 0, 1) ** 2)
        self._colours[box] += there[:, :, None] * (shade[:, :, None] * colour - self._colours[box])
        self._share[box] = np.maximum(self._share[box], there)

    def nail(self, at: Point, along: float, across: float, angle: float, skin: Colour) -> None:
        """Lighter than its finger; `angle` in degrees."""
        box, x, y = self._box(at, at, max(along, across))
        turn, over, down = np.deg2rad(angle), x - at[0], y - at[1]
        far = np.hypot(
            (over * np.cos(turn) + down * np.sin(turn)) / along,
            (down * np.cos(turn) - over * np.sin(turn)) / across,
        )
        there = np.clip((1 - far) * min(along, across) * self._unit / _SOFT_PX, 0, 1)[:, :, None]
        self._colours[box] += there * (skin * 0.75 + np.array((62, 58, 70)) - self._colours[box])

    def layer(self) -> Layer:
        """What was painted since the last one."""
        way = slice(None, None, -1) if self._mirrored else slice(None)
        colours = np.clip(self._colours[:, way], 0, 255).astype(np.uint8)
        made = Layer(colours, (255 * self._share[:, way]).astype(np.uint8), self._to_sheet)
        self._blank()
        return made

    def _box(self, start: Point, end: Point, radius: float) -> tuple[tuple[slice, slice], _Field, _Field]:
        """The pixels around a stroke, and where each of them is: across, and down."""
        sides = []
        for axis, most in ((1, self._shape[0]), (0, self._shape[1])):
            least, last = sorted((start[axis], end[axis]))
            edges = (least - radius + MARGIN) * self._unit - 1, (last + radius + MARGIN) * self._unit + 2
            first, behind = (min(max(0, round(edge)), most) for edge in edges)
            sides.append(slice(first, behind))
        rows, columns = sides
        down, across = np.mgrid[rows, columns].astype(np.float32)
        return (rows, columns), across / self._unit - MARGIN, down / self._unit - MARGIN


def _away(x: _Field, y: _Field, start: Point, end: Point) -> _Field:
    """How far each point is from a line that ends."""
    over, down = end[0] - start[0], end[1] - start[1]
    along = np.clip(((x - start[0]) * over + (y - start[1]) * down) / (over**2 + down**2), 0, 1)
    return np.asarray(np.hypot(x - start[0] - along * over, y - start[1] - along * down), np.float32)


def _rounded(wide: int, high: int, inset: int, radius: int) -> Picture:
    mask = np.zeros((high, wide), np.uint8)
    mask[inset : high - inset, inset : wide - inset] = 255
    v, u = np.ogrid[:radius, :radius]
    away = np.hypot(radius - 0.5 - u, radius - 0.5 - v)
    corner = (255 * np.clip(radius - away + 0.5, 0, 1)).astype(np.uint8)
    top, low = slice(inset, inset + radius), slice(high - inset - radius, high - inset)
    left, right = slice(inset, inset + radius), slice(wide - inset - radius, wide - inset)
    mask[top, left], mask[top, right] = corner, corner[:, ::-1]
    mask[low, left], mask[low, right] = corner[::-1], corner[::-1, ::-1]
    return mask
