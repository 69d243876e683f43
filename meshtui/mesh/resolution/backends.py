"""The backends of a route of the Gateway API: what istiod makes of each, and what is wrong with it.

From istiod (pilot/pkg/config/kube/gateway: buildDestination).
"""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.gateway_api import RULES, STREAM_KINDS, HttpRoute
from meshtui.mesh.hosts import service_host
from meshtui.mesh.istio import Json
from meshtui.mesh.model import Mesh, Rule


class Invalid(ValueError):
    """istiod makes nothing of the whole route because of it."""


@dataclass(frozen=True, slots=True)
class Backends:
    """What the backends of a route come to, as its namespace may name them."""

    mesh: Mesh
    route: HttpRoute
    at_gateway: bool = False

    def destination(self, raw: Json) -> tuple[Json, str]:
        """The destination of a backend, and why it is none; empty where it is one."""
        mesh, namespace = self.mesh, self.route.ref.namespace
        kind = (read.text(raw, "group"), read.text(raw, "kind") or "Service")
        home, name = read.text(raw, "namespace") or namespace, read.text(raw, "name")
        if not self._is_granted(kind[1], home, name):
            grant = f"no ReferenceGrant of {home} lets {self.route.ref} name"
            return {}, f"{grant} {kind[1]} {name}"
        if kind == ("", "Service"):
            host = service_host(home, name, mesh.settings.domain)
            problem = "" if host in mesh.by_host else f"there is no Service {home}/{name}"
            if "." in name:
                raise Invalid("a Service is named by its name, not by its host")
        elif kind == ("networking.istio.io", "Hostname"):
            if "namespace" in raw:
                raise Invalid("a backend of kind Hostname has no namespace")
            host, known = name, name in mesh.by_host or name in mesh.service_entry_hosts
            problem = "" if known else f"no host is called {name}"
        else:
            return {}, f"a {kind[1]} can't be a backend"
        if "port" not in raw:
            raise Invalid("a backend has no port")
        return {"host": host, "port": {"number": read.integer(raw, "port")}}, problem

    def _is_granted(self, kind: str, home: str, name: str) -> bool:
        """Only Gateways ask. Where grants can't be read, they are taken for given."""
        ref = self.route.ref
        if not self.at_gateway or home == ref.namespace:
            return True
        if not self.mesh.knows("referencegrants", home):
            return True
        mine = (one for one in self.mesh.reference_grants if one.ref.namespace == home)
        return any(one.grants(ref.kind, ref.namespace, (kind, name)) for one in mine)


def backend_troubles(mesh: Mesh, route: HttpRoute, rule: Rule) -> tuple[str, ...]:
    """Why backends of a rule are none: requests that they would get are answered 500.

    Connections are closed.
    """
    found = Backends(mesh, route, at_gateway=bool(route.at_gateways))
    streams = route.ref.kind in STREAM_KINDS
    answer = "its connections are closed" if streams else "its part is answered 500"
    said = []
    rules = read.objects(read.obj(route.raw, "spec"), RULES)
    for raw in read.objects(rules[rule.index], "backendRefs") if rule.index < len(rules) else ():
        try:
            _, why = found.destination(raw)
        except Invalid:
            continue  # Nobody has the route: that is said of all of it.
        if why:
            said.append(f"{why}: {answer}")
    return tuple(dict.fromkeys(said))
