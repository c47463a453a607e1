"""The nouns as values: what a cell, a parcel, a session or a screen can be, and what the journal tells of them."""

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from firmware.notices import Notice
from firmware.optics import CameraState

PHONE_DIGITS = 4  # the last ones of a phone number, typed behind the code while a code alone does not count


class Moment(NamedTuple):
    """Now, as one handled event sees it."""

    mono_ms: int
    utc_ms: int
    sure: bool  # whether wall time may be trusted with deadlines and expiries


class Purpose(StrEnum):
    PICKUP = "pickup"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    SERVICE = "service"


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class DoorState(StrEnum):
    UNKNOWN = "unknown"
    CLOSED = "closed"
    UNLOCKING = "unlocking"
    OPEN = "open"
    OVERDUE = "overdue"
    JAMMED = "jammed"
    OFFLINE = "offline"


class Why(StrEnum):
    """Why a door stands open."""

    INTENT = "intent"
    LATE = "late"
    FOUND = "found"
    FORCED = "forced"


class ParcelState(StrEnum):
    EXPECTED = "expected"
    STORED = "stored"
    CLAIMED = "claimed"
    OPENED = "opened"
    COLLECTED = "collected"
    EXPIRED = "expired"
    REFUSED = "refused"
    DISPUTED = "disputed"
    CANCELLED = "cancelled"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"
    UNCONFIRMED = "unconfirmed"
    SUSPECT = "suspect"
    MISSING = "missing"


class UseState(StrEnum):
    """An authorisation: one parcel under one grant."""

    FREE = "free"
    CLAIMED = "claimed"
    SPENT = "spent"
    RELEASED = "released"


class SessionState(StrEnum):
    KEYPAD = "keypad"
    SCANNING = "scanning"  # is shown how to hold a code before the camera
    WRONG = "wrong"
    NOTICE = "notice"
    BUSY = "busy"
    OPENING = "opening"
    OPEN = "open"
    REMINDED = "reminded"
    CLOSING = "closing"
    ASKED = "asked"
    PROBLEM = "problem"
    NOTED = "noted"
    UNOPENED = "unopened"
    WRONG_CELL = "wrong_cell"
    THANKS = "thanks"
    NEXT = "next"  # a courier is asked for the next parcel of the batch
    AWAITS_TOUCH = "awaits_touch"  # a remote open asks whether anybody stands here
    CLAIMED = "claimed"  # from the app, by whoever has scanned the screen's code


class Fill(StrEnum):
    """How far the journal is from its cap."""

    OK = "ok"
    ALARM = "alarm"  # somebody has to see why the backend does not take it
    NO_DEPOSITS = "no_deposits"  # what is left is for pickups


class ClockSource(StrEnum):
    """What trusted time rests on."""

    NONE = "none"
    SIGNED = "signed"  # a welcome, in this boot or the one before the process's last start
    BATTERY = "battery"  # the system's clock at the boot


class Outage(StrEnum):
    """Why the locker serves nobody, where there is more to say of it."""

    STORAGE = "storage"  # what happens could not be written down


class Problem(StrEnum):
    NOT_THERE = "not_there"
    NOT_MINE = "not_mine"
    DAMAGED = "damaged"
    REFUSED = "refused"


class Action(StrEnum):
    """What a person can do at the screen (the code itself is an event of its own)."""

    START = "start"
    SCAN = "scan"  # show how to hold a code before the camera
    OPEN = "open"  # the cell that a remote open has asked for
    BACK = "back"
    AGAIN = "again"
    CONFIRM = "confirm"
    REOPEN = "reopen"
    PROBLEM = "problem"
    REPORT = "report"
    MORE_TIME = "more_time"


class Outcome(StrEnum):
    """The answer to whoever asked: by a touch of the screen, or with a signed object."""

    DONE = "done"
    ACCEPTED = "accepted"  # it is being carried out; the outcome follows
    STALE = "stale"  # the screen has changed since, or there was another hello
    NOT_NOW = "not_now"  # no such action on this screen, or in this state of the parcel
    BUSY = "busy"  # somebody else is served, or too much is asked at a time
    ALREADY_OPEN = "already_open"  # the cell's door stands open
    NOT_OPENED = "not_opened"  # the lock was pulsed, and the door did not open
    NOT_TOUCHED = "not_touched"  # nobody at the locker touched the screen
    NEEDS_SCREEN_QR = "needs_screen_qr"  # the policy: scan what the screen shows
    UNKNOWN = "unknown"  # the controller was restarted meanwhile: the journal says what the door did
    MAINTENANCE = "maintenance"
    OFFLINE = "offline"  # the cell's lock board does not answer
    CAP_REACHED = "cap_reached"  # of remote opens that nobody touched the screen for
    CLOCK_UNSURE = "clock_unsure"  # the locker cannot tell whether it is in time
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"
    WRONG_LOCKER = "wrong_locker"
    WRONG_EPOCH = "wrong_epoch"
    OLDER = "older"  # a grants version not above the stored one, an acknowledgement below it
    GAP = "gap"  # changes of another list than the locker has: it needs a full one
    MISMATCH = "mismatch"  # what it says of the journal is not so
    UNSIGNED = "unsigned"  # not a COSE_Sign1 of the expected form
    UNKNOWN_KEY = "unknown_key"  # the key id names none of the backend's keys
    BAD_SIGNATURE = "bad_signature"
    MALFORMED = "malformed"  # too large, or signed well and yet not what its kind must hold
    NO_SUCH_PARCEL = "no_such_parcel"
    NO_CELL = "no_cell"  # none is free that it fits into
    NOT_ALLOWED = "not_allowed"  # this state of the parcel, or this bound, forbids it
    STORAGE_FAILED = "storage_failed"  # the disk is full or broken
    QUARANTINED = "quarantined"  # a bug: it was set aside, and nothing was done


class EntryKind(StrEnum):
    """What the journal tells; the other columns say of what."""

    STARTED = "started"  # the controller runs (why: boot, restart)
    QUARANTINED = "quarantined"  # an event raised twice (why: its kind) and is set aside
    EPOCH = "epoch"  # the first list of a new epoch has come (count), or its end was demanded
    GRANTS = "grants"  # a list was taken (count: its version; why: a part, where more of it is to come)
    NOTICE = "notice"  # a known code or a token opens nothing now (why)
    WRONG_CODE = "wrong_code"  # count: how many in a row
    ATTEMPTS_EMPTY = "attempts_empty"  # from now on the keypad asks for code and phone together
    INTENT = "intent"  # a lock is to be pulsed once (count: which try)
    OPENED = "opened"  # a door (why: intent, late, found, forced; under an intent but for the last two)
    CLOSED = "closed"  # a door that was open; what its opening has come to follows
    NOT_OPENED = "not_opened"  # a lock was pulsed (count: how often), and the door stays shut (why)
    RELEASED = "released"  # a right works again, for the same cell
    STORED = "stored"  # the deposit is over; its storage ends at `until_ms`, where it has a term and the clock is sure
    COLLECTED = "collected"  # the buyer has it (why: confirmed, or the window ran out)
    EXPIRED = "expired"  # its storage has ended; a courier may withdraw it
    WITHDRAWN = "withdrawn"  # a courier has it
    REFUSED = "refused"  # by its buyer, who put it back (why: the problem)
    DISPUTED = "disputed"  # its buyer says that something is wrong (why: the problem)
    CANCELLED = "cancelled"  # by the order of a command
    EXTENDED = "extended"  # its term ends at `until_ms` (why: clock, where it begins late); stored again where it had expired
    RESERVED = "reserved"  # a cell is kept for it
    UNCONFIRMED = "unconfirmed"  # a deposit whose end nobody saw: what lies there is not known
    SUSPECT = "suspect"  # its door was opened by nobody known
    OUTCOME_UNKNOWN = "outcome_unknown"  # after a restart the door is shut, and nobody saw what happened
    OVERDUE = "overdue"  # a door was left open
    BLOCKED = "blocked"  # the cell is offered for no deposit (why)
    UNBLOCKED = "unblocked"  # why: what it was blocked for
    WRONG_CELL = "wrong_cell"  # another door than the one meant has opened (why: instead of which)
    BANK_LOST = "bank_lost"  # a lock board does not answer (why: its name)
    COMMAND = "command"  # the outcome of a command (why)
    CONFIGURED = "configured"  # why: the settings that now go before those of the file
    KEYS = "keys"  # the backend's keys are others (count) now; why: their ids
    CLAIMED = "claimed"  # the locker is that of whoever has scanned its screen (command)
    UNCLAIMED = "unclaimed"  # it is free again (why: screen, app, timeout, done, left, storage, restart)
    STORAGE = "storage"  # the disk is full and the reserve released (why: low), or held again (why: restored)
    CLOCK = "clock"  # trusted time (why: sure, stepped, contradicted) or the system's (why: system) was off (count: seconds)
    SCANNER = "scanner"  # its camera (why: ok, covered, frozen, hung, gone, silent; none where none is meant to be); silent at each start, and that is not told
    JOURNAL = "journal"  # it has come nearer to its cap, or away from it (why: ok, alarm, no_deposits; count: percent)


class Entry(Struct, frozen=True, omit_defaults=True):
    """What happened, as the journal keeps it. No code, PIN, phone number, token or key ever stands here."""

    kind: EntryKind
    cell: int | None = None  # its number
    parcel: str | None = None  # its waybill
    grant: str | None = None  # the id of the right
    intent: int | None = None  # its number: which pulse of a lock this belongs to
    command: str | None = None  # its id
    why: str | None = None
    count: int | None = None
    until_ms: int | None = None  # UTC


class ScreenName(StrEnum):
    IDLE = "idle"
    KEYPAD = "keypad"
    SCAN = "scan"
    WRONG_CODE = "wrong_code"
    WAIT = "wait"
    NOTICE = "notice"
    OPENING = "opening"
    TAKE_PARCEL = "take_parcel"
    PUT_PARCEL = "put_parcel"
    CLOSE_DOOR = "close_door"
    CLOSING = "closing"
    ASK_TAKEN = "ask_taken"
    PROBLEM = "problem"
    PROBLEM_NOTED = "problem_noted"
    NOT_OPENED = "not_opened"
    WRONG_CELL = "wrong_cell"
    THANKS = "thanks"
    NEXT_PARCEL = "next_parcel"
    AWAIT_TOUCH = "await_touch"
    CLAIMED = "claimed"
    BUSY = "busy"
    OUT_OF_SERVICE = "out_of_service"


class Screen(Struct, frozen=True, omit_defaults=True):
    """What the kiosk shows: a function of state. The face adds the words and the pictures."""

    name: ScreenName
    cell: int | None = None  # the cell of this session
    purpose: Purpose | None = None
    notice: Notice | None = None  # of a code; where a parcel was scanned, why it opens nothing
    account: str | None = None  # Kaspi Gold, Kaspi Red: where the money goes back to
    date_ms: int | None = None  # wall time that the notice speaks of
    wrong: int = 0  # wrong codes in a row; from the third on the locker's number is compared
    reason: Outage | None = None  # of being out of service
    camera: bool = False  # it may ask for a QR code
    blind: CameraState | None = None  # how the camera is, where there is one and it does not see
    with_phone: bool = False  # the keypad asks for the code and the phone's last PHONE_DIGITS together
    can_reopen: bool = False
    can_retry: bool = False
    open_cells: tuple[int, ...] = ()  # doors that stand open with nobody at the screen, or the wrong cell
    due_ms: int | None = None  # monotonic: when this screen changes by itself; sent as milliseconds left
    actions: tuple[Action, ...] = ()  # what may be pressed
