"""One person at the screen, from the first touch to the last screen: recipient, courier or sender.

Rules:
- There is at most one session; no session means the idle screen.
- Before `OPENING` nothing has been proved: such a session may be replaced at any time. Only one that awaits a touch may not:
  a signed command stands behind it, and its finger opens the cell; nor one that is claimed, but by its own buyer's commands.
- A session leaves `OPEN` and `REMINDED` by its door alone, or detached; its end is not a state: the row is dropped.
- The camera reads at the keypad as well: `SCANNING` only shows how to hold a code before it, and gives way to the keypad by itself.
- Only a pickup has a closing screen; a deposit and a withdrawal are over when their door closes. Where the courier's right
  names other parcels, `NEXT` asks for the next one's barcode: whoever comes meanwhile goes first, as after `THANKS`.
"""

from collections.abc import Callable
from enum import StrEnum

from firmware.config import Times
from firmware.model import SessionState as S
from firmware.rows import Session
from firmware.table import Move, Table
from firmware.turn import Turn


class T(StrEnum):
    """What can happen to a session."""

    WRONG_CODE = "wrong_code"
    KNOWN_CODE = "known_code"  # known, but it opens nothing now; or a token that was held before the camera
    FIND_BUSY = "find_busy"  # another person's door is open
    SCAN = "scan"  # they would rather hold a code before the camera
    RETURN = "return"  # back to the keypad, or from the problems to the closing screen
    ASK_TOUCH = "ask_touch"  # a signed command would open a cell, if somebody stands here
    CLAIM = "claim"  # whoever has scanned the screen's code goes on in the app
    GO = "go"  # authorised: an opening begins (again)
    DOOR_OPENED = "door_opened"
    STAYED_SHUT = "stayed_shut"
    MISDIRECT = "misdirect"  # another cell opened instead
    REMIND = "remind"
    DOOR_CLOSED = "door_closed"  # a pickup's door, after it stood open long enough to take something out
    CLOSED_SHORTLY = "closed_shortly"  # a pickup's door, so soon that one must ask
    ASK_NEXT = "ask_next"  # this parcel is done with, and the courier's right names others
    FINISH = "finish"  # deposited, withdrawn, or receipt confirmed
    COMPLAIN = "complain"
    REPORT = "report"


# fmt: off
_REFUSED: dict[T, tuple[S, ...]] = {
    T.WRONG_CODE: (
        S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.OPEN, S.REMINDED, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED,
        S.UNOPENED, S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.KNOWN_CODE: (
        S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.OPEN, S.REMINDED, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED,
        S.UNOPENED, S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.FIND_BUSY: (
        S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.OPEN, S.REMINDED, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED,
        S.UNOPENED, S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.RETURN: (
        S.KEYPAD, S.OPENING, S.OPEN, S.REMINDED, S.CLOSING, S.ASKED, S.NOTED, S.UNOPENED, S.WRONG_CELL,
        S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT
    ),
    T.ASK_TOUCH: (
        S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.OPEN, S.REMINDED, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED,
        S.UNOPENED, S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.GO: (
        S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.OPEN, S.REMINDED, S.PROBLEM, S.NOTED, S.WRONG_CELL, S.THANKS,
        S.SCANNING
    ),
    T.DOOR_OPENED: (
        S.KEYPAD, S.WRONG, S.NOTICE, S.BUSY, S.OPEN, S.REMINDED, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED,
        S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.STAYED_SHUT: (
        S.KEYPAD, S.WRONG, S.NOTICE, S.BUSY, S.OPEN, S.REMINDED, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED,
        S.UNOPENED, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.MISDIRECT: (
        S.KEYPAD, S.WRONG, S.NOTICE, S.BUSY, S.OPEN, S.REMINDED, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED,
        S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.REMIND: (
        S.KEYPAD, S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.REMINDED, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED,
        S.UNOPENED, S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.DOOR_CLOSED: (
        S.KEYPAD, S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED, S.UNOPENED,
        S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.CLOSED_SHORTLY: (
        S.KEYPAD, S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED, S.UNOPENED,
        S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.FINISH: (
        S.KEYPAD, S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.PROBLEM, S.NOTED, S.UNOPENED, S.WRONG_CELL,
        S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.COMPLAIN: (
        S.KEYPAD, S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.OPEN, S.REMINDED, S.PROBLEM, S.NOTED, S.UNOPENED,
        S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.REPORT: (
        S.KEYPAD, S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.OPEN, S.REMINDED, S.CLOSING, S.ASKED, S.NOTED,
        S.UNOPENED, S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.CLAIM: (
        S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.OPEN, S.REMINDED, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED,
        S.UNOPENED, S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.ASK_NEXT: (
        S.KEYPAD, S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED, S.WRONG_CELL,
        S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.NEXT, S.SCANNING
    ),
    T.SCAN: (
        S.WRONG, S.NOTICE, S.BUSY, S.OPENING, S.OPEN, S.REMINDED, S.CLOSING, S.ASKED, S.PROBLEM, S.NOTED,
        S.UNOPENED, S.WRONG_CELL, S.THANKS, S.AWAITS_TOUCH, S.CLAIMED, S.SCANNING, S.NEXT
    ),
}
# fmt: on

TABLE: Table[S, T] = Table(
    "session",
    S,
    T,
    moves=(
        Move(T.WRONG_CODE, (S.KEYPAD,), S.WRONG),
        Move(T.KNOWN_CODE, (S.KEYPAD,), S.NOTICE),
        Move(T.FIND_BUSY, (S.KEYPAD,), S.BUSY),
        Move(T.SCAN, (S.KEYPAD,), S.SCANNING),
        Move(T.RETURN, (S.WRONG, S.NOTICE, S.BUSY, S.SCANNING), S.KEYPAD),
        Move(T.RETURN, (S.PROBLEM,), S.CLOSING),
        Move(T.ASK_TOUCH, (S.KEYPAD,), S.AWAITS_TOUCH),
        Move(T.CLAIM, (S.KEYPAD,), S.CLAIMED),
        Move(T.GO, (S.KEYPAD, S.AWAITS_TOUCH, S.CLAIMED, S.CLOSING, S.ASKED, S.UNOPENED, S.NEXT), S.OPENING),
        Move(T.DOOR_OPENED, (S.OPENING, S.UNOPENED, S.WRONG_CELL), S.OPEN),
        Move(T.STAYED_SHUT, (S.OPENING, S.WRONG_CELL), S.UNOPENED),
        Move(T.MISDIRECT, (S.OPENING, S.UNOPENED), S.WRONG_CELL),
        Move(T.REMIND, (S.OPEN,), S.REMINDED),
        Move(T.DOOR_CLOSED, (S.OPEN, S.REMINDED), S.CLOSING),
        Move(T.CLOSED_SHORTLY, (S.OPEN, S.REMINDED), S.ASKED),
        Move(T.ASK_NEXT, (S.OPEN, S.REMINDED, S.UNOPENED), S.NEXT),
        Move(T.FINISH, (S.OPEN, S.REMINDED, S.CLOSING, S.ASKED), S.THANKS),
        Move(T.COMPLAIN, (S.CLOSING, S.ASKED), S.PROBLEM),
        Move(T.REPORT, (S.PROBLEM,), S.NOTED),
    ),
    refused=_REFUSED,
)

UNPROVED = frozenset({S.KEYPAD, S.SCANNING, S.WRONG, S.NOTICE, S.BUSY})  # before authorisation
AT_THE_DOOR = frozenset({S.OPEN, S.REMINDED})
PATIENT = frozenset(
    {S.KEYPAD, S.NOTICE, S.CLOSING, S.ASKED, S.PROBLEM, S.UNOPENED, S.NEXT}
)  # "do you need more time?"
OVER = frozenset({S.THANKS, S.NOTED, S.NEXT})  # nothing hangs on this session any more

LINGER_S: dict[S, Callable[[Times], int]] = {
    S.KEYPAD: lambda times: times.keypad_timeout_s,
    S.SCANNING: lambda times: times.scan_offer_keypad_s,
    S.WRONG: lambda times: times.wrong_code_s,
    S.NOTICE: lambda times: times.notice_s,
    S.BUSY: lambda times: times.notice_s,
    S.OPEN: lambda times: times.reminder_s,
    S.REMINDED: lambda times: times.detach_s - times.reminder_s,
    S.CLOSING: lambda times: times.closing_screen_s,
    S.ASKED: lambda times: times.closing_screen_s,
    S.PROBLEM: lambda times: times.keypad_timeout_s,
    S.NOTED: lambda times: times.notice_s,
    S.UNOPENED: lambda times: times.closing_screen_s,
    S.WRONG_CELL: lambda times: times.detach_s,
    S.THANKS: lambda times: times.thanks_s,
    S.NEXT: lambda times: times.keypad_timeout_s,
    S.AWAITS_TOUCH: lambda times: times.await_touch_s,
    S.CLAIMED: lambda times: times.claim_s,
}  # an opening has no deadline of its own: its pulses and readings end it


def fire(turn: Turn, at: Session, trigger: T) -> None:
    """Move the session and give its new screen its time."""
    TABLE.fire(at, trigger)
    linger(turn, at)


def linger(turn: Turn, at: Session) -> None:
    """The state's own time, from now."""
    seconds = LINGER_S.get(at.state)
    at.arm(turn.after_s(seconds(turn.times)) if seconds else None)
