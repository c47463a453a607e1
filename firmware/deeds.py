"""What a signed command may ask for: one struct for each deed, with its bounds. `type` is its name in small letters.

The same structs stand in the signed object and in `events.Commanded`, but for two. A claim's nonce goes no further than the
gate, which says whether it is one of the screen's; and a key is bytes in an object, and hex in an event and in the store.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from firmware.model import Direction, Problem

TIME_MAX_MS = 253_402_300_799_999  # the year 9999: what a calendar can show
KEYS_MAX = SETTINGS_MAX = 16
NONCE_BYTES = 16
CLAIMED_GRANTS_MAX = 64  # one buyer's at one locker

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9-]+\Z")]
Waybill: TypeAlias = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"\A[A-Za-z0-9-]+\Z")]
CellNumber: TypeAlias = Annotated[int, Meta(ge=1, le=999)]
Account: TypeAlias = Annotated[str, Meta(max_length=40)]
Time: TypeAlias = Annotated[int, Meta(ge=0, le=TIME_MAX_MS)]  # UTC milliseconds
Setting: TypeAlias = (
    Annotated[int, Meta(ge=0, le=1_000_000)] | Annotated[str, Meta(min_length=1, max_length=40)]
)
Settings: TypeAlias = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Setting],
    Meta(max_length=SETTINGS_MAX),
]


class Deed(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=str.lower):
    """Something to do."""


class Open(Deed, frozen=True):
    """Open the cell of a parcel now, under a grant: «Открыть ячейку», and once more «Открыть ячейку повторно»."""

    grant: Name
    parcel: Waybill


class Claim(Deed, frozen=True):
    """Whoever has scanned the screen's code has the locker for a while, and opens from the phone under these grants.

    `fresh`: the nonce was one of the screen's.
    """

    grants: tuple[Name, ...]
    fresh: bool


class ClaimByNonce(Deed, frozen=True, tag="claim"):
    """Whoever has scanned the screen's code has the locker for a while, and opens from the phone under these grants.

    As it is signed; as it is known to the core: `deeds.Claim`.
    """

    grants: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=CLAIMED_GRANTS_MAX)]
    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]  # out of the screen's code


class Leave(Deed, frozen=True):
    """«Отмена» in the app: the locker is free again. `claim` is the id of the command that claimed it."""

    claim: Name


class Confirm(Deed, frozen=True):
    """«Подтвердить получение» in the app."""

    grant: Name
    parcel: Waybill


class Report(Deed, frozen=True):
    """«Проблема с посылкой» in the app."""

    grant: Name
    parcel: Waybill
    problem: Problem


class Reserve(Deed, frozen=True):
    """Keep a cell for a parcel that is to come: this one, or any that is free and of this size."""

    parcel: Waybill
    size: Literal["S", "M", "L", "XL"] | None = None
    cell: CellNumber | None = None
    direction: Direction = Direction.INBOUND
    account: Account = ""

    def __post_init__(self) -> None:
        """Raises ValueError unless exactly one of size and cell is told."""
        if (self.size is None) is (self.cell is None):
            raise ValueError("either a size or a cell")


class Cancel(Deed, frozen=True):
    """The order is cancelled: the parcel does not come any more, or is not its buyer's any more."""

    parcel: Waybill


class Extend(Deed, frozen=True):
    """Another end of the storage term."""

    parcel: Waybill
    expires_ms: Annotated[int, Meta(ge=1, le=TIME_MAX_MS)]


class Block(Deed, frozen=True):
    """Offer the cell for no deposit."""

    cell: CellNumber


class Unblock(Deed, frozen=True):
    """Offer the cell again."""

    cell: CellNumber


class Configure(Deed, frozen=True):
    """All settings that go before those of the locker's file; those that are not named are the file's again.

    Which, and within which bounds, is `firmware.settings`'.
    """

    settings: Settings


class Key(Struct, frozen=True, forbid_unknown_fields=True):
    """A public Ed25519 key of the backend in hex, and the id under which it signs."""

    id: Annotated[str, Meta(min_length=1, max_length=32)]
    public: str


class SignedKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A public Ed25519 key of the backend, and the id under which it signs.

    As it is signed; as it is kept: `deeds.Key`.
    """

    id: Annotated[str, Meta(min_length=1, max_length=32)]
    public: Annotated[bytes, Meta(min_length=32, max_length=32)]


class Rotate(Deed, frozen=True):
    """The backend's keys from now on; what is signed with another opens nothing any more."""

    keys: tuple[Key, ...]


class RotateTo(Deed, frozen=True, tag="rotate"):
    """The backend's keys from now on, the whole set; what is signed with another is not believed any more.

    As it is signed; as it is kept: `deeds.Rotate`.
    """

    keys: Annotated[tuple[SignedKey, ...], Meta(min_length=1, max_length=KEYS_MAX)]


_Same: TypeAlias = Open | Leave | Confirm | Report | Reserve | Cancel | Extend | Block | Unblock | Configure
AnyDeed: TypeAlias = _Same | Claim | Rotate  # in an event
AnySigned: TypeAlias = _Same | ClaimByNonce | RotateTo  # in a signed object
