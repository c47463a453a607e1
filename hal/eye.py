"""A camera and what reads in its frames, as one Scanner. Decoders are loaded where the configuration names them, and only then."""

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from hal import finder, picture
from hal.picture import Frame, Gray
from hal.ports import Code, CodeFormat, DecoderMissing, Look

Decoder = Callable[[Gray, int], tuple[Code, ...]]  # of a frame, and how many frames were before it

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
    """What frames come from: hal.picture.Camera."""

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

    def open(self) -> None:
        self._meter = picture.Meter()
        self._camera.open()

    def look(self, wants: tuple[CodeFormat, ...]) -> Look:
        frame = self._camera.read()
        self._last = frame.gray
        self._turn += 1
        codes = tuple(code for wanted in wants for code in self._decoders[wanted](frame.gray, self._turn))
        target = finder.find(frame.gray) if CodeFormat.QR in wants and not codes else None
        return Look(frame.grabbed_ms, self._meter.measure(frame.gray), codes, target)

    def picture(self) -> bytes:
        return b"" if self._last is None else picture.jpeg(self._last)

    def close(self) -> None:
        self._last = None
        self._camera.close()
