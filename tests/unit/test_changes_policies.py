"""Timeouts, retries and breakers: the smallest patch, the way back, and what to be told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshtui.changes.breaker_ops import stops_inheriting
from meshtui.changes.build import build_change
from meshtui.changes.change import (
    Change,
    ClearBreaker,
    ClearTimeout,
    SetBreaker,
    SetTimeout,
    Shift,
    Target,
)
from meshtui.changes.checks import retry_findings, stranding
from meshtui.changes.edit import edited
from meshtui.changes.patch import apply
from meshtui.errors import NotFound, Refused, Usage
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import destination_rule, pod, reviews, route, service, virtual_service

REVIEWS = ServiceKey("default", "reviews")
LIMITS = {"max_connections": 10, "consecutive_5xx": 5}


def change(mesh: Mesh, request: Any) -> Change:
    return build_change(mesh, request, Target(REVIEWS))


def policed(*subsets: str, **spec: Any) -> Mesh:
    """`reviews` with a DestinationRule that holds `spec`."""
    rule = destination_rule("reviews", subsets or ("v1", "v2"))
    rule["spec"] |= spec
    return parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [pod("reviews", "v1"), pod("reviews", "v2", number=2)],
            "virtualservices": [virtual_service("reviews", {"route": [route("v1")]})],
            "destinationrules": [rule],
        }
    )


def told(found: Change) -> list[str]:
    return [finding.text for finding in retry_findings(found)]


def test_a_timeout_alone_touches_nothing_else() -> None:
    mesh = reviews({"route": [route("v1")], "retries": {"attempts": 1, "retryOn": "reset"}})
    assert change(mesh, SetTimeout(2.5)).patch == (
        {"op": "add", "path": "/spec/http/0/timeout", "value": "2.5s"},
    )


def test_the_parts_of_a_retry_policy_that_are_not_asked_for_stay() -> None:
    mesh = reviews({"route": [route("v1")], "retries": {"attempts": 1, "retryOn": "reset"}})
    found = change(mesh, SetTimeout(attempts=3, per_try_s=1))
    assert found.spec_after["http"][0]["retries"] == {
        "attempts": 3,
        "perTryTimeout": "1s",
        "retryOn": "reset",
    }


def test_what_is_so_already_is_no_change() -> None:
    mesh = reviews({"route": [route("v1")], "timeout": "3s"})
    assert change(mesh, SetTimeout(3.0)).empty


@pytest.mark.parametrize(
    "answer", [{"redirect": {"uri": "/new"}}, {"directResponse": {"status": 503}}]
)
def test_a_rule_that_answers_itself_has_no_timeout(answer: Any) -> None:
    match = {"match": [{"uri": {"prefix": "/old"}}]}
    mesh = reviews({"name": "moved", **match, **answer}, {"route": [route("v1")]})
    for request in (SetTimeout(3.0), SetTimeout(attempts=2)):
        with pytest.raises(Refused, match="rule moved answers its requests itself"):
            build_change(mesh, request, Target(REVIEWS, "moved"))
    assert change(reviews({"route": [route("v1")]}), ClearTimeout()).empty


def test_off_takes_the_timeout_and_the_retries_away() -> None:
    rule = {"route": [route("v1")]}
    mesh = reviews({**rule, "timeout": "3s", "retries": {"attempts": 0}})
    assert change(mesh, ClearTimeout()).spec_after["http"] == [rule]


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.0001, 86401.0, float("nan"), float("inf")])
def test_a_timeout_that_envoy_would_refuse_is_wrong_usage(seconds: float) -> None:
    with pytest.raises(Usage):
        change(reviews({"route": [route("v1")]}), SetTimeout(seconds))


@pytest.mark.parametrize(
    ("timeout", "attempts", "per_try", "cut_off"),
    [(4.0, 3, 1.0, False), (3.9, 3, 1.0, True), (4.0, None, 2.0, True), (2.0, 0, 3.0, True)],
)
def test_retries_must_fit_into_the_timeout(
    timeout: float, attempts: int | None, per_try: float, cut_off: bool
) -> None:
    request = SetTimeout(timeout, attempts, per_try)
    found = told(change(reviews({"route": [route("v1")]}), request))
    assert any("cut off" in text for text in found) is cut_off


@pytest.mark.parametrize(
    ("match", "retry_on", "twice"),
    [
        (None, "5xx", True),
        (None, "connect-failure,refused-stream", False),
        (None, "connect-failure, 503", True),
        ([{"method": {"exact": "GET"}}, {"method": {"exact": "HEAD"}}], "5xx", False),
        ([{"method": {"exact": "GET"}}, {"uri": {"prefix": "/"}}], "5xx", True),
        ([{"method": {"exact": "POST"}}], "reset", True),
    ],
)
def test_retries_that_may_do_work_twice_are_pointed_out(
    match: Any, retry_on: str, twice: bool
) -> None:
    rule = {"route": [route("v1")], **({"match": match} if match else {})}
    found = told(change(reviews(rule), SetTimeout(attempts=2, retry_on=retry_on)))
    assert any("twice" in text for text in found) is twice


@pytest.mark.parametrize(("retry_on", "ends"), [(None, True), ("503", True), ("reset", False)])
def test_a_limit_of_each_try_that_ends_the_request_is_pointed_out(
    retry_on: str | None, ends: bool
) -> None:
    request = SetTimeout(attempts=2, per_try_s=1, retry_on=retry_on)
    found = told(change(reviews({"route": [route("v1")]}), request))
    assert any("ends the request" in text for text in found) is ends


def test_a_breaker_of_the_host_makes_the_parents_that_are_missing() -> None:
    found = change(policed(), SetBreaker(limits=LIMITS))
    assert found.spec_after["trafficPolicy"] == {
        "connectionPool": {"tcp": {"maxConnections": 10}},
        "outlierDetection": {"consecutive5xxErrors": 5},
    }
    assert found.spec_after["subsets"] == found.spec_before["subsets"]


def test_a_breaker_of_a_subset_leaves_the_host_and_its_siblings_alone() -> None:
    mesh = policed(trafficPolicy={"loadBalancer": {"simple": "RANDOM"}})
    found = change(mesh, SetBreaker("v2", LIMITS))
    assert [op["path"].startswith("/spec/subsets/1/") for op in found.patch] == [True] * 2
    assert found.spec_after["subsets"][0] == found.spec_before["subsets"][0]


def test_a_subset_with_limits_of_its_own_stops_inheriting_the_hosts() -> None:
    pool = {"tcp": {"maxConnections": 99}, "http": {"maxRetries": 3}}
    mesh = policed(trafficPolicy={"connectionPool": pool, "outlierDetection": {"interval": "5s"}})
    (finding,) = stops_inheriting(change(mesh, SetBreaker("v1", {"max_connections": 10})))
    assert finding.text == "subset v1 stops inheriting the host's connectionPool: http.maxRetries=3"


def test_a_subset_that_had_limits_of_its_own_loses_nothing_more() -> None:
    own = {"name": "v1", "labels": {"version": "v1"}, "trafficPolicy": {"connectionPool": {}}}
    mesh = policed(trafficPolicy={"connectionPool": {"http": {"maxRetries": 3}}}, subsets=[own])
    assert stops_inheriting(change(mesh, SetBreaker("v1", {"max_connections": 10}))) == ()


def test_off_takes_only_limits_and_outlier_detection_away() -> None:
    policy = {"connectionPool": {}, "outlierDetection": {}, "tls": {"mode": "DISABLE"}}
    found = change(policed(trafficPolicy=policy), ClearBreaker())
    assert found.spec_after["trafficPolicy"] == {"tls": {"mode": "DISABLE"}}


def test_a_breaker_taken_off_leaves_no_empty_policy_behind() -> None:
    mesh = policed()
    made = change(mesh, SetBreaker("v2", LIMITS))
    raw = mesh.destination_rules[0].raw
    now = replace(mesh.destination_rules[0], raw=apply(raw, made.patch))
    off = change(replace(mesh, destination_rules=(now,)), ClearBreaker("v2"))
    assert apply(now.raw, off.patch) == raw
    assert apply(apply(now.raw, off.patch), off.inverse) == now.raw


def test_what_else_is_in_a_policy_outlives_its_breaker() -> None:
    policy = {"connectionPool": {}, "loadBalancer": {"simple": "RANDOM"}}
    found = change(policed(trafficPolicy=policy), ClearBreaker())
    assert found.patch == ({"op": "remove", "path": "/spec/trafficPolicy/connectionPool"},)
    assert change(policed(trafficPolicy={}), ClearBreaker()).empty


def test_where_there_is_no_breaker_to_take_off_the_places_that_have_one_are_named() -> None:
    own = {"name": "v1", "labels": {"version": "v1"}, "trafficPolicy": {"outlierDetection": {}}}
    other = {"name": "v2", "labels": {"version": "v2"}}
    mesh = policed(subsets=[own, other])
    assert change(mesh, ClearBreaker()).words == (
        "nothing to change: the whole host has no limits of its own; v1 has",
    )
    assert change(mesh, ClearBreaker("v2")).words == (
        "nothing to change: v2 has no limits of its own; v1 has",
    )
    assert change(policed(), ClearBreaker()).words == (
        "nothing to change: the whole host has no limits of its own, nor has any subset",
    )


def test_a_host_without_a_destination_rule_gets_one_with_a_name_that_is_free() -> None:
    mesh = parse_mesh(
        {
            "services": [service("reviews"), service("ratings")],
            "destinationrules": [
                {
                    **destination_rule("ratings", ()),
                    "metadata": {
                        "name": "reviews",
                        "namespace": "default",
                        "uid": "x",
                        "resourceVersion": "1",
                    },
                }
            ],
        }
    )
    found = change(mesh, SetBreaker(limits=LIMITS))
    assert (found.action, found.target.name) == ("create", "reviews-2")


def test_a_breaker_that_says_nothing_or_of_nothing_is_refused() -> None:
    with pytest.raises(Usage, match="say a limit"):
        change(policed(), SetBreaker())
    with pytest.raises(Usage, match="at most 100"):
        change(policed(), SetBreaker(limits={"max_ejection_percent": 101}))
    with pytest.raises(NotFound, match="there are: v1, v2"):
        change(policed(), SetBreaker("v9", LIMITS))


def test_taking_a_subset_away_that_a_rule_sends_traffic_to_is_a_danger() -> None:
    mesh = policed()
    (rule,) = mesh.destination_rules
    raw = {**rule.raw, "kind": "DestinationRule", "spec": {"host": "reviews", "subsets": []}}
    found = stranding(mesh, edited(mesh, rule, REVIEWS, raw))
    assert [finding.level for finding in found] == ["danger"]
    assert "rule http[0] of" in found[0].text
    assert "no DestinationRule defines subset v1" in found[0].text


def test_a_subset_that_selects_no_pod_any_more_is_a_danger_too() -> None:
    mesh = policed()
    (rule,) = mesh.destination_rules
    subsets = [{"name": "v1", "labels": {"version": "v7"}}]
    raw = {**rule.raw, "kind": "DestinationRule", "spec": {"host": "reviews", "subsets": subsets}}
    (finding,) = stranding(mesh, edited(mesh, rule, REVIEWS, raw))
    assert finding.text.endswith("v1 has no pod: traffic to it answers 503")


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("max_connections", "no limit"),
        ("max_pending", "no limit"),
        ("max_requests", "no limit"),
        ("max_retries", "no limit"),
        ("max_ejection_percent", "default of 10 %"),
    ],
)
def test_a_zero_that_istio_reads_as_not_set_is_refused(limit: str, reason: str) -> None:
    mesh = reviews({"route": [route("v1")]})
    with pytest.raises(Usage, match=f"--{limit.replace('_', '-')} 0: .*{reason}"):
        change(mesh, SetBreaker(limits={limit: 0}))


@pytest.mark.parametrize("limit", ["consecutive_5xx", "consecutive_gateway", "min_health_percent"])
def test_a_zero_that_means_off_is_written(limit: str) -> None:
    assert change(reviews({"route": [route("v1")]}), SetBreaker(limits={limit: 0})).patch


@pytest.mark.parametrize("word", ["foo", "5XX", "", "600", "0", "reset connect-failure"])
def test_a_retry_condition_that_envoy_does_not_know_is_named(word: str) -> None:
    mesh = reviews({"route": [route("v1")]})
    with pytest.raises(Usage) as told:
        change(mesh, SetTimeout(attempts=2, retry_on=f"5xx,{word}"))
    assert (word or "an empty word") in str(told.value)
    assert "gateway-error" in str(told.value)


def test_limits_are_told_by_the_names_of_the_command() -> None:
    mesh = policed()
    assert change(mesh, SetBreaker("v2", LIMITS)).words == (
        "v2: max-connections unset → 10",
        "v2: consecutive-5xx unset → 5",
    )
    assert change(mesh, SetBreaker(limits={"max_pending": 3})).words == ("max-pending unset → 3",)


@pytest.mark.parametrize("words", ["5xx,reset", "503", "retriable-4xx, 429", "unavailable"])
def test_conditions_and_status_codes_are_written_as_they_are(words: str) -> None:
    made = change(reviews({"route": [route("v1")]}), SetTimeout(attempts=2, retry_on=words))
    assert made.after["retries"]["retry_on"] == words


@pytest.mark.parametrize("total", [(10, 50), (1, 2), (500, 500), (0, 7), (90, 10)])
def test_weights_of_all_that_sum_to_100_are_written_as_named(total: tuple[int, int]) -> None:
    mesh = reviews({"route": [route("v1", total[0]), route("v2", total[1])]})
    made = change(mesh, Shift({"v1": 70, "v2": 30}))
    assert [entry["weight"] for entry in made.spec_after["http"][0]["route"]] == [70, 30]
