"""VirtualServices and DestinationRules as hypothesis may think of them, strange ones included."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from tests.unit.crd import complaints, pruned

SUBSETS = ("v1", "v2", "v3", "v4")

_string_match = st.one_of(
    st.builds(lambda v: {"exact": v}, st.sampled_from(["/a", "/b", "x"])),
    st.builds(lambda v: {"prefix": v}, st.sampled_from(["/", "/api"])),
    st.builds(lambda v: {"regex": v}, st.sampled_from([".*", "a|b"])),
    st.just({}),
)
_match = st.fixed_dictionaries(
    {},
    optional={
        "uri": _string_match,
        "headers": st.dictionaries(
            st.sampled_from(["end-user", "x~y/z"]), _string_match, max_size=2
        ),
        "port": st.integers(1, 65535),
        "unknownField": st.just({"deep": [1, 2]}),
    },
)
_percentage = st.fixed_dictionaries({"value": st.sampled_from([0.1, 5, 50, 100])})
_destination = st.fixed_dictionaries(
    {"host": st.just("reviews"), "subset": st.sampled_from(SUBSETS)},
    optional={"port": st.just({"number": 9080})},
)
_fault = st.fixed_dictionaries(
    {},
    optional={
        "delay": st.fixed_dictionaries(
            {"fixedDelay": st.just("3s")}, optional={"percentage": _percentage}
        ),
        "abort": st.fixed_dictionaries(
            {"httpStatus": st.just(503)}, optional={"percentage": _percentage}
        ),
    },
)


@st.composite
def _routes(draw: st.DrawFn) -> list[dict[str, Any]]:
    subsets = draw(st.lists(st.sampled_from(SUBSETS), min_size=1, max_size=4, unique=True))
    entries = []
    for subset in subsets:
        entry: dict[str, Any] = {"destination": {"host": "reviews", "subset": subset}}
        weight = draw(st.one_of(st.none(), st.integers(0, 1000)))
        if weight is not None:
            entry["weight"] = weight
        if draw(st.booleans()):
            entry["headers"] = {"response": {"set": {"x-version": subset}}}
        entries.append(entry)
    return entries


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = {"route": draw(_routes())}
    optional: dict[str, st.SearchStrategy[Any]] = {
        "name": st.sampled_from(["a", "b", "c/d"]),
        "match": st.lists(_match, min_size=1, max_size=3),
        "fault": _fault,
        "timeout": st.just("10s"),
        "retries": st.just({"attempts": 3, "retryOn": "5xx"}),
        "rewrite": st.just({"uri": "/v2"}),
        "headers": st.just({"request": {"add": {"x": "y"}}}),
        "somethingNew": st.just({"a": [{"b": None}]}),
    }
    for key, strategy in optional.items():
        if draw(st.booleans()):
            rule[key] = draw(strategy)
    form = draw(st.sampled_from(["none", "mirror", "mirrors"]))
    if form == "mirror":
        rule["mirror"] = draw(_destination)
        spelling = draw(
            st.sampled_from(["", "mirrorPercentage", "mirrorPercent", "mirror_percent"])
        )
        if spelling == "mirrorPercentage":
            rule[spelling] = {"value": 25}
        elif spelling:
            rule[spelling] = 25
    elif form == "mirrors":
        rule["mirrors"] = [{"destination": draw(_destination), "percentage": draw(_percentage)}]
    return rule


@st.composite
def virtual_services(draw: st.DrawFn) -> dict[str, Any]:
    """One with 1 to 4 HTTP rules, TCP and TLS routes beside them, and fields nobody knows."""
    spec: dict[str, Any] = {
        "hosts": ["reviews"],
        "http": draw(st.lists(rules(), min_size=1, max_size=4)),
    }
    if draw(st.booleans()):
        spec["tcp"] = [{"route": [{"destination": {"host": "reviews", "subset": "v1"}}]}]
    if draw(st.booleans()):
        spec["tls"] = [
            {"match": [{"sniHosts": ["r"]}], "route": [{"destination": {"host": "reviews"}}]}
        ]
    if draw(st.booleans()):
        spec["aFieldFromTheFuture"] = {"x": [1, {"y": "z"}]}
    return {
        "metadata": {
            "name": "reviews",
            "namespace": "default",
            "uid": "u",
            "resourceVersion": "7",
        },
        "spec": spec,
    }


_other_rules = st.sampled_from(
    [
        {"name": "handed-on", "delegate": {"name": "elsewhere", "namespace": "other"}},
        {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}},
        {"match": [{"uri": {"exact": "/up"}}], "directResponse": {"status": 200}},
        {"name": "meshtui-fault-a-x-1", "match": [{"headers": {"x": {"exact": "1"}}}]},
    ]
)


@st.composite
def valid_virtual_services(draw: st.DrawFn) -> dict[str, Any]:
    """One that the API server holds as it is, with rules among others that no verb is about."""
    raw = draw(virtual_services())
    for other in draw(st.lists(_other_rules, max_size=2)):
        place = draw(st.integers(0, len(raw["spec"]["http"])))
        raw["spec"]["http"].insert(place, copy.deepcopy(other))
    stored = pruned(raw, "VirtualService")
    assert complaints(stored) == []
    return stored


_pool = st.fixed_dictionaries(
    {},
    optional={
        "tcp": st.fixed_dictionaries(
            {}, optional={"maxConnections": st.integers(1, 9), "connectTimeout": st.just("1s")}
        ),
        "http": st.fixed_dictionaries(
            {},
            optional={
                "http1MaxPendingRequests": st.integers(1, 9),
                "useClientProtocol": st.booleans(),
            },
        ),
    },
)
_outliers = st.fixed_dictionaries(
    {},
    optional={
        "consecutive5xxErrors": st.one_of(st.none(), st.integers(0, 9)),
        "interval": st.just("5s"),
        "maxEjectionPercent": st.integers(0, 100),
    },
)
_policy = st.fixed_dictionaries(
    {},
    optional={
        "connectionPool": _pool,
        "outlierDetection": _outliers,
        "loadBalancer": st.just({"simple": "LEAST_REQUEST"}),
        "tls": st.just({"mode": "ISTIO_MUTUAL"}),
        "portLevelSettings": st.just([{"port": {"number": 9080}, "connectionPool": {}}]),
    },
)


@st.composite
def destination_rules(draw: st.DrawFn) -> dict[str, Any]:
    """One for `reviews` that the API server holds as it is, with 0 to 4 subsets."""
    spec: dict[str, Any] = {
        "host": draw(st.sampled_from(["reviews", "reviews.default.svc.cluster.local"]))
    }
    if draw(st.booleans()):
        spec["trafficPolicy"] = draw(_policy)
    names = draw(st.lists(st.sampled_from(SUBSETS), max_size=4, unique=True))
    subsets = [{"name": name, "labels": {"version": name}} for name in names]
    for subset in subsets:
        if draw(st.booleans()):
            subset["trafficPolicy"] = draw(_policy)
    if subsets or draw(st.booleans()):
        spec["subsets"] = subsets
    if draw(st.booleans()):
        spec["exportTo"] = ["."]
    meta = {"name": "reviews", "namespace": "default", "uid": "u-dr", "resourceVersion": "7"}
    stored = pruned({"metadata": meta, "spec": spec}, "DestinationRule")
    assert complaints(stored) == []
    return stored


json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from([0.0, 1.0, 1.5]),
        st.sampled_from(["", "a", "0", "~/"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "/~", "0", ""]), inner, max_size=3),
    ),
    max_leaves=8,
)
"""Anything that JSON can hold, small enough to be alike now and then."""
