"""VirtualServices as hypothesis may think of them, strange ones included."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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
