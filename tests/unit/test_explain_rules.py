"""Flags of what rules do to requests, by the objects of their mesh: NR to RL, and DC."""

from __future__ import annotations

from typing import Any

from meshtui.mesh.signals import Signals
from tests.unit.explaining import CATCH_ALL, mesh_of, next_of, scope, signals, told, words
from tests.unit.objects import Obj, meta, route, virtual_service

ALWAYS = {"percentage": {"value": 100}}


def to_v3(**more: Any) -> Obj:
    return {"route": [route("v3")], **more}


# NR, NC


def test_no_route_names_the_virtual_service_without_a_rule_for_everything() -> None:
    only = {"match": [{"uri": {"prefix": "/only"}}], "route": [route("v1")]}
    one = told(scope(mesh_of(only), caller=signals(c404=100, NR=100)), "NR")
    assert one.sentences[0] == (
        "VirtualService reviews has no rule for everything: what none of its rules takes is "
        "answered 404 (http[0] asks uri ^ /only)."
    )
    assert next_of(one).startswith("t: trace")


def test_no_route_with_a_catch_all_is_not_blamed_on_the_rules() -> None:
    text = words(scope(mesh_of(), caller=signals(c404=100, NR=100)), "NR")
    assert "though the rules that were read take any" in text


def test_a_delegate_that_takes_all_of_what_is_handed_over_does_not_take_all() -> None:
    handed = {"match": [{"uri": {"prefix": "/a"}}], "delegate": {"name": "part"}}
    part = virtual_service("part", {"route": [route("v1")]}, hosts=[])
    mesh = mesh_of(handed, more={"virtualservices": [part]})
    text = words(scope(mesh, caller=signals(c404=10, NR=10)), "NR")
    assert text == (
        "VirtualService reviews has no rule for everything: what none of its rules takes is "
        "answered 404 (http[0] → part http[0] asks uri ^ /a)."
    )


def test_no_cluster_names_the_rule_and_the_subset_nobody_defines() -> None:
    mesh = mesh_of({"name": "canary", "route": [route("v99")]})
    text = words(scope(mesh, caller=signals(c503=100, NC=100)), "NC")
    assert text == (
        "Rule canary of VirtualService reviews sends to subset v99 of reviews, "
        "which no DestinationRule defines."
    )


def test_no_cluster_names_a_host_that_does_not_exist() -> None:
    mesh = mesh_of({"route": [route("", host="nowhere")]})
    text = words(scope(mesh, caller=signals(c503=100, NC=100)), "NC")
    assert "sends to nowhere, a host that does not exist" in text


def test_no_cluster_where_all_is_defined_is_blamed_on_no_rule() -> None:
    text = words(scope(mesh_of(), caller=signals(c503=100, NC=100)), "NC")
    assert "had no cluster for one of them yet" in text


def test_a_subset_that_is_defined_where_no_caller_looks_is_told_with_its_rule() -> None:
    host = "reviews.default.svc.cluster.local"
    spec = {"host": host, "subsets": [{"name": "v9", "labels": {"version": "v9"}}]}
    theirs = {"metadata": meta("theirs", "elsewhere"), "spec": spec}
    mesh = mesh_of({"route": [route("v9")]}, more={"destinationrules": [theirs]})
    text = words(scope(mesh, caller=signals(c503=100, NC=100)), "NC")
    assert text == (
        "Rule http[0] of VirtualService reviews sends to subset v9 of reviews, which "
        "DestinationRule elsewhere/theirs defines, but not for every caller."
    )


# UT, URX


def test_a_timeout_is_held_against_the_versions_p99() -> None:
    mesh = mesh_of(to_v3(timeout="0.1s"))
    slow = Signals(100, 10, 0.0, 300.0, 400.0, 480.0, {"200": 100})
    one = told(scope(mesh, "v3", signals(c504=30, UT=30), slow), "UT")
    assert one.sentences == (
        "Rule http[0] of VirtualService reviews waits 0.1s for an answer.",
        "p99 of v3 is 480ms as its own proxy sees it.",
    )
    assert next_of(one).startswith("o: ")


def test_a_timeout_that_no_rule_has_is_the_callers_own() -> None:
    text = words(scope(mesh_of(), "v1", signals(c504=30, UT=30)), "UT")
    assert "x-envoy-upstream-rq-timeout-ms" in text


def test_the_rules_of_other_versions_are_not_blamed() -> None:
    picky = {"match": [{"uri": {"prefix": "/a"}}], **to_v3(timeout="7s")}
    text = words(scope(mesh_of(picky, CATCH_ALL), "v1", signals(c504=30, UT=30)), "UT")
    assert "7s" not in text


def test_retries_that_were_used_up_name_the_rules_policy() -> None:
    mesh = mesh_of(to_v3(retries={"attempts": 2, "retryOn": "5xx"}))
    text = words(scope(mesh, "v3", signals(c503=30, URX=30)), "URX")
    assert "Rule http[0] of VirtualService reviews tries again 2× on 5xx." in text


def test_istios_default_retries_are_told_where_the_rule_says_nothing() -> None:
    assert "2 more tries" in words(scope(mesh_of(), "v1", signals(c503=30, URX=30)), "URX")


# FI, DI


def test_an_injected_abort_names_its_rule_its_part_and_when_it_ends() -> None:
    mesh = mesh_of(to_v3(fault={"abort": {"httpStatus": 503, "percentage": {"value": 10}}}))
    one = told(scope(mesh, caller=signals(c503=100, FI=100), ends_s=725.0), "FI")
    assert one.sentences == (
        "Injected: rule http[0] of VirtualService reviews answers 10 % of its requests with 503 "
        "itself.",
        "It ends by itself in 12m.",
    )
    assert next_of(one).startswith("c: take the fault off")


def test_an_injected_delay_names_its_time() -> None:
    mesh = mesh_of(to_v3(fault={"delay": {"fixedDelay": "2s", **ALWAYS}}))
    text = words(scope(mesh, "v3", signals(DI=100)), "DI")
    assert "holds 100 % of its requests back for 2s" in text


def test_a_delay_is_not_blamed_on_a_rule_that_leads_to_another_version() -> None:
    elsewhere = {
        "match": [{"uri": {"prefix": "/a"}}],
        **to_v3(fault={"delay": {"fixedDelay": "2s", **ALWAYS}}),
    }
    text = words(scope(mesh_of(elsewhere, CATCH_ALL), "v1", signals(DI=10)), "DI")
    assert "no rule that was read delays requests now" in text


def test_the_end_of_one_fault_is_not_told_of_two() -> None:
    fault = {"abort": {"httpStatus": 503, **ALWAYS}}
    tested = {"match": [{"uri": {"prefix": "/a"}}], **to_v3(fault=fault)}
    mesh = mesh_of(tested, to_v3(fault=fault))
    text = words(scope(mesh, caller=signals(c503=9, FI=9), ends_s=60.0), "FI")
    assert "It ends by itself" not in text
    assert "The first of this service's faults with a time limit ends by itself in 1m" in text


def test_a_fault_of_another_rule_is_taken_off_by_its_name() -> None:
    tested = {
        "name": "testers",
        "match": [{"headers": {"x-test": {"exact": "1"}}}],
        **to_v3(fault={"abort": {"httpStatus": 418, **ALWAYS}}),
    }
    one = told(scope(mesh_of(tested, CATCH_ALL), caller=signals(c418=10, FI=10)), "FI")
    assert next_of(one).startswith(":fault off rule testers")


def test_a_fault_of_a_second_virtual_service_is_not_taken_off_by_an_index_of_the_first() -> None:
    fault = {"abort": {"httpStatus": 503, **ALWAYS}}
    second = virtual_service("second", to_v3(fault=fault), hosts=["reviews"], gateways=["gate"])
    mesh = mesh_of(CATCH_ALL, more={"virtualservices": [second]})
    one = told(scope(mesh, caller=signals(c503=9, FI=9)), "FI")
    assert next_of(one).startswith(":fault off rule second/0: ")


def test_what_a_rule_that_hands_over_says_holds_for_those_it_hands_over_to() -> None:
    fault = {"abort": {"httpStatus": 503, **ALWAYS}}
    handed = {"name": "root", "delegate": {"name": "part"}, "fault": fault, "timeout": "2s"}
    part = virtual_service("part", {"route": [route("v1")]}, hosts=[])
    mesh = mesh_of(handed, more={"virtualservices": [part]})
    one = told(scope(mesh, caller=signals(c503=9, FI=9)), "FI")
    assert one.sentences[0].startswith(
        "Injected: rule root of VirtualService reviews answers 100 %"
    )
    assert next_of(one) == "kubectl -n default edit virtualservice reviews: take the fault off"
    late = words(scope(mesh, "v1", signals(c504=9, UT=9)), "UT")
    assert late.startswith("Rule root of VirtualService reviews waits 2s")


def test_a_fault_in_the_rules_of_another_service_is_taken_off_there() -> None:
    fault = {"abort": {"httpStatus": 503, **ALWAYS}}
    other = virtual_service("edge", to_v3(fault=fault), hosts=["shop.example"])
    mesh = mesh_of(CATCH_ALL, more={"virtualservices": [other]})
    one = told(scope(mesh, caller=signals(c503=9, FI=9)), "FI")
    assert next_of(one) == "take it off at the service that VirtualService default/edge is for"


def test_a_fault_that_is_in_no_rule_any_more_is_not_blamed_on_one() -> None:
    assert "has been taken off" in words(scope(mesh_of(), caller=signals(c503=9, FI=9)), "FI")


def test_a_fault_of_the_rules_is_not_blamed_for_what_the_server_flags() -> None:
    mesh = mesh_of(to_v3(fault={"abort": {"httpStatus": 503, **ALWAYS}}))
    one = told(scope(mesh, "v3", signals(c503=10), signals(c503=10, FI=10)), "FI")
    assert "Injected" not in " ".join(one.sentences)


# RL, DC


def rate_limit(context: str, app: str) -> Obj:
    bucket = {"max_tokens": 5, "tokens_per_fill": 5, "fill_interval": "60s"}
    full = {"default_value": {"numerator": 100}}
    config = {
        "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
        "type_url": "type.googleapis.com/"
        "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "value": {"token_bucket": bucket, "filter_enabled": full, "filter_enforced": full},
    }
    patch = {"applyTo": "HTTP_FILTER", "match": {"context": context}}
    patch["patch"] = {"operation": "INSERT_BEFORE", "value": {"typed_config": config}}
    selector = {"labels": {"app": app}}
    return {
        "metadata": meta(f"limit-{app}"),
        "spec": {"workloadSelector": selector, "configPatches": [patch]},
    }


def test_a_rate_limit_of_the_version_is_named_with_what_it_allows() -> None:
    mesh = mesh_of(more={"envoyfilters": [rate_limit("SIDECAR_INBOUND", "reviews")]})
    one = told(scope(mesh, "v1", signals(c429=50), signals(c429=50, RL=50)), "RL")
    assert one.side == "server"
    assert one.sentences == (
        "Rate limit in the own proxy of v1:",
        "EnvoyFilter limit-reviews, every request: 5 per 60s; each proxy counts for itself.",
    )


def test_a_rate_limit_of_the_callers_is_not_looked_for_at_the_version() -> None:
    limits = [
        rate_limit("SIDECAR_INBOUND", "reviews"),
        rate_limit("SIDECAR_OUTBOUND", "productpage"),
    ]
    mesh = mesh_of(more={"envoyfilters": limits})
    text = words(scope(mesh, caller=signals(c429=50, RL=50)), "RL")
    assert "EnvoyFilter limit-productpage" in text
    assert "limit-reviews" not in text


def test_a_limit_for_another_services_virtual_host_is_not_blamed() -> None:
    other = rate_limit("SIDECAR_OUTBOUND", "productpage")
    (found,) = other["spec"]["configPatches"]
    vhost = {"name": "ratings.default.svc.cluster.local:9080"}
    found["match"]["routeConfiguration"] = {"vhost": vhost}
    mesh = mesh_of(more={"envoyfilters": [other]})
    text = words(scope(mesh, caller=signals(c429=50, RL=50)), "RL")
    assert text == (
        "A rate limit in the callers' proxies, but no EnvoyFilter that was read sets one there."
    )


def test_a_filter_that_only_stands_there_is_not_blamed() -> None:
    bare = rate_limit("SIDECAR_INBOUND", "reviews")
    (found,) = bare["spec"]["configPatches"]
    del found["patch"]["value"]["typed_config"]["value"]["token_bucket"]
    mesh = mesh_of(more={"envoyfilters": [bare]})
    text = words(scope(mesh, "v1", signals(c429=50), signals(c429=50, RL=50)), "RL")
    assert "no EnvoyFilter that was read sets one" in text


def test_a_caller_that_hung_up_is_named_with_the_time_its_own_rules_leave_it() -> None:
    page = virtual_service(
        "productpage", {"route": [route("", host="productpage")], "timeout": "3s"}
    )
    mesh = mesh_of(more={"virtualservices": [page]})
    text = words(scope(mesh, "v1", signals(c0=10, DC=10)), "DC")
    assert "The caller hung up before the answer was there: productpage." in text
    assert "productpage has 3s by rule http[0] of VirtualService productpage" in text


def test_a_server_whose_caller_hung_up_is_told_of_the_rules_timeout() -> None:
    mesh = mesh_of(to_v3(timeout="1s"))
    found = scope(mesh, "v3", signals(c504=10, UT=10), signals(c0=10, DC=10))
    assert "calling proxy hung up before v3 had answered (Rule http[0]" in words(found, "DC")


def test_an_answer_that_had_begun_was_there_when_somebody_hung_up() -> None:
    mesh = mesh_of(to_v3(timeout="1s"))
    found = scope(mesh, "v3", signals(DC=10), signals(DC=10))
    assert "The caller hung up before the answer was whole: productpage." in words(found, "DC")
    by_server = scope(mesh, "v3", signals(UT=10), signals(DC=10))
    text = words(by_server, "DC")
    assert "calling proxy hung up before v3 had sent its answer whole (Rule http[0]" in text
