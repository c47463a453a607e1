"""QR codes, Data Matrix and barcodes through zxing-cpp. The only importer of zxingcpp.

A frame is tried as it is, in a light border, and then once more after one remedy. The remedies take turns from frame to frame: a
person holds a phone for many frames, and a frame on which all were tried would hold up the next.
"""

import zxingcpp

from hal.picture import BORDER, REMEDIES, Gray, bordered
from hal.ports import Code, CodeFormat

ALL_EVERY = (
    8  # frames: then all codes of a frame are read, for the first one may be a sticker that hangs there
)

_Formats = zxingcpp.BarcodeFormats
_QR = _Formats(zxingcpp.BarcodeFormat.QRCodeModel2)
_DATA_MATRIX = _Formats(zxingcpp.BarcodeFormat.DataMatrix)
_LINEAR = _Formats(
    [
        zxingcpp.BarcodeFormat.Code128,
        zxingcpp.BarcodeFormat.Code39,
        zxingcpp.BarcodeFormat.EAN13,
        zxingcpp.BarcodeFormat.EAN8,
    ]
)
# What is black: what is darker than around; or, in a picture that is black and white already, what is below half.
_AROUND, _HALF = zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.FixedThreshold


def read_qr(gray: Gray, turn: int) -> tuple[Code, ...]:
    """A QR code of the frame, or all of them in every ALL_EVERY-th turn; `turn` counts frames and chooses the remedy."""
    framed = bordered(gray)
    take = _all if turn % ALL_EVERY == ALL_EVERY - 1 else _first
    return take(framed, _QR, CodeFormat.QR) or _first(
        REMEDIES[turn % len(REMEDIES)](framed), _QR, CodeFormat.QR, _HALF
    )


def is_seen(gray: Gray) -> bool:
    """Whether a QR code shows, and be it one that cannot be read."""
    return bool(zxingcpp.read_barcodes(gray, _QR, return_errors=True))


def read_data_matrix(gray: Gray) -> tuple[Code, ...]:
    """A Data Matrix of the frame."""
    return _first(bordered(gray), _DATA_MATRIX, CodeFormat.DATA_MATRIX)


def read_linear(gray: Gray) -> tuple[Code, ...]:
    """All barcodes of the frame: Code 128, Code 39, EAN-13 and EAN-8."""
    return _all(bordered(gray), _LINEAR, CodeFormat.LINEAR)


def _first(
    framed: Gray, formats: _Formats, written: CodeFormat, black: zxingcpp.Binarizer = _AROUND
) -> tuple[Code, ...]:
    found = zxingcpp.read_barcode(framed, formats, text_mode=zxingcpp.TextMode.Plain, binarizer=black)
    return () if found is None else (_code(found, written),)


def _all(framed: Gray, formats: _Formats, written: CodeFormat) -> tuple[Code, ...]:
    found = zxingcpp.read_barcodes(framed, formats, text_mode=zxingcpp.TextMode.Plain)
    return tuple(_code(each, written) for each in found)


def _code(found: zxingcpp.Barcode, written: CodeFormat) -> Code:
    at = found.position
    corners = (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
    return Code(found.text, written, tuple((corner.x - BORDER, corner.y - BORDER) for corner in corners))
