"""Which rate limits stand in a service's way: at its pods, at its callers, at the gateways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from meshtui.dataclass import dataclass
from meshtui.mesh.exposure import ApiRoute, Door, api_routes_known, api_routes_to, doors_to
from meshtui.mesh.model import Mesh, Pod, Service, ServiceKey
from meshtui.mesh.ratelimits import EXTERNAL, RateLimit, rate_limits
from meshtui.mesh.routing import pods_of
from meshtui.mesh.signals import Sample, Signals

INBOUND, OUTBOUND, GATEWAY = "at its pods", "at its callers", "at the gateway"
RATE_LIMITED = "RL"
TOO_MANY = "429"
_KINDS = ("gateways", "virtualservices", "envoyfilters", "services", "pods")


@dataclass(frozen=True, slots=True)
class Limiting:
    """A rate limit with the place where it meets a service's requests.

    `pods` are those of the service, of its callers or of its gateways that the limit reaches.
    `shared` says that other limits of these proxies count under the same name, so that nobody can
    tell whose a refusal was.
    """

    limit: RateLimit
    place: str
    pods: tuple[Pod, ...]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class RefusedRate:
    """Requests per second turned away now, as telemetry counts them.

    `by_callers` and `by_pods` carry the flag RL: refused by a caller's proxy (gateways too), and
    by the proxies of the service's own pods. `answers` are the answers 429 that callers got,
    from whomever.
    """

    by_callers: float = 0.0
    by_pods: float = 0.0
    answers: float = 0.0


@dataclass(frozen=True, slots=True)
class Exposed:
    """How traffic from outside gets to a service, and what limits it.

    `callers` are the services of the mesh whose pods are known to call it, with the ways in to
    each. `idle` are the mesh's rate limits that reach no proxy, `unknown` those of which that
    can't be said. `refused` is None where telemetry has no rates. `unread` names the kinds of
    objects that were not read everywhere: there may be more of each than is said here.
    """

    service: Service
    doors: tuple[Door, ...] = ()
    routes: tuple[ApiRoute, ...] = ()
    routes_known: bool = True
    callers: tuple[tuple[ServiceKey, tuple[Door, ...]], ...] = ()
    limits: tuple[Limiting, ...] = ()
    idle: tuple[RateLimit, ...] = ()
    unknown: tuple[RateLimit, ...] = ()
    refused: RefusedRate | None = None
    unread: tuple[str, ...] = ()

    @property
    def limiting_pods(self) -> tuple[Pod, ...]:
        """The pods whose proxies count what they refuse."""
        return _each_once(pod for one in self.limits if one.limit.limits for pod in one.pods)


def exposed(mesh: Mesh, service: Service, sample: Sample | None) -> Exposed:
    """What is known of a service from outside, by the objects and by telemetry."""
    doors = doors_to(mesh, service)
    known = sample.clients.get(service.key, frozenset()) if sample else frozenset()
    callers = _caller_pods(mesh, known)
    calling = _callers(mesh, service, callers)
    limits = rate_limits(mesh)
    return Exposed(
        service=service,
        doors=doors,
        routes=api_routes_to(mesh, service),
        routes_known=api_routes_known(mesh),
        callers=calling,
        limits=tuple(
            one
            for stretch in _stretches(mesh, service, doors, calling, callers)
            for one in _met(stretch, limits)
        ),
        idle=tuple(limit for limit in limits if not limit.pods and not limit.unknown),
        unknown=tuple(limit for limit in limits if limit.unknown),
        refused=refused(service.key, sample),
        unread=tuple(kind for kind in _KINDS if not mesh.knows(kind)),
    )


def refused(key: ServiceKey, sample: Sample | None) -> RefusedRate | None:
    if sample is None or sample.window_s <= 0:
        return None
    caller = sample.caller_totals.get(key, Signals())
    server = sample.server_totals.get(key, Signals())
    window = sample.window_s
    return RefusedRate(
        by_callers=caller.flags.get(RATE_LIMITED, 0.0) / window,
        by_pods=server.flags.get(RATE_LIMITED, 0.0) / window,
        answers=caller.codes.get(TOO_MANY, 0.0) / window,
    )


def limits_at_pods(mesh: Mesh, service: Service, pods: tuple[Pod, ...]) -> tuple[RateLimit, ...]:
    """What the own proxies of a service's pods may turn its requests away with."""
    return _acting(mesh, _at_pods(service, pods))


def limits_at_callers(
    mesh: Mesh, service: Service, clients: Iterable[tuple[str, str]]
) -> tuple[RateLimit, ...]:
    """The same of the proxies of its `clients` (namespace, workload), gateways among them."""
    if not mesh.envoy_filters:
        return ()
    known = frozenset(clients)
    doors = doors_to(mesh, service)
    edge = tuple(pod for pod in _gateway(GATEWAY, doors).pods if _place(pod) in known)
    return (
        *_acting(mesh, _Stretch(GATEWAY, edge, lambda limit: _at_doors(limit, doors))),
        *_acting(mesh, _by_callers(service, _caller_pods(mesh, known))),
    )


def _acting(mesh: Mesh, stretch: _Stretch) -> tuple[RateLimit, ...]:
    return tuple(one.limit for one in _met(stretch, rate_limits(mesh)) if one.limit.limits)


def _place(pod: Pod) -> tuple[str, str]:
    return pod.namespace, pod.workload


def _caller_pods(mesh: Mesh, known: frozenset[tuple[str, str]]) -> tuple[Pod, ...]:
    """The sidecars that telemetry knows to call the service."""
    homes = sorted({namespace for namespace, _ in known})
    found = (pod for home in homes for pod in mesh.pods_by_namespace.get(home, ()))
    return tuple(p for p in found if p.sidecar and not p.gateway and _place(p) in known)


def _callers(
    mesh: Mesh, service: Service, pods: tuple[Pod, ...]
) -> tuple[tuple[ServiceKey, tuple[Door, ...]], ...]:
    """The calling services that have ways in of their own."""
    names = {(pod.namespace, pod.name) for pod in pods}
    calling = [
        found
        for found in mesh.services
        if names and found.key != service.key
        if any((pod.namespace, pod.name) in names for pod in pods_of(mesh, found))
    ]
    opened = ((found.key, doors_to(mesh, found)) for found in calling)
    return tuple((key, doors) for key, doors in opened if doors)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A part of the way to a service: whose proxies, and which limits there concern it."""

    place: str
    pods: tuple[Pod, ...]
    concerns: Callable[[RateLimit], bool]


def _stretches(
    mesh: Mesh,
    service: Service,
    doors: tuple[Door, ...],
    calling: tuple[tuple[ServiceKey, tuple[Door, ...]], ...],
    callers: tuple[Pod, ...],
) -> Iterator[_Stretch]:
    """From the outside inwards."""
    yield _gateway(GATEWAY, doors)
    for key, theirs in calling:
        yield _gateway(f"{GATEWAY} to {key.name}", theirs)
    yield _by_callers(service, callers)
    yield _at_pods(service, pods_of(mesh, service))


def _at_pods(service: Service, pods: tuple[Pod, ...]) -> _Stretch:
    return _Stretch(INBOUND, pods, lambda limit: _inbound(limit, service))


def _by_callers(service: Service, callers: tuple[Pod, ...]) -> _Stretch:
    return _Stretch(OUTBOUND, callers, lambda limit: _outbound(limit, service))


def _gateway(place: str, doors: tuple[Door, ...]) -> _Stretch:
    pods = _each_once(pod for door in doors for pod in door.pods)
    return _Stretch(place, pods, lambda limit: _at_doors(limit, doors))


def _met(stretch: _Stretch, limits: Sequence[RateLimit]) -> Iterator[Limiting]:
    for limit in limits:
        reached = _both(stretch.pods, limit.pods)
        if reached and stretch.concerns(limit):
            others = (o for o in limits if o is not limit and o.limits and _counts_alike(o, limit))
            shared = any(_both(reached, other.pods) for other in others)
            yield Limiting(limit, stretch.place, reached, shared)


def _both(some: Iterable[Pod], others: Iterable[Pod]) -> tuple[Pod, ...]:
    names = {(pod.namespace, pod.name) for pod in others}
    return tuple(pod for pod in some if (pod.namespace, pod.name) in names)


def _counts_alike(one: RateLimit, other: RateLimit) -> bool:
    """Local limits count by their prefix, external ones all by the cluster."""
    return one.kind == other.kind and (one.kind == EXTERNAL or one.stat_prefix == other.stat_prefix)


def _each_once(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    return tuple({(pod.namespace, pod.name): pod for pod in pods}.values())


def _inbound(limit: RateLimit, service: Service) -> bool:
    """Limits on another port of the pod do not concern it; ports by name may be any."""
    ports = {name for p in service.ports for name in (str(p.number), p.target or str(p.number))}
    here = str(limit.port) in ports or not all(port.isdigit() for port in ports)
    return limit.context in ("ANY", "SIDECAR_INBOUND") and (not limit.port or here)


def _outbound(limit: RateLimit, service: Service) -> bool:
    """Limits of another service's virtual host, or on another port, do not concern it."""
    if limit.context not in ("ANY", "SIDECAR_OUTBOUND"):
        return False
    ports = {port.number for port in service.ports}
    host = limit.vhost.partition(":")[0]
    return host in ("", service.host) and (not limit.port or limit.port in ports)


def _at_doors(limit: RateLimit, doors: tuple[Door, ...]) -> bool:
    if limit.context not in ("ANY", "GATEWAY"):
        return False
    host = limit.vhost.rpartition(":")[0] or limit.vhost
    return not host or any(host in door.hosts for door in doors)
