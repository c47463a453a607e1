"""One cell's lock and door.

Rules:
- After boot, and after its bank was away, a door is what the next reading says: level beats edge.
- A pulse is asked for only where two readings said closed; an open or unknown door is never pulsed.
- A jammed door stays jammed while it reads closed: a new try may pulse it, and a level that says open ends the jam.
- Open and overdue differ by one thing: an overdue door has nobody at the screen who waits for it.
- Every state has an exit by level.
"""

from enum import StrEnum

from firmware.model import DoorState as S
from firmware.table import Move, Table


class T(StrEnum):
    """What can happen to a door."""

    PULSE = "pulse"  # an intent for this door was committed
    READ_OPEN = "read_open"
    READ_CLOSED = "read_closed"
    GIVE_UP = "give_up"  # the last pulse of a try is over and the door still reads closed
    LEAVE = "leave"  # detached: nobody waits at the screen
    LOSE = "lose"  # its bank does not answer
    BOOT = "boot"  # the controller has started and has read nothing yet


ALL = tuple(S)

TABLE: Table[S, T] = Table(
    "door",
    S,
    T,
    moves=(
        Move(T.PULSE, (S.CLOSED, S.JAMMED, S.UNLOCKING), S.UNLOCKING),
        Move(T.READ_OPEN, (S.UNKNOWN, S.CLOSED, S.UNLOCKING, S.JAMMED, S.OFFLINE), S.OPEN),
        Move(T.READ_OPEN, (S.OPEN, S.OVERDUE), None),
        Move(T.READ_CLOSED, (S.UNKNOWN, S.OPEN, S.OVERDUE, S.OFFLINE), S.CLOSED),
        Move(T.READ_CLOSED, (S.CLOSED, S.UNLOCKING, S.JAMMED), None),
        Move(T.GIVE_UP, (S.UNLOCKING,), S.JAMMED),
        Move(T.LEAVE, (S.OPEN,), S.OVERDUE),
        Move(T.LOSE, ALL, S.OFFLINE),
        Move(T.BOOT, ALL, S.UNKNOWN),
    ),
    refused={
        T.PULSE: (S.UNKNOWN, S.OPEN, S.OVERDUE, S.OFFLINE),
        T.GIVE_UP: (S.UNKNOWN, S.CLOSED, S.OPEN, S.OVERDUE, S.JAMMED, S.OFFLINE),
        T.LEAVE: (S.UNKNOWN, S.CLOSED, S.UNLOCKING, S.OVERDUE, S.JAMMED, S.OFFLINE),
    },
)

STANDS_OPEN = frozenset({S.OPEN, S.OVERDUE})
IN_HAND = frozenset({S.UNLOCKING, S.OPEN})  # while one door is, no other person's door opens
PULSABLE = frozenset({S.CLOSED, S.JAMMED})  # a new try may begin
