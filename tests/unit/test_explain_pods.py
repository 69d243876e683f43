"""Flags of pods that were not reached or did not answer, by the objects of their mesh: UO to UC."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.diagnosis.explain import explanations
from tests.unit.explaining import CALLERS, mesh_of, next_of, scope, signals, told, words
from tests.unit.objects import Obj, meta, pod, route

POOL = {"connectionPool": {"http": {"http2MaxRequests": 100}}}
PENDING = {"connectionPool": {"http": {"http1MaxPendingRequests": 1}}}


def to_v3(**more: Any) -> Obj:
    return {"route": [route("v3")], **more}


def subset(name: str, **policy: Any) -> Obj:
    return {"name": name, "labels": {"version": name}, "trafficPolicy": policy}


# UO


def test_an_overflow_names_the_rule_and_the_limit_with_its_rate() -> None:
    found = scope(mesh_of(to_v3(), policy=POOL), caller=signals(31, c503=310, UO=310))
    one = told(found, "UO")
    assert one.sentences[0].startswith(
        "Circuit breaker: the pool limit of DestinationRule reviews, the host: http2MaxRequests 100"
    )
    assert (one.rps, one.share, one.labels) == (31, 1.0, ("(no pod reached)",))
    assert next_of(one).startswith("b: raise http2MaxRequests of the host")


def test_an_overflow_tells_the_subsets_pool_and_what_of_the_hosts_it_replaced() -> None:
    mesh = mesh_of(to_v3(), policy=POOL, subsets=[subset("v1"), subset("v3", **PENDING)])
    text = words(scope(mesh, caller=signals(c503=10, UO=10)), "UO")
    assert "DestinationRule reviews, subset v3: http1MaxPendingRequests 1 is reached" in text
    assert "Subset v3 has a pool of its own: it replaces the host's whole" in text
    assert "(http2MaxRequests 100 does not hold there)" in text


def test_an_overflow_of_one_of_several_pools_says_that_it_is_one_of_them() -> None:
    both = {"route": [route("v1", 50), route("v3", 50)]}
    mesh = mesh_of(both, policy=POOL, subsets=[subset("v1"), subset("v3", **PENDING)])
    one = told(scope(mesh, caller=signals(c503=10, UO=10)), "UO")
    assert one.sentences[0] == (
        "Circuit breaker: one of these pool limits is reached, in a calling proxy."
    )
    assert "DestinationRule reviews, the host: http2MaxRequests 100." in one.sentences
    assert "DestinationRule reviews, subset v3: http1MaxPendingRequests 1." in one.sentences


def test_a_pool_at_a_port_stands_for_all_others_and_other_ports_do_not_matter() -> None:
    def at(port: int) -> Obj:
        return {**POOL, "portLevelSettings": [{"port": {"number": port}, **PENDING}]}

    seen = signals(c503=10, UO=10)
    at_it = words(scope(mesh_of(to_v3(), policy=at(9080)), caller=seen), "UO")
    assert "the host at port 9080: http1MaxPendingRequests 1 is" in at_it
    assert "http2MaxRequests 100" not in at_it
    elsewhere = words(scope(mesh_of(to_v3(), policy=at(7)), caller=seen), "UO")
    assert "the host: http2MaxRequests 100 is reached" in elsewhere


def test_a_subset_that_is_idle_is_not_suspected() -> None:
    idle = {"route": [route("v1", 100), route("v3", 0)]}
    mesh = mesh_of(idle, policy=POOL, subsets=[subset("v1"), subset("v3", **PENDING)])
    assert "subset v3" not in words(scope(mesh, caller=signals(c503=10, UO=10)), "UO")


def test_a_limit_of_connections_alone_is_not_blamed_for_it_lets_requests_wait() -> None:
    mesh = mesh_of(to_v3(), policy={"connectionPool": {"tcp": {"maxConnections": 100}}})
    one = told(scope(mesh, caller=signals(c503=10, UO=10)), "UO")
    assert "no DestinationRule that was read sets a limit here that turns" in one.sentences[0]
    assert one.sentences[1] == (
        "DestinationRule reviews, the host: maxConnections alone turns nothing away, beyond it "
        "requests wait."
    )


def test_an_overflow_without_a_limit_says_so() -> None:
    text = words(scope(mesh_of(), caller=signals(c503=10, UO=10)), "UO")
    assert "no DestinationRule that was read sets a limit here" in text


def limited_to(number: int, name: str, namespace: str, **spec: Any) -> Obj:
    """A DestinationRule for reviews, somewhere in the cluster."""
    host = "reviews.default.svc.cluster.local"
    pool = {"connectionPool": {"http": {"http1MaxPendingRequests": number}}}
    spec = {"host": host, "trafficPolicy": pool, **spec}
    return {"metadata": meta(name, namespace), "spec": spec}


def blamed(*rules: Obj, clients: frozenset[tuple[str, str]] = CALLERS) -> str:
    page = pod("page", "v1", namespace="shop")
    mesh = mesh_of(to_v3(), more={"destinationrules": rules, "pods": [page]})
    return words(scope(mesh, caller=signals(c503=10, UO=10), clients=clients), "UO")


def test_a_rule_of_a_namespace_that_neither_calls_nor_is_called_is_not_blamed() -> None:
    assert "no DestinationRule" in blamed(limited_to(7, "theirs", "elsewhere"))


def test_a_rule_of_the_callers_namespace_stands_in_the_place_of_the_services() -> None:
    shop = frozenset({("shop", "page-v1")})
    theirs, ours = limited_to(7, "theirs", "shop"), limited_to(9, "aged", "default")
    text = blamed(theirs, ours, clients=shop)
    assert "theirs, the host: http1MaxPendingRequests 7" in text and "9" not in text
    both = blamed(theirs, ours, clients=shop | CALLERS)
    assert "http1MaxPendingRequests 7" in both and "http1MaxPendingRequests 9" in both


def test_a_gateway_in_the_root_namespace_gets_the_services_rule_before_one_for_everybody() -> None:
    gate = frozenset({("istio-system", "ingress-v0")})
    everybody = limited_to(7, "all", "istio-system", host="*.local")
    text = blamed(everybody, limited_to(9, "aged", "default"), clients=gate)
    assert "http1MaxPendingRequests 9" in text and "http1MaxPendingRequests 7" not in text


def test_a_rule_that_is_hidden_from_the_caller_is_not_blamed() -> None:
    hidden = limited_to(7, "young", "default", exportTo=["."])
    assert "http1MaxPendingRequests 7" in blamed(hidden)
    assert "no DestinationRule" in blamed(hidden, clients=frozenset({("shop", "page-v1")}))


def test_a_rule_for_some_workloads_is_not_blamed_for_others() -> None:
    def chosen(app: str) -> Obj:
        chooses = {"matchLabels": {"app": app}}
        return limited_to(7, "some", "default", workloadSelector=chooses)

    assert "http1MaxPendingRequests 7" in blamed(chosen("productpage"))
    assert "no DestinationRule" in blamed(chosen("ratings"))


def test_a_subsets_settings_for_a_port_inherit_nothing_not_even_of_the_host() -> None:
    at_port = {"port": {"number": 9080}, "loadBalancer": {"simple": "RANDOM"}}
    own = subset("v3", portLevelSettings=[at_port])
    mesh = mesh_of(to_v3(), policy=PENDING, subsets=[subset("v1"), own])
    text = words(scope(mesh, caller=signals(c503=10, UO=10)), "UO")
    assert "no DestinationRule that was read sets a limit" in text


# UF, UH, UC


def test_a_failed_connection_is_one_of_several_things_with_the_port_it_leads_to() -> None:
    port = {"name": "http", "port": 9080, "targetPort": 9999}
    found = scope(mesh_of(port=port), "v1", signals(c503=100, UF=100))
    one = told(found, "UF")
    assert one.sentences[0] == "The callers' proxies can't connect to the pods of v1. One of these:"
    assert "The pods don't listen on port 9999 (9080 of the Service leads there)." in one.sentences
    assert "network policy" in one.sentences[-1]
    assert next_of(one).startswith(":logs callers flag:UF: the log of productpage")


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
    assert "1 of 1 pod has no proxy to answer it (reviews-v1-5f6d-1)" in text


def test_no_endpoint_because_the_subset_selects_no_pod() -> None:
    mesh = mesh_of({"route": [route("v9")]}, subsets=[subset("v1"), subset("v9")])
    one = told(scope(mesh, caller=signals(c503=100, UH=100)), "UH")
    assert one.sentences == ("Subset v9 of reviews selects no pod (version=v9).",)
    assert "R: roll back, away from subset v9 of reviews" in next_of(one)


def test_no_endpoint_because_no_pod_is_ready() -> None:
    mesh = mesh_of(pods=[pod("reviews", "v1", ready=False)])
    assert words(scope(mesh, caller=signals(c503=100, UH=100)), "UH") == (
        "No pod of subset v1 of reviews is ready (it has 1)."
    )


def test_no_endpoint_though_all_are_ready_points_at_outlier_detection() -> None:
    outliers = {"consecutive5xxErrors": 1, "baseEjectionTime": "30s", "maxEjectionPercent": 100}
    mesh = mesh_of(policy={"outlierDetection": outliers})
    one = told(scope(mesh, caller=signals(c503=100, UH=100)), "UH")
    assert "outlier detection may have ejected them" in one.sentences[0]
    assert one.sentences[1] == (
        "DestinationRule reviews, the host: after 1× 5xx in a row a pod is out for 30s, "
        "at most 100 % of them."
    )


def detecting(**outliers: Any) -> Obj:
    return {"outlierDetection": outliers}


def test_an_outlier_detection_that_leaves_pods_in_is_not_blamed() -> None:
    two = [pod("reviews", "v1"), pod("reviews", "v1", number=2)]
    mesh = mesh_of(policy=detecting(maxEjectionPercent=50), pods=two)
    text = words(scope(mesh, caller=signals(c503=100, UH=100)), "UH")
    assert "no DestinationRule that was read ejects all of them" in text


def test_an_outlier_detection_is_told_by_the_errors_it_counts() -> None:
    gateway = detecting(consecutive5xxErrors=0, consecutiveGatewayErrors=3, maxEjectionPercent=100)
    seen = signals(c503=100, UH=100)
    assert "after 3× 502/503/504 in a row" in words(
        scope(mesh_of(policy=gateway), caller=seen), "UH"
    )
    off = detecting(consecutive5xxErrors=0, maxEjectionPercent=100)
    assert "ejects all of them" in words(scope(mesh_of(policy=off), caller=seen), "UH")
    alone = told(scope(mesh_of(policy=detecting(interval="1s")), caller=seen), "UH")
    assert (
        "after 5× 5xx in a row" in alone.sentences[1] and "one pod at least" in alone.sentences[1]
    )
    assert next_of(alone) == "p: which pods are ejected"


def test_a_service_without_any_pod_is_not_rolled_back() -> None:
    mesh = mesh_of({"route": [route("")]}, pods=[pod("reviews", "v1", ready=False)])
    one = told(scope(mesh, caller=signals(c503=100, UH=100)), "UH")
    assert next_of(one) == "kubectl -n default get pods: why reviews has none that is ready"


def test_no_endpoint_and_nothing_to_blame_is_not_invented() -> None:
    text = words(scope(mesh_of(), caller=signals(c503=100, UH=100)), "UH")
    assert "no DestinationRule that was read ejects all of them" in text


def test_a_closed_connection_names_pods_that_have_restarted() -> None:
    crashed = pod("reviews", "v1")
    crashed["status"]["containerStatuses"] = [{"name": "reviews", "restartCount": 3}]
    text = words(scope(mesh_of(pods=[crashed]), "v1", signals(c503=9, UC=9)), "UC")
    assert "Pods that have restarted: reviews-v1-5f6d-1 3×." in text


def test_a_proxy_that_does_not_reach_its_program_is_no_caller_without_connection() -> None:
    port = {"name": "http", "port": 9080, "targetPort": 9999}
    both = scope(mesh_of(port=port), "v1", signals(c503=20, UF=10), signals(c503=10, UF=10))
    told_of = {one.side: one for one in explanations([both]) if one.code == "UF"}
    assert told_of["caller"].sentences[0].startswith("The callers' proxies can't connect")
    assert told_of["server"].sentences == (
        "The own proxy of v1 can't connect to the program in its pod: it has crashed, or does not "
        "listen on port 9999 (9080 of the Service leads there).",
    )


@pytest.mark.parametrize("flag", ["UF", "URX"])
def test_restarts_stand_behind_a_proxy_that_does_not_reach_its_program(flag: str) -> None:
    crashed = pod("reviews", "v1")
    ended = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-11-27T11:59:00Z"}
    crashed["status"]["containerStatuses"] = [
        {"name": "reviews", "restartCount": 3, "lastState": {"terminated": ended}}
    ]
    mesh = mesh_of(pods=[crashed])
    found = scope(mesh, "v1", signals(c503=9), signals(c503=9, **{flag: 9}))
    (one,) = [one for one in explanations([found]) if one.code == flag]
    assert one.side == "server"
    assert one.sentences[1] == (
        "Pods that have restarted: reviews-v1-5f6d-1 3× (OOMKilled, exit 137)."
    )
    assert "kubectl logs --previous" in next_of(one)
