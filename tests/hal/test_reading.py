"""Codes in real pixels: what is held before the lens is read, and nothing else is."""

import logging
import random
import sys
from collections.abc import Callable

import numpy as np
import pytest
import segno
import zxingcpp

from hal import eye, finder, picture, qr, zbar
from hal.camera import Frame
from hal.picture import Gray
from hal.ports import Code, CodeFormat, DecoderMissing, Scanner, Target
from sim import lens
from sim.lens import Scene, Symbol
from tests.bench import frames

TOKEN = "NCFS605G0/3WUWGVLK879%JBPJ+*7$ECZ.U-K 7G3" * 6
FORMATS = {
    "code 128": (zxingcpp.BarcodeFormat.Code128, "KZ-0042-7781"),
    "code 39": (zxingcpp.BarcodeFormat.Code39, "KZ00427"),
    "ean 13": (zxingcpp.BarcodeFormat.EAN13, "4006381333931"),
    "ean 8": (zxingcpp.BarcodeFormat.EAN8, "73513537"),
}
READERS: dict[str, Callable[[Gray], tuple[Code, ...]]] = {"zxing": qr.read_linear, "zbar": zbar.read_linear}
QR_READERS: dict[str, Callable[[Gray], tuple[Code, ...]]] = {
    "zxing": lambda gray: qr.read_qr(gray, 0),
    "zbar": zbar.read_qr,
}


def seen(scene: Scene, symbol: Symbol | None = None) -> Gray:
    gray = picture.gray_of(lens.render(scene, symbol))
    assert gray is not None
    return gray


def texts(codes: tuple[Code, ...]) -> list[str]:
    return [code.text for code in codes]


@pytest.mark.parametrize("reader", QR_READERS)
def test_a_token_on_a_phone_is_read(reader: str) -> None:
    (code,) = QR_READERS[reader](seen(Scene(), lens.qr(TOKEN)))
    assert (code.text, code.format) == (TOKEN, CodeFormat.QR)


@pytest.mark.parametrize("reader", QR_READERS)
def test_its_corners_are_where_it_is_held(reader: str) -> None:
    (code,) = QR_READERS[reader](seen(Scene(side=300, x=0.4, y=0.5), lens.qr(TOKEN)))
    xs, ys = [x for x, _ in code.corners], [y for _, y in code.corners]
    assert sum(xs) / 4 == pytest.approx(0.4 * lens.WIDTH, abs=8)
    assert sum(ys) / 4 == pytest.approx(0.5 * lens.HEIGHT, abs=8)
    assert max(xs) - min(xs) == pytest.approx(300, abs=12)


@pytest.mark.parametrize("kind", frames.KINDS)
def test_of_every_kind_of_harm_the_least_is_read(kind: str) -> None:
    read = []
    for number in range(3):
        chance = random.Random(f"{kind} {number}")
        gray = seen(frames.held(chance, frames.KINDS[kind][0]), lens.qr(TOKEN))
        read += [TOKEN in texts(qr.read_qr(gray, turn)) for turn in range(len(picture.REMEDIES))]
    assert sum(read) > len(read) / 2


def test_a_code_that_is_cut_off_by_the_frame_has_a_quiet_zone_again() -> None:
    gray = seen(Scene(side=380), lens.qr(TOKEN))
    (code,) = qr.read_qr(gray, 0)
    left, top = (min(corner[axis] for corner in code.corners) for axis in (0, 1))
    right, bottom = (max(corner[axis] for corner in code.corners) for axis in (0, 1))
    cut = np.ascontiguousarray(gray[top + 1 : bottom - 1, left + 1 : right - 1])
    assert texts(qr.read_qr(cut, 0)) == [TOKEN]


def test_a_remedy_reads_what_the_frame_as_it_is_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every remedy taken away, fewer of the very same frames are read."""
    shots = [shot for shot in frames.coded() if shot.kind in {"glare", "pale", "night"}][::4]
    grays = [seen(shot.scene, shot.symbol) for shot in shots]

    def read() -> int:
        return sum(
            any(shot.text in texts(qr.read_qr(gray, turn)) for turn in range(len(picture.REMEDIES)))
            for shot, gray in zip(shots, grays, strict=True)
        )

    with_remedies = read()
    monkeypatch.setattr(qr, "REMEDIES", (lambda gray: gray,))
    assert with_remedies > read()


def test_no_frame_without_a_code_has_one() -> None:
    for number, shot in enumerate(frames.empty()):
        if number % 5 == number // 5 % 5:  # each decoy, at another number
            gray = seen(shot.scene, shot.symbol)
            for turn in range(len(picture.REMEDIES)):
                assert qr.read_qr(gray, turn) == ()


def test_a_sticker_does_not_hide_the_phone_beside_it() -> None:
    """The first code found may be one that hangs there for ever."""
    both = np.hstack([seen(Scene(side=300), lens.qr(text))[:, 340:940] for text in ("STICKER", TOKEN)])
    read = [texts(qr.read_qr(both, turn)) for turn in range(qr.ALL_EVERY)]
    assert any(TOKEN in each for each in read)
    assert any("STICKER" in each for each in read)


@pytest.mark.parametrize(
    "text", ["a" * 2_000, "\x00\x01\x1b[2J\x7f", "Посылка 7, ячейка №3", "\u202e\ud7ff", " "]
)
def test_whatever_a_code_says_is_a_text(text: str) -> None:
    gray = seen(Scene(side=640, noise=0), lens.qr(text))
    for reader in QR_READERS.values():
        for code in reader(gray):
            assert isinstance(code.text, str)
    assert texts(qr.read_qr(gray, 0)) == [text]


def test_bytes_that_are_no_text_do_not_crash_a_decoder() -> None:
    chance = random.Random(5)
    for _ in range(20):
        symbol = np.array(
            [[*row] for row in segno.make_qr(chance.randbytes(90), mode="byte").matrix], np.uint8
        )
        gray = seen(Scene(side=400), symbol)
        for reader in QR_READERS.values():
            reader(gray)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("written", FORMATS)
def test_barcodes_are_read(reader: str, written: str) -> None:
    kind, text = FORMATS[written]
    gray = seen(Scene(side=600), frames.bars(zxingcpp.create_barcode(text, kind)))
    assert [(code.text, code.format) for code in READERS[reader](gray)] == [(text, CodeFormat.LINEAR)]


def test_each_format_is_read_only_where_it_is_asked_for() -> None:
    kind, text = FORMATS["code 128"]
    barcode = seen(Scene(side=600), frames.bars(zxingcpp.create_barcode(text, kind)))
    token = seen(Scene(), lens.qr(TOKEN))
    matrix = seen(Scene(), frames.data_matrix("KZ-0042"))
    assert texts(qr.read_data_matrix(matrix)) == ["KZ-0042"]
    for gray in (barcode, matrix):
        assert qr.read_qr(gray, 0) == zbar.read_qr(gray) == ()
    for gray in (barcode, token):
        assert qr.read_data_matrix(gray) == ()
    for gray in (token, matrix):
        assert qr.read_linear(gray) == zbar.read_linear(gray) == ()


# What would help


def test_a_code_too_blurred_to_be_read_is_still_seen_as_one() -> None:
    gray = seen(Scene(side=360, blur=4, noise=1), lens.qr(TOKEN))
    assert qr.read_qr(gray, 0) == ()
    target = finder.find(gray)
    assert target is not None
    assert target.span == pytest.approx(0.5, rel=0.1)


def test_sharp_blurred_and_moving_codes_are_told_apart() -> None:
    scenes = (Scene(), Scene(blur=4), Scene(motion=14), Scene(motion=14, motion_angle=90))
    sharp, *soft = (finder.find(seen(scene, lens.qr(TOKEN))) for scene in scenes)
    assert sharp
    assert sharp.sharpness > 0.5
    assert all(each and each.sharpness < 0.2 for each in soft)


def test_light_on_dark_is_a_code_too() -> None:
    target = finder.find(seen(Scene(dark_mode=True, side=300), lens.qr(TOKEN)))
    assert target is not None
    assert target.span == pytest.approx(300 / 720, rel=0.15)


# All of it together


class Still:
    """A camera that shows one picture after the other."""

    def __init__(self, *grays: Gray, every_ms: int = 100) -> None:
        self._frames = [Frame(gray, every_ms * number) for number, gray in enumerate(grays)]

    def open(self) -> None:
        pass

    def read(self) -> Frame:
        return self._frames.pop(0)

    def close(self) -> None:
        pass


def test_an_eye_measures_reads_and_says_what_would_help() -> None:
    held = seen(Scene(), lens.qr(TOKEN))
    blurred = seen(Scene(blur=5), lens.qr(TOKEN))
    looks = eye.Eye(Still(held, held, blurred, every_ms=150), eye.decoders("zxing", "zxing"))
    assert isinstance(looks, Scanner)
    looks.open()
    assert looks.picture() == b""
    first = looks.look((CodeFormat.QR,))
    assert texts(first.codes) == [TOKEN]
    assert first.target is None  # it was read
    second = looks.look(())
    assert (second.grabbed_ms, second.codes, second.target) == (150, (), None)
    assert second.measures.difference == 0
    third = looks.look((CodeFormat.QR, CodeFormat.LINEAR))
    assert third.codes == ()
    assert third.target is not None
    assert third.target.span == pytest.approx(0.5, abs=0.05)
    assert third.measures.difference > 0
    kept = picture.gray_of(np.frombuffer(looks.picture(), np.uint8))
    assert kept is not None
    assert np.abs(kept.astype(int) - blurred).mean() < 3
    looks.close()
    assert looks.picture() == b""


def test_a_code_that_is_not_read_is_searched_for_in_few_frames_and_not_just_after_a_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, blurred = (seen(scene, lens.qr(TOKEN)) for scene in (Scene(), Scene(blur=5)))
    searched: list[Gray] = []

    def find(gray: Gray) -> Target | None:
        searched.append(gray)
        return Target(0.5, 0.2)

    monkeypatch.setattr(finder, "find", find)
    grays = [blurred] * 10 + [held] + [blurred] * 4
    looks = eye.Eye(Still(*grays, every_ms=33), eye.decoders("zxing", "zxing"))
    looks.open()

    def searches(frames: int, wants: tuple[CodeFormat, ...] = (CodeFormat.QR,)) -> list[tuple[int, bool]]:
        """Of so many frames: how many were searched before and with each, and whether a code is told of."""
        return [
            (len(searched), look.target is not None) for look in (looks.look(wants) for _ in range(frames))
        ]

    assert [told for _, told in searches(10)] == [True] * 10  # what was found stands until the next search
    assert len(searched) == 3  # at 0, 132 and 264 ms
    assert searches(1) == [(3, False)]  # read
    assert searches(4) == [(3, False)] * 3 + [(4, True)]
    looks = eye.Eye(Still(blurred, blurred), eye.decoders("zxing", "zxing"))
    assert searches(2, (CodeFormat.LINEAR,)) == [(4, False)] * 2


@pytest.mark.parametrize("chosen", ["zxing", "zbar"])
def test_the_configuration_names_the_decoder(chosen: str) -> None:
    made = eye.decoders(chosen, chosen)
    assert texts(made[CodeFormat.QR](seen(Scene(), lens.qr(TOKEN)), 0)) == [TOKEN]
    dark = seen(Scene(dark_mode=True), lens.qr(TOKEN))
    assert texts(made[CodeFormat.QR](dark, 0)) == (
        [TOKEN] if chosen == "zxing" else []
    )  # zbar sees no light on dark
    kind, text = FORMATS["ean 13"]
    barcode = seen(Scene(side=600), frames.bars(zxingcpp.create_barcode(text, kind)))
    assert texts(made[CodeFormat.LINEAR](barcode, 0)) == [text]


@pytest.fixture
def without_zbar(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where libzbar0 is not installed: pyzbar says so by an ImportError."""
    monkeypatch.delitem(sys.modules, "hal.zbar")
    monkeypatch.delattr(sys.modules["hal"], "zbar")
    monkeypatch.setitem(sys.modules, "pyzbar", None)


@pytest.mark.usefixtures("without_zbar")
def test_without_its_library_zbar_is_missing_in_one_line() -> None:
    with pytest.raises(DecoderMissing, match="apt install libzbar0"):
        eye.decoders("zbar", "zxing")


@pytest.mark.usefixtures("without_zbar")
def test_without_zbar_barcodes_are_read_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        made = eye.decoders("zxing", "zbar")
    assert "libzbar0" in caplog.text
    kind, text = FORMATS["code 128"]
    gray = seen(Scene(side=600), frames.bars(zxingcpp.create_barcode(text, kind)))
    assert texts(made[CodeFormat.LINEAR](gray, 0)) == [text]
