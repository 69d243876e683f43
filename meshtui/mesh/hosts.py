"""Host names as Istio resolves them: in the namespace of the object that holds them."""

from __future__ import annotations

from meshtui.mesh.model import ServiceKey

CLUSTER_DOMAIN = "cluster.local"
"""The domain of a cluster that says no other."""

CLUSTERSET_DOMAIN = "clusterset.local"
"""The domain of services of several clusters (Multi-Cluster Services): other hosts than ours."""


def service_host(namespace: str, name: str, domain: str = CLUSTER_DOMAIN) -> str:
    return f"{name}.{namespace}.svc.{domain}"


def full_host(host: str, namespace: str, domain: str = CLUSTER_DOMAIN) -> str:
    """`reviews` in namespace `a` is `reviews.a.svc.cluster.local`; dotted names stand as they are.

    Istio completes only names without a dot (pkg/config/host, ResolveShortnameToFQDN); the forms
    `reviews.a` and `reviews.a.svc` are accepted by people, not by Istio, and are left alone.
    """
    host = host.strip().lower()
    if not host or "." in host or host.startswith("*"):
        return host
    return service_host(namespace, host, domain)


def split_host(host: str) -> ServiceKey | None:
    """The service that a full name means, whatever the cluster's domain; None for other hosts."""
    name, _, rest = host.partition(".")
    namespace, _, rest = rest.partition(".")
    kind, _, domain = rest.partition(".")
    if kind != "svc" or not (name and namespace and domain) or domain == CLUSTERSET_DOMAIN:
        return None
    return ServiceKey(namespace=namespace, name=name)


def short_host(host: str, namespace: str) -> str:
    """How a person in `namespace` would write the host."""
    key = split_host(host)
    if key is None:
        return host
    return key.name if key.namespace == namespace else str(key)
