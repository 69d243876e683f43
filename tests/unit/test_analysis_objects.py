"""Objects against each other: hosts in dispute, gateways, DestinationRules and their policies."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.diagnosis.analysis import Finding, analyze
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import destination_rule, meta, pod, route, service, virtual_service

Obj = dict[str, Any]


def analyzed(*, hints: bool = False, **objects: list[Obj]) -> list[Finding]:
    known = {"services": [service("reviews"), service("ratings")], **objects}
    mesh = parse_mesh(known)
    assert mesh.problems == ()
    return list(analyze(mesh, hints=hints))


def codes(**objects: list[Obj]) -> list[str]:
    return [found.code for found in analyzed(**objects)]


TO = {"route": [{"destination": {"host": "reviews"}}]}


def rules_for(
    name: str, *rules: Obj, namespace: str = "default", created: str = "", **spec: Any
) -> Obj:
    """A VirtualService for `reviews` in the mesh."""
    hosts = {"hosts": ["reviews.default.svc.cluster.local"], **spec}
    found = virtual_service(name, *(rules or (TO_FULL,)), **hosts)
    found["metadata"] = meta(name, namespace, creationTimestamp=created)
    return found


TO_FULL = {"route": [{"destination": {"host": "reviews.default.svc.cluster.local"}}]}


class TestConflicts:
    def test_two_for_one_host_in_the_mesh(self) -> None:
        old = rules_for("z", created="2024-01-01T00:00:00Z")
        new = rules_for("a", created="2025-01-01T00:00:00Z", hosts=["reviews"])
        (found,) = analyzed(virtualservices=[old, new])
        assert (found.code, found.severity) == ("host-conflict", "error")
        assert (found.object.name, found.field) == ("a", "spec.hosts[0]")
        assert found.effect.startswith("VirtualService default/z has routes for reviews")
        assert found.same_as == ("IST0109", "KIA1106")

    @pytest.mark.parametrize(
        "other",
        [
            {"gateways": ["door"]},
            {"exportTo": ["~"]},
            {"hosts": ["ratings"]},
            {"hosts": ["*.default.svc.cluster.local"]},
            {"http": [], "tcp": [TO]},
            {"http": [{**TO, "match": [{"sourceNamespace": "b"}]}]},
            {"http": [{**TO, "match": [{"port": 81}]}]},
            {"http": [{**TO, "match": [{"sourceLabels": {"app": "b"}}]}]},
            {"gateways": ["mesh", "door"], "http": [{**TO, "match": [{"gateways": ["door"]}]}]},
        ],
    )
    def test_these_do_not_meet(self, other: Obj) -> None:
        match = [{"sourceNamespace": "a", "port": 80, "sourceLabels": {"app": "a"}}]
        one = rules_for("one", {**TO, "match": match})
        assert "host-conflict" not in codes(virtualservices=[one, rules_for("two", **other)])

    def test_namespaces_that_do_not_see_each_other(self) -> None:
        one = rules_for("one", namespace="a", exportTo=["."])
        assert codes(virtualservices=[one, rules_for("two", namespace="b", exportTo=["."])]) == []
        both = [one, rules_for("two", namespace="b", exportTo=["a"])]
        assert codes(virtualservices=both) == ["host-conflict"]
        everyone = [one, rules_for("two", namespace="b")]
        assert codes(virtualservices=everyone) == ["host-conflict"]

    def test_delegates_have_no_hosts_to_dispute(self) -> None:
        parts = [rules_for("one", hosts=[]), rules_for("two", hosts=[])]
        assert codes(virtualservices=parts) == []


def gateway(name: str = "door", *hosts: str, namespace: str = "default", **spec: Any) -> Obj:
    servers = [{"port": {"number": 80, "protocol": "HTTP"}, "hosts": list(hosts or ("*",))}]
    return {"metadata": meta(name, namespace), "spec": {"servers": servers, **spec}}


def outside(*hosts: str, gateways: list[str] | None = None, **spec: Any) -> Obj:
    named = gateways or ["door"]
    return virtual_service(
        "shop", TO, hosts=list(hosts or ("shop.example",)), gateways=named, **spec
    )


class TestGateways:
    def test_a_gateway_that_is_not_there(self) -> None:
        elsewhere = gateway("door", namespace="istio-system")
        (found,) = analyzed(virtualservices=[outside()], gateways=[elsewhere])
        assert (found.code, found.severity) == ("missing-gateway", "error")
        assert found.field == "spec.gateways[0]"
        assert "there is istio-system/door" in found.advice
        assert found.same_as == ("IST0101", "KIA1102")

    @pytest.mark.parametrize(
        "name", ["istio-system/door", "door.istio-system.svc.cluster.local", "door.istio-system"]
    )
    def test_a_gateway_of_another_namespace(self, name: str) -> None:
        elsewhere = gateway("door", namespace="istio-system")
        shop = outside(gateways=[name])
        assert codes(virtualservices=[shop], gateways=[elsewhere]) == []

    def test_a_gateway_here(self) -> None:
        for name in ("door", "./door", "default/door"):
            shop = outside(gateways=[name])
            assert codes(virtualservices=[shop], gateways=[gateway()]) == []

    def test_a_gateway_in_a_match(self) -> None:
        rule = {**TO, "match": [{"gateways": ["mesh", "gone"]}]}
        (found,) = analyzed(virtualservices=[virtual_service("reviews", rule)])
        assert (found.code, found.field) == (
            "missing-gateway",
            "spec.http[0].match[0].gateways[1]",
        )

    def test_gateways_that_may_not_be_read(self) -> None:
        mesh = parse_mesh(
            {"services": [service("reviews")], "virtualservices": [outside()]},
            partial={"gateways": frozenset({"prod"})},
        )
        assert not analyze(mesh)

    def test_a_gateway_without_a_proxy(self) -> None:
        door = gateway(selector={"istio": "ingress"})
        (found,) = analyzed(gateways=[door], pods=[pod("reviews", "v1")])
        assert (found.code, found.severity, found.field) == (
            "idle-gateway",
            "error",
            "spec.selector",
        )
        assert found.same_as == ("IST0101", "KIA0302")
        proxy = pod("ingress", "", namespace="istio-system")
        proxy["metadata"]["labels"]["istio"] = "ingress"
        assert codes(gateways=[door], pods=[proxy]) == []
        assert codes(gateways=[gateway()]) == []
        assert not analyze(parse_mesh({"gateways": [door]}, partial={"pods": frozenset()}))

    def test_a_host_that_the_gateway_does_not_let_in(self) -> None:
        door = gateway("door", "*.shop.example")
        (found,) = analyzed(virtualservices=[outside("shop.example")], gateways=[door])
        assert (found.code, found.severity, found.field) == (
            "host-not-admitted",
            "error",
            "spec.gateways[0]",
        )
        assert found.same_as == ("IST0132",)

    @pytest.mark.parametrize(
        ("admits", "host"),
        [
            ("*", "shop.example"),
            ("*.example", "shop.example"),
            ("shop.example", "*.example"),
            ("shop.example", "*"),
            ("*/shop.example", "shop.example"),
            ("./shop.example", "shop.example"),
            ("default/*", "shop.example"),
            ("Shop.Example", "shop.example"),
            ("reviews", "reviews"),
        ],
    )
    def test_hosts_that_are_let_in(self, admits: str, host: str) -> None:
        shop = outside(host)
        assert codes(virtualservices=[shop], gateways=[gateway("door", admits)]) == []

    @pytest.mark.parametrize("admits", ["prod/*", "prod/shop.example", "~/*"])
    def test_a_gateway_may_ask_for_a_namespace(self, admits: str) -> None:
        doors = [gateway("door", admits)]
        assert codes(virtualservices=[outside()], gateways=doors) == ["host-not-admitted"]

    def test_one_host_of_several(self) -> None:
        shop = outside("shop.example", "old.example")
        (found,) = analyzed(virtualservices=[shop], gateways=[gateway("door", "shop.example")])
        assert (found.severity, found.field) == ("warning", "spec.hosts[1]")

    def test_hosts_for_different_gateways_and_for_the_mesh(self) -> None:
        doors = [gateway("door", "shop.example"), gateway("back", "old.example")]
        shop = outside("shop.example", "old.example", gateways=["door", "back"])
        assert codes(virtualservices=[shop], gateways=doors) == []
        both = outside("shop.example", "reviews", gateways=["door", "mesh"])
        assert codes(virtualservices=[both], gateways=doors) == []


class TestDestinationRules:
    def test_a_subset_twice(self) -> None:
        rule = destination_rule("reviews", ["v1", "v1"])
        (found,) = analyzed(destinationrules=[rule])
        assert (found.code, found.severity, found.field) == (
            "duplicate-subset",
            "warning",
            "spec.subsets[1].name",
        )
        rule["spec"]["subsets"][1]["labels"] = {"version": "v2"}
        (found,) = analyzed(destinationrules=[rule])
        assert found.severity == "error"
        assert found.same_as == ("KIA0201",)

    def test_a_subset_in_two_rules(self) -> None:
        two = {**destination_rule("reviews", ["v1", "v2"]), "metadata": meta("two")}
        found = analyzed(destinationrules=[destination_rule("reviews", ["v1"]), two])
        assert [(f.code, f.object.name, f.field) for f in found] == [
            ("duplicate-subset", "two", "spec.subsets[0].name"),
            ("several-destination-rules", "two", "spec.host"),
        ]

    def test_the_second_policy_of_a_host_has_no_effect(self) -> None:
        policy = {"loadBalancer": {"simple": "RANDOM"}}
        one = destination_rule("reviews", ["v1"], trafficPolicy=policy)
        two = {**destination_rule("reviews", ["v2"], trafficPolicy=policy), "metadata": meta("two")}
        (found,) = analyzed(destinationrules=[one, two])
        assert (found.code, found.severity) == ("several-destination-rules", "warning")
        assert found.field == "spec.trafficPolicy"
        assert found.same_as == ("KIA0201",)

    def test_rules_of_other_namespaces_or_clients_are_not_joined(self) -> None:
        one = destination_rule("reviews.default.svc.cluster.local", ["v1"])
        two = {**one, "metadata": meta("two", "prod")}
        assert codes(destinationrules=[one, two]) == []
        spec = {**one["spec"], "workloadSelector": {"matchLabels": {"app": "a"}}}
        three = {"metadata": meta("three"), "spec": spec}
        assert codes(destinationrules=[one, three]) == []
        spec = {**one["spec"], "exportTo": ["."]}
        assert codes(destinationrules=[one, {"metadata": meta("four"), "spec": spec}]) == []

    def test_a_subset_no_route_uses(self) -> None:
        rule = destination_rule("reviews", ["v1", "v2"])
        objects = {
            "virtualservices": [virtual_service("reviews", {"route": [route("v1")]})],
            "destinationrules": [rule],
            "pods": [pod("reviews", "v1")],
        }
        assert analyzed(**objects) == []
        (hint,) = analyzed(hints=True, **objects)
        assert (hint.code, hint.severity, hint.field) == (
            "unused-subset",
            "info",
            "spec.subsets[1]",
        )
        rule["spec"]["subsets"][1]["trafficPolicy"] = {"outlierDetection": {"interval": "5s"}}
        (found,) = analyzed(**objects)
        assert (found.code, found.severity) == ("unused-subset", "warning")
        assert "its policy (outlierDetection) has no effect" in found.effect

    def test_a_subset_that_only_a_mirror_or_a_wildcard_uses(self) -> None:
        policy = {"outlierDetection": {"interval": "5s"}}
        rule = destination_rule("*.default.svc.cluster.local", ["v1"])
        rule["spec"]["subsets"][0]["trafficPolicy"] = policy
        copies = {"route": [route("v1")], "mirror": {"host": "reviews", "subset": "v1"}}
        objects = {
            "virtualservices": [virtual_service("reviews", copies)],
            "destinationrules": [rule],
            "pods": [pod("reviews", "v1")],
        }
        assert "unused-subset" not in [found.code for found in analyzed(**objects)]


HOST = {
    "connectionPool": {"tcp": {"maxConnections": 10}, "http": {"http1MaxPendingRequests": 1}},
    "outlierDetection": {"consecutive5xxErrors": 3},
    "loadBalancer": {"simple": "RANDOM", "localityLbSetting": {"enabled": True}},
    "tls": {"mode": "ISTIO_MUTUAL"},
}


def lost(host: Obj, subset: Obj) -> list[tuple[str, str]]:
    rule = destination_rule("reviews", ["v1"], trafficPolicy=host)
    rule["spec"]["subsets"][0]["trafficPolicy"] = subset
    uses = virtual_service("reviews", {"route": [route("v1")]})
    found = analyzed(destinationrules=[rule], virtualservices=[uses], pods=[pod("reviews", "v1")])
    found = [f for f in found if f.code == "lost-policy"]
    return [(f.field.removeprefix("spec.subsets[0].trafficPolicy."), f.effect) for f in found]


class TestPolicies:
    @pytest.mark.parametrize(
        ("subset", "part", "gone"),
        [
            (
                {"connectionPool": {"http": {"http1MaxPendingRequests": 5}}},
                "connectionPool",
                "whole: tcp.maxConnections of",
            ),
            (
                {"connectionPool": {}},
                "connectionPool",
                "whole: http.http1MaxPendingRequests, tcp.maxConnections of",
            ),
            (
                {"outlierDetection": {"interval": "5s"}},
                "outlierDetection",
                "whole: consecutive5xxErrors of",
            ),
            (
                {"loadBalancer": {"simple": "ROUND_ROBIN"}},
                "loadBalancer",
                "whole: localityLbSetting.enabled of",
            ),
            (
                {
                    "loadBalancer": {
                        "warmup": {"duration": "1s"},
                        "localityLbSetting": {"enabled": True},
                    }
                },
                "loadBalancer",
                "whole: simple of",
            ),
        ],
    )
    def test_a_subset_that_replaces_a_part(self, subset: Obj, part: str, gone: str) -> None:
        ((field, effect),) = lost(HOST, subset)
        assert field == part
        assert gone in effect

    @pytest.mark.parametrize(
        "subset",
        [
            {},
            {"tls": {"mode": "DISABLE"}},
            {"outlierDetection": {"consecutive5xxErrors": 7, "interval": "5s"}},
            {"connectionPool": {**HOST["connectionPool"], "tcp": {"maxConnections": 99}}},
            {"loadBalancer": {"consistentHash": {}, "localityLbSetting": {"enabled": True}}},
        ],
    )
    def test_a_subset_that_keeps_or_changes_a_part(self, subset: Obj) -> None:
        assert lost(HOST, subset) == []

    def test_what_the_host_does_not_have_cannot_be_lost(self) -> None:
        assert lost({}, {"connectionPool": {"tcp": {"maxConnections": 1}}}) == []

    def test_a_port_inherits_nothing(self) -> None:
        ports = {"portLevelSettings": [{"port": {"number": 9080}, "tls": {"mode": "SIMPLE"}}]}
        policy = {"outlierDetection": {"interval": "5s"}, "loadBalancer": {"simple": "RANDOM"}}
        rule = destination_rule("reviews", [], trafficPolicy={**policy, **ports})
        (found,) = analyzed(destinationrules=[rule])
        assert found.field == "spec.trafficPolicy.portLevelSettings[0]"
        assert found.effect.startswith("Port 9080 inherits nothing: interval of the host's outlier")

    def test_outlier_detection_that_may_eject_all(self) -> None:
        def said(**outliers: Any) -> list[str]:
            policy = {"outlierDetection": outliers}
            rule = destination_rule("reviews", [], trafficPolicy=policy)
            return [found.field for found in analyzed(destinationrules=[rule])]

        place = "spec.trafficPolicy.outlierDetection.maxEjectionPercent"
        assert said(maxEjectionPercent=100) == [place]
        assert said(maxEjectionPercent=100, minHealthPercent=0) == [place]
        assert said(maxEjectionPercent=99) == []
        assert said(maxEjectionPercent=100, minHealthPercent=50) == []
        assert said(maxEjectionPercent=100, consecutive5xxErrors=0) == []
        assert said(interval="5s") == []

    def test_deprecated_settings(self) -> None:
        policy = {
            "outlierDetection": {"consecutiveErrors": 5},
            "loadBalancer": {"simple": "LEAST_CONN", "warmupDurationSecs": "30s"},
        }
        rule = destination_rule("reviews", [], trafficPolicy=policy)
        found = analyzed(destinationrules=[rule])
        assert {f.code for f in found} == {"deprecated-field"}
        assert {f.field for f in found} == {
            "spec.trafficPolicy.outlierDetection.consecutiveErrors",
            "spec.trafficPolicy.loadBalancer.simple",
            "spec.trafficPolicy.loadBalancer.warmupDurationSecs",
        }
        assert {f.same_as for f in found} == {("IST0002", "IST0133")}
