"""Everything that can come in (Event) and go out (Effect).

Events carry no secret: the shell has turned a typed code into its digest and a signed object into verified claims
before an event exists. Only a change is an event: the bus compares and debounces, digits live in the page.
"""

from msgspec import Struct

from firmware.deeds import AnyDeed
from firmware.model import Action, Direction, Fill, Outcome, ParcelState, Problem, Purpose
from firmware.optics import CameraState
from hal.ports import PulseResult


class Event(Struct, frozen=True):
    """Something that happened, to be handled in one transaction."""


class Started(Event, frozen=True):
    """The controller's process has started; `boot` names this run of the machine's monotonic clock."""

    boot: str


class DoorRead(Event, frozen=True):
    """A cell's level changed (two equal readings); `closed` is None when the board said nothing of it."""

    cell: int
    closed: bool | None


class DoorConfirmed(Event, frozen=True):
    """The answer to `ReadDoor`: two equal readings taken after it was asked, or None where that failed."""

    cell: int
    intent: int
    closed: bool | None


class BankLost(Event, frozen=True):
    bank: str


class PulseEnded(Event, frozen=True):
    """A pulse is over, or was never sent; the result is what the body knows, not what the door did."""

    intent: int
    cell: int
    result: PulseResult


class Pressed(Event, frozen=True):
    """A person pressed something at the screen."""

    action: Action
    problem: Problem | None = None


class CodeTyped(Event, frozen=True):
    """A code came from the keypad; `digest` is its HMAC-SHA256 in hex, None where length or alphabet was wrong.

    `with_phone`: the screen asked for code and phone together, and the digest is of both.
    """

    digest: str | None
    with_phone: bool = False


class WaybillScanned(Event, frozen=True):
    """A barcode was held before the scanner that could be a waybill. It proves nothing (`firmware.batch`)."""

    waybill: str


class TokenShown(Event, frozen=True):
    """A token was held before the camera: signed, verified, and not judged. Dates are UTC milliseconds, both 0 for a static one.

    `digest` is the SHA-256 of the token's bytes in hex.
    """

    grant: str
    purpose: Purpose
    locker: str
    epoch: int
    not_before_ms: int
    not_after_ms: int
    digest: str


class TokenRefused(Event, frozen=True):
    """What was held before the camera is no token that anybody could believe."""

    why: Outcome


class KioskJoined(Event, frozen=True):
    """A kiosk connected: the screen starts afresh, unless a door is in somebody's hand."""


class GrantedParcel(Struct, frozen=True):
    """A parcel as a signed list names it. `account` is shown when the money goes back.

    `expires_ms` (UTC, 0: the locker's own term) is the backend's deadline. `state` is what its copy of the journal says of
    the parcel; it counts in the first list of a new epoch only, for then the locker itself knows nothing. One that is
    `collected` begins its cell's quiet hour.
    """

    waybill: str
    cell: int
    direction: Direction = Direction.INBOUND
    account: str = ""
    state: ParcelState = ParcelState.EXPECTED
    expires_ms: int = 0


class GrantedRight(Struct, frozen=True):
    """A grant as a signed list names it; `codes` are HMACs in hex, times are UTC milliseconds (0: none).

    `phone_codes` are the HMACs of each code and, behind it, the last digits of the phone that it was sent to. `tokens_since`
    is the first epoch whose tokens still count, for none of them was used (0: those of the present one only).
    """

    id: str
    purpose: Purpose
    parcels: tuple[str, ...]
    codes: tuple[str, ...] = ()
    phone_codes: tuple[str, ...] = ()
    not_before_ms: int = 0
    not_after_ms: int = 0
    tokens_since: int = 0


class GrantsCame(Event, frozen=True):
    """A full list whose signature was verified: it replaces the one before, as soon as no `more` of it is to come."""

    locker: str
    epoch: int
    version: int
    parcels: tuple[GrantedParcel, ...]
    grants: tuple[GrantedRight, ...]
    more: bool = False


class ChangesCame(Event, frozen=True):
    """What a new list has other than the one of version `base`: signed and verified as that."""

    locker: str
    epoch: int
    base: int
    version: int
    parcels: tuple[GrantedParcel, ...] = ()
    grants: tuple[GrantedRight, ...] = ()
    gone_parcels: tuple[str, ...] = ()
    gone_grants: tuple[str, ...] = ()
    more: bool = False


class Commanded(Event, frozen=True):
    """A signed command: this deed, at most once, within its time (UTC milliseconds)."""

    id: str
    locker: str
    epoch: int
    not_before_ms: int
    not_after_ms: int
    do: AnyDeed


class EpochDemanded(Event, frozen=True):
    """The signed demand to end this epoch: the backend's copy of the journal is not the locker's own.

    It ends with entry `seq`, whose hash it names in hex. `own` is the journal's own hash of that entry, "" where it has none:
    where they agree the demand is unfounded, and was caused by a hello that came late.
    """

    locker: str
    epoch: int
    next: int
    seq: int = 0
    hash: str = ""
    own: str = ""


class JournalAcked(Event, frozen=True):
    """The signed word that the backend holds the journal up to `seq`, whose hash it names in hex.

    `own` is the journal's own hash of that entry, "" where it has none; the gate has looked it up.
    """

    locker: str
    epoch: int
    seq: int
    hash: str
    own: str = ""


class Welcomed(Event, frozen=True):
    """The signed answer to the hello that was said at `asked_ms` (monotonic): the backend's time, which lay between then and now.

    `accepted`: what the hello told of the journal agrees with the backend's copy, which ends at `acked_seq` (0: it is empty).
    """

    locker: str
    epoch: int
    time_ms: int
    acked_seq: int
    accepted: bool
    asked_ms: int = 0


class SystemClockMoved(Event, frozen=True):
    """The system's wall clock is off trusted time by so much now (`firmware.clock.system_news`); it moves nothing."""

    off_ms: int


class Due(Event, frozen=True):
    """A deadline of a row has come; ignored where the row's generation has moved on."""

    table: str
    key: str
    generation: int


class StorageChanged(Event, frozen=True):
    """What the store says of its room has changed.

    `low`: the disk is full, and the reserve for closings was released; else it is held. `fill`: how far the journal is from
    its cap, of which `used_percent` is taken.
    """

    low: bool
    fill: Fill
    used_percent: int


class ScannerChanged(Event, frozen=True):
    """How the scanner's camera is now (`firmware.sight`)."""

    state: CameraState


class Checked(Event, frozen=True):
    """A round trip through the inbox, for the watchdog and for a look at the clock: changes nothing."""


class Effect(Struct, frozen=True):
    """Something to do after the commit."""


class Pulse(Effect, frozen=True):
    """Energise the lock of a cell once, for this intent."""

    intent: int
    cell: int


class ReadDoor(Effect, frozen=True):
    """Take two equal readings of a cell now and post `DoorConfirmed`."""

    intent: int
    cell: int


class Answer(Effect, frozen=True):
    """Tell whoever asked what became of it."""

    outcome: Outcome


class BeginEpoch(Effect, frozen=True):
    """Make the database of this epoch, and start anew with it."""

    epoch: int


class AnswerLater(Effect, frozen=True):
    """The outcome of a signed command that was still being carried out is known now."""

    command: str
    outcome: Outcome
