"""Rules that are never reached: said only when it is certain."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.diagnosis.analysis import Finding, analyze
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import reviews, route, service, virtual_service

Obj = dict[str, Any]
CODES = ("unreachable-rule", "ineffective-match")


def shadowed(*matches: list[Obj] | None, **more: Any) -> list[Finding]:
    """What is said of rules with these matches, in this order."""
    rules: list[Obj] = [
        {"route": [route("v1")], **({"match": match} if match is not None else {}), **more}
        for match in matches
    ]
    return [found for found in analyze(reviews(*rules)) if found.code in CODES]


JASON = {"headers": {"end-user": {"exact": "jason"}}}


def test_what_follows_a_catch_all_is_never_reached() -> None:
    (found,) = shadowed(None, [JASON])
    assert (found.code, found.severity, found.field) == (
        "unreachable-rule",
        "warning",
        "spec.http[1]",
    )
    assert found.same_as == ("IST0130",)
    assert "http[0] above it takes every request" in found.effect


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ({"uri": {"prefix": "/"}}, JASON),
        ({"uri": {"regex": ".*"}}, {"uri": {"exact": "/a"}}),
        (JASON, JASON),
        (JASON, {**JASON, "uri": {"prefix": "/api"}}),
        ({"uri": {"prefix": "/api"}}, {"uri": {"prefix": "/api/v1"}}),
        ({"uri": {"prefix": "/api"}}, {"uri": {"exact": "/api"}}),
        ({"uri": {"exact": "/a"}}, {"uri": {"exact": "/a"}, "method": {"exact": "GET"}}),
        ({"uri": {"prefix": "/A"}, "ignoreUriCase": True}, {"uri": {"exact": "/ab"}}),
        ({"uri": {"regex": "/a+"}}, {"uri": {"regex": "/a+"}}),
        ({"headers": {"X-A": {}}}, {"headers": {"x-a": {"prefix": "b"}}}),
        ({"queryParams": {"q": {"exact": "1"}}}, {"queryParams": {"q": {"exact": "1"}}, "port": 1}),
        ({"withoutHeaders": {"x": {}}}, {"withoutHeaders": {"x": {}, "y": {}}}),
        ({"port": 80}, {"port": 80, "sourceNamespace": "a"}),
        ({"sourceLabels": {"app": "a"}}, {"sourceLabels": {"app": "a", "version": "v1"}}),
        ({"gateways": ["mesh"]}, JASON),
        ({"uri": {"regex": "/.*"}}, {"uri": {"exact": "/a"}}),
    ],
)
def test_a_match_that_is_taken_above(above: Obj, below: Obj) -> None:
    (found,) = shadowed([above], [below])
    assert (found.code, found.field) == ("unreachable-rule", "spec.http[1]")


@pytest.mark.parametrize(
    ("above", "below"),
    [
        (JASON, None),
        (JASON, {"headers": {"end-user": {"exact": "ann"}}}),
        (JASON, {"headers": {"end-user": {"regex": "jason"}}}),
        ({**JASON, "uri": {"prefix": "/"}}, {"uri": {"prefix": "/"}}),
        ({"uri": {"prefix": "/api/v1"}}, {"uri": {"prefix": "/api"}}),
        ({"uri": {"exact": "/api"}}, {"uri": {"prefix": "/api"}}),
        ({"uri": {"exact": "/a"}}, {"uri": {"exact": "/A"}}),
        ({"uri": {"exact": "/a"}}, {"uri": {"exact": "/a"}, "ignoreUriCase": True}),
        ({"queryParams": {"Q": {}}}, {"queryParams": {"q": {}}}),
        ({"withoutHeaders": {"x": {}, "y": {}}}, {"withoutHeaders": {"x": {}}}),
        ({"port": 80}, {"uri": {"prefix": "/"}}),
        ({"sourceNamespace": "a"}, {"sourceNamespace": "b"}),
        ({"sourceLabels": {"app": "a", "version": "v1"}}, {"sourceLabels": {"app": "a"}}),
        ({"somethingNew": {"exact": "x"}}, JASON),
        ({"gateways": ["elsewhere"]}, JASON),
    ],
)
def test_a_match_that_may_still_be_reached(above: Obj, below: Obj | None) -> None:
    assert not shadowed([above], None if below is None else [below])


def test_one_of_several_matches_is_taken() -> None:
    (found,) = shadowed([JASON], [JASON, {"uri": {"exact": "/a"}}])
    assert (found.code, found.severity, found.field) == (
        "ineffective-match",
        "info",
        "spec.http[1].match[0]",
    )
    assert found.same_as == ("IST0131",)


def test_several_rules_above_take_a_rule_together() -> None:
    below = [{"uri": {"exact": "/a"}}, {"uri": {"exact": "/b/c"}}]
    (found,) = shadowed([{"uri": {"exact": "/a"}}], [{"uri": {"prefix": "/b"}}], below)
    assert (found.code, found.field) == ("unreachable-rule", "spec.http[2]")


def test_a_match_twice_in_one_rule_harms_nobody() -> None:
    assert not shadowed([JASON, JASON], None)


def test_a_rule_that_hands_over_takes_nothing_for_certain() -> None:
    mesh = reviews({"delegate": {"name": "other"}}, {"route": [route("v1")]})
    assert not [found for found in analyze(mesh) if found.code in CODES]


def test_a_redirect_takes_requests_too() -> None:
    mesh = reviews({"redirect": {"uri": "/"}}, {"route": [route("v1")]})
    assert [found.field for found in analyze(mesh)] == ["spec.http[1]"]


TO = [{"destination": {"host": "reviews"}}]


def on_port(name: str, *others: Obj, **spec: Any) -> list[tuple[str, str]]:
    """What is said of rules for `reviews` whose port has the name, beside other objects' rules."""
    target = service("reviews")
    target["spec"]["ports"][0]["name"] = name
    rules = virtual_service("reviews", **spec)
    mesh = parse_mesh({"services": [target], "virtualservices": [rules, *others]})
    return [(found.code, found.field) for found in analyze(mesh)]


def test_a_tcp_rule_behind_one_that_takes_its_connections() -> None:
    ranges = {"match": [{"destinationSubnets": ["10.0.0.0/8"]}], "route": TO}
    taken = [("unreachable-rule", "spec.tcp[1]")]
    for name in ("tcp", "redis-cache"):
        assert on_port(name, tcp=[{"route": TO}, {"route": TO}]) == taken
        own = {"match": [{"port": 9080}], "route": TO}
        assert on_port(name, tcp=[{"route": TO}, own]) == taken
        assert on_port(name, tcp=[own, {"route": TO}]) == taken
        assert on_port(name, tcp=[ranges, {"route": TO}]) == []


def test_a_tls_rule_for_names_that_a_rule_above_has() -> None:
    def rule(*names: str) -> Obj:
        return {"match": [{"port": 9080, "sniHosts": list(names)}], "route": TO}

    def hidden(*rules: Obj) -> list[str]:
        found = on_port("tls", tls=list(rules))
        return [field for code, field in found if code == "unreachable-rule"]

    assert hidden(rule("a.example"), rule("b.example")) == []
    assert hidden(rule("a.example"), rule("a.example")) == ["spec.tls[1]"]


def test_two_virtual_services_with_rules_for_one_tcp_port() -> None:
    other = virtual_service("z", hosts=["reviews"], tcp=[{"route": TO}])
    found = on_port("tcp", other, tcp=[{"route": TO}])
    assert found == [("host-conflict", "spec.tcp[0]")]


def test_rules_of_a_kind_that_the_port_has_not() -> None:
    assert on_port("http", tcp=[{"route": TO}]) == [("wrong-protocol", "spec.tcp[0]")]
    assert on_port("tcp", http=[{"route": TO}]) == [("wrong-protocol", "spec.http[0]")]
    assert on_port("tls", http=[{"route": TO}]) == [("wrong-protocol", "spec.http[0]")]
    assert on_port("anything", http=[{"route": TO}]) == []
    assert on_port("anything", tcp=[{"route": TO}]) == []
