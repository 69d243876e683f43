"""Names of hosts and Gateways as istiod compares and completes them (pkg/config/host).

`*.shop` covers `a.shop` and `b.a.shop` but not `shop`; `*` covers everything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")

MESH = "mesh"
"""The name that stands for all sidecars among a VirtualService's gateways."""


def is_wild(host: str) -> bool:
    return host.startswith("*")


def covered(host: str, pattern: str) -> bool:
    """Whether all that `host` means is meant by `pattern` (istiod's SubsetOf)."""
    if is_wild(host):
        wide_enough = is_wild(pattern) and len(host) >= len(pattern)
        return wide_enough and host[1:].endswith(pattern[1:])
    return host.endswith(pattern[1:]) if is_wild(pattern) else host == pattern


def overlap(one: str, other: str) -> bool:
    """Whether some name is meant by both (istiod's Matches)."""
    return covered(one, other) or covered(other, one)


def intersection(hosts: Iterable[str], others: Iterable[str]) -> list[str]:
    """Of each pair that overlaps the narrower one, in order and once."""
    others = list(others)
    found: dict[str, None] = {}
    for host in hosts:
        for other in others:
            if covered(host, other):
                found[host] = None
            elif covered(other, host):
                found[other] = None
    return list(found)


def most_specific(host: str, exact: Mapping[str, T], wild: Mapping[str, T]) -> tuple[str, T] | None:
    """The entry for the host itself, else for the longest wildcard that covers it."""
    if is_wild(host):
        if host in wild:
            return host, wild[host]
        host = host[1:]
    elif host in exact:
        return host, exact[host]
    if not wild:
        return None
    for start in range(len(host) + 1):
        pattern = f"*{host[start:]}"
        if pattern in wild:
            return pattern, wild[pattern]
    return None


def full_name(host: str, namespace: str, domain: str) -> str:
    """A name without a dot is a service of the namespace; all others stand as they are.

    `reviews.prod` is such another: istiod does not complete it, and no service has that name.
    """
    if not host or host == "*" or "." in host or _is_address(host):
        return host
    return f"{host}.{namespace}.svc.{domain}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def gateway_name(name: str, namespace: str) -> str:
    """A Gateway as `namespace/name`; the mesh stays what it is (istiod's resolveGatewayName)."""
    if name == MESH:
        return name
    before, slash, after = name.partition("/")
    if slash:
        return f"{namespace}/{after}" if before == "." else name
    first, dot, rest = name.partition(".")
    return f"{rest.partition('.')[0]}/{first}" if dot else f"{namespace}/{name}"


def labels_in(wanted: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """Whether `found` has all labels of `wanted`; an empty wish is always met."""
    return all(found.get(key) == value for key, value in wanted.items())
