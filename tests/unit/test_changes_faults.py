"""Whose a targeted fault is, where names are alike or rules have none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from meshtui.changes.build import build_change
from meshtui.changes.change import Change, ClearFault, Rollback, SetFault, Target
from meshtui.changes.checks import fault_findings
from meshtui.mesh.model import ServiceKey
from tests.unit.objects import reviews, route

HEADER = ("x-chaos", "1")


def change(rules: list[Any], request: Any, rule: str) -> Change:
    target = Target(ServiceKey("default", "reviews"), rule)
    return build_change(reviews(*rules), request, target)


def rule(name: str, uri: str) -> dict[str, Any]:
    named = {"name": name} if name else {}
    return {**named, "match": [{"uri": {"prefix": uri}}], "route": [route("v1"), route("v2", 1)]}


def with_faults(*rules: Any) -> list[Any]:
    """The rules, with a fault targeted at each."""
    found = list(rules)
    for original in rules:
        index = str(found.index(original))
        fault = SetFault(abort_http=503, header=HEADER)
        found = list(change(found, fault, index).spec_after["http"])
    return found


def names(of: Change) -> list[str | None]:
    return [r.get("name") for r in of.spec_after["http"]]


def test_two_rules_without_names_each_have_a_fault_of_their_own() -> None:
    one, two = rule("", "/a"), rule("", "/b")
    rules = with_faults(one, two)
    assert [("fault" in r, r["match"][0]["uri"]["prefix"]) for r in rules] == [
        (True, "/a"),
        (False, "/a"),
        (True, "/b"),
        (False, "/b"),
    ]
    for request in (ClearFault(), ClearFault(HEADER)):
        assert change(rules, request, "3").spec_after["http"] == [*rules[:2], two]
        assert change(rules, request, "1").spec_after["http"] == [one, *rules[2:]]


def test_a_rule_whose_name_begins_like_anothers_keeps_its_fault() -> None:
    rules = with_faults(rule("a", "/a"), rule("a-b", "/b"))
    assert names(change(rules, ClearFault(), "a")) == ["a", "meshtui-fault-a-b-x-chaos-1", "a-b"]
    assert names(change(rules, ClearFault(), "a-b")) == ["meshtui-fault-a-x-chaos-1", "a", "a-b"]


def test_a_rollback_of_one_rule_leaves_the_faults_of_its_neighbours() -> None:
    rules = with_faults(rule("", "/a"), rule("", "/b"))
    found = change(rules, Rollback("v1"), "3")
    assert [bool(r.get("fault")) for r in found.spec_after["http"]] == [True, False, False]


def test_a_rule_is_called_as_it_stands_now_and_as_it_will_where_that_is_another_place() -> None:
    rules = with_faults(rule("", "/a"))
    said = {
        "http[1] (http[0] once this is made)": change(rules, Rollback("v1"), "1"),
        "http[1]": change([rule("", "/a"), rule("", "/b")], Rollback("v1"), "1"),
        "meshtui-fault-rule-x-chaos-1": change(
            [rule("", "/a")], SetFault(abort_http=503, header=HEADER), "0"
        ),
        "a": change(with_faults(rule("a", "/a")), Rollback("v1"), "a"),
    }
    assert {words: found.rule_words for words, found in said.items()} == {w: w for w in said}


def test_a_targeted_fault_set_again_is_set_in_its_place() -> None:
    rules = with_faults(rule("", "/a"))
    again = change(rules, SetFault(abort_http=418, header=HEADER), "1")
    assert [op["path"] for op in again.patch] == ["/spec/http/0/fault"]


def test_a_rule_with_a_slash_in_its_name_is_reached_by_it() -> None:
    found = change([rule("c/d", "/a"), rule("d", "/b")], ClearFault(), "c/d")
    assert str(found.rule) == "c/d"


def said_of(port: str) -> list[str]:
    """What is said of a gRPC abort on a service whose port is called `port`."""
    key = ServiceKey("default", "reviews")
    mesh = reviews({"route": [route("v1")]})
    ports = (replace(mesh.by_key[key].ports[0], name=port),)
    services = (replace(s, ports=ports) if s.key == key else s for s in mesh.services)
    mesh = replace(mesh, services=tuple(services))
    fault = SetFault(abort_grpc="UNAVAILABLE", abort_percent=10)
    made = build_change(mesh, fault, Target(key))
    return [finding.text for finding in fault_findings(mesh, made)]


def test_a_grpc_abort_on_plain_http_is_said_to_be_no_error() -> None:
    assert said_of("http") == [
        "no port of the service is named grpc: to plain HTTP this abort is a 200, no error"
    ]
    assert said_of("grpc-web") == said_of("grpc") == []
