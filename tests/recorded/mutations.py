"""Stale routes: what a proxy may still have of an older edition of the objects.

Each field of a recorded route is left out and altered, and lists are cut and turned round. What
makes no difference to a request is named here, with the reason.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

Obj = dict[str, Any]
Path = tuple[str | int, ...]

NO_EFFECT = {
    "max_grpc_timeout": "istiod gives it the value of the timeout, older ones leave it out",
    "treat_missing_header_as_empty": "editions of istiod differ in it",
    "trace_sampled": "only whether copies are traced",
    "disable_shadow_host_suffix_append": "only the name of the host of copies, by edition",
    "typed_config": "what a predicate is, its name says",
    "@type": "what a filter is, its name says",
    "filter_enabled": "CORS is on where its part is left out",
}
_DURATION = re.compile(r"\d+(\.\d+)?s")


def stale(route: Obj) -> Iterator[tuple[str, Obj]]:
    """Other routes than this one, each with the words for what is other."""
    for path, value in _walk(route, ()):
        if any(part in NO_EFFECT for part in path):
            continue
        others: list[Any] = [None] if _droppable(route, path, value) else []
        for other in (*others, *_others(route, path, value)):
            changed = _changed(route, path, other)
            if "clusters" in path and _odds(route) == _odds(changed):
                continue
            if path[-1] not in FRACTIONS or _shares(route) != _shares(changed):
                yield f"{_name(path)} = {json.dumps(other)}", changed


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if path:
        yield path, value
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, part in items:
        yield from _walk(part, (*path, key))


def _droppable(route: Obj, path: Path, value: Any) -> bool:
    """Not where nothing stands there, or the default, or what Envoy does not do without."""
    if value in ("", {}, [], False) or (path[-1], value) in DEFAULTS:
        return False
    if path == ("match",):
        return False
    if path[-1] in ("typed_per_filter_config", FAULT, "percentage") and not _does(value):
        return False
    if path[-1] == "weight" or (path[-1] == "name" and "clusters" in path):
        return len(route["route"]["weighted_clusters"]["clusters"]) > 1
    return True


FAULT = "envoy.filters.http.fault"

FRACTIONS = ("runtime_fraction", "default_value", "denominator", "percentage", "numerator")
"""Fields that count by the part of the requests that they make together."""

DEFAULTS = (
    ("present_match", True),
    ("prefix", "/"),
    ("timeout", "15s"),
    ("case_sensitive", True),
    ("denominator", "HUNDRED"),
    ("forward_not_matching_preflights", True),
    ("response_code", "MOVED_PERMANENTLY"),
    ("num_retries", 1),
    ("host_selection_retry_max_attempts", "1"),
)


def _does(value: Obj) -> bool:
    """Whether a part is more than a name and a denominator."""
    inside = value.get(FAULT, value)
    return any(key not in ("@type", "denominator") for key in inside) or len(value) > 1


def _odds(route: Obj) -> dict[str, float]:
    """How likely each cluster is, with what the route does to requests on the way there."""
    clusters = route["route"]["weighted_clusters"].get("clusters", [])
    total = sum(entry.get("weight", 0) for entry in clusters)
    found: dict[str, float] = {}
    for entry in clusters:
        target = json.dumps({k: v for k, v in entry.items() if k != "weight"}, sort_keys=True)
        found[target] = found.get(target, 0.0) + entry.get("weight", 0) / total
    return found


def _shares(route: Obj) -> list[float]:
    """Of how many requests copies are made, and a fault is injected."""
    found = []
    for mirror in route.get("route", {}).get("request_mirror_policies", ()):
        part = mirror.get("runtime_fraction", {"default_value": {"numerator": 100}})
        found.append(_share(part.get("default_value", {})))
    fault = route.get("typed_per_filter_config", {}).get(FAULT, {})
    return [
        *found,
        *(_share(fault.get(key, {}).get("percentage", {})) for key in ("delay", "abort")),
    ]


def _share(part: Obj) -> float:
    whole = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
    return float(part.get("numerator", 0)) / whole[part.get("denominator", "HUNDRED")]


def _others(route: Obj, path: Path, value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        if path[-1] != "case_sensitive" or _has_case(route):
            yield not value
    elif isinstance(value, int):
        if path[-1] != "weight" or len(route["route"]["weighted_clusters"]["clusters"]) > 1:
            yield value + 1
    elif isinstance(value, str):
        yield _other_text(path, value)
    elif isinstance(value, list) and value:
        yield [*value[1:]]
        if path[-1] == "path":
            yield [*reversed(value)] if value != [*reversed(value)] else [*value, value[0]]


def _has_case(route: Obj) -> bool:
    match = route["match"]
    texts = (match.get(kind, "") for kind in ("path", "prefix", "path_separated_prefix"))
    return any(text.lower() != text.upper() for text in texts)


def _other_text(path: Path, value: str) -> str:
    if _DURATION.fullmatch(value):
        return f"{float(value[:-1]) + 1:g}s"
    if path[-1] == "denominator":
        return "HUNDRED" if value != "HUNDRED" else "MILLION"
    if path[-1] == "response_code":
        return "FOUND" if value != "FOUND" else "SEE_OTHER"
    if path[-1] == "retry_on":
        return f"{value},reset-before-request"
    return f"{value}x" if not value.isdigit() else str(int(value) + 1)


def _name(path: Path) -> str:
    return ".".join(map(str, path))


def _changed(route: Obj, path: Path, value: Any) -> Obj:
    """The route with another value at a place; None takes it away."""
    found = copy.deepcopy(route)
    place: Any = found
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return found
