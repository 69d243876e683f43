"""What callers get differs: findings are of those who lose something, and name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from meshtui.diagnosis.analysis import Finding, analyze
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import destination_rule, meta, pod, route, service, virtual_service

Obj = dict[str, Any]
FULL = "reviews.default.svc.cluster.local"


def found(code: str, partial: Mapping[str, frozenset[str]] | None = None, **objects: Any) -> Any:
    mesh = parse_mesh(objects, partial=partial)
    assert mesh.problems == ()
    return [finding for finding in analyze(mesh) if finding.code == code]


def one(code: str, **objects: Any) -> Finding:
    findings = found(code, **objects)
    assert len(findings) == 1, findings
    result: Finding = findings[0]
    return result


def caller(namespace: str = "default", **labels: str) -> Obj:
    made = pod("caller", "v1", number=9, namespace=namespace)
    made["metadata"]["labels"].update(labels)
    return made


def of(kind: str, name: str, namespace: str = "default", **spec: Any) -> Obj:
    return {"kind": kind, "metadata": meta(name, namespace), "spec": spec}


TO_V1 = virtual_service("reviews", {"route": [route("v1")]})
V1 = destination_rule("reviews", ["v1"])
BASE: dict[str, list[Obj]] = {
    "services": [service("reviews")],
    "pods": [pod("reviews", "v1"), caller(), caller("shop")],
    "virtualservices": [TO_V1],
    "destinationrules": [V1],
}


def with_(**objects: list[Obj]) -> dict[str, list[Obj]]:
    return {**BASE, **objects}


def test_what_everybody_gets_is_quiet() -> None:
    assert not analyze(parse_mesh(BASE))


class TestSubsets:
    def test_a_rule_that_is_not_exported_to_some_callers(self) -> None:
        private = destination_rule("reviews", ["v1"], exportTo=["."])
        finding = one("missing-subset", **with_(destinationrules=[private]))
        assert finding.severity == "error"
        assert "is not exported to shop" in finding.effect
        assert finding.effect.endswith("503 (NC, no cluster), for callers in shop.")

    def test_the_callers_own_rule_takes_the_place_of_the_services(self) -> None:
        wide = of("DestinationRule", "all", "shop", host="*.svc.cluster.local")
        finding = one("missing-subset", **with_(destinationrules=[V1, wide]))
        assert "DestinationRule shop/all replaces whole" in finding.effect

    def test_an_exact_rule_takes_a_wildcards_subsets_away(self) -> None:
        wide = destination_rule("*.default.svc.cluster.local", ["v1"])
        assert not found("missing-subset", **with_(destinationrules=[wide]))
        exact = of("DestinationRule", "breaker", host="reviews", trafficPolicy={})
        finding = one("missing-subset", **with_(destinationrules=[wide, exact]))
        assert "names the host more exactly" in finding.effect

    @pytest.mark.parametrize("unread", ["default", "istio-system"])
    def test_rules_that_may_not_be_read_may_define_it(self, unread: str) -> None:
        homes = frozenset({"default", "shop", "istio-system"} - {unread})
        hidden = with_(destinationrules=[])
        assert not found("missing-subset", {"destinationrules": homes}, **hidden)

    def test_callers_whose_own_rules_are_not_read_are_not_judged(self) -> None:
        homes = {"destinationrules": frozenset({"default", "istio-system"})}
        (finding,) = found("missing-subset", homes, **with_(destinationrules=[]))
        assert finding.effect.startswith("No DestinationRule defines subset v1")


class TestHosts:
    def test_a_service_that_is_not_exported(self) -> None:
        target = service("reviews")
        target["metadata"]["annotations"] = {"networking.istio.io/exportTo": "."}
        front = virtual_service("front", {"route": [route("v1")]})
        objects = with_(services=[target, service("front")], virtualservices=[TO_V1, front])
        finding = one("hidden-host", **objects)
        assert "not exported to shop" in finding.effect
        assert finding.object.name == "front"

    def test_a_service_entry_that_is_not_exported(self) -> None:
        ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
        entry = of("ServiceEntry", "api", "shop", hosts=["api.example"], exportTo=["."])
        entry["spec"] |= {"ports": ports, "resolution": "DNS"}
        out = {"destination": {"host": "api.example", "port": {"number": 443}}}
        rules = virtual_service("reviews", {"route": [out]})
        finding = one("hidden-host", **with_(virtualservices=[rules], serviceentries=[entry]))
        assert finding.effect.endswith("for callers in default.")

    def test_a_port_that_a_service_entry_has_not(self) -> None:
        ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
        entry = of("ServiceEntry", "api", hosts=["api.example"], ports=ports, resolution="DNS")
        out = {"destination": {"host": "api.example", "port": {"number": 80}}}
        rules = virtual_service("reviews", {"route": [out]})
        finding = one("missing-port", **with_(virtualservices=[rules], serviceentries=[entry]))
        assert "443 tls" in finding.advice

    def test_a_service_without_pods(self) -> None:
        split = [route("v1", 90), {"destination": {"host": "old"}, "weight": 10}]
        rules = virtual_service("reviews", {"route": split})
        objects = with_(services=[service("reviews"), service("old")], virtualservices=[rules])
        assert "old has no endpoint: 10 % of rule" in one("no-endpoints", **objects).effect


class TestEndpoints:
    def subset(self, **labels: str) -> list[Obj]:
        subset = {"name": "v1", "labels": labels}
        return [of("DestinationRule", "reviews", host="reviews", subsets=[subset])]

    def test_labels_of_the_place_are_not_read_and_not_judged(self) -> None:
        zone = {"topology.kubernetes.io/zone": "a"}
        assert not found("podless-subset", **with_(destinationrules=self.subset(**zone)))

    def test_a_workload_entry_is_an_endpoint(self) -> None:
        entry = of("WorkloadEntry", "vm", address="10.1.1.1")
        entry["spec"]["labels"] = {"app": "reviews", "version": "vm"}
        objects = with_(destinationrules=self.subset(version="vm"))
        assert found("podless-subset", **objects)
        assert not found("podless-subset", **objects, workloadentries=[entry])

    @pytest.mark.parametrize("how", ["label", "annotation", "hostNetwork"])
    def test_pods_that_have_no_sidecar_on_purpose(self, how: str) -> None:
        bare = pod("reviews", "v1")
        bare["spec"]["containers"] = [{"name": "reviews"}]
        objects = with_(pods=[bare, caller()])
        assert found("no-sidecar", **objects)
        if how == "hostNetwork":
            bare["spec"]["hostNetwork"] = True
        else:
            place = bare["metadata"].setdefault(f"{how}s", {})
            place["sidecar.istio.io/inject"] = "false"
        assert not found("no-sidecar", **objects)

    def test_weights_of_a_headless_service(self) -> None:
        target = service("reviews")
        target["spec"]["clusterIP"] = "None"
        finding = one("headless-weights", **with_(services=[target]))
        assert (finding.severity, finding.field) == ("warning", "spec.http[0].route")


class TestWinners:
    def two(self, **spec: Any) -> list[Obj]:
        other = of("VirtualService", "other", "shop", hosts=[FULL], http=[{"route": []}], **spec)
        other["spec"]["http"] = [{"route": [{"destination": {"host": FULL, "subset": "v1"}}]}]
        return [TO_V1, other]

    def test_one_that_a_namespace_has_for_itself(self) -> None:
        objects = with_(virtualservices=self.two(exportTo=["."]))
        finding = one("host-conflict", **objects)
        assert (finding.severity, finding.object.name) == ("warning", "reviews")
        assert "by callers in shop, the one for their namespace alone" in finding.effect

    def test_of_the_same_age_the_name_counts_before_the_namespace(self) -> None:
        finding = one("host-conflict", **with_(virtualservices=self.two()))
        assert (finding.severity, finding.object.name) == ("error", "reviews")

    def test_one_that_nobody_sees(self) -> None:
        objects = with_(virtualservices=self.two(exportTo=["elsewhere"]))
        finding = one("unused-virtual-service", **objects)
        assert (finding.object.name, finding.field) == ("other", "spec.exportTo")


class TestSidecars:
    def test_two_for_the_same_pods(self) -> None:
        pair = [of("Sidecar", name) for name in ("a", "b")]
        assert one("overlapping-sidecars", **with_(sidecars=pair)).same_as[0] == "IST0111"
        for sidecar, labels in zip(pair, ({"app": "caller"}, {"version": "v1"}), strict=True):
            sidecar["spec"]["workloadSelector"] = {"labels": labels}
        assert one("overlapping-sidecars", **with_(sidecars=pair)).same_as == ("IST0110",)
        pair[1]["spec"]["workloadSelector"] = {"labels": {"app": "reviews"}}
        assert not found("overlapping-sidecars", **with_(sidecars=pair))
