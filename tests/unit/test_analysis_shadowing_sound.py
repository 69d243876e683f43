"""A rule called unreachable never takes a request, as the trace decides which rule does."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshtui.diagnosis.analysis import analyze
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import Client
from meshtui.mesh.trace import Caller, trace
from tests.unit.objects import route, service, virtual_service

PATHS = ("/", "/a", "/A", "/a/b", "/ab", "/b")
VALUES = ("", "x", "xy", "y")
_path = st.one_of(
    st.sampled_from(PATHS).map(lambda path: {"exact": path}),
    st.sampled_from(PATHS).map(lambda path: {"prefix": path}),
    st.sampled_from(("/a.*", ".*", "/a|/b")).map(lambda text: {"regex": text}),
)
_value = st.one_of(
    st.just({}),
    st.sampled_from(VALUES[1:]).map(lambda value: {"exact": value}),
    st.sampled_from(VALUES[1:]).map(lambda value: {"prefix": value}),
    st.sampled_from(("x.*", ".*", "*")).map(lambda text: {"regex": text}),
)
_named = st.dictionaries(st.sampled_from(("h", "H", "g")), _value, min_size=1, max_size=2)
_match = st.fixed_dictionaries(
    {},
    optional={
        "uri": _path,
        "ignoreUriCase": st.booleans(),
        "method": st.sampled_from(("GET", "POST")).map(lambda method: {"exact": method}),
        "headers": _named,
        "withoutHeaders": _named,
        "queryParams": _named,
        "port": st.sampled_from((9080, 9090)),
        "sourceNamespace": st.sampled_from(("default", "prod")),
        "gateways": st.lists(st.sampled_from(("mesh", "door")), min_size=1, max_size=2),
    },
)
_rules = st.lists(st.one_of(st.just([]), st.lists(_match, max_size=2)), min_size=2, max_size=5)
_request = st.builds(
    Request,
    method=st.sampled_from(("GET", "POST")),
    path=st.builds(
        lambda path, query: f"{path}{query}",
        st.sampled_from(PATHS),
        st.sampled_from(("", "?h=x", "?h=xy&g=y", "?H=")),
    ),
    authority=st.sampled_from(("reviews:9080", "reviews:9090")),
    headers=st.dictionaries(st.sampled_from(("h", "g")), st.sampled_from(VALUES)).map(
        lambda headers: tuple(headers.items())
    ),
)


@given(_rules, st.lists(_request, min_size=5, max_size=10))
def test_an_unreachable_rule_takes_nothing(
    matches: list[list[dict[str, Any]]], requests: list[Request]
) -> None:
    rules = [{"match": match, "route": [route("v1")]} for match in matches]
    called = service("reviews")
    called["spec"]["ports"] = [{"name": "a", "port": 9080}, {"name": "b", "port": 9090}]
    owner = virtual_service("reviews", *rules, gateways=["mesh", "door"])
    mesh = parse_mesh({"services": [called], "virtualservices": [owner]})
    dead = {found.field for found in analyze(mesh) if found.code == "unreachable-rule"}
    for request in requests:
        rule = trace(mesh, request, Caller(Client("default"))).rule
        assert rule is None or f"spec.http[{rule.index}]" not in dead
