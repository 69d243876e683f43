"""Through which server of a gateway a request comes in, and which of its tables is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshtui.dataclass import dataclass
from meshtui.mesh.request import Request, best_domain, port_of, rank
from meshtui.mesh.resolution import Door, View, VirtualHost
from meshtui.mesh.resolution.protocols import is_http, parse_protocol
from meshtui.mesh.resolution.requests import answering

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Entrance:
    """The server that a request comes to, and the virtual host that answers behind it.

    `door` is None where nothing listens for it, and `why` says so; `vhost` where no host of a
    VirtualService fits.
    """

    door: Door | None = None
    vhost: VirtualHost | None = None
    why: str = ""


def entrance(view: View, request: Request, port: int) -> Entrance:
    """The way in for a request to a port of the Gateway; 0 for the one that the request means."""
    fitting = [d for d in view.doors.doors if _is_secure(d) is (request.scheme == "https")]
    found = _on_port(fitting, port, request)
    if not found:
        where = f" on port {port}" if port else ""
        return Entrance(why=f"the gateway has no server for {request.scheme}{where}")
    if request.scheme == "https":
        return _by_server_name(view, found, request)
    tables = [door for door in found if door.table]
    if not tables:
        return Entrance(found[0])
    entrances = [Entrance(door, _answering(view, door, request)) for door in tables]
    return max(entrances, key=lambda one: _specific(one.vhost, request))


def _is_secure(door: Door) -> bool:
    """Whether clients come with TLS, which the server ends or passes on."""
    plain = is_http(parse_protocol(door.server.protocol))
    return bool(door.server.tls) and not plain


def _on_port(doors: Sequence[Door], port: int, request: Request) -> list[Door]:
    """Those on the port that is asked for, else on the host's, else on the scheme's own."""
    if port:
        return [door for door in doors if port in (door.server.port, door.port)]
    for number in (port_of(request.authority), _DEFAULT_PORTS.get(request.scheme, 0)):
        found = [door for door in doors if number in (door.server.port, door.port)]
        if found:
            return found
    return list(doors)


def _by_server_name(view: View, doors: Iterable[Door], request: Request) -> Entrance:
    """TLS names the host before there is a request: the most exact server takes it."""
    named = [
        (rank(best), door)
        for door in doors
        for best in [best_domain([_bare(host) for host in door.hosts], request.hostname)]
        if best is not None
    ]
    if not named:
        return Entrance(why="no server of the gateway has this name: it ends the TLS handshake")
    door = max(named, key=lambda pair: pair[0])[1]
    return Entrance(door, _answering(view, door, request) if door.table else None)


def _bare(host: str) -> str:
    return host.rpartition("/")[2].lower()


def _answering(view: View, door: Door, request: Request) -> VirtualHost | None:
    """None too for the virtual host without routes that stands where there is no other."""
    found = answering(view.gateway_tables.get(door.table, ()), request)
    return found if found and (found.routes or found.requires_tls) else None


def _specific(vhost: VirtualHost | None, request: Request) -> tuple[int, int]:
    best = best_domain(vhost.domains, request.hostname) if vhost else None
    return rank(best) if best is not None else (-1, 0)
