"""Gateways beside each other and beside the mesh, TLS against what pods accept, ejections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from meshtui.diagnosis.analysis import Finding, analyze
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import destination_rule, meta, pod, route, service, virtual_service

Obj = dict[str, Any]


def found(
    code: str, partial: Mapping[str, frozenset[str]] | None = None, **objects: list[Obj]
) -> list[Finding]:
    mesh = parse_mesh(objects, partial=partial)
    assert mesh.problems == ()
    return [finding for finding in analyze(mesh) if finding.code == code]


def one(code: str, **objects: list[Obj]) -> Finding:
    findings = found(code, **objects)
    assert len(findings) == 1, findings
    return findings[0]


def proxy(**labels: str) -> Obj:
    made = pod("ingress", "", namespace="edge")
    made["metadata"]["labels"] = labels or {"istio": "ingress"}
    made["spec"]["containers"] = [{"name": "istio-proxy"}]
    return made


def front(*ports: tuple[int, int]) -> Obj:
    made = service("ingress", "edge", istio="ingress")
    made["spec"]["ports"] = [{"port": port, "targetPort": target} for port, target in ports]
    return made


def server(number: int, *hosts: str, protocol: str = "HTTP", **more: Any) -> Obj:
    port = {"number": number, "protocol": protocol, "name": f"p{number}-{protocol.lower()}"}
    return {"port": port, "hosts": list(hosts), **more}


def gateway(name: str, *servers: Obj, created: str = "2026-01-01T00:00:00Z") -> Obj:
    return {
        "metadata": meta(name, creationTimestamp=created),
        "spec": {"selector": {"istio": "ingress"}, "servers": list(servers)},
    }


def edge(*rules: Obj, **spec: Any) -> Obj:
    return virtual_service("edge", *rules, hosts=["shop.example"], gateways=["door"], **spec)


PODS = [pod("reviews", "v1"), pod("reviews", "v2", number=2), proxy()]
BASE: dict[str, list[Obj]] = {
    "services": [service("reviews"), front((80, 8080))],
    "pods": PODS,
    "gateways": [gateway("door", server(80, "shop.example"))],
    "destinationrules": [destination_rule("reviews", ["v1", "v2"])],
}
WHOLE = {"route": [{"destination": {"host": "reviews"}}]}
SPLIT = {"route": [route("v1", 90), route("v2", 10)]}


def with_(**objects: list[Obj]) -> dict[str, list[Obj]]:
    return {**BASE, **objects}


class TestEdgeAndMesh:
    def test_weights_of_the_mesh_do_not_hold_at_the_gateway(self) -> None:
        rules = [edge(WHOLE), virtual_service("reviews", SPLIT)]
        finding = one("edge-without-weights", **with_(virtualservices=rules))
        assert (finding.severity, finding.object.name) == ("warning", "edge")
        assert "divides reviews in the mesh (v1, v2)" in finding.effect
        assert finding.same_as == ("IST0140",)

    @pytest.mark.parametrize("inside", [WHOLE, {"route": [route("v1", 100)], "match": []}])
    def test_a_rule_of_the_mesh_without_weights(self, inside: Obj) -> None:
        everything = [pod("reviews", "v1"), proxy()]
        rules = [edge(WHOLE), virtual_service("reviews", inside)]
        objects = with_(virtualservices=rules, pods=everything)
        assert not found("edge-without-weights", **objects)

    def test_a_gateway_with_weights_of_its_own(self) -> None:
        rules = [edge(SPLIT), virtual_service("reviews", SPLIT)]
        assert not found("edge-without-weights", **with_(virtualservices=rules))


class TestGateways:
    def test_two_plain_ones_for_a_host_are_merged(self) -> None:
        doors = [gateway(name, server(80, "shop.example")) for name in ("door", "second")]
        finding = one("gateway-conflict", **with_(gateways=doors))
        assert (finding.severity, finding.object.name) == ("info", "second")
        doors[1]["spec"]["servers"][0]["hosts"] = ["other.example"]
        assert not found("gateway-conflict", **with_(gateways=doors))

    def test_one_that_redirects_does_so_for_both(self) -> None:
        doors = [
            gateway("door", server(80, "shop.example")),
            gateway("second", server(80, "shop.example", tls={"httpsRedirect": True})),
        ]
        assert one("gateway-conflict", **with_(gateways=doors)).severity == "warning"

    def test_a_second_tls_server_for_a_host_is_left_out(self) -> None:
        tls = {"mode": "SIMPLE", "credentialName": "cert"}
        doors = [
            gateway("door", server(443, "shop.example", protocol="HTTPS", tls=tls), created=when)
            for when in ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
        ]
        doors[1]["metadata"] = {**doors[1]["metadata"], "name": "later"}
        objects = with_(gateways=doors, services=[front((443, 8443))])
        finding = one("gateway-conflict", **objects)
        assert (finding.severity, finding.object.name) == ("error", "later")
        assert "has a TLS server on port 8443 already" in finding.effect

    @pytest.mark.parametrize(("number", "said"), [(80, 0), (8080, 0), (81, 1)])
    def test_a_port_that_the_service_has_not(self, number: int, said: int) -> None:
        doors = [gateway("door", server(number, "shop.example"))]
        assert len(found("unexposed-port", **with_(gateways=doors))) == said

    def test_http_rules_at_a_server_that_passes_tls_through(self) -> None:
        tls = {"mode": "PASSTHROUGH"}
        doors = [gateway("door", server(443, "shop.example", protocol="TLS", tls=tls))]
        objects = with_(gateways=doors, services=[service("reviews"), front((443, 8443))])
        finding = one("wrong-protocol", **objects, virtualservices=[edge(WHOLE)])
        assert finding.field == "spec.http[0]"
        sni = {"match": [{"sniHosts": ["shop.example"]}], **WHOLE}
        assert not found("wrong-protocol", **objects, virtualservices=[edge(http=[], tls=[sni])])

    def test_a_match_for_a_gateway_that_is_not_listed(self) -> None:
        rule = {**WHOLE, "match": [{"gateways": ["default/door"]}]}
        rules = virtual_service("reviews", rule)
        finding = one("unlisted-gateway", **with_(virtualservices=[rules]))
        assert finding.field == "spec.http[0].match[0].gateways"
        assert not found("unlisted-gateway", **with_(virtualservices=[edge(rule)]))


def speaking(mode: str, accepts: str, **spec: Any) -> list[Finding]:
    rule = destination_rule("reviews", [], trafficPolicy={"tls": {"mode": mode}})
    policy = {"metadata": meta("accepts"), "spec": {"mtls": {"mode": accepts}, **spec}}
    return found("mtls-conflict", **with_(destinationrules=[rule], peerauthentications=[policy]))


class TestMutualTls:
    @pytest.mark.parametrize(
        ("mode", "accepts", "flag"),
        [
            ("DISABLE", "STRICT", "UC"),
            ("SIMPLE", "STRICT", "UF"),
            ("ISTIO_MUTUAL", "DISABLE", "UF"),
        ],
    )
    def test_what_callers_send_and_pods_do_not_accept(
        self, mode: str, accepts: str, flag: str
    ) -> None:
        (finding,) = speaking(mode, accepts)
        assert (finding.severity, finding.field) == ("error", "spec.trafficPolicy.tls.mode")
        assert f"503 ({flag})" in finding.effect
        assert "PeerAuthentication default/accepts accepts" in finding.effect

    @pytest.mark.parametrize(
        ("mode", "accepts"),
        [
            ("DISABLE", "PERMISSIVE"),
            ("DISABLE", "DISABLE"),
            ("DISABLE", "UNSET"),
            ("ISTIO_MUTUAL", "STRICT"),
            ("ISTIO_MUTUAL", "PERMISSIVE"),
        ],
    )
    def test_what_pods_accept(self, mode: str, accepts: str) -> None:
        assert not speaking(mode, accepts)

    def test_a_port_of_some_pods(self) -> None:
        chosen = {"selector": {"matchLabels": {"version": "v2"}}}
        ports = {"portLevelMtls": {"9080": {"mode": "DISABLE"}}}
        assert speaking("DISABLE", "STRICT", **chosen)
        assert not speaking("DISABLE", "STRICT", **chosen, **ports)
        chosen = {"selector": {"matchLabels": {"version": "v7"}}}
        assert not speaking("DISABLE", "STRICT", **chosen)

    def test_the_root_namespace_speaks_for_all_others(self) -> None:
        rule = destination_rule("reviews", [], trafficPolicy={"tls": {"mode": "DISABLE"}})
        whole = {"metadata": meta("all", "istio-system"), "spec": {"mtls": {"mode": "STRICT"}}}
        own = {"metadata": meta("own"), "spec": {"mtls": {"mode": "PERMISSIVE"}}}
        objects = with_(destinationrules=[rule], peerauthentications=[whole])
        assert found("mtls-conflict", **objects)
        unread = {"peerauthentications": frozenset({"istio-system"})}
        assert not found("mtls-conflict", unread, **objects)
        objects = with_(destinationrules=[rule], peerauthentications=[whole, own])
        assert not found("mtls-conflict", **objects)

    def test_mutual_tls_to_a_pod_without_a_proxy(self) -> None:
        bare = pod("reviews", "v1")
        bare["spec"]["containers"] = [{"name": "reviews"}]
        rule = destination_rule("reviews", [], trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})
        (finding,) = found("mtls-conflict", **with_(destinationrules=[rule], pods=[bare, proxy()]))
        assert "has no proxy that could accept it" in finding.effect


def excluding(
    ports: str, mode: str = "", accepts: str = "", what: str = "exclude", **partial: Any
) -> list[Finding]:
    kept = pod("reviews", "v1")
    kept["metadata"]["annotations"] = {f"traffic.sidecar.istio.io/{what}InboundPorts": ports}
    tls = {"trafficPolicy": {"tls": {"mode": mode}}} if mode else {}
    policy = {"metadata": meta("accepts"), "spec": {"mtls": {"mode": accepts}}}
    return found(
        "excluded-port",
        partial or None,
        **with_(
            pods=[kept, pod("reviews", "v2"), proxy()],
            destinationrules=[destination_rule("reviews", [], **tls)],
            peerauthentications=[policy] if accepts else [],
        ),
    )


class TestExcludedPorts:
    @pytest.mark.parametrize(("mode", "accepts"), [("", ""), ("", "STRICT"), ("ISTIO_MUTUAL", "")])
    def test_callers_send_it_mutual_tls(self, mode: str, accepts: str) -> None:
        (finding,) = excluding("15021, 9080", mode, accepts)
        assert (finding.severity, finding.field) == ("error", "spec.ports[0]")
        assert str(finding.object) == "Service default/reviews"
        assert "keeps port 9080 from its proxy" in finding.effect and "503 (UF)" in finding.effect

    @pytest.mark.parametrize(
        ("ports", "mode", "accepts"),
        [
            ("8080", "", ""),
            ("", "", ""),
            ("9080", "DISABLE", ""),
            ("9080", "SIMPLE", ""),
            ("9080", "", "DISABLE"),
        ],
    )
    def test_callers_send_plain_text_or_it_is_no_port_of_the_service(
        self, ports: str, mode: str, accepts: str
    ) -> None:
        assert not excluding(ports, mode, accepts)

    def test_a_port_that_is_not_among_the_included(self) -> None:
        (finding,) = excluding("8080,8443", what="include")
        assert "9080 from its proxy (traffic.sidecar.istio.io/includeInb" in finding.effect
        assert not excluding("8080,9080", what="include")

    def test_nothing_is_said_where_policies_are_not_read(self) -> None:
        assert not excluding("9080", peerauthentications=frozenset({"default"}))


class TestPolicies:
    @pytest.mark.parametrize(
        ("pods", "settings", "never"),
        [
            (9, {}, True),
            (10, {}, False),
            (2, {"maxEjectionPercent": 49}, True),
            (2, {"maxEjectionPercent": 50}, False),
            (3, {"consecutive5xxErrors": 0}, False),
            (0, {}, False),
        ],
    )
    def test_ejections_that_never_happen(self, pods: int, settings: Obj, never: bool) -> None:
        rule = destination_rule("reviews", [], trafficPolicy={"outlierDetection": settings})
        many = [pod("reviews", "v1", number=number) for number in range(1, pods + 1)]
        objects = with_(destinationrules=[rule], pods=many)
        assert bool(found("never-ejects", **objects)) is never

    def test_a_port_that_drops_tls_and_the_load_balancer(self) -> None:
        port = {"port": {"number": 9080}, "connectionPool": {}}
        hashed = {"consistentHash": {"httpHeaderName": "x"}}
        policy = {"tls": {"mode": "ISTIO_MUTUAL"}, "loadBalancer": hashed}
        rule = destination_rule(
            "reviews", [], trafficPolicy={**policy, "portLevelSettings": [port]}
        )
        finding = one("lost-policy", **with_(destinationrules=[rule]))
        assert "httpHeaderName of the host's loadBalancer, and mode of the host's tls" in (
            finding.effect
        )

    def test_a_rule_for_a_host_that_is_not_there(self) -> None:
        rules = [
            destination_rule(host, [])
            for host in ("gone", "reviews.default", "*.default.svc.cluster.local", "*.shop.example")
        ]
        said = {
            finding.object.name
            for finding in found("hostless-rule", **with_(destinationrules=rules))
        }
        assert said == {"gone", "reviews.default", "*.shop.example"}


def authorization(name: str, namespace: str = "default", **spec: Any) -> Obj:
    return {"metadata": meta(name, namespace), "spec": spec}


class TestAuthorization:
    def test_a_policy_that_lets_nobody_in(self) -> None:
        objects = with_(authorizationpolicies=[authorization("nobody")])
        finding = one("denied-service", **objects)
        assert (finding.object.name, finding.severity) == ("nobody", "warning")
        assert finding.effect.startswith("Every request to reviews.default is answered 403")

    @pytest.mark.parametrize(
        "more",
        [
            {"rules": [{"from": [{"source": {"namespaces": ["web"]}}]}]},
            {"action": "DENY", "rules": [{"to": [{"operation": {"methods": ["POST"]}}]}]},
            {"selector": {"matchLabels": {"version": "v1"}}},
            {"rules": [{}]},
        ],
    )
    def test_a_policy_that_lets_somebody_in(self, more: Obj) -> None:
        objects = with_(authorizationpolicies=[authorization("some", **more)])
        assert not found("denied-service", **objects)

    def test_a_second_policy_that_lets_somebody_in(self) -> None:
        both = [authorization("nobody"), authorization("web", rules=[{}])]
        assert not found("denied-service", **with_(authorizationpolicies=both))
        unread = {"authorizationpolicies": frozenset({"default"})}
        assert not found("denied-service", unread, **with_(authorizationpolicies=both[:1]))

    def test_a_deny_that_fits_everything(self) -> None:
        objects = with_(authorizationpolicies=[authorization("off", action="DENY", rules=[{}])])
        assert "a rule of it fits every request" in one("denied-service", **objects).effect

    @pytest.mark.parametrize("kind", ["authorizationpolicies", "requestauthentications"])
    def test_a_selector_without_a_pod(self, kind: str) -> None:
        chosen = {"selector": {"matchLabels": {"app": "review"}}}
        finding = one("idle-authorization", **with_(**{kind: [authorization("typo", **chosen)]}))
        assert finding.same_as == ("IST0127", "KIA0004")
        chosen = {"selector": {"matchLabels": {"app": "reviews"}}}
        good = [authorization("good", rules=[{}], **chosen)]
        assert not found("idle-authorization", **with_(**{kind: good}))
        root = [authorization("root", "istio-system", rules=[{}], **chosen)]
        assert not found("idle-authorization", **with_(**{kind: root}))
