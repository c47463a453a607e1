"""What is wrong with a token that people hold up and that is not read, told by one frame."""

import random
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from firmware.optics import Hint
from firmware.scanner.hints import advice
from hal import finder, picture, qr
from hal.picture import Gray
from sim import camera, lens
from sim.backend import tokens
from sim.backend.signing import Signer
from sim.lens import Scene, Symbol
from sim.optics import Way
from tests.bench import frames

FRAMES = 40  # of each way, none of which is read
RIGHT_MIN, WRONG_MAX = 0.8, 0.05
NOTHING_MIN = 0.95
TURNS = (*range(len(picture.REMEDIES)), qr.ALL_EVERY - 1)
WAYS = {
    Way.FAR: Hint.CLOSER,
    Way.NEAR: Hint.FARTHER,
    Way.DARK: Hint.DARK,
    Way.TILTED: Hint.TILT,
    Way.SHAKEN: Hint.STILL,
}
UTC_MS = 1_800_000_000_000


def token(seed: int) -> str:
    """As the backend mints it for an app."""
    chance = random.Random(seed)
    said = tokens.claims("0123", 1, f"pickup-KZ{chance.randrange(10**6):06}", "pickup", chance.randbytes(16))
    return tokens.mint(Signer(chance.randbytes(32), "backend-1"), tokens.dated(said, UTC_MS))


def seen(scene: Scene, symbol: Symbol | None) -> Gray:
    gray = picture.gray_of(lens.render(scene, symbol))
    assert gray is not None
    return gray


def advised(gray: Gray) -> Hint:
    return advice(picture.Meter().measure(gray), finder.find(gray))


def is_read(gray: Gray) -> bool:
    return any(qr.read_qr(gray, turn) for turn in TURNS)


@cache
def unread(way: Way) -> list[Gray]:
    """Frames of tokens held this way by one person after the other, in one room after the other, that are not read."""
    found: list[Gray] = []
    for seed in range(1, 5 * FRAMES):
        pose = camera.poses(seed, way=way)[0]
        gray = seen(replace(pose, room=seed), lens.qr(token(seed)))
        if not is_read(gray):
            found.append(gray)
        if len(found) == FRAMES:
            break
    return found


@pytest.mark.parametrize("way", WAYS)
def test_how_a_token_is_held_is_told_by_a_frame_that_is_not_read(way: Way) -> None:
    told = Counter(advised(gray) for gray in unread(way))
    right, silent = told[WAYS[way]], told[Hint.NONE]
    assert told.total() == FRAMES
    assert right >= RIGHT_MIN * FRAMES, told
    assert FRAMES - right - silent <= WRONG_MAX * FRAMES, told


def test_where_there_is_no_code_nothing_is_told() -> None:
    rooms = [seen(Scene(seed=seed), None) for seed in range(1, 41)]
    decoys = [
        seen(shot.scene, shot.symbol)
        for shot in list(frames.empty())[:60]
        if shot.kind != "finder patterns around nothing"
    ]
    told = Counter(advised(gray) for gray in (*rooms, *decoys))
    assert told[Hint.NONE] >= NOTHING_MIN * told.total(), told


def test_an_even_frame_shows_nothing() -> None:
    for level in (0, 30, 128, 255):
        gray = np.full((720, 1_280), level, np.uint8)
        assert finder.find(gray) is None
        assert finder.sharpness(gray) == 0


@pytest.mark.parametrize("shape", [(1, 1), (9, 9), (40, 3_000), (480, 640), (1_080, 1_920)])
def test_a_frame_of_any_size_is_searched(shape: tuple[int, int]) -> None:
    finder.find(np.random.default_rng(1).integers(0, 256, shape, np.uint8))
