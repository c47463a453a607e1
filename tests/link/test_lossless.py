"""Nothing is lost and nothing is done twice, whatever the broker does: the model is that both ledgers are equal in the end."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.events import Commanded
from firmware.model import Outcome
from sim import loop as virtual
from sim.weather import Weather
from tests.link.harness import Line

HEALED_S = 1_500.0  # hellos that nobody answered come at most AGAIN_MAX_S apart

shares = st.sampled_from([0.0, 0.3, 0.9])
weathers = st.builds(
    Weather, dropped=shares, repeated=shares, turned=shares, delay_s=st.sampled_from([0.0, 0.0, 1.0, 30.0])
)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 40)),
        st.tuples(st.just("weather"), weathers),
        st.tuples(
            st.sampled_from(
                ["wipe", "cut", "down", "up", "restart", "order", "command", "unread", "read", "deaf"]
            ),
            st.none(),
        ),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.01, 3.0, 15.0, 400.0])),
    ),
    max_size=30,
)


def _write(line: Line, count: int) -> None:
    for _ in range(count):
        line.controller.write("wrong_code")


def _change(line: Line, weather: Weather) -> None:
    for name in ("dropped", "repeated", "turned", "delay_s"):
        setattr(line.broker.weather, name, getattr(weather, name))


def _order(line: Line) -> None:
    line.backend.order(f"KZ{len(line.backend.orders)}", 7, "Айгерим")
    line.link.sync()


def _command(line: Line) -> None:
    if line.backend.orders and line.link.is_connected:
        line.link.send_open(next(iter(line.backend.orders)))


ACTS: dict[str, Callable[[Line, Any], object]] = {
    "write": _write,
    "weather": _change,
    "wipe": lambda line, _: line.broker.wipe(),
    "cut": lambda line, _: line.broker.cut_all(),
    "down": lambda line, _: line.uplink.network(up=False),
    "up": lambda line, _: line.uplink.network(up=True),
    "restart": lambda line, _: line.controller.drop(),
    "order": lambda line, _: _order(line),
    "command": lambda line, _: _command(line),
    "unread": lambda line, _: setattr(line.controller, "can_read", False),
    "read": lambda line, _: setattr(line.controller, "can_read", True),
    "deaf": lambda line, _: setattr(line.controller, "silent", not line.controller.silent),
}


async def _happen(line: Line, kind: str, what: Any) -> None:
    if kind == "wait":
        await asyncio.sleep(what)
    else:
        ACTS[kind](line, what)


async def _live(story: list[tuple[str, object]], seed: int, batch: int) -> Line:
    line = Line(seed=seed, batch=batch)
    for kind, what in story:
        await _happen(line, kind, what)
    line.controller.silent, line.controller.can_read = False, True
    await _happen(line, "weather", Weather())
    line.uplink.network(up=True)
    for _ in range(round(HEALED_S / 10)):
        await asyncio.sleep(10)
        line.link.sync()
    return line


@given(happenings, st.integers(0, 2**32), st.sampled_from([1, 7, 256]))
def test_both_ledgers_are_equal_in_the_end(story: list[tuple[str, object]], seed: int, batch: int) -> None:
    line = virtual.run(_live(story, seed, batch))
    assert line.is_even()
    assert line.link.is_settled
    assert line.controller.version == line.backend.version
    assert line.backend.alarms == []
    assert line.controller.states[-1:] == [True]
    assert set(line.controller.refused) <= {Outcome.STALE}


@pytest.mark.parametrize(
    "weather",
    [
        Weather(dropped=0.5),
        Weather(repeated=1.0),
        Weather(turned=1.0),
        Weather(delay_s=60.0),
        Weather(0.3, 0.5, 0.5, 5.0),
    ],
)
def test_each_kind_of_weather_alone_and_all_of_them(weather: Weather) -> None:
    chance = random.Random(7)
    story: list[tuple[str, object]] = [("order", None), ("weather", weather)]
    for _ in range(60):
        story += [
            ("write", chance.randrange(1, 30)),
            ("wait", chance.choice([0.0, 1.0, 20.0])),
            ("command", None),
        ]
    line = virtual.run(_live(story, 7, 16))
    assert line.is_even()
    commands = [said.id for said in line.controller.believed if isinstance(said, Commanded)]
    assert commands  # some have come through
