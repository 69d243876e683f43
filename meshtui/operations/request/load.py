"""A bounded load from inside the mesh: by a program in a caller's container, to its proxy.

It ends by itself, and at once when the connection to it does: nothing goes on unseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from meshtui.errors import NotAllowed, NotFound, Refused, Unreachable, Usage, read_only_error
from meshtui.kube.exec import running_in_pod
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Sample
from meshtui.operations.look.trace import Question, by_objects
from meshtui.operations.request.ask import candidates, outgoing_of
from meshtui.operations.request.bound import read_bound_port
from meshtui.operations.request.load_plan import (
    STOP,
    LoadPlan,
    Tally,
    command,
    program,
    read_line,
)
from meshtui.operations.request.load_target import LoadTarget
from meshtui.operations.request.load_ways import (
    BY_FORWARD,
    CURL,
    FORWARD,
    PROBE,
    PYTHON,
    PYTHON_PROBE,
    WGET,
    Way,
    ways_there,
)
from meshtui.operations.request.send import applications, run_if_there

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.kube.exec import Running

_LINE = 64 * 1024
_GRACE_S = 10.0
"""Beyond the load's own time and the last answer's, before it is taken for hung."""

_PROBING_S = 20.0
"""For all programs that are tried; a container may have little of a processor."""

_STOP_S = 2.0
"""How long it may take to say what came of the last requests once it was told to stop."""


_Runner = Callable[["Cluster", LoadTarget, LoadPlan, asyncio.Event], AsyncGenerator[Tally]]


def refuse_load(context: str, *, production: bool, read_only: bool) -> None:
    """Raises NotAllowed where no load may be made: read-only, or in production."""
    if production:
        raise NotAllowed(
            f"a load: the configuration marks context {context} as production",
            "choose another context with --context",
        )
    if read_only:
        raise read_only_error("a load")


def load_targets(
    mesh: Mesh, question: Question, sample: Sample | None, timeout_s: float
) -> list[LoadTarget]:
    """Each caller's containers from which it may be sent, the best first.

    What a sidecar's own container sends passes the sidecar by; a gateway's takes it at a port of
    its own. Raises NotFound or Refused where there is none.
    """
    found = []
    for pod in candidates(mesh, question, sample):
        asked = replace(question, source=f"{pod.name}.{pod.namespace}")
        traced = by_objects(mesh, asked, pod)
        outgoing = outgoing_of(asked, traced, timeout_s)
        if pod.gateway:
            outgoing = replace(outgoing, host="localhost")
        names = (pod.proxy_container,) if pod.gateway else applications(pod)
        found += [LoadTarget(pod, name, outgoing, traced) for name in names]
    if not found:
        raise NotFound(
            f"no running pod with an application and a proxy is known to call "
            f"{question.service.key}",
            "name one with --from",
        )
    return found


async def ways_of(cluster: Cluster, target: LoadTarget) -> list[Way]:
    """Those of a container, the best first. Raises NotAllowed, NotFound or Unreachable."""
    for probe in (PROBE, PYTHON_PROBE):
        ended = await run_if_there(
            cluster, target.pod, target.container, probe, limit=4096, timeout=_PROBING_S
        )
        if ended is not None:
            return list(ways_there(ended.stdout.decode("utf-8", "replace")))
    return []


async def choose(cluster: Cluster, targets: list[LoadTarget], plan: LoadPlan) -> LoadTarget:
    """The first that can make it.

    Raises Usage where those that can are not up to the plan, Refused where none can, and as
    `ways_of` does.
    """
    weak: Usage | None = None
    async for target, ways in _in_turn(cluster, targets, plan.by):
        for way in ways:
            if plan.by in ("", way.name):
                try:
                    way.check(plan, target.outgoing.method)
                except Usage as error:
                    weak = weak or error
                    continue
                return replace(target, way=way)
    if weak is not None:
        raise weak
    names = ", ".join(dict.fromkeys(f"{one.pod.namespace}/{one.pod.name}" for one in targets))
    if plan.by == FORWARD:
        what = f"the proxy of {names} listens on no port that could be forwarded to"
    else:
        what = f"no container of {names} has {plan.by or f'any of {PYTHON}, {CURL}, {WGET}'}"
    raise Refused(what, "name another caller with --from")


async def _in_turn(
    cluster: Cluster, targets: list[LoadTarget], by: str
) -> AsyncGenerator[tuple[LoadTarget, list[Way]]]:
    """The containers with what they have; then the ports on which the callers' proxies listen."""
    if by != FORWARD:
        for target in targets:
            yield target, await ways_of(cluster, target)
    pods = {(one.pod.namespace, one.pod.name): one for one in targets}
    for target in pods.values():
        pod, outgoing = target.pod, replace(target.outgoing, host="localhost")
        if not pod.gateway:
            port = await read_bound_port(cluster, pod, outgoing.port)
            if not port:
                continue
            outgoing = replace(outgoing, port=port)
            own = replace(target, container=pod.proxy_container, outgoing=outgoing)
            if by != FORWARD:
                yield own, await ways_of(cluster, own)
        yield replace(target, container="", outgoing=outgoing), [BY_FORWARD]


async def run_load(
    cluster: Cluster, target: LoadTarget, plan: LoadPlan, stop: asyncio.Event
) -> AsyncGenerator[Tally]:
    """What came of each second's requests. Set `stop` to end it early; closing ends it, too.

    Raises Usage for more than one may ask for, NotAllowed on a read-only connection, Refused
    where the program cannot be run, Unreachable where the connection breaks off or it hangs.
    """
    plan.validate()
    target.way.check(plan, target.outgoing.method)
    if cluster.read_only:
        raise read_only_error("a load")
    runs = _runner(target.way)
    async with aclosing(runs(cluster, target, plan, stop)) as tallies:
        async for tally in tallies:
            yield tally


def _runner(way: Way) -> _Runner:
    if way.name == PYTHON:
        return _by_python
    if way.name == FORWARD:
        from meshtui.operations.request.load_by_forward import run_by_forward

        return run_by_forward
    from meshtui.operations.request.load_by_shell import run_by_shell

    return run_by_shell


async def _by_python(
    cluster: Cluster, target: LoadTarget, plan: LoadPlan, stop: asyncio.Event
) -> AsyncGenerator[Tally]:
    pod, outgoing = target.pod, target.outgoing
    what = f"the load in {pod.namespace}/{pod.name}"
    limit = plan.seconds + outgoing.timeout_s + _GRACE_S
    async with running_in_pod(
        cluster, pod.namespace, pod.name, target.container, command(plan, outgoing)
    ) as running:
        await running.write(program())
        async with aclosing(_until_stopped(running, stop, limit)) as lines:
            try:
                async for line in lines:
                    tally = read_line(line)
                    if tally is not None:
                        yield tally
                        if tally.done:
                            # Some servers say how it ended only after its standard input has.
                            return
            except TimeoutError:
                if stop.is_set():
                    return
                raise Unreachable(f"{what} does not end in time") from None
        ended = running.ended
    if ended.code:
        words = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Refused(f"{what} ends with {ended.code}: {words[-1] if words else 'no word why'}")


async def _until_stopped(
    running: Running, stop: asyncio.Event, limit_s: float
) -> AsyncGenerator[bytes]:
    """Its lines. Once it is to stop it is told so, and may say what came of the last requests.

    Raises TimeoutError where it does not end within `limit_s`, or soon after it was told to.
    """
    loop = asyncio.get_running_loop()
    end, told = loop.time() + limit_s, False
    stopping = asyncio.ensure_future(stop.wait())
    coming: asyncio.Future[bytes | None] | None = None
    async with aclosing(_lines(running.stdout())) as lines:
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(lines, None))
                waiting: set[asyncio.Future[Any]] = {coming} if told else {coming, stopping}
                await asyncio.wait(
                    waiting, timeout=end - loop.time(), return_when=asyncio.FIRST_COMPLETED
                )
                if stopping.done() and not told:
                    told, end = True, min(end, loop.time() + _STOP_S)
                    await running.write(STOP)
                elif coming.done():
                    line, coming = coming.result(), None
                    if line is None:
                        return
                    yield line
                elif loop.time() >= end:
                    raise TimeoutError
        finally:
            left = [one for one in (stopping, coming) if one is not None]
            for one in left:
                one.cancel()
            await asyncio.gather(*left, return_exceptions=True)


async def _lines(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Whole lines; one that does not end is dropped."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        rest = rest[-_LINE:]
