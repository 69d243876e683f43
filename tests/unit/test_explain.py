"""Each response flag explained by the objects of the mesh it happened in."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.mesh.explain import explanations
from meshtui.mesh.flags import FLAGS
from meshtui.mesh.signals import Signals
from tests.unit.explaining import CATCH_ALL, mesh_of, scope, signals, told, words
from tests.unit.objects import Obj, meta, pod, route, virtual_service

POOL = {"connectionPool": {"tcp": {"maxConnections": 100}}}
PENDING = {"connectionPool": {"http": {"http1MaxPendingRequests": 1}}}
ALWAYS = {"percentage": {"value": 100}}


def to_v3(**more: Any) -> Obj:
    return {"route": [route("v3")], **more}


def subset(name: str, **policy: Any) -> Obj:
    return {"name": name, "labels": {"version": name}, "trafficPolicy": policy}


# UO


def test_an_overflow_names_the_rule_and_the_limit_with_its_rate() -> None:
    found = scope(mesh_of(to_v3(), policy=POOL), caller=signals(31, c503=310, UO=310))
    one = told(found, "UO")
    assert one.said[0].startswith(
        "Circuit breaker: the pool limit of DestinationRule reviews, the host: maxConnections 100"
    )
    assert (one.rps, one.share, one.labels) == (31, 1.0, ("(no pod reached)",))
    assert one.next.startswith("b: raise maxConnections of the host")


def test_an_overflow_tells_the_subsets_pool_and_what_of_the_hosts_it_replaced() -> None:
    mesh = mesh_of(to_v3(), policy=POOL, subsets=[subset("v1"), subset("v3", **PENDING)])
    text = words(scope(mesh, caller=signals(c503=10, UO=10)), "UO")
    assert "DestinationRule reviews, subset v3: http1MaxPendingRequests 1 is reached" in text
    assert "Subset v3 has a pool of its own: it replaces the host's whole" in text
    assert "(maxConnections 100 does not hold there)" in text


def test_an_overflow_of_one_of_several_pools_says_that_it_is_one_of_them() -> None:
    both = {"route": [route("v1", 50), route("v3", 50)]}
    mesh = mesh_of(both, policy=POOL, subsets=[subset("v1"), subset("v3", **PENDING)])
    one = told(scope(mesh, caller=signals(c503=10, UO=10)), "UO")
    assert one.said[0] == (
        "Circuit breaker: one of these pool limits is reached, in a calling proxy."
    )
    assert "DestinationRule reviews, the host: maxConnections 100." in one.said
    assert "DestinationRule reviews, subset v3: http1MaxPendingRequests 1." in one.said


def test_a_pool_at_a_port_stands_for_all_others_and_other_ports_do_not_matter() -> None:
    def at(port: int) -> Obj:
        return {**POOL, "portLevelSettings": [{"port": {"number": port}, **PENDING}]}

    seen = signals(c503=10, UO=10)
    at_it = words(scope(mesh_of(to_v3(), policy=at(9080)), caller=seen), "UO")
    assert "the host at port 9080: http1MaxPendingRequests 1 is" in at_it
    assert "maxConnections 100" not in at_it
    elsewhere = words(scope(mesh_of(to_v3(), policy=at(7)), caller=seen), "UO")
    assert "the host: maxConnections 100 is reached" in elsewhere


def test_a_subset_that_is_idle_is_not_suspected() -> None:
    idle = {"route": [route("v1", 100), route("v3", 0)]}
    mesh = mesh_of(idle, policy=POOL, subsets=[subset("v1"), subset("v3", **PENDING)])
    assert "subset v3" not in words(scope(mesh, caller=signals(c503=10, UO=10)), "UO")


def test_an_overflow_without_a_limit_says_so() -> None:
    text = words(scope(mesh_of(), caller=signals(c503=10, UO=10)), "UO")
    assert "no DestinationRule that was read sets a limit here" in text


# UF, UH, UC


def test_a_failed_connection_is_one_of_several_things_with_the_port_it_leads_to() -> None:
    port = {"name": "http", "port": 9080, "targetPort": 9999}
    found = scope(mesh_of(port=port), "v1", signals(c503=100, UF=100))
    one = told(found, "UF")
    assert one.said[0] == "The callers' proxies can't connect to the pods of v1. One of these:"
    assert "The pods don't listen on port 9999 (9080 of the Service leads there)." in one.said
    assert "network policy" in one.said[-1]
    assert one.next.startswith("on productpage :logs flag:UF")


def test_a_failed_connection_names_pods_that_are_not_ready() -> None:
    pods = [pod("reviews", "v1", ready=False), pod("reviews", "v1", number=2)]
    text = words(scope(mesh_of(pods=pods), "v1", signals(c503=10, UF=10)), "UF")
    assert "1 of 2 pods are not ready (reviews-v1-5f6d-1)." in text


def test_mutual_tls_to_a_pod_without_a_proxy_is_named() -> None:
    bare = pod("reviews", "v1")
    bare["spec"]["containers"] = [{"name": "reviews"}]
    policy = {"tls": {"mode": "ISTIO_MUTUAL"}}
    mesh = mesh_of(policy=policy, pods=[bare])
    text = words(scope(mesh, "v1", signals(c503=10, UF=10)), "UF")
    assert "DestinationRule reviews, the host asks for mTLS (ISTIO_MUTUAL)" in text
    assert "1 of 1 pods have no proxy to answer it (reviews-v1-5f6d-1)" in text


def test_no_endpoint_because_the_subset_selects_no_pod() -> None:
    mesh = mesh_of({"route": [route("v9")]}, subsets=[subset("v1"), subset("v9")])
    one = told(scope(mesh, caller=signals(c503=100, UH=100)), "UH")
    assert one.said == ("Subset v9 of reviews selects no pod (version=v9).",)
    assert "R: roll back, away from subset v9 of reviews" in one.next


def test_no_endpoint_because_no_pod_is_ready() -> None:
    mesh = mesh_of(pods=[pod("reviews", "v1", ready=False)])
    assert words(scope(mesh, caller=signals(c503=100, UH=100)), "UH") == (
        "No pod of subset v1 of reviews is ready (it has 1)."
    )


def test_no_endpoint_though_all_are_ready_points_at_outlier_detection() -> None:
    outliers = {"consecutive5xxErrors": 1, "baseEjectionTime": "30s", "maxEjectionPercent": 100}
    mesh = mesh_of(policy={"outlierDetection": outliers})
    one = told(scope(mesh, caller=signals(c503=100, UH=100)), "UH")
    assert "outlier detection may have ejected them" in one.said[0]
    assert one.said[1] == (
        "DestinationRule reviews, the host: after 1× 5xx in a row a pod is out for 30s, "
        "at most 100 % of them."
    )


def test_no_endpoint_and_nothing_to_blame_is_not_invented() -> None:
    text = words(scope(mesh_of(), caller=signals(c503=100, UH=100)), "UH")
    assert "no DestinationRule that was read ejects any" in text


def test_a_closed_connection_names_pods_that_have_restarted() -> None:
    crashed = pod("reviews", "v1")
    crashed["status"]["containerStatuses"] = [{"name": "reviews", "restartCount": 3}]
    text = words(scope(mesh_of(pods=[crashed]), "v1", signals(c503=9, UC=9)), "UC")
    assert "Pods that have restarted: reviews-v1-5f6d-1 3×." in text


# NR, NC


def test_no_route_names_the_virtual_service_without_a_rule_for_everything() -> None:
    only = {"match": [{"uri": {"prefix": "/only"}}], "route": [route("v1")]}
    one = told(scope(mesh_of(only), caller=signals(c404=100, NR=100)), "NR")
    assert one.said[0] == (
        "VirtualService reviews has no rule for everything: what none of its rules takes is "
        "answered 404 (http[0] asks uri ^ /only)."
    )
    assert one.next.startswith("t: trace")


def test_no_route_with_a_catch_all_is_not_blamed_on_the_rules() -> None:
    text = words(scope(mesh_of(), caller=signals(c404=100, NR=100)), "NR")
    assert "though the rules that were read take any" in text


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


def test_no_cluster_where_all_is_defined_says_what_else_it_may_be() -> None:
    text = words(scope(mesh_of(), caller=signals(c503=100, NC=100)), "NC")
    assert "exportTo hides" in text


# UT, URX


def test_a_timeout_is_held_against_the_versions_p99() -> None:
    mesh = mesh_of(to_v3(timeout="0.1s"))
    slow = Signals(100, 10, 0.0, 300.0, 400.0, 480.0, {"200": 100})
    one = told(scope(mesh, "v3", signals(c504=30, UT=30), slow), "UT")
    assert one.said == (
        "Rule http[0] of VirtualService reviews waits 0.1s for an answer.",
        "p99 of v3 is 480ms as its own proxy sees it.",
    )
    assert one.next.startswith("o: ")


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
    assert one.said == (
        "Injected: rule http[0] of VirtualService reviews answers 10 % of its requests with 503 "
        "itself.",
        "It ends by itself in 12m.",
    )
    assert one.next.startswith("c: take the fault off")


def test_an_injected_delay_names_its_time() -> None:
    mesh = mesh_of(to_v3(fault={"delay": {"fixedDelay": "2s", **ALWAYS}}))
    text = words(scope(mesh, "v3", signals(DI=100)), "DI")
    assert "holds 100 % of its requests back for 2s" in text


def test_a_fault_of_another_rule_is_taken_off_by_its_name() -> None:
    tested = {
        "name": "testers",
        "match": [{"headers": {"x-test": {"exact": "1"}}}],
        **to_v3(fault={"abort": {"httpStatus": 418, **ALWAYS}}),
    }
    one = told(scope(mesh_of(tested, CATCH_ALL), caller=signals(c418=10, FI=10)), "FI")
    assert one.next.startswith(":fault off rule testers")


def test_a_fault_that_is_in_no_rule_any_more_is_not_blamed_on_one() -> None:
    assert "has been taken off" in words(scope(mesh_of(), caller=signals(c503=9, FI=9)), "FI")


# RL, DC, UAEX and the rest


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
    assert one.said == (
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


def test_a_denied_request_says_that_policies_are_not_read() -> None:
    text = words(scope(mesh_of(), "v1", signals(c403=9), signals(c403=9, UAEX=9)), "UAEX")
    assert "AuthorizationPolicies are not read" in text


@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_every_flag_has_words_and_a_next_step_in_an_empty_mesh(flag: str) -> None:
    one = told(scope(mesh_of(), "v1", signals(c503=10, **{flag: 10})), flag)
    assert one.said and all(one.said) and one.next
    assert one.name == FLAGS[flag].name


def test_a_rule_with_hundreds_of_matches_does_not_fill_the_screen() -> None:
    many = [{"uri": {"prefix": f"/path/number/{n}"}} for n in range(500)]
    only = {"match": many, "route": [route("v1")]}
    assert len(words(scope(mesh_of(only), caller=signals(c404=9, NR=9)), "NR")) < 300


def test_a_proxy_that_does_not_reach_its_program_is_no_caller_without_connection() -> None:
    port = {"name": "http", "port": 9080, "targetPort": 9999}
    both = scope(mesh_of(port=port), "v1", signals(c503=20, UF=10), signals(c503=10, UF=10))
    told_of = {one.side: one for one in explanations([both]) if one.code == "UF"}
    assert told_of["caller"].said[0].startswith("The callers' proxies can't connect")
    assert told_of["server"].said == (
        "The own proxy of v1 can't connect to the program in its pod: it has crashed, or does not "
        "listen on port 9999 (9080 of the Service leads there).",
    )


def test_a_fault_of_the_rules_is_not_blamed_for_what_the_server_flags() -> None:
    mesh = mesh_of(to_v3(fault={"abort": {"httpStatus": 503, **ALWAYS}}))
    one = told(scope(mesh, "v3", signals(c503=10), signals(c503=10, FI=10)), "FI")
    assert "Injected" not in " ".join(one.said)
