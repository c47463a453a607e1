"""What the backend's signed objects must hold, kind by kind: the events of `firmware.events` with their bounds."""

from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from firmware.deeds import TIME_MAX_MS, Account, AnySigned, CellNumber, Name, Time, Waybill
from firmware.model import Direction, Purpose

PARCELS_MAX = GRANTS_MAX = 1_024
PARCELS_PER_GRANT_MAX = CODES_PER_GRANT_MAX = 64
COMMAND_MAX_MS = (
    31 * 24 * 3_600_000
)  # between a command's dates: what was carried out is kept until the later one

Locker: TypeAlias = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"\A[A-Za-z0-9-]+\Z")]
Digest: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]  # an event has it in hex
AUDIENCE = "postomat/"  # and a locker's id: for whom a token is
TOKEN_MAX_S = 24 * 3_600  # between the dates of a short-lived token: it is drawn anew every half minute
Nonce: TypeAlias = Annotated[bytes, Meta(min_length=16, max_length=16)]  # the last hello's
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=TIME_MAX_MS // 1_000)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=2**53)]

# What a backend may say that the locker holds, or held until a moment ago (`model.ParcelState`). One that is cancelled lies
# here: where nothing was put in, no list names it any more.
Told: TypeAlias = Literal[
    "expected", "stored", "collected", "expired", "refused", "disputed", "suspect", "unconfirmed", "cancelled"
]


class Parcel(Struct, frozen=True, forbid_unknown_fields=True):
    """A parcel that lies here or is to come.

    `events.GrantedParcel` with its bounds.
    """

    waybill: Waybill
    cell: CellNumber
    direction: Direction = Direction.INBOUND  # to its recipient, or from a sender
    account: Account = ""  # shown on the screen when the money goes back to it
    state: Told = "expected"  # what the journal told last; looked at in a new epoch's first list only
    expires_ms: Time = 0  # UTC; when its storage ends; 0: the locker's own term after the deposit


class Right(Struct, frozen=True, forbid_unknown_fields=True):
    """A grant: who proves one of its codes, or is named by it in a command, may do this with these parcels.

    `events.GrantedRight` with its bounds.
    """

    id: Name
    purpose: Purpose
    parcels: Annotated[tuple[Waybill, ...], Meta(min_length=1, max_length=PARCELS_PER_GRANT_MAX)]
    codes: Annotated[tuple[Digest, ...], Meta(max_length=CODES_PER_GRANT_MAX)] = ()  # HMAC-SHA256 of each
    phone_codes: Annotated[tuple[Digest, ...], Meta(max_length=CODES_PER_GRANT_MAX)] = ()  # code and phone
    not_before_ms: Time = 0  # UTC; 0: at once
    not_after_ms: Time = 0  # UTC; 0: as long as it is listed
    tokens_since: Annotated[int, Meta(ge=0, le=2**53)] = (
        0  # the epoch since which none of its tokens was used; 0: this one
    )


class Grants(Struct, frozen=True, forbid_unknown_fields=True):
    """The full list of parcels and grants: it replaces the one before. What it does not name opens nothing any more.

    `events.GrantsCame` with its bounds.
    """

    locker: Locker
    epoch: Count
    version: Count  # above that of every list before it in this epoch
    parcels: Annotated[tuple[Parcel, ...], Meta(max_length=PARCELS_MAX)]
    grants: Annotated[tuple[Right, ...], Meta(max_length=GRANTS_MAX)]
    more: bool = False  # the rest follows as changes, and nothing of it counts before its last part has come

    def __post_init__(self) -> None:
        """Raises ValueError where a parcel, a grant or a code stands twice: it would have two truths."""
        _each_once("waybill", (parcel.waybill for parcel in self.parcels))
        _each_once("grant", (grant.id for grant in self.grants))
        _each_once("code of", _codes(self.grants))


class Changes(Struct, frozen=True, forbid_unknown_fields=True):
    """What is different from the list that the locker has: as if the full list of this version had come.

    `events.ChangesCame` with its bounds.
    """

    locker: Locker
    epoch: Count
    base: Count  # the version of the list that these change; the locker must have just that
    version: Count  # above that of every list before it in this epoch
    parcels: Annotated[tuple[Parcel, ...], Meta(max_length=PARCELS_MAX)] = ()  # new or changed, each whole
    grants: Annotated[tuple[Right, ...], Meta(max_length=GRANTS_MAX)] = ()  # new or changed, each whole
    gone_parcels: Annotated[tuple[Waybill, ...], Meta(max_length=PARCELS_MAX)] = ()
    gone_grants: Annotated[tuple[Name, ...], Meta(max_length=GRANTS_MAX)] = ()
    more: bool = False  # the rest follows as changes, and nothing of it counts before its last part has come

    def __post_init__(self) -> None:
        """Raises ValueError where a parcel, a grant or a code stands twice, also where it changes and is gone."""
        _each_once("waybill", (*(parcel.waybill for parcel in self.parcels), *self.gone_parcels))
        _each_once("grant", (*(grant.id for grant in self.grants), *self.gone_grants))
        _each_once("code of", _codes(self.grants))


class Command(Struct, frozen=True, forbid_unknown_fields=True):
    """Something to do, at most once and within its time.

    `events.Commanded` with its bounds.
    """

    id: Name  # never used for another command
    locker: Locker
    epoch: Count
    not_before_ms: Time  # UTC
    not_after_ms: Time  # UTC; refused from then on
    do: AnySigned

    def __post_init__(self) -> None:
        """Raises ValueError where it is valid for more than 31 days: it would have to be remembered as long."""
        if self.not_after_ms - self.not_before_ms > COMMAND_MAX_MS:
            raise ValueError("valid for too long")


class Epoch(Struct, frozen=True, forbid_unknown_fields=True):
    """The demand to begin a new epoch, because the backend's copy of the journal is not the locker's own.

    `events.EpochDemanded` with its bounds.
    """

    locker: Locker
    epoch: Count  # the present one
    next: Count  # the one to begin, above it
    nonce: Nonce
    seq: Annotated[int, Meta(ge=0, le=2**53)]  # of the newest entry that the backend holds; 0: none
    hash: Digest  # of that entry; zeros: none


class Ack(Struct, frozen=True, forbid_unknown_fields=True):
    """The word that the backend holds the journal up to an entry. The locker keeps what was not acknowledged.

    `events.JournalAcked` with its bounds; what the journal says of that entry is not the backend's to tell.
    """

    locker: Locker
    epoch: Count
    seq: Count
    hash: Digest  # of that entry
    nonce: Nonce


class Welcome(Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to a hello: the time, and whether the journal goes on from what the backend holds.

    `events.Welcomed` with its bounds; when the hello was said is not the backend's to tell.
    """

    locker: Locker
    epoch: Count
    nonce: Nonce
    time_ms: Time  # UTC, when it was signed
    acked_seq: Annotated[int, Meta(ge=0, le=2**53)]  # up to where the backend holds the journal; 0: nothing
    accepted: bool  # False: the hello does not agree with it, and a demand for a new epoch follows


class Token(Struct, frozen=True, forbid_unknown_fields=True):
    """What a phone shows, or a paper: its bearer may use this grant. An object has numbers for names (`firmware.tokens`).

    `events.TokenShown` with its bounds.
    """

    grant: Name
    audience: Annotated[str, Meta(pattern=rf"\A{AUDIENCE}[A-Za-z0-9-]{{1,32}}\Z")]
    id: Annotated[bytes, Meta(min_length=16, max_length=16)]  # of no other token
    purpose: Purpose
    epoch: Count
    not_before_s: Seconds | None = None  # UTC; both dates or neither
    expires_s: Seconds | None = None  # UTC; refused from then on

    def __post_init__(self) -> None:
        """Raises ValueError where only one of the dates is there, or they are too far apart for a short-lived one."""
        before, after = self.not_before_s, self.expires_s
        if (before is None) is not (after is None):
            raise ValueError("one date of two")
        if before is not None and after is not None and not 0 < after - before <= TOKEN_MAX_S:
            raise ValueError("valid for too long, or never")


def _codes(grants: tuple[Right, ...]) -> Iterable[str]:
    return (code.hex() for grant in grants for code in (*grant.codes, *grant.phone_codes))


def _each_once(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name[:40]} stands twice")
        seen.add(name)
