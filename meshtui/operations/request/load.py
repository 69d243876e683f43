"""A bounded load from inside the mesh: by Python in a caller's container, to the caller's sidecar.

It ends by itself, and at once when the connection to it does: nothing goes on unseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Refused, Unreachable
from meshtui.kube.exec import running_in_pod
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.signals import Sample, Signals
from meshtui.operations.look.trace import ProxyTrace, Question, by_objects
from meshtui.operations.request.ask import candidates, outgoing_of
from meshtui.operations.request.load_plan import (
    MOST_SECONDS,
    LoadPlan,
    Tally,
    command,
    program,
    read_line,
)
from meshtui.operations.request.send import applications, run_if_there
from meshtui.operations.request.tools import Outgoing

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.operations.options import Options

_LINE = 64 * 1024
_GRACE_S = 10.0
"""Beyond the load's own time and the last answer's, before it is taken for hung."""


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """Whom the load comes from, and what is sent; `traced` is where the objects send it."""

    pod: Pod
    container: str
    outgoing: Outgoing
    traced: ProxyTrace


def refuse_load(options: Options, context: str) -> None:
    """Raises NotAllowed where no load may be made: read-only, or in production."""
    if options.config.production:
        raise NotAllowed(
            f"a load: the configuration marks context {context} as production",
            "choose another context with --context",
        )
    if options.read_only:
        raise NotAllowed("a load: meshtui runs read-only", "start it without --read-only")


def load_targets(
    mesh: Mesh, question: Question, sample: Sample | None, timeout_s: float
) -> list[LoadTarget]:
    """Each caller's container that may send it, the best first.

    Raises NotFound or Refused where there is none.
    """
    found = []
    for pod in candidates(mesh, question, sample):
        if pod.gateway:
            continue
        asked = replace(question, source=f"{pod.name}.{pod.namespace}")
        traced = by_objects(mesh, asked, pod)
        outgoing = outgoing_of(asked, traced, timeout_s)
        found += [LoadTarget(pod, name, outgoing, traced) for name in applications(pod)]
    if not found:
        raise NotFound(
            f"no running pod with an application and a proxy is known to call "
            f"{question.service.key}",
            "name one with --from; a gateway cannot make a load",
        )
    return found


async def has_python(cluster: Cluster, target: LoadTarget) -> bool:
    """Raises NotAllowed, NotFound or Unreachable."""
    probe = ("python3", "-I", "-c", "print(1)")
    ended = await run_if_there(cluster, target.pod, target.container, probe, limit=1024)
    return ended is not None and ended.code == 0


async def choose(cluster: Cluster, targets: list[LoadTarget]) -> LoadTarget:
    """The first that can. Raises Refused where none can, and as `has_python` does."""
    for target in targets:
        if await has_python(cluster, target):
            return target
    names = ", ".join(dict.fromkeys(f"{one.pod.namespace}/{one.pod.name}" for one in targets))
    raise Refused(f"no container of {names} has python3", "name another caller with --from")


async def run_load(cluster: Cluster, target: LoadTarget, plan: LoadPlan) -> AsyncGenerator[Tally]:
    """What came of each second's requests. Close it to stop the load.

    Raises Usage for more than one may ask for, NotAllowed on a read-only connection, Refused
    where the program cannot be run, Unreachable where the connection breaks off or it hangs.
    """
    plan.validate()
    if cluster.read_only:
        raise NotAllowed("a load: meshtui runs read-only", "start it without --read-only")
    pod, outgoing = target.pod, target.outgoing
    what = f"the load in {pod.namespace}/{pod.name}"
    limit = plan.seconds + outgoing.timeout_s + _GRACE_S
    loop = asyncio.get_running_loop()
    async with running_in_pod(
        cluster, pod.namespace, pod.name, target.container, command(plan, outgoing)
    ) as running:
        end = loop.time() + limit
        await running.write(program())
        async with aclosing(_lines(running.stdout())) as lines:
            while True:
                try:
                    async with asyncio.timeout_at(end):
                        line = await anext(lines, None)
                except TimeoutError:
                    raise Unreachable(f"{what} does not end in time") from None
                if line is None:
                    break
                tally = read_line(line)
                if tally is not None:
                    yield tally
                    if tally.done:
                        # Some servers say how it ended only after its standard input has.
                        return
        ended = running.ended
    if ended.code:
        words = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Refused(f"{what} ends with {ended.code}: {words[-1] if words else 'no word why'}")


async def _lines(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Whole lines; one that does not end is dropped."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        rest = rest[-_LINE:]


@dataclass(frozen=True, slots=True)
class Reached:
    """What a caller's proxy counted of one version; no `workload`: of what reached no pod."""

    service: ServiceKey
    workload: str
    version: str
    signals: Signals


class CallerCounters:
    """What a caller's own proxy counts, from a first reading on, of all that it sends."""

    def __init__(self, cluster: Cluster, mesh: Mesh, pod: Pod) -> None:
        from meshtui.metrics.sidecars import Limits, SidecarSource

        self._source = SidecarSource(cluster, Limits(window_s=2 * MOST_SECONDS))
        self._mesh = replace(mesh, pods=(pod,))
        self.trouble = ""

    async def begin(self) -> None:
        await self._read()

    async def end(self, services: Collection[ServiceKey]) -> tuple[Reached, ...]:
        """Since the beginning, of requests to the services; empty where it could not be read."""
        sample = await self._read()
        found = sample.calls if sample is not None and sample.window_s else {}
        return tuple(
            Reached(to.service, to.workload, to.version, signals)
            for to, signals in sorted(found.items())
            if to.service in services and signals.requests
        )

    async def _read(self) -> Sample | None:
        try:
            return await self._source.sample(self._mesh)
        except MeshtuiError as error:
            self.trouble = str(error)
            return None


def services_of(mesh: Mesh, target: LoadTarget, service: ServiceKey) -> frozenset[ServiceKey]:
    """The service, and those that its rules send the requests to."""
    hosts = (odds.host for odds in target.traced.intent.effects.destinations)
    others = (mesh.by_host[host].key for host in hosts if host in mesh.by_host)
    return frozenset((service, *others))
