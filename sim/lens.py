"""What the locker's camera sees: somebody holds a code before it, in a hand that moves, in light that is never right.

A scene and a symbol in, a picture out, and the same ones make the same picture. Everything happens in the order in which light
meets it: the code is drawn on a phone or on paper, held at an angle before whatever stands behind, lit, seen through a lens, gathered by a
sensor, and packed as a JPEG by the camera. It imports no decoder: what can be read in a picture is for others to say.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import segno
from numpy.typing import NDArray

from sim import hand

Picture: TypeAlias = NDArray[np.uint8]  # rows, columns, blue-green-red
Symbol: TypeAlias = NDArray[np.uint8]  # 1 for a dark module: rows, columns; without a quiet zone
_Light: TypeAlias = NDArray[np.float32]  # rows, columns, blue-green-red; grey levels, not cut off at 255

WIDTH, HEIGHT = 1_280, 720
QUIET_MODULES = 4
_DRAWN_PX = 12  # a module on the drawn sheet
_HAND, _BODY = 1, 2  # their own draws of a scene's chance: what is drawn besides stays what it was
_FOCAL_PX = 1_100  # of the lens: what a tilt looks like


@dataclass(frozen=True, slots=True)
class Scene:
    """What is held before the camera, and how. Lengths in pixels of the frame, angles in degrees, shares from 0 to 1."""

    seed: int = 0  # of all that is left to chance: background, noise, where the glare falls
    room: int | None = None  # the background's own seed: the same wall behind everybody
    moment: int = 0  # one of the same scene: another noise
    side: float = 360  # of the code's width, without its quiet zone, held straight
    x: float = 0.5  # of the code's middle, in shares of the frame
    y: float = 0.5
    turn: float = 0  # about the line of sight
    tilt: float = 0  # about the horizontal: the upper edge goes away
    swing: float = 0  # about the vertical
    dark_mode: bool = False  # light modules on dark
    dark_around: bool = False  # dark modules on a light card, in the middle of a dark screen
    hand: bool = False  # that holds it, and a phone's body; else a sheet floats there, as recipes have it
    quiet_modules: float = QUIET_MODULES  # of the zone around the code, in its own colour
    light: float = 215  # grey level of white
    room_light: float = 1.0  # of whatever is behind: less at night
    contrast: float = 1.0  # 0: black is as white
    blur: float = 0  # of the lens: standard deviation
    motion: float = 0  # how far the code goes while the shutter is open
    motion_angle: float = 0
    glare: float = 0  # a lamp that shines back from the glass
    moire: float = 0  # the phone's pixels against the sensor's
    shade: float = 0  # how much darker one side is
    curl: float = 0  # paper that is not flat: how far its middle stands out, in shares of its side
    covered: float = 0  # by a finger over a corner, as a share of the side
    noise: float = 2.0  # of the sensor: standard deviation in grey levels
    quality: int = 85  # of the camera's JPEG


def render(scene: Scene, symbol: Symbol | None = None) -> Picture:
    """The frame; without a symbol nobody stands there."""
    chance = np.random.default_rng(scene.seed)
    light = _background(chance if scene.room is None else np.random.default_rng(scene.room))
    if scene.room_light != 1:
        light = _f32(light * scene.room_light)
    if symbol is not None:
        light = _held(scene, symbol, light, chance)
    light = _lit(scene, light, chance)
    light = _through_the_lens(scene, light)
    if scene.moment:
        chance = np.random.default_rng((scene.seed, scene.moment))
    light += chance.normal(0, scene.noise, light.shape[:2]).astype(np.float32)[:, :, None]
    light += chance.normal(0, scene.noise / 2, light.shape).astype(np.float32)
    seen = np.clip(light, 0, 255).astype(np.uint8)
    packed = jpeg(seen, scene.quality)
    return np.asarray(cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def jpeg(picture: Picture, quality: int = 85) -> bytes:
    """The picture as the camera sends it."""
    _, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return data.tobytes()


def qr(text: str) -> Symbol:
    """A QR code with error correction M."""
    return np.array([[*row] for row in segno.make_qr(text, error="m").matrix], np.uint8)


def _background(chance: np.random.Generator) -> _Light:
    """A street, a stairwell, a coat: patches of light with edges between them, out of focus, and some in it."""
    light: _Light = np.full((HEIGHT, WIDTH, 3), chance.uniform(50, 170), np.float32)
    light += np.linspace(-30, 30, WIDTH, dtype=np.float32)[None, :, None] * chance.uniform(-1, 1)
    for _ in range(int(chance.integers(12, 30))):
        corner = chance.uniform((-100, -100), (WIDTH, HEIGHT))
        size = chance.uniform(30, 400, 2)
        box = cv2.boxPoints(
            (
                (float(corner[0]), float(corner[1])),
                (float(size[0]), float(size[1])),
                float(chance.uniform(0, 90)),
            )
        )
        grey = float(chance.uniform(15, 230))
        tint = chance.uniform(-25, 25, 3)
        cv2.fillConvexPoly(light, box.astype(np.int32), tuple(float(v) for v in grey + tint), cv2.LINE_AA)
    return _f32(cv2.GaussianBlur(light, (0, 0), float(chance.uniform(0.8, 5))))


def _held(scene: Scene, symbol: Symbol, behind: _Light, chance: np.random.Generator) -> _Light:
    """Phone or paper before the background, in a hand where there is one."""
    carrier, middle, unit = _carrier(scene, symbol)
    scale = scene.side / (symbol.shape[1] * unit)
    warp = _projection(scene, middle, scale)
    front: hand.Layer | None = None
    outline: Picture = np.full(carrier.shape, 255, np.uint8)
    if scene.hand:
        high, wide = carrier.shape
        back, front = hand.held(wide, high, middle, np.random.default_rng((scene.seed, _HAND)))
        behind, outline = _over(scene, behind, back, warp), hand.outline(wide, high)
    # Drawn at twice the frame's size and then halved: an edge between pixels is gray.
    double = np.diag([2.0, 2.0, 1.0]) @ warp
    size = (2 * WIDTH, 2 * HEIGHT)
    shrink = 1 / (2 * scale)
    soft = cv2.GaussianBlur(carrier, (0, 0), 0.42 * shrink) if shrink > 1.2 else carrier
    drawn = cv2.resize(cv2.warpPerspective(soft, double, size), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    whole = cv2.warpPerspective(outline, double, size)
    share = _f32(cv2.resize(whole, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))[:, :, None] / 255
    grey = _f32((_f32(drawn) / 255 - 0.5) * scene.contrast * 0.92 + 0.5)
    grey = _moired(scene, _f32(grey * scene.light), chance)
    held = _f32(behind * (1 - share) + grey[:, :, None] * share)
    if front is not None:
        held = _over(scene, held, front, warp)
    return _covered(scene, held, chance) if scene.covered else held


def _over(scene: Scene, light: _Light, layer: hand.Layer, warp: NDArray[np.float64]) -> _Light:
    """A layer of the hand before whatever is there, in the scene's light."""
    to_frame, size = warp @ layer.to_sheet, (WIDTH, HEIGHT)
    share = _f32(cv2.warpPerspective(layer.share, to_frame, size))[:, :, None] / 255
    colours = _f32(cv2.warpPerspective(layer.colours, to_frame, size)) * (scene.light / 255)
    return _f32(light * (1 - share) + colours * share)


def _carrier(scene: Scene, symbol: Symbol) -> tuple[Picture, tuple[float, float], int]:
    """The symbol in its quiet zone, on a phone or on paper: gray; where its middle is (column, row); a module's pixels."""
    unit = max(2, _DRAWN_PX * 57 // max(symbol.shape))
    zone = round(scene.quiet_modules)
    code = np.pad(1 - symbol, zone, constant_values=1)
    if scene.dark_mode:
        code = 1 - code
    code = np.kron(code, np.full((unit, unit), 255, np.uint8)).astype(np.uint8)
    high, wide = code.shape
    space = wide // 6
    dark = scene.dark_mode or scene.dark_around
    ground = (14,) if dark else (245,)
    sheet = cv2.copyMakeBorder(code, 3 * space, 4 * space, space, space, cv2.BORDER_CONSTANT, value=ground)
    ink = 200 if dark else 60
    for row, words in ((1.2, "Postomat 0123"), (2.2, "3 days left"), (4.2 + high / space, "KZ-0042-7781")):
        at = (space + 10, int(row * space))
        cv2.putText(
            sheet, words, at, cv2.FONT_HERSHEY_SIMPLEX, wide / 600, (ink,), max(1, wide // 250), cv2.LINE_AA
        )
    edge = space // 3
    sheet = cv2.copyMakeBorder(sheet, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(25,))
    middle = (edge + space + wide / 2, edge + 3 * space + high / 2)
    drawn = np.asarray(sheet, np.uint8)
    if scene.hand:
        drawn = hand.embodied(drawn, edge, np.random.default_rng((scene.seed, _BODY)))
    return _curled(drawn, scene.curl) if scene.curl else drawn, middle, unit


def _projection(scene: Scene, middle: tuple[float, float], scale: float) -> NDArray[np.float64]:
    """From the sheet's pixels to the frame's: turned, tilted and swung about the code's middle, and held at x, y."""
    turn, tilt, swing = (math.radians(angle) for angle in (scene.turn, scene.tilt, scene.swing))
    about_z = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, math.cos(tilt), -math.sin(tilt)], [0, math.sin(tilt), math.cos(tilt)]])
    about_y = np.array(
        [[math.cos(swing), 0, math.sin(swing)], [0, 1, 0], [-math.sin(swing), 0, math.cos(swing)]]
    )
    spin = about_x @ about_y @ about_z
    # A point (u, v) of the sheet is at spin @ (u, v, 0), in front of a pinhole at _FOCAL_PX.
    flat = np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])
    seen = np.array(
        [
            [_FOCAL_PX * spin[0, 0], _FOCAL_PX * spin[0, 1], 0],
            [_FOCAL_PX * spin[1, 0], _FOCAL_PX * spin[1, 1], 0],
            [spin[2, 0], spin[2, 1], _FOCAL_PX],
        ]
    )
    moved = np.array([[1, 0, scene.x * WIDTH], [0, 1, scene.y * HEIGHT], [0, 0, 1]])
    return np.asarray(moved @ seen @ flat, np.float64)


def _curled(sheet: Picture, curl: float) -> Picture:
    """Bent about the vertical, and a little about the horizontal, as paper is."""
    high, wide = sheet.shape
    v, u = np.mgrid[0:high, 0:wide].astype(np.float32)
    bend = np.sin(np.pi * u / wide) * curl * wide
    wave = np.sin(2 * np.pi * v / high) * curl * wide * 0.35
    return np.asarray(
        cv2.remap(
            sheet, u + wave, v + bend - curl * wide / 2, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def _moired(scene: Scene, grey: _Light, chance: np.random.Generator) -> _Light:
    """Two fine grids that nearly fit make a coarse one."""
    if not scene.moire:
        return grey
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    for _ in range(2):
        angle, period = chance.uniform(0, math.pi), chance.uniform(5, 14)
        along = u * math.cos(angle) + v * math.sin(angle)
        grey = grey * (1 + 0.5 * scene.moire * np.sin(2 * math.pi * along / period + 2 * np.sin(along / 90)))
    return _f32(grey)


def _covered(scene: Scene, light: _Light, chance: np.random.Generator) -> _Light:
    """A thumb over the code's lower right corner, where no finder pattern is."""
    reach = scene.side / 2
    at = (
        int(scene.x * WIDTH + reach * (1 - scene.covered * 0.5)),
        int(scene.y * HEIGHT + reach * (1 - scene.covered * 0.5)),
    )
    axes = (int(scene.side * scene.covered * 0.7), int(scene.side * scene.covered * 0.45))
    skin = (float(chance.uniform(90, 130)), float(chance.uniform(120, 160)), float(chance.uniform(160, 210)))
    cv2.ellipse(light, at, axes, 45, 0, 360, skin, -1, cv2.LINE_AA)
    return light


def _lit(scene: Scene, light: _Light, chance: np.random.Generator) -> _Light:
    """Shade over one side, and a lamp that the glass throws back."""
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    if scene.shade:
        angle = chance.uniform(0, 2 * math.pi)
        along = (
            (u - scene.x * WIDTH) * math.cos(angle) + (v - scene.y * HEIGHT) * math.sin(angle)
        ) / scene.side
        light = light * (1 - scene.shade / (1 + np.exp(-8 * along)))[:, :, None]
    if scene.glare:
        at = chance.uniform(-0.3, 0.3, 2) * scene.side
        wide, high = scene.side * chance.uniform(0.25, 0.45), scene.side * chance.uniform(0.08, 0.2)
        angle = chance.uniform(0, math.pi)
        x, y = u - scene.x * WIDTH - at[0], v - scene.y * HEIGHT - at[1]
        along, beside = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        lamp = np.exp(-((along / wide) ** 2 + (beside / high) ** 2))
        veil = 0.25 * np.exp(-(x**2 + y**2) / (scene.side * 0.8) ** 2)
        light = light + (420 * scene.glare * (lamp + veil))[:, :, None]
    return _f32(light)


def _through_the_lens(scene: Scene, light: _Light) -> _Light:
    if scene.blur:
        light = _f32(cv2.GaussianBlur(light, (0, 0), scene.blur))
    if scene.motion >= 1:
        angle = math.radians(scene.motion_angle)
        reach = math.ceil(scene.motion / 2) + 1
        path = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
        for step in np.linspace(-scene.motion / 2, scene.motion / 2, 8 * reach):
            x, y = reach + step * math.cos(angle), reach + step * math.sin(angle)
            left, top = int(x), int(y)
            for column, row, weight in (
                (left, top, (1 - x + left) * (1 - y + top)),
                (left + 1, top, (x - left) * (1 - y + top)),
                (left, top + 1, (1 - x + left) * (y - top)),
                (left + 1, top + 1, (x - left) * (y - top)),
            ):
                path[row, column] += weight
        light = _f32(cv2.filter2D(light, -1, path / path.sum()))
    return light


def _f32(array: object) -> _Light:
    return np.asarray(array, np.float32)
