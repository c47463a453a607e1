"""The language of the local sockets through which every face talks to the controller: messages and framing.

One Unix socket per role, one JSON object per line, at most `FRAME_MAX_BYTES` with its newline. A face sends the requests
of its role and nothing else: what does not decode ends the connection. A face's end is `firmware.client`, the controller's `firmware.gate`.
"""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from firmware.errors import ProtocolError
from firmware.model import Action, Outcome, Problem, Screen
from firmware.optics import TEXT_MAX, CameraState, Format, Hint

FRAME_MAX_BYTES = 65_536


class Message(
    Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True, forbid_unknown_fields=True
):
    """Anything on a control socket; `type` is the class's name in small letters."""


class Seq(Struct, frozen=True):
    """Which screen a face speaks of: random per start of the controller, then counted."""

    start: str
    count: int


# kiosk → controller
class Press(Message, frozen=True):
    seq: Seq
    action: Action
    problem: Problem | None = None


class Code(Message, frozen=True):
    """The typed code, whole: it goes no further than the gate, which turns it into its digest."""

    seq: Seq
    code: str


class Heartbeat(Message, frozen=True):
    """Sent after a paint. A kiosk that stays silent is not at the screen. `ring`: what was painted says that pictures are kept."""

    ring: bool = False


# controller → kiosk
class Qr(Struct, frozen=True, omit_defaults=True):
    """A QR code on the screen. The controller says what a camera reads; the kiosk's server draws it for its page.

    `path` is of an SVG whose unit is one module: the dark ones, row by row, in a square of `size`, with no quiet zone.
    """

    text: str
    size: int = 0
    path: str = ""


class Show(Message, frozen=True):
    """The screen now. `left_ms` counts down to the moment when it changes by itself.

    With the same `seq` as before, the screen is the same, and at most its QR code, hint and ring are others.
    """

    seq: Seq
    screen: Screen
    left_ms: int | None = None
    qr: Qr | None = None
    hint: Hint = Hint.NONE  # to whoever holds a code before the camera
    ring: bool = (
        False  # the scanner keeps its last frames in memory, for a technician: the screen has to say so
    )


class Superseded(Message, frozen=True):
    """Another kiosk has connected; this connection ends."""


# link → controller
class Signed(Message, frozen=True):
    """A COSE_Sign1 object as the backend made it; `ask` comes back with the answer."""

    ask: int
    object: bytes


class JournalAfter(Message, frozen=True):
    """Entries above `seq`, oldest first, as far as they are kept; also a technician's `ctl journal`."""

    seq: int
    limit: int = 256


class AskHello(Message, frozen=True):
    """Where the locker stands; asked by the link before anything else."""


class LinkState(Message, frozen=True):
    """Whether the backend answers: sent at changes, and again and again while it does (at least every 10 s)."""

    confirmed: bool


class Hello(Message, frozen=True):
    """Where the locker stands: what a backend compares with its own copy of the journal.

    It is said whenever the link has connected, and about every hour after that, so that the locker's clock stays right.
    """

    locker: str
    epoch: int
    last_seq: int  # of the newest entry; 0: there is none
    head: str  # the newest entry's hash in hex, "" with none
    nonce: str  # in hex; comes back in the welcome, in acknowledgements, and in the demand for a new epoch
    signature: str  # of the locker, over all above, in hex (`firmware.chain.sealed`)
    grants_version: int  # of the last list that was taken; 0: none in this epoch
    cells: dict[str, int]  # size → how many are configured
    firmware: str


# scanner → controller
class Reading(Message, frozen=True):
    """A text that was read. It goes no further than the gate, and counts only where the screen of `seq` asks for its format."""

    seq: Seq
    text: Annotated[str, Meta(max_length=TEXT_MAX, pattern=r"\A[\x20-\x7e]*\Z")]
    format: Format


class Watched(Message, frozen=True):
    """How the camera is: sent at each change, and at least once a second, for it is the sign of life."""

    state: CameraState
    hint: Hint = Hint.NONE
    ring: bool = False


# controller → scanner
class Scan(Message, frozen=True):
    """What the screen asks for now, () for nothing. `awake`: somebody is there, so look at full rate.

    `ring`: people can read on the screen that pictures are kept, and so they may be.
    """

    seq: Seq
    wants: tuple[Format, ...] = ()
    awake: bool = False
    ring: bool = False


# service → controller
class AskStatus(Message, frozen=True):
    pass


class AskCells(Message, frozen=True):
    """Cells with a number above `after`."""

    after: int = 0


# controller → any
class Told(Message, frozen=True):
    """The outcome of a request; `ask` or `command` says of which.

    `acked`: the object was the backend's word that it holds the journal up to there, and it was believed.
    """

    outcome: Outcome
    ask: int | None = None
    command: str | None = None
    acked: int | None = None


class JournalRow(Struct, frozen=True):
    """One entry as it was hashed."""

    seq: int
    body: str  # the canonical text: JSON, the bytes as they were hashed
    hash: str  # SHA-256(previous hash ‖ body in UTF-8) in hex; before the first entry stand 32 zero bytes


class SignedHead(Struct, frozen=True):
    """The last entry of a batch, under the locker's signature."""

    seq: int
    hash: str  # in hex
    signature: str  # in hex (`firmware.chain.sealed`)


class Journal(Message, frozen=True):
    """A batch of the journal, oldest entry first."""

    rows: tuple[JournalRow, ...]
    last: int  # the newest entry's seq: more is to come where rows end below it
    head: SignedHead | None = None  # there wherever there are rows


class Grown(Message, frozen=True):
    """The journal has entries up to `last`: to the link, after the commit that made them."""

    last: int


class Status(Message, frozen=True):
    locker: str
    epoch: int
    firmware: str
    grants_version: int
    journal_last: int
    journal_acked: int  # the backend holds it up to here; moves on in steps
    journal_used_percent: float  # of its caps, by the one that is nearer
    journal_key: str  # public, in hex: what the backend is told when the locker is provisioned
    serves: str  # everybody, or whom not and why
    clock_utc_ms: int  # trusted time
    clock_sure: bool
    clock_why: str
    clock_told_s: int | None  # how long ago the backend told the time; None: never
    system_off_ms: int  # the system's clock, less trusted time
    system_synchronised: bool  # by NTP, the kernel says; moves nothing
    screen: str
    scanner: str  # how the camera is; silent where no scanner runs
    parcels_inside: int
    settings: dict[str, int | str]  # set by the backend, before what the file says
    backend_keys: tuple[str, ...]  # whose word counts: the ids of the keys
    banks: dict[str, str]  # name → online, offline
    inbox: int
    uptime_s: int


class CellRow(Struct, frozen=True):
    """A technician's view of one cell."""

    cell: int
    size: str
    bank: str
    channel: int
    door: str
    why: str | None
    blocked: str | None
    parcel: str | None
    parcel_state: str | None


class Cells(Message, frozen=True):
    cells: tuple[CellRow, ...]
    last: int  # the highest number: more is to be asked for where cells end below it


KIOSK_REQUESTS = msgspec.json.Decoder(Press | Code | Heartbeat)
LINK_REQUESTS = msgspec.json.Decoder(Signed | JournalAfter | AskHello | LinkState)
SCANNER_REQUESTS = msgspec.json.Decoder(Reading | Watched)
SERVICE_REQUESTS = msgspec.json.Decoder(AskStatus | AskCells | JournalAfter)
KIOSK_PUSHES = msgspec.json.Decoder(Show | Superseded | Told)
LINK_PUSHES = msgspec.json.Decoder(Told | Journal | Grown | Hello)
SCANNER_PUSHES = msgspec.json.Decoder(Scan | Told)
SERVICE_PUSHES = msgspec.json.Decoder(Status | Cells | Journal | Told)

_encoder = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    """One line. Raises ProtocolError above FRAME_MAX_BYTES, so that no peer is sent what it must refuse."""
    line = _encoder.encode(message) + b"\n"
    if len(line) > FRAME_MAX_BYTES:
        raise ProtocolError(f"a {type(message).__name__} of {len(line)} bytes is above {FRAME_MAX_BYTES}")
    return line


def decode(decoder: msgspec.json.Decoder[Any], line: bytes) -> Any:
    """The message on a line. Raises ProtocolError with what is wrong with it, never with what it said."""
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The decoder's own words would quote the line: a code could stand in it, or a line for the log.
        place = re.search(r" - at `(\$[a-z_.\[\]0-9]*)`$", str(error))
        where = f", at {place[1]}" if place else ""
        raise ProtocolError(f"not a request of this role ({type(error).__name__}{where})") from None


class Lines:
    """Cuts a byte stream into lines. Holds at most FRAME_MAX_BYTES."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes. Raises ProtocolError when a line grows beyond the limit."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if max(map(len, [*lines, self._rest])) >= FRAME_MAX_BYTES:
            raise ProtocolError(f"a line is above {FRAME_MAX_BYTES} bytes")
        return lines
