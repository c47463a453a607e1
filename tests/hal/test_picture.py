"""Frames from a real stream through real OpenCV, and what is measured in them."""

import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import pytest

from hal import jpeg, picture
from hal.camera import GARBLED_MAX, Camera, Frame, _Packed, wishes
from hal.picture import BORDER, BORDER_VALUE, REMEDIES, Gray, Meter
from hal.ports import PortBusy, PortLost, PortMissing, public
from tests.hal.streams import END, Stream, stream

OPENED_BY = 40  # pictures: OpenCV looks at a stream before it says that it is one


def now_ms() -> float:
    return 1_000 * time.monotonic()


def shade(level: int, width: int = 320, height: int = 240) -> bytes:
    """A JPEG of one grey level, by which a test knows it again."""
    return picture.jpeg(np.full((height, width), level, np.uint8))


def level(gray: Gray) -> int:
    return round(float(gray.mean()))


def level_of(raw: Gray | None) -> int:
    gray = None if raw is None else picture.gray_of(raw)
    return -1 if gray is None else level(gray)


@pytest.fixture
def far() -> Iterator[Stream]:
    with stream() as made:
        yield made


@pytest.fixture
def camera(far: Stream) -> Iterator[Camera]:
    made = Camera(far.url, now_ms)
    yield made
    far.send(END)
    made.close()


def opened(far: Stream, camera: Camera) -> None:
    """Open; what OpenCV wants to have seen of the stream for that comes first."""
    far.send(*[shade(0)] * OPENED_BY)
    camera.open()


def read_until(camera: Camera, wanted: int, reads: int = 60) -> Frame:
    for _ in range(reads):
        frame = camera.read()
        if abs(level(frame.gray) - wanted) <= 1:
            return frame
    pytest.fail(f"no frame of level {wanted} in {reads} reads")


def test_a_stream_is_read_as_gray(far: Stream, camera: Camera) -> None:
    opened(far, camera)
    far.send(shade(90, 640, 360))
    before_ms = now_ms()
    frame = read_until(camera, 90)
    assert frame.gray.shape == (360, 640)
    assert frame.gray.dtype == np.uint8
    assert before_ms - 1 <= frame.grabbed_ms <= now_ms() + 1


def test_what_piled_up_while_nobody_looked_is_thrown_away(far: Stream, camera: Camera) -> None:
    """However long they were on their way: the frame that is read first is none of those before the newest that had come."""
    far.is_live = False
    opened(far, camera)
    far.send(*[shade(100 + number) for number in range(30)], shade(200))
    frames = camera._frames
    assert frames is not None
    while frames._item is None or level_of(frames._item[0].raw) < 199:
        time.sleep(0.01)
    assert level(camera.read().gray) == pytest.approx(200, abs=1)
    far.send(shade(60))
    assert level(camera.read().gray) == pytest.approx(60, abs=1)  # and the one before is not read again


def test_a_stream_that_ends_is_lost_and_can_be_opened_again(far: Stream, camera: Camera) -> None:
    opened(far, camera)
    far.send(END)
    with pytest.raises(PortLost, match="no more pictures"):
        read_until(camera, 255, reads=100)
    with pytest.raises(PortLost, match="not open"):
        camera.read()
    opened(far, camera)
    far.send(shade(200))
    read_until(camera, 200)


def test_a_stream_that_is_not_there() -> None:
    with pytest.raises(PortMissing, match="no stream of pictures"):
        Camera("http://127.0.0.1:9/", now_ms).open()


def accepts(server: socket.socket) -> None:
    """Whoever connects is let in by the kernel, and nobody ever speaks."""
    server.listen(8)


def drops(server: socket.socket) -> None:
    """A full queue: the kernel drops what comes further, as a firewall does, and whoever connects waits."""
    server.listen(0)
    for _ in range(4):
        before = socket.socket()
        before.setblocking(False)
        before.connect_ex(server.getsockname())
        HELD.append(before)


HELD: list[socket.socket] = []


@pytest.mark.parametrize("answers", [accepts, drops])
def test_a_far_camera_that_says_nothing_is_given_up(answers: Callable[[socket.socket], None]) -> None:
    """Without an end of its own the call takes half a minute, and the scanner's process would be taken for one that hangs."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        answers(server)
        try:
            done = subprocess.run(
                [sys.executable, "-c", PATIENT, f"http://127.0.0.1:{server.getsockname()[1]}/"],
                capture_output=True,
                encoding="utf-8",
                timeout=20,
            )
        finally:
            while HELD:
                HELD.pop().close()
    assert (done.stdout, done.stderr) == ("no stream of pictures\n", "")


PATIENT = """
import sys
from hal.camera import Camera
from hal.ports import PortMissing
try:
    Camera(sys.argv[1], lambda: 0.0, open_timeout_ms=300).open()
except PortMissing as error:
    print(str(error).removeprefix(f"{sys.argv[1]}: "))
"""


def test_a_stream_that_falls_silent_is_lost_though_its_connection_stays(far: Stream) -> None:
    camera = Camera(far.url, now_ms, read_timeout_ms=300)
    opened(far, camera)
    far.send(shade(200))
    read_until(camera, 200)
    far.is_live = False
    with pytest.raises(PortLost, match="no more pictures"):
        read_until(camera, 255, reads=100)
    camera.close()


@pytest.mark.parametrize("name", ["nothing", "a file"])
def test_a_device_that_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(PortMissing, match=r"no device|No such file"):
        Camera(str(tmp_path / name), now_ms).open()


SAID = """
import logging, sys
from hal.camera import Camera
from hal.ports import PortMissing
camera = Camera("http://owner:secret@127.0.0.1:9/live?pwd=hidden", lambda: 0.0)
for _ in range(3):
    try:
        camera.open()
    except PortMissing as error:
        print(error)
"""


def test_a_camera_that_is_away_is_told_by_exceptions_alone_and_without_its_password() -> None:
    done = subprocess.run([sys.executable, "-c", SAID], capture_output=True, encoding="utf-8", timeout=60)
    assert done.stderr == ""
    assert done.stdout == 3 * "http://127.0.0.1:9/live: no stream of pictures\n"


def test_no_error_of_a_camera_holds_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera("http://owner:secret@10.0.0.9/", lambda: 0.0)
    with pytest.raises(PortLost, match=r"^http://10\.0\.0\.9/: not open$"):
        camera.read()
    monkeypatch.setattr(cv2, "VideoCapture", Pictures(bytes(99)))
    camera.open()
    with pytest.raises(PortLost, match=r"^http://10\.0\.0\.9/: went away"):
        camera.read()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("/dev/v4l/by-id/usb-a@b?c", "/dev/v4l/by-id/usb-a@b?c"),
        ("http://10.0.0.9:8080/live", "http://10.0.0.9:8080/live"),
        ("http://user:secret@host/", "http://host/"),
        ("HTTPS://secret@[::1]:80/a", "HTTPS://[::1]:80/a"),
        ("http://user:se@cret@host/a", "http://host/a"),
        ("http://user:se/cret@host/a", "http://host/a"),
        ("http://user:se?cret@host/a", "http://…"),
        ("http://user:se#cret@host/a", "http://…"),
        ("http://host/a?pwd=secret", "http://host/a"),
        ("http://host/a?pwd=se@cret", "http://…"),
        ("http:/user:secret@host/", "host/"),
        ("user:secret@host", "host"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_lets_somebody_in(address: str, shown: str) -> None:
    assert public(address) == shown
    assert "secret" not in shown


def test_a_device_that_is_no_camera() -> None:
    with pytest.raises(PortBusy, match="gives no pictures"):
        Camera("/dev/null", now_ms).open()


def test_closing_twice_and_before_opening() -> None:
    camera = Camera("/dev/null", now_ms)
    camera.close()
    camera.close()
    with pytest.raises(PortLost):
        camera.read()


# What is asked of a device


def test_a_device_is_asked_for_format_before_size_and_for_manual_before_a_value() -> None:
    asked = [property_ for property_, _ in wishes(1_280, 720, 30, 6, 40)]
    order = [
        cv2.CAP_PROP_FOURCC,
        cv2.CAP_PROP_FRAME_WIDTH,
        cv2.CAP_PROP_FPS,
        cv2.CAP_PROP_AUTO_EXPOSURE,
        cv2.CAP_PROP_EXPOSURE,
        cv2.CAP_PROP_AUTOFOCUS,
        cv2.CAP_PROP_FOCUS,
    ]
    assert [asked.index(each) for each in order] == sorted(asked.index(each) for each in order)
    assert dict(wishes(1_280, 720, 30, 6, 40))[cv2.CAP_PROP_EXPOSURE] == 60  # of 100 µs


def test_automatic_is_asked_for_and_no_value() -> None:
    asked = dict(wishes(1_280, 720, 30, None, None))
    assert asked[cv2.CAP_PROP_AUTO_EXPOSURE] == 3
    assert asked[cv2.CAP_PROP_AUTOFOCUS] == 1
    assert not asked.keys() & {cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_FOCUS}


class Device:
    """In place of a capture: a device that obeys what it is given, and stays at what it has in all else."""

    def __init__(self, obeys: Callable[[int], bool], has: dict[int, float]) -> None:
        self._obeys, self._has = obeys, has

    def __call__(self, *_: object) -> Self:
        return self

    def set(self, property_: int, value: float) -> bool:
        if self._obeys(property_):
            self._has[property_] = round(value)
        return property_ in self._has

    def get(self, property_: int) -> float:
        return self._has.get(property_, -1.0)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def grab(self) -> bool:
        return False

    def release(self) -> None:
        pass


NO_EXPOSURE = "/dev/null: does not obey scanner.exposure_ms, 60 in its own unit: it knows no such control"
OWN_FOCUS = "/dev/null: does not obey scanner.focus, 40 in its own unit: it stays at 10"


@pytest.mark.parametrize(
    ("obeys", "has", "exposure_ms", "focus", "said"),
    [
        (lambda _: True, {}, 6, 40, []),
        (lambda _: False, {}, None, None, []),  # nobody has asked for anything
        (lambda _: False, {cv2.CAP_PROP_FOCUS: 10}, 6, 40, [NO_EXPOSURE, OWN_FOCUS]),
        (lambda each: each == cv2.CAP_PROP_FOCUS, {}, 6, 40, [NO_EXPOSURE]),
    ],
)
def test_a_device_that_does_not_obey_is_told_of_with_each_opening_once(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    obeys: Callable[[int], bool],
    has: dict[int, float],
    exposure_ms: float | None,
    focus: int | None,
    said: list[str],
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Device(obeys, has))
    camera = Camera("/dev/null", now_ms, exposure_ms=exposure_ms, focus=focus)
    for _ in range(2):
        camera.open()
    camera.close()
    assert [record.getMessage() for record in caplog.records] == 2 * said
    assert {record.levelno for record in caplog.records} <= {logging.WARNING}


# Pictures


def test_whatever_a_camera_sends_becomes_gray() -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint8), (48, 1))
    yuyv = np.stack([ramp, np.full_like(ramp, 128)], axis=2)
    packed = np.frombuffer(picture.jpeg(ramp), np.uint8)
    for raw in (ramp, yuyv, np.stack([ramp] * 3, axis=2), packed, packed.reshape(1, -1)):
        gray = picture.gray_of(raw)
        assert gray is not None
        assert np.abs(gray.astype(int) - ramp).max() <= 4


@pytest.mark.parametrize(
    "raw", [b"", b"\xff", bytes(2_000), b"\xff\xd8\xff\xe0" + bytes(500), bytes(range(256)) * 9]
)
def test_what_is_no_picture_is_none(raw: bytes) -> None:
    assert picture.gray_of(np.frombuffer(raw, np.uint8)) is None


class Pictures:
    """In place of a capture: a stream that sends one and the same."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def __call__(self, *_: object) -> Self:
        return self

    def set(self, *_: object) -> None:
        pass

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def grab(self) -> bool:
        time.sleep(0.01)
        return True

    def retrieve(self) -> tuple[bool, object]:
        return True, np.frombuffer(self._packed, np.uint8)

    def release(self) -> None:
        pass


def claiming(rows: int, columns: int) -> bytes:
    """A JPEG that says it is so large: whoever believes it takes memory for so many pixels."""
    packed = bytearray(shade(70))
    at = packed.index(b"\xff\xc0")
    packed[at + 5 : at + 9] = rows.to_bytes(2, "big") + columns.to_bytes(2, "big")
    return bytes(packed)


@pytest.mark.parametrize("size", [(10_000, 10_000), (65_535, 65_535), (2_160, 3_841)])
def test_a_picture_of_more_pixels_than_there_is_memory_for_is_none(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    decoded: list[int] = []
    imdecode = cv2.imdecode

    def watched(raw: np.ndarray, how: int) -> object:
        decoded.append(raw.size)
        return imdecode(raw, how)

    monkeypatch.setattr(cv2, "imdecode", watched)
    assert picture.gray_of(np.frombuffer(claiming(*size), np.uint8)) is None
    assert not decoded
    assert picture.gray_of(np.frombuffer(claiming(2_160, 3_840), np.uint8)) is not None
    assert len(decoded) == 1
    for shape in ((2_160, 3_841), (2_160, 3_841, 2), (2_160, 3_841, 3)):
        assert picture.gray_of(np.zeros(shape, np.uint8)) is None
        assert picture.gray_of(np.zeros((2_160, 3_840, *shape[2:]), np.uint8)) is not None


def test_a_camera_of_a_hundred_megapixels_is_lost_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera("http://127.0.0.1/", now_ms)
    monkeypatch.setattr(cv2, "VideoCapture", Pictures(claiming(10_000, 10_000)))
    camera.open()
    with pytest.raises(PortLost, match=f"more than {picture.PIXELS_MAX} pixels"):
        camera.read()


def test_the_size_of_a_jpeg_is_that_of_its_frame_and_no_other_bytes_have_one() -> None:
    packed = shade(70, 321, 123)
    assert jpeg.size(packed) == (123, 321)
    thumbnail = b"\xff\xe1" + (2 + 40).to_bytes(2, "big") + shade(1, 16, 16)[:40]
    assert jpeg.size(packed[:2] + thumbnail + b"\xff\xff" + packed[3:]) == (123, 321)
    for cut in range(packed.index(b"\xff\xc0") + 6):
        assert jpeg.size(packed[:cut]) is None
    chance = np.random.default_rng(4)
    for _ in range(2_000):
        jpeg.size(b"\xff\xd8" + chance.choice(np.array([0, 1, 2, 0xC0, 0xD8, 0xFF], np.uint8), 200).tobytes())


def test_half_a_jpeg_is_no_crash() -> None:
    packed = np.frombuffer(picture.jpeg(np.tile(np.arange(256, dtype=np.uint8), (256, 1))), np.uint8)
    for length in range(0, packed.size, 7):
        gray = picture.gray_of(packed[:length])
        assert gray is None or gray.shape == (256, 256)


def test_the_border_is_light_and_leaves_the_picture() -> None:
    gray = np.zeros((10, 20), np.uint8)
    framed = picture.bordered(gray)
    assert framed.shape == (10 + 2 * BORDER, 20 + 2 * BORDER)
    assert (framed[BORDER:-BORDER, BORDER:-BORDER] == gray).all()
    assert int(framed.sum()) == BORDER_VALUE * (framed.size - gray.size)


@pytest.mark.parametrize("remedy", REMEDIES)
def test_a_remedy_gives_a_picture_of_the_same_size(remedy: object) -> None:
    assert callable(remedy)
    gray = np.random.default_rng(1).integers(0, 256, (90, 160), np.uint8)
    kept = gray.copy()
    made = remedy(gray)
    assert (made.shape, made.dtype) == (gray.shape, np.uint8)
    assert (gray == kept).all()


def test_frames_are_measured_each_beside_the_one_before() -> None:
    meter = Meter()
    chance = np.random.default_rng(2)
    dark = chance.integers(0, 9, (720, 1_280), np.uint8)
    first = meter.measure(dark)
    assert first.brightness == pytest.approx(4, abs=0.1)
    assert first.contrast == pytest.approx(2.6, abs=0.1)
    assert first.difference > 0  # nothing was before it
    assert meter.measure(dark.copy()).difference == 0
    noisy = dark.copy()
    noisy[0, 0] += 1
    assert meter.measure(noisy).difference > 0
    for row, column in ((0, 1), (1, 0), (719, 1_279)):  # pixels that are not among those that are measured
        noisy = noisy.copy()
        noisy[row, column] += 1
        assert meter.measure(noisy).difference > 0
        assert meter.measure(noisy.copy()).difference == 0
    assert meter.measure(np.full((720, 1_280), 255, np.uint8)).difference > 200
    assert meter.measure(np.full((480, 640), 255, np.uint8)).difference > 0  # a camera that changed its size


@pytest.mark.parametrize("spoilt", [GARBLED_MAX - 1, GARBLED_MAX])
def test_pictures_that_are_none_are_borne_for_a_while(far: Stream, camera: Camera, spoilt: int) -> None:
    """Handed over one by one: whoever takes the next one has looked at the one before."""
    far.is_live = False
    opened(far, camera)
    frames = camera._frames
    assert frames is not None
    read_until(camera, 0)
    turns = iter([*[bytes(99)] * spoilt, shade(70)])
    frames.get = lambda: _Packed(np.frombuffer(next(turns), np.uint8), 0)  # type: ignore[method-assign]
    if spoilt < GARBLED_MAX:
        assert level(camera.read().gray) == 70
    else:
        with pytest.raises(PortLost, match="its pictures are none"):
            camera.read()
