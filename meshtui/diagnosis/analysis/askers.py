"""Who asks for what is written for: the callers and the gateways, grouped by what can differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from meshtui.mesh import read
from meshtui.mesh.ambient import waypoints
from meshtui.mesh.model import DestinationRule, Gateway, Mesh, VirtualService
from meshtui.mesh.resolution import Callers, Client, Door, View, World
from meshtui.mesh.resolution.gateways import serves
from meshtui.mesh.resolution.listeners import with_listeners

_MOST_STAND_INS = 200


class Askers:
    """Callers that get the same for a host are asked for together."""

    def __init__(self, mesh: Mesh, world: World) -> None:
        self.mesh = mesh
        self.world = world

    @cached_property
    def stand_ins(self) -> bool:
        """No pod with a proxy is known: namespaces and labels that are written stand for them."""
        return not self.mesh.knows("pods") or not any(
            not group.client.gateway for group in self.world.callers
        )

    @cached_property
    def callers(self) -> tuple[Callers, ...]:
        """The callers in the mesh."""
        found = [group for group in self.world.callers if not group.client.gateway]
        if self.stand_ins:
            known = {group.client.key for group in found}
            made = (Callers(client, ()) for client in _stand_ins(self.mesh))
            found += [group for group in made if group.client.key not in known]
        return tuple(found)

    @cached_property
    def gateways(self) -> tuple[View, ...]:
        """The gateways and waypoints; one that no pod is known for is asked for in its own
        namespace.
        """
        clients = [group.client for group in self.world.callers if group.client.gateway]
        for gateway in with_listeners(self.mesh):
            if not any(_served_by(gateway, client) for client in clients):
                home = gateway.home or gateway.ref.namespace
                clients.append(Client(home, gateway.selector, gateway=True))
        known = {(client.namespace, client.waypoint) for client in clients}
        clients += [
            Client(home, gateway=True, waypoint=name)
            for home, name in waypoints(self.mesh)
            if (home, name) not in known
        ]
        return tuple(self.world.view(client) for client in clients)

    def doors(self, gateway: Gateway) -> Iterator[tuple[View, Door]]:
        """The servers of a Gateway, as each gateway pod has them."""
        for view in self.gateways:
            for door in view.doors.doors:
                if door.gateway is gateway:
                    yield view, door

    def views_of(self, host: str, also: Iterable[str] = ()) -> Iterator[View]:
        """The callers of a host, together where they get the same for it and for `also`."""
        if len(self.callers) == 1:
            yield self.world.view(self.callers[0].client)
            return
        special, labels = self._special(host, tuple(also))
        found: dict[object, View] = {}
        for group in self.callers:
            home = group.client.namespace
            own = home in special
            asked = {k: v for k, v in group.client.labels.items() if own or k in labels}
            key = (home if own else "", frozenset(asked.items()))
            if key not in found:
                found[key] = self.world.view(group.client)
        yield from found.values()

    def _special(self, host: str, also: tuple[str, ...]) -> tuple[set[str], set[str]]:
        """The namespaces whose callers may get something else, and the labels that are asked."""
        special, labels = set(self._own_rules), set()
        for service in self._naming(host):
            namespaces, wanted = self._sources[service.ref.namespace, service.ref.name]
            special |= namespaces
            labels |= wanted
        for name in (host, *also):
            for known in self.world.shared.registry.by_name.get(name, ()):
                if "*" not in known.exports:
                    special |= {known.namespace, *known.exports}
            for rule in self._rules_for(name):
                special.add(rule.ref.namespace)
                special |= set(rule.export_to)
        return special, labels

    @cached_property
    def _own_rules(self) -> frozenset[str]:
        """Namespaces with VirtualServices or Sidecars of their own."""
        rulings = self.world.shared.rulings
        own = {namespace for namespace, _ in (*rulings.private, *rulings.exported)}
        own |= {sidecar.ref.namespace for sidecar in self.mesh.sidecars}
        return frozenset(own | rulings.consumers)

    def _naming(self, host: str) -> Iterator[VirtualService]:
        yield from self.mesh.virtual_services_by_host.get(host, ())
        for _, services in self.mesh.wildcard_virtual_services:
            yield from services

    def _rules_for(self, host: str) -> Iterator[DestinationRule]:
        yield from self.mesh.rules_by_host.get(host, ())
        yield from self.mesh.wildcard_destination_rules

    @cached_property
    def _sources(self) -> Mapping[tuple[str, str], tuple[set[str], set[str]]]:
        """By VirtualService: the namespaces and the labels of callers that its rules ask for."""
        found = {}
        for service in self.mesh.virtual_services:
            matches = list(_matches(service))
            namespaces = {read.text(match, "sourceNamespace") for match in matches} - {""}
            labels = {key for match in matches for key in read.labels(match, "sourceLabels")}
            found[service.ref.namespace, service.ref.name] = (namespaces, labels)
        return found


def _served_by(gateway: Gateway, client: Client) -> bool:
    return client.gateway and serves(gateway, client)


def _matches(service: VirtualService) -> Iterator[Mapping[str, object]]:
    for protocol in ("http", "tcp", "tls"):
        for rule in read.objects(read.obj(service.raw, "spec"), protocol):
            yield from read.objects(rule, "match")


def _stand_ins(mesh: Mesh) -> Iterator[Client]:
    """Callers for each namespace that is named anywhere, with each set of labels asked for."""
    homes = [service.key.namespace for service in mesh.services]
    homes += [found.ref.namespace for found in mesh.virtual_services]
    homes += [found.ref.namespace for found in mesh.destination_rules]
    labels: list[Mapping[str, str]] = [{}]
    for service in mesh.virtual_services:
        homes += service.export_to
        for match in _matches(service):
            homes.append(read.text(match, "sourceNamespace"))
            wanted = read.labels(match, "sourceLabels")
            if wanted and wanted not in labels:
                labels.append(wanted)
    named = (home for home in dict.fromkeys(homes) if home not in ("", "*", ".", "~"))
    made = (Client(home, wanted) for home in named for wanted in labels)
    yield from (client for _, client in zip(range(_MOST_STAND_INS), made, strict=False))
