"""Under which names a virtual host answers (istiod's generateVirtualHostDomains)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from meshtui.mesh.resolution.registry import Host

_UNSPECIFIED = frozenset({"0.0.0.0", "::"})  # noqa: S104


def host_domains(host: Host, aliases: Iterable[str], client: str, domain: str) -> list[str]:
    """All names and addresses of a host, as a client in a namespace may write them."""
    found: list[str] = []
    for name in (host.name, *aliases):
        found.append(_bracketed(name))
        found += other_names(name, client, domain)
    if host.headless:
        found += [f"*.{name}" for name in found]
    found += [_bracketed(a) for a in host.addresses if a not in _UNSPECIFIED]
    return found


def other_names(name: str, client: str, domain: str) -> list[str]:
    """The name with a dot behind it, and the short forms of a service of the cluster."""
    found = [] if _is_address(name) else [f"{name}."]
    suffix = f".svc.{domain}"
    if not name.endswith(suffix):
        return found
    short = name.removesuffix(suffix)
    service, dot, namespace = short.partition(".")
    if not dot or not namespace:
        return []
    if namespace == client:
        return [*found, service, f"{short}.svc", short]
    return [*found, short, f"{short}.svc"]


def _bracketed(name: str) -> str:
    """An IPv6 address in brackets, as it stands in a Host header."""
    return f"[{name}]" if ":" in name and _is_address(name) else name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
