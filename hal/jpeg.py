"""How large the picture in a JPEG says that it is, from its markers alone: before anything takes memory for its pixels."""

_SOI, _SOS, _EOI = 0xD8, 0xDA, 0xD9
_NO_LENGTH = {0x01, *range(0xD0, 0xD9)}  # TEM, RST0 to RST7, SOI: nothing follows them
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15, but DHT, JPG and DAC


def size(data: bytes) -> tuple[int, int] | None:
    """Rows and columns, by ITU-T T.81 section B.2; None where it is no JPEG, or says nothing of its size."""
    if data[:2] != bytes((0xFF, _SOI)):
        return None
    at = 2
    while (at := data.find(b"\xff", at)) >= 0:
        while data[at : at + 1] == b"\xff":  # any number of them may stand before a marker's code
            at += 1
        code = data[at] if at < len(data) else _EOI
        if code in (_SOS, _EOI):
            return None
        if code in _FRAMES:
            rows, columns = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (4, 6))
            return (rows, columns) if rows and columns else None
        length = int.from_bytes(data[at + 1 : at + 3], "big")
        at += 1 if code in _NO_LENGTH or code == 0 else 1 + length
    return None
