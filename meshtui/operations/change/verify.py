"""Asking the client proxies whether they serve a change, until they do or time is up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from meshtui.changes.change import ProxyVerdict
from meshtui.envoy.compare import ABSENT, IN_SYNC
from meshtui.envoy.expected import ProxyFacts, entries
from meshtui.mesh.model import Mesh, Pod, ServiceKey, VirtualService
from meshtui.mesh.resolution.names import labels_in
from meshtui.mesh.signals import Sample

MOST_PROXIES = 20
WAIT_S = 10.0
_CONCURRENCY = 8


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two questions to one proxy: twice as many each time, up to `longest_s`."""

    first_s: float
    longest_s: float

    def pause_s(self, asked: int) -> float:
        """After so many questions."""
        return min(self.first_s * 2.0 ** min(asked - 1, 16), self.longest_s)


QUICK = Pace(0.03, 0.5)

SPARING = Pace(0.5, 2.0)
"""Where each question starts a program inside of the proxy's container."""


@dataclass(frozen=True, slots=True)
class Clients:
    """The proxies that a change concerns. `known` is false where telemetry names none of them."""

    pods: tuple[Pod, ...] = ()
    known: bool = True
    left_out: int = 0


def client_proxies(
    mesh: Mesh, service: ServiceKey, vs: VirtualService | None, sample: Sample | None
) -> Clients:
    """The proxies that send traffic to the service and that the VirtualService, if any, is for.

    Where telemetry names none, every proxy that the VirtualService is for may be one: those of
    the service's namespace first.
    """
    able = [pod for pod in mesh.pods if _answers(pod) and (vs is None or _concerned(mesh, vs, pod))]
    workloads = sample.clients.get(service, frozenset()) if sample else frozenset()
    found = [pod for pod in able if (pod.namespace, pod.workload) in workloads]
    known = bool(found)
    chosen = found or able
    chosen.sort(key=lambda pod: (not pod.gateway, pod.namespace != service.namespace, pod.name))
    return Clients(_spread(chosen), known, max(0, len(chosen) - MOST_PROXIES))


def _answers(pod: Pod) -> bool:
    return pod.sidecar and pod.phase == "Running" and not pod.deleting


def _concerned(mesh: Mesh, vs: VirtualService, pod: Pod) -> bool:
    return next(entries(vs, proxy_facts(mesh, pod), 0), None) is not None


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


def proxy_facts(mesh: Mesh, pod: Pod) -> ProxyFacts:
    """What decides which rules the pod's proxy gets."""
    gateways = frozenset(
        f"{gateway.ref.namespace}/{gateway.ref.name}"
        for gateway in mesh.gateways
        if pod.gateway and labels_in(gateway.selector, pod.labels)
    )
    return ProxyFacts(pod.namespace, pod.labels, pod.gateway, gateways)


Ask = Callable[[Pod], Awaitable[ProxyVerdict]]
"""Asks one proxy once; never raises."""


async def verify(
    ask: Ask,
    clients: Clients,
    *,
    wait_s: float = WAIT_S,
    told: Callable[[str], None] = lambda _: None,
    pace: Callable[[Pod], Pace] = lambda _: QUICK,
) -> tuple[tuple[ProxyVerdict, ...], float]:
    """Each proxy's verdict, and the seconds until the last of them was in sync (or time was up)."""
    began = time.monotonic()
    gate = asyncio.Semaphore(_CONCURRENCY)
    done = 0

    async def settle(pod: Pod) -> ProxyVerdict:
        nonlocal done
        verdict = await _settle(ask, pod, gate, began + wait_s, pace)
        done += verdict.state == IN_SYNC
        told(f"proxies {done}/{len(clients.pods)}")
        return verdict

    verdicts = await asyncio.gather(*(settle(pod) for pod in clients.pods))
    kept = verdicts if clients.known else [v for v in verdicts if v.state != ABSENT]
    return tuple(kept), time.monotonic() - began


async def _settle(
    ask: Ask, pod: Pod, gate: asyncio.Semaphore, deadline: float, pace: Callable[[Pod], Pace]
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
