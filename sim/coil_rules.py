"""What must always hold of coils; asked with the other rules of `sim.invariants` after each change of matter."""

from collections.abc import Iterator

from sim.facts import Facts

SLACK_S = 0.02  # between a bound as the host keeps it and as the coil feels it: a frame's time on the wire


def a_pulse_has_an_intent(facts: Facts) -> Iterator[str]:
    """What energises a coil was decided and committed before; else nobody would know of it after a power cut."""
    if facts.coil_on is not None and facts.coil_intent is None:
        yield f"the coil of cell {facts.coil_on} is on, and no committed intent waits for it"


def never_two_coils(facts: Facts) -> Iterator[str]:
    """The supply feeds one: with two, neither bolt moves and the controller may brown out."""
    if facts.site.world.coils_on_max > 1:
        yield f"{facts.site.world.coils_on_max} coils are on"


def never_beyond_pulse_rest_and_duty(facts: Facts) -> Iterator[str]:
    """A coil that is on for too long, too soon or too often burns (docs/lock-boards.md section 10)."""
    locks, spell = facts.site.locker.config.locks, facts.spell
    if spell is None:
        return
    if spell.lasted_s > 1 + SLACK_S:
        yield f"cell {spell.cell}: on for {spell.lasted_s:.3f} s"
    if spell.rested_s < locks.rest_s - SLACK_S and spell.cell not in facts.site.witness.crossed:
        yield f"cell {spell.cell}: rested for {spell.rested_s:.3f} s"
    if spell.hottest_s > locks.duty_max * locks.duty_window_s + SLACK_S:
        yield f"cell {spell.cell}: on for {spell.hottest_s:.3f} s of a minute"
