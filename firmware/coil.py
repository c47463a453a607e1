"""When a coil may be pulsed: rested, within its duty, and not too close to another one or to the controller's start.

The lock banks' own guard (`hal.coils`) bounds the same once more and refuses what comes too early. What is refused there is a
pulse less for the person at the door; so the mind waits instead.
"""

from firmware.rows import Door
from firmware.turn import Turn


def earliest_ms(turn: Turn, row: Door) -> int:
    """The monotonic time from which this door's coil may be pulsed.

    `Door.pulses` holds the ends of its pulses within the duty window (docs/lock-boards.md section 10: 5 % of 60 s is what
    lock makers allow).
    """
    locks, rest_ms = turn.locks, 1_000 * turn.locks.rest_s
    earliest = turn.state.locker.started_ms + rest_ms
    for other in turn.state.all(Door):
        if other.pulses:
            earliest = max(earliest, other.pulses[-1] + locks.gap_ms)
    if row.pulses:
        earliest = max(earliest, row.pulses[-1] + rest_ms)
        window_ms = 1_000 * locks.duty_window_s
        allowed = max(1, int(locks.duty_max * window_ms / turn.cabinet.pulse_ms(row.cell)))
        if len(row.pulses) >= allowed:
            earliest = max(earliest, row.pulses[-allowed] + window_ms)
    return earliest


def remember_pulse(turn: Turn, row: Door) -> None:
    """A pulse ends now, or may have ended by now: keep it as long as the duty window counts it."""
    now_ms = turn.now.mono_ms
    since_ms = now_ms - 1_000 * turn.locks.duty_window_s
    row.pulses = (*(end_ms for end_ms in row.pulses if end_ms > since_ms), now_ms)
