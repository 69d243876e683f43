"""Objects of the Gateway API as far as routing asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh.istio import Json, Ref
from meshtui.mesh.rules import Rule

HTTP_ROUTE, GRPC_ROUTE = "HTTPRoute", "GRPCRoute"
ROUTE_KINDS = (HTTP_ROUTE, GRPC_ROUTE)
"""The kinds whose rules are those of requests. They differ in what they match and in filters."""

TCP_ROUTE, TLS_ROUTE = "TCPRoute", "TLSRoute"
STREAM_KINDS = (TCP_ROUTE, TLS_ROUTE)
"""The kinds whose rules are those of connections."""

ALL_ROUTE_KINDS = (*ROUTE_KINDS, *STREAM_KINDS)

RuleKey = tuple[str, str, str, int]
"""What tells a rule from all others: its object, the list in which it stands, and its index."""


def object_key(ref: Ref) -> tuple[str, str]:
    """Namespace and name of what holds rules; of two kinds with one name there are two."""
    return ref.namespace, f"{ref.kind} {ref.name}" if ref.kind in ALL_ROUTE_KINDS else ref.name


def rule_key(ref: Ref, list_name: str, index: int) -> RuleKey:
    return *object_key(ref), list_name, index


RULES = "rules"
"""The list of an HTTPRoute in which its rules stand."""

API_GROUP = "gateway.networking.k8s.io"
API_GATEWAYS = f"gateways.{API_GROUP}"
"""The plural name of its Gateways; that of Istio's own is `gateways`."""

GATEWAY_NAME = f"{API_GROUP}/gateway-name"
CLASS_NAME = f"{API_GROUP}/gateway-class-name"
"""The labels of the pods that istiod starts for a Gateway."""

WAYPOINT_CLASS = "istio-waypoint"

SAME, ALL, SELECTOR = "Same", "All", "Selector"


@dataclass(frozen=True)
class HttpRoute:
    """An HTTPRoute, GRPCRoute, TCPRoute or TLSRoute: the kind of its `ref` says which.

    `hosts` are the full names of the Services that it is attached to. `rules` has one entry for
    each of its own, with every match; the backends are destinations without a subset. How istiod
    sorts and joins them is the resolution's matter. `at_gateways` are the Gateways and ListenerSets
    that it is attached to, as `namespace/name`.
    """

    ref: Ref
    resource_version: str = ""
    created: str = ""
    raw: Json = field(default_factory=dict, compare=False, repr=False)
    hosts: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    at_gateways: tuple[str, ...] = ()

    @property
    def backends(self) -> tuple[str, ...]:
        """The hosts that its rules send to, each once."""
        return tuple(dict.fromkeys(d.host for rule in self.rules for d in rule.destinations))

    @property
    def in_mesh(self) -> bool:
        """Whether it is for callers in the mesh."""
        return bool(self.hosts)


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener of a Gateway or of a ListenerSet.

    `tls` is the mode that an Istio Gateway would have (SIMPLE, PASSTHROUGH …), empty for none.
    `hostname` is empty for all. `admits` says routes of which namespaces may be attached (Same,
    All, Selector or None), `selector` by which labels; `kinds` which kinds, None for all that its
    protocol has.
    """

    name: str
    port: int = 0
    protocol: str = ""
    hostname: str = ""
    tls: str = ""
    admits: str = SAME
    selector: Json = field(default_factory=dict)
    kinds: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True)
class ApiGateway:
    """A Gateway of the Gateway API. `services` are the hosts of the Services before its pods.

    `managed`: istiod starts its pods. `admits` and `selector` are for ListenerSets.
    """

    ref: Ref
    created: str = ""
    class_name: str = ""
    listeners: tuple[Listener, ...] = ()
    services: tuple[str, ...] = ()
    managed: bool = True
    admits: str = ""
    selector: Json = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    raw: Json = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListenerSet:
    """Listeners that are added to a Gateway, `gateway` by its namespace and name."""

    ref: Ref
    gateway: tuple[str, str]
    created: str = ""
    listeners: tuple[Listener, ...] = ()
    raw: Json = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ReferenceGrant:
    """Objects of its namespace that may be named from others.

    `sources` are kinds with the namespaces that they may be in, `targets` kinds with a name, or
    with an empty one for all.
    """

    ref: Ref
    sources: frozenset[tuple[str, str]] = frozenset()
    targets: frozenset[tuple[str, str]] = frozenset()

    def grants(self, kind: str, namespace: str, target: tuple[str, str]) -> bool:
        """Whether a route of that kind and namespace may name the `target`, a kind and a name."""
        allowed = self.targets & {target, (target[0], "")}
        return bool(allowed) and (kind, namespace) in self.sources


@dataclass(frozen=True, slots=True)
class PolicyTarget:
    """What a policy is attached to, in its own namespace; `section` is a port by its name."""

    kind: str
    name: str
    section: str = ""


@dataclass(frozen=True)
class BackendTlsPolicy:
    """With which TLS the pods of its targets are called: `hostname` is the server name.

    `names` are the subject names that are taken beside it. `config_map` has the CA, empty for the
    system's. `lacks_ca`: istiod has found none that it could use, by the status; `ignored` by an
    annotation.
    """

    ref: Ref
    created: str = ""
    targets: tuple[PolicyTarget, ...] = ()
    hostname: str = ""
    names: tuple[str, ...] = ()
    config_map: str = ""
    lacks_ca: str = ""
    ignored: bool = False
    raw: Json = field(default_factory=dict, compare=False, repr=False)
