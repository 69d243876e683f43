"""Host names as Istio reads them: short names, wildcards, and the domains a service answers to."""

from __future__ import annotations

DOMAIN = "svc.cluster.local"


def fqdn(name: str, namespace: str) -> str:
    return f"{name}.{namespace}.{DOMAIN}"


def qualify(host: str, namespace: str) -> str:
    """A name without a dot belongs to the namespace of the object that uses it; others stay."""
    return host if "." in host or host == "*" else fqdn(host, namespace)


def covers(pattern: str, host: str) -> bool:
    """Whether a host of a rule, perhaps `*` or `*.example.com`, takes in a host."""
    if pattern.startswith("*"):
        return host.endswith(pattern[1:]) and host != pattern[1:].lstrip(".")
    return pattern == host


def specificity(pattern: str) -> tuple[bool, int]:
    """Larger is more specific: exact names before wildcards, longer ones before shorter."""
    return (not pattern.startswith("*"), len(pattern))


def best_match(patterns: list[str], host: str) -> str | None:
    """The most specific of the patterns that cover the host."""
    return max((p for p in patterns if covers(p, host)), key=specificity, default=None)


def domains(name: str, namespace: str, client_namespace: str) -> list[str]:
    """The names under which a client reaches a Kubernetes service, in istiod's order."""
    short = [name] if namespace == client_namespace else []
    return [fqdn(name, namespace), *short, f"{name}.{namespace}.svc", f"{name}.{namespace}"]
