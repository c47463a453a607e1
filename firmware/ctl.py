"""`postomat ctl`: a technician's commands from a shell, over the service role's socket. Read-only.

Data goes to stdout, as a table for people or as JSON for scripts; messages go to stderr.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from firmware.client import Client
from firmware.control import (
    SERVICE_PUSHES,
    AskCells,
    AskStatus,
    CellRow,
    Cells,
    Journal,
    JournalAfter,
    JournalRow,
    Message,
    Status,
    Told,
)
from firmware.errors import ProtocolError, Unreachable

ANSWER_TIMEOUT_S = 5
M = TypeVar("M", bound=Message)
Say = Callable[[str], None]


async def status(socket: Path, say: Say, *, as_json: bool) -> None:
    """What the locker is doing. Raises Unreachable."""
    answer = await _ask(socket, AskStatus(), Status)
    if as_json:
        say(_json(answer))
        return
    facts = msgspec.to_builtins(answer)
    facts["banks"] = ", ".join(f"{name} {state}" for name, state in answer.banks.items())
    facts["journal_used_percent"] = f"{answer.journal_used_percent:g}"
    facts["settings"] = ", ".join(f"{name} {value}" for name, value in answer.settings.items())
    facts["backend_keys"] = ", ".join(answer.backend_keys)
    facts |= _clock(answer)
    del facts["type"]
    width = max(map(len, facts))
    for name, value in facts.items():
        say(f"{name.replace('_', ' '):<{width}}  {value}")


def _clock(answer: Status) -> dict[str, str]:
    """The clock's facts as a person reads them."""
    at = datetime.fromtimestamp(answer.clock_utc_ms / 1_000, UTC)
    told_s = answer.clock_told_s
    return {
        "clock_utc_ms": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "clock_sure": "yes" if answer.clock_sure else "no",
        "clock_told_s": "never" if told_s is None else str(told_s),
        "system_off_ms": str(answer.system_off_ms),
        "system_synchronised": "yes" if answer.system_synchronised else "no",
    }


async def cells(socket: Path, say: Say, *, as_json: bool) -> None:
    """Every cell: door, parcel, whether it is blocked. Raises Unreachable."""
    found: list[CellRow] = []
    last = 1
    while (after := found[-1].cell if found else 0) < last:
        page = await _ask(socket, AskCells(after), Cells)
        found.extend(page.cells)
        last = page.last
    if as_json:
        say(_json([msgspec.to_builtins(row) for row in found]))
        return
    rows = [
        (
            row.cell,
            row.size,
            f"{row.bank}/{row.channel}",
            row.door,
            row.why,
            row.parcel,
            row.parcel_state,
            row.blocked,
        )
        for row in found
    ]
    _table(say, ("cell", "size", "lock", "door", "why", "parcel", "state", "blocked"), rows)


async def journal(socket: Path, say: Say, *, after: int, limit: int, as_json: bool) -> None:
    """Up to `limit` entries above `after`; a negative `after` counts from the end. Raises Unreachable."""
    if after < 0:
        last = (await _ask(socket, JournalAfter(0, 1), Journal)).last
        after = max(0, last + after)
    rows: list[JournalRow] = []
    while len(rows) < limit:
        page = await _ask(socket, JournalAfter(after, limit - len(rows)), Journal)
        if not page.rows:
            break
        rows.extend(page.rows)
        after = page.rows[-1].seq
    for row in rows:
        say(_json({"hash": row.hash, **msgspec.json.decode(row.body)}) if as_json else _line(row))


def _line(row: JournalRow) -> str:
    body: dict[str, Any] = msgspec.json.decode(row.body)
    rest = " ".join(
        f"{name}={body[name]}"
        for name in ("cell", "parcel", "grant", "intent", "command", "count", "why")
        if name in body
    )
    return f"{row.seq:>7}  {body['utc_ms']}{' ' if body['sure'] else '?'}  {body['kind']:<16}{rest}"


async def _ask(socket: Path, question: Message, kind: type[M]) -> M:
    client = await Client.connect(socket, SERVICE_PUSHES)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await client.send(question)
            answer: Message = await client.receive()
    except TimeoutError:
        raise Unreachable(f"{socket}: the controller does not answer within {ANSWER_TIMEOUT_S} s") from None
    finally:
        await client.close()
    if isinstance(answer, kind):
        return answer
    why = answer.outcome if isinstance(answer, Told) else type(answer).__name__
    raise ProtocolError(f"{socket}: the controller answered {why}")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _table(say: Say, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    texts = [heads, *(["" if value is None else str(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(heads))]
    for row in texts:
        say("  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip())
