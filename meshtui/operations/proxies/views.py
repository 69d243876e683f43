"""What the proxies pane and `meshtui proxy` ask for."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from meshtui.dataclass import dataclass
from meshtui.diagnosis.refused_config import RefusedConfigs
from meshtui.errors import NotFound, Usage
from meshtui.mesh.model import Mesh, Pod, Service, ServiceKey
from meshtui.mesh.nearest import near_names, nearest_words
from meshtui.mesh.routing import pods_of
from meshtui.mesh.signals import Sample
from meshtui.mesh.text import some_of
from meshtui.operations.look.refused_config import read_refused
from meshtui.operations.proxies.files import save_new
from meshtui.operations.proxies.matrix import Matrix, Row, ask_rows, matrix_of, with_reasons
from meshtui.operations.proxies.proxy_reads import ProxyReads, Reader

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

MOST_LINES = 200_000
"""Lines of raw JSON that are shown; the dump has them all."""

_STEP = " " * 2


class Proxies(Protocol):
    """Every method that fails raises a `MeshtuiError`."""

    def matrix(self, service: ServiceKey) -> Matrix:
        """Whom to ask about which rules of the service."""
        ...

    async def rows(self, matrix: Matrix, report: Callable[[Row], None]) -> None:
        """Asks them; `report` gets each proxy's row, and once more those that differ, with why.

        A proxy out of reach is a row, no error.
        """
        ...

    async def read(self, view: str, pod: Pod, service: ServiceKey | None) -> ProxyReads:
        """One view of one proxy, of all that it has where no service is given."""
        ...

    async def raw(self, reading: ProxyReads) -> tuple[str, ...]:
        """The JSON of a reading as lines, made beside the loop."""
        ...

    async def dump(self, pod: Pod) -> tuple[Path, int]:
        """The proxy's whole configuration into a new file; its path and its bytes."""
        ...

    def find(self, name: str, namespace: str) -> Pod:
        """A proxy by what a person calls it; namespace "" is any. Raises `NotFound`, and `Usage`
        where several are called so."""
        ...


@dataclass(frozen=True, slots=True)
class LiveProxies:
    """Implements `Proxies` for the mesh of a moment."""

    cluster: Cluster
    now: Mesh
    sample: Sample | None = None
    refused: Callable[[Mesh], Awaitable[RefusedConfigs]] | None = None
    """Reads which proxies refuse their configuration; by default anew each time."""

    def matrix(self, service: ServiceKey) -> Matrix:
        return matrix_of(self.now, self._service(service), self.sample)

    async def rows(self, matrix: Matrix, report: Callable[[Row], None]) -> None:
        rows = await ask_rows(self.cluster, self.now, matrix, report)
        reading = self.refused(self.now) if self.refused else None
        refused = await (reading or read_refused(self.cluster, self.now))
        for row in with_reasons(rows, refused, time.time()):
            report(row)

    async def read(self, view: str, pod: Pod, service: ServiceKey | None) -> ProxyReads:
        chosen = self._service(service) if service else None
        return await Reader(self.cluster, self.now, pod, chosen).read(view)

    async def raw(self, reading: ProxyReads) -> tuple[str, ...]:
        return await asyncio.to_thread(raw_lines, reading)

    async def dump(self, pod: Pod) -> tuple[Path, int]:
        from meshtui.envoy.proxy import read_dump

        body = await read_dump(self.cluster, pod)
        path = await asyncio.to_thread(save_new, f"{pod.namespace}.{pod.name}", body)
        return path, len(body)

    def find(self, name: str, namespace: str) -> Pod:
        return find_pod(self.now, name, namespace)

    def _service(self, key: ServiceKey) -> Service:
        found = self.now.by_key.get(key)
        if found is None:
            raise NotFound(f"there is no service {key}")
        return found


def raw_lines(reading: ProxyReads, most: int = MOST_LINES) -> tuple[str, ...]:
    """Each question, and the answer with an indent; `most` lines at the most."""
    lines: list[str] = []
    for path, body in reading.answers:
        lines += ["", f"GET {path}"] if lines else [f"GET {path}"]
        lines += json.dumps(json.loads(body), indent=_STEP, ensure_ascii=False).split("\n")
    if len(lines) > most:
        left = len(lines) - most
        lines[most:] = [f"… {left} more lines: save the dump to see them all"]
    return tuple(lines)


TYPES = frozenset(
    ("pod", "pods", "po", "deploy", "deployment", "deployments", "svc", "service", "services")
)
"""What kubectl and istioctl have before the slash."""

MOST_NAMED = 5


def find_pod(mesh: Mesh, name: str, namespace: str) -> Pod:
    """A pod with a proxy by its name, by `NAME.NAMESPACE` or `NAMESPACE/NAME`; or the first ready
    pod of a workload, or of a service; or of the only workload whose pods' names begin so.

    Raises NotFound, and Usage where a beginning is that of several workloads.
    """
    return chosen_pod(mesh, name, namespace)[0]


def chosen_pod(mesh: Mesh, name: str, namespace: str) -> tuple[Pod, str]:
    """The same, and which one it is of those that a service's name may mean, in a line."""
    kind, slash, rest = name.partition("/")
    if slash and kind in TYPES:
        name = rest
    places = [(namespace, name)]
    if slash and kind not in TYPES:
        places.insert(0, (kind, rest))
    if "." in name:
        before, _, last = name.rpartition(".")
        places.append((last, before))
    proxies = [pod for pod in mesh.pods if pod.sidecar]
    for place in places:
        if found := _exactly(proxies, *place):
            return _ready(found), ""
    for place in places:
        if behind := _behind(mesh, *place):
            return _any_of(name, behind)
    for place in places:
        if begins := _beginning(proxies, *place):
            return _only(begins, f"{name} is the beginning of"), ""
    raise _no_pod(mesh, proxies, name, places[-1][1], namespace)


def _no_pod(mesh: Mesh, proxies: Sequence[Pod], name: str, called: str, namespace: str) -> NotFound:
    elsewhere = [pod for pod in proxies if name in (pod.name, pod.workload)]
    if elsewhere:
        hint = f"did you mean {elsewhere[0].namespace}/{name}?"
    else:
        near = near_names(called, _called(mesh, proxies, namespace))
        hint = nearest_words(name, near) if near else "`meshtui pods -A` lists them"
    where = f"namespace {namespace}" if namespace else "any namespace"
    return NotFound(f"no pod or workload {name} with a proxy in {where}", hint)


def _called(mesh: Mesh, proxies: Sequence[Pod], namespace: str) -> list[str]:
    """The workloads with proxies and the services of a namespace, or of all."""
    services = [one.key for one in mesh.services if namespace in ("", one.key.namespace)]
    own = [pod.workload for pod in proxies if namespace in ("", pod.namespace) and pod.workload]
    return [*own, *(key.name for key in services)]


def _exactly(proxies: Sequence[Pod], namespace: str, name: str) -> list[Pod]:
    """The pod of that name, else the pods of the workload."""
    near = [pod for pod in proxies if namespace in ("", pod.namespace)]
    exact = [pod for pod in near if pod.name == name]
    return exact or [pod for pod in near if name and pod.workload == name]


def _beginning(proxies: Sequence[Pod], namespace: str, name: str) -> list[Pod]:
    near = (pod for pod in proxies if namespace in ("", pod.namespace))
    return [pod for pod in near if name and pod.name.startswith(name)]


def _behind(mesh: Mesh, namespace: str, name: str) -> list[Pod]:
    """The pods with a proxy of the services of that name."""
    services = [one for one in mesh.services if one.key.name == name]
    near = [one for one in services if namespace in ("", one.key.namespace)]
    return [pod for one in near for pod in pods_of(mesh, one) if pod.sidecar]


def _any_of(name: str, behind: Sequence[Pod]) -> tuple[Pod, str]:
    """A pod of a service: what its versions send elsewhere, their proxies mostly do alike."""
    pod = _ready(sorted(behind, key=lambda one: (one.namespace, one.name)))
    own = pod.namespace, pod.workload
    others = sorted({one.workload for one in behind if (one.namespace, one.workload) != own})
    if not others:
        return pod, ""
    named = some_of(others, MOST_NAMED, "or")
    words = f"service {name} has {len(others) + 1} workloads: this is the proxy of {pod.name}"
    return pod, f"{words}; name {named} for another"


def _ready(pods: Sequence[Pod]) -> Pod:
    return next((pod for pod in pods if pod.serving), pods[0])


def _only(pods: list[Pod], words: str) -> Pod:
    """A pod of the only workload: its proxies have the same configuration. `words` begin the line
    that refuses several."""
    if len({(pod.namespace, pod.workload) for pod in pods}) == 1:
        return _ready(pods)
    workloads = sorted({pod.workload for pod in pods if pod.workload})
    if len(workloads) < 2:
        raise Usage(f"{words} {_names(pods)}", "write more of the name")
    named = f"name one: {some_of(workloads, MOST_NAMED, 'or')}"
    raise Usage(f"{words} {len(workloads)} workloads", named)


def _names(pods: list[Pod]) -> str:
    spaces = len({pod.namespace for pod in pods}) > 1
    names = sorted(f"{pod.name}.{pod.namespace}" if spaces else pod.name for pod in pods)
    return f"{len(names)} pods: {some_of(names, MOST_NAMED)}"
