"""One stored object, seen through the group and version a client asked in."""

from __future__ import annotations

from meshtui.lab.api.kinds import Resource, group_version
from meshtui.lab.contract import Obj

_EVENT_FIELDS = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_CORE_FIELDS = {core: new for new, core in _EVENT_FIELDS.items()}
_NEW_EVENT: Obj = {
    "deprecatedSource": {},
    "deprecatedFirstTimestamp": None,
    "deprecatedLastTimestamp": None,
}
_CORE_EVENT: Obj = {
    "source": {},
    "firstTimestamp": None,
    "lastTimestamp": None,
    "eventTime": None,
    "reportingComponent": "",
    "reportingInstance": "",
}


def served(resource: Resource, version: str, obj: Obj) -> Obj:
    """What a client gets: a new top level over the stored object's values."""
    head: Obj = {
        "apiVersion": group_version(resource.kind.group, version),
        "kind": resource.kind.kind,
        "metadata": obj["metadata"],
    }
    body = {k: v for k, v in obj.items() if k not in head}
    if resource.kind.plural == "events":
        body = _new_event(body) if resource.storage else _CORE_EVENT | body
    return head | body


def stored(resource: Resource, obj: Obj) -> Obj:
    """What is kept of an object a client sent."""
    kind = resource.stored
    head = {"apiVersion": group_version(kind.group, kind.preferred), "kind": kind.kind}
    body = {k: v for k, v in obj.items() if k not in head}
    if resource.storage and kind.plural == "events":
        body = {_EVENT_FIELDS.get(k, k): v for k, v in body.items()}
        body = {k: v for k, v in body.items() if v not in (None, {})}
    return head | body


def _new_event(body: Obj) -> Obj:
    return _NEW_EVENT | {_CORE_FIELDS.get(k, k): v for k, v in body.items()}
