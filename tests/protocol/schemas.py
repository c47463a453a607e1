"""JSON Schemas of what is said over the broker, from the structs that say it: draft 7, which AsyncAPI's tools read.

What a struct knows and its schema would not say is taken from its text: the docstring of the class and of its `__post_init__`,
and the comment behind a field or an enum's member. A paragraph of a docstring that names a module of ours is left out, for
whoever reads these has not our code.
"""

import ast
import inspect
import re
from enum import Enum
from functools import cache
from types import ModuleType
from typing import Any

import msgspec
from msgspec import Struct

from firmware import chain, control, deeds, forms, model, settings
from firmware.link import topics
from firmware.signed import Kind

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
MODULES: tuple[ModuleType, ...] = (forms, deeds, control, chain, model, topics)
SIZES = {
    24: 16,
    44: 32,
}  # msgspec tells the length in base64; bytes: every byte string of ours has one exact size
HEX = "in hex here: in the signed object it is a CBOR byte string"

# What goes up, by the last level of its topic; and what is inside the signed objects that go down.
UP: dict[str, type[Struct]] = {
    "hello": control.Hello,
    "journal": control.Journal,
    "told": topics.Answer,
    "state": topics.State,
}
DOWN: dict[Kind, type[Struct]] = {
    Kind.GRANTS: forms.Grants,
    Kind.CHANGES: forms.Changes,
    Kind.COMMAND: forms.Command,
    Kind.WELCOME: forms.Welcome,
    Kind.ACK: forms.Ack,
    Kind.EPOCH: forms.Epoch,
}


def schemas() -> dict[str, Schema]:
    """All schemas by the names of their files."""
    up = {name: schema_of(form, name) for name, form in UP.items()}
    down = {kind.value: signed_schema(kind) for kind in DOWN}
    return {**up, "entry": entry_schema(), **down}


def schema_of(form: type[Struct], title: str) -> Schema:
    """The schema of a message in JSON. Another release may add fields to it: whoever reads it skips what it does not know."""
    schema = _schema(form, title)
    for each in _objects(schema):
        if each.get("additionalProperties") is False:
            del each["additionalProperties"]
    if form.__struct_config__.omit_defaults:
        _take_nulls(schema)
    return schema


def signed_schema(kind: Kind) -> Schema:
    """The schema of a signed object's payload, byte strings in hex. A field that a locker does not know is refused by it."""
    schema = _schema(DOWN[kind], f"{kind} (the CBOR payload of a signed object)")
    for each in _objects(schema):
        _in_hex(each)
        if "propertyNames" in each:  # the only map with names of its own
            each["properties"] = {name: _setting(value) for name, (_, value) in settings.ALLOWED.items()}
            each["additionalProperties"] = False
            del each["propertyNames"]
    _take_nulls(schema)
    return schema


def _setting(value: Any) -> Schema:
    schema = msgspec.json.schema(value)
    return {**schema, "enum": sorted(schema["enum"])} if "enum" in schema else schema


def entry_schema() -> Schema:
    """The schema of an entry's body: its head, and the columns that are not empty."""
    head, schema = _schema(chain.Head, "entry"), schema_of(model.Entry, "entry")
    schema["properties"] = head["properties"] | schema["properties"]
    schema["required"] = head["required"] + schema["required"]
    return schema


def closed(schema: Schema) -> Schema:
    """The same where no field is allowed that the schema does not name: what this release says is within it."""
    copy: Schema = msgspec.json.decode(msgspec.json.encode(schema))
    for each in _objects(copy):
        if "properties" in each:
            each["additionalProperties"] = False
    return copy


def _schema(form: type[Struct], title: str) -> Schema:
    (reference,), definitions = msgspec.json.schema_components([form], ref_template="#/definitions/{name}")
    for name, each in definitions.items():
        _say(each, _class(name))
    root = definitions.pop(reference["$ref"].rpartition("/")[2])
    schema = {"$schema": DRAFT, **root, "title": title}
    if definitions:
        schema["definitions"] = dict(sorted(definitions.items()))
    for each in _objects(schema):
        each.pop("discriminator", None)  # OpenAPI's, and `type` says it
        if "pattern" in each:  # the beginning and end of a text, as ECMA 262 writes them
            each["pattern"] = each["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
    return schema


def _objects(node: Any) -> list[Schema]:
    """All objects in it, the outer ones first."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    found = [each for value in inner for each in _objects(value)]
    return [node, *found] if isinstance(node, dict) else found


def _take_nulls(schema: Schema) -> None:
    """What is empty is left out, and never written as null."""
    for each in _objects(schema):
        if {"type": "null"} in each.get("anyOf", ()):
            some = [choice for choice in each.pop("anyOf") if choice != {"type": "null"}]
            del each["default"]
            each |= some[0] if len(some) == 1 else {"anyOf": some}


def _in_hex(node: Schema) -> None:
    if node.pop("contentEncoding", None) == "base64":
        del node["minLength"]
        size = SIZES[node.pop("maxLength")]
        told = node.get("description")
        node["pattern"] = f"^[0-9a-f]{{{2 * size}}}$"
        node["description"] = f"{size} bytes, {HEX}" + (f"; {told}" if told else "")


# What the structs say in words


@cache
def _class(name: str) -> type[Any]:
    """The class of this name. Raises ValueError where it is not exactly one."""
    found = {vars(module)[name] for module in MODULES if name in vars(module)}
    if len(found) != 1:
        raise ValueError(f"{name}: {len(found)} classes have this name")
    return found.pop()  # type: ignore[no-any-return]


def _say(schema: Schema, form: type[Any]) -> None:
    """Put in what the class's own text says."""
    described = description(form)
    schema.pop("description", None)
    if described:
        schema["description"] = described
    remarks = remarks_of(form)
    for name, each in schema.get("properties", {}).items():
        if name in remarks:
            if "$ref" in each:  # in draft 7 nothing beside a reference is read
                each["allOf"] = [{"$ref": each.pop("$ref")}]
            each["description"] = remarks[name]
    if issubclass(form, Enum):
        schema["enum"] = [member.value for member in form]
        if remarks:
            schema["x-meanings"] = {form[name].value: told for name, told in remarks.items()}


def description(form: type[Any]) -> str:
    """The docstring without the paragraphs that are for readers of our code; then what else it must keep to."""
    own = form.__doc__ if form.__doc__ and "__doc__" in vars(form) else ""
    kept = [_line(each) for each in inspect.cleandoc(own).split("\n\n") if not re.search(r"`\w+\.\w+", each)]
    rule = vars(form).get("__post_init__")
    if rule is not None:
        kept.append(re.sub(r"^Raises ValueError:? ", "Refused ", _line(rule.__doc__ or "")))
    return "\n\n".join(each for each in kept if each)


def _line(text: str) -> str:
    return " ".join(text.split())


def remarks_of(form: type[Any]) -> dict[str, str]:
    """The comments behind a class's fields or members, by their names."""
    lines = inspect.getsource(form).splitlines()
    found = {}
    for node in ast.parse("\n".join(lines)).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            line = lines[(node.end_lineno or node.lineno) - 1]
            _, mark, remark = line[node.end_col_offset or 0 :].partition("#")
            if mark and isinstance(target, ast.Name):
                found[target.id] = re.sub(r" \(`\w+\.[\w.]+`\)", "", remark.strip())
    return found
