"""Rules of a VirtualService, measured on requests that real Envoys routed."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from tests.lab.harness import (
    Mesh,
    flags,
    served,
    statuses,
    to,
    until,
    within_three_sigma,
)


def test_weights_split_requests(mesh: Mesh) -> None:
    mesh.route({"route": [to("v1", 70), to("v2", 30), to("v3", 0)]})
    found = served(mesh.send(1000))
    assert within_three_sigma(found["reviews-v2"], 1000, 0.3), found
    assert found["reviews-v1"] + found["reviews-v2"] == 1000


def test_weights_are_ratios(mesh: Mesh) -> None:
    mesh.route({"route": [to("v1", 1), to("v3", 3)]})
    found = served(mesh.send(600))
    assert within_three_sigma(found["reviews-v3"], 600, 0.75), found


@pytest.mark.parametrize(("percentage", "share"), [({"value": 50}, 0.5), (None, 1.0)])
def test_mirror_copies_requests(mesh: Mesh, percentage: Any, share: float) -> None:
    rule: dict[str, Any] = {"route": [to("v1")], "mirror": to("v2")["destination"]}
    mesh.route(rule if percentage is None else rule | {"mirrorPercentage": percentage})
    answers = mesh.send(400)
    assert served(answers) == {"reviews-v1": 400}

    def copies() -> int:
        return int(mesh.lab.counts()["reviews-v2"]["shadow"])

    until(lambda: copies() >= (400 * share - 60 if share < 1 else 400), what="shadow requests")
    assert within_three_sigma(copies(), 400, share)
    assert mesh.lab.counts()["reviews-v2"]["requests"] == 0


def test_abort_answers_for_a_share(mesh: Mesh) -> None:
    fault = {"abort": {"httpStatus": 418, "percentage": {"value": 25}}}
    marker = mesh.route({"route": [to("v1")], "fault": fault})
    found = statuses(mesh.send(400, f"/{marker}"))
    assert within_three_sigma(found[418], 400, 0.25), found
    lines = mesh.log_lines(f"/{marker}", 400)
    assert sum(flags(line) == "FI" for line in lines) == found[418]


def test_fault_without_percentage_is_none(mesh: Mesh) -> None:
    mesh.route({"route": [to("v1")], "fault": {"abort": {"httpStatus": 500}}})
    assert statuses(mesh.send(20)) == {200: 20}


def test_delay_holds_requests_up(mesh: Mesh) -> None:
    fault = {"delay": {"fixedDelay": "0.3s", "percentage": {"value": 100}}}
    marker = mesh.route({"route": [to("v1")], "fault": fault})
    answers = mesh.send(8, f"/{marker}")
    assert all(answer.seconds >= 0.3 for answer in answers)
    assert {flags(line) for line in mesh.log_lines(f"/{marker}", 8)} == {"DI"}


def test_timeout_gives_up(mesh: Mesh) -> None:
    mesh.lab.set("reviews-v1", latency="600ms")
    marker = mesh.route({"route": [to("v1")], "timeout": "0.2s", "retries": {"attempts": 0}})
    assert statuses(mesh.send(4, f"/{marker}")) == {504: 4}
    assert {flags(line) for line in mesh.log_lines(f"/{marker}", 4)} == {"UT"}


def test_retries_multiply_requests(mesh: Mesh) -> None:
    mesh.lab.set("reviews-v3", errors="100%")
    retries = {"attempts": 3, "retryOn": "5xx", "backoff": "1ms"}
    marker = mesh.route({"route": [to("v3")], "retries": retries})
    assert statuses(mesh.send(5, f"/{marker}")) == {503: 5}
    assert mesh.lab.counts()["reviews-v3"]["requests"] == 20
    assert {flags(line) for line in mesh.log_lines(f"/{marker}", 5)} == {"URX"}


def test_a_number_in_retry_on_is_a_status(mesh: Mesh) -> None:
    mesh.lab.set("reviews-v3", errors="100%")
    mesh.route({"route": [to("v3")], "retries": {"attempts": 1, "retryOn": "503"}})
    mesh.send(5)
    assert mesh.lab.counts()["reviews-v3"]["requests"] == 10


def test_503_is_not_retried_by_default(mesh: Mesh) -> None:
    mesh.lab.set("reviews-v3", errors="100%")
    mesh.route({"route": [to("v3")]})
    mesh.send(5)
    assert mesh.lab.counts()["reviews-v3"]["requests"] == 5


def test_headers_choose_the_version(mesh: Mesh) -> None:
    mesh.route(
        {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "route": [to("v2")]},
        {"match": [{"withoutHeaders": {"x-stable": {}}}], "route": [to("v3")]},
        {"route": [to("v1")]},
    )
    assert served(mesh.send(3, headers={"end-user": "jason"})) == {"reviews-v2": 3}
    assert served(mesh.send(3)) == {"reviews-v3": 3}
    assert served(mesh.send(3, headers={"x-stable": "1"})) == {"reviews-v1": 3}


def test_paths_methods_and_queries_choose_the_version(mesh: Mesh) -> None:
    mesh.route(
        {"match": [{"uri": {"regex": "/r[0-9]+"}}], "route": [to("v3")]},
        {"match": [{"queryParams": {"q": {"exact": "1"}}}], "route": [to("v2")]},
        {"match": [{"method": {"exact": "POST"}}], "route": [to("v2")]},
        {"match": [{"uri": {"prefix": "/Up"}, "ignoreUriCase": True}], "route": [to("v2")]},
        {"route": [to("v1")]},
    )
    assert served(mesh.send(2, "/r42")) == {"reviews-v3": 2}
    assert served(mesh.send(2, "/x?q=1")) == {"reviews-v2": 2}
    assert served(mesh.send(2, "/x", method="POST")) == {"reviews-v2": 2}
    assert served(mesh.send(2, "/uphill")) == {"reviews-v2": 2}
    assert served(mesh.send(2, "/r42x")) == {"reviews-v1": 2}


def test_rules_for_other_clients_are_left_out(mesh: Mesh) -> None:
    mesh.route(
        {"match": [{"sourceLabels": {"app": "details"}}], "route": [to("v3")]},
        {"route": [to("v1")]},
    )
    assert served(mesh.send(3)) == {"reviews-v1": 3}
    mesh.until_routed("outbound|9080|v3|reviews.default.svc.cluster.local", "details-v1")
    assert served(mesh.send(3, via="details")) == {"reviews-v3": 3}


def test_rewrite_and_header_operations(mesh: Mesh) -> None:
    mesh.route(
        {
            "match": [{"uri": {"prefix": "/old"}}],
            "rewrite": {"uri": "/new", "authority": "elsewhere"},
            "headers": {
                "request": {"set": {"x-set": "1"}, "remove": ["x-gone"]},
                "response": {"add": {"x-answer": "2"}},
            },
            "route": [to("v1") | {"headers": {"request": {"add": {"x-own": "3"}}}}],
        }
    )
    (answer,) = mesh.send(1, "/old/page", headers={"x-gone": "yes", "x-set": "0"})
    assert answer.body["path"] == "/new/page"
    seen = answer.body["headers"]
    assert (seen["host"], seen["x-set"], seen["x-own"]) == ("elsewhere", "1", "3")
    assert "x-gone" not in seen
    assert not [name for name in seen if name.startswith("x-lab-peer")]
    assert answer.headers["x-answer"] == "2"


def test_redirect_and_direct_response(mesh: Mesh) -> None:
    mesh.route(
        {"match": [{"uri": {"exact": "/a"}}], "redirect": {"uri": "/b", "redirectCode": 302}},
        {"directResponse": {"status": 429, "body": {"string": "enough"}}},
    )
    (moved,) = mesh.send(1, "/a")
    assert (moved.status, moved.headers["location"]) == (302, "http://reviews:9080/b")
    (direct,) = mesh.send(1, "/x")
    assert (direct.status, direct.body) == (429, "enough")


def test_subset_without_a_rule_has_no_cluster(mesh: Mesh) -> None:
    marker = mesh.route({"route": [to("v9")]})
    assert statuses(mesh.send(3, f"/{marker}")) == {503: 3}
    assert {flags(line) for line in mesh.log_lines(f"/{marker}", 3)} == {"NC"}


def test_an_exact_destination_rule_takes_a_wildcards_subsets_away(mesh: Mesh) -> None:
    subsets = [{"name": "v1", "labels": {"version": "v1"}}]
    wide = {"host": "*.default.svc.cluster.local", "subsets": subsets}
    mesh.replace_destination_rule(wide)
    marker = mesh.route({"route": [to("v1")]})
    assert served(mesh.send(5)) == {"reviews-v1": 5}
    mesh.create(
        "destinationrules",
        {
            "kind": "DestinationRule",
            "metadata": {"name": "breaker"},
            "spec": {
                "host": "reviews",
                "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 9}}},
            },
        },
    )
    gone = "outbound|9080|v1|reviews.default.svc.cluster.local"
    until(lambda: gone not in mesh.clusters(), what="the cluster gone")
    assert statuses(mesh.send(3, f"/{marker}")) == {503: 3}
    assert {flags(line) for line in mesh.log_lines(f"/{marker}", 3)} == {"NC"}


def test_what_is_private_to_the_clients_namespace_rules_before_what_is_public(mesh: Mesh) -> None:
    mesh.route({"route": [to("v1")]})
    private = {
        "hosts": ["reviews.default.svc.cluster.local"],
        "exportTo": ["."],
        "http": [{"name": "mine", "route": [to("v2")]}],
    }
    mesh.create(
        "virtualservices",
        {"kind": "VirtualService", "metadata": {"name": "z-private"}, "spec": private},
    )
    mesh.until_routed("mine")
    assert served(mesh.send(5)) == {"reviews-v2": 5}


def test_what_the_webhook_refuses_never_reaches_a_proxy(mesh: Mesh) -> None:
    mesh.route({"route": [to("v2")]})
    rules = {
        "error parsing regexp: missing closing ): `(`": {
            "match": [{"uri": {"regex": "("}}],
            "route": [to("v1")],
        },
        "total destination weight = 0": {"route": [to("v1", 0), to("v2", 0)]},
        "weight -1 < 0": {"route": [to("v1", -1), to("v2", 101)]},
    }
    for words, rule in rules.items():
        with pytest.raises(AssertionError, match=re.escape(words)):
            mesh.write_rules(rule)
    assert served(mesh.send(5)) == {"reviews-v2": 5}


def test_the_gateway_routes_to_productpage(mesh: Mesh) -> None:
    mesh.route({"route": [to("v1")]})
    (page,) = mesh.lab.send(1, "/productpage")
    assert page.status == 200
    assert page.body["reviews"]["version"] == "v1"
    (missing,) = mesh.lab.send(1, "/nothing-here")
    assert missing.status == 404


def test_failing_reviews_fail_the_page(mesh: Mesh) -> None:
    mesh.route(
        {"route": [to("v1")], "fault": {"abort": {"httpStatus": 500, "percentage": {"value": 100}}}}
    )
    assert statuses(mesh.lab.send(3, "/productpage")) == {503: 3}


def test_a_patch_reaches_traffic_quickly(mesh: Mesh) -> None:
    took = []
    for subset in ("v1", "v2", "v3", "v1"):
        mesh.write_rules({"route": [to(subset)]})
        began = time.monotonic()
        until(lambda: served(mesh.send(1)) == {f"reviews-{subset}": 1})  # noqa: B023
        took.append(time.monotonic() - began)
    print("patch to traffic, ms:", [round(1000 * seconds) for seconds in took])


def test_the_dump_looks_like_istiods(mesh: Mesh) -> None:
    mesh.write_rules(
        {
            "name": "main",
            "match": [
                {"name": "a", "uri": {"prefix": "/a"}},
                {"name": "b", "uri": {"exact": "/b"}},
            ],
            "route": [to("v1", 90), to("v2", 10), to("v3", 0)],
            "timeout": "1.5s",
        }
    )
    mesh.until_routed("main.b")
    configs = {
        c["route_config"]["name"]: c["route_config"] for c in json.loads(mesh.routes())["configs"]
    }
    looked_at = "istio-ingressgateway.istio-system.svc.cluster.local:15021"
    assert set(configs) == {"80", "9080", looked_at}
    hosts = {host["name"]: host for host in configs["9080"]["virtual_hosts"]}
    reviews = hosts["reviews.default.svc.cluster.local:9080"]
    assert {"reviews", "reviews.default", "reviews.default.svc"} < set(reviews["domains"])
    assert [route["name"] for route in reviews["routes"]] == ["main.a", "main.b"]
    route = reviews["routes"][0]
    clusters = route["route"]["weighted_clusters"]["clusters"]
    assert [(c["name"], c["weight"]) for c in clusters] == [
        ("outbound|9080|v1|reviews.default.svc.cluster.local", 90),
        ("outbound|9080|v2|reviews.default.svc.cluster.local", 10),
    ]
    assert route["route"]["timeout"] == "1.500s"
    assert route["metadata"]["filter_metadata"]["istio"]["config"] == (
        "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews"
    )
    assert hosts["allow_any"]["domains"] == ["*"]


def test_cluster_names_are_istiods(mesh: Mesh) -> None:
    names = set(mesh.clusters())
    assert {
        "outbound|9080||reviews.default.svc.cluster.local",
        "outbound|9080|v3|reviews.default.svc.cluster.local",
        "inbound|9080||",
        "BlackHoleCluster",
        "PassthroughCluster",
    } <= names
    assert all(one["alt_stat_name"] == f"{name};" for name, one in mesh.clusters().items())
    assert re.search(r'"http\.\d*8080"', mesh.routes("istio-ingressgateway"))
