"""Clusters and their endpoints: one for each port of a service, and one for each subset of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control.action import cluster_name
from meshtui.lab.control.hosts import best_match, qualify
from meshtui.lab.control.policy import Policy, cluster_fields, for_port, hash_policy, inherited
from meshtui.lab.control.reading import complain
from meshtui.lab.control.routing import PASSTHROUGH
from meshtui.lab.control.telemetry import PEER, endpoint_metadata, service_metadata
from meshtui.lab.control.world import (
    MALFORMED,
    Config,
    Endpoint,
    Port,
    Proxy,
    Service,
    World,
    selects,
    visible,
)

_CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


@dataclass(frozen=True, slots=True)
class Subset:
    """A named part of a service's endpoints; "" is the whole service."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    policy: Policy = field(default_factory=dict)
    config: Config | None = None


@dataclass(frozen=True, slots=True)
class Upstream:
    """One outbound cluster."""

    service: Service
    port: Port
    subset: Subset

    @property
    def name(self) -> str:
        return cluster_name(self.service.host, self.port.number, self.subset.name)


def upstreams(world: World, namespace: str) -> list[Upstream]:
    """Every outbound cluster a proxy of a namespace has."""
    return [
        Upstream(service, port, subset)
        for service in world.services
        for subset in subsets(service, rules_of(service, world, namespace))
        for port in service.ports
    ]


def rules_of(service: Service, world: World, namespace: str) -> list[Config]:
    """The DestinationRules for a host: of the client's namespace, else of the service's own."""
    for home in dict.fromkeys((namespace, service.namespace, "istio-system")):
        owners = [
            c for c in world.destination_rules if c.namespace == home and visible(c, namespace)
        ]
        hosts = {c.name: qualify(str(c.spec.get("host", "")), c.namespace) for c in owners}
        best = best_match(list(hosts.values()), service.host)
        if best:
            return [c for c in owners if hosts[c.name] == best]
    return []


def subsets(service: Service, rules: list[Config]) -> list[Subset]:
    """Subsets of several rules are joined; the first policy and the first of a name win."""
    host: Policy = next((r.spec["trafficPolicy"] for r in rules if r.spec.get("trafficPolicy")), {})
    found: dict[str, Subset] = {"": Subset("", policy=host, config=rules[0] if rules else None)}
    for rule in rules:
        for entry in rule.spec.get("subsets") or ():
            try:
                subset = _subset(entry, rule, host)
            except MALFORMED as error:
                complain(f"DestinationRule {rule.namespace}/{rule.name} subset skipped: {error!r}")
                continue
            found.setdefault(subset.name, subset)
    return list(found.values())


def _subset(entry: Mapping[str, Any], rule: Config, host: Policy) -> Subset:
    policy = inherited(host, entry.get("trafficPolicy") or {})
    return Subset(str(entry["name"]), dict(entry.get("labels") or {}), policy, rule)


def cluster(upstream: Upstream, world: World) -> Obj:
    """The Envoy cluster; a policy that cannot be read is named and left out."""
    try:
        fields = cluster_fields(for_port(upstream.subset.policy, upstream.port.number))
    except MALFORMED as error:
        complain(f"trafficPolicy of {upstream.name} skipped: {error!r}")
        fields = cluster_fields({})
    return {
        "@type": _CLUSTER,
        "name": upstream.name,
        "type": "STRICT_DNS" if upstream.service.dns else "STATIC",
        "load_assignment": assignment(upstream, world),
        **fields,
        "metadata": {"filter_metadata": _metadata(upstream)},
    }


def _metadata(upstream: Upstream) -> Obj:
    service, subset = upstream.service, upstream.subset
    found = service_metadata(service.host, service.name, service.namespace)
    found["istio"]["default_original_port"] = upstream.port.number
    if subset.config:
        found["istio"]["config"] = subset.config.path("destination-rule")
    if subset.name:
        found["istio"]["subset"] = subset.name
    return found


def assignment(upstream: Upstream, world: World) -> Obj:
    """The endpoints of a cluster, in the cluster itself: the ready pods, as istiod sends them."""
    chosen = [
        _lb_endpoint(endpoint)
        for endpoint in world.endpoints(upstream.service, upstream.port)
        if selects(upstream.subset.labels, endpoint.labels)
    ]
    localities = [{"locality": {}, "lb_endpoints": chosen, "load_balancing_weight": len(chosen)}]
    return {
        "cluster_name": upstream.name,
        "endpoints": localities if chosen else [],
    }


def _lb_endpoint(endpoint: Endpoint) -> Obj:
    return {
        "endpoint": {"address": _address(endpoint.ip, endpoint.port)},
        "health_status": "HEALTHY",
        "metadata": {"filter_metadata": endpoint_metadata(endpoint)},
        "load_balancing_weight": 1,
    }


def _address(ip: str, port: int) -> Obj:
    return {"socket_address": {"address": ip, "port_value": port}}


def own_clusters(proxy: Proxy, world: World) -> list[Obj]:
    """The clusters every proxy has of its own: its application, and the ways out of the mesh."""
    return [*(_inbound(proxy, world, port) for port in proxy.ports), _black_hole(), _passthrough()]


def _inbound(proxy: Proxy, world: World, port: int) -> Obj:
    name = f"inbound|{port}||"
    service = behind(proxy, world)
    metadata = service_metadata(service.host, service.name, service.namespace) if service else {}
    return {
        "@type": _CLUSTER,
        "name": name,
        "type": "STATIC",
        "connect_timeout": "10s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": _address(proxy.app_ip, port)}}]}
            ],
        },
        "metadata": {"filter_metadata": metadata},
    }


def behind(proxy: Proxy, world: World) -> Service | None:
    """The service whose endpoint a proxy's pod is."""
    own = (s for s in world.services if s.namespace == proxy.namespace and s.selector)
    return next((s for s in own if selects(s.selector, proxy.labels)), None)


def _black_hole() -> Obj:
    return {
        "@type": _CLUSTER,
        "name": "BlackHoleCluster",
        "type": "STATIC",
        "connect_timeout": "10s",
    }


def _passthrough() -> Obj:
    return {
        "@type": _CLUSTER,
        "name": PASSTHROUGH,
        "type": "ORIGINAL_DST",
        "connect_timeout": "10s",
        "lb_policy": "CLUSTER_PROVIDED",
        "metadata": {"filter_metadata": {PEER: {"name": PASSTHROUGH}}},
    }


def hashing(found: list[Upstream]) -> dict[str, list[Obj]]:
    """The clusters whose routes carry a hash policy."""
    policies = {}
    for upstream in found:
        try:
            policy = for_port(upstream.subset.policy, upstream.port.number)
            policies[upstream.name] = hash_policy(policy)
        except MALFORMED:
            continue  # `cluster` has said so
    return {name: policy for name, policy in policies.items() if policy}
