"""What a client sees: the Sidecar that is meant for it, its hosts and its VirtualServices.

From istiod (pilot/pkg/model/sidecar.go): a Sidecar with a selector before one without, the older
first, that of the namespace before that of the root namespace; without one, everything exported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from functools import cached_property

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import EgressListener, Json, Sidecar
from meshtui.mesh.model import Mesh
from meshtui.mesh.resolution.client import Client
from meshtui.mesh.resolution.names import covered, labels_in, overlap
from meshtui.mesh.resolution.registry import Host, Registry, merged
from meshtui.mesh.resolution.rulings import Order, Ruling, Rulings

_ALL = EgressListener(("*/*",))


@dataclass(frozen=True)
class Imported:
    """The hosts that a Sidecar lets in from one namespace."""

    names: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    def hosts(self, name: str) -> bool:
        return any(covered(name, pattern) for pattern in self.names)

    def rulings(self, name: str) -> bool:
        return any(overlap(name, pattern) for pattern in self.names)

    def excludes(self, name: str) -> bool:
        return any(covered(name, pattern) for pattern in self.excluded)


_NOTHING = Imported()
_EVERYTHING = {"*": Imported(("*",))}


@dataclass(frozen=True)
class Listener:
    """What the client sees on one port, or with `port` 0 on all that have no listener."""

    namespace: str
    port: int
    proxy: bool
    imports: Mapping[str, Imported]
    registry: Registry
    seen: Order
    chosen: dict[str, Host | None] = field(default_factory=dict, compare=False, repr=False)

    def host(self, name: str) -> Host | None:
        """The host of that name that the client means, None where it sees none."""
        if name not in self.chosen:
            self.chosen[name] = self._choose(name)
        return self.chosen[name]

    def _choose(self, name: str) -> Host | None:
        found = [host for host in self.registry.seen(name, self.namespace) if self._lets_in(host)]
        if not found:
            return None
        best = found[0]
        for host in found[1:]:
            if host.namespace == self.namespace or (
                host.kubernetes and not best.kubernetes and best.namespace != self.namespace
            ):
                best = host
        joined = merged(host for host in found if host.namespace == best.namespace)
        if joined is None or not self.port or self.proxy:
            return joined
        port = joined.port(self.port)
        return replace(joined, ports=(port,)) if port else None

    def _lets_in(self, host: Host) -> bool:
        own = self.imports.get(host.namespace, _NOTHING)
        every = self.imports.get("*", _NOTHING)
        if own.excludes(host.name) or every.excludes(host.name):
            return False
        return own.hosts(host.name) or every.hosts(host.name)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All hosts that the client sees here."""
        return tuple(name for name in self.registry.by_name if self.host(name))

    @cached_property
    def order(self) -> Order:
        """The VirtualServices that the client has here, in the order in which they are asked."""
        if self.imports == _EVERYTHING:
            return self.seen
        return Order(tuple(ruling for ruling in self.seen.rulings if self._has(ruling)))

    @property
    def rulings(self) -> tuple[Ruling, ...]:
        return self.order.rulings

    def _has(self, ruling: Ruling) -> bool:
        own = self.imports.get(ruling.namespace, _NOTHING)
        every = self.imports.get("*", _NOTHING)
        return any(
            (own.rulings(host) or every.rulings(host))
            and not own.excludes(host)
            and not every.excludes(host)
            for host in ruling.hosts
        )


@dataclass(frozen=True)
class Scope:
    """All that clients of one namespace (and one Sidecar) see."""

    namespace: str
    registry: Registry
    listeners: tuple[Listener, ...]
    sidecar: Sidecar | None = None

    def listener(self, port: int) -> Listener | None:
        """The listener that answers on a port; None where the Sidecar has none for it."""
        for listener in self.listeners:
            if listener.port in (0, port):
                return listener
        return None

    def host(self, name: str) -> Host | None:
        """The host as the client's clusters have it.

        What is imported, and what the rules that the client has send to.
        """
        found = [host for listener in self.listeners if (host := listener.host(name))]
        if found:
            return merged(found)
        wanted = self._inferred.get(name)
        return self._infer(name, wanted) if wanted is not None else None

    @cached_property
    def _inferred(self) -> Mapping[str, frozenset[int]]:
        """The hosts that rules send to, with the ports they name; 0 for one that names none."""
        found: dict[str, set[int]] = {}
        for listener in self.listeners:
            for ruling in listener.rulings:
                for host, port in _sent_to(ruling, self.namespace):
                    found.setdefault(host, set()).add(port)
        return {host: frozenset(ports) for host, ports in found.items()}

    def _infer(self, name: str, ports: frozenset[int]) -> Host | None:
        owned = self.registry.owned(name)
        host = owned.get(self.namespace)
        if host is None:
            seen = [h for h in owned.values() if h.visible_in(self.namespace)]
            seen.sort(key=lambda h: (not h.kubernetes, h.created))
            host = seen[0] if seen else None
        if host is None or 0 in ports:
            return host
        retained = tuple(port for port in host.ports if port.number in ports)
        return replace(host, ports=retained) if retained else None


def _sent_to(ruling: Ruling, namespace: str) -> Iterator[tuple[str, int]]:
    for rule in ruling.rules:
        if rule.dropped or not _meant_for(rule.raw, namespace):
            continue
        yield from _targets(rule.raw)
    for protocol in ("tcp", "tls"):
        for raw in ruling.streams(protocol):
            yield from _targets(raw)


def _meant_for(rule: Json, namespace: str) -> bool:
    """False where the last of its matches with a source namespace is for another one."""
    meant = True
    for match in read.objects(rule, "match"):
        wanted = read.text(match, "sourceNamespace")
        if wanted == namespace:
            return True
        meant = meant and not wanted
    return meant


def _targets(rule: Json) -> Iterator[tuple[str, int]]:
    targets = [read.obj(entry, "destination") for entry in read.objects(rule, "route")]
    targets += [read.obj(rule, "mirror")]
    targets += [read.obj(entry, "destination") for entry in read.objects(rule, "mirrors")]
    for target in targets:
        if host := read.text(target, "host"):
            yield host, read.integer(read.obj(target, "port"), "number")


def sidecar_of(mesh: Mesh, client: Client) -> Sidecar | None:
    """The Sidecar that is meant for a client; a gateway has none."""
    if client.gateway:
        return None
    ordered = sorted(
        mesh.sidecars, key=lambda s: (s.selector is None, s.created, s.ref.name, s.ref.namespace)
    )
    for sidecar in ordered:
        if sidecar.ref.namespace == client.namespace and (
            sidecar.selector is None or labels_in(sidecar.selector, client.labels)
        ):
            return sidecar
    root = mesh.settings.root_namespace
    return next((s for s in ordered if s.ref.namespace == root and s.selector is None), None)


def scope(
    mesh: Mesh, client: Client, hosts: Registry, rules: Rulings, sidecar: Sidecar | None
) -> Scope:
    """What a client with that Sidecar sees."""
    egress: Iterable[EgressListener] = (sidecar.egress if sidecar else ()) or (_ALL,)
    seen = rules.seen(client.namespace)
    listeners = tuple(
        Listener(
            namespace=client.namespace,
            port=entry.port,
            proxy=entry.protocol == "HTTP_PROXY",
            imports=_imports(entry.hosts, client.namespace),
            registry=hosts,
            seen=seen,
        )
        for entry in egress
    )
    return Scope(client.namespace, hosts, listeners, sidecar)


def _imports(hosts: Iterable[str], own: str) -> Mapping[str, Imported]:
    found: dict[str, Imported] = {}
    for entry in hosts:
        if entry.count("/") != 1:
            continue
        namespace, _, name = entry.partition("/")
        excluded = namespace.startswith("~")
        namespace = (namespace[1:] or "*") if excluded else namespace
        namespace = own if namespace == "." else namespace
        before = found.get(namespace, _NOTHING)
        if excluded:
            found[namespace] = replace(before, excluded=(*before.excluded, name))
        else:
            found[namespace] = replace(before, names=(*before.names, name))
    return found
