"""The few Kubernetes messages that kubectl sends as protobuf whatever a server would rather have.

Only what those messages need: strings, integers, booleans, nested messages and string maps, by the
field numbers of the published `generated.proto` files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from meshtui.lab.contract import Obj

MEDIA = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Undecodable(Exception):
    """Not a protobuf message, or one that is not known here."""


@dataclass(frozen=True, slots=True)
class _Field:
    """How a field is shown as JSON: `text`, `number`, `flag`, `map`, or a message."""

    name: str
    form: str | dict[int, _Field] = "text"
    repeated: bool = False


def _texts(*names: str) -> dict[int, _Field]:
    return {n: _Field(name) for n, name in enumerate(names, 1)}


_META = {
    1: _Field("name"),
    2: _Field("generateName"),
    3: _Field("namespace"),
    5: _Field("uid"),
    6: _Field("resourceVersion"),
    11: _Field("labels", "map"),
    12: _Field("annotations", "map"),
}
_ACCESS = {
    1: _Field(
        "resourceAttributes",
        _texts("namespace", "verb", "group", "version", "resource", "subresource", "name"),
    ),
    2: _Field("nonResourceAttributes", _texts("path", "verb")),
}
_DELETE = {
    1: _Field("gracePeriodSeconds", "number"),
    2: _Field("preconditions", _texts("uid", "resourceVersion")),
    3: _Field("orphanDependents", "flag"),
    4: _Field("propagationPolicy"),
    5: _Field("dryRun", repeated=True),
}
_MESSAGES: dict[str, dict[int, _Field]] = {
    "DeleteOptions": _DELETE,
    "Namespace": {1: _Field("metadata", _META)},
    "SelfSubjectAccessReview": {1: _Field("metadata", _META), 2: _Field("spec", _ACCESS)},
    "SelfSubjectReview": {1: _Field("metadata", _META)},
    "SelfSubjectRulesReview": {
        1: _Field("metadata", _META),
        2: _Field("spec", _texts("namespace")),
    },
}
_ENVELOPE = {1: _Field("type", _texts("apiVersion", "kind")), 2: _Field("raw", "bytes")}


def decode(body: bytes) -> Obj:
    """The object in a protobuf body, as JSON; `Undecodable` for a kind not listed above."""
    if not body.startswith(_MAGIC):
        raise Undecodable("no Kubernetes envelope")
    envelope = _message(body[len(_MAGIC) :], _ENVELOPE)
    head: Obj = envelope.get("type", {})
    fields = _MESSAGES.get(head.get("kind", ""))
    if fields is None:
        raise Undecodable(f"kind {head.get('kind')!r}")
    return head | _message(envelope.get("raw", b""), fields)


def _message(data: bytes, fields: dict[int, _Field]) -> Obj:
    found: Obj = {}
    for number, raw in _split(data):
        field = fields.get(number)
        if field is None:
            continue
        value = _value(raw, field)
        if field.repeated:
            found.setdefault(field.name, []).append(value)
        elif field.form == "map":
            found.setdefault(field.name, {}).update(value)
        elif value != "":
            found[field.name] = value
    return found


def _value(raw: int | bytes, field: _Field) -> Any:
    if isinstance(raw, int):
        return bool(raw) if field.form == "flag" else raw
    if field.form == "bytes":
        return raw
    if field.form == "map":
        entry = _message(raw, _texts("key", "value"))
        return {entry.get("key", ""): entry.get("value", "")}
    if isinstance(field.form, dict):
        return _message(raw, field.form)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Undecodable(f"{field.name} is no text") from None


def _split(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers with their raw values."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise Undecodable(f"wire type {wire}")
        if at + size > len(data):
            raise Undecodable("cut short")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise Undecodable("bad number")
