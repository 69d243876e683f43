"""By which way the proxies are asked for their configuration, found out by asking some."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.envoy.admin_transports import EXEC, PORT_FORWARD
from meshtui.errors import MeshtuiError, NotAllowed
from meshtui.mesh.model import Mesh, Pod

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

MOST = 8
"""Namespaces of which a proxy is asked: rights are given by namespace."""

_WORDS = {
    PORT_FORWARD: "asked by port-forward",
    EXEC: "asked by exec of pilot-agent: port-forward is not allowed",
}


@dataclass(frozen=True, slots=True)
class Reached:
    """How the proxies of a namespace are asked; `way` is empty where they are not, `why` says."""

    namespace: str
    transport: str = ""
    why: str = ""


async def reach(cluster: Cluster, mesh: Mesh) -> tuple[Reached, ...]:
    """One proxy of each namespace, that of the context first."""
    pods = sample_pods(mesh, cluster.namespace)
    return tuple(await asyncio.gather(*(_reach(cluster, pod) for pod in pods)))


def sample_pods(mesh: Mesh, first: str) -> tuple[Pod, ...]:
    """A pod with a running proxy in each of at most `MOST` namespaces, `first` before the rest."""
    running = [p for p in mesh.pods if p.sidecar and p.phase == "Running" and not p.deleting]
    running.sort(key=lambda pod: (pod.namespace != first, pod.namespace, not pod.ready, pod.name))
    found: dict[str, Pod] = {}
    for pod in running:
        found.setdefault(pod.namespace, pod)
    return tuple(found.values())[:MOST]


async def _reach(cluster: Cluster, pod: Pod) -> Reached:
    from meshtui.envoy.admin import admin_get, transport_to
    from meshtui.kube.failures import Unauthenticated

    try:
        await admin_get(
            cluster, pod.namespace, pod.name, "/server_info", container=pod.proxy_container
        )
    except Unauthenticated as error:
        return Reached(pod.namespace, why=str(error))
    except NotAllowed as error:
        return Reached(pod.namespace, why=f"neither port-forward nor exec is allowed: {error.hint}")
    except MeshtuiError as error:
        return Reached(pod.namespace, why=str(error))
    return Reached(pod.namespace, transport_to(cluster, pod.namespace))


def access_lines(reached: Iterable[Reached]) -> tuple[tuple[bool, str], ...]:
    """A line for each way and each trouble, with the namespaces it is about, and if it is good."""
    lines: dict[tuple[bool, str], list[str]] = {}
    for one in reached:
        gist = _WORDS.get(one.transport, "") or f"cannot be asked: {one.why}"
        lines.setdefault((bool(one.transport), gist), []).append(one.namespace)
    return tuple((good, f"{', '.join(names)}: {gist}") for (good, gist), names in lines.items())
