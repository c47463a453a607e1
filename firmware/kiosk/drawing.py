"""The screen's QR code, drawn for the page: text in, dark modules out."""

import msgspec
import segno

from firmware.control import Qr, Show

ERROR_LEVEL = (
    "m"  # 15 %: a reflection on the panel; where there is room in the same size, segno takes a higher one
)


def drawn(show: Show) -> Show:
    """The same, its QR code with size and path. Raises as `draw` does."""
    if show.qr is None:
        return show
    return msgspec.structs.replace(show, qr=draw(show.qr.text))


def draw(text: str) -> Qr:
    """A QR code with size and path. Raises segno.DataOverflowError on a text that no code holds."""
    rows = segno.make(text, error=ERROR_LEVEL, micro=False).matrix
    return Qr(text, len(rows), "".join(_runs(y, bytes(row)) for y, row in enumerate(rows)))


def _runs(y: int, row: bytes) -> str:
    """The dark stretches of one row, each a rectangle."""
    path, x = "", 0
    while (start := row.find(1, x)) >= 0:
        x = row.find(0, start)
        x = x if x >= 0 else len(row)
        path += f"M{start} {y}h{x - start}v1h{start - x}z"
    return path
