"""A camera and what reads in its frames, as one Scanner. Decoders are loaded where the configuration names them, and only then."""

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from hal import finder, picture
from hal.camera import Frame
from hal.picture import Gray
from hal.ports import Code, CodeFormat, DecoderMissing, Look, Target

Decoder = Callable[[Gray, int], tuple[Code, ...]]  # of a frame, and how many frames were before it

SEARCH_MS = 120  # without a reading, to the next search for a code that cannot be read: each fourth frame, for a hint is for people

log = logging.getLogger(__name__)


def decoders(qr: str, linear: str) -> Mapping[CodeFormat, Decoder]:
    """What reads each format: "zxing" or "zbar". Raises DecoderMissing where zbar is to read QR codes and is not here.

    Barcodes are then read by zxing-cpp, which is always here, and the log says so.
    """
    from hal import qr as zxing

    made: dict[CodeFormat, Decoder] = {
        CodeFormat.QR: zxing.read_qr,
        CodeFormat.DATA_MATRIX: lambda gray, turn: zxing.read_data_matrix(gray),
        CodeFormat.LINEAR: lambda gray, turn: zxing.read_linear(gray),
    }
    if "zbar" in (qr, linear):
        try:
            from hal import zbar
        except DecoderMissing as error:
            if qr == "zbar":
                raise
            log.warning("%s; barcodes are read by zxing-cpp", error)
            return made
        if qr == "zbar":
            made[CodeFormat.QR] = lambda gray, turn: zbar.read_qr(gray)
        if linear == "zbar":
            made[CodeFormat.LINEAR] = lambda gray, turn: zbar.read_linear(gray)
    return made


class Source(Protocol):
    """What frames come from: hal.camera.Camera."""

    def open(self) -> None: ...

    def read(self) -> Frame: ...

    def close(self) -> None: ...


class Eye:
    """The camera of a locker, and its decoders."""

    def __init__(self, camera: Source, decoders: Mapping[CodeFormat, Decoder]) -> None:
        self._camera = camera
        self._decoders = decoders
        self._meter = picture.Meter()
        self._turn = 0
        self._last: Gray | None = None
        self._target: Target | None = None  # what the last search found
        self._searched_ms: int | None = None  # since when there is nothing new to search for

    def open(self) -> None:
        self._meter = picture.Meter()
        self._target = self._searched_ms = None
        self._camera.open()

    def look(self, wants: tuple[CodeFormat, ...]) -> Look:
        frame = self._camera.read()
        self._last = frame.gray
        self._turn += 1
        codes = tuple(code for wanted in wants for code in self._decoders[wanted](frame.gray, self._turn))
        self._search(frame, is_missed=CodeFormat.QR in wants and not codes)
        return Look(frame.grabbed_ms, self._meter.measure(frame.gray), codes, self._target)

    def _search(self, frame: Frame, *, is_missed: bool) -> None:
        """Where a code is wanted and none was read for a while, look whether one shows; and not again at once."""
        if not is_missed:
            self._target, self._searched_ms = None, frame.grabbed_ms
        elif self._searched_ms is None or frame.grabbed_ms - self._searched_ms >= SEARCH_MS:
            self._target, self._searched_ms = finder.find(frame.gray), frame.grabbed_ms

    def picture(self) -> bytes:
        return b"" if self._last is None else picture.jpeg(self._last)

    def close(self) -> None:
        self._last = None
        self._camera.close()
