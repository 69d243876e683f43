"""The patch that sets and clears faults, for all requests of a rule or for those with a header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.changes.change import Operation, SetFault
from meshtui.changes.effects import TARGETED
from meshtui.changes.json_copy import plain
from meshtui.changes.locate import Located
from meshtui.changes.patch import pointer, tokens
from meshtui.errors import Usage
from meshtui.mesh.model import RuleOwner
from meshtui.mesh.quantity import go_duration, number


def fault_operations(located: Located, request: SetFault) -> tuple[Operation, ...]:
    """Set the parts that are asked for; the other part of an existing fault stays."""
    parts = _parts(request)
    if request.header is not None:
        return _targeted(located, request.header, parts)
    steps = tokens(located.rule.pointer)
    present = located.raw_rule.get("fault")
    if not isinstance(present, Mapping):
        return ({"op": "add", "path": pointer(*steps, "fault"), "value": parts},)
    return tuple(
        {"op": "add", "path": pointer(*steps, "fault", key), "value": value}
        for key, value in parts.items()
        if present.get(key) != value
    )


def _parts(request: SetFault) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if request.delay_s is not None:
        if not 0.001 <= request.delay_s <= 3600:
            raise Usage(f"a delay of {request.delay_s:g}s: Istio wants 1ms to an hour")
        percentage = _percentage(request.delay_percent, "delay")
        parts["delay"] = {"percentage": percentage, "fixedDelay": go_duration(request.delay_s)}
    if request.abort_http is not None:
        if not 200 <= request.abort_http <= 599:
            raise Usage(f"--abort {request.abort_http}: an HTTP status is 200 to 599")
        percentage = _percentage(request.abort_percent, "abort")
        parts["abort"] = {"percentage": percentage, "httpStatus": request.abort_http}
    elif request.abort_grpc is not None:
        percentage = _percentage(request.abort_percent, "abort")
        parts["abort"] = {"percentage": percentage, "grpcStatus": request.abort_grpc}
    if not parts:
        raise Usage("a fault is a delay, an abort or both: --delay 3s, --abort 503")
    return parts


def _percentage(percent: float, what: str) -> dict[str, Any]:
    if not 0 < percent <= 100:
        raise Usage(f"--{what}-percent {percent:g}: more than 0 and at most 100")
    return {"value": number(percent)}


def _targeted(
    located: Located, header: tuple[str, str], parts: Mapping[str, Any]
) -> tuple[Operation, ...]:
    """A rule of its own above the one it copies: ordinary traffic never meets the fault."""
    index = _targeted_index(located, header)
    if index is not None:
        path = pointer("spec", "http", index, "fault")
        return ({"op": "add", "path": path, "value": dict(parts)},)
    rule = {
        "name": targeted_name(located, header),
        "match": [_with_header(m, header) for m in located.raw_rule.get("match") or [{}]],
        "fault": dict(parts),
    }
    copied = plain(located.raw_rule)
    rule |= {key: value for key, value in copied.items() if key not in rule}
    return ({"op": "add", "path": located.rule.pointer, "value": rule},)


def _with_header(match: Mapping[str, Any], header: tuple[str, str]) -> dict[str, Any]:
    name, value = header
    headers = {**(match.get("headers") or {}), name.lower(): {"exact": value}}
    return {**{k: v for k, v in match.items() if k != "name"}, "headers": headers}


def targeted_name(located: Located, header: tuple[str, str]) -> str:
    base = located.rule.name or "rule"
    return f"{TARGETED}-{base}-{header[0].lower()}-{header[1]}"


def _targeted_index(located: Located, header: tuple[str, str]) -> int | None:
    name = targeted_name(located, header)
    names = _names(located)
    return next((i for i in _targeting(located) if names[i] == name), None)


def _targeting(located: Located) -> list[int]:
    """The rules that exist only to inject a fault into what the located rule would take."""
    names = _names(located)
    return [i for i in range(len(names)) if _target_of(i, names) == located.rule.index]


def fault_is_of(owner: RuleOwner, index: int) -> int:
    """The rule whose requests with a header meet the fault of the rule at `index`; else itself."""
    base = _target_of(index, _names_of(owner))
    return index if base is None else base


def _target_of(index: int, names: list[str]) -> int | None:
    """The nearest rule below that the rule's name speaks of, the longest name first.

    `meshtui-fault-a-b-…` may be of a rule `a` or of `a-b`, and many rules have no name.
    """
    if not names[index].startswith(f"{TARGETED}-"):
        return None
    meant = [
        (len(names[i]), -i)
        for i in range(index + 1, len(names))
        if not names[i].startswith(f"{TARGETED}-")
        and names[index].startswith(f"{TARGETED}-{names[i] or 'rule'}-")
    ]
    return -max(meant)[1] if meant else None


def _names(located: Located) -> list[str]:
    return _names_of(located.owner)


def _names_of(owner: RuleOwner) -> list[str]:
    rules = owner.raw.get("spec", {}).get("http") or []
    return [str(rule.get("name", "")) if isinstance(rule, Mapping) else "" for rule in rules]


def clear_fault_operations(
    located: Located, header: tuple[str, str] | None = None
) -> tuple[Operation, ...]:
    """The rule's own fault and the rules made to target it are gone; `header`: only that one."""
    if header is not None:
        index = _targeted_index(located, header)
        return () if index is None else ({"op": "remove", "path": pointer("spec", "http", index)},)
    steps = tokens(located.rule.pointer)
    own: list[Operation] = (
        [{"op": "remove", "path": pointer(*steps, "fault")}] if "fault" in located.raw_rule else []
    )
    return (*own, *targeted_removals(located))


def targeted_removals(located: Located) -> tuple[Operation, ...]:
    """Takes away the rules that target faults at this rule, the last first."""
    hits = reversed(_targeting(located))
    return tuple({"op": "remove", "path": pointer("spec", "http", i)} for i in hits)
