"""Asking the client proxies whether they serve a change, until they do or time is up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count

from meshtui.changes.outcome import NOT_MEANT, ProxyVerdict
from meshtui.dataclass import dataclass
from meshtui.envoy.compare import IN_SYNC
from meshtui.mesh.model import HttpRoute, Mesh, Pod, RuleOwner, ServiceKey
from meshtui.mesh.resolution import View, world
from meshtui.mesh.resolution.names import gateway_name
from meshtui.mesh.signals import Sample
from meshtui.mesh.touched import roots_of, ruled_hosts
from meshtui.mesh.touched_ports import ruled_ports
from meshtui.operations.types import Progress, ProgressStep

MOST_PROXIES = 20
WAIT_S = 10.0
_CONCURRENCY = 8


@dataclass(frozen=True, slots=True)
class CheckPace:
    """Seconds between two questions to one proxy: twice as many each time, up to `longest_s`."""

    first_s: float
    longest_s: float

    def pause_s(self, asked: int) -> float:
        """After so many questions."""
        return min(self.first_s * 2.0 ** min(asked - 1, 16), self.longest_s)


QUICK = CheckPace(0.03, 0.5)

SPARING = CheckPace(0.5, 2.0)
"""Where each question starts a program inside of the proxy's container."""


@dataclass(frozen=True, slots=True)
class Clients:
    """The proxies that a change concerns. `known` is false where telemetry names none of them.

    `others` are callers that telemetry names and that don't get the VirtualService.
    """

    pods: tuple[Pod, ...] = ()
    known: bool = True
    left_out: int = 0
    others: tuple[Pod, ...] = ()

    @property
    def all(self) -> tuple[Pod, ...]:
        return (*self.pods, *self.others)


def client_proxies(
    mesh: Mesh, service: ServiceKey, owner: RuleOwner | None, sample: Sample | None
) -> Clients:
    """The proxies that send traffic to the service and that get the rules' owner, if any.

    Where telemetry names none, every proxy that gets the owner may be one: those of the service's
    namespace first. What its rules send to other services is counted as theirs.
    """
    running = [pod for pod in mesh.pods if _answers(pod)]
    able = running if owner is None else _with(mesh, owner, running)
    asked = (service, *_sent_to(mesh, service, owner))
    workloads = {one for key in asked for one in (sample.clients.get(key, ()) if sample else ())}
    named = [pod for pod in running if (pod.namespace, pod.workload) in workloads]
    places = {(pod.namespace, pod.name) for pod in able}
    found = [pod for pod in named if (pod.namespace, pod.name) in places]
    others = tuple(pod for pod in named if (pod.namespace, pod.name) not in places)
    chosen = found or list(able)
    chosen.sort(key=lambda pod: (not pod.gateway, pod.namespace != service.namespace, pod.name))
    left_out = max(0, len(chosen) - MOST_PROXIES)
    return Clients(_spread(chosen), bool(found), left_out, others[:MOST_PROXIES])


def _sent_to(mesh: Mesh, service: ServiceKey, owner: RuleOwner | None) -> Iterator[ServiceKey]:
    """The other services that the rules of the owner's hosts send the service's requests to."""
    host = mesh.by_key[service].host if service in mesh.by_key else ""
    if owner is None or host not in owner.hosts:
        return
    for rule in owner.rules:
        for destination in rule.destinations:
            other = mesh.by_host.get(destination.host)
            if other is not None and other.key != service:
                yield other.key


def _answers(pod: Pod) -> bool:
    return pod.sidecar and pod.phase == "Running" and not pod.deleting


def _with(mesh: Mesh, owner: RuleOwner, pods: list[Pod]) -> list[Pod]:
    """Those that get something of what holds rules, by what istiod makes of it for each."""
    whole = world(mesh)
    known = bool(roots_of(whole.shared, owner.ref)) or owner in mesh.virtual_services
    got: dict[tuple[str, str], bool] = {}
    for group in whole.callers:
        view = whole.view(group.client)
        has = _gets(view, owner) if known else is_for(view, owner)
        got |= {(pod.namespace, pod.name): has for pod in group.pods}
    return [pod for pod in pods if got.get((pod.namespace, pod.name))]


def _gets(view: View, owner: RuleOwner) -> bool:
    return bool(ruled_hosts(view, owner.ref) or ruled_ports(view, owner.ref))


def is_for(view: View, vs: RuleOwner) -> bool:
    """Whether what holds rules is for such a client, by the Gateways that it names alone."""
    if view.client.waypoint:
        return vs.in_mesh and any(any(view.waypoint.hosts(host)) for host in vs.hosts)
    if isinstance(vs, HttpRoute):
        return is_route_for(view, vs)
    if not view.client.gateway:
        return "mesh" in vs.gateways
    named = {gateway_name(name, vs.ref.namespace) for name in vs.gateways}
    return any(door.name in named for door in view.doors.doors)


def is_route_for(view: View, route: HttpRoute) -> bool:
    """The same of an HTTPRoute, by the parents that it names."""
    if not view.client.gateway:
        return route.in_mesh
    owners = (door.gateway.owner for door in view.doors.doors if door.gateway.origin)
    return any(f"{owner.namespace}/{owner.name}" in route.at_gateways for owner in owners)


def _spread(pods: list[Pod]) -> tuple[Pod, ...]:
    """At most twenty, of as many workloads as there are."""
    if len(pods) <= MOST_PROXIES:
        return tuple(pods)
    seen: dict[tuple[str, str], int] = {}
    ranked = []
    for place, pod in enumerate(pods):
        workload = (pod.namespace, pod.workload)
        seen[workload] = seen.get(workload, 0) + 1
        ranked.append((seen[workload], place, pod))
    return tuple(pod for _, _, pod in sorted(ranked, key=lambda r: r[:2])[:MOST_PROXIES])


Ask = Callable[[Pod], Awaitable[ProxyVerdict]]
"""Asks one proxy once; never raises."""


async def verify(
    ask: Ask,
    clients: Clients,
    *,
    wait_s: float = WAIT_S,
    report: Progress = lambda _: None,
    pace: Callable[[Pod], CheckPace] = lambda _: QUICK,
) -> tuple[tuple[ProxyVerdict, ...], float]:
    """Each proxy's verdict, and the seconds until the last of them was in sync (or time was up)."""
    began = time.monotonic()
    gate = asyncio.Semaphore(_CONCURRENCY)
    done = 0

    async def settle(pod: Pod) -> ProxyVerdict:
        nonlocal done
        verdict = await _settle(ask, pod, gate, began + wait_s, pace)
        done += verdict.state == IN_SYNC
        report(ProgressStep.in_sync(done, len(clients.all)))
        return verdict

    verdicts = await asyncio.gather(*(settle(pod) for pod in clients.all))
    retained = verdicts if clients.known else [v for v in verdicts if _counts(v, clients)]
    return tuple(retained), time.monotonic() - began


def _counts(verdict: ProxyVerdict, clients: Clients) -> bool:
    """Of proxies that nobody named those count that the change is for."""
    named = {(pod.namespace, pod.name) for pod in clients.others}
    return verdict.state != NOT_MEANT or (verdict.namespace, verdict.pod) in named


async def _settle(
    ask: Ask, pod: Pod, gate: asyncio.Semaphore, deadline: float, pace: Callable[[Pod], CheckPace]
) -> ProxyVerdict:
    """Asks until the answer is yes, or final, or the deadline; out of reach may pass."""
    for asked in count(1):
        async with gate:
            verdict = await ask(pod)
        pause, left = pace(pod).pause_s(asked), deadline - time.monotonic()
        if verdict.state == IN_SYNC or verdict.final or left < min(pause, pace(pod).first_s):
            break
        await asyncio.sleep(min(pause, left))
    return verdict
