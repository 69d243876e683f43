"""Clusters and their endpoints: one for each port of a service, and one for each subset of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshtui.lab.contract import Obj
from meshtui.lab.control.action import cluster_name
from meshtui.lab.control.destinationrules import Destination, Policy
from meshtui.lab.control.policy import PASSTHROUGH_LB, cluster_fields, policy_for
from meshtui.lab.control.protocols import UDP
from meshtui.lab.control.reading import complain
from meshtui.lab.control.routing import BLACK_HOLE, PASSTHROUGH
from meshtui.lab.control.scope import Scope
from meshtui.lab.control.telemetry import PEER, endpoint_metadata, service_metadata
from meshtui.lab.control.world import (
    DNS,
    DNS_ROUND_ROBIN,
    EDS,
    MALFORMED,
    NONE,
    Endpoint,
    Port,
    Proxy,
    Service,
    World,
    selects,
)

_CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
_TYPES = {EDS: "STATIC", DNS: "STRICT_DNS", DNS_ROUND_ROBIN: "LOGICAL_DNS", NONE: "ORIGINAL_DST"}
"""Endpoints travel inside the cluster, where istiod has them asked for one by one."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """One outbound cluster; the subset "" is the whole service."""

    service: Service
    port: Port
    rule: Destination | None = None
    subset: str = ""

    @property
    def name(self) -> str:
        return cluster_name(self.service.host, self.port.number, self.subset)

    @property
    def labels(self) -> Mapping[str, str]:
        """What its endpoints are chosen by.

        Nothing where the service has no address: its clients name the pod they mean, whatever
        cluster a rule sends them to. Here, where they cannot, any pod is the one they mean.
        """
        chosen = self.rule.subset(self.subset) if self.rule else None
        return chosen.labels if chosen and not self.service.headless else {}


def upstreams(scope: Scope) -> list[Upstream]:
    """Every outbound cluster that a proxy has."""
    found = []
    for service in (service for service in scope.services if not service.alias_of):
        rule = scope.rule(service)
        names = ["", *(subset.name for subset in rule.subsets)] if rule else [""]
        ports = [port for port in service.ports if port.protocol != UDP]
        found += [Upstream(service, port, rule, name) for name in names for port in ports]
    return found


def cluster(upstream: Upstream, world: World) -> Obj:
    """The Envoy cluster; a policy that cannot be read is named and left out."""
    try:
        policy = policy_for(upstream.rule, upstream.subset, upstream.port.number)
        fields = cluster_fields(policy)
        kind = _type(upstream, policy)
    except MALFORMED as error:
        complain(f"trafficPolicy of {upstream.name} skipped: {error!r}")
        fields, kind = cluster_fields({}), _TYPES[upstream.service.resolution]
    if kind == "ORIGINAL_DST":
        fields["lb_policy"] = "CLUSTER_PROVIDED"
    else:
        fields["load_assignment"] = assignment(upstream, world)
    return {
        "@type": _CLUSTER,
        "name": upstream.name,
        "type": kind,
        **fields,
        **(_resolving() if kind.endswith("_DNS") else {}),
        "metadata": {"filter_metadata": _metadata(upstream)},
    }


def _type(upstream: Upstream, policy: Policy) -> str:
    """A load balancer that passes through sends to where the request was going.

    So does a subset whose host does, or whose own policy does outside its settings for the port.
    """
    chosen = upstream.rule.subset(upstream.subset) if upstream.rule else None
    around = policy_for(upstream.rule, "", upstream.port.number)
    policies = (policy, around, chosen.policy if chosen else {})
    passed = any(
        (one.get("loadBalancer") or {}).get("simple") == PASSTHROUGH_LB for one in policies
    )
    return _TYPES[NONE] if passed else _TYPES[upstream.service.resolution]


def _resolving() -> Obj:
    return {"dns_lookup_family": "V4_ONLY", "dns_refresh_rate": "60s", "respect_dns_ttl": True}


def _metadata(upstream: Upstream) -> Obj:
    service = upstream.service
    found = service_metadata(service.host, service.name, service.namespace)
    found["istio"]["default_original_port"] = upstream.port.number
    if upstream.rule:
        found["istio"]["config"] = upstream.rule.config.path("destination-rule")
    if upstream.subset:
        found["istio"]["subset"] = upstream.subset
    return found


def assignment(upstream: Upstream, world: World) -> Obj:
    """The endpoints of a cluster: the ready ones that have the subset's labels."""
    chosen = [
        _lb_endpoint(endpoint)
        for endpoint in world.endpoints(upstream.service, upstream.port)
        if selects(upstream.labels, endpoint.labels)
    ]
    weight = sum(endpoint["load_balancing_weight"] for endpoint in chosen)
    localities = [{"locality": {}, "lb_endpoints": chosen, "load_balancing_weight": weight}]
    return {
        "cluster_name": upstream.name,
        "endpoints": localities if chosen else [],
    }


def _lb_endpoint(endpoint: Endpoint) -> Obj:
    return {
        "endpoint": {"address": _address(endpoint.ip, endpoint.port)},
        "health_status": "HEALTHY",
        "metadata": {"filter_metadata": endpoint_metadata(endpoint)},
        "load_balancing_weight": endpoint.weight,
    }


def _address(ip: str, port: int) -> Obj:
    return {"socket_address": {"address": ip, "port_value": port}}


def counted(cluster: Obj) -> Obj:
    """With the name of its statistics, as istiod has it: the end is marked, for it has dots."""
    return {**cluster, "alt_stat_name": f"{cluster['name']};"}


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
    own = (
        s for s in world.services if s.namespace == proxy.namespace and s.selector and s.in_cluster
    )
    return next((s for s in own if selects(s.selector, proxy.labels)), None)


def _black_hole() -> Obj:
    return {
        "@type": _CLUSTER,
        "name": BLACK_HOLE,
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
