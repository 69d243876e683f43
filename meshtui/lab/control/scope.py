"""What one proxy may know: the services, VirtualServices and DestinationRules in its sight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from meshtui.lab.control.api_translation import translated
from meshtui.lab.control.destinationrules import Destination, DestinationRules
from meshtui.lab.control.hosts import covers, is_wildcard, overlap
from meshtui.lab.control.reading import complain, oldest_first
from meshtui.lab.control.virtualservices import MESH, by_precedence, prepared, winners
from meshtui.lab.control.world import NOBODY, ROOT, Config, Proxy, Service, World, exported, selects


@dataclass(frozen=True, slots=True)
class Scope:
    """`services` have clusters; those that are `listed` have virtual hosts as well."""

    proxy: Proxy
    services: tuple[Service, ...]
    listed: tuple[Service, ...]
    virtual_services: tuple[Config, ...]
    winners: Mapping[str, Config]
    rules: DestinationRules
    registry_only: bool = False
    _found: dict[tuple[str, str], Destination | None] = field(default_factory=dict)

    def service(self, host: str) -> Service | None:
        return next((service for service in self.services if service.host == host), None)

    def rule(self, service: Service) -> Destination | None:
        """The DestinationRule that counts for this proxy's requests to a service."""
        key = (service.namespace, service.host)
        if key not in self._found:
            self._found[key] = self.rules.find(self.proxy, service)
        return self._found[key]

    def rule_of(self, host: str) -> Destination | None:
        service = self.service(host)
        return self.rule(service) if service else None


class Sight:
    """A world, prepared once for all its proxies."""

    def __init__(self, world: World) -> None:
        self.world = world
        api = translated(world)
        self.virtual_services = prepared(oldest_first([*world.virtual_services, *api.rules]))
        self.gateways = oldest_first([*world.gateways, *api.gateways])
        self._rules = DestinationRules(world.destination_rules)
        self._known: dict[tuple[str, str, bool], Scope] = {}

    def of(self, proxy: Proxy) -> Scope:
        """The scope of a proxy; those of one namespace and Sidecar share what they see."""
        sidecar = None if proxy.gateway else self._sidecar(proxy)
        key = (proxy.namespace, sidecar.name if sidecar else "", proxy.gateway)
        if key not in self._known:
            self._known[key] = self._scope(proxy, sidecar)
        return replace(self._known[key], proxy=proxy, _found={})

    def for_gateway(self, proxy: Proxy, gateway: str) -> list[Config]:
        return by_precedence(self.virtual_services, proxy.namespace, gateway)

    def _sidecar(self, proxy: Proxy) -> Config | None:
        """The Sidecar for the proxy's labels, else its namespace's, else the root's."""
        own = [c for c in self.world.sidecars if c.namespace == proxy.namespace]
        for config in own:
            labels = _workload(config)
            if labels is not None and selects(labels, proxy.labels):
                return config
        wide = [c for c in own if _workload(c) is None]
        root = [c for c in self.world.sidecars if c.namespace == ROOT and _workload(c) is None]
        return next(iter([*wide, *root]), None)

    def _scope(self, proxy: Proxy, sidecar: Config | None) -> Scope:
        visible = [
            s for s in self.world.services if exported(s.exports, s.namespace, proxy.namespace)
        ]
        mesh = by_precedence(self.virtual_services, proxy.namespace, MESH)
        imports = _imports(sidecar, proxy.namespace)
        if imports is not None:
            mesh = [c for c in mesh if any(imports.takes_rule(c.namespace, h) for h in _hosts(c))]
            listed = [s for s in visible if imports.takes(s.namespace, s.host)]
        else:
            listed = visible
        listed = _one_of_a_host(listed, proxy.namespace)
        own = [s for s in self.world.services if s.namespace == proxy.namespace]
        inferred = _inferred(mesh, listed, visible, [s for s in own if NOBODY not in s.exports])
        return Scope(
            proxy,
            (*listed, *inferred),
            tuple(listed),
            tuple(mesh),
            winners(mesh, listed),
            self._rules,
            _registry_only(sidecar),
        )


def _hosts(config: Config) -> list[str]:
    hosts: list[str] = config.spec["hosts"]
    return hosts


def _workload(config: Config) -> Mapping[str, str] | None:
    selector = config.spec.get("workloadSelector")
    labels = selector.get("labels") if isinstance(selector, dict) else None
    return labels if isinstance(labels, dict) and labels else None


def _registry_only(sidecar: Config | None) -> bool:
    policy = sidecar.spec.get("outboundTrafficPolicy") if sidecar else None
    return isinstance(policy, dict) and policy.get("mode") == "REGISTRY_ONLY"


@dataclass(frozen=True, slots=True)
class _Imports:
    """`egress.hosts` of a Sidecar, as pairs of namespace and host."""

    wanted: tuple[tuple[str, str], ...]
    unwanted: tuple[tuple[str, str], ...] = ()

    def takes(self, namespace: str, host: str) -> bool:
        return any(_named(ns, namespace) and covers(h, host) for ns, h in self.wanted) and not any(
            _named(ns, namespace) and covers(h, host) for ns, h in self.unwanted
        )

    def takes_rule(self, namespace: str, host: str) -> bool:
        """A VirtualService comes in where a wildcard of either side covers the other."""
        return any(
            _named(ns, namespace) and (h == host or (_wild(h, host) and overlap(h, host)))
            for ns, h in self.wanted
        ) and not any(_named(ns, namespace) and covers(h, host) for ns, h in self.unwanted)


def _wild(one: str, other: str) -> bool:
    return is_wildcard(one) or is_wildcard(other)


def _named(wanted: str, namespace: str) -> bool:
    return wanted in ("*", namespace)


def _imports(sidecar: Config | None, namespace: str) -> _Imports | None:
    """None where everything that is exported comes in."""
    egress = sidecar.spec.get("egress") if sidecar else None
    if not egress or not isinstance(egress, list):
        return None
    wanted: list[tuple[str, str]] = []
    unwanted: list[tuple[str, str]] = []
    hosts = [h for e in egress if isinstance(e, dict) for h in e.get("hosts") or ()]
    for text in hosts:
        home, slash, host = str(text).partition("/")
        if not slash:
            complain(f"Sidecar egress host {text!r} ignored: no namespace/host")
            continue
        away = home.startswith("~")
        home = (home[1:] or "*") if away else home
        (unwanted if away else wanted).append((namespace if home == "." else home, host))
    return _Imports(tuple(wanted), tuple(unwanted))


def _one_of_a_host(services: Iterable[Service], namespace: str) -> list[Service]:
    """One service for a host: the client's namespace's, else a Kubernetes one, else the first."""
    best: dict[str, Service] = {}
    for service in services:
        earlier = best.get(service.host)
        if earlier is None or _better(service, earlier, namespace):
            best[service.host] = service
        elif service.namespace == earlier.namespace and not service.in_cluster:
            best[service.host] = _with_ports(earlier, service)
    return list(best.values())


def _better(service: Service, earlier: Service, namespace: str) -> bool:
    if service.namespace == earlier.namespace:
        return False
    if namespace in (service.namespace, earlier.namespace):
        return service.namespace == namespace
    return service.in_cluster and not earlier.in_cluster


def _with_ports(service: Service, other: Service) -> Service:
    """Two ServiceEntries of one host and namespace are one service."""
    if service.in_cluster or service.resolution != other.resolution:
        return service
    more = tuple(p for p in other.ports if service.port(p.number) is None)
    return replace(service, ports=(*service.ports, *more), fixed=(*service.fixed, *other.fixed))


def _inferred(
    rules: Iterable[Config], listed: list[Service], visible: list[Service], own: list[Service]
) -> list[Service]:
    """Destinations of the rules in sight that are not listed: they keep their clusters.

    Those that a Sidecar leaves out, and those of the client's own namespace that are exported to
    others only.
    """
    known = {service.host for service in listed}
    found: dict[str, Service] = {}
    for host, ports in _destinations(rules):
        of_host = [s for s in visible if s.host == host]
        mine = [s for s in own if s.host == host]
        first = sorted(of_host, key=lambda s: s.namespace)
        chosen = next(iter([*mine, *first]), None)
        if chosen is None or host in known or host in found:
            continue
        retained = tuple(p for p in chosen.ports if not ports or 0 in ports or p.number in ports)
        if retained:
            found[host] = replace(chosen, ports=retained)
    return list(found.values())


def _destinations(rules: Iterable[Config]) -> list[tuple[str, set[int]]]:
    """Hosts that rules send to, each with the ports it is named with (0 where with none)."""
    found: dict[str, set[int]] = {}
    for config in rules:
        every = (rule for kind in ("http", "tcp", "tls") for rule in config.spec[kind])
        for rule in every:
            entries = [e["destination"] for e in rule.get("route") or ()]
            entries += [rule["mirror"]] if rule.get("mirror") else []
            entries += [e["destination"] for e in rule.get("mirrors") or ()]
            for destination in entries:
                number = (destination.get("port") or {}).get("number") or 0
                found.setdefault(destination["host"], set()).add(number)
    return list(found.items())
