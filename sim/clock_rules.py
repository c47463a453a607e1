"""The invariants of the clock: what `sim.invariants` asks of trusted time, beside the true one."""

from collections.abc import Iterator

from firmware.model import EntryKind
from sim.facts import Facts

# A welcome may be late by 30 s, a boot on the battery clock off by 30 s, and 100 ppm are 9 s in a day without the backend.
BOUND_MS = 90_000


def a_sure_clock_is_right(facts: Facts) -> Iterator[str]:
    """By a sure clock money goes back and doors open for commands: it may be late or early by so much, and no more."""
    now, true_ms = facts.parts.runtime.now(), facts.site.locker.clock.true_ms()
    if now.sure and abs(now.utc_ms - true_ms) > BOUND_MS:
        yield f"the clock is sure, and off by {(now.utc_ms - true_ms) / 1_000} s"


def nothing_expires_before_its_time(facts: Facts) -> Iterator[str]:
    """A buyer who comes in time must find the parcel, whatever was done to the clocks."""
    now_ms = facts.site.locker.clock.true_ms()
    for entry in facts.entries:
        promised_ms = facts.site.witness.promised_ms.get(entry.parcel or "")
        if entry.kind is EntryKind.EXPIRED and promised_ms is not None and now_ms < promised_ms - BOUND_MS:
            yield f"{entry} {(promised_ms - now_ms) / 1_000} s before its time"
