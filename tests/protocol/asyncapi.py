"""The AsyncAPI 3 description of the topics, as a locker sees them: what it sends, and what it receives."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from firmware.config import Link
from firmware.control import Hello, Journal
from firmware.link.objects import OBJECT_MAX_BYTES
from firmware.link.topics import Answer, State, Topics, name_of
from firmware.model import Outcome
from firmware.signed import Kind
from tests.protocol.schemas import DOWN, UP, description
from tests.protocol.vectors import Vector, payload_of

Node = dict[str, Any]

VERSION = "1.0.0"  # the first number is that of the topics, `postomat/v1`
TOPICS = Topics("{locker}")
BINDING = {"bindingVersion": "0.2.0"}
JSON, COSE = "application/json", 'application/cose; cose-type="cose-sign1"'
OFFLINE = msgspec.json.encode(State(online=False)).decode()

INFO = f"""\
A parcel locker at an MQTT broker, as the locker sees it: it *sends* what is below `up/` and *receives* what is below `down/`. A \
backend does the opposite. What the messages mean, in which order they come, and what a backend must do: docs/protocol.md.

All that goes down is signed: COSE_Sign1 (RFC 9052) with Ed25519, at most {OBJECT_MAX_BYTES} bytes, one object in a message. The schema of \
such a message is that of the CBOR payload inside; a byte string is told in hex there. docs/protocol/vectors.json has examples."""

TITLES = {
    "hello": "Where the locker stands",
    "journal": "What has happened",
    "told": "What became of a signed object",
    "state": "Whether the locker is there",
    "signed": "What the backend has signed",
}


def document(vectors: Mapping[str, Vector], hello: Hello, journal: Journal) -> bytes:
    """The file, in YAML. Hello, journal and vectors are its examples."""
    messages = _up(hello, journal, vectors["open"]) | {kind.value: _down(kind, vectors) for kind in DOWN}
    whole: Node = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Postomat: the link between a parcel locker and its backend",
            "version": VERSION,
            "description": INFO,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _server()},
        "channels": {
            **{name: _channel(name, f"{TOPICS.root}/up/{name}", [name]) for name in UP},
            "signed": _channel("signed", TOPICS.signed, [kind.value for kind in DOWN]),
        },
        "operations": _operations(),
        "components": {
            "messages": messages,
            "parameters": {"locker": {"description": "The locker's id, which is also in all it signs."}},
            "securitySchemes": {
                "certificate": {
                    "type": "X509",
                    "description": "TLS with a client certificate for each locker; the broker lets it use its own topics only.",
                }
            },
        },
    }
    return msgspec.yaml.encode(whole)


def _reference(*way: str) -> Node:
    return {"$ref": "#/" + "/".join(way)}


def _server() -> Node:
    will = {"topic": TOPICS.state, "qos": 1, "message": OFFLINE, "retain": True}
    session = {"clientId": "postomat-{locker}", "cleanSession": False, "lastWill": will}
    return {
        "host": "broker.example:8883",
        "protocol": "secure-mqtt",
        "protocolVersion": "3.1.1",
        "description": "Any broker of MQTT 3.1.1 serves. A locker may have several addresses, and is at one of them at a time.",
        "security": [_reference("components", "securitySchemes", "certificate")],
        "bindings": {"mqtt": {**session, "keepAlive": Link().keepalive_s, **BINDING}},
    }


def _channel(name: str, address: str, messages: list[str]) -> Node:
    return {
        "address": address,
        "title": TITLES[name],
        "messages": {each: _reference("components", "messages", each) for each in messages},
        "parameters": {"locker": _reference("components", "parameters", "locker")},
    }


def _operations() -> Node:
    def operation(action: str, name: str, summary: str, reply: tuple[str, list[str]] | None = None) -> Node:
        whole: Node = {
            "action": action,
            "channel": _reference("channels", name),
            "summary": summary,
            "bindings": {"mqtt": {"qos": 1, "retain": name == "state", **BINDING}},
        }
        if reply is not None:
            channel, messages = reply
            replies = [_reference("channels", channel, "messages", each) for each in messages]
            whole["reply"] = {"channel": _reference("channels", channel), "messages": replies}
        return whole

    return {
        "sayHello": operation(
            "send",
            "hello",
            "Whenever the link has connected, whenever an answer is missing, and about every hour",
            ("signed", ["welcome", "epoch"]),
        ),
        "sendJournal": operation(
            "send",
            "journal",
            "In order, several batches at a time, until each is acknowledged",
            ("signed", ["ack"]),
        ),
        "tellOutcome": operation(
            "send", "told", "At once, and again when a command's outcome is known later"
        ),
        "tellState": operation("send", "state", "Retained; the last will says that the locker is away"),
        "takeSigned": operation(
            "receive",
            "signed",
            "One signed object; which kind, its protected header says",
            ("told", ["told"]),
        ),
    }


def _up(hello: Hello, journal: Journal, opened: Vector) -> Node:
    name = name_of(opened.object)
    examples: dict[str, list[Any]] = {
        "hello": [hello],
        "journal": [journal],
        "told": [Answer(Outcome.ACCEPTED, name), Answer(Outcome.DONE, command="open")],
        "state": [State(online=True), State(online=False)],
    }
    return {topic: _message(topic, TITLES[topic], UP[topic], JSON, told) for topic, told in examples.items()}


def _down(kind: Kind, vectors: Mapping[str, Vector]) -> Node:
    told = [payload_of(each.object) for each in vectors.values() if _is_example(kind, each)]
    return _message(kind.value, f"A signed {kind}", DOWN[kind], COSE, told)


def _is_example(kind: Kind, vector: Vector) -> bool:
    return vector.outcome in (Outcome.DONE, Outcome.ACCEPTED) and kind.typ.encode() in vector.object


def _message(name: str, title: str, form: type[Struct], content: str, examples: Sequence[Any]) -> Node:
    payloads = msgspec.json.decode(msgspec.json.encode(examples))
    return {
        "name": name,
        "title": title,
        "summary": description(form).partition("\n")[0],
        "contentType": content,
        "payload": {"$ref": f"./schemas/{name}.json"},
        "examples": [{"payload": each} for each in payloads],
    }
