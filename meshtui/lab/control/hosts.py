"""Host names as Istio reads them: short names, wildcards, and the domains a service answers to."""

from __future__ import annotations

from collections.abc import Iterable

DOMAIN = "svc.cluster.local"


def fqdn(name: str, namespace: str) -> str:
    return f"{name}.{namespace}.{DOMAIN}"


def qualify(host: str, namespace: str) -> str:
    """A name without a dot belongs to the namespace of the object that uses it; others stay."""
    return host if "." in host or host == "*" else fqdn(host, namespace)


def is_wildcard(host: str) -> bool:
    return host.startswith("*")


def covers(pattern: str, host: str) -> bool:
    """Whether a host of a rule, perhaps `*` or `*.example.com`, takes in all of a host."""
    if not is_wildcard(pattern):
        return pattern == host
    inner = host[1:] if is_wildcard(host) else host
    return len(pattern) <= len(host) and inner.endswith(pattern[1:])


def overlap(one: str, other: str) -> bool:
    """Whether some name is covered by both hosts."""
    return covers(one, other) or covers(other, one)


def intersection(one: Iterable[str], other: Iterable[str]) -> list[str]:
    """The narrower host of each pair that overlaps, each once, in the order of the first list."""
    found: dict[str, None] = {}
    others = list(other)
    for first in one:
        for second in others:
            if covers(first, second):
                found.setdefault(second)
            elif covers(second, first):
                found.setdefault(first)
    return list(found)


def specificity(pattern: str) -> tuple[bool, int]:
    """Larger is more specific: exact names before wildcards, longer ones before shorter."""
    return (not is_wildcard(pattern), len(pattern))


def best_match(patterns: Iterable[str], host: str) -> str | None:
    """The most specific of the patterns that cover the host."""
    return max((p for p in patterns if covers(p, host)), key=specificity, default=None)


def order(host: str) -> tuple[int, int, str]:
    """istiod's order of hosts: exact ones first, longer ones before shorter."""
    return (is_wildcard(host), -len(host), host)


def domains(host: str, client_namespace: str) -> list[str]:
    """The names under which a client reaches a host, in istiod's order."""
    absolute = [host, f"{host}."]
    if not host.endswith(f".{DOMAIN}"):
        return absolute
    name, _, namespace = host.removesuffix(f".{DOMAIN}").partition(".")
    if not namespace:
        return absolute
    near = f"{name}.{namespace}"
    if namespace == client_namespace:
        return [*absolute, name, f"{near}.svc", near]
    return [*absolute, near, f"{near}.svc"]
