"""What a signed command may ask for: each deed as the backend writes it, its bounds, and what of it never reaches an event."""

from typing import Any

import msgspec
import pytest

from firmware import deeds
from firmware.events import Commanded
from firmware.forms import COMMAND_MAX_MS
from firmware.model import Direction, Outcome, Problem
from firmware.signed import Keyring, open_signed
from sim.backend import Signer, commands

SIGNER = Signer(bytes(range(32)), "backend-1")
KEYRING = Keyring({SIGNER.key_id: SIGNER.public})
NONCE = bytes(range(16))
KEY = bytes(range(1, 33))

EACH: list[tuple[dict[str, Any], deeds.AnyDeed]] = [
    (commands.open_cell("g", "KZ1"), deeds.Open("g", "KZ1")),
    (commands.claim(["g", "h"], NONCE), deeds.Claim(("g", "h"), fresh=True)),
    (commands.leave("claim-1"), deeds.Leave("claim-1")),
    (commands.confirm("g", "KZ1"), deeds.Confirm("g", "KZ1")),
    (commands.report("g", "KZ1", "damaged"), deeds.Report("g", "KZ1", Problem.DAMAGED)),
    (commands.reserve("KZ1", "Kaspi Red", size="XL"), deeds.Reserve("KZ1", size="XL", account="Kaspi Red")),
    (commands.reserve("KZ1", "", cell=7), deeds.Reserve("KZ1", cell=7)),
    (
        {**commands.reserve("KZ1", "", cell=7), "direction": "outbound"},
        deeds.Reserve("KZ1", cell=7, direction=Direction.OUTBOUND),
    ),
    (commands.cancel("KZ1"), deeds.Cancel("KZ1")),
    (commands.extend("KZ1", 5), deeds.Extend("KZ1", 5)),
    (commands.block(7), deeds.Block(7)),
    (commands.block(7, blocked=False), deeds.Unblock(7)),
    (commands.configure({"storage_term_h": 96}), deeds.Configure({"storage_term_h": 96})),
    (commands.rotate({"backend-2": KEY}), deeds.Rotate((deeds.Key("backend-2", KEY.hex()),))),
]
NAMES = [f"{index} {do['type']}" for index, (do, _) in enumerate(EACH)]


def signed(do: object, **others: object) -> bytes:
    payload = {"id": "c1", "locker": "0123", "epoch": 1, "not_before_ms": 5, "not_after_ms": 9, "do": do}
    return SIGNER.sign("command", payload | others)


@pytest.mark.parametrize(("do", "deed"), EACH, ids=NAMES)
def test_each_deed_is_what_the_backend_wrote(do: dict[str, Any], deed: deeds.AnyDeed) -> None:
    said = open_signed(signed(do), KEYRING, lambda nonce, claim: nonce == NONCE)
    assert said == Commanded("c1", "0123", 1, 5, 9, deed)


@pytest.mark.parametrize(("do", "deed"), EACH, ids=NAMES)
def test_a_deed_lacks_nothing_and_has_nothing_more(do: dict[str, Any], deed: deeds.AnyDeed) -> None:
    assert open_signed(signed({**do, "more": 1}), KEYRING) is Outcome.MALFORMED
    for name in do:
        if name in ("account", "direction"):
            continue  # which have a default
        less = {key: value for key, value in do.items() if key != name}
        assert open_signed(signed(less), KEYRING) is Outcome.MALFORMED, name


WRONG = [
    ({"type": "demolish", "cell": 1}, "a deed that is none"),
    ({"type": "openall"}, "opening all, which has no form"),
    (commands.open_cell("", "KZ1"), "no grant"),
    (commands.open_cell("g" * 65, "KZ1"), "a long grant"),
    (commands.open_cell("g", "K" * 41), "a long waybill"),
    (commands.open_cell("g", "КZ1"), "a Cyrillic waybill"),
    (commands.claim(["g"], NONCE[1:]), "a short nonce"),
    (commands.claim(["g"], NONCE + b"0"), "a long nonce"),
    ({"type": "claim", "grants": ["g"], "fresh": 1}, "a claim that judges itself"),
    (commands.claim([], NONCE), "a claim of nothing"),
    (commands.claim(["g"] * 65, NONCE), "too many grants"),
    (commands.claim(["g", ""], NONCE), "a grant without a name"),
    (commands.leave("c 1"), "no name of a command"),
    (commands.report("g", "KZ1", "too small"), "a problem that is none"),
    ({**commands.reserve("KZ1", "", size="S"), "cell": 1}, "size and cell"),
    ({"type": "reserve", "parcel": "KZ1"}, "neither size nor cell"),
    (commands.reserve("KZ1", "", size="XXL"), "a size that is none"),
    (commands.reserve("KZ1", "", cell=1_000), "no number of a cell"),
    (commands.reserve("KZ1", "x" * 41, cell=1), "a long account"),
    (commands.extend("KZ1", 0), "no time"),
    (commands.extend("KZ1", deeds.TIME_MAX_MS + 1), "a time beyond the calendar"),
    (commands.block(0), "cell 0"),
    (commands.block(1_000), "cell 1000"),
    (commands.configure({f"k{n}": 1 for n in range(17)}), "too many settings"),
    (commands.configure({"": 1}), "a setting without a name"),
    (commands.configure({"k" * 41: 1}), "a setting with a long name"),
    (commands.configure({"k": -1}), "a negative setting"),
    (commands.configure({"k": 1_000_001}), "a great setting"),
    (commands.configure({"k": "v" * 41}), "a long setting"),
    (commands.configure({"k": ""}), "an empty setting"),
    (commands.rotate({}), "no key"),
    (commands.rotate({f"k{n}": KEY for n in range(17)}), "too many keys"),
    (commands.rotate({"k": KEY[1:]}), "a short key"),
    (commands.rotate({"": KEY}), "a key without a name"),
    ({"type": "rotate", "keys": [{"id": "k", "public": KEY.hex()}]}, "a key in hex"),
    ("open", "no map"),
    ([], "a list"),
]


@pytest.mark.parametrize(("do", "why"), WRONG, ids=[why for _, why in WRONG])
def test_each_bound_of_a_deed_is_kept(do: object, why: str) -> None:
    assert open_signed(signed(do), KEYRING) is Outcome.MALFORMED


def test_a_command_is_valid_for_a_month_at_most() -> None:
    """What was carried out is remembered until nobody could repeat it; that must not be for ever."""
    do = commands.cancel("KZ1")
    assert isinstance(open_signed(signed(do, not_after_ms=5 + COMMAND_MAX_MS), KEYRING), Commanded)
    assert open_signed(signed(do, not_after_ms=6 + COMMAND_MAX_MS), KEYRING) is Outcome.MALFORMED


def test_of_a_claims_nonce_the_event_has_the_judgement_only() -> None:
    said = open_signed(signed(commands.claim(["g"], NONCE)), KEYRING, lambda nonce, claim: False)
    assert isinstance(said, Commanded)
    assert said.do == deeds.Claim(("g",), fresh=False)
    assert NONCE.hex() not in repr(said)
    assert set(msgspec.structs.asdict(said.do)) == {"grants", "fresh"}
