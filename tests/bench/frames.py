"""The frames that decoders are measured on, as a recipe: `sim.lens` renders the same ones everywhere.

Fifteen kinds of damage in four grades, from what reads almost always to what almost never does, and each is added to a hand's own
unsteadiness. The texts are as long as a token's. What the frames are worth is told by a decoder that everybody has: the set is hard, and
not hopeless, while `pyzbar.decode(frame)` reads READABLE of it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import zxingcpp

from sim.lens import Picture, Scene, Symbol, qr, render

SEED = 20_260
EACH = 11  # frames of a kind and grade
EMPTY = 200
READABLE = (0.60, 0.75)
BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

# By kind, what it does to a scene in grades 1 to 4.
KINDS: dict[str, tuple[dict[str, Any], ...]] = {
    "far": ({"side": 230}, {"side": 185}, {"side": 150}, {"side": 125}),
    "edge": (
        {"x": 0.20, "quiet_modules": 4},
        {"x": 0.155, "quiet_modules": 2},
        {"x": 0.148, "quiet_modules": 1},
        {"x": 0.143, "quiet_modules": 1},
    ),
    "turned": ({"turn": 25}, {"turn": 45}, {"turn": 68, "tilt": 15}, {"turn": 130, "tilt": 25}),
    "tilted": ({"tilt": 16}, {"tilt": 28}, {"tilt": 40, "swing": 8}, {"tilt": 52, "swing": 12}),
    "swung": ({"swing": 10}, {"swing": 18}, {"swing": 30, "turn": 10}, {"swing": 50, "turn": 15}),
    "out of focus": ({"blur": 1.2}, {"blur": 2.0}, {"blur": 2.6}, {"blur": 3.2}),
    "moving": ({"motion": 4}, {"motion": 7}, {"motion": 9}, {"motion": 11}),
    "night": (
        {"light": 100, "noise": 4},
        {"light": 65, "noise": 5},
        {"light": 42, "noise": 7},
        {"light": 27, "noise": 9},
    ),
    "pale": ({"contrast": 0.5}, {"contrast": 0.3}, {"contrast": 0.18}, {"contrast": 0.11}),
    "glare": ({"glare": 0.3}, {"glare": 0.6}, {"glare": 0.9}, {"glare": 1.3}),
    "moiré": ({"moire": 0.3}, {"moire": 0.5}, {"moire": 0.7}, {"moire": 0.9}),
    "shade": ({"shade": 0.5}, {"shade": 0.7}, {"shade": 0.82}, {"shade": 0.9}),
    "dark mode": (
        {"dark_mode": True},
        {"dark_mode": True, "blur": 1.0},
        {"dark_mode": True, "motion": 4},
        {"dark_mode": True, "light": 110, "noise": 6},
    ),
    "curled": ({"curl": 0.03}, {"curl": 0.05}, {"curl": 0.08}, {"curl": 0.11}),
    "covered": ({"covered": 0.12}, {"covered": 0.2}, {"covered": 0.26}, {"covered": 0.32}),
}
DARK_MODE = "dark mode"


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame to render, and what a decoder has to say of it; nothing where there is no code."""

    kind: str
    grade: int
    text: str
    scene: Scene
    symbol: Symbol | None

    def render(self) -> Picture:
        return render(self.scene, self.symbol)


def coded() -> Iterator[Shot]:
    """The frames with codes."""
    for kind, grades in KINDS.items():
        for grade, harm in enumerate(grades, 1):
            for number in range(EACH):
                chance = random.Random(f"{SEED} {kind} {grade} {number}")
                text = "".join(chance.choices(BASE45, k=chance.randrange(220, 300)))
                yield Shot(kind, grade, text, held(chance, harm), qr(text))


def held(chance: random.Random, harm: dict[str, Any]) -> Scene:
    """A code in somebody's hand, and what besides is wrong with it."""
    unsteady = Scene(
        seed=chance.getrandbits(32),
        side=chance.uniform(300, 420),
        x=chance.uniform(0.35, 0.65),
        y=chance.uniform(0.42, 0.58),
        turn=chance.uniform(-10, 10),
        tilt=chance.uniform(-8, 8),
        swing=chance.uniform(-8, 8),
        light=chance.uniform(170, 240),
        blur=chance.uniform(0.3, 0.8),
        motion=chance.uniform(0, 2),
        motion_angle=chance.uniform(0, 180),
        noise=chance.uniform(1, 3),
        quality=chance.randrange(75, 92),
    )
    return replace(unsteady, **{name: _about(chance, value) for name, value in harm.items()})


def _about(chance: random.Random, value: Any) -> Any:
    return (
        value * chance.uniform(0.96, 1.04)
        if isinstance(value, float | int) and not isinstance(value, bool)
        else value
    )


def empty() -> Iterator[Shot]:
    """The frames without codes: nobody there, and things that look like one."""
    for number in range(EMPTY):
        chance = random.Random(f"{SEED} empty {number}")
        kind = list(DECOYS)[number % len(DECOYS)]
        yield Shot(kind, 0, "", held(chance, {}), DECOYS[kind](chance))


LINEAR_KINDS = (
    "far",
    "turned",
    "tilted",
    "out of focus",
    "moving",
    "night",
    "pale",
    "glare",
    "shade",
    "curled",
)
LINEAR_EACH = 2  # of a format, kind and grade
LINEAR_SIDE = 1.7  # a barcode is as many times wider than a QR code
_DIGITS, _LETTERS = "0123456789", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"


def barred() -> Iterator[Shot]:
    """Waybills' barcodes, harmed in each of these ways; their kind is how they are written."""
    for harmed in LINEAR_KINDS:
        for grade, harm in enumerate(KINDS[harmed], 1):
            for name, (written, letters, length) in FORMATS.items():
                for number in range(LINEAR_EACH):
                    chance = random.Random(f"{SEED} {name} {harmed} {grade} {number}")
                    made = zxingcpp.create_barcode("".join(chance.choices(letters, k=length)), written)
                    scene = held(chance, harm)
                    wide = replace(scene, side=scene.side * LINEAR_SIDE, quiet_modules=10)
                    yield Shot(name, grade, made.text, wide, bars(made))


FORMATS = {
    "Code 128": (zxingcpp.BarcodeFormat.Code128, _LETTERS, 14),
    "Code 39": (zxingcpp.BarcodeFormat.Code39, _LETTERS, 9),
    "EAN-13": (zxingcpp.BarcodeFormat.EAN13, _DIGITS, 12),
    "EAN-8": (zxingcpp.BarcodeFormat.EAN8, _DIGITS, 7),
}


def bars(barcode: zxingcpp.Barcode) -> Symbol:
    """A barcode as a symbol: its line of modules, and as high as it is on a label."""
    line = np.asarray(barcode.to_image(scale=1, add_quiet_zones=False))[0] < 128
    return np.tile(line.astype(np.uint8), (max(1, line.size // 4), 1))


def data_matrix(text: str) -> Symbol:
    """A Data Matrix as a symbol."""
    made = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
    return (np.asarray(made.to_image(scale=1, add_quiet_zones=False)) < 128).astype(np.uint8)


def _nothing(chance: random.Random) -> Symbol | None:
    return None


def _bars(chance: random.Random) -> Symbol:
    row = np.array([chance.random() < 0.5 for _ in range(95)], np.uint8)
    return np.tile(row, (40, 1))


def _tiles(chance: random.Random) -> Symbol:
    return np.asarray(np.indices((24, 24)).sum(axis=0) % 2, np.uint8)


def _speckle(chance: random.Random) -> Symbol:
    return np.array([[chance.random() < 0.5 for _ in range(57)] for _ in range(57)], np.uint8)


def _finders(chance: random.Random) -> Symbol:
    """Three finder patterns, and between them what no decoder can read."""
    speckle = _speckle(chance)
    code = qr("".join(chance.choices(BASE45, k=290)))
    speckle[:8, :8], speckle[:8, -8:], speckle[-8:, :8] = code[:8, :8], code[:8, -8:], code[-8:, :8]
    return speckle


DECOYS = {
    "nobody": _nothing,
    "a phone with stripes": _bars,
    "a phone with tiles": _tiles,
    "a phone with speckle": _speckle,
    "finder patterns around nothing": _finders,
}
