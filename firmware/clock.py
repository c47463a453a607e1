"""The trusted clock: what time it is, and whether the locker is sure of it. Every decision about it is here, and pure.

Trusted time is an anchor (a wall time, and the monotonic moment and boot at which it was so) and the monotonic time that has
passed since; the system's clock moves it never. So whoever controls NTP, or sets the machine's clock by hand, changes no
deadline. The anchor is set by one of two:

- **a signed time**: the welcome that answers the locker's own hello. It was signed between hello and now, so what lies outside
  of those is corrected, forwards and backwards, and what lies within stands: a slow welcome moves a good clock not at all.
  An unsure clock takes the signed time itself: it is late by at most the wait, never early;
- **the system's clock, at a boot**, where the machine has a battery clock (`clock.battery`), the system's clock agreed with
  trusted time when it was last looked at and for SETTLED_MS before (what it was off by then is taken away), and it has not fallen
  behind the anchor. The battery clock may hold the time from before or after a last small step: such a boot is off by
  AGREES_MS at most.

Sure it is for SURE_MS after a signed time, or, with a battery, for as long as the anchor holds. Another boot without a battery,
one that starts in 1970, or one whose system clock had gone astray: unsure until the next welcome. The wall time is then the
later of anchor and system clock, and good for records only.

Backwards a signed time goes as far as it says, but not before the last signed one (by more than STEP_MAX_MS): there the backend
contradicts itself. It is refused, and neither is believed: unsure until the next welcome, which is.
"""

from firmware.events import Answer, SystemClockMoved, Welcomed
from firmware.model import ClockSource, EntryKind, Moment, Outcome
from firmware.rows import Locker
from firmware.turn import Turn

SURE_MS = 7 * 24 * 3_600_000  # since the last signed time
STEP_MAX_MS = 60_000  # what is more is journalled
AGREES_MS = STEP_MAX_MS // 2  # a system clock that was off by more is not believed at a boot
# Until a system clock that was astray may be believed again: Linux writes it into the battery clock every 11 minutes.
SETTLED_MS = 15 * 60_000
NEWS_MS = 1_000  # a system clock that has moved by more is news
WELCOME_MAX_MS = 30_000  # from the hello on: a signed time that was held back is off by so much at most


def moment(locker: Locker, boot: str, mono_ms: int, system_ms: int, *, battery: bool) -> Moment:
    """Now: `mono_ms` of this boot's monotonic clock. `system_ms`: the wall time as the system has it."""
    if locker.clock_boot != boot:
        floor_ms, off_ms = locker.clock_utc_ms, locker.system_off_ms
        if battery and off_ms is not None and agrees(off_ms) and system_ms - off_ms >= floor_ms:
            return Moment(mono_ms, system_ms - off_ms, True)
        return Moment(mono_ms, max(system_ms, floor_ms), False)
    utc_ms = locker.clock_utc_ms + mono_ms - locker.clock_mono_ms
    if locker.clock is ClockSource.NONE:
        return Moment(mono_ms, max(system_ms, utc_ms), False)
    fresh = locker.clock is ClockSource.SIGNED and utc_ms - (locker.told_ms or 0) <= SURE_MS
    return Moment(mono_ms, utc_ms, battery or fresh)


def why(locker: Locker, now: Moment) -> str:
    """Why the clock is sure, or is not; for a technician."""
    if now.sure:
        return "a signed time" if locker.clock is ClockSource.SIGNED else "the battery clock"
    if locker.told_ms is None:
        return "no signed time yet"
    return "none since the boot" if locker.clock is ClockSource.NONE else "the last signed time is too old"


def agrees(off_ms: int | None) -> bool:
    """Whether a system clock that is off by so much (None: nobody has looked) may be believed at a boot."""
    return off_ms is not None and abs(off_ms) <= AGREES_MS


def system_news(locker: Locker, off_ms: int, calm_ms: int) -> SystemClockMoved | None:
    """What is to be told of a system clock that is off by so much, and has agreed with trusted time for `calm_ms`."""
    known_ms = locker.system_off_ms
    if locker.clock is ClockSource.NONE or (known_ms is not None and abs(off_ms - known_ms) <= NEWS_MS):
        return None
    if agrees(off_ms) and not agrees(known_ms) and calm_ms < SETTLED_MS:
        return None
    return SystemClockMoved(off_ms)


def start(turn: Turn, boot: str) -> None:
    """In another boot the monotonic clock is another: the time that this boot begins with is the anchor."""
    locker = turn.state.locker
    if locker.clock_boot == boot:
        return
    _anchor(locker, turn.now, boot, ClockSource.BATTERY if turn.now.sure else ClockSource.NONE)
    if not turn.now.sure:
        locker.system_off_ms = None


def welcome(turn: Turn, event: Welcomed) -> None:
    """The backend has answered a hello: what it says of the time is so, unless it comes late or contradicts itself."""
    locker = turn.state.locker
    waited_ms = turn.now.mono_ms - event.asked_ms
    outcome = _judge(turn, event, waited_ms)
    turn.do(Answer(outcome))
    if outcome is Outcome.OLDER:
        locker.clock = ClockSource.NONE
        locker.system_off_ms = None
        _note(turn, "contradicted", event.time_ms - (locker.told_ms or 0))
    if outcome is not Outcome.DONE:
        return
    utc_ms = event.time_ms
    if turn.now.sure:
        utc_ms = min(max(turn.now.utc_ms, event.time_ms), event.time_ms + waited_ms)
    step_ms = utc_ms - turn.now.utc_ms
    if not turn.now.sure or abs(step_ms) > STEP_MAX_MS:
        _note(turn, "stepped" if turn.now.sure else "sure", step_ms)
    _anchor(locker, turn.now._replace(utc_ms=utc_ms), locker.boot, ClockSource.SIGNED)
    locker.told_ms = event.time_ms
    if locker.system_off_ms is not None:
        locker.system_off_ms -= step_ms


def system_moved(turn: Turn, event: SystemClockMoved) -> None:
    """The system's clock has moved against trusted time, which it does not move: a person has to see why."""
    locker = turn.state.locker
    known_ms, locker.system_off_ms = locker.system_off_ms, event.off_ms
    if max(abs(event.off_ms), abs(known_ms or 0)) > STEP_MAX_MS:
        _note(turn, "system", event.off_ms)


def _judge(turn: Turn, event: Welcomed, waited_ms: int) -> Outcome:
    locker = turn.state.locker
    if event.locker != locker.id:
        return Outcome.WRONG_LOCKER
    if event.epoch != locker.epoch:
        return Outcome.WRONG_EPOCH
    if waited_ms > WELCOME_MAX_MS:
        return Outcome.STALE
    contradicts = locker.told_ms is not None and event.time_ms < locker.told_ms - STEP_MAX_MS
    return Outcome.OLDER if contradicts and locker.clock is not ClockSource.NONE else Outcome.DONE


def _anchor(locker: Locker, now: Moment, boot: str, source: ClockSource) -> None:
    locker.clock, locker.clock_boot = source, boot
    locker.clock_utc_ms, locker.clock_mono_ms = now.utc_ms, now.mono_ms


def _note(turn: Turn, why: str, ms: int) -> None:
    turn.note(EntryKind.CLOCK, why=why, count=round(ms / 1_000))
