"""What is found in the recorded meshes: each finding is true of what istiod and Envoy did.

A destination without cluster or endpoint in the recording is an error, whatever the table says;
cases that the table does not name are fine, and nothing worse than an info is said of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meshtui.diagnosis.analysis import ERROR, INFO, Finding
from tests.recorded.analyzed import findings
from tests.recorded.cases import Case, load, names

CASES = [name for name in names() if not load(name).refused]

LEAD_NOWHERE = {
    "missing-host",
    "hidden-host",
    "missing-subset",
    "missing-port",
    "port-needed",
    "podless-subset",
    "no-endpoints",
}

OUTLIER = "spec.trafficPolicy.outlierDetection"

EXPECTED: dict[str, list[str]] = {
    "all-empty-match": [
        "warning unreachable-rule VirtualService rev spec.http[2]",
    ],
    "all-header-star": [
        "warning invalid-rule VirtualService rev spec.http[0].match[0].headers.x-a.regex",
    ],
    "all-ignore-case": [
        "warning unreachable-rule VirtualService rev spec.http[1]",
    ],
    "all-match-list-empty": [
        "warning unreachable-rule VirtualService rev spec.http[2]",
    ],
    "all-none-middle": [
        "warning unreachable-rule VirtualService rev spec.http[2]",
    ],
    "all-prefix-empty-middle": [
        "warning unreachable-rule VirtualService rev spec.http[2]",
    ],
    "all-regex-middle": [
        "warning unreachable-rule VirtualService rev spec.http[2]",
    ],
    "all-regex-slash-middle": [
        "warning unreachable-rule VirtualService rev spec.http[2]",
    ],
    "all-stat-prefix": [
        "warning unreachable-rule VirtualService rev spec.http[1]",
        "warning unreachable-rule VirtualService rev spec.http[2]",
    ],
    "dele-and-route": [
        "warning invalid-rule VirtualService rev spec.http[0].delegate",
    ],
    "dele-conflict": [
        "warning delegate-conflict VirtualService leaf spec.http[0].match",
    ],
    "dele-gateways": [
        "error missing-gateway VirtualService leaf spec.http[0].match[0].gateways[1]",
        "warning delegate-conflict VirtualService leaf spec.http[0].match",
    ],
    "dele-missing-only": [
        "error missing-delegate VirtualService rev spec.http[0].delegate",
    ],
    "dele-not-exported": [
        "error missing-delegate VirtualService rev spec.http[0].delegate",
    ],
    "dele-one-of-two": [
        "warning delegate-conflict VirtualService leaf spec.http[0].match",
    ],
    "dele-regex": [
        "warning delegate-conflict VirtualService leaf spec.http[0].match",
    ],
    "dele-two-levels": [
        "error nested-delegate VirtualService leaf spec.http[0].delegate",
    ],
    "dr-client-ns": [
        "error missing-subset VirtualService rev spec.http[0].route[1].destination.subset",
    ],
    "dr-client-ns-a": [
        "error missing-subset VirtualService rev spec.http[0].route[1].destination.subset",
    ],
    "dr-exported-by-name": [
        "error missing-subset VirtualService rev spec.http[0].route[0].destination.subset",
        "error missing-subset VirtualService rev spec.http[0].route[1].destination.subset",
    ],
    "dr-half-host": [
        "error missing-subset VirtualService rev spec.http[0].route[0].destination.subset",
        "error missing-subset VirtualService rev spec.http[0].route[1].destination.subset",
        "warning hostless-rule DestinationRule rev spec.host",
    ],
    "dr-lb": [
        "warning unused-subset DestinationRule rev spec.subsets[2]",
    ],
    "dr-no-pods": [
        "error podless-subset DestinationRule rev spec.subsets[1].labels",
    ],
    "dr-outlier-empty": [
        f"warning never-ejects DestinationRule rev {OUTLIER}.maxEjectionPercent",
    ],
    "dr-outlier-zero": [
        f"warning never-ejects DestinationRule rev {OUTLIER}.maxEjectionPercent",
    ],
    "dr-port-level": [
        "warning lost-policy DestinationRule rev spec.trafficPolicy.portLevelSettings[0]",
    ],
    "dr-private-other-ns": [
        "error missing-subset VirtualService rev spec.http[0].route[0].destination.subset",
        "error missing-subset VirtualService rev spec.http[0].route[1].destination.subset",
    ],
    "dr-short-other-ns": [
        "error missing-subset VirtualService rev spec.http[0].route[0].destination.subset",
    ],
    "dr-two-merge": [
        "warning several-destination-rules DestinationRule a-new spec.trafficPolicy",
    ],
    "dr-two-same-subset": [
        "error duplicate-subset DestinationRule a-new spec.subsets[0].name",
    ],
    "dr-unrelated-beside": [
        "warning missing-subset VirtualService rev spec.http[0].route[1].destination.subset",
        "warning uncounted-rule DestinationRule a-far metadata.namespace",
    ],
    "dr-unrelated-only": [
        "error missing-subset VirtualService rev spec.http[0].route[0].destination.subset",
        "error missing-subset VirtualService rev spec.http[0].route[1].destination.subset",
        "warning uncounted-rule DestinationRule far metadata.namespace",
    ],
    "e-fault-old-percent": [
        "warning deprecated-field VirtualService rev spec.http[0].fault.delay.percent",
    ],
    "e-fault-tiny": [
        "warning invalid-rule VirtualService rev spec.http[0].fault.abort.percentage",
    ],
    "e-mirror-both-forms": [
        "warning invalid-rule VirtualService rev spec.http[0].mirror",
    ],
    "e-mirror-old-field": [
        "warning deprecated-field VirtualService rev spec.http[0].mirrorPercent",
    ],
    "e-retries-on-only": [
        "warning invalid-rule VirtualService rev spec.http[0].retries",
    ],
    "e-weight-negative": [
        "error no-weight VirtualService rev spec.http[0].route[0].weight",
    ],
    "e-weights-unset": [
        "error no-weight VirtualService rev spec.http[0].route",
    ],
    "e-weights-zero": [
        "error no-weight VirtualService rev spec.http[0].route",
    ],
    "f-delay-grpc": [
        "warning full-fault VirtualService rev spec.http[0].fault",
    ],
    "f-exponential": [
        "warning invalid-rule VirtualService rev spec.http[0].fault.delay.exponentialDelay",
    ],
    "f-per-try": [
        "warning retry-budget VirtualService rev spec.http[0].retries",
    ],
    "f-retry-odd": [
        "warning invalid-rule VirtualService rev spec.http[0].retries.retryOn",
        "warning invalid-rule VirtualService rev spec.http[0].retries.retryOn",
    ],
    "go-direct-and-route": [
        "warning invalid-rule VirtualService rev spec.http[0].directResponse",
    ],
    "go-empty": [
        "warning invalid-rule VirtualService rev spec.http[0].redirect",
    ],
    "go-header-host-authority": [
        "warning invalid-rule VirtualService rev spec.http[0].headers.request.set",
    ],
    "go-redirect-and-fault": [
        "error full-fault VirtualService rev spec.http[0].fault",
        "warning invalid-rule VirtualService rev spec.http[0].fault",
    ],
    "gw-merge-private": [
        "warning unused-virtual-service VirtualService new spec.exportTo",
    ],
    "gw-ns-host": [
        "error host-not-admitted VirtualService edge spec.gateways[0]",
    ],
    "gw-other-selector": [
        "error idle-gateway Gateway gate spec.selector",
    ],
    "gw-passthrough": [
        "warning unexposed-port Gateway gate spec.servers[0].port.number",
    ],
    "gw-redirect-wild": [
        "warning unexposed-port Gateway gate spec.servers[1].port.number",
    ],
    "gw-redirect-without-vs": [
        "warning unexposed-port Gateway gate spec.servers[0].port.number",
    ],
    "gw-short-gateway-other-ns": [
        "error missing-gateway VirtualService edge spec.gateways[0]",
    ],
    "gw-tcp": [
        "warning unexposed-port Gateway gate spec.servers[0].port.number",
    ],
    "gw-tls-server": [
        "warning unexposed-port Gateway gate spec.servers[0].port.number",
    ],
    "gw-two-gateways-ports": [
        "warning unexposed-port Gateway gate2 spec.servers[0].port.number",
    ],
    "gw-two-ports": [
        "warning unexposed-port Gateway gate spec.servers[1].port.number",
    ],
    "nowhere-host-port80": [
        "error port-needed VirtualService ext spec.http[0].route[0].destination.port",
    ],
    "source-labels-nobody": [
        "info unused-rule VirtualService rev spec.http[0]",
    ],
    "source-labels-only": [
        "info unused-rule VirtualService rev spec.http[0]",
    ],
    "svc-export-none": [
        "warning unused-virtual-service VirtualService hid spec.hosts[0]",
    ],
    "tcp-http-rule-on-tcp": [
        "warning wrong-protocol VirtualService raw spec.http[0]",
    ],
    "tcp-match-port": [
        "warning unused-rule VirtualService raw spec.tcp[0]",
    ],
    "tcp-on-http": [
        "warning wrong-protocol VirtualService rev spec.tcp[0]",
    ],
    "tls-sni-other": [
        "warning invalid-rule VirtualService sec spec.tls[0].match[0].sniHosts",
    ],
    "to-half-host": [
        "error missing-host VirtualService rev spec.http[0].route[1].destination.host",
    ],
    "to-port-not-there": [
        "error missing-port VirtualService rev spec.http[0].route[1].destination.port.number",
    ],
    "to-se-dns": [
        "error port-needed VirtualService rev spec.http[0].route[1].destination.port",
    ],
    "to-se-no-port": [
        "error missing-port VirtualService rev spec.http[0].route[1].destination.port.number",
    ],
    "to-se-two-ports": [
        "error port-needed VirtualService rev spec.http[0].route[1].destination.port",
    ],
    "to-unknown-host": [
        "error missing-host VirtualService rev spec.http[0].route[1].destination.host",
    ],
    "two-age": [
        "error host-conflict VirtualService a-new spec.hosts[0]",
    ],
    "two-disjoint": [
        "error host-conflict VirtualService a-new spec.hosts[0]",
    ],
    "two-foreign-public-older": [
        "error host-conflict VirtualService own spec.hosts[0]",
    ],
    "two-half-host": [
        "warning half-name VirtualService rev spec.hosts[0]",
    ],
    "two-hosts-overlap": [
        "error host-conflict VirtualService a-both spec.hosts[1]",
    ],
    "two-same-second": [
        "error host-conflict VirtualService b-first spec.hosts[0]",
    ],
    "two-star": [
        "error port-needed VirtualService rev spec.http[0].route[0].destination.port",
        "warning invalid-rule VirtualService rev spec.hosts[0]",
    ],
    "two-wildcards": [
        "error port-needed VirtualService wide spec.http[0].route[0].destination.port",
    ],
}
"""Errors, warnings and unused rules by case: severity, code, kind and name of the object, field.

Some of what is said is of callers that the recording did not ask for: of those of `or-b`
(`dr-client-ns-a`), of whoever calls the ground's ingress Service on port 80 (`two-star`,
`two-wildcards`: their wildcards rule it). The ground's ingress Service has port 80 alone, so that
the other ports of Gateways are reached at the pod's own address only.
"""


def told(finding: Finding) -> str:
    where = f"{finding.object.kind} {finding.object.name} {finding.field}"
    return f"{finding.severity} {finding.code} {where}"


@pytest.mark.parametrize("name", CASES)
def test_what_is_found(name: str) -> None:
    found = [f for f in findings(name) if f.severity != INFO or f.code == "unused-rule"]
    assert [told(finding) for finding in found] == EXPECTED.get(name, [])


@pytest.mark.parametrize("name", [*CASES, *names("composed")])
def test_a_request_that_the_recording_lost_is_an_error(name: str) -> None:
    lost = list(lost_clusters(load(name)))
    errors = [f for f in findings(name) if f.severity == ERROR and f.code in LEAD_NOWHERE]
    assert not lost or errors, lost


def test_requests_are_lost_in_some_recordings() -> None:
    """So that the test above is no test of nothing."""
    assert len([name for name in CASES if list(lost_clusters(load(name)))]) >= 9
    assert len([name for name in names("composed") if list(lost_clusters(load(name)))]) >= 9


def test_a_route_to_a_port_that_is_not_there_is_answered_500() -> None:
    (finding,) = findings("m-wrong-port", "gateway-api")
    assert told(finding) == "error missing-port HTTPRoute rev spec.rules[0].backendRefs[1].port"
    assert finding.effect.endswith("has no port 9999: 50 % of rule rules[0] is answered 500.")


AT_WAYPOINT = {
    "w-dr": [
        "warning never-ejects DestinationRule rev "
        "spec.trafficPolicy.outlierDetection.maxEjectionPercent"
    ],
    "w-httproute-and-vs": ["warning unreachable-rule VirtualService rev spec.hosts[0]"],
    "w-httproute-invalid": [
        "error missing-host HTTPRoute rev spec.rules[0].backendRefs[1].name",
        "error missing-port HTTPRoute rev spec.rules[1].backendRefs[1].port",
    ],
    "w-opt-out": ["warning no-waypoint HTTPRoute solo spec.parentRefs"],
    "w-tcp": ["warning invalid-rule VirtualService two spec.tls[0].match[0].sniHosts"],
    "w-vs-gateways": ["error missing-gateway VirtualService a spec.gateways[0]"],
}
"""What is said of the objects of a case with a waypoint, as the recording bears out."""


@pytest.mark.parametrize("name", names("waypoint"))
def test_what_is_found_before_a_waypoint(name: str) -> None:
    """No sidecar is known there: what two objects come to is the waypoint's answer."""
    found = [f for f in findings(name, "waypoint") if f.object.namespace != "default"]
    assert [told(f) for f in found if f.severity != INFO] == AT_WAYPOINT.get(name, [])


def test_every_case_is_analyzed() -> None:
    for folder in ("composed", "gateway-api", "waypoint"):
        for name in names(folder):
            assert isinstance(findings(name, folder), tuple)


def test_the_callers_namespace_decides_between_a_virtual_service_and_an_http_route() -> None:
    """As it was recorded: gw-a has the HTTPRoute, gw-b the VirtualService, which is older."""
    proxies = load("m-vs-older", "gateway-api").recorded["proxies"]
    taken = {
        namespace: route["name"]
        for namespace in ("gw-a", "gw-b")
        for host in proxies[namespace]["routes"]
        if host["name"] == "rev.gw-a.svc.cluster.local:9080"
        for route in host["routes"][-1:]
    }
    found = [f for f in findings("m-vs-older", "gateway-api") if f.code == "host-conflict"]
    said = {finding.object.kind: finding.effect for finding in found}
    assert taken["gw-a"].startswith("gw-a.rev.") and not taken["gw-b"].startswith("gw-a.rev.")
    assert said["HTTPRoute"].endswith("by callers in gw-b, the older one.")
    assert "by callers in gw-a, the HTTPRoute" in said["VirtualService"]


def lost_clusters(case: Case) -> Iterator[str]:
    """The clusters that requests were given to, and that the asking proxy has not, or empty.

    Recordings have the clusters of the services that a case is about, all of each. A cluster that
    sends to the address which the caller chose has no endpoints, and Bookinfo may not have run.
    """
    for request in case.recorded["requests"]:
        proxy = case.recorded
        if request["request"].get("gateway"):
            proxy = case.recorded.get("gateway") or {}
        known = {cluster["name"] for cluster in proxy.get("clusters") or ()}
        hosts = {name.rpartition("|")[2] for name in known}
        sent = {c["name"] for c in proxy.get("clusters") or () if c["type"] == "EDS"}
        empty = [name for name, found in (proxy.get("endpoints") or {}).items() if found == []]
        empty = [name for name in empty if name in sent and ".default.svc." not in name]
        for cluster in request.get("effect") or {}:
            gone = cluster.rpartition("|")[2] in hosts and cluster not in known
            if gone or cluster in empty:
                yield cluster
        live = request.get("live") or {}
        if live.get("flags") in ("NC", "UH") and ".default.svc." not in live["cluster"]:
            yield str(live["cluster"])
