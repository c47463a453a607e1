"""`postomat ctl`: what a technician is shown, and what is said where there is no answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firmware import ctl, reports
from firmware.control import Told, encode
from firmware.errors import ProtocolError, Unreachable
from firmware.events import DoorRead, StorageChanged
from firmware.model import EntryKind, Fill, Outcome
from tests.core.shell import JOURNAL_KEY, Shell
from tests.core.test_sockets import play


@pytest.fixture
def said() -> list[str]:
    return []


def with_socket(folder: Path, act: Callable[[Shell, Path], Awaitable[None]]) -> None:
    play(folder, lambda shell: act(shell, folder / "service.sock"))


def test_status(folder: Path, said: list[str]) -> None:
    async def act(shell: Shell, socket: Path) -> None:
        await ctl.status(socket, said.append, as_json=False)
        await ctl.status(socket, said.append, as_json=True)

    with_socket(folder, act)
    *lines, raw = said
    assert [line.split()[0] for line in lines[:3]] == ["locker", "epoch", "firmware"]
    facts = {" ".join(line.split("  ")[0].split()): line.split("  ")[-1].strip() for line in lines}
    assert facts["clock utc ms"].startswith("2026-03-02T04:00:")
    assert (facts["clock sure"], facts["clock why"]) == ("yes", "a signed time")
    assert int(facts["clock told s"]) >= 0
    assert int(facts["system off ms"]) >= 0  # a welcome makes an unsure clock late, by as long as it took
    assert facts["system synchronised"] == "yes"
    assert facts["banks"] == "board unread, pins unread"
    assert (facts["journal acked"], facts["serves"]) == ("0", "everybody")
    assert 0 <= float(facts["journal used percent"]) < 0.1
    assert facts["journal key"] == JOURNAL_KEY.public.hex()
    assert json.loads(raw)["locker"] == "0123"


@pytest.mark.parametrize(
    ("room", "serves"),
    [
        (StorageChanged(False, Fill.ALARM, 81), "everybody"),
        (StorageChanged(False, Fill.NO_DEPOSITS, 90), "no deposits: the journal is nearly full"),
        (StorageChanged(True, Fill.NO_DEPOSITS, 90), "nobody new: the disk is full"),
    ],
)
def test_status_says_whom_it_serves(folder: Path, room: StorageChanged, serves: str) -> None:
    async def act(shell: Shell, socket: Path) -> None:
        shell.runtime.controller.handle(room, shell.runtime.now())
        told = reports.status(shell.runtime, {}, 0, 0)
        assert told.serves == serves

    with_socket(folder, act)


def test_cells(folder: Path, said: list[str]) -> None:
    async def act(shell: Shell, socket: Path) -> None:
        shell.inbox.post(DoorRead(2, False))
        await shell.quiet()
        await ctl.cells(socket, said.append, as_json=False)
        await ctl.cells(socket, said.append, as_json=True)

    with_socket(folder, act)
    head, *rows, raw = said
    assert head.split() == ["cell", "size", "lock", "door", "why", "parcel", "state", "blocked"]
    assert rows[1].split() == ["2", "M", "board/2", "overdue", "forced", "overdue"]
    assert [row["cell"] for row in json.loads(raw)] == [1, 2, 3, 4]


def test_journal(folder: Path, said: list[str]) -> None:
    async def act(shell: Shell, socket: Path) -> None:
        for count in range(600):
            shell.state.note(EntryKind.NOTICE, parcel="KZ1", count=count)
        shell.store.commit(*shell.state.drain(), shell.runtime.now())
        for after, limit, as_json in (
            (-3, 10, False),
            (0, 1_000, True),
            (10, 2, True),
            (-10_000, 1, True),
            (0, 0, True),
        ):
            await ctl.journal(socket, said.append, after=after, limit=limit, as_json=as_json)
            said.append("")

    with_socket(folder, act)
    texts = "\n".join(said).split("\n\n")
    newest = texts[0].splitlines()
    assert len(newest) == 3
    assert newest[-1].endswith("notice          parcel=KZ1 count=599")
    seqs = [[json.loads(line)["seq"] for line in text.splitlines()] for text in texts[1:]]
    assert seqs[0] == list(range(1, len(seqs[0]) + 1))
    assert len(seqs[0]) > 600
    assert seqs[1:3] == [[11, 12], [1]]
    assert "hash" in json.loads(texts[1].splitlines()[0])


def test_an_entry_by_an_unsure_clock_is_marked(folder: Path, said: list[str]) -> None:
    async def act(shell: Shell, socket: Path) -> None:
        shell.forget_time()
        shell.state.note(EntryKind.NOTICE)
        shell.store.commit(*shell.state.drain(), shell.runtime.now())
        await ctl.journal(socket, said.append, after=-1, limit=1, as_json=False)

    with_socket(folder, act)
    assert said[0].split()[1].endswith("?")


def test_no_controller(folder: Path, said: list[str]) -> None:
    path = folder / "service.sock"
    with pytest.raises(Unreachable, match=rf"{path}: the controller cannot be reached \(No such file"):
        asyncio.run(ctl.status(path, said.append, as_json=False))


class Other:
    """Something else behind the socket, which answers this."""

    def __init__(self, path: Path, answer: bytes | None) -> None:
        self.path, self.answer = path, answer

    async def ask(self, said: list[str]) -> None:
        asked = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            if self.answer is not None:
                writer.write(self.answer)
                writer.close()
                return
            await reader.read()
            writer.close()
            asked.set()

        server = await asyncio.start_unix_server(serve, self.path)
        try:
            await ctl.status(self.path, said.append, as_json=False)
        finally:
            server.close()
            if self.answer is None:
                await asked.wait()


CASES: list[tuple[bytes | None, type[Exception], str]] = [
    (None, Unreachable, "does not answer within 0.05 s"),
    (b"", Unreachable, "closed the connection"),
    (b"?\n", ProtocolError, "not a request of this role"),
    (b"x" * 70_000, ProtocolError, "a line is above 65536 bytes"),
    (encode(Told(Outcome.STORAGE_FAILED)), ProtocolError, "the controller answered storage_failed"),
]


@pytest.mark.parametrize(("answer", "error", "message"), CASES)
def test_an_answer_that_is_none(
    folder: Path,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes | None,
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.setattr(ctl, "ANSWER_TIMEOUT_S", 0.05 if answer is None else 5)
    with pytest.raises(error, match=message):
        asyncio.run(Other(folder / "service.sock", answer).ask(said))
    assert said == []
