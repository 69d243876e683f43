"""RouteConfigurations of a sidecar: the virtual hosts of a port, and whose rules stand there.

As in istiod a rule is read anew for each port: with the services of that port alone, each as if it
had no other port.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from meshtui.lab.contract import Obj
from meshtui.lab.control.action import Where
from meshtui.lab.control.hosts import covers, domains, is_wildcard
from meshtui.lab.control.policy import destination_hash, hash_policy
from meshtui.lab.control.reading import complain
from meshtui.lab.control.rules import Client, default_route, routes
from meshtui.lab.control.scope import Scope
from meshtui.lab.control.virtualservices import MESH
from meshtui.lab.control.world import MALFORMED, Config, Service

_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
PASSTHROUGH, BLACK_HOLE = "PassthroughCluster", "BlackHoleCluster"
GHOST_PORT = 80
"""Where a host of a VirtualService that no service has is routed all the same, as in istiod."""


@dataclass(frozen=True, slots=True)
class _Host:
    """A virtual host to be: of a service, or of a name that no service has."""

    name: str
    routes: list[Obj]
    service: Service | None = None


def sidecar_ports(scope: Scope) -> list[int]:
    """Every port on which some service speaks HTTP, each with routes of its own.

    What is sniffed has a listener of its own where it has an address.
    """
    return sorted(
        {
            port.number
            for service in scope.listed
            for port in service.ports
            if port.http and not (port.sniffed and service.addresses)
        }
    )


def sidecar_routes(scope: Scope, port: int) -> Obj:
    """RouteConfiguration `"<port>"` of a sidecar."""
    hosts = _virtual_hosts(scope, port)
    return configuration(str(port), [*hosts, _elsewhere(scope.registry_only)])


def sniffed_routes(scope: Scope, service: Service, port: int) -> Obj:
    """RouteConfiguration `"<host>:<port>"` of a port whose protocol is found out by looking."""
    name = f"{service.host}:{port}"
    own = [host for host in _virtual_hosts(scope, port) if host["name"] == name]
    return configuration(name, [{**host, "domains": ["*"]} for host in own])


def _virtual_hosts(scope: Scope, port: int) -> list[Obj]:
    registry = {s.host.lower(): _only(s, port) for s in scope.listed if s.port(port)}
    where = Where(registry.get, scope.rule_of, port)
    client = Client(scope.proxy, MESH, where)
    ruled = _ruled_hosts(scope, registry, client)
    done = {host.service.host for host in ruled if host.service}
    plain = [
        _Host(
            service.host, [default_route(service.host, port, _hash(service, scope, port))], service
        )
        for service in registry.values()
        if service.host not in done and service.ports[0].http and not service.alias_of
    ]
    return _rendered([*ruled, *plain], client, _aliases(scope))


def _aliases(scope: Scope) -> Mapping[str, list[str]]:
    """The other names of hosts (ExternalName Services), which are domains of theirs."""
    found: dict[str, list[str]] = {}
    for service in sorted(scope.listed, key=lambda s: (s.namespace, s.host)):
        if service.alias_of:
            found.setdefault(service.alias_of, []).append(service.host)
    return found


def _only(service: Service, number: int) -> Service:
    return replace(service, ports=tuple(p for p in service.ports if p.number == number))


def _hash(service: Service, scope: Scope, port: int) -> Obj | None:
    """Of the settings for the port, else of the host's policy around them."""
    rule = scope.rule(service)
    try:
        chosen = destination_hash(rule, {"port": {"number": port}}) if rule else None
        return hash_policy(chosen) if chosen else None
    except MALFORMED as error:
        complain(f"consistentHash of {service.host} skipped: {error!r}")
        return None


def _ruled_hosts(scope: Scope, registry: Mapping[str, Service], client: Client) -> list[_Host]:
    """The hosts of the VirtualServices that have a rule for this client."""
    found: list[_Host] = []
    for config in scope.virtual_services:
        strangers, services = _split(config, scope, registry)
        ghosts = client.where.port == GHOST_PORT and not config.routed
        spoken = [service for service in services if service.ports[0].http]
        if not spoken and not ghosts:
            continue
        made = routes(config, client)
        if made:
            found += [_Host(host, made) for host in strangers if not config.routed]
            found += [_Host(service.host, made, service) for service in spoken]
    return found


def _split(
    config: Config, scope: Scope, registry: Mapping[str, Service]
) -> tuple[list[str], list[Service]]:
    """A VirtualService's hosts that are no service of the port, and the services it rules."""
    strangers: list[str] = []
    services: list[Service] = []
    hosts = [host.lower() for host in config.spec["hosts"]]
    for host in (h for h in hosts if not is_wildcard(h)):
        if host in registry:
            services.append(registry[host])
        else:
            strangers.append(host)
    for host in filter(is_wildcard, hosts):
        covered = [service for name, service in registry.items() if covers(host, name)]
        services += [s for s in covered if _same(scope.winners.get(s.host), config)]
        if not covered:
            strangers.append(host)
    return strangers, services


def _same(one: Config | None, other: Config) -> bool:
    return one is not None and (one.namespace, one.name) == (other.namespace, other.name)


def _rendered(
    hosts: Iterable[_Host], client: Client, aliases: Mapping[str, list[str]]
) -> list[Obj]:
    """Each name once: the first virtual host of a name stands, and the first has a domain."""
    found: dict[str, Obj] = {}
    taken: set[str] = set()
    listed = list(hosts)
    services = {host.name for host in listed if host.service}
    for host in listed:
        name = f"{host.name}:{client.where.port}"
        if name in found:
            continue
        others = aliases.get(host.name, [])
        names = _domains(host, client.proxy.namespace, others)
        names = [d for d in names if d in (host.name, *others) or d not in services]
        own = [d for d in names if d.lower() not in taken and _is_domain(d)]
        taken.update(domain.lower() for domain in own)
        if own:
            found[name] = virtual_host(name, own, host.routes)
    return list(found.values())


def _domains(host: _Host, client_namespace: str, aliases: Iterable[str]) -> list[str]:
    """Every name and address of a service; a name that no service has stands for itself."""
    service = host.service
    if service is None:
        return [host.name]
    names = [n for name in (service.host, *aliases) for n in domains(name, client_namespace)]
    if service.headless:
        names += [f"*.{name}" for name in names]
    return [*names, *service.addresses]


def _is_domain(name: str) -> bool:
    """A wildcard stands alone or in front."""
    return bool(name) and "*" not in name[1:] and not any(c in name for c in "\0\r\n ")


def virtual_host(name: str, names: list[str], made: list[Obj]) -> Obj:
    return {
        "name": name,
        "domains": names,
        "routes": made,
        "include_request_attempt_count": True,
    }


def _elsewhere(registry_only: bool) -> Obj:
    """What no service claims goes its own way, unless only what is registered may be reached."""
    if registry_only:
        answer = {"direct_response": {"status": 502}}
        return virtual_host(
            "block_all", ["*"], [{"name": "block_all", "match": {"prefix": "/"}, **answer}]
        )
    forward = {"route": {"cluster": PASSTHROUGH, "timeout": "0s", "max_grpc_timeout": "0s"}}
    return virtual_host(
        "allow_any", ["*"], [{"name": "allow_any", "match": {"prefix": "/"}, **forward}]
    )


def configuration(name: str, hosts: list[Obj]) -> Obj:
    return {
        "@type": _TYPE,
        "name": name,
        "virtual_hosts": sorted(hosts, key=lambda host: str(host["name"])),
        "validate_clusters": False,
        "ignore_port_in_host_matching": True,
        "max_direct_response_body_size_bytes": 1_048_576,
    }
