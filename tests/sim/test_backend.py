"""The reference backend: what it signs, whom it tells, and what it believes of a journal."""

import hashlib
import json
import random
from collections.abc import Callable, Sequence

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from firmware.control import (
    FRAME_MAX_BYTES,
    Journal,
    JournalRow,
    Signed,
    SignedHead,
    encode,
)
from firmware.deeds import Open
from firmware.events import Commanded, GrantsCame
from firmware.model import Direction, Outcome, Purpose
from firmware.signed import Keyring, code_digest, open_signed
from sim.backend import Backend, CodeAt, JournalBroken, Refund, Signer, Site, Stage, sms_link, unsigned
from sim.backend.commands import BEHIND_MS

NOON_MS = 1_764_054_000_000  # 25 November 2025, 07:00 UTC, 12:00 in Almaty
TERM_MS = 72 * 3_600_000
CODE_KEY = b"k" * 32
JOURNAL_KEY = Ed25519PrivateKey.from_private_bytes(b"j" * 32)
SITE = Site("0123", "ул. Абая, 10", CODE_KEY, JOURNAL_KEY.public_key().public_bytes_raw())
SIGNER = Signer(bytes(range(32)), "backend-1")
KEYRING = Keyring({"backend-1": SIGNER.public})


def make(seed: int = 1, site: Site = SITE) -> Backend:
    return Backend(site, SIGNER, lambda: NOON_MS, random.Random(seed))


@pytest.fixture
def backend() -> Backend:
    return make()


class Book:
    """A locker's journal, written from its documented form."""

    def __init__(self, locker: str = "0123", epoch: int = 1) -> None:
        self.locker, self.epoch = locker, epoch
        self.utc_ms = NOON_MS
        self.rows: list[JournalRow] = []

    def write(self, kind: str, *, sure: bool = True, **columns: object) -> JournalRow:
        seq = len(self.rows) + 1
        if kind == "stored" and sure:
            columns = {"until_ms": self.utc_ms + TERM_MS, **columns}
        head = {"locker": self.locker, "epoch": self.epoch, "seq": seq, "utc_ms": self.utc_ms, "sure": sure}
        return self.write_body(json.dumps({**head, "kind": kind, **columns}, separators=(",", ":")))

    def write_body(self, body: str) -> JournalRow:
        before = bytes.fromhex(self.rows[-1].hash) if self.rows else bytes(32)
        digest = hashlib.sha256(before + body.encode()).hexdigest()
        self.rows.append(JournalRow(len(self.rows) + 1, body, digest))
        return self.rows[-1]


def head_of(rows: Sequence[JournalRow], book: Book, key: Ed25519PrivateKey = JOURNAL_KEY) -> SignedHead:
    """The signed head of a batch, from its documented form."""
    last = rows[-1]
    place = f'["{book.locker}",{book.epoch},{last.seq},"{last.hash}"]'
    return SignedHead(last.seq, last.hash, key.sign(b"postomat/v1/head\n" + place.encode()).hex())


def listed(backend: Backend) -> GrantsCame:
    said = open_signed(backend.grants(), KEYRING)
    assert isinstance(said, GrantsCame)
    return said


def texts(backend: Backend, person: str) -> list[str]:
    return [sms.text for sms in backend.phones.get(person, [])]


# --- orders, codes, lists


def test_an_order_gives_the_courier_a_code_and_the_buyer_none_yet(backend: Backend) -> None:
    backend.order("KZ1", 7, "Айгерим", "Kaspi Red", not_before_ms=NOON_MS + 5)
    code = backend.last_code("courier")
    assert texts(backend, "courier") == [
        f"Доставка KZ1, ячейка 7. Постамат № 0123, ул. Абая, 10. Код: {code}."
    ]
    assert texts(backend, "Айгерим") == []
    with pytest.raises(LookupError, match="Айгерим has no code"):
        backend.last_code("Айгерим")
    said = listed(backend)
    assert (said.locker, said.epoch, said.version) == ("0123", 1, 1)
    assert [(p.waybill, p.cell, p.direction, p.account) for p in said.parcels] == [
        ("KZ1", 7, Direction.INBOUND, "Kaspi Red")
    ]
    deposit, pickup = said.grants
    assert (deposit.purpose, deposit.parcels, deposit.codes) == (
        Purpose.DEPOSIT,
        ("KZ1",),
        (code_digest(CODE_KEY, code, 8),),
    )
    assert (pickup.purpose, pickup.not_before_ms) == (Purpose.PICKUP, NOON_MS + 5)
    assert pickup.codes == (code_digest(CODE_KEY, backend.code("KZ1", Purpose.PICKUP), 8),)


def test_the_buyer_may_have_the_code_with_the_order_and_gets_it_again_with_the_deadline() -> None:
    backend = make(site=msgspec.structs.replace(SITE, code_at=CodeAt.ORDER))
    backend.order("KZ1", 7, "Айгерим")
    backend.order("KZ2", 8, "Айгерим", sms_at_order=False)
    code = backend.code("KZ1", Purpose.PICKUP)
    assert backend.last_code("Айгерим") == code
    backend.journal([Book().write("stored", parcel="KZ1")])
    early, late = texts(backend, "Айгерим")
    assert (code in early, "заработает" in early, "Хранится" in early) == (True, True, False)
    assert (code in late, "Хранится до 28.11.2025" in late) == (True, True)


def test_each_list_has_the_next_version_and_an_older_one_stays_older(backend: Backend) -> None:
    backend.order("KZ1", 7, "Айгерим")
    older = backend.grants()
    assert (listed(backend).version, listed(backend).version) == (2, 3)
    said = open_signed(older, KEYRING)
    assert isinstance(said, GrantsCame)
    assert said.version == 1


def test_a_withdrawal_sends_a_courier_once(backend: Backend) -> None:
    backend.order("KZ1", 7, "Айгерим")
    grant = backend.withdraw("KZ1", "Ерлан")
    assert backend.last_code("Ерлан") == grant.code
    assert [right.purpose for right in listed(backend).grants] == ["deposit", "pickup", "withdrawal"]
    with pytest.raises(ValueError, match="KZ1: a courier was sent already"):
        backend.withdraw("KZ1")
    with pytest.raises(ValueError, match="KZ1: is ordered already"):
        backend.order("KZ1", 8, "Айгерим")


def test_an_outbound_parcel_has_a_sender_no_pickup_and_no_refund(backend: Backend) -> None:
    backend.order("KZ1", 7, "Айгерим", direction=Direction.OUTBOUND)
    assert texts(backend, "courier") == []
    assert "положите его в ячейку" in texts(backend, "Айгерим")[0]
    assert [right.purpose for right in listed(backend).grants] == [Purpose.DEPOSIT]
    assert listed(backend).parcels[0].direction is Direction.OUTBOUND
    book = Book()
    book.write("stored", parcel="KZ1")
    backend.withdraw("KZ1")
    book.write("withdrawn", parcel="KZ1")
    backend.journal(book.rows)
    assert (backend.orders["KZ1"].stage, backend.refunds, len(texts(backend, "Айгерим"))) == (
        Stage.WITHDRAWN,
        [],
        1,
    )


def test_codes_have_their_length_and_no_two_are_alike() -> None:
    backend = make(site=Site("0123", "-", CODE_KEY, b"", code_digits=2))
    for number in range(50):
        backend.order(f"KZ{number}", 1, "Айгерим")
    codes = {grant.code for order in backend.orders.values() for grant in order.grants.values()}
    assert codes == {f"{code:02}" for code in range(100)}


def test_the_same_seed_and_clock_make_the_same_bytes() -> None:
    def sign(seed: int) -> bytes:
        backend = make(seed)
        backend.order("KZ1", 7, "Айгерим")
        return backend.grants() + backend.open_command("KZ1").object

    assert sign(1) == sign(1)
    assert sign(1) != sign(2)


def test_the_list_of_a_full_locker_of_96_cells_fits_a_frame(backend: Backend) -> None:
    """A right to put in and one to take out for every cell, a third of which wait for a courier besides; in a new epoch."""
    for cell in range(1, 97):
        order = backend.order(f"KZ{cell:011}", cell, "Айгерим")
        order.stage, order.expires_ms = Stage.UNCONFIRMED, 1_760_000_000_000
        if cell % 3 == 0:
            backend.withdraw(order.waybill)
    backend.begin_epoch(2)
    raw = backend.grants()
    assert isinstance(open_signed(raw, KEYRING), GrantsCame)
    assert len(encode(Signed(999_999, raw))) <= FRAME_MAX_BYTES


def test_a_command_is_valid_for_its_time_and_never_has_the_id_of_another(backend: Backend) -> None:
    """Found live: a locker whose clock was behind by a broker's round trip refused what was asked for now as too early."""
    backend.order("KZ1", 7, "Айгерим")
    one, two = backend.open_command("KZ1", valid_s=30), backend.open_command("KZ1", not_before_ms=NOON_MS + 1)
    assert open_signed(one.object, KEYRING) == Commanded(
        one.id, "0123", 1, NOON_MS - BEHIND_MS, NOON_MS + 30_000, Open("pickup-KZ1", "KZ1")
    )
    said = open_signed(two.object, KEYRING)
    assert isinstance(said, Commanded)
    assert (said.id, said.not_before_ms, said.not_after_ms) == (two.id, NOON_MS + 1, NOON_MS + 60_001)
    assert one.id != two.id


def test_the_bad_objects_are_bad_in_the_way_they_say(backend: Backend) -> None:
    backend.order("KZ1", 7, "Айгерим")
    thief = Signer(bytes(32), "backend-1")
    for good in (backend.grants(), backend.open_command("KZ1").object):
        assert open_signed(unsigned(good), KEYRING) is Outcome.UNSIGNED
        assert open_signed(thief.sign_again(good), KEYRING) is Outcome.BAD_SIGNATURE
        assert not isinstance(
            open_signed(thief.sign_again(good), Keyring({"backend-1": thief.public})), Outcome
        )


# --- the journal moves the order along


def test_stored_sends_the_code_with_locker_address_and_deadline(backend: Backend) -> None:
    backend.order("KZ1", 7, "Айгерим")
    book = Book()
    book.write("started")
    book.write("stored", cell=7, parcel="KZ1", grant="deposit-KZ1")
    backend.journal(book.rows)
    code = backend.code("KZ1", Purpose.PICKUP)
    assert backend.last_code("Айгерим") == code
    assert texts(backend, "Айгерим") == [
        (
            f"Посылка KZ1 ждёт вас. Постамат № 0123, ул. Абая, 10. Код: {code}. "
            "Хранится до 28.11.2025 12:00, потом заказ отменят и вернут деньги. "
            f"QR-код: {sms_link.address(SITE, 'KZ1', backend.orders['KZ1'].grants[Purpose.PICKUP])}"
        )
    ]
    assert [right.purpose for right in listed(backend).grants] == [Purpose.PICKUP]  # the deposit is done
    backend.journal(book.rows)  # told again
    assert len(texts(backend, "Айгерим")) == 1


def test_a_locker_that_is_unsure_of_its_clock_promises_no_deadline(backend: Backend) -> None:
    backend.order("KZ1", 7, "Айгерим")
    backend.journal([Book().write("stored", sure=False, parcel="KZ1")])
    assert "Хранится" not in texts(backend, "Айгерим")[0]
    assert backend.last_code("Айгерим") in texts(backend, "Айгерим")[0]


def moved(*kinds: str, account: str = "Kaspi Gold") -> Backend:
    backend, book = make(), Book()
    backend.order("KZ1", 7, "Айгерим", account)
    for kind in kinds:
        book.write(kind, cell=7, parcel="KZ1")
        backend.journal(book.rows)
    return backend


@pytest.mark.parametrize("account", ["Kaspi Gold", "Kaspi Red"])
def test_expired_pays_back_once_to_the_account_it_was_paid_from(account: str) -> None:
    backend = moved("stored", "expired", "withdrawn", account=account)
    assert backend.refunds == [Refund("KZ1", account, seq=2)]
    assert backend.orders["KZ1"].stage is Stage.WITHDRAWN
    assert texts(backend, "Айгерим")[-2:] == [
        f"Срок хранения KZ1 истёк. Деньги вернутся на {account}.",
        f"Возврат за KZ1: 12\u00a0900 ₸ на {account}.",
    ]
    assert (listed(backend).parcels, listed(backend).grants, backend.alarms) == ((), (), [])


def test_without_an_entry_of_the_locker_no_money_moves(backend: Backend) -> None:
    backend.order("KZ1", 7, "Айгерим")
    backend.withdraw("KZ1")
    book = Book()
    book.write("stored", parcel="KZ1")
    book.write("opened", cell=7, parcel="KZ1")
    book.write("outcome_unknown", cell=7, parcel="KZ1")
    backend.journal(book.rows)
    assert (backend.refunds, backend.orders["KZ1"].stage) == ([], Stage.STORED)


@pytest.mark.parametrize(
    ("kinds", "stage", "refunds"),
    [
        (["stored", "collected"], Stage.COLLECTED, 0),
        (["stored", "refused"], Stage.REFUSED, 0),  # it lay in an open cell
        (["stored", "refused", "withdrawn"], Stage.WITHDRAWN, 1),
        (["stored", "disputed"], Stage.DISPUTED, 0),
        (["stored", "disputed", "withdrawn"], Stage.WITHDRAWN, 1),
        (["unconfirmed"], Stage.UNCONFIRMED, 0),
        (["unconfirmed", "stored", "suspect", "collected"], Stage.COLLECTED, 0),
    ],
)
def test_each_ending_of_a_parcel(kinds: list[str], stage: Stage, refunds: int) -> None:
    backend = moved(*kinds)
    assert (backend.orders["KZ1"].stage, len(backend.refunds), backend.alarms) == (stage, refunds, [])


def test_an_unconfirmed_deposit_tells_the_buyer_nothing_and_can_be_repeated() -> None:
    backend = moved("unconfirmed")
    assert texts(backend, "Айгерим") == []
    assert listed(backend).grants[0].purpose is Purpose.DEPOSIT


def test_what_cannot_be_is_an_alarm() -> None:
    assert moved("stored", "expired", "collected").alarms == ["entry 3: KZ1 was collected after its refund"]
    assert moved("stored", "collected", "expired").alarms == [
        "entry 3: KZ1 is expired after it was collected"
    ]
    assert moved("stored", "collected", "expired").refunds == []
    backend = make()
    backend.journal([Book().write("stored", parcel="KZ9")])
    assert backend.alarms == ["entry 1: KZ9 is stored, and nobody ordered it"]


@given(st.lists(st.sampled_from([stage.value for stage in Stage if stage is not Stage.ORDERED]), max_size=8))
def test_nothing_is_both_collected_and_refunded_unseen(kinds: list[str]) -> None:
    backend = moved(*kinds)
    assert len(backend.refunds) <= 1
    assert not backend.refunds or backend.orders["KZ1"].stage is not Stage.COLLECTED or backend.alarms


def test_a_locker_that_has_a_newer_list_is_offered_a_newer_one_still(backend: Backend) -> None:
    backend.journal([Book().write("grants", count=41)])
    assert listed(backend).version == 42


# --- the check of the journal


def broken(change: Callable[[list[JournalRow]], list[JournalRow]]) -> str:
    backend, book = make(), Book()
    backend.order("KZ1", 7, "Айгерим")
    book.write("started")
    backend.journal(book.rows)
    book.write("stored", parcel="KZ1")
    book.write("expired", parcel="KZ1")
    with pytest.raises(JournalBroken) as error:
        backend.journal(change(book.rows))
    assert (backend.ledger.last, backend.refunds, backend.orders["KZ1"].stage) == (1, [], Stage.ORDERED)
    backend.journal(book.rows)
    assert (backend.ledger.last, len(backend.refunds)) == (3, 1)
    return str(error.value)


def with_body(row: JournalRow, body: str) -> JournalRow:
    return JournalRow(row.seq, body, row.hash)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows[2:], "entry 3 came where 2 was due"),
        (lambda rows: [rows[1], rows[1]], "entry 2 came where 3 was due"),
        (lambda rows: [JournalRow(0, "", "")], "entry 0 came where 2 was due"),
        (
            lambda rows: [with_body(rows[1], rows[1].body.replace("KZ1", "KZ2"))],
            "entry 2 does not follow from the one before",
        ),
        (
            lambda rows: [rows[1], JournalRow(3, rows[2].body, rows[1].hash)],
            "entry 3 does not follow from the one before",
        ),
        (lambda rows: [with_body(rows[0], "{}"), *rows[1:]], "entry 1 was told differently before"),
    ],
)
def test_a_gap_or_a_change_is_found_and_nothing_of_it_is_believed(
    change: Callable[[list[JournalRow]], list[JournalRow]], told: str
) -> None:
    assert broken(change) == told


@pytest.mark.parametrize("book", [Book("0124"), Book(epoch=2)])
def test_the_journal_of_another_locker_or_epoch_is_not_this_one(book: Book, backend: Backend) -> None:
    with pytest.raises(
        JournalBroken, match=f"entry 1 says it is entry 1 of {book.locker}, epoch {book.epoch}"
    ):
        backend.journal([book.write("started")])


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"locker":"0123","epoch":1,"seq":1,"utc_ms":1,"kind":7}', "\\"]
)
def test_what_is_no_entry_is_no_entry(body: str, backend: Backend) -> None:
    with pytest.raises(JournalBroken, match="entry 1 is not an entry"):
        backend.journal([Book().write_body(body)])


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (lambda rows, book: None, "has no head, or another's"),
        (lambda rows, book: head_of(rows[:1], book), "has no head, or another's"),
        (
            lambda rows, book: head_of(rows, book, Ed25519PrivateKey.from_private_bytes(b"t" * 32)),
            "is not signed by",
        ),
        (lambda rows, book: head_of(rows, Book("0124")), "is not signed by"),
        (lambda rows, book: head_of(rows, Book(epoch=2)), "is not signed by"),
        (
            lambda rows, book: msgspec.structs.replace(head_of(rows, book), signature="no hex"),
            "is not signed by",
        ),
    ],
)
def test_a_batch_without_this_lockers_signature_is_not_believed(
    backend: Backend, head: Callable[[list[JournalRow], Book], SignedHead | None], told: str
) -> None:
    book = Book()
    book.write("started")
    book.write("wrong_code")
    with pytest.raises(JournalBroken, match=f"the batch up to entry 2 {told}"):
        backend.batch(Journal(tuple(book.rows), 2, head(book.rows, book)))
    assert backend.ledger.last == 0
    backend.batch(Journal(tuple(book.rows), 2, head_of(book.rows, book)))
    assert backend.ledger.last == 2
