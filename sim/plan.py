"""What will happen at a locker: a list, made of a seed before anything happens.

The list is plain data, and each thing on it draws from a seed of its own. So it can be written down, halved, and played
again: whatever is left out changes nothing else of the plan.
"""

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from firmware.errors import PostomatError
from sim.faults import CATALOGUE

WORKLOAD = "standard-64"
PARCELS_PER_DAY = 300
DAY_S = 86_400.0
QUIET_S = 900.0  # at the end nothing new begins, so that what has begun can end
STAY_S = 2_400.0  # how long a parcel lies, on average, before somebody comes for it
BATCH_S = 2_400.0  # how often, on average, one comes with one code for several parcels
ROUND_S = 1_500.0  # how often a courier comes for what is to be taken away

# How people are, and how many of a hundred: the first ones are as a maker would wish them.
RECIPIENTS = {
    "usual": 20, "shows": 10, "walks_away": 15, "app": 12, "scans": 10, "slow": 6, "reopens": 6, "hasty": 8, "forgetful": 4, "complains": 3,
    "refuses": 4, "mistypes": 3, "changes_mind": 2,
}  # fmt: skip
COURIERS = {"usual": 90, "forgetful": 3, "slow": 4, "mistypes": 3}
SCANNING = {
    "usual": 70,
    "slow": 22,
    "forgetful": 5,
    "mistypes": 3,
}  # couriers with one code for several parcels
COMES_NOT = 0.15  # the share of recipients who never come
# What is wanted from afar of a parcel or a cell, and how many of a hundred such wishes.
WISHES = {"cancel": 35, "cancel_now": 30, "extend": 20, "block": 15}
WISHED = 0.2  # the share of parcels of which something is
PUT_OFF = 0.6  # the share of those whose recipients do not come, and put it off in the last seconds
# What the operator wants of the locker itself: how often, on average, and how many of a hundred times in which way.
UPKEEP: dict[str, tuple[float, dict[str, int]]] = {
    "reserve": (2_400.0, {"used": 60, "cancelled": 25, "left": 15}),
    "configure": (3_600.0, {"good": 70, "bad": 30}),
    "rotate": (5_400.0, {"usual": 100}),
}
OUTBOUND = 0.08  # the share of parcels that a person sends


class PlanError(PostomatError):
    """A plan's file is missing or wrong: usage."""

    exit_code = 2


class Happening(Struct, frozen=True, omit_defaults=True):
    """Something that begins at a moment: a person's visit, or a fault. `of` is a waybill or the fault's name."""

    at_s: float
    kind: str  # deliver, collect, send, round, bring_round, fetch_round, wish, reserve, configure, rotate, fault
    seed: int
    of: str = ""
    manner: str = ""


class Plan(Struct, frozen=True):
    """All of it, for one locker."""

    seed: int
    hours: float
    happenings: tuple[Happening, ...]
    workload: str = WORKLOAD

    @property
    def seconds(self) -> float:
        return 3_600 * self.hours


def draw(seed: int, hours: float, workload: str = WORKLOAD) -> Plan:
    """The plan of this seed."""
    chance = random.Random(f"plan {seed}")
    last_s = max(60.0, 3_600 * hours - QUIET_S)
    happenings = [*_parcels(chance, last_s), *_rounds(chance, last_s), *_faults(seed, chance, hours, last_s)]
    happenings += _with_scanner(random.Random(f"batches {seed}"), last_s)
    happenings += _wishes(random.Random(f"wishes {seed}"), happenings, last_s)
    happenings += _upkeep(random.Random(f"upkeep {seed}"), last_s)
    return Plan(seed, hours, tuple(sorted(happenings, key=lambda each: each.at_s)), workload)


def read(path: Path) -> Plan:
    """A plan that was written down. Raises PlanError, naming the file and what is wrong with it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except (OSError, msgspec.DecodeError) as error:
        raise PlanError(f"{path}: {error}") from None


def write(plan: Plan, path: Path) -> None:
    """Write it down, one happening a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=1))


def _parcels(chance: random.Random, last_s: float) -> list[Happening]:
    """Parcels come at random; most are fetched, each in its own manner."""
    found = []
    at_s, number = 30.0, 0
    while (at_s := at_s + chance.expovariate(PARCELS_PER_DAY / DAY_S)) < last_s:
        number += 1
        waybill = f"KZ{number:05}"
        if chance.random() < OUTBOUND:
            found.append(_visit(chance, at_s, "send", waybill, COURIERS))
            continue
        found.append(_visit(chance, at_s, "deliver", waybill, COURIERS))
        if chance.random() >= COMES_NOT:
            comes_s = at_s + 60 + chance.expovariate(1 / STAY_S)
            found.append(_visit(chance, comes_s, "collect", waybill, RECIPIENTS))
    return [each for each in found if each.at_s < last_s]


def _wishes(chance: random.Random, visits: list[Happening], last_s: float) -> list[Happening]:
    """Of some parcels something is wanted from afar, after they were ordered: before they are there, in time, or late."""
    found, fetched = [], {visit.of for visit in visits if visit.kind == "collect"}
    for visit in visits:
        if visit.kind == "deliver" and visit.of not in fetched and chance.random() < PUT_OFF:
            found.append(Happening(visit.at_s, "wish", chance.getrandbits(48), visit.of, "extend_late"))
        elif visit.kind in ("deliver", "send") and chance.random() < WISHED:
            at_s = visit.at_s + chance.choice((chance.uniform(1, 60), chance.expovariate(1 / STAY_S)))
            found.append(_visit(chance, at_s, "wish", visit.of, WISHES))
    return [each for each in found if each.at_s < last_s]


def _upkeep(chance: random.Random, last_s: float) -> list[Happening]:
    """Each kind at random; `of` is the parcel, or the id of the key that follows."""
    found: list[Happening] = []
    for kind, (every_s, manners) in UPKEEP.items():
        at_s = 0.0
        while (at_s := at_s + chance.expovariate(1 / every_s)) < last_s:
            found.append(_visit(chance, at_s, kind, f"{kind}-{len(found) + 1}", manners))
    return found


def _visit(chance: random.Random, at_s: float, kind: str, of: str, manners: dict[str, int]) -> Happening:
    (manner,) = chance.choices(list(manners), list(manners.values()))
    return Happening(round(at_s, 3), kind, chance.getrandbits(48), of, manner)


def _rounds(chance: random.Random, last_s: float) -> list[Happening]:
    times = (ROUND_S * (each + chance.random() / 2) for each in range(1, 1 + int(last_s / ROUND_S)))
    return [_visit(chance, at_s, "round", "", COURIERS) for at_s in times if at_s < last_s]


def _with_scanner(chance: random.Random, last_s: float) -> list[Happening]:
    """Couriers with one code for several parcels, by turns to bring and to take away."""
    found: list[Happening] = []
    at_s = 0.0
    while (at_s := at_s + chance.expovariate(1 / BATCH_S)) < last_s:
        kind = "fetch_round" if len(found) % 2 else "bring_round"
        found.append(_visit(chance, at_s, kind, f"KB{len(found):04}", SCANNING))
    return found


def _faults(seed: int, chance: random.Random, hours: float, last_s: float) -> list[Happening]:
    """Each kind at its rate. Seeds share out what is less than one of a kind, so that neighbours leave none out."""
    found = []
    share: Callable[[float], int] = int
    for index, fault in enumerate(CATALOGUE.values()):
        per_seed = fault.per_day * hours / 24
        phase = index * 0.618034 % 1
        times = share(per_seed * (seed + 1) + phase) - share(per_seed * seed + phase)
        for _ in range(times):
            at_s = round(chance.uniform(60, last_s), 9)
            found.append(Happening(at_s, "fault", chance.getrandbits(48), fault.name))
    return found
