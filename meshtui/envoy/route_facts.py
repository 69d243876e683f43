"""What a route of Envoy's does, as facts that can be compared one by one.

The same is done by routes that are written differently: a config dump leaves defaults out, older
istiods write older fields, weights are ratios. Facts are equal where the effect is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.matches import parse_match
from meshtui.mesh import read
from meshtui.mesh.model import Json
from meshtui.mesh.quantity import seconds
from meshtui.mesh.resolution.actions import CORS, FAULT

OWNER = re.compile(r"/apis/networking\.istio\.io/[^/]+/namespaces/([^/]+)/virtual-service/([^/]+)")
_DENOMINATORS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
_ENVOYS_TIMEOUT_S = 15.0
_ENVOYS_ATTEMPTS = 1
_ADDED = {"": "add", "APPEND_IF_EXISTS_OR_ADD": "add", "OVERWRITE_IF_EXISTS_OR_ADD": "set"}
_REWRITES = (
    "prefix_rewrite",
    "path_rewrite",
    "regex_rewrite",
    "path_rewrite_policy",
    "host_rewrite_literal",
    "host_rewrite_header",
    "host_rewrite_path_regex",
    "auto_host_rewrite",
)
_CORS_DEFAULTS: Json = {
    "filter_enabled": {"default_value": {"numerator": 100}},
    "forward_not_matching_preflights": True,
}
_DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "denominator": ("HUNDRED",),
    "response_code": ("MOVED_PERMANENTLY",),
    "runtime_key": ("",),
}
_DURATION = re.compile(r"\d+(\.\d+)?s")
_BY_CODE = "retriable-status-codes"
_OLDER_DEFAULT = frozenset({"connect-failure", "refused-stream", "unavailable", "cancelled"})
"""Istio's own conditions up to 1.23, which tried 503 again."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a route does; `value` decides whether two are the same.

    `detail` tells two apart whose text is the same.
    """

    value: Any
    text: str
    detail: str = ""


Facts = Mapping[str, Fact]


def route_facts(route: Json) -> dict[str, Fact]:
    """What a route does, by what an operator calls it. What is not there is not done."""
    found = dict(_identity(route))
    found["conditions"] = match_fact(read.obj(route, "match"))
    found |= _headers(route, "")
    if "redirect" in route:
        found["action"] = Fact("redirect", "a redirect")
        found |= _each("redirect ", read.obj(route, "redirect"))
    elif "direct_response" in route:
        found["action"] = Fact("direct", "a direct response")
        found |= _each("response ", read.obj(route, "direct_response"))
    elif "route" in route:
        found["action"] = Fact("forward", "forwarding")
        found |= _forwarding(read.obj(route, "route"))
    filters = read.obj(route, "typed_per_filter_config")
    found |= _fault(read.obj(filters, FAULT))
    if cors := read.obj(filters, CORS):
        found |= _each("CORS ", {**_CORS_DEFAULTS, **cors})
    return found


def owner_of(route: Json) -> tuple[str, str] | None:
    """Namespace and name of the VirtualService that a route is made of."""
    path = read.text(read.obj(route, "metadata", "filter_metadata", "istio"), "config")
    match = OWNER.fullmatch(path)
    return (match[1], match[2]) if match else None


def match_fact(match: Json) -> Fact:
    """Which requests it takes; what an edition of istiod adds without effect is left out."""
    parsed = parse_match(match)
    claims = plain(read.items(match, "dynamic_metadata"))
    text = f"{parsed.text}: {_short(claims)}" if claims else parsed.text
    return Fact((parsed, _key(claims)), text)


def _identity(route: Json) -> Iterator[tuple[str, Fact]]:
    if name := read.text(route, "name"):
        yield "name", Fact(name, name)
    if owner := owner_of(route):
        yield "VirtualService", Fact(owner, "/".join(owner))
    if prefix := read.text(route, "stat_prefix"):
        yield "prefix of statistics", Fact(prefix, prefix)


def _forwarding(action: Json) -> Iterator[tuple[str, Fact]]:
    yield from _weights(action)
    yield from _mirrors(action)
    raw = read.text(action, "timeout")
    timeout = seconds(raw) if raw else _ENVOYS_TIMEOUT_S
    if timeout:
        yield "timeout", Fact(timeout, f"{timeout:g} s")
    yield from _retries(read.obj(action, "retry_policy"))
    for key in _REWRITES:
        if value := plain(action.get(key)):
            yield _words(key), _fact(value)
    if policies := plain(read.items(action, "hash_policy")):
        yield "hash policy", _fact(policies)
    for key in ("cluster_header", "cluster_not_found_response_code"):
        value = read.text(action, key)
        if value not in ("", "SERVICE_UNAVAILABLE"):
            yield _words(key), Fact(value, value)


def _weights(action: Json) -> Iterator[tuple[str, Fact]]:
    entries = read.objects(read.obj(action, "weighted_clusters"), "clusters")
    if "cluster" in action:
        entries = [{"name": read.text(action, "cluster"), "weight": 1}]
    entries = [entry for entry in entries if read.integer(entry, "weight") > 0]
    total = sum(read.integer(entry, "weight") for entry in entries)
    labels = _labels(read.text(entry, "name") for entry in entries)
    shares: dict[str, Fraction] = {}
    done: dict[str, list[Fact]] = {}
    for entry in entries:
        name = read.text(entry, "name")
        share = Fraction(read.integer(entry, "weight"), total)
        shares[name] = shares.get(name, Fraction()) + share
        for what, fact in _of_destination(entry):
            shared = Fact((share, fact.value), fact.text)
            done.setdefault(f"{what} for {labels[name]}", []).append(shared)
    for name, share in shares.items():
        yield f"weight of {labels[name]}", Fact((name, share), _percent(share), name)
    for what, facts in done.items():
        alike = len({fact.value[1] for fact in facts}) == 1
        weighted = [fact.value for fact in facts]
        total_share = sum((share for share, _ in weighted), Fraction())
        value = (total_share, weighted[0][1]) if alike else sorted(weighted, key=str)
        yield what, Fact(value, "; ".join(dict.fromkeys(fact.text for fact in facts)))


def _of_destination(entry: Json) -> Iterator[tuple[str, Fact]]:
    """What is done only to the requests that go to one destination."""
    yield from _headers(entry, "").items()
    if host := read.text(entry, "host_rewrite_literal"):
        yield "host", Fact(host, host)


def _mirrors(action: Json) -> Iterator[tuple[str, Fact]]:
    shares: dict[str, Fraction] = {}
    for entry in read.objects(action, "request_mirror_policies"):
        runtime = entry.get("runtime_fraction")
        whole = {"numerator": 100}
        share = fraction(whole if runtime is None else read.obj(runtime, "default_value"))
        if share:
            name = read.text(entry, "cluster")
            shares[name] = shares.get(name, Fraction()) + share
    labels = _labels(shares)
    for name, share in shares.items():
        yield f"mirror to {labels[name]}", Fact((name, share), f"{_percent(share)} %", name)


def fraction(raw: Json) -> Fraction:
    """Envoy's FractionalPercent; parts that are left out are 0 of HUNDRED."""
    whole = _DENOMINATORS.get(read.text(raw, "denominator", "HUNDRED"), 100)
    return Fraction(max(0, read.integer(raw, "numerator")), whole)


def _retries(policy: Json) -> Iterator[tuple[str, Fact]]:
    if not policy:
        return
    attempts = read.integer(policy, "num_retries", _ENVOYS_ATTEMPTS)
    yield "retries", Fact(attempts, str(attempts))
    yield "conditions of retries", _conditions(policy)
    for key in ("per_try_timeout", "per_try_idle_timeout", "retry_back_off", "retry_priority"):
        if value := plain(policy.get(key)):
            yield _words(key), _fact(value)
    predicates = sorted(read.text(entry, "name") for entry in _predicates(policy))
    if predicates:
        yield "host predicates of retries", _fact(predicates)
    most = str(policy.get("host_selection_retry_max_attempts", "1"))
    yield "attempts to find another host", Fact(most, most)


def _predicates(policy: Json) -> list[Json]:
    return read.objects(policy, "retry_host_predicate")


def _conditions(policy: Json) -> Fact:
    words = {part.strip() for part in read.text(policy, "retry_on").split(",")} - {""}
    codes = {str(code) for code in read.items(policy, "retriable_status_codes")}
    if codes == {"503"} and words - {_BY_CODE} == _OLDER_DEFAULT:
        codes = set()
    return Fact((frozenset(words), frozenset(codes)), ",".join(sorted(words) + sorted(codes)))


def _fault(raw: Json) -> Iterator[tuple[str, Fact]]:
    delay, abort = read.obj(raw, "delay"), read.obj(raw, "abort")
    length, share = seconds(read.text(delay, "fixed_delay")), fraction(_part(delay))
    if length:
        yield "delay", Fact((length, share), f"{length:g} s for {_percent(share)} %")
    share = fraction(_part(abort))
    for key, kind in (("http_status", ""), ("grpc_status", "gRPC ")):
        if key in abort:
            status = read.integer(abort, key)
            yield "abort", Fact((key, status, share), f"{kind}{status} for {_percent(share)} %")


def _part(raw: Json) -> Json:
    return read.obj(raw, "percentage")


def _headers(raw: Json, whose: str) -> dict[str, Fact]:
    """Operations on headers; in which order different ones are done makes no difference."""
    found = {}
    for side in ("request", "response"):
        done = sorted((*_added(raw, side), *_removed(raw, side)))
        if done:
            found[f"{side} headers{whose}"] = Fact(tuple(done), "; ".join(map(_operation, done)))
    return found


def _added(raw: Json, side: str) -> Iterator[tuple[str, str, str]]:
    for option in read.objects(raw, f"{side}_headers_to_add"):
        header, action = read.obj(option, "header"), read.text(option, "append_action")
        verb = "set" if option.get("append") is False else _ADDED.get(action, action)
        yield verb, read.text(header, "key").lower(), read.text(header, "value")


def _removed(raw: Json, side: str) -> Iterator[tuple[str, str, str]]:
    return (("remove", name.lower(), "") for name in read.texts(raw, f"{side}_headers_to_remove"))


def _operation(done: tuple[str, str, str]) -> str:
    verb, name, value = done
    return f"{verb} {name}{f': {value}' if value else ''}"


def _labels(clusters: Iterable[str]) -> dict[str, str]:
    """What an operator calls each cluster: `v1`, `ratings`; the whole name where two are alike."""
    names = {name: parse_cluster_name(name).label for name in clusters}
    called = list(names.values())
    return {name: label if called.count(label) == 1 else name for name, label in names.items()}


def _each(before: str, raw: Json) -> dict[str, Fact]:
    """A fact for each field of a message."""
    found = {key: plain(value) for key, value in raw.items() if key != "@type"}
    return {
        f"{before}{_words(key)}": _fact(value)
        for key, value in found.items()
        if value not in (None, False, "", {}, []) and value not in _DEFAULTS.get(key, ())
    }


def plain(value: Any) -> Any:
    """Without defaults that a dump leaves out, and with durations as numbers."""
    if isinstance(value, Mapping):
        return {
            key: plain(part)
            for key, part in value.items()
            if part is not None and part != "" and part not in _DEFAULTS.get(key, ())
        }
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return float(value[:-1])
    return value


def _fact(value: Any) -> Fact:
    return Fact(_key(value), _short(value))


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _short(value: Any) -> str:
    """The values of a message, without the names of what only holds them."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g} s"
    if isinstance(value, Mapping):
        inside = (_short(part) for key, part in value.items() if key != "@type")
        return " ".join(filter(None, inside)) or ", ".join(map(str, value))
    if isinstance(value, list):
        return ", ".join(map(_short, value))
    return str(value)


def _words(key: str) -> str:
    return key.replace("_", " ")


def _percent(share: Fraction) -> str:
    return f"{float(share * 100):.7g}"


def differing(asked: Facts, actual: Facts, skip: Iterable[str] = ()) -> Iterator[str]:
    """Each fact that is not the same, as "timeout is 3 s, the proxy has none"."""
    left = set(skip)
    for name in dict.fromkeys((*asked, *actual)):
        wanted, found = asked.get(name), actual.get(name)
        if name in left or (wanted and found and wanted.value == found.value):
            continue
        none = "0" if name.startswith("weight of") else "none"
        asked_text, actual_text = _value_text(wanted, found, none), _value_text(found, wanted, none)
        yield f"{name} is {asked_text}, the proxy has {actual_text}"


def _value_text(fact: Fact | None, other: Fact | None, none: str) -> str:
    """Where the words are the same, what is behind them."""
    if fact is None:
        return none
    if other is not None and fact.text == other.text:
        return f"{fact.text} ({fact.detail or fact.value})"
    return fact.text
