"""The keypad against guessing: waits after wrong codes in a row, and a budget of wrong codes for the whole locker.

Rules:
- A wrong code is counted in the transaction that answers it: pulling the plug buys no guess.
- The waits slow a hand down and go with quiet time. The budget bounds a robot that never tires: `attempts_max` wrong codes,
  one more for each `attempt_refill_s` of uptime, whoever types and whatever succeeds meanwhile.
- While the budget is empty only code and phone typed together count (`Screen.with_phone`). Such a guess costs a wait and
  nothing of the budget: there are 10,000 times as many, and one answer for both halves.
- Kept is what was used, not what is left: a new database is full, whatever its configuration allows.
"""

from firmware.config import Times
from firmware.model import EntryKind
from firmware.rows import Locker
from firmware.turn import Turn

WAITS_S = (0, 0, 0, 5, 15, 30, 60)  # after the first, second … wrong code in a row; the last one stays
QUIET_S = 120  # without a wrong code, until the waits step down by one


def is_empty(locker: Locker, times: Times) -> bool:
    """Whether a code alone counts no more."""
    return locker.attempts_used >= times.attempts_max


def count_wrong(turn: Turn) -> None:
    """One more wrong code: the keypad waits, longer each time, and a code alone has used an attempt."""
    locker = turn.state.locker
    locker.wrong_codes = min(locker.wrong_codes + 1, len(WAITS_S))  # bounded, so that the waits step down
    turn.note(EntryKind.WRONG_CODE, count=locker.wrong_codes)
    _wait(turn, locker)
    if not is_empty(locker, turn.times):
        locker.attempts_used += 1
        if locker.refill_ms is None:
            locker.refill_ms = turn.after_s(turn.times.attempt_refill_s)
        if is_empty(locker, turn.times):
            turn.note(EntryKind.ATTEMPTS_EMPTY)
    _arm(locker)


def step(turn: Turn) -> None:
    """What the deadline of the locker's row brings: a wait that is over, a step down after quiet time, attempts refilled."""
    locker, now_ms = turn.state.locker, turn.now.mono_ms
    if locker.wait_ms is not None and now_ms >= locker.wait_ms:
        locker.wait_ms = None
    if locker.quiet_ms is not None and now_ms >= locker.quiet_ms:
        locker.wrong_codes -= 1
        locker.quiet_ms = turn.after_s(QUIET_S) if locker.wrong_codes else None
    while locker.refill_ms is not None and now_ms >= locker.refill_ms:
        locker.attempts_used -= 1
        following_ms = locker.refill_ms + 1_000 * turn.times.attempt_refill_s
        locker.refill_ms = following_ms if locker.attempts_used else None
    _arm(locker)


def start(turn: Turn, boot_changed: bool) -> None:
    """Go on as it was left. After another boot each interval starts again whole: the old clock's times mean nothing.

    A locker without a list has forgotten how much was used: its budget starts empty.
    """
    locker, times = turn.state.locker, turn.times
    locker.attempts_used = (
        min(locker.attempts_used, times.attempts_max) if locker.listed else times.attempts_max
    )
    if locker.refill_ms is None or boot_changed:
        locker.refill_ms = turn.after_s(times.attempt_refill_s) if locker.attempts_used else None
    if locker.wrong_codes and boot_changed:
        waited = locker.wait_ms is not None
        _wait(turn, locker)
        locker.wait_ms = locker.wait_ms if waited else None
    _arm(locker)


def _wait(turn: Turn, locker: Locker) -> None:
    wait_s = WAITS_S[locker.wrong_codes - 1]
    locker.wait_ms = turn.after_s(wait_s) if wait_s else None
    locker.quiet_ms = turn.after_s(QUIET_S)


def _arm(locker: Locker) -> None:
    due = (locker.wait_ms, locker.quiet_ms, locker.refill_ms)
    locker.arm(min((due_ms for due_ms in due if due_ms is not None), default=None))
