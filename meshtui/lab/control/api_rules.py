"""HTTPRoutes and GRPCRoutes → the `http` rules that a VirtualService would have for them.

Each match becomes a rule of its own, so that rules of several routes can be put in the order that
the Gateway API prescribes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control.api_backends import Backends
from meshtui.lab.control.api_filters import filtered, modified_headers
from meshtui.lab.control.match import SEPARATED
from meshtui.lab.control.world import ApiObject

GRPC = "GRPCRoute"
_RETRY_ON = ("connect-failure", "refused-stream", "unavailable", "cancelled")
_ATTEMPTS = 2
_ANYTHING: Mapping[str, Any] = {"path": {"type": "PathPrefix", "value": "/"}}
_RANK = {"exact": 3, SEPARATED: 2, "regex": 1}


def rules_of(route: ApiObject, backends: Backends, port: int) -> list[Obj]:
    """Raises InvalidFilterError. With a port (not 0) the rules are for it alone."""
    found = []
    for index, rule in enumerate(route.spec.get("rules") or ({},)):
        name = str(rule.get("name") or f"{route.namespace}.{route.name}.{index}")
        entries: Iterable[Mapping[str, Any]] = rule.get("matches") or ({},)
        for entry in entries:
            match = _grpc(entry) if route.kind == GRPC else _http(entry)
            made = _rule(rule, match, backends)
            found.append({"name": name, "match": [match | ({"port": port} if port else {})]} | made)
    return found


def ordered(rules: Iterable[Obj]) -> list[Obj]:
    """The most specific first; of equals the earlier."""
    return sorted(rules, key=_precedence)


def _precedence(rule: Obj) -> tuple[int, int, bool, int, int]:
    match = rule["match"][0]
    (kind, text), *_ = match["uri"].items()
    return (
        -_RANK[kind],
        -len(text),
        "method" not in match,
        -len(match.get("headers") or ()),
        -len(match.get("queryParams") or ()),
    )


def _rule(rule: Mapping[str, Any], match: Obj, backends: Backends) -> Obj:
    made = filtered(rule.get("filters") or (), match, backends)
    if "redirect" in made:
        return made
    chosen = backends.weighted(rule.get("backendRefs") or ())
    route = [part | modified_headers(ref.get("filters") or ()) for ref, part in chosen]
    made |= {"route": route} if route else {"directResponse": {"status": 500}}
    return made | _limits(rule)


def _limits(rule: Mapping[str, Any]) -> Obj:
    """Timeouts and retries; a backend's timeout is the request's where nothing is retried."""
    timeouts, retry = rule.get("timeouts") or {}, rule.get("retry")
    request, backend = timeouts.get("request"), timeouts.get("backendRequest")
    timeout = (backend if retry is None else None) or request
    return {
        **({"timeout": timeout} if timeout else {}),
        **({} if retry is None else {"retries": _retries(retry, backend)}),
    }


def _retries(retry: Mapping[str, Any], per_try: str | None) -> Obj:
    codes = [str(code) for code in retry.get("codes") or ()]
    return {
        "attempts": retry.get("attempts", _ATTEMPTS),
        "retryOn": ",".join([*_RETRY_ON, *codes]),
        **({"perTryTimeout": per_try} if per_try else {}),
        **({"backoff": retry["backoff"]} if retry.get("backoff") else {}),
    }


def _http(entry: Mapping[str, Any]) -> Obj:
    path = {**_ANYTHING["path"], **(entry.get("path") or {})}
    queries = _named(entry.get("queryParams") or ())
    return {
        "uri": _uri(str(path["type"]), str(path["value"])),
        **_headers(entry),
        **({"queryParams": queries} if queries else {}),
        **({"method": {"exact": entry["method"]}} if entry.get("method") else {}),
    }


def _uri(kind: str, value: str) -> Obj:
    if kind == "Exact":
        return {"exact": value}
    if kind == "RegularExpression":
        return {"regex": value}
    return {SEPARATED: value.removesuffix("/") or "/"}


def _headers(entry: Mapping[str, Any]) -> Obj:
    found = _named(entry.get("headers") or ())
    return {"headers": found} if found else {}


def _named(entries: Iterable[Mapping[str, Any]]) -> Obj:
    """Of two for one name the first counts."""
    found: Obj = {}
    for entry in entries:
        kind = "regex" if entry.get("type") == "RegularExpression" else "exact"
        found.setdefault(str(entry["name"]), {kind: str(entry["value"])})
    return found


def _grpc(entry: Mapping[str, Any]) -> Obj:
    """A method is the last part of a path, its service the first."""
    method = entry.get("method") or {}
    service, name = method.get("service"), method.get("method")
    exact = method.get("type", "Exact") == "Exact"
    if not service and not name:
        uri: Obj = {SEPARATED: "/"}
    elif exact and service:
        uri = {"exact": f"/{service}/{name}"} if name else {SEPARATED: f"/{service}"}
    else:
        last = re.escape(name) if exact and name else name or ".+"
        uri = {"regex": f"/{service or '[^/]+'}/{last}"}
    return {"uri": uri, **_headers(entry)}
