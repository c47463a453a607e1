"""No encoder in hal can write a frame that opens all locks, opens several, or holds a coil on.

Every function of hal that makes bytes is called with every input, far beyond its range; and every frame that a bank
ever puts on the wire is looked at. A new encoder fails this test until it is walked here too.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import pytest

import hal
import hal.locks
from hal.locks import xor8a80
from hal.locks.xor8a80 import Xor8A80Bank
from hal.ports import CoilLimit, PulseLimits, PulseTimer
from sim.loop import run
from tests.hal.test_xor8a80 import Site

RANGE = range(-3, 300)
PICTURES = {"hal.picture.jpeg"}  # no line takes these
SEVERAL, HOLD_ON, HOLD_OFF, UNLOCK, QUERY = 0x90, 0x9A, 0x9B, 0x8A, 0x80


def encoders() -> dict[str, Callable[..., bytes]]:
    """Public functions of hal's modules that return bytes and are given none."""
    found: dict[str, Callable[..., bytes]] = {}
    for package in (hal, hal.locks):
        for entry in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            module = importlib.import_module(entry.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                signature = inspect.signature(function)
                given = {parameter.annotation for parameter in signature.parameters.values()}
                own = function.__module__ == module.__name__ and not name.startswith("_")
                own = own and f"{module.__name__}.{name}" not in PICTURES
                if own and signature.return_annotation is bytes and bytes not in given:
                    found[f"{module.__name__}.{name}"] = function
    return found


def assert_harmless(frame: bytes) -> None:
    assert len(frame) == 5
    header, address, lock, tail, _ = frame
    assert header in {UNLOCK, QUERY}
    assert header not in {SEVERAL, HOLD_ON, HOLD_OFF}
    assert 1 <= address <= 32, "no such address: a broadcast, perhaps"
    if header == UNLOCK:
        assert 1 <= lock <= 50, "lock 00 is all of them"
        assert tail == 0x11
    else:
        assert tail == 0x33


def test_every_encoder_is_known_here() -> None:
    assert set(encoders()) == {
        f"hal.locks.xor8a80.{name}" for name in ("unlock_one", "query_one", "query_all")
    }


def test_no_input_makes_a_dangerous_frame() -> None:
    written = 0
    for encode in encoders().values():
        for address in RANGE:
            channels = RANGE if len(inspect.signature(encode).parameters) == 2 else [None]
            for channel in channels:
                arguments = (address,) if channel is None else (address, channel)
                allowed = 1 <= address <= 32 and (channel is None or 1 <= channel <= 50)
                if allowed:
                    assert_harmless(encode(*arguments))
                    written += 1
                else:
                    with pytest.raises(ValueError, match="must be 1 to"):
                        encode(*arguments)
    assert written == 32 * 50 * 2 + 32


def test_no_channel_makes_a_bank_write_a_dangerous_frame() -> None:
    async def main() -> None:
        site = Site(channels=50, limits=PulseLimits(rest_ms=0, gap_ms=0))
        written: list[bytes] = []
        write = site.port.write
        site.port.write = lambda data: (written.append(data), write(data))[1]  # type: ignore[method-assign, func-returns-value]
        await site.start()
        for channel in RANGE:
            await site.bank.read()
            if 1 <= channel <= 50:
                await site.bank.pulse(channel, 400)
            else:
                with pytest.raises(CoilLimit, match="must be 1 to 50"):
                    await site.bank.pulse(channel, 400)
        assert sum(data[0] == UNLOCK for data in written) == 50
        for data in written:
            assert_harmless(data)
        assert site.world.coils_on_max == 1
        site.bank.close()

    run(main())


def test_the_dangerous_frames_would_be_seen() -> None:
    """The simulated board obeys them, so that a driver that sent one could not pass unseen."""
    for text in ("8A 01 00 11 9A", "90 01 02 02 02 93", "9A 01 01 11 8B"):
        with pytest.raises((AssertionError, ValueError)):
            assert_harmless(bytes.fromhex(text))


def test_a_board_bank_times_nothing_itself() -> None:
    assert Xor8A80Bank.pulse_timer is PulseTimer.BOARD
    assert not hasattr(xor8a80, "hold_on")
