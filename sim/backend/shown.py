"""What the app is told, as it stands in the answers of the API."""

from msgspec import Struct


class ParcelShown(Struct, frozen=True):
    """A parcel in «Мои отправления». `cell` is None where it is nobody's business; `until_ms` is UTC, 0: no term runs."""

    waybill: str
    state: str
    message: str
    address: str
    cell: int | None
    until_ms: int
    can: tuple[str, ...]


class LockerShown(Struct, frozen=True):
    """The locker, as far as a buyer needs to know."""

    address: str
    online: bool
    message: str


class CommandShown(Struct, frozen=True):
    """What became of a command: `state` is waiting, done or failed; over, where it claimed a locker that is free again."""

    id: str
    state: str
    outcome: str | None
    message: str


class ResentShown(Struct, frozen=True):
    """The code is on its way to the phone again."""

    message: str


class TokenShown(Struct, frozen=True):
    """What the phone holds before the locker's camera: a QR code, drawn anew in `redraw_s`; refused by the locker from `until_ms` (UTC) on.

    A static one has 0 for both: it is not drawn anew, and is good for as long as its right.
    `path` is of an SVG whose unit is one module, in a square of `size`, with no quiet zone.
    """

    text: str
    size: int
    path: str
    until_ms: int
    redraw_s: int


class LinkShown(Struct, frozen=True):
    """What the link in an SMS shows to whoever opens it: a static code, `size` and `path` as in `TokenShown`, and what it is for."""

    waybill: str
    address: str
    until: str
    text: str
    size: int
    path: str


class AccountShown(Struct, frozen=True):
    """What is on an account, and what came back to it."""

    account: str
    tenge: int
    refunds: dict[str, int]  # by waybill
