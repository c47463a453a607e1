"""What looks like a QR code that could not be read: how large, how sharp, how light it is, for a hint to whoever holds it.

A code that cannot be read rarely shows its finder patterns: too far away they are dots, too near they are outside, and what moves
smears them. What is left of it whatever happens is its grain: a patch of two grey levels that change often, along both axes. The edges
of a room change once, and a line of text along one axis. So the frame is measured in cells, at half its size: how much the grey levels
differ in a cell, and how often they change. Where it is all too dark for that the grain is searched once more, at a quarter.
"""

import math
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from hal import qr
from hal.picture import Field, Gray, Mask, around, patches, shrunk
from hal.ports import Target

CELL = 4  # pixels of the picture that is measured
CONTRAST_MIN = 9.0  # grey levels, standard deviation: less is noise
CHANGES_MIN = 0.04  # a pixel, along each axis: fewer are an edge
COARSE_MAX = 0.12  # likewise: more, and a code is not so near that it is cut off
FINE_MIN = 0.15  # likewise: no edge has as many, and a code that is too far away has
LARGE_CELLS, SMALL_CELLS = 9, 4  # what a code in the hand has at least; one far away, or seen from the side
SMEAR_CELLS = 2  # a patch is larger than the code by so much: cells overlap
FULL_MIN = 0.55  # of its own rectangle; a heap of edges fills less
CUT_MIN = 30 * 30  # cells of a code that is cut off by the frame's edge
SHORT_MIN = 4  # cells of a code's shorter side
QUIET_CELLS = 3  # around a code, where its marks are looked for
SQUARE_MAX = 1.8  # the longer side by the shorter one: what is small is a code only where it is square
GRAIN = (
    0.25,
    1.8,
)  # changes from side to side, beside those of a sharp code of 57 modules: a token's has 49 to 61
GRAIN_OF_57 = 36.0  # as measured
EVEN_MIN = 0.66  # of what most of a patch has: less is the phone around the code
CORE_MIN = 0.2  # of a patch, likewise: less, and glare has taken the rest
DIM_MAX, DIM_CONTRAST_MIN = 26.0, 1.3  # grey levels: a screen that is all but off
FRAME_MIN = 8 * CELL * LARGE_CELLS  # pixels of a frame's shorter side: less is no picture to search
CANDIDATES_MAX = 2  # patches of one kind that are looked at
SEEN_MAX = 300  # pixels of a side, of the part that is looked at for sharp edges: every so many are enough


class _Grain(NamedTuple):
    """By cells: grey level, its standard deviation, and its changes a pixel along both axes."""

    level: Field
    contrast: Field
    across: Field
    down: Field


class _Patch(NamedTuple):
    where: Mask
    long: float  # cells
    short: float


def find(gray: Gray) -> Target | None:
    """What most looks like a code, in a frame in which none was read; in the order in which people hold one up wrong."""
    return next(_targets(gray), None) if min(gray.shape) >= FRAME_MIN else None


def _targets(gray: Gray) -> Iterator[Target]:
    half = shrunk(gray, 2)
    grain = _grain(half)
    busy = (grain.contrast > CONTRAST_MIN) & (np.minimum(grain.across, grain.down) > CHANGES_MIN)
    for where, least in (
        (busy, LARGE_CELLS),
        (busy & (grain.across + grain.down > 2 * FINE_MIN), SMALL_CELLS),
    ):
        yield from _among(gray, grain, where, least)
    grain = _grain(shrunk(half, 2))
    dim = (grain.level < DIM_MAX) & (grain.contrast > DIM_CONTRAST_MIN)
    yield from _among(gray, grain, dim & (np.minimum(grain.across, grain.down) > COARSE_MAX), SMALL_CELLS)


def _among(gray: Gray, grain: _Grain, where: Mask, least: int) -> Iterator[Target]:
    for piece, long, short in islice(patches(where, least), CANDIDATES_MAX):
        found = _target(gray, grain, _Patch(piece, long, short))
        if found is not None:
            yield found


def _grain(picture: Field) -> _Grain:
    beside, below = np.zeros_like(picture), np.zeros_like(picture)
    np.abs(picture[:, 1:] - picture[:, :-1], out=beside[:, 1:])
    np.abs(picture[1:] - picture[:-1], out=below[1:])
    level, square, steps, drops = (
        shrunk(each, CELL) for each in (picture, np.square(picture), beside, below)
    )
    noise = float(np.percentile(steps + drops, 20)) / 2
    level = around(level)
    contrast = np.sqrt(np.maximum(around(square) - np.square(level), 0))
    across, down = (np.maximum(around(each) - noise, 0) / (2 * contrast + 0.01) for each in (steps, drops))
    return _Grain(level, contrast, across, down)


def _target(gray: Gray, grain: _Grain, patch: _Patch) -> Target | None:
    """What a patch is like; None where it is no code."""
    cut = _is_cut(grain, patch)
    if not cut:
        patch = _core(grain, patch)
    across, down = (float(each[patch.where].mean()) for each in (grain.across, grain.down))
    long, short = (max(1.0, side - SMEAR_CELLS) for side in (patch.long, patch.short))
    changes = math.sqrt(across * down * long * short) * CELL / GRAIN_OF_57
    full = np.count_nonzero(patch.where) / (patch.long * patch.short)
    small = across + down > 2 * FINE_MIN and long <= SQUARE_MAX * short
    if not cut and (
        full < FULL_MIN or short < SHORT_MIN or not (small or GRAIN[0] < changes) or changes > GRAIN[1]
    ):
        return None
    size = gray.shape[0] // grain.level.shape[0]
    return Target(
        span=long / grain.level.shape[0],
        sharpness=sharpness(_part(gray, patch, size, 0)),
        slant=long / short,
        light=float(np.median((grain.level + grain.contrast)[patch.where])),
        cut=cut,
        marked=not cut and qr.is_seen(_part(gray, patch, size, QUIET_CELLS)),
    )


def _is_cut(grain: _Grain, patch: _Patch) -> bool:
    """Whether it goes on beyond the frame, and is so coarse that it does because it is near."""
    edges = patch.where[0], patch.where[-1], patch.where[:, 0], patch.where[:, -1]
    return (
        any(bool(edge.any()) for edge in edges)
        and int(np.count_nonzero(patch.where)) >= CUT_MIN
        and float((grain.across + grain.down)[patch.where].mean()) < 2 * COARSE_MAX
    )


def _core(grain: _Grain, patch: _Patch) -> _Patch:
    """The patch without the phone's own edges around the code, where it is more than they."""
    inside = patch.where.copy()
    for each in (grain.contrast, grain.across + grain.down):
        inside &= each > EVEN_MIN * np.percentile(each[patch.where], 80)
    found = next(patches(inside, SMALL_CELLS), None)
    if found is None or np.count_nonzero(found[0]) < CORE_MIN * np.count_nonzero(patch.where):
        return patch
    return _Patch(*found)


def _part(gray: Gray, patch: _Patch, size: int, more: int) -> Gray:
    """The frame's own pixels of a patch, `size` a cell, and so many cells `more` around it."""
    rows, columns = (np.flatnonzero(patch.where.any(axis=axis)) for axis in (1, 0))
    top, left = (max(0, int(each[0]) - more) * size for each in (rows, columns))
    return gray[top : (int(rows[-1]) + 1 + more) * size, left : (int(columns[-1]) + 1 + more) * size]


def sharpness(part: Gray) -> float:
    """The steepest edges between neighbours, as a share of all the contrast: 1 in a drawing, 0.1 where an edge is 10 pixels wide.

    Along the axis that has the softer ones: what moves is smeared along its way and sharp across.
    """
    step = max(3, max(part.shape) // SEEN_MAX)
    few = part.astype(np.int16)
    dark, light = np.percentile(few[::step, ::step], (2, 98))
    if light - dark < 1:
        return 0.0
    steps = np.diff(few[::step], axis=1)[:, ::step], np.diff(few[:, ::step], axis=0)[::step]
    softer = min(float(np.percentile(np.abs(each), 97)) for each in steps)
    return min(1.0, softer / float(light - dark))
