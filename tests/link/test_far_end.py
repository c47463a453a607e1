"""The backend's end of the link and the locker's, over a broker in memory: who says what, and what comes of it."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware.control import Message, Told, encode
from firmware.errors import Unreachable
from firmware.events import Commanded, EpochDemanded, JournalAcked
from firmware.link.topics import Answer, name_of
from firmware.model import Outcome
from sim import loop as virtual
from sim.backend import Signer, Stage, unsigned
from sim.backend.link import ANSWER_S, ANSWERS_KEPT, GIVE_UP_S
from sim.backend.sent import Last
from tests.link.harness import NOON_MS, TERM_MS, Book, Controller, Line, make_backend


def play(story: Callable[[Line], Awaitable[None]], **options: object) -> Line:
    """A story in virtual time."""

    async def main() -> Line:
        line = Line(**options)  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        await story(line)
        return line

    return virtual.run(main())


def test_a_hello_brings_the_list_and_the_whole_journal() -> None:
    async def story(line: Line) -> None:
        line.backend.order("KZ1", 7, "Айгерим")
        for _ in range(4):
            line.controller.write("wrong_code")
        line.controller.write("stored", parcel="KZ1")
        line.link.sync()
        assert not line.link.is_settled
        await asyncio.sleep(0.1)
        assert line.link.is_settled
        assert line.backend.orders["KZ1"].stage is Stage.STORED
        line.link.sync()
        await asyncio.sleep(0.1)
        assert [len(said.parcels) for said in line.controller.believed] == [0, 1]
        line.backend.withdraw("KZ1")
        assert not line.link.is_settled
        line.link.sync()
        await asyncio.sleep(0.1)
        assert [said.version for said in line.controller.believed] == [1, 2, 3]

    play(story)


def test_a_list_that_is_older_than_the_lockers_is_sent_again_as_a_newer_one() -> None:
    async def story(line: Line) -> None:
        line.backend.order("KZ1", 7, "Айгерим")
        line.controller.version = 5
        line.controller.write("grants", count=5)
        await asyncio.sleep(0.1)
        line.link.sync()
        await asyncio.sleep(0.1)
        # Version 6 is the changes of a list that it has not, and 7 the full one.
        assert (line.link.is_settled, line.controller.version, line.backend.alarms) == (True, 7, [])

    play(story)


@pytest.mark.parametrize("outcome", [Outcome.STORAGE_FAILED, Outcome.BUSY])
def test_a_list_that_there_is_no_room_for_is_sent_again_in_its_turn_and_not_at_once(outcome: Outcome) -> None:
    async def story(line: Line) -> None:
        told = len(line.controller.believed)
        line.controller.list_outcome = outcome
        line.backend.order("KZ1", 7, "Айгерим")
        for turns in range(1, 4):
            line.link.sync()
            await asyncio.sleep(ANSWER_S - 1)
            assert len(line.controller.believed) == told + turns
            assert not line.link.is_settled
        line.controller.list_outcome = None
        line.link.sync()
        await asyncio.sleep(0.1)
        assert (line.link.is_settled, line.backend.alarms) == (True, [])

    play(story)


def test_each_batch_is_acknowledged_with_its_newest_entry_and_a_batch_said_twice_as_well() -> None:
    async def story(line: Line) -> None:
        for _ in range(5):
            line.controller.book.write("wrong_code")
        line.controller.write("wrong_code")
        await asyncio.sleep(0.1)
        hashes = [row.hash for row in line.controller.book.rows]
        assert line.controller.acks == [JournalAcked("0123", 1, seq, hashes[seq - 1]) for seq in (2, 4, 6)]
        rows = line.controller.book.rows
        line.broker.publish(line.link.topics.journal, encode(line.controller.book.batch(rows[:2]))[:-1])
        await asyncio.sleep(0.1)
        assert [ack.seq for ack in line.controller.acks] == [2, 4, 6, 6]
        assert line.backend.alarms == []

    play(story)


def test_an_acknowledgement_that_is_refused_is_an_alarm() -> None:
    async def story(line: Line) -> None:
        line.controller.ack_outcome = Outcome.MISMATCH
        line.controller.write("wrong_code")
        await asyncio.sleep(0.1)
        assert line.backend.alarms == ["an acknowledgement or welcome was refused: mismatch"]

    play(story)


@pytest.mark.parametrize("outcome", [Outcome.STALE, Outcome.OLDER, Outcome.STORAGE_FAILED])
def test_one_that_comes_too_late_is_none(outcome: Outcome) -> None:
    async def story(line: Line) -> None:
        line.controller.ack_outcome = outcome
        line.controller.write("wrong_code")
        await asyncio.sleep(0.1)
        assert line.backend.alarms == []

    play(story)


def test_an_acknowledgement_under_a_key_that_left_meanwhile_is_no_alarm() -> None:
    async def story(line: Line) -> None:
        line.controller.ack_outcome = Outcome.UNKNOWN_KEY
        publish, old = line.link._publish, line.backend.signer
        assert publish is not None

        def leaves(topic: str, payload: bytes) -> None:
            publish(topic, payload)
            line.backend.keys.signer = Signer(bytes(32), "next")

        line.link._publish = leaves
        line.controller.write("wrong_code")
        await asyncio.sleep(0.1)
        assert line.backend.signer is not old
        assert line.backend.alarms == []
        line.link._publish = publish
        line.backend.keys.signer = old
        line.controller.write("wrong_code")
        await asyncio.sleep(0.1)
        assert line.backend.alarms == ["an acknowledgement or welcome was refused: unknown_key"]

    play(story)


def test_a_list_that_is_refused_for_good_is_an_alarm_and_not_repeated() -> None:
    async def story(line: Line) -> None:
        assert line.controller.refused  # its welcome, too
        line.controller.refused.clear()
        line.backend.order("KZ1", 7, "Айгерим")
        for _ in range(3):
            line.link.sync()
            await asyncio.sleep(0.1)
        refused = ["a list was refused: bad_signature (version 1)"]
        assert [each for each in line.backend.alarms if "list" in each] == refused  # of both
        assert line.controller.refused == [Outcome.BAD_SIGNATURE]
        line.backend.answer_alarm(*refused)
        line.backend.order("KZ2", 8, "Айгерим")
        line.link.sync()
        await asyncio.sleep(0.1)
        assert line.backend.alarms[-1] == "a list was refused: bad_signature (version 3)"

    play(story, backend=make_backend(Signer(bytes(32), "backend-1")))


def test_a_command_has_its_answer_and_later_its_outcome() -> None:
    async def story(line: Line) -> None:
        line.backend.order("KZ1", 7, "Айгерим")
        command = line.link.send_open("KZ1")
        await asyncio.sleep(0.1)
        assert line.link.outcomes == {command: Outcome.BUSY}
        line.controller.say(Told(Outcome.DONE, command=command))
        await asyncio.sleep(0.1)
        assert line.link.outcomes == {command: Outcome.DONE}

    play(story)


def sizes(line: Line) -> dict[str, int]:
    """How much each thing holds that the backend's end of the link remembers."""
    held = {name: len(value) for name, value in vars(line.link).items() if hasattr(value, "__len__")}
    return {**held, "alarms": len(line.backend.alarms), "commands": len(line.backend.books.commands)}


def test_answers_of_anybody_fill_no_memory_and_call_nobody_without_end() -> None:
    """`up/told` is signed by nobody: who is at the broker can say of anything whatever there is to say."""

    async def story(line: Line) -> None:
        sent: list[str] = []
        line.broker.overheard = lambda topic, raw: sent.append(name_of(raw)) if "down" in topic else None
        line.backend.order("KZ1", 7, "Айгерим")
        command = line.link.send_open("KZ1")
        line.controller.write("wrong_code")
        await asyncio.sleep(0.1)
        before, heard, outcomes = sizes(line), [], list(Outcome)
        line.link.answered = lambda *told: heard.append(told)
        for number in range(20_000):
            # of nothing; of a command that there is not; and of an object that was sent
            whose = [{}, {"command": f"open-{number}"}, {"object": sent[number // 3 % len(sent)]}][number % 3]
            told = Answer(outcomes[number // 3 % len(outcomes)], **whose)
            line.link.receive(line.link.topics.told, msgspec.json.encode(told))
        grown = {name: size - before[name] for name, size in sizes(line).items() if size > before[name]}
        assert grown == {"alarms": 1}
        assert (list(line.link.outcomes), heard) == ([command], [])

    play(story)


def test_the_last_answers_are_kept_and_no_more() -> None:
    kept = Last[int, int](3)
    for number in (1, 2, 3, 1, 4):
        kept[number] = number
    assert list(kept) == [3, 1, 4]


def test_answers_to_lists_that_come_before_the_lockers_own_do_not_fill_memory() -> None:
    """Whoever answers `gap` to each list has the next one sent at once, and that as often as he likes."""

    async def story(line: Line) -> None:
        line.uplink.network(up=False)
        sent: list[bytes] = []
        line.broker.overheard = lambda topic, raw: sent.append(raw) if "down" in topic else None
        line.backend.order("KZ1", 7, "Айгерим")
        line.link.sync()
        for _ in range(ANSWERS_KEPT + 100):
            told = Answer(Outcome.GAP, name_of(sent[-1]))
            line.link.receive(line.link.topics.told, msgspec.json.encode(told))
            await asyncio.sleep(0)
        assert len(sent) > ANSWERS_KEPT
        assert (len(line.link.answers), len(line.link._waiting)) == (ANSWERS_KEPT, 1)
        assert line.backend.alarms == []

    play(story)


def test_a_bad_object_has_its_answer_too() -> None:
    async def story(line: Line) -> None:
        number = line.link.send(unsigned(line.backend.grants()))
        await asyncio.sleep(0.1)
        assert line.link.answers[number] is Outcome.UNSIGNED

    play(story)


def test_a_command_without_an_answer_is_said_again_as_the_same_object_and_given_up_in_the_end() -> None:
    async def story(line: Line) -> None:
        line.backend.order("KZ1", 7, "Айгерим")
        line.link.sync()
        await asyncio.sleep(0.1)
        line.controller.silent = True
        command = line.link.send_open("KZ1")
        await asyncio.sleep(ANSWER_S)
        line.controller.silent = False
        line.link.sync()
        await asyncio.sleep(0.1)
        commands = [said for said in line.controller.believed if isinstance(said, Commanded)]
        assert ([said.id for said in commands], line.link.outcomes) == ([command], {command: Outcome.BUSY})
        line.controller.silent = True
        lost = line.link.send_open("KZ1")
        await asyncio.sleep(GIVE_UP_S)
        line.link.sync()
        await asyncio.sleep(0.1)
        assert lost not in line.link.outcomes
        assert not line.link._waiting

    play(story)


def test_a_locker_that_forgot_is_told_to_begin_a_new_epoch() -> None:
    async def story(line: Line) -> None:
        line.backend.order("KZ1", 7, "Айгерим")
        line.controller.write("stored", parcel="KZ1")
        await asyncio.sleep(0.1)
        line.controller.book = Book()  # a card that was rolled back
        line.controller.drop()
        await asyncio.sleep(3)
        held = line.backend.ledger
        assert line.controller.believed[-1] == EpochDemanded("0123", 1, 2, held.last, held.head)
        assert line.backend.alarms == ["the locker forgot: epoch 1, entry 0"]
        assert not line.link.is_settled
        assert line.backend.orders["KZ1"].stage is Stage.STORED

    play(story)


def test_a_hello_that_entries_have_overtaken_ends_no_epoch() -> None:
    async def story(line: Line) -> None:
        line.controller.write("opened")
        await asyncio.sleep(0.1)
        line.controller.nonces.append("1" * 32)
        late = encode(line.controller.hello()).rstrip()
        line.controller.write("closed")
        await asyncio.sleep(0.1)
        line.link.receive(line.link.topics.hello, late)
        await asyncio.sleep(10)
        assert (line.backend.alarms, line.backend.ledger.epoch) == ([], 1)
        line.controller.write("opened")
        await asyncio.sleep(30)
        assert (line.backend.ledger.rows, line.link.is_settled) == (line.controller.book.rows, True)

    play(story)


def test_a_new_epoch_is_told_what_lies_in_the_locker() -> None:
    async def story(line: Line) -> None:
        line.backend.order("KZ1", 7, "Айгерим")
        line.backend.order("KZ2", 8, "Айгерим")
        line.controller.write("stored", parcel="KZ1")
        await asyncio.sleep(0.1)
        line.controller.book, line.controller.version = Book(epoch=2), 0
        line.controller.drop()
        await asyncio.sleep(3)
        told = line.controller.believed[-1]
        assert (told.epoch, [parcel.state for parcel in told.parcels]) == (2, ["stored", "expected"])
        assert told.parcels[0].expires_ms == NOON_MS + TERM_MS
        assert line.link.is_settled

    play(story)


@pytest.mark.parametrize(
    "forged",
    [
        lambda there: there.hello(last_seq=0, head=""),
        lambda there: there.hello(epoch=2),
        lambda there: there.hello(nonce="00" * 16),
        lambda there: there.hello(signature=""),
        lambda there: there.hello(Ed25519PrivateKey.from_private_bytes(b"t" * 32)),
    ],
)
def test_a_hello_that_the_locker_did_not_sign_brings_about_nothing(
    forged: Callable[[Controller], Message],
) -> None:
    async def story(line: Line) -> None:
        line.controller.write("started")
        await asyncio.sleep(0.1)
        line.controller.nonces.append("11" * 16)
        line.broker.publish(line.link.topics.hello, encode(forged(line.controller))[:-1])
        line.controller.nonces.pop()
        await asyncio.sleep(0.1)
        assert (line.link.nonsense, line.backend.alarms, line.backend.ledger.epoch) == (1, [], 1)
        assert len(line.controller.welcomes) == 1

    play(story)


def test_a_hello_that_is_said_again_brings_about_nothing() -> None:
    async def story(line: Line) -> None:
        heard: list[bytes] = []
        line.broker.overheard = lambda topic, payload: heard.append(payload) if "hello" in topic else None
        line.controller.drop()
        await asyncio.sleep(3)
        line.controller.write("started")
        await asyncio.sleep(0.1)
        line.broker.publish(line.link.topics.hello, heard[0])
        await asyncio.sleep(0.1)
        assert (line.link.nonsense, line.backend.alarms, len(line.controller.welcomes)) == (1, [], 2)
        assert line.link.is_settled

    play(story)


def test_a_bent_batch_is_no_alarm_and_moves_nothing() -> None:
    async def story(line: Line) -> None:
        line.backend.order("KZ1", 7, "Айгерим")
        line.controller.write("stored", parcel="KZ1")
        await asyncio.sleep(0.1)
        other = Book()
        for _ in range(2):
            other.write("expired", parcel="KZ1")
        line.broker.publish(line.link.topics.journal, encode(other.batch(other.rows))[:-1])
        await asyncio.sleep(0.1)
        assert (line.backend.refunds, line.backend.ledger.last, line.backend.alarms) == ([], 1, [])
        assert line.link.nonsense == 1
        line.controller.write("started")
        await asyncio.sleep(0.1)
        assert line.is_even()

    play(story)


def test_a_batch_that_was_bent_on_its_way_is_no_alarm_where_nothing_is_missing() -> None:
    """Found by the explorer: a hostile broker bent one, and then the locker had nothing to tell but hello."""

    async def story(line: Line) -> None:
        line.controller.write("opened")
        await asyncio.sleep(0.1)
        bent = Book()
        bent.write("closed")
        line.broker.publish(line.link.topics.journal, encode(bent.batch(bent.rows))[:-1])
        for _ in range(10):
            await asyncio.sleep(0.1)
            line.controller.drop()
            await asyncio.sleep(30)
        assert (line.link.nonsense, line.backend.alarms, line.is_even()) == (1, [], True)

    play(story)


def test_hellos_without_a_batch_say_nothing_of_the_one_that_was_bent_before() -> None:
    """Found by the explorer: the network went while entries were written, and came back for no longer than a hello."""

    async def story(line: Line) -> None:
        line.controller.write("opened")
        await asyncio.sleep(0.1)
        bent, link = Book(), line.link
        bent.write("closed")
        link.receive(link.topics.journal, encode(bent.batch(bent.rows))[:-1])
        line.controller.can_read = False
        line.controller.write("closed")
        for _ in range(10):
            line.controller.drop()
            await asyncio.sleep(20)
        assert (link.nonsense, line.backend.alarms) == (1, [])

    play(story)


def test_a_locker_that_rewrites_its_history_and_insists_is_an_alarm() -> None:
    async def story(line: Line) -> None:
        line.backend.order("KZ1", 7, "Айгерим")
        line.controller.write("stored", parcel="KZ1")
        await asyncio.sleep(0.1)
        line.controller.book = Book()
        for _ in range(3):
            line.controller.write("expired", parcel="KZ1")
        await asyncio.sleep(300)
        assert line.backend.alarms == [
            "the journal does not go on: entry 2 does not follow from the one before"
        ]
        assert (line.backend.refunds, line.backend.ledger.last) == ([], 1)

    play(story)


def test_the_backend_knows_whether_its_locker_is_there() -> None:
    async def story(line: Line) -> None:
        assert line.link.is_attached
        line.uplink.network(up=False)
        await asyncio.sleep(0.1)
        assert not line.link.is_attached  # by the last will
        line.uplink.network(up=True)
        await asyncio.sleep(0.1)
        assert line.link.is_attached
        line.broker.wipe()
        with pytest.raises(Unreachable, match="the broker cannot be reached"):
            line.link.send_grants()
        await asyncio.sleep(3)
        assert line.link.is_attached

    play(story)


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"type":"told","outcome":"done"}']
)
def test_nonsense_is_counted_and_nothing_else(payload: bytes) -> None:
    async def story(line: Line) -> None:
        before = line.link.nonsense
        for topic in ("hello", "journal", "told", "state", "other"):
            line.broker.publish(f"postomat/v1/0123/up/{topic}", payload)
        await asyncio.sleep(0.1)
        line.controller.write("wrong_code")
        await asyncio.sleep(0.1)
        assert line.is_even()
        assert line.link.nonsense - before >= 4
        assert line.backend.alarms == []

    play(story)
