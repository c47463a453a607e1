"""The explorer over the standard workload: nothing breaks, seeds repeat, and planted bugs are found and shortened."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware import access, cells, commands, controller, custody, opening, parcel, remote, settings
from firmware.keys import BackendKeys
from firmware.rows import Command, Grant
from firmware.signed import Keyring
from firmware.store import Store
from sim import explore, plan, shorten
from sim.__main__ import main
from sim.faults import CATALOGUE, Part
from sim.life import Life, live
from sim.plan import UPKEEP, Plan

Patch = Callable[[pytest.MonkeyPatch], None]


def without_faults(drawn: Plan) -> Plan:
    people = tuple(each for each in drawn.happenings if each.kind != "fault")
    return msgspec.structs.replace(drawn, happenings=people)


def test_lives_among_people_and_faults_break_nothing() -> None:
    result = explore.explore(0, 2, 2.5)
    assert result.ok, [life.breach for life in result.lives]
    assert result.endings["collected"] > 12
    assert sum(map(bool, result.faults.values())) > 20
    assert sum(times for told, times in result.commands.items() if told.split(":")[0] in UPKEEP) > 3
    assert not result.taken_after_all, "these are no longer out of reach: see explore.UNTAKEN"
    assert result.exchanges > 2 * 2.5 * 3_600 * 4 * 0.9, "4 boards are polled at 1 Hz"
    assert logging.getLogger().isEnabledFor(logging.WARNING), "the lives were quiet, and nobody after them"


def test_an_honest_day_needs_no_excuse_and_loses_nothing() -> None:
    """With nobody but people, all that was ordered ends, and no rule had to look away from a fault."""
    life = live(without_faults(plan.draw(5, 2.5)))
    assert life.breach is None
    assert life.outages == 0
    assert life.endings["collected"] > 10


@pytest.mark.timeout(600)  # four processes, one after the other, on a busy machine
def test_same_seed_same_trace_in_processes_that_hash_differently() -> None:
    """A hundred lives, each in four processes: two of them hash one way, two another."""

    def traces(hash_seed: str) -> list[str]:
        ran = subprocess.run(
            [sys.executable, "-m", "sim", "explore", "--seeds", "100", "--hours", "0.4", "--json"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        return [life["trace_hash"] for life in json.loads(ran.stdout)["lives"]]

    first = traces("1")
    assert len(set(first)) == 100
    assert first == traces("1") == traces("2") == traces("2")


def test_a_kind_of_command_that_no_locker_carried_out_fails_a_strict_run() -> None:
    kinds = [kind.__name__.lower() for kind in commands.DEEDS]
    answered = {f"{kind}: {'accepted' if kind in ('open', 'claim') else 'done'}": 1 for kind in kinds}
    every_fault, every_move = dict.fromkeys(CATALOGUE, 1), dict.fromkeys(explore.listed(), 1)
    life = Life(0, 1, None, "", 1.0, 1, 1, 0, {}, every_fault, answered, every_move)
    assert explore.summed((life,), 1, {}, strict=True).ok
    del answered["rotate: done"]
    refused = msgspec.structs.replace(life, commands=answered | {"rotate: older": 7})
    result = explore.summed((refused,), 1, {}, strict=True)
    assert (result.ok, result.never_carried_out) == (False, ("rotate",))
    assert explore.summed((refused,), 1, {}, strict=False).ok


def never_left(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(opening, "leave", lambda turn, row: None)


def any_code_will_do(patch: pytest.MonkeyPatch) -> None:
    def first(state: Any, *typed: Any) -> Any:
        return next(iter(state.all(Grant)), None)

    patch.setattr(access, "find_grant", first)


def commands_do_not_wait(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(remote, "_is_taken", lambda turn, command: False)


def commands_wait_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Carried out whenever the screen is free, however late."""
    patch.setitem(controller._DUE, Command, lambda turn, command: command.arm(turn.after_s(10)))


def nobody_needs_to_touch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(remote, "_needs_touch", lambda turn: False)


def no_cell_rests(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(parcel, "rests", lambda row: False)


def the_disk_is_trusted(patch: pytest.MonkeyPatch) -> None:
    prepare = Store._prepare

    def normal(self: Store) -> None:
        prepare(self)
        self._db.pragma("synchronous", "NORMAL")

    patch.setattr(Store, "_prepare", normal)


def a_change_goes_unmarked(patch: pytest.MonkeyPatch) -> None:
    def block(turn: Any, cell: int, why: str) -> None:
        object.__setattr__(turn.door(cell), "blocked", why)  # past what marks a row for the next transaction

    patch.setattr(custody, "block", block)


def first_breach(hours: float, seeds: int = 6) -> Life:
    """The first seed that breaks something."""
    for seed in range(seeds):
        life = live(plan.draw(seed, hours))
        if life.breach is not None:
            return life
    raise AssertionError(f"{seeds} seeds found nothing")


def keys_never_leave(patch: pytest.MonkeyPatch) -> None:
    now, all_of_them = BackendKeys.now, dict[BackendKeys, dict[bytes, Any]]()

    def every(self: BackendKeys) -> Keyring:
        ring = now(self)
        ring._keys.update(all_of_them.setdefault(self, {}))
        all_of_them[self].update(ring._keys)
        return ring

    patch.setattr(BackendKeys, "now", every)


def a_kept_cell_is_kept_for_others_too(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cells, "_is_awaited", lambda turn, row: False)


def any_value_is_taken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settings, "is_allowed", lambda name, value: name in settings.ALLOWED)


def settings_wait_for_the_next_start(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settings, "applied", lambda config, kept: config)


PLANTED: list[tuple[Patch, set[str]]] = [
    (never_left, {"an_open_door_is_waited_for"}),
    (commands_do_not_wait, {"one_door_at_a_time", "the_controller_does_not_raise"}),
    (a_change_goes_unmarked, {"memory_equals_reload"}),
    (commands_wait_for_ever, {"a_pulse_needs_a_proof"}),
    (nobody_needs_to_touch, {"a_pulse_needs_a_proof"}),
    (no_cell_rests, {"a_full_or_unsure_cell_is_not_offered"}),
    (the_disk_is_trusted, {"what_was_committed_is_there"}),
    (keys_never_leave, {"only_the_keys_of_now_count"}),
    (a_kept_cell_is_kept_for_others_too, {"a_kept_cell_was_free"}),
    (any_value_is_taken, {"what_may_not_be_set_is_refused"}),
    (settings_wait_for_the_next_start, {"what_was_set_is_in_force"}),
]


@pytest.mark.parametrize(("planted", "rules"), PLANTED)
def test_a_planted_bug_is_found(planted: Patch, rules: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch)
    breach = first_breach(3).breach
    assert breach is not None
    assert breach.rule in rules
    assert breach.last


def test_a_failing_seed_is_shortened_and_played_again_from_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    any_code_will_do(monkeypatch)
    monkeypatch.setattr(explore, "BUILD", tmp_path)
    life = first_breach(1)
    assert life.breach is not None
    assert main(["explore", "--seeds", "1", "--from", str(life.seed), "--hours", "1"]) == 1
    told = capsys.readouterr().out
    assert f"{life.breach.rule} does not hold" in told
    assert f"again: postomat-sim replay {life.seed} --hours 1" in told
    file = tmp_path / f"seed-{life.seed}.json"
    assert f"replay {file}" in told
    assert len(plan.read(file).happenings) <= 3 < len(plan.draw(life.seed, 1).happenings)
    assert main(["replay", str(file)]) == 1
    assert life.breach.rule in capsys.readouterr().out
    monkeypatch.undo()
    assert main(["replay", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["breach"] is None


def test_only_a_failing_plan_is_shortened() -> None:
    drawn = plan.draw(0, 1)
    life = live(msgspec.structs.replace(drawn, happenings=(), hours=0.01))
    with pytest.raises(ValueError, match="breaks nothing"):
        shorten.shortened(drawn, life, within_s=1)


def test_what_was_never_tried_fails_a_strict_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "--seeds", "1", "--hours", "0.1", "--strict"]) == 1
    told = capsys.readouterr().out
    assert "fault never seen: power_cut" in told
    assert "transition never seen: door: closed pulse" in told
    assert main(["explore", "--seeds", "1", "--hours", "0.1"]) == 0


def test_the_catalogue_says_everything_of_each_fault() -> None:
    assert {fault.part for fault in CATALOGUE.values()} == set(Part)
    for name, fault in CATALOGUE.items():
        assert name == fault.name
        assert fault.does
        assert fault.healed
        assert fault.per_day > 0


def test_every_fault_is_planned_by_neighbouring_seeds() -> None:
    planned = {
        each.of for seed in range(20) for each in plan.draw(seed, 6).happenings if each.kind == "fault"
    }
    assert planned == set(CATALOGUE)


def test_what_is_left_out_of_a_plan_changes_nothing_else_of_it(tmp_path: Path) -> None:
    drawn = plan.draw(7, 6)
    plan.write(drawn, tmp_path / "plan.json")
    assert plan.read(tmp_path / "plan.json") == drawn
    assert len({each.seed for each in drawn.happenings}) == len(drawn.happenings)


def test_untaken_transitions_are_listed_ones() -> None:
    assert set(explore.UNTAKEN) < set(explore.listed())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["explore", "--seeds", "0", "--hours", "1"], "'0' is not a whole number from 1 on"),
        (["explore", "--seeds", "1", "--hours", "-1"], "'-1' is not a number above 0"),
        (["explore", "--seeds", "1"], "one of the arguments --days --hours is required"),
        (["replay", "no-such-file"], "no-such-file: "),
    ],
)
def test_usage(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2
    assert told in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.timeout(7_200)
def test_a_locker_year_breaks_nothing_and_leaves_nothing_untried() -> None:
    result = explore.explore(1_000, 365, 24, jobs=os.cpu_count() or 1)
    assert result.ok, (
        result.never_fired,
        result.never_taken,
        [life.breach for life in result.lives if life.breach],
    )
