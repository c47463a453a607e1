"""A failing plan made short: halves, quarters, eighths of it are left out as long as it still fails by the same rule.

This is delta debugging (Zeller and Hildebrandt, 2002) over the plan's list, within a bound of real time.
"""

from collections.abc import Callable, Iterator
from time import perf_counter

import msgspec

from sim.life import Life, live
from sim.plan import Happening, Plan

AFTER_S = 1.0  # a shortened plan ends so long after its failure


def shortened(
    plan: Plan, life: Life, *, within_s: float, fails: Callable[[Plan], bool] | None = None
) -> Plan:
    """The shortest plan found in `within_s` real seconds that breaks the rule which `life` broke."""
    breach = life.breach
    if breach is None:
        raise ValueError(f"seed {plan.seed} breaks nothing")

    def breaks(candidate: Plan) -> bool:
        again = live(candidate).breach
        return again is not None and again.rule == breach.rule

    until_s = perf_counter() + within_s
    fails = fails or breaks
    began = tuple(each for each in plan.happenings if each.at_s <= breach.at_s)
    hours = (breach.at_s + AFTER_S) / 3_600
    best = msgspec.structs.replace(plan, happenings=began, hours=hours)
    if not fails(best):
        return plan
    pieces = 2
    while len(best.happenings) > 1 and perf_counter() < until_s:
        for rest in _without_one(best.happenings, pieces):
            candidate = msgspec.structs.replace(best, happenings=rest)
            if perf_counter() >= until_s:
                return best
            if fails(candidate):
                best, pieces = candidate, max(2, pieces - 1)
                break
        else:
            if pieces >= len(best.happenings):
                break
            pieces = min(2 * pieces, len(best.happenings))
    return best


def _without_one(happenings: tuple[Happening, ...], pieces: int) -> Iterator[tuple[Happening, ...]]:
    size = -(-len(happenings) // pieces)
    for begin in range(0, len(happenings), size):
        yield happenings[:begin] + happenings[begin + size :]
