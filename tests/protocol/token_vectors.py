"""Tokens for whoever writes a backend: good ones, and those that a locker refuses, with what it says to whoever holds them up.

Each is read by the scanner of the locker of `tests.protocol.vectors`, while its screen asks for a QR code.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import cbor2

from firmware.control import AskHello, Reading, Signed, Told, Watched
from firmware.events import DoorRead
from firmware.model import Outcome
from firmware.notices import Notice
from firmware.optics import CameraState, Format
from firmware.peer import Role
from firmware.tokens import from_base45
from sim import loop as virtual
from sim.backend import Signer, tokens
from sim.backend.signing import GRANTS, TOKEN, WELCOME
from tests.core.harness import LOCKER
from tests.core.shell import SIGNER, Face, Shell
from tests.protocol import vectors
from tests.protocol.vectors import (
    EPOCH_NOW,
    NEW_SIGNER,
    NONCE,
    NOW_MS,
    OPEN,
    header,
    payload_of,
    sealed,
)

AAD = b"postomat/v1/token"


class TokenVector(NamedTuple):
    """A QR code's text and the answer; `notice` is what the screen says then, None where the cell opens."""

    name: str
    text: str
    outcome: Outcome
    notice: Notice | None = None


class Seen(NamedTuple):
    """What a locker answered, and what its screen said of it."""

    outcome: Outcome
    notice: Notice | None


def claims(**others: Any) -> dict[int, Any]:
    """KZ1's, whose parcel lies in cell 1. By names: grant, audience, name, purpose, epoch."""
    labels = {"grant": 2, "audience": 3, "name": 7, "purpose": -65537, "epoch": -65538}
    said = tokens.claims(LOCKER, EPOCH_NOW, "pickup-KZ1", "pickup", NONCE)
    return said | {labels[name]: value for name, value in others.items()}


def dated(at_ms: int = NOW_MS) -> dict[int, Any]:
    return tokens.dated(claims(), at_ms)


def minted(said: dict[int, Any], signer: Signer = SIGNER) -> str:
    return tokens.mint(signer, said)


def token_vectors() -> list[TokenVector]:
    raw = from_base45(minted(claims()))
    flipped = tokens.base45(raw[:-1] + bytes([raw[-1] ^ 1]))
    command = tokens.base45(SIGNER.sign("command", vectors.command("open", OPEN)))
    unsigned, malformed = Outcome.UNSIGNED, Outcome.MALFORMED
    body = cbor2.dumps(claims())
    bad = [
        ("a code of somebody else's", "HTTPS://EXAMPLE.KZ/", unsigned),
        ("a token in small letters", minted(claims()).lower(), unsigned),
        ("a command as a QR code", command, unsigned),
        ("a token above 512 bytes", minted(claims(), Signer(b"b" * 32, "k" * 350)), unsigned),
        ("a flipped bit of a token's signature", flipped, Outcome.BAD_SIGNATURE),
        ("a token signed as a command", tokens.base45(sealed(header(TOKEN), body, b"postomat/v1/command")), Outcome.BAD_SIGNATURE),
        ("a claim that there is not", minted({**claims(), 6: 1}), malformed),
        ("a claim is missing", minted({label: value for label, value in claims().items() if label != 7}), malformed),
        ("one date of two", minted({**claims(), 4: NOW_MS // 1_000 + 60}), malformed),
        ("valid for more than a day", minted({**dated(), 4: NOW_MS // 1_000 + 90_000}), malformed),
    ]  # fmt: skip
    return [
        TokenVector("static", minted(claims()), Outcome.DONE),
        TokenVector("short-lived", minted(dated()), Outcome.DONE),
        *(TokenVector(name, text, outcome, Notice.NOT_OURS) for name, text, outcome in bad),
        TokenVector(
            "a token of an unknown key",
            minted(claims(), NEW_SIGNER),
            Outcome.UNKNOWN_KEY,
            Notice.UNKNOWN_KEY,
        ),
        TokenVector(
            "another locker's token",
            minted(claims(audience="postomat/0124")),
            Outcome.WRONG_LOCKER,
            Notice.OTHER_LOCKER,
        ),
        TokenVector("before its time", minted(dated(NOW_MS + 120_000)), Outcome.TOO_EARLY, Notice.QR_EARLY),
        TokenVector("after its time", minted(dated(NOW_MS - 60_000)), Outcome.TOO_LATE, Notice.QR_OVER),
        TokenVector("an earlier epoch's token", minted(claims(epoch=1)), Outcome.WRONG_EPOCH, Notice.QR_OLD),
        TokenVector(
            "a grant that the list does not name",
            minted(claims(grant="pickup-KZ9")),
            Outcome.NO_SUCH_PARCEL,
            Notice.NO_GRANT,
        ),
        TokenVector(
            "another purpose than the grant's",
            minted(claims(purpose="withdrawal")),
            Outcome.NO_SUCH_PARCEL,
            Notice.NO_GRANT,
        ),
    ]


def show(text: str) -> Seen:
    """Hold it before the camera of a locker that has taken `welcome` and `grants`."""
    with tempfile.TemporaryDirectory() as folder:
        return virtual.run(_show(Path(folder), text))


async def _show(folder: Path, text: str) -> Seen:
    shell = Shell(folder, vectors.config(), epoch=EPOCH_NOW, draw=lambda count: NONCE[:count])
    running = asyncio.get_running_loop().create_task(shell.runtime.run())
    try:
        for cell in (1, 2, 3, 4):
            shell.inbox.post(DoorRead(cell, True))
        link, scanner = Face(shell, Role.LINK), Face(shell, Role.SCANNER)
        await asyncio.sleep(vectors.RUNS_S)
        link.send(AskHello())
        signed = (
            SIGNER.sign(WELCOME, vectors.welcome()),
            SIGNER.sign(GRANTS, vectors.grants()),
        )
        for ask, each in enumerate(signed):
            link.send(Signed(ask, each))
            await shell.quiet()
        scanner.send(Watched(CameraState.OK))
        await shell.quiet()
        scanner.send(Reading(shell.runtime.seq, text, Format.QR))
        await shell.quiet()
        told = [each.outcome for each in scanner.got if isinstance(each, Told)]
        assert len(told) == 1
        return Seen(told[0], shell.runtime.screen.notice)
    finally:
        running.cancel()
        await asyncio.wait({running})
        shell.store.close()


def told_of(vector: TokenVector) -> dict[str, Any]:
    """As the file has it."""
    told: dict[str, Any] = {"name": vector.name, "outcome": vector.outcome, "text": vector.text}
    if vector.notice is not None:
        told["notice"] = vector.notice
    try:
        payload = payload_of(from_base45(vector.text))
    except ValueError:
        payload = None
    return told if payload is None else {**told, "payload": payload}


def document() -> list[dict[str, Any]]:
    """Their part of the file."""
    return [told_of(vector) for vector in token_vectors()]
