"""The app's HTTP API, over real HTTP on the loopback: whose parcels one sees, what one may do, and what one is told."""

import asyncio
import base64
import json
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
import yarl

from firmware.deeds import Claim, Confirm, Extend, Leave, Open, Report
from firmware.events import Commanded, TokenShown
from firmware.link.topics import Answer, State, name_of
from firmware.model import Outcome, Problem, Purpose
from firmware.signed import Keyring, open_signed
from firmware.tokens import open_token
from sim import pace, web
from sim.backend import Backend, Link, Stage, answers, api
from sim.backend.app import COMMAND_S, UNANSWERED_MS, App
from sim.backend.desk import EXTENSIONS_MAX
from sim.backend.rights import RESENDS_MAX
from tests.sim.test_backend import KEYRING, NOON_MS, SIGNER, SITE, Book

QR = f"HTTPS://APP.EXAMPLE/P/0123/{base64.b32encode(bytes(range(16))).decode().rstrip('=')}"


class Clock:
    """The backend's."""

    now_ms = NOON_MS


class Broker:
    """The broker on the other side of the backend, and what the locker says there."""

    def __init__(self, backend: Backend, link: Link, clock: Clock | None = None) -> None:
        self.backend, self.link, self.clock = backend, link, clock or Clock()
        self.book = Book()
        self.published: list[bytes] = []
        link.attach(lambda topic, payload: self.published.append(payload))
        self.online(True)

    def told(self, kind: str, **columns: Any) -> None:
        """The locker's entry."""
        self.book.utc_ms = self.clock.now_ms
        self.book.write(kind, **columns)
        self.backend.journal(self.book.rows[self.backend.ledger.last :])

    def commanded(self) -> list[Commanded]:
        """What went to the locker."""
        said = [open_signed(each, KEYRING) for each in self.published]
        return [each for each in said if isinstance(each, Commanded)]

    def answer(self, outcome: Outcome) -> None:
        """The locker's answer to the newest command."""
        (*_, command) = self.commanded()
        told = Answer(outcome, name_of(self.published[-1]), command.id)
        self.link.receive(self.link.topics.told, msgspec.json.encode(told))

    def online(self, online: bool) -> None:
        self.link.receive(self.link.topics.state, msgspec.json.encode(State(online)))


class Phone(Broker):
    """Somebody's app, the backend behind it, and the broker on the other side of that."""

    def __init__(
        self, url: str, http: aiohttp.ClientSession, backend: Backend, link: Link, clock: Clock
    ) -> None:
        super().__init__(backend, link, clock)
        self.url, self.http = url, http
        self.token = backend.token("alia")

    async def ask(
        self, method: str, path: str, body: object = None, token: str | None = None
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
        async with self.http.request(method, self.url + path, data=data, headers=headers) as answer:
            assert answer.content_type == "application/json"
            return answer.status, await answer.json()

    async def post(self, path: str, body: object = None) -> tuple[int, Any]:
        return await self.ask("POST", path, body)

    async def parcel(self, waybill: str) -> Any:
        _, told = await self.ask("GET", "/api/parcels")
        return next(each for each in told["parcels"] if each["waybill"] == waybill)


@asynccontextmanager
async def at_home() -> AsyncIterator[Phone]:
    """A locker with a parcel of alia's, one of marat's, and one of alia's on its way."""
    clock = Clock()
    backend = Backend(SITE, SIGNER, lambda: clock.now_ms, random.Random(1))
    link = Link(backend)
    with web.listen(0) as listener:
        async with api.serving(listener, App(backend, link)), aiohttp.ClientSession() as http:
            phone = Phone(web.origins(listener.getsockname()[1])[0], http, backend, link, clock)
            backend.order("KZ1", 7, "alia", "Kaspi Red")
            backend.order("KZ2", 8, "marat")
            backend.order("KZ3", 9, "alia")
            phone.told("stored", parcel="KZ1", grant="deposit-KZ1")
            phone.told("stored", parcel="KZ2", grant="deposit-KZ2")
            yield phone
            backend.close()


def with_phone(test: Callable[[Phone], Awaitable[None]]) -> Callable[[], None]:
    async def through() -> None:
        async with at_home() as phone:
            await test(phone)

    def run() -> None:
        asyncio.run(through())

    run.__name__ = test.__name__
    return run


def test_a_connection_outlasts_a_move_of_the_clock() -> None:
    """A phone keeps its connection; what would end it a while after its last question is a timer in the loop's time, moved by days."""

    async def through() -> None:
        async with at_home() as phone:
            reader, writer = await asyncio.open_connection("127.0.0.1", yarl.URL(phone.url).port)
            for _ in range(2):
                writer.write(b"GET /api/news HTTP/1.1\r\nHost: locker\r\n\r\n")
                answer = await reader.readuntil(b"\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 401")
                length = re.search(rb"Content-Length: (\d+)", answer)
                assert length
                await reader.readexactly(int(length[1]))
                pace.the_loop().move(3 * 86_400)
                await asyncio.sleep(0.1)
            writer.close()

    pace.run(through())


# --- what is shown


@with_phone
async def test_one_sees_ones_own_parcels_and_what_can_be_done_with_them(phone: Phone) -> None:
    status, told = await phone.ask("GET", "/api/parcels")
    address = "Постамат № 0123, ул. Абая, 10"
    assert (status, told["locker"]) == (200, {"address": address, "online": True, "message": ""})
    assert told["parcels"] == [
        {
            "waybill": "KZ3",
            "state": "ordered",
            "message": "Едет в постамат.",
            "address": address,
            "cell": None,
            "until_ms": 0,
            "can": [],
        },
        {
            "waybill": "KZ1",
            "state": "stored",
            "message": "Ждёт вас в постамате.",
            "address": address,
            "cell": 7,
            "until_ms": NOON_MS + 72 * 3_600_000,
            "can": ["open", "extend", "resend"],
        },
    ]


@with_phone
async def test_after_an_opening_one_may_confirm_complain_or_open_again(phone: Phone) -> None:
    phone.told("opened", parcel="KZ1", grant="pickup-KZ1", cell=7)
    shown = await phone.parcel("KZ1")
    assert shown["can"] == ["open", "confirm", "problem", "extend", "resend"]
    assert "Подтвердите получение" in shown["message"]
    phone.told("released", parcel="KZ1", grant="pickup-KZ1", cell=7)
    assert (await phone.parcel("KZ1"))["can"] == ["open", "extend", "resend"]
    phone.told("opened", parcel="KZ1", grant="withdrawal-KZ1", cell=7)  # a courier's
    assert (await phone.parcel("KZ1"))["can"] == ["open", "extend", "resend"]
    phone.told("collected", parcel="KZ1")
    shown = await phone.parcel("KZ1")
    assert (shown["can"], shown["cell"], shown["until_ms"], shown["message"]) == ([], None, 0, "Получена.")


@with_phone
async def test_a_silent_locker_is_waited_for_and_the_phone_says_so(phone: Phone) -> None:
    phone.clock.now_ms += 73 * 3_600_000
    phone.backend.pass_time()
    shown = await phone.parcel("KZ1")
    assert (shown["state"], shown["can"]) == ("stored", [])
    assert "Ждём ответа постамата" in shown["message"]


@with_phone
async def test_a_locker_that_is_offline_is_said_to_be_and_nothing_is_sent(phone: Phone) -> None:
    phone.online(False)
    _, told = await phone.ask("GET", "/api/parcels")
    assert told["locker"]["message"] == answers.OFFLINE
    # What the locker has no part in goes on.
    assert {each["waybill"]: each["can"] for each in told["parcels"]} == {"KZ1": ["resend"], "KZ3": []}
    for path, body in (("/api/parcels/KZ1/open", None), ("/api/claims", {"qr": QR})):
        status, refused = await phone.post(path, body)
        assert (status, refused) == (503, {"error": {"code": "offline", "message": answers.OFFLINE}})
    assert (phone.commanded(), phone.backend.books.commands) == ([], {})


@with_phone
async def test_the_money_is_seen_going_and_coming_back(phone: Phone) -> None:
    _, before = await phone.ask("GET", "/api/accounts")
    phone.told("expired", parcel="KZ1")
    _, after = await phone.ask("GET", "/api/accounts")
    assert before["accounts"][1] == {"account": "Kaspi Red", "tenge": 187_100, "refunds": {}}
    assert after["accounts"][1] == {"account": "Kaspi Red", "tenge": 200_000, "refunds": {"KZ1": 12_900}}
    assert after["accounts"][0] == before["accounts"][0]
    shown = await phone.parcel("KZ1")
    assert shown["message"] == "Срок хранения истёк, заказ отменён. 12\u00a0900 ₸ вернулись на Kaspi Red."


@with_phone
async def test_a_courier_has_a_list(phone: Phone) -> None:
    status, told = await phone.ask("GET", "/api/work", token=phone.backend.token("courier"))
    assert (status, told) == (200, {"work": [{"purpose": "deposit", "waybill": "KZ3", "cell": 9}]})


# --- what is asked for


@with_phone
async def test_an_opening_goes_to_the_locker_and_its_outcome_comes_back(phone: Phone) -> None:
    status, shown = await phone.post("/api/parcels/KZ1/open")
    assert (status, shown["state"], shown["message"]) == (202, "waiting", answers.WAITING)
    (command,) = phone.commanded()
    assert (command.id, command.do) == (shown["id"], Open("pickup-KZ1", "KZ1"))
    asking = asyncio.ensure_future(phone.ask("GET", f"/api/commands/{shown['id']}?wait=20"))
    phone.answer(Outcome.ACCEPTED)
    await asyncio.sleep(0.05)
    assert not asking.done()
    phone.answer(Outcome.BUSY)
    _, heard = await asking
    assert (heard["state"], heard["outcome"], heard["message"]) == (
        "failed",
        "busy",
        "Постамат занят, подождите.",
    )
    phone.told("command", command=command.id, parcel="KZ1", why="done")  # the journal's word stands above it
    assert (await phone.ask("GET", f"/api/commands/{shown['id']}?wait=20"))[1]["state"] == "done"
    assert phone.backend.orders["KZ1"].stage is Stage.STORED  # an answer moves nothing


@with_phone
async def test_confirming_and_complaining_go_to_the_locker_too(phone: Phone) -> None:
    phone.told("opened", parcel="KZ1", grant="pickup-KZ1")
    assert (await phone.post("/api/parcels/KZ1/confirm"))[0] == 202
    assert (await phone.post("/api/parcels/KZ1/problem", {"problem": "damaged"}))[0] == 202
    assert [each.do for each in phone.commanded()] == [
        Confirm("pickup-KZ1", "KZ1"),
        Report("pickup-KZ1", "KZ1", Problem.DAMAGED),
    ]
    assert phone.backend.orders["KZ1"].stage is Stage.STORED


@with_phone
async def test_a_term_is_put_off_so_often_and_no_more(phone: Phone) -> None:
    for _ in range(EXTENSIONS_MAX):
        assert (await phone.post("/api/parcels/KZ1/extend"))[0] == 202
    assert [each.do for each in phone.commanded()] == [Extend("KZ1", NOON_MS + 96 * 3_600_000)]
    status, refused = await phone.post("/api/parcels/KZ1/extend")
    assert (status, refused["error"]["code"]) == (409, "not_now")


@with_phone
async def test_the_code_is_sent_again_so_often_and_no_more_also_while_the_locker_is_away(
    phone: Phone,
) -> None:
    phone.online(False)
    sms = phone.backend.phones["alia"]
    for sent in range(1, RESENDS_MAX + 1):
        assert await phone.post("/api/parcels/KZ1/resend") == (202, {"message": answers.RESENT})
        assert [each.code for each in sms] == [phone.backend.code("KZ1", Purpose.PICKUP)] * (1 + sent)
    status, refused = await phone.post("/api/parcels/KZ1/resend")
    assert (status, refused["error"]) == (429, {"code": "too_often", "message": answers.TOO_OFTEN})
    assert (len(sms), (await phone.parcel("KZ1"))["can"]) == (1 + RESENDS_MAX, [])
    assert phone.commanded() == []  # nothing of it is the locker's business


@with_phone
async def test_no_code_is_sent_again_that_opens_nothing(phone: Phone) -> None:
    phone.clock.now_ms += 73 * 3_600_000
    phone.backend.pass_time()
    phone.told("collected", parcel="KZ2")
    marat = phone.backend.token("marat")
    before = {name: len(sms) for name, sms in phone.backend.phones.items()}
    for waybill, token in (("KZ3", phone.token), ("KZ1", phone.token), ("KZ2", marat)):
        status, told = await phone.ask("POST", f"/api/parcels/{waybill}/resend", token=token)
        assert (status, told["error"]["code"]) == (409, "not_now"), waybill
    assert {name: len(sms) for name, sms in phone.backend.phones.items()} == before


@with_phone
async def test_the_screens_code_claims_the_locker_and_can_be_let_go(phone: Phone) -> None:
    status, shown = await phone.post("/api/claims", {"qr": QR})
    assert status == 202
    assert phone.commanded()[0].do == Claim(("pickup-KZ1",), fresh=False)  # whether it is, the gate knows
    status, _ = await phone.ask("DELETE", f"/api/claims/{shown['id']}")
    assert (status, phone.commanded()[1].do) == (202, Leave(shown["id"]))
    for name in ("claim-1-1", phone.commanded()[1].id):
        assert (await phone.ask("DELETE", f"/api/claims/{name}"))[0] == 404


@pytest.mark.parametrize(
    ("qr", "status", "code"),
    [
        ("", 400, "no_code"),
        ("https://kaspi.kz/", 400, "no_code"),
        (QR[:-1], 400, "no_code"),
        (QR.replace("0123", "0124"), 409, "another_locker"),
    ],
)
def test_what_is_no_code_of_this_locker_claims_nothing(qr: str, status: int, code: str) -> None:
    @with_phone
    async def claims(phone: Phone) -> None:
        told = await phone.post("/api/claims", {"qr": qr})
        assert (told[0], told[1]["error"]["code"], phone.commanded()) == (status, code, [])

    claims()


@with_phone
async def test_who_has_nothing_here_claims_nothing(phone: Phone) -> None:
    phone.token = phone.backend.token("dana")
    status, told = await phone.post("/api/claims", {"qr": QR})
    assert (status, told["error"]["code"]) == (409, "nothing_here")


@with_phone
async def test_a_command_without_an_answer_has_failed_after_a_while(phone: Phone) -> None:
    _, shown = await phone.post("/api/parcels/KZ1/open")
    phone.clock.now_ms += 1_000 * COMMAND_S + UNANSWERED_MS
    assert (await phone.ask("GET", f"/api/commands/{shown['id']}"))[1]["state"] == "waiting"
    phone.clock.now_ms += 1
    _, heard = await phone.ask("GET", f"/api/commands/{shown['id']}?wait=9")
    assert (heard["state"], heard["message"]) == ("failed", answers.UNANSWERED)


@with_phone
async def test_news_come_when_something_has_changed(phone: Phone) -> None:
    _, told = await phone.ask("GET", "/api/news")
    asking = asyncio.ensure_future(phone.ask("GET", f"/api/news?after={told['news']}&wait=20"))
    await asyncio.sleep(0.05)
    assert not asking.done()
    phone.told("collected", parcel="KZ1")
    assert (await asking)[1]["news"] > told["news"]


# --- what is refused


OTHERS = ["KZ2", "KZ9"]  # another's, and nobody's: one cannot tell them apart


@pytest.mark.parametrize("waybill", OTHERS)
@pytest.mark.parametrize("verb", ["open", "confirm", "problem", "extend", "resend"])
def test_what_is_anothers_does_not_exist(waybill: str, verb: str) -> None:
    @with_phone
    async def asks(phone: Phone) -> None:
        body = {"problem": "damaged"} if verb == "problem" else None
        status, told = await phone.post(f"/api/parcels/{waybill}/{verb}", body)
        assert (status, told["error"]["code"]) == (404, "no_such_parcel")
        assert (told["error"]["message"], phone.commanded()) == ("Такой посылки у вас нет.", [])
        assert len(phone.backend.phones["marat"]) == 1  # no SMS but that it is there

    asks()


@with_phone
async def test_anothers_command_does_not_exist_either(phone: Phone) -> None:
    _, shown = await phone.post("/api/parcels/KZ1/open")
    phone.token = phone.backend.token("marat")
    assert (await phone.ask("GET", f"/api/commands/{shown['id']}"))[0] == 404
    _, claim = await phone.post("/api/claims", {"qr": QR})
    phone.token = phone.backend.token("alia")
    assert (await phone.ask("DELETE", f"/api/claims/{claim['id']}"))[0] == 404


@pytest.mark.parametrize("token", ["", "x", "None"])
def test_without_a_login_there_is_nothing(token: str) -> None:
    @with_phone
    async def asks(phone: Phone) -> None:
        phone.backend.number("dana")  # known, and never logged in
        for method, path in (
            ("GET", "/api/parcels"),
            ("GET", "/api/accounts"),
            ("GET", "/api/work"),
            ("GET", "/api/news"),
            ("GET", "/api/commands/x"),
            ("POST", "/api/parcels/KZ1/open"),
            ("POST", "/api/parcels/KZ1/resend"),
            ("POST", "/api/claims"),
            ("DELETE", "/api/claims/x"),
        ):
            status, told = await phone.ask(method, path, token=token)
            assert (status, told["error"]["code"]) == (401, "unknown"), path

    asks()


@with_phone
async def test_what_cannot_be_done_now_is_refused_with_the_reason(phone: Phone) -> None:
    for path in ("/api/parcels/KZ3/open", "/api/parcels/KZ1/confirm"):
        status, told = await phone.post(path)
        assert (status, told["error"]["code"]) == (409, "not_now")
        assert told["error"]["message"].startswith("Сейчас это сделать нельзя. ")
    assert phone.commanded() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"problem":"boring"}', b'{"problem":"damaged","x":1}'])
def test_a_body_that_is_none_is_refused(body: bytes) -> None:
    @with_phone
    async def asks(phone: Phone) -> None:
        phone.told("opened", parcel="KZ1", grant="pickup-KZ1")
        status, told = await phone.post("/api/parcels/KZ1/problem", body)
        assert (status, told["error"]["code"], phone.commanded()) == (400, "malformed", [])

    asks()


@with_phone
async def test_each_limit_is_kept(phone: Phone) -> None:
    status, told = await phone.post("/api/claims", b'{"qr":"' + b"x" * api.BODY_MAX_BYTES + b'"}')
    assert (status, "message" in told["error"]) == (413, True)
    for query in ("wait=-1", "wait=x", "wait=nan", "after=-1"):
        assert (await phone.ask("GET", f"/api/news?{query}"))[0] == 400
    assert (await phone.ask("GET", "/api/nothing"))[0] == 404
    assert (await phone.ask("PUT", "/api/parcels"))[0] == 405
    _, told = await phone.ask("GET", "/api/news")
    path = f"/api/news?after={told['news']}&wait=1e9"
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as many:
        one_by_one, phone.http = phone.http, many
        polls = [asyncio.ensure_future(phone.ask("GET", path)) for _ in range(api.WAITING_MAX + 1)]
        (full,), waiting = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
        assert (full.result()[0], full.result()[1]["error"]["code"]) == (503, "too_many")
        phone.told("collected", parcel="KZ1")
        assert [each[0] for each in await asyncio.gather(*waiting)] == [200] * api.WAITING_MAX
        phone.http = one_by_one


def test_every_outcome_and_every_stage_has_words() -> None:
    assert answers.OUTCOMES.keys() == set(Outcome)
    backend = Backend(SITE, SIGNER, lambda: NOON_MS, random.Random(1))
    order = backend.order("KZ1", 7, "alia")
    for stage in Stage:
        order.stage = stage
        assert answers.state_of(order, None).endswith(".")
    backend.close()


# --- the code for the locker's camera


@with_phone
async def test_the_phone_shows_a_code_that_the_locker_reads(phone: Phone) -> None:
    status, told = await phone.ask("GET", "/api/parcels/KZ1/token")
    assert (status, told["redraw_s"], told["until_ms"]) == (
        200,
        30,
        phone.clock.now_ms // 1_000 * 1_000 + 60_000,
    )
    signer = phone.backend.signer
    said = open_token(told["text"], Keyring({signer.key_id: signer.public}))
    assert isinstance(said, TokenShown)
    assert (said.grant, said.purpose, said.locker) == ("pickup-KZ1", "pickup", "0123")
    assert said.not_before_ms < phone.clock.now_ms < said.not_after_ms == told["until_ms"]
    assert told["path"].startswith("M0 0h7v1h-7z")  # the finder in the corner
    _, again = await phone.ask("GET", "/api/parcels/KZ1/token")
    assert again["text"] != told["text"]


@with_phone
async def test_a_code_to_be_printed_has_no_dates_and_is_had_by_the_policy_only(phone: Phone) -> None:
    status, told = await phone.ask("GET", "/api/parcels/KZ1/token?static=1")
    assert (status, told["redraw_s"], told["until_ms"]) == (200, 0, 0)
    signer = phone.backend.signer
    said = open_token(told["text"], Keyring({signer.key_id: signer.public}))
    assert isinstance(said, TokenShown)
    assert (said.grant, said.not_before_ms, said.not_after_ms) == ("pickup-KZ1", 0, 0)
    phone.told("configured", why="static_tokens=0")
    status, told = await phone.ask("GET", "/api/parcels/KZ1/token?static=1")
    assert (status, told["error"]["code"]) == (403, "no_static")
    assert (await phone.ask("GET", "/api/parcels/KZ1/token?static=0"))[0] == 200  # the app's own


@with_phone
async def test_it_does_so_too_while_the_locker_is_offline(phone: Phone) -> None:
    phone.online(False)
    assert (await phone.ask("GET", "/api/parcels/KZ1/token"))[0] == 200


@with_phone
async def test_nobody_else_and_nothing_that_does_not_wait_gets_a_code(phone: Phone) -> None:
    assert (await phone.ask("GET", "/api/parcels/KZ3/token"))[1]["error"]["code"] == "not_now"  # on its way
    assert (await phone.ask("GET", "/api/parcels/KZ9/token"))[0] == 404
    assert (await phone.ask("GET", "/api/parcels/KZ1/token", token=""))[0] == 401
    phone.told("collected", parcel="KZ1")
    assert (await phone.ask("GET", "/api/parcels/KZ1/token"))[0] == 409
