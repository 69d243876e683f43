"""What an Event and a Lease have to be, and how exact their times are.

https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/apis/core/validation/events.go
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshtui.lab.api import status
from meshtui.lab.api.request import Target
from meshtui.lab.api.status import Cause
from meshtui.lab.contract import Obj

_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"
_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_MICROSECONDS = re.compile(r"\.\d{6}(Z|[-+]\d\d:\d\d)")
_TIMES = {
    "Event": (("eventTime",), ("series", "lastObservedTime")),
    "Lease": (("spec", "acquireTime"), ("spec", "renewTime")),
}


def check_times(target: Target, obj: Obj) -> None:
    """A MicroTime has six decimals, neither more nor fewer; 400 as the decoder answers."""
    for path in _TIMES.get(target.kind.kind, ()):
        value: object = obj
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str):
            _check_time(target, value)


def _check_time(target: Target, text: str) -> None:
    seconds = _SECONDS.match(text)
    rest = text[seconds.end() :] if seconds else text
    if seconds and _MICROSECONDS.fullmatch(rest):
        return
    kind, wanted = target.kind.kind, ".000000" if seconds else "2006"
    raise status.bad_request(
        f'{kind} in version "{target.version}" cannot be handled as a {kind}: parsing time '
        f'"{text}" as "{_LAYOUT}": cannot parse "{rest}" as "{wanted}"'
    )


def causes(target: Target, obj: Obj) -> list[Cause]:
    """What is wrong with an Event or a Lease; nothing for any other kind."""
    checks = {"events": _event, "leases": _lease}
    check = checks.get(target.stored.plural)
    return list(check(obj)) if check else []


def _lease(obj: Obj) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    for field, least, words in (
        ("leaseDurationSeconds", 1, "must be greater than 0"),
        ("leaseTransitions", 0, "must be greater than or equal to 0"),
    ):
        number = spec.get(field)
        if isinstance(number, int) and number < least:
            yield Cause("FieldValueInvalid", f"Invalid value: {number}: {words}", f"spec.{field}")


def _event(obj: Obj) -> Iterator[Cause]:
    namespace = obj["metadata"].get("namespace") or ""
    about = (obj.get("involvedObject") or {}).get("namespace") or ""
    if obj.get("eventTime"):
        misplaced = not about and namespace not in ("default", "kube-system")
        yield from _required(obj)
    else:
        misplaced = about != namespace if about else namespace != "default"
    if misplaced:
        message = f'Invalid value: "{about}": does not match event.namespace'
        yield Cause("FieldValueInvalid", message, "involvedObject.namespace")


def _required(obj: Obj) -> Iterator[Cause]:
    for field, shown in (
        ("reportingComponent", "reportingController"),
        ("reportingInstance", "reportingInstance"),
        ("action", "action"),
        ("reason", "reason"),
    ):
        if not obj.get(field):
            yield Cause("FieldValueRequired", "Required value", shown)
        elif field != "reportingComponent" and len(str(obj[field])) > 128:
            message = 'Invalid value: "": can have at most 128 characters'
            yield Cause("FieldValueInvalid", message, shown)
    if len(str(obj.get("message") or "").encode()) > 1024:
        message = 'Invalid value: "": can have at most 1024 characters'
        yield Cause("FieldValueInvalid", message, "message")
