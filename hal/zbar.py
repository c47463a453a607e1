"""Barcodes and QR codes through zbar. The only importer of pyzbar.

It reads what it is asked for and nothing else: zbar's other symbologies complain on stderr about pictures that have none of theirs.
What it makes of bytes that are no ASCII is a guess at their charset; nothing of ours has any.
"""

from hal.picture import Gray
from hal.ports import Code, CodeFormat, DecoderMissing

try:
    from pyzbar import pyzbar
except ImportError as error:  # so it tells that the system's library is missing
    raise DecoderMissing(
        "zbar cannot be loaded: the system's libzbar0 is missing (Debian: apt install libzbar0)"
    ) from error

_QR = [pyzbar.ZBarSymbol.QRCODE]
_LINEAR = [
    pyzbar.ZBarSymbol.CODE128,
    pyzbar.ZBarSymbol.CODE39,
    pyzbar.ZBarSymbol.EAN13,
    pyzbar.ZBarSymbol.EAN8,
]


def read_qr(gray: Gray) -> tuple[Code, ...]:
    """All QR codes that it sees."""
    return _read(gray, _QR, CodeFormat.QR)


def read_linear(gray: Gray) -> tuple[Code, ...]:
    """All barcodes that it sees: Code 128, Code 39, EAN-13 and EAN-8."""
    return _read(gray, _LINEAR, CodeFormat.LINEAR)


def _read(gray: Gray, symbols: list[object], written: CodeFormat) -> tuple[Code, ...]:
    return tuple(
        Code(found.data.decode(errors="replace"), written, tuple((x, y) for x, y in found.polygon))
        for found in pyzbar.decode(gray, symbols=symbols)
    )
