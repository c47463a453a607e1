"""What the backend's signed objects must hold, kind by kind: the events of `firmware.events` with their bounds."""

from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from firmware.deeds import Account, AnySigned, CellNumber, Name, Time, Waybill
from firmware.model import Direction, Purpose

PARCELS_MAX = GRANTS_MAX = 1_024
PARCELS_PER_GRANT_MAX = CODES_PER_GRANT_MAX = 64
COMMAND_MAX_MS = (
    31 * 24 * 3_600_000
)  # between a command's dates: what was carried out is kept until the later one

Locker: TypeAlias = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"\A[A-Za-z0-9-]+\Z")]
Digest: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]  # an event has it in hex
Nonce: TypeAlias = Annotated[bytes, Meta(min_length=16, max_length=16)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=2**53)]

# What a backend may say that the locker holds, or held until a moment ago (`model.ParcelState`).
Told: TypeAlias = Literal[
    "expected", "stored", "collected", "expired", "refused", "disputed", "suspect", "unconfirmed"
]


class Parcel(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.GrantedParcel` with its bounds."""

    waybill: Waybill
    cell: CellNumber
    direction: Direction = Direction.INBOUND
    account: Account = ""
    state: Told = "expected"
    expires_ms: Time = 0


class Right(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.GrantedRight` with its bounds."""

    id: Name
    purpose: Purpose
    parcels: Annotated[tuple[Waybill, ...], Meta(min_length=1, max_length=PARCELS_PER_GRANT_MAX)]
    codes: Annotated[tuple[Digest, ...], Meta(max_length=CODES_PER_GRANT_MAX)] = ()
    phone_codes: Annotated[tuple[Digest, ...], Meta(max_length=CODES_PER_GRANT_MAX)] = ()
    not_before_ms: Time = 0
    not_after_ms: Time = 0


class Grants(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.GrantsCame` with its bounds."""

    locker: Locker
    epoch: Count
    version: Count
    parcels: Annotated[tuple[Parcel, ...], Meta(max_length=PARCELS_MAX)]
    grants: Annotated[tuple[Right, ...], Meta(max_length=GRANTS_MAX)]

    def __post_init__(self) -> None:
        """Raises ValueError: what is told twice (a parcel, a grant, a code) has two truths."""
        _each_once("waybill", (parcel.waybill for parcel in self.parcels))
        _each_once("grant", (grant.id for grant in self.grants))
        codes = (code for grant in self.grants for code in (*grant.codes, *grant.phone_codes))
        _each_once("code of", (code.hex() for code in codes))


class Command(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.Commanded` with its bounds."""

    id: Name
    locker: Locker
    epoch: Count
    not_before_ms: Time
    not_after_ms: Time
    do: AnySigned

    def __post_init__(self) -> None:
        """Raises ValueError: what is valid for ever would have to be remembered for ever."""
        if self.not_after_ms - self.not_before_ms > COMMAND_MAX_MS:
            raise ValueError("valid for too long")


class Epoch(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.EpochDemanded` with its bounds."""

    locker: Locker
    epoch: Count
    next: Count
    nonce: Nonce


class Ack(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.JournalAcked` with its bounds; what the journal says of that entry is not the backend's to tell."""

    locker: Locker
    epoch: Count
    seq: Count
    hash: Digest
    nonce: Nonce


class Welcome(Struct, frozen=True, forbid_unknown_fields=True):
    """`events.Welcomed` with its bounds; when the hello was said is not the backend's to tell."""

    locker: Locker
    epoch: Count
    nonce: Nonce
    time_ms: Time
    acked_seq: Annotated[int, Meta(ge=0, le=2**53)]
    accepted: bool


def _each_once(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name[:40]} stands twice")
        seen.add(name)
