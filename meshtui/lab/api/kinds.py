"""Every resource the lab's API server serves, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from meshtui.lab.contract import Kind

ISTIO = "networking.istio.io"
SECURITY = "security.istio.io"
TELEMETRY = "telemetry.istio.io"
GATEWAY_API = "gateway.networking.k8s.io"
_ALL_VERSIONS = ("v1", "v1beta1", "v1alpha3")


def is_custom(kind: Kind) -> bool:
    """A custom resource: its group is neither core nor built into Kubernetes."""
    built_in = kind.group.endswith(".k8s.io") and kind.group != GATEWAY_API
    return "." in kind.group and not built_in


def counts_generations(kind: Kind) -> bool:
    """Whether `metadata.generation` is raised on every change of what is wanted."""
    return is_custom(kind) or kind.group == "apps"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as clients see it: where it is served, and what can be done with it."""

    kind: Kind
    status: bool = False
    subresources: tuple[tuple[str, tuple[str, ...]], ...] = ()
    categories: tuple[str, ...] = ()
    storage: Kind | None = None
    """The kind whose objects these really are, where one store serves two groups."""

    @property
    def stored(self) -> Kind:
        return self.storage or self.kind

    @property
    def custom(self) -> bool:
        return is_custom(self.kind)

    @property
    def qualified(self) -> str:
        """`virtualservices.networking.istio.io`, or `pods`."""
        return f"{self.kind.plural}.{self.kind.group}" if self.kind.group else self.kind.plural


def group_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def _istio(
    plural: str,
    kind: str,
    short: tuple[str, ...] = (),
    versions: tuple[str, ...] = _ALL_VERSIONS,
) -> Resource:
    singular = kind.lower()
    return Resource(
        Kind(ISTIO, versions, plural, singular, kind, short_names=short),
        status=True,
        categories=("istio-io", "networking-istio-io"),
    )


def _security(plural: str, kind: str, short: tuple[str, ...]) -> Resource:
    """Served and stored; the lab's proxies speak plain text, so that they change nothing there."""
    return Resource(
        Kind(SECURITY, ("v1", "v1beta1"), plural, kind.lower(), kind, short_names=short),
        status=True,
        categories=("istio-io", "security-istio-io"),
    )


def _api(
    plural: str,
    kind: str,
    short: tuple[str, ...] = (),
    versions: tuple[str, ...] = ("v1",),
    namespaced: bool = True,
) -> Resource:
    return Resource(
        Kind(GATEWAY_API, versions, plural, kind.lower(), kind, namespaced, short),
        status=plural != "referencegrants",
        categories=("gateway-api",),
    )


def _core(plural: str, kind: str, short: tuple[str, ...] = (), namespaced: bool = True) -> Kind:
    return Kind("", ("v1",), plural, kind.lower(), kind, namespaced, short)


_PROXY_VERBS = ("create", "delete", "get", "patch", "update")
_EVENTS = _core("events", "Event", ("ev",))

RESOURCES: tuple[Resource, ...] = (
    Resource(_core("namespaces", "Namespace", ("ns",), namespaced=False), status=True),
    Resource(
        _core("services", "Service", ("svc",)),
        status=True,
        subresources=(("proxy", _PROXY_VERBS),),
        categories=("all",),
    ),
    Resource(
        _core("pods", "Pod", ("po",)),
        status=True,
        subresources=(
            ("exec", ("create", "get")),
            ("log", ("get",)),
            ("portforward", ("create", "get")),
            ("proxy", _PROXY_VERBS),
        ),
        categories=("all",),
    ),
    Resource(_core("nodes", "Node", ("no",), namespaced=False), status=True),
    Resource(_core("endpoints", "Endpoints", ("ep",))),
    Resource(_core("configmaps", "ConfigMap", ("cm",))),
    Resource(_core("serviceaccounts", "ServiceAccount", ("sa",))),
    Resource(_EVENTS),
    Resource(
        Kind("events.k8s.io", ("v1",), "events", "event", "Event", short_names=("ev",)),
        storage=_EVENTS,
    ),
    Resource(
        Kind("apps", ("v1",), "deployments", "deployment", "Deployment", short_names=("deploy",)),
        status=True,
        categories=("all",),
    ),
    Resource(
        Kind("apps", ("v1",), "replicasets", "replicaset", "ReplicaSet", short_names=("rs",)),
        status=True,
        categories=("all",),
    ),
    Resource(Kind("discovery.k8s.io", ("v1",), "endpointslices", "endpointslice", "EndpointSlice")),
    Resource(Kind("coordination.k8s.io", ("v1",), "leases", "lease", "Lease")),
    _istio("virtualservices", "VirtualService", ("vs",)),
    _istio("destinationrules", "DestinationRule", ("dr",)),
    _istio("gateways", "Gateway", ("gw",)),
    _istio("serviceentries", "ServiceEntry", ("se",)),
    _istio("sidecars", "Sidecar"),
    _istio("workloadentries", "WorkloadEntry", ("we",)),
    _istio("workloadgroups", "WorkloadGroup", ("wg",)),
    _istio("envoyfilters", "EnvoyFilter", versions=("v1alpha3",)),
    _istio("proxyconfigs", "ProxyConfig", versions=("v1beta1",)),
    _security("peerauthentications", "PeerAuthentication", ("pa",)),
    _security("authorizationpolicies", "AuthorizationPolicy", ("ap",)),
    Resource(
        Kind(
            TELEMETRY,
            ("v1", "v1alpha1"),
            "telemetries",
            "telemetry",
            "Telemetry",
            short_names=("telemetry",),
        ),
        status=True,
        categories=("istio-io", "telemetry-istio-io"),
    ),
    _api("gatewayclasses", "GatewayClass", ("gc",), ("v1", "v1beta1"), namespaced=False),
    _api("gateways", "Gateway", ("gtw",), ("v1", "v1beta1")),
    _api("httproutes", "HTTPRoute", versions=("v1", "v1beta1")),
    _api("grpcroutes", "GRPCRoute"),
    _api("tlsroutes", "TLSRoute", versions=("v1", "v1alpha3", "v1alpha2")),
    _api("tcproutes", "TCPRoute", versions=("v1", "v1alpha2")),
    _api("referencegrants", "ReferenceGrant", ("refgrant",), ("v1", "v1beta1")),
)

KINDS: tuple[Kind, ...] = tuple(r.kind for r in RESOURCES if r.storage is None)
"""The kinds a `Store` keeps."""

REVIEWS: tuple[Kind, ...] = (
    Kind(
        "authorization.k8s.io",
        ("v1",),
        "selfsubjectaccessreviews",
        "selfsubjectaccessreview",
        "SelfSubjectAccessReview",
        namespaced=False,
    ),
    Kind(
        "authorization.k8s.io",
        ("v1",),
        "selfsubjectrulesreviews",
        "selfsubjectrulesreview",
        "SelfSubjectRulesReview",
        namespaced=False,
    ),
    Kind(
        "authentication.k8s.io",
        ("v1",),
        "selfsubjectreviews",
        "selfsubjectreview",
        "SelfSubjectReview",
        namespaced=False,
    ),
)
"""Questions a client asks about itself: created, answered and never stored."""


class Catalogue:
    """The resources one server serves, found by group, version and plural."""

    def __init__(self, resources: tuple[Resource, ...] = RESOURCES) -> None:
        self.resources = resources
        self._by_path = {
            (r.kind.group, version, r.kind.plural): r
            for r in resources
            for version in r.kind.versions
        }

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._by_path.get((group, version, plural))

    @cached_property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Each group with its versions, the preferred one first."""
        found: dict[str, list[str]] = {}
        for kind in (*(r.kind for r in self.resources), *REVIEWS):
            known = found.setdefault(kind.group, [])
            known.extend(v for v in kind.versions if v not in known)
        return {group: tuple(versions) for group, versions in found.items()}

    def in_version(self, group: str, version: str) -> list[Resource]:
        return [r for r in self.resources if r.kind.group == group and version in r.kind.versions]
