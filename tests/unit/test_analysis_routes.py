"""Routes that lead nowhere, and rules that take each other's requests."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.diagnosis.analysis import Finding, analyze
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import (
    destination_rule,
    meta,
    pod,
    reviews,
    route,
    service,
    virtual_service,
)

Obj = dict[str, Any]


def found(mesh: Mesh, code: str) -> list[Finding]:
    assert mesh.problems == ()
    return [finding for finding in analyze(mesh) if finding.code == code]


def only(mesh: Mesh, code: str) -> Finding:
    """The one finding of that code."""
    findings = found(mesh, code)
    assert len(findings) == 1
    return findings[0]


def to(host: str, **more: Any) -> Obj:
    return {"destination": {"host": host, **more}}


def entry(*hosts: str) -> Obj:
    return {"metadata": meta("entry"), "spec": {"hosts": list(hosts)}}


def with_rules(*rules: Obj, **objects: list[Obj]) -> Mesh:
    """A VirtualService `reviews` with the rules, in a mesh of three services."""
    known: dict[str, list[Obj]] = {
        "services": [service("reviews"), service("ratings", "prod")],
        "virtualservices": [virtual_service("reviews", *rules)],
    }
    return parse_mesh({**known, **objects})


class TestHosts:
    def test_a_route_to_no_service(self) -> None:
        finding = only(with_rules({"route": [to("reveiws")]}), "missing-host")
        assert finding.severity == "error"
        assert finding.field == "spec.http[0].route[0].destination.host"
        assert str(finding.object) == "VirtualService default/reviews"
        assert "reveiws.default.svc.cluster.local does not exist" in finding.effect
        assert "every request of rule http[0] is answered 503 (NC" in finding.effect
        assert finding.same_as == ("IST0101", "KIA1101")

    def test_a_short_name_means_the_namespace_of_the_rule(self) -> None:
        finding = only(with_rules({"route": [to("ratings")]}), "missing-host")
        assert "there is ratings.prod.svc.cluster.local" in finding.advice

    def test_a_name_with_a_dot_is_not_completed(self) -> None:
        finding = only(with_rules({"route": [to("ratings.prod")]}), "missing-host")
        assert finding.advice.startswith("Write ratings.prod.svc.cluster.local")

    def test_an_outside_host_needs_a_service_entry(self) -> None:
        rule = {"route": [to("api.example.com")]}
        assert "ServiceEntry" in only(with_rules(rule), "missing-host").advice
        for host in ("api.example.com", "*.example.com"):
            assert not found(with_rules(rule, serviceentries=[entry(host)]), "missing-host")

    def test_what_gets_no_weight_is_a_warning(self) -> None:
        rule = {"route": [{**to("reviews"), "weight": 100}, {**to("gone"), "weight": 0}]}
        assert only(with_rules(rule), "missing-host").severity == "warning"

    def test_a_mirror_to_no_service(self) -> None:
        rule = {"route": [to("reviews")], "mirror": {"host": "gone"}}
        finding = only(with_rules(rule), "missing-host")
        assert (finding.severity, finding.field) == ("warning", "spec.http[0].mirror.host")

    @pytest.mark.parametrize(
        "host",
        [
            "reviews",
            "reviews.default.svc.cluster.local",
            "ratings.prod.svc.cluster.local",
            "reviews.default.svc.clusterset.local",
            "reviews.default.svc.example.org",
        ],
    )
    def test_hosts_that_exist_or_cannot_be_judged(self, host: str) -> None:
        assert not found(with_rules({"route": [to(host)]}), "missing-host")

    def test_what_may_not_be_read_is_not_missing(self) -> None:
        objects = {"virtualservices": [virtual_service("reviews", {"route": [to("a.b.svc")]})]}
        partial = {"services": frozenset({"default"})}
        assert not found(parse_mesh(objects, partial=partial), "missing-host")
        rule = {"route": [to("gone")]}
        objects = {"virtualservices": [virtual_service("reviews", rule)]}
        assert found(parse_mesh(objects, partial=partial), "missing-host")
        assert not found(parse_mesh(objects, partial={"services": frozenset()}), "missing-host")


class TestSubsets:
    def test_a_route_to_no_subset(self) -> None:
        finding = only(reviews({"route": [route("v9")]}), "missing-subset")
        assert (finding.severity, finding.field) == (
            "error",
            "spec.http[0].route[0].destination.subset",
        )
        assert finding.same_as == ("IST0101", "KIA1107")

    def test_a_mirror_to_no_subset(self) -> None:
        copies = {"destination": {"host": "reviews", "subset": "v8"}}
        mesh = reviews({"route": [route("v1")], "mirrors": [copies]})
        finding = only(mesh, "missing-subset")
        assert finding.field == "spec.http[0].mirrors[0].destination.subset"
        assert finding.severity == "warning"

    def test_a_tcp_route_to_no_subset(self) -> None:
        rules = virtual_service("reviews", tcp=[{"route": [route("v1")]}])
        target = service("reviews")
        target["spec"]["ports"][0]["name"] = "tcp"
        mesh = parse_mesh({"services": [target], "virtualservices": [rules]})
        assert only(mesh, "missing-subset").field.startswith("spec.tcp[0].route[0]")

    def test_a_missing_host_is_said_once(self) -> None:
        mesh = with_rules({"route": [route("v1", host="gone")]})
        assert found(mesh, "missing-host")
        assert not found(mesh, "missing-subset")

    @pytest.mark.parametrize("host", ["reviews", "*.default.svc.cluster.local", "*"])
    def test_a_rule_for_the_host_or_a_wildcard_defines_it(self, host: str) -> None:
        rules = [destination_rule(host, ["v1"])]
        mesh = with_rules({"route": [route("v1")]}, destinationrules=rules)
        assert not found(mesh, "missing-subset")

    def test_rules_that_may_not_be_read_may_define_it(self) -> None:
        objects = {
            "services": [service("reviews")],
            "virtualservices": [virtual_service("reviews", {"route": [route("v1")]})],
        }
        mesh = parse_mesh(objects, partial={"destinationrules": frozenset({"prod"})})
        assert not found(mesh, "missing-subset")


class TestPods:
    def test_a_routed_subset_without_pods(self) -> None:
        rule = {"route": [route("v1", 90), route("v2", 10)]}
        objects = {
            "services": [service("reviews")],
            "pods": [pod("reviews", "v1")],
            "virtualservices": [virtual_service("reviews", rule)],
            "destinationrules": [destination_rule("reviews", ["v1", "v2"])],
        }
        mesh = parse_mesh(objects)
        finding = only(mesh, "podless-subset")
        assert (finding.severity, finding.field) == ("error", "spec.subsets[1].labels")
        assert "(10 %) is answered 503 (UH)" in finding.effect
        assert finding.same_as == ("IST0173", "KIA0203")

    def test_pods_that_are_not_ready_are_pods(self) -> None:
        objects = {
            "services": [service("reviews")],
            "pods": [pod("reviews", "v1", ready=False)],
            "virtualservices": [virtual_service("reviews", {"route": [route("v1")]})],
            "destinationrules": [destination_rule("reviews", ["v1"])],
        }
        assert not analyze(parse_mesh(objects))

    @pytest.mark.parametrize("weight", [0, None])
    def test_no_weight_and_no_route_need_no_pods(self, weight: int | None) -> None:
        more = [] if weight is None else [route("v4", weight)]
        objects = {
            "services": [service("reviews")],
            "pods": [pod("reviews", "v1")],
            "virtualservices": [virtual_service("reviews", {"route": [route("v1", 100), *more]})],
            "destinationrules": [destination_rule("reviews", ["v1", "v4"])],
        }
        assert not analyze(parse_mesh(objects))

    def test_endpoints_that_are_no_pods_are_not_judged(self) -> None:
        by_hand = service("reviews")
        by_hand["spec"]["selector"] = {}
        objects = {
            "services": [by_hand],
            "virtualservices": [virtual_service("reviews", {"route": [route("v1")]})],
            "destinationrules": [destination_rule("reviews", ["v1"])],
        }
        assert not found(parse_mesh(objects), "podless-subset")
        machines = {
            **objects,
            "services": [service("reviews")],
            "serviceentries": [entry("reviews.default.svc.cluster.local")],
        }
        assert not found(parse_mesh(machines), "podless-subset")
        unread = {**objects, "services": [service("reviews")]}
        mesh = parse_mesh(unread, partial={"pods": frozenset()})
        assert not found(mesh, "podless-subset")

    def test_pods_of_a_routed_subset_without_sidecar(self) -> None:
        bare = pod("reviews", "v1", number=2)
        bare["spec"]["containers"] = [{"name": "reviews"}]
        objects = {
            "services": [service("reviews")],
            "pods": [pod("reviews", "v1"), bare],
            "virtualservices": [virtual_service("reviews", {"route": [route("v1")]})],
            "destinationrules": [destination_rule("reviews", ["v1"])],
        }
        finding = only(parse_mesh(objects), "no-sidecar")
        assert finding.effect.startswith("1 of 2 pods of subset v1 run no sidecar")
        bare["metadata"]["labels"]["sidecar.istio.io/inject"] = "false"
        assert not analyze(parse_mesh(objects))
        del bare["metadata"]["labels"]["sidecar.istio.io/inject"]
        bare["metadata"]["annotations"] = {"ambient.istio.io/redirection": "enabled"}
        assert not analyze(parse_mesh(objects))


class TestWeights:
    @pytest.mark.parametrize("weights", [(0, 0), (None, None), (0, None)])
    def test_all_zero(self, weights: tuple[int | None, ...]) -> None:
        routes = [route(v, w) for v, w in zip(("v1", "v2"), weights, strict=True)]
        finding = only(reviews({"route": routes}), "no-weight")
        assert (finding.severity, finding.field) == ("error", "spec.http[0].route")

    def test_negative(self) -> None:
        mesh = reviews({"route": [route("v1", 110), route("v2", -10)]})
        assert only(mesh, "no-weight").field == "spec.http[0].route[1].weight"

    @pytest.mark.parametrize(
        "routes",
        [
            [route("v1", 0)],
            [route("v1")],
            [route("v1", 3), route("v2", 4)],
            [route("v1", 1), route("v2")],
        ],
    )
    def test_ratios_and_the_weight_of_a_single_destination_are_fine(
        self, routes: list[Obj]
    ) -> None:
        assert not found(reviews({"route": routes}), "no-weight")


class TestPorts:
    def gateway_to(self, ports: list[int], rule: Obj, server: int = 80) -> Mesh:
        target = service("reviews")
        target["spec"]["ports"] = [{"name": f"p{p}", "port": p} for p in ports]
        rules = virtual_service("reviews", rule, hosts=["shop.example"], gateways=["door"])
        door = {
            "metadata": meta("door"),
            "spec": {
                "servers": [
                    {"port": {"number": server, "protocol": "HTTP"}, "hosts": ["shop.example"]}
                ]
            },
        }
        return parse_mesh({"services": [target], "virtualservices": [rules], "gateways": [door]})

    def test_a_port_must_be_named_where_the_gateways_is_not_the_services(self) -> None:
        finding = only(self.gateway_to([9080, 9090], {"route": [to("reviews")]}), "port-needed")
        assert (finding.severity, finding.field) == (
            "error",
            "spec.http[0].route[0].destination.port",
        )
        assert finding.same_as == ("IST0112",)

    def test_no_port_is_needed_where_it_is_clear(self) -> None:
        plain = {"route": [to("reviews")]}
        named = {"route": [to("reviews", port={"number": 9080})]}
        assert not analyze(self.gateway_to([9080], plain))
        assert not analyze(self.gateway_to([9080, 9090], named))
        assert not analyze(self.gateway_to([80, 9090], plain))

    def test_inside_the_mesh_a_request_keeps_its_port(self) -> None:
        target = service("reviews")
        target["spec"]["ports"] = [{"name": "http", "port": 9080}, {"name": "admin", "port": 9090}]
        rules = virtual_service("reviews", {"route": [to("reviews")]})
        objects = {"services": [target], "virtualservices": [rules]}
        assert not analyze(parse_mesh(objects))
        other = virtual_service("ratings", {"route": [to("reviews")]})
        ratings = service("ratings")
        ratings["spec"]["ports"] = [{"name": "http", "port": 80}]
        mesh = parse_mesh({"services": [target, ratings], "virtualservices": [other]})
        assert "none is 80" in only(mesh, "port-needed").effect
        asks = {"match": [{"port": 9080}], "route": [to("reviews")]}
        mesh = parse_mesh(
            {"services": [target, ratings], "virtualservices": [virtual_service("ratings", asks)]}
        )
        assert not found(mesh, "port-needed")

    def test_a_port_that_the_service_lacks(self) -> None:
        mesh = with_rules({"route": [to("reviews", port={"number": 80})]})
        assert only(mesh, "missing-port").severity == "error"
        assert not analyze(with_rules({"route": [to("reviews", port={"number": 9080})]}))
