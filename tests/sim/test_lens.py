"""What is held before the camera, as pixels: a phone in a hand, that the shipped scanner's decoders read."""

import random
from dataclasses import replace

import cv2
import numpy as np
import pytest

from firmware.config import Scanner
from hal.camera import Frame
from hal.eye import Eye, decoders
from hal.picture import gray_of
from hal.ports import CodeFormat
from sim import camera
from sim.lens import HEIGHT, WIDTH, Picture, Scene, jpeg, qr, render

BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
SEEDS = range(20)
SECONDS = 3  # in which a code is read, also before an idle screen: that one looks the most seldom
LOOKS = SECONDS * Scanner().idle_fps
STILL = Scene(side=320, noise=0, blur=0, quality=100)


def text(seed: int) -> str:
    """As long as a token's."""
    return "".join(random.Random(seed).choices(BASE45, k=290))


class Series:
    """The frames of a hand that holds something up, again and again: a camera in place of the driver's."""

    def __init__(self, scenes: list[Scene], held: str) -> None:
        self._scenes, self._symbol = scenes, qr(held)
        self._drawn: dict[int, bytes] = {}
        self.looks = 0

    def open(self) -> None:
        pass

    def read(self) -> Frame:
        number, self.looks = self.looks % len(self._scenes), self.looks + 1
        if number not in self._drawn:
            self._drawn[number] = jpeg(render(self._scenes[number], self._symbol))
        gray = gray_of(np.frombuffer(self._drawn[number], np.uint8))
        assert gray is not None
        return Frame(gray, self.looks)

    def close(self) -> None:
        pass


def texts_read(scenes: list[Scene], held: str) -> set[str]:
    """By the pipeline that ships, with the configuration's own decoders, in as many looks as it takes or there are."""
    settings = Scanner()
    series = Series(scenes, held)
    eye = Eye(series, decoders(settings.qr_decoder, settings.linear_decoder))
    eye.open()
    found: set[str] = set()
    while not found and series.looks < LOOKS:
        found = {code.text for code in eye.look((CodeFormat.QR,)).codes}
    return found


@pytest.mark.parametrize("plain", [False, True], ids=["as people do", "plain"])
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_a_hand_holds_up_is_read_within_three_seconds(seed: int, plain: bool) -> None:
    assert texts_read(camera.poses(seed, plain=plain), text(seed)) == {text(seed)}


def test_what_no_camera_could_see_is_not_read() -> None:
    drowned = [replace(pose, glare=9) for pose in camera.poses(1)]
    assert texts_read(drowned, text(1)) == set()


def test_people_differ_and_one_hand_stays_what_it_is() -> None:
    firsts = [camera.poses(seed)[0] for seed in SEEDS]
    for trait in ("dark_mode", "dark_around", "glare", "moire"):
        having = sum(bool(getattr(first, trait)) for first in firsts)
        assert 0 < having < len(firsts), trait
    assert all(first.hand for first in firsts)
    for seed in SEEDS:
        assert camera.poses(seed) == camera.poses(seed)
        first, *others = camera.poses(seed)
        assert {
            replace(each, x=first.x, y=first.y, turn=first.turn, moment=first.moment) for each in others
        } == {first}
        assert len({each.moment for each in (first, *others)}) == camera.POSES


def test_a_plain_pose_is_a_bare_code_in_fair_light() -> None:
    for pose in camera.poses(1, plain=True):
        assert (pose.hand, pose.dark_mode, pose.dark_around, pose.glare, pose.moire) == (False,) * 3 + (0, 0)


def skin(picture: Picture) -> int:
    """Pixels of any skin: redder than green, greener than blue, and none of the room's."""
    blue, green, red = (picture[:, :, each].astype(int) for each in range(3))
    return int(((red > green + 8) & (green > blue + 8)).sum())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hand_is_seen_and_covers_nothing_of_the_code(seed: int) -> None:
    scene, symbol = replace(STILL, seed=seed, room=1), qr(text(seed))
    bare, held = render(scene, symbol), render(replace(scene, hand=True), symbol)
    assert skin(held) > skin(bare) + 10_000
    reach = round(scene.side / 2 * (1 + 2 * scene.quiet_modules / symbol.shape[0]))
    middle = slice(HEIGHT // 2 - reach, HEIGHT // 2 + reach), slice(WIDTH // 2 - reach, WIDTH // 2 + reach)
    assert np.abs(bare[middle].astype(int) - held[middle]).max() <= 12  # what a JPEG makes of a neighbour


def test_a_dark_screen_is_dark_around_a_light_card_and_inverted_in_dark_mode() -> None:
    symbol = qr(text(1))

    def levels(scene: Scene) -> tuple[float, float]:
        """Of the screen beside the code, and of the code's own quiet zone."""
        gray = cv2.cvtColor(render(scene, symbol), cv2.COLOR_BGR2GRAY)
        row = gray[HEIGHT // 2]
        left = WIDTH // 2 - scene.side / 2
        return float(row[round(left - 45)]), float(row[round(left - 10)])

    light, around, mode = (
        levels(replace(STILL, **more)) for more in ({}, {"dark_around": True}, {"dark_mode": True})
    )
    assert min(light) > 150
    assert around[0] < 60
    assert around[1] > 150
    assert max(mode) < 60


def test_the_same_scene_is_the_same_picture_and_another_moment_only_another_noise() -> None:
    scene, symbol = Scene(seed=3, room=1, hand=True, noise=2), qr(text(3))
    first = render(scene, symbol)
    assert (first == render(scene, symbol)).all()
    later = render(replace(scene, moment=1), symbol)
    assert (first != later).any()
    assert np.abs(first.astype(int) - later).mean() < 4
