"""What may befall messages between a locker and its backend, on any broker: each way of theirs goes through it."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

HELD_MAX_S = 1.0  # a message that waits for the next one to overtake it waits no longer


class Letter(NamedTuple):
    """A message on its way."""

    topic: str
    payload: bytes


@dataclass(slots=True)
class Weather:
    """Shares of the messages that pass, and the longest delay."""

    dropped: float = 0.0
    repeated: float = 0.0
    turned: float = 0.0  # overtaken by the next one
    delay_s: float = 0.0

    @property
    def is_fine(self) -> bool:
        return not (self.dropped or self.repeated or self.turned or self.delay_s)


class Way:
    """One way of messages, in order as long as the weather is fine. Chance is drawn only while it is not."""

    def __init__(self, weather: Weather, chance: random.Random, deliver: Callable[[Letter], None]) -> None:
        self._weather = weather
        self._chance = chance
        self._deliver = deliver
        self._held: Letter | None = None

    def send(self, letter: Letter) -> None:
        """Deliver, now or later, once or twice or not at all."""
        weather, chance = self._weather, self._chance
        if weather.is_fine:
            self._pass(letter)
            return
        if chance.random() < weather.dropped:
            return
        for _ in range(2 if chance.random() < weather.repeated else 1):
            if weather.delay_s:
                delay_s = chance.uniform(0, weather.delay_s)
                asyncio.get_running_loop().call_later(delay_s, self._pass, letter)
            elif self._held is None and chance.random() < weather.turned:
                self._held = letter
                asyncio.get_running_loop().call_later(HELD_MAX_S, self._let_go)
            else:
                self._pass(letter)

    def _pass(self, letter: Letter) -> None:
        self._deliver(letter)
        if self._held is not None:
            self._let_go()

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._deliver(held)
