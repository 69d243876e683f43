"""Host names as Istio resolves them: in the namespace of the object that holds them."""

from __future__ import annotations

from meshtui.mesh.model import ServiceKey

CLUSTER_DOMAIN = "cluster.local"
_SUFFIX = f".svc.{CLUSTER_DOMAIN}"


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
    """The service that a full name of this cluster means, None for any other host."""
    if not host.endswith(_SUFFIX):
        return None
    parts = host.removesuffix(_SUFFIX).split(".")
    return ServiceKey(namespace=parts[1], name=parts[0]) if len(parts) == 2 else None


def short_host(host: str, namespace: str) -> str:
    """How a person in `namespace` would write the host."""
    key = split_host(host)
    if key is None:
        return host
    return key.name if key.namespace == namespace else str(key)
